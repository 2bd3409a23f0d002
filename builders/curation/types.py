"""The repair of types."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...schema.iob2 import mentions, tags_of
from .consensus import TypeConsensus, surface
from .labelling import Labelling, SentenceRepair
from .words import Sentence

# How probable another type must be.
_CERTAIN = 0.75


def repair_types(labelling: Labelling) -> SentenceRepair:
    """Give each mention the type that its surface form has by consensus."""
    consensus = TypeConsensus(labelling.config, labelling.gold, labelling.labels.types)

    def repair(sentence: Sentence, tags: Sequence[str]) -> Sequence[str] | None:
        spans = mentions(tags)
        repaired = [
            replace(
                span, type=consensus.better_type(surface(sentence, span), span.type, _CERTAIN) or span.type
            )
            for span in spans
        ]
        return tags_of(repaired, len(tags)) if repaired != spans else None

    return repair
