"""The `build` stage: everything answered so far through all gates into `dataset/`.

A build writes into a folder of its own and moves the files into place at the end, so one that fails or is
interrupted leaves the former dataset as it was. A build from which nothing has changed is not repeated.
"""

from __future__ import annotations

import gc
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ..generation.calls import Call, Reply
from ..generation.journal import Journal
from ..release import Config, Release
from ..schema.errors import DataError, ReleaseError
from ..schema.manifest import MANIFEST, check_manifest, listed_files, read_manifest
from ..sources.gold import Gold, load_gold
from .config_build import ConfigBuild, Watcher, shards_in
from .curated_split import CURATED_SPLIT, agreement_file, check_gold
from .duplicates import PRIORITY
from .fingerprint import Fingerprint, Stamp
from .joint_config import JointBuild
from .manifest import make_manifest, write_json
from .parquet import MAX_SHARD_BYTES


def _tell_nobody(*_what: object) -> None:
    pass


def build(
    release: Release,
    *,
    max_shard_bytes: int = MAX_SHARD_BYTES,
    advance: Callable[[int], None] = _tell_nobody,
    curating: Callable[[str], None] = _tell_nobody,
    joining: Callable[[str, int, int], None] = _tell_nobody,
) -> dict[str, Any]:
    """Build the dataset of a release from its journal.

    A split that no datapoint reaches is left out, and the manifest says so. Files of a former build that this
    one does not have are removed; other files in `dataset/` stay.

    Args:
        release: The release.
        max_shard_bytes: How large a file of the dataset may get; a split that is larger becomes several.
        advance: Told how many calls were just read, of all that are planned.
        curating: Told the name of each config that is curated, as that begins.
        joining: Told the name of a joint config, how many of the rows that it joins were read, and how many
            there are, as that goes on.

    Returns:
        The manifest, also where nothing had to be done.

    Raises:
        ReleaseError: If a config has no answered call.
        DataError: If gold or the journal cannot be used, a config is left without a datapoint, gold has
            nothing that curation could learn from, a file cannot be written, or another build of this release
            is under way.
    """
    if not release.journal.is_file():
        raise ReleaseError("nothing was generated yet", where=str(release.path), hint=_GENERATE_FIRST)
    with _only_this_build(release), Journal(release.journal) as journal:
        _check_answers(release, journal)
        gold = _load_gold(release)
        stamp = Stamp(release)
        former = stamp.former_build()
        if former is not None and former[0] == _fingerprint(release, gold, journal, max_shard_bytes):
            return former[1]
        for config in release.configs:
            if config.generator.curation:
                check_gold(config.name, gold[config.language.code])
        made_from = Fingerprint(release, gold, max_shard_bytes)
        with _staging_folder(release) as staging, _no_search_for_cycles():
            configs = {}
            for config in release.configs:
                watchers = (
                    made_from.add_answer,
                    lambda _call, _reply: advance(1),
                    _before_curation(config, journal, curating),
                )
                one = ConfigBuild(
                    config,
                    release,
                    gold,
                    journal,
                    watchers,
                    max_shard_bytes=max_shard_bytes,
                )
                rejects = staging / "rejects" / release.rejects(config.name).name
                configs[config.name] = one.run(staging / "dataset", rejects)
            for joint in release.joint:
                rejects = staging / "rejects" / release.rejects(joint.name).name
                joined = JointBuild(
                    joint,
                    configs,
                    gold,
                    max_shard_bytes=max_shard_bytes,
                    advance=partial(joining, joint.name),
                )
                configs[joint.name] = joined.run(staging / "dataset", rejects)
            manifest = make_manifest(release, gold, configs)
            check_manifest(manifest, where=str(release.dataset / MANIFEST))
            write_json(staging / "dataset" / MANIFEST, manifest)
            stamp.forget()
            _move_into_place(release, staging, manifest)
        stamp.remember(made_from.hexdigest())
    return manifest


def _before_curation(config: Config, journal: Journal, curating: Callable[[str], None]) -> Watcher:
    """Return what tells that a config is curated next: the last answer of the split to curate is read."""
    planned = journal.progress(config.name).get(CURATED_SPLIT)
    still_to_read = count(planned.planned - 1 if planned else 0, -1)

    def watch(call: Call, _reply: Reply | None) -> None:
        if config.generator.curation and call.split == CURATED_SPLIT and next(still_to_read) == 0:
            curating(config.name)

    return watch


