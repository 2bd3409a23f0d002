"""From a built release to a published one: what it changes, its version, one commit, and the proof.

What is published differs from what was built in what only the published release can tell: the repository's
name, the version, and the list of versions. They go into manifest and card.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from .builders.changes import ReleaseChanges, compare_releases
from .builders.findings import find_obstacles, refuse_obstacles
from .builders.versions import changelog_lines, next_version
from .cards.dataset_card import card_to_keep, render_dataset_card
from .cards.release_changes import changes_markdown
from .hub.publish import Access, Plan, PublishedOnHub, plan_commit, publish_on_hub
from .hub.repository import Repository, Snapshot
from .hub.verification import VerifiedConfig, verify_repository
from .release import Release
from .schema.errors import DataError, PublishError
from .schema.example import Example
from .schema.manifest import CARD, MANIFEST, check_manifest, listed_files, read_manifest
from .sources.gold import load_gold

EVAL = "eval.yaml"
"""Describes the dataset's tasks to the Hub's benchmarks."""

# What the manifest of a published release has, and that of a built one does not.
_OF_PUBLICATION = ("version", "changelog", "accepted")


@dataclass(frozen=True)
class PublishedRelease:
    """What is published now.

    Attributes:
        manifest: Its manifest.
        card: Its card, with what people wrote into it.
        file: Gives a local copy of one of its files, by name.
    """

    manifest: Mapping[str, Any] | None
    card: str | None
    file: Callable[[str], Path]


@dataclass(frozen=True)
class Publication:
    """What is to be published.

    Attributes:
        files: Every file of the release, by its name in the repository: where it is, or its content.
        removed: Files of the published release that this one does not have.
        version: Its version; that of the published release if nothing has changed.
        changes: What it changes.
        manifest: Its manifest.
    """

    files: Mapping[str, Path | bytes]
    removed: tuple[str, ...]
    version: str
    changes: ReleaseChanges
    manifest: Mapping[str, Any]


@dataclass(frozen=True)
class PublishOutcome:
    """What publishing a release did, and what was found when it was loaded back.

    Attributes:
        repository: `organisation/name`.
        url: Where people see it.
        done: The commit and the tag.
        verified: Every config, as it was loaded back.
    """

    repository: str
    url: str
    done: PublishedOnHub[Publication]
    verified: Sequence[VerifiedConfig]

    def as_json(self) -> dict[str, Any]:
        """Return the outcome as `synthner publish --json` prints it."""
        commit = self.done.commit
        return {
            **plan_as_json(self.repository, self.done.plan),
            "url": self.url,
            "commit": commit.commit if commit else None,
            "pull_request": commit.pull_request if commit else None,
            "revision": self.done.revision,
            "tag": self.done.tag,
            "configs": {config.name: dict(config.examples) for config in self.verified},
        }


def publish_release(release: Release, *, pull_request: bool = False) -> PublishOutcome:
    """Publish a built release on the Hub, and load it back from there.

    Args:
        release: The release.
        pull_request: Open a pull request instead of changing `main`.

    Raises:
        PublishError: If a check stands against it, the Hub refuses or fails too often, or what is loaded back
            is not what was built.
        DataError: If nothing is built, or the published manifest or card cannot be read.
    """
    _check(release)
    repository = Repository(release.name)
    done = publish_on_hub(
        repository,
        lambda snapshot: _prepare(release, repository, snapshot),
        access=Access(release.publishing.private, release.publishing.gated),
        describe=lambda publication: changes_markdown(publication.changes, publication.version),
        pull_request=pull_request,
    )
    verified = _verify(repository, done)
    return PublishOutcome(repository.name, repository.url, done, verified)


def plan_publication(release: Release) -> tuple[str, Plan[Publication]]:
    """Say what publishing a built release would do; return the repository's name and the plan.

    Raises:
        PublishError: If a check stands against it, or the repository cannot be read.
        DataError: If nothing is built, or the published manifest or card cannot be read.
    """
    _check(release)
    repository = Repository(release.name)
    plan = plan_commit(repository, lambda snapshot: _prepare(release, repository, snapshot))
    return repository.name, plan


def plan_as_json(repository: str, plan: Plan[Publication]) -> dict[str, Any]:
    """Return a plan as `synthner publish --dry-run --json` prints it."""
    return {
        "repository": repository,
        "version": plan.release.version,
        "sent": sorted(plan.sent),
        "removed": list(plan.removed),
        "unchanged": sorted(plan.unchanged),
        "changes": [asdict(change) for change in plan.release.changes.configs],
    }


def _check(release: Release) -> None:
    sources = {config.language.code: config.gold for config in release.configs}
    gold_test: dict[str, Sequence[Example]] = {}
    for code, source in sources.items():
        gold = load_gold(source, code, iob2_policy=release.gates.iob2)
        gold_test[code] = gold.splits.get("test", ())
    found = find_obstacles(release.dataset, read_manifest(release.dataset), gold_test)
    refuse_obstacles(found, release.publishing.accept)


def _prepare(release: Release, repository: Repository, snapshot: Snapshot | None) -> Publication:
    def file(name: str) -> Path:
        return repository.file(name, snapshot.commit if snapshot else "main")

    there = snapshot.files if snapshot else {}
    manifest = file(MANIFEST).read_bytes() if MANIFEST in there else None
    card = file(CARD).read_bytes() if CARD in there else None
    published = PublishedRelease(
        read_published_manifest(manifest, f"{repository.name}/{MANIFEST}") if manifest else None,
        _decoded(card, f"{repository.name}/{CARD}") if card else None,
        file,
    )
    return prepare_publication(
        release.dataset,
        repository.name,
        published,
        accepted=release.publishing.accept,
        taken=[tag.removeprefix("v") for tag in snapshot.tags] if snapshot else (),
    )


def _decoded(card: bytes, where: str) -> str:
    try:
        return card.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError("the card is not UTF-8 text", where=where, hint="Mend or remove it.") from error


def _verify(repository: Repository, done: PublishedOnHub[Publication]) -> Sequence[VerifiedConfig]:
    try:
        return verify_repository(
            repository.name,
            done.revision,
            done.plan.release.manifest,
            lambda name: repository.file(name, done.revision),
        )
    except PublishError as error:
        former = done.plan.parent
        revert = (
            f"To go back: the former release is at revision {former}; build it again, or restore that commit."
            if former and done.commit
            else "Publish again."
        )
        raise PublishError(
            f"published, but it does not load back: {error.message}", where=error.where, hint=revert
        ) from error


def prepare_publication(
    dataset: Path,
    repository: str,
    published: PublishedRelease,
    *,
    accepted: Mapping[str, str],
    taken: Collection[str] = (),
) -> Publication:
    """Prepare a built release for publishing beside what is published now.

    Args:
        dataset: The folder that was built.
        repository: `organisation/name`.
        published: What is published there.
        accepted: Findings that the publisher accepts, with their reasons.
        taken: Versions that are tagged in the repository.

    Raises:
        DataError: If the dataset is incomplete, or the published card cannot be read.
    """
    built = dict(read_manifest(dataset))
    built["release"] = built["release"] | {"name": repository}
    if accepted:
        built["accepted"] = dict(accepted)
    changes = compare_releases(
        published.manifest,
        built,
        published_file=published.file,
        built_file=lambda name: dataset / name,
    )
    kept = card_to_keep(_text_of(dataset / CARD), published.card, f"{dataset / CARD}, {repository}/{CARD}")
    manifest = _with_version(built, published, changes, kept, taken)
    card = render_dataset_card(manifest, kept)
    former = listed_files(published.manifest) if published.manifest else {}
    files: dict[str, Path | bytes] = {name: dataset / name for name in listed_files(manifest)}
    files |= {
        CARD: card.encode("utf-8"),
        EVAL: _evaluation(manifest).encode("utf-8"),
        MANIFEST: (json.dumps(manifest, ensure_ascii=False, indent=2) + "\n").encode("utf-8"),
    }
    removed = tuple(name for name in former if name not in files)
    return Publication(files, removed, manifest["version"], changes, manifest)


def _with_version(
    built: dict[str, Any],
    published: PublishedRelease,
    changes: ReleaseChanges,
    kept: str | None,
    taken: Collection[str],
) -> dict[str, Any]:
    """Return the manifest with its version: the published one, if manifest and card stay as they are."""
    former = published.manifest
    if former is not None and _without_publication(former) == _without_publication(built):
        same = built | {key: former[key] for key in _OF_PUBLICATION if key in former}
        is_accepted_alike = former.get("accepted", {}) == built.get("accepted", {})
        if is_accepted_alike and render_dataset_card(same, kept) == published.card:
            return same
    version = next_version(former.get("version") if former else None, changes)
    while version in taken:
        major_minor, _, patch = version.rpartition(".")
        version = f"{major_minor}.{int(patch) + 1}"
    entry = {"version": version, "changes": changelog_lines(changes)}
    return built | {"version": version, "changelog": [entry, *(former or {}).get("changelog", ())]}


def _without_publication(manifest: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in manifest.items() if key not in _OF_PUBLICATION}


def read_published_manifest(content: bytes, where: str) -> dict[str, Any]:
    """Read the manifest of a published release.

    Raises:
        DataError: If it is none that this version of synthner writes.
    """
    try:
        manifest = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DataError("this is not JSON", where=where, hint="Was it edited by hand? Restore it.") from error
    check_manifest(manifest, where=where)
    return manifest


def _text_of(card: Path) -> str | None:
    return card.read_text(encoding="utf-8") if card.exists() else None


def _evaluation(manifest: Mapping[str, Any]) -> str:
    """Describe each test split as a task, as the Hub's benchmarks have it."""
    tasks = [
        {"id": name, "config": name, "split": "test"}
        for name, config in manifest["configs"].items()
        if "test" in config["splits"]
    ]
    described = {
        "name": manifest["release"]["pretty_name"],
        "description": "Synthetic test splits: they tell how well a tagger agrees with the model that wrote "
        "them. Evaluate on gold where there is any.",
        "evaluation_framework": "seqeval",
        "tasks": tasks,
    }
    return yaml.safe_dump(described, allow_unicode=True, sort_keys=False, width=10**6)
