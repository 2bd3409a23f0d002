"""Parts of the JSON Schemas that answers are asked to follow."""

from __future__ import annotations

from typing import Any


def object_of(**properties: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an object with just these properties, all of them required."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def list_of(items: dict[str, Any], length: int | None = None) -> dict[str, Any]:
    """Return the schema of a list of items, of any length or of one."""
    schema: dict[str, Any] = {"type": "array", "items": items}
    return schema if length is None else {**schema, "minItems": length, "maxItems": length}
