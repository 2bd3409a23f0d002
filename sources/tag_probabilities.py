"""The column `tag_probabilities`: what teachers say of each word, kept beside the labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..schema.errors import DataError
from .files import CHUNK, open_bytes
from .hub import read_hub
from .hub_reference import hub_reference
from .readers import recognise_format
from .rows import ID_COLUMNS, TAG_COLUMNS, first_present
from .tables import ROWS_A_BATCH, class_names, open_arrow, open_parquet

if TYPE_CHECKING:
    import numpy as np
    import pyarrow
    import pyarrow.parquet
    from numpy.typing import NDArray

COLUMN = "tag_probabilities"


@dataclass(frozen=True, slots=True)
class TagProbabilities:
    """The probabilities of labels in a file.

    Attributes:
        labels: The labels, in the order of the columns.
        of_row: By a row's id, one row a word and one column a label.
    """

    labels: tuple[str, ...]
    of_row: Mapping[str, NDArray[np.float32]]


def read_tag_probabilities(path: Path) -> TagProbabilities | None:
    """Read the probabilities of labels in a table; None where there are none, or the file is text.

    Args:
        path: A parquet or Arrow file, plain or gzipped, or a split on the Hub (`hub_reference`).

    Raises:
        DataError: If the column holds anything else, rows have no ids, or the file cannot be read.
    """
    if (reference := hub_reference(path)) is not None:
        data = read_hub(reference.name, config=reference.config, revision=reference.revision)
        data.check_split(reference.split)
        rows = data.splits[reference.split]
        tables: Any = rows.with_format("arrow").iter(ROWS_A_BATCH)
        return _read(rows.features.arrow_schema, tables, str(path))
    with open_bytes(path) as stream:
        format_ = recognise_format(path, stream.peek(CHUNK))
        if format_ == "parquet":
            with open_parquet(stream, path) as file:
                return _read(file.schema_arrow, _tables(file), str(path))
        if format_ == "arrow":
            with open_arrow(stream, path) as (schema, batches):
                return _read(schema, batches, str(path))
    return None


def _tables(file: pyarrow.parquet.ParquetFile) -> Iterator[pyarrow.Table]:
    # Other columns are not read; which one has the ids is known from the schema.
    columns = [name for name in file.schema_arrow.names if name in (*ID_COLUMNS, COLUMN)]
    for group in range(file.num_row_groups):
        yield file.read_row_group(group, columns=columns)


def _read(
    schema: pyarrow.Schema, tables: Iterable[pyarrow.Table | pyarrow.RecordBatch], where: str
) -> TagProbabilities | None:
    if COLUMN not in schema.names:
        return None
    tags, ids = first_present(TAG_COLUMNS, schema.names), first_present(ID_COLUMNS, schema.names)
    labels = class_names(schema, tags) if tags else None
    if labels is None or ids is None:
        raise DataError(
            f"there is a column `{COLUMN}`, but {'no ids' if labels else 'the labels have no names'}",
            where=where,
            hint="`synthner build` writes ids, and labels as a ClassLabel.",
        )
    of_row: dict[str, NDArray[np.float32]] = {}
    for table in tables:
        for id_, rows in zip(table[ids].to_pylist(), table[COLUMN].to_pylist(), strict=True):
            of_row[str(id_)] = _checked(rows, len(labels), f"{where}: {id_}")
    return TagProbabilities(tuple(labels), of_row)


def _checked(rows: Any, labels: int, where: str) -> NDArray[np.float32]:
    import numpy as np

    try:
        found = np.array(rows, dtype=np.float32).reshape(-1, labels)
    except (TypeError, ValueError):
        found = np.array([[np.nan]], dtype=np.float32)
    if not bool(((found >= 0) & (found <= 1)).all()):
        raise DataError(
            f"`{COLUMN}` does not hold one probability a label for each word",
            where=where,
            hint="Each word has a list of numbers from 0 to 1, in the order of the labels.",
        )
    return found
