"""Curation inside a build: through `build`, on a release of recorded responses written for these tests."""

import gzip
import json
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from synthner.builders.build import build
from synthner.builders.curation.near_duplicates import near_duplicates
from synthner.cards.dataset_card import render_dataset_card
from synthner.generation.generate import generate
from synthner.release import read_release
from synthner.schema.errors import DataError, ReleaseError
from synthner.schema.example import Example
from synthner.schema.iob2 import violations
from synthner.schema.validation import first_error

from .curation_sentences import LABELS, relabelled, sentences, write

CONFIG = "en_mock"
A_CALL = 10

GOLD = {
    "train": sentences(60, name="gold"),
    "validation": sentences(15, name="gold validation"),
    "test": sentences(15, name="gold test"),
}


def _fresh(count: int, name: str, others: list[Example]) -> list[Example]:
    """Return sentences that nearly repeat neither each other nor others."""
    found = sentences(6 * count, name=name)
    repeats = near_duplicates([*others, *found])[len(others) :]
    fresh = [example for example, repeated in zip(found, repeats, strict=True) if repeated is None]
    return fresh[:count]


ALL_GOLD = [example for examples in GOLD.values() for example in examples]
SOUND = _fresh(160, "synthetic", ALL_GOLD)
HELD_BACK = _fresh(20, "synthetic validation", [*ALL_GOLD, *SOUND])


def _swapped(tags: tuple[str, ...]) -> list[str]:
    other = {"PER": "LOC", "LOC": "PER"}
    return [tag if tag == "O" else tag[:2] + other[tag[2:]] for tag in tags]


def _with_one_more_word(example: Example) -> Example:
    return Example(example.id, (*example.tokens, "so"), (*example.ner_tags, "O"))


MISLABELLED = [
    relabelled([example], _swapped)[0] if number % 8 == 0 else example for number, example in enumerate(SOUND)
]
REPEATED = [_with_one_more_word(example) for example in SOUND[:3]]
LEAKING = [_with_one_more_word(example) for example in GOLD["test"][:4]]
FOREIGN = sentences(5, name="foreign", language="finnish")
MIXED = [*FOREIGN, *MISLABELLED[:80], *LEAKING, *MISLABELLED[80:], *REPEATED]

MISLEADING = relabelled(SOUND, lambda tags: ["B-LOC"] * len(tags))
WITHOUT_MENTIONS = relabelled(SOUND, lambda tags: ["O"] * len(tags))


def _build(folder: Path, responses: dict[str, list[Example]], *, generator: str = "curation: true") -> dict:
    folder.mkdir(exist_ok=True)
    for split, examples in GOLD.items():
        write(folder / f"gold-{split}.jsonl", examples)
    for split, examples in responses.items():
        calls = [examples[first : first + A_CALL] for first in range(0, len(examples), A_CALL)]
        lines = [json.dumps({"raw_output": json.dumps(list(map(_datapoint, call)))}) for call in calls]
        (folder / f"{split}.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    (folder / "release.yaml").write_text(
        f"""
name: somebody/curated
seed: 7
languages:
  en:
    labels: [LOC, PER]
    gold:
      files: {{train: gold-train.jsonl, validation: gold-validation.jsonl, test: gold-test.jsonl}}
      license: cc0-1.0
generators:
  mock:
    method: seeded
    engine: recorded
    model: mock-1
    datapoints: {A_CALL}
    {generator}
    recorded: {{responses: "{{split}}.jsonl"}}
""",
        encoding="utf-8",
    )
    release = read_release(folder)
    generate(release)
    return build(release)


def _datapoint(example: Example) -> dict[str, Any]:
    return {"tokens": example.tokens, "ner_tags": LABELS.encode(example.ner_tags)}


def _rows(folder: Path, manifest: dict, split: str = "train") -> dict[str, tuple[tuple, tuple]]:
    facts = manifest["configs"][CONFIG]
    rows = pq.read_table(folder / "dataset" / facts["splits"][split]["file"]).to_pylist()
    names = facts["labels"]
    return {
        row["id"]: (tuple(row["tokens"]), tuple(names[number] for number in row["ner_tags"])) for row in rows
    }


def _repairs(folder: Path) -> dict[str, list[dict]]:
    rows = pq.read_table(folder / "dataset" / "provenance" / f"{CONFIG}.parquet").to_pylist()
    return {row["id"]: json.loads(row["repairs"]) for row in rows}


def _train_steps(manifest: dict) -> list[dict]:
    return manifest["configs"][CONFIG]["waterfall"]["train"]


