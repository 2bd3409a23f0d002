"""Engines by name: those that come along, and those that other packages bring.

A package brings an engine by an entry point of the group `synthner.engines`; see `docs/engines.md`.
"""

from __future__ import annotations

from collections.abc import Collection
from importlib import import_module
from importlib.metadata import entry_points

from ...release import ENGINES, ENGINES_OF_OTHERS, Config
from ...schema.errors import EngineError
from ...schema.secrecy import without_secrets
from .engine import Endpoint, Engine, EngineContext, Memory, Record, Spending, SubmittingEngine

__all__ = [
    "Endpoint",
    "Engine",
    "EngineContext",
    "Memory",
    "Record",
    "Spending",
    "SubmittingEngine",
    "endpoint",
    "engine_of",
    "handed_over",
]

# The classes of `release.ENGINES`, each in a module of its name: what is not used is not imported.
_CLASSES = {
    "offline": "OfflineEngine",
    "openai": "OpenAIEngine",
    "openai_batch": "OpenAIBatchEngine",
    "ray": "RayEngine",
    "recorded": "RecordedEngine",
    "transformers": "TransformersEngine",
    "vllm": "VllmEngine",
}


def engine_of(config: Config) -> type[Engine]:
    """Return the engine of a config.

    Raises:
        EngineError: If another package brings it, and it cannot be imported.
    """
    name = config.generator.engine
    if name in ENGINES:
        return getattr(import_module(f".{name}", __name__), _CLASSES[name])
    (brought,) = entry_points(group=ENGINES_OF_OTHERS, name=name)
    try:
        return brought.load()
    except Exception as error:
        raise EngineError(
            f"the engine `{name}` cannot be imported: {without_secrets(error)}",
            where=config.name,
            hint=f"It comes from {brought.value}.",
        ) from error


def endpoint(config: Config) -> Endpoint:
    """Return where the calls of a config go.

    Raises:
        ReleaseError: If the engine's settings name no such place.
        EngineError: If the engine replays what was answered and has no address.
    """
    return engine_of(config).endpoint(config)


def handed_over(name: str, text: str) -> Collection[str] | None:
    """Return the keys of the calls that were handed over, from what an engine remembers of them.

    Args:
        name: The name under which it remembers them.
        text: What it remembers.

    Returns:
        The keys; None of an engine that another package brings, for what that remembers only it can read.
    """
    from .openai_batch import keys_of

    return keys_of(name, text)
