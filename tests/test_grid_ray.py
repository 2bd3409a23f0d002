"""The cells of a grid on a local Ray cluster of two nodes, the second of which calls a GPU its own."""

import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from synthner.evaluation.grid.pool import run_cells
from synthner.evaluation.grid.progress import claimed, grid_status
from synthner.evaluation.grid.ray_cluster import run_cells_on_ray
from synthner.schema.errors import WrongUsageError
from synthner.tests.command_line import done, synthner
from synthner.tests.curation_sentences import write
from synthner.tests.grid_release import (
    Told,
    labelled,
    planned_grid,
    results_in,
    write_grid,
    write_related_grid,
)
from synthner.tests.test_translate_test import DICTIONARY, TRANSLATE, danish, english, translated_grid
from synthner.tests.tiny_encoder import save_tiny_encoder
from synthner.tests.tiny_translator import save_tiny_translator

ray = pytest.importorskip("ray", reason="Ray is not installed: `make test-ray` runs these tests")
cluster_utils = pytest.importorskip("ray.cluster_utils")

SLOW = {"sizes": [380, 390, 395], "seeds": 3, "sources": {"organic": "gold"}}
SLOW_GOLD = {"train": 400, "test": 200}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        # Nodes keep models of related languages at home.
        patch.setenv("HOME", str(home))
        patch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        made = cluster_utils.Cluster(
            initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
        )
        made.home = home
        made.add_node(num_cpus=1, num_gpus=1)
        made.wait_for_nodes()
        ray.init(address=made.address, log_to_driver=False)
        yield made
        ray.shutdown()
        made.shutdown()


def scores(folder: Path) -> dict[str, object]:
    return {id_: (result["scores"], result["predictions"]) for id_, result in results_in(folder).items()}


def busy_nodes():
    """Return the nodes whose one core is taken."""
    free = ray._private.state.available_resources_per_node()
    return {node for node, resources in free.items() if not resources.get("CPU")}


def test_a_cluster_needs_no_file_of_the_grid_and_finds_the_same(cluster, tmp_path):
    predictions = {"few-shot": {"predictions": "few-shot.jsonl"}}
    sources = {"organic": "gold", "synthetic": {"train": "synthetic-{language}.jsonl"}, **predictions}
    for name in ("cluster", "here"):
        write_grid(tmp_path / name, {"seeds": 3, "sources": sources})
        write(tmp_path / name / "few-shot.jsonl", labelled(20, "en test"))
    plan, data = planned_grid(tmp_path / "cluster" / "release.yaml")
    for path in (tmp_path / "cluster").glob("*.jsonl"):
        path.unlink()
    told = Told.nothing()
    run_cells_on_ray(plan, data, address=cluster.address, watcher=told)
    assert grid_status(plan, data).complete
    assert set(told.finished_) == {cell.id for cell in plan.cells}

    run_cells(*planned_grid(tmp_path / "here" / "release.yaml"), workers=1, watcher=Told.nothing())
    assert scores(tmp_path / "cluster") == scores(tmp_path / "here")


def test_two_nodes_and_processes_of_this_machine_share_a_grid(cluster, tmp_path):
    plan, data = planned_grid(write_grid(tmp_path, SLOW, gold=SLOW_GOLD))
    together: set[str] = set()
    told = Told.nothing()
    running = threading.Thread(
        target=run_cells_on_ray, args=(plan, data), kwargs={"address": cluster.address, "watcher": told}
    )
    running.start()
    here = Told.nothing()
    processes = threading.Thread(
        target=run_cells,
        args=planned_grid(tmp_path / "release.yaml"),
        kwargs={"workers": 1, "watcher": here},
    )
    processes.start()
    while running.is_alive():
        busy = busy_nodes()
        together |= busy if len(busy) == 2 else set()
        time.sleep(0.02)
    running.join()
    processes.join()
    assert len(together) == 2
    assert set(told.finished_) == set(here.finished_) == {cell.id for cell in plan.cells}
    assert grid_status(plan, data).complete
    assert not grid_status(plan, data).running


def test_killed_tasks_are_run_again(cluster, tmp_path):
    plan, data = planned_grid(write_grid(tmp_path, SLOW, gold=SLOW_GOLD))
    told = Told.nothing()
    running = threading.Thread(
        target=run_cells_on_ray, args=(plan, data), kwargs={"address": cluster.address, "watcher": told}
    )
    running.start()
    killed = 0
    while running.is_alive() and killed < 2:
        time.sleep(0.3)
        for worker in task_processes():
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
                killed += 1
    running.join(120)
    assert killed
    assert set(told.finished_) == {cell.id for cell in plan.cells}
    assert grid_status(plan, data).complete


