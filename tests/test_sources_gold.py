"""Gold data made sound, from files, and the corpora known by name."""

import re
from pathlib import Path

import pytest

from synthner.schema.errors import DataError
from synthner.schema.example import Example
from synthner.schema.labels import LabelSet
from synthner.sources.corpora import CORPORA, corpus
from synthner.sources.gold import Gold, GoldSource, load_gold

TRAIN = "Ada B-PER\nObi I-PER\n\nin O\nLagos I-LOC\n\nso O\n"
TEST = "Kano B-LOC\nState I-LOC\n\nmay B-DATE\nAda B-PER\n"


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def gold_of(folder: Path, train: str = TRAIN, test: str | None = None, **rest) -> Gold:
    files = {"train": write(folder, "train.conll", train)}
    if test is not None:
        files["test"] = write(folder, "test.conll", test)
    policy = rest.pop("iob2_policy", "conlleval")
    return load_gold(GoldSource(files=files, **rest), "yor", iob2_policy=policy)


def noted(gold: Gold) -> dict[str, tuple[int, int]]:
    return {problem.kind: (problem.count, problem.first.line) for problem in gold.report.problems}


def test_gold_is_sound_and_says_what_was_repaired(tmp_path: Path):
    gold = gold_of(tmp_path, license="cc0-1.0")
    assert gold.splits == {
        "train": (
            Example("1", ("Ada", "Obi"), ("B-PER", "I-PER")),
            Example("4", ("in", "Lagos"), ("O", "B-LOC")),
            Example("7", ("so",), ("O",)),
        )
    }
    assert gold.labels == LabelSet.of_types(["PER", "LOC"])
    assert (gold.license, gold.citation, gold.title, gold.hub) == ("cc0-1.0", None, "train.conll", None)
    assert noted(gold) == {"orphan I- tag": (1, 5), "I- tag repaired": (1, 5)}


@pytest.mark.parametrize(("policy", "tag"), [("conlleval", "B-LOC"), ("discard", "O"), ("begin", "B-LOC")])
def test_the_policy_decides_what_a_misplaced_tag_means(tmp_path: Path, policy: str, tag: str):
    assert gold_of(tmp_path, iob2_policy=policy).splits["train"][1].ner_tags == ("O", tag)


def test_a_policy_nobody_knows_is_an_error(tmp_path: Path):
    with pytest.raises(DataError, match="conleval") as error:
        gold_of(tmp_path, iob2_policy="conleval")
    assert error.value.hint == "Did you mean `conlleval`?"


def test_types_that_the_labels_do_not_have_are_read_as_outside(tmp_path: Path):
    gold = gold_of(tmp_path, test=TEST)
    assert [example.ner_tags for example in gold.splits["test"]] == [("B-LOC", "I-LOC"), ("O", "B-PER")]
    assert noted(gold)["type read as O"] == (1, 4)
    narrow = gold_of(tmp_path, test=TEST, labels=LabelSet.of_types(["DATE"]))
    assert [example.ner_tags for example in narrow.splits["test"]] == [("O", "O"), ("B-DATE", "O")]
    assert noted(narrow)["type read as O"] == (4, 1)
    assert narrow.labels.names == ("O", "B-DATE", "I-DATE")


@pytest.mark.parametrize(
    "bad",
    ["Ada PER\nsings O\n", "Ada\nsings O\n", "\u200b O\nsings O\n", "B-PER\nsings O\n"],
    ids=["invalid tag", "no tag", "blank token", "no token"],
)
def test_sentences_that_cannot_be_used_are_left_out_and_counted(tmp_path: Path, bad: str):
    gold = gold_of(tmp_path, train=f"Ada B-PER\nsings O\n\n{bad}\nKano B-LOC\n")
    assert [example.id for example in gold.splits["train"]] == ["1", "7"]
    assert noted(gold)["sentence left out"] == (1, 4)


def test_half_a_character_never_reaches_a_prompt(tmp_path: Path):
    rows = '{"tokens": ["Ada"], "ner_tags": [1]}\n{"tokens": ["\\ud83d"], "ner_tags": [0]}\n'
    path = write(tmp_path, "train.jsonl", rows)
    gold = load_gold(GoldSource(files={"train": path}, labels=LabelSet.of_types(["PER"])), "yor")
    assert [example.tokens for example in gold.splits["train"]] == [("Ada",)]
    assert noted(gold)["sentence left out"] == (1, 2)


@pytest.mark.parametrize(
    ("train", "message"), [("so O\n", "no mention"), ("Ada O\nso O\nhe X\n", "no sentence with sound labels")]
)
def test_gold_without_labels_is_an_error(tmp_path: Path, train: str, message: str):
    with pytest.raises(DataError, match=message):
        gold_of(tmp_path, train=train)


def test_the_revision_is_the_content_of_the_files(tmp_path: Path):
    first = gold_of(tmp_path).revision
    assert re.fullmatch("sha256:[0-9a-f]{64}", first)
    (tmp_path / "copy").mkdir()
    assert gold_of(tmp_path / "copy").revision == first
    assert gold_of(tmp_path, train=TRAIN + "\nnow O\n").revision != first


@pytest.mark.parametrize(
    "source",
    [GoldSource(), GoldSource(corpus="wnut17", hub="a/b"), GoldSource(hub="a/b", files={"train": Path("x")})],
    ids=["none", "corpus and hub", "hub and files"],
)
def test_exactly_one_source_is_given(source: GoldSource):
    with pytest.raises(DataError, match="gold data is given as"):
        load_gold(source, "en")


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(DataError, match="no such file") as error:
        load_gold(GoldSource(files={"train": tmp_path / "absent.conll"}), "yor")
    assert error.value.where == str(tmp_path / "absent.conll")


@pytest.mark.parametrize("entry", CORPORA.values(), ids=CORPORA)
def test_every_corpus_says_where_it_is_and_how_to_cite_it(entry):
    assert re.fullmatch(r"[\w-]+/[\w.-]+", entry.hub)
    assert entry.license
    assert entry.note or entry.license not in ("other", "unknown")
    assert entry.homepage.startswith("https://")
    assert entry.citation.startswith("@")
    assert entry.citation.count("{") == entry.citation.count("}")
    if entry.tag_names:
        LabelSet.of_types(entry.types)
        assert set(entry.tag_names) <= set(LabelSet.of_types(entry.types).names)


@pytest.mark.parametrize(
    ("name", "code", "config"),
    [
        ("masakhaner2", "yor", "yor"),
        ("universal_ner", "da", "da_ddt"),
        ("universal_ner", "dan", "da_ddt"),
        ("naamapadam", "kan", "kn"),
        ("wikiann", "yor", "yo"),
        ("wnut17", "en", "wnut_17"),
    ],
)
def test_a_language_decides_the_config(name: str, code: str, config: str):
    assert corpus(name).config_of(code) == config


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("universal_ner", "yor", "no language `yor`"),
        ("crossner", "en", "several configs"),
        ("masakaner2", "yor", "no corpus"),
    ],
)
def test_what_a_corpus_does_not_have_is_an_error_with_a_hint(name: str, code: str, message: str):
    with pytest.raises(DataError, match=message) as error:
        corpus(name).config_of(code)
    assert error.value.hint