_GENERATE_FIRST = "Run `synthner generate` first."


def _check_answers(release: Release, journal: Journal) -> None:
    for config in release.configs:
        progress = journal.progress(config.name)
        if any(count.answered for count in progress.values()):
            continue
        failures = journal.failures(config.name)
        raise ReleaseError(
            f"no call of {config.name} was answered"
            + (f"; most failed with: {next(iter(failures))}" if failures else ""),
            where=str(release.path),
            hint=_GENERATE_FIRST,
        )


def _fingerprint(release: Release, gold: dict[str, Gold], journal: Journal, max_shard_bytes: int) -> str:
    """Return the fingerprint that a build would have now."""
    made_from = Fingerprint(release, gold, max_shard_bytes)
    for config in release.configs:
        for call, reply in journal.answers(config.name, PRIORITY):
            made_from.add_answer(call, reply)
    return made_from.hexdigest()


@contextmanager
def _no_search_for_cycles() -> Iterator[None]:
    """Hold the search for reference cycles: there are none among rows, and it would visit all of them."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _load_gold(release: Release) -> dict[str, Gold]:
    gold: dict[str, Gold] = {}
    for config in release.configs:
        code = config.language.code
        if code not in gold:
            gold[code] = load_gold(config.gold, code, iob2_policy=release.gates.iob2)
    return gold


@contextmanager
def _only_this_build(release: Release) -> Iterator[None]:
    lock = FileLock(release.work / "build.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise DataError(
            "another build of this release is under way", where=str(release.path), hint="Wait for it."
        ) from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _staging_folder(release: Release) -> Iterator[Path]:
    """Give an empty folder beside the dataset; it is gone afterwards, whatever happens."""
    folder = release.work / "building"
    shutil.rmtree(folder, ignore_errors=True)  # of a build that was killed
    try:
        folder.mkdir(parents=True)
        yield folder
    except OSError as error:
        raise DataError(
            f"the dataset cannot be written: {error.strerror or error}",
            where=str(error.filename or release.dataset),
            hint="Make room or check the permissions, then build again; the former dataset is as it was.",
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _move_into_place(release: Release, staging: Path, manifest: dict[str, Any]) -> None:
    """Put the new files where the old ones are, the manifest last, and remove what is not in it any more."""
    stale, former_configs = _former_files(release.dataset)
    names = listed_files(manifest)
    for name in (*names, MANIFEST):
        target = release.dataset / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (staging / "dataset" / name).replace(target)
    for config in manifest["configs"]:
        target = release.rejects(config)
        target.parent.mkdir(parents=True, exist_ok=True)
        (staging / "rejects" / target.name).replace(target)
        _replace_or_remove(agreement_file(staging / "rejects" / target.name), agreement_file(target))
    # A build that was killed at this very place may have left shards that no manifest lists.
    for config in manifest["configs"]:
        stale |= shards_in(release.dataset, config)
    for name in stale - names.keys():
        _remove(release.dataset / name, release.dataset)
    for config in former_configs - manifest["configs"].keys():
        release.rejects(config).unlink(missing_ok=True)
        agreement_file(release.rejects(config)).unlink(missing_ok=True)


def _replace_or_remove(new: Path, target: Path) -> None:
    """Put a file that not every build has in its place, or remove what a former build left there."""
    if not new.exists():
        target.unlink(missing_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    new.replace(target)


def _former_files(dataset: Path) -> tuple[set[str], set[str]]:
    """Return the data files and the configs of the dataset that is there, if there is one."""
    try:
        manifest = read_manifest(dataset)
    except DataError:
        return set(), set()
    return set(listed_files(manifest)), set(manifest["configs"])


def _remove(path: Path, dataset: Path) -> None:
    """Remove a file of the dataset and the folder that it leaves empty."""
    if not path.resolve().is_relative_to(dataset.resolve()):
        return
    path.unlink(missing_ok=True)
    folder = path.parent
    if folder != dataset and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
