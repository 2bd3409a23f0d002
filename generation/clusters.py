"""Looking at the clusters of `cluster_replacement`, and writing them, before anything is generated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..release import Config, Release
from ..schema.errors import WrongUsageError
from ..sources.gold import Gold
from .methods.cluster_replacement import clusters_of, clusters_path
from .methods.mention_clusters import Cluster, MentionClusters, Surface, mentions_by_type, write_clusters
from .methods.method import MethodContext
from .methods.offline_calls import SPLIT
from .plan import chosen_configs, method_context

METHOD = "cluster_replacement"


@dataclass(frozen=True)
class TypeClusters:
    """The clusters of one type, and the mentions of gold train that they leave as they are.

    Attributes:
        clusters: The clusters, the mentions of each by how often gold train has them.
        unclustered: Mentions of gold train in no cluster: no word of them has a vector, or the file of the
            clusters leaves them out.
        alone: Those that are alone in theirs, with nothing to take their place.
    """

    clusters: tuple[Cluster, ...]
    unclustered: Cluster
    alone: Cluster

    def as_json(self) -> dict[str, Any]:
        """Return the mentions as texts, cluster by cluster."""
        return {
            "clusters": [list(map(" ".join, cluster)) for cluster in self.clusters],
            "unclustered": list(map(" ".join, self.unclustered)),
            "alone": list(map(" ".join, self.alone)),
        }


@dataclass(frozen=True)
class ConfigClusters:
    """The clusters of a config.

    Attributes:
        types: By entity type.
        file: The file that the release names for them, None if it names none. While it is there, it is what
            counts.
        read: Whether they were read from that file; else they were made from gold train.
        written: Where they were written to now; None if nowhere.
    """

    types: Mapping[str, TypeClusters]
    file: Path | None
    read: bool
    written: Path | None

    def as_json(self) -> dict[str, Any]:
        """Return the clusters as `--json` prints them."""
        return {
            "file": None if self.file is None else str(self.file),
            "read": self.read,
            "written": None if self.written is None else str(self.written),
            "types": {type_: found.as_json() for type_, found in self.types.items()},
        }


def look_at_clusters(
    release: Release, *, only: Collection[str] = (), output: Path | None = None
) -> dict[str, ConfigClusters]:
    """Return the clusters of each config, and write those whose file is not there yet.

    Args:
        release: The release.
        only: Names of configs; by default all that use `cluster_replacement`.
        output: A file to write the clusters to, instead of the one that the release names.

    Raises:
        WrongUsageError: If a config has no clusters, `output` is there already or would hold several configs.
        ReleaseError, DataError: If the clusters cannot be made, read or written.
    """
    configs = _configs(release, only)
    if output is not None:
        _check_output(output, configs)
    gold: dict[str, Gold] = {}
    return {config.name: _clusters(method_context(config, release, gold), output) for config in configs}


def _configs(release: Release, only: Collection[str]) -> list[Config]:
    configs = chosen_configs(release, only)
    for config in configs:
        if only and config.generator.method != METHOD:
            raise WrongUsageError(
                f"its method is `{config.generator.method}`, which has no clusters",
                where=config.name,
                hint=f"Name a config whose method is `{METHOD}`.",
            )
    found = [config for config in configs if config.generator.method == METHOD]
    if not found:
        raise WrongUsageError(
            f"no generator has the method `{METHOD}`, so there are no clusters",
            where=str(release.path),
            hint="docs/methods.md shows one.",
        )
    return found


def _check_output(output: Path, configs: list[Config]) -> None:
    if len(configs) > 1:
        raise WrongUsageError(
            f"one file cannot hold the clusters of {len(configs)} configs",
            where="--output",
            hint=f"Name one of them with --config: {', '.join(config.name for config in configs)}.",
        )
    if output.exists():
        raise WrongUsageError(
            "there is such a file already, and people edit clusters by hand",
            where=str(output),
            hint="Name another file, or remove this one.",
        )


def _clusters(context: MethodContext, output: Path | None) -> ConfigClusters:
    file = clusters_path(context)
    read = file is not None and file.exists()
    clusters = clusters_of(context)
    written = output or (None if read else file)
    if written is not None:
        write_clusters(written, clusters)
    return ConfigClusters(_by_type(clusters, context), file, read, written)


def _by_type(clusters: MentionClusters, context: MethodContext) -> dict[str, TypeClusters]:
    train = context.gold.splits.get(SPLIT, ())
    frequency = Counter(
        (mention.type, example.tokens[mention.start : mention.end])
        for example in train
        for mention in example.mentions
    )
    of_gold = mentions_by_type(train, context.gold.labels.types)
    return {
        type_: _of_type(
            [
                sorted(cluster, key=lambda surface: (-frequency[type_, surface], surface))
                for cluster in of_type
            ],
            of_gold[type_],
        )
        for type_, of_type in clusters.clusters.items()
    }


def _of_type(clusters: list[list[Surface]], of_gold: list[Surface]) -> TypeClusters:
    size_of = {surface: len(cluster) for cluster in clusters for surface in cluster}
    return TypeClusters(
        clusters=tuple(map(tuple, clusters)),
        unclustered=tuple(surface for surface in of_gold if surface not in size_of),
        alone=tuple(surface for surface in of_gold if size_of.get(surface) == 1),
    )
