"""The manifest: what a build holds and where it came from, read and checked against its JSON Schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .errors import DataError
from .validation import explain, first_error

MANIFEST = "manifest.json"


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest of a built or published dataset.

    Args:
        folder: The dataset's folder.

    Raises:
        DataError: If there is none, or it is not one that this version of synthner writes.
    """
    path = folder / MANIFEST
    hint = "Run `synthner build`."
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError("there is no built dataset here", where=str(path), hint=hint) from error
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", where=str(path)) from error
    except (ValueError, RecursionError) as error:
        raise DataError("this is not JSON", where=str(path), hint=hint) from error
    if (problem := first_error("manifest", manifest)) is not None:
        keys = ".".join(str(key) for key in problem.absolute_path)
        message, _ = explain(problem)
        raise DataError(f"{keys}: {message}" if keys else message, where=str(path), hint=hint)
    return manifest
