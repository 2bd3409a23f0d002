"""Ways to make data: a method plans the calls of a config before any of them is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ...release import Config
from ...sources.gold import Gold
from ..calls import Call
from . import seeded

Method = Callable[[Config, Gold, int], Iterator[Call]]
"""Plans the calls of a config from its gold data and the release's seed, split by split, in order."""

METHODS: dict[str, Method] = {"seeded": seeded.plan}
