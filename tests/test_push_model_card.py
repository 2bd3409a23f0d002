"""The model card by itself: nothing in the data breaks it, and it says what it must of each kind of model."""

from typing import Any

import pytest
import yaml
from huggingface_hub import ModelCard

from synthner.cards.hub_results import hub_results
from synthner.cards.model_card import Benchmark, ModelFacts, Origin, render_model_card

NASTY = "a|b <script>alert(1)</script> [x](http://evil.example) ``` \u202e\n---\n# Heading"
FIGURES = {"precision": 0.5, "recall": 0.25, "f1": 1 / 3}
RECALL = {"recall": 0.5, "gold": 4, "correct": 2}


def part(role: str, name: str, **others: Any) -> dict[str, Any]:
    known = {"language": "yor", "reference": "train.jsonl", "revision": None, "sha256": "0" * 64}
    return {"role": role, "name": name, **known, "sentences": 7, "tokens": 70, "mentions": 14, **others}


def result(**others: Any) -> dict[str, Any]:
    tagger = {"name": "crf", "kind": "crf", "model": None, "recipe": None, "settings": {}}
    return {
        "id": "0123456789abcdef01234567",
        "cell": {
            "language": "yor",
            "setting": "scratch",
            "source": "organic",
            "size": 7,
            "seed": 1,
            "tagger": tagger,
            "retry_of": None,
        },
        "data": {"train": [part("source", "organic")], "validation": None, "test": part("test", "gold")},
        "labels": ["PER", "LOC"],
        "scores": {
            "micro": FIGURES,
            "macro": FIGURES,
            "strict": FIGURES,
            "per_type": {"PER": {**FIGURES, "gold": 8, "predicted": 4, "correct": 2}},
            "macro_types": ["LOC", "PER"],
            "errors": dict.fromkeys(
                ("correct", "boundary", "type", "boundary and type", "missed", "spurious"), 2
            ),
            "seen": RECALL,
            "unseen": RECALL,
            "invariance": None,
        },
        "interval": [0.2, 0.4],
        "combination": None,
        "training": {"epochs": None, "best_epoch": None, "validation_f1": []},
        "collapsed": False,
        "measured": {"seconds": 1.0, "device": "cpu", "versions": {"synthner": "1"}},
        **others,
    }


def facts(of: dict[str, Any] | None = None, **others: Any) -> ModelFacts:
    of = of or result()
    known: dict[str, Any] = {
        "repository": "acme/model",
        "recorded": None,
        "seeds": [of],
        "seed_matters": True,
        "origins": [Origin("organic", "yor", "gold", "", "cc-by-4.0", "acme/gold")],
        "benchmark": Benchmark("Gold", "acme/gold", "yor", "f" * 40, None),
        "head": None,
        "base_model": None,
        "settings": {"l1": 0.03},
        "release": "acme/release",
    }
    return ModelFacts(result=of, **{**known, **others})


def test_nothing_in_the_data_breaks_the_card():
    nasty = result(
        labels=["PER", NASTY],
        data={
            "train": [part("source", NASTY, reference=NASTY)],
            "validation": None,
            "test": part("test", NASTY, revision=NASTY),
        },
    )
    origin = Origin(NASTY, "yor", "unknown", NASTY, NASTY, NASTY, NASTY)
    benchmark = Benchmark(NASTY, NASTY, NASTY, NASTY, NASTY)

    card = render_model_card(facts(nasty, origins=[origin], benchmark=benchmark, release=NASTY))

    metadata, _, body = card.removeprefix("---\n").partition("\n---\n")
    outside_of_code = "".join(body.split("````")[::2])
    assert "<script" not in outside_of_code
    assert "](http://evil" not in outside_of_code
    assert "\n# Heading" not in outside_of_code
    assert "\u202e" not in card
    assert yaml.safe_load(metadata)["license"].startswith("a|b")


