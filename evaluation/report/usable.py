"""How much of what was asked for could be used: the first table of Kamath & Vajjala (2025).

It is read from the manifest of the built dataset. A share is of what was asked for, not of what came back: a
response that was cut short, or never came, was asked for as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...schema.manifest import generated_configs
from .tables import NONE, Table
from .text import Name, count, decimal


def usable_share(manifest: Mapping[str, Any], name: str) -> Table:
    """Return the table of a built dataset: datapoints asked for, returned and published, config by config."""
    rows = [
        (
            Name(record["config"]),
            count(record["requested"]),
            count(record["returned"]),
            count(record["published"]),
            NONE if record["share"] is None else decimal(record["share"]),
        )
        for record in usable_records(manifest)
    ]
    return Table(
        name=name,
        caption="Datapoints that the models were asked for, that came back, and that could be published, and "
        "the share of the published among those asked for.",
        align="lrrrr",
        header=("config", "asked for", "returned", "published", "share"),
        rows=tuple(rows),
    )


def usable_records(manifest: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the same for programs."""
    for config, facts in generated_configs(manifest).items():
        totals = facts["totals"]
        requested = totals["requested"]
        yield {
            "config": config,
            **{key: totals[key] for key in ("requested", "returned", "published")},
            "share": totals["published"] / requested if requested else None,
        }
