"""Invariance of a tagger to names: does it find another name in the same sentence as it found the first?"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from ..schema.errors import DataError
from ..schema.example import Example
from ..schema.iob2 import Mention, mentions, tags_of

Tokens = tuple[str, ...]
Names = Mapping[str, Sequence[Tokens]]
"""The names to put in, by entity type; each is the tokens of a name."""

Tag = Callable[[Sequence[Sequence[str]]], Sequence[Sequence[str]]]
"""Tags sentences of tokens; a tagger's method `tag`."""

_EXAMPLES_SHOWN = 5
_PLACE = "NAME"


@dataclass(frozen=True, slots=True)
class PerturbedSentence:
    """A sentence in which one name was replaced by another.

    Attributes:
        original: The sentence as gold has it.
        perturbed: The same with the other name.
        type: The type of both names.
        spans: First word and end of each place of the name: in the original, and in the perturbed sentence.
    """

    original: Example
    perturbed: Example
    type: str
    spans: tuple[tuple[tuple[int, int], tuple[int, int]], ...]


@dataclass(frozen=True, slots=True)
class FailedCase:
    """A sentence and its perturbed copy, of which a tagger says different things.

    Attributes:
        sentence: Both of them.
        predicted: The tags predicted for the original; for a template, those that should be predicted.
        predicted_after: The tags predicted for the copy.
    """

    sentence: PerturbedSentence
    predicted: tuple[str, ...]
    predicted_after: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        """Return both sentences with their predicted tags."""
        return {
            "id": self.sentence.original.id,
            "tokens": list(self.sentence.original.tokens),
            "predicted": list(self.predicted),
            "tokens_after": list(self.sentence.perturbed.tokens),
            "predicted_after": list(self.predicted_after),
        }


@dataclass(frozen=True, slots=True)
class Invariance:
    """The outcome of an invariance test.

    Attributes:
        cases: How many sentences were compared with their copies.
        failed: Of how many the prediction changed.
        not_replaced: Names of gold that no case is of, because there was no other name of their type.
        examples: The first failed cases.
    """

    cases: int
    failed: int
    not_replaced: int
    examples: tuple[FailedCase, ...]

    @property
    def error_rate(self) -> float:
        """The share of cases that failed; 0 where there is none."""
        return self.failed / self.cases if self.cases else 0.0

    def as_json(self) -> dict[str, float | int]:
        """Return the figures that a result holds: no sentence of gold is among them."""
        return {"error_rate": self.error_rate, "cases": self.cases, "failed": self.failed}


def names_of_gold(examples: Iterable[Example]) -> dict[str, list[Tokens]]:
    """Collect the names of labelled sentences by type, each form once, in order of their tokens."""
    names: dict[str, set[Tokens]] = {}
    for example in examples:
        for mention in example.mentions:
            names.setdefault(mention.type, set()).add(example.tokens[mention.start : mention.end])
    return {type_: sorted(names[type_]) for type_ in sorted(names)}


def names_of_texts(texts: Mapping[str, Iterable[str]]) -> dict[str, list[Tokens]]:
    """Split names written as text, such as those of CheckList's word lists, into tokens at blanks.

    Args:
        texts: By entity type, names such as `New York`.

    Raises:
        DataError: If a name has no letter, digit or sign.
    """
    names = {type_: [tuple(text.split()) for text in texts[type_]] for type_ in sorted(texts)}
    for type_, of_type in names.items():
        if () in of_type:
            raise DataError(f"name {of_type.index(()) + 1} of the type {type_} is empty")
    return names


