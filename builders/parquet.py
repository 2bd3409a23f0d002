"""Parquet files as `datasets` writes them, from batches, in bounded memory.

Content-defined chunking, page index, compression and the schema's `huggingface` entry are those of
`Dataset.to_parquet`; only the row groups are smaller, so that no more than one is held in memory. The same
rows give the same bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..schema.errors import DataError
from ..schema.labels import LabelSet
from ..schema.provenance import PROVENANCE_COLUMNS
from .columns import Batch

if TYPE_CHECKING:
    from datasets import Features

ROW_GROUP_ROWS = 50_000

_write_json = json.JSONEncoder(ensure_ascii=False).encode


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """What there is to say about a file.

    Attributes:
        sha256: Of its bytes.
        bytes: Its size.
    """

    sha256: str
    bytes: int


def describe_file(path: Path) -> WrittenFile:
    """Hash and measure a file."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return WrittenFile(digest.hexdigest(), path.stat().st_size)


class TableWriter:
    """Writes tables of one schema into one file, row group by row group.

    Attributes:
        rows: Rows written so far.
        num_bytes: Their size in memory, as `dataset_info` counts it.
    """

    def __init__(self, writer: pq.ParquetWriter) -> None:
        self._writer = writer
        self._pending: list[pa.Table] = []
        self._pending_rows = 0
        self.rows = 0
        self.num_bytes = 0

    def write(self, table: pa.Table) -> None:
        """Add rows."""
        if not table.num_rows:
            return
        self._pending.append(table)
        self._pending_rows += table.num_rows
        if self._pending_rows >= ROW_GROUP_ROWS:
            self.flush()

    def flush(self) -> None:
        """Write what is pending as one row group."""
        if not self._pending:
            return
        table = pa.concat_tables(self._pending).combine_chunks()
        self._writer.write_table(table, row_group_size=table.num_rows)
        self.rows += table.num_rows
        self.num_bytes += table.nbytes
        self._pending = []
        self._pending_rows = 0


@contextmanager
def open_table(path: Path, features: Features) -> Iterator[TableWriter]:
    """Open a parquet file for tables of `features`.

    Raises:
        DataError: If it cannot be written.
    """
    from datasets import config
    from datasets.arrow_writer import get_parquet_column_options

    schema = features.arrow_schema
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with pq.ParquetWriter(
            path,
            schema,
            use_content_defined_chunking=config.DEFAULT_CDC_OPTIONS,  # type: ignore[arg-type] - its stub knows no dict
            write_page_index=True,
            **get_parquet_column_options(features, schema),
        ) as writer:
            tables = TableWriter(writer)
            yield tables
            tables.flush()
            writer.add_key_value_metadata(
                {"content_defined_chunking": json.dumps(config.DEFAULT_CDC_OPTIONS)}
            )
    except OSError as error:
        raise DataError(f"cannot be written: {error.strerror or error}", where=str(path)) from error


def datapoint_features(labels: LabelSet) -> Features:
    """Return the features of a published split: `id`, `tokens`, `ner_tags`."""
    from datasets import ClassLabel, Features, List, Value

    return Features(
        {
            "id": Value("string"),
            "tokens": List(Value("string")),
            "ner_tags": List(ClassLabel(names=list(labels.names))),
        }
    )


def provenance_features() -> Features:
    """Return the features of a provenance file."""
    from datasets import Features, List, Value

    special = {"item": Value("int32"), "seed_ids": List(Value("string"))}
    return Features({column: special.get(column, Value("string")) for column in PROVENANCE_COLUMNS})


def row_ids(batch: Batch, config: str) -> list[str]:
    """Return the ids of a batch's sentences: config, split, call and item, the same in every rebuild."""
    prefix_of = {id(place): f"{config}-{place.split}-{place.index}-" for place, _ in batch.datapoints}
    return [f"{prefix_of[id(place)]}{found.item}" for place, found in batch.datapoints]


def datapoint_table(batch: Batch, ids: Sequence[str], texts: Sequence[str], schema: pa.Schema) -> pa.Table:
    """Make the published rows of a batch.

    Args:
        batch: The sentences.
        ids: Their ids.
        texts: The tokens by number.
        schema: Of `datapoint_features`.
    """
    starts = pa.array(batch.starts, pa.int32())
    tokens = pa.array([texts[number] for number in batch.tokens.tolist()], pa.string())
    return pa.Table.from_arrays(
        [
            pa.array(ids, pa.string()),
            pa.ListArray.from_arrays(starts, tokens),
            pa.ListArray.from_arrays(starts, pa.array(batch.tags, pa.int64())),
        ],
        schema=schema,
    )


def provenance_table(batch: Batch, ids: Sequence[str]) -> pa.Table:
    """Make the provenance rows of a batch; what a call's datapoints share is encoded once a call."""
    places = list({id(place): place for place, _ in batch.datapoints}.values())
    number_of = {id(place): number for number, place in enumerate(places)}
    place_of = pa.array(
        np.fromiter((number_of[id(place)] for place, _ in batch.datapoints), np.int64, len(batch))
    )
    repairs = [_write_json(batch.repairs[row]) if row in batch.repairs else "[]" for row in range(len(batch))]
    shared: dict[str, list[Any]] = {
        "split": [place.split for place in places],
        "engine": [place.origin.engine for place in places],
        "model": [place.origin.model for place in places],
        "call_key": [place.origin.call_key for place in places],
        "seed_ids": [list(place.origin.seed_ids) for place in places],
        "seed_revision": [place.origin.seed_revision for place in places],
        "prompt_sha256": [place.origin.prompt_sha256 for place in places],
        "sampling": [
            json.dumps(place.origin.sampling, ensure_ascii=False, sort_keys=True) for place in places
        ],
        "finish_reason": [place.origin.finish_reason for place in places],
    }
    own: dict[str, list[Any]] = {
        "id": list(ids),
        "item": [found.item for _, found in batch.datapoints],
        "parse_path": [found.parse_path for _, found in batch.datapoints],
        "repairs": repairs,
    }
    schema = provenance_features().arrow_schema
    columns = [
        pa.array(own[field.name], field.type)
        if field.name in own
        else pa.array(shared[field.name], field.type).take(place_of)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)
