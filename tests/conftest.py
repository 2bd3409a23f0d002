"""Fixtures that several test files share."""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture
def shared() -> Path:
    """Return the folder of real corpora and responses, which a user's machine does not have."""
    if not (SHARED / "data").is_dir():
        pytest.skip("the real corpora are not beside this checkout (../shared/data)")
    return SHARED
