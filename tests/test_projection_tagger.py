"""Projection with a tagger of the target's language: what it changes, and which taggers are refused."""

import json
import random
from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthner.evaluation.recipes import train_on_gold
from synthner.projection.candidates import n_grams, tagged_spans
from synthner.projection.outcome import ParallelSentence
from synthner.projection.scored import (
    ALIGN,
    FUSED,
    NER,
    NGRAM,
    TAGGER,
    NamedTagger,
    Scoring,
    scored_projector,
)
from synthner.projection.scores import AlignScore, NerScore
from synthner.schema.errors import DataError, WrongUsageError
from synthner.schema.example import Example
from synthner.schema.iob2 import Mention
from synthner.tests.in_process import done, refused
from synthner.tests.tiny_encoder import save_tiny_encoder
from synthner.tests.tiny_translator import save_tiny_translator

# The second word of the target is aligned to Ho by mistake, and nothing to Kofi.
SOURCE = "Ama B-PER\nlives O\nin O\nHo B-LOC\n. O\n\nIt O\nrains O\n\nKofi B-PER\nleft O\n"
TARGET = "Ama te Ho .\nOsu retɔ\nKofi fii\n"
ALIGNMENTS = "0-0 3-1 3-2 4-3\n\n1-1\n"
FILES = ("--source", "s.conll", "--target", "t.txt", "--alignments", "a.txt", "-o", "o.conll")
PEOPLE, PLACES, VERBS = ("Ama", "Kofi", "Yaa"), ("Ho", "Wa", "Tema"), ("te", "wɔ", "fii")


def gold() -> list[Example]:
    """Write gold of the target's language, in which each name is seen often."""
    chance = random.Random(2)
    found = []
    for number in range(60):
        words = (chance.choice(PEOPLE), chance.choice(VERBS), chance.choice(PLACES), ".")
        tags = ("B-PER", "O", "B-LOC", "O")
        if number % 3 == 0:
            words, tags = ("Osu", "retɔ", ".", words[0]), ("O", "O", "O", "B-PER")
        found.append(Example(str(number), words, tags))
    return found


