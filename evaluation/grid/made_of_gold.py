"""What a release made of single gold sentences, and which of it fits a sample of gold.

A release makes variants of all of gold train. Added to a hundred gold sentences, the variants of thousands
would bring these with them, and the cell would say of a hundred what is true of thousands. So it learns what
was made of its own gold sentences alone. Of sentences that a model wrote from several examples nothing is
left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pyarrow.parquet as pq

from ...schema.example import Example
from ..made_of import Variants

_OF_NO_GOLD = ""


def seeds_of_rows(provenance: Iterable[Path], revision: str | None) -> Mapping[str, str]:
    """Return the one gold sentence that each row was made of, by the ids of both.

    Rows that were made of several, or of other gold, are left out.

    Args:
        provenance: The files of a config's provenance.
        revision: The revision of the gold.
    """
    seeds: dict[str, str] = {}
    for path in provenance:
        table = pq.read_table(path, columns=["id", "seed_ids", "seed_revision"])
        for row in table.to_pylist():
            if len(row["seed_ids"]) == 1 and row["seed_revision"] == revision:
                seeds[row["id"]] = row["seed_ids"][0]
    return seeds


class MadeOfGold:
    """Says which sentences of a source fit a sample of gold.

    Args:
        examples: The source's sentences.
        seeds: The gold sentence that each was made of, by the ids of both, where it was made of one.
        gold: All of gold train.
    """

    def __init__(
        self, examples: Sequence[Example], seeds: Mapping[str, str], gold: Sequence[Example]
    ) -> None:
        self._gold = gold
        self._variants = Variants(examples, gold, lambda each: seeds.get(each.id, _OF_NO_GOLD))

    def fitting(self, sample: Sequence[Example]) -> tuple[Example, ...]:
        """Return the sentences that were made of no other gold sentence than those of a sample.

        Nor does one hold, in what was made of gold, a mention that only other gold has.
        """
        drawn = {example.id for example in sample}
        others = [place for place, example in enumerate(self._gold) if example.id not in drawn]
        return tuple(self._variants.apart_from(others))
