"""The `synthner` command as users run it: the installed script, in a process of its own."""

import ctypes
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCRIPT = Path(sys.executable).parent / "synthner"

_PR_CAPBSET_DROP = 24
_CAP_DAC_OVERRIDE = 1


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """The one JSON object that stdout holds."""
        value = json.loads(self.stdout)
        assert isinstance(value, dict)
        return value


def environment(**variables: str) -> dict[str, str]:
    """Return an environment without a key, with further variables."""
    inherited = {name: value for name, value in os.environ.items() if name != "OPENAI_API_KEY"}
    return {**inherited, "NO_PROXY": "127.0.0.1", **variables}


def start(*arguments: str | Path, folder: Path, **variables: str) -> subprocess.Popen[str]:
    """Start the command in a folder; `finish` reads what it says."""
    return subprocess.Popen(
        [SCRIPT, *arguments],
        cwd=folder,
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


def finish(process: subprocess.Popen[str]) -> Ended:
    """Wait for a started command."""
    stdout, stderr = process.communicate(timeout=60)
    assert "Traceback" not in stderr, stderr
    return Ended(process.returncode, stdout, stderr)


def synthner(*arguments: str | Path, folder: Path, **variables: str) -> Ended:
    """Run the command in a folder; it may never show a traceback."""
    return finish(start(*arguments, folder=folder, **variables))


def done(*arguments: str | Path, folder: Path, **variables: str) -> Ended:
    """Run a command that must succeed."""
    ended = synthner(*arguments, folder=folder, **variables)
    assert ended.status == 0, ended.stderr
    return ended


def refused(*arguments: str | Path, folder: Path, status: int = 1) -> str:
    """Run a command that must end with a message, and return that: where, what, and what to do."""
    return message_of(synthner(*arguments, folder=folder), status)


def message_of(ended: Ended, status: int) -> str:
    """Return the message that a command ended with, and nothing else: where, what, and what to do."""
    assert (ended.status, ended.stdout) == (status, ""), (ended.stdout, ended.stderr)
    _, _, message = ended.stderr.rpartition("Error: ")
    assert len(message.strip().splitlines()) > 1, f"no hint: {message}"
    return message


def files_in(folder: Path) -> dict[str, bytes]:
    """Return the content of every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def obey_permissions() -> None:
    """Let a process that root starts obey file permissions as everyone's does; for `preexec_fn`."""
    if os.geteuid() == 0:
        ctypes.CDLL(None).prctl(_PR_CAPBSET_DROP, _CAP_DAC_OVERRIDE, 0, 0, 0)
