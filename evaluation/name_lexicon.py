"""What the labels of a corpus say about words and names, as features for a tagger that learns from another.

A tagger that sees "labelled PER elsewhere" as a feature learns from gold how far that is to be believed, and
carries it over to every name of the lexicon at once, whereas a word as such tells only about itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence

from ..schema.example import Example
from ..schema.iob2 import OUTSIDE
from .word_clusters import folded_word

# How often something must be labelled to count as often, or as more than once or twice.
_NAME_OFTEN, _NAME_REPEATED = 5, 2
_WORD_OFTEN, _WORD_REPEATED = 10, 3
# From this share on, a name has one type.
_PURE = 0.8
_LEAST_SHARE_OF_LABEL = 0.2
# A share is told as one of so many steps.
_STEPS_OUTSIDE, _STEPS_OF_LABEL = 5, 3
_LONGEST_NAME = 8

Name = tuple[str, ...]


class NameLexicon:
    """The names and words of labelled sentences, with how often they have which label.

    Args:
        examples: Sentences with IOB2 tags.

    Example:
        >>> lexicon = NameLexicon([Example("1", ("Ada", "sings"), ("B-PER", "O"))] * 2)
        >>> lexicon.features(["Ada", "wrote"])
        [['name:B-PER', 'name:B-PER repeated pure', 'outside:0 once', 'label:B-PER:2'], ['unknown']]
    """

    def __init__(self, examples: Iterable[Example]) -> None:
        self._types_of_name: dict[Name, Counter[str]] = {}
        self._tags_of_word: dict[str, Counter[str]] = {}
        self._longest = 0
        for example in examples:
            words = _folded(example.tokens)
            for name, type_ in _names(example, words):
                self._types_of_name.setdefault(name, Counter())[type_] += 1
                self._longest = max(self._longest, len(name))
            for word, tag in zip(words, example.ner_tags, strict=True):
                self._tags_of_word.setdefault(word, Counter())[tag] += 1

    def features(self, tokens: Sequence[str], *, without: Example | None = None) -> list[list[str]]:
        """Return what the labelled sentences say about each token.

        Args:
            tokens: A sentence.
            without: One of the labelled sentences; what only this one says is left out, so that a tagger that
                learns from it does not learn to copy labels.
        """
        words = _folded(tokens)
        own_names: Counter[Hashable] = Counter(_names(without, words)) if without else Counter()
        own_tags: Counter[Hashable] = (
            Counter(zip(words, without.ner_tags, strict=True)) if without else Counter()
        )
        features: list[list[str]] = [[] for _ in words]
        place = 0
        while place < len(words):
            length = self._mark_name(tokens, words, place, own_names, features)
            place += max(length, 1)
        for place, word in enumerate(words):
            features[place] += _about_word(_left(self._tags_of_word.get(word), word, own_tags))
        return features

    def _mark_name(
        self,
        tokens: Sequence[str],
        words: Name,
        start: int,
        own: Counter[Hashable],
        features: list[list[str]],
    ) -> int:
        """Add features to the longest name that begins here; return its length, 0 if there is none."""
        for length in range(min(self._longest, len(words) - start), 0, -1):
            # One word in small letters is a word first: the shares of its labels say enough.
            if length == 1 and tokens[start][:1].islower():
                continue
            name = words[start : start + length]
            types = _left(self._types_of_name.get(name), name, own)
            if types:
                for place in range(start, start + length):
                    features[place] += _about_name(types, "I" if place > start else "B")
                return length
        return 0


def _names(example: Example, words: Name) -> list[tuple[Name, str]]:
    return [
        (words[mention.start : mention.end], mention.type)
        for mention in example.mentions
        if mention.end - mention.start <= _LONGEST_NAME
    ]


def _folded(tokens: Sequence[str]) -> Name:
    return tuple(map(folded_word, tokens))


def _left(counts: Counter[str] | None, of: Hashable, own: Counter[Hashable]) -> dict[str, int]:
    """Return the counts less a sentence's own."""
    if counts is None:
        return {}
    return {key: count - own[of, key] for key, count in counts.items() if count > own[of, key]}


def _about_name(types: dict[str, int], prefix: str) -> list[str]:
    type_, count = min(types.items(), key=lambda item: (-item[1], item[0]))
    total = sum(types.values())
    purity = "pure" if count >= _PURE * total else "mixed"
    name = f"name:{prefix}-{type_}"
    return [name, f"{name} {_how_often(total, _NAME_OFTEN, _NAME_REPEATED)} {purity}"]


def _about_word(tags: dict[str, int]) -> list[str]:
    total = sum(tags.values())
    if not total:
        return ["unknown"]
    outside = _step(tags.get(OUTSIDE, 0) / total, _STEPS_OUTSIDE)
    return [
        f"outside:{outside} {_how_often(total, _WORD_OFTEN, _WORD_REPEATED)}",
        *(
            f"label:{tag}:{_step(count / total, _STEPS_OF_LABEL)}"
            for tag, count in sorted(tags.items())
            if tag != OUTSIDE and count > _LEAST_SHARE_OF_LABEL * total
        ),
    ]


def _step(share: float, steps: int) -> int:
    return min(int(share * steps), steps - 1)


def _how_often(count: int, often: int, repeated: int) -> str:
    return "often" if count >= often else "repeated" if count >= repeated else "once"