@pytest.mark.parametrize(
    ("licences", "expected", "told"),
    [
        (["cc-by-4.0", "cc-by-4.0"], "cc-by-4.0", "**cc-by-4.0**, inherited"),
        (["cc-by-4.0", None], "unknown", "is unknown"),
        (["unknown"], "unknown", "is unknown"),
        (["cc-by-4.0", "cc0-1.0"], "other", "different licences"),
    ],
    ids=["all the same", "one not stated", "unknown", "different"],
)
def test_a_model_inherits_the_licence_of_its_data(licences, expected, told):
    origins = [
        Origin(f"part {number}", "yor", "gold", "", licence, None) for number, licence in enumerate(licences)
    ]

    card = render_model_card(facts(origins=origins))

    assert ModelCard(card).data.to_dict()["license"] == expected
    assert told in card


def test_synthetic_sentences_that_did_not_help_are_not_called_learned():
    combined = result(
        data={
            "train": [part("gold", "organic"), part("source", "gpt4", sentences=900)],
            "validation": None,
            "test": part("test", "gold"),
        },
        combination={"recipe": "gold only"},
    )

    card = render_model_card(facts(combined))

    assert "It has learned from 7 sentences" in card
    assert "tried on folds of gold, not learned" in card


def test_base_model_library_and_tested_language_are_in_the_metadata():
    tagger = {"name": "x", "kind": "encoder", "model": "org/base", "recipe": "fast", "settings": {}}
    of = result()
    of["cell"] = {**of["cell"], "tagger": tagger}
    related = Origin("gold", "ibo", "gold", "", "cc-by-4.0", None)

    card = render_model_card(facts(of, head="first", base_model="org/base", origins=[related]))

    data = ModelCard(card).data.to_dict()
    assert (data["base_model"], data["library_name"]) == ("org/base", "transformers")
    assert data["language"] == ["yo", "ig"]
    assert 'aggregation_strategy="first"' in card


def test_what_a_former_model_was_made_from_does_not_stay_on_the_card():
    former = render_model_card(facts(base_model="org/base")).replace("tags:", "thumbnail: yes.png\ntags:", 1)
    assert {"base_model", "datasets"} <= ModelCard(former).data.to_dict().keys()
    origins = [Origin("organic", "yor", "gold", "", "cc-by-4.0", None)]

    metadata = ModelCard(render_model_card(facts(origins=origins), former)).data.to_dict()

    assert not {"base_model", "datasets"} & metadata.keys()
    assert metadata["thumbnail"] == "yes.png"


@pytest.mark.parametrize("split", ["test", "validation"])
def test_results_name_the_split_that_was_tested_on(split):
    benchmark = Benchmark("Gold", "acme/gold", "yor", "f" * 40, None, split)

    found = hub_results(result(), benchmark, url="https://example.org")

    [index] = found.model_index("model")
    assert {each["dataset"]["split"] for each in index["results"]} == {split}
    [[entry]] = [entries for _, entries in [found.eval_results() or ("", [])]]
    assert f"split {split}," in entry["notes"]


def test_seeds_show_mean_and_standard_deviation():
    other = result(id="f" * 24, collapsed=True)
    other["cell"] = {**other["cell"], "seed": 2}
    other["scores"] = {**other["scores"], "micro": {**FIGURES, "f1": 0.0}}

    card = render_model_card(facts(seeds=[result(), other]))

    assert "0.167 ± 0.236" in card
    assert "training failed" in card


def of_seed(seed: int, f1: float, retry_of: int | None = None) -> dict[str, Any]:
    other = result(id=f"{seed:024}", collapsed=f1 == 0)
    other["cell"] = {**other["cell"], "seed": seed, "retry_of": retry_of}
    other["scores"] = {**other["scores"], "micro": {**FIGURES, "f1": f1}}
    return other


def test_a_run_that_failed_gives_way_to_its_repetition():
    card = render_model_card(facts(seeds=[of_seed(0, 0.4), result(), of_seed(2, 0.0), of_seed(5, 0.2, 2)]))

    assert "3 runs that only the seed distinguishes reach micro-F1 **0.311 ± 0.102**" in card
    assert "of a run that failed its repetition counts" in card
    assert "| repeats seed 2" in card
    alone = render_model_card(facts(of_seed(1, 0.4, 0), seeds=[of_seed(0, 0.0), of_seed(1, 0.4, 0)]))
    assert "training failed" in alone
    assert "±" not in alone


