"""The waterfall: how many datapoints each step took in, kept and lost, and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

JOINED = "joined"
"""The first step of a joint config: what the configs that it joins publish."""

STEPS = (
    "requested",
    "returned",
    "parsed",
    "schema",
    "lengths",
    "labels",
    "iob2",
    "text",
    JOINED,
    "duplicates",
    "contamination",
    "curation",
    "published",
)
"""Every step, in order. The card, the command line and CI show the same ones."""

EXAMPLES_A_STEP = 3
EXAMPLE_CHARACTERS = 200


@dataclass
class StepCount:
    """What one step did to the datapoints that reached it.

    Attributes:
        kept: Datapoints that passed.
        lost: Datapoints that did not, by reason.
        notes: Datapoints that passed after something was done to them or noticed, by what.
        examples: Up to three losses or changes, each a short text.
    """

    kept: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def show(self, example: str) -> None:
        """Keep an example of what happened here, if there is room for one more."""
        if len(self.examples) < EXAMPLES_A_STEP:
            if len(example) > EXAMPLE_CHARACTERS:
                example = example[: EXAMPLE_CHARACTERS - 1] + "…"
            self.examples.append(example)


class Waterfall:
    """The counts of every step that ran, for one split of one config."""

    def __init__(self) -> None:
        self.steps: dict[str, StepCount] = {}

    def __getitem__(self, step: str) -> StepCount:
        if step not in STEPS:
            raise KeyError(step)
        return self.steps.setdefault(step, StepCount())

    def as_json(self) -> list[dict[str, object]]:
        """Return the steps that ran, in order, as the manifest holds them."""
        return [
            {
                "step": name,
                "kept": self.steps[name].kept,
                "lost": dict(sorted(self.steps[name].lost.items())),
                "notes": dict(sorted(self.steps[name].notes.items())),
                "examples": list(self.steps[name].examples),
            }
            for name in STEPS
            if name in self.steps
        ]
