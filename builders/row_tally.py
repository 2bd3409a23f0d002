"""What the manifest says about the rows of a split, summed up batch by batch."""

from __future__ import annotations

from typing import Any

import numpy as np

from .columns import Batch
from .label_columns import LabelColumns
from .quoting import Quoting

SAMPLES = 3


class RowTally:
    """Sums up what the manifest says about the rows of a split.

    Args:
        columns: The types and prefixes of the label set.
        names: Its label names.
        quoting: Knows which rows may be samples.

    Attributes:
        examples: Rows.
        without_mentions: Rows whose words are all O.
    """

    def __init__(self, columns: LabelColumns, names: tuple[str, ...], quoting: Quoting) -> None:
        self._columns = columns
        self._names = names
        self._quoting = quoting
        self._tokens = 0
        self._labels = np.zeros(len(names), dtype=np.int64)
        self._samples: list[dict[str, Any]] = []
        self._plain_samples: list[dict[str, Any]] = []
        self.examples = 0
        self.without_mentions = 0

    def add(self, batch: Batch, ids: list[str], texts: list[str]) -> None:
        """Count published rows in."""
        has_mention = batch.any_of(batch.tags != self._columns.outside)
        self.examples += len(batch)
        self.without_mentions += int((~has_mention).sum())
        self._tokens += len(batch.tokens)
        self._labels += np.bincount(batch.tags, minlength=len(self._names))
        for wanted, samples in ((has_mention, self._samples), (~has_mention, self._plain_samples)):
            for row in np.flatnonzero(wanted).tolist():
                if len(samples) == SAMPLES:
                    break
                words = slice(batch.starts[row], batch.starts[row + 1])
                tokens = [texts[number] for number in batch.tokens[words].tolist()]
                if self._quoting.allows(" ".join(tokens)):
                    tags = [self._names[tag] for tag in batch.tags[words].tolist()]
                    samples.append({"id": ids[row], "tokens": tokens, "ner_tags": tags})

    def as_json(self) -> dict[str, Any]:
        """Return the keys that the manifest has for a split's rows; samples with mentions come first."""
        # In IOB2 every mention has exactly one B- label.
        return {
            "examples": self.examples,
            "tokens": self._tokens,
            "mentions": {
                name[2:]: int(count)
                for name, count, begins in zip(
                    self._names, self._labels, self._columns.is_beginning, strict=True
                )
                if begins
            },
            "without_mentions": self.without_mentions,
            "samples": (self._samples + self._plain_samples)[:SAMPLES],
        }
