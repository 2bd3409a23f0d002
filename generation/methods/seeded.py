"""The seeded method: show m gold examples, ask for n new datapoints, and do so k times.

After Kamath & Vajjala (2025). All k samples of a split are planned before anything is sent, each of them
different, from the release's one seed.
"""

from __future__ import annotations

import json
import math
import random
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from ...release import Config
from ...schema.errors import ReleaseError
from ...schema.example import Example
from ...schema.labels import LabelSet
from ...schema.splits import SPLITS
from ...sources.gold import Gold
from ..calls import Call
from ..engines import Endpoint, endpoint
from ..formats import render_datapoint, response_schema
from .method import MethodContext
from .prompts import Question, legend
from .shown_gold import showable

_EXAMPLES_TO_REMEMBER = 1 << 14

# What the request holds besides its sampling parameters; `n` and `stream` would change what an answer is.
_NOT_SAMPLING = frozenset({"model", "messages", "response_format", "n", "stream"})


def plan(context: MethodContext) -> Iterator[Call]:
    """Plan the calls of a config, split by split.

    The samples depend on the seed, the language, the split and m alone: generators that show as many
    examples show the same ones, and a larger k adds calls to those planned before.

    Raises:
        ReleaseError: If gold has too few examples for k different samples, a sampling parameter is none, or
            the format cannot write an entity type.
    """
    config, gold, seed = context.config, context.gold, context.seed
    generator, labels = config.generator, gold.labels
    check_sampling(generator.sampling, config.name)
    server = endpoint(config)
    format_ = generator.format or default_format(server)
    question = Question(
        format=format_,
        language=config.language.name,
        datapoints=generator.datapoints,
        labels=labels,
        legend=legend(labels.types, gold.splits.get("train", ())),
        structured_output=server.structured_output,
    )
    render = _renderer(format_, labels, config.name)
    schema = response_schema(format_, labels, generator.datapoints) if server.structured_output else None
    for split in SPLITS:
        if split not in generator.calls:
            continue
        for index, sample in enumerate(seed_samples(config, gold, split, seed)):
            yield Call(
                config=config.name,
                split=split,
                index=index,
                engine=generator.engine,
                model=generator.model,
                messages=question.messages(map(render, sample)),
                schema=schema,
                sampling=generator.sampling,
                base_url=server.base_url,
                seed_ids=tuple(example.id for example in sample),
                seed_revision=gold.revision,
                datapoints=generator.datapoints,
            )


def default_format(server: Endpoint) -> str:
    """Return the format that suits a server: pairs where it enforces a schema, inline spans elsewhere."""
    return "pairs" if server.structured_output else "spans"


def seed_samples(config: Config, gold: Gold, split: str, seed: int) -> Iterator[Sequence[Example]]:
    """Draw the examples of each call of a split: k different samples of m, without replacement in each.

    None of them stands in held-out gold as well.

    Raises:
        ReleaseError: If gold does not have that many.
    """
    generator = config.generator
    source, wanted, size = generator.seeds_from[split], generator.calls[split], generator.examples
    population = showable(gold, source)
    if math.comb(len(population), size) < wanted:
        raise ReleaseError(
            f"{split}: {wanted:,} different samples of {size:,} examples do not exist in gold {source}, "
            f"which has {len(population):,} examples that do not stand in held-out gold as well",
            where=config.name,
            hint=f"Lower `examples` or `calls.{split}` of the generator, or take the examples of this split "
            "from another gold split (`seeds_from`).",
        )
    chance = random.Random(f"{seed}/{config.language.code}/{split}")  # noqa: S311
    # As bytes, which take a tenth of the memory of a set of numbers.
    drawn: set[bytes] = set()
    while len(drawn) < wanted:
        places = chance.sample(range(len(population)), size)
        sample = array("I", sorted(places)).tobytes()
        if sample not in drawn:
            drawn.add(sample)
            yield [population[place] for place in places]


def _renderer(format_: str, labels: LabelSet, where: str) -> Callable[[Example], str]:
    """Return what writes gold examples, each of them once: every one is in many prompts."""

    @lru_cache(maxsize=_EXAMPLES_TO_REMEMBER)
    def render(example: Example) -> str:
        return _render(format_, example, labels, where)

    return render


def _render(format_: str, example: Example, labels: LabelSet, where: str) -> str:
    try:
        return render_datapoint(format_, example.tokens, example.ner_tags, labels)
    except ValueError as error:
        raise ReleaseError(
            f"format: {error}", where=where, hint="Use `format: pairs`, which writes any label."
        ) from error


def check_sampling(sampling: Mapping[str, Any], where: str) -> None:
    """Refuse sampling parameters that are none.

    Raises:
        ReleaseError: If one would change what an answer is, or cannot be sent.
    """
    for name in sorted(_NOT_SAMPLING.intersection(sampling)):
        raise ReleaseError(
            f"sampling: `{name}` is no sampling parameter",
            where=where,
            hint="Model, format and number of datapoints have keys of their own in the generator.",
        )
    try:
        json.dumps(sampling, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ReleaseError(
            f"sampling: a value cannot be sent as JSON ({error})",
            where=where,
            hint="Use numbers, texts, true or false, and lists of them.",
        ) from error
