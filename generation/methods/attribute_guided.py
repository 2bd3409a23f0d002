"""Attribute-guided generation: every call asks for sentences of another kind, about other entities.

After ProgGen (Heng et al. 2024). The model is asked first what sentences can differ in, and for entities that
they can speak of. Each call then draws some of these values and entities and requires them. Sentences come
with a list of their entities, and the model is asked again about the entities that it was least sure of.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from ...release import Config
from ...schema.splits import SPLITS
from ..calls import Call, Reply
from ..engines import endpoint
from ..log_probabilities import read_log_probabilities
from .attribute_guided_asking import SENTENCES, Asking, Settings
from .attribute_guided_reading import AnswerReader
from .method import MethodContext, Reading

FORMAT = "listing"

_LOOKED_AT = 20


def plan(context: MethodContext) -> Iterator[Call]:
    """Plan the calls of a config in rounds: values, entities, sentences, corrections.

    Splits share nothing, and what a call asks for follows from its number and the answers to earlier rounds:
    more calls or another split only add to the plan.

    Raises:
        ReleaseError: If gold has too few examples to show, or a setting names what is not there.
    """
    asking = Asking(context)
    for split in _splits(context):
        yield from asking.calls(split)


def most_calls(context: MethodContext) -> Mapping[str, int]:
    """Say how many calls the plan has in the end: what is known, and of the rest what is likely at most."""
    asking = Asking(context)
    return {split: asking.most_calls(split) for split in _splits(context)}


def reading(context: MethodContext) -> Reading:
    """Return what reads sentences with their entities, and applies the corrections that there are."""
    return AnswerReader(Asking(context)).read


def findings(context: MethodContext) -> Mapping[str, Any]:
    """Say what was asked for, what the lists held, and what the corrections came to."""
    return AnswerReader(Asking(context)).findings(_splits(context))


def remarks(config: Config, answers: Iterable[tuple[Call, Reply | None]]) -> list[str]:
    """Say whether nothing can be corrected, for want of log-probabilities."""
    if not Settings(**config.generator.method_settings).share:
        return []
    if not endpoint(config).log_probabilities:
        return [
            f"nothing is corrected: the engine `{config.generator.engine}` gives no log-probabilities; "
            "`correct: false` leaves corrections out"
        ]
    written = (reply for call, reply in answers if call.step == SENTENCES and reply is not None)
    first = list(islice((reply for reply in written if reply.error is None), _LOOKED_AT))
    if first and all(read_log_probabilities(reply.raw, reply.text or "") is None for reply in first):
        return ["nothing is corrected: the server's answers have no log-probabilities"]
    return []


def _splits(context: MethodContext) -> list[str]:
    return [split for split in SPLITS if split in context.config.generator.calls]
