"""What a model is asked for paraphrases of a sentence with its mentions marked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...schema.example import Example
from ...schema.labels import LabelSet
from ..formats import response_schema
from ..inline_spans import render_inline_spans
from ..written_forms import spaced
from .prompts import SYSTEM, SYSTEM_WITHOUT_STRUCTURED_OUTPUT

FORMAT = "spans"
"""How paraphrases are written."""

REQUEST = """\
Rewrite a {language} sentence in {datapoints} other {ways}.

In the sentence there is a blank between any two tokens, and each named entity stands between the marks of \
its type: {marks}. The types:
{legend}

- Say what the sentence says, in other words and with another structure: other verbs, another order, another \
way to begin. Each {language} sentence natural and complete, as fluent writers write it, with every \
diacritic that the words need; no two alike.
{mentions}
- Write as the sentence is written: a blank between any two tokens, punctuation marks as tokens of their own.

Answer with a single JSON object whose key "datapoints" holds a list of {datapoints} {objects}, each \
{{"sentence": "…"}} with a sentence and its marks.

The sentence:
{sentence}"""

KEEP_MENTIONS = """\
- Keep every named entity letter by letter, with its marks and its type, as often as it stands in the \
sentence. Add no other named entity."""

MARK_MENTIONS = """\
- Mark every named entity in what you write, with the type that it has there. Named entities may be written \
in other ways."""


@dataclass(frozen=True, slots=True)
class ParaphraseQuestion:
    """What is asked for, whatever the sentence.

    Attributes:
        language: English name of the language.
        labels: The labels that may be used.
        legend: What the entity types mean, as `prompts.legend` writes it.
        datapoints: How many paraphrases are asked for.
        keep_mentions: Whether mentions must stay as they are.
        structured_output: Whether the server makes the answer follow a JSON Schema.
    """

    language: str
    labels: LabelSet
    legend: str
    datapoints: int
    keep_mentions: bool
    structured_output: bool

    def messages(self, example: Example) -> tuple[Mapping[str, str], ...]:
        """Write the chat that asks for paraphrases of a sentence.

        Raises:
            ValueError: If an entity type cannot stand in marks.
        """
        several = self.datapoints > 1
        request = REQUEST.format(
            language=self.language,
            datapoints=self.datapoints,
            ways="ways" if several else "way",
            objects="objects" if several else "object",
            marks=", ".join(f"<{type_}>…</{type_}>" for type_ in self.labels.types),
            legend=self.legend,
            mentions=KEEP_MENTIONS if self.keep_mentions else MARK_MENTIONS,
            sentence=spaced(render_inline_spans(example.tokens, example.ner_tags)),
        )
        system = SYSTEM if self.structured_output else SYSTEM_WITHOUT_STRUCTURED_OUTPUT
        return ({"role": "system", "content": system}, {"role": "user", "content": request})

    def schema(self) -> dict[str, Any] | None:
        """Return the JSON Schema of the answer; None where no server enforces it."""
        return response_schema(FORMAT, self.labels, self.datapoints) if self.structured_output else None
