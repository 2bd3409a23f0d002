from random import Random

import pytest

from synthner.builders.curation.contradiction import consistency
from synthner.builders.curation.curate import STEPS, curate
from synthner.schema.example import Example
from synthner.tests.curation_sentences import LABELS, relabelled, sentences

GOLD = sentences(36, name="gold")
TEST = sentences(40, name="test")
BEFORE_SELECTION = STEPS[: STEPS.index("selection")]
KNOWN = {each.tokens for each in GOLD}
SOUND = [each for each in sentences(150, name="synthetic") if each.tokens not in KNOWN]


def curated(synthetic, *, gold=GOLD, held_out=None, seed=0, steps=STEPS):
    return curate(
        synthetic,
        gold,
        LABELS,
        held_out={"test": TEST} if held_out is None else held_out,
        seed=seed,
        steps=steps,
    )


def drawn(*, weights):
    random = Random(5)
    return relabelled(SOUND, lambda tags: random.choices(["O", "B-PER", "B-LOC"], weights, k=len(tags)))


def shuffled():
    random = Random(5)
    return relabelled(SOUND, lambda tags: random.sample(tags, len(tags)))


def all_outside():
    return relabelled(SOUND, lambda tags: ["O"] * len(tags))


@pytest.mark.parametrize(
    ("synthetic", "step", "finding"),
    [
        pytest.param(
            [Example(f"copy-{number}", SOUND[0].tokens, SOUND[0].ner_tags) for number in range(200)],
            "repeats",
            "199 of 200 sentences repeat another one.",
            id="copies of one sentence",
        ),
        pytest.param(
            [Example(f"leak-{each.id}", each.tokens, each.ner_tags) for each in TEST],
            "held-out",
            "sentences copy held-out gold: they would leak it.",
            id="gold test",
        ),
        pytest.param(
            [Example(f"leak-{n}", each.tokens, each.ner_tags) for n, each in enumerate(TEST * 5)],
            "held-out",
            "sentences copy held-out gold: they would leak it.",
            id="gold test, again and again",
        ),
        pytest.param(
            sentences(200, name="synthetic", language="finnish"),
            "language",
            "sentences are not written in the language of gold.",
            id="another language in the same script",
        ),
        pytest.param(
            sentences(200, name="synthetic", language="greek"),
            "language",
            "sentences are not written in the language of gold.",
            id="another script",
        ),
        pytest.param(
            drawn(weights=[1, 1, 1]),
            "labels",
            "Labels agree with gold on where mentions are hardly better than chance: nothing is kept.",
            id="random labels",
        ),
        pytest.param(
            drawn(weights=[8, 1, 1]),
            "labels",
            "Labels agree with gold on where mentions are hardly better than chance: nothing is kept.",
            id="random labels, mostly O",
        ),
        pytest.param(
            shuffled(),
            "labels",
            "Labels agree with gold on where mentions are hardly better than chance: nothing is kept.",
            id="labels in random order",
        ),
        pytest.param(
            all_outside(),
            "selection",
            "No sentence has a mention: there is nothing to learn from but what is no name.",
            id="all O",
        ),
    ],
)
def test_worthless_data_is_recognised_for_what_it_is(synthetic, step, finding):
    outcome = curated(synthetic)
    assert len(outcome.examples) <= 0.02 * len(synthetic)
    assert outcome.steps[step].lost >= 0.5 * (outcome.steps[step].lost + outcome.steps[step].kept)
    assert any(found.endswith(finding) or found.startswith(finding) for found in outcome.findings)


def contradictory(examples, *, share):
    """Take part of the mentions out, and put as many where there are none."""
    random = Random(3)

    def instead(tag):
        if tag != "O":
            return "O" if random.random() < share else tag
        return "B-PER" if random.random() < share / 8 else tag

    return relabelled(examples, lambda tags: [instead(tag) for tag in tags])


def test_labels_that_contradict_one_another_are_recognised():
    gold, synthetic = sentences(120, name="gold"), sentences(400, name="synthetic")
    found = consistency(contradictory(synthetic, share=0.8), gold, seed=0)
    assert found is not None
    assert found.data < 0.55 * found.gold
    assert found.contradicts
    sound = consistency(synthetic, gold, seed=0)
    assert sound is not None
    assert not sound.contradicts


def test_data_whose_labels_contradict_one_another_is_dropped_with_the_figures():
    gold = sentences(120, name="gold")
    outcome = curated(contradictory(sentences(400, name="synthetic"), share=0.8), gold=gold, held_out={})
    assert not outcome.examples
    assert outcome.steps["labels"].kept == 0
    assert any(
        "contradict one another" in finding or "hardly better than chance" in finding
        for finding in outcome.findings
    )


def test_little_gold_does_not_tell_whether_labels_contradict_one_another():
    assert consistency(SOUND, GOLD, seed=0) is None


