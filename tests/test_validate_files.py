"""`validate_files`: what is wrong with files of labelled sentences, with file and line."""

import contextlib
import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthner.schema.errors import DataError
from synthner.schema.labels import LabelSet
from synthner.sources.checks import problems_of_token
from synthner.sources.readers import FORMATS
from synthner.sources.report import KINDS, Report
from synthner.sources.validation import Validation, validate_files


def write(folder: Path, text: str, name: str = "train.conll") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def found(validation: Validation) -> dict[str, tuple[int, int]]:
    return {problem.kind: (problem.count, problem.first.line) for problem in validation.problems}


def test_sound_files_are_counted_and_acceptable(tmp_path: Path):
    train = write(tmp_path, "Ada B-PER\nObi I-PER\nsings O\n\nLagos B-LOC\nKano B-LOC\n")
    test = write(tmp_path, "It O\nrains O\n", "test.conll")
    validation = validate_files([train, test])
    assert validation.as_json() == {"examples": 3, "tokens": 7, "entities": 3, "problems": []}
    assert validation.acceptable


def test_a_problem_is_shown_with_its_first_place(tmp_path: Path):
    path = write(tmp_path, "Ada B-PER\n\nin O\nLagos I-LOC\nKano I-LOC\n\nAba I-LOC\n")
    validation = validate_files([path])
    assert validation.as_json()["problems"] == [
        {
            "kind": "orphan I- tag",
            "count": 2,
            "severity": "error",
            "first": {"file": str(path), "line": 4, "token": "Lagos", "label": "I-LOC"},
        }
    ]
    assert not validation.acceptable


@pytest.mark.parametrize(
    ("text", "kinds", "entities", "acceptable"),
    [
        ("Ada B-PER\nObi I-LOC\n", {"I- tag of another type": (1, 2)}, 2, False),
        ("Ada B-PER\nObi PER\nEke I-PER\n", {"invalid tag": (1, 2), "orphan I- tag": (1, 3)}, 2, False),
        ("Ada B-PER\nObi\nEke B-PER\n", {"wrong columns": (1, 2), "tag missing": (1, 2)}, 2, False),
        ("Ada B-PER\nObi B-PER,B-LOC\n", {"two tags": (1, 2)}, 2, False),
        ("Ada B-PER\n\nAda B-PER\n", {"sentence repeated": (1, 3)}, 2, True),
        ("Ada B-PER\n\nAda O\n", {"two labellings": (1, 3), "sentence repeated": (1, 3)}, 1, True),
        ("Ada B-PER\n\u200b O\n", {"blank token": (1, 2)}, 1, False),
        ("Ada B-PER\n\u0301e\u0301 O\n", {"not NFC": (1, 2)}, 1, True),
    ],
    ids=["type change", "invalid", "missing", "two tags", "repeated", "two labellings", "blank", "not NFC"],
)
def test_what_is_irregular_is_found(tmp_path: Path, text: str, kinds: dict, entities: int, acceptable: bool):
    validation = validate_files([write(tmp_path, text)])
    assert found(validation) == kinds
    assert validation.entities == entities
    assert validation.acceptable is acceptable


@pytest.mark.parametrize(
    ("token", "kinds"),
    [
        ("Lagos", set()),
        ("Ẹ̀kọ́", set()),
        ("ශ්\u200dරී", {"zero-width character"}),
        (unicodedata.normalize("NFD", "é"), {"not NFC"}),
        ("New York", {"space in a token"}),
        ("5\u00a0000", {"space in a token"}),
        (" Lagos", {"space around a token"}),
        ("a\x07", {"control character"}),
        ("caf\ufffd", {"replacement character"}),
        ("\ue310", {"unassigned character"}),
        ("\u0378", {"unassigned character"}),
        ("\ud83d", {"unassigned character"}),
        ("", {"blank token"}),
        (" ", {"blank token"}),
        ("\u200b\ufeff", {"blank token"}),
        ("\ufffd \x07", {"replacement character", "control character", "space in a token"}),
    ],
)
def test_the_characters_of_a_token_are_checked(token: str, kinds: set[str]):
    assert set(problems_of_token(token)) == kinds


