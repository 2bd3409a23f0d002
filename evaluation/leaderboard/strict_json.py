"""JSON that others wrote: read within limits, refused where two readers could understand it differently.

And the one way to write a value down as bytes, RFC 8785, so that its hash is the same in every language.
"""

from __future__ import annotations

import json
import math
from decimal import Decimal
from pathlib import Path
from typing import Any

from ...schema.errors import DataError

MOST_BYTES = 262_144
"""Of a file. A record with two hundred entity types has a tenth of it."""

MOST_DEPTH = 16
_MOST_DIGITS = 18
_LEAST_INEXACT = 2.0**53
_SHOWN = 40


def read_bytes(path: Path, most_bytes: int) -> bytes:
    """Read a file that may not be larger than a limit; what is larger is not read.

    Raises:
        DataError: If it cannot be read, or is larger.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(most_bytes + 1)
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", where=str(path)) from error
    if len(data) > most_bytes:
        raise DataError(f"the file is larger than {most_bytes:,} bytes", where=str(path))
    return data


def parse_json(data: bytes, where: str) -> Any:
    """Parse JSON.

    Refused are: other text than UTF-8, a byte order mark, a key that stands twice, NaN and infinities,
    numbers that do not fit, halves of a character, and nesting beyond `MOST_DEPTH`.

    Args:
        data: The bytes of a file.
        where: The file, for errors.

    Raises:
        DataError: If it is refused.
    """
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_no_constant,
            parse_float=_float,
            parse_int=_integer,
        )
    except UnicodeDecodeError as error:
        raise DataError("this is not UTF-8 text", where=where, hint="Save it as UTF-8.") from error
    except RecursionError as error:
        raise DataError("the values are nested too deeply", where=where) from error
    except ValueError as error:
        raise DataError(f"this is not JSON that can be used: {error}", where=where) from error
    if _is_deeper(value, MOST_DEPTH):
        raise DataError("the values are nested too deeply", where=where)
    if b"\\u" in data:
        _check_whole_characters(value, where)
    return value


def canonical_json(value: Any) -> bytes:
    """Write a value as RFC 8785 (JSON Canonicalization Scheme) has it.

    Args:
        value: Made of dicts, lists, strings, finite numbers, booleans and None.
    """
    return _canonical(value).encode("utf-8")


def _canonical(value: Any) -> str:
    match value:
        case None | bool() | str():
            return json.dumps(value, ensure_ascii=False)
        case int():
            return str(value)
        case float():
            return _number(value)
        case list() | tuple():
            return f"[{','.join(map(_canonical, value))}]"
        case _:
            ordered = sorted(value.items(), key=lambda item: item[0].encode("utf-16-be"))
            members = (f"{json.dumps(key, ensure_ascii=False)}:{_canonical(each)}" for key, each in ordered)
            return f"{{{','.join(members)}}}"


def _number(value: float) -> str:
    """Write a number as ECMAScript does."""
    if not value:
        return "0"
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    text = "".join(map(str, digits))
    point = len(text) + int(exponent)
    if len(text) <= point <= 21:
        written = text + "0" * (point - len(text))
    elif 0 < point <= 21:
        written = f"{text[:point]}.{text[point:]}"
    elif -6 < point <= 0:
        written = f"0.{'0' * -point}{text}"
    else:
        fraction = f".{text[1:]}" if len(text) > 1 else ""
        written = f"{text[0]}{fraction}e{point - 1:+d}"
    return f"-{written}" if sign else written


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise ValueError(f"the key `{_short(twice)}` stands twice")
    return value


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number in JSON")


def _float(text: str) -> float:
    """Return a number as its canonical form would be read: `100.0` and `1e2` are written 100 there."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {_short(text)} is too large")
    return int(number) if number.is_integer() and abs(number) < _LEAST_INEXACT else number


def _integer(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise ValueError(f"the number {_short(text)} is too large")
    return int(text)


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _is_deeper(value: Any, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    children = value.values() if isinstance(value, dict) else value
    return not levels or any(_is_deeper(each, levels - 1) for each in children)


def _check_whole_characters(value: Any, where: str) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        raise DataError("a text holds half of a character", where=where) from error
