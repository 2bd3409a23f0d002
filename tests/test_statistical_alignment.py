"""Statistical word alignment: on languages that are made up, so that the right links are known."""

import json
import random
import subprocess
import sys
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthner.projection.alignment_error import GoldAlignment, alignment_error
from synthner.projection.outcome import Alignment
from synthner.projection.parallel_text import Pair
from synthner.projection.statistical_alignment import LONGEST, Forms, StatisticalAligner
from synthner.projection.symmetrization import SYMMETRIZATIONS, grow_diag_final_and, intersection, union

pytest.importorskip("thot", reason="sil-thot is not installed: pip install 'synthner[align]'")

SYLLABLES = ["ba", "di", "fu", "ge", "ko", "la", "mi", "no", "pu", "re", "sa", "te"]

# Prints the alignments of the text that it reads.
ALIGN = """
import json, sys
from synthner.projection.statistical_alignment import StatisticalAligner
found = StatisticalAligner(seed=int(sys.argv[1])).align(json.load(sys.stdin))
json.dump([sorted(links) for links in found.symmetrized("union")], sys.stdout)
"""

links = st.frozensets(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=12)


def made_up(chance: random.Random) -> str:
    return "".join(chance.choices(SYLLABLES, k=3))


def text(
    sentences: int,
    *,
    words: int = 60,
    inflect: Callable[[str, str], str] = lambda word, _ending: word,
    seed: int = 1,
) -> tuple[list[Pair], list[GoldAlignment]]:
    """Return sentences of a made-up language, translated word by word with two words swapped."""
    dictionary_chance, chance = random.Random(5), random.Random(seed)
    dictionary = [(made_up(dictionary_chance), made_up(dictionary_chance)) for _ in range(words)]
    pairs: list[Pair] = []
    gold = []
    for _ in range(sentences):
        chosen = chance.choices(dictionary, k=chance.randint(4, 9))
        order = list(range(len(chosen)))
        place = chance.randrange(len(order) - 1)
        order[place : place + 2] = order[place + 1], order[place]
        source = [inflect(word, chance.choice(SYLLABLES)) for word, _ in chosen]
        pairs.append((source, [inflect(chosen[i][1], chance.choice(SYLLABLES)) for i in order]))
        sure = frozenset((i, j) for j, i in enumerate(order))
        gold.append(GoldAlignment(sure, sure))
    return pairs, gold


def error_of(gold: Sequence[GoldAlignment], alignments: Sequence[Alignment]) -> float:
    return alignment_error(gold[: len(alignments)], alignments).aer


def test_words_are_aligned_with_those_that_they_always_occur_with():
    pairs, gold = text(300)

    found = StatisticalAligner().align(pairs)

    assert len(found.forward) == len(found.reverse) == 300
    assert error_of(gold, found.symmetrized()) < 0.05
    assert found.agreement > 0.9
    assert found.too_long == 0


def test_each_direction_gives_a_word_one_link_at_most():
    pairs, _ = text(40)

    found = StatisticalAligner().align(pairs)

    for forward, reverse in zip(found.forward, found.reverse, strict=True):
        assert len({target for _, target in forward}) == len(forward)
        assert len({source for source, _ in reverse}) == len(reverse)


@pytest.mark.parametrize(
    ("inflect", "expected"),
    [
        (lambda word, ending: word + ending + ending, Forms("first", "first")),
        (lambda word, beginning: beginning + beginning + word, Forms("last", "last")),
        (lambda word, _: word, None),
    ],
    ids=["endings", "beginnings", "none"],
)
def test_the_part_of_words_that_does_not_change_is_what_is_counted(inflect, expected):
    pairs, gold = text(150, inflect=inflect)

    found = StatisticalAligner().align(pairs)

    assert expected is None or found.forms == expected
    assert error_of(gold, found.symmetrized()) < 0.2


def test_a_word_that_is_the_same_in_both_languages_is_its_translation():
    pairs, _ = text(30)
    # A name that occurs once among words that do as well: nothing but its letters says what it is.
    name = (["zuvu", "Wakanyere", "xixo"], ["qaqe", "wowo", "WAKANYERE"])

    found = StatisticalAligner().align([*pairs, name])

    assert (1, 2) in found.symmetrized()[-1]


def test_further_text_helps_and_is_not_aligned():
    pairs, gold = text(12, words=400)
    further, _ = text(800, words=400, seed=2)

    alone = StatisticalAligner().align(pairs)
    helped = StatisticalAligner(further).align(pairs)

    assert len(helped.forward) == len(pairs)
    assert error_of(gold, helped.symmetrized()) < error_of(gold, alone.symmetrized()) / 2