def test_sentences_of_an_earlier_file_are_found(tmp_path: Path):
    train = write(tmp_path, "It O\nrains O\n\nAda B-PER\n")
    dev = write(tmp_path, "so O\n", "dev.conll")
    test = write(tmp_path, "Ada O\n\nIt O\nrains O\n\nIt O\nrains O\n\nnow O\n", "test.conll")
    validation = validate_files([train, dev, test])
    assert found(validation) == {"two labellings": (1, 1), "sentence in an earlier file": (3, 1)}
    assert all(problem.first.file == str(test) for problem in validation.problems)


def test_types_that_only_a_later_file_has_are_found(tmp_path: Path):
    train = write(tmp_path, "Ada B-PER\n")
    test = write(tmp_path, "Kano B-LOC\nAba B-LOC\n\nmay B-DATE\n1st I-DATE\n", "test.conll")
    validation = validate_files([train, test])
    assert found(validation) == {"type not in an earlier file": (2, 1)}
    assert validation.acceptable


def test_labels_say_which_tags_may_be_there(tmp_path: Path):
    path = write(tmp_path, "Ada B-PER\nKano B-LOC\n")
    validation = validate_files([path], labels=LabelSet.of_types(["PER"]))
    assert found(validation) == {"label not in the set": (1, 2)}
    assert not validation.acceptable


def test_rows_of_unequal_lengths_and_half_characters_are_shown_safely(tmp_path: Path):
    rows = [
        {"tokens": ["Ada", "sings"], "ner_tags": ["B-PER"]},
        {"tokens": ["\ud83d" + "x" * 500], "ner_tags": ["LOC"]},
    ]
    path = write(tmp_path, "".join(json.dumps(row) + "\n" for row in rows), "data.jsonl")
    validation = validate_files([path])
    assert found(validation) == {
        "lengths differ": (1, 1),
        "invalid tag": (1, 2),
        "unassigned character": (1, 2),
    }
    assert (validation.examples, validation.tokens) == (2, 3)
    shown = json.dumps(validation.as_json(), ensure_ascii=False)
    assert len(shown.encode("utf-8")) < 2000


def test_an_empty_file_among_others_is_an_error(tmp_path: Path):
    with pytest.raises(DataError, match="holds no sentences") as error:
        validate_files([write(tmp_path, "Ada B-PER\n"), write(tmp_path, "", "test.conll")])
    assert error.value.where == str(tmp_path / "test.conll")


LINES = [
    "O",
    "B-PER",
    "I-LOC",
    "B-a,B-b",
    "#",
    "# ",
    "-DOCSTART-",
    "en:",
    "1",
    '{"tokens": ["a"], "tags": ["O"]}',
]
MARKS = [" ", "\t", "\n", "\n\n", "\r\n", "{", "[", "]", "\ufeff", "\u200b", "\u2028", "\x00", "é"]
PIECES = st.sampled_from([*LINES, *MARKS])
CONTENTS = st.one_of(
    st.lists(PIECES, max_size=30).map(lambda pieces: "".join(pieces).encode()),
    st.tuples(
        st.sampled_from([b"", b"PAR1", b"ARROW1\0\0", b"\xff\xff\xff\xff", b"\x1f\x8b\x08"]), st.binary()
    ).map(b"".join),
)


@given(content=CONTENTS, format_=st.sampled_from([None, *FORMATS]))
def test_any_file_is_validated_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, format_: str | None
):
    path = tmp_path_factory.mktemp("any") / "file"
    path.write_bytes(content)
    with contextlib.suppress(DataError):
        validation = validate_files([path], format=format_)
        assert validation.examples > 0
        assert json.dumps(validation.as_json(), ensure_ascii=False).encode("utf-8")


def test_a_kind_nobody_declared_cannot_be_reported():
    with pytest.raises(KeyError):
        Report().add("somewhat odd", file="a", line=1)


def test_problems_come_in_the_order_of_the_kinds(tmp_path: Path):
    path = write(tmp_path, "It  O\n\nAda B-PER\nObi I-LOC\n\nIt O\n\n\nEke I-PER\nso PER\n")
    kinds = list(found(validate_files([path])))
    assert kinds == sorted(kinds, key=list(KINDS).index)
    assert len(kinds) == 6
