r"""The prompts of the entity-guided method: chat turns, in which gold sentences show how it is done.

A prompt is part of its request and so of the journal's key: another text is another question.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from random import Random

from ...schema.example import Example
from .entity_lists import Entity, EntityLists
from .prompts import meanings
from .typed_mentions import render_entity, render_typed_mentions, render_with_entities

Messages = tuple[Mapping[str, str], ...]

_SENTENCE = """\
You write {language} sentences for a dataset of named entities. You are given entities, each written as \
Type("entity"). Answer with one natural {language} sentence that holds all of them, in any order, and write \
each of them as Type("entity") there, too. Any other named entity of these types is written in the same way, \
with its own type. Where no entities are given, write a sentence without any named entity.

{notation}"""

_ENTITIES = """\
You replace named entities in {language} sentences for a dataset. You are given a sentence in which each \
named entity is hidden: Type(such as:"entity") says its type and gives one example. Answer with the same \
sentence, and in each of these places another entity of that type which fits there, written as \
Type("entity"). Take real and varied names, mostly not those of the examples.

{notation}"""

_NOTATION = """\
Answer with that sentence alone, on one line. Write {language} as fluent writers do, in its usual script and \
with all of its diacritics. As in the examples, blanks stand between all words, and punctuation marks are \
words of their own. Entities are never nested; a quotation mark within an entity is written as \\".

The types:
{legend}"""

NO_ENTITIES = "none"


class Prompts:
    """Writes the prompts of one split.

    Args:
        language: English name of the language.
        names: The name of each entity type.
        gold: The sentences that examples come from.
        lists: The entities of gold, which stand as examples in masked gold sentences.
    """

    def __init__(
        self, language: str, names: Mapping[str, str], gold: Sequence[Example], lists: EntityLists
    ) -> None:
        self._names = names
        self._lists = lists
        legend = "\n".join(
            f"- {names[type_]}: {meaning}" for type_, meaning in meanings(tuple(names), gold).items()
        )
        notation = _NOTATION.format(language=language, legend=legend)
        self._for_sentences = _SENTENCE.format(language=language, notation=notation)
        self._for_entities = _ENTITIES.format(language=language, notation=notation)

    def for_sentence(self, examples: Iterable[Example], entities: Iterable[Entity]) -> Messages:
        """Ask for a sentence with these entities, as the examples are sentences with theirs."""
        turns = [
            (
                self._listed(
                    (mention.type, example.tokens[mention.start : mention.end])
                    for mention in example.mentions
                ),
                self._sentence(example),
            )
            for example in examples
        ]
        return _chat(self._for_sentences, turns, self._listed(entities))

    def for_entities(
        self, examples: Iterable[Example], tokens: Sequence[str], tags: Sequence[str], chance: Random
    ) -> Messages:
        """Ask for other entities in a sentence.

        Args:
            examples: Gold sentences; each is masked with other entities of gold, and answered by itself.
            tokens: The words of the sentence.
            tags: Its labels.
            chance: Draws the entities that examples are masked with.
        """
        turns = [
            (
                render_with_entities(
                    example.tokens,
                    example.ner_tags,
                    lambda mention, words=example.tokens: render_entity(
                        self._names[mention.type],
                        self._lists.another(chance, mention.type, words[mention.start : mention.end]),
                        example=True,
                    ),
                ),
                self._sentence(example),
            )
            for example in examples
        ]
        masked = render_with_entities(
            tokens,
            tags,
            lambda mention: render_entity(
                self._names[mention.type], tokens[mention.start : mention.end], example=True
            ),
        )
        return _chat(self._for_entities, turns, masked)

    def _listed(self, entities: Iterable[Entity]) -> str:
        listed = ", ".join(render_entity(self._names[type_], surface) for type_, surface in entities)
        return f"Entities: {listed or NO_ENTITIES}"

    def _sentence(self, example: Example) -> str:
        return render_typed_mentions(example.tokens, example.ner_tags, self._names)


def _chat(system: str, turns: Iterable[tuple[str, str]], last: str) -> Messages:
    messages: list[Mapping[str, str]] = [{"role": "system", "content": system}]
    for user, assistant in turns:
        messages += ({"role": "user", "content": user}, {"role": "assistant", "content": assistant})
    return (*messages, {"role": "user", "content": last})
