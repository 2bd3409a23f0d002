"""What takes long to have is had once, and what cannot be had is tried once, where many ask for it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from ...schema.errors import SynthnerError

_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")


class Once(Generic[_Key, _Value]):
    """Values by their keys, each made when it is first asked for."""

    def __init__(self) -> None:
        self._values: dict[_Key, _Value] = {}
        self._failures: dict[_Key, SynthnerError] | None = None

    def value(self, key: _Key, make: Callable[[], _Value]) -> _Value:
        """Return a value, made where it is not there yet.

        Raises:
            SynthnerError: If it cannot be made, or could not before while failures are remembered.
        """
        if key not in self._values:
            self._values[key] = self._made(key, make)
        return self._values[key]

    def known(self, key: _Key) -> _Value | None:
        """Return a value that is there already; None where it was not made."""
        return self._values.get(key)

    @contextmanager
    def remembering_failures(self) -> Iterator[None]:
        """Try once only what fails inside."""
        self._failures = {}
        try:
            yield
        finally:
            self._failures = None

    def _made(self, key: _Key, make: Callable[[], _Value]) -> _Value:
        if self._failures and key in self._failures:
            raise self._failures[key]
        try:
            return make()
        except SynthnerError as error:
            if self._failures is not None:
                self._failures[key] = error
            raise
