"""What `synthner curate` does: curate a file of synthetic sentences against a file of gold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ...evaluation.training_data import read_training_data
from ...schema.errors import DataError, WrongUsageError
from ...schema.example import Example
from ...schema.labels import LabelSet
from ...sources.files import write_atomically
from .curate import Curation, Verdict, curate

CONFLICTS_SHOWN = 50


@dataclass(frozen=True)
class CurateOutcome:
    """What became of a file.

    Attributes:
        data: The sentences that were curated.
        curation: What was decided about them.
    """

    data: tuple[Example, ...]
    curation: Curation

    def as_json(self) -> dict[str, Any]:
        """Return the outcome as `synthner curate --json` prints it."""
        selection = self.curation.selection
        return {
            "input": len(self.data),
            "output": len(self.curation.examples),
            "steps": {name: asdict(step) for name, step in self.curation.steps.items()},
            "share": selection.share,
            "gains": {
                str(share): {"gain": gain.f1, "standard_error": gain.standard_error}
                for share, gain in selection.gains.items()
            },
            "findings": list(self.curation.findings),
            "conflicts": [asdict(conflict) for conflict in self.curation.conflicts[:CONFLICTS_SHOWN]],
        }

    def history(self, id_: str) -> dict[str, Any]:
        """Return all that is known about one sentence: how it came, what was changed, and the verdict.

        Raises:
            DataError: If no sentence has this id.
        """
        for example, verdict in zip(self.data, self.curation.verdicts, strict=True):
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
        raise WrongUsageError("data, gold, held-out gold, output and rejects must be different files")
    learned = read_training_data(gold)
    if not learned.types:
        raise DataError("gold has no mention to learn from", where=str(gold))
    labels = LabelSet.of_tags(tag for example in learned.examples for tag in example.ner_tags)
    synthetic = read_training_data(data, types=learned.types).examples
    curation = curate(
        synthetic,
        learned.examples,
        labels,
        held_out={split: read_training_data(path).examples for split, path in held_out.items()},
        seed=seed,
    )
    _write(output, [_row(example) for example in curation.examples])
    if rejects is not None:
        judged = zip(synthetic, curation.verdicts, strict=True)
        _write(rejects, [_history(example, verdict) for example, verdict in judged if not verdict.kept])
    return CurateOutcome(synthetic, curation)


def _row(example: Example) -> dict[str, Any]:
    return {"id": example.id, "tokens": list(example.tokens), "ner_tags": list(example.ner_tags)}


def _history(example: Example, verdict: Verdict) -> dict[str, Any]:
    return {**_row(example), **asdict(verdict)}


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    with write_atomically(path) as stream:
        for row in rows:
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")
