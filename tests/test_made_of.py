"""What was made of a gold sentence is recognised, and does not judge that very sentence."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthner.builders.curation.curate import curate
from synthner.builders.curation.selection import Judging
from synthner.evaluation.combination import choose_combination
from synthner.evaluation.crf import CrfTagger
from synthner.evaluation.made_of import made_of
from synthner.evaluation.recipes import GOLD_COUNTS, train_by_recipe
from synthner.generation.methods.simple_augmentation import Settings, SimpleAugmentation
from synthner.schema.example import Example
from synthner.schema.labels import LabelSet
from synthner.tests.curation_sentences import sentences

SYLLABLES = ["ba", "do", "fe", "gi", "ko", "lu", "ma", "ne", "po", "ri", "su", "ta", "vo", "ye"]


def example(id_: str, text: str) -> Example:
    """Read `word/TYPE` as a mention of one word."""
    words = [word.partition("/") for word in text.split()]
    return Example(
        id_,
        tuple(word for word, _, _ in words),
        tuple(f"B-{type_}" if type_ else "O" for _, _, type_ in words),
    )


GOLD = [
    example("1", "Ada/PER lives in Oslo/LOC with her sister"),
    example("2", "the bridge near Bergen/LOC was closed for repairs all summer"),
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Bo/PER lives in Lund/LOC with her sister", True, id="other mentions"),
        pytest.param("Ada/PER lives near Oslo/LOC with one sister", True, id="other words"),
        pytest.param("in with lives her sister Ada/PER Oslo/LOC", True, id="another order"),
        pytest.param("ada/PER LIVES in Oslo/LOC with her Sister", True, id="another case"),
        pytest.param("Ada/PER sold a boat in the north of the country", False, id="a name in common"),
        pytest.param("nobody lives in the old house by the lake", False, id="small words in common"),
        pytest.param("Bergen/LOC", False, id="a mention alone"),
    ],
)
def test_a_variant_shares_half_of_the_words(text, expected):
    assert made_of([example("s", text)], GOLD).tolist() == [0 if expected else -1]


def test_what_is_known_decides_and_not_the_words():
    synthetic = [
        example("a", "quite another sentence of Bo/PER"),
        example("b", "Ada/PER lives in Oslo/LOC with her sister"),
    ]
    seeds = {"a": "1", "b": "7"}

    assert made_of(synthetic, GOLD, lambda each: seeds[each.id]).tolist() == [0, -1]


def test_likeness_says_nothing_where_gold_is_alike():
    gold = [
        example(str(number), f"when does the train to {name}/LOC leave")
        for number, name in enumerate(SYLLABLES)
    ]

    assert made_of([example("s", "when does the bus to Ulm/LOC leave")], gold).tolist() == [-1]
    assert made_of([example("s", "when does the bus to Ulm/LOC leave")], gold, lambda _: "3").tolist() == [3]


def test_nothing_is_made_of_nothing():
    assert made_of([], GOLD).tolist() == []
    assert made_of(GOLD, []).tolist() == [-1, -1]


@given(st.lists(st.text(min_size=1, max_size=4), min_size=1, max_size=6))
def test_a_sentence_of_any_words_is_made_of_itself(words):
    itself = Example("1", tuple(words), ("O",) * len(words))

    assert made_of([itself], [itself]).tolist() == [0]


def _word(chance: random.Random) -> str:
    return "".join(chance.choices(SYLLABLES, k=4))


def _gold(count: int, told: bool = False) -> list[Example]:
    """Make gold of which nothing can be learned but its names: each is new, and nothing says its type.

    If it is told, a word before a name says it, one of some for each type.
    """
    chance, telling = random.Random(5), random.Random(6)
    tellers = {type_: [f"{_word(telling)} " if told else "" for _ in range(12)] for type_ in ("PER", "LOC")}
    made = []
    for number in range(count):
        words = [f"{telling.choice(tellers[type_])}{_word(chance).title()}/{type_}" for type_ in tellers]
        words += [_word(chance) for _ in range(6)]
        chance.shuffle(words)
        made.append(example(str(number), " ".join(words)))
    return made


def _variants(
    gold: list[Example], operation: str = "label_wise_token_replacement", probability: float = 0.3
) -> list[Example]:
    augmentation = SimpleAugmentation(Settings((operation,), probability), {"train": gold})
    chance = random.Random(3)
    return [
        Example(f"{each.id}-{number}", tuple(tokens), tuple(tags))
        for each in gold
        for number in range(3)
        for tokens, tags, _ in augmentation.variants(each, chance)
    ]


def test_variants_of_gold_do_not_judge_themselves():
    gold = _gold(60)

    chosen = choose_combination(gold, _variants(gold), seed=1)

    assert chosen.tried is not None
    assert chosen.tried.f1 < 0.05, "folds predicted from their own variants gain more"


@pytest.mark.parametrize("is_known", [True, False], ids=["by their seeds", "by their words"])
def test_curation_does_not_judge_variants_by_what_they_were_made_of(is_known):
    gold = _gold(60)
    judging = Judging(seed_of=lambda each: each.id.partition("-")[0] if is_known else None)

    curated = curate(
        _variants(gold),
        gold,
        LabelSet.of_types(("PER", "LOC")),
        held_out={},
        seed=1,
        steps=["selection"],
        judging=judging,
    )

    assert all(gain.f1 < 0.05 for gain in curated.selection.gains.values())


def test_what_is_made_of_gold_is_put_together_with_it_or_left_out():
    gold, others = _gold(30, told=True), _gold(140, told=True)[40:]

    of_gold = choose_combination(gold, _variants(gold, "mention_replacement", 0.9), seed=1)
    of_little_gold = choose_combination(gold[:5], _variants(gold[:5]), seed=1)
    of_others = choose_combination(gold, _variants(others), seed=1)

    assert of_gold.recipe == "put together"
    assert of_little_gold.recipe == "gold only", "nobody knows whether variants of so little gold help"
    assert of_others.recipe == "adapted"


def test_put_together_each_gold_sentence_counts_as_often_as_beside_other_data():
    gold, variants = sentences(20, name="gold"), _variants(sentences(20, name="gold"))
    tested = [each.tokens for each in sentences(40, name="tested")]

    tagger = train_by_recipe(gold, variants, "put together")

    written = CrfTagger.train([*gold, *variants], repeats=[GOLD_COUNTS] * len(gold) + [1] * len(variants))
    assert tagger.tag(tested) == written.tag(tested)


def test_taggers_that_find_nothing_do_not_judge():
    # One mention in a hundred sentences, of a name that nothing else has: no resampling would tell its luck.
    gold = _gold(100)
    chosen = choose_combination(gold, _variants(gold), seed=1)
    mentions = sum(len(each.mentions) for each in gold)
    assert chosen.tried is not None
    assert chosen.tried.standard_error >= 1 / mentions