def full_names(first: Sequence[str], last: Sequence[str], *, count: int, seed: int) -> list[Tokens]:
    """Draw full names, each a first and a last name, none of them twice.

    Args:
        first: First names.
        last: Last names.
        count: How many full names; fewer where there are not as many.
        seed: Decides which.
    """
    firsts, lasts = list(dict.fromkeys(first)), list(dict.fromkeys(last))
    total = len(firsts) * len(lasts)
    drawn = Random(seed).sample(range(total), min(count, total))  # noqa: S311 - no secret
    return [(*firsts[number // len(lasts)].split(), *lasts[number % len(lasts)].split()) for number in drawn]


def invariance(examples: Sequence[Example], names: Names, tag: Tag, *, seed: int) -> Invariance:
    """Test whether predictions stay the same when a name is replaced: CheckList's INV test.

    It is the invariance test of Ribeiro et al. (2020) for NER, without a need for gold predictions: a tagger
    that is wrong in the same way on both sentences is invariant. A case is a sentence and one name in it, as
    gold labels it; `perturbed_sentences` makes the copy. The case fails unless the mentions predicted for the
    copy are those predicted for the original: of the same types, from the same word to the same word. Where
    the two names are of different length, words after the name are those at the same distance from it, and
    any boundary within the one name is the same as any within the other.

    Args:
        examples: Gold test sentences.
        names: Names to put in, by type: `names_of_gold` of the train split, or `names_of_texts` of a list.
        tag: Tags sentences; it is called once.
        seed: Decides which name is put in.

    Raises:
        DataError: If `tag` does not give one tag a token.
    """
    sentences, not_replaced = perturbed_sentences(examples, names, seed=seed)
    originals = list(dict.fromkeys(each.original for each in sentences))
    predicted = _tagged([*originals, *(each.perturbed for each in sentences)], tag)
    of_original = dict(zip(originals, predicted, strict=False))
    failed = [
        FailedCase(sentence, of_original[sentence.original], after)
        for sentence, after in zip(sentences, predicted[len(originals) :], strict=True)
        if _located(of_original[sentence.original], sentence, 0) != _located(after, sentence, 1)
    ]
    return Invariance(len(sentences), len(failed), not_replaced, tuple(failed[:_EXAMPLES_SHOWN]))


def perturbed_sentences(
    examples: Iterable[Example], names: Names, *, seed: int
) -> tuple[list[PerturbedSentence], int]:
    """Replace each name of each sentence, one at a time, by another name of its type.

    All mentions of the name in a sentence are replaced by the same other name, which is drawn from those that
    the sentence does not mention. What is drawn depends on the seed, the sentence's id and the name alone.

    Args:
        examples: Gold sentences.
        names: Names to put in, by type.
        seed: Decides which is put in.

    Returns:
        One perturbed sentence for each name of each sentence, and the number of names for which there was
        none to put in.
    """
    candidates = {type_: _distinct(of_type) for type_, of_type in names.items()}
    perturbed = []
    not_replaced = 0
    for example in examples:
        spans_of_name: dict[tuple[str, Tokens], list[Mention]] = {}
        for mention in example.mentions:
            name = example.tokens[mention.start : mention.end]
            spans_of_name.setdefault((mention.type, name), []).append(mention)
        mentioned = {_composed(name) for _, name in spans_of_name}
        for (type_, name), spans in spans_of_name.items():
            random = Random(f"{seed}\n{example.id}\n{type_}\n{' '.join(name)}")  # noqa: S311 - no secret
            other = _draw(candidates.get(type_, ()), mentioned, random)
            if other is None:
                not_replaced += 1
            else:
                perturbed.append(_replaced(example, spans, other))
    return perturbed, not_replaced


def template_test(template: str, names: Sequence[Tokens], type_: str, tag: Tag) -> Invariance:
    """Test whether a tagger finds every name in one and the same sentence, as Santoso et al. (2024) do.

    A case is the template with a name in it, and fails unless the predicted mentions are the name, with its
    type, and nothing else. The tests of Santoso et al. are of this form, on `I met with NAME last night`,
    with 300 names of each of three origins (`full_names`).

    Args:
        template: A sentence of tokens apart by blanks; the token `NAME` stands for the name.
        names: The names.
        type_: Their entity type.
        tag: Tags sentences; it is called once.

    Raises:
        DataError: If the template has not one `NAME`, or `tag` does not give one tag a token.
    """
    words = template.split()
    if words.count(_PLACE) != 1:
        raise DataError(f"the template `{template}` must hold the token {_PLACE} once")
    tags = tuple("B-" + type_ if word == _PLACE else "O" for word in words)
    original = Example(template, tuple(words), tags)
    sentences = [_replaced(original, original.mentions, name) for name in names]
    predicted = _tagged([sentence.perturbed for sentence in sentences], tag)
    failed = [
        FailedCase(sentence, sentence.perturbed.ner_tags, found)
        for sentence, found in zip(sentences, predicted, strict=True)
        if mentions(found) != sentence.perturbed.mentions
    ]
    return Invariance(len(sentences), len(failed), 0, tuple(failed[:_EXAMPLES_SHOWN]))


def _distinct(names: Sequence[Tokens]) -> list[Tokens]:
    by_form = {_composed(name): name for name in sorted(names, reverse=True) if name}
    return [by_form[form] for form in sorted(by_form)]


def _draw(candidates: Sequence[Tokens], mentioned: set[Tokens], random: Random) -> Tokens | None:
    # Of one more than the sentence mentions, one at least is another name, if there is any.
    drawn = random.sample(candidates, min(len(candidates), len(mentioned) + 1))
    return next((name for name in drawn if _composed(name) not in mentioned), None)


def _composed(name: Tokens) -> Tokens:
    return tuple(unicodedata.normalize("NFC", token) for token in name)


def _replaced(example: Example, places: Sequence[Mention], name: Tokens) -> PerturbedSentence:
    tokens: list[str] = []
    tags: list[str] = []
    spans = []
    done = 0
    for place in places:
        tokens += example.tokens[done : place.start]
        tags += example.ner_tags[done : place.start]
        spans.append(((place.start, place.end), (len(tokens), len(tokens) + len(name))))
        tokens += name
        tags += tags_of([Mention(0, len(name), place.type)], len(name))
        done = place.end
    perturbed = Example(
        example.id,
        (*tokens, *example.tokens[done:]),
        (*tags, *example.ner_tags[done:]),
    )
    return PerturbedSentence(example, perturbed, places[0].type, tuple(spans))


def _tagged(sentences: Sequence[Example], tag: Tag) -> list[tuple[str, ...]]:
    texts = [sentence.tokens for sentence in sentences]
    predicted = tag(texts) if texts else ()
    if [len(text) for text in texts] != [len(tags) for tags in predicted]:
        raise DataError("the tagger did not give one tag to each token of the perturbed sentences")
    return [tuple(tags) for tags in predicted]


def _located(
    tags: Sequence[str], sentence: PerturbedSentence, side: int
) -> list[tuple[str, tuple[int, int], tuple[int, int]]]:
    """Read mentions with their boundaries as places in the original, from either side (0 or 1)."""
    return [
        (mention.type, _place(mention.start, sentence, side), _place(mention.end, sentence, side))
        for mention in mentions(tags)
    ]


def _place(boundary: int, sentence: PerturbedSentence, side: int) -> tuple[int, int]:
    """Return where a boundary is in the original: before which word, and how far within a replaced name."""
    longer = 0
    for spans in sentence.spans:
        (start, end), (first, last) = spans
        here = spans[side]
        if boundary <= here[0]:
            break
        if boundary < here[1]:
            return start, boundary - here[0] if end - start == last - first else -1
        longer += (here[1] - here[0]) - (end - start)
    return boundary - longer, 0
