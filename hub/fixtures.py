"""Fixtures for pytest, which whoever installs synthner has: a Hub of one's own for each test.

Importing this imports no client and no server.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .loopback import LoopbackHub


@pytest.fixture
def loopback_hub(tmp_path: Path) -> Iterator[LoopbackHub]:
    """Return a loopback Hub that is running, empty, and gone after the test."""
    from .loopback import LoopbackHub

    with LoopbackHub(tmp_path / "loopback-hub") as hub:
        yield hub
