"""Tags of test sentences that come from their translations, by word alignments and by who scores besides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...projection.methods import projector
from ...projection.model_folders import NamedModel, require_train_extra
from ...projection.neural_alignment import NeuralAligner, load_encoder, require_transformers
from ...projection.outcome import Alignment, ParallelSentence, Projection
from ...projection.parallel_text import Pair
from ...projection.scored import NamedTranslator, ScoredProjector, Tagger
from ...projection.settings import ScoringModel
from ...projection.statistical_alignment import StatisticalAligner
from ...projection.translation import load_translation_model, require_scoring_model
from ...schema.example import Example
from ...schema.iob2 import mentions, repair
from ...sources.word_splitting import split_words
from .data import GridData
from .description import STATISTICAL
from .related_crf import related_crf
from .trained import Tagging, Tags
from .translate_test import TaggerOfGold, Way
from .translations import Translations, translations_of_test

Words = Sequence[str]


@dataclass(frozen=True)
class TranslatedTest:
    """Test sentences, their translations in words, and which word is which.

    Attributes:
        way: How they came to be.
        originals: The words of the test sentences.
        words: The words of their translations.
        alignments: Links from a word of a translation to one of the test sentence.
        translations: The translations.
        aligner_revision: Which encoder aligned them, see `NamedModel.revision_in`; None where none did.
        data: The data of the grid.
    """

    way: Way
    originals: Sequence[Words]
    words: Sequence[Words]
    alignments: Sequence[Alignment]
    translations: Translations
    aligner_revision: str | None
    data: GridData

    def tags(self, tag: Tagging) -> tuple[Tags, dict[str, Any]]:
        """Tag the test sentences by their translations.

        Args:
            tag: Tags sentences of the language that they are translated into.

        Returns:
            Their tags, and what a result says of how they came to be.

        Raises:
            DataError: If those that score cannot be loaded, or memory does not suffice for them.
        """
        readable = iter(tag([words for words in self.words if words]))
        sentences = [
            ParallelSentence(mentions(next(readable)) if words else (), alignment, original, words)
            for original, words, alignment in zip(self.originals, self.words, self.alignments, strict=True)
        ]
        scoring = _scoring(self.way, self.data) if self.way.projection.is_scored else None
        projections = list(_projections(self.way, scoring, sentences))
        dropped = Counter(reason for each in projections for _, reason in each.dropped)
        entities = sum(len(each.entities) for each in sentences)
        # Some methods go on after a gap, as their authors' programs do.
        found = [repair(tuple(each.tags), "conlleval").tags for each in projections]
        projection: dict[str, Any] = {
            "method": self.way.projection.settings.method,
            "parameters": dict(self.way.projection.settings.parameters),
            "entities": entities,
            "projected": entities - dropped.total(),
            "dropped": dict(sorted(dropped.items(), key=lambda item: (-item[1], item[0]))),
            "mentions": sum(each.mentions for each in projections),
        }
        if scoring is not None:
            projection["scoring"] = {
                **scoring.projector.as_json(),
                "tagger_revision": scoring.tagger_revision,
                "unread": sum(each.unread for each in projections),
            }
        return found, {**self._facts(), "projection": projection}

    def _facts(self) -> dict[str, Any]:
        way, sentences = self.way, self.translations.sentences
        return {
            "source": way.source,
            "model": way.model.published_name,
            "model_revision": self.translations.model_revision,
            "codes": list(way.codes) if way.codes else None,
            "beams": way.decoding.beams,
            "batch_size": way.decoding.batch_size,
            "cut_short": sum(not each.is_complete for each in sentences),
            "empty": sum(not words for words in self.words),
            "aligner": {
                "method": way.aligner,
                "model": way.aligner_model.published_name if way.aligner_model else None,
                "model_revision": self.aligner_revision,
                "extra_sentences": len(way.extra),
                "unaligned": sum(not alignment for alignment in self.alignments),
            },
        }


def translated_test(way: Way, source: Sequence[Example], data: GridData) -> TranslatedTest:
    """Translate the test sentences of a language, and align their words with those of the translations.

    Args:
        way: How.
        source: Sentences of the language that is translated into: words are split as they are there.
        data: The data of the grid.

    Raises:
        WrongUsageError: If packages that translate, align or score are not installed.
        DataError: If a model cannot be used, the tagger that scores knows none of the types, or translations
            cannot be written.
    """
    if way.projection.is_scored:
        # It would be a pity to learn of it when everything is translated and trained.
        _scoring(way, data).projector.check_types(_types(source))
    translations = translations_of_test(way, data)
    known = {token for example in source for token in example.tokens}
    # What splitting would take apart stays whole where gold writes it so.
    known = {token for token in known if split_words(token) != [token]}
    words = [split_words(each.text, known) for each in translations.sentences]
    originals = [example.tokens for example in data.test(way.language).examples]
    align = _by_statistics if way.aligner == STATISTICAL else _by_encoder
    alignments, revision = align(way, [pair for pair in zip(words, originals, strict=True) if all(pair)])
    found = iter(alignments)
    return TranslatedTest(
        way=way,
        originals=originals,
        words=words,
        alignments=[next(found) if each else frozenset() for each in words],
        translations=translations,
        aligner_revision=revision,
        data=data,
    )


@dataclass(frozen=True)
class _Scoring:
    """What projects by those that score, loaded.

    Attributes:
        projector: It.
        tagger_revision: What the tagger is exactly; None where none takes part, or that is not known.
    """

    projector: ScoredProjector
    tagger_revision: str | None


def _scoring(way: Way, data: GridData) -> _Scoring:
    """Load those that score."""
    translator = way.projection.translator
    scores = None if translator is None else _scores(translator)
    tagger, revision = _tagger(way, data)
    return _Scoring(way.projection.projector(tagger, scores), revision)


def _scores(translator: ScoringModel) -> NamedTranslator:
    require_train_extra("a translation model that scores")
    fetched = translator.model.fetch()
    # Loaded from where its revision was seen: a branch of the Hub may move meanwhile.
    model = NamedModel(translator.model.name, fetched)
    require_scoring_model(model)
    scores = translator.scores(load_translation_model(model))
    return replace(scores, revision=translator.model.revision_in(fetched))


def _tagger(way: Way, data: GridData) -> tuple[Tagger | None, str | None]:
    if way.tagger is None:
        return None, None
    if isinstance(way.tagger, TaggerOfGold):
        return related_crf(way.tagger.gold, data), way.tagger.revision
    return way.tagger.load_exactly()


def _projections(
    way: Way, scoring: _Scoring | None, sentences: Sequence[ParallelSentence]
) -> Iterator[Projection]:
    """Yield the projection of each sentence."""
    if scoring is None:
        project = projector(way.projection.settings.method, way.projection.settings.parameters)
        for each in sentences:
            yield project(each.entities, each.alignment, each.target)
        return
    together = scoring.projector.together
    for start in range(0, len(sentences), together):
        yield from scoring.projector.of(sentences[start : start + together])


def _types(examples: Iterable[Example]) -> set[str]:
    return {mention.type for example in examples for mention in example.mentions}


def _by_statistics(way: Way, pairs: Sequence[Pair]) -> tuple[list[Alignment], str | None]:
    return StatisticalAligner(way.extra).align(pairs).symmetrized() if pairs else [], None


def _by_encoder(way: Way, pairs: Sequence[Pair]) -> tuple[list[Alignment], str | None]:
    model = way.aligner_model
    if model is None:
        raise ValueError(f"the aligner {way.aligner} needs a model")
    require_transformers()
    fetched = model.fetch()
    aligner = NeuralAligner(load_encoder(NamedModel(model.name, fetched)), way.aligner)
    return list(aligner.align(pairs)), model.revision_in(fetched)
