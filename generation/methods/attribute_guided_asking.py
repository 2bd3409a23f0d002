"""What `attribute_guided` asks, round by round: values, entities, sentences, corrections."""

from __future__ import annotations

import math
import random
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...schema.errors import ReleaseError
from ...schema.example import Example
from ...schema.validation import nearest
from ..calls import Call, Reply
from ..engines import endpoint
from ..json_scanner import read_whole
from .attribute_guided_corrections import GROUP, Doubt, Pair, correction_calls, doubts
from .attribute_guided_prompts import Messages, Prompts
from .method import MethodContext
from .prompts import legend
from .seeded import check_sampling
from .shown_gold import showable

VALUES, ENTITIES, SENTENCES = "values", "entities", "sentences"
"""What calls are for, besides corrections."""

ASK = "ask"

DEFAULT_ATTRIBUTES: Mapping[str, str] = {
    "topic": ASK,
    "kind of text and its style": ASK,
    "register and tone": ASK,
    "length and structure of the sentence": ASK,
}
DEFAULT_SHARE = 0.2

# Calls of each purpose are numbered by themselves: more calls of one change no number of another.
_VALUES_FROM = 10_000_000
_ENTITIES_FROM = 20_000_000

_LONGEST_TERM = 120
_FENCE = re.compile(r"^[ \t]*```.*$", re.MULTILINE)
_MARK = re.compile(r"[ \t]*(?:[-*•]|\(?\d{1,4}[.):])[ \t]*")
_AROUND_TERMS = " \t\"'`“”„«»*_,;"

Values = Mapping[str, Sequence[str]]
Pools = Mapping[tuple[str | None, str], Sequence[str]]
"""Entities by the value that they are for, if there is one, and type."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of the method, as the release writes them.

    Attributes:
        diversify: What is varied by requirements: `sentences`, `entities`, both or nothing.
        attributes: Values of each attribute, or `ask` where the model is to say them.
        domain: What the sentences are, in a few words; told to the model.
        values: Values asked for, of an attribute.
        entities: Entities asked for, of a type.
        entities_by: The attribute whose values have entities of their own; None for none.
        correct: Share of the entities that are asked about again; true for the usual share, false for none.
    """

    diversify: Sequence[str] = ("sentences", "entities")
    attributes: Mapping[str, Sequence[str] | str] = field(default_factory=lambda: DEFAULT_ATTRIBUTES)
    domain: str = ""
    values: int = 20
    entities: int = 40
    entities_by: str | None = None
    correct: float | bool = True

    @property
    def share(self) -> float:
        """The share of the entities that are asked about again."""
        return DEFAULT_SHARE if self.correct is True else float(self.correct)

    @property
    def attributes_used(self) -> list[str]:
        """The attributes whose values are drawn."""
        if "sentences" in self.diversify:
            return list(self.attributes)
        return [self.entities_by] if self.entities_by and "entities" in self.diversify else []


@dataclass(frozen=True, slots=True)
class _Question:
    """A call, but for its place and the examples that it shows.

    Attributes:
        step: What it is for.
        messages: What is sent.
        schema: The JSON Schema that the answer must follow, or None.
        about: What is to be known of it when its answer is read.
        datapoints: How many are asked for.
        more_sampling: Sampling parameters besides those of the release.
    """

    step: str
    messages: Messages
    schema: Mapping[str, Any] | None
    about: Mapping[str, Any]
    datapoints: int = 0
    more_sampling: Mapping[str, Any] = field(default_factory=dict)


