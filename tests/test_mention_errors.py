from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthner.evaluation.mention_errors import KINDS, mention_errors
from synthner.evaluation.scoring import score
from synthner.schema.errors import DataError
from synthner.schema.iob2 import mentions

TAGS = ["O", *(f"{prefix}-{type_}" for type_ in ("PER", "LOC", "ORG") for prefix in "BI")]


@st.composite
def two_taggings(draw):
    lengths = draw(st.lists(st.integers(0, 9), max_size=5))
    tags = st.sampled_from(TAGS)
    return [[draw(st.lists(tags, min_size=length, max_size=length)) for length in lengths] for _ in range(2)]


def pairs_by_the_rule(gold, predicted):
    """Pair the mentions of one sentence as the documentation says, one candidate after the other."""
    gold, predicted = mentions(gold), mentions(predicted)
    candidates = []
    for one, other in product(gold, predicted):
        first, last = max(one.start, other.start), min(one.end, other.end)
        if first < last:
            same_words, same_type = (one.start, one.end) == (other.start, other.end), one.type == other.type
            kind = {
                (True, True): "correct",
                (True, False): "type",
                (False, True): "boundary",
                (False, False): "boundary and type",
            }[same_words, same_type]
            candidates.append((not same_words, not same_type, first - last, first, kind, one, other))
    of_gold, of_predicted = dict.fromkeys(gold, "missed"), dict.fromkeys(predicted, "spurious")
    for *_, kind, one, other in sorted(candidates):
        if of_gold[one] == "missed" and of_predicted[other] == "spurious":
            of_gold[one] = of_predicted[other] = kind
    return list(of_gold.values()), list(of_predicted.values())


@pytest.mark.parametrize(
    ("gold", "predicted", "kinds"),
    [
        ("B-PER I-PER O", "B-PER I-PER O", {"correct": 1}),
        ("B-PER I-PER O", "B-PER O O", {"boundary": 1}),
        ("B-PER I-PER O", "B-LOC I-LOC O", {"type": 1}),
        ("B-PER I-PER O", "O B-LOC I-LOC", {"boundary and type": 1}),
        ("B-PER I-PER O", "O O B-LOC", {"missed": 1, "spurious": 1}),
        ("B-PER I-PER I-PER", "B-PER I-PER B-LOC", {"boundary": 1, "spurious": 1}),
        ("B-PER I-PER I-PER", "B-LOC I-LOC B-PER", {"boundary": 1, "spurious": 1}),
        ("B-PER I-PER I-PER", "B-PER B-PER I-PER", {"boundary": 1, "spurious": 1}),
        ("B-PER I-PER B-LOC I-LOC", "O B-PER I-PER O", {"boundary": 1, "missed": 1}),
        ("B-PER I-PER B-LOC I-LOC", "B-PER I-PER I-PER I-PER", {"boundary": 1, "missed": 1}),
        ("I-PER", "B-PER", {"correct": 1}),
        ("", "", {}),
    ],
    ids=[
        "same", "too short", "other type", "shifted with other type", "apart", "cut in two",
        "same type first", "more words in common first", "over two", "two joined", "misplaced I-", "no words",
    ],
)  # fmt: skip
def test_kinds(gold, predicted, kinds):
    found = mention_errors([gold.split()], [predicted.split()]).as_json()
    assert found == {**dict.fromkeys(KINDS, 0), **kinds}


def test_the_longer_overlap_is_the_pair():
    errors = mention_errors([["B-PER", "I-PER", "I-PER"]], [["B-PER", "B-PER", "I-PER"]])
    assert [KINDS[kind] for kind in errors.predicted] == ["spurious", "boundary"]


@settings(max_examples=300, deadline=None)
@given(two_taggings())
def test_counts_add_up_to_the_mentions_of_each_side(taggings):
    gold, predicted = taggings
    counts = mention_errors(gold, predicted).as_json()
    scored = score(gold, predicted).counts.sum(axis=0).tolist()
    paired = sum(counts[kind] for kind in ("correct", "boundary", "type", "boundary and type"))
    assert [counts["correct"], paired + counts["spurious"], paired + counts["missed"]] == scored


@settings(max_examples=300, deadline=None)
@given(two_taggings())
def test_every_mention_is_what_the_rule_says(taggings):
    gold, predicted = taggings
    errors = mention_errors(gold, predicted)
    by_rule = [pairs_by_the_rule(*sentence) for sentence in zip(gold, predicted, strict=True)]
    assert [KINDS[kind] for kind in errors.gold] == [kind for of_gold, _ in by_rule for kind in of_gold]
    assert [KINDS[kind] for kind in errors.predicted] == [kind for _, found in by_rule for kind in found]


@settings(max_examples=200, deadline=None)
@given(two_taggings())
def test_what_is_missed_one_way_round_is_spurious_the_other(taggings):
    gold, predicted = taggings
    there, back = mention_errors(gold, predicted).as_json(), mention_errors(predicted, gold).as_json()
    assert back == {**there, "missed": there["spurious"], "spurious": there["missed"]}


def test_other_numbers_of_tags_are_an_error():
    with pytest.raises(DataError, match="sentence 1 has 1 tags in gold and 2"):
        mention_errors([["O"]], [["O", "O"]])
