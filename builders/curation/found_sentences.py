"""The sentences of a file as curation can use them: tags read as far as their meaning is known."""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ...evaluation.training_data import Preparation, TrainingData
from ...schema.errors import DataError
from ...schema.example import Example
from ...schema.iob2 import parse_tag
from ...schema.labels import LabelSet
from ...sources.readers import read_examples
from ...sources.report import Report
from ...sources.sentences import MISSING_TAG
from ..rejects import shown
from .label_ids import LabelMapping, count_labels, map_labels, shown_meaning
from .labelling import LabelChange
from .spill import SpilledExamples
from .verdicts import Verdict, Verdicts
from .views import Chosen

TAGS = "tags"
"""The step before curation: a sentence with a tag that is no IOB2 tag and has no known meaning is dropped."""

_NO_TAG = "a tag is no IOB2 tag"
_WHOLE_NUMBER = re.compile(r"-?[0-9]+")


class _NoLabelSet(LabelSet):
    """Stands for the names behind whole numbers where there are none: each number is read as a text."""

    def __post_init__(self) -> None:
        """A label set begins with `O`; this is none."""


_NUMBERS_AS_TEXTS = _NoLabelSet(())


@dataclass(frozen=True)
class FoundSentences:
    """The sentences of a file, on disk.

    Attributes:
        examples: All of them, made such that a tagger can learn from them. One with a tag that cannot be read
            is as found.
        usable: The places of the others.
        on_tags: What is known before curation: the tags that were read as others, and the verdict on those
            that cannot be used.
        mapped: Sentences with a tag that was read as another, by tag and meaning.
        mapping: What is known about the tags that are no IOB2 tags.
        preparation: What was done to make the usable ones so.
    """

    examples: Sequence[Example]
    usable: Sequence[int]
    on_tags: Sequence[Verdict]
    mapped: Mapping[str, int]
    mapping: LabelMapping
    preparation: Preparation

    @property
    def synthetic(self) -> Sequence[Example]:
        """Those that can be curated."""
        return Chosen(self.examples, self.usable)

    def verdicts(self, curated: Iterable[Verdict]) -> Verdicts:
        """Return the verdict on every sentence, with the tags that were read as others among its changes.

        Args:
            curated: What curation decided about those that it was given.
        """
        verdicts = Verdicts()
        decided = iter(curated)
        for before in self.on_tags:
            verdict = next(decided) if before.kept else before
            verdicts.add(replace(verdict, changes=(*before.changes, *verdict.changes)))
        return verdicts


def check_id(data: Path, id_: str) -> None:
    """Make sure that a sentence of a file has an id, before anything that takes long.

    Args:
        data: Sentences, in any format that is read.
        id_: The id.

    Raises:
        DataError: If none has it, or the file cannot be read.
    """
    first = None
    for example in read_examples(data, labels=_NUMBERS_AS_TEXTS):
        if example.id == id_:
            return
        first = first or example.id
    raise DataError(
        f"no sentence has the id `{shown(id_)}`",
        where=str(data),
        hint=f"The first one has the id `{shown(first)}`."
        if first
        else "It holds none with one tag a token.",
    )


def find_sentences(data: Path, gold: TrainingData, report: Report) -> FoundSentences:
    """Read synthetic sentences, and tags that are no IOB2 tags as what they mean, where that is known.

    Args:
        data: Synthetic sentences, in any format that is read.
        gold: What the tags are to be those of.
        report: Collects what was irregular in the file's layout.

    Raises:
        DataError: If the file cannot be read, or no sentence has tags that can be used.
    """
    found = SpilledExamples()
    tags: set[str] = set()
    foreign: Counter[tuple[str, str]] = Counter()
    for example in read_examples(data, labels=_NUMBERS_AS_TEXTS, report=report):
        found.add(example)
        tags.update(example.ner_tags)
        foreign.update(
            (token, tag)
            for token, tag in zip(example.tokens, example.ner_tags, strict=True)
            if _is_foreign(tag)
        )
    tags -= {MISSING_TAG}
    if tags and all(map(_WHOLE_NUMBER.fullmatch, tags)):
        raise DataError(
            "the tags are whole numbers, and what they stand for is not known",
            where=str(data),
            hint="Write their names instead, as in `O`, `B-PER`, `I-PER`.",
        )
    mapping = LabelMapping()
    if foreign:
        known = filter(None, map(Preparation(gold.types).prepared, found))
        mapping = map_labels(foreign, count_labels(gold.examples), count_labels(known))
    sentences = _with_known_tags(found, mapping, Preparation(gold.types))
    if not sentences.usable:
        raise DataError(
            "no sentence has IOB2 tags", where=str(data), hint="Tags are names, as in `O`, `B-PER`, `I-PER`."
        )
    return sentences