class Asking:
    """What is asked for a config.

    Args:
        context: What the data is made from.

    Attributes:
        settings: The settings of the method.
        types: The entity types.
        known: Words as gold writes them.
        prompts: Writes the questions.
        gives_log_probabilities: Whether the engine does, where it is asked to.

    Raises:
        ReleaseError: If a setting or a sampling parameter cannot be used.
    """

    def __init__(self, context: MethodContext) -> None:
        config, gold = context.config, context.gold
        check_sampling(config.generator.sampling, config.name)
        server, train = endpoint(config), gold.splits.get("train", ())
        self.settings = _settings(context)
        self.types = gold.labels.types
        self.known = frozenset(token for example in train for token in example.tokens)
        self.gives_log_probabilities = server.log_probabilities
        self.prompts = Prompts(
            language=config.language.name,
            domain=self.settings.domain,
            types=self.types,
            legend=legend(self.types, train),
            structured=server.structured_output,
        )
        self._base_url = server.base_url
        self._context = context
        self._generator = config.generator
        self._share = self.settings.share if server.log_probabilities else 0.0
        sources = set(config.generator.seeds_from.values())
        self._showable = {source: showable(gold, source) for source in sorted(sources)}

    def calls(self, split: str) -> Iterator[Call]:
        """Plan the calls of a split, as far as answers are there."""
        asked = list(self.value_calls(split))
        yield from asked
        values = self.values(asked)
        if values is None:
            return
        asked = list(self.entity_calls(split, values))
        yield from asked
        pools = self._pools(asked)
        if pools is None:
            return
        sentences = list(self._sentence_calls(split, values, pools))
        yield from sentences
        for call in sentences:
            reply = self.answer_to(call)
            if reply is not None:
                yield from correction_calls(call, self.doubts(call, reply), self.prompts)

    def most_calls(self, split: str) -> int:
        """Say how many calls a split has in the end."""
        planned: Counter[str] = Counter()
        answered = 0
        for call in self.calls(split):
            planned[call.step] += 1
            answered += call.step == SENTENCES and bool(self._share) and self.answer_to(call) is not None
        known = sum(planned.values())
        pools = 0
        if not planned[SENTENCES] and not planned[ENTITIES] and "entities" in self.settings.diversify:
            pools = len(self.types) * self._most_values(self.settings.entities_by)
        sentences = self._generator.calls[split]
        unanswered = sentences - answered if self._share else 0
        return known + pools + sentences - planned[SENTENCES] + unanswered * self._likely_corrections(split)

    def answer_to(self, call: Call) -> Reply | None:
        """Return the answer to a call; None where there is none yet."""
        answers = self._context.rounds.answers([call])
        return answers[0] if answers else None

    def doubts(self, call: Call, reply: Reply) -> list[Doubt]:
        """Return what the model is to be asked about again, of its answer to a call for sentences."""
        share = call.about.get("correct", 0)
        if not share or not reply.text:
            return []
        return doubts(reply.text, reply.raw, self.types, self.known, share)

    def value_calls(self, split: str) -> Iterator[Call]:
        """Plan a call for each attribute whose values the model is to say."""
        wanted = [
            attribute
            for attribute in self.settings.attributes_used
            if self.settings.attributes[attribute] == ASK
        ]
        for number, attribute in enumerate(wanted):
            shown = self._examples(split, f"{VALUES}/{attribute}")
            question = _Question(
                step=VALUES,
                messages=self.prompts.values(attribute, self.settings.values, shown),
                schema=self.prompts.list_schema(VALUES),
                about={"attribute": attribute, "at_most": self.settings.values},
            )
            yield self._call(split, _VALUES_FROM + number, question, shown)

    def values(self, asked: Sequence[Call]) -> Values | None:
        """Return the values of each attribute; None while the model has not said them."""
        replies = self._context.rounds.answers(asked) if asked else []
        if replies is None:
            return None
        said = {
            call.about["attribute"]: read_terms(reply, call.about["at_most"])
            for call, reply in zip(asked, replies, strict=True)
        }
        given = self.settings.attributes
        values = {
            attribute: said.get(attribute, given[attribute]) for attribute in self.settings.attributes_used
        }
        return {attribute: terms for attribute, terms in values.items() if terms}

    def entity_calls(self, split: str, values: Values) -> Iterator[Call]:
        """Plan a call for each entity type, and each value that has entities of its own."""
        if "entities" not in self.settings.diversify:
            return
        by = self.settings.entities_by
        number = 0
        for value in self._values_with_entities(values):
            for type_ in self.types:
                shown = self._examples(split, f"{ENTITIES}/{value}/{type_}")
                about = None if value is None else f"{by}: {value}"
                question = _Question(
                    step=ENTITIES,
                    messages=self.prompts.entities(type_, about, self.settings.entities, shown),
                    schema=self.prompts.list_schema(ENTITIES),
                    about={"value": value, "type": type_, "at_most": self.settings.entities},
                )
                yield self._call(split, _ENTITIES_FROM + number, question, shown)
                number += 1

    def _values_with_entities(self, values: Values) -> Sequence[str | None]:
        return list(values.get(self.settings.entities_by or "", ())) or [None]

    def _pools(self, asked: Sequence[Call]) -> Pools | None:
        """Return the entities that the model has named; None while it has not."""
        replies = self._context.rounds.answers(asked) if asked else []
        if replies is None:
            return None
        return {
            (call.about["value"], call.about["type"]): read_terms(reply, call.about["at_most"])
            for call, reply in zip(asked, replies, strict=True)
        }

    def _sentence_calls(self, split: str, values: Values, pools: Pools) -> Iterator[Call]:
        generator = self._generator
        more_sampling = {"logprobs": True} if self._share else {}
        schema = self.prompts.listing_schema(generator.datapoints)
        for index in range(generator.calls[split]):
            chance = self._chance(split, f"{SENTENCES}/{index}")
            required = self._requirements(chance, values)
            terms = self._required_entities(chance, values, pools, required)
            shown = self._examples(split, f"{SENTENCES}/{index}")
            question = _Question(
                step=SENTENCES,
                messages=self.prompts.sentences(generator.datapoints, required, terms, shown),
                schema=schema,
                about={"correct": self._share, "requirements": required, "entities": list(map(list, terms))},
                datapoints=generator.datapoints,
                more_sampling=more_sampling,
            )
            yield self._call(split, index, question, shown)

    def _requirements(self, chance: random.Random, values: Values) -> dict[str, str]:
        """Draw some attributes, each as likely as not and at least one, and a value of each."""
        if "sentences" not in self.settings.diversify or not values:
            return {}
        drawn = [attribute for attribute in values if chance.random() < 0.5]
        return {
            attribute: chance.choice(values[attribute])
            for attribute in drawn or [chance.choice(list(values))]
        }

    def _required_entities(
        self, chance: random.Random, values: Values, pools: Pools, required: Mapping[str, str]
    ) -> list[Pair]:
        """Draw one to two entities a sentence, whatever their type, of those that fit the value required."""
        by = self.settings.entities_by or ""
        candidates = self._values_with_entities(values)
        value = required[by] if by in required and required[by] in candidates else chance.choice(candidates)
        left = {type_: list(pools.get((value, type_), ())) for type_ in self.types}
        wanted = chance.randint(self._generator.datapoints, 2 * self._generator.datapoints)
        drawn: list[Pair] = []
        while len(drawn) < wanted and (types := [type_ for type_ in self.types if left[type_]]):
            type_ = chance.choice(types)
            drawn.append((left[type_].pop(chance.randrange(len(left[type_]))), type_))
        return drawn

    def _examples(self, split: str, what: str) -> Sequence[Example]:
        """Draw the gold examples that a prompt shows."""
        source, size = self._generator.seeds_from[split], self._generator.examples
        population = self._showable[source]
        if len(population) < size:
            raise ReleaseError(
                f"{split}: {size:,} examples are to be shown, and gold {source} has {len(population):,} "
                "that do not stand in held-out gold as well",
                where=self._context.config.name,
                hint="Lower `examples` of the generator, or take the examples of this split from another "
                "gold split (`seeds_from`).",
            )
        return self._chance(split, f"examples/{what}").sample(population, size)

    def _chance(self, split: str, what: str) -> random.Random:
        code = self._context.config.language.code
        return random.Random(f"{self._context.seed}/{code}/{split}/attribute_guided/{what}")  # noqa: S311

    def _call(self, split: str, index: int, question: _Question, shown: Sequence[Example]) -> Call:
        return Call(
            config=self._context.config.name,
            split=split,
            index=index,
            engine=self._generator.engine,
            model=self._generator.model,
            messages=question.messages,
            schema=question.schema,
            sampling={**self._generator.sampling, **question.more_sampling},
            base_url=self._base_url,
            seed_ids=tuple(example.id for example in shown),
            seed_revision=self._context.gold.revision,
            datapoints=question.datapoints,
            step=question.step,
            about=question.about,
        )

    def _most_values(self, attribute: str | None) -> int:
        if attribute is None:
            return 1
        given = self.settings.attributes[attribute]
        return self.settings.values if given == ASK else len(given)

    def _likely_corrections(self, split: str) -> int:
        """Say how many corrections follow from an answer, if sentences have twice the mentions of gold."""
        examples = self._context.gold.splits.get(self._generator.seeds_from[split], ())
        mentions = sum(len(example.mentions) for example in examples) / max(1, len(examples))
        return math.ceil(2 * mentions * self._generator.datapoints * self._share / GROUP)


