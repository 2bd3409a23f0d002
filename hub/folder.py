"""Publish a built dataset to a local folder that is laid out as a dataset repository on the Hub.

Only what the manifest lists is published. A file that is there already is not written again, and files that
are not this dataset's are left alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..schema.errors import DataError, PublishError
from ..schema.manifest import CARD, MANIFEST, listed_files, read_manifest
from ..sources.files import atomic_path, file_hash

CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Published:
    """What publishing did; names are relative to the folder, with `/`.

    Attributes:
        folder: Where the dataset is now.
        written: Files that are new or changed.
        unchanged: Files that were there already.
        removed: Files of the former release that this one does not have.
    """

    folder: Path
    written: tuple[str, ...]
    unchanged: tuple[str, ...]
    removed: tuple[str, ...]


def publish_to_folder(
    dataset: Path, target: Path, card: str | None = None, manifest: str | None = None
) -> Published:
    """Copy a built dataset into a folder in Hub layout.

    Everything is copied before anything is replaced, so a full disk leaves the published dataset as it was.
    Then data takes its place first, the card after it, what is no longer part of the dataset goes, and the
    manifest is replaced last: after an interruption, the same call finishes the work.

    Args:
        dataset: The folder that was built, with its manifest and card.
        target: The folder to publish to; made if it is not there.
        card: The card to publish, where it is not the built one as it stands.
        manifest: The manifest to publish, where it is not the built one; it lists the same files.

    Raises:
        PublishError: If the dataset is incomplete or changed since it was built, or if the target cannot
            take it.
    """
    dataset, target = dataset.resolve(), target.resolve()
    former = check_target(dataset, target)
    built = _manifest_of(dataset, hint="Run `synthner build`.")
    _check_license(built)
    hashes = listed_files(built)
    _check_complete(dataset, hashes)

    written, unchanged = [], []
    instead = {CARD: card, MANIFEST: manifest}

    def publish(names: Iterable[str]) -> None:
        """Copy files, and put them in their places in the opposite order once all are copied."""
        with _explained(target), ExitStack() as copies:
            for name in names:
                if (content := instead.get(name)) is not None:
                    copied = _write(_inside(target, name), content.encode("utf-8"), copies)
                else:
                    copied = _copy(_inside(dataset, name), _inside(target, name), hashes.get(name), copies)
                (written if copied else unchanged).append(name)

    publish((CARD, *hashes))
    removed = tuple(name for name in former if name not in hashes and _remove(target, name))
    publish((MANIFEST,))
    return Published(target, tuple(written), tuple(unchanged), removed)


def check_target(dataset: Path, target: Path) -> dict[str, str]:
    """Return the sha256 of every file of the release that a folder holds, by its name; of a new one, none.

    Args:
        dataset: The folder that was built.
        target: The folder to publish to.

    Raises:
        PublishError: If the folder cannot be published to.
    """
    dataset, target = dataset.resolve(), target.resolve()
    if target.is_relative_to(dataset) or dataset.is_relative_to(target):
        raise PublishError(
            "the built dataset and the folder to publish to lie in one another",
            where=str(target),
            hint="Choose a folder beside the release's own.",
        )
    if target.exists() and not target.is_dir():
        raise PublishError("this is a file, not a folder", where=str(target), hint="Choose a folder.")
    if not (target / MANIFEST).exists():
        return {}
    return listed_files(_manifest_of(target, hint="Choose another folder: this one is not synthner's."))


def check_built(dataset: Path) -> dict[str, Any]:
    """Return the manifest of a built dataset whose files are all there, as they were built.

    Raises:
        PublishError: If one is not.
    """
    dataset = dataset.resolve()
    manifest = _manifest_of(dataset, hint="Run `synthner build`.")
    hashes = listed_files(manifest)
    _check_complete(dataset, hashes)
    for name, expected in hashes.items():
        path = _inside(dataset, name)
        with _explained(path):
            _check_hash(path, file_hash(path), expected)
    return manifest


def _check_hash(path: Path, found: str, expected: str) -> None:
    if found != expected:
        raise PublishError(
            f"the file is not the one that was built: sha256 {found}, not {expected}",
            where=str(path),
            hint="Run `synthner build` again.",
        )


def _check_license(manifest: Mapping[str, Any]) -> None:
    if manifest["license"] is None:
        raise PublishError(
            f"the dataset has no licence: {manifest['license_problem'] or 'none is known'}",
            hint="Give one as `license:` in release.yaml, and build again.",
        )


def _manifest_of(folder: Path, hint: str) -> dict[str, Any]:
    try:
        return read_manifest(folder)
    except DataError as error:
        raise PublishError(error.message, where=error.where, hint=hint) from error


def _check_complete(dataset: Path, hashes: Mapping[str, str]) -> None:
    for name in (*hashes, CARD):
        if not _inside(dataset, name).is_file():
            raise PublishError(
                f"the built dataset lacks `{name}`", where=str(dataset), hint="Run `synthner build` again."
            )


def _inside(folder: Path, name: str) -> Path:
    """Return the path of a file in a folder; a link may not lead out of it."""
    path = folder / name
    if not path.resolve().is_relative_to(folder):
        raise PublishError(
            f"`{name}` leads out of the folder through a link", where=str(folder), hint="Remove the link."
        )
    return path


def _copy(source: Path, target: Path, expected: str | None, copies: ExitStack) -> bool:
    """Copy a file unless the same bytes are there; return whether it was copied.

    The copy takes its place when `copies` is left without an error.
    """
    with _explained(source):
        found = file_hash(source)
    if expected is not None:
        _check_hash(source, found, expected)
    with _explained(target):
        if target.is_file() and file_hash(target) == found:
            return False
        temporary = copies.enter_context(atomic_path(target))
        with source.open("rb") as reader, temporary.open("wb") as writer:
            while chunk := reader.read(CHUNK):
                writer.write(chunk)
    return True


def _write(target: Path, content: bytes, copies: ExitStack) -> bool:
    """Write a file as `_copy` copies one."""
    with _explained(target):
        if target.is_file() and target.read_bytes() == content:
            return False
        copies.enter_context(atomic_path(target)).write_bytes(content)
    return True


def _remove(folder: Path, name: str) -> bool:
    """Remove a file and the folders that it leaves empty; return whether it was there."""
    path = _inside(folder, name)
    with _explained(path):
        if not path.is_file():
            return False
        path.unlink()
        for parent in path.parents:
            if parent == folder or any(parent.iterdir()):
                break
            parent.rmdir()
    return True


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    hint = "Publish again when this is mended: what is already there is not copied twice."
    try:
        yield
    except DataError as error:
        raise PublishError(error.message, where=error.where, hint=error.hint or hint) from error
    except OSError as error:
        raise PublishError(
            f"cannot be used: {error.strerror or error}", where=str(path), hint=hint
        ) from error
