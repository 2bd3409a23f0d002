"""Label repair: what gold shows is done, what nobody shows is left alone."""

import random
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthner.builders.curation.repairs import REPAIRS, repair_labels
from synthner.schema.errors import WrongUsageError
from synthner.schema.example import Example
from synthner.schema.iob2 import violations
from synthner.schema.labels import LabelSet

LABELS = LabelSet.of_types(["PER", "ORG", "LOC"])
WITH_DATES = LabelSet.of_types(["PER", "ORG", "LOC", "DATE"])


def example(text: str, number: int = 0) -> Example:
    """Read `Ada/B-PER sings`."""
    pairs = [part.rsplit("/", 1) if "/" in part else [part, "O"] for part in text.split()]
    return Example(str(number), tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs))


def examples(*texts: str) -> list[Example]:
    return [example(text, number) for number, text in enumerate(texts)]


def written(outcome) -> list[str]:
    return [
        " ".join(
            token if tag == "O" else f"{token}/{tag}"
            for token, tag in zip(each.example.tokens, each.example.ner_tags, strict=True)
        )
        for each in outcome.repaired
    ]


NAMES = ["Ada", "Bo", "Cleo", "Dag", "Eva", "Finn", "Gro", "Hal", "Ida", "Jon", "Kai", "Liv"]
PLACES = ["Solby", "Nordvik", "Elmstad", "Fjordheim", "Askland", "Rosendal"]

GOLD = examples(
    *(
        f"yesterday {name}/B-PER Berg/I-PER met the mayor of {place}/B-LOC"
        for name in NAMES
        for place in PLACES
    ),
    *(
        f"the mayor {name}/B-PER Lund/I-PER works for Bank/B-ORG of/I-ORG {place}/I-ORG"
        for name in NAMES
        for place in PLACES
    ),
    *(
        f"in 1998 we saw {place}/B-LOC and {other}/B-LOC"
        for place in PLACES
        for other in PLACES
        if place != other
    ),
)


@pytest.mark.parametrize(
    ("repair", "wrong", "right"),
    [
        pytest.param(
            "fragments",
            "then Ada/B-PER Holm/B-PER sang",
            "then Ada/B-PER Holm/I-PER sang",
            id="mentions-that-touch",
        ),
        pytest.param(
            "fragments",
            "the Bank/B-ORG of Holmby/B-ORG is closed",
            "the Bank/B-ORG of/I-ORG Holmby/I-ORG is closed",
            id="a-word-between-that-gold-has-within-mentions",
        ),
        pytest.param(
            "shift",
            "we saw/B-LOC Solby and/B-LOC Nordvik today",
            "we saw Solby/B-LOC and Nordvik/B-LOC today",
            id="labels-one-word-early",
        ),
        pytest.param(
            "shift",
            "yesterday Ada Berg/B-PER met/I-PER us",
            "yesterday Ada/B-PER Berg/I-PER met us",
            id="labels-one-word-late",
        ),
        pytest.param(
            "boundaries",
            "then the mayor/B-PER Ada/I-PER Berg/I-PER sang",
            "then the mayor Ada/B-PER Berg/I-PER sang",
            id="title-left-out",
        ),
        pytest.param(
            "boundaries",
            "we met Ada/B-PER Berg yesterday",
            "we met Ada/B-PER Berg/I-PER yesterday",
            id="last-name-taken-in",
        ),
        pytest.param(
            "types",
            "we saw Solby/B-ORG today",
            "we saw Solby/B-LOC today",
            id="type-that-gold-has",
        ),
        pytest.param(
            "not mentions",
            "we saw the/B-LOC mayor/I-LOC in Solby/B-LOC",
            "we saw the mayor in Solby/B-LOC",
            id="words-that-gold-leaves-unlabelled",
        ),
        pytest.param(
            "repetitions",
            "Eva/B-PER went from Solby to Nordvik/B-LOC",
            "Eva/B-PER went from Solby/B-LOC to Nordvik/B-LOC",
            id="labelled-everywhere-else",
        ),
        pytest.param(
            "numbers",
            "in 1987/B-LOC we saw Solby/B-LOC",
            "in 1987 we saw Solby/B-LOC",
            id="years-that-gold-leaves-unlabelled",
        ),
    ],
)
def test_each_repair_does_what_gold_does(repair, wrong, right):
    outcome = repair_labels(examples(wrong), GOLD, LABELS, repairs=[repair])
    assert written(outcome) == [right]
    assert outcome.counts == {repair: 1}
    assert {change.step for change in outcome.repaired[0].changes} == {repair}


