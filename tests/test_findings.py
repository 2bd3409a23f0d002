"""What keeps a built dataset from being published, looked for in its files."""

from dataclasses import replace

import pytest

from synthner.builders.findings import find_obstacles, find_test_in_train, refuse_obstacles
from synthner.schema.errors import PublishError
from synthner.schema.example import Example
from synthner.sources.gold import GoldSource, load_gold
from synthner.tests.built_dataset import ROWS, manifest_of, write_dataset

FILE = "yor_gpt4/train-00000-of-00001.parquet"
GOLD_TEST = {"yor": [Example("1", ("ADÉ", "lọ", "sí", "Ìbàdàn", "!"), ("B-PER", "O", "O", "B-LOC", "O"))]}


def _found(folder, rows=(), gold_test=None, **release):
    manifest = write_dataset(folder, {"yor_gpt4": {"train": [*ROWS["train"], *rows]}})
    manifest["release"] |= release
    return find_obstacles(folder, manifest, gold_test or {})


def test_a_sound_dataset_has_no_findings(tmp_path):
    assert _found(tmp_path) == []
    refuse_obstacles([], {})


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ((["Mo", "rí", "i\ufffd"], ["O", "O", "O"]), "text"),
        ((["Mo", " ", "rí"], ["O", "O", "O"]), "text"),
        ((["Mo", "rí\x00"], ["O", "O"]), "text"),
        ((["Mo", "rí"], ["O", "I-PER"]), "iob2"),
        ((["Adé", "Èkó"], ["B-PER", "I-LOC"]), "iob2"),
        ((["Adé", "lọ"], ["B-PER"]), "iob2"),
    ],
    ids=["replacement character", "blank", "control character", "orphan I-", "other type", "a label too few"],
)
def test_a_row_that_no_gate_would_let_through_is_found(tmp_path, row, name):
    [finding] = _found(tmp_path, [row, row])

    assert finding.name == name
    assert finding.message.startswith(f"{FILE}: 2 rows ")
    assert finding.message.endswith("first 3")
    assert "synthner build" in finding.hint


@pytest.mark.parametrize(
    "first",
    ["ADÉ", "A\u034fdé", "Adé\ufe0f", "ʼAdé"],
    ids=["upper case", "grapheme joiner", "variation selector", "apostrophe that is a letter"],
)
def test_a_sentence_of_gold_test_is_found_whatever_its_case_and_punctuation(tmp_path, first):
    gold = [replace(example, tokens=(first, *example.tokens[1:])) for example in GOLD_TEST["yor"]]

    [finding] = _found(tmp_path, gold_test={"yor": gold})

    assert (finding.name, finding.message) == (
        "contamination",
        f"{FILE}: 1 rows are sentences of gold test, first 0",
    )


@pytest.mark.parametrize(
    ("train", "message"),
    [
        (2, "gold of da: 2 of 2 sentences of test stand in train, too"),
        (1, "gold of da: 1 of 2 sentences of test stand in train, too"),
        (0, None),
    ],
    ids=["all of it", "half of it", "nothing of it"],
)
def test_gold_test_under_the_name_of_train_is_found(tmp_path, train, message):
    of_test = ["Ebbe\tB-PER\nsover\tO\n", "Ruth\tB-PER\nsynger\tO\n"]
    (tmp_path / "test.conll").write_text("\n".join(of_test), encoding="utf-8")
    of_train = ["Liva\tB-PER\nler\tO\n", *(each.upper().replace("\t", " ") for each in of_test[:train])]
    (tmp_path / "train.conll").write_text("\n".join(of_train).replace("\t", " "), encoding="utf-8")
    files = {split: tmp_path / f"{split}.conll" for split in ("train", "test")}

    found = find_test_in_train({"da": load_gold(GoldSource(files=files), "da")})

    assert [(finding.name, finding.message) for finding in found] == (
        [("contamination", message)] if message else []
    )


def test_gold_test_of_another_language_does_not_count(tmp_path):
    assert _found(tmp_path, gold_test={"da": GOLD_TEST["yor"]}) == []


def test_what_the_card_needs_is_found_missing(tmp_path):
    [finding] = _found(tmp_path, description="", authors=[])

    assert (finding.name, finding.message) == (
        "card",
        "the card is incomplete: description and authors missing",
    )
    assert "`description:` and `authors:`" in finding.hint


def test_a_missing_licence_is_found_with_its_reason(tmp_path):
    manifest = manifest_of({}) | {"license": None, "license_problem": "gold of Yoruba has none"}

    [finding] = find_obstacles(tmp_path, manifest, {})

    assert (finding.name, finding.message) == (
        "license",
        "the dataset has no licence: gold of Yoruba has none",
    )


def test_every_finding_that_is_not_accepted_is_named(tmp_path):
    found = _found(tmp_path, [(["Mo", "rí\x00"], ["O", "I-PER"])], description="")

    with pytest.raises(PublishError) as caught:
        refuse_obstacles(found, {"card": "The description comes later."})

    assert "[text]" in caught.value.message
    assert "[iob2]" in caught.value.message
    assert "[card]" not in caught.value.message
    assert "publish: accept: iob2: …" in str(caught.value.hint)
    refuse_obstacles(found, dict.fromkeys(("card", "text", "iob2"), "It is only a trial."))
