from random import Random

import pytest

from synthner.builders.curation.likeness import unlike_gold
from synthner.builders.curation.selection import agreement_with_gold, select
from synthner.tests.curation_sentences import relabelled, sentences

GOLD = sentences(60, name="gold")
SOUND = sentences(80, name="synthetic")


def noisy(examples):
    random = Random(2)
    return relabelled(examples, lambda tags: random.sample(tags, len(tags)))


def test_sound_labels_agree_with_gold_more_than_noisy_ones():
    wrong = [each for each, sound in zip(noisy(SOUND), SOUND, strict=True) if each.ner_tags != sound.ner_tags]
    agreement = agreement_with_gold([*SOUND[:60], *wrong[-20:]], GOLD, seed=0)
    assert all(0 <= one <= 1 for one in agreement)
    assert sorted(agreement[:60])[6] > sorted(agreement[60:])[18]


def test_the_share_that_is_kept_is_the_one_that_agrees_best():
    synthetic = [*SOUND[:40], *noisy(SOUND[40:])]
    selected = select(synthetic, GOLD[:9], seed=0)
    kept = set(selected.kept)
    with_mentions = [place for place, example in enumerate(synthetic) if example.mentions]
    left = [selected.agreement[place] for place in with_mentions if place not in kept]
    assert selected.share == 0.5
    assert min(selected.agreement[place] for place in with_mentions if place in kept) >= max(left)
    assert not selected.gains


def test_sentences_without_a_mention_are_kept_as_often_as_gold_has_them():
    gold = [example for example in GOLD if example.mentions]
    plain = [example for example in SOUND if not example.mentions]
    named = [example for example in SOUND if example.mentions]
    assert plain
    selected = select([*named, *plain], [*gold[:8]], seed=0)
    assert all(place < len(named) for place in selected.kept)


def test_all_is_kept_where_no_smaller_share_clearly_gains_more():
    selected = select(SOUND, GOLD, seed=0)
    half, all_of_them = selected.gains[0.5], selected.gains[1.0]
    assert all_of_them.expected > 0
    assert half.f1 - 2 * half.standard_error <= all_of_them.f1
    assert selected.share == 1.0
    assert select(SOUND, GOLD, seed=0) == selected


def test_data_that_harms_is_not_kept():
    other = {"B-PER": "B-LOC", "I-PER": "I-LOC", "B-LOC": "B-PER", "O": "O"}
    harmful = relabelled(SOUND, lambda tags: [other[tag] for tag in tags])
    selected = select(harmful * 3, GOLD[:40], seed=0)
    assert (selected.share, selected.kept) == (0.0, ())
    assert all(gain.f1 < -gain.standard_error for gain in selected.gains.values())


@pytest.mark.parametrize(
    "synthetic", [[], relabelled(SOUND, lambda tags: ["O"] * len(tags))], ids=["none", "all O"]
)
def test_nothing_is_selected_from_what_has_no_mention(synthetic):
    selected = select(synthetic, GOLD, seed=0)
    assert (selected.kept, selected.share, selected.gains) == ((), 0.0, {})
    assert len(selected.agreement) == len(synthetic)


@pytest.mark.parametrize("language", ["finnish", "greek"])
def test_other_languages_are_unlike_gold(language):
    synthetic = [*SOUND[:40], *sentences(40, name="other", language=language)]
    unlike = unlike_gold(synthetic, GOLD)
    assert sum(place >= 40 for place in unlike) == 40
    assert sum(place < 40 for place in unlike) <= 2


def test_little_gold_tells_no_language():
    assert unlike_gold(sentences(5, name="other", language="greek"), GOLD[:19]) == []
