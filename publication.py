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
from .builders.findings import CARD as INCOMPLETE_CARD
from .builders.findings import find_obstacles, find_test_in_train, refuse_obstacles
from .builders.versions import changelog_lines, next_version
from .cards.dataset_card import card_to_keep, card_to_publish, render_dataset_card
from .cards.kept_text import kept_text
from .cards.release_changes import changes_markdown
from .hub.folder import Published, check_built, check_target, publish_to_folder
from .hub.publish import Access, Plan, PublishedOnHub, plan_commit, publish_on_hub
from .hub.repository import Repository, Snapshot, again, quiet_client
from .hub.verification import (
    PUBLISH_AGAIN,
    NotAsBuiltError,
    VerifiedConfig,
    verify_folder,
    verify_repository,
)
from .release import Release
from .schema.errors import DataError, PublishError
from .schema.manifest import CARD, MANIFEST, check_manifest, listed_files, read_manifest
from .sources.files import file_hash
from .sources.gold import load_gold

EVAL = "eval.yaml"
"""Describes the dataset's tasks to the Hub's benchmarks."""

_RESTORE = (
    "Was it edited by hand, or written by a newer synthner? Restore it from the repository's history, or "
    "update synthner."
)

# What the manifest of a published release has, and that of a built one does not.
_OF_PUBLICATION = ("version", "changelog", "accepted")


@dataclass(frozen=True)
class PublishedRelease:
    """What is published now.

    Attributes:
        manifest: Its manifest.
        card: Its card, with what people wrote into it.
        file: Gives a local copy of one of its files, by name; None if it is gone, or not what was published.
    """

    manifest: Mapping[str, Any] | None
    card: str | None
    file: Callable[[str], Path | None]


@dataclass(frozen=True)
class Publication:
    """What is to be published.

    Attributes:
        files: Every file of the release, by its name in the repository: where it is, or its content.
        removed: Files of the published release that this one does not have.
        version: Its version; that of the published release if nothing has changed.
        changes: What it changes.
        manifest: Its manifest.
        published: What is published now.
    """

    files: Mapping[str, Path | bytes]
    removed: tuple[str, ...]
    version: str
    changes: ReleaseChanges
    manifest: Mapping[str, Any]
    published: PublishedRelease

    @property
    def title(self) -> str:
        """What the commit or the pull request is called."""
        return f"Release {self.version}"

    @property
    def tag(self) -> str:
        """The tag of its version."""
        return f"v{self.version}"

    @property
    def is_first(self) -> bool:
        """Whether no release is published there yet."""
        return self.changes.is_first


@dataclass(frozen=True)
class PublishOutcome:
    """What publishing a release did, and what was found when it was loaded back.

    Attributes:
        repository: `organisation/name`.
        url: Where people see it.
        done: The commit.
        tag: The tag of its version; None for a pull request.
        verified: The configs that were loaded back. The others were when their version was published.
    """

    repository: str
    url: str
    done: PublishedOnHub[Publication]
    tag: str | None
    verified: Sequence[VerifiedConfig]

    @property
    def examples(self) -> dict[str, dict[str, int]]:
        """How many examples each config holds, by split."""
        configs = self.done.plan.release.manifest["configs"]
        return {
            name: {split: facts["examples"] for split, facts in config["splits"].items()}
            for name, config in configs.items()
        }

    def as_json(self) -> dict[str, Any]:
        """Return the outcome as `synthner publish --json` prints it."""
        commit = self.done.commit
        return {
            **plan_as_json(self.repository, self.done.plan),
            "url": self.url,
            "commit": commit.commit if commit else None,
            "pull_request": commit.pull_request if commit else None,
            "revision": self.done.revision,
            "tag": self.tag,
            "configs": self.examples,
            "loaded_back": [config.name for config in self.verified],
        }


def publish_release(release: Release, *, pull_request: bool = False) -> PublishOutcome:
    """Publish a built release on the Hub, load it back from there, and tag it with its version.

    What is published is tagged once it has loaded back: of a version on top of a tagged one, the configs that
    changed. A tag that a failure kept from being made is made by publishing again, once all has loaded.

    Args:
        release: The release.
        pull_request: Open a pull request instead of changing `main`; nothing new is tagged then.

    Raises:
        PublishError: If a check stands against it, the Hub refuses or fails too often, or what is loaded back
            is not what was built.
        DataError: If nothing is built, or the published manifest or card cannot be read.
    """
    accepted = _check(release)
    with quiet_client():
        repository = Repository(release.name)
        done = publish_on_hub(
            repository,
            lambda snapshot: _prepare(release.dataset, accepted, repository, snapshot),
            access=Access(release.publishing.private, release.publishing.gated),
            describe=lambda publication: changes_markdown(publication.changes, publication.version),
            pull_request=pull_request,
        )
        verified = _verify(repository, done)
        tag = None if pull_request else _tag(repository, done)
    return PublishOutcome(repository.name, repository.url, done, tag, verified)


