"""Methods by name: ways to make data."""

from __future__ import annotations

from . import seeded
from .method import Answer, Method, MethodContext

__all__ = ["METHODS", "Answer", "Method", "MethodContext"]

METHODS: dict[str, Method] = {
    "seeded": Method(
        summary="Shows a model m gold sentences and asks for n new ones, k times.",
        needs="a language model and an engine that asks it",
        plan=seeded.plan,
    ),
}
