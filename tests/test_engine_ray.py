"""The ray engine on a cluster of two nodes, each of which calls a GPU its own, with vLLM itself on the CPU.

`make test-vllm` installs what it needs and runs it; what needs no vLLM is in the ordinary suite.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from synthner.generation.calls import Call
from synthner.generation.engines.local import local_address
from synthner.generation.engines.ray_cluster import Needs, lacking, needs_of
from synthner.generation.engines.ray_shards import Result, ShardFolder, table_of
from synthner.generation.generate import generate
from synthner.generation.journal import Journal
from synthner.generation.plan import planned_calls
from synthner.generation.watching import Outcome, Unwatched
from synthner.release import Release
from synthner.schema.errors import DataError, EngineError, ReleaseError, WrongUsageError
from synthner.tests.small_release import server_settings, write_release
from synthner.tests.test_engine_vllm import SETTINGS, answers, release_for, texts
from synthner.tests.tiny_language_model import save_tiny_language_model

needs_cluster = pytest.mark.skipif(
    None in (find_spec("ray"), find_spec("vllm")),
    reason="Ray or vLLM is not installed; `make test-vllm` runs this with both",
)

ENVIRONMENT = {
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "HF_HUB_OFFLINE": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
}
NODE: dict[str, Any] = {"num_cpus": 4, "num_gpus": 1, "object_store_memory": 200_000_000}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    import ray  # pyright: ignore[reportMissingImports]
    from ray.cluster_utils import Cluster  # pyright: ignore[reportMissingImports]

    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        made = Cluster(initialize_head=True, head_node_args={**NODE, "include_dashboard": False})
        made.add_node(**NODE)
        made.wait_for_nodes()
        yield made
        ray.shutdown()
        made.shutdown()


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return save_tiny_language_model(tmp_path_factory.mktemp("model"))


def ray_release(folder: Path, model: Path, address: str | None = None, **settings: Any) -> Release:
    given: dict[str, Any] = {"engine": "ray", "examples": 2, "batch_size": 4, **SETTINGS, **settings}
    if address:
        given["address"] = address
    return release_for(folder, model, **given)


def planned(release: Release) -> list[Call]:
    ((_, calls),) = planned_calls(release, list(release.configs))
    return list(calls)


def a_result(call: Call, **changes: Any) -> Result:
    """Return what a worker might make of a call."""
    whole = {
        "key": call.key,
        "text": '{"datapoints": []}',
        "finish_reason": "stop",
        "prompt_tokens": 7,
        "completion_tokens": 3,
        "error": None,
        "engine": "vllm 0.0",
        "started": 1.0,
        "finished": 2.0,
    }
    return Result(**whole | changes)


def ready_workers() -> dict[str, int]:
    """Return the processes with a vLLM that is ready, by node."""
    from ray._private import state  # pyright: ignore[reportMissingImports]

    return {
        actor["Address"]["NodeID"]: actor["Pid"]
        for actor in state.actors().values()
        if actor["State"] == "ALIVE" and "vLLM" in actor["ActorClassName"]
    }


@needs_cluster
def test_two_nodes_answer_every_call_once_though_one_of_them_dies(cluster, model, tmp_path):
    nodes: set[str] = set()

    class Killing(Unwatched):
        def advance(self, config: str, split: str, outcome: Outcome, cost: float | None) -> None:
            ready = ready_workers()
            if not nodes:
                # The first one that answers; it has been given a part of the calls.
                for process in ready.values():
                    os.kill(process, signal.SIGKILL)
            nodes.update(ready)

    release = ray_release(tmp_path / "cluster", model, cluster.address, calls=160)
    with (tmp_path / "cluster" / "gold" / "train.conll").open("a", encoding="utf-8") as gold:
        gold.write("\n" + "Læsø B-LOC\nsov O\n" * 300)

    summary = generate(release, watcher=Killing())

    assert len(nodes) == 2
    too_long = [call for call in planned(release) if any("sov" in m["content"] for m in call.messages)]
    assert too_long
    assert (summary.answered, summary.failed) == (160 - len(too_long), len(too_long))
    assert all("2048" in reason for reason in summary.configs["da_tiny"].failures)
    with Journal(release.journal) as journal:
        assert len(list(journal.paid("da_tiny"))) == 160
    for call, reply in answers(release):
        if reply.error is None:
            assert reply.finish_reason == "stop"
            assert json.loads(reply.raw)["seed"] == int(call.key[:12], 16)
            json.loads(reply.text or "")


def generating(release: Release) -> subprocess.Popen[str]:
    """Start another process that generates."""
    command = [sys.executable, "-c", "from synthner.cli import main; main()", "generate"]
    return subprocess.Popen(
        [*command, str(release.folder / "release.yaml")],
        env=os.environ | ENVIRONMENT,
        text=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


@needs_cluster
def test_a_driver_that_is_killed_loses_nothing_that_workers_have_finished(cluster, model, tmp_path):
    release = ray_release(tmp_path, model, cluster.address, calls=120, workers=1, shards="shards")
    shards = tmp_path / "shards" / "da_tiny"
    driver = generating(release)
    try:
        while not (kept := _answered(release)):
            assert driver.poll() is None, driver.communicate()[1]
            time.sleep(0.05)
    finally:
        driver.kill()
        driver.wait()
    kept = _answered(release)
    assert 0 < kept < 120
    left = ShardFolder(str(shards))
    in_shards = sum(len(left.read(name)) for name in left.names())

    driver = generating(release)

    assert driver.wait(400) == 0, driver.communicate()[1]
    assert _answered(release) == 120
    with Journal(release.journal) as journal:
        # Nothing was asked twice, but for what was under way.
        assert len(list(journal.paid("da_tiny"))) == 120
    assert in_shards < 120
    assert [path for path in shards.iterdir() if path.suffix == ".parquet"] == []

    # One machine answers as the cluster does, to the byte.
    alone = release_for(tmp_path / "alone", model, examples=2, calls=12)
    assert generate(alone).answered == 12
    ours = {call.key: reply.raw for call, reply in answers(release)}
    assert all(ours[call.key] == reply.raw for call, reply in answers(alone))


def _answered(release: Release) -> int:
    if not release.journal.exists():
        return 0
    with Journal(release.journal) as journal:
        return sum(split.answered for split in journal.progress("da_tiny").values())


@needs_cluster
def test_what_workers_left_is_kept_without_a_cluster(model, tmp_path):
    release = ray_release(tmp_path, model, "127.0.0.1:1", calls=7, shards=str(tmp_path / "shards"))
    calls = planned(release)
    folder = ShardFolder(f"{tmp_path}/shards/da_tiny")
    folder.write(table_of([a_result(call) for call in calls[:3]]))
    folder.write(table_of([a_result(call, text="ærø", finish_reason="length") for call in calls[2:]]))
    # Failures are asked for again; what others have asked is theirs.
    failure = a_result(calls[1], text=None, finish_reason=None, error="lost")
    folder.write(table_of([failure]))
    foreign = folder.write(table_of([a_result(calls[0], key="0" * 64)]))

    summary = generate(release)

    assert (summary.answered, summary.failed) == (7, 0)
    # One call was in two shards.
    assert sorted(Counter(texts(release)).values()) in ([3, 4], [2, 5])
    assert folder.names() == [foreign]
    assert generate(release).answered == 0
    with Journal(release.journal) as journal:
        assert len(list(journal.paid("da_tiny"))) == 7


CONNECT = """
import sys
from pathlib import Path
from synthner.generation.engines.ray_cluster import connected
from synthner.release import read_release
from synthner.schema.errors import EngineError

