"""Plain text into words, as corpora of named entities write them: punctuation marks are words of their own.

The rule knows no language. What it cannot know it takes from `known`, words as a corpus writes them: such a
word stays whole (`'yan`, `kl.`, `rock'n'roll`).

- Blanks part words. So do zero-width spaces; nothing else is lost.
- Letters, digits, marks and joiners (ZWJ, ZWNJ) make a word. An apostrophe, hyphen, middle dot, ampersand or
  period between them belongs to it: `l'homme`, `e-mail`, `col·lega`, `AT&T`, `f.eks`.
- A number keeps its signs between digits: `1.000,50`, `12:30`, `1/2`. A percent sign stands alone.
- A period ends the sentence, or stays with what it abbreviates: with letters that have one each (`U.S.`), and
  within a line where a small letter or digit follows (`ca. 5`, `den 5. maj`), a period stands in the word
  already (`f.eks. Bo`), or the word is short (`Dr. Bo`, `St. Bo`, `A. Bo`): up to three letters
  that are not all small, and one in scripts that have no small letters (`डॉ. राम`).
- An address (`https://…`, `www.…`, `a@b.example`), a `@name` and a `#tag` are one word each.
- A repeated mark is one word (`...`, `--`, `!!`), and any other character stands alone, with the marks that
  belong to it.

Text of languages that put no blanks between words is not split into words: such text must come as tokens.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import regex

from .characters import is_blank

# Zero-width space and byte order mark: they part words, or stand where something was cut.
_BLANKS = regex.compile(r"[\s\u200b\ufeff]+")
_INNER = r"[\p{L}\p{M}\p{N}\p{Cf}_]"
_PIECE = regex.compile(
    rf"""
      (?P<address>(?:[a-z][a-z0-9+.-]{{0,20}}://|www\.)\S*[\p{{L}}\p{{N}}/])
    | (?P<mail>[\w.+-]{{1,64}}+@[\w-]+(?:\.[\w-]+)+)
    | (?P<name>[@#]{_INNER}+)
    | (?P<initials>(?:\p{{L}}\p{{M}}*\.){{2,}}(?!{_INNER}))
    | (?P<number>\p{{N}}+(?:[.,:/'’٫٬]\p{{N}}+)+(?!{_INNER}))
    | (?P<word>{_INNER}+(?:['’ʹ׳״·&.‐‑-]{_INNER}+)*)
    | (?P<repeated>(?P<mark>[^\w\s()\[\]{{}}<>«»‹›„“”‘’"])(?P=mark)+)
    | (?P<other>\X)
    """,
    regex.VERBOSE | regex.IGNORECASE | regex.VERSION1,
)
_PLAIN_WORD = regex.compile(r"[\p{L}\p{M}\p{N}]+")
_MARK = regex.compile(r"[\p{P}\p{S}]")
_ENDS_AS_A_WORD = regex.compile(r"[\p{L}\p{M}\p{N}]\Z")
_MARKS_TRIED = 4
_SHORT = 3


def split_words(text: str, known: Collection[str] = ()) -> list[str]:
    """Split a line of text into words.

    Args:
        text: One sentence, or some.
        known: Words that stay whole.

    Example:
        >>> split_words("Dr. Bo (39) pays 1.000,50 kr. at www.example.org.")
        ['Dr.', 'Bo', '(', '39', ')', 'pays', '1.000,50', 'kr.', 'at', 'www.example.org', '.']
    """
    return [word for words in split_each([text], known) for word in words]


def split_each(texts: Sequence[str], known: Collection[str] = ()) -> list[list[str]]:
    """Split texts that follow one another in a line, each into its own words; see `split_words`."""
    chunks = [(number, chunk) for number, text in enumerate(texts) for chunk in _BLANKS.split(text) if chunk]
    words: list[list[str]] = [[] for _ in texts]
    for place, (number, chunk) in enumerate(chunks):
        following = chunks[place + 1][1] if place + 1 < len(chunks) else ""
        words[number] += _split_chunk(chunk, following, known)
    return words


def _split_chunk(chunk: str, following: str, known: Collection[str]) -> list[str]:
    """Split what stands between two blanks: marks at both ends off, until something known is left."""
    if chunk.isalnum() or _PLAIN_WORD.fullmatch(chunk):
        return [chunk]
    for before in range(_marks_at_the_start(chunk) + 1) if known else ():
        for after in range(_marks_at_the_start(chunk[::-1]) + 1):
            whole = chunk[before : len(chunk) - after]
            if whole in known:
                marks = chunk[len(chunk) - after :] if after else ""
                return [*_pieces(chunk[:before], whole), whole, *_pieces(marks, following)]
    return _pieces(chunk, following)


def _marks_at_the_start(chunk: str) -> int:
    """Count the marks that a chunk begins with, as far as any are tried without."""
    count = 0
    while count < min(len(chunk), _MARKS_TRIED) and _MARK.match(chunk[count]):
        count += 1
    return count


def _pieces(chunk: str, following: str) -> list[str]:
    found = list(_PIECE.finditer(chunk))
    pieces = [match.group() for match in found]
    if len(pieces) > 1 and pieces[-1] == "." and found[-2].lastgroup in ("word", "number"):
        word = pieces[-2]
        pieces[-2:] = [f"{word}."] if _abbreviates(word, following) else [word, "."]
    return [piece for piece in pieces if not all(map(is_blank, piece))]


def _abbreviates(word: str, following: str) -> bool:
    """Say whether the period behind a word belongs to it, by the word and what stands behind the period."""
    if not following or not _ENDS_AS_A_WORD.search(word):
        return False
    if following[0].islower() or following[0].isdecimal() or "." in word:
        return True
    letters = sum(map(str.isalpha, word))
    return 0 < letters <= (_SHORT if word.lower() != word.upper() else 1) and not word.islower()
