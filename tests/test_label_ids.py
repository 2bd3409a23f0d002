"""Labels outside the set, mapped where the evidence is overwhelming: in itself, in builds, on files."""

import gzip
import json
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pyarrow.parquet as pq
import pytest

from synthner.builders.build import build
from synthner.builders.curation.files import CurateOutcome, curate_file
from synthner.builders.curation.label_ids import (
    NO_ONE_LABEL,
    TOO_FEW,
    UNKNOWN_WORDS,
    LabelMapping,
    count_labels,
    map_labels,
)
from synthner.generation.generate import generate
from synthner.release import read_release
from synthner.schema.errors import DataError
from synthner.schema.example import Example
from synthner.schema.iob2 import violations
from synthner.schema.labels import LabelSet
from synthner.schema.validation import first_error

LABELS = LabelSet.of_types(("LOC", "PER"))
TOWNS = [
    f"{start}{end}"
    for start in ("Vel", "Ark", "Brim", "Ost", "Kel")
    for end in ("den", "by", "wick", "um", "ro")
]
PEOPLE = ["Mara", "Tobias", "Ines", "Goran", "Lydia", "Oskar", "Petra", "Yusuf", "Wanda", "Rolf", "Selma"]
TEMPLATES = (
    "{p} took the early train to {t} with two old friends",
    "the market in {t} was closed when {p} arrived on foot",
    "a storm damaged several roofs near {t} and {p} saw it",
    "the library of {t} lends tools , says {p} , who works there",
    "in spring {p} sold the farm and moved to {t} for good",
    "the river at {t} rose quickly before {p} could leave",
)
ENDS = (
    "yesterday morning", "this week", "for once", "of course", "in the end", "as usual", "without a word",
    "before noon", "after the rain", "by mistake", "at long last", "in secret", "with great care",
)  # fmt: skip


def sentences(count: int, name: str) -> list[Example]:
    """Return sentences with a person and a town each."""
    random = Random(name)
    made = []
    for number in range(count):
        words = f"{random.choice(TEMPLATES)} {random.choice(ENDS)} {random.choice(ENDS)}".split()
        names = {"{p}": (random.choice(PEOPLE), "B-PER"), "{t}": (random.choice(TOWNS), "B-LOC")}
        tokens, tags = zip(*[names.get(word, (word, "O")) for word in words], strict=True)
        made.append(Example(f"{name}-{number}", tokens, tags))
    return made


GOLD = sentences(60, "gold")
GOLD_COUNTS = count_labels(GOLD)
OWN_COUNTS = count_labels(sentences(200, "own"))


def decide(foreign: dict[tuple[str, str], int]) -> LabelMapping:
    return map_labels(foreign, GOLD_COUNTS, OWN_COUNTS)


def test_an_id_on_words_that_gold_labels_one_way_means_that_label():
    foreign = {(town, "7"): 4 for town in TOWNS} | {(person, "B-HUMAN"): 6 for person in PEOPLE * 2}
    mapping = decide(foreign)

    assert mapping.meanings == {"7": "B-LOC"}
    seven, human = mapping.evidence
    assert (seven.written, seven.label, seven.likeliest, seven.reason) == ("7", "B-LOC", "B-LOC", "")
    assert (seven.occurrences, seven.words, seven.counted) == (100, 25, 75)
    assert (seven.known, seven.speaking, seven.required) == (75, 75, 0.95)
    assert (human.label, human.likeliest, human.counted, human.reason) == (None, "B-PER", 33, TOO_FEW)
    assert mapping.why_not("B-HUMAN") == TOO_FEW


def test_the_decision_does_not_depend_on_the_order():
    foreign = {(town, id_): 3 for town in TOWNS for id_ in ("7", "8")}

    def backwards(counts: dict[tuple[str, str], int]) -> dict[tuple[str, str], int]:
        return dict(reversed(list(counts.items())))

    assert decide(foreign) == map_labels(backwards(foreign), backwards(GOLD_COUNTS), backwards(OWN_COUNTS))


def test_nothing_foreign_is_nothing_mapped():
    assert decide({}) == LabelMapping()
    assert map_labels({("Velden", "7"): 100}, {}, {}).meanings == {}


