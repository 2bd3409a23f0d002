"""The Ray cluster of the `ray` engine: the connection to it, and whether its machines can do what is asked.

Whatever would fail on some machine an hour later is looked for first: its packages, the model's folder, and
the folder of shards.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Any

from ... import __version__
from ...release import Config
from ...schema.errors import DataError, EngineError, SynthnerError
from ...schema.secrecy import without_secrets
from ...sources.ray_connection import connect
from .ray_shards import ShardFolder

# A machine that has not imported anything for a long time may be slow.
_SECONDS_TO_CHECK = 180.0


def ray_itself() -> Any:
    """Return the package, which is no part of synthner's own installation."""
    # Whatever still runs when a connection has ended must not begin a cluster of its own.
    os.environ.setdefault("RAY_ENABLE_AUTO_CONNECT", "0")
    # Seconds for which what a killed driver had asked for is kept from the next one; Ray takes 180.
    os.environ.setdefault("RAY_DATA_AUTOSCALING_REQUEST_EXPIRE_TIME_S", "30")
    import ray  # pyright: ignore[reportMissingImports]

    return ray


@contextmanager
def connected(config: Config, address: str | None) -> Iterator[None]:
    """Connect to a cluster, or begin one on this machine; it ends with the block where it began with it.

    A cluster that this program is connected to already is taken as it is, and left alone.

    Args:
        config: The config, for errors.
        address: The address of the cluster's head; None for the one in RAY_ADDRESS, and else for a new one.

    Raises:
        EngineError: If there is no such cluster, or it asks for a token that is not at hand.
    """
    ray = ray_itself()
    if ray.is_initialized():
        yield
        return
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    own = {"include_dashboard": False} if address == "local" else {}
    try:
        connect(address, logging_level=logging.ERROR, **own)
    except DataError as error:
        raise EngineError(
            f"{address}: {error.message}",
            where=config.name,
            hint=f"{error.hint} Without `ray.address` this machine alone is used.",
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def quiet() -> Iterator[None]:
    """Let Ray say nothing that is no error, inside and from then on: what it begins anew, it tells."""
    former = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(former)
        for name in ("ray", "ray.data"):
            logging.getLogger(name).setLevel(logging.ERROR)


def gpus_alive() -> int:
    """Return how many GPUs the machines of the cluster have that are there now."""
    return int(sum(node["Resources"].get("GPU", 0) for node in _nodes()))


def check_gpus(config: Config, needed: int, of_one: int) -> None:
    """Make sure that there are GPUs enough to begin with.

    Args:
        config: The config, for errors.
        needed: How many vLLMs there are to be at once at least.
        of_one: GPUs of each.

    Raises:
        EngineError: If there are not.
    """
    found = gpus_alive()
    if found < needed * of_one:
        raise EngineError(
            f"the Ray cluster has {found} GPUs, and {needed} x {of_one} are asked for",
            where=config.name,
            hint="Lower `ray.workers` or `ray.tensor_parallel_size`, or add machines with GPUs; "
            "`ray status` shows what Ray knows of.",
        )


@dataclass(frozen=True, slots=True)
class Needs:
    """What every machine with GPUs must have.

    Attributes:
        versions: Versions of packages, by the name that they are imported by.
        model: The model's folder; None for a model of the Hub.
        shards: The folder of shards, if there is to be one.
        mark: A file that this machine has written there.
    """

    versions: Mapping[str, str | None]
    model: str | None
    shards: ShardFolder | None = None
    mark: str = ""


def needs_of(source: str, shards: ShardFolder | None) -> Needs:
    """Return what the machines must have: what this one has.

    Args:
        source: The model: a folder or an id on the Hub.
        shards: The folder of shards, if there is to be one.

    Raises:
        DataError: If the folder of shards cannot be written to.
    """
    return Needs(
        versions={name: installed_version(name) for name in ("ray", "vllm", "transformers")},
        model=source if Path(source).is_dir() else None,
        shards=shards,
        mark=shards.leave_mark() if shards else "",
    )


def check_nodes(config: Config, needs: Needs) -> None:
    """Make sure that every machine with GPUs has what it needs.

    Raises:
        EngineError: If one has not; the message says which, and what.
    """
    from ray.util.scheduling_strategies import (  # pyright: ignore[reportMissingImports]
        NodeAffinitySchedulingStrategy,
    )

    ray = ray_itself()
    check = ray.remote(num_cpus=0, max_retries=0)(lacking)
    asked = {}
    for node in _nodes():
        if node["Resources"].get("GPU", 0):
            on_node = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            task = check.options(scheduling_strategy=on_node).remote(needs, __version__)
            asked[task] = node["NodeManagerHostname"]
    try:
        ray.wait([*asked], num_returns=len(asked), timeout=_SECONDS_TO_CHECK)
        problems = [f"{name} {problem}" for task, name in asked.items() if (problem := _problem(task))]
    finally:
        if needs.shards:
            needs.shards.remove(needs.mark)
    if problems:
        more = f"; and {len(problems) - 3} more machines" if len(problems) > 3 else ""
        raise EngineError(
            f"machines of the Ray cluster are not ready: {'; '.join(problems[:3])}{more}",
            where=config.name,
            hint="All machines need the same packages as this one, and what is a path in release.yaml must "
            "be there on all of them.",
        )


def lacking(needs: Needs, synthner: str) -> str | None:
    """Say what the machine that this runs on lacks; None where it lacks nothing."""
    for name, needed in {"synthner": synthner, **needs.versions}.items():
        found = __version__ if name == "synthner" else installed_version(name)
        if found != needed:
            return f"has {name} {found or 'not at all'}, and this machine {needed}"
    if needs.model and not Path(needs.model).is_dir():
        return f"has no folder with a model at {needs.model}"
    try:
        if needs.shards and not needs.shards.has(needs.mark):
            return f"does not see the same folder of shards at {needs.shards.url}"
    except SynthnerError as error:
        return f"cannot use the folder of shards {needs.shards.url if needs.shards else ''}: {error.message}"
    return None


def _problem(task: Any) -> str | None:
    ray = ray_itself()
    try:
        return ray.get(task, timeout=0)
    except ray.exceptions.GetTimeoutError:
        return f"does not answer within {_SECONDS_TO_CHECK:.0f} seconds"
    except ray.exceptions.RayError as error:
        return f"cannot run synthner: {last_line(error)}"


def last_line(error: BaseException) -> str:
    """Return the last line of what an error says: before it, Ray tells where it was."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return without_secrets(lines[-1] if lines else type(error).__name__)


def _nodes() -> list[dict[str, Any]]:
    return [node for node in ray_itself().nodes() if node["Alive"]]


def installed_version(name: str) -> str | None:
    """Return the version of a package by what it is imported as: vLLM's for CPUs has another name."""
    found = packages_distributions().get(name)
    return version(found[0]) if found else None
