"""Files of predictions: written as CoNLL, and scored against a file of gold."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path

from ..schema.errors import DataError
from ..schema.example import Example
from ..schema.iob2 import parse_tag
from ..sources.conll import DOCSTART
from ..sources.files import write_atomically
from ..sources.readers import read_sentences
from ..sources.report import Report
from ..sources.sentences import MISSING_TAG, Sentence
from .scoring import Score, score

_HINT = "Both files must hold the same sentences in the same order, divided into the same tokens."


def score_files(
    gold: Path,
    predicted: Path,
    *,
    format: str | None = None,  # noqa: A002 - the command line's word for it
    report: Report | None = None,
) -> Score:
    """Score a file of predictions against a file of gold with the same sentences in the same order.

    Tokens are the same if they are in Unicode's composed form NFC and without regard to the kind and number
    of blanks.

    Args:
        gold: Gold sentences, in any format that `sources.readers` reads.
        predicted: The same sentences with predicted tags; the format may be another.
        format: The format of both; by default each is recognised.
        report: Collects what was irregular in either file, and the tags that are no IOB2 tags and therefore
            counted as `O`.

    Raises:
        WrongUsageError: If there is no such format.
        DataError: If a file cannot be read, or at the first sentence or token without a counterpart.
    """
    report = report or Report()
    gold_tags, predicted_tags = [], []
    for wanted, found in zip_longest(
        read_to_score(gold, format=format, report=report),
        read_to_score(predicted, format=format, report=report),
    ):
        if wanted is None or found is None:
            raise _without_counterpart(wanted, found, gold, predicted)
        _check_same_tokens(wanted, found, gold, predicted)
        gold_tags.append(wanted.tags)
        predicted_tags.append(found.tags)
    return score(gold_tags, predicted_tags)


def read_predictions(path: Path, examples: Sequence[Example]) -> list[tuple[str, ...]]:
    """Read predicted tags for sentences that are known.

    Args:
        path: The sentences in the same order, divided into the same tokens, each with its predicted tag; in
            any format that `sources.readers` reads.
        examples: The sentences.

    Raises:
        DataError: If the file cannot be read, or at the first sentence or token without a counterpart.
    """
    predicted = []
    for number, (example, found) in enumerate(
        zip_longest(examples, read_to_score(path, report=Report())), start=1
    ):
        if example is None or found is None:
            raise DataError(
                f"gold has {len(examples)} sentences, and this has {'more' if found else number - 1}",
                where=str(path),
                hint=_HINT,
            )
        if list(map(_comparable, example.tokens)) != list(map(_comparable, found.tokens)):
            raise DataError(
                f"sentence {number} is `{_shown(' '.join(found.tokens))}`, but "
                f"`{_shown(' '.join(example.tokens))}` in gold",
                where=f"{path}:{found.line}",
                hint=_HINT,
            )
        predicted.append(found.tags)
    return predicted


def write_predictions(path: Path, sentences: Sequence[Example]) -> None:
    """Write `token tag` lines, a blank line after each sentence; gzipped if the name ends with `.gz`.

    The columns are apart by a tab where a token holds a space. A tab or a line break in a token would be read
    as its end, and is written as a space. Where a token would be read as the beginning of a document, a
    column before the tokens counts them.

    Raises:
        DataError: If the file cannot be written.
    """
    written = [[" ".join(token.split()) for token in sentence.tokens] for sentence in sentences]
    counted = any(token.startswith(DOCSTART) for tokens in written for token in tokens)
    separator = "\t" if counted or any(" " in token for tokens in written for token in tokens) else " "
    with write_atomically(path) as file:
        for sentence, tokens in zip(sentences, written, strict=True):
            for number, columns in enumerate(zip(tokens, sentence.ner_tags, strict=True), 1):
                line = separator.join(columns)
                file.write(f"{number}{separator}{line}\n" if counted else f"{line}\n")
            file.write("\n")


def read_to_score(path: Path, *, format: str | None = None, report: Report) -> Iterator[Sentence]:  # noqa: A002
    """Read the sentences of a file that is to be scored: none may be left out.

    Args:
        path: The file.
        format: Its format; by default it is recognised.
        report: Collects what was irregular, and the tags that are no IOB2 tags.

    Raises:
        WrongUsageError: If there is no such format.
        DataError: If the file cannot be read, or a sentence has not one tag a token.
    """
    for sentence in read_sentences(path, format=format, report=report):
        if not sentence.is_aligned:
            raise DataError(
                f"the sentence has {len(sentence.tokens)} tokens and {len(sentence.tags)} tags",
                where=f"{path}:{sentence.line}",
            )
        for position, tag in enumerate(sentence.tags):
            if parse_tag(tag) is None:
                missing = tag == MISSING_TAG
                report.add(
                    "tag missing" if missing else "invalid tag",
                    file=path,
                    line=sentence.line_of(position),
                    token=sentence.tokens[position],
                    label=None if missing else tag,
                )
        yield sentence


def _without_counterpart(
    wanted: Sentence | None, found: Sentence | None, gold: Path, predicted: Path
) -> DataError:
    there, ended, sentence = (gold, predicted, wanted) if wanted else (predicted, gold, found)
    return DataError(
        f"the sentence has no counterpart: {ended} ends before it",
        where=f"{there}:{sentence.line}" if sentence else str(there),
        hint=_HINT,
    )


def _check_same_tokens(wanted: Sentence, found: Sentence, gold: Path, predicted: Path) -> None:
    if len(wanted.tokens) != len(found.tokens):
        raise DataError(
            f"the sentence has {len(found.tokens)} tokens, but {len(wanted.tokens)} at {gold}:{wanted.line}",
            where=f"{predicted}:{found.line}",
            hint=_HINT,
        )
    if wanted.tokens == found.tokens:
        return
    for position, (here, there) in enumerate(zip(found.tokens, wanted.tokens, strict=True)):
        if _comparable(here) != _comparable(there):
            raise DataError(
                f"the token is `{_shown(here)}`, but `{_shown(there)}` at {gold}:{wanted.line_of(position)}",
                where=f"{predicted}:{found.line_of(position)}",
                hint=_HINT,
            )


def _comparable(token: str) -> str:
    return unicodedata.normalize("NFC", " ".join(token.split()))


def _shown(token: str) -> str:
    return token if len(token) <= 40 else token[:39] + "…"
