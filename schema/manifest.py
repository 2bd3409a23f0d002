"""The manifest: what a build holds and where it came from, read and checked against its JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from .errors import DataError
from .validation import explain, first_error

MANIFEST = "manifest.json"
CARD = "README.md"
MANIFEST_VERSION = 2

_BUILD = "Run `synthner build`."


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest of a built or published dataset.

    Args:
        folder: The dataset's folder.

    Raises:
        DataError: If there is none, or it is not one that this version of synthner writes.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError("there is no built dataset here", where=str(path), hint=_BUILD) from error
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", where=str(path)) from error
    except (ValueError, RecursionError) as error:
        raise DataError("this is not JSON", where=str(path), hint=_BUILD) from error
    check_manifest(manifest, where=str(path))
    return manifest


def check_manifest(manifest: Any, where: str) -> None:
    """Check a manifest against its schema, and the names of its files.

    Raises:
        DataError: If it is not one that this version of synthner writes.
    """
    if isinstance(manifest, dict) and manifest.get("manifest_version", MANIFEST_VERSION) != MANIFEST_VERSION:
        raise DataError(
            f"manifest_version: another synthner wrote this, for this one writes {MANIFEST_VERSION}",
            where=where,
            hint=_BUILD,
        )
    problem = first_error("manifest", manifest)
    if problem is not None:
        keys = ".".join(str(key) for key in problem.absolute_path)
        message, _ = explain(problem)
        raise DataError(f"{keys}: {message}" if keys else message, where=where, hint=_BUILD)
    for name in listed_files(manifest):
        if not _is_plain(name):
            raise DataError(f"it names a file that no build makes: `{name}`", where=where, hint=_BUILD)
    generated = generated_configs(manifest)
    for name, config in joint_configs(manifest).items():
        for joined in config["joins"].values():
            if joined not in generated:
                raise DataError(
                    f"{name} joins `{joined}`, which is no config of it", where=where, hint=_BUILD
                )


def is_joint(config: Mapping[str, Any]) -> bool:
    """Say whether a config of a manifest joins others, and was not made by a generator itself."""
    return "joins" in config


def generated_configs(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configs that a generator made, by name."""
    return {name: config for name, config in manifest["configs"].items() if not is_joint(config)}


def joint_configs(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configs that join others, by name."""
    return {name: config for name, config in manifest["configs"].items() if is_joint(config)}


def listed_files(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return the sha256 of every data file that a manifest lists, by its name in the dataset's folder."""
    return {
        file["file"]: file["sha256"]
        for config in manifest["configs"].values()
        for table in (*config["splits"].values(), config["provenance"])
        for file in table["files"]
    }


def _is_plain(name: str) -> bool:
    """Say whether a name stays inside the folder, on every system, and hides nothing."""
    path = PurePosixPath(name)
    return (
        str(path) == name
        and bool(path.parts)
        and not path.is_absolute()
        and not PureWindowsPath(name).drive
        and "\\" not in name
        and "\0" not in name
        and not any(part.startswith(".") for part in path.parts)
        and name not in (CARD, MANIFEST)
    )
