"""What people wrote into a card: kept when the card is generated again.

The generated part of a card stands between two marks. Whatever is outside them, and every metadata key that
is not generated, is theirs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml
from huggingface_hub.repocard import REGEX_YAML_BLOCK

from ..schema.errors import DataError
from .markdown import MARK

BEGIN = f"{MARK} begin generated -->"
END = f"{MARK} end generated -->"

_BEGIN_LINE = re.compile(rf"^{re.escape(BEGIN)}[ \t]*\r?$", re.MULTILINE)
_END_LINE = re.compile(rf"^{re.escape(END)}[ \t]*\r?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class KeptText:
    """What stands around the generated part of a card.

    Attributes:
        metadata: Every key of the card's front matter, generated ones included.
        before: Between the front matter and the generated part.
        after: Below the generated part.
    """

    metadata: Mapping[str, Any] = field(default_factory=dict)
    before: str = "\n"
    after: str = "\n"


def kept_text(existing: str | None, where: str) -> KeptText:
    """Read what to keep of a card; of a card without marks, that is all of its text.

    Args:
        existing: The card's text, or None where there is no card yet.
        where: How an error names the card.

    Raises:
        DataError: If its front matter cannot be read, or one of the marks is missing.
    """
    if existing is None:
        return KeptText()
    metadata, body = _split_front_matter(existing.removeprefix("\ufeff"), where)
    begin = _BEGIN_LINE.search(body)
    end = _END_LINE.search(body, begin.end() if begin else 0)
    if begin and end:
        return KeptText(metadata, body[: begin.start()], body[end.end() :])
    if begin or end:
        raise DataError(
            f"the card has only one of the two lines `{BEGIN}` and `{END}`",
            where=where,
            hint="Put the other one back, or remove both: then all of the card's text is kept.",
        )
    return KeptText(metadata, after=f"\n\n{body.strip()}\n" if body.strip() else "\n")


def _split_front_matter(text: str, where: str) -> tuple[Mapping[str, Any], str]:
    match = REGEX_YAML_BLOCK.search(text)
    if match is None:
        return {}, text
    try:
        metadata = yaml.safe_load(match.group(2)) or {}
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DataError(
            "the card's front matter is not YAML", where=where, hint="Mend or remove it."
        ) from error
    if not isinstance(metadata, dict):
        raise DataError("the card's front matter holds no keys", where=where, hint="Mend or remove it.")
    return metadata, text[match.end() :]
