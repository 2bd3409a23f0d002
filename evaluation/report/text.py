"""Text and numbers of a report, in Markdown and in LaTeX.

Names of sources, taggers, types and languages come from results, and these may come from anywhere. The report
shows them as they are written and lets them open nothing: no tag, no link, no cell, no command. The cards'
Markdown is not used here: evaluation knows nothing of cards. Names need far less than the prose of cards.
"""

from __future__ import annotations

import re
import unicodedata
from hashlib import sha256

from ...schema.errors import DataError
from ...schema.languages import language
from ..grid.description import SCRATCH

_SHAPELESS = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
# Both joiners belong to the spelling of words in Persian and in the languages of India.
_JOINERS = "\u200c\u200d"

_PLAIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._,+/()-]*[A-Za-z0-9)])?")
# Where GitHub's dialect sees an address without being asked. A break opportunity hides it and shows nothing.
_ADDRESS = re.compile(r"(?<=/)(?=/)|(?<=[wW]{3})(?=\.)|(?=@)|(?<=mailto:)|(?<=xmpp:)", re.IGNORECASE)
# What begins or ends anything within a line of Markdown or HTML.
_SPECIAL = re.compile(r"[&<>|\\`*\[\]{}~$#^_]")

_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "_": r"\_",
    "%": r"\%",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"{\char34}",
    "`": r"\textasciigrave{}",
    "'": r"\textquotesingle{}",
    # After the end of a row, a star would be part of that.
    "*": "{*}",
    "[": "{[}",
    "]": "{]}",
    "±": r"$\pm$",
    "−": "$-$",
    "–": "--",
    "†": r"\textdagger{}",
    "⟨": r"$\langle$",
    "⟩": r"$\rangle$",
}

# A tag whose language has a name of its own.
_LANGUAGE_AND_SCRIPT = re.compile("[A-Za-z]{2,3}(-[A-Za-z]{4})?")

_UNSAFE_IN_FILE_NAMES = re.compile(r"[^A-Za-z0-9-]+")


class Name(str):
    """A name that comes from a result, shown in the type of code."""

    __slots__ = ()


class Word(str):
    """A text that someone else wrote, shown as running text. Any other `str` is this program's own."""

    __slots__ = ()


def legible(text: str) -> str:
    """Spell out every character that has no shape of its own, for example as `⟨U+202E⟩`."""
    return "".join(
        f"⟨U+{ord(character):04X}⟩"
        if unicodedata.category(character) in _SHAPELESS and character not in _JOINERS
        else character
        for character in text
    )


def markdown(text: str) -> str:
    """Show a text in Markdown, in one line; what is this program's own stays as it is."""
    match text:
        case Name():
            return code(text)
        case Word():
            return prose(text)
        case _:
            return text


def code(name: str) -> str:
    """Show a name in the type of code."""
    return f"`{name}`" if _PLAIN.fullmatch(name) else f"<code>{prose(name)}</code>"


def prose(text: str) -> str:
    """Show a text that someone else wrote as running text, anywhere but at the beginning of a line."""
    pieces = _ADDRESS.split(legible(text).strip())
    return "<wbr>".join(_SPECIAL.sub(lambda sign: f"&#{ord(sign[0])};", piece) for piece in pieces)


def latex(text: str) -> str:
    """Show a text in LaTeX."""
    return "".join(_LATEX.get(character, character) for character in legible(text))


def file_name(name: str) -> str:
    """Return a name as a part of a file's name: another name gives another one."""
    safe = _UNSAFE_IN_FILE_NAMES.sub("-", name).strip("-").lower()[:40]
    if safe == name:
        return safe
    digest = sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{safe}-{digest}" if safe else digest


def language_name(code_of_language: str) -> str:
    """Return the English name of a language; its code where it has none.

    A region or a domain (`pt-BR`, `en-x-politics`) is not in the name: the code stands behind it then.
    """
    try:
        found = language(code_of_language)
    except DataError:
        return code_of_language
    return found.name if _LANGUAGE_AND_SCRIPT.fullmatch(found.tag) else f"{found.name} ({code_of_language})"


def language_and_code(code_of_language: str) -> str:
    """Return the name of a language with its code, once, in Markdown."""
    name = language_name(code_of_language)
    is_told = name.endswith(f"({code_of_language})")
    return prose(name) if is_told else f"{prose(name)} ({code(code_of_language)})"


def language_tag(code_of_language: str) -> str:
    """Return the canonical tag of a language, the same for `yor` and `yo`."""
    try:
        return language(code_of_language).tag
    except DataError:
        return code_of_language


def setting_name(setting: str) -> str:
    """Return what a setting is called in sentences and figures."""
    return "from scratch" if setting == SCRATCH else setting


def decimal(value: float, digits: int = 2) -> str:
    """Write a number as papers write F1: `.81`, `1.00`, `−.05`."""
    text = f"{abs(value):.{digits}f}"
    text = text[1:] if text.startswith("0.") else text
    return f"−{text}" if value < 0 and text.strip(".0") else text


def mean_and_deviation(mean: float, deviation: float | None) -> str:
    """Write a mean with its standard deviation, where there is one: `.81 ± .02`."""
    return decimal(mean) if deviation is None else f"{decimal(mean)} ± {decimal(deviation)}"


def interval(ends: tuple[float, float], digits: int = 2) -> str:
    """Write an interval: `.78 to .84`."""
    return f"{decimal(ends[0], digits)} to {decimal(ends[1], digits)}"


def p_value(value: float | None) -> str:
    """Write a p-value: `.013`, `< .001` or `< .05`; a dash where there is none."""
    if value is None:
        return "–"
    if value < 0.0005:
        return "< .001"
    # What is below the level does not look as if it were at it.
    return "< .05" if 0.0495 <= value < 0.05 else decimal(value, 3)


def p_in_sentence(value: float | None) -> str:
    """Write a p-value with its letter: `p = .013`, `p < .001`."""
    text = p_value(value)
    return f"p {text}" if text.startswith("<") else f"p = {text}"


def count(number: float | None) -> str:
    """Write a number of things with thousands separators; a mean that is not whole with one decimal."""
    if number is None:
        return "–"
    return f"{number:,.0f}" if float(number).is_integer() else f"{number:,.1f}"


def size_asked(size: int | None) -> str:
    """Write the size of a system."""
    return "all" if size is None else count(size)


def listed(words: list[str]) -> str:
    """Write words as a list: `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def counted(number: int, singular: str) -> str:
    """Write a number with its noun: `1 run`, `2 runs`."""
    return f"{number:,} {singular}{'' if number == 1 else 's'}"
