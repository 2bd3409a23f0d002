"""A model on the Hub, tested on a benchmark here: loaded at its commit, its types read as the benchmark's.

No code of the model is run, and no pickle is opened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from .. import __version__
from ..evaluation.bootstrap import bootstrap_interval
from ..evaluation.crf import CRF_MODEL, CrfTagger
from ..evaluation.encoder.loading import downloaded_model, model_folder
from ..evaluation.grid.description import PREDICTIONS, GridTagger
from ..evaluation.grid.results import PREDICTIONS_FILE, encode_predictions, read_predicted_tags, read_result
from ..evaluation.leaderboard.benchmarks import TestSet
from ..evaluation.leaderboard.checking import SEED
from ..evaluation.leaderboard.records import (
    FORMAT,
    MODEL,
    HubModel,
    check_record,
    record_of_run,
)
from ..evaluation.scoring import score
from ..generation.annotation import type_named
from ..hub.repository import again, hub_errors
from ..schema.errors import DataError
from ..schema.iob2 import OUTSIDE, parse_tag
from ..sources.files import atomic_path
from .submission import Says, SubmittedResult

Tags = Sequence[Sequence[str]]

_UNPICKLED = [CRF_MODEL, PREDICTIONS_FILE]


@dataclass(frozen=True)
class ModelResult:
    """A model that has tagged the test sentences of a benchmark.

    Attributes:
        result: What it reached.
        types: The benchmark's type of each type that the model has; None for one that it does not have.
    """

    result: SubmittedResult
    types: Mapping[str, str | None]


def known_model(id_: str, revision: str | None) -> HubModel:
    """Ask the Hub for a model: its newest commit, unless one is named, and what was fine-tuned.

    Raises:
        PublishError: If there is no such model or revision, or the Hub cannot be reached.
    """
    from huggingface_hub import HfApi

    def ask() -> HubModel:
        with hub_errors(id_):
            info = HfApi().model_info(id_, revision=revision)
        base = info.card_data.get("base_model") if info.card_data else None
        return HubModel(info.id, str(info.sha), base if isinstance(base, str) else None)

    return again(ask)


def run_model(model: HubModel, test: TestSet, says: Says, cache: Path) -> ModelResult:
    """Tag the test sentences of a benchmark with a model, and make the record of what it reaches.

    A model that synthner has pushed says itself what it has learned. Of others nobody knows.

    Args:
        model: The model, with its commit.
        test: The test sentences.
        says: What the submitter says.
        cache: A folder where predictions are kept: a second try does not tag again.

    Raises:
        DataError: If it cannot be had or used, or has none of the benchmark's types.
    """
    folder = downloaded_model(model.id, model.revision, _UNPICKLED)
    try:
        predicted, types = _predicted(model, folder, test, cache)
    except DataError as error:
        raise DataError(error.message, where=model.id, hint=error.hint) from error
    return ModelResult(_result(model, folder, test, predicted, says), types)


def _predicted(
    model: HubModel, folder: Path, test: TestSet, cache: Path
) -> tuple[Tags, Mapping[str, str | None]]:
    """Return the tags of all test sentences, and how types were read."""
    key = f"{model.id} {model.revision} {test.benchmark.sha256} {__version__}"
    kept = cache / f"{sha256(key.encode()).hexdigest()}.parquet"
    if kept.is_file():
        written = pq.read_table(kept)["tags"].to_pylist()
    else:
        written = _tag(folder, [example.tokens for example in test.examples])
        with atomic_path(kept) as temporary:
            pq.write_table(pa.table({"tags": [list(tags) for tags in written]}), temporary)
    types = _types_read(written, test.benchmark.types, folder)
    return [[_read(tag, types) for tag in tags] for tags in written], types


def _tag(folder: Path, sentences: Sequence[Sequence[str]]) -> Tags:
    if (folder / CRF_MODEL).is_file():
        return CrfTagger.load(folder / CRF_MODEL).tag(sentences)
    from ..evaluation.encoder import EncoderTagger
    from ..evaluation.encoder.saved_taggers import is_saved_tagger

    model_folder(str(folder))
    if is_saved_tagger(folder):
        return EncoderTagger.load(folder).tag(sentences)
    return EncoderTagger.of_model(folder).tag(sentences)


def _types_read(predicted: Tags, known: Sequence[str], folder: Path) -> Mapping[str, str | None]:
    """Read the types that were predicted as the benchmark's: by their names, and as people call them."""
    tags = {tag for tags in predicted for tag in tags}
    found = sorted({parsed[1] for tag in tags if (parsed := parse_tag(tag)) and parsed[1]})
    types = {type_: type_ if type_ in known else type_named(type_, known) for type_ in found}
    if types and not any(types.values()):
        raise DataError(
            f"the model predicts {', '.join(types)}, and the benchmark has {', '.join(known)}",
            where=str(folder),
            hint="Submit a model that was trained for these types.",
        )
    return types


def _read(tag: str, types: Mapping[str, str | None]) -> str:
    prefix, type_ = parse_tag(tag) or (OUTSIDE, "")
    read = types.get(type_) if type_ else None
    return f"{prefix}-{read}" if read else OUTSIDE


def _result(model: HubModel, folder: Path, test: TestSet, predicted: Tags, says: Says) -> SubmittedResult:
    submission = replace(says, model=model).submission(MODEL)
    if _is_of_this_run(folder, test, predicted):
        record = record_of_run(folder, test.benchmark.name, submission)
        return SubmittedResult(record, (folder / PREDICTIONS_FILE).read_bytes())
    data = encode_predictions(test.examples, predicted)
    scored = score([example.ner_tags for example in test.examples], predicted, types=test.benchmark.types)
    figures = scored.as_json()
    content = {
        "format": FORMAT,
        "kind": MODEL,
        "submitter": submission.submitter.as_json(),
        "model": model.as_json(),
        "benchmark": test.benchmark.name,
        "cell": {
            "language": test.benchmark.language,
            "setting": PREDICTIONS,
            "source": model.id,
            "size": None,
            "seed": 0,
            "tagger": GridTagger(model.id, PREDICTIONS).as_json(),
            "retry_of": None,
        },
        "training": [],
        "cost": None,
        "scores": {
            **{name: figures[name] for name in ("micro", "macro", "strict", "per_type")},
            "seen": None,
            "unseen": None,
        },
        "interval": list(bootstrap_interval(scored.counts, seed=SEED)),
        "predictions": {"sha256": sha256(data).hexdigest()},
        "source": None,
        "date": submission.date,
        "synthner": __version__,
    }
    check_record(content, model.id)
    return SubmittedResult(content, data)


def _is_of_this_run(folder: Path, test: TestSet, predicted: Tags) -> bool:
    """Say whether synthner has pushed the model with the result that it has here."""
    try:
        result, there = read_result(folder), read_predicted_tags(folder)
    except DataError:
        return False
    is_same_gold = result["data"]["test"]["sha256"] == test.benchmark.sha256
    return is_same_gold and [list(tags) for tags in there.values()] == [list(tags) for tags in predicted]
