"""What `publish` prints."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from . import counted, say

if TYPE_CHECKING:
    from ...hub.folder import Published
    from ...hub.publish import Plan
    from ...hub.verification import VerifiedConfig
    from ...publication import Publication, PublishOutcome


def print_published(folder: Path, outcome: Published | None, verified: Sequence[VerifiedConfig]) -> None:
    """Say where the dataset is, and how to load each config, which was tried."""
    if outcome is not None:
        say(
            f"Published to {folder}: {counted(len(outcome.written), 'file')} written, "
            f"{len(outcome.unchanged)} unchanged, {len(outcome.removed)} removed."
        )
    say(f"The dataset is in {folder.resolve()}. Every config was loaded back and compared:\n")
    say("  from datasets import load_dataset\n")
    path = json.dumps(str(folder.resolve()), ensure_ascii=False)
    for config in verified:
        counts = ", ".join(f"{count:,} {split}" for split, count in config.examples.items())
        say(f'  load_dataset({path}, "{config.name}")  # {counts}')


def print_published_on_hub(outcome: PublishOutcome) -> None:
    """Say what was published where, what it changed, what was loaded back, and how to load each config."""
    plan, commit = outcome.done.plan, outcome.done.commit
    if commit is None:
        say(f"Nothing has changed: {outcome.url} has version {plan.release.version} already.")
    elif commit.pull_request:
        say(f"The pull request for version {plan.release.version} is {commit.pull_request}:\n")
    else:
        say(f"Published version {plan.release.version} at {outcome.url} (commit {commit.commit[:12]}):\n")
    if commit is not None:
        _print_changes(plan)
    say(f"\n{_loaded_back(outcome)}:\n\n  from datasets import load_dataset\n")
    revision = outcome.tag or outcome.done.revision
    for name, examples in outcome.examples.items():
        counts = ", ".join(f"{count:,} {split}" for split, count in examples.items())
        arguments = f'"{outcome.repository}", "{name}", revision="{revision}"'
        say(f"  load_dataset({arguments})  # {counts}")


def _loaded_back(outcome: PublishOutcome) -> str:
    loaded, of_all = len(outcome.verified), len(outcome.examples)
    if loaded == of_all:
        return "Every config was loaded back and compared"
    if outcome.done.commit is None:
        return "Every file is as it was when this version was loaded back and tagged"
    if not loaded:
        return "No config has changed, and every file that the repository lists is as it was built"
    return f"Of {counted(of_all, 'config')}, the {loaded} that changed were loaded back and compared"


def print_publication_plan(repository: str, plan: Plan[Publication]) -> None:
    """Say what publishing would do."""
    if plan.is_empty:
        say(f"Nothing has changed: {repository} has version {plan.release.version} already.")
        return
    say(f"Would publish version {plan.release.version} to {repository}:\n")
    _print_changes(plan)


def _print_changes(plan: Plan[Publication]) -> None:
    for change in plan.release.changes.touched:
        rows = change.rows
        say(f"  {change.name}: {change.kind}", bold=True, nl=False)
        say(f", rows +{rows.added:,} −{rows.removed:,}, {rows.changed:,} changed")
        for step in dict.fromkeys((*change.before, *change.after)):
            before, after = change.before.get(step), change.after.get(step)
            if before != after:
                shown = " → ".join("–" if count is None else f"{count:,}" for count in (before, after))
                say(f"    {step}: {shown}")
    say(
        f"  {counted(len(plan.sent), 'file')} new or changed, {len(plan.unchanged)} unchanged, "
        f"{len(plan.removed)} removed."
    )