def task_processes():
    """Return the processes that are running a cell: Ray names a worker by its task."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if path.read_bytes().startswith(b"ray::_run_on_node"):
                found.append(int(path.parent.name))
    return found


def test_an_encoder_takes_its_share_of_a_gpu_and_a_node_keeps_its_related_model(cluster, tmp_path):
    words = [each.tokens for code in ("en", "fi") for each in labelled(60, f"{code} words", code)]
    save_tiny_encoder(tmp_path / "tiny", words)
    settings = {"epochs": 1, "related_epochs": 1, "learning_rate": 3e-3}
    path = write_related_grid(
        tmp_path,
        {
            "taggers": {"tiny": {"model": "tiny", "settings": settings}},
            "settings": ["fine-tuned"],
            "sources": {"organic": "gold"},
            "seeds": 2,
        },
    )
    plan, data = planned_grid(path)
    told = Told.nothing()
    run_cells_on_ray(plan, data, address=cluster.address, watcher=told, gpus=0.5)
    assert not told.failed_
    assert grid_status(plan, data).done == 2
    assert not (tmp_path / "runs" / "models").exists()
    assert len([each for each in cluster.home.glob(".cache/synthner/models/*") if each.is_dir()]) == 1


def test_translations_are_made_on_a_node_that_needs_no_text_of_the_grid(cluster, tmp_path):
    extra = [{"source": "en.txt", "target": "da.txt"}]
    path = translated_grid(
        tmp_path,
        save_tiny_translator(tmp_path / "model", dictionary=DICTIONARY),
        test=10,
        translate_test={**TRANSLATE, "extra": extra},
    )
    for code, sentences in (("da", danish), ("en", english)):
        lines = [" ".join(each.tokens) for each in sentences(50, "extra")]
        (tmp_path / f"{code}.txt").write_text("\n".join(lines), encoding="utf-8")
    plan, data = planned_grid(path)
    for each in (*tmp_path.glob("*.jsonl"), *tmp_path.glob("*.txt")):
        each.unlink()
    told = Told.nothing()
    run_cells_on_ray(plan, data, address=cluster.address, watcher=told)
    assert not told.failed_
    (translated,) = [each for each in results_in(tmp_path).values() if "translate_test" in each]
    assert translated["scores"]["micro"]["f1"] > 0.9
    assert not (tmp_path / "runs" / "translations").exists()
    assert list(cluster.home.glob(".cache/synthner/translations/*/*.json"))


def test_those_that_score_are_used_on_a_node_that_needs_no_gold(cluster, tmp_path):
    path = translated_grid(
        tmp_path,
        save_tiny_translator(tmp_path / "model", dictionary=DICTIONARY),
        test=6,
        settings=["translate-test"],
        translate_test={
            **TRANSLATE,
            "projection": {
                "method": "exact",
                "scores": "fused",
                "tagger": {"gold": "{language}"},
                "translator": {},
            },
        },
    )
    plan, data = planned_grid(path)
    for each in tmp_path.glob("*.jsonl"):
        each.unlink()
    told = Told.nothing()
    run_cells_on_ray(plan, data, address=cluster.address, watcher=told)
    assert not told.failed_
    (result,) = results_in(tmp_path).values()
    scoring = result["translate_test"]["projection"]["scoring"]
    assert list(scoring["scores"]) == ["align", "ner", "nmt"]
    assert scoring["tagger"] == "CRF on gold of da"
    assert result["scores"]["micro"]["f1"] > 0.9


def test_what_fails_on_a_node_leaves_the_other_cells(cluster, tmp_path):
    path = write_grid(
        tmp_path, {"taggers": {"crf": {}, "none": {"model": "./no-model"}}, "sizes": [10], "seeds": 1}
    )
    plan, data = planned_grid(path)
    told = Told.nothing()
    run_cells_on_ray(plan, data, address=cluster.address, watcher=told)
    assert len(told.finished_) == 2
    assert len(told.failed_) == 2
    assert all("there is no folder with a model here" in message for message in told.failed_.values())
    assert grid_status(plan, data).failed == told.failed_


def test_a_cell_that_someone_else_runs_is_left_to_them(cluster, tmp_path):
    plan, data = planned_grid(write_grid(tmp_path))
    told = Told.nothing()
    running = threading.Thread(
        target=run_cells_on_ray, args=(plan, data), kwargs={"address": cluster.address, "watcher": told}
    )
    with claimed(data.grid.runs / plan.cells[0].id):
        running.start()
        deadline = time.monotonic() + 30
        while len(told.finished_) < 6 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert plan.cells[0].id not in told.finished_
        assert running.is_alive()
    running.join(30)
    assert len(told.finished_) == 7


def test_the_command_runs_on_a_cluster(cluster, tmp_path):
    write_grid(tmp_path, {"sizes": [10], "seeds": 1})
    ended = done("evaluate", "--ray", cluster.address, folder=tmp_path)
    assert "2 of 2 cells done." in ended.stdout
    assert ended.stderr.count(": F1 ") == 2


def test_more_gpus_than_there_are_and_no_cluster_are_refused(cluster, tmp_path):
    plan, data = planned_grid(write_grid(tmp_path))
    with pytest.raises(WrongUsageError, match="no node of the Ray cluster has 2 GPUs"):
        run_cells_on_ray(plan, data, address=cluster.address, watcher=Told.nothing(), gpus=2)


def test_no_cluster_is_said(tmp_path):
    write_grid(tmp_path)
    ended = synthner("evaluate", "--ray", "127.0.0.1:1", folder=tmp_path)
    assert ended.status == 1
    assert "127.0.0.1:1: there is no Ray cluster to connect to" in ended.stderr


def test_a_token_that_is_not_at_hand_is_said(cluster, tmp_path):
    write_grid(tmp_path)
    ended = synthner(
        "evaluate", "--ray", cluster.address, folder=tmp_path, RAY_AUTH_MODE="token", HOME=str(tmp_path)
    )
    assert ended.status == 1
    assert f"{cluster.address}: the Ray cluster asks for a token" in ended.stderr
    assert "`export RAY_AUTH_MODE=token`" in ended.stderr
