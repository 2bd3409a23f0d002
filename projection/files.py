"""What `synthner project` does: labels on a source file, alignments and target sentences in, CoNLL out."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

from ..schema.errors import DataError
from ..schema.iob2 import OUTSIDE, Mention, mentions
from ..sources.conll import DOCSTART
from ..sources.files import CHUNK, open_bytes, text_lines, write_atomically
from ..sources.readers import read_sentences, recognise_format
from ..sources.report import Report
from ..sources.sentences import MISSING_TAG, Sentence, is_label
from ..sources.unlabelled_text import tell_conll_from_text
from .alignments import check_range, read_alignments
from .methods import Projector
from .outcome import Alignment, ParallelSentence, Projection
from .scored import ScoredProjector

UNREADABLE = "unreadable row"

_SAME_SENTENCES = (
    "The source has a sentence for each line of the target and of the alignments, in the same order."
)

# How often whoever waits hears of it.
_TOLD_OF = 1000

Advance = Callable[[int], None]
"""Is told how many sentences are done."""


@dataclass(frozen=True, slots=True)
class ParallelFiles:
    """Files that hold the same sentences in the same order.

    Attributes:
        source: Labelled sentences, in any format that `sources.readers` reads.
        target: Their translations, a line a sentence, words apart by spaces.
        alignments: The alignments of their words; None where nobody asks for them.
        format: The format of the source; by default it is recognised.
        one_based: The alignments count words from 1.
        sure_only: Leave out possible links.
    """

    source: Path
    target: Path
    alignments: Path | None
    format: str | None = None
    one_based: bool = False
    sure_only: bool = False


@dataclass
class TypeCounts:
    """What became of the source entities of one type.

    Attributes:
        entities: How many there are.
        dropped: How many were dropped, by reason.
    """

    entities: int = 0
    dropped: Counter[str] = field(default_factory=Counter)

    @property
    def projected(self) -> int:
        """How many label words of the target."""
        return self.entities - self.dropped.total()


@dataclass
class ProjectOutcome:
    """What became of a file.

    Attributes:
        sentences: How many sentences there are.
        mentions: How many mentions the target has; an entity may have several.
        types: What became of the source entities, by type.
        report: What was irregular in the source.
        seconds: How long it took.
        scoring: What chose and scored candidates, besides alignments; None where nothing did.
        unread: Pairs of an entity and a candidate that the translation model could not read.
    """

    sentences: int = 0
    mentions: int = 0
    types: dict[str, TypeCounts] = field(default_factory=dict)
    report: Report = field(default_factory=Report)
    seconds: float = 0.0
    scoring: Mapping[str, Any] | None = None
    unread: int = 0

    @property
    def entities(self) -> int:
        """How many entities the source has."""
        return sum(counts.entities for counts in self.types.values())

    @property
    def projected(self) -> int:
        """How many of them label words of the target."""
        return sum(counts.projected for counts in self.types.values())

    @property
    def dropped(self) -> Counter[str]:
        """How many of them were dropped, by reason."""
        return sum((counts.dropped for counts in self.types.values()), Counter())

    def as_json(self) -> dict[str, Any]:
        """Return the outcome as `synthner project --json` prints it."""
        return {
            "sentences": self.sentences,
            "entities": self.entities,
            "projected": self.projected,
            "mentions": self.mentions,
            "dropped": _by_number(self.dropped),
            "types": {
                type_: {
                    "entities": counts.entities,
                    "projected": counts.projected,
                    "dropped": _by_number(counts.dropped),
                }
                for type_, counts in sorted(self.types.items())
            },
            "scoring": self.scoring and {**self.scoring, "unread": self.unread},
            "problems": self.report.as_json(),
            "seconds": round(self.seconds, 3),
        }


def project_files(
    files: ParallelFiles,
    project: Projector | ScoredProjector,
    output: Path,
    advance: Advance = lambda _done: None,
) -> ProjectOutcome:
    """Project the labels of a file, and write the target: `word tag` a line, a blank line after a sentence.

    Args:
        files: What is projected from where.
        project: How.
        output: Where the labelled target goes; gzipped if its name ends with `.gz`.
        advance: Is told now and then how many sentences are done.

    Raises:
        DataError: If a file cannot be read or written, a sentence is empty, a source word holds a space, a
            target word begins with `-DOCSTART-`, the target is no plain text, the files have not as many
            sentences, an alignment names a word that is not there, or a tagger that scores by types knows
            none of the source's.
    """
    start = time.perf_counter()
    outcome = ProjectOutcome()
    every = _TOLD_OF
    if isinstance(project, ScoredProjector):
        outcome.scoring, every = project.as_json(), project.together
    with write_atomically(output) as written:
        for sentence, projection in _projected(read_parallel(files, outcome.report), project):
            outcome.sentences += 1
            if outcome.sentences % every == 0:
                advance(outcome.sentences)
            if projection is None:
                written.write(" O\n".join(sentence.target) + " O\n\n")
                continue
            _count(outcome, sentence.entities, projection.dropped)
            outcome.mentions += projection.mentions
            outcome.unread += projection.unread
            lines = map(" ".join, zip(sentence.target, projection.tags, strict=True))
            written.write("\n".join(lines) + "\n\n")
        if isinstance(project, ScoredProjector):
            project.check_types(outcome.types)
    outcome.seconds = time.perf_counter() - start
    return outcome


def _projected(
    sentences: Iterator[ParallelSentence], project: Projector | ScoredProjector
) -> Iterator[tuple[ParallelSentence, Projection | None]]:
    """Yield each sentence with its labels; None where there are none to project."""
    if not isinstance(project, ScoredProjector):
        for sentence in sentences:
            has_entities = bool(sentence.entities)
            yield (
                sentence,
                project(sentence.entities, sentence.alignment, sentence.target) if has_entities else None,
            )
        return
    while block := list(islice(sentences, project.together)):
        for sentence, projection in zip(block, project.of(block), strict=True):
            yield sentence, projection if sentence.entities else None


def read_parallel(files: ParallelFiles, report: Report) -> Iterator[ParallelSentence]:
    """Read the sentences of parallel files.

    A source tag that is no IOB2 tag is reported and counts as `O`.

    Raises:
        DataError: As `project_files` says.
    """
    for source, target, aligned in _rows(files, report):
        if source is None or target is None or aligned is None:
            raise _not_as_many(files, source, target, aligned)
        line, alignment = aligned
        words = target[1]
        check_range(alignment, len(source.tokens), len(words), f"{files.alignments}:{line}")
        entities = mentions(source.tags) if source.tags.count(OUTSIDE) < len(source.tags) else ()
        yield ParallelSentence(entities, alignment, words, source.tokens)


def _rows(
    files: ParallelFiles, report: Report
) -> Iterator[tuple[Sentence | None, tuple[int, list[str]] | None, tuple[int, Alignment] | None]]:
    source, target = _read_source(files, report), _read_target(files.target)
    if files.alignments is None:
        not_aligned: Alignment = frozenset()
        return ((*both, (0, not_aligned)) for both in zip_longest(source, target))
    aligned = read_alignments(files.alignments, one_based=files.one_based, sure_only=files.sure_only)
    return zip_longest(source, target, aligned)


def _read_source(files: ParallelFiles, report: Report) -> Iterator[Sentence]:
    known = {OUTSIDE}
    for sentence in read_sentences(files.source, format=files.format, report=report):
        _check_none_left_out(report)
        _check_source(sentence, files.source, known, report)
        yield sentence
    _check_none_left_out(report)


def _check_none_left_out(report: Report) -> None:
    """A row that is left out would give each sentence behind it the translation of another."""
    if report.count(UNREADABLE):
        place = next(problem.first for problem in report.problems if problem.kind == UNREADABLE)
        raise DataError(
            "the row holds no sentence: a list of words with one tag each",
            where=f"{place.file}:{place.line}",
            hint=_SAME_SENTENCES,
        )


def _read_target(path: Path) -> Iterator[tuple[int, list[str]]]:
    with open_bytes(path) as stream:
        # By its content: plain text may have any name.
        format_ = recognise_format(Path(), stream.peek(CHUNK))
        if format_ != "conll":
            raise _not_plain_text(path, format_)
        is_conll, lines = tell_conll_from_text(text_lines(stream, path), path)
        if is_conll:
            raise _not_plain_text(path, "CoNLL, words with their labels")
        for number, line in lines:
            words = line.split()
            if not words:
                raise DataError(
                    "the target sentence is empty",
                    where=f"{path}:{number}",
                    hint="Leave it out, and the source sentence and the alignments that belong to it.",
                )
            if DOCSTART in line and any(word.startswith(DOCSTART) for word in words):
                raise DataError(
                    f"a word begins with `{DOCSTART}`: in the labelled file it would be read as where a "
                    "document begins, and not as a word",
                    where=f"{path}:{number}",
                    hint="If the line is no sentence, leave it out, and the alignments that belong to it. If "
                    "it is one, write the word otherwise.",
                )
            yield number, words


def _not_plain_text(path: Path, format_: str) -> DataError:
    return DataError(
        f"this is {format_}, and the target is plain text: a sentence a line, its words apart by spaces",
        where=str(path),
        hint="Write the words of each sentence on one line, without labels.",
    )


def _check_source(sentence: Sentence, path: Path, known: set[str], report: Report) -> None:
    if not sentence.is_aligned:
        raise DataError(
            f"the sentence has {len(sentence.tokens)} words and {len(sentence.tags)} tags",
            where=f"{path}:{sentence.line}",
            hint="A sentence has one tag a word.",
        )
    if " ".join(sentence.tokens).split() != list(sentence.tokens):
        position = next(i for i, token in enumerate(sentence.tokens) if len(token.split()) != 1)
        raise DataError(
            f"the word `{sentence.tokens[position]}` holds a space or is blank",
            where=f"{path}:{sentence.line_of(position)}",
            hint="Aligners read words apart by spaces, and would count another number. Join or split it, and "
            "align again.",
        )
    if known.issuperset(sentence.tags):
        return
    for position, tag in enumerate(sentence.tags):
        if is_label(tag):
            known.add(tag)
        else:
            report.add(
                "tag missing" if tag == MISSING_TAG else "invalid tag",
                file=path,
                line=sentence.line_of(position),
                token=sentence.tokens[position],
                label=None if tag == MISSING_TAG else tag,
            )


def _not_as_many(
    files: ParallelFiles,
    source: Sentence | None,
    target: tuple[int, Sequence[str]] | None,
    aligned: tuple[int, Alignment] | None,
) -> DataError:
    lines = (
        (files.source, source.line if source else None),
        (files.target, target[0] if target else None),
        (files.alignments, aligned[0] if aligned else None),
    )
    ended = " and ".join(str(path) for path, line in lines if line is None)
    there = next(f"{path}:{line}" for path, line in lines if line is not None)
    return DataError(
        f"the sentence has no counterpart, for it comes after the end of {ended}",
        where=there,
        hint=_SAME_SENTENCES,
    )


def _count(outcome: ProjectOutcome, entities: Sequence[Mention], dropped: Sequence[tuple[int, str]]) -> None:
    types = outcome.types
    for entity in entities:
        if entity.type not in types:
            types[entity.type] = TypeCounts()
        types[entity.type].entities += 1
    for number, reason in dropped:
        types[entities[number].type].dropped[reason] += 1


def _by_number(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
