"""Calls of methods that ask no chat model: one for each gold sentence that data is made from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from ...schema.errors import ReleaseError
from ...schema.example import Example
from ...schema.methods import OFFLINE
from ..calls import Call, canonical_json, sha256
from .method import MethodContext
from .shown_gold import showable

SPLIT = "train"
"""The split that such data is made from and for: variants of gold to test on would leak it."""


def offline_calls(
    context: MethodContext, *, version: int, datapoints: int, inputs: Sequence[Any] = ()
) -> Iterator[Call]:
    """Plan a call for each gold sentence to train on that does not stand in held-out gold as well.

    A call's index is the place of its sentence in gold.

    Args:
        context: What the data is made from.
        version: Version of the method: with another one, everything is made anew.
        datapoints: Datapoints that are made of each sentence, at most.
        inputs: What besides gold train, the settings and the seed decides the answers, as JSON values.

    Raises:
        ReleaseError: If gold has no such sentence.
    """
    config, generator = context.config, context.config.generator
    gold = context.gold.splits.get(SPLIT, ())
    if not gold:
        raise ReleaseError(
            f"the method `{generator.method}` makes data from gold train, and there is none",
            where=config.name,
            hint="Name a train split in the language's `gold`.",
        )
    usable = {example.id for example in showable(context.gold, SPLIT)}
    if not usable:
        raise ReleaseError(
            f"the method `{generator.method}` makes data from gold train, and each sentence of that stands "
            "in held-out gold as well",
            where=config.name,
            hint="Give gold train without the sentences of gold validation and test.",
        )
    decides = [context.seed, dict(generator.method_settings), gold_as_json(gold), *inputs]
    address = f"method:{generator.method}/{version}#{sha256(canonical_json(decides))}"
    for index, example in enumerate(gold):
        if example.id not in usable:
            continue
        yield Call(
            config=config.name,
            split=SPLIT,
            index=index,
            engine=OFFLINE,
            model=generator.model,
            messages=(),
            schema=None,
            sampling={},
            base_url=address,
            seed_ids=(example.id,),
            seed_revision=context.gold.revision,
            datapoints=datapoints,
        )


def gold_as_json(gold: Iterable[Example]) -> list[list[Any]]:
    """Return gold sentences as JSON values, for what an answer depends on."""
    return [[example.id, list(example.tokens), list(example.ner_tags)] for example in gold]


def held_out_hash(context: MethodContext) -> str:
    """Return a hash of the gold that is not made data from, for a method that must never make one of it."""
    others = {split: gold_as_json(gold) for split, gold in context.gold.splits.items() if split != SPLIT}
    return sha256(canonical_json(others))


def gold_by_id(context: MethodContext) -> Mapping[str, Example]:
    """Return the gold sentences to train on, by their ids."""
    return {example.id: example for example in context.gold.splits.get(SPLIT, ())}


def in_blocks(calls: Iterable[Call], size: int, first: int = 0) -> Iterator[tuple[int, Iterator[Call]]]:
    """Yield calls that are answered together, with the place where their block begins in the round.

    Args:
        calls: Calls of a round, in order.
        size: Calls of a block, asked for or not.
        first: The index of the round's first call.
    """
    for block, together in groupby(calls, key=lambda call: (call.index - first) // size):
        yield block * size, together


def written(
    datapoints: Iterable[tuple[Sequence[str], Sequence[str]]], operations: Iterable[str] | None = None
) -> str:
    """Write datapoints as the answer to a call.

    Args:
        datapoints: Tokens and tags by name, of each.
        operations: What was done to make each, for its provenance; None where a method has nothing to say.
    """
    values: list[dict[str, Any]] = [
        {"tokens": list(tokens), "ner_tags": list(tags)} for tokens, tags in datapoints
    ]
    if operations is not None:
        for value, operation in zip(values, operations, strict=True):
            value["operation"] = operation
    return json.dumps({"datapoints": values}, ensure_ascii=False)


NOTHING_MADE = written([])
"""The answer where nothing could be made of a sentence."""
