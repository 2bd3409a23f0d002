"""Parquet files as `datasets` writes them, from batches, in bounded memory.

Content-defined chunking, page index, compression and the schema's `huggingface` entry are those of
`Dataset.to_parquet`; only the row groups are smaller, so that no more than one is held in memory. Rows that
are too many for one file go on in the next: shards, named as `Dataset.push_to_hub` names them. The same rows
give the same shards and bytes, and rows that come after them leave all shards but the last as they are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..schema.errors import DataError
from ..schema.labels import LabelSet
from ..schema.provenance import PROVENANCE_COLUMNS
from .columns import TAG_PROBABILITIES, Batch, operation_of, tag_probabilities_of

if TYPE_CHECKING:
    from datasets import Features

ROW_GROUP_ROWS = 50_000

MAX_SHARD_BYTES = 500_000_000
"""How large a file may get; `datasets` has the same bound, for the size in memory."""

ShardName = Callable[[int, int], str]
"""Gives the path of a shard in the dataset by its number, from 0, and how many there are."""

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


class _Shard:
    """One file, open for row groups.

    Attributes:
        rows: Rows written so far.
        size: Their bytes in the file.
    """

    def __init__(self, path: Path, features: Features) -> None:
        from datasets import config
        from datasets.arrow_writer import get_parquet_column_options

        schema = features.arrow_schema
        path.parent.mkdir(parents=True, exist_ok=True)
        self._sink = pa.OSFile(str(path), "wb")
        self._writer = pq.ParquetWriter(
            self._sink,
            schema,
            use_content_defined_chunking=config.DEFAULT_CDC_OPTIONS,  # type: ignore[arg-type] - its stub knows no dict
            write_page_index=True,
            **get_parquet_column_options(features, schema),
        )
        self._cdc_options = json.dumps(config.DEFAULT_CDC_OPTIONS)
        self.rows = 0

    @property
    def size(self) -> int:
        return self._sink.tell()

    def write(self, row_group: pa.Table) -> None:
        self._writer.write_table(row_group, row_group_size=row_group.num_rows)
        self.rows += row_group.num_rows

    def close(self) -> None:
        self._writer.add_key_value_metadata({"content_defined_chunking": self._cdc_options})
        try:
            self._writer.close()
        finally:
            self._sink.close()


class TableWriter:
    """Writes tables of one schema into shards, row group by row group.

    Args:
        folder: The dataset's folder.
        name: Names the shards in it.
        features: What the tables hold.
        max_shard_bytes: How large a shard may get. A row group that would lead past it begins the next one,
            going by how much the rows before it took in the file.

    Attributes:
        rows: Rows written so far.
        num_bytes: Their size in memory, as `dataset_info` counts it.
        files: The finished shards as the manifest lists them; none if there was no row.
    """

    def __init__(self, folder: Path, name: ShardName, features: Features, max_shard_bytes: int) -> None:
        self._folder = folder
        self._name = name
        self._features = features
        self._max_shard_bytes = max_shard_bytes
        self._pending: list[pa.Table] = []
        self._pending_rows = 0
        self._pending_bytes = 0
        self._shard: _Shard | None = None
        self._rows_of_shard: list[int] = []
        self._bytes_written = 0
        self.rows = 0
        self.num_bytes = 0
        self.files: list[dict[str, Any]] = []

    def write(self, table: pa.Table) -> None:
        """Add rows."""
        for piece in self._pieces(table):
            if self._pending and self._pending_bytes + piece.nbytes > self._max_shard_bytes:
                self._flush()
            self._pending.append(piece)
            self._pending_rows += piece.num_rows
            self._pending_bytes += piece.nbytes
            if self._pending_rows >= ROW_GROUP_ROWS:
                self._flush()

    def finish(self) -> None:
        """Write what is pending, and give the shards their names, now that their number is known."""
        self._flush()
        self.close()
        total = len(self._rows_of_shard)
        for number, rows in enumerate(self._rows_of_shard):
            path = self._folder / self._name(number, total)
            self._part(number).rename(path)
            self.files.append(
                {"file": self._name(number, total), **asdict(describe_file(path)), "rows": rows}
            )

    def close(self) -> None:
        """Close the shard that is open."""
        if self._shard is not None:
            shard, self._shard = self._shard, None
            self._rows_of_shard.append(shard.rows)
            shard.close()

    def _pieces(self, table: pa.Table) -> Iterator[pa.Table]:
        """Part rows of which a shard may not hold as many; mostly it may."""
        if not table.num_rows:
            return
        rows = max(1, min(table.num_rows, table.num_rows * self._max_shard_bytes // max(1, table.nbytes)))
        for start in range(0, table.num_rows, rows):
            yield table.slice(start, rows)

    def _flush(self) -> None:
        """Write what is pending as one row group."""
        if not self._pending:
            return
        table = pa.concat_tables(self._pending).combine_chunks()
        shard = self._shard_for(table)
        before = shard.size
        shard.write(table)
        self._bytes_written += shard.size - before
        self.rows += table.num_rows
        self.num_bytes += table.nbytes
        self._pending = []
        self._pending_rows = self._pending_bytes = 0

    def _shard_for(self, table: pa.Table) -> _Shard:
        """Return the open shard if it has room for a table, else a new one."""
        if self._shard is not None:
            expected = table.nbytes * self._bytes_written // max(1, self.num_bytes)
            if self._shard.size + expected > self._max_shard_bytes:
                self.close()
        if self._shard is None:
            self._shard = _Shard(self._part(len(self._rows_of_shard)), self._features)
        return self._shard

    def _part(self, number: int) -> Path:
        return self._folder / f"{self._name(0, 1)}.{number}.part"


@contextmanager
def open_table(
    folder: Path, name: ShardName, features: Features, max_shard_bytes: int = MAX_SHARD_BYTES
) -> Iterator[TableWriter]:
    """Open a dataset's folder for tables of `features`; their shards are there at the end.

    Args:
        folder: The dataset's folder.
        name: Names the shards in it.
        features: What the tables hold.
        max_shard_bytes: How large a shard may get.

    Raises:
        DataError: If it cannot be written.
    """
    tables = TableWriter(folder, name, features, max_shard_bytes)
    try:
        try:
            yield tables
            tables.finish()
        finally:
            tables.close()
    except OSError as error:
        where = str(folder / name(0, 1))
        raise DataError(f"cannot be written: {error.strerror or error}", where=where) from error


def find_row(paths: Iterable[Path], id_: str) -> dict[str, Any] | None:
    """Return the row with an id among the shards of a table, None if there is none.

    No more than one row group is held in memory.
    """
    for path in paths:
        with pq.ParquetFile(path) as shard:
            for number in range(shard.num_row_groups):
                place = pc.index(shard.read_row_group(number, columns=["id"])["id"], id_).as_py()
                if place >= 0:
                    return shard.read_row_group(number).slice(place, 1).to_pylist()[0]
    return None


def datapoint_features(labels: LabelSet, *, soft: bool = False) -> Features:
    """Return the features of a published split: `id`, `tokens`, `ner_tags`.

    Args:
        labels: The labels.
        soft: Whether it also has `tag_probabilities`.
    """
    from datasets import ClassLabel, Features, List, Value

    return Features(
        {
            "id": Value("string"),
            "tokens": List(Value("string")),
            "ner_tags": List(ClassLabel(names=list(labels.names))),
            **({TAG_PROBABILITIES: List(List(Value("float32")))} if soft else {}),
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
    columns = [
        pa.array(ids, pa.string()),
        pa.ListArray.from_arrays(starts, tokens),
        pa.ListArray.from_arrays(starts, pa.array(batch.tags, pa.int64())),
    ]
    if TAG_PROBABILITIES in schema.names:
        rows = [tag_probabilities_of(found) for _, found in batch.datapoints]
        columns.append(pa.array(rows, schema.field(TAG_PROBABILITIES).type))
    return pa.Table.from_arrays(columns, schema=schema)


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
        "operation": [operation_of(place.origin.engine, found) for place, found in batch.datapoints],
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
