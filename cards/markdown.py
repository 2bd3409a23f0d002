"""Markdown that the text in it cannot break.

Tokens, prompts, titles and reasons come from models and from other people's data. Whatever they hold is shown
as text: it opens no tag, no link, no table cell and no code block, and what has no shape of its own (control
characters, direction marks) is spelled out, so that it can be seen and changes nothing around it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

# Both joiners belong to the spelling of words in Persian and in the languages of India.
_WRITTEN_FORMAT_CHARACTERS = frozenset("\u200c\u200d")
# Signs for numbers and years in Arabic, Syriac and Kaithi: of category Cf, and yet they have a shape.
_VISIBLE_FORMAT_CHARACTERS = re.compile("[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd]")
_SHAPELESS_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})

# What begins or ends anything in CommonMark, in GitHub's dialect or in HTML, anywhere in a line.
_SPECIAL = re.compile(r"[&<>|\\`*\[\]~$#]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
# What does so at the beginning of a line: lists and rules.
_SPECIAL_AT_START = re.compile(r"\A(?:[-+=]|\d{1,9}(?=[.)](?:\s|\Z)))")
# Where GitHub's dialect sees an address without being asked. A break opportunity hides it and shows nothing.
_ADDRESS = re.compile(r"(?<=/)(?=/)|(?<=[wW]{3})(?=\.)|(?=@)|(?<=mailto:)|(?<=xmpp:)", re.IGNORECASE)

_PLAIN_CODE = re.compile(r"[\w./:,=+%@-]+(?: [\w./:,=+%@-]+)*")
_BACKTICKS = re.compile("`+")

# Begins every line that this program finds its own text by in a card.
MARK = "<!-- synthner:"


class Markdown(str):
    """Text that is Markdown: written by this program, or made safe by a function of this module."""

    __slots__ = ()


def legible(text: str, keep: str = "") -> str:
    """Spell out every character that has no shape of its own, for example as `⟨U+202E⟩`.

    Args:
        text: Any text, lone surrogates included.
        keep: Characters to leave as they are.
    """
    return "".join(
        f"⟨U+{ord(character):04X}⟩" if _is_shapeless(character) and character not in keep else character
        for character in text
    )


def cell(text: object) -> Markdown:
    """Show a text as it is, in one line: in a table cell, a heading or a sentence."""
    shown = legible(str(text)).strip(" ")
    pieces = _ADDRESS.split(shown)
    escaped = "<wbr>".join(_SPECIAL.sub(_entities, piece) for piece in pieces)
    return Markdown(_SPECIAL_AT_START.sub(_entities, escaped))


def prose(text: str) -> Markdown:
    """Show a text of several paragraphs; blank lines part them, other line breaks are blanks."""
    paragraphs = re.split(r"\n\s*\n", text.replace("\r\n", "\n"))
    return Markdown("\n\n".join(cell(" ".join(p.split())) for p in paragraphs if p.strip()))


def code(text: object) -> Markdown:
    """Show a short text in the type of code, in one line."""
    if _PLAIN_CODE.fullmatch(str(text)):
        return Markdown(f"`{text}`")
    return Markdown(f"<code>{cell(text)}</code>")


def fenced(text: str, language: str = "") -> Markdown:
    """Show lines of text as a code block, between fences longer than any backticks in it."""
    lines = legible(text.replace("\r\n", "\n"), keep="\n\t").strip("\n").split("\n")
    # A line that reads like this program's own mark would end the generated part of the card.
    body = "\n".join(f" {line}" if line.startswith(MARK) else line for line in lines)
    longest = max((len(run) for run in _BACKTICKS.findall(body)), default=0)
    fence = "`" * max(3, longest + 1)
    return Markdown(f"{fence}{language}\n{body}\n{fence}")


def count(number: int | None) -> Markdown:
    """Show a whole number with thousands separators; nothing for None."""
    return Markdown("" if number is None else f"{number:,}")


def share(fraction: float | None) -> Markdown:
    """Show a fraction as a percentage with one decimal; a dash for None."""
    return Markdown("–" if fraction is None else f"{fraction:.1%}".replace("%", " %"))


def table(header: Sequence[Markdown], rows: Sequence[Sequence[Markdown]], align: str) -> Markdown:
    """Lay out a table whose columns line up in the source, too.

    Args:
        header: One heading a column.
        rows: One cell a column each.
        align: `l` or `r` for each column.
    """
    from rich.cells import cell_len

    lines = [header, *rows]
    widths = [max(3, *(cell_len(line[column]) for line in lines)) for column in range(len(header))]

    def lay_out(line: Sequence[Markdown]) -> str:
        padded = []
        for text, width, side in zip(line, widths, align, strict=True):
            padding = " " * (width - cell_len(text))
            padded.append(padding + text if side == "r" else text + padding)
        return f"| {' | '.join(padded)} |"

    rule = [
        "-" * (width - 1) + (":" if side == "r" else "-") for width, side in zip(widths, align, strict=True)
    ]
    return Markdown("\n".join([lay_out(header), f"| {' | '.join(rule)} |", *map(lay_out, rows)]))


def _is_shapeless(character: str) -> bool:
    return (
        unicodedata.category(character) in _SHAPELESS_CATEGORIES
        and character not in _WRITTEN_FORMAT_CHARACTERS
        and not _VISIBLE_FORMAT_CHARACTERS.match(character)
    )


def _entities(match: re.Match[str]) -> str:
    names = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
    return "".join(names.get(character, f"&#{ord(character)};") for character in match.group())
