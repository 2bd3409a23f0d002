"""Results: one JSON and one parquet of predictions a cell, in `runs/<id>/`."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ...schema.errors import DataError
from ...schema.example import Example
from ...schema.validation import explain, first_error
from ...sources.files import atomic_path, write_atomically
from ..recipes import GOLD_ONLY

RESULT = "result.json"
PREDICTIONS_FILE = "predictions.parquet"
FAILURE = "failure.json"

_SCHEMA = pa.schema([("id", pa.string()), ("predicted", pa.list_(pa.string()))])


@dataclass(frozen=True)
class Outcome:
    """What came of a cell, ready to be written anywhere.

    Attributes:
        result: The result, all of it but the sha256 of the predictions.
        predictions: The predicted tags of the test sentences, as parquet.
    """

    result: Mapping[str, Any]
    predictions: bytes


def encode_predictions(test: Sequence[Example], predicted: Sequence[Sequence[str]]) -> bytes:
    """Return predicted tags as parquet: `id` and `predicted`, in the order of the test split.

    Gold is not among them: whoever has it can score them, and its licence need not allow more.
    """
    table = pa.Table.from_pydict(
        {"id": [example.id for example in test], "predicted": [list(tags) for tags in predicted]},
        schema=_SCHEMA,
    )
    stream = io.BytesIO()
    pq.write_table(table, stream, compression="zstd")
    return stream.getvalue()


def read_predicted_tags(folder: Path) -> dict[str, tuple[str, ...]]:
    """Return the predicted tags of each test sentence of a cell, by its id, in their order.

    Raises:
        DataError: If they cannot be read.
    """
    path = folder / PREDICTIONS_FILE
    try:
        table = pq.read_table(path, schema=_SCHEMA)
    except (OSError, pa.ArrowException) as error:
        raise DataError("there are no predictions to read", where=str(path)) from error
    return {
        id_: tuple(tags)
        for id_, tags in zip(table["id"].to_pylist(), table["predicted"].to_pylist(), strict=True)
    }


def write_outcome(folder: Path, outcome: Outcome) -> None:
    """Write a cell's predictions and its result; the result comes last, and with it the cell is done.

    Raises:
        DataError: If they cannot be written.
    """
    with atomic_path(folder / PREDICTIONS_FILE) as temporary:
        temporary.write_bytes(outcome.predictions)
    digest = hashlib.sha256(outcome.predictions).hexdigest()
    result = {**outcome.result, "predictions": {"file": PREDICTIONS_FILE, "sha256": digest}}
    _check(result, folder / RESULT)
    _write_json(folder / RESULT, result)
    (folder / FAILURE).unlink(missing_ok=True)


def write_failure(folder: Path, cell: Mapping[str, Any], message: str) -> None:
    """Write why a cell has no result.

    Raises:
        DataError: If it cannot be written.
    """
    _write_json(folder / FAILURE, {"cell": cell, "message": message})


def read_failure(folder: Path) -> str | None:
    """Return why a cell failed the last time it was run; None where it did not."""
    try:
        return str(json.loads((folder / FAILURE).read_text(encoding="utf-8"))["message"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def read_result(folder: Path) -> dict[str, Any]:
    """Read and check the result of a cell.

    Raises:
        DataError: If there is none, or it is not one that this version of synthner writes.
    """
    path = folder / RESULT
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(
            "there is no result here", where=str(path), hint="Run `synthner evaluate`."
        ) from error
    except (ValueError, RecursionError) as error:
        raise DataError("this is not JSON", where=str(path), hint=_DELETE) from error
    _check(result, path)
    return result


def _check(result: Any, path: Path) -> None:
    problem = first_error("result", result)
    if problem is not None:
        keys = ".".join(str(key) for key in problem.absolute_path)
        message, _ = explain(problem)
        raise DataError(f"{keys}: {message}" if keys else message, where=str(path), hint=_DELETE)


def is_done(folder: Path) -> bool:
    """Say whether a cell has a result."""
    return (folder / RESULT).is_file()


def read_results(runs: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Read every result of a folder of runs, in the order of their ids.

    Raises:
        DataError: If one of them cannot be used.
    """
    for path in sorted(runs.glob(f"*/{RESULT}")):
        yield path.parent, read_result(path.parent)


_DELETE = "Delete it, and run `synthner evaluate` again."


def _write_json(path: Path, value: Any) -> None:
    with write_atomically(path) as stream:
        json.dump(value, stream, ensure_ascii=False, indent=1)
        stream.write("\n")


def learned_parts(result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the parts of the training data that were learned: all, unless gold alone was better."""
    parts = result["data"]["train"]
    if not is_gold_only(result["combination"]):
        return parts
    return [part for part in parts if part["role"] == "gold"]


def is_gold_only(combination: Mapping[str, Any] | None) -> bool:
    """Say whether a result's combination left out what stood beside gold."""
    return combination is not None and combination["recipe"] == GOLD_ONLY
