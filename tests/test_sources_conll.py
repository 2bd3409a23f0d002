"""Every CoNLL-like layout, written for this project, and what is irregular in them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthner.schema.errors import DataError, WrongUsageError
from synthner.schema.example import Example
from synthner.sources.files import write_atomically
from synthner.sources.readers import read_examples
from synthner.sources.report import Report

ADA = (("Ada", "Obi", "sings", "in", "Lagos"), ("B-PER", "I-PER", "O", "O", "B-LOC"))
RAIN = (("It", "rains"), ("O", "O"))

LAYOUTS = {
    "spaces": "Ada B-PER\nObi I-PER\nsings O\nin O\nLagos B-LOC\n\nIt O\nrains O\n",
    "tabs": "Ada\tB-PER\nObi\tI-PER\nsings\tO\nin\tO\nLagos\tB-LOC\n\nIt\tO\nrains\tO\n\n",
    "no last line end": "Ada\tB-PER\nObi\tI-PER\nsings\tO\nin\tO\nLagos\tB-LOC\n\nIt\tO\nrains\tO",
    "CRLF": "Ada B-PER\r\nObi I-PER\r\nsings O\r\nin O\r\nLagos B-LOC\r\n\r\nIt O\r\nrains O\r\n",
    "tab-only separators": "Ada\tB-PER\nObi\tI-PER\nsings\tO\nin\tO\nLagos\tB-LOC\n\t\nIt\tO\nrains\tO\n\t\n",
    "tag in the last of four": (
        "-DOCSTART- -X- -X- O\n\nAda\t-\t-\tB-PER\nObi\t-\t-\tI-PER\nsings\t-\t-\tO\nin\t-\t-\tO\n"
        "Lagos\t-\t-\tB-LOC\n\nIt\t-\t-\tO\nrains\t-\t-\tO\n"
    ),
    "chunks before tags": (
        "-DOCSTART- -X- -X- O\n\nAda NNP B-NP B-PER\nObi NNP I-NP I-PER\nsings VBZ B-VP O\nin IN B-PP O\n"
        "Lagos NNP B-NP B-LOC\n\nIt PRP B-NP O\nrains VBZ B-VP O\n"
    ),
    "iob2": (
        "# newdoc id = d\n# sent_id = d-1\n# text = Ada Obi sings in Lagos\n1\tAda\tB-PER\t-\t-\n"
        "2\tObi\tI-PER\t-\t-\n3\tsings\tO\t-\t-\n4\tin\tO\t-\t-\n5\tLagos\tB-LOC\t-\t-\n\n"
        "# sent_id = d-2\n# text = It rains\n1\tIt\tO\t-\t-\n2\trains\tO\t-\t-\n\n"
    ),
    "characters between": (
        "Ada\tA d a\tB-PER\nObi\tO b i\tI-PER\nsings\ts i n g s\tO\nin\ti n\tO\nLagos\tL a g o s\tB-LOC\n\n"
        "It\tI t\tO\nrains\tr a i n s\tO\n"
    ),
    "tag first": "B-PER\tAda\nI-PER\tObi\nO\tsings\nO\tin\nB-LOC\tLagos\n\nO\tIt\nO\trains\n",
    "predicted tags last": (
        "Ada B-PER B-PER\nObi I-PER O\nsings O O\nin O O\nLagos B-LOC O\n\nIt O O\nrains O B-LOC\n"
    ),
    "language prefix": (
        "en:Ada\tB-PER\nen:Obi\tI-PER\nen:sings\tO\nen:in\tO\nen:Lagos\tB-LOC\n\nen:It\tO\nen:rains\tO\n"
    ),
    "uneven spaces": "Ada  B-PER\nObi I-PER \nsings O\n in O\nLagos\tB-LOC\n\n\nIt O\nrains O\n",
}

NOTED = {
    "CRLF": {"CRLF line end": 8},
    "tab-only separators": {"separator not empty": 2},
    "tag in the last of four": {"DOCSTART line": 1},
    "chunks before tags": {"DOCSTART line": 1},
    "predicted tags last": {"several tag columns": 1},
    "language prefix": {"prefix removed": 7},
    "uneven spaces": {"extra space": 4, "doubled blank line": 1},
}


def write(folder: Path, text: str, name: str = "data.conll") -> Path:
    path = folder / name
    with write_atomically(path) as stream:
        stream.write(text)
    return path


def read(path: Path) -> tuple[list[Example], dict[str, int]]:
    report = Report()
    examples = list(read_examples(path, report=report))
    return examples, {problem.kind: problem.count for problem in report.problems}


@pytest.mark.parametrize("name", ["data.conll", "data.txt.gz"], ids=["plain", "gzip"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_reads_alike(tmp_path: Path, layout: str, name: str):
    examples, noted = read(write(tmp_path, LAYOUTS[layout], name))
    assert [(example.tokens, example.ner_tags) for example in examples] == [ADA, RAIN]
    assert noted == NOTED.get(layout, {})


@pytest.mark.parametrize(
    ("layout", "ids"),
    [("spaces", ["1", "7"]), ("tag in the last of four", ["3", "9"]), ("iob2", ["d-1", "d-2"])],
)
def test_an_id_is_the_files_own_or_the_first_line(tmp_path: Path, layout: str, ids: list[str]):
    assert [example.id for example in read(write(tmp_path, LAYOUTS[layout]))[0]] == ids


def test_a_repeated_id_gets_a_number(tmp_path: Path):
    sentence = "# sent_id = s\n1\tHi\tO\t-\t-\n\n"
    examples, noted = read(write(tmp_path, sentence * 3))
    assert [example.id for example in examples] == ["s", "s-2", "s-3"]
    assert noted == {"id repeated": 2}


@pytest.mark.parametrize(
    ("text", "tokens", "noted"),
    [
        ("# O\n#rain O\nnow O\n", ("#", "#rain", "now"), {}),
        ("#\tO\n#rain\tO\nnow\tO\n", ("#", "#rain", "now"), {}),
        ("# written by hand\nnow\tO\n", ("now",), {}),
        ("# id 7\tdomain\nnow\tO\n", ("now",), {"comment": 1}),
        ("# sent_id = 7\nnow O\n", ("now",), {"comment": 1}),
    ],
    ids=["spaces", "tabs", "comment", "comment with a tab", "comment among spaces"],
)
def test_a_hash_begins_a_token_or_a_comment(tmp_path: Path, text: str, tokens: tuple, noted: dict):
    examples, found = read(write(tmp_path, text))
    assert [example.tokens for example in examples] == [tokens]
    assert found == noted


def test_a_token_of_a_tab_file_may_hold_spaces(tmp_path: Path):
    examples, noted = read(write(tmp_path, "t ex\tO\nNew York\tB-LOC\n"))
    assert examples[0].tokens == ("t ex", "New York")
    assert noted == {}


@pytest.mark.parametrize(
    ("line", "token", "tag", "kinds"),
    [
        ("Lagos", "Lagos", "?", {"wrong columns"}),
        ("B-LOC", "", "B-LOC", {"wrong columns"}),
        ("New York B-LOC", "New York", "B-LOC", {"wrong columns"}),
        ("Lagos LOC", "Lagos", "LOC", set()),
        ("Lagos B-a,B-b", "Lagos", "B-a", {"two tags"}),
        ("Lagos I-a|I-b", "Lagos", "I-a", {"two tags"}),
    ],
    ids=["no tag", "no token", "token with a space", "no IOB2 tag", "two tags", "two tags with a bar"],
)
def test_an_irregular_line_is_kept_and_reported(tmp_path: Path, line: str, token: str, tag: str, kinds: set):
    examples, noted = read(write(tmp_path, f"Ada B-PER\nin O\n{line}\nnow O\n"))
    assert examples[0].tokens == ("Ada", "in", token, "now")
    assert examples[0].ner_tags == ("B-PER", "O", tag, "O")
    assert set(noted) == kinds


def test_an_irregular_line_is_reported_with_its_number(tmp_path: Path):
    path = write(tmp_path, "# note\nAda\tB-PER\n\nLagos\tB-LOC\nLagos\t\nin\tO\tx\n")
    report = Report()
    list(read_examples(path, report=report))
    assert [(problem.kind, problem.first.file, problem.first.line) for problem in report.problems] == [
        ("wrong columns", str(path), 6)
    ]


def test_a_document_line_parts_sentences(tmp_path: Path):
    examples, noted = read(write(tmp_path, "Ada B-PER\n-DOCSTART- O\nIt O\nrains O\n"))
    assert [example.tokens for example in examples] == [("Ada",), ("It", "rains")]
    assert [example.id for example in examples] == ["1", "3"]
    assert noted == {"DOCSTART line": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no sentences"),
        ("\n \n\t\n", "holds no sentences"),
        ("# only\n# comments\n", "no column holds"),
        ("It\nrains\n\nnow\n", "one column and no tags"),
        ("It is\nraining now\n", "no column holds"),
        ("-DOCSTART- O\n\n", "holds no sentences"),
        ("so O\n" * 100_001, "no blank line"),
    ],
    ids=["empty", "blank", "comments", "tokens only", "prose", "document line", "no end"],
)
def test_a_file_without_labelled_sentences_is_an_error(tmp_path: Path, text: str, message: str):
    with pytest.raises(DataError, match=message) as error:
        read(write(tmp_path, text))
    assert error.value.where is not None
    assert "data.conll" in error.value.where


def test_an_unknown_format_is_wrong_usage(tmp_path: Path):
    with pytest.raises(WrongUsageError, match="conl`"):
        list(read_examples(write(tmp_path, "a O\n"), format="conl"))


def test_the_format_asked_for_overrides_the_name(tmp_path: Path):
    path = write(tmp_path, "Ada B-PER\n", "data.jsonl")
    assert next(read_examples(path, format="conll")).tokens == ("Ada",)


TOKENS = st.text(
    st.characters(exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp")), min_size=1, max_size=8
).filter(lambda token: not token.startswith(("#", "-DOCSTART-")))
TAGS = st.sampled_from(["O", "O", "B-PER", "I-PER", "B-creative-work", "I-LOC"])
SENTENCES = st.lists(st.lists(st.tuples(TOKENS, TAGS), min_size=1, max_size=6), min_size=1, max_size=6)


@pytest.mark.parametrize("separator", [" ", "\t"], ids=["spaces", "tabs"])
@given(sentences=SENTENCES)
def test_what_is_written_as_conll_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, separator: str, sentences: list
):
    # Tokens that all begin like `en:` are read as WikiANN's; one that does not keeps them as they are.
    rows = [[("start", "O")], *sentences]
    text = "".join("".join(f"{token}{separator}{tag}\n" for token, tag in row) + "\n" for row in rows)
    examples, noted = read(write(tmp_path_factory.mktemp("conll"), text))
    found = [list(zip(example.tokens, example.ner_tags, strict=True)) for example in examples]
    assert found == rows
    assert noted == {}
