"""What a method is: a way to make data, planned as calls before any of them is answered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ...release import Config
from ...sources.gold import Gold
from ..calls import Call


@dataclass(frozen=True, slots=True)
class MethodContext:
    """What a method makes data from.

    Attributes:
        config: The config; its generator holds the method's settings.
        gold: The config's gold data.
        seed: The release's seed, which every random choice comes from.
        folder: The release's folder, which paths in settings are relative to.
        gold_of: Returns the gold data of any language of the release, by its code.
    """

    config: Config
    gold: Gold
    seed: int
    folder: Path
    gold_of: Callable[[str], Gold]


Plan = Callable[[MethodContext], Iterator[Call]]
"""Plans the calls of a config, split by split, in order."""

Answers = Callable[[Iterable[Call]], Iterator[str]]
"""Answers calls of a method that asks no chat model, in order: datapoints as JSON, as one would write it.

It takes as many calls at a time as suits it.
"""


@dataclass(frozen=True, slots=True)
class Method:
    """A way to make data.

    Attributes:
        summary: What it does, in one line.
        needs: What it needs, in one line.
        plan: Plans its calls.
        answering: Makes what answers them, for a method that asks no chat model; it does the work that all
            calls share. The answer to a call follows from the call and the context alone.
    """

    summary: str
    needs: str
    plan: Plan
    answering: Callable[[MethodContext], Answers] | None = None
