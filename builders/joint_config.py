"""The build of a joint config: what configs of several languages publish, in one, with a language column.

Nothing is asked and no label is changed. The rows are read from the files that this build has just written,
and go once more through the gates that compare sentences: what is new in its own language may stand in
another's test split, or in another's gold.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..generation.salvage import Found
from ..release import JointConfig
from ..schema.errors import DataError
from ..schema.labels import LabelSet
from ..schema.provenance import Origin
from ..schema.splits import SPLITS
from ..schema.waterfall import JOINED, Waterfall
from ..sources.gold import Gold
from .columns import Batch, Datapoint, Place
from .config_build import provenance_shards, split_shards
from .contamination import ContaminationGate
from .duplicates import PRIORITY, DuplicatesGate
from .gates import run_gates
from .label_columns import LabelColumns
from .parquet import TableWriter, datapoint_features, open_table, provenance_features
from .quoting import Quoting
from .rejects import Rejects, open_rejects
from .row_tally import SAMPLES, RowTally
from .vocabulary import Vocabulary

if TYPE_CHECKING:
    from datasets import Features

LANGUAGE = "language"
"""The column with the code of the language that a row is in."""

_ROWS_A_BATCH = 10_000
_STEPS = (JOINED, "duplicates", "contamination", "published")
_SEED_COPIES = "seed_copies"

Described = Mapping[str, Any]


def joint_labels(label_sets: Sequence[Sequence[str]]) -> LabelSet:
    """Unite label sets: the labels of the first as they are, then those of each other that are new."""
    return LabelSet(tuple(dict.fromkeys(chain.from_iterable(label_sets))))


def joint_features(labels: LabelSet) -> Features:
    """Return the features of a split of a joint config: `id`, `tokens`, `ner_tags`, `language`.

    Probabilities of labels stay with the configs that it joins: label sets differ, and so would what a
    probability is of.
    """
    from datasets import Features, Value

    return Features({**datapoint_features(labels), LANGUAGE: Value("string")})


class JointBuild:
    """Builds one joint config into the folder that the configs which it joins were built into.

    Args:
        joint: What to build.
        described: What the manifest says of the configs that it joins, by their names.
        gold: Gold data by language code.
        max_shard_bytes: How large a file of the dataset may get.
        advance: Told how many rows of these configs were read, and how many they hold.
    """

    def __init__(
        self,
        joint: JointConfig,
        described: Mapping[str, Described],
        gold: Mapping[str, Gold],
        *,
        max_shard_bytes: int,
        advance: Callable[[int, int], object],
    ) -> None:
        self._joint = joint
        self._described = {config.name: described[config.name] for config in joint.joined}
        self._labels = joint_labels([config["labels"] for config in self._described.values()])
        self._max_shard_bytes = max_shard_bytes
        self._advance = advance
        self._rows = sum(
            split["examples"] for config in self._described.values() for split in config["splits"].values()
        )
        self._rows_read = 0
        self._vocabulary = Vocabulary(())
        self._duplicates = DuplicatesGate()
        # No prompt is looked at again: what it showed is in the gold that is.
        gold_of_all = _united([gold[config.language.code] for config in joint.joined])
        self._contamination = ContaminationGate(gold_of_all, seeds_from={})
        self._quoting = Quoting(gold_of_all.splits, self._labels.names)
        self._gates = (("duplicates", self._duplicates), ("contamination", self._contamination))

    def run(self, folder: Path, rejects_path: Path) -> dict[str, Any]:
        """Write parquet and provenance below `folder`, and what is left out.

        Returns:
            The config's part of the manifest.

        Raises:
            DataError: If nothing is left, or a file cannot be written.
        """
        name = self._joint.name
        splits: dict[str, Any] = {}
        left_out: dict[str, str] = {}
        waterfalls: dict[str, Waterfall] = {}
        features = provenance_features()
        self._advance(self._rows_read, self._rows)
        with ExitStack() as stack:
            readers = {
                config.language.code: stack.enter_context(
                    closing(_ConfigReader(folder, config.name, self._described[config.name], self._labels))
                )
                for config in self._joint.joined
            }
            rejects = stack.enter_context(open_rejects(rejects_path, name))
            provenance = stack.enter_context(
                open_table(folder, provenance_shards(name), features, self._max_shard_bytes)
            )
            for split in PRIORITY:
                if not any(split in config["splits"] for config in self._described.values()):
                    continue
                waterfalls[split] = Waterfall()
                described = self._run_split(split, folder, readers, provenance, waterfalls[split], rejects)
                if described is None:
                    left_out[split] = "each of its sentences stands in another split, or in gold data"
                else:
                    splits[split] = described
        if not splits:
            raise DataError(
                "no datapoint is left: each stands in the gold data of one of its languages",
                where=name,
                hint="Take it out of `joint` in release.yaml.",
            )
        return {
            "joins": {config.language.code: config.name for config in self._joint.joined},
            "labels": list(self._labels.names),
            "splits": {split: splits[split] for split in SPLITS if split in splits},
            "splits_left_out": {split: left_out[split] for split in SPLITS if split in left_out},
            "totals": {
                step: sum(waterfall[step].kept for waterfall in waterfalls.values())
                for step in (JOINED, "published")
            },
            "waterfall": {
                split: self._quoting.waterfall(waterfalls[split].as_json())
                for split in SPLITS
                if split in waterfalls
            },
            "contamination": self._quoting.contamination(
                {kind: of for kind, of in self._contamination.counts.items() if kind != _SEED_COPIES}
            ),
            "provenance": {"files": provenance.files},
            "rejects": rejects.lines,
        }

    def _run_split(
        self,
        split: str,
        folder: Path,
        readers: Mapping[str, _ConfigReader],
        provenance: TableWriter,
        waterfall: Waterfall,
        rejects: Rejects,
    ) -> dict[str, Any] | None:
        """Write one split; return what the manifest says of it, None if it holds no row."""
        for step in _STEPS:
            waterfall[step]
        self._duplicates.begin_split(split)
        columns = LabelColumns(self._labels)
        tallies = {code: RowTally(columns, self._labels.names, self._quoting) for code in readers}
        name = split_shards(self._joint.name, split)
        with open_table(folder, name, joint_features(self._labels), self._max_shard_bytes) as rows:
            for code, reader in readers.items():
                for batch, published, origins in reader.batches(split, self._vocabulary):
                    waterfall[JOINED].kept += len(batch)
                    waterfall[JOINED].notes[reader.config] += len(batch)
                    kept = run_gates(self._gates, batch.with_texts(self._vocabulary), waterfall, rejects)
                    ids = _ids(kept)
                    is_kept = _is_among(origins["id"], ids)
                    rows.write(self._table(published.filter(is_kept), kept, code))
                    provenance.write(origins.filter(is_kept))
                    tallies[code].add(kept, ids, self._vocabulary.texts)
                    self._vocabulary.make_room()
                    self._rows_read += len(batch)
                    self._advance(self._rows_read, self._rows)
        waterfall["published"].kept = rows.rows
        waterfall["published"].notes["without mentions"] = sum(
            tally.without_mentions for tally in tallies.values()
        )
        if not rows.rows:
            return None
        return {"files": rows.files, "num_bytes": rows.num_bytes, **_summed_up(tallies)}

    def _table(self, published: pa.Table, kept: Batch, code: str) -> pa.Table:
        """Make the rows of a batch in a language: as they are published, their labels numbered anew."""
        starts = pa.array(kept.starts, pa.int32())
        tags = pa.ListArray.from_arrays(starts, pa.array(kept.tags, pa.int64()))
        languages = pa.array([code] * len(kept), pa.string())
        schema = joint_features(self._labels).arrow_schema
        columns = [published["id"], published["tokens"], tags, languages]
        return pa.Table.from_arrays(columns, names=schema.names).cast(schema)


class _ConfigReader:
    """Reads what a config publishes, split by split in the order of `PRIORITY`, with each row's provenance.

    Provenance is one table in that same order: it is read on from where the split before ended.

    Args:
        folder: The dataset's folder.
        config: The config's name.
        described: What the manifest says of it.
        labels: The labels to number its tags by.
    """

    def __init__(self, folder: Path, config: str, described: Described, labels: LabelSet) -> None:
        self.config = config
        self._folder = folder
        self._described = described
        self._labels = labels
        self._number_of = np.array([labels.ids[name] for name in described["labels"]], dtype=np.int64)
        self._origins = _batches(folder, described["provenance"])
        self._rest = pa.Table.from_batches([], provenance_features().arrow_schema)

    def close(self) -> None:
        """Close the file that is open."""
        self._origins.close()

    def batches(self, split: str, vocabulary: Vocabulary) -> Iterator[tuple[Batch, pa.Table, pa.Table]]:
        """Yield the rows of a split, their tags numbered anew, each batch with its table and its provenance.

        No split and no batch may be skipped.
        """
        if split not in self._described["splits"]:
            return
        with closing(_batches(self._folder, self._described["splits"][split])) as tables:
            for rows in tables:
                origins = self._take_origins(rows.num_rows)
                yield self._batch(rows, origins, split, vocabulary), rows, origins

    def _take_origins(self, rows: int) -> pa.Table:
        while self._rest.num_rows < rows:
            further = next(self._origins).cast(self._rest.schema)
            self._rest = pa.concat_tables([self._rest, further])
        taken, self._rest = self._rest.slice(0, rows), self._rest.slice(rows)
        return taken

    def _batch(self, rows: pa.Table, origins: pa.Table, split: str, vocabulary: Vocabulary) -> Batch:
        tokens, tags = (rows[column].combine_chunks() for column in ("tokens", "ner_tags"))
        starts = np.zeros(rows.num_rows + 1, dtype=np.int64)
        np.cumsum(tokens.value_lengths().to_numpy(), out=starts[1:])
        encoded = tokens.flatten().dictionary_encode()
        distinct: list[str] = encoded.dictionary.to_pylist()
        which = encoded.indices.to_numpy()
        words = [distinct[number] for number in which.tolist()]
        numbers = self._number_of[tags.flatten().to_numpy()]
        names = [self._labels.names[number] for number in numbers.tolist()]
        ends = starts.tolist()
        datapoints = [
            self._datapoint(split, row, words[start:end], names[start:end])
            for row, start, end in zip(
                origins.select(["id", "call_key", "item", "parse_path"]).to_pylist(),
                ends,
                ends[1:],
                strict=False,
            )
        ]
        known = np.array([vocabulary[word] for word in distinct], dtype=np.int64)
        return Batch(datapoints, starts, known[which], numbers)

    def _datapoint(
        self, split: str, origin: Mapping[str, Any], tokens: list[str], tags: list[str]
    ) -> Datapoint:
        call = int(origin["id"].rsplit("-", 2)[1])
        # What else provenance says stays in the file: only what is left out is written of a datapoint here.
        place = Place(split, call, Origin(origin["call_key"], engine="", model=""), self.config)
        return Datapoint(place, Found(origin["item"], tokens, tags, origin["parse_path"], None, None))


def _is_among(column: pa.ChunkedArray, ids: Sequence[str]) -> pa.BooleanArray:
    """Say of each row whether its id is one of these."""
    wanted = frozenset(ids)
    return pa.array([id_ in wanted for id_ in column.to_pylist()], pa.bool_())


def _batches(folder: Path, table: Described) -> Generator[pa.Table]:
    for shard in table["files"]:
        with pq.ParquetFile(folder / shard["file"]) as file:
            for batch in file.iter_batches(_ROWS_A_BATCH):
                yield pa.Table.from_batches([batch])


def _ids(batch: Batch) -> list[str]:
    return [f"{place.config}-{place.split}-{place.index}-{found.item}" for place, found in batch.datapoints]


def _united(gold: Sequence[Gold]) -> Gold:
    """Return gold of several languages as one, to compare sentences with."""
    splits = dict.fromkeys(split for each in gold for split in each.splits)
    examples = {
        split: tuple(chain.from_iterable(each.splits.get(split, ()) for each in gold)) for split in splits
    }
    return replace(gold[0], splits=examples)


def _summed_up(tallies: Mapping[str, RowTally]) -> dict[str, Any]:
    """Return the keys that the manifest has for a split's rows; the samples are of different languages."""
    found = {code: tally.as_json() for code, tally in tallies.items()}
    samples = [
        {**facts["samples"][place], LANGUAGE: code}
        for place in range(SAMPLES)
        for code, facts in found.items()
        if place < len(facts["samples"])
    ]
    first, *others = found.values()
    return {
        "examples": sum(facts["examples"] for facts in found.values()),
        "tokens": sum(facts["tokens"] for facts in found.values()),
        "mentions": {
            type_: number + sum(facts["mentions"][type_] for facts in others)
            for type_, number in first["mentions"].items()
        },
        "without_mentions": sum(facts["without_mentions"] for facts in found.values()),
        "languages": {code: facts["examples"] for code, facts in found.items()},
        "samples": samples[:SAMPLES],
    }
