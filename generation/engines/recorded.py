"""The `recorded` engine: anyone's past run, replayed from files of raw responses.

Nothing is asked and nothing is paid: a call is planned for each recorded response, and answered with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from pathlib import Path

from ...release import Config
from ...schema.errors import DataError, EngineError, ReleaseError
from ...schema.splits import SPLITS
from ...sources.files import file_hash
from ..calls import Call, Reply
from ..responses import RecordedResponse, read_responses
from .completion import token_counts
from .engine import Endpoint, EngineContext, Record


def plan(config: Config, folder: Path) -> Iterator[Call]:
    """Plan a call for each recorded response of a config.

    Which splits there are, and how many responses of each are taken, is what `calls` says; without it, every
    split that has a file, whole.

    Args:
        config: The config, whose generator says where the responses are.
        folder: The release's folder, which that path is relative to.

    Raises:
        ReleaseError: If there is no such file, or two splits would read the same one.
        DataError: If a file cannot be read, or holds something else, or nothing.
    """
    generator = config.generator
    for split in _splits(config, folder):
        path = responses_path(config, folder, split)
        address = f"recorded:{path.name}#{file_hash(path)}"
        response = None
        for response in islice(read_responses(path), generator.calls.get(split)):
            yield Call(
                config=config.name,
                split=split,
                index=response.index,
                engine=generator.engine,
                model=generator.model,
                messages=(),
                schema=None,
                sampling=generator.sampling,
                base_url=address,
                seed_ids=(),
                seed_revision="",
                datapoints=generator.datapoints,
            )
        if response is None:
            raise DataError(
                f"the file holds no response for the {split} split",
                where=str(path),
                hint="Recorded responses are JSONL: one JSON object a line. Leave the split out of `calls` "
                "if there are none.",
            )


def responses_path(config: Config, folder: Path, split: str) -> Path:
    """Return the file of recorded responses of a split; `.gz` may be added to its name or left off."""
    name: str = config.generator.settings["responses"]
    fields = {"language": config.language.code, "split": split, "generator": config.generator.name}
    for field, value in fields.items():
        name = name.replace(f"{{{field}}}", value)
    path = folder / name
    other = path.with_suffix("") if path.suffix == ".gz" else path.with_name(f"{path.name}.gz")
    return other if not path.is_file() and other.is_file() else path


class RecordedEngine:
    """Answers calls with what was recorded."""

    price_share = 1.0

    def __init__(self, context: EngineContext) -> None:
        self._config = context.config
        self._folder = context.folder

    @staticmethod
    def endpoint(config: Config) -> Endpoint:
        """Say that a recording has no address to plan new calls for.

        Raises:
            EngineError: Always.
        """
        raise EngineError("the engine `recorded` takes no new calls", where=config.name)

    def run(self, calls: Iterable[Call], record: Record) -> None:
        """Answer every call; see `Engine.run`."""
        for split, of_split in groupby(calls, key=lambda call: call.split):
            planned = {call.index: call for call in of_split}
            for response in read_responses(responses_path(self._config, self._folder, split)):
                if response.index in planned:
                    record(planned[response.index], _reply(response))


def _splits(config: Config, folder: Path) -> list[str]:
    calls = config.generator.calls
    one_file = "{split}" not in config.generator.settings["responses"]
    if one_file and len(calls) > 1:
        raise ReleaseError(
            f"recorded.responses: {' and '.join(calls)} would read the same responses",
            where=config.name,
            hint="Keep one file a split, and write {split} into its name.",
        )
    if calls:
        splits = [split for split in SPLITS if split in calls]
    elif one_file:
        splits = ["train"]
    else:
        others = [split for split in SPLITS[1:] if responses_path(config, folder, split).is_file()]
        splits = ["train", *others]
    for split in splits:
        path = responses_path(config, folder, split)
        if not path.is_file():
            raise ReleaseError(
                f"recorded.responses: there is no file {path} for the {split} split",
                where=config.name,
                hint="It is relative to release.yaml; {language}, {split} and {generator} are filled in.",
            )
    return splits


def _reply(response: RecordedResponse) -> Reply:
    return Reply(
        raw=response.raw,
        text=response.text,
        model=response.model,
        usage=token_counts(response.usage),
        finish_reason=response.finish_reason,
        error=response.error,
        started=0.0,
        finished=0.0,
    )