def test_text_and_seed_decide_the_alignments_and_threads_do_not():
    pairs, _ = text(60)

    def printed(seed: int, threads: int) -> str:
        return subprocess.run(
            [sys.executable, "-c", ALIGN, str(seed)],
            input=json.dumps(pairs),
            env={"OMP_NUM_THREADS": str(threads), "PYTHONHASHSEED": str(threads)},
            capture_output=True,
            check=True,
            encoding="utf-8",
            timeout=120,
        ).stdout

    first = printed(1, threads=1)

    assert first == printed(1, threads=3)
    assert first == json.dumps([sorted(map(list, each)) for each in _union_of(pairs)])
    assert first != printed(2, threads=1)


def _union_of(pairs: Sequence[Pair]) -> list[Alignment]:
    return StatisticalAligner().align(pairs).symmetrized("union")


def test_words_that_mean_something_to_the_library_are_words():
    strange = ["NULL", "UNKNOWN_WORD", "<s>", "|||", "two words", "\u200b", "7", "0"]
    pairs, _ = text(40)
    pairs += [([word, "badifu"], [word, "badifu"]) for word in strange] * 4

    found = StatisticalAligner().align(pairs).symmetrized()

    assert sum((0, 0) in each for each in found[40:]) > 0.8 * len(found[40:])


def test_a_sentence_that_is_too_long_has_no_links_and_is_counted():
    pairs, _ = text(20)
    long = ["badifu"] * (LONGEST + 1)

    found = StatisticalAligner().align([pairs[0], (long, ["ko"]), *pairs[1:]])

    assert found.too_long == 1
    assert found.symmetrized("union")[1] == frozenset()
    assert all(found.symmetrized("union")[2:])


def test_words_of_much_text_are_counted_as_they_are(monkeypatch):
    pairs, gold = text(150, inflect=lambda word, ending: word + ending)
    monkeypatch.setattr("synthner.projection.statistical_alignment.LARGE", len(pairs) - 1)

    found = StatisticalAligner().align(pairs)

    assert found.forms == Forms("whole", "whole")
    assert error_of(gold, found.symmetrized()) < 0.6


def test_nothing_is_aligned_to_nothing():
    assert StatisticalAligner().align([]).symmetrized() == []


def test_how_far_it_is_is_told():
    told = []

    StatisticalAligner().align(text(5)[0], lambda done, of_all: told.append((done, of_all)))

    assert [done for done, _ in told] == list(range(1, len(told) + 1))
    assert {of_all for _, of_all in told} == {len(told)}


@given(links, links)
def test_symmetrizations_lie_between_the_intersection_and_the_union(forward, reverse):
    for symmetrized in SYMMETRIZATIONS.values():
        assert forward & reverse <= symmetrized(forward, reverse) <= forward | reverse
        assert symmetrized(forward, forward) == forward
    assert intersection(forward, reverse) == intersection(reverse, forward)
    assert union(forward, reverse) == union(reverse, forward)


@given(links, links)
def test_growing_leaves_no_link_of_which_both_words_are_free(forward, reverse):
    grown = grow_diag_final_and(forward, reverse)

    sources, targets = {source for source, _ in grown}, {target for _, target in grown}
    assert all(source in sources or target in targets for source, target in forward | reverse)


@given(links, links)
def test_growing_stops_only_when_no_neighbour_has_a_free_word(forward, reverse):
    grown = grow_diag_final_and(forward, reverse)

    sources, targets = {source for source, _ in grown}, {target for _, target in grown}
    for source, target in (forward | reverse) - grown:
        # Whatever is left out has both words linked, or is nobody's neighbour.
        if source not in sources or target not in targets:
            near = {(source + i, target + j) for i in (-1, 0, 1) for j in (-1, 0, 1)}
            seeds = forward & reverse
            assert not near & seeds


def test_growing_follows_neighbours_and_then_adds_what_stands_alone():
    forward = frozenset({(0, 0), (1, 1), (5, 5), (7, 8)})
    reverse = frozenset({(0, 0), (1, 2), (2, 3), (5, 4), (7, 9)})

    # From (0, 0) to (1, 1), to (1, 2), whose target is free, to (2, 3). (5, 5) and (7, 8) stand alone; with
    # it (7, 9) has a word that is linked.
    assert grow_diag_final_and(forward, reverse) == {
        (0, 0), (1, 1), (1, 2), (2, 3), (5, 5), (7, 8)
    }  # fmt: skip
