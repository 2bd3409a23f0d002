"""What an engine is: something that answers calls.

`docs/engines.md` writes one in fifty lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from ...release import Config
from ..calls import Call, Reply


class Record(Protocol):
    """Keeps replies: each is on the disk when this returns."""

    def __call__(self, call: Call, reply: Reply) -> None:
        """Keep the reply to a call.

        Raises:
            DataError: If it cannot be written; nothing more should be asked then.
        """
        ...

    def many(self, replies: Sequence[tuple[Call, Reply]]) -> None:
        """Keep many replies, in one go: all of them, or none.

        Raises:
            DataError: If they cannot be written.
        """
        ...


class Spending(Protocol):
    """What may still be spent."""

    def once_more(self, call: Call) -> bool:
        """Say whether a call may be sent again, after an attempt that was lost and may have been paid for."""
        ...

    def under_way(self, call: Call) -> None:
        """Count a call as sent that a former process has sent: what it may cost is kept for it."""
        ...


class Memory(Protocol):
    """What an engine must remember of a config from one process to the next: texts by name, on the disk."""

    def read(self) -> dict[str, str]:
        """Return every text by its name, in the order of the names."""
        ...

    def write(self, name: str, text: str) -> None:
        """Keep a text under a name, in place of the former one; it is on the disk when this returns."""
        ...

    def forget(self, name: str) -> None:
        """Remove the text of a name."""
        ...

    def together(self) -> AbstractContextManager[None]:
        """Keep what is remembered, forgotten and recorded inside at once, or nothing of it."""
        ...


@dataclass(frozen=True, slots=True)
class EngineContext:
    """What an engine is given.

    Attributes:
        config: The config whose calls are to be answered; its generator holds the engine's settings.
        folder: The release's folder, which paths in settings are relative to.
        stopping: To be called when the user asks to stop, with the number of calls under way: those are paid
            for and waited for.
        spending: What may still be spent.
        memory: What it remembers.
        answering: Makes what answers the calls of a method that asks no chat model.
    """

    config: Config
    folder: Path
    stopping: Callable[[int], None]
    spending: Spending
    memory: Memory
    answering: Callable[[], Callable[[Iterable[Call]], Iterator[str]]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What a method must know of an engine to plan calls for it.

    Attributes:
        base_url: Where the calls go: the address of a server, or for a model in this process everything
            besides model, prompt and sampling that decides its answers. Part of the journal's key.
        structured_output: Whether the model is made to follow a JSON Schema.
        log_probabilities: Whether a raw response has the log-probabilities of its tokens where `sampling`
            asks for `logprobs`.
    """

    base_url: str
    structured_output: bool
    log_probabilities: bool = False


class Engine(Protocol):
    """Answers calls. It is made with an `EngineContext`.

    What it needs to ask, such as a key or a model in memory, it looks up in `run` and not before: plans can
    be made and shown without.

    Attributes:
        price_share: The part of the release's prices that its calls cost, for example half in a batch.
    """

    price_share: float

    def __init__(self, context: EngineContext) -> None: ...

    @staticmethod
    def endpoint(config: Config) -> Endpoint:
        """Return where the calls of a config go.

        Raises:
            ReleaseError: If the settings name no such place.
        """
        ...

    def run(self, calls: Iterable[Call], record: Record) -> None:
        """Ask for every call and hand each reply to `record` as soon as it is complete.

        A call that fails is recorded with its error and the others go on. Calls come as fast as they are
        taken; one that was taken may be paid for.

        Raises:
            EngineError: If no call can be answered: a wrong key, address or model.
            KeyboardInterrupt: If the user stopped it; every complete reply is recorded by then.
        """
        ...


@runtime_checkable
class SubmittingEngine(Protocol):
    """An engine that hands calls over to others and comes back for the answers, maybe in another process.

    What it has handed over stands in its memory; another engine would not find it.
    """

    def submit(self, calls: Iterable[Call], record: Record) -> None:
        """Hand over calls and return, so that other configs need not wait; `run` comes next.

        Raises:
            EngineError, KeyboardInterrupt: As `Engine.run` does.
        """
        ...
