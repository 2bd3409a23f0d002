"""What a built release changes about the one that is published: the diff to read before publishing.

Files with the same sha256 hold the same rows, so only files that differ are read, batch by batch. Rows are
told apart by their id; a row with the same id and other words or labels has changed. Two numbers a row are
all that is held in memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from ..schema.manifest import is_joint

_ROWS_A_BATCH = 10_000

ADDED, REMOVED, CHANGED, UNCHANGED = "added", "removed", "changed", "unchanged"

Manifest = Mapping[str, Any]
FileOf = Callable[[str], Path | None]
"""Gives the local path of a file of a release, by its name in the dataset; None if it cannot be had."""


@dataclass(frozen=True, slots=True)
class RowChanges:
    """How many rows came, went and became others."""

    added: int = 0
    removed: int = 0
    changed: int = 0

    def __add__(self, other: RowChanges) -> RowChanges:
        return RowChanges(
            self.added + other.added, self.removed + other.removed, self.changed + other.changed
        )

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


@dataclass(frozen=True, slots=True)
class ConfigChange:
    """What changes in one config.

    Attributes:
        name: The config.
        kind: `added`, `removed`, `changed` or `unchanged`; what only its provenance says is no change.
        rows: Its rows in all splits.
        columns_changed: Whether its columns or labels are others, or a split is gone: what reads it may
            break.
        before: How many datapoints each step of its waterfall kept, in the published release.
        after: The same in the built one.
    """

    name: str
    kind: str
    rows: RowChanges
    columns_changed: bool
    before: Mapping[str, int]
    after: Mapping[str, int]


@dataclass(frozen=True)
class ReleaseChanges:
    """What changes in a release.

    Attributes:
        configs: Every config of either release: those of the built one in order, then those that are gone.
        is_first: Whether nothing is published yet.
    """

    configs: tuple[ConfigChange, ...]
    is_first: bool

    @property
    def breaks_users(self) -> bool:
        """Whether a config is gone, or its columns are others."""
        return any(change.kind == REMOVED or change.columns_changed for change in self.configs)

    @property
    def rows(self) -> RowChanges:
        """The rows of all configs."""
        return sum((change.rows for change in self.configs), RowChanges())

    @property
    def touched(self) -> tuple[ConfigChange, ...]:
        """The configs that are not as they were."""
        return tuple(change for change in self.configs if change.kind != UNCHANGED)


def compare_releases(
    published: Manifest | None, built: Manifest, *, published_file: FileOf, built_file: FileOf
) -> ReleaseChanges:
    """Compare a built release with the published one.

    Args:
        published: The manifest of the published release; None if there is none.
        built: The manifest of the built one.
        published_file: Gives files of the published release; only asked for those that differ. Where one
            cannot be had, its rows count as removed.
        built_file: Gives files of the built one.
    """
    former = published["configs"] if published else {}
    present = built["configs"]
    gone = [name for name in former if name not in present]
    return ReleaseChanges(
        tuple(
            _compare_configs(name, former.get(name), present.get(name), published_file, built_file)
            for name in (*present, *gone)
        ),
        is_first=published is None,
    )


def _compare_configs(
    name: str, former: Manifest | None, present: Manifest | None, published_file: FileOf, built_file: FileOf
) -> ConfigChange:
    before, after = (_kept_by_step(config) for config in (former, present))
    if former is None:
        return ConfigChange(name, ADDED, RowChanges(added=_examples(present)), False, before, after)
    if present is None:
        return ConfigChange(name, REMOVED, RowChanges(removed=_examples(former)), True, before, after)
    rows = RowChanges()
    for split in dict.fromkeys((*former["splits"], *present["splits"])):
        old, new = former["splits"].get(split), present["splits"].get(split)
        if old is None:
            rows += RowChanges(added=new["examples"])
        elif new is None:
            rows += RowChanges(removed=old["examples"])
        else:
            rows += _compare_splits(old["files"], new["files"], published_file, built_file)
    columns_changed = (
        former["labels"] != present["labels"]
        or not set(former["splits"]) <= set(present["splits"])
        or is_joint(former) != is_joint(present)
    )
    kind = CHANGED if rows or columns_changed else UNCHANGED
    return ConfigChange(name, kind, rows, columns_changed, before, after)


def _compare_splits(
    old: Sequence[Manifest], new: Sequence[Manifest], published_file: FileOf, built_file: FileOf
) -> RowChanges:
    """Compare the shards that only one of two splits has; what a shard is called does not matter."""
    shared = {shard["sha256"] for shard in old} & {shard["sha256"] for shard in new}
    former, removed = _rows_of([shard for shard in old if shard["sha256"] not in shared], published_file)
    present, added = _rows_of([shard for shard in new if shard["sha256"] not in shared], built_file)
    _, of_former, of_present = np.intersect1d(
        former["id"], present["id"], assume_unique=True, return_indices=True
    )
    return RowChanges(
        added=added + len(present) - len(of_present),
        removed=removed + len(former) - len(of_former),
        changed=int((former["content"][of_former] != present["content"][of_present]).sum()),
    )


_ROW = np.dtype([("id", np.uint64), ("content", np.uint64)])


def _rows_of(shards: Sequence[Manifest], file_of: FileOf) -> tuple[np.ndarray, int]:
    """Return what identifies each row of some shards, and how many are in shards that cannot be had.

    Somebody removed or changed such a shard: all of its rows come anew.
    """
    found, missing = [np.zeros(0, _ROW)], 0
    for shard in shards:
        path = file_of(shard["file"])
        if path is None:
            missing += shard["rows"]
        else:
            found += _numbers_of_rows(path)
    rows = np.concatenate(found)
    _, first = np.unique(rows["id"], return_index=True)
    return rows[first], missing


def _numbers_of_rows(path: Path) -> Iterator[np.ndarray]:
    """Yield a number for the id of each row and one for its words and labels, batch by batch."""
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(path) as rows:
        for batch in rows.iter_batches(_ROWS_A_BATCH, columns=["id", "tokens", "ner_tags"]):
            yield np.array(
                [
                    (_number(row["id"]), _number(repr((row["tokens"], row["ner_tags"]))))
                    for row in batch.to_pylist()
                ],
                _ROW,
            )


def _number(text: str) -> int:
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def _kept_by_step(config: Manifest | None) -> dict[str, int]:
    splits = sorted(config["waterfall"].values(), key=len, reverse=True) if config else []
    order = dict.fromkeys(step["step"] for steps in splits for step in steps)
    total: Counter[str] = Counter()
    for steps in splits:
        of_split = {step["step"]: step["kept"] for step in steps}
        kept = 0
        for step in order:
            # A split that does not go through a step, as only train is curated, loses nothing there.
            kept = of_split.get(step, kept)
            total[step] += kept
    return dict(total)


def _examples(config: Manifest | None) -> int:
    return sum(split["examples"] for split in config["splits"].values()) if config else 0
