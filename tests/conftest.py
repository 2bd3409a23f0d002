"""Fixtures that several test files share."""

import gc
import os
from pathlib import Path

import pytest
from hypothesis import settings

# Several tests run at a time, and what they compute is small: more threads would only wait for each other.
for _library in ("OMP", "OPENBLAS"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")

# How long an example takes is for benchmarks: a busy machine must not fail a test.
settings.register_profile("synthner", deadline=None)
settings.load_profile("synthner")

SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_collection_finish() -> None:
    """Take nothing that the libraries hold for garbage: each collection would look at all of it."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def shared() -> Path:
    """Return the folder of real corpora and responses, which a user's machine does not have."""
    if not (SHARED / "data").is_dir():
        pytest.skip("the real corpora are not beside this checkout (../shared/data)")
    return SHARED
