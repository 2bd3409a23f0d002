"""What a built release changes about the one that is published: the diff to read before publishing.

Files with the same sha256 hold the same rows, so only files that differ are read. Rows are told apart by
their id; a row with the same id and other words or labels has changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

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
        columns_changed: Whether its labels are others, or a split is gone: what reads it may break.
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
        elif old["sha256"] != new["sha256"]:
            rows += _compare_splits(old, new, published_file(old["file"]), built_file(new["file"]))
    columns_changed = former["labels"] != present["labels"] or not set(former["splits"]) <= set(
        present["splits"]
    )
    kind = CHANGED if rows or columns_changed else UNCHANGED
    return ConfigChange(name, kind, rows, columns_changed, before, after)


def _compare_splits(old: Manifest, new: Manifest, published: Path | None, built: Path | None) -> RowChanges:
    if published is None or built is None:
        # Somebody removed or changed a file: all of its rows come anew.
        return RowChanges(added=new["examples"], removed=old["examples"])
    return _compare_rows(published, built)


def _compare_rows(published: Path, built: Path) -> RowChanges:
    former, present = _digest_of_row(published), _digest_of_row(built)
    shared = former.keys() & present.keys()
    return RowChanges(
        added=len(present) - len(shared),
        removed=len(former) - len(shared),
        changed=sum(former[id_] != present[id_] for id_ in shared),
    )


def _digest_of_row(path: Path) -> dict[str, bytes]:
    """Return what identifies the words and labels of each row, by its id."""
    import pyarrow.parquet

    digests = {}
    with pyarrow.parquet.ParquetFile(path) as rows:
        for batch in rows.iter_batches(columns=["id", "tokens", "ner_tags"]):
            for row in batch.to_pylist():
                content = repr((row["tokens"], row["ner_tags"])).encode("utf-8", "surrogatepass")
                digests[row["id"]] = blake2b(content, digest_size=8).digest()
    return digests


def _kept_by_step(config: Manifest | None) -> dict[str, int]:
    kept: Counter[str] = Counter()
    for steps in config["waterfall"].values() if config else ():
        for step in steps:
            kept[step["step"]] += step["kept"]
    return dict(kept)


def _examples(config: Manifest | None) -> int:
    return sum(split["examples"] for split in config["splits"].values()) if config else 0