@pytest.mark.parametrize(
    "sentence",
    [
        pytest.param("yesterday Ada/B-PER Holm/I-PER saw Solby/B-LOC", id="right-already"),
        pytest.param("yesterday Ada/B-PER , Bo/B-PER and Cleo/B-PER sang", id="a-list"),
        pytest.param("nothing of this is a name", id="no-mention"),
        pytest.param("we saw Qux/B-ORG today", id="a-name-that-nobody-knows"),
    ],
)
def test_what_gives_no_cause_is_left_alone(sentence):
    outcome = repair_labels(examples(sentence), GOLD, LABELS)
    assert written(outcome) == [sentence]
    assert sum(outcome.counts.values()) == 0


def test_a_type_follows_the_config_where_gold_does_not_know_the_form():
    often = [f"we flew to Zubrovka/B-LOC on day {day}" for day in "abcdefgh"]
    outcome = repair_labels(
        examples(*often, "we flew to Zubrovka/B-PER again"), GOLD, LABELS, repairs=["types"]
    )
    assert written(outcome)[-1] == "we flew to Zubrovka/B-LOC again"


def test_a_form_that_has_two_types_in_gold_keeps_both_and_is_reported():
    gold = [*GOLD, *examples(*["we saw Holmby/B-LOC today", "yesterday Holmby/B-ORG won"] * 5)]
    config = examples("they saw Holmby/B-LOC", "then Holmby/B-ORG lost", "again Holmby/B-ORG lost")
    outcome = repair_labels(config, gold, LABELS, repairs=["types"])
    assert [each.example for each in outcome.repaired] == config
    [conflict] = outcome.conflicts
    assert (conflict.surface, conflict.types, conflict.gold) == (
        "holmby",
        {"ORG": 2, "LOC": 1},
        {"LOC": 5, "ORG": 5},
    )


def test_a_word_that_gold_leaves_unlabelled_is_no_repetition():
    config = examples(*["we saw May/B-LOC today"] * 4, "it was in May again")
    gold = [*GOLD, *examples(*["it was in May then"] * 6)]
    assert written(repair_labels(config, gold, LABELS, repairs=["repetitions"]))[-1] == "it was in May again"


def test_the_longest_repetition_wins():
    config = examples(
        *["we saw New/B-LOC Solby/I-LOC today"] * 4,
        *["we saw New/B-LOC Solby/I-LOC Hill/I-LOC today"] * 4,
        "they left New Solby Hill and New Solby behind",
    )
    assert written(repair_labels(config, GOLD, LABELS, repairs=["repetitions"]))[-1] == (
        "they left New/B-LOC Solby/I-LOC Hill/I-LOC and New/B-LOC Solby/I-LOC behind"
    )


def test_a_form_is_not_looked_for_beyond_the_end():
    config = examples(
        *["we saw New/B-LOC Solby/I-LOC today"] * 4,
        *["we saw New/B-LOC Solby/I-LOC North/I-LOC Hill/I-LOC today"] * 4,
        "they left New Solby",
    )
    assert written(repair_labels(config, GOLD, LABELS, repairs=["repetitions"]))[-1] == (
        "they left New/B-LOC Solby/I-LOC"
    )


def test_numbers_are_labelled_where_gold_labels_them():
    gold = examples(
        *(f"we left in {year}/B-DATE with {name}/B-PER" for year in (1990, 1991) for name in NAMES)
    )
    outcome = repair_labels(examples("they came in 2004 by train"), gold, WITH_DATES)
    assert written(outcome) == ["they came in 2004/B-DATE by train"]


def test_accents_and_case_do_not_hide_a_form():
    gold = examples(*["a wà ní Ìbàdàn/B-LOC báyìí"] * 4)
    outcome = repair_labels(examples("a wa ni Ibadan/B-ORG bayii"), gold, LABELS, repairs=["types"])
    assert written(outcome) == ["a wa ni Ibadan/B-LOC bayii"]


