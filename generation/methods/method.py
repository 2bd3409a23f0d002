"""What a method is: a way to make data, planned as calls before any of them is answered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...projection.model_folders import NamedModel, named_model
from ...release import Config
from ...sources.gold import Gold
from ..calls import Call, Reply
from ..rounds import NO_ROUNDS, Rounds
from ..salvage import Salvage


def _tell_nobody(_what: str) -> None:
    pass


@dataclass(frozen=True, slots=True)
class MethodContext:
    """What a method makes data from.

    Attributes:
        config: The config; its generator holds the method's settings.
        gold: The config's gold data.
        seed: The release's seed, which every random choice comes from.
        folder: The release's folder, which paths in settings are relative to.
        gold_of: Returns the gold data of any language of the release, by its code.
        rounds: The answers there are, for a plan whose later calls follow from earlier ones.
        preparing: Told what is being done, for example that a model is trained, where that takes so long that
            whoever waits for the first answer should know.
    """

    config: Config
    gold: Gold
    seed: int
    folder: Path
    gold_of: Callable[[str], Gold]
    rounds: Rounds = NO_ROUNDS
    preparing: Callable[[str], None] = _tell_nobody

    def filled(self, name: str) -> str:
        """Return a name in the method's settings with the codes of languages for `{language}` and `{source}`.

        A method that carries nothing over from another language has no source, and its names keep theirs.
        """
        name = name.replace("{language}", self.config.language.code)
        source = self.config.generator.method_settings.get("source")
        return name if source is None else name.replace("{source}", source)

    def model(self, name: str, revision: str | None = None) -> NamedModel:
        """Return the model that a setting of the method names.

        Raises:
            DataError: If there is no such folder, or a folder has a revision.
        """
        return named_model(self.filled(name), revision, beside=self.folder)


Plan = Callable[[MethodContext], Iterator[Call]]
"""Plans the calls of a config, split by split, in order.

A plan in rounds ends where it waits for answers (`MethodContext.rounds`). With more of them it begins with
the same calls and goes on.
"""

Answers = Callable[[Iterable[Call]], Iterator[str]]
"""Answers calls of a method that asks no chat model, in order, with datapoints as JSON.

It takes as many calls at a time as suits it.
"""


Reading = Callable[[Call, str], Salvage]
"""Reads the datapoints in the answer to a call."""


@dataclass(frozen=True, slots=True)
class Method:
    """A way to make data.

    Attributes:
        summary: What it does, in one line.
        needs: What it needs, in one line.
        plan: Plans its calls.
        answering: Makes what answers them, for a method that asks no chat model; it does the work that all
            calls share. The answer to a call follows from the call and the context alone.
        reading: Makes what reads answers, where they are not datapoints as `salvage` finds them.
        most_calls: Says how many calls a plan in rounds has in the end by what is known, at most, by split.
        format: How answers are written, for a method that leaves no choice; a name in `FORMATS` or another,
            or what says it of a config that asks somebody.
        findings: Says what became of the method's own business, as JSON, for the manifest and the card.
        check: Makes sure of what the method takes from gold of other languages, as its plan does, but looks
            for no model: for whoever checks a release on another machine.
        remarks: Says what whoever looks at the status should know, a sentence each, from the config and the
            answers that there are; it looks at some of them.
    """

    summary: str
    needs: str
    plan: Plan
    answering: Callable[[MethodContext], Answers] | None = None
    reading: Callable[[MethodContext], Reading] | None = None
    most_calls: Callable[[MethodContext], Mapping[str, int]] | None = None
    format: str | Callable[[Config], str] | None = None
    findings: Callable[[MethodContext], Mapping[str, Any]] | None = None
    check: Callable[[MethodContext], None] | None = None
    remarks: Callable[[Config, Iterable[tuple[Call, Reply | None]]], Sequence[str]] | None = None
