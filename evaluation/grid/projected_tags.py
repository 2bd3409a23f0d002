"""Tags of test sentences that come from their translations, by word alignments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...projection.methods import projector
from ...projection.model_folders import NamedModel
from ...projection.neural_alignment import NeuralAligner, load_encoder, require_transformers
from ...projection.outcome import Alignment
from ...projection.parallel_text import Pair
from ...projection.statistical_alignment import StatisticalAligner
from ...schema.example import Example
from ...schema.iob2 import OUTSIDE, mentions, repair
from ...sources.word_splitting import split_words
from .data import GridData
from .description import STATISTICAL
from .trained import Tagging, Tags
from .translate_test import Way
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
    """

    way: Way
    originals: Sequence[Words]
    words: Sequence[Words]
    alignments: Sequence[Alignment]
    translations: Translations
    aligner_revision: str | None

    def tags(self, tag: Tagging) -> tuple[Tags, dict[str, Any]]:
        """Tag the test sentences by their translations.

        Args:
            tag: Tags sentences of the language that they are translated into.

        Returns:
            Their tags, and what a result says of how they came to be.
        """
        project = projector(self.way.method, self.way.parameters)
        found: list[Sequence[str]] = []
        entities, written = 0, 0
        dropped: Counter[str] = Counter()
        readable = iter(tag([words for words in self.words if words]))
        for original, words, alignment in zip(self.originals, self.words, self.alignments, strict=True):
            tagged = mentions(next(readable)) if words else ()
            if not tagged:
                found.append((OUTSIDE,) * len(original))
                continue
            projection = project(tagged, alignment, original)
            # Some methods go on after a gap, as their authors' programs do.
            found.append(repair(tuple(projection.tags), "conlleval").tags)
            entities += len(tagged)
            written += projection.mentions
            dropped.update(reason for _, reason in projection.dropped)
        return found, {
            **self._facts(),
            "projection": {
                "method": self.way.method,
                "parameters": dict(self.way.parameters),
                "entities": entities,
                "projected": entities - dropped.total(),
                "dropped": dict(sorted(dropped.items(), key=lambda item: (-item[1], item[0]))),
                "mentions": written,
            },
        }

    def _facts(self) -> dict[str, Any]:
        way, sentences = self.way, self.translations.sentences
        return {
            "source": way.source,
            "model": way.model.name,
            "model_revision": self.translations.model_revision,
            "codes": list(way.codes) if way.codes else None,
            "beams": way.decoding.beams,
            "batch_size": way.decoding.batch_size,
            "cut_short": sum(not each.is_complete for each in sentences),
            "empty": sum(not words for words in self.words),
            "aligner": {
                "method": way.aligner,
                "model": way.aligner_model.name if way.aligner_model else None,
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
        WrongUsageError: If packages that translate or align are not installed.
        DataError: If a model cannot be used, or translations cannot be written.
    """
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
    )


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
