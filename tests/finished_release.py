"""Fixtures of the tests that need a release that was run to its end: the quickstart, run once for all."""

import shutil
from pathlib import Path

import pytest

from synthner.tests.in_process import done


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a release that was run to its end; what changes files works on a copy."""
    folder = tmp_path_factory.mktemp("finished")
    done("init", "release", folder=folder)
    done("run", folder=folder / "release")
    return folder / "release"


@pytest.fixture
def built(tmp_path: Path, finished: Path) -> Path:
    """Return a copy of that release."""
    return shutil.copytree(finished, tmp_path / "built")
