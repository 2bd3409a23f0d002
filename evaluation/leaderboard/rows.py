"""The rows of a leaderboard, and the one file that holds them: `leaderboard.parquet`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ...schema.errors import DataError
from ...sources.files import atomic_path

LEADERBOARD = "leaderboard.parquet"

OVERALL = "overall"
"""The scope of a row that is the mean over languages; that of any other row is its language."""

VERIFIED = "verified"
SELF_REPORTED = "self-reported"
BASELINE = "baseline"
STATUSES = (VERIFIED, BASELINE, SELF_REPORTED)
"""`verified` and `baseline` rows were scored again from their predictions, and have ranks."""


@dataclass(frozen=True, slots=True)
class TypeFigure:
    """F1 of one entity type, the mean over seeds.

    Attributes:
        type: The entity type.
        f1: From 0 to 1.
        gold: Its mentions in gold; None where nobody says.
    """

    type: str
    f1: float
    gold: int | None


@dataclass(frozen=True, slots=True)
class TrainingPart:
    """Sentences that were learned, as the submitter describes them.

    Attributes:
        role: `source`, `gold`, `related` or `validation`.
        id: A dataset's id on the Hub, or what its files are called.
        config: Its config on the Hub; None where it has one only, or is not there.
        revision: Its commit on the Hub, or `sha256:…` of files; None where it is not known.
        sentences: How many.
    """

    role: str
    id: str
    config: str | None
    revision: str | None
    sentences: int


@dataclass(frozen=True, slots=True)
class Row:
    """A system in one setting, at one size, on one benchmark or over all of them; its seeds put together.

    Text in a row was written by submitters: it is checked for its form, and still has to be escaped where it
    is shown.

    Attributes:
        rank_first: The best place it may have: as many systems of its class are certainly ahead, and one.
            None for what is not ranked, which is everything self-reported.
        rank_last: The last place it may have: no more than this many are not certainly behind.
        scope: A language's code, or `overall`.
        benchmark: The name of the benchmark; empty in the scope `overall`.
        language: The language's code; empty in the scope `overall`.
        system: What the submitter calls it.
        organization: Whose it is.
        kind: `model` for a tagger, `dataset` for a config that a standard tagger was trained on.
        status: A name in `STATUSES`.
        setting: What was learned: `scratch`, `gold+synthetic` …, or `predictions`.
        source: Where the training sentences come from; `organic` is gold.
        tagger: The name of the tagger.
        size: Sentences asked for; None for all.
        gold_sentences: Gold sentences learned, a related language's included.
        synthetic_sentences: Sentences of the source that are not gold's own.
        seeds: How many runs the figures are means of.
        f1: Mean micro-F1, from 0 to 1.
        low: Where the 95 % interval of `f1` over seeds and test sentences begins; None where it is not known.
        high: Where it ends.
        precision: Mean micro precision; None where nobody says, as all figures below.
        recall: Mean micro recall.
        macro_f1: Mean macro-F1 over the benchmark's types.
        strict_f1: Mean micro-F1 in the strict reading of IOB2.
        seen_recall: As claimed: recall on names that the training data holds.
        unseen_recall: As claimed: recall on all other names.
        per_type: One entry a type.
        cost: As claimed: what making the data has cost, once.
        currency: Of the cost, as in ISO 4217.
        f1_per_cost: F1 divided by the cost.
        f1_per_gold_sentence: F1 divided by the gold sentences learned; None where there were none.
        model: Id of the model on the Hub.
        model_revision: Its commit.
        training: What was learned.
        submitted: The date of its newest result, `YYYY-MM-DD`; empty where nobody says.
        results: The files in the repository that the row is made from.
        url: Where there is more about it; None where nobody says.
    """

    rank_first: int | None
    rank_last: int | None
    scope: str
    benchmark: str
    language: str
    system: str
    organization: str
    kind: str
    status: str
    setting: str
    source: str
    tagger: str
    size: int | None
    gold_sentences: int | None
    synthetic_sentences: int | None
    seeds: int
    f1: float
    low: float | None
    high: float | None
    precision: float | None
    recall: float | None
    macro_f1: float | None
    strict_f1: float | None
    seen_recall: float | None
    unseen_recall: float | None
    per_type: tuple[TypeFigure, ...]
    cost: float | None
    currency: str | None
    f1_per_cost: float | None
    f1_per_gold_sentence: float | None
    model: str | None
    model_revision: str | None
    training: tuple[TrainingPart, ...]
    submitted: str
    results: tuple[str, ...]
    url: str | None


_TYPE_FIGURE = pa.struct([("type", pa.string()), ("f1", pa.float64()), ("gold", pa.int64())])
_TRAINING_PART = pa.struct(
    [
        ("role", pa.string()),
        ("id", pa.string()),
        ("config", pa.string()),
        ("revision", pa.string()),
        ("sentences", pa.int64()),
    ]
)
_COLUMN_TYPES = {
    "str": pa.string(),
    "str | None": pa.string(),
    "int": pa.int64(),
    "int | None": pa.int64(),
    "float": pa.float64(),
    "float | None": pa.float64(),
    "tuple[str, ...]": pa.list_(pa.string()),
    "tuple[TypeFigure, ...]": pa.list_(_TYPE_FIGURE),
    "tuple[TrainingPart, ...]": pa.list_(_TRAINING_PART),
}

SCHEMA = pa.schema([(field.name, _COLUMN_TYPES[str(field.type)]) for field in fields(Row)])
"""The columns of `leaderboard.parquet`: those of `Row`, in its order."""


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write rows as parquet, in the order given. The same rows give the same bytes.

    Raises:
        DataError: If the file cannot be written.
    """
    table = pa.Table.from_pylist([asdict(row) for row in rows], schema=SCHEMA)
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read_rows(path: Path) -> tuple[Row, ...]:
    """Read the rows of a leaderboard.

    Raises:
        DataError: If the file is not there, or is none that `write_rows` has written.
    """
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise DataError("there is no leaderboard to read", where=str(path), hint=_BUILD) from error
    if table.schema.remove_metadata() != SCHEMA:
        raise DataError("this is a leaderboard of another version", where=str(path), hint=_BUILD)
    return tuple(_row(values) for values in table.to_pylist())


_BUILD = "Run `synthner leaderboard build`."


def _row(values: dict[str, Any]) -> Row:
    return Row(
        **{
            **values,
            "per_type": tuple(TypeFigure(**each) for each in values["per_type"]),
            "training": tuple(TrainingPart(**each) for each in values["training"]),
            "results": tuple(values["results"]),
        }
    )
