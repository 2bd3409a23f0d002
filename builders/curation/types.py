"""The repair of types."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...schema.iob2 import tags_of
from .consensus import TypeConsensus, surface
from .evidence import spans_of
from .labelling import Labelling, SentenceRepair
from .words import Sentence

# How probable another type must be.
_CERTAIN = 0.75


def repair_types(labelling: Labelling) -> SentenceRepair:
    """Give each mention the type that its surface form has by consensus."""
    consensus = TypeConsensus(labelling.config, labelling.gold, labelling.labels.types)

    def repair(sentence: Sentence, tags: tuple[str, ...]) -> Sequence[str] | None:
        spans = spans_of(tags)
        better = [consensus.better_type(surface(sentence, span), span.type, _CERTAIN) for span in spans]
        if not any(better):
            return None
        repaired = [replace(span, type=type_ or span.type) for span, type_ in zip(spans, better, strict=True)]
        return tags_of(repaired, len(tags))

    return repair
