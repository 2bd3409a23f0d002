"""Fixtures of the tests that publish on a loopback Hub: they share one Hub, and the built releases."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from synthner.tests.hub_publishing import ORGANIZATION, Publisher, Variants


@pytest.fixture(scope="session")
def variants(tmp_path_factory: pytest.TempPathFactory) -> Variants:
    """Return the built releases."""
    return Variants(tmp_path_factory.mktemp("variants"))


@pytest.fixture(scope="session")
def publisher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Publisher]:
    """Return what publishes as Ada of the organisation `acme`; each test has repositories of its own."""
    with Publisher.on_a_hub(tmp_path_factory.mktemp("publishing")) as publisher:
        yield publisher


@pytest.fixture
def repository(request: pytest.FixtureRequest) -> str:
    """Return a name that no other test uses."""
    return f"{ORGANIZATION}/{re.sub('[^a-z0-9]+', '-', request.node.name).strip('-')[-80:].strip('-')}"


@pytest.fixture
def release(variants: Variants, repository: str, tmp_path: Path) -> Callable[[str], Path]:
    """Return what gives a variant as a release of the test's repository, in the same folder each time."""
    return lambda name: variants.copy(name, repository, tmp_path / "release")