def _rejects(folder: Path) -> list[dict]:
    with gzip.open(folder / "work" / "rejects" / f"{CONFIG}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def curated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("curated")
    return folder, _build(folder, {"train": MIXED, "validation": HELD_BACK})


@pytest.fixture(scope="module")
def uncurated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uncurated")
    return folder, _build(folder, {"train": MIXED, "validation": HELD_BACK}, generator="curation: false")


def test_published_rows_are_some_of_those_without_curation(curated, uncurated):
    kept, all_rows = _rows(*curated), _rows(*uncurated)

    assert 0 < len(kept) < len(all_rows)
    assert list(kept) == [id_ for id_ in all_rows if id_ in kept]
    assert all(tokens == all_rows[id_][0] for id_, (tokens, _) in kept.items())
    assert not any(violations(tags) for _, tags in kept.values())


def test_every_repair_is_in_the_provenance_with_the_label_that_was_there(curated, uncurated):
    kept, all_rows = _rows(*curated), _rows(*uncurated)
    repairs = _repairs(curated[0])

    changed = {id_ for id_, (_, tags) in kept.items() if tags != all_rows[id_][1]}
    assert changed
    for id_ in kept:
        tags = list(all_rows[id_][1])
        for repair in repairs[id_]:
            assert repair["step"].startswith("curation: ")
            assert tags[repair["position"]] == repair["before"]
            tags[repair["position"]] = repair["after"]
        assert tuple(tags) == kept[id_][1]


def test_swapped_types_are_put_right(curated):
    right = {example.tokens: example.ner_tags for example in SOUND}
    wrong = {example.tokens: example.ner_tags for example in MISLABELLED if example not in SOUND}

    published = dict(_rows(*curated).values())
    outcomes = Counter(published[tokens] == right[tokens] for tokens in wrong if tokens in published)
    assert outcomes[True] > outcomes[False]


def test_what_is_dropped_is_among_the_rejects_with_its_reason(curated, uncurated):
    kept, all_rows = _rows(*curated), _rows(*uncurated)
    dropped = [line for line in _rejects(curated[0]) if line["step"] == "curation"]

    assert Counter(tuple(line["tokens"]) for line in dropped) == Counter(
        tokens for id_, (tokens, _) in all_rows.items() if id_ not in kept
    )
    reason_of = {tuple(line["tokens"]): line["reason"] for line in dropped}
    id_of = {tokens: id_ for id_, (tokens, _) in all_rows.items()}
    for first, again in zip(SOUND, REPEATED, strict=False):
        assert reason_of[again.tokens] == f"repeats {id_of[first.tokens]}"
    assert {reason_of[example.tokens] for example in LEAKING} == {"repeats a sentence of gold test"}
    assert {reason_of[example.tokens] for example in FOREIGN} == {"not written like gold"}


def test_the_waterfall_adds_up(curated):
    folder, manifest = curated
    steps = _train_steps(manifest)
    names = [step["step"] for step in steps]
    step = steps[names.index("curation")]

    assert names[-3:] == ["contamination", "curation", "published"]
    for before, after in pairwise(steps[1:]):
        assert after["kept"] + sum(after["lost"].values()) == before["kept"]
    assert sum(step["lost"].values()) == sum(line["step"] == "curation" for line in _rejects(folder))
    assert step["lost"]["repeats another sentence"] == len(REPEATED)
    assert step["lost"]["repeats a sentence of gold test"] == len(LEAKING)
    assert step["lost"]["not written like gold"] == len(FOREIGN)
    repaired = Counter(
        change["step"].replace("curation", "repaired")
        for id_, changes in _repairs(folder).items()
        for change in {change["step"]: change for change in changes}.values()
    )
    assert step["notes"] == repaired
    assert len(step["examples"]) == 3
    assert all(example.startswith("repaired: ") and " → " in example for example in step["examples"])


def test_only_train_is_curated(curated, uncurated):
    (folder, manifest), (other_folder, other_manifest) = curated, uncurated

    assert _rows(folder, manifest, "validation") == _rows(other_folder, other_manifest, "validation")
    steps = manifest["configs"][CONFIG]["waterfall"]["validation"]
    assert "curation" not in [step["step"] for step in steps]


def test_the_manifest_says_what_was_found(curated):
    manifest = curated[1]
    curation = manifest["configs"][CONFIG]["curation"]

    assert first_error("manifest", manifest) is None
    assert curation["share"] in (0.5, 1.0)
    assert list(curation["gains"]) == ["0.5", "1.0"]
    assert any("folds of gold gain" in finding for finding in curation["findings"])


def test_the_same_responses_give_the_same_files(curated, tmp_path):
    _build(tmp_path, {"train": MIXED, "validation": HELD_BACK})

    assert _files(tmp_path / "dataset") == _files(curated[0] / "dataset")


def test_a_split_is_curated_across_batches(curated, tmp_path, monkeypatch):
    monkeypatch.setattr("synthner.builders.reading.BATCH_SENTENCES", 16)
    monkeypatch.setattr("synthner.builders.vocabulary.LARGEST_VOCABULARY", 5)
    _build(tmp_path, {"train": MIXED, "validation": HELD_BACK})

    assert _files(tmp_path / "dataset") == _files(curated[0] / "dataset")
    assert _rejects(tmp_path) == _rejects(curated[0])


@pytest.mark.parametrize("generator", ["curation: false", "sampling: {}"], ids=["false", "not said"])
def test_without_curation_nothing_is_judged(uncurated, tmp_path, generator):
    manifest = _build(tmp_path, {"train": MIXED, "validation": HELD_BACK}, generator=generator)
    config = manifest["configs"][CONFIG]

    assert config["curation"] is None
    assert config["splits"]["train"]["examples"] == len(MIXED)
    assert all(step["step"] != "curation" for steps in config["waterfall"].values() for step in steps)
    assert config["splits"] == uncurated[1]["configs"][CONFIG]["splits"]
    assert "## Curation" not in render_dataset_card(manifest)


def test_the_card_shows_what_curation_did(curated):
    section = _curation_section(render_dataset_card(curated[1]))

    assert f"`{CONFIG}`" in section
    gains = curated[1]["configs"][CONFIG]["curation"]["gains"]
    assert all(f" {gain['gain']:+.3f} |" in section for gain in gains.values())
    assert section.count(f"\n- `{CONFIG}`: ") == len(curated[1]["configs"][CONFIG]["curation"]["findings"])


def test_the_card_shows_conflicts_and_findings_as_text(curated):
    manifest = json.loads(json.dumps(curated[1]))
    curation = manifest["configs"][CONFIG]["curation"]
    curation["findings"] = ["<b>bold</b>"]
    curation["conflicts"] = [{"surface": "a|b</details>", "types": {"PER": 3, "LOC": 1}, "gold": {}}]

    section = _curation_section(render_dataset_card(manifest))
    assert f"- `{CONFIG}`: &lt;b&gt;bold&lt;/b&gt;" in section
    assert "a&#124;b&lt;/details&gt;" in section
    assert "PER 3<br>LOC 1" in section
    assert section.count("</details>") == 1


def _curation_section(card: str) -> str:
    return card.partition("\n## Curation\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize(
    ("train", "reason", "counted_as"),
    [
        pytest.param(
            WITHOUT_MENTIONS,
            "no share of the data helps on folds of gold",
            "nothing of it helps",
            id="nothing helps",
        ),
        pytest.param(
            FOREIGN * 2, "not written like gold", "not written like gold", id="nothing in the language"
        ),
    ],
)
def test_train_is_left_out_if_nothing_of_it_is_kept(tmp_path, train, reason, counted_as):
    manifest = _build(tmp_path, {"train": train, "validation": HELD_BACK})
    config = manifest["configs"][CONFIG]

    assert list(config["splits"]) == ["validation"]
    assert config["splits_left_out"] == {"train": f"curation: {reason}"}
    assert config["curation"]["share"] == 0
    assert not (tmp_path / "dataset" / CONFIG / "train-00000-of-00001.parquet").exists()
    [step] = [step for step in _train_steps(manifest) if step["step"] == "curation"]
    assert (step["kept"], list(step["lost"])) == (0, [counted_as])
    assert f"has no train split: curation: {reason}." in render_dataset_card(manifest)


def test_with_little_gold_the_better_half_is_kept(tmp_path, monkeypatch):
    monkeypatch.setitem(GOLD, "train", [example for example in GOLD["train"] if example.mentions][:8])
    manifest = _build(tmp_path, {"train": SOUND})
    [step] = [step for step in _train_steps(manifest) if step["step"] == "curation"]
    with_mentions = sum(bool(example.mentions) for example in SOUND)

    assert manifest["configs"][CONFIG]["curation"]["gains"] == {}
    assert step["lost"]["agrees too little with gold"] == pytest.approx(with_mentions / 2, abs=1)
    assert sum(step["lost"].values()) == sum(line["step"] == "curation" for line in _rejects(tmp_path))


def test_a_config_that_curation_leaves_nothing_of_is_refused(tmp_path):
    with pytest.raises(DataError) as refused:
        _build(tmp_path, {"train": MISLEADING})

    assert "no datapoint is left after curation: " in str(refused.value)
    assert "`curation: false`" in (refused.value.hint or "")
    assert not (tmp_path / "dataset").exists()


def test_gold_without_mentions_is_refused(tmp_path, monkeypatch):
    monkeypatch.setitem(GOLD, "train", relabelled(GOLD["train"], lambda tags: ["O"] * len(tags)))

    with pytest.raises(DataError, match="gold train has no mention"):
        _build(tmp_path, {"train": SOUND})


def test_train_that_no_datapoint_reaches_is_not_curated(tmp_path):
    manifest = _build(tmp_path, {"train": GOLD["train"], "validation": HELD_BACK})
    config = manifest["configs"][CONFIG]

    assert config["curation"] is None
    assert config["splits_left_out"] == {"train": "no datapoint passed the gates"}


def test_curation_is_yes_or_no(tmp_path):
    with pytest.raises(ReleaseError, match=r"generators\.mock\.curation"):
        _build(tmp_path, {"train": SOUND}, generator="curation: strict")
