"""What `build`, `validate` and `run` print."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from . import print_problems, print_table, progress_bars, say

if TYPE_CHECKING:
    from rich.progress import Progress

    from ...builders.findings import Finding
    from ...hub.verification import VerifiedConfig
    from ...release import Release
    from ...sources.gold import Gold


def print_waterfalls(manifest: Mapping[str, Any]) -> None:
    """Print each config's way from requested to published datapoints."""
    from ...cards.waterfall_table import waterfall_table

    for name, config in manifest["configs"].items():
        print_table(waterfall_table(config["waterfall"], name))


def print_release_validation(
    release: Release,
    gold: Mapping[str, Gold],
    to_mend: Sequence[str],
    findings: Sequence[Finding],
    verified: Sequence[VerifiedConfig],
) -> None:
    """Say what a release is made of, what is irregular in its gold, and what keeps it back.

    Args:
        release: The release.
        gold: The gold of each of its languages.
        to_mend: The languages whose gold has errors that the release's owner can mend.
        findings: What keeps it from being published.
        verified: What of its built dataset was loaded back; empty where nothing is built.
    """
    configs = f": {', '.join(release.config_names)}" if release.config_names else ""
    say(f"{release.path} is valid{configs}.")
    if gold:
        say()
    for code, data in gold.items():
        counts = ", ".join(f"{len(examples):,} {split}" for split, examples in data.splits.items())
        say(f"Gold of {code}: {data.title} ({counts}; {', '.join(data.labels.types)})", bold=True)
        print_problems(data.report.problems)
    if to_mend:
        say(f"\nMend the errors in gold of {', '.join(to_mend)}: until then this ends with status 1.")
    for finding in findings:
        say("\n error  ", fg="red", nl=False)
        say(f"{finding.message} [{finding.name}]\n{finding.hint}")
    if verified:
        say(f"\nThe built dataset loads back as it was built: {', '.join(c.name for c in verified)}.")
    elif release.configs:
        say("\nNothing is built yet.")


class BuildProgress:
    """Shows on a terminal's stderr how `build` goes: a bar of the calls read, and what is being curated.

    A joint config has a bar of its own, of the rows that it joins.
    """

    def __init__(self, calls: int) -> None:
        self._calls = calls
        self._bars: Progress | None = None
        self._joint = ""

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            self._show("calls", "Building", self._calls)
        return self

    def __exit__(self, *_error: object) -> None:
        if self._bars:
            self._bars.stop()

    def advance(self, calls: int) -> None:
        """So many further calls were read."""
        if self._bars:
            self._bars.update(self._task, advance=calls, description="Building")

    def curating(self, config: str) -> None:
        """A config is being curated, for which no call is read."""
        if self._bars:
            self._bars.update(self._task, description=f"Curating {config}")

    def joining(self, config: str, read: int, rows: int) -> None:
        """So many of the rows that a joint config joins were read."""
        if self._bars is None:
            return
        if config != self._joint:
            self._joint = config
            self._bars.stop()
            self._show("rows", f"Joining {config}", rows)
        self._bars.update(self._task, completed=read)

    def _show(self, unit: str, description: str, total: int) -> None:
        self._bars = progress_bars(unit)
        self._task = self._bars.add_task(description, total=total)
        self._bars.start()
