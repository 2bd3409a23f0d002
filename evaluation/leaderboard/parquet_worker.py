"""Unpacks files of predictions in a process of its own: damaged parquet can end the process that reads it.

It reads requests on its standard input and answers on its standard output until the input ends. A request is
a line of JSON, `{"bytes", "sentences", "words"}`, and that many bytes of parquet. An answer is a line of JSON
and what it announces: `{"ids", "tags", "lengths", "numbers"}` with as many 64-bit integers, or `{"error"}`.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..mention_arrays import Integers
from .parquet_pages import PLAIN_ENCODINGS, BrokenPageError, read_pages

LONGEST_TEXT = 1_000
"""Of an id or a tag, in characters."""

ID, PREDICTED = "id", "predicted"
_MOST_ROW_GROUPS = 1_000
_MOST_UNPACKED = 134_217_728
_MOST_IN_MEMORY = 536_870_912
_MOST_ADDRESSES = 8_589_934_592
_LONGEST_REASON = 200

_TOO_LARGE = "unpacked, the file would be larger than its sentences explain"


class RefusedError(ValueError):
    """A file that is not unpacked, and why."""


@dataclass(frozen=True)
class Unpacked:
    """A file of predictions, flat.

    Attributes:
        ids: The ids of the sentences.
        tags: Every tag that occurs.
        lengths: How many tags each sentence has.
        numbers: For each tag of each sentence, its number in `tags`.
    """

    ids: list[str]
    tags: list[str]
    lengths: Integers
    numbers: Integers


def unpack(data: bytes, sentences: int, words: int) -> Unpacked:
    """Unpack a file of predictions.

    Args:
        data: The file.
        sentences: How many it must have.
        words: How many tags it may have.

    Raises:
        RefusedError: If it has other columns, is not sound, or would be larger than this.
    """
    file = pq.ParquetFile(pa.BufferReader(data))
    metadata = file.metadata
    if metadata.num_columns != 2 or metadata.num_row_groups > _MOST_ROW_GROUPS:
        raise RefusedError("the file has other columns, or more than a thousand row groups")
    _check_columns(file.schema_arrow)
    if metadata.num_rows != sentences:
        raise RefusedError(f"it has {metadata.num_rows} sentences, and gold has {sentences}")
    _check_pages(data, metadata, (sentences, words + sentences))
    # A long id that stands in the file once, and is referred to a million times, is not repeated in memory.
    # Lists cannot be read so; what their dictionaries unfold to is bounded by `_check_pages`.
    path = file.schema.column(0).path
    reader = pq.ParquetFile(pa.BufferReader(data), metadata=metadata, read_dictionary=[path])
    table = reader.read(use_threads=False)
    if table.num_rows != sentences:
        raise RefusedError("the file does not have as many rows as it says")
    return _flat(table)


def _check_columns(schema: pa.Schema) -> None:
    if schema.names != [ID, PREDICTED]:
        shown = ", ".join(repr(name[:60]) for name in schema.names[:4])
        raise RefusedError(f"its columns are {shown}, not `id` and `predicted`")
    tags = schema.field(PREDICTED).type
    is_list = pa.types.is_list(tags) or pa.types.is_large_list(tags)
    if not (_is_text(schema.field(ID).type) and is_list and _is_text(tags.value_type)):
        raise RefusedError("its columns are of other kinds: `id` is text and `predicted` a list of texts")


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _check_pages(data: bytes, metadata: pq.FileMetaData, most: tuple[int, int]) -> None:
    """Refuse a file whose pages unfold to more than there are sentences and words."""
    unpacked = longest = 0
    values = Counter[int]()
    try:
        for column, page in read_pages(data, metadata):
            unpacked += page.bytes
            if page.is_dictionary:
                # One of its texts may be as long as all of it.
                longest = max(longest, page.bytes if column else 0)
            else:
                values[column] += page.values
            if page.encoding not in PLAIN_ENCODINGS:
                raise RefusedError(
                    "a column is in an encoding that is not read here; plain and dictionary encoding are"
                )
            if unpacked > _MOST_UNPACKED or values[column] > most[column]:
                raise RefusedError(_TOO_LARGE)
    except BrokenPageError as error:
        raise RefusedError(f"the parquet file is damaged: {error}") from error
    if longest * values[1] > _MOST_IN_MEMORY:
        raise RefusedError(_TOO_LARGE)


def _flat(table: pa.Table) -> Unpacked:
    ids: list[str] = []
    for chunk in table[ID].chunks:
        _check_complete(chunk)
        _texts(chunk.dictionary if isinstance(chunk, pa.DictionaryArray) else chunk)
        ids += chunk.to_pylist()
    numbers_of: dict[str, int] = {}
    nothing = np.zeros(0, dtype=np.int64)
    lengths: list[Integers] = [nothing]
    flat: list[Integers] = [nothing]
    for chunk in table[PREDICTED].chunks:
        _check_complete(chunk)
        lengths.append(np.diff(chunk.offsets.to_numpy()).astype(np.int64))
        words = chunk.flatten()
        _check_complete(words)
        encoded = words.dictionary_encode()
        known = [numbers_of.setdefault(name, len(numbers_of)) for name in _texts(encoded.dictionary)]
        indices = encoded.indices.to_numpy(zero_copy_only=False)
        flat.append(np.array(known, dtype=np.int64)[indices] if len(indices) else nothing)
    return Unpacked(ids, list(numbers_of), np.concatenate(lengths), np.concatenate(flat))


def _check_complete(chunk: pa.Array) -> None:
    chunk.validate(full=True)
    if chunk.null_count:
        raise RefusedError("a value is missing")


def _texts(values: pa.Array) -> list[str]:
    _check_complete(values)
    texts: list[str] = values.to_pylist()
    if any(len(text) > LONGEST_TEXT for text in texts):
        raise RefusedError(f"an id or a tag is longer than {LONGEST_TEXT:,} characters")
    return texts


def answer(data: bytes, sentences: int, words: int) -> tuple[dict[str, Any], bytes]:
    """Unpack a file, or say why not."""
    try:
        unpacked = unpack(data, sentences, words)
    except RefusedError as error:
        return {"error": str(error)}, b""
    except (pa.ArrowException, OSError, ValueError, LookupError, MemoryError, OverflowError) as error:
        reason = " ".join(str(error).split())[:_LONGEST_REASON]
        return {"error": f"the parquet file cannot be read: {reason}"}, b""
    head = {
        "ids": unpacked.ids,
        "tags": unpacked.tags,
        "lengths": len(unpacked.lengths),
        "numbers": len(unpacked.numbers),
    }
    return head, unpacked.lengths.tobytes() + unpacked.numbers.tobytes()


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until there are no more."""
    while line := requests.readline():
        request = json.loads(line)
        head, body = answer(requests.read(request["bytes"]), request["sentences"], request["words"])
        answers.write(json.dumps(head).encode("ascii") + b"\n" + body)
        answers.flush()


def _limit_memory() -> None:
    with suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MOST_ADDRESSES, _MOST_ADDRESSES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    _limit_memory()
    serve(sys.stdin.buffer, sys.stdout.buffer)
