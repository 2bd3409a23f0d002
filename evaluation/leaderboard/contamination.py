"""Whether training data holds the sentences that are tested on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from json import JSONDecodeError
from pathlib import Path
from typing import Any

from ...schema.errors import DataError
from ...schema.secrecy import without_secrets
from ...sources.hub import read_hub
from ...sources.normal_forms import NormalForms
from .benchmarks import Benchmark, HubGold, TestSet, in_mirror

MOST_CONTAMINATED = 0.01
"""The share of test sentences that a source may hold: short sentences are said more than once."""

MOST_BYTES = 2_000_000_000
"""Of a data set on the Hub that is read to be compared."""


# Data set, config, split and revision.
_Place = tuple[str, str | None, str | None, str | None]


@dataclass(frozen=True)
class Overlap:
    """What is known of one part of the training data.

    Attributes:
        part: What it is called, and where it is.
        shared: How many test sentences it holds; None where it was not checked.
        sentences: How many test sentences there are.
        reason: Why it was not checked; empty where it was.
        is_own_gold: Whether it is another split of the benchmark's own gold.
    """

    part: str
    shared: int | None
    sentences: int
    reason: str = ""
    is_own_gold: bool = False

    @property
    def is_refused(self) -> bool:
        """Whether there is more of it than chance explains. What gold's own splits share is gold's matter."""
        return bool(self.shared) and not self.is_own_gold and self.share > MOST_CONTAMINATED

    @property
    def share(self) -> float:
        """The share of test sentences that it holds; 0 where that is not known."""
        return (self.shared or 0) / self.sentences if self.sentences else 0.0

    def as_json(self) -> dict[str, object]:
        """Return it as `synthner leaderboard verify --json` prints it."""
        return {
            "part": self.part,
            "shared": self.shared,
            "share": None if self.shared is None else self.share,
            "reason": self.reason,
        }


def named_test_data(record: Mapping[str, Any], benchmark: Benchmark) -> list[str]:
    """Return the parts of the training data that are the benchmark's own test sentences, by what they say."""
    return [
        part_title(part)
        for part in record["training"]
        if part["sha256"] == benchmark.sha256 or _names_test_split(part, benchmark)
    ]


def part_title(part: Mapping[str, Any]) -> str:
    """Say which part of the training data it is."""
    where = part["hub"] or part["name"]
    if part["hub"] and part["config"]:
        where += f"/{part['config']}"
    split = f", split {part['split']}" if part["split"] else ""
    return f"{part['role']}: {where}{split}"


class TrainingData:
    """Training data by its places on the Hub. Each is read once.

    Args:
        mirror: Data sets as `ORGANISATION/NAME`, laid out as on the Hub; what is there is read from there.
    """

    def __init__(self, mirror: Path | None = None) -> None:
        self._mirror = mirror
        self._forms = NormalForms()
        self._known: dict[_Place, frozenset[str] | str] = {}
        self._shared: dict[tuple[str, _Place], int] = {}

    def overlaps(self, record: Mapping[str, Any], test: TestSet) -> Iterator[Overlap]:
        """Say of each part of the training data how many test sentences it holds, or why nobody knows."""
        for part in record["training"]:
            title, own = part_title(part), _is_own_gold(part, test.benchmark)
            shared, reason = None, "it is not on the Hub"
            if part["hub"] is not None:
                shared, reason = self._compare(_place(part, test.benchmark, own), test)
            yield Overlap(title, shared, len(test.examples), reason, own)

    def _compare(self, place: _Place, test: TestSet) -> tuple[int | None, str]:
        """Return how many test sentences are in a place, or why that cannot be known."""
        if place not in self._known:
            try:
                self._known[place] = self._read(*place)
            except DataError as error:
                self._known[place] = error.message
            except Exception as error:
                # Anything may be in a data set that a stranger names; readers have errors of their own.
                self._known[place] = f"it cannot be read: {without_secrets(error)[:200]}"
        found = self._known[place]
        if isinstance(found, str):
            return None, found
        key = (test.benchmark.name, place)
        if key not in self._shared:
            self._shared[key] = sum(sentence in found for sentence in test.comparable)
        return self._shared[key], ""

    def _read(
        self, hub: str, config: str | None, split: str | None, revision: str | None
    ) -> frozenset[str] | str:
        mirrored = in_mirror(self._mirror, hub)
        if mirrored is None:
            if Path(hub).exists():
                # `read_hub` would take it for a folder of data.
                return "a file or folder here has its name"
            if revision is None or revision.startswith("sha256:"):
                return "no revision on the Hub is named"
            if _size_on_hub(hub, revision) > MOST_BYTES:
                return "it is too large to be compared here"
        data = read_hub(str(mirrored or hub), config=config, revision=None if mirrored else revision)
        if split is not None:
            data.check_split(split)
        return frozenset(
            self._forms.comparable(sentence.tokens)
            for name in ([split] if split else data.splits)
            for sentence in data.sentences(name, _NO_NAMES)
        )


# Labels play no part: whatever they are called, words are compared.
_NO_NAMES = tuple(str(number) for number in range(1000))


def _place(part: Mapping[str, Any], benchmark: Benchmark, own: bool) -> _Place:
    config = part["config"]
    if own and config is None and isinstance(benchmark.gold, HubGold):
        config = benchmark.gold.config
    return part["hub"], config, part["split"], part["revision"]


def _is_own_gold(part: Mapping[str, Any], benchmark: Benchmark) -> bool:
    gold = benchmark.gold
    return isinstance(gold, HubGold) and part["hub"] == gold.hub and part["split"] not in (None, gold.split)


def _names_test_split(part: Mapping[str, Any], benchmark: Benchmark) -> bool:
    gold = benchmark.gold
    if not isinstance(gold, HubGold) or part["hub"] is None or part["hub"].lower() != gold.hub.lower():
        return False
    same_config = part["config"] is None or gold.config is None or part["config"] == gold.config
    return same_config and part["split"] == gold.split


def _size_on_hub(hub: str, revision: str) -> int:
    """Return the bytes of all files of a data set; 0 where the Hub cannot be asked."""
    import httpx2
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HFValidationError, OfflineModeIsEnabled

    try:
        info = HfApi().dataset_info(hub, revision=revision, files_metadata=True)
    except (OfflineModeIsEnabled, httpx2.HTTPError, JSONDecodeError, HFValidationError):
        # Whoever reads it says what is wrong.
        return 0
    return sum(file.size or 0 for file in info.siblings or ())
