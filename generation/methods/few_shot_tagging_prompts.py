"""What a model is asked as a tagger, and how the labels of a sentence are written for it.

Where the server enforces a JSON Schema, an answer lists the mentions of each sentence by its number. That
takes half to a quarter of the tokens of a marked copy, and there is nothing to copy wrongly. Elsewhere an
answer is the sentences themselves with their mentions marked, which models follow best without a schema and
which shows whether an answer is about its sentence.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ...schema.example import Example
from ...schema.iob2 import OUTSIDE
from ...schema.labels import LabelSet
from ..alignment_to_tokens import listed_mentions
from ..answer_schemas import object_of
from ..inline_spans import render_inline_spans
from ..written_forms import spaced

Messages = tuple[Mapping[str, str], ...]

LISTED = "mentions"
MARKED = "spans"
"""How answers are written: mentions listed by sentence, or sentences with marks."""

SYSTEM = """\
You label named entities in {language} sentences. You answer with the labels alone and say nothing else.

The entity types:
{legend}

{notation}

- Label every mention of these types, from its first word to its last, with the type that it has in its \
sentence. Label nothing else: many sentences have no mention.
- Label as the examples do. Words are apart by blanks as in the sentence; a mention is one or more whole \
words.
- Answer for every sentence, under its number."""

NOTATIONS = {
    LISTED: """\
You get numbered sentences. Answer with a JSON object whose key "sentences" holds a list with an object for \
each sentence: its number as "sentence", and as "mentions" the list of its mentions, in the order in which \
they stand there, each with its "text", copied letter by letter, and its "type". A sentence without a \
mention has an empty list. Words that are a mention at several places of a sentence are listed once for each \
place. Where such words stand before as no mention, that place is listed, too, with the type "O".""",
    MARKED: """\
You get numbered sentences. Answer with the same sentences, copied letter by letter, each in a line of its \
own behind its number. Each mention stands between the marks of its type: {marks}. Marks are never nested. \
A sentence without a mention is copied without marks.""",
}

_EXAMPLES_TO_REMEMBER = 1 << 14
_SIGNS = str.maketrans({"<": "&lt;", ">": "&gt;", "&": "&amp;"})


@dataclass(frozen=True, slots=True)
class TaggingQuestion:
    """What a tagger is asked, whatever its examples and sentences.

    Attributes:
        language: English name of the language.
        labels: The labels that may be used.
        legend: What the entity types mean, as `prompts.legend` writes it.
        structured_output: Whether the server makes the answer follow a JSON Schema.
    """

    language: str
    labels: LabelSet
    legend: str
    structured_output: bool

    @property
    def format(self) -> str:
        """How answers are written."""
        return LISTED if self.structured_output else MARKED

    def messages(self, examples: Sequence[Example], sentences: Sequence[Sequence[str]]) -> Messages:
        """Write the chat that asks for the labels of some sentences.

        Args:
            examples: Labelled sentences, which are shown as a question and its answer.
            sentences: The tokens of each sentence.

        Raises:
            ValueError: If an entity type cannot stand in marks.
        """
        marks = ", ".join(f"<{type_}>…</{type_}>" for type_ in self.labels.types)
        notation = NOTATIONS[self.format].format(marks=marks)
        system = SYSTEM.format(language=self.language, legend=self.legend, notation=notation)
        shown = (
            (
                {"role": "user", "content": self._numbered([example.tokens for example in examples])},
                {"role": "assistant", "content": self.answer(examples)},
            )
            if examples
            else ()
        )
        asked = {"role": "user", "content": self._numbered(sentences)}
        return ({"role": "system", "content": system}, *shown, asked)

    def answer(self, examples: Sequence[Example]) -> str:
        """Write the answer that gives the labels of some sentences.

        Raises:
            ValueError: If an entity type cannot stand in marks.
        """
        if not self.structured_output:
            marked = (render_inline_spans(example.tokens, example.ner_tags) for example in examples)
            return _with_numbers(map(spaced, marked))
        answered = [listed_sentence(number, example) for number, example in enumerate(examples, 1)]
        return json.dumps({"sentences": answered}, ensure_ascii=False)

    def schema(self, sentences: int) -> dict[str, Any] | None:
        """Return the JSON Schema of the answer for so many sentences; None where no server enforces it."""
        if not self.structured_output:
            return None
        type_ = {"type": "string", "enum": [*self.labels.types, OUTSIDE]}
        mention = object_of(text={"type": "string"}, type=type_)
        of_sentence = object_of(sentence={"type": "integer"}, mentions={"type": "array", "items": mention})
        return object_of(
            sentences={
                "type": "array",
                "items": of_sentence,
                "minItems": sentences,
                "maxItems": sentences,
            }
        )

    def _numbered(self, sentences: Sequence[Sequence[str]]) -> str:
        texts = (spaced(" ".join(tokens)) for tokens in sentences)
        return _with_numbers(texts if self.structured_output else (text.translate(_SIGNS) for text in texts))


def listed_sentence(number: int, example: Example) -> dict[str, Any]:
    """Return what an answer that lists mentions says of a sentence, as JSON values."""
    mentions = [{"text": text, "type": type_} for text, type_ in _listed(example)]
    return {"sentence": number, "mentions": mentions}


@lru_cache(_EXAMPLES_TO_REMEMBER)
def _listed(example: Example) -> tuple[tuple[str, str], ...]:
    """List the mentions of an example; each one is in many prompts."""
    return tuple((named.text, named.type) for named in listed_mentions(example.tokens, example.ner_tags))


def _with_numbers(texts: Iterable[str]) -> str:
    return "\n".join(f"{number}. {text}" for number, text in enumerate(texts, 1))
