"""The texts of the prompts of `attribute_guided`, and the JSON Schemas of the answers to them.

A prompt is part of its request and so of the journal's key: another text is another question.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...schema.example import Example
from ..answer_schemas import list_of, object_of
from ..entity_listing import write_listing
from .prompts import SYSTEM

Messages = tuple[Mapping[str, str], ...]

_VALUES = """\
Help me plan a {language} dataset for named entity recognition{domain}. Its sentences are to differ in one \
attribute: {attribute}.

List {count} values of this attribute that are as different as possible, and that together cover what \
{language} writers write. Each value is a few English words, exact enough to tell a writer what to do.

Sentences of the kind that is wanted:
{examples}

{answer}"""

_ENTITIES = """\
Help me plan a {language} dataset for named entity recognition{domain}.

List {count} different named entities of the type {type}{about} that sentences of it can speak of:
{legend}

Write each as {language} text writes it, in its usual script and with every diacritic, and in its basic \
form. Take well-known names and little-known ones, names from where {language} is spoken and from elsewhere, \
of one word and of several. Names only, without explanations.

Sentences of the kind that is wanted:
{examples}

{answer}"""

_SENTENCES = """\
Help me make a {language} dataset for named entity recognition{domain}. Please write {datapoints} new \
{language} sentences and list the named entities of each.

The entity types:
{legend}
{requirements}{terms}
What makes a good dataset:
- Natural {language}, as fluent writers write it, in its usual script and orthography, with every diacritic, \
tone mark and special letter.
- No two sentences alike, and none copied from the examples.
- Every named entity of these types listed, exactly as it stands in its sentence, from its first word to its \
last, with the type that it has there. Entities of other types are not listed.

{answer}
{examples}"""

_CORRECTIONS = """\
In each {language} sentence below, one span is marked as {{{{span}}}}, and a type says what kind of named \
entity it is meant to be. Some spans and types are wrong.

The entity types:
{legend}

Say of each marked span what is right:
(A) Span and type are correct.
(B) It is such an entity, but the marks stand wrong: give the right span, as it stands in the sentence.
(C) It is a named entity of another type: give that type, or `other` if it is none of the types above.
(D) It is no named entity.

{spans}

