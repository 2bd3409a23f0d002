"""Paraphrases of gold sentences: a language model says the same in other words, round the same mentions.

A call for each gold sentence to train on, those with mentions first. The sentence goes out with its mentions
marked and must come back with the same ones, word for word; so gold's labels stay gold's.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...schema.errors import ReleaseError
from ...schema.example import Example
from ...schema.iob2 import Mention, mentions, tags_of
from ...sources.normal_forms import NormalForms
from ...sources.word_splitting import split_each
from ..calls import Call
from ..engines import endpoint
from ..salvage import Found, Salvage, salvage
from .method import MethodContext, Reading
from .offline_calls import SPLIT
from .paraphrase_prompts import FORMAT, ParaphraseQuestion
from .prompts import legend
from .seeded import check_sampling
from .shown_gold import showable, words_of_gold

__all__ = ["FORMAT", "findings", "plan", "reading"]

NO_MARKS = "no sentence with marks"
LOST = "a mention is lost"
CHANGED = "a mention is changed"
RETYPED = "a mention has another type"
ADDED = "a mention is added"
UNMARKED = "a mention stands there unmarked, too"

WORD_SPLIT = "punctuation split from a word"
REWRITTEN = "mention written as in gold"

Words = tuple[str, ...]


def plan(context: MethodContext) -> Iterator[Call]:
    """Plan a call for each gold sentence to train on, or for as many of them as the release says.

    Raises:
        ReleaseError: If there is none, calls are to be made for another split, a sampling parameter is none,
            or an entity type cannot stand in marks.
    """
    config, generator = context.config, context.config.generator
    check_sampling(generator.sampling, config.name)
    sentences = _sentences(context)
    wanted = generator.calls.get(SPLIT, len(sentences))
    if wanted > len(sentences):
        raise ReleaseError(
            f"{SPLIT}: {wanted:,} calls are to be made, and gold has {len(sentences):,} sentences for them",
            where=config.name,
            hint=f"Lower `calls.{SPLIT}`, or ask for more paraphrases of each sentence (`datapoints`).",
        )
    server = endpoint(config)
    question = ParaphraseQuestion(
        language=config.language.name,
        labels=context.gold.labels,
        legend=legend(context.gold.labels.types, context.gold.splits[SPLIT]),
        datapoints=generator.datapoints,
        keep_mentions=_keeps_mentions(context),
        structured_output=server.structured_output,
    )
    for index, example in enumerate(sentences[:wanted]):
        yield Call(
            config=config.name,
            split=SPLIT,
            index=index,
            engine=generator.engine,
            model=generator.model,
            messages=_messages(question, example, config.name),
            schema=question.schema(),
            sampling=generator.sampling,
            base_url=server.base_url,
            seed_ids=(example.id,),
            seed_revision=context.gold.revision,
            datapoints=generator.datapoints,
            step="paraphrase",
            about={"tokens": list(example.tokens), "tags": list(example.ner_tags)},
        )


def reading(context: MethodContext) -> Reading:
    """Return what reads answers, and looks whether mentions are as they were."""
    keeps_mentions = _keeps_mentions(context)
    known = words_of_gold(context.gold.splits.get(SPLIT, ()))

    def read(call: Call, text: str) -> Salvage:
        result = salvage(text)
        source = _Source(call.about["tokens"], call.about["tags"]) if keeps_mentions else None
        return replace(result, found=[_checked(found, source, known) for found in result.found])

    return read


def findings(context: MethodContext) -> Mapping[str, Any]:
    """Say whether mentions had to stay as they were."""
    return {"keep_mentions": _keeps_mentions(context)}


def _keeps_mentions(context: MethodContext) -> bool:
    return context.config.generator.method_settings.get("keep_mentions", True)


def _sentences(context: MethodContext) -> list[Example]:
    """Return the sentences to paraphrase, each once: those with mentions, then those without.

    Raises:
        ReleaseError: If there are none, or calls are to be made for another split.
    """
    config = context.config
    others = [split for split in config.generator.calls if split != SPLIT]
    if others:
        raise ReleaseError(
            f"calls.{others[0]}: paraphrases are made of gold train, for train",
            where=config.name,
            hint="Paraphrases of gold that systems are tested on would leak it.",
        )
    forms = NormalForms()
    once: dict[str, Example] = {}
    for example in showable(context.gold, SPLIT):
        once.setdefault(forms.comparable(example.tokens), example)
    if not once:
        raise ReleaseError(
            "gold has no sentence to paraphrase",
            where=config.name,
            hint="Name a train split in the language's `gold`.",
        )
    return sorted(once.values(), key=lambda example: not example.mentions)


def _messages(question: ParaphraseQuestion, example: Example, where: str) -> tuple[Mapping[str, str], ...]:
    try:
        return question.messages(example)
    except ValueError as error:
        raise ReleaseError(
            f"sentences cannot be marked: {error}", where=where, hint="Rename the type in gold."
        ) from error


class _Source:
    """A sentence that paraphrases are made of, and what its mentions look like."""

    def __init__(self, tokens: Sequence[str], tags: Sequence[str]) -> None:
        self._tokens = tuple(tokens)
        self._spans = mentions(tags)
        self.mentions = Counter((_letters(words), type_) for words, type_ in self._labelled())
        self.words_of = {_letters(words): words for words, _ in self._labelled()}

    def why_not(self, found: Counter[tuple[str, str]]) -> str | None:
        """Say how mentions differ from those of the sentence, None if they do not."""
        missing, more = self.mentions - found, found - self.mentions
        if not missing and not more:
            return None
        if {text for text, _ in missing} & {text for text, _ in more}:
            return RETYPED
        if missing and more:
            return CHANGED
        return LOST if missing else ADDED

    def has_unmarked(self, tokens: Sequence[str], spans: Sequence[Mention]) -> bool:
        """Say whether words of a mention stand in a paraphrase as none, more often than in the sentence."""
        return any(
            _unmarked(words, tokens, spans) > _unmarked(words, self._tokens, self._spans)
            for words in self.words_of.values()
        )

    def _labelled(self) -> Iterator[tuple[Words, str]]:
        for span in self._spans:
            yield self._tokens[span.start : span.end], span.type


def _unmarked(words: Words, tokens: Sequence[str], spans: Sequence[Mention]) -> int:
    """Count where words stand outside of every mention."""
    taken = {place for span in spans for place in range(span.start, span.end)}
    return sum(
        tuple(tokens[start : start + len(words)]) == words
        and taken.isdisjoint(range(start, start + len(words)))
        for start in range(len(tokens) - len(words) + 1)
    )


def _letters(words: Sequence[str]) -> str:
    """Return what is the same of a mention wherever blanks stand and however its letters are composed."""
    return unicodedata.normalize("NFC", "".join("".join(words).split()))


def _checked(found: Found, source: _Source | None, known: Collection[str]) -> Found:
    """Return a paraphrase in words as gold has them, or with the reason why it is none."""
    if found.fault is not None:
        return found
    tokens, tags = found.tokens or [], found.tags or []
    if len(tokens) != len(tags) or not all(type(each) is str for each in (*tokens, *tags)):
        return _refused(found, NO_MARKS)
    spans = mentions(tags)
    if source is not None:
        marked = Counter((_letters(tokens[span.start : span.end]), span.type) for span in spans)
        fault = source.why_not(marked)
        if fault is not None:
            return _refused(found, fault)
    words, labels, changes = _in_words(tokens, spans, source, known)
    if source is not None and source.has_unmarked(words, mentions(labels)):
        return _refused(found, UNMARKED)
    return replace(found, tokens=words, tags=labels, changes=(*found.changes, *changes))


def _refused(found: Found, fault: str) -> Found:
    return replace(found, tokens=None, tags=None, fault=fault)


def _in_words(
    tokens: Sequence[str], spans: Sequence[Mention], source: _Source | None, known: Collection[str]
) -> tuple[list[str], list[str], list[dict[str, Any]]]:
    """Split punctuation off words; mentions that are kept have the words of gold."""
    pieces = split_each(tokens, known)
    starts = {span.start: span for span in spans}
    words: list[str] = []
    placed: list[Mention] = []
    changes: list[dict[str, Any]] = []
    place = 0
    while place < len(tokens):
        span = starts.get(place)
        end = span.end if span else place + 1
        now = [piece for of_token in pieces[place:end] for piece in of_token]
        if span and source is not None:
            now = list(source.words_of[_letters(tokens[place:end])])
        before = list(tokens[place:end])
        if now != before:
            step = REWRITTEN if span and source is not None else WORD_SPLIT
            changes.append(
                {"step": step, "position": len(words), "before": " ".join(before), "after": " ".join(now)}
            )
        if span and now:
            placed.append(Mention(len(words), len(words) + len(now), span.type))
        words += now
        place = end
    return words, tags_of(placed, len(words)), changes
