"""Parquet and Arrow: columns of lists, read batch by batch."""

from __future__ import annotations

import io
import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from ..schema.errors import DataError
from ..schema.secrecy import without_secrets
from .files import CHUNK
from .report import Report
from .rows import ID_COLUMNS, TAG_COLUMNS, TOKEN_COLUMNS, RowReader, first_present
from .sentences import Sentence

if TYPE_CHECKING:
    import pyarrow
    import pyarrow.parquet

ROWS_A_BATCH = 1000


def read_parquet(
    stream: io.BufferedReader,
    path: Path,
    tag_names: Sequence[str] | None = None,
    report: Report | None = None,
) -> Iterator[Sentence]:
    """Read the sentences of a parquet file, row group by row group.

    The names behind integer tags are the file's own (the `ClassLabel` that `datasets` notes in the
    schema), else `tag_names`.

    Raises:
        DataError: If it is no parquet file, lacks the columns, or has integer tags without names.
    """
    with open_parquet(stream, path) as file:
        schema = file.schema_arrow
        columns = _columns(schema, path)
        needed = [name for name in columns if name]
        # Group by group: columns of lists of dictionaries cannot be read across groups.
        batches = (
            batch
            for group in range(file.num_row_groups)
            for batch in file.iter_batches(ROWS_A_BATCH, row_groups=[group], columns=needed)
        )
        yield from read_batches(batches, schema, path, tag_names, report)


def read_arrow(
    stream: io.BufferedReader,
    path: Path,
    tag_names: Sequence[str] | None = None,
    report: Report | None = None,
) -> Iterator[Sentence]:
    """Read the sentences of an Arrow file or Arrow stream, batch by batch.

    Raises:
        DataError: As `read_parquet` does.
    """
    with open_arrow(stream, path) as (schema, batches):
        yield from read_batches(batches, schema, path, tag_names, report)


@contextmanager
def open_parquet(stream: io.BufferedReader, path: Path) -> Iterator[pyarrow.parquet.ParquetFile]:
    """Open a parquet file, gzipped or not.

    Args:
        stream: What `open_bytes` gave.
        path: The file's name in errors.

    Raises:
        DataError: If it is none or, while it is read in the `with` block, is damaged.
    """
    import pyarrow.parquet

    with _seekable(stream) as seekable, _arrow_errors(path, "parquet"):
        yield pyarrow.parquet.ParquetFile(seekable)


@contextmanager
def open_arrow(
    stream: io.BufferedReader, path: Path
) -> Iterator[tuple[pyarrow.Schema, Iterable[pyarrow.RecordBatch]]]:
    """Open an Arrow file or Arrow stream, gzipped or not: its schema, and its batches as a stream.

    Args:
        stream: What `open_bytes` gave.
        path: The file's name in errors.

    Raises:
        DataError: As `open_parquet` does.
    """
    import pyarrow

    with _seekable(stream) as seekable, _arrow_errors(path, "Arrow"):
        is_file = seekable.read(6) == b"ARROW1"
        seekable.seek(0)
        if is_file:
            file = pyarrow.ipc.open_file(seekable)
            yield file.schema, (file.get_batch(index) for index in range(file.num_record_batches))
        else:
            batches = pyarrow.ipc.open_stream(seekable)
            yield batches.schema, batches


def read_batches(
    batches: Iterable[Any],
    schema: pyarrow.Schema,
    where: str | Path,
    tag_names: Sequence[str] | None = None,
    report: Report | None = None,
) -> Iterator[Sentence]:
    """Read the sentences of record batches or tables.

    Raises:
        DataError: If there are no columns of tokens and tags, or tags are integers without names.
    """
    tokens_column, tags_column, id_column = _columns(schema, where)
    reader = RowReader(where, class_names(schema, tags_column) or tag_names, report)
    number = 0
    for batch in batches:
        tokens = _lists(batch.column(tokens_column))
        tags = _lists(batch.column(tags_column))
        ids = batch.column(id_column).to_pylist() if id_column else [None] * len(tokens)
        for row in zip(tokens, tags, ids, strict=True):
            number += 1
            sentence = reader.read(*row, number)
            if sentence is not None:
                yield sentence


def class_names(schema: pyarrow.Schema, column: str) -> list[str] | None:
    """Return the names of a `ClassLabel` column, as `datasets` notes them in the schema; None without."""
    noted = (schema.metadata or {}).get(b"huggingface")
    if noted is None:
        return None
    try:
        feature = json.loads(noted)["info"]["features"][column]
    except (ValueError, KeyError, TypeError):
        return None
    while True:
        if isinstance(feature, list) and len(feature) == 1:
            feature = feature[0]
        elif isinstance(feature, dict) and "feature" in feature:
            feature = feature["feature"]
        else:
            break
    names = feature.get("names") if isinstance(feature, dict) else None
    if isinstance(names, list) and all(isinstance(name, str) for name in names):
        return names
    return None


def _columns(schema: pyarrow.Schema, where: str | Path) -> tuple[str, str, str | None]:
    tokens = first_present(TOKEN_COLUMNS, schema.names)
    tags = first_present(TAG_COLUMNS, schema.names)
    if tokens is None or tags is None:
        raise DataError(
            f"there are no columns of tokens and tags, only {', '.join(schema.names) or 'none'}",
            where=str(where),
            hint=f"Tokens stand in `{'` or `'.join(TOKEN_COLUMNS)}`, tags in `{'` or `'.join(TAG_COLUMNS)}`.",
        )
    return tokens, tags, first_present(ID_COLUMNS, schema.names)


def _lists(column: Any) -> list[Any]:
    """Return a column of lists as Python lists; flattening first is several times faster than row by row."""
    import pyarrow

    if isinstance(column, pyarrow.ChunkedArray):
        return [row for chunk in column.chunks for row in _lists(chunk)]
    kind = column.type
    if not (pyarrow.types.is_list(kind) or pyarrow.types.is_large_list(kind)) or column.null_count:
        return column.to_pylist()
    values = column.flatten()
    if values.null_count:
        return column.to_pylist()
    flat = values.to_numpy(zero_copy_only=False).tolist()
    offsets = column.offsets.to_pylist()
    start = offsets[0]
    return [flat[begin - start : end - start] for begin, end in pairwise(offsets)]


@contextmanager
def _seekable(stream: io.BufferedReader) -> Iterator[BinaryIO]:
    """Give a stream that can jump to its end: a gzipped file or a pipe is unpacked to a temporary file."""
    if isinstance(stream.raw, io.FileIO) and stream.seekable():
        yield stream
        return
    with tempfile.TemporaryFile() as unpacked:
        shutil.copyfileobj(stream, unpacked, CHUNK)
        unpacked.seek(0)
        yield unpacked


@contextmanager
def _arrow_errors(path: Path, name: str) -> Iterator[None]:
    import pyarrow

    try:
        yield
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise DataError(
            f"the {name} file cannot be read: {without_secrets(error)}",
            where=str(path),
            hint="Download or write it again.",
        ) from error
