"""The installed `synthner` command with a terminal as its stderr."""

import os
import pty
import subprocess
from dataclasses import dataclass
from pathlib import Path

from synthner.tests.command_line import SCRIPT, environment


@dataclass(frozen=True)
class Shown:
    """What a command showed.

    Attributes:
        status: Its exit status.
        stdout: What it printed.
        terminal: What the terminal got, control sequences included.
    """

    status: int
    stdout: bytes
    terminal: str


def on_a_terminal(*arguments: str | Path) -> Shown:
    """Run a command; its stdout is no terminal."""
    terminal, stderr = pty.openpty()
    process = subprocess.Popen(
        [SCRIPT, *arguments],
        env=environment(TERM="xterm", COLUMNS="120"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
    )
    os.close(stderr)
    shown = b""
    try:
        while more := os.read(terminal, 4096):
            shown += more
    except OSError:  # how Linux says that the other end is closed
        pass
    stdout, _ = process.communicate(timeout=60)
    os.close(terminal)
    return Shown(process.returncode, stdout, shown.decode("utf-8", "replace"))
