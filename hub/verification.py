"""Load a published dataset back as its users will, and compare it with its manifest."""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..schema.errors import DataError, PublishError
from ..schema.manifest import is_joint, listed_files, read_manifest
from ..schema.methods import has_soft_labels
from ..schema.secrecy import without_secrets
from ..sources.files import file_hash
from .repository import TransientError, explain

if TYPE_CHECKING:
    from datasets import Features

Result = TypeVar("Result")


class NotAsBuiltError(PublishError):
    """What was loaded back is not what was built."""


PUBLISH_AGAIN = "Build and publish again."


@dataclass(frozen=True, slots=True)
class VerifiedConfig:
    """A config that loads back as it was built.

    Attributes:
        name: The config.
        examples: How many examples were loaded, by split.
        labels: The label names of `ner_tags`, in the order of their integers.
    """

    name: str
    examples: Mapping[str, int]
    labels: tuple[str, ...]


@dataclass(frozen=True)
class _Source:
    """Where a dataset is loaded from.

    Attributes:
        path: What `load_dataset` is asked for: a folder, or `organisation/name`.
        revision: The revision on the Hub; None for a folder.
        file: Gives a local copy of a file.
    """

    path: str
    revision: str | None
    file: Callable[[str], Path]

    @property
    def where(self) -> str:
        """How errors name it."""
        return f"{self.path} at {self.revision}" if self.revision else self.path


def verify_folder(folder: Path) -> list[VerifiedConfig]:
    """Load every config and split of a folder in Hub layout, and compare them with its manifest.

    Files are compared by their sha256, configs and splits by name, columns and label names in order, and
    examples by number, once read whole and once streamed. Nothing is asked of the network, nothing is left
    in the cache, and nothing is printed.

    Raises:
        PublishError: With config, split, and what was expected and found, at the first difference.
    """
    folder = folder.absolute()
    try:
        manifest = read_manifest(folder)
    except DataError as error:
        raise PublishError(error.message, where=error.where, hint=error.hint) from error
    for name, expected in listed_files(manifest).items():
        _expect("the sha256", expected, _hash_of(folder / name), where=str(folder / name))
    with _quiet(offline=True):
        source = _Source(str(folder), None, lambda name: folder / name)
        return _verify_configs(source, manifest, manifest["configs"])


def _hash_of(path: Path) -> str:
    try:
        return file_hash(path)
    except (DataError, OSError) as error:
        # Of a file that is gone `file_hash` says what to do in release.yaml, which names none of these.
        cause = error.__cause__ if isinstance(error, DataError) else error
        why = cause.strerror if isinstance(cause, OSError) else None
        raise PublishError(f"cannot be read: {why or error}", where=str(path), hint=PUBLISH_AGAIN) from error


def verify_repository(
    name: str,
    revision: str,
    manifest: Mapping[str, Any],
    file: Callable[[str], Path],
    configs: Collection[str],
) -> list[VerifiedConfig]:
    """Load configs of a dataset on the Hub at a revision, and compare them with the manifest.

    Of the other configs, only their names are looked for in the card.

    Args:
        name: `organisation/name`.
        revision: The commit that was made, or a pull request's reference.
        manifest: What was published.
        file: Gives a local copy of a file at the revision, as it was downloaded.
        configs: The configs to load.

    Raises:
        PublishError: With config, split, and what was expected and found, at the first difference.
    """
    source = _Source(name, revision, file)
    chosen = {**manifest, "configs": {name: manifest["configs"][name] for name in configs}}
    for file_name, expected in listed_files(chosen).items():
        _expect("the sha256", expected, file_hash(file(file_name)), where=f"{source.where}: {file_name}")
    with _quiet(offline=False):
        return _verify_configs(source, manifest, configs)


def _verify_configs(
    source: _Source, manifest: Mapping[str, Any], configs: Collection[str]
) -> list[VerifiedConfig]:
    from datasets import get_dataset_config_names

    found = _loaded(lambda: get_dataset_config_names(source.path, revision=source.revision), source.where)
    _expect("the configs of the card", list(manifest["configs"]), found, where=source.where)
    verified = []
    for name in configs:
        # `datasets` writes a copy of what it loads: never more of them than one lie on the disk.
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as cache:
            verified.append(_verify_config(source, name, manifest["configs"][name], cache))
    return verified


