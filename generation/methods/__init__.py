"""Methods by name: ways to make data."""

from __future__ import annotations

from . import cluster_replacement, seeded, simple_augmentation
from .method import Answers, Method, MethodContext

__all__ = ["METHODS", "Answers", "Method", "MethodContext"]

METHODS: dict[str, Method] = {
    "seeded": Method(
        summary="Shows a model m gold sentences and asks for n new ones, k times.",
        needs="a language model and an engine that asks it",
        plan=seeded.plan,
    ),
    "simple_augmentation": Method(
        summary="Replaces words and mentions of gold sentences, and shuffles words within segments.",
        needs="gold to train on, and a lexicon for synonyms; no model",
        plan=simple_augmentation.plan,
        answering=simple_augmentation.answering,
    ),
    "cluster_replacement": Method(
        summary="Replaces mentions of gold sentences by others of their cluster; a tagger chooses the best.",
        needs="gold to train on; no model",
        plan=cluster_replacement.plan,
        answering=cluster_replacement.answering,
    ),
}
