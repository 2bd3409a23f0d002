"""Self-correction of `attribute_guided`: the model is asked again about what it was least sure of.

Which mentions are asked about follows from one answer alone. So the plan of its corrections never changes,
however many calls there will be.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...schema.iob2 import Mention
from ..annotation import Annotated, annotate, bare_name, type_named, written_entity
from ..calls import Call, Reply
from ..entity_listing import Listings, read_listings
from ..log_probabilities import LogProbabilities, read_log_probabilities
from .attribute_guided_prompts import OTHER, Prompts

STEP = "correct"
GROUP = 3
"""Spans in a call."""

CORRECTION = "correction"
"""What a change is called that comes from an answer."""

CORRECT, BOUNDARY, TYPE, NO_ENTITY, UNUSABLE = "correct", "boundary", "type", "no entity", "unusable"
OUTCOMES = (CORRECT, BOUNDARY, TYPE, NO_ENTITY, UNUSABLE)
"""What an answer can come to."""

_FROM = 100_000_000
_MOST_GROUPS = 1000

_LINE = re.compile(
    r"^[^\w\n(]*(?P<number>\d{1,3})[^\w\n(]*\(?(?P<choice>[A-D])\b\)?(?P<rest>.*)$", re.MULTILINE
)
_ALONE = re.compile(r"\A\s*\(?(?P<choice>[A-D])\b\)?(?P<rest>[^\n]*)")
_QUOTED = re.compile(r"[\"“«`{]+([^\"“”«»`{}]+)[\"”»`}]+")
_TEXT_SHOWN = 200
_LONGEST_SPAN = 500

Pair = tuple[str, str]
"""Name and type of an entity."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """A mention that the model was not sure of.

    Attributes:
        item: The number of its sentence in the answer.
        entity: Name and type, as they are marked in the sentence.
        sentence: The sentence with the first such mention marked.
        logprob: Mean log-probability of its tokens in the list.
    """

    item: int
    entity: Pair
    sentence: str
    logprob: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the model says of a mention when it is asked about it.

    Attributes:
        choice: One of the letters that it was given; empty where its answer is none.
        text: What it gives besides.
    """

    choice: str
    text: str


_NOTHING = Verdict("", "")


def doubts(text: str, raw: str, types: Sequence[str], known: Collection[str], share: float) -> list[Doubt]:
    """Return the share of an answer's entities that the model was least sure of, the least sure first.

    Args:
        text: The answer.
        raw: The complete response that it came in.
        types: The entity types.
        known: Words as gold writes them.
        share: The share.
    """
    logprobs = read_log_probabilities(raw, text)
    if logprobs is None:
        return []
    found: dict[tuple[int, Pair], Doubt] = {}
    for item, annotated, entities in annotated_sentences(read_listings(text), types, known):
        for doubt in _doubts_of(item, annotated, entities, logprobs):
            place = (doubt.item, doubt.entity)
            if place not in found or doubt.logprob < found[place].logprob:
                found[place] = doubt
    ranked = sorted(found.values(), key=lambda doubt: (doubt.logprob, doubt.item, doubt.entity))
    return ranked[: int(share * len(ranked) + 0.5)]


def annotated_sentences(
    listings: Listings, types: Sequence[str], known: Collection[str]
) -> Iterator[tuple[int, Annotated, Sequence[tuple[Pair, int | None, int | None]]]]:
    """Yield the sound sentences of an answer: number, words and tags, entities with their places in it."""
    for item, listed in enumerate(listings.sentences):
        if listed.fault is not None or any(entity.type is None for entity in listed.entities):
            continue
        pairs = [(entity.name, entity.type or "") for entity in listed.entities]
        annotated = annotate(listed.sentence, pairs, types, known)
        if annotated.fault is None:
            places = [(entity.start, entity.end) for entity in listed.entities]
            yield item, annotated, [(pair, *place) for pair, place in zip(pairs, places, strict=True)]


def _doubts_of(
    item: int,
    annotated: Annotated,
    entities: Sequence[tuple[Pair, int | None, int | None]],
    logprobs: LogProbabilities,
) -> Iterator[Doubt]:
    first = {number: mention for mention, number in reversed(annotated.spans)}
    for number, mention in first.items():
        (name, _), start, end = entities[number]
        logprob = None if start is None or end is None else logprobs.mean(start, end)
        if logprob is not None:
            yield Doubt(item, (bare_name(name), mention.type), _marked(annotated, mention), logprob)


def _marked(annotated: Annotated, mention: Mention) -> str:
    start, end = annotated.characters(mention)
    text = annotated.sentence
    return f"{text[:start]}{{{{{text[start:end]}}}}}{text[end:]}"


def correction_calls(call: Call, found: Sequence[Doubt], prompts: Prompts) -> list[Call]:
    """Return the calls that ask about the doubts of an answer.

    Args:
        call: The call that was answered.
        found: The doubts.
        prompts: Writes the questions.
    """
    sampling = {name: value for name, value in call.sampling.items() if "logprobs" not in name}
    groups = [found[start : start + GROUP] for start in range(0, len(found), GROUP)][:_MOST_GROUPS]
    return [
        Call(
            config=call.config,
            split=call.split,
            index=_FROM + call.index * _MOST_GROUPS + number,
            engine=call.engine,
            model=call.model,
            messages=prompts.corrections([(doubt.sentence, doubt.entity[1]) for doubt in group]),
            schema=prompts.choices_schema(len(group)),
            sampling={**sampling, "temperature": 0},
            base_url=call.base_url,
            seed_ids=(),
            seed_revision=call.seed_revision,
            datapoints=0,
            step=STEP,
            about={"call": call.index, "items": [doubt.item for doubt in group]},
        )
        for number, group in enumerate(groups)
    ]


