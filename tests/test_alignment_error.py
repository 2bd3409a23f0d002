"""Alignment error rate, precision and recall, with sure and possible links."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthner.projection.alignment_error import GoldAlignment, alignment_error, read_gold
from synthner.projection.alignments import read_alignments
from synthner.schema.errors import DataError

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "projection" / "awesome_align"

links = st.frozensets(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=8)
golds = st.builds(lambda sure, more: GoldAlignment(sure, sure | more), links, links)


def test_the_rates_are_those_of_their_definition():
    gold = [GoldAlignment(frozenset({(0, 0), (1, 1)}), frozenset({(0, 0), (1, 1), (1, 2), (2, 2)}))]

    error = alignment_error(gold, [{(0, 0), (1, 2), (3, 3)}])

    # Two of three links are in gold, one of two sure links is found, and AER is 1 - (1 + 2) / (3 + 2).
    assert error.precision == pytest.approx(2 / 3)
    assert error.recall == pytest.approx(1 / 2)
    assert error.aer == pytest.approx(2 / 5)


@given(st.lists(st.tuples(golds, links), max_size=5))
def test_rates_lie_between_nothing_and_one(sentences):
    error = alignment_error([gold for gold, _ in sentences], [found for _, found in sentences])

    assert 0 <= error.aer <= 1
    assert 0 <= error.precision <= 1
    assert 0 <= error.recall <= 1


@given(st.lists(golds, min_size=1, max_size=5))
def test_between_what_is_sure_and_what_is_possible_nothing_is_wrong(gold):
    assert alignment_error(gold, [each.sure for each in gold]).aer == 0
    assert alignment_error(gold, [each.possible for each in gold]).aer == 0


@given(links)
def test_without_possible_links_aer_is_one_minus_f1(found):
    sure = frozenset({(0, 0), (1, 3), (2, 2)})

    error = alignment_error([GoldAlignment(sure, sure)], [found])

    assert error.aer == pytest.approx(1 - 2 * len(sure & found) / (len(sure) + len(found)))


def test_as_many_alignments_as_gold():
    with pytest.raises(ValueError, match="shorter"):
        alignment_error([GoldAlignment(frozenset(), frozenset())], [])


def test_gold_is_read_with_its_possible_links(tmp_path):
    path = tmp_path / "gold.txt"
    path.write_text("1-1 2p2\n\n", encoding="utf-8")
    pairs = [(["et", "hus"], ["a", "house"]), (["nej"], ["no"])]

    assert read_gold(path, pairs, one_based=True) == [
        GoldAlignment(frozenset({(0, 0)}), frozenset({(0, 0), (1, 1)})),
        GoldAlignment(frozenset(), frozenset()),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0-0\n", "fewer lines"),
        ("0-0\n0-0\n0-0\n", "more lines"),
        ("0-0\n0-2\n", r"gold.txt:2.*no word 2"),
        ("0-0\n0:0\n", r"gold.txt:2.*no pair"),
    ],
    ids=["fewer", "more", "out-of-range", "no-pair"],
)
def test_gold_that_does_not_fit_is_refused(tmp_path, text, message):
    path = tmp_path / "gold.txt"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(DataError, match=message):
        read_gold(path, [(["ja", "da"], ["yes"]), (["nej"], ["no", "no"])])


@pytest.mark.skipif(not SHARED.is_dir(), reason="the English-French corpus is not beside the checkout")
def test_an_aligner_of_others_has_the_error_that_its_authors_report():
    pairs = []
    with gzip.open(SHARED / "enfr.src-tgt.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            source, target = line.split("|||")
            pairs.append((source.split(), target.split()))
    gold = read_gold(SHARED / "enfr.gold.gz", pairs, one_based=True)

    error = alignment_error(gold, [found for _, found in read_alignments(SHARED / "enfr.awesome-align.out")])

    # Dou & Neubig (2021) report 4.1 for English and French.
    assert round(100 * error.aer, 1) == 4.1