def publish_release_to_folder(release: Release, folder: Path) -> Published:
    """Publish a built release to a folder in the Hub's layout, once it is checked as for the Hub.

    Only an incomplete card holds nothing back there: others see a folder when somebody shows it to them.

    Args:
        release: The release.
        folder: The folder; made if it is not there.

    Raises:
        PublishError: If a check stands against it, what was built is not there as it was built, or the folder
            cannot take it.
        DataError: If nothing is built, or gold or the published card cannot be read.
    """
    check_target(release.dataset, folder)
    manifest = check_built(release.dataset)
    _expect_configs(release, manifest)
    accepted = _accepted_findings(release, manifest, but=(INCOMPLETE_CARD,))
    if accepted:
        manifest["accepted"] = accepted
    card = card_to_publish(release.dataset, folder / CARD, manifest)
    return publish_to_folder(release.dataset, folder, card, _as_json(manifest) if accepted else None)


def plan_publication(release: Release) -> tuple[str, Plan[Publication]]:
    """Say what publishing a built release would do; return the repository's name and the plan.

    Raises:
        PublishError: If a check stands against it, or the repository cannot be read.
        DataError: If nothing is built, or the published manifest or card cannot be read.
    """
    accepted = _check(release)
    with quiet_client():
        repository = Repository(release.name)
        plan = plan_commit(
            repository, lambda snapshot: _prepare(release.dataset, accepted, repository, snapshot)
        )
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


def _check(release: Release) -> dict[str, str]:
    """Refuse what should not be published; return the findings that are accepted, with their reasons."""
    manifest = read_manifest(release.dataset)
    _expect_configs(release, manifest)
    verify_folder(release.dataset)
    return _accepted_findings(release, manifest)


def _accepted_findings(
    release: Release, manifest: Mapping[str, Any], but: Collection[str] = ()
) -> dict[str, str]:
    """Refuse what has findings that the release does not accept; return those that it does, with its reasons.

    Args:
        release: The release.
        manifest: The manifest of what was built.
        but: Findings that keep nothing back.
    """
    sources = {config.language.code: config.gold for config in release.configs}
    gold = {code: load_gold(source, code, iob2_policy=release.gates.iob2) for code, source in sources.items()}
    gold_test = {code: data.splits.get("test", ()) for code, data in gold.items()}
    found = [
        finding
        for finding in (
            *find_test_in_train(gold),
            *find_obstacles(release.dataset, manifest, gold_test),
        )
        if finding.name not in but
    ]
    refuse_obstacles(found, release.publishing.accept)
    names = {finding.name for finding in found}
    return {name: reason for name, reason in release.publishing.accept.items() if name in names}


def _expect_configs(release: Release, manifest: Mapping[str, Any]) -> None:
    """Refuse a dataset that was built before a config came to the release or was taken out of it."""
    built, wanted = set(manifest["configs"]), set(release.config_names)
    if built == wanted:
        return
    differences = (("is not built", wanted - built), ("is not in release.yaml any more", built - wanted))
    raise PublishError(
        "; ".join(f"{', '.join(sorted(names))} {what}" for what, names in differences if names),
        where=str(release.dataset),
        hint="Run `synthner build`, then publish.",
    )


def _prepare(
    dataset: Path, accepted: Mapping[str, str], repository: Repository, snapshot: Snapshot | None
) -> Publication:
    commit = snapshot.commit if snapshot else "main"
    there = snapshot.files if snapshot else {}
    content = {name: repository.file(name, commit).read_bytes() for name in (MANIFEST, CARD) if name in there}
    manifest = (
        read_published_manifest(content[MANIFEST], f"{repository.name}/{MANIFEST}")
        if MANIFEST in content
        else None
    )
    listed = listed_files(manifest) if manifest else {}

    def file(name: str) -> Path | None:
        path = repository.file(name, commit) if name in there else None
        return path if path is not None and file_hash(path) == listed[name] else None

    card = _decoded(content[CARD], f"{repository.name}/{CARD}") if CARD in content else None
    prepared = prepare_publication(
        dataset,
        repository.name,
        PublishedRelease(manifest, card, file),
        accepted=accepted,
        taken=[tag.removeprefix("v") for tag in snapshot.tags] if snapshot else (),
    )
    _refuse_strays(repository.name, there, prepared)
    return prepared


def _refuse_strays(repository: str, there: Collection[str], prepared: Publication) -> None:
    """Refuse files of others that whoever loads a split would get as part of it."""
    strays = sorted(set(there) - prepared.files.keys() - set(prepared.removed))
    for name, config in prepared.manifest["configs"].items():
        for split in config["splits"]:
            for stray in strays:
                if stray.startswith(f"{name}/{split}-") and stray.count("/") == 1:
                    raise PublishError(
                        f"this file is not synthner's, and would be loaded as part of config {name}, "
                        f"split {split}",
                        where=f"{repository}/{stray}",
                        hint="Remove or rename it in the repository, then publish again.",
                    )


def _decoded(card: bytes, where: str) -> str:
    try:
        return card.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError("the card is not UTF-8 text", where=where, hint="Mend or remove it.") from error


