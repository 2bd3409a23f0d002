"""The one hierarchy of errors that users see.

A message says what is wrong, where, and what to do. The command line prints it without a traceback
and exits with the class's `exit_status`.
"""


class SynthnerError(Exception):
    """Base of every error that is the input's or the environment's, not this program's.

    Args:
        message: What is wrong, in one sentence.
        where: The place: `file`, `file:line`, a config or a key.
        hint: What to do about it.
    """

    exit_status = 1

    def __init__(self, message: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        return f"{text}\n{self.hint}" if self.hint else text


class WrongUsageError(SynthnerError):
    """A command was called with arguments that cannot mean anything."""

    exit_status = 2


class ReleaseError(SynthnerError):
    """`release.yaml` is not acceptable."""


class DataError(SynthnerError):
    """A data file cannot be read or does not hold what it must."""


class EngineError(SynthnerError):
    """A model or its server cannot answer: wrong key, wrong address, no such model."""


class PublishError(SynthnerError):
    """A built dataset cannot be published, or does not load back as it was built."""
