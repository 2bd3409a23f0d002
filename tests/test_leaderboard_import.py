"""Results of other programs on a leaderboard: what is taken over, and what is not and why."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import EvalResultEntry, ModelCard, ModelCardData, eval_result_entries_to_yaml
from huggingface_hub.repocard_data import EvalResult

from synthner.evaluation.leaderboard.benchmarks import Benchmarks
from synthner.evaluation.leaderboard.importing import Imported, import_file
from synthner.evaluation.leaderboard.records import record_path
from synthner.evaluation.leaderboard.verifying import verify
from synthner.schema.errors import DataError
from synthner.tests.in_process import done, refused
from synthner.tests.leaderboard_folder import COMMIT, LeaderboardFolder

MODEL = "ada/tagger"


@pytest.fixture
def board(tmp_path: Path) -> LeaderboardFolder:
    made = LeaderboardFolder(tmp_path / "board")
    for name, language in (("tiny-yor", "yor"), ("tiny-swa", "swa")):
        made.add_benchmark(
            name,
            language,
            gold={"hub": "masakhane/masakhaner2", "config": language, "split": "test", "revision": COMMIT},
        )
    return made


def imported(board: LeaderboardFolder, path: Path, model: str | None = None) -> Imported:
    return import_file(path, Benchmarks(board.folder), model=model)


def scores_of(found: Imported) -> dict[str, Any]:
    return {record["benchmark"]: record["scores"]["micro"] for record in found.records}


def reasons(found: Imported) -> str:
    return "\n".join(f"{each.what}: {each.reason}" for each in found.skipped)


def test_a_model_card_is_taken_over(board: LeaderboardFolder, tmp_path: Path) -> None:
    def entry(metric: str, name: str, value: object, config: str = "yor", **more: Any) -> EvalResult:
        return EvalResult(
            task_type=more.get("task", "token-classification"),
            dataset_type=more.get("dataset", "masakhane/masakhaner2"),
            dataset_name="MasakhaNER 2",
            dataset_config=config,
            dataset_split=more.get("split", "test"),
            dataset_revision=more.get("revision", COMMIT),
            metric_type=metric,
            metric_name=name,
            metric_value=value,
        )

    results = [
        entry("f1", "Micro-F1", 0.8123),
        entry("precision", "Micro precision", 0.8),
        entry("recall", "Micro recall", 0.825),
        entry("f1", "Macro-F1", 0.75),
        entry("accuracy", "Accuracy", 0.97),
        entry("confidence_interval", "95 % interval", "0.78 to 0.84"),
        entry("f1", "F1", 0.5, task="text-classification", config="swa"),
        entry("f1", "F1", 0.9, config="swa", split="validation"),
        entry("f1", "F1", 0.9, config="hau"),
        entry("f1", "F1", 0.9, dataset="tner/ontonotes5"),
        entry("f1", "F1", 0.9, config="swa", revision="f" * 40),
    ]
    card = ModelCardData(model_name="tagger", eval_results=results)
    path = tmp_path / "README.md"
    ModelCard(f"---\n{card.to_yaml()}\n---\n# Tagger\n").save(path)
    found = imported(board, path, MODEL)
    assert scores_of(found) == {"tiny-yor": {"f1": 0.8123, "precision": 0.8, "recall": 0.825}}
    (record,) = found.records
    assert record["scores"]["macro"] is None, "one figure is no average"
    assert record["source"] == {"url": "https://huggingface.co/ada/tagger", "name": "model card"}
    assert (record["submitter"]["organization"], record["submitter"]["name"]) == ("ada", "tagger")
    told = reasons(found)
    assert "Accuracy: this figure has no place in a record" in told
    assert "this is no named entity recognition" in told
    assert "it was tested on the split `validation`, and the benchmark is the split `test`" in told
    assert told.count("no benchmark of the leaderboard has this data, config and language") == 2
    assert "it was tested on revision ffffffffffff of the data, not 0123456789ab" in told


def test_evaluation_results_of_the_hub_are_taken_over(board: LeaderboardFolder, tmp_path: Path) -> None:
    def entry(day: int, value: float, dataset: str, task: str, notes: str | None) -> EvalResultEntry:
        return EvalResultEntry(
            dataset_id=dataset,
            task_id=task,
            value=value,
            date=f"2026-02-{day:02}T10:00:00Z",
            source_url=f"https://huggingface.co/ada/tagger-{day}",
            source_name="Model card",
            notes=notes,
        )

    entries = [
        entry(3, 0.8123, "masakhane/masakhaner2", "yor", "micro-F1 as seqeval's default mode"),
        entry(4, 71.5, "masakhane/masakhaner2", "swa", "F1"),
        entry(5, 41.2, "cais/hle", "default", None),
    ]
    path = tmp_path / "masakhaner2.yaml"
    path.write_text(yaml.safe_dump(eval_result_entries_to_yaml(entries)), encoding="utf-8")
    found = imported(board, path, MODEL)
    assert {name: each["f1"] for name, each in scores_of(found).items()} == {
        "tiny-yor": 0.8123,
        "tiny-swa": 0.715,
    }
    assert {(each["benchmark"], each["date"], each["source"]["url"]) for each in found.records} == {
        ("tiny-yor", "2026-02-03", "https://huggingface.co/ada/tagger-3"),
        ("tiny-swa", "2026-02-04", "https://huggingface.co/ada/tagger-4"),
    }
    assert reasons(found).endswith("entry 3: this is no named entity recognition")


def test_a_result_of_the_harness_is_taken_over(board: LeaderboardFolder, tmp_path: Path) -> None:
    def task(name: str) -> dict[str, Any]:
        return {
            "task": f"masakhaner_{name}_prompt_1",
            "dataset_path": "masakhane/masakhaner2",
            "dataset_name": name,
            "test_split": "test",
            "output_type": "generate_until",
        }

    content = {
        "results": {
            "masakhaner_yo_prompt_1": {
                "alias": "masakhaner_yo_prompt_1",
                "f1,flexible-extract": 0.412,
                "f1_stderr,flexible-extract": "N/A",
            },
            "masakhaner_yo_prompt_2": {"alias": "x", "f1,flexible-extract": 0.5},
            "masakhaner_ha_prompt_1": {"alias": "x", "f1,flexible-extract": 0.5},
            "hellaswag": {"alias": "hellaswag", "acc,none": 0.6, "acc_stderr,none": 0.01},
        },
        "configs": {
            "masakhaner_yo_prompt_1": task("yo"),
            "masakhaner_yo_prompt_2": task("yo"),
            "masakhaner_ha_prompt_1": task("ha"),
            "hellaswag": {"task": "hellaswag", "dataset_path": "Rowan/hellaswag"},
        },
        "versions": {},
        "n-shot": {},
        "config": {"model": "hf", "model_sha": COMMIT},
        "date": 1767225600.5,
        "model_name": "ada/llm-8b",
        "model_name_sanitized": "ada__llm-8b",
    }
    path = tmp_path / "results_2026-01-01T00-00-00.000000.json"
    path.write_text(json.dumps(content))
    found = imported(board, path)
    (record,) = found.records
    assert (record["benchmark"], record["scores"]["micro"]["f1"]) == ("tiny-yor", 0.412)
    assert record["model"] == {"id": "ada/llm-8b", "revision": COMMIT, "base_model": None}
    assert (record["date"], record["source"]["name"]) == ("2026-01-01", "lm-evaluation-harness")
    told = reasons(found)
    assert "masakhaner_yo_prompt_2, f1,flexible-extract: the same figure stands before it" in told
    assert "hellaswag, acc,none: this is no named entity recognition" in told
    assert "masakhaner_ha_prompt_1, f1,flexible-extract: no benchmark" in told


def test_a_result_in_the_form_of_mteb_is_taken_over(board: LeaderboardFolder, tmp_path: Path) -> None:
    def entry(subset: str, language: str, f1: float) -> dict[str, Any]:
        return {"f1": f1, "accuracy": 0.9, "main_score": f1, "hf_subset": subset, "languages": [language]}

    content = {
        "dataset_revision": COMMIT,
        "task_name": "MasakhaNER2TokenClassification",
        "mteb_version": "2.1.0",
        "scores": {
            "test": [entry("yor", "yor-Latn", 0.61), entry("hau", "hau-Latn", 0.7)],
            "validation": [entry("swa", "swa-Latn", 0.8)],
        },
        "evaluation_time": 12.5,
        "kg_co2_emissions": None,
    }
    path = tmp_path / "results" / "ada__tagger" / COMMIT / "MasakhaNER2TokenClassification.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(content))
    found = imported(board, path)
    assert {name: each["f1"] for name, each in scores_of(found).items()} == {"tiny-yor": 0.61}
    assert found.records[0]["model"] == {"id": MODEL, "revision": COMMIT, "base_model": None}
    other = {**content, "task_name": "AmazonCounterfactualClassification"}
    path.write_text(json.dumps(other))
    assert imported(board, path).records == ()
    assert "this is no named entity recognition" in reasons(imported(board, path))


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.json", '{"a": 1}', "this is no result that can be imported"),
        ("a.txt", "", "this is no result that can be imported"),
        ("a.json", '{"results": {}, "results": {}}', "the key `results` stands twice"),
        ("a.json", "[" * 9999, "nested too deeply"),
        ("a.json", '{"results": {"ner": {"f1,none": NaN}}}', "NaN is no number in JSON"),
        ("a.json", '{"results": {"ner": {"f1,none": 0.5}}}', "nobody says which model of the Hub"),
        ("a.md", "# A card", "the card has no metadata"),
        ("a.md", "---\nlicense: mit\n---\n", "the card has no `model-index`"),
        ("a.md", "---\n{: [\n---\n", "the metadata is not YAML"),
        ("a.yaml", "- {value: 3}", "entry 1 has no `dataset.id` and `value`"),
        ("a.yaml", "a: [", "this is not YAML"),
        ("a.yaml", "[]", "there is no result in it"),
    ],
)
def test_what_is_no_result_is_refused(
    board: LeaderboardFolder, tmp_path: Path, name: str, content: str, reason: str
) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(DataError, match=reason):
        imported(board, path)


@pytest.mark.parametrize("value", ["0.8", True, -0.1, 101, None, [0.8]], ids=repr)
def test_a_figure_that_is_none_is_skipped(board: LeaderboardFolder, tmp_path: Path, value: object) -> None:
    entry = {"dataset": {"id": "masakhane/masakhaner2", "task_id": "yor"}, "value": value, "notes": "F1"}
    path = tmp_path / "a.yaml"
    path.write_text(yaml.safe_dump([entry]))
    found = imported(board, path, MODEL)
    assert found.records == ()
    assert "`f1` is no number from 0 to 1, nor a percentage" in reasons(found)


def test_a_figure_is_taken_for_the_split_that_the_benchmark_tests_on(tmp_path: Path) -> None:
    board = LeaderboardFolder(tmp_path / "board")
    gold = {"hub": "masakhane/masakhaner2", "config": "yor", "split": "validation", "revision": COMMIT}
    board.add_benchmark("tiny-yor", "yor", gold=gold)
    told = {}
    for split in ("test", "validation", None):
        dataset = {"type": gold["hub"], "name": "MasakhaNER 2", "config": "yor", "split": split}
        result = {
            "task": {"type": "token-classification"},
            "dataset": {key: value for key, value in dataset.items() if value},
            "metrics": [{"type": "f1", "value": 0.8, "name": "F1"}],
        }
        card = {"model-index": [{"name": "tagger", "results": [result]}]}
        (tmp_path / "README.md").write_text(f"---\n{json.dumps(card)}\n---\n")
        arguments = ("README.md", "-o", "board", "--model", MODEL, "--json")
        told[split] = done("leaderboard", "import", *arguments, folder=tmp_path).json
    assert {split: len(said["written"]) for split, said in told.items()} == {
        "test": 0,
        "validation": 1,
        None: 0,
    }
    assert told["test"]["skipped"][0]["reason"] == (
        "it was tested on the split `test`, and the benchmark is the split `validation`"
    )
    assert told[None]["skipped"][0]["reason"] == (
        "nobody says what it was tested on, and the benchmark is the split `validation`"
    )


def test_the_command_imports_and_what_it_wrote_is_sound(tmp_path: Path) -> None:
    board = LeaderboardFolder(tmp_path / "board")
    board.add_benchmark("tiny-hub", "da", on_hub=True)
    entry = {"dataset": {"id": "gold-keepers/tiny-gold", "task_id": "da"}, "value": 0.7, "notes": "micro-F1"}
    path = tmp_path / "gold.yaml"
    path.write_text(yaml.safe_dump([entry, {**entry, "notes": "accuracy"}]))
    arguments = ("leaderboard", "import", "gold.yaml", "-o", "board", "--model", MODEL)
    told = done(*arguments, "--json", folder=tmp_path).json
    (written,) = told["written"]
    assert written == record_path(json.loads((board.folder / written).read_text()))
    assert len(told["skipped"]) == 1
    again = done(*arguments, folder=tmp_path)
    assert f"Wrote {written}" in again.stdout
    assert "1 result imported as self-reported, 1 figure skipped." in again.stdout
    verification = verify(board.folder, mirror=board.mirror)
    assert verification.problems == ()
    assert [result.checked.status for result in verification.results] == ["self-reported"]


def test_nothing_is_written_where_one_file_is_wrong(board: LeaderboardFolder, tmp_path: Path) -> None:
    entry = {"dataset": {"id": "masakhane/masakhaner2", "task_id": "yor"}, "value": 0.7, "notes": "F1"}
    (tmp_path / "good.yaml").write_text(yaml.safe_dump([entry]))
    (tmp_path / "bad.json").write_text("{}")
    message = refused(
        "leaderboard", "import", "good.yaml", "bad.json", "-o", "board", "--model", MODEL, folder=tmp_path
    )
    assert "bad.json: this is no result that can be imported" in message
    assert not (board.folder / "results").exists()
