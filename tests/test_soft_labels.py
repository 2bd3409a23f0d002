"""Probabilities of labels: how teachers are mixed and read, and what students learn from them."""

from dataclasses import replace
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from synthner.evaluation.crf import CRF_MODEL, CrfTagger
from synthner.evaluation.encoder import EncoderTagger, settings_by_recipe
from synthner.evaluation.language_similarity import similarities
from synthner.evaluation.recipes import train_on_gold
from synthner.evaluation.scoring import score
from synthner.evaluation.soft_labels import (
    MOST_REPEATS,
    as_labels,
    mixed,
    repeats_by_certainty,
    train_student_crf,
)
from synthner.evaluation.teachers import Teachers, load_teacher
from synthner.schema.errors import DataError, WrongUsageError
from synthner.schema.example import Example, SoftExample
from synthner.schema.iob2 import repair, violations
from synthner.tests.curation_sentences import LABELS, sentences
from synthner.tests.tiny_encoder import save_tiny_encoder

NAMES = LABELS.names
GOLD = sentences(150, name="gold")
TEXT = sentences(150, name="text")
HELD_OUT = sentences(60, name="held out")

_WEIGHTS = st.lists(st.floats(0.01, 1), min_size=1, max_size=4)


def distributions(words, labels):
    """Give rows that add up to 1."""
    rows = arrays.arrays(np.float64, (words, labels), elements=st.floats(0.001, 1))
    return rows.map(lambda found: found / found.sum(1, keepdims=True))


@given(st.data(), _WEIGHTS, st.integers(1, 5))
def test_what_teachers_say_together_is_a_convex_combination(data, weights, words):
    weights = [weight / sum(weights) for weight in weights]
    said = [data.draw(distributions(words, len(NAMES))) for _ in weights]
    together = mixed(said, weights)
    assert together == pytest.approx(sum(w * p for w, p in zip(weights, said, strict=True)))
    assert together.sum(1) == pytest.approx(1)
    assert (together >= np.min(said, axis=0) - 1e-9).all()
    assert (together <= np.max(said, axis=0) + 1e-9).all()


@given(st.data(), st.permutations(["O", "B-PER", "I-PER", "B-MISC", "I-MISC"]), st.integers(1, 5))
def test_labels_that_a_config_does_not_have_become_o(data, known, words):
    said = data.draw(distributions(words, len(known)))
    read = as_labels(said, known, NAMES)
    column = dict(zip(NAMES, read.T, strict=True))
    of = dict(zip(known, said.T, strict=True))
    assert column["O"] == pytest.approx(of["O"] + of["B-MISC"] + of["I-MISC"])
    assert column["B-PER"] == pytest.approx(of["B-PER"])
    assert column["I-PER"] == pytest.approx(of["I-PER"])
    assert not column["B-LOC"].any()


class Constant:
    """A teacher that says the same of every word."""

    def __init__(self, **said):
        self.label_names = tuple(name.replace("_", "-") for name in said)
        self._row = np.array([list(said.values())], dtype=np.float64)

    def probabilities_of(self, sentences):
        return [np.repeat(self._row, len(words), axis=0) for words in sentences]


def test_teachers_with_other_labels_speak_with_one_voice():
    teachers = Teachers(
        [("one", Constant(O=0.2, B_PER=0.8)), ("other", Constant(I_LOC=0.5, B_ORG=0.1, O=0.4))],
        [0.25, 0.75],
        NAMES,
    )
    (found,) = teachers.probabilities_of([["Mara", "sings"]])
    expected = {"O": 0.25 * 0.2 + 0.75 * 0.5, "B-PER": 0.2, "I-LOC": 0.375}
    assert found[0] == pytest.approx([expected.get(name, 0) for name in NAMES])
    assert teachers.tags(found) == repair(["O", "O"], "conlleval").tags