def _verify_config(source: _Source, name: str, config: Mapping[str, Any], cache: str) -> VerifiedConfig:
    import datasets

    where = f"{source.where}: config {name}"
    expected = _expected_features(config)
    counts = {split: facts["examples"] for split, facts in config["splits"].items()}
    path, revision = source.path, source.revision

    builder = _loaded(
        lambda: datasets.load_dataset_builder(path, name, revision=revision, cache_dir=cache), where
    )
    _expect_columns(expected, builder.info.features, f"{where}, in the card")
    in_card = {split: info.num_examples for split, info in (builder.info.splits or {}).items()}
    _expect("the number of examples", counts, in_card, f"{where}, in the card")

    # What `load_dataset` does, with and without `streaming`, but for asking for the card each time.
    _loaded(builder.download_and_prepare, where)
    loaded = _loaded(builder.as_dataset, where)
    streamed = _loaded(builder.as_streaming_dataset, where)
    _expect("the splits", list(counts), list(loaded), where)
    for split, examples in counts.items():
        place = f"{where}, split {split}"
        _expect_columns(expected, loaded[split].features, place)
        for shard in config["splits"][split]["files"]:
            _expect_columns(expected, _features_in_file(source.file(shard["file"]), place), place)
        _expect("the number of examples", examples, loaded[split].num_rows, place)
        first = _loaded(lambda split=split: _first_example(streamed[split]), place)
        _expect("the first example, streamed,", loaded[split][0] if examples else None, first, place)
    return VerifiedConfig(name, counts, tuple(config["labels"]))


def _first_example(streamed: Iterable[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the first example of a split, and stop reading.

    Threads of pyarrow go on reading ahead for a reader that is left in the middle. If the interpreter ends
    before they do, they abort the process (apache/arrow issue 45214). Ended here, they are waited for.
    """
    examples = iter(streamed)
    first = next(examples, None)
    if isinstance(examples, Generator):
        examples.close()
    del examples
    gc.collect()
    return first


def _expected_features(config: Mapping[str, Any]) -> Features:
    from datasets import ClassLabel, Features, List, Value

    return Features(
        {
            "id": Value("string"),
            "tokens": List(Value("string")),
            "ner_tags": List(ClassLabel(names=list(config["labels"]))),
            **(
                {"language": Value("string")}
                if is_joint(config)
                else {"tag_probabilities": List(List(Value("float32")))}
                if has_soft_labels(config["method"])
                else {}
            ),
        }
    )


def _features_in_file(path: Path, where: str) -> Features:
    """Return the features that a parquet file itself states: who reads it without the card trusts these."""
    import pyarrow.parquet
    from datasets import Features

    return _loaded(lambda: Features.from_arrow_schema(pyarrow.parquet.read_schema(path)), where)


def _expect_columns(expected: Features, found: Features | None, where: str) -> None:
    _expect("the columns", list(expected), list(found or ()), where)
    for column in expected:
        _expect(f"the column `{column}`", expected[column], (found or {})[column], where)


def _expect(what: str, expected: object, found: object, where: str) -> None:
    if found != expected:
        raise NotAsBuiltError(
            f"{what} should be {expected}, but found {found}", where=where, hint=PUBLISH_AGAIN
        )


def _loaded(load: Callable[[], Result], where: str) -> Result:
    try:
        return load()
    except Exception as error:  # `datasets` lets through whatever its readers raise
        if isinstance(of_the_hub := explain(error, where), TransientError):
            raise of_the_hub from error
        raise NotAsBuiltError(f"does not load: {_cause(error)}", where=where, hint=PUBLISH_AGAIN) from error


def _cause(error: BaseException) -> str:
    """Return the first line of what an error comes from; `datasets` wraps it in sentences of its own."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = str(error).strip().splitlines()
    return without_secrets(lines[0] if lines else type(error).__name__)


@contextmanager
def _quiet(*, offline: bool) -> Iterator[None]:
    import datasets
    from datasets import config
    from datasets.utils import logging

    was_offline, with_torch, bars_hidden, verbosity = (
        config.HF_HUB_OFFLINE,
        config.TORCH_AVAILABLE,
        datasets.are_progress_bars_disabled(),
        logging.get_verbosity(),
    )
    config.HF_HUB_OFFLINE = offline
    # Where there is torch, `datasets` loads it to stream what no loader of torch will ask for: seconds.
    config.TORCH_AVAILABLE = False
    datasets.disable_progress_bars()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        config.HF_HUB_OFFLINE = was_offline
        config.TORCH_AVAILABLE = with_torch
        logging.set_verbosity(verbosity)
        if not bars_hidden:
            datasets.enable_progress_bars()
