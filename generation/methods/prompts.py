"""The texts of the seeded method's prompts, and what those of other methods share with them.

A prompt is part of its request and so of the journal's key: another text is another question.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ...schema.example import Example
from ...schema.labels import LabelSet

SYSTEM = (
    "You are a helpful model that helps build text-based datasets, but does not produce any conversation "
    "besides the text it is asked to produce."
)
SYSTEM_WITHOUT_STRUCTURED_OUTPUT = SYSTEM + " You only output JSON strings."

# Appendix B of Kamath & Vajjala (2025), word for word.
PAPER = (
    "Help me make a {language} Named Entity Recognition dataset. Please give me {datapoints} new datapoints, "
    "formatted as a single JSON object. Make sure the examples are unique and diverse. "
    "Here are some examples to get you started:\n"
    "{examples}"
)

OURS = """\
Help me make a {language} Named Entity Recognition dataset. Please write {datapoints} new {language} \
sentences and mark every named entity in them.

The entity types:
{legend}

{notation}

What makes a good dataset:
- Natural {language}, as fluent writers write it, in its usual script and orthography. Write every \
diacritic, tone mark and special letter that the words need.
- Sentences about as long as the examples; not simpler and not shorter.
- Variety: different topics, regions, people, kinds of text and ways to build a sentence. No two alike.
- Entities of every type, some of one word and some of several. Names that fit the places where {language} \
is spoken, and names from elsewhere. A few sentences without any entity.
- Every mention marked, from its first word to its last, with the type that it has in its sentence.
- One word is one token, and punctuation marks are tokens of their own, as in the examples.
- Nothing copied: new sentences, and mostly other names than those in the examples.

Answer with a single JSON object whose key "datapoints" holds a list of {datapoints} datapoints, \
each written like these examples{but}:
{examples}"""

# Strict JSON Schemas have no lists of a word and a label: there a pair is an object.
_PAIRS_AS_OBJECTS = ', but with each pair as an object {"token": "…", "label": "…"}'

NOTATIONS = {
    "pairs": (
        "A datapoint lists the words of a sentence, each with its label: B-TYPE for the first word of an "
        "entity, I-TYPE for each further word of the same entity, and O for every other word. "
        "The labels are {labels}."
    ),
    "spans": (
        "A datapoint is a sentence with a blank between any two tokens, in which each entity stands between "
        "the marks of its type: {marks}. Marks are never nested."
    ),
}

_MEANINGS = {
    "PER": "names of people, without titles and professions",
    "ORG": "names of organisations: companies, institutions, parties, teams, media, associations",
    "LOC": "names of places: countries, regions, cities, streets, buildings, mountains, waters",
    "DATE": "expressions of date and time: days, months, years, periods, times of day",
    "MISC": "names of anything else: events, works, products, nationalities, languages",
}
_MENTIONS_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Question:
    """What a prompt asks for, whatever its examples.

    Attributes:
        format: How datapoints are written: `paper`, `pairs` or `spans`.
        language: English name of the language.
        datapoints: How many are asked for.
        labels: The labels that may be used.
        legend: What the entity types mean, as `legend` writes it.
        structured_output: Whether the server makes the answer follow a JSON Schema.
    """

    format: str
    language: str
    datapoints: int
    labels: LabelSet
    legend: str
    structured_output: bool

    def messages(self, examples: Iterable[str]) -> tuple[Mapping[str, str], ...]:
        """Write the chat that asks for datapoints like `examples`, which are written in the format."""
        system = SYSTEM if self.structured_output else SYSTEM_WITHOUT_STRUCTURED_OUTPUT
        return (
            {"role": "system", "content": system},
            {"role": "user", "content": self._request("\n".join(examples))},
        )

    def _request(self, examples: str) -> str:
        if self.format == "paper":
            return PAPER.format(language=self.language, datapoints=self.datapoints, examples=examples)
        marks = ", ".join(f"<{type_}>…</{type_}>" for type_ in self.labels.types)
        return OURS.format(
            language=self.language,
            datapoints=self.datapoints,
            legend=self.legend,
            notation=NOTATIONS[self.format].format(labels=", ".join(self.labels.names), marks=marks),
            but=_PAIRS_AS_OBJECTS if self.format == "pairs" and self.structured_output else "",
            examples=examples,
        )


def legend(types: Sequence[str], gold: Iterable[Example]) -> str:
    """Say what each entity type means, a line each."""
    return "\n".join(f"- {type_}: {meaning}" for type_, meaning in meanings(types, gold).items())


def meanings(types: Sequence[str], gold: Iterable[Example]) -> dict[str, str]:
    """Say what each entity type means; for types that are not customary, by their most frequent mentions."""
    counts: dict[str, Counter[str]] = {type_: Counter() for type_ in types if type_ not in _MEANINGS}
    for example in gold if counts else ():
        for mention in example.mentions:
            if mention.type in counts:
                counts[mention.type][" ".join(example.tokens[mention.start : mention.end])] += 1
    return {type_: _MEANINGS.get(type_) or _by_example(counts[type_]) for type_ in types}


def _by_example(counts: Counter[str]) -> str:
    frequent = sorted(counts, key=lambda text: (-counts[text], text))[:_MENTIONS_SHOWN]
    return f"for example {'; '.join(frequent)}" if frequent else "as its name says"
