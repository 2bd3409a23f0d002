"""What `synthner curate` does: curate a file of synthetic sentences against a file of gold."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ...evaluation.training_data import TrainingData, read_training_data, training_data
from ...schema.errors import DataError, WrongUsageError
from ...schema.example import Example
from ...schema.iob2 import parse_tag
from ...schema.labels import LabelSet
from ...sources.files import write_atomically
from ...sources.readers import read_examples
from ...sources.report import Report
from ...sources.sentences import MISSING_TAG
from ..rejects import shown
from .curate import Curation, StepOutcome, Verdict, curate
from .judges import Judge
from .label_ids import LabelMapping, count_labels, map_labels, shown_meaning
from .repairs import LabelChange

CONFLICTS_SHOWN = 50

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
class CurateOutcome:
    """What became of a file.

    Attributes:
        data: The sentences of the file with one tag a token, as they were curated.
        verdicts: The verdict on each.
        curation: What was decided about those that have IOB2 tags.
        findings: What was recognised, in words.
        mapped: Sentences with a tag that is no IOB2 tag and has a known meaning, by tag and meaning.
        mapping: What is known about such tags.
    """

    data: tuple[Example, ...]
    verdicts: tuple[Verdict, ...]
    curation: Curation
    findings: tuple[str, ...]
    mapped: Mapping[str, int]
    mapping: LabelMapping

    def as_json(self) -> dict[str, Any]:
        """Return the outcome as `synthner curate --json` prints it."""
        usable = len(self.curation.verdicts)
        steps = {TAGS: StepOutcome(usable, len(self.data) - usable, self.mapped), **self.curation.steps}
        return {
            "input": len(self.data),
            "output": len(self.curation.examples),
            "steps": {name: asdict(step) for name, step in steps.items()},
            **self.curation.selection.as_json(),
            "findings": list(self.findings),
            "conflicts": [asdict(conflict) for conflict in self.curation.conflicts[:CONFLICTS_SHOWN]],
        }

    def history(self, id_: str) -> dict[str, Any]:
        """Return all that is known about one sentence: how it came, what was changed, and the verdict.

        Raises:
            DataError: If no sentence has this id.
        """
        for example, verdict in zip(self.data, self.verdicts, strict=True):
            if example.id == id_:
                return _history(example, verdict)
        raise DataError(f"no sentence has the id `{id_}`", hint="Ids are in the data and in the rejects.")


def curate_file(
    data: Path,
    gold: Path,
    output: Path,
    *,
    held_out: Mapping[str, Path],
    rejects: Path | None = None,
    seed: int = 0,
    judge: Judge | None = None,
) -> CurateOutcome:
    """Curate a file of synthetic sentences, and write what is kept as JSONL: `id`, `tokens`, `ner_tags`.

    Args:
        data: Synthetic sentences, in any format that is read.
        gold: Gold sentences to train on.
        output: Where the curated sentences go; written whole or not at all.
        held_out: Gold that must not leak into the data, by the name of its split.
        rejects: Where every other sentence goes, with its verdict.
        seed: Decides halves, samples and folds.
        judge: Judges labels in the selection; by default a CRF.

    Raises:
        WrongUsageError: If two of the files are the same.
        DataError: If a file cannot be read or written, or gold has no mention to learn from.
    """
    named = [path.resolve() for path in (data, gold, output, *held_out.values(), rejects) if path is not None]
    if len(set(named)) < len(named):
        raise WrongUsageError(
            "data, gold, held-out gold, output and rejects must be different files",
            hint="Two of them are the same.",
        )
    learned = read_training_data(gold)
    if not learned.types:
        raise DataError(
            "gold has no mention to learn from",
            where=str(gold),
            hint="Are its tags IOB2 tags, as in `B-PER`?",
        )
    labels = LabelSet.of_tags(tag for example in learned.examples for tag in example.ner_tags)
    report = Report()
    read = _read(data, learned, report)
    found, usable = list(read.examples), read.usable
    synthetic = training_data((found[place] for place in usable), types=learned.types)
    for place, example in zip(usable, synthetic.examples, strict=True):
        # Most are as they were; what is the same is held once.
        if example != found[place]:
            found[place] = example
    synthetic = replace(synthetic, examples=tuple(found[place] for place in usable))
    curation = curate(
        synthetic.examples,
        learned.examples,
        labels,
        held_out={split: tuple(read_examples(path)) for split, path in held_out.items()},
        seed=seed,
        judge=judge,
    )
    verdicts = read.verdicts(usable, curation.verdicts)
    unread = report.count("lengths differ") + report.count("unreadable row")
    findings = (
        *_findings_on_reading(unread, synthetic, learned),
        *_findings_on_mapping(read),
        *curation.findings,
    )
    _write(output, map(_row, curation.examples))
    if rejects is not None:
        judged = zip(found, verdicts, strict=True)
        _write(rejects, (_history(example, verdict) for example, verdict in judged if not verdict.kept))
    return CurateOutcome(tuple(found), tuple(verdicts), curation, findings, read.mapped, read.mapping)


@dataclass(frozen=True)
class _Read:
    """The sentences of a file, their tags read as far as their meaning is known.

    Attributes:
        examples: The sentences; one with a tag that cannot be read has its tags as found.
        changes: The tags that were read as others, by sentence.
        mapping: What is known about the tags that are no IOB2 tags.
    """

    examples: tuple[Example, ...]
    changes: tuple[tuple[LabelChange, ...], ...]
    mapping: LabelMapping

    @property
    def usable(self) -> list[int]:
        """The places of the sentences that have IOB2 tags."""
        return [place for place, example in enumerate(self.examples) if _has_iob2_tags(example)]

    @property
    def mapped(self) -> dict[str, int]:
        """Sentences with a tag that was read as another, by tag and meaning."""
        counts = Counter(
            reading
            for changes in self.changes
            for reading in {shown_meaning(change.before, change.after) for change in changes}
        )
        return dict(sorted(counts.items()))

    def verdicts(self, usable: Sequence[int], curated: Sequence[Verdict]) -> list[Verdict]:
        """Return the verdict on every sentence, with the tags that were read as others among its changes.

        Args:
            usable: The places of the sentences that were curated.
            curated: What curation decided about each of these.
        """
        verdict_of = dict(zip(usable, curated, strict=True))
        verdicts = []
        for place, (example, changes) in enumerate(zip(self.examples, self.changes, strict=True)):
            verdict = verdict_of.get(place) or self._verdict_on_tags(example)
            verdicts.append(replace(verdict, changes=(*changes, *verdict.changes)) if changes else verdict)
        return verdicts

    def _verdict_on_tags(self, example: Example) -> Verdict:
        """Return the verdict on a sentence with a tag that cannot be read."""
        unread = [tag for tag in example.ner_tags if _is_foreign(tag) and tag not in self.mapping.meanings]
        return Verdict(False, TAGS, f"{_NO_TAG}: {self.mapping.why_not(unread[0])}" if unread else _NO_TAG)


def _read(data: Path, gold: TrainingData, report: Report) -> _Read:
    """Read synthetic sentences, and tags that are no IOB2 tags as what they mean, where that is known.

    Raises:
        DataError: If the file cannot be read, or no sentence has tags that can be used.
    """
    found = list(_sharing(read_examples(data, labels=_NUMBERS_AS_TEXTS, report=report)))
    tags = {tag for example in found for tag in example.ner_tags} - {MISSING_TAG}
    if tags and all(map(_WHOLE_NUMBER.fullmatch, tags)):
        raise DataError(
            "the tags are whole numbers, and what they stand for is not known",
            where=str(data),
            hint="Write their names instead, as in `O`, `B-PER`, `I-PER`.",
        )
    foreign = Counter(
        (token, tag)
        for example in found
        for token, tag in zip(example.tokens, example.ner_tags, strict=True)
        if _is_foreign(tag)
    )
    mapping = LabelMapping()
    if foreign:
        known = training_data(filter(_has_iob2_tags, found), types=gold.types).examples
        mapping = map_labels(foreign, count_labels(gold.examples), count_labels(known))
    pairs = [_with_meanings(example, mapping.meanings) for example in found]
    read = _Read(tuple(example for example, _ in pairs), tuple(changes for _, changes in pairs), mapping)
    if not read.usable:
        raise DataError(
            "no sentence has IOB2 tags", where=str(data), hint="Tags are names, as in `O`, `B-PER`, `I-PER`."
        )
    return read


def _sharing(examples: Iterable[Example]) -> Iterator[Example]:
    """Let sentences share their words and their taggings: a vocabulary is far smaller than its text."""
    texts: dict[str, str] = {}
    taggings: dict[tuple[str, ...], tuple[str, ...]] = {}
    for example in examples:
        tokens = tuple([texts.setdefault(token, token) for token in example.tokens])
        tags = taggings.get(example.ner_tags)
        if tags is None:
            tags = tuple([texts.setdefault(tag, tag) for tag in example.ner_tags])
            taggings[tags] = tags
        yield Example(example.id, tokens, tags)


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


def _findings_on_mapping(read: _Read) -> Iterator[str]:
    mapped = read.mapped
    for each in read.mapping.evidence:
        if each.label is not None:
            reading = shown_meaning(each.written, each.label)
            yield (
                f"A tag outside gold's was read as what its words are elsewhere: {reading}, in "
                f"{mapped.get(reading, 0):,} sentences ({each.speaking:,} of {each.known:,} known words)."
            )


def _findings_on_reading(unread: int, synthetic: TrainingData, gold: TrainingData) -> Iterator[str]:
    if unread:
        yield f"{unread:,} rows of the data cannot be read, or have not one tag a token: they do not count."
    if synthetic.foreign_mentions:
        counts = ", ".join(
            f"{type_} {count:,}" for type_, count in sorted(synthetic.foreign_mentions.items())
        )
        yield f"Mentions of types that gold does not have became O: {counts}."
    if synthetic.repaired:
        yield f"{synthetic.repaired:,} sentences have a misplaced I- tag; it was read as a B- tag."
    if gold.left_out:
        yield f"{gold.left_out:,} gold sentences were left out: a tag is no IOB2 tag, or not one tag a token."


def _row(example: Example) -> dict[str, Any]:
    return {"id": example.id, "tokens": list(example.tokens), "ner_tags": list(example.ner_tags)}


def _history(example: Example, verdict: Verdict) -> dict[str, Any]:
    return {**_row(example), **asdict(verdict)}


def _write(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    with write_atomically(path) as stream:
        for row in rows:
            text = json.dumps(row, ensure_ascii=False)
            # Half of a surrogate pair has no UTF-8; its JSON escape has.
            has_half_a_pair = any("\ud800" <= character <= "\udfff" for character in text)
            stream.write((json.dumps(row) if has_half_a_pair else text) + "\n")
