"""The two heuristics: the examples of their papers, their parameters, and what holds for any sentence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthner.projection.gf22 import gf22
from synthner.projection.methods import METHODS
from synthner.projection.politov import politov
from synthner.schema.iob2 import Mention, mentions, tags_of, violations

WORDS = ["Jana", "Pavla", "wɔ", "Kumasi", "ne", "Tamale", "dabi", "nso"]


def pairs(text):
    return frozenset((int(left), int(right)) for left, _, right in (p.partition("-") for p in text.split()))


@st.composite
def parallel_sentences(draw):
    length, target = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    entities, start = [], 0
    while start < length:
        end = draw(st.integers(start, length))
        if end > start:
            entities.append(Mention(start, end, draw(st.sampled_from(("PER", "LOC")))))
        start = max(end, start + 1)
    pair = st.tuples(st.integers(0, length - 1), st.integers(0, target - 1))
    words = draw(
        st.lists(st.sampled_from(("Ama", "Kofi", ",", "--", "!", "?")), min_size=target, max_size=target)
    )
    return entities, frozenset(draw(st.sets(pair, max_size=20))), words


def test_a_gap_of_one_word_is_filled_as_documented_and_not_by_the_program():
    entity, alignment = [Mention(0, 2, "PER")], pairs("0-1 1-2 1-4")

    assert gf22(entity, alignment, WORDS).tags == ["O", "B-PER", "I-PER", "I-PER", "I-PER", "O", "O", "O"]
    assert gf22(entity, alignment, WORDS, compat=True).tags == [
        "O",
        "B-PER",
        "I-PER",
        "O",
        "O",
        "O",
        "O",
        "O",
    ]


@pytest.mark.parametrize("compat", [False, True], ids=["documented", "compat"])
def test_two_single_words_with_one_between_are_joined_either_way(compat):
    projection = gf22([Mention(0, 2, "PER")], pairs("0-1 1-3"), WORDS, compat=compat)

    assert projection.tags[:5] == ["O", "B-PER", "I-PER", "I-PER", "O"]


@pytest.mark.parametrize(("size", "last"), [(0, "O"), (1, "O"), (2, "I-PER"), (3, "I-PER")], ids=str)
def test_a_gap_is_filled_up_to_the_size_that_is_given(size, last):
    assert gf22([Mention(0, 1, "PER")], pairs("0-1 0-4"), WORDS, fill_gap_size=size).tags[4] == last


def test_the_longest_group_is_kept_and_the_first_of_equals():
    alignment = pairs("0-0 1-3 1-4 2-7")

    assert gf22([Mention(0, 3, "PER")], alignment, WORDS, fill_gap_size=0).tags.index("B-PER") == 3
    assert gf22([Mention(0, 3, "PER")], pairs("0-1 1-4 2-7"), WORDS).tags.index("B-PER") == 1


def test_words_of_ascii_punctuation_are_left_out():
    target = ["«", "Ama", "--", ",", ".com", "»"]
    entities = [Mention(0, 1, "PER"), Mention(1, 2, "LOC"), Mention(2, 3, "ORG")]
    alignment = pairs("0-1 0-2 1-3 2-4")

    projection = gf22(entities, alignment, target)

    assert projection.tags == ["O", "B-PER", "O", "O", "B-ORG", "O"]
    assert projection.dropped == ((1, "aligned to punctuation alone"),)
    kept = gf22(entities, alignment, target, remove_puncs=False)
    assert kept.tags == ["O", "B-PER", "I-PER", "B-LOC", "B-ORG", "O"]


def test_neighbours_of_one_type_that_collide_become_one():
    entities = [Mention(0, 2, "LOC"), Mention(2, 3, "LOC")]

    projection = gf22(entities, pairs("0-1 1-2 2-2 2-3"), WORDS)

    assert projection.tags[:5] == ["O", "B-LOC", "I-LOC", "I-LOC", "O"]
    assert projection.dropped == ((1, "joined with another entity of its type"),)


def test_a_union_with_a_gap_is_written_as_the_program_does_only_in_compat():
    entities, alignment = [Mention(0, 1, "LOC"), Mention(1, 2, "LOC")], pairs("0-5 1-1")

    assert gf22(entities, alignment, WORDS, compat=True).tags[1:6] == ["B-LOC", "O", "O", "O", "I-LOC"]
    assert gf22(entities, alignment, WORDS).tags[1:6] == ["B-LOC", "O", "O", "O", "B-LOC"]


@pytest.mark.parametrize(
    ("alignment", "tags", "loser"),
    [
        ("0-1 0-2 0-3 1-3 1-4", ["B-PER", "I-PER", "I-PER", "O"], 1),
        ("0-1 0-2 1-2 1-3", ["O", "B-LOC", "I-LOC", "O"], 0),
    ],
    ids=["the longer one is kept", "the later one of equals"],
)
def test_of_neighbours_of_two_types_that_collide_one_is_kept(alignment, tags, loser):
    entities = [Mention(0, 1, "PER"), Mention(1, 2, "LOC")]

    projection = gf22(entities, pairs(alignment), WORDS)

    assert projection.tags[1:5] == tags
    assert projection.dropped == ((loser, "collides with another entity"),)


def test_what_collides_after_a_deletion_with_the_one_before_overwrites_it():
    entities = [Mention(0, 1, "PER"), Mention(1, 2, "LOC"), Mention(2, 3, "ORG")]
    alignment = pairs("0-1 0-2 0-3 1-5 2-2")

    projection = gf22(entities, alignment, WORDS, compat=True)

    assert projection.tags[:6] == ["O", "B-PER", "B-ORG", "I-PER", "O", "O"]
    assert gf22(entities, alignment, WORDS).tags[:6] == ["O", "B-PER", "B-ORG", "B-PER", "O", "O"]
    assert projection.dropped == ((1, "collides with another entity"),)


def test_every_long_run_is_labelled_by_the_second_heuristic():
    projection = politov([Mention(0, 1, "LOC")], pairs("0-0 0-5"), WORDS)

    assert projection.tags == ["B-LOC", "O", "O", "O", "O", "B-LOC", "O", "O"]
    assert (projection.mentions, projection.dropped) == (2, ())


@pytest.mark.parametrize(
    ("distance", "tags"),
    [(0, ["B-PER", "I-PER", "O", "B-PER", "I-PER"]), (1, ["B-PER", "I-PER", "I-PER", "I-PER", "I-PER"])],
    ids=["not merged", "merged"],
)
def test_runs_are_merged_up_to_a_distance(distance, tags):
    alignment = pairs("0-0 1-1 0-3 1-4")

    assert politov([Mention(0, 2, "PER")], alignment, WORDS, merge_distance=distance).tags[:5] == tags


def test_a_run_that_begins_at_the_first_word_of_the_entity_may_stay_apart():
    alignment = pairs("0-0 1-1 0-3 1-4 0-6 1-7")
    apart = ["B-PER", "I-PER", "O", "B-PER", "I-PER", "O", "B-PER", "I-PER"]

    assert politov([Mention(0, 2, "PER")], alignment, WORDS, only_i=True).tags == apart
    assert politov([Mention(0, 2, "PER")], pairs("0-0 1-2"), WORDS, only_i=True).tags[:3] == [
        "B-PER",
        "I-PER",
        "I-PER",
    ]


def test_the_ratio_must_be_exceeded():
    five = [Mention(0, 5, "ORG")]
    alignment = pairs("0-0 1-1 2-2 3-3")

    assert politov(five, alignment, WORDS).dropped == ((0, "no run of words long enough"),)
    assert politov(five, alignment, WORDS, length_ratio=0.79).tags[:4] == ["B-ORG", "I-ORG", "I-ORG", "I-ORG"]


def test_the_longest_runs_are_kept_and_the_first_of_equals():
    alignment = pairs("0-0 0-2 0-3 0-6 0-7")

    def kept(top_k):
        tags = politov([Mention(0, 1, "LOC")], alignment, WORDS, merge_distance=0, top_k=top_k).tags
        return [mention.start for mention in mentions(tags)]

    assert (kept(1), kept(2), kept(3), kept(9)) == ([2], [2, 6], [0, 2, 6], [0, 2, 6])


def test_the_shorter_source_entity_takes_a_word_that_both_are_aligned_to():
    entities = [Mention(0, 2, "ORG"), Mention(2, 3, "LOC")]

    projection = politov(entities, pairs("0-0 1-1 2-1"), WORDS)

    assert projection.tags[:2] == ["O", "B-LOC"]
    assert projection.dropped == ((0, "collides with another entity"),)


@pytest.mark.parametrize("name", METHODS)
@given(sentence=parallel_sentences())
def test_projections_are_mentions_and_every_entity_is_projected_or_dropped(name, sentence):
    entities, alignment, target = sentence

    projection = METHODS[name].project(entities, alignment, target)

    assert len(projection.tags) == len(target)
    assert violations(projection.tags) == []
    found = mentions(projection.tags)
    assert len(found) == projection.mentions
    dropped = [number for number, _ in projection.dropped]
    assert dropped == sorted(set(dropped))
    kept = [entity for number, entity in enumerate(entities) if number not in dropped]
    assert {mention.type for mention in found} == {entity.type for entity in kept}
    assert len(kept) <= len(found)
    aligned = {right for left, right in alignment if any(e.start <= left < e.end for e in entities)}
    assert all(mention.start in aligned and mention.end - 1 in aligned for mention in found)


@given(sentence=parallel_sentences())
def test_the_program_and_the_description_label_alike_where_no_gap_can_be_filled(sentence):
    entities, alignment, target = sentence

    documented = gf22(entities, alignment, target, fill_gap_size=0)
    program = gf22(entities, alignment, target, fill_gap_size=0, compat=True)

    assert [tag[2:] for tag in documented.tags] == [tag[2:] for tag in program.tags]
    assert documented.dropped == program.dropped


@pytest.mark.parametrize("name", METHODS)
@given(data=st.data())
def test_words_aligned_to_themselves_keep_their_tags(name, data):
    entities, _, _ = data.draw(parallel_sentences())
    words = ["Abena"] * 12
    tags = tags_of(entities, len(words))
    alignment = frozenset((word, word) for word in range(len(words)))

    assert METHODS[name].project(mentions(tags), alignment, words).tags == tags


@pytest.mark.parametrize("name", METHODS)
def test_an_entity_without_alignment_is_dropped(name):
    projection = METHODS[name].project([Mention(1, 2, "PER")], pairs("0-0"), WORDS)

    assert (set(projection.tags), projection.dropped) == ({"O"}, ((0, "not aligned"),))
