"""What may be quoted in the manifest, and so on the card: nothing of gold validation or test.

What is shown of a loss is any text: a broken object, words with their labels, a sentence in another spelling.
So letters and digits are compared, whatever stands between the words. A text quotes a sentence if it holds a
run of its letters, or all of them where there are few.
"""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import regex

from ..generation.methods.typed_mentions import type_names
from ..schema.accents import without_accents
from ..schema.example import Example

NOT_QUOTED = "held-out gold is not quoted"

_HELD_OUT = ("validation", "test")

# Every run of 49 letters that a text shares with a held-out sentence is found, and some shorter ones: in the
# news, 30 letters are often a set phrase.
_RUN = 40
_STEP = 10
# A sentence of fewer letters may be part of any other; it is quoted where it stands by itself.
_PART = 20

_WORD = regex.compile(r"[\p{L}\p{M}\p{N}]+")
_INVISIBLE = regex.compile(r"[\p{Cf}\p{Default_Ignorable_Code_Point}]")
_ESCAPES = regex.compile(r"(?:\\u[0-9A-Fa-f]{4})+")
_ESCAPED_BLANKS = regex.compile(r"\\+[nrt]")
# What stands between the words of a datapoint, however it is written.
_BETWEEN_WORDS = frozenset(
    (
        *("token", "tokens", "word", "words", "text", "form", "id", "index", "entity", "type"),
        *("ner", "tag", "tags", "label", "labels", "b", "i", "o"),
    )
)


class Quoting:
    """Knows what gold holds out.

    Args:
        gold: Gold, by split; of these, validation and test are held out.
        labels: Label names, which may stand between the words of a text.
    """

    def __init__(self, gold: Mapping[str, Sequence[Example]], labels: Iterable[str]) -> None:
        types = dict.fromkeys(label.partition("-")[2] for label in labels)
        self._passed_over = _BETWEEN_WORDS.union(*map(_words, (*types, *type_names(types).values())))
        self._runs: set[str] = set()
        self._short: set[str] = set()
        for split in _HELD_OUT:
            for example in gold.get(split, ()):
                letters = self._letters(" ".join(example.tokens))
                if len(letters) < _RUN:
                    self._short.add(letters)
                else:
                    last = len(letters) - _RUN
                    self._runs.update(
                        letters[start : start + _RUN] for start in (*range(0, last, _STEP), last)
                    )
        self._short.discard("")

    def allows(self, text: str) -> bool:
        """Say whether a text can be quoted: it holds no sentence of held-out gold."""
        letters = self._letters(text)
        if letters in self._short or any(len(short) >= _PART and short in letters for short in self._short):
            return False
        starts = range(len(letters) - _RUN + 1)
        return not any(letters[start : start + _RUN] in self._runs for start in starts)

    def prompt(self, text: str) -> str:
        """Return a prompt without the lines that quote held-out gold."""
        lines = [line if self.allows(line) else f"[{NOT_QUOTED}]" for line in text.split("\n")]
        shown = "\n".join(lines)
        return shown if self.allows(shown) else f"[{NOT_QUOTED}]"

    def examples(self, examples: Iterable[str]) -> list[str]:
        """Return examples as they may be quoted."""
        return [example if self.allows(example) else NOT_QUOTED for example in examples]

    def waterfall(self, steps: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return the steps of a waterfall, as the manifest has them, with examples that may be quoted."""
        return [{**step, "examples": list(map(self._of_a_step, step["examples"]))} for step in steps]

    def contamination(self, counts: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
        """Return what the contamination gate dropped, by kind, with examples that may be quoted."""
        return {kind: {**of, "examples": self.examples(of["examples"])} for kind, of in counts.items()}

    def _of_a_step(self, example: str) -> str:
        # A step writes the reason first, which is this program's own.
        reason, _, text = example.partition(": ")
        return example if self.allows(text) else f"{reason}: {NOT_QUOTED}"

    def _letters(self, text: str) -> str:
        words = (word for word in _words(text) if word not in self._passed_over and not word.isdecimal())
        return "".join(words)


def _words(text: str) -> Iterator[str]:
    r"""Yield the words of a text in one form, also where letters are written as `\u00e9` or `&eacute;`.

    Accents do not count: models often leave them out.
    """
    plain = _ESCAPES.sub(_unescaped, text) if "\\u" in text else text
    plain = html.unescape(_ESCAPED_BLANKS.sub(" ", plain))
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", plain).casefold())
    bare = unicodedata.normalize("NFC", without_accents(_INVISIBLE.sub("", folded)))
    yield from _WORD.findall(bare)


def _unescaped(match: regex.Match[str]) -> str:
    units = b"".join(bytes.fromhex(unit) for unit in match.group().split("\\u") if unit)
    return units.decode("utf-16-be", "replace")