def _with_known_tags(
    found: Iterable[Example], mapping: LabelMapping, preparation: Preparation
) -> FoundSentences:
    examples, on_tags, usable = SpilledExamples(), Verdicts(), array("q")
    mapped: Counter[str] = Counter()
    for place, example in enumerate(found):
        read, changes = _with_meanings(example, mapping.meanings)
        mapped.update({shown_meaning(change.before, change.after) for change in changes})
        prepared = preparation.prepared(read)
        if prepared is None:
            on_tags.add(_verdict_on_tags(read, mapping))
        else:
            usable.append(place)
            on_tags.add(Verdict(changes=changes))
        examples.add(prepared or read)
    return FoundSentences(examples, usable, on_tags, dict(sorted(mapped.items())), mapping, preparation)


def _verdict_on_tags(example: Example, mapping: LabelMapping) -> Verdict:
    """Return the verdict on a sentence with a tag that cannot be read."""
    unread = [tag for tag in example.ner_tags if _is_foreign(tag) and tag not in mapping.meanings]
    return Verdict(False, TAGS, f"{_NO_TAG}: {mapping.why_not(unread[0])}" if unread else _NO_TAG)


def _with_meanings(example: Example, meanings: Mapping[str, str]) -> tuple[Example, tuple[LabelChange, ...]]:
    """Give a sentence the labels that its tags mean, if all of them are known then; list the changes."""
    changes = tuple(
        LabelChange(TAGS, position, shown(tag), meanings[tag])
        for position, tag in enumerate(example.ner_tags)
        if tag in meanings
    )
    if not changes:
        return example, ()
    read = replace(example, ner_tags=tuple(meanings.get(tag, tag) for tag in example.ner_tags))
    return (read, changes) if _has_iob2_tags(read) else (example, ())


def _has_iob2_tags(example: Example) -> bool:
    return all(parse_tag(tag) is not None for tag in example.ner_tags)


def _is_foreign(tag: str) -> bool:
    """Say whether a tag is there and is no IOB2 tag."""
    return tag != MISSING_TAG and parse_tag(tag) is None


def findings_on_reading(sentences: FoundSentences, unread: int, gold: TrainingData) -> Iterator[str]:
    """Say what was done to data and gold before curation.

    Args:
        sentences: The sentences of the data.
        unread: Rows of the data that are no sentence.
        gold: The gold sentences.
    """
    if unread:
        yield f"{unread:,} rows of the data cannot be read, or have not one tag a token: they do not count."
    if foreign := sentences.preparation.foreign_mentions:
        counts = ", ".join(f"{type_} {count:,}" for type_, count in sorted(foreign.items()))
        yield f"Mentions of types that gold does not have became O: {counts}."
    if repaired := sentences.preparation.repaired:
        yield f"{repaired:,} sentences have a misplaced I- tag; it was read as a B- tag."
    if gold.left_out:
        yield f"{gold.left_out:,} gold sentences were left out: a tag is no IOB2 tag, or not one tag a token."
    for each in sentences.mapping.evidence:
        if each.label is not None:
            reading = shown_meaning(each.written, each.label)
            yield (
                f"A tag outside gold's was read as what its words are elsewhere: {reading}, in "
                f"{sentences.mapped.get(reading, 0):,} sentences "
                f"({each.speaking:,} of {each.known:,} known words)."
            )