@pytest.mark.parametrize(
    ("foreign", "reason"),
    [
        pytest.param({(town, "7"): 1 for town in TOWNS[:5]}, TOO_FEW, id="seen five times"),
        pytest.param({(TOWNS[0], "7"): 5_000}, TOO_FEW, id="one word, ever again"),
        pytest.param({(town, "7"): 9 for town in TOWNS[:17]}, TOO_FEW, id="one word too few"),
        pytest.param({(f"Zz{town}", "7"): 9 for town in TOWNS}, UNKNOWN_WORDS, id="words nobody knows"),
        pytest.param(
            {(token, "7"): 3 for town in TOWNS for token in (town, f"Zz{town}", f"Qq{town}")},
            UNKNOWN_WORDS,
            id="most words are not known",
        ),
        pytest.param(
            {(name, "7"): 3 for name in [*TOWNS, *PEOPLE[:3]]}, NO_ONE_LABEL, id="one word in ten is another"
        ),
        pytest.param(
            {(token, "7"): n for (token, _), n in OWN_COUNTS.items()}, NO_ONE_LABEL, id="every word"
        ),
    ],
)
def test_weak_evidence_maps_nothing(foreign, reason):
    mapping = decide(foreign)

    assert mapping.meanings == {}
    assert mapping.why_not("7") == reason


@pytest.mark.parametrize("mentions", [2, 40, 400], ids=["hardly a mention", "few mentions", "many mentions"])
def test_an_id_strewn_at_random_is_not_mapped(mentions):
    """Where nearly all words are O, so are nearly all words under a random id."""
    plain = [(f"word{chr(97 + n % 26)}{chr(97 + n // 26)}", "O") for n in range(600)]
    named = [(f"{TOWNS[n % 25]}{chr(97 + n // 25)}", "B-LOC") for n in range(mentions)]
    counts = Counter(dict.fromkeys(plain + named, 5))
    tokens = sorted(token for (token, _), count in counts.items() for _ in range(count))
    mapped = [
        map_labels(Counter((token, "7") for token in Random(seed).sample(tokens, 150)), counts, {}).meanings
        for seed in range(20)
    ]

    assert mapped == [{}] * 20


def test_words_that_gold_leaves_alone_mean_outside_where_mentions_are_common():
    gold = {("in", "O"): 30, ("1871", "O"): 3, ("1904", "O"): 4} | {(town, "B-LOC"): 2 for town in TOWNS}
    own = {("2019", "B-LOC"): 9}
    years = {(str(year), "9"): 1 for year in range(1950, 2020)}

    assert map_labels(years, gold, own).meanings == {"9": "O"}


def test_gold_is_asked_before_the_config():
    own = {("in", "O"): 9_000} | {(town, "B-PER"): 50 for town in TOWNS}
    foreign = {(town, "7"): 3 for town in TOWNS}

    assert map_labels(foreign, {(town, "B-LOC"): 2 for town in TOWNS}, own).meanings == {"7": "B-LOC"}
    assert map_labels(foreign, {}, own).meanings == {"7": "B-PER"}


def test_beginnings_and_insides_need_evidence_of_their_own():
    both = {(town, "B-LOC"): 4 for town in TOWNS} | {(f"{town}ford", "I-LOC"): 4 for town in TOWNS}
    begins = {(town, "7"): 3 for town in TOWNS}

    assert map_labels(begins | {("Veldenford", "8"): 3}, both, {}).meanings == {"7": "B-LOC"}
    insides = {(f"{town}ford", "8"): 3 for town in TOWNS}
    assert map_labels(begins | insides, both, {}).meanings == {"7": "B-LOC", "8": "I-LOC"}
    mixed = {(token, "7"): count for (token, _), count in (begins | insides).items()}
    assert map_labels(mixed, both, {}).meanings == {}


CONFIG = "en_mock"
ODD_LABELS = [10**30, -1, True, "x" * 10_000, "\ud800", "07", "|<b>"]


