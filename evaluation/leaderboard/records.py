"""The records of a leaderboard: one file a result, known by the hash of its content."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ... import __version__
from ...projection.model_folders import name_without_folder
from ...schema.errors import DataError
from ...schema.validation import explain, first_error
from ...sources.files import atomic_path
from ...sources.hub_reference import PREFIX, hub_reference
from ..grid.results import PREDICTIONS_FILE, learned_parts, read_result
from .strict_json import MOST_BYTES, canonical_json, parse_json, read_bytes

if TYPE_CHECKING:
    from jsonschema import ValidationError

FORMAT = 1
SCHEMA = "leaderboard_result"

RESULTS = "results"
"""The folder of all results."""

MODEL = "model"
DATASET = "dataset"

# No id of the Hub has a colon.
_FOLDER = "folder:"
_SPLIT_OF_ROLE = {"validation": "validation"}
_ON_HUB = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*/[A-Za-z0-9_][A-Za-z0-9._-]*")
_LONGEST_MESSAGE = 300


@dataclass(frozen=True)
class Submitter:
    """Whose system it is, and what it is called.

    Attributes:
        organization: The user or organisation on the Hub.
        name: The name of the system.
        url: Where there is more about it; None where nobody says.
    """

    organization: str
    name: str
    url: str | None = None

    def as_json(self) -> dict[str, str | None]:
        """Return it as records have it."""
        return {"organization": self.organization, "name": self.name, "url": self.url}


@dataclass(frozen=True)
class HubModel:
    """A model on the Hub.

    Attributes:
        id: `organisation/name`.
        revision: Its commit; None where it is not known.
        base_model: What was fine-tuned; None where it is not known.
    """

    id: str
    revision: str | None = None
    base_model: str | None = None

    def as_json(self) -> dict[str, str | None]:
        """Return it as records have it."""
        return {"id": self.id, "revision": self.revision, "base_model": self.base_model}


@dataclass(frozen=True)
class Submission:
    """What a submitter says about a result, beyond what was measured.

    Attributes:
        kind: `model` or `dataset`.
        submitter: Whose it is.
        date: `YYYY-MM-DD`.
        model: The model on the Hub; None where it is not there.
        cost: What making the training data has cost, once; None where nobody knows.
        currency: Of the cost, as in ISO 4217.
    """

    kind: str
    submitter: Submitter
    date: str
    model: HubModel | None = None
    cost: float | None = None
    currency: str | None = None


@dataclass(frozen=True)
class Record:
    """A record in a leaderboard.

    Attributes:
        path: Where it is in the leaderboard, with forward slashes.
        content: The record, as its schema describes it.
    """

    path: str
    content: Mapping[str, Any]

    @property
    def predictions_path(self) -> str:
        """Where its predictions are."""
        return f"{self.path.removesuffix('.json')}.parquet"

    @property
    def organization(self) -> str:
        """Whose it is."""
        return self.content["submitter"]["organization"]

    @property
    def seed(self) -> int:
        """The seed of the run."""
        return self.content["cell"]["seed"]

    @property
    def system(self) -> tuple[object, ...]:
        """What replicates have in common: all but the benchmark, the language and the seed."""
        cell, submitter = self.content["cell"], self.content["submitter"]
        return (
            submitter["organization"],
            submitter["name"],
            self.content["kind"],
            cell["setting"],
            cell["source"],
            cell["size"] is None,
            cell["size"] or 0,
            tagger_title(cell["tagger"]),
        )


def record_of_run(run: Path, benchmark: str, submission: Submission) -> dict[str, Any]:
    """Make the record of a run of an evaluation.

    Args:
        run: `runs/<cell>`: a result and its predictions.
        benchmark: The name of the benchmark. `Benchmarks.of_test_data` finds it.
        submission: What the submitter says.

    Raises:
        DataError: If the result cannot be used, or the record would not be valid.
    """
    result = read_result(run)
    predictions = (run / PREDICTIONS_FILE).read_bytes()
    if sha256(predictions).hexdigest() != result["predictions"]["sha256"]:
        raise DataError(
            "the predictions are not those of the result",
            where=str(run / PREDICTIONS_FILE),
            hint="Delete the folder, and run `synthner evaluate` again.",
        )
    record = _record_of_result(result, benchmark, submission)
    check_record(record, str(run))
    return record


def _record_of_result(result: Mapping[str, Any], benchmark: str, submission: Submission) -> dict[str, Any]:
    scores, data, cell = result["scores"], result["data"], result["cell"]
    parts = [*learned_parts(result), *([data["validation"]] if data["validation"] else [])]
    tagger = cell["tagger"]
    return {
        "format": FORMAT,
        "kind": submission.kind,
        "submitter": submission.submitter.as_json(),
        "model": submission.model.as_json() if submission.model else None,
        "benchmark": benchmark,
        "cell": {**cell, "tagger": {**tagger, "model": _name_of_model(result)}},
        "training": [_training_part(part) for part in parts],
        "cost": {"amount": submission.cost, "currency": submission.currency}
        if submission.cost is not None
        else None,
        "scores": {name: scores[name] for name in ("micro", "macro", "strict", "per_type", "seen", "unseen")},
        "interval": result["interval"],
        "predictions": {"sha256": result["predictions"]["sha256"]},
        "source": None,
        "date": submission.date,
        "synthner": __version__,
    }


def _name_of_model(result: Mapping[str, Any]) -> str | None:
    """Return what the encoder of a result is called: an id of the Hub, or `folder:` and a folder's name.

    Where on this machine a folder is, is nobody's business, and none may be taken for an id.
    """
    model = result["cell"]["tagger"]["model"]
    if not model:
        return None
    name = name_without_folder(model)
    # Results of earlier versions do not say which model it was: there a relative folder looks like an id.
    is_folder = name != model or (result.get("model_revision") or "").startswith("sha256:")
    return f"{_FOLDER}{name}" if is_folder else name


def _training_part(part: Mapping[str, Any]) -> dict[str, Any]:
    """Describe a part of the training data so that others can find it."""
    reference, revision, split = part["reference"], part["revision"], None
    hub = config = None
    if reference.startswith(PREFIX):
        # A joint source lists several references; such a list cannot be one data set.
        found = hub_reference(Path(reference)) if "," not in reference else None
        if found is not None:
            hub, config, split = found.name, found.config, found.split
            revision = revision or found.revision
    elif revision and not revision.startswith("sha256:") and _ON_HUB.fullmatch(reference):
        hub, split = reference, _SPLIT_OF_ROLE.get(part["role"], "train")
    return {
        "role": part["role"],
        "language": part["language"],
        "name": part["name"],
        "hub": hub,
        "config": config,
        "split": split,
        "revision": revision,
        "sha256": part["sha256"],
        "sentences": part["sentences"],
    }


def tagger_title(tagger: Mapping[str, Any]) -> str:
    """Say what a tagger is in one line, so that the same one has the same name whoever uses it."""
    if tagger["kind"] == "predictions":
        return tagger["name"]
    title = tagger["kind"] if tagger["model"] is None else tagger["model"]
    details = [tagger["recipe"]] if tagger["recipe"] else []
    if tagger["settings"]:
        written = canonical_json(tagger["settings"])
        details.append(
            ", ".join(f"{name}={value}" for name, value in sorted(tagger["settings"].items()))
            if len(written) <= 100
            else f"settings {sha256(written).hexdigest()[:8]}"
        )
    return f"{title} ({', '.join(details)})" if details else title


def record_hash(content: Mapping[str, Any]) -> str:
    """Return the first 24 hexadecimal digits of the sha256 of the canonical record."""
    return sha256(canonical_json(content)).hexdigest()[:24]


def record_folder(content: Mapping[str, Any]) -> str:
    """Return the folder of a record in the leaderboard."""
    submitter = content["submitter"]
    return f"{RESULTS}/{submitter['organization']}__{submitter['name']}/{content['benchmark']}"


def record_path(content: Mapping[str, Any]) -> str:
    """Return where a record belongs in the leaderboard."""
    return f"{record_folder(content)}/{record_hash(content)}.json"


def write_record(folder: Path, content: Mapping[str, Any], predictions: bytes | None) -> Path:
    """Write a record, and its predictions, where they belong in a leaderboard.

    Args:
        folder: The leaderboard.
        content: The record.
        predictions: The parquet file whose sha256 the record has; None where it has none.

    Returns:
        Where the record is.

    Raises:
        DataError: If the record is not valid, or a file cannot be written.
    """
    check_record(content, "the record")
    claimed = content["predictions"]
    if (claimed and claimed["sha256"]) != (predictions and sha256(predictions).hexdigest()):
        raise DataError("the predictions are not those of the record")
    record = Record(record_path(content), content)
    if predictions is not None:
        with atomic_path(folder / record.predictions_path) as temporary:
            temporary.write_bytes(predictions)
    with atomic_path(folder / record.path) as temporary:
        temporary.write_bytes(canonical_json(content) + b"\n")
    return folder / record.path


def read_record(path: Path, where: str) -> dict[str, Any]:
    """Read a record that somebody else wrote.

    Args:
        path: The file.
        where: What errors call it.

    Raises:
        DataError: If it is too large, no JSON, or not as the schema has it.
    """
    try:
        data = read_bytes(path, MOST_BYTES)
    except DataError as error:
        raise DataError(error.message, where=where) from error
    content = parse_json(data, where)
    check_record(content, where)
    return content


def check_record(content: Any, where: str) -> None:
    """Check a record against the schema, and what a schema cannot say.

    Raises:
        DataError: If it is not valid.
    """
    problem = first_error(SCHEMA, content)
    if problem is not None:
        raise schema_error(problem, where)
    try:
        date.fromisoformat(content["date"] or "1970-01-01")
    except ValueError as error:
        raise DataError("date: there is no such day", where=where) from error
    if content["cell"]["retry_of"] == content["cell"]["seed"]:
        raise DataError("cell.retry_of: a run does not repeat itself", where=where)
    # No bound of the schema holds back what is neither more nor less than it.
    if content["cost"] and math.isnan(content["cost"]["amount"]):
        raise DataError(
            "cost.amount: this is no number", where=where, hint="Write an amount, or leave the cost out."
        )
    interval = content["interval"]
    if interval and interval[0] > interval[1]:
        raise DataError("interval: its end is before its beginning", where=where)


def schema_error(problem: ValidationError, where: str) -> DataError:
    """Explain what a schema refuses: of alternatives, the one that was meant."""
    while problem.validator == "oneOf" and (meant := _meant(problem)) is not None:
        problem = meant
    keys = ".".join(str(key) for key in problem.absolute_path)
    rule: Any = problem.schema
    message, hint = explain(problem)
    if problem.validator == "oneOf":
        message, hint = "this kind of value is not allowed here", rule.get("description")
    elif problem.validator == "pattern":
        hint = rule.get("description", hint)
    if len(message) > _LONGEST_MESSAGE:
        message = f"{message[:_LONGEST_MESSAGE]}…"
    return DataError(f"{keys}: {message}" if keys else message, where=where, hint=hint)


def _meant(problem: ValidationError) -> ValidationError | None:
    """Return the first error of the alternative that has the kind of the value."""
    alternatives: dict[object, list[ValidationError]] = {}
    for each in problem.context or ():
        alternatives.setdefault(each.schema_path[0], []).append(each)
    meant = [
        errors
        for errors in alternatives.values()
        if not any(each.validator == "type" and not each.relative_path for each in errors)
    ]
    # Of two kinds of mappings, the one whose keys are there.
    wrong_keys = ("required", "additionalProperties")
    meant.sort(key=lambda errors: sum(each.validator in wrong_keys for each in errors))
    return meant[0][0] if meant else None
