"""Unlabelled repetitions of what is labelled elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from ...schema.iob2 import OUTSIDE, Mention, tags_of
from .evidence import LabelledSentence, has_a_name_shape, spans_of
from .labelling import Labelling, SentenceRepair
from .words import FIRST_CAPITAL, NUMBER, Sentence

_GOLD_WEIGHT = 3
_ENOUGH = 3
_CONSISTENT = 0.8
# Any word may have a capital where a sentence begins; a name has it elsewhere too.
_AS_A_NAME = 2
_LONGEST_FORM = 8

Form = tuple[str, ...]


def label_repetitions(labelling: Labelling) -> SentenceRepair:
    """Label what is labelled, with one type, nearly wherever else it stands."""
    lexicon = _Lexicon(labelling)

    def repair(sentence: Sentence, tags: tuple[str, ...]) -> Sequence[str] | None:
        found = list(lexicon.unlabelled(sentence, tags))
        return tags_of(sorted([*spans_of(tags), *found]), len(tags)) if found else None

    return repair


class _Lexicon:
    """The forms that are labelled consistently, by their first word."""

    def __init__(self, labelling: Labelling) -> None:
        self._lengths: dict[str, list[int]] = {}
        self._type_of: dict[Form, str] = {}
        labelled: dict[Form, Counter[str]] = {}
        as_a_name: Counter[Form] = Counter()
        for sentences, weight in ((labelling.config, 1), (labelling.gold, _GOLD_WEIGHT)):
            for form, span_type, is_first in _labelled_forms(sentences):
                labelled.setdefault(form, Counter())[span_type] += weight
                as_a_name[form] += 0 if is_first else weight
        candidates = {}
        for form, types in labelled.items():
            type_, count = min(types.items(), key=lambda item: (-item[1], item[0]))
            if (
                types.total() >= _ENOUGH
                and as_a_name[form] >= _AS_A_NAME
                and count >= _CONSISTENT * types.total()
            ):
                candidates[form] = type_
        self._hold(candidates)
        unlabelled: Counter[Form] = Counter()
        for sentences, weight in ((labelling.config, 1), (labelling.gold, _GOLD_WEIGHT)):
            for sentence, tags in sentences:
                for span in self.unlabelled(sentence, tags):
                    unlabelled[_form(sentence, span.start, span.end)] += weight
        self._hold(
            {
                form: type_
                for form, type_ in candidates.items()
                if labelled[form].total() >= _CONSISTENT * (labelled[form].total() + unlabelled[form])
            }
        )

    def _hold(self, type_of: dict[Form, str]) -> None:
        self._type_of = type_of
        lengths: dict[str, set[int]] = {}
        for form in type_of:
            lengths.setdefault(form[0], set()).add(len(form))
        self._lengths = {first: sorted(found, reverse=True) for first, found in lengths.items()}

    def unlabelled(self, sentence: Sentence, tags: Sequence[str]) -> Iterator[Mention]:
        """Yield the forms that stand in a sentence without a label, from left to right, longest first."""
        end = 0
        for start, each in enumerate(sentence.words):
            if start < end or tags[start] != OUTSIDE:
                continue
            for length in self._lengths.get(each.cased, ()):
                stop = start + length
                if stop > len(tags):
                    continue
                type_ = self._type_of.get(_form(sentence, start, stop))
                if type_ is not None and all(tag == OUTSIDE for tag in tags[start:stop]):
                    yield Mention(start, stop, type_)
                    end = stop
                    break


def _labelled_forms(sentences: Sequence[LabelledSentence]) -> Iterator[tuple[Form, str, bool]]:
    for sentence, tags in sentences:
        for span in spans_of(tags):
            if span.end - span.start > _LONGEST_FORM or not has_a_name_shape(sentence, span.start, span.end):
                continue
            if all(shape == NUMBER for shape in sentence.shapes[span.start : span.end]):
                continue
            is_first = sentence.shapes[span.start] == FIRST_CAPITAL
            yield _form(sentence, span.start, span.end), span.type, is_first


def _form(sentence: Sentence, start: int, stop: int) -> Form:
    return tuple(each.cased for each in sentence.words[start:stop])