def verdicts(reply: Reply | None, spans: int) -> list[Verdict | None]:
    """Read the answer about so many spans; None for each while there is no answer."""
    if reply is None:
        return [None] * spans
    text = reply.text or ""
    found = _verdicts_in_json(text)
    if found is None:
        found = _verdicts_in_lines(text, spans)
    return [found.get(number, _NOTHING) for number in range(1, spans + 1)]


def _verdicts_in_json(text: str) -> dict[int, Verdict] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    answers = value.get("answers") if isinstance(value, dict) else value
    if not isinstance(answers, list):
        return {}
    found = {}
    for number, answer in enumerate(answers, start=1):
        if isinstance(answer, dict) and isinstance(answer.get("choice"), str):
            choice = answer["choice"].strip(" ().")
            given = answer.get("type" if choice == "C" else "span")
            found[number] = Verdict(choice, given if isinstance(given, str) else "")
    return found


def _verdicts_in_lines(text: str, spans: int) -> dict[int, Verdict]:
    found: dict[int, Verdict] = {}
    for line in _LINE.finditer(text):
        found.setdefault(int(line["number"]), Verdict(line["choice"], line["rest"]))
    alone = _ALONE.match(text)
    if not found and spans == 1 and alone:
        found[1] = Verdict(alone["choice"], alone["rest"])
    return found


@dataclass(frozen=True, slots=True)
class Corrected:
    """What a verdict makes of an entity.

    Attributes:
        outcome: One of `OUTCOMES`.
        entity: Name and type as they are right; None for no entity.
    """

    outcome: str
    entity: Pair | None


def corrected(entity: Pair, annotated: Annotated, verdict: Verdict, types: Sequence[str]) -> Corrected:
    """Return what a verdict makes of an entity of a sentence; what cannot be followed changes nothing.

    Args:
        entity: Name and type, as they are marked.
        annotated: The sentence.
        verdict: The verdict.
        types: The entity types.
    """
    name, type_ = entity
    if verdict.choice == "A":
        return Corrected(CORRECT, entity)
    if verdict.choice == "D":
        return Corrected(NO_ENTITY, None)
    if verdict.choice == "B":
        span = _span_in(verdict.text)
        if span and span != name and _overlaps(span, name, annotated.sentence):
            return Corrected(BOUNDARY, (span, type_))
    if verdict.choice == "C":
        given = _given(verdict.text)
        if given.casefold() == OTHER:
            return Corrected(NO_ENTITY, None)
        right = type_named(given, types)
        if right is not None and right != type_:
            return Corrected(TYPE, (name, right))
    return Corrected(UNUSABLE, entity)


def _span_in(text: str) -> str:
    quoted = _QUOTED.search(text[:_LONGEST_SPAN])
    return bare_name(quoted[1] if quoted else _given(text))


def _given(text: str) -> str:
    """Return what an answer gives behind its letter: `: ORG`, `wrong type: ORG`, `ORG`."""
    return bare_name(text.rpartition(":")[2].strip(" .,;-–—→"))


def _overlaps(span: str, name: str, sentence: str) -> bool:
    """Say whether a span stands in a sentence where a name stands there in part."""
    at = sentence.find(name)
    while at >= 0:
        start = sentence.find(span, max(0, at - len(span) + 1))
        if 0 <= start < at + len(name):
            return True
        at = sentence.find(name, at + 1)
    return False


def with_corrections(
    entities: Sequence[Pair], types: Sequence[str], corrections: Mapping[Pair, Corrected]
) -> list[Pair]:
    """Return the entities that a list is to have.

    Args:
        entities: Those that it has, as written.
        types: The entity types.
        corrections: What became of some of them, by name and type as they are marked.
    """
    right: list[Pair] = []
    for name, type_ in entities:
        correction = corrections.get((bare_name(name), type_named(type_, types) or type_))
        if correction is None:
            right.append((name, type_))
        elif correction.entity is not None:
            right.append(correction.entity)
    return right


def change_of(entity: Pair, correction: Corrected, annotated: Annotated) -> dict[str, Any] | None:
    """Return what is to be said of a correction among the changes of a datapoint; None if nothing is."""
    if correction.entity == entity:
        return None
    position = next(
        (
            mention.start
            for mention, _ in annotated.spans
            if mention.type == entity[1] and _text_of(mention, annotated) == entity[0]
        ),
        None,
    )
    after = None if correction.entity is None else written_entity(*correction.entity)[:_TEXT_SHOWN]
    return {
        "step": CORRECTION,
        "position": position,
        "before": written_entity(*entity)[:_TEXT_SHOWN],
        "after": after,
    }


def _text_of(mention: Mention, annotated: Annotated) -> str:
    start, end = annotated.characters(mention)
    return annotated.sentence[start:end]
