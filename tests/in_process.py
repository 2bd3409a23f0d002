"""The `synthner` command in the process of the tests, for what does not hang on a process of its own."""

import os
import sys
from contextlib import ExitStack, chdir, redirect_stderr, redirect_stdout
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest

from synthner.cli import main
from synthner.tests.command_line import Ended, environment, message_of


def synthner(*arguments: str | Path, folder: Path, **variables: str) -> Ended:
    """Run the command in a folder; it may never show a traceback."""
    stdout, stderr = (TextIOWrapper(BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(sys, "argv", ["synthner", *map(str, arguments)])
        wanted = environment(**variables)
        for name in os.environ.keys() - wanted.keys():
            patch.delenv(name)
        for name, value in wanted.items():
            patch.setenv(name, value)
        stack.enter_context(chdir(folder))
        stack.enter_context(redirect_stdout(stdout))
        stack.enter_context(redirect_stderr(stderr))
        ended = stack.enter_context(pytest.raises(SystemExit))
        main()
    said = [stream.buffer.getvalue().decode() for stream in (stdout, stderr)]
    assert isinstance(ended.value.code, int)
    return Ended(ended.value.code, *said)


def done(*arguments: str | Path, folder: Path, **variables: str) -> Ended:
    """Run a command that must succeed."""
    ended = synthner(*arguments, folder=folder, **variables)
    assert ended.status == 0, ended.stderr
    return ended


def refused(*arguments: str | Path, folder: Path, status: int = 1) -> str:
    """Run a command that must end with a message, and return that: where, what, and what to do."""
    return message_of(synthner(*arguments, folder=folder), status)
