from random import Random

import pytest

from synthner.builders.curation import selection
from synthner.builders.curation.likeness import unlike_gold
from synthner.builders.curation.selection import agreement_with_gold
from synthner.tests.curation_sentences import relabelled, sentences

GOLD = sentences(60, name="gold")
SOUND = sentences(80, name="synthetic")


def select(synthetic, gold, *, seed):
    """Select among sentences whose labels are as they came."""
    return selection.select(synthetic, gold, unrepaired=synthetic, repair=lambda some, _: some, seed=seed)


def all_outside(examples):
    return relabelled(examples, lambda tags: ["O"] * len(tags))


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
    assert selected.share == 0.75
    assert 0.7 <= sum(place in kept for place in with_mentions) / len(with_mentions) <= 0.8
    assert min(selected.agreement[place] for place in with_mentions if place in kept) >= max(left)
    assert not selected.gains


def test_sentences_without_a_mention_are_kept_at_most_twice_as_often_as_gold_has_them():
    named, plain = ([each for each in SOUND if bool(each.mentions) == wanted] for wanted in (True, False))
    gold = [*[each for each in GOLD if each.mentions][:8], *[each for each in GOLD if not each.mentions][:1]]
    synthetic = [*named[:16], *plain, *all_outside(named[16:])]
    selected = select(synthetic, gold, seed=0)
    kept_with_mentions = [place for place in selected.kept if place < 16]
    assert len(kept_with_mentions) == 12
    assert len(selected.kept) - 12 == 2 * 12 // 8


def test_the_better_part_is_kept_where_all_does_not_clearly_gain_more():
    synthetic, gold = SOUND[:40], GOLD[:36]
    selected = select(synthetic, gold, seed=0)
    part, all_of_them = selected.gains[0.75], selected.gains[1.0]
    assert part.expected.probably_gains
    assert all_of_them.f1 - 2 * all_of_them.standard_error <= part.f1
    assert selected.share == 0.75
    assert select(synthetic, gold, seed=0) == selected


def test_nothing_is_kept_where_gold_alone_does_as_well():
    selected = select(SOUND[:40], sentences(140, name="gold"), seed=0)
    assert (selected.share, selected.kept) == (0.0, ())
    assert all(gain.f1 <= 0 for gain in selected.gains.values())


def test_folds_are_judged_by_labels_that_were_repaired_without_them():
    seen = []

    def repair(some, by):
        seen.append({example.id for example in by})
        return some

    synthetic, gold = SOUND[:40], GOLD[:24]
    selection.select(synthetic, gold, unrepaired=synthetic, repair=repair, seed=0)
    everything = {example.id for example in gold}
    assert set.union(*(everything - some for some in seen)) == everything
    assert not set.intersection(*(everything - some for some in seen))


@pytest.mark.parametrize("synthetic", [[], all_outside(SOUND)], ids=["none", "all O"])
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
