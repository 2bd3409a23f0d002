"""Rows on disk: read back as they were written, in any order, whatever they hold."""

import tempfile
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthner.builders.curation.labelling import LabelChange
from synthner.builders.curation.spill import Spill, SpilledExamples
from synthner.builders.curation.verdicts import Verdict, Verdicts
from synthner.builders.curation.views import Chosen, Made
from synthner.schema.errors import DataError
from synthner.schema.example import Example

texts = st.text(st.characters(exclude_categories=()), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts | st.binary(max_size=20),
    lambda inner: st.tuples(inner, inner),
    max_leaves=4,
)


def spilled(rows):
    spill = Spill()
    for row in rows:
        spill.add(row)
    return spill


@given(st.lists(values, max_size=20), st.randoms(use_true_random=False))
def test_values_come_back_as_they_were(rows, random):
    spill = spilled(rows)
    order = random.sample(range(len(rows)), len(rows))
    assert len(spill) == len(rows)
    assert list(spill) == rows
    assert [spill[place] for place in order] == [rows[place] for place in order]
    assert list(Chosen(spill, order)) == [rows[place] for place in order]


def test_rows_are_read_while_others_are_added_and_read():
    rows = [("x" * (number % 700), number) for number in range(2_000)]
    spill = Spill()
    for number, row in enumerate(rows):
        spill.add(row)
        assert spill[number // 2] == rows[number // 2]
    assert all(one == other == row for one, other, row in zip(spill, spill, rows, strict=True))
    order = Random(1).sample(range(len(rows)), len(rows))
    assert list(spill.at(order)) == [rows[place] for place in order]


def test_a_view_is_read_like_a_list():
    numbers = spilled(range(100))
    squares = Made(lambda one, other: one * other, numbers, numbers)
    assert squares[-1] == 99 * 99
    assert list(squares[10:40][5:-5:2]) == [number**2 for number in range(15, 35, 2)]
    assert list(Chosen(squares, range(90, 100))[2:4]) == [92**2, 93**2]
    assert 49 in squares
    with pytest.raises(IndexError):
        squares[100]


def test_examples_and_verdicts_come_back_as_they_were():
    examples = [
        Example("a", ("Ada", "sings"), ("B-PER", "O")),
        Example("a-2", ("\ud800", "線", ""), ("?", "B-LOC", "no tag at all")),
        Example("", (), ()),
    ]
    verdicts = [
        Verdict(),
        Verdict(False, "repeats", "repeats a"),
        Verdict(True, changes=(LabelChange("types", 1, "B-LOC", "B-PER"),), agreement=0.1 + 0.2),
    ]
    on_disk, judged = SpilledExamples(), Verdicts()
    for example, verdict in zip(examples, verdicts, strict=True):
        on_disk.add(example)
        judged.add(verdict)
    assert list(on_disk) == [on_disk[place] for place in range(3)] == examples
    assert list(judged) == [judged[place] for place in range(3)] == verdicts


def test_nothing_to_be_found_is_written_to_the_folder_for_temporary_files(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    spill = spilled("x" * 10_000 for _ in range(100))
    assert list(tmp_path.iterdir()) == []
    assert spill[99] == "x" * 10_000


def test_a_folder_that_is_not_there_is_a_clear_error(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(DataError, match="temporary files cannot be written") as refused:
        Spill()
    assert refused.value.where == str(tmp_path / "gone")
    assert "TMPDIR" in (refused.value.hint or "")
