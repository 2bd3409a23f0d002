"""Static word vectors: read from a file that others trained, or trained on the gold sentences themselves.

Gold is tiny for word vectors. So words are also compared by their parts, as fastText does, and the vectors
come from counts, not from training by chance: positive pointwise mutual information with the neighbours and
with the character n-grams of a word, reduced by a singular value decomposition (Levy & Goldberg 2014).
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import numpy as np
from numpy.typing import NDArray

from ...schema.errors import DataError
from ...sources.files import CHUNK, open_bytes, open_text_lines

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Vector = NDArray[np.float64]
WordVectors = Mapping[str, Vector]
"""The vectors of words, all of one length."""

DIMENSIONS = 50
NEIGHBOURS = 1000
LENGTHS_OF_PARTS = (3, 4)
MOST_PARTS = 4000

_LONGEST_WORD = 10_000
_LONGEST_HEADER = 200
_MOST_NUMBERS = 100_000
_FASTTEXT_MODEL = (793712314).to_bytes(4, "little")
_HINT = (
    "Word vectors are a word2vec file, text or binary, or a fastText .vec file, plain or gzipped: the first "
    "line says how many words and how many numbers a word, each further one is a word and its numbers."
)


def forms(word: str) -> tuple[str, ...]:
    """Return the forms under which a word is looked up, in order."""
    return (word, word.lower())


def read_vectors(path: Path, wanted: Collection[str]) -> dict[str, Vector]:
    """Read the vectors of some words from a word2vec file (text or binary) or a fastText `.vec` file.

    Every line is checked for its length, and numbers are read where they are wanted: a file of millions of
    words takes the memory of those.

    Args:
        path: The file, plain or gzipped.
        wanted: The words.

    Raises:
        DataError: With file and line, if it is no such file or is cut short.
    """
    with open_bytes(path) as stream:
        words, length = _header(stream, path)
        sample = stream.read(_LONGEST_WORD + 40 * length)
    rows = _text_rows if _is_text(sample, length) else _binary_rows
    vectors: dict[str, Vector] = {}
    found = 0
    for place, word, vector in rows(path, words, length, wanted):
        found += 1
        if vector is None or word in vectors:
            continue
        if not np.isfinite(vector).all():
            raise DataError(f"a number of `{word}` is not finite", where=place, hint=_HINT)
        vectors[word] = vector
    if found < words:
        raise DataError(
            f"the file is cut short: it says {words:,} words and holds {found:,}",
            where=f"{path}:{found + 1}",
            hint="Download it again.",
        )
    return vectors


Row = tuple[str, str, Vector | None]
"""Where a word stands, the word, and its vector if that is wanted."""


def _header(stream: io.BufferedReader, path: Path) -> tuple[int, int]:
    line = stream.readline(_LONGEST_HEADER)
    if line.startswith(_FASTTEXT_MODEL):
        raise DataError(
            "this is a fastText model, not word vectors",
            where=str(path),
            hint="Name the .vec file beside it.",
        )
    parts = line.split()
    if len(parts) != 2 or not all(part.isdigit() for part in parts):
        raise DataError("the first line does not say how many words there are", where=f"{path}:1", hint=_HINT)
    words, length = map(int, parts)
    if not words or not 0 < length <= _MOST_NUMBERS:
        raise DataError(
            f"the first line says {words:,} words of {length:,} numbers", where=f"{path}:1", hint=_HINT
        )
    return words, length


def _is_text(sample: bytes, length: int) -> bool:
    """Say whether the first row is written in digits: a binary one has bytes that text has not."""
    line, end, _ = sample.partition(b"\n")
    numbers = line.rstrip().split(b" ")[-length:]
    if end and all(_is_number(number) for number in numbers):
        return True
    # A broken row of text is still text: control characters make it binary.
    return not any(byte < 9 for byte in sample) and _decodes(line)


def _is_number(text: bytes) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _decodes(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _text_rows(path: Path, words: int, length: int, wanted: Collection[str]) -> Iterator[Row]:
    with open_text_lines(path, longest_line=CHUNK + 40 * length) as lines:
        next(lines)
        for number, line in lines:
            place = f"{path}:{number}"
            row = line.rstrip(" ")
            if number > words + 1:
                raise DataError(
                    f"there are more words than the {words:,} of the first line", where=place, hint=_HINT
                )
            if row.count(" ") != length:
                raise DataError(
                    f"a word and {length:,} numbers are expected, with one blank between them",
                    where=place,
                    hint=_HINT,
                )
            word, *numbers = row.split(" ")
            yield place, word, _numbers(numbers, place) if word in wanted else None


def _numbers(texts: Sequence[str], place: str) -> Vector:
    try:
        return np.array([float(text) for text in texts])
    except ValueError as error:
        raise DataError(str(error), where=place, hint=_HINT) from error


def _binary_rows(path: Path, words: int, length: int, wanted: Collection[str]) -> Iterator[Row]:
    size = 4 * length
    with open_bytes(path) as stream:
        stream.readline(_LONGEST_HEADER)
        for number in range(1, words + 1):
            place = f"{path}: word {number:,}"
            word = _binary_word(stream, place, words)
            data = stream.read(size)
            if len(data) < size:
                _cut_short(place, words)
            values = np.frombuffer(data, "<f4").astype(np.float64) if word in wanted else None
            yield place, word, values


def _binary_word(stream: io.BufferedReader, place: str, words: int) -> str:
    letters = bytearray()
    while (letter := stream.read(1)) != b" ":
        if not letter:
            _cut_short(place, words)
        letters += letter
        if len(letters) > _LONGEST_WORD:
            raise DataError("there is no word here", where=place, hint=_HINT)
    try:
        # The original program writes a line feed after each vector, others do not.
        return letters.lstrip(b"\n").decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError("the word is not UTF-8 text", where=place, hint=_HINT) from error


def _cut_short(place: str, words: int) -> NoReturn:
    raise DataError(f"the file is cut short: it says {words:,} words", where=place, hint="Download it again.")


def vectors_of_corpus(sentences: Sequence[Sequence[str]], random_state: int) -> dict[str, Vector]:
    """Train word vectors on sentences; several languages that stand together get vectors in one space.

    Words are compared in lower case. The same sentences give the same vectors.

    Args:
        sentences: Tokenised sentences.
        random_state: Decides how the decomposition begins.
    """
    from scipy.sparse import hstack
    from sklearn.decomposition import TruncatedSVD
    from threadpoolctl import threadpool_limits

    lowered = [[word.lower() for word in words] for words in sentences]
    counts = Counter(word for words in lowered for word in words)
    vocabulary = sorted(counts, key=lambda word: (-counts[word], word))
    if not vocabulary:
        return {}
    number_of = {word: number for number, word in enumerate(vocabulary)}
    blocks = [_by_neighbours(lowered, number_of), _by_parts(vocabulary)]
    matrix = hstack([_information(block, len(vocabulary)) for block in blocks], format="csr")
    if min(len(vocabulary), sum(block.columns for block in blocks)) <= DIMENSIONS:
        reduced = matrix.toarray()
    else:
        # One thread: sums that threads add up in the order in which they end differ in the last digit.
        with threadpool_limits(limits=1):
            reduced = TruncatedSVD(DIMENSIONS, random_state=random_state).fit_transform(matrix)
    return dict(zip(vocabulary, of_length_one(reduced), strict=True))


def of_length_one(vectors: Vector) -> Vector:
    """Return vectors of the same directions and of length one; nothing has none."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