def _settings(context: MethodContext) -> Settings:
    settings = Settings(**context.config.generator.method_settings)
    by = settings.entities_by
    if by is not None and by not in settings.attributes:
        raise ReleaseError(
            f"attribute_guided.entities_by: there is no attribute `{by}`",
            where=context.config.name,
            hint=nearest(by, list(settings.attributes)),
        )
    return settings


def read_terms(reply: Reply | None, most: int) -> list[str]:
    """Read a list of values or names: JSON, or a line each; each once, whatever its case."""
    text = _FENCE.sub("", "" if reply is None else reply.text or "").strip()
    try:
        found = list(_texts_in(read_whole(text)))
    except (ValueError, RecursionError):
        lines = [line for line in text.splitlines() if line.strip() and not line.endswith(":")]
        # Where some are marked as the list, the others say something about it.
        marked = [line[mark.end() :] for line in lines if (mark := _MARK.match(line))]
        found = marked or lines
    terms = {}
    for term in found:
        plain = " ".join(term.split()).strip(_AROUND_TERMS)
        if any(map(str.isalnum, plain)) and len(plain) <= _LONGEST_TERM:
            terms.setdefault(plain.casefold(), plain)
    return list(terms.values())[:most]


def _texts_in(value: Any) -> Iterator[str]:
    """Yield the texts of a JSON list, or of the lists in an object."""
    for each in [value] if isinstance(value, list) else value.values() if isinstance(value, dict) else ():
        if isinstance(each, list):
            yield from (text for text in each if isinstance(text, str))
