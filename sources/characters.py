"""Characters that nobody can read: one table, for reports on files and for the gates of a build.

The two do not judge alike. A report tells a person about a file, and names formatting characters too; a gate
keeps out of a dataset what must not be published, and tells its reasons more finely.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

import regex

BLANK = "blank token"
SURROGATE = "half of a surrogate pair"
CONTROL = "control character"
REPLACEMENT = "replacement character U+FFFD"
UNASSIGNED = "unassigned character"
PRIVATE = "private-use character"
DIRECTION = "character that overrides the writing direction"

TEXT_FAULTS = (BLANK, SURROGATE, CONTROL, REPLACEMENT, UNASSIGNED, PRIVATE, DIRECTION)
"""Why a token cannot be published, in the order in which a sentence's reason is chosen.

Zero-width joiners and non-joiners are no fault: Indic and Arabic spelling needs them. Neither is a space
inside a token, which Scandinavian gold data has; it is noted.
"""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What is said about a character.

    Attributes:
        fault: One of `TEXT_FAULTS`; None where a token with it can be published.
        problem: A kind in `report.KINDS`; None where a report says nothing.
    """

    fault: str | None = None
    problem: str | None = None


_NOTHING = Unreadable()

_CONTROLS = regex.compile(r"[\p{C}--[\u200c\u200d]]", regex.VERSION1)

# Separators of lines and paragraphs are spaces to a report, which names these otherwise.
_BY_CATEGORY = {
    "Cs": Unreadable(SURROGATE, "unassigned character"),
    "Cc": Unreadable(CONTROL, "control character"),
    "Zl": Unreadable(CONTROL),
    "Zp": Unreadable(CONTROL),
    "Cn": Unreadable(UNASSIGNED, "unassigned character"),
    "Co": Unreadable(PRIVATE, "unassigned character"),
    "Cf": Unreadable(problem="zero-width character"),
}

_BY_CHARACTER = {
    "\ufffd": Unreadable(REPLACEMENT, "replacement character"),
    # Embeddings, overrides and isolates; the plain marks LRM, RLM and ALM are part of ordinary text.
    **dict.fromkeys(
        "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
        Unreadable(DIRECTION, "zero-width character"),
    ),
}

# Drawn as nothing though their category says letter, symbol or mark: fillers, blanks, variation selectors.
_INVISIBLE = regex.compile(r"(?V1)[\p{Default_Ignorable_Code_Point}\u2800]")


def unreadable(character: str) -> Unreadable:
    """Return what is said about a character; nothing, if it can be read."""
    return _BY_CHARACTER.get(character) or _BY_CATEGORY.get(unicodedata.category(character), _NOTHING)


def text_faults(token: str) -> list[str]:
    r"""Return the faults of a token, in the order of `TEXT_FAULTS`.

    Example:
        >>> text_faults("Ọ̀yọ́"), text_faults("\u200b"), text_faults("a\x07")
        ([], ['blank token'], ['control character'])
    """
    found = {unreadable(character).fault for character in token}
    if all(is_blank(character) or _INVISIBLE.match(character) for character in token):
        found.add(BLANK)
    return [fault for fault in TEXT_FAULTS if fault in found]


def blanks_for_controls(text: str) -> str:
    """Return a text with blanks in place of control characters and the like.

    The two that join letters or keep them apart stay.
    """
    return _CONTROLS.sub(" ", text)


def is_blank(character: str) -> bool:
    """Say whether a character is a space or only formats others."""
    return character.isspace() or unicodedata.category(character) == "Cf"