def test_without_gold_only_the_configs_consensus_counts_and_that_is_said():
    config = examples("the/B-LOC old/I-LOC mill/I-LOC", "Ada/B-PER Holm/B-PER sang")
    outcome = repair_labels(config, [], LABELS)
    assert written(outcome) == ["the/B-LOC old/I-LOC mill/I-LOC", "Ada/B-PER Holm/I-PER sang"]
    assert outcome.unknown == ["gold has no mentions: only the config's own consensus was used"]


def test_a_little_gold_says_what_it_cannot_know():
    outcome = repair_labels([], GOLD[:5], LABELS)
    assert outcome.unknown == [
        "gold has 5 mentions of PER, too few to know what they look like",
        "gold has 0 mentions of ORG, too few to know what they look like",
        "gold has 5 mentions of LOC, too few to know what they look like",
    ]


def test_no_examples_are_no_repairs():
    outcome = repair_labels([], GOLD, LABELS)
    assert list(outcome.repaired) == []
    assert outcome.counts == dict.fromkeys(REPAIRS, 0)
    assert outcome.conflicts == []
    assert outcome.unknown == []


def test_an_unknown_repair_is_wrong_usage():
    with pytest.raises(WrongUsageError, match="there is no repair `fragment`"):
        repair_labels([], GOLD, LABELS, repairs=["fragment"])


@st.composite
def labelled_sentences(draw):
    """Sentences over few words, so that forms repeat, with any IOB2 labels."""
    words = st.sampled_from(
        ["the", "of", "in", "Ada", "Berg", "Solby", "Bank", "mayor", "1998", "12", ",", ".", "མི"]
    )
    numbers = count()
    sentences = []
    for _ in range(draw(st.integers(0, 25))):
        tokens = draw(st.lists(words, min_size=1, max_size=9))
        tags: list[str] = []
        for _ in tokens:
            goes_on = [f"I-{tags[-1][2:]}"] if tags and tags[-1] != "O" else []
            tags.append(draw(st.sampled_from(["O", "O", "B-PER", "B-ORG", "B-LOC", *goes_on])))
        sentences.append(Example(str(next(numbers)), tuple(tokens), tuple(tags)))
    return sentences


gold_samples = st.one_of(
    st.just([]),
    st.integers(0, 60).map(lambda size: random.Random(size).sample(GOLD, size)),
    labelled_sentences(),
)


@settings(max_examples=80, deadline=None)
@given(labelled_sentences(), gold_samples, st.sampled_from([REPAIRS, *((name,) for name in REPAIRS)]))
def test_repairs_keep_tokens_and_iob2_and_account_for_every_change(config, gold, repairs):
    outcome = repair_labels(config, gold, LABELS, repairs=repairs)
    assert [each.example.tokens for each in outcome.repaired] == [each.tokens for each in config]
    assert [each.example.id for each in outcome.repaired] == [each.id for each in config]
    for before, after in zip(config, outcome.repaired, strict=True):
        assert not violations(after.example.ner_tags)
        assert set(after.example.ner_tags) <= set(LABELS.names)
        tags = list(before.ner_tags)
        for change in after.changes:
            assert change.step in repairs
            assert tags[change.position] == change.before != change.after
            tags[change.position] = change.after
        assert tuple(tags) == after.example.ner_tags
    for name in repairs:
        assert outcome.counts[name] == sum(
            any(change.step == name for change in each.changes) for each in outcome.repaired
        )


@settings(max_examples=80, deadline=None)
@given(labelled_sentences(), gold_samples, st.sampled_from([REPAIRS, *((name,) for name in REPAIRS)]))
def test_repairing_what_is_repaired_changes_nothing(config, gold, repairs):
    once = repair_labels(config, gold, LABELS, repairs=repairs)
    again = repair_labels([each.example for each in once.repaired], gold, LABELS, repairs=repairs)
    assert [each.example for each in again.repaired] == [each.example for each in once.repaired]
    assert set(again.counts.values()) <= {0}
    assert again.conflicts == once.conflicts


@settings(max_examples=45, deadline=None)
@given(labelled_sentences(), gold_samples, st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(config, gold, shuffled):
    order = list(range(len(config)))
    shuffled.shuffle(order)
    other_gold = list(gold)
    shuffled.shuffle(other_gold)
    straight = repair_labels(config, gold, LABELS)
    mixed = repair_labels([config[place] for place in order], other_gold, LABELS)
    assert [straight.repaired[place] for place in order] == list(mixed.repaired)
    assert straight.counts == mixed.counts
    assert straight.conflicts == mixed.conflicts