def test_the_likeliest_labels_are_made_iob2():
    teachers = Teachers([("one", Constant(O=0.2, I_PER=0.8))], [1.0], NAMES)
    (found,) = teachers.probabilities_of([["Mara", "Vale"]])
    assert teachers.tags(found) == ("B-PER", "I-PER")
    assert not violations(teachers.tags(found))


def test_a_teacher_without_a_common_type_is_refused():
    with pytest.raises(DataError, match="the teacher has the types MISC, and gold has LOC, PER"):
        Teachers([("one", Constant(O=0.2, B_MISC=0.8))], [1.0], NAMES)


def test_a_crf_says_of_each_word_how_likely_each_label_is(tmp_path):
    tagger = train_on_gold(GOLD)
    tagger.save(tmp_path / CRF_MODEL)
    loaded = load_teacher(tmp_path)
    found = loaded.probabilities_of([example.tokens for example in HELD_OUT])
    for example, rows in zip(HELD_OUT, found, strict=True):
        assert rows.sum(1) == pytest.approx(1)
        of_tags = [rows[place, loaded.label_names.index(tag)] for place, tag in enumerate(example.ner_tags)]
        assert of_tags == pytest.approx(tagger.marginals(example))


# What students learn.


def encoder(tmp_path):
    return save_tiny_encoder(tmp_path / "model", [example.tokens for example in (*GOLD, *TEXT)])


def settings(model, **changes):
    quick = {"epochs": 12, "learning_rate": 5e-3, "frozen_layers": None, "batch_size": 16}
    return settings_by_recipe("student", str(model), changes={**quick, **changes}, seed=3)


def softly_labelled(teacher, examples):
    """Return examples with the labels and probabilities that a teacher gives them."""
    found = teacher.probabilities_of([example.tokens for example in examples])
    tagged = teacher.tag([example.tokens for example in examples])
    return [
        SoftExample(example.id, example.tokens, tuple(tags), teacher.label_names, rows.astype("float32"))
        for example, tags, rows in zip(examples, tagged, found, strict=True)
    ]


def agreement(tagger, teacher):
    """Return the F1 of a tagger against what its teacher says of sentences that neither has learned."""
    said = teacher.tag([example.tokens for example in HELD_OUT])
    return score(said, tagger.tag(example.tokens for example in HELD_OUT)).micro.f1


class Taught(NamedTuple):
    """A student, and what it has learned from."""

    teacher: CrfTagger
    model: Path
    soft: list[SoftExample]
    student: EncoderTagger


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    teacher, model = train_on_gold(GOLD), encoder(tmp_path_factory.mktemp("taught"))
    soft = softly_labelled(teacher, TEXT)
    return Taught(teacher, model, soft, EncoderTagger.train(soft, settings=settings(model), labels=NAMES))


def test_a_student_comes_to_agree_with_its_teacher_on_other_sentences(taught):
    teacher, model, soft, student = taught
    untrained = EncoderTagger.train(
        soft[:1], settings=settings(model, epochs=1, learning_rate=0.0), labels=NAMES
    )
    assert agreement(student, teacher) > 0.6
    assert agreement(student, teacher) > agreement(untrained, teacher) + 0.5


def test_learning_probabilities_lowers_the_mean_squared_error(taught):
    _, model, soft, student = taught

    def error(tagger):
        said = tagger.probabilities_of([example.tokens for example in soft])
        wanted = [as_labels(each.probabilities, each.labels, tagger.label_names) for each in soft]
        return np.mean((np.concatenate(said) - np.concatenate(wanted)) ** 2)

    untrained = EncoderTagger.train(soft, settings=settings(model, epochs=1, learning_rate=0.0), labels=NAMES)
    assert error(student) < error(untrained) / 4
    losses = student.facts.losses
    assert sum(losses[-10:]) < sum(losses[:10]) / 4
    # The first loss is that error, on a batch; cross-entropy would be ten times as much.
    assert losses[0] == pytest.approx(error(untrained), rel=0.3)