def _verify(repository: Repository, done: PublishedOnHub[Publication]) -> Sequence[VerifiedConfig]:
    plan = done.plan
    if done.commit is None and plan.tagged is not None:
        return ()  # it was loaded back before it was tagged, and the plan found every file as it was then

    def verify() -> Sequence[VerifiedConfig]:
        _expect_files(repository, done)
        return verify_repository(
            repository.name,
            done.revision,
            plan.release.manifest,
            lambda name: repository.file(name, done.revision),
            _to_load(done),
        )

    version = plan.release.version
    try:
        return again(verify)
    except NotAsBuiltError as error:
        raise PublishError(
            f"version {version} is in the repository, but is not what was built: {error.message}",
            where=error.where,
            hint=_how_to_go_back(done),
        ) from error
    except PublishError as error:
        raise PublishError(
            f"version {version} is in the repository, but could not be loaded back: {error.message}",
            where=error.where,
            hint="Publish again: nothing is sent twice, and what is left to do is done.",
        ) from error


def _expect_files(repository: Repository, done: PublishedOnHub[Publication]) -> None:
    """Compare all files of the release with what the repository lists, without downloading them."""
    release = done.plan.release
    there, listed = repository.files(done.revision), listed_files(release.manifest)
    for name, content in release.files.items():
        found = there.get(name)
        if found is not None and found.sha256 is not None and name in listed:
            is_as_built = found.sha256 == listed[name]
        else:
            is_as_built = found is not None and found.has_content(content)
        if not is_as_built:
            raise NotAsBuiltError(
                "this is not the file that was sent" if found else "this file is missing",
                where=f"{repository.name} at {done.revision}: {name}",
                hint=PUBLISH_AGAIN,
            )


def _to_load(done: PublishedOnHub[Publication]) -> list[str]:
    """Return the configs to load back: those of which something changed since a version that has its tag.

    A version is tagged once it has loaded back. On top of one that is not, nothing is taken for granted.
    """
    plan, release = done.plan, done.plan.release
    published = release.published
    configs = release.manifest["configs"]
    former = published.manifest.get("version") if published.manifest else None
    if done.commit is None or plan.snapshot is None or f"v{former}" not in plan.snapshot.tags:
        return list(configs)
    touched = {*plan.sent, *plan.removed}
    card = release.files[CARD]
    described = card.decode("utf-8") if isinstance(card, bytes) else None
    return [
        name
        for name, config in configs.items()
        if touched & listed_files({"configs": {name: config}}).keys()
        or any(file.startswith(f"{name}/") for file in touched)
        or _in_front_matter(published.card, name) != _in_front_matter(described, name)
    ]


def _in_front_matter(card: str | None, config: str) -> list[Any]:
    """Return what the metadata of a card says about a config."""
    metadata = kept_text(card, CARD).metadata
    values = [metadata.get(key) for key in ("configs", "dataset_info")]
    entries = [entry for value in values for entry in (value if isinstance(value, list) else [value])]
    return [entry for entry in entries if isinstance(entry, dict) and entry.get("config_name") == config]


def _how_to_go_back(done: PublishedOnHub[Publication]) -> str:
    former = done.plan.snapshot
    if done.commit is None or former is None:
        return "Build and publish again."
    if done.commit.pull_request:
        return f"Close {done.commit.pull_request}, then build and publish again."
    return (
        f"Nothing was tagged, and the former commit is {former.commit}. Build and publish again; "
        "until then, load a version by its tag."
    )


def _tag(repository: Repository, done: PublishedOnHub[Publication]) -> str:
    plan = done.plan
    if plan.tagged is None:
        try:
            repository.tag(plan.release.tag, done.revision)
        except PublishError as error:
            raise PublishError(
                f"version {plan.release.version} is published, but not tagged: {error.message}",
                where=error.where,
                hint=f"{error.hint}\nPublishing again makes the tag, and sends nothing twice.",
            ) from error
    return plan.release.tag


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
    card = dataset / CARD
    kept = card_to_keep(
        _decoded(card.read_bytes(), str(card)) if card.exists() else None,
        published.card,
        str(card),
        f"{repository}/{CARD}",
    )
    manifest = _with_version(built, published, changes, kept, taken)
    former = listed_files(published.manifest) if published.manifest else {}
    files: dict[str, Path | bytes] = {name: dataset / name for name in listed_files(manifest)}
    files |= {
        CARD: render_dataset_card(manifest, kept).encode("utf-8"),
        EVAL: _evaluation(manifest).encode("utf-8"),
        MANIFEST: _as_json(manifest).encode("utf-8"),
    }
    removed = tuple(name for name in former if name not in files)
    return Publication(files, removed, manifest["version"], changes, manifest, published)


def _as_json(manifest: Mapping[str, Any]) -> str:
    return json.dumps(manifest, ensure_ascii=False, indent=2) + "\n"


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
        check_manifest(manifest, where=where)
    except (ValueError, RecursionError) as error:
        raise DataError("the published manifest is not JSON", where=where, hint=_RESTORE) from error
    except DataError as error:
        raise DataError(
            f"the published manifest cannot be used: {error.message}", where=where, hint=_RESTORE
        ) from error
    return manifest


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