@pytest.mark.parametrize(
    ("seed_matters", "told"),
    [(True, "that is known: how far another seed"), (False, "nothing is drawn at random when a CRF")],
    ids=["another seed", "no seed"],
)
def test_the_card_misses_no_seed_that_would_change_nothing(seed_matters, told):
    assert told in render_model_card(facts(seed_matters=seed_matters))


def test_the_card_says_what_the_setting_is():
    of = result()
    of["cell"] = {**of["cell"], "setting": "zero-shot", "size": 0}
    told = render_model_card(facts(of))
    assert "Setting: `zero-shot`, trained on gold of a related language alone. Sentences learned: 7." in told
    assert "Setting: `scratch`, trained on the source alone. Source: `organic`." in render_model_card(facts())


@pytest.mark.parametrize(
    ("validation_f1", "use"),
    [([0.1, 0.3], "choosing the best epoch"), ([0.3], "measuring F1 after training")],
    ids=["epochs", "iterations"],
)
def test_nothing_is_said_to_be_chosen_where_there_was_no_choice(validation_f1, use):
    of = result(training={"epochs": None, "best_epoch": 1, "validation_f1": validation_f1})
    of["data"] = {**of["data"], "validation": part("validation", "organic")}
    card = render_model_card(facts(of))
    uses = {"choosing the best epoch", "measuring F1 after training"}
    assert {each for each in uses if f"| {each} " in card} == {use}


@pytest.mark.parametrize(
    ("further", "told"),
    [({"validation_loss": [0.5, 0.25]}, "(loss 0.250, F1 0.300)"), ({}, "(F1 0.300)")],
    ids=["loss", "results from before"],
)
def test_the_card_says_how_good_the_epoch_was_that_was_kept(further, told):
    of = result(training={"epochs": 2, "best_epoch": 2, "validation_f1": [0.1, 0.3], **further})
    kept = "the weights of epoch 2 were kept, which were best on the validation sentences"
    tagger = {"name": "x", "kind": "encoder", "model": "org/base", "recipe": "fast", "settings": {}}
    of["cell"] = {**of["cell"], "tagger": tagger}
    assert f"{kept} {told}." in render_model_card(facts(of, head="first", base_model="org/base"))


def test_gold_and_corpora_are_described_as_their_notes_have_it():
    of_corpus = Origin(
        "wikiann", "yor", "corpus", "the corpus WikiANN. Labelled automatically.", "unknown", "a/b"
    )
    of_gold = Origin("gold", "yor", "gold", "Train was labelled by projection.", "cc0-1.0", None)

    card = render_model_card(facts(origins=[of_corpus, of_gold]))

    assert "- `wikiann` (yor): not gold of the release; the corpus WikiANN. Labelled automatically." in card
    assert "- `gold` (yor): gold of the release; Train was labelled by projection." in card
    assert "is not recorded" not in card


@pytest.mark.parametrize(
    ("base_model", "others", "told"),
    [
        ("org/base", {"model_revision": "c" * 40}, f"Base model: `org/base`, at commit `{'c' * 40}`. Recipe"),
        (
            None,
            {"model_revision": "sha256:ab"},
            "Base model: `base`, from a folder, its files being `sha256:ab`.",
        ),
        ("org/base", {"model_revision": None}, "Base model: `org/base`. Recipe"),
        ("org/base", {}, "Base model: `org/base`. Recipe"),
    ],
    ids=["commit", "folder", "not known", "earlier version"],
)
def test_the_card_says_which_commit_of_the_base_model_it_was(base_model, others, told):
    of = result(**others)
    tagger = {"name": "x", "kind": "encoder", "model": "org/base", "recipe": "fast", "settings": {}}
    of["cell"] = {**of["cell"], "tagger": tagger}

    card = render_model_card(facts(of, head="first", base_model=base_model))

    assert told in card
