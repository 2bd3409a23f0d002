"""Pushing the tagger of a cell: trained again, compared, one commit, and loaded back."""

import json
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from huggingface_hub import CommitOperationAdd, ModelCard, parse_eval_result_entries
from huggingface_hub.repocard_data import model_index_to_eval_results

from synthner.cards.kept_text import BEGIN, END
from synthner.tests.command_line import environment
from synthner.tests.grid_release import changed_grid
from synthner.tests.hub_publishing import ORGANIZATION, write_tiny_release
from synthner.tests.loopback_clients import api_for
from synthner.tests.model_pushing import LEARNS, Evaluated, ModelPublisher, evaluate, run_evaluation

pytest_plugins = ["synthner.tests.publishing_fixtures"]

OF_EVERY_MODEL = {"README.md", "manifest.json", "result.json", "predictions.parquet"}


@pytest.fixture(scope="module")
def publisher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelPublisher]:
    with ModelPublisher.on_a_hub(tmp_path_factory.mktemp("pushing")) as publisher:
        yield publisher


@pytest.fixture(scope="module")
def crf(publisher: ModelPublisher, tmp_path_factory: pytest.TempPathFactory) -> Evaluated:
    """Return a release whose runs are of CRFs, with and without synthetic sentences of unknown origin."""
    return evaluate(
        publisher,
        tmp_path_factory.mktemp("crf") / "release",
        {"crf": {}},
        sources={"organic": "gold", "synthetic": {"train": "synthetic.jsonl"}},
        settings=["scratch", "gold+synthetic"],
    )


@pytest.fixture(scope="module")
def encoder(publisher: ModelPublisher, tmp_path_factory: pytest.TempPathFactory) -> Evaluated:
    """Return a release whose runs are of encoders with either head."""
    return evaluate(
        publisher,
        tmp_path_factory.mktemp("encoder") / "release",
        {
            "tiny": {"model": "bases/base-model", "settings": LEARNS},
            "summed": {"model": "bases/base-model", "settings": {**LEARNS, "head": "summed"}},
        },
        seeds=1,
    )


def organic(evaluated: Evaluated, seed: int = 0) -> str:
    """Return the id of the cell that learns from gold alone."""
    [found] = [
        id_
        for id_, result in evaluated.results().items()
        if result["cell"]["source"] == "organic" and result["cell"]["seed"] == seed
    ]
    return found


