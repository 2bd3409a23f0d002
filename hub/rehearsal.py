"""A rehearsal: a command run as it would be, against a loopback Hub that is there for it alone.

The real clients read the Hub's address once, when they are imported. So what is rehearsed runs in a process
of its own, with the address, the token and the caches of the loopback Hub.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .loopback import LoopbackHub

USER = "rehearsal"


def rehearse(arguments: Sequence[str], *, organization: str | None, times: int) -> int:
    """Run a command of synthner against a loopback Hub.

    Args:
        arguments: The command and its arguments.
        organization: The organisation that the dataset is to belong to; None for the user's own.
        times: How often: publishing the same again must change nothing.

    Returns:
        The exit status of the first run that failed, else 0.
    """
    command = [sys.executable, "-P", "-c", "from synthner.cli import main; main()", *arguments]
    with tempfile.TemporaryDirectory(prefix="synthner-rehearsal-") as folder:
        place = Path(folder)
        with LoopbackHub(place / "hub", xet=not os.environ.get("HF_HUB_DISABLE_XET")) as hub:
            token = hub.add_user(USER, organizations=[organization] if organization else [])
            environment = os.environ | hub.environment(token, place / "home")
            for _ in range(times):
                status = subprocess.run(command, env=environment, check=False).returncode  # noqa: S603
                if status:
                    return status
    return 0