def test_probabilities_say_more_than_labels(tmp_path):
    # Half of the names are said to be persons with .6, so that no hard label can tell it.
    unsure = [
        SoftExample(str(number), ("Mara", "sings"), ("B-PER", "O"), ("O", "B-PER"), rows)
        for number in range(30)
        for rows in [np.array([[0.4, 0.6], [1, 0]], dtype=np.float32)]
    ]
    model = encoder(tmp_path)
    soft = EncoderTagger.train(unsure, settings=settings(model, epochs=40), labels=["O", "B-PER"])
    hard = EncoderTagger.train(
        unsure, settings=settings(model, epochs=40, soft_labels=False), labels=["O", "B-PER"]
    )
    wanted = Example("", ("Mara", "sings"), ("B-PER", "O"))
    assert soft.marginals(wanted)[0] == pytest.approx(0.6, abs=0.05)
    assert hard.marginals(wanted)[0] > 0.95


def test_examples_without_probabilities_are_learned_by_their_labels(tmp_path):
    model = encoder(tmp_path)
    by_student = EncoderTagger.train(GOLD[:20], settings=settings(model, epochs=2), labels=NAMES)
    by_labels = EncoderTagger.train(
        GOLD[:20], settings=settings(model, epochs=2, soft_labels=False), labels=NAMES
    )
    assert by_student.facts.losses == by_labels.facts.losses


def test_a_long_sentence_is_learned_in_windows_with_its_probabilities(tmp_path):
    words = [word for example in TEXT[:12] for word in example.tokens]
    long = Example("long", tuple(words), ("O",) * len(words))
    soft = softly_labelled(train_on_gold(GOLD), [long])
    student = EncoderTagger.train(soft * 8, settings=settings(encoder(tmp_path), longest=20), labels=NAMES)
    (said,) = student.probabilities_of([long.tokens])
    wanted = as_labels(soft[0].probabilities, soft[0].labels, student.label_names)
    assert (said.argmax(1) == wanted.argmax(1)).mean() > 0.9


@pytest.mark.parametrize("layers", [0, 1])
@pytest.mark.parametrize("kind", ["bert", "xlm-roberta"])
def test_frozen_weights_are_the_same_to_the_last_bit(tmp_path, layers, kind):
    model = save_tiny_encoder(tmp_path / "model", [each.tokens for each in (*GOLD, *TEXT)], kind=kind)
    before = weights_of(
        EncoderTagger.train(GOLD[:1], settings=settings(model, learning_rate=0.0), labels=NAMES)
    )
    # Validation keeps weights of another epoch than the last, and saving puts the whole vocabulary back.
    tagger = EncoderTagger.train(
        GOLD[:60],
        settings=settings(model, epochs=3, frozen_layers=layers),
        labels=NAMES,
        validation=HELD_OUT[:20],
    )
    tagger.save(tmp_path / "tagger")
    after = weights_of(EncoderTagger.load(tmp_path / "tagger"))
    frozen = ("embeddings.", *(f"layer.{layer}." for layer in range(layers)))
    for name, weights in after.items():
        is_same = torch.equal(weights, before[name])
        # A pooler has no part in it, and is left out of models for token classification.
        assert is_same == any(part in name for part in frozen), name
    assert any("word_embeddings" in name for name in after)


def weights_of(tagger):
    tagger._restore_vocabulary()
    return {name: weights.detach().clone() for name, weights in tagger._model.named_parameters()}


def test_more_layers_than_there_are_cannot_be_frozen(tmp_path):
    with pytest.raises(WrongUsageError, match="`frozen_layers` is 3, and the model has 2"):
        EncoderTagger.train(GOLD[:4], settings=settings(encoder(tmp_path), frozen_layers=3), labels=NAMES)