@dataclass(frozen=True, slots=True)
class _Counts:
    """How often something goes with a word.

    Attributes:
        table: By word and thing, each by its number.
        columns: How many things there are.
    """

    table: Mapping[tuple[int, int], int]
    columns: int


def _by_neighbours(sentences: Sequence[Sequence[str]], number_of: Mapping[str, int]) -> _Counts:
    """Count what stands directly before and after each word: the most frequent words, and the edges."""
    neighbours = min(NEIGHBOURS, len(number_of))
    edge = 2 * neighbours
    table: Counter[tuple[int, int]] = Counter()
    for words in sentences:
        numbers = [number_of[word] for word in words]
        for before, after in zip([None, *numbers], [*numbers, None], strict=True):
            if after is not None and (before is None or before < neighbours):
                table[after, edge if before is None else before] += 1
            if before is not None and (after is None or after < neighbours):
                table[before, edge + 1 if after is None else neighbours + after] += 1
    return _Counts(table, edge + 2)


def _by_parts(vocabulary: Sequence[str]) -> _Counts:
    """Count the character n-grams of each word, those that at least two words have."""
    parts_of = [_parts(word) for word in vocabulary]
    frequency = Counter(part for parts in parts_of for part in set(parts))
    shared = [part for part in frequency if frequency[part] > 1]
    ranked = sorted(shared, key=lambda part: (-frequency[part], part))[:MOST_PARTS]
    number_of = {part: number for number, part in enumerate(ranked)}
    table = Counter(
        (word, number_of[part]) for word, parts in enumerate(parts_of) for part in parts if part in number_of
    )
    return _Counts(table, max(len(number_of), 1))


def _parts(word: str) -> list[str]:
    marked = f"<{word}>"
    return [
        marked[start : start + length]
        for length in LENGTHS_OF_PARTS
        for start in range(len(marked) - length + 1)
    ]


def _information(counts: _Counts, words: int) -> csr_array:
    """Return the positive pointwise mutual information of words and things, each row of length one."""
    from scipy.sparse import csr_array

    places = sorted(counts.table)
    rows, columns = np.array(places, dtype=np.int64).reshape(-1, 2).T
    values = np.array([counts.table[place] for place in places], dtype=np.float64)
    by_row = np.bincount(rows, values, words)
    by_column = np.bincount(columns, values, counts.columns)
    by_chance = by_row[rows] * by_column[columns] / max(values.sum(), 1)
    information = np.log(np.maximum(values / by_chance, 1))
    lengths = np.sqrt(np.bincount(rows, information**2, words))
    information /= np.maximum(lengths[rows], 1e-9)
    return csr_array((information, (rows, columns)), shape=(words, counts.columns))
