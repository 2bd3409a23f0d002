"""Who answers the calls: engines by name, and what each can do.

An engine gets calls and a function that keeps replies. What it needs to ask, such as a key, it looks up when
it runs and not before: plans can be made and shown without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ...release import Config
from ...schema.errors import EngineError
from ..calls import Call, Reply

Record = Callable[[Call, Reply], None]


class Engine(Protocol):
    """Answers calls."""

    def run(self, calls: Iterable[Call], record: Record) -> None:
        """Ask for every call and hand each reply to `record` as soon as it is complete.

        A call that fails is recorded with its error and the others go on.

        Raises:
            EngineError: If no call can be answered: a wrong key, address or model.
            KeyboardInterrupt: If the user stopped it; every complete reply is recorded by then.
        """
        ...


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What a method must know of an engine to plan calls for it.

    Attributes:
        base_url: Address of the server, part of the journal's key.
        structured_output: Whether the server makes the model follow a JSON Schema.
    """

    base_url: str
    structured_output: bool


def endpoint(config: Config) -> Endpoint:
    """Return where the calls of a config go.

    Raises:
        ReleaseError: If the address cannot be used.
        EngineError: If the engine replays what was answered and has no address.
    """
    if config.generator.engine == "openai":
        from .openai import base_url

        return Endpoint(base_url(config), config.generator.settings.get("structured_output", True))
    raise EngineError(f"the engine `{config.generator.engine}` takes no new calls", where=config.name)


def make_engine(config: Config, folder: Path, stopping: Callable[[int], None]) -> Engine:
    """Make the engine of a config.

    Args:
        config: The config, whose generator names the engine and its settings.
        folder: The release's folder, which paths in settings are relative to.
        stopping: Called when the user asks to stop, with the number of calls under way: those are paid for
            and waited for.
    """
    if config.generator.engine == "recorded":
        from .recorded import RecordedEngine

        return RecordedEngine(config, folder)
    from .openai import OpenAIEngine

    return OpenAIEngine(config, stopping)
