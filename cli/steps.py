"""Steps that several commands take: asking, building, and publishing to a folder.

Nothing heavy is imported until it is needed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import console
from .console import building, publishing
from .console import generation as console_generation

if TYPE_CHECKING:
    from ..generation.generate import GenerateSummary
    from ..release import Release


def generate_release(release: Release, only: tuple[str, ...] = ()) -> GenerateSummary:
    """Ask for what a release still lacks, and say on stderr what was done."""
    from ..generation.generate import generate

    with console_generation.GenerationProgress(release.currency) as watcher:
        summary = generate(release, only=only, watcher=watcher)
    console_generation.report_generated(summary)
    return summary


def build_dataset(release: Release) -> dict[str, Any]:
    """Build the dataset of a release with its card; return the manifest."""
    from ..builders.build import build
    from ..cards.dataset_card import write_card
    from ..generation.generate import status as generation_status

    calls = sum(
        split.planned for config in generation_status(release).values() for split in config.splits.values()
    )
    with building.BuildProgress(calls) as progress:
        manifest = build(
            release, advance=progress.advance, curating=progress.curating, joining=progress.joining
        )
    write_card(release.dataset)
    return manifest


def show_plan(release: Release, only: tuple[str, ...], as_json: bool) -> None:
    """Print what generation would ask for."""
    from ..generation.plan import plan_summary

    plan = plan_summary(release, only=only)
    if as_json:
        console.print_json(plan.as_json())
    else:
        console_generation.print_plan(plan)


def publish_to(release: Release, folder: Path, as_json: bool) -> dict[str, Any]:
    """Publish to a folder and load back; return what was done, and print it unless JSON is wanted."""
    from ..hub.verification import verify_folder
    from ..publication import publish_release_to_folder

    outcome = None
    if folder.resolve() != release.dataset.resolve():
        outcome = publish_release_to_folder(release, folder)
    verified = verify_folder(folder)
    if not as_json:
        publishing.print_published(folder, outcome, verified)
    return {
        "folder": str(folder.resolve()),
        "written": list(outcome.written) if outcome else [],
        "unchanged": list(outcome.unchanged) if outcome else [],
        "removed": list(outcome.removed) if outcome else [],
        "configs": {config.name: dict(config.examples) for config in verified},
    }
