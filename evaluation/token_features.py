"""What a tagger without word vectors looks at: the words, their parts and shapes, and their neighbours.

Features are short byte strings, `kind` + `value`, as CRFsuite takes them. What depends on one word alone is
computed once a word and joined for each place where it stands.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

from ..schema.accents import without_accents

LONGEST_AFFIX = 4
NEIGHBOUR_AFFIX = 3

# A vocabulary of this size takes about 100 MB of features; rarer words are computed again when met again.
WORDS_TO_REMEMBER = 1 << 15

_LETTERS_BY_CATEGORY = {"Lu": "X", "Lt": "X", "Ll": "x", "Nd": "d"}
_LETTERS_BY_MAJOR_CATEGORY = {"L": "c", "M": "m", "N": "n"}


@dataclass(frozen=True, slots=True)
class _Word:
    """The features of a word, wherever it stands.

    Attributes:
        own: What it tells about itself.
        as_neighbour: What it tells about a word two before it, one before, one after and two after.
        form: Its folded form, to be joined to its neighbour's.
        shape: Its short shape, to be joined to its neighbour's.
    """

    own: tuple[bytes, ...]
    second_left: tuple[bytes, ...]
    left: tuple[bytes, ...]
    right: tuple[bytes, ...]
    second_right: tuple[bytes, ...]
    form: bytes
    shape: bytes


FeatureFunction = Callable[[Sequence[str]], list[list[bytes]]]
"""Gives the features of each token of a sentence."""


def sentence_features(tokens: Sequence[str]) -> list[list[bytes]]:
    """Return the features of each token of a sentence.

    Example:
        >>> features = sentence_features(["Ada", "sings"])
        >>> b"w:Ada" in features[0], b"<:ada" in features[1]
        (True, False)
    """
    words = [_word(token) for token in tokens]
    last = len(words) - 1
    sentence = []
    for place, word in enumerate(words):
        features = [*word.own]
        if place:
            before = words[place - 1]
            features += before.left
            features += (b"-f:" + before.form + b" " + word.form, b"-s:" + before.shape + b" " + word.shape)
            if place > 1:
                features += words[place - 2].second_left
        else:
            features.append(b"first")
        if place < last:
            after = words[place + 1]
            features += after.right
            features += (b"+f:" + word.form + b" " + after.form, b"+s:" + word.shape + b" " + after.shape)
            if place + 1 < last:
                features += words[place + 2].second_right
        else:
            features.append(b"last")
        sentence.append(features)
    return sentence


def word_shape(word: str) -> str:
    """Return the shape of a word: `X` for a capital, `x` for a small letter, `d` for a digit, and so on.

    Example:
        >>> word_shape("McGill-22"), word_shape("ಹಂಪಿ")
        ('XxXxxx-dd', 'cmcm')
    """
    return "".join(map(_shape_of_character, word))


def short_shape(word: str) -> str:
    """Return the shape of a word with runs of the same letter written once.

    Example:
        >>> short_shape("McGill-22")
        'XxXx-d'
    """
    return "".join(character for character, _ in groupby(word_shape(word)))


@lru_cache(maxsize=1 << 12)
def _shape_of_character(character: str) -> str:
    category = unicodedata.category(character)
    return _LETTERS_BY_CATEGORY.get(category) or _LETTERS_BY_MAJOR_CATEGORY.get(category[0], character)


@lru_cache(maxsize=WORDS_TO_REMEMBER)
def _word(token: str) -> _Word:
    word = unicodedata.normalize("NFC", token)
    folded = without_accents(word.casefold())
    shape = word_shape(word)
    short = short_shape(word)
    own = [
        "always",
        f"w:{word}",
        f"f:{folded}",
        f"s:{shape}",
        f"S:{short}",
        *_affixes(folded, range(1, LONGEST_AFFIX + 1)),
    ]
    if "d" in shape:
        own.append("digits" if short == "d" else "digit")
    if not any(map(str.isalnum, word)):
        own.append("punctuation")
    near = [f"f:{folded}", f"S:{short}", *_affixes(folded, (NEIGHBOUR_AFFIX,))]
    far = near[:2]
    return _Word(
        own=tuple(map(_encoded, own)),
        second_left=_placed("--", far),
        left=_placed("-", near),
        right=_placed("+", near),
        second_right=_placed("++", far),
        form=_encoded(folded),
        shape=_encoded(short),
    )


def _affixes(word: str, lengths: Sequence[int]) -> list[str]:
    return [
        affix
        for length in lengths
        if length <= len(word)
        for affix in (f"<{length}:{word[:length]}", f">{length}:{word[-length:]}")
    ]


def _placed(place: str, features: Sequence[str]) -> tuple[bytes, ...]:
    return tuple(_encoded(place + feature) for feature in features)


def _encoded(text: str) -> bytes:
    # Half of a character pair is no character, but untrusted JSON may hold one.
    return text.encode("utf-8", "surrogatepass")
