"""Shards of results: what workers of a Ray cluster write where the driver finds it, even a later one.

A shard is a Parquet file of at most a batch of results. It is whole or not there, and it is removed when the
journal has all of its answers. It is data and nothing else: read with its schema checked, never unpickled.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from itertools import groupby
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from ...schema.errors import DataError, SynthnerError
from ...schema.secrecy import without_secrets
from ..calls import Call

if TYPE_CHECKING:
    import pyarrow as pa

_ENDING = ".parquet"
_FORMAT = {b"synthner": b"results 1"}
_FINISH_REASONS = ("stop", "length")

Keep = Callable[[Sequence[tuple[Call, "Result"]]], None]
"""What results are handed to; they are on the disk when it returns."""

# Answers of former runs that are kept at a time.
_KEPT_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Result:
    """What a worker made of a call.

    Attributes:
        key: The call's key.
        text: The model's text; None where there is an error.
        finish_reason: `stop` or `length`; None where there is an error.
        prompt_tokens: Tokens of the prompt.
        completion_tokens: Tokens that the model wrote.
        error: Why there is no answer; None if there is one.
        engine: What ran the model, with its version.
        started: Unix time at which the call was handed over.
        finished: Unix time at which the answer was complete.
    """

    key: str
    text: str | None
    finish_reason: str | None
    prompt_tokens: int
    completion_tokens: int
    error: str | None
    engine: str
    started: float
    finished: float


def table_of(results: Iterable[Result]) -> pa.Table:
    """Return results as a table."""
    import pyarrow as pa

    return pa.Table.from_pylist([asdict(result) for result in results], schema=_schema())


def results_of(table: pa.Table) -> list[Result]:
    """Return the results of a table.

    Raises:
        ValueError: If it is no table of results, or one of them is none.
    """
    schema = _schema()
    if not table.schema.equals(schema):
        raise ValueError("its columns are not those of results")
    table.validate(full=True)
    results = [Result(**row) for row in table.to_pylist()]
    for result in results:
        is_answer = result.text is not None and result.finish_reason in _FINISH_REASONS
        if (
            None in (result.key, result.prompt_tokens, result.completion_tokens, result.engine)
            or not all(isinstance(time, float) and math.isfinite(time) for time in _times(result))
            or is_answer == (result.error is not None)
        ):
            raise ValueError(f"a row of it is no result: its key is {result.key!r}")
    return results


@dataclass(frozen=True, slots=True)
class ShardFolder:
    """Where the shards of a config are: a folder that all machines see.

    Attributes:
        url: Its path or URL, as fsspec takes it.
    """

    url: str

    def write(self, table: pa.Table) -> str:
        """Write results as one shard, whole or not at all, and return its name.

        The same calls make the same name: what a worker that was lost had written is written over.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        name = sha256("\n".join(sorted(table["key"].to_pylist())).encode()).hexdigest()[:32] + _ENDING
        data = pa.BufferOutputStream()
        pq.write_table(table.replace_schema_metadata(_FORMAT), data, compression="zstd")
        self._put(name, data.getvalue().to_pybytes())
        return name

    def names(self) -> list[str]:
        """Return the names of the shards that are there.

        Raises:
            DataError: If the folder cannot be looked into.
        """
        with self._explained(self.url):
            files, root = self._files()
            files.invalidate_cache()
            found = files.ls(root, detail=False) if files.exists(root) else []
        names = (str(path).rstrip("/").rpartition("/")[2] for path in found)
        return sorted(name for name in names if name.endswith(_ENDING) and not name.startswith("."))

    def read(self, name: str) -> list[Result]:
        """Return the results of a shard.

        Raises:
            DataError: If it cannot be read, or is none.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        where = f"{self.url}/{name}"
        with self._explained(where):
            files, root = self._files()
            data = files.cat_file(f"{root}/{name}")
        try:
            table = pq.read_table(pa.BufferReader(data))
            if (table.schema.metadata or {}).get(b"synthner") != _FORMAT[b"synthner"]:
                raise ValueError("it does not say that it is one")
            return results_of(table.replace_schema_metadata(None))
        except (pa.ArrowException, ValueError, OSError) as error:
            raise DataError(
                f"this is no shard of results: {without_secrets(error)}",
                where=where,
                hint="Nothing of it was used. Move it away, or name another folder as `shards`.",
            ) from error

    def remove(self, name: str) -> None:
        """Remove a shard; it may be gone already."""
        with self._explained(f"{self.url}/{name}"):
            files, root = self._files()
            with suppress(FileNotFoundError):
                files.rm_file(f"{root}/{name}")

    def leave_mark(self) -> str:
        """Write an empty file, for other machines to find, and return its name.

        Raises:
            DataError: If nothing can be written there.
        """
        name = f".seen-{uuid4().hex}"
        self._put(name, b"")
        return name

    def has(self, name: str) -> bool:
        """Say whether a file is there."""
        with self._explained(self.url):
            files, root = self._files()
            files.invalidate_cache()
            return files.exists(f"{root}/{name}")

    def _put(self, name: str, data: bytes) -> None:
        with self._explained(self.url):
            files, root = self._files()
            files.makedirs(root, exist_ok=True)
            path = f"{root}/{name}"
            if not _is_local(files):
                # A store shows an object when all of it is there.
                files.pipe_file(path, data)
                return
            part = f"{root}/.{uuid4().hex}.part"
            files.pipe_file(part, data)
            os.replace(part, path)  # noqa: PTH105 - fsspec names files by texts

    def _files(self) -> tuple[Any, str]:
        from fsspec.core import url_to_fs

        files, root = url_to_fs(self.url)
        return files, str(root).rstrip("/")

    @contextmanager
    def _explained(self, where: str) -> Iterator[None]:
        try:
            yield
        except SynthnerError:
            raise
        except Exception as error:  # stores have errors of their own
            raise DataError(
                f"the folder of shards cannot be used: {without_secrets(error)}",
                where=where,
                hint="It must be a folder, or the URL of one, that all machines of the cluster can write to. "
                "For a URL, its package of fsspec is needed, such as s3fs.",
            ) from error


class Leftovers:
    """Answers that a former run's workers have written and its driver did not come to keep.

    Args:
        folder: Where they are.

    Raises:
        DataError: If a file there is no shard.
    """

    def __init__(self, folder: ShardFolder) -> None:
        self._folder = folder
        self._shards: dict[str, str] = {}  # by key
        self._answers: dict[str, int] = {}  # by shard, how many of it are still to be kept
        for name in folder.names():
            keys = [result.key for result in folder.read(name) if result.error is None]
            new = [key for key in dict.fromkeys(keys) if key not in self._shards]
            self._shards.update(dict.fromkeys(new, name))
            self._answers[name] = len(new)
            if not new:
                # Failures alone, which are asked for again, or what another shard has.
                folder.remove(name)

    def kept_first(self, calls: Iterable[Call], keep: Keep) -> Iterator[Call]:
        """Yield the calls that none of the answers is for; hand the answers to the others to `keep`."""
        found: list[tuple[str, Call]] = []
        for call in calls:
            shard = self._shards.pop(call.key, None)
            if shard is None:
                yield call
                continue
            found.append((shard, call))
            if len(found) == _KEPT_AT_ONCE:
                self._keep(found, keep)
                found = []
        self._keep(found, keep)

    def _keep(self, found: Sequence[tuple[str, Call]], keep: Keep) -> None:
        for shard, of_shard in groupby(sorted(found, key=_shard_and_place), lambda each: each[0]):
            calls = {call.key: call for _, call in of_shard}
            results = {result.key: result for result in self._folder.read(shard) if result.error is None}
            keep([(call, results[key]) for key, call in calls.items()])
            self._answers[shard] -= len(calls)
            if not self._answers[shard]:
                self._folder.remove(shard)


def _schema() -> pa.Schema:
    import pyarrow as pa

    text, count, time = pa.string(), pa.int64(), pa.float64()
    return pa.schema(
        {
            "key": text,
            "text": text,
            "finish_reason": text,
            "prompt_tokens": count,
            "completion_tokens": count,
            "error": text,
            "engine": text,
            "started": time,
            "finished": time,
        }
    )


def _times(result: Result) -> tuple[float, float]:
    return result.started, result.finished


def _shard_and_place(found: tuple[str, Call]) -> tuple[str, str, int]:
    shard, call = found
    return shard, call.split, call.index


def _is_local(files: Any) -> bool:
    from fsspec.implementations.local import LocalFileSystem

    return isinstance(files, LocalFileSystem)
