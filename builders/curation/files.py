"""What `synthner curate` does: curate a file of synthetic sentences against a file of gold."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ...evaluation.training_data import read_training_data
from ...schema.errors import DataError, WrongUsageError
from ...schema.example import Example
from ...schema.labels import LabelSet
from ...sources.files import write_atomically
from ...sources.readers import read_examples
from ...sources.report import Report
from ..rejects import shown
from .curate import Curation, StepOutcome, curate
from .found_sentences import TAGS, find_sentences, findings_on_reading
from .judges import Judge
from .selection import Judging
from .verdicts import Verdict

CONFLICTS_SHOWN = 50


@dataclass(frozen=True)
class CurateOutcome:
    """What became of a file.

    Attributes:
        data: The sentences of the file with one tag a token, as they were curated.
        verdicts: The verdict on each.
        curation: What was decided about those that have IOB2 tags.
        findings: What was recognised, in words.
        mapped: Sentences with a tag that is no IOB2 tag and has a known meaning, by tag and meaning.
    """

    data: Sequence[Example]
    verdicts: Sequence[Verdict]
    curation: Curation
    findings: tuple[str, ...]
    mapped: Mapping[str, int]

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
        raise DataError(f"no sentence has the id `{shown(id_)}`")


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
    sentences = find_sentences(data, learned, report)
    curation = curate(
        sentences.synthetic,
        learned.examples,
        labels,
        held_out={split: tuple(read_examples(path)) for split, path in held_out.items()},
        seed=seed,
        judging=Judging(judge),
    )
    unread = report.count("lengths differ") + report.count("unreadable row")
    findings = (*findings_on_reading(sentences, unread, learned), *curation.findings)
    _write(output, map(_row, curation.examples))
    verdicts = sentences.verdicts(curation.verdicts)
    if rejects is not None:
        judged = zip(sentences.examples, verdicts, strict=True)
        _write(rejects, (_history(example, verdict) for example, verdict in judged if not verdict.kept))
    return CurateOutcome(sentences.examples, verdicts, curation, findings, sentences.mapped)


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
