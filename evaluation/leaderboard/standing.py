"""A result among the others of a leaderboard: the same run twice, the same predictions under two names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...schema.errors import DataError
from .checking import CheckedResult
from .layout import Problem, problem_of_file, problem_of_path
from .records import RESULTS, Record
from .strict_json import MOST_BYTES, canonical_json, parse_json, read_bytes


@dataclass(frozen=True)
class _Entry:
    """What tells a result from others.

    Attributes:
        path: Its record.
        folder: `<organization>__<name>`.
        system: The benchmark, and what replicates have in common: runs of one system are ranked as one.
        seed: The seed.
        predictions: The benchmark, and the sha256 of its predictions; None where it has none.
    """

    path: str
    folder: str
    system: bytes
    seed: int
    predictions: tuple[str, str] | None

    @classmethod
    def of(cls, path: str, content: Mapping[str, Any]) -> _Entry:
        submitter, claimed = content["submitter"], content["predictions"]
        return cls(
            path,
            f"{submitter['organization']}__{submitter['name']}",
            canonical_json([content["benchmark"], claimed is not None, *Record(path, content).system]),
            content["cell"]["seed"],
            (content["benchmark"], claimed["sha256"]) if claimed else None,
        )


class Standing:
    """The results of a leaderboard by what tells them apart.

    Args:
        entries: All results, in the order of their paths.
        checked: The records of those that are checked.
    """

    def __init__(self, entries: list[_Entry], checked: Mapping[str, Record]) -> None:
        self._checked = checked
        self._runs: defaultdict[tuple[bytes, int], list[_Entry]] = defaultdict(list)
        self._predictions: defaultdict[tuple[str, str], list[_Entry]] = defaultdict(list)
        self._folders: defaultdict[str, set[str]] = defaultdict(set)
        for entry in entries:
            self._runs[entry.system, entry.seed].append(entry)
            if entry.predictions is not None:
                self._predictions[entry.predictions].append(entry)
            self._folders[entry.folder.lower()].add(entry.folder)

    @classmethod
    def read(cls, folder: Path, checked: Mapping[str, Record]) -> Standing:
        """Read the results of a leaderboard.

        Those that are there already and cannot be read stand beside nobody: checking them says what is wrong.

        Args:
            folder: The leaderboard.
            checked: Records that are read already, by their paths.
        """
        entries = [_Entry.of(path, record.content) for path, record in checked.items()]
        for file in folder.glob(f"{RESULTS}/*/*/*.json"):
            path = file.relative_to(folder).as_posix()
            if path not in checked and (entry := _entry_of_file(folder, path)) is not None:
                entries.append(entry)
        return cls(sorted(entries, key=lambda entry: entry.path), checked)

    def problems(self, result: CheckedResult) -> list[Problem]:
        """Say what of other results makes one unacceptable."""
        if result.record is None:
            return []
        entry = _Entry.of(result.path, result.record.content)
        problems = []
        if (other := self._earlier(self._runs[entry.system, entry.seed], entry)) is not None:
            problems.append(
                Problem(
                    result.path,
                    f"the run with seed {entry.seed} of this system is there already ({other.path})",
                    "A run is submitted once. Another seed is another run; owners remove one that was wrong.",
                )
            )
        elif (other := self._other_seed(entry)) is not None and _predicts_something(result):
            problems.append(
                Problem(
                    result.path,
                    f"seeds {other.seed} and {entry.seed} of this system have the same predictions "
                    f"({other.path})",
                    "Where the seed decides nothing there is one run: submit it once.",
                )
            )
        if others := sorted(self._folders[entry.folder.lower()] - {entry.folder}):
            problems.append(
                Problem(
                    result.path,
                    f"`{entry.folder}` and `{others[0]}` differ in nothing but upper and lower case",
                    "Write the name as it is on the leaderboard, or choose another.",
                )
            )
        return problems

    def notices(self, result: CheckedResult) -> Iterator[str]:
        """Say what of other results a reader should know."""
        if result.record is None or not _predicts_something(result):
            return
        entry = _Entry.of(result.path, result.record.content)
        if entry.predictions is None:
            return
        for other in self._predictions[entry.predictions]:
            if other.folder != entry.folder:
                yield f"its predictions are, byte by byte, those of {other.path}"
                return

    def _other_seed(self, entry: _Entry) -> _Entry | None:
        same = self._predictions[entry.predictions] if entry.predictions else []
        return self._earlier([other for other in same if other.system == entry.system], entry)

    def _earlier(self, entries: list[_Entry], entry: _Entry) -> _Entry | None:
        """Return one that was there before, or comes before it: of two new ones, one can stay."""
        return next(
            (
                other
                for other in entries
                if other.path != entry.path and (other.path not in self._checked or other.path < entry.path)
            ),
            None,
        )


def _entry_of_file(folder: Path, path: str) -> _Entry | None:
    if problem_of_path(path) is not None or problem_of_file(folder, path) is not None:
        return None
    try:
        entry = _Entry.of(path, parse_json(read_bytes(folder / path, MOST_BYTES), path))
        hash(entry)  # Nobody has checked that its values are of the right kinds.
        return entry
    except (DataError, LookupError, TypeError, AttributeError, ValueError):
        return None


def _predicts_something(result: CheckedResult) -> bool:
    return result.score is not None and bool(result.score.counts[:, 1].any())