{answer}"""

_LIST = "Answer with a numbered list of them, one a line, and nothing else."
_LIST_AS_JSON = 'Answer with a single JSON object whose key "{key}" holds the list of them.'
_LISTING = (
    "Answer with the {datapoints} sentences alone, each with its list of entities on the next line (`[]` "
    "where there is none) and an empty line behind it, written like these examples:"
)
_LISTING_AS_JSON = (
    'Answer with a single JSON object whose key "datapoints" holds a list of {datapoints} datapoints, each '
    "written like these examples:"
)
_CHOICES = (
    "Answer with one line for each: its number, the letter, and what is asked for, for example `1. (A)`."
)
_CHOICES_AS_JSON = (
    'Answer with a single JSON object whose key "answers" holds one answer for each, in order, with the '
    'letter as "choice"; "span" and "type" are empty where the letter does not ask for them.'
)

OTHER = "other"
"""The type, in an answer to a correction, of an entity that is of none of the types."""

CHOICES = ("A", "B", "C", "D")

_CLOSING = frozenset(".,;:!?)]}%…”’»،؛؟।")
_OPENING = frozenset("([{“„«")


@dataclass(frozen=True, slots=True)
class Prompts:
    """Writes the prompts of a config.

    Attributes:
        language: English name of the language.
        domain: What the sentences are, in words of the release; empty where it does not say.
        types: The entity types.
        legend: What they mean, a line each.
        structured: Whether the server makes answers follow a JSON Schema.
    """

    language: str
    domain: str
    types: Sequence[str]
    legend: str
    structured: bool

    def values(self, attribute: str, count: int, examples: Iterable[Example]) -> Messages:
        """Ask for values of an attribute."""
        return self._chat(
            _VALUES, attribute=attribute, count=count, examples=_texts(examples), answer=self._list("values")
        )

    def entities(self, type_: str, value: str | None, count: int, examples: Iterable[Example]) -> Messages:
        """Ask for entities of a type; for sentences with a value of some attribute, if one is given."""
        (meaning,) = [line for line in self.legend.split("\n") if line.startswith(f"- {type_}:")] or [""]
        return self._chat(
            _ENTITIES,
            type=type_,
            about=f" for sentences about “{value}”" if value is not None else "",
            count=count,
            legend=meaning,
            examples=_texts(examples),
            answer=self._list("entities"),
        )

    def sentences(
        self,
        datapoints: int,
        requirements: Mapping[str, str],
        terms: Sequence[tuple[str, str]],
        examples: Iterable[Example],
    ) -> Messages:
        """Ask for sentences with values of some attributes, in which some entities stand."""
        answer = _LISTING_AS_JSON if self.structured else _LISTING
        return self._chat(
            _SENTENCES,
            datapoints=datapoints,
            requirements=_section(
                "All of the sentences are to have these attributes:",
                (f"{attribute}: {value}" for attribute, value in requirements.items()),
            ),
            terms=_section(
                "Each of these is to stand in at least one sentence, inflected as the sentence needs it:",
                (f"{name} ({type_})" for name, type_ in terms),
            ),
            legend=self.legend,
            answer=answer.format(datapoints=datapoints),
            examples=("\n" if self.structured else "\n\n").join(map(self._example, examples)),
        )

    def corrections(self, spans: Sequence[tuple[str, str]]) -> Messages:
        """Ask whether spans are right: each a sentence with a marked span, and its type."""
        shown = (
            f'{number}. Sentence: "{sentence}"\n   Type: {type_}'
            for number, (sentence, type_) in enumerate(spans, start=1)
        )
        return self._chat(
            _CORRECTIONS,
            legend=self.legend,
            spans="\n".join(shown),
            answer=_CHOICES_AS_JSON if self.structured else _CHOICES,
        )

    def list_schema(self, key: str) -> dict[str, Any] | None:
        """Return the JSON Schema of a list of values or entities; None where none is enforced."""
        return object_of(**{key: list_of({"type": "string"})}) if self.structured else None

    def listing_schema(self, datapoints: int) -> dict[str, Any] | None:
        """Return the JSON Schema of sentences with their entities."""
        entity = object_of(name={"type": "string"}, type={"type": "string", "enum": list(self.types)})
        sentence = object_of(sentence={"type": "string"}, entities=list_of(entity))
        return object_of(datapoints=list_of(sentence, datapoints)) if self.structured else None

    def choices_schema(self, spans: int) -> dict[str, Any] | None:
        """Return the JSON Schema of answers about so many spans."""
        answer = object_of(
            choice={"type": "string", "enum": list(CHOICES)},
            span={"type": "string"},
            type={"type": "string", "enum": [*self.types, OTHER, ""]},
        )
        return object_of(answers=list_of(answer, spans)) if self.structured else None

    def _chat(self, text: str, **parts: Any) -> Messages:
        domain = f" of this kind: {self.domain}" if self.domain else ""
        content = text.format(language=self.language, domain=domain, **parts)
        return ({"role": "system", "content": SYSTEM}, {"role": "user", "content": content})

    def _list(self, key: str) -> str:
        return _LIST_AS_JSON.format(key=key) if self.structured else _LIST

    def _example(self, example: Example) -> str:
        entities = [
            (as_text(example.tokens[mention.start : mention.end]), mention.type)
            for mention in example.mentions
        ]
        return write_listing(as_text(example.tokens), dict.fromkeys(entities), structured=self.structured)


def as_text(tokens: Sequence[str]) -> str:
    """Write words as a sentence: no blank before what closes, and none behind what opens."""
    pieces: list[str] = []
    for number, token in enumerate(tokens):
        if number and token not in _CLOSING and tokens[number - 1] not in _OPENING:
            pieces.append(" ")
        pieces.append(token)
    return "".join(pieces)


def _texts(examples: Iterable[Example]) -> str:
    return "\n".join(f"- {as_text(example.tokens)}" for example in examples)


def _section(title: str, lines: Iterable[str]) -> str:
    shown = "\n".join(f"- {line}" for line in lines)
    return f"\n{title}\n{shown}\n" if shown else ""