def test_what_gold_has_already_is_dropped():
    outcome = curated([*SOUND, *GOLD[:9]], held_out={}, steps=BEFORE_SELECTION)
    assert [verdict.reason for verdict in outcome.verdicts[-9:]] == ["repeats a sentence of gold"] * 9


def test_sound_data_is_kept_and_nothing_is_found_wrong_with_it():
    gold = sentences(60, name="gold")
    known = {each.tokens for each in gold}
    sound = [each for each in sentences(200, name="synthetic") if each.tokens not in known]
    outcome = curated(sound, gold=gold, held_out={})
    assert len(outcome.examples) >= 0.8 * len(sound)
    assert outcome.steps["labels"].lost == 0
    assert all("folds of gold gain" in finding for finding in outcome.findings)


@pytest.mark.parametrize(
    "distort",
    [
        pytest.param(lambda tags: [*tags[-1:], *tags[:-1]], id="labels one token late"),
        pytest.param(lambda tags: [*tags[1:], *tags[:1]], id="labels one token early"),
        pytest.param(
            lambda tags: [{"B-PER": "B-LOC", "I-PER": "I-LOC", "B-LOC": "B-PER"}.get(t, t) for t in tags],
            id="types swapped",
        ),
    ],
)
def test_labels_that_are_wrong_in_one_way_are_not_taken_for_random(distort):
    outcome = curated(relabelled(SOUND, distort), steps=BEFORE_SELECTION)
    assert outcome.steps["labels"].lost == 0
    assert sum(outcome.steps["repairs"].changed.values()) > 0


def test_half_of_the_labels_random_costs_no_more_than_that_half():
    outcome = curated([*SOUND[:100], *drawn(weights=[1, 1, 1])[100:]])
    kept = {example.id for example in outcome.examples}
    assert outcome.steps["labels"].lost == 0
    assert len(kept & {each.id for each in SOUND[:100]}) >= 50


@pytest.mark.parametrize(
    ("size", "too_few_for"),
    [
        (1, ["language", "random", "how many"]),
        (5, ["language", "random", "how many"]),
        (12, ["language", "random", "how many"]),
        (20, ["how many"]),
        (24, []),
    ],
)
def test_little_gold_says_what_it_cannot_know(size, too_few_for):
    outcome = curated(SOUND, gold=GOLD[:size])
    said = [
        finding
        for finding in outcome.findings
        if finding.startswith(f"{size} gold sentences") and "too few" in finding
    ]
    assert len(said) == len(too_few_for)
    assert all(word in finding for word, finding in zip(too_few_for, said, strict=True))
    assert 0 < len(outcome.examples) < len(SOUND)
    assert bool(outcome.selection.gains) == (size == 24)


def test_gold_that_does_not_agree_with_itself_judges_nobody():
    random = Random(1)
    gold = relabelled(GOLD, lambda tags: random.sample(tags, len(tags)))
    outcome = curated(SOUND, gold=gold, steps=BEFORE_SELECTION)
    assert outcome.steps["labels"].lost == 0
    assert any("better than random" in finding for finding in outcome.findings)


def test_every_sentence_has_a_verdict_and_the_steps_add_up():
    synthetic = [*SOUND[:100], *SOUND[:20], *TEST[:10], *sentences(20, name="f", language="finnish")]
    outcome = curated(synthetic)
    left = len(synthetic)
    assert tuple(outcome.steps) == STEPS
    for name, step in outcome.steps.items():
        assert step.kept + step.lost == left
        assert step.lost == sum(not verdict.kept and verdict.step == name for verdict in outcome.verdicts)
        left = step.kept
    assert left == len(outcome.examples) == sum(verdict.kept for verdict in outcome.verdicts)
    assert all(verdict.reason for verdict in outcome.verdicts if not verdict.kept)
    kept = [
        example.tokens for example, verdict in zip(synthetic, outcome.verdicts, strict=True) if verdict.kept
    ]
    assert kept == [example.tokens for example in outcome.examples]


def test_the_same_seed_decides_the_same():
    one, other = (curated(SOUND[:80], gold=GOLD[:24], seed=4) for _ in range(2))
    assert one.findings == other.findings
    assert list(one.verdicts) == list(other.verdicts)
    assert list(one.examples) == list(other.examples)


def test_steps_can_be_left_out():
    outcome = curated([*SOUND[:30], *SOUND[:30]], steps=("repeats",))
    assert outcome.steps["repeats"].lost >= 30
    assert len(outcome.examples) == outcome.steps["repeats"].kept
    assert [example.ner_tags for example in outcome.examples] == [
        example.ner_tags
        for example, verdict in zip([*SOUND[:30], *SOUND[:30]], outcome.verdicts, strict=True)
        if verdict.kept
    ]
    assert not any(verdict.changes for verdict in outcome.verdicts)


def test_nothing_to_curate_is_said():
    outcome = curated([])
    assert not outcome.examples
    assert not outcome.verdicts
    assert outcome.findings[0] == "There is nothing to curate."