try:
    with connected(read_release(Path(sys.argv[1])).configs[0], sys.argv[2]):
        pass
except EngineError as error:
    print(error)
"""


@pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")
def test_a_cluster_that_asks_for_a_token_says_so(cluster, tmp_path):
    release = write_release(tmp_path, {"tiny": server_settings("http://127.0.0.1:9/v1")})

    ended = subprocess.run(
        [sys.executable, "-c", CONNECT, str(release.path), cluster.address],
        env={**os.environ, "RAY_AUTH_MODE": "token", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert f"da_tiny: {cluster.address}: the Ray cluster asks for a token" in ended.stdout
    assert "`export RAY_AUTH_MODE=token`" in ended.stdout


@needs_cluster
def test_what_is_no_shard_is_named_before_anything_is_asked(model, tmp_path):
    release = ray_release(tmp_path, model, "127.0.0.1:1", shards="shards")
    folder = tmp_path / "shards" / "da_tiny"
    folder.mkdir(parents=True)
    (folder / "notes.parquet").write_bytes(b"PAR1 and nothing else")

    with pytest.raises(DataError, match=r"notes\.parquet: this is no shard of results"):
        generate(release)

    assert answers(release) == []


@needs_cluster
def test_a_cluster_that_cannot_do_it_is_an_error_before_the_model_is_loaded(cluster, model, tmp_path):
    with pytest.raises(EngineError, match=r"127\.0\.0\.1:1: there is no Ray cluster"):
        generate(ray_release(tmp_path / "a", model, "127.0.0.1:1"))
    with pytest.raises(EngineError, match="has 2 GPUs, and 3 x 1 are asked for"):
        generate(ray_release(tmp_path / "b", model, cluster.address, workers=3))
    with pytest.raises(EngineError, match="has 2 GPUs, and 1 x 4 are asked for"):
        generate(ray_release(tmp_path / "c", model, cluster.address, workers=[1, 9], tensor_parallel_size=4))
    with pytest.raises(ReleaseError, match="the least number, 3, is above the greatest, 2"):
        generate(ray_release(tmp_path / "d", model, cluster.address, workers=[3, 2]))
    sampling = {"max_tokens": 5, "min_tokens": 6}
    with pytest.raises(ReleaseError, match="min_tokens"):
        generate(ray_release(tmp_path / "e", model, cluster.address, sampling=sampling))
    with pytest.raises(DataError, match="folder of shards cannot be used"):
        generate(ray_release(tmp_path / "f", model, cluster.address, shards="/proc/shards"))


def test_a_machine_says_what_it_lacks(tmp_path, model):
    from synthner import __version__

    here = needs_of(str(model), None)
    assert lacking(here, __version__) is None
    assert lacking(Needs(here.versions, str(tmp_path / "none")), __version__) == (
        f"has no folder with a model at {tmp_path / 'none'}"
    )
    assert lacking(here, "0.0") == f"has synthner {__version__}, and this machine 0.0"
    other = Needs({"pyarrow": "1.0"}, None)
    assert lacking(other, __version__) == f"has pyarrow {pa.__version__}, and this machine 1.0"
    elsewhere = ShardFolder(str(tmp_path / "elsewhere"))
    assert lacking(Needs({}, None, elsewhere, ".seen-nowhere"), __version__) == (
        f"does not see the same folder of shards at {elsewhere.url}"
    )
    assert lacking(needs_of("a/model", elsewhere), __version__) is None
    bucket = ShardFolder("nowhere://bucket")
    assert "cannot use the folder of shards" in (lacking(Needs({}, None, bucket, "x"), __version__) or "")


def test_a_shard_is_whole_or_not_there_and_the_same_calls_write_one(tmp_path):
    folder = ShardFolder(str(tmp_path / "shards"))
    assert folder.names() == []
    first = Result("a" * 64, "Læsø 𝄞", "stop", 3, 2, None, "vllm 0.0", 1.0, 2.5)
    second = Result("b" * 64, None, None, 0, 0, "too long", "vllm 0.0", 1.0, 2.5)

    name = folder.write(table_of([first, second]))

    assert folder.write(table_of([second, first])) == name
    assert folder.names() == [name]
    assert folder.read(name) == [second, first]
    assert [path.name for path in (tmp_path / "shards").iterdir()] == [name]
    folder.remove(name)
    folder.remove(name)
    assert folder.names() == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-20]),
        lambda path: path.write_bytes(b""),
        lambda path: pq.write_table(pa.table({"key": ["a"]}), path),
        lambda path: pq.write_table(pq.read_table(path).replace_schema_metadata(None), path),
        lambda path: _rewrite(path, text=None),
        lambda path: _rewrite(path, finish_reason="whatever"),
        lambda path: _rewrite(path, error="and yet"),
        lambda path: _rewrite(path, finished=float("nan")),
        lambda path: _rewrite(path, key=None),
    ],
    ids=["cut", "empty", "other", "unmarked", "no-text", "reason", "both", "time", "no-key"],
)
def test_what_is_no_shard_is_not_believed(tmp_path, spoil):
    folder = ShardFolder(str(tmp_path))
    name = folder.write(table_of([Result("a" * 64, "ja", "stop", 3, 2, None, "vllm 0.0", 1.0, 2.5)]))
    spoil(tmp_path / name)

    with pytest.raises(DataError, match=rf"{name}: this is no shard of results"):
        folder.read(name)


def _rewrite(path: Path, **changes: Any) -> None:
    table = pq.read_table(path)
    rows = [row | changes for row in table.to_pylist()]
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)


def test_a_shard_may_be_in_a_store():
    folder = ShardFolder("memory://bucket/release/da_tiny")
    result = Result("a" * 64, "ja", "stop", 3, 2, None, "vllm 0.0", 1.0, 2.5)
    assert folder.names() == []

    name = folder.write(table_of([result]))

    assert folder.names() == [name]
    assert folder.read(name) == [result]
    folder.remove(name)
    assert folder.names() == []


def test_its_answers_are_those_of_the_other_local_engines(tmp_path):
    settings = {"dtype": "float16", "revision": "v2"}
    ours = {"address": "head:6379", "workers": [1, 8], "batch_size": 64, "shards": "s3://bucket/release"}

    assert local_address({**settings, **ours}) == local_address(settings)
    release = ray_release(tmp_path / "ray", Path("tiny"), **ours)
    other = release_for(tmp_path / "vllm", Path("tiny"), examples=2)
    assert [call.key for call in planned(release)] == [call.key for call in planned(other)]


@pytest.mark.parametrize("package", ["ray", "vllm"])
def test_the_extra_that_is_lacking_is_named(tmp_path, model, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)

    with pytest.raises(WrongUsageError, match=rf"not installed: .*{package}.*\n.*synthner\[ray,vllm\]"):
        generate(ray_release(tmp_path, model))
