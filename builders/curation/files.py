"""What `synthner curate` does: curate a file of synthetic sentences against a file of gold."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
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
from .curate import Curation, StepOutcome, Verdict, curate

CONFLICTS_SHOWN = 50

TAGS = "tags"
"""The step before curation: a sentence with a tag that is no IOB2 tag is dropped."""


@dataclass(frozen=True)
class CurateOutcome:
    """What became of a file.

    Attributes:
        data: The sentences of the file with one tag a token, as they were curated.
        verdicts: The verdict on each.
        curation: What was decided about those that have IOB2 tags.
        findings: What was recognised, in words.
    """

    data: tuple[Example, ...]
    verdicts: tuple[Verdict, ...]
    curation: Curation
    findings: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the outcome as `synthner curate --json` prints it."""
        usable = len(self.curation.verdicts)
        steps = {TAGS: StepOutcome(usable, len(self.data) - usable), **self.curation.steps}
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
) -> CurateOutcome:
    """Curate a file of synthetic sentences, and write what is kept as JSONL: `id`, `tokens`, `ner_tags`.

    Args:
        data: Synthetic sentences, in any format that is read.
        gold: Gold sentences to train on.
        output: Where the curated sentences go; written whole or not at all.
        held_out: Gold that must not leak into the data, by the name of its split.
        rejects: Where every other sentence goes, with its verdict.
        seed: Decides halves, samples and folds.

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
    found = list(read_examples(data, report=report))
    usable = [place for place, example in enumerate(found) if _has_tags(example)]
    if not usable:
        raise DataError(
            "no sentence has IOB2 tags", where=str(data), hint="Tags are names, as in `O`, `B-PER`, `I-PER`."
        )
    synthetic = training_data((found[place] for place in usable), types=learned.types)
    curation = curate(
        synthetic.examples,
        learned.examples,
        labels,
        held_out={split: tuple(read_examples(path)) for split, path in held_out.items()},
        seed=seed,
    )
    verdicts = [Verdict(False, TAGS, "a tag is no IOB2 tag")] * len(found)
    for place, example, verdict in zip(usable, synthetic.examples, curation.verdicts, strict=True):
        found[place], verdicts[place] = example, verdict
    unread = report.count("lengths differ") + report.count("unreadable row")
    findings = (*_findings_on_reading(unread, synthetic, learned), *curation.findings)
    _write(output, [_row(example) for example in curation.examples])
    if rejects is not None:
        judged = zip(found, verdicts, strict=True)
        _write(rejects, [_history(example, verdict) for example, verdict in judged if not verdict.kept])
    return CurateOutcome(tuple(found), tuple(verdicts), curation, findings)


def _has_tags(example: Example) -> bool:
    return all(parse_tag(tag) is not None for tag in example.ner_tags)


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


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    with write_atomically(path) as stream:
        for row in rows:
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")
