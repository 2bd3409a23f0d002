"""JSONL, parquet and Arrow: rows that hold a sentence each."""

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthner.schema.errors import DataError
from synthner.schema.example import Example
from synthner.schema.labels import LabelSet
from synthner.sources.readers import read_examples
from synthner.sources.report import Report
from synthner.sources.tag_probabilities import read_tag_probabilities

LABELS = LabelSet.of_types(["PER", "LOC"])
NAMES = {"tokens": ["Ada", "sings"], "ner_tags": ["B-PER", "O"]}
NUMBERS = {"tokens": ["Ada", "sings"], "ner_tags": [1, 0]}


def write_jsonl(folder: Path, *rows: Any, name: str = "data.jsonl") -> Path:
    path = folder / name
    lines = (row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def read(path: Path, labels: LabelSet | None = None) -> tuple[list[Example], dict[str, tuple[int, int]]]:
    report = Report()
    examples = list(read_examples(path, labels=labels, report=report))
    return examples, {problem.kind: (problem.count, problem.first.line) for problem in report.problems}


@pytest.mark.parametrize("keys", [("tokens", "ner_tags"), ("tokens", "tags"), ("words", "labels")])
@pytest.mark.parametrize("tags", [["B-PER", "O"], [1, 0]], ids=["names", "integers"])
def test_tags_are_names_or_integers_under_any_usual_key(tmp_path: Path, keys: tuple[str, str], tags: list):
    path = write_jsonl(tmp_path, {keys[0]: ["Ada", "sings"], keys[1]: tags, "text": "Ada sings"})
    assert read(path, LABELS) == ([Example("1", ("Ada", "sings"), ("B-PER", "O"))], {})


def test_integers_without_names_say_how_to_give_them(tmp_path: Path):
    with pytest.raises(DataError, match="--labels O,B-PER") as error:
        read(write_jsonl(tmp_path, NAMES, NUMBERS))
    assert error.value.where == f"{tmp_path / 'data.jsonl'}:2"


def test_an_id_is_the_rows_own_or_its_line(tmp_path: Path):
    path = write_jsonl(tmp_path, {"id": "x", **NAMES}, {"id": 7, **NAMES}, "", {"id": None, **NAMES})
    assert [example.id for example in read(path)[0]] == ["x", "7", "4"]


@pytest.mark.parametrize(
    ("tags", "read_as"),
    [
        ([9, 0], ("9", "O")),
        ([-1, 0], ("-1", "O")),
        ([None, "O"], ("?", "O")),
        ([" ", "O"], ("?", "O")),
        ([True, 1.5], ("True", "1.5")),
        (["B-a,B-b", "PER"], ("B-a", "PER")),
        ([1, "O"], ("B-PER", "O")),
    ],
    ids=["too high", "negative", "null", "blank", "other types", "two tags", "mixed"],
)
def test_a_tag_that_is_no_label_is_kept_as_found(tmp_path: Path, tags: list, read_as: tuple):
    examples, _ = read(write_jsonl(tmp_path, {"tokens": ["Ada", "sings"], "ner_tags": tags}), LABELS)
    assert examples[0].ner_tags == read_as


@pytest.mark.parametrize(
    "row",
    [
        "no json",
        "[1, 2]",
        '{"tokens": ["Ada"]',
        "[" * 100_000,
        {"tokens": ["Ada"]},
        {"tokens": "Ada", "ner_tags": ["O"]},
        {"tokens": ["Ada"], "ner_tags": "O"},
        {"tokens": [], "ner_tags": []},
        {"tokens": [2026], "ner_tags": ["O"]},
        {"tokens": [None], "ner_tags": ["O"]},
    ],
    ids=str,
)
def test_a_row_that_is_no_sentence_is_left_out_and_counted(tmp_path: Path, row: Any):
    examples, noted = read(write_jsonl(tmp_path, NAMES, row, NAMES))
    assert [example.id for example in examples] == ["1", "3"]
    assert noted == {"unreadable row": (1, 2)}


def test_a_row_of_unequal_lengths_is_no_example(tmp_path: Path):
    examples, noted = read(write_jsonl(tmp_path, {"tokens": ["Ada"], "ner_tags": ["O", "O"]}, NAMES))
    assert [example.id for example in examples] == ["2"]
    assert noted == {"lengths differ": (1, 1)}


def test_jsonl_without_a_sentence_says_what_came_first(tmp_path: Path):
    with pytest.raises(DataError, match="line 1, unreadable row"):
        read(write_jsonl(tmp_path, {"sentence": "Ada sings"}))


def test_jsonl_is_recognised_by_its_content(tmp_path: Path):
    assert len(read(write_jsonl(tmp_path, NAMES, name="data.txt"))[0]) == 1
    braces = tmp_path / "braces.txt"
    braces.write_text("{ O\nAda B-PER\n} O\n", encoding="utf-8")
    assert read(braces)[0][0].tokens == ("{", "Ada", "}")


def test_a_line_of_jsonl_may_be_long(tmp_path: Path):
    tokens = ["word"] * 300_000
    path = write_jsonl(tmp_path, {"tokens": tokens, "ner_tags": ["O"] * len(tokens)})
    assert len(read(path)[0][0].tokens) == 300_000


def table(tags: pa.Array, metadata: dict[bytes, bytes] | None = None) -> pa.Table:
    columns = {
        "id": pa.array(["a", "b", "c"]),
        "tokens": pa.array([["Ada", "sings"], ["no"], ["in", "Lagos"]]),
        "ner_tags": tags,
    }
    return pa.table(columns).replace_schema_metadata(metadata)


def class_label(names: list[str], form: str) -> dict[bytes, bytes]:
    label: Any = {"names": names, "_type": "ClassLabel"}
    feature = [label] if form == "list" else {"feature": label, "_type": form}
    return {b"huggingface": json.dumps({"info": {"features": {"ner_tags": feature}}}).encode()}


INTEGERS = pa.array([[1, 0], [0], [0, 3]])
STRINGS = pa.array([["B-PER", "O"], ["O"], ["O", "B-LOC"]])
TABLES = {
    "class labels": table(INTEGERS, class_label(list(LABELS.names), "List")),
    "class labels of old": table(INTEGERS, class_label(list(LABELS.names), "list")),
    "large lists": table(STRINGS.cast(pa.large_list(pa.large_string()))),
    "names": table(STRINGS),
    "sliced": pa.concat_tables([table(STRINGS), table(STRINGS)]).slice(3),
    "dictionary": table(STRINGS.cast(pa.list_(pa.dictionary(pa.int32(), pa.string())))),
}
KINDS = ["parquet", "parquet.gz", "arrow", "arrow.gz", "stream", "stream.gz"]
EXPECTED = [
    Example("a", ("Ada", "sings"), ("B-PER", "O")),
    Example("b", ("no",), ("O",)),
    Example("c", ("in", "Lagos"), ("O", "B-LOC")),
]


def write_table(folder: Path, content: pa.Table, kind: str) -> Path:
    path = folder / f"data.{kind}"
    if kind.startswith("parquet"):
        pyarrow.parquet.write_table(content, path, row_group_size=2)
    elif kind.startswith("arrow"):
        with pa.ipc.new_file(path, content.schema) as writer:
            writer.write_table(content)
    else:
        with pa.ipc.new_stream(path, content.schema) as writer:
            writer.write_table(content)
    if kind.endswith(".gz"):
        path.write_bytes(gzip.compress(path.read_bytes()))
    return path


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", TABLES)
def test_tables_are_read_whatever_their_types(tmp_path: Path, name: str, kind: str):
    assert read(write_table(tmp_path, TABLES[name], kind)) == (EXPECTED, {})


def test_integer_tags_of_a_table_need_names_from_somewhere(tmp_path: Path):
    path = write_table(tmp_path, table(INTEGERS), "parquet")
    assert read(path, LABELS) == (EXPECTED, {})
    with pytest.raises(DataError, match="--labels"):
        read(path)


@pytest.mark.parametrize("kind", KINDS)
def test_probabilities_of_labels_are_read_from_every_kind_of_table(tmp_path: Path, kind: str):
    sure, unsure = [0.0, 1.0, 0.0], [0.5, 0.25, 0.25]
    rows = {"a": [sure, unsure], "b": [unsure], "c": [unsure, sure]}
    content = table(pa.array([[1, 0], [0], [0, 1]]), class_label(["O", "B-PER", "I-PER"], "List"))
    content = content.append_column("tag_probabilities", pa.array(list(rows.values())))

    found = read_tag_probabilities(write_table(tmp_path, content, kind))

    assert found is not None
    assert found.labels == ("O", "B-PER", "I-PER")
    assert {id_: probabilities.tolist() for id_, probabilities in found.of_row.items()} == rows


def test_files_of_text_have_no_probabilities_of_labels(tmp_path: Path):
    row = {**NUMBERS, "tag_probabilities": [[0.75, 0.25], [0.5, 0.5]]}
    assert read_tag_probabilities(write_jsonl(tmp_path, row)) is None


def test_a_tables_own_names_count_more_than_those_given(tmp_path: Path):
    names = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
    path = write_table(tmp_path, table(INTEGERS, class_label(names, "List")), "parquet")
    assert read(path, LABELS)[0][0].ner_tags == ("B-LOC", "O")


def test_nulls_in_tables_are_found(tmp_path: Path):
    content = pa.table(
        {
            "tokens": pa.array([["Ada"], None, ["in"], ["no", None]]),
            "ner_tags": pa.array([[1], [0], [None], [0, 0]]),
        }
    )
    examples, noted = read(write_table(tmp_path, content, "parquet"), LABELS)
    assert [(example.id, example.ner_tags) for example in examples] == [("1", ("B-PER",)), ("3", ("?",))]
    assert noted == {"unreadable row": (2, 2)}


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"PAR1 and no more", "parquet file cannot be read"), (b"ARROW1 and no more", "Arrow file cannot be")],
)
def test_a_broken_table_is_an_error(tmp_path: Path, content: bytes, message: str):
    path = tmp_path / "broken"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read(path)


def test_a_table_without_the_columns_names_those_it_has(tmp_path: Path):
    with pytest.raises(DataError, match="only text"):
        read(write_table(tmp_path, pa.table({"text": ["Ada sings"]}), "parquet"))


TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
TAGS = st.sampled_from(LABELS.names)
ROWS = st.lists(st.lists(st.tuples(TEXTS, TAGS), min_size=1, max_size=6), min_size=1, max_size=6)


@given(rows=ROWS, as_numbers=st.booleans())
def test_what_is_written_as_jsonl_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list, as_numbers: bool
):
    path = write_jsonl(
        tmp_path_factory.mktemp("jsonl"),
        *(
            {
                "tokens": [token for token, _ in row],
                "ner_tags": [LABELS.ids[tag] if as_numbers else tag for _, tag in row],
            }
            for row in rows
        ),
    )
    examples, noted = read(path, LABELS)
    assert [list(zip(example.tokens, example.ner_tags, strict=True)) for example in examples] == rows
    assert noted == {}
