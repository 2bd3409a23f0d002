import subprocess
import sys
from dataclasses import replace
from random import Random

import pytest

from synthner.builders.curation.curate import curate
from synthner.builders.curation.files import curate_file
from synthner.builders.curation.judges import CrfJudge, EncoderJudge
from synthner.builders.curation.selection import Judging, agreement_with_gold, select
from synthner.evaluation.encoder import EncoderSettings
from synthner.schema.errors import DataError
from synthner.tests.curation_sentences import LABELS, relabelled, rows_of, sentences, write
from synthner.tests.tiny_encoder import save_tiny_encoder

GOLD = sentences(30, name="gold")
SOUND = sentences(80, name="synthetic")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    save_tiny_encoder(folder, [each.tokens for each in sentences(300, name="text")])
    return EncoderJudge(EncoderSettings(str(folder), epochs=4, learning_rate=6e-3))


class Recorder:
    """A judge that is asked like any other, and remembers what it learned and judged."""

    def __init__(self):
        self.trained = []

    def train(self, gold, synthetic):
        self.trained.append(({each.id for each in gold}, {each.id for each in synthetic}, set()))
        return self

    def marginals_of(self, examples):
        examples = list(examples)
        self.trained[-1][2].update(example.id for example in examples)
        # The later sentences are better.
        return [[int(each.id.rpartition("-")[2]) / 1000] * len(each.tokens) for each in examples]


def noisy(examples):
    random = Random(2)
    return relabelled(examples, lambda tags: random.sample(tags, len(tags)))


def called_places(examples):
    return relabelled(examples, lambda tags: [tag.replace("PER", "LOC") for tag in tags])


def sum_at_people(example, probabilities):
    return sum(one for one, tag in zip(probabilities, example.ner_tags, strict=True) if tag == "B-PER")


def selected(synthetic, judge):
    return select(
        synthetic, GOLD, unrepaired=synthetic, repair=lambda some, _: some, seed=0, judging=Judging(judge)
    )


def test_an_encoder_tells_sound_labels_from_noisy_ones(encoder):
    wrong = [each for each, sound in zip(noisy(SOUND), SOUND, strict=True) if each.ner_tags != sound.ner_tags]
    agreement = agreement_with_gold([*SOUND[:60], *wrong[-20:]], GOLD, seed=0, judge=encoder)
    assert all(0 <= one <= 1 for one in agreement)
    assert sorted(agreement[:60])[6] > sorted(agreement[60:])[18]
    assert agreement_with_gold([*SOUND[:60], *wrong[-20:]], GOLD, seed=0) != agreement


def test_gold_overrules_what_more_synthetic_sentences_teach(encoder):
    synthetic = called_places(sentences(60, name="renamed"))
    judged = [each for each in sentences(40, name="judged") if "B-PER" in each.ner_tags]
    tagger = encoder.train(GOLD, synthetic)
    people = sum(map(sum_at_people, judged, map(tagger.marginals, judged)))
    places = sum(map(sum_at_people, judged, map(tagger.marginals, called_places(judged))))
    assert people > places


def test_no_sentence_is_judged_by_a_tagger_that_learned_it():
    judge = Recorder()
    agreement_with_gold(SOUND, GOLD, seed=0, judge=judge)
    assert [gold for gold, _, _ in judge.trained] == [{each.id for each in GOLD}] * 2
    assert all(not learned & judged for _, learned, judged in judge.trained)
    assert set.union(*(judged for _, _, judged in judge.trained)) == {each.id for each in SOUND}


def test_the_judge_that_is_given_ranks_and_the_crf_chooses_how_many():
    judge = Recorder()
    by_judge, by_crf = selected(SOUND, judge), selected(SOUND, None)
    assert len(judge.trained) == 2
    assert (by_judge.gains, by_judge.share) == (by_crf.gains, by_crf.share)
    assert by_judge.share == 0.75
    assert list(by_judge.agreement) == [number / 1000 for number in range(len(SOUND))]
    with_mentions = [place for place, each in enumerate(SOUND) if each.mentions]
    kept = [place for place in by_judge.kept if SOUND[place].mentions]
    assert kept == with_mentions[-len(kept) :]
    assert by_judge.kept != by_crf.kept


def test_the_crf_is_the_judge_where_none_is_given():
    by_default = agreement_with_gold(SOUND, GOLD, seed=0)
    assert agreement_with_gold(SOUND, GOLD, seed=0, judge=CrfJudge()) == by_default


def test_curation_asks_the_judge():
    judged = curate(
        SOUND, GOLD[:9], LABELS, held_out={}, seed=0, steps=["selection"], judging=Judging(Recorder())
    )
    assert [verdict.agreement for verdict in judged.verdicts] == [
        number / 1000 for number in range(len(SOUND))
    ]


def test_a_file_is_curated_by_an_encoder(encoder, tmp_path):
    # Whether it has learned much does not matter here.
    judge = EncoderJudge(replace(encoder.settings, epochs=1))
    data, gold = write(tmp_path / "data.jsonl", SOUND), write(tmp_path / "gold.jsonl", GOLD[:12])
    outcome = curate_file(data, gold, tmp_path / "curated.jsonl", held_out={}, judge=judge)
    rows = rows_of(tmp_path / "curated.jsonl")
    assert [row["id"] for row in rows] == [each.id for each in outcome.curation.examples]
    assert 20 < len(rows) < len(SOUND)
    left = [
        replace(each, ner_tags=label_changes(each, verdict))
        for each, verdict in zip(outcome.data, outcome.verdicts, strict=True)
        if verdict.agreement is not None
    ]
    judged = agreement_with_gold(left, GOLD[:12], seed=0, judge=judge)
    assert judged == list(outcome.curation.selection.agreement)


def label_changes(example, verdict):
    """Return the tags of a sentence after its repairs."""
    tags = list(example.ner_tags)
    for change in verdict.changes:
        tags[change.position] = change.after
    return tuple(tags)


def test_a_model_that_is_not_there_writes_nothing(tmp_path):
    data, gold = write(tmp_path / "data.jsonl", SOUND), write(tmp_path / "gold.jsonl", GOLD)
    judge = EncoderJudge(EncoderSettings(str(tmp_path / "no-model")))
    with pytest.raises(DataError, match="no folder with a model here"):
        curate_file(data, gold, tmp_path / "curated.jsonl", held_out={}, judge=judge)
    assert not (tmp_path / "curated.jsonl").exists()


def test_an_encoder_without_the_extra_is_refused_at_once():
    code = (
        "import sys; sys.modules['accelerate'] = None\n"
        "from synthner.builders.curation.judges import EncoderJudge\n"
        "from synthner.evaluation.encoder import EncoderSettings\n"
        "from synthner.schema.errors import WrongUsageError\n"
        "try: EncoderJudge(EncoderSettings('some/model'))\n"
        "except WrongUsageError as error: print(error)\n"
        "print([name for name in ('torch', 'transformers') if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "pip install 'synthner[train]'" in told
    assert told.endswith("[]\n")
