"""What a release may say of each method: names, defaults, and the keys that a method has no use for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

OFFLINE = "offline"
"""The engine of methods that ask no chat model."""

# The paper's m and n.
_EXAMPLES_IN_A_PROMPT = 10
_DATAPOINTS_A_CALL = 20


@dataclass(frozen=True, slots=True)
class MethodKeys:
    """What a generator of `release.yaml` says of a method, besides the settings under the method's name.

    Attributes:
        asks_model: Whether it asks a chat model, and so has an engine, a model and prices.
        needs_calls: Whether it cannot know by itself how many calls it makes.
        examples: Gold examples in a prompt, where the release does not say.
        datapoints: Datapoints asked for in a call, where the release does not say.
        unused: Keys that it has no use for.
        soft_labels: Whether its rows also have the probabilities of labels.
    """

    asks_model: bool
    needs_calls: bool
    examples: int
    datapoints: int
    unused: frozenset[str] = frozenset()
    soft_labels: bool = False


# It makes what it can of each gold sentence.
_ASKS_NO_MODEL = MethodKeys(asks_model=False, needs_calls=False, examples=1, datapoints=0)

METHODS: Mapping[str, MethodKeys] = {
    "seeded": MethodKeys(
        asks_model=True,
        needs_calls=True,
        examples=_EXAMPLES_IN_A_PROMPT,
        datapoints=_DATAPOINTS_A_CALL,
    ),
    # A call asks for one sentence. How many there are follows from gold.
    "entity_guided": MethodKeys(
        asks_model=True,
        needs_calls=False,
        examples=5,
        datapoints=1,
        unused=frozenset({"datapoints", "format"}),
    ),
    "few_shot_tagging": MethodKeys(
        asks_model=True,
        needs_calls=False,
        examples=5,
        datapoints=5,
        unused=frozenset({"format"}),
    ),
    "attribute_guided": MethodKeys(
        asks_model=True,
        needs_calls=True,
        examples=3,
        datapoints=5,
        unused=frozenset({"format"}),
    ),
    "paraphrase": MethodKeys(
        asks_model=True,
        needs_calls=False,
        # The sentence itself.
        examples=1,
        datapoints=1,
        unused=frozenset({"examples", "format", "seeds_from"}),
    ),
    "simple_augmentation": _ASKS_NO_MODEL,
    "cluster_replacement": _ASKS_NO_MODEL,
    "masked_entity_model": _ASKS_NO_MODEL,
    "back_translation": _ASKS_NO_MODEL,
    "translate_train": _ASKS_NO_MODEL,
    "translated_markers": _ASKS_NO_MODEL,
    "back_translated_markers": _ASKS_NO_MODEL,
    "constrained_decoding": _ASKS_NO_MODEL,
    "generated_candidates": _ASKS_NO_MODEL,
    "distillation": replace(_ASKS_NO_MODEL, examples=0, soft_labels=True),
}
"""Ways to make data, by name."""

PROJECTION = "projection"
TEACHER_STUDENT = "teacher-student"

TRANSFER = {
    "translate_train": PROJECTION,
    "translated_markers": PROJECTION,
    "back_translated_markers": PROJECTION,
    "constrained_decoding": PROJECTION,
    "generated_candidates": PROJECTION,
    "distillation": TEACHER_STUDENT,
}
"""Methods that carry labels from one language to another: onto translations, or by a teacher."""


def has_soft_labels(method: str) -> bool:
    """Say whether the rows of a method also have the probabilities of labels (`tag_probabilities`)."""
    return method in METHODS and METHODS[method].soft_labels