def conll(examples: Iterable[Example]) -> str:
    return "\n".join(
        "".join(f"{word} {tag}\n" for word, tag in zip(each.tokens, each.ner_tags, strict=True))
        for each in examples
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {
        "s.conll": SOURCE,
        "t.txt": TARGET,
        "a.txt": ALIGNMENTS,
        "gold.conll": conll(gold()),
    }.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    train_on_gold(gold()).save(tmp_path / "crf" / "model.crfsuite")
    return tmp_path


def labelled(folder: Path) -> list[str]:
    blocks = (folder / "o.conll").read_text(encoding="utf-8").split("\n\n")
    return [" ".join(line.split()[1] for line in block.splitlines()) for block in blocks if block]


@pytest.mark.parametrize(
    ("options", "tags"),
    [
        ((), ["B-PER B-LOC I-LOC O", "O O", "O O"]),
        (("--candidates", "tagger"), ["B-PER O B-LOC O", "O O", "O O"]),
        (("--candidates", "tagger", "--scores", "fused"), ["B-PER O B-LOC O", "O O", "B-PER O"]),
        (("--candidates", "ngram", "--scores", "fused"), ["B-PER O B-LOC O", "O O", "B-PER O"]),
        (("--scores", "ner"), ["B-PER O B-LOC O", "O O", "B-PER O"]),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("method", ["greedy", "exact"])
def test_the_tagger_says_where_an_entity_went(folder, method, options, tags):
    tagger = ("--tagger", "crf") if options else ()
    done("project", *FILES, "--method", method, *options, *tagger, folder=folder)
    assert labelled(folder) == tags


def test_a_tagger_is_loaded_or_learns_gold_with_the_same_result(folder):
    options = ("--method", "exact", "--scores", "fused", "--json")
    loaded = done("project", *FILES, *options, "--tagger", "crf/model.crfsuite", folder=folder).json
    by_loaded = labelled(folder)
    trained = done("project", *FILES, *options, "--tagger-gold", "gold.conll", folder=folder).json
    assert labelled(folder) == by_loaded
    taggers = [outcome["scoring"].pop("tagger") for outcome in (loaded, trained)]
    assert taggers == ["crf/model.crfsuite", "gold.conll"]
    assert {**loaded, "seconds": 0} == {**trained, "seconds": 0}
    assert (loaded["sentences"], loaded["entities"], loaded["projected"], loaded["dropped"]) == (3, 3, 3, {})


def test_an_entity_without_a_candidate_has_its_reason(folder):
    def dropped(*options: str) -> dict[str, int]:
        return done("project", *FILES, "--method", "exact", *options, "--json", folder=folder).json["dropped"]

    tagger = ("--tagger", "crf")
    assert dropped("--candidates", "tagger", *tagger) == {"not aligned": 1}
    (folder / "t.txt").write_text("Ama te Ho .\nOsu retɔ\n! !\n", encoding="utf-8")
    # By the tagger alone nobody looks at alignments.
    assert dropped("--scores", "ner", *tagger) == {"no candidate": 1}
    assert dropped("--scores", "fused", *tagger) == {"not aligned": 1}
    (folder / "a.txt").write_text("0-0 3-1 4-3\n\n\n", encoding="utf-8")
    (folder / "t.txt").write_text("Ama te wɔ .\nOsu retɔ\nKofi fii\n", encoding="utf-8")
    assert dropped("--candidates", "tagger", *tagger) == {"no candidate": 1, "not aligned": 1}


def test_an_encoder_takes_part(folder):
    labels = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
    save_tiny_encoder(folder / "encoder", [line.split() for line in TARGET.splitlines()], labels=labels)
    outcome = done(
        "project",
        *FILES,
        "--method",
        "exact",
        "--scores",
        "fused",
        "--tagger",
        "encoder",
        "--json",
        folder=folder,
    ).json
    assert outcome["entities"] == outcome["projected"] + sum(outcome["dropped"].values()) == 3


def test_gold_that_cannot_be_learned_is_counted(folder):
    with (folder / "gold.conll").open("a", encoding="utf-8") as stream:
        stream.write("\nAma ?\nte O\n")
    ended = done(
        "project",
        *FILES,
        "--method",
        "exact",
        "--scores",
        "ner",
        "--tagger-gold",
        "gold.conll",
        folder=folder,
    )
    assert "gold.conll: 1 sentence cannot be learned" in ended.stderr


@pytest.mark.parametrize(
    ("options", "message", "status"),
    [
        (("exact", "--candidates", "tagger"), "there is no tagger to choose candidates", 2),
        (("greedy", "--scores", "ner"), "labelled sentences of the target's language by `--tagger-gold`", 2),
        (("exact", "--tagger", "crf"), "the tagger has no use", 2),
        (("exact", "--scores", "align", "--tagger-gold", "gold.conll"), "the tagger has no use", 2),
        (
            ("exact", "--scores", "ner", "--tagger", "crf", "--tagger-gold", "gold.conll"),
            "name two taggers",
            2,
        ),
        (("gf22", "--candidates", "tagger", "--tagger", "crf"), "the method `gf22` has no candidates", 2),
        (("politov", "--scores", "align"), "Take `greedy` or `exact`", 2),
        (("exact", "--scores", "ner", "--tagger", "./none"), "none: there is no folder with a model here", 1),
        (("exact", "--scores", "ner", "--tagger", "t.txt"), "t.txt: this is no CRFsuite model", 1),
        (("exact", "--scores", "ner", "--tagger-gold", "none.conll"), "none.conll: there is no such file", 1),
        (("exact", "--scores", "ner", "--tagger-gold", "plain.conll"), "there is no labelled mention", 1),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_taggers_that_cannot_be(folder, options, message, status):
    (folder / "plain.conll").write_text("Ama O\nte O\n", encoding="utf-8")
    assert message in refused("project", *FILES, "--method", *options, folder=folder, status=status)
    assert not (folder / "o.conll").exists()


def test_a_model_that_gives_no_probabilities_of_labels_is_refused(folder):
    options = ("--method", "exact", "--scores", "ner", "--tagger")
    save_tiny_translator(folder / "translator", steps=0)
    assert "translator" in refused("project", *FILES, *options, "translator", folder=folder)
    save_tiny_encoder(folder / "numbers", [["Ama"]], labels=["LABEL_0", "LABEL_1"])
    assert "IOB2" in refused("project", *FILES, *options, "numbers", folder=folder)


def test_types_that_the_tagger_does_not_know_matter_where_they_count(folder):
    (folder / "s.conll").write_text(SOURCE.replace("PER", "NEP").replace("LOC", "NEL"), encoding="utf-8")
    options = ("--method", "exact", "--tagger", "crf")
    message = refused("project", *FILES, *options, "--scores", "fused", folder=folder)
    assert message.startswith("crf: the tagger has the types LOC, PER, and the source has NEL, NEP")
    assert not (folder / "o.conll").exists()
    done("project", *FILES, *options, "--candidates", "tagger", folder=folder)
    assert labelled(folder)[0] == "B-NEP O B-NEL O"


class Said:
    """A tagger that says of each sentence what it was told to."""

    label_names: tuple[str, ...] = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")

    def __init__(self, said: Sequence[Sequence[Sequence[float]]]) -> None:
        self._said = said

    def probabilities_of(self, sentences: Iterable[Sequence[str]]) -> list[np.ndarray]:
        return [np.array(words) for words, _ in zip(self._said, sentences, strict=True)]


@st.composite
def tagged_sentences(draw):
    length = draw(st.integers(1, 6))
    shares = st.lists(st.integers(0, 4), min_size=5, max_size=5).filter(any)
    said = [[share / sum(of_word) for share in of_word] for of_word in (draw(shares) for _ in range(length))]
    target = [draw(st.sampled_from(["Ama", "te", "Ho", "!"])) for _ in range(length)]
    entities = [Mention(0, 1, "PER"), Mention(1, 3, "LOC")][: draw(st.integers(1, 2))]
    pairs = draw(st.frozensets(st.tuples(st.integers(0, 2), st.integers(0, length - 1)), max_size=6))
    return ParallelSentence(entities, pairs, target), said


@given(
    tagged_sentences(),
    st.sampled_from([Scoring(*each) for each in product((NGRAM, TAGGER), (ALIGN, NER, FUSED))][1:]),
)
def test_what_is_projected_scores_most(tagged, scoring):
    sentence, said = tagged
    projected = scored_projector("exact", {}, scoring, tagger=NamedTagger(Said([said]), "said")).of(
        [sentence]
    )[0]
    words = [dict(zip(Said.label_names, word, strict=True)) for word in said]

    def score(entity: Mention, span: tuple[int, int]) -> float:
        align = AlignScore(entity, sentence.alignment, len(words)).of(*span)
        ner = NerScore(words, entity.type).of(*span)
        ner = ner if ner >= 0.05 else 0
        return {ALIGN: align, NER: ner, FUSED: 0.5 * align + 0.5 * ner}[scoring.scores]

    likeliest = [max(word, key=word.__getitem__) for word in words]
    spans = tagged_spans(likeliest) if scoring.candidates == TAGGER else n_grams(sentence.target)
    first, *others = sentence.entities
    best = max((score(first, span) for span in spans), default=0)
    for other in others:
        alone = max((score(other, span) for span in spans), default=0)
        both = (
            score(first, a) + score(other, b) for a in spans for b in spans if a[1] <= b[0] or b[1] <= a[0]
        )
        best = max(best, alone, *both, 0)
    placed = {
        each.type: (each.start, each.end)
        for each in Example("", tuple(sentence.target), tuple(projected.tags)).mentions
    }
    assert set(placed.values()) <= set(spans)
    total = sum(score(entity, placed[entity.type]) for entity in sentence.entities if entity.type in placed)
    assert total == pytest.approx(best)
    assert len(projected.dropped) == len(sentence.entities) - len(placed)


def test_many_sentences_are_projected_as_each_alone(folder):
    sentences = [each for each in gold() if each.mentions] * 5
    (folder / "s.conll").write_text(conll(sentences) + "\nOsu O\n", encoding="utf-8")
    (folder / "t.txt").write_text(
        "".join(" ".join(each.tokens) + "\n" for each in sentences) + "Osu\n", encoding="utf-8"
    )
    (folder / "a.txt").write_text("\n" * (len(sentences) + 1))
    options = ("--method", "exact", "--scores", "ner", "--tagger", "crf", "--json")
    outcome = done("project", *FILES, *options, folder=folder).json
    assert outcome["sentences"] == len(sentences) + 1 == 301
    assert labelled(folder)[:-1] == [" ".join(each.ner_tags) for each in sentences]
    assert json.dumps(outcome["dropped"]) == "{}"


def test_from_python_a_method_that_matches_nothing_takes_no_tagger():
    said = NamedTagger(Said([]), "said")
    with pytest.raises(WrongUsageError, match="no use for what chooses or scores them"):
        scored_projector("gf22", {}, Scoring(TAGGER), tagger=said)
    with pytest.raises(WrongUsageError, match="the tagger has no use"):
        scored_projector("exact", {}, Scoring(), tagger=said)
    with pytest.raises(DataError, match="said: the tagger has the types LOC, PER"):
        scored_projector("exact", {}, Scoring(TAGGER, NER), tagger=said).check_types(["NEP"])