def test_a_model_is_pushed_in_one_commit_and_loads_with_transformers(
    publisher, encoder, repository, tmp_path
):
    id_ = encoder.cell("tiny")

    outcome = publisher.pushed(encoder.folder, id_[:10], "--to", repository)

    expected = OF_EVERY_MODEL | {
        "model.safetensors",
        "config.json",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    assert publisher.model_files(repository) == expected | {"tagger.json"}
    assert (outcome["cell"], outcome["differing"], outcome["sentences_tagged"]) == (id_, 0, 20)
    assert publisher.model_commits(repository) == 1
    of_run = encoder.folder / "runs" / id_
    published, result = json.loads(publisher.model_text(repository, "result.json")), encoder.results()[id_]
    bases = [each["cell"]["tagger"].pop("model") for each in (published, result)]
    assert bases == ["base-model", "bases/base-model"], "a folder is called by its last name"
    assert published == result
    [found] = publisher.python(_first_code(publisher.model_text(repository, "README.md")))
    assert {mention["entity_group"] for mention in found} <= {"PER", "LOC"}
    fetched = publisher.api.hf_hub_download(repository, "predictions.parquet", cache_dir=tmp_path)
    assert pq.read_table(fetched) == pq.read_table(of_run / "predictions.parquet")


def test_pushing_again_changes_nothing(publisher, encoder, repository):
    id_ = encoder.cell("tiny")
    first = publisher.pushed(encoder.folder, id_, "--to", repository)

    again = publisher.pushed(encoder.folder, id_, "--to", repository)

    assert (again["sent"], again["removed"], again["commit"]) == ([], [], None)
    assert (again["revision"], again["sentences_tagged"]) == (first["commit"], 20)
    assert publisher.model_commits(repository) == 1


def test_an_encoder_with_summed_subwords_loads_with_our_loader(publisher, encoder, repository):
    outcome = publisher.pushed(encoder.folder, encoder.cell("summed"), "--to", repository)

    assert outcome["sentences_tagged"] == 20
    assert "head.safetensors" in publisher.model_files(repository)
    card = publisher.model_text(repository, "README.md")
    assert "EncoderTagger.load" in card
    assert "pipeline(" not in card
    assert ModelCard(card).data.to_dict()["library_name"] == "synthner"


def test_a_dry_run_trains_and_sends_nothing(publisher, crf, repository):
    since = len(publisher.hub.requests)

    ended = publisher.push(crf.folder, organic(crf), "--to", repository, "--dry-run")

    assert ended.status == 0, ended.stderr
    assert f"Would push cell {organic(crf)}" in ended.stdout
    assert "+ model.crfsuite" in ended.stdout
    assert "tags every test sentence as in the run" in ended.stdout
    assert "Nothing was sent." in ended.stdout
    assert not publisher.calls("create", "commit", "preupload", since=since)


def test_a_crf_is_pushed_with_how_to_load_it(publisher, crf, repository):
    outcome = publisher.pushed(crf.folder, organic(crf), "--to", repository)

    assert publisher.model_files(repository) == OF_EVERY_MODEL | {"model.crfsuite"}
    assert outcome["sentences_tagged"] == 20
    card = publisher.model_text(repository, "README.md")
    assert len(publisher.python(_first_code(card))[0]) == 8


def _first_code(card: str) -> str:
    """Return the first Python of a card, which prints what its last line gives."""
    code = card.partition("```python\n")[2].partition("```")[0]
    *lines, last = code.strip().splitlines()
    return "\n".join(["import json", *lines, f"print(json.dumps({last}, default=str))"])


def test_card_has_metadata_that_the_hub_reads(publisher, crf, repository):
    publisher.pushed(crf.folder, organic(crf), "--to", repository)

    card = ModelCard(publisher.model_text(repository, "README.md"))

    result = crf.results()[organic(crf)]
    data = card.data.to_dict()
    assert (data["license"], data["language"], data["pipeline_tag"]) == (
        "cc-by-4.0",
        ["en"],
        "token-classification",
    )
    _, entries = model_index_to_eval_results(data["model-index"])
    metrics = {each.metric_name: each.metric_value for each in entries}
    low, high = result["interval"]
    assert metrics["Micro-F1"] == round(result["scores"]["micro"]["f1"], 4)
    assert metrics["Macro-F1"] == round(result["scores"]["macro"]["f1"], 4)
    assert metrics["Micro-F1, 95 % bootstrap interval"] == f"{low:.4f} to {high:.4f}"
    assert {each.dataset_split for each in entries} == {"test"}


def test_card_says_what_the_run_says(publisher, crf, repository):
    publisher.pushed(crf.folder, organic(crf), "--to", repository)

    card = publisher.model_text(repository, "README.md")

    result = crf.results()[organic(crf)]
    for part in (*result["data"]["train"], result["data"]["test"]):
        assert part["sha256"] in card
        assert f"`{part['revision']}`" in card
    f1 = [crf.results()[organic(crf, seed)]["scores"]["micro"]["f1"] for seed in (0, 1)]
    assert f"**{sum(f1) / 2:.3f} ± " in card
    assert "One seed is not the truth" in card
    assert f"push-model {organic(crf)} --to {repository}" in card
    assert "It has learned from 30 sentences" in card
    assert "**cc-by-4.0**, inherited from the data" in card
    assert publisher.token not in card
    assert str(crf.folder) not in card


def test_results_name_the_benchmark_where_gold_is_on_the_hub(publisher, repository, tmp_path):
    gold = f"{ORGANIZATION}/{repository.partition('/')[2]}-gold"
    publisher.api.create_repo(gold, repo_type="dataset")
    files = _gold_files(tmp_path / "gold")
    commit = publisher.by_others(gold, files)
    evaluated = evaluate(publisher, tmp_path / "release", {"crf": {}}, {"hub": gold}, seeds=1)
    [id_] = evaluated.results()

    publisher.pushed(evaluated.folder, id_, "--to", repository)

    text = publisher.model_text(repository, f".eval_results/{gold.partition('/')[2]}.yaml")
    [entry] = parse_eval_result_entries(yaml.safe_load(text))
    assert (entry.dataset_id, entry.task_id, entry.dataset_revision) == (gold, "default", commit)
    assert entry.value == round(evaluated.results()[id_]["scores"]["micro"]["f1"], 4)
    data = ModelCard(publisher.model_text(repository, "README.md")).data.to_dict()
    assert (data["datasets"], data["license"]) == ([gold], "cc0-1.0")


def _gold_files(folder: Path, config: str = "default") -> dict[str, Path | str]:
    """Write gold as a data set of the Hub has it."""
    from synthner.tests.curation_sentences import sentences, write

    card = ["---", "license: cc0-1.0", "configs:", f"- config_name: {config}", "  data_files:"]
    files: dict[str, Path | str] = {}
    folder.mkdir()
    for split, count in {"train": 40, "test": 20}.items():
        files[f"{split}.jsonl"] = write(folder / f"{split}.jsonl", sentences(count, name=split))
        card.append(f"  - {{split: {split}, path: {split}.jsonl}}")
    return {**files, "README.md": "\n".join([*card, "---", ""])}


def test_what_people_wrote_into_the_card_is_kept(publisher, crf, repository):
    publisher.pushed(crf.folder, organic(crf), "--to", repository)
    card = publisher.model_text(repository, "README.md")
    edited = card.replace(BEGIN, f"Ask Ada first.\n\n{BEGIN}").replace(
        "pipeline_tag:", "inference: false\npipeline_tag:"
    )
    publisher.model_by_others(repository, {"README.md": edited, "notes.txt": "ours"})

    other = publisher.pushed(crf.folder, organic(crf, seed=1), "--to", repository)

    card = publisher.model_text(repository, "README.md")
    assert "Ask Ada first." in card.partition(BEGIN)[0]
    assert ModelCard(card).data.to_dict()["inference"] is False
    assert other["cell"] in card.partition(BEGIN)[2].partition(END)[0]
    assert "notes.txt" in publisher.model_files(repository)


def test_another_kind_of_model_leaves_no_file_of_the_former(publisher, crf, encoder, repository):
    publisher.pushed(encoder.folder, encoder.cell("summed"), "--to", repository)

    outcome = publisher.pushed(crf.folder, organic(crf), "--to", repository)

    assert "head.safetensors" in outcome["removed"]
    assert publisher.model_files(repository) == OF_EVERY_MODEL | {"model.crfsuite"}


def test_a_repository_with_something_else_is_left_alone(publisher, crf, repository):
    publisher.api.create_repo(repository)
    publisher.model_by_others(repository, {"config.json": "{}"})

    message = publisher.not_pushed(crf.folder, organic(crf), "--to", repository)

    assert "synthner did not push" in message
    assert publisher.model_commits(repository) == 1


@pytest.mark.parametrize(
    ("name", "told"),
    [("zzz", "no cell `zzz` has a result"), ("", "no cell `` has a result")],
    ids=["unknown", "empty"],
)
def test_a_cell_that_is_not_there_is_refused(publisher, crf, repository, name, told):
    assert told in publisher.not_pushed(crf.folder, name, "--to", repository, status=2)


def test_a_beginning_that_several_cells_have_is_refused(publisher, crf, repository, tmp_path):
    evaluated = crf.copy(tmp_path / "release")
    first, second = list(evaluated.results())[:2]
    twin = first[:-1] + ("0" if first[-1] != "0" else "1")
    (evaluated.folder / "runs" / second).rename(evaluated.folder / "runs" / twin)

    message = publisher.not_pushed(evaluated.folder, first[:20], "--to", repository, status=2)

    assert "begins the ids of 2 cells" in message
    assert twin in message


def test_several_cells_need_a_repository_each(publisher, crf, repository):
    ids = [organic(crf, seed) for seed in (0, 1)]
    assert "a repository has one model" in publisher.not_pushed(
        crf.folder, *ids, "--to", repository, status=2
    )
    assert "stands for nothing" in publisher.not_pushed(
        crf.folder, ids[0], "--to", repository + "-{colour}", status=2
    )

    ended = publisher.push(crf.folder, *ids, "--to", repository + "-{language}-{seed}", "--json")

    assert [each["repository"] for each in ended.json["models"]] == [
        f"{repository}-en-{seed}" for seed in (0, 1)
    ]


def test_changed_data_is_refused(publisher, crf, repository, tmp_path):
    evaluated = crf.copy(tmp_path / "release")
    test = evaluated.folder / "test.jsonl"
    lines = test.read_text(encoding="utf-8").splitlines(keepends=True)
    test.write_text("".join(lines[1:]), encoding="utf-8")

    message = publisher.not_pushed(evaluated.folder, organic(crf), "--to", repository)

    assert "the data is not what this run learned or was tested on" in message
    assert "(test)" in message
    assert "(source)" not in message


def test_a_run_whose_epoch_was_chosen_otherwise_is_not_said_to_be_of_other_data(
    publisher, encoder, repository, tmp_path
):
    evaluated = encoder.copy(tmp_path / "release")
    now, before = evaluated.cell("tiny"), "0" * 24
    training = dict(evaluated.results()[now]["training"])
    del training["validation_loss"]
    (evaluated.folder / "runs" / now).rename(evaluated.folder / "runs" / before)
    evaluated.change_result(before, id=before, training=training)

    message = publisher.not_pushed(evaluated.folder, before, "--to", repository)

    assert "this run is of an earlier version, in which micro-F1 alone could choose the best epoch" in message
    assert "Changed: " not in message


def test_other_predictions_than_the_runs_are_refused_on_a_cpu(publisher, crf, repository, tmp_path):
    evaluated = _with_other_predictions(crf.copy(tmp_path / "release"), organic(crf))

    message = publisher.not_pushed(evaluated.folder, organic(crf), "--to", repository)

    assert "it tags 1 of 20 test sentences otherwise than in the run" in message


def test_on_an_accelerator_f1_inside_the_interval_will_do(publisher, crf, repository, tmp_path):
    evaluated = _with_other_predictions(crf.copy(tmp_path / "release"), organic(crf))
    measured = evaluated.results()[organic(crf)]["measured"]
    evaluated.change_result(organic(crf), measured=measured | {"device": "cuda"})

    outcome = publisher.pushed(evaluated.folder, organic(crf), "--to", repository)

    assert (outcome["differing"], outcome["sentences_tagged"]) == (1, 20)
    assert "the model was trained again" in publisher.model_text(repository, "README.md")
    evaluated.change_result(organic(crf), interval=[0.0, 0.001])
    message = publisher.not_pushed(evaluated.folder, organic(crf), "--to", repository)
    assert "outside of the run's interval 0.000 to 0.001" in message


def _with_other_predictions(evaluated: Evaluated, id_: str) -> Evaluated:
    """Change what the run says about one test sentence, as another machine might have."""
    path = evaluated.folder / "runs" / id_ / "predictions.parquet"
    table = pq.read_table(path)
    predicted = table["predicted"].to_pylist()
    predicted[3] = ["B-LOC" if tag == "O" else "O" for tag in predicted[3]]
    changed = table.set_column(1, table.schema.field("predicted"), [predicted])
    pq.write_table(changed, path)
    digest = sha256(path.read_bytes()).hexdigest()
    evaluated.change_result(id_, predictions={"file": path.name, "sha256": digest})
    return evaluated


def test_predictions_that_were_exchanged_are_refused(publisher, crf, repository, tmp_path):
    evaluated = crf.copy(tmp_path / "release")
    (evaluated.folder / "runs" / organic(crf) / "predictions.parquet").write_bytes(b"PAR1")

    message = publisher.not_pushed(evaluated.folder, organic(crf), "--to", repository)

    assert "these are not the predictions of the result beside them" in message


def test_a_crf_whose_features_live_in_the_data_is_refused(publisher, crf, repository, tmp_path):
    evaluated = crf.copy(tmp_path / "release")
    id_ = evaluated.cell("crf", setting="gold+synthetic")
    evaluated.change_result(id_, combination={"recipe": "adapted", "expected": None, "tried": None})

    message = publisher.not_pushed(evaluated.folder, id_, "--to", repository)

    assert "recipe `adapted` cannot be pushed" in message
    assert "`synthner train`" in message


def test_a_run_that_collapsed_is_refused(publisher, crf, repository, tmp_path):
    evaluated = crf.copy(tmp_path / "release")
    evaluated.change_result(organic(crf), collapsed=True)

    assert "training has failed in this run" in publisher.not_pushed(
        evaluated.folder, organic(crf), "--to", repository
    )


def test_a_licence_that_nobody_states_is_said_to_be_unknown(publisher, crf, repository):
    [id_] = [
        id_
        for id_, result in crf.results().items()
        if result["cell"]["source"] == "synthetic"
        and result["cell"]["setting"] == "scratch"
        and result["cell"]["seed"] == 0
    ]

    outcome = publisher.pushed(crf.folder, id_, "--to", repository)

    assert outcome["license"] == "unknown"
    card = publisher.model_text(repository, "README.md")
    assert "The licence of this model is unknown" in card
    assert "comes from is not recorded" in card


def test_a_private_model_is_private(publisher, crf, repository):
    publisher.pushed(crf.folder, organic(crf), "--to", repository, "--private")

    assert publisher.api.model_info(repository).private


def test_what_does_not_load_back_says_how_to_revert(publisher, crf, repository):
    publisher.hub.fail("resolve", status=403)

    message = publisher.not_pushed(crf.folder, organic(crf), "--to", repository)

    [commit] = [each.commit_id for each in publisher.api.list_repo_commits(repository)][:1]
    assert "the model is in the repository, but could not be loaded back" in message
    assert f"git revert {commit}" in message
    assert publisher.pushed(crf.folder, organic(crf), "--to", repository)["sentences_tagged"] == 20


def test_files_that_others_exchanged_are_pushed_again(publisher, crf, repository):
    publisher.pushed(crf.folder, organic(crf), "--to", repository)
    publisher.model_by_others(repository, {"model.crfsuite": "something else"})

    outcome = publisher.pushed(crf.folder, organic(crf), "--to", repository)

    assert outcome["sent"] == ["model.crfsuite"]


def test_runs_of_data_that_has_changed_are_no_other_seeds(publisher, crf, repository, tmp_path):
    evaluated = crf.copy(tmp_path / "release")
    train = evaluated.folder / "train.jsonl"
    lines = train.read_text(encoding="utf-8").splitlines(keepends=True)
    train.write_text("".join(lines[1:]), encoding="utf-8")
    evaluated = run_evaluation(publisher, evaluated.folder)
    [id_] = [
        id_
        for id_, result in evaluated.results().items()
        if id_ not in crf.results() and (result["cell"]["source"], result["cell"]["seed"]) == ("organic", 0)
    ]

    publisher.pushed(evaluated.folder, id_, "--to", repository)

    card = publisher.model_text(repository, "README.md")
    assert "2 runs that only the seed distinguishes" in card


def test_runs_that_began_with_another_model_are_no_other_seeds(publisher, encoder, repository, tmp_path):
    changed_grid(encoder.copy(tmp_path / "release").folder / "release.yaml", seeds=2)
    evaluated = run_evaluation(publisher, tmp_path / "release")
    first, other = (evaluated.cell("tiny", seed=seed) for seed in (0, 1))
    evaluated.change_result(other, model_revision="f" * 40)

    publisher.pushed(evaluated.folder, first, "--to", repository)

    assert "runs that only the seed distinguishes" not in publisher.model_text(repository, "README.md")


def test_a_corpus_is_named_with_its_licence(publisher, repository, tmp_path):
    api = api_for(publisher.hub, publisher.hub.add_user("eve", organizations=["unimelb-nlp"]))
    api.create_repo("unimelb-nlp/wikiann", repo_type="dataset")
    files = _gold_files(tmp_path / "wikiann", config="en")
    operations = [
        CommitOperationAdd(name, content if isinstance(content, Path) else content.encode())
        for name, content in files.items()
    ]
    api.create_commit("unimelb-nlp/wikiann", operations, commit_message="Publish", repo_type="dataset")
    sources = {"wikiann": {"corpus": "wikiann"}}
    evaluated = evaluate(publisher, tmp_path / "release", {"crf": {}}, sources=sources, sizes=[40])
    [id_] = evaluated.results()

    publisher.pushed(evaluated.folder, id_, "--to", repository)

    card = publisher.model_text(repository, "README.md")
    assert "the corpus WikiANN. Labelled automatically, not gold." in card
    assert "pan-etal-2017-cross" in card
    assert "nothing is drawn at random when a CRF is trained on all of its data" in card
    assert "is not recorded" not in card
    data = ModelCard(card).data.to_dict()
    assert (data["license"], data["datasets"]) == ("unknown", ["unimelb-nlp/wikiann"])


def test_sentences_of_language_models_are_called_synthetic(publisher, repository, tmp_path):
    evaluation = {
        "sources": {"config0": {"generator": "config0"}},
        "settings": ["scratch"],
        "sizes": [3],
        "seeds": 1,
    }
    folder = write_tiny_release(tmp_path / "release", "acme/tiny", evaluation=evaluation)
    test = "Ellen B-PER\nToft I-PER\nsejlede O\nmod O\nSkagen B-LOC\n. O\n"
    (folder / "gold-test.conll").write_text(test, encoding="utf-8")
    [id_] = run_evaluation(publisher, folder).results()

    publisher.pushed(folder, id_, "--to", repository)

    card = publisher.model_text(repository, "README.md")
    assert "**synthetic**, written and labelled by a language model; written by small" in card
    assert "It has learned from synthetic sentences" in card
    data = ModelCard(card).data.to_dict()
    assert (data["license"], data["language"]) == ("cc0-1.0", ["da"])
    assert "synthetic" in data["tags"]


def test_starting_the_command_line_imports_nothing_of_the_hub():
    heavy = ("huggingface_hub", "torch", "jinja2")
    code = f"import sys, synthner.cli; print([name for name in {heavy} if name in sys.modules])"
    ended = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True
    )
    assert ended.stdout.strip() == "[]"
