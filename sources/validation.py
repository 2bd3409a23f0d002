"""What `synthner validate` says about files of labelled sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..schema.labels import LabelSet
from .checks import Checker
from .readers import read_sentences
from .report import Problem, Report


@dataclass(frozen=True, slots=True)
class Validation:
    """The outcome of a validation.

    Attributes:
        examples: Sentences in all files.
        tokens: Tokens in all sentences.
        entities: Mentions, read as the CoNLL scorer (and seqeval by default) reads them.
        report: What is irregular, with file and line.
    """

    examples: int
    tokens: int
    entities: int
    report: Report

    @property
    def problems(self) -> list[Problem]:
        """What is irregular: one entry a kind."""
        return self.report.problems

    @property
    def acceptable(self) -> bool:
        """Whether nothing must be mended before the labels can be trusted."""
        return not self.report.has_errors

    def as_json(self) -> dict[str, object]:
        """Return what `synthner validate --json` prints."""
        return {
            "examples": self.examples,
            "tokens": self.tokens,
            "entities": self.entities,
            "problems": self.report.as_json(),
        }


def validate_files(
    paths: Sequence[Path],
    *,
    format: str | None = None,  # noqa: A002 - the command line's word for it
    labels: LabelSet | None = None,
) -> Validation:
    """Check files, each as a stream, and each against those before it for sentences that it repeats.

    Args:
        paths: The files, in order: train before test shows what leaks from train to test.
        format: A name in `FORMATS`; by default it is recognised file by file.
        labels: The labels that tags may be, and the names behind integer tags.

    Raises:
        WrongUsageError: If there is no such format.
        DataError: If a file cannot be read or holds no sentences.
    """
    report = Report()
    checker = Checker(report, labels)
    examples = tokens = entities = 0
    for path in paths:
        checker.start_file(path)
        for sentence in read_sentences(path, format=format, labels=labels, report=report):
            examples += 1
            tokens += len(sentence.tokens)
            entities += checker.check(sentence)
    return Validation(examples, tokens, entities, report)