def _build(folder: Path, responses: dict[str, list[dict[str, Any]]], *, curation: bool = True) -> dict:
    # With fewer than ten gold sentences half of the sentences are kept unjudged.
    gold = [{"id": each.id, "tokens": each.tokens, "ner_tags": each.ner_tags} for each in GOLD[:9]]
    (folder / "gold.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in gold), encoding="utf-8")
    for split, rows in responses.items():
        calls = [rows[first : first + 10] for first in range(0, len(rows), 10)]
        lines = "".join(json.dumps({"raw_output": json.dumps(call)}) + "\n" for call in calls)
        (folder / f"{split}.jsonl").write_text(lines, encoding="utf-8")
    release = {
        "name": "somebody/mapped",
        "seed": 7,
        "languages": {
            "en": {
                "labels": list(LABELS.types),
                "gold": {"files": {"train": "gold.jsonl"}, "license": "cc0-1.0"},
            }
        },
        "generators": {
            "mock": {
                "method": "seeded",
                "engine": "recorded",
                "model": "mock-1",
                "datapoints": 10,
                "curation": curation,
                "recorded": {"responses": "{split}.jsonl"},
            }
        },
    }
    (folder / "release.yaml").write_text(json.dumps(release), encoding="utf-8")
    read = read_release(folder)
    generate(read)
    return build(read)


def _datapoint(example: Example, label_of: dict[str, Any] | None = None) -> dict[str, Any]:
    meant = label_of or {}
    return {
        "tokens": example.tokens,
        "ner_tags": [meant.get(tag, LABELS.ids[tag]) for tag in example.ner_tags],
    }


def _labels_step(manifest: dict, split: str = "train") -> dict:
    [step] = [s for s in manifest["configs"][CONFIG]["waterfall"][split] if s["step"] == "labels"]
    return step


def _repairs(folder: Path) -> dict[str, list[dict]]:
    rows = pq.read_table(folder / "dataset" / "provenance" / f"{CONFIG}.parquet").to_pylist()
    return {row["id"]: json.loads(row["repairs"]) for row in rows}


def _rows(folder: Path, manifest: dict) -> dict[str, tuple[list[str], list[str]]]:
    file = manifest["configs"][CONFIG]["splits"]["train"]["files"][0]["file"]
    rows = pq.read_table(folder / "dataset" / file).to_pylist()
    return {row["id"]: (row["tokens"], LABELS.decode(row["ner_tags"])) for row in rows}


SOUND = [_datapoint(example) for example in sentences(120, "sound")]
ABROAD = sentences(80, "abroad")
WITH_IDS = [_datapoint(each, {"B-LOC": 7 if number % 2 else "7"}) for number, each in enumerate(ABROAD)]
# One sentence each, so that no evidence is enough.
WITH_ODD_LABELS = [
    _datapoint(each, {"B-LOC": label}) for each, label in zip(sentences(7, "odd"), ODD_LABELS, strict=True)
]


@pytest.fixture(scope="module")
def mapped(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mapped")
    return folder, _build(folder, {"train": SOUND + WITH_IDS + WITH_ODD_LABELS, "validation": WITH_IDS[:10]})


def test_a_build_with_curation_keeps_sentences_with_an_id_whose_meaning_is_clear(mapped):
    folder, manifest = mapped
    step = _labels_step(manifest)
    rejects = [line for line in _rejects(folder) if line.get("split") == "train" and line["step"] == "labels"]

    assert first_error("manifest", manifest) is None
    assert step["notes"] == {"mapped: 7 → B-LOC": 80}
    assert step["examples"][0].startswith("label outside the set")
    # The bool is no label by its kind, and never came to this step.
    assert step["lost"] == {f"label outside the set: {TOO_FEW}": len(ODD_LABELS) - 1}
    assert len(rejects) == len(ODD_LABELS) - 1
    assert {line["reason"] for line in rejects} == set(step["lost"])


def test_provenance_has_the_id_that_was_there(mapped):
    repairs, rows = _repairs(mapped[0]), _rows(*mapped)
    written = {tuple(each["tokens"]): each["ner_tags"] for each in WITH_IDS}
    seen = Counter()
    for id_, (tokens, tags) in rows.items():
        changes = [change for change in repairs[id_] if change["step"] == "labels"]
        foreign = {place for place, tag in enumerate(written.get(tuple(tokens), ())) if tag in (7, "7")}
        assert {change["position"] for change in changes} == foreign
        for change in changes:
            assert change["before"] == written[tuple(tokens)][change["position"]]
            assert change["after"] == "B-LOC"
            seen[type(change["before"])] += 1
        assert not violations(tags)
    assert set(seen) == {int, str}


def test_other_splits_stay_what_the_model_wrote(mapped):
    step = _labels_step(mapped[1], "validation")

    assert (step["kept"], step["lost"]) == (0, {"label outside the set": 10})


def test_without_curation_nothing_is_mapped(tmp_path):
    manifest = _build(tmp_path, {"train": SOUND + WITH_IDS}, curation=False)
    step = _labels_step(manifest)

    assert step["lost"] == {"label outside the set": len(WITH_IDS)}
    assert not any(note.startswith("mapped") for note in step["notes"])


def test_a_sentence_with_another_unknown_label_is_still_dropped(tmp_path):
    both = [{**each, "ner_tags": ["what", *each["ner_tags"][1:]]} for each in WITH_IDS[:5]]
    manifest = _build(tmp_path, {"train": SOUND + WITH_IDS[5:] + both})
    step = _labels_step(manifest)

    assert step["lost"] == {f"label outside the set: {TOO_FEW}": 5}
    assert step["notes"]["mapped: 7 → B-LOC"] == len(WITH_IDS) - 5
    dropped = [line for line in _rejects(tmp_path) if line["step"] == "labels"]
    assert [line["tags"] for line in dropped] == [each["ner_tags"] for each in both]


def test_answers_are_counted_once_across_batches(mapped, tmp_path, monkeypatch):
    monkeypatch.setattr("synthner.builders.reading.BATCH_SENTENCES", 16)
    monkeypatch.setattr("synthner.builders.vocabulary.LARGEST_VOCABULARY", 5)
    manifest = _build(tmp_path, {"train": SOUND + WITH_IDS + WITH_ODD_LABELS, "validation": WITH_IDS[:10]})

    assert manifest == mapped[1]


def _rejects(folder: Path) -> list[dict]:
    with gzip.open(folder / "work" / "rejects" / f"{CONFIG}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _curated(folder: Path, rows: list[dict[str, Any]]) -> CurateOutcome:
    # In nine long sentences, too few for folds: what is kept takes long to tell, and is not what is tested.
    gold = [
        {
            "id": str(number),
            "tokens": [token for each in GOLD[number::9] for token in each.tokens],
            "ner_tags": [tag for each in GOLD[number::9] for tag in each.ner_tags],
        }
        for number in range(9)
    ]
    for name, content in (("gold", gold), ("data", rows)):
        text = "".join(json.dumps(row) + "\n" for row in content)
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
    paths = (folder / "data.jsonl", folder / "gold.jsonl", folder / "out.jsonl")
    return curate_file(*paths, held_out={}, rejects=folder / "rejects.jsonl")


def _row(example: Example, town: Any = "B-LOC") -> dict[str, Any]:
    tags = [town if tag == "B-LOC" else tag for tag in example.ner_tags]
    return {"id": example.id, "tokens": example.tokens, "ner_tags": tags}


@pytest.mark.parametrize("id_", [7, "7", "GPE", 0, -3], ids=["number", "text", "name", "zero", "negative"])
def test_tags_of_a_file_are_read_as_what_their_words_are(tmp_path, id_):
    rows = [_row(each) for each in sentences(60, "sound")] + [_row(each, id_) for each in ABROAD]
    outcome = _curated(tmp_path, rows)
    found = outcome.as_json()

    assert found["steps"]["tags"] == {"kept": 140, "lost": 0, "changed": {f"{id_} → B-LOC": 80}}
    assert any(f"{id_} → B-LOC, in 80 sentences" in finding for finding in found["findings"])
    history = outcome.history("abroad-0")
    [change] = [change for change in history["changes"] if change["step"] == "tags"]
    assert (change["before"], change["after"]) == (str(id_), "B-LOC")
    assert history["tokens"][change["position"]] in TOWNS


def test_other_tags_of_a_file_are_dropped_with_the_reason(tmp_path):
    rows = [_row(each) for each in sentences(60, "sound")]
    odd = [_row(each, label) for each, label in zip(sentences(7, "odd"), ODD_LABELS, strict=True)]
    outcome = _curated(tmp_path, rows + odd)

    assert outcome.as_json()["steps"]["tags"] == {"kept": 60, "lost": 7, "changed": {}}
    dropped = [verdict for verdict in outcome.verdicts if verdict.step == "tags"]
    assert {verdict.reason for verdict in dropped} == {f"a tag is no IOB2 tag: {TOO_FEW}"}


def test_a_tag_that_is_not_there_means_nothing(tmp_path):
    rows = [_row(each) for each in sentences(60, "sound")] + [_row(each, None) for each in ABROAD]
    outcome = _curated(tmp_path, rows)

    assert outcome.as_json()["steps"]["tags"] == {"kept": 60, "lost": 80, "changed": {}}
    assert {verdict.reason for verdict in outcome.verdicts[60:]} == {"a tag is no IOB2 tag"}


@pytest.mark.parametrize("kind", [int, str], ids=["as numbers", "as texts"])
def test_a_file_of_whole_numbers_needs_names(tmp_path, kind):
    rows = [
        {"tokens": each.tokens, "ner_tags": [kind(LABELS.ids[tag]) for tag in each.ner_tags]}
        for each in ABROAD
    ]
    with pytest.raises(DataError, match="whole numbers, and what they stand for is not known") as refused:
        _curated(tmp_path, rows)

    assert "names" in (refused.value.hint or "")
    assert "data.jsonl" in str(refused.value)
    assert not (tmp_path / "out.jsonl").exists()
