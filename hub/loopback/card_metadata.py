"""The YAML at the top of a README.md, which the Hub reads and checks."""

from __future__ import annotations

import re
from typing import Any

import yaml

_FRONT_MATTER = re.compile(r"\ufeff?---[ \t]*\r?\n(.*?)^---[ \t]*$", re.DOTALL | re.MULTILINE)
_TEXT_OR_LIST = ("language", "license", "tags", "task_categories", "task_ids", "size_categories")


def read_metadata(readme: str) -> tuple[dict[str, Any], list[str]]:
    """Return a card's metadata, and what is wrong with it.

    What the Hub checks against lists of its own, such as the names of licences, is not checked.
    """
    found = _FRONT_MATTER.match(readme)
    if found is None:
        return {}, []
    try:
        metadata = yaml.safe_load(found[1])
    except yaml.YAMLError as error:
        return {}, [f"The metadata is not YAML: {error}"]
    if metadata is None:
        return {}, []
    if not isinstance(metadata, dict):
        return {}, ["The metadata must be a mapping"]
    return metadata, [
        f'"{key}" must be a text or a list of texts'
        for key in _TEXT_OR_LIST
        if key in metadata and not _is_text_or_list(metadata[key])
    ]


def _is_text_or_list(value: object) -> bool:
    return isinstance(value, str) or (
        isinstance(value, list) and all(isinstance(item, str) for item in value)
    )
