"""Calls that are under way, whoever asks for them: nobody else asks for the same at the same time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .calls import Call


class UnderWay:
    """The calls of a run that were handed out and have no reply yet, each with the config that asked.

    Two generators may ask exactly the same. Where answers come within a day, the second one must not ask
    before the first one has been answered.
    """

    def __init__(self) -> None:
        self._asking: dict[str, str] = {}

    def begin(self, config: str, key: str) -> None:
        """Note that a config asks for a request."""
        self._asking[key] = config

    def end(self, key: str) -> None:
        """Note that there is a reply to a request."""
        self._asking.pop(key, None)

    def begin_each(self, config: str, calls: Iterable[Call]) -> Iterator[Call]:
        """Yield calls, each noted as asked for by a config from then on."""
        for call in calls:
            self.begin(config, call.key)
            yield call

    def elsewhere(self, config: str, calls: Iterable[Call]) -> list[Call]:
        """Return the calls that another config asks for."""
        if not any(asking != config for asking in self._asking.values()):
            return []
        return [call for call in calls if self._asking.get(call.key, config) != config]

    def left_to(self, config: str, calls: Iterable[Call]) -> Iterator[Call]:
        """Yield the calls that no other config asks for."""
        return (call for call in calls if self._asking.get(call.key, config) == config)