def test_the_recipes_of_teacher_and_student():
    teacher, student = (settings_by_recipe(name, "some/model") for name in ("teacher", "student"))
    assert (teacher.learning_rate, student.learning_rate) == (5e-5, 1e-4)
    assert replace(student, learning_rate=5e-5, soft_labels=False) == teacher
    assert (student.epochs, student.batch_size, student.longest, student.frozen_layers) == (3, 32, 128, 3)


def test_a_sentence_counts_by_how_certain_it_is():
    def with_certainties(*certainties):
        rows = np.array([[each, 1 - each] for each in certainties], dtype=np.float32)
        return SoftExample("", ("word",) * len(rows), ("O",) * len(rows), ("O", "B-PER"), rows)

    examples = [
        with_certainties(1, 1),
        with_certainties(0.9, 0.8),
        with_certainties(0.5, 0.5),
        with_certainties(0.5, 0.1, 0.6),
    ]
    assert repeats_by_certainty(examples) == [MOST_REPEATS, 3, 1, 1]
    assert repeats_by_certainty([with_certainties(*[0.5] * 9)] * 3) == [1, 1, 1]


def test_doubtful_sentences_that_are_wrong_spoil_less_than_if_all_counted_alike():
    """A third of the sentences is labelled at random, and their labels are doubtful."""
    random = Random(11)
    noisy = []
    for number, example in enumerate(sentences(240, name="noisy")):
        rows = np.full((len(example.tokens), len(NAMES)), 0.0, dtype=np.float32)
        tags = list(example.ner_tags)
        sure = 0.995
        if number % 3 == 0:
            tags = [random.choice(NAMES) for _ in tags]
            sure = 0.6
        rows[:] = (1 - sure) / (len(NAMES) - 1)
        for place, tag in enumerate(tags):
            rows[place, NAMES.index(tag)] = sure
        tags = repair(tags, "conlleval").tags
        noisy.append(SoftExample(example.id, example.tokens, tags, NAMES, rows))

    def f1(tagger):
        found = tagger.tag(example.tokens for example in HELD_OUT)
        return score([example.ner_tags for example in HELD_OUT], found).micro.f1

    assert f1(train_student_crf(noisy)) > f1(train_on_gold(noisy)) + 0.05


def test_where_all_is_certain_a_student_is_what_labels_teach():
    certain = [
        SoftExample(
            example.id,
            example.tokens,
            example.ner_tags,
            NAMES,
            np.eye(len(NAMES), dtype=np.float32)[[NAMES.index(tag) for tag in example.ner_tags]],
        )
        for example in GOLD
    ]
    tokens = [example.tokens for example in HELD_OUT]
    assert train_student_crf(certain).tag(tokens) == train_on_gold(GOLD).tag(tokens)


# Which language a text is like.


def words(examples):
    return [example.tokens for example in examples]


def test_a_text_is_most_like_its_own_language():
    known = {
        language: words(sentences(40, name="known", language=language))
        for language in ("english", "finnish", "greek")
    }
    for language in known:
        found = similarities(words(sentences(25, name="text", language=language)), known)
        assert sum(found.values()) == pytest.approx(1)
        assert found[language] > 0.7


def test_danish_is_more_like_swedish_than_like_english(shared):
    from synthner.sources.readers import read_examples

    folder = shared / "data" / "uner"
    danish, swedish, english = (
        words(read_examples(folder / name))[:500]
        for name in (
            "da_ddt/da_ddt-ud-dev.iob2.gz",
            "sv_pud/sv_pud-ud-test.iob2.gz",
            "en_pud/en_pud-ud-test.iob2.gz",
        )
    )
    # The two are translations of one another: only the language differs.
    found = similarities(danish, {"en": english, "sv": swedish})
    assert found["sv"] > 0.6
    # What there is more of is not likelier.
    assert similarities(danish, {"en": english, "sv": swedish[:100]})["sv"] > 0.6


def test_one_language_is_all_there_is():
    assert similarities(words(TEXT), {"en": words(GOLD)}) == {"en": 1.0}
