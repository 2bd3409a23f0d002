"""Text without labels, whatever file it stands in."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from synthner.schema.errors import DataError
from synthner.schema.labels import LabelSet
from synthner.sources.unlabelled_text import read_unlabelled

LABELS = LabelSet.of_types(["PER"])


def read(path: Path, **options) -> list[tuple[str, str]]:
    return [(sentence.id, " ".join(sentence.tokens)) for sentence in read_unlabelled(path, **options)]


def test_plain_text_is_split_line_by_line(tmp_path):
    text = "Bo bor i Thy.\n\n  \nO gato, o rato.\nI 1999 kom Maja.\r\n# 5\n"
    for name, data in (("a.txt", text.encode()), ("a.txt.gz", gzip.compress(text.encode()))):
        (tmp_path / name).write_bytes(data)
        assert read(tmp_path / name) == [
            ("1", "Bo bor i Thy ."),
            ("4", "O gato , o rato ."),
            ("5", "I 1999 kom Maja ."),
            ("6", "# 5"),
        ]


def test_words_that_gold_has_stay_whole(tmp_path):
    (tmp_path / "a.txt").write_text("'yan sanda\n", encoding="utf-8")
    assert read(tmp_path / "a.txt", known={"'yan"}) == [("1", "'yan sanda")]


@pytest.mark.parametrize("separator", [" ", "\t"])
def test_conll_files_lose_their_labels(tmp_path, separator):
    lines = ["Bo B-PER", "bor O", ". O", "", "Maja B-PER", "sover O", ""]
    (tmp_path / "a.txt").write_text("\n".join(lines).replace(" ", separator), encoding="utf-8")
    assert read(tmp_path / "a.txt") == [("1", "Bo bor ."), ("5", "Maja sover")]


def test_text_whose_lines_have_a_word_that_is_a_label_is_text(tmp_path):
    (tmp_path / "a.txt").write_text("O gato dorme\nO rato foge\nUm rato come\nEla vê O\n", encoding="utf-8")
    assert len(read(tmp_path / "a.txt")) == 4


def test_text_whose_every_line_begins_as_a_comment_does_is_text(tmp_path):
    (tmp_path / "a.txt").write_text("# O gato\n# O rato\n", encoding="utf-8")
    assert read(tmp_path / "a.txt") == [("1", "# O gato"), ("2", "# O rato")]


def test_jsonl_has_tokens_or_text(tmp_path):
    rows = [
        {"id": "x", "tokens": ["Bo's", "hus."], "ner_tags": [1, 0]},
        {"text": "Bo's hus."},
        {"idx": 7, "sentence": "Ja!"},
        {"text": " "},
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n\n", encoding="utf-8")
    assert read(tmp_path / "a.jsonl") == [("x", "Bo's hus."), ("2", "Bo's hus ."), ("7", "Ja !")]


@pytest.mark.parametrize(
    "line", ['{"tokens": 5}', '{"tokens": ["a", 5]}', '{"titel": "a"}', '{"text": null}', "[1]"]
)
def test_a_line_of_jsonl_that_is_no_sentence_is_named(tmp_path, line):
    (tmp_path / "a.jsonl").write_text(f'{{"text": "ja"}}\n{line}\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"a\.jsonl:2: the line is no sentence"):
        read(tmp_path / "a.jsonl")


def test_parquet_loses_its_labels(tmp_path):
    table = pa.table({"tokens": [["Bo", "sover"]], "ner_tags": [[1, 0]]})
    pq.write_table(table, tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet", labels=LABELS) == [("1", "Bo sover")]


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match="there is no such file"):
        read(tmp_path / "a.txt")


@pytest.mark.parametrize(
    "name",
    [
        "masakhaner2/yor/train.txt.gz",
        "il_ner/Hindi/Hindi-train.txt.gz",
        "multiner_en_si_ta/Final_Tamil.txt.gz",
    ],
)
def test_real_corpora_are_recognised_as_such(shared, name):
    sentences = list(read_unlabelled(shared / "data" / name))
    assert len(sentences) > 3_000
    assert sum(len(sentence.tokens) for sentence in sentences) > 10 * len(sentences)
