"""IOB2 parsing, violations, mentions and repair policies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import IOB2, Entities

from synthner.schema.iob2 import (
    REPAIR_POLICIES,
    Mention,
    Violation,
    mentions,
    parse_tag,
    repair,
    tags_of,
    violations,
)

TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
tag_sequences = st.lists(st.sampled_from(TAGS), max_size=12)


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("O", ("O", "")),
        ("B-PER", ("B", "PER")),
        ("I-a-b", ("I", "a-b")),
        ("B", None),
        ("B-", None),
        ("X-PER", None),
        ("", None),
        ("NEP", None),
        ("B- PER", None),
        ("o", None),
    ],
)
def test_a_tag_is_read_or_refused(tag, expected):
    assert parse_tag(tag) == expected


def test_violations_name_position_and_kind():
    assert violations(["I-PER", "O", "B-PER", "I-LOC", "PER", "I-LOC"]) == [
        Violation(0, "I-PER", "orphan"),
        Violation(3, "I-LOC", "type change"),
        Violation(4, "PER", "invalid"),
        Violation(5, "I-LOC", "orphan"),
    ]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("conlleval", ["B-PER", "B-LOC", "I-LOC", "O", "B-PER", "I-PER"]),
        ("discard", ["B-PER", "O", "O", "O", "O", "O"]),
        ("begin", ["B-PER", "I-PER", "I-PER", "O", "B-PER", "I-PER"]),
    ],
)
def test_each_policy_reads_misplaced_tags_its_own_way(policy, expected):
    broken = ["B-PER", "I-LOC", "I-LOC", "O", "I-PER", "I-PER"]

    outcome = repair(broken, policy)

    assert list(outcome.tags) == expected
    changed = [change.position for change in outcome.changes]
    assert changed == [i for i, (a, b) in enumerate(zip(broken, expected, strict=True)) if a != b]


def test_a_repair_does_not_guess_at_what_is_no_tag():
    with pytest.raises(ValueError, match="PERSON"):
        repair(["O", "PERSON"], "conlleval")


@given(tag_sequences, st.sampled_from(sorted(REPAIR_POLICIES)))
def test_repaired_tags_are_iob2_and_repairing_twice_changes_nothing(tags, policy):
    once = repair(tags, policy)

    assert violations(once.tags) == []
    assert repair(once.tags, policy).changes == ()
    assert bool(once.changes) == bool(violations(tags))
    for change in once.changes:
        assert tags[change.position] == change.before != change.after == once.tags[change.position]


@given(tag_sequences)
def test_mentions_are_those_of_seqeval_default_mode(tags):
    assert [(m.type, m.start, m.end - 1) for m in mentions(tags)] == get_entities(tags)


@given(tag_sequences)
def test_conlleval_keeps_seqeval_default_mentions_and_discard_its_strict_ones(tags):
    assert mentions(repair(tags, "conlleval").tags) == mentions(tags)
    # Strict mode drops a mention that a misplaced tag follows; `discard` keeps its well-formed beginning.
    strict = {(e.tag, e.start, e.end) for e in Entities([tags], IOB2).entities[0]}
    kept = mentions(repair(tags, "discard").tags)
    assert strict <= {(m.type, m.start, m.end) for m in kept}


@given(tag_sequences)
def test_mentions_written_back_are_the_repaired_tags(tags):
    assert tuple(tags_of(mentions(tags), len(tags))) == repair(tags, "conlleval").tags


@pytest.mark.parametrize(
    "spans", [[Mention(0, 3, "PER")], [Mention(1, 1, "PER")], [Mention(0, 2, "A"), Mention(1, 2, "B")]]
)
def test_impossible_mentions_are_refused(spans):
    with pytest.raises(ValueError, match="Mention"):
        tags_of(spans, 2)
