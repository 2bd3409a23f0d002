"""What `synthner clusters` shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from . import counted, say

if TYPE_CHECKING:
    from ...generation.clusters import ConfigClusters, TypeClusters

MEMBERS_SHOWN = 8


def print_clusters(configs: Mapping[str, ConfigClusters]) -> None:
    """Print the clusters of each config, what stays as it is, and how to change that."""
    for name, config in configs.items():
        source = f"read from {config.file}" if config.read else "made from gold train"
        say(name, bold=True, nl=False)
        say(f": {source}")
        for type_, found in config.types.items():
            _print_type(type_, found)
        say(f"\n{_what_next(config)}\n")


def _print_type(type_: str, found: TypeClusters) -> None:
    mentions = sum(map(len, found.clusters))
    say(f"\n  {type_}: {counted(mentions, 'mention')} in {counted(len(found.clusters), 'cluster')}")
    for number, cluster in enumerate(found.clusters, 1):
        say(f"  {number:>5}  {len(cluster):>6,}  {_members(cluster)}")
    for staying, why in ((found.unclustered, "in no cluster"), (found.alone, "alone in a cluster")):
        if staying:
            say(f"  Left as they are, {why}: {len(staying):,} ({_members(staying)})")


def _members(mentions: Sequence[Sequence[str]]) -> str:
    from ...cards.markdown import legible

    shown = ", ".join(legible(" ".join(words)) for words in mentions[:MEMBERS_SHOWN])
    return shown if len(mentions) <= MEMBERS_SHOWN else f"{shown}, …"


def _what_next(config: ConfigClusters) -> str:
    editing = "Move, add or remove mentions there, and `synthner generate` makes everything anew."
    if config.written is not None and config.written != config.file:
        return (
            f"Written to {config.written}. Edit it, and name it as `clusters_file` of the generator's "
            "`cluster_replacement`: it counts from then on."
        )
    if config.written is not None:
        return f"Written to {config.written}, which counts from now on. {editing}"
    if config.file is not None:
        return f"{config.file} is what counts. {editing} Remove it to have it written anew."
    return (
        "They are in no file. To change them, write `clusters_file: clusters/{language}.yaml` below the "
        "generator's `cluster_replacement`, and run this again."
    )
