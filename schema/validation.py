"""The JSON Schemas (draft 2020-12) that ship with the package, and errors worth reading from them."""

from __future__ import annotations

import difflib
import json
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jsonschema import Draft202012Validator, ValidationError

_NOT_MEANT = frozenset({"const", "enum", "type", "required"})


@cache
def json_schema(name: str) -> dict[str, Any]:
    """Return a shipped JSON Schema: `release`, `datapoint`, `response` or `manifest`."""
    text = (
        resources.files(__name__.rpartition(".")[0])
        .joinpath(f"{name}.schema.json")
        .read_text(encoding="utf-8")
    )
    return json.loads(text)


@cache
def validator(name: str) -> Draft202012Validator:
    """Return the validator of a shipped JSON Schema."""
    from jsonschema import Draft202012Validator

    return Draft202012Validator(json_schema(name))


def first_error(name: str, value: Any) -> ValidationError | None:
    """Return the error of `value` that says most about what is wrong, or None if it is valid.

    A mistyped key is also a missing one: the unknown key comes first, for it carries the suggestion.
    """
    errors = sorted(
        validator(name).iter_errors(value),
        key=lambda error: (
            error.validator != "additionalProperties",
            [str(key) for key in error.absolute_path],
        ),
    )
    return _of_what_was_meant(errors[0]) if errors else None


def _of_what_was_meant(error: ValidationError) -> ValidationError:
    """Return what is wrong with the choice that was meant, where a value may be one of several.

    A choice that is another value or of another type was not meant. Where each of them is a key that must be
    there, none is nearer than the others.
    """
    if error.validator not in ("oneOf", "anyOf"):
        return error
    of_itself = [inner for inner in error.context or () if not inner.relative_path]
    others = {inner.schema_path[0] for inner in of_itself if inner.validator in _NOT_MEANT}
    meant = [inner for inner in error.context or () if inner.schema_path[0] not in others]
    meant.sort(key=lambda inner: inner.validator != "additionalProperties")
    return _of_what_was_meant(meant[0]) if meant else error


def explain(error: ValidationError) -> tuple[str, str | None]:
    """Turn a schema error into a sentence and, where there is one, a hint with the nearest valid name."""
    rule: Any = error.schema
    accepted: Any = error.validator_value
    message, hint = error.message, rule.get("description")
    match error.validator:
        case "additionalProperties":
            key = unknown_key(error)
            message, hint = f"unknown key `{key}`", nearest(str(key), rule.get("properties", {}))
        case "required":
            missing = next(name for name in accepted if name not in error.instance)
            message = f"the key `{missing}` is missing"
            hint = rule.get("properties", {}).get(missing, {}).get("description")
        case "dependentRequired":
            key, missing = next(
                (key, name)
                for key, needed in accepted.items()
                if key in error.instance
                for name in needed
                if name not in error.instance
            )
            message = f"the key `{key}` has no use without `{missing}`"
        case "enum":
            message, hint = (
                f"`{error.instance}` is none of its values",
                nearest(str(error.instance), accepted),
            )
        case "oneOf" | "anyOf":
            names = " or ".join(f"`{name}`" for choice in accepted for name in choice.get("required", ()))
            exactly = "exactly one of " if error.validator == "oneOf" else ""
            message = f"{exactly}{names} must be given"
            if not names:
                values = [
                    each for choice in accepted for each in (*choice.get("enum", ()), *_constant(choice))
                ]
                message = f"`{_short(error.instance)}` is not valid here"
                hint = f"{nearest(str(error.instance), values)}{_or_keys(error)}" if values else hint
        case "type":
            message = f"`{_short(error.instance)}` is no {accepted}"
        case "pattern":
            message = f"`{_short(error.instance)}` is not valid here"
            hint = hint or f"It must match {accepted}"
    return message, hint


def unknown_key(error: ValidationError) -> str | None:
    """Return the key that an `additionalProperties` error is about, None for every other error."""
    if error.validator != "additionalProperties":
        return None
    rule: Any = error.schema
    instance: Any = error.instance
    return sorted(str(key) for key in instance if key not in rule.get("properties", {}))[0]


def nearest(word: str, known: Iterable[str]) -> str:
    """Suggest the known name nearest to `word`, or list them all."""
    names = [str(name) for name in known]
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    if close:
        return f"Did you mean `{close[0]}`?"
    if not names:
        return "There is none here."
    return "Known here: " + ", ".join(f"`{name}`" for name in names) + "."


def _or_keys(error: ValidationError) -> str:
    """Name the keys that a value may have, where it may be a mapping as well, and is none."""
    rules: list[Any] = [inner.schema for inner in error.context or () if inner.validator == "type"]
    keys = [f"`{key}`" for rule in rules for key in rule.get("properties", ())]
    return f" Or keys of their own: {', '.join(keys)}." if keys else ""


def _constant(rule: dict[str, Any]) -> list[Any]:
    return [rule["const"]] if "const" in rule else []


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else text[:59] + "…"
