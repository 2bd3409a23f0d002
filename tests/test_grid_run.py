"""Cells that are run in processes: results, resuming, failures, kills and interrupts."""

import json
import multiprocessing
import os
import random
import re
import signal
import subprocess
import threading
import time

import pytest

from synthner.evaluation.grid.cells import cell_data
from synthner.evaluation.grid.pool import run_cells, run_claimed
from synthner.evaluation.grid.progress import claimed, grid_status
from synthner.evaluation.grid.results import read_predicted_tags, read_result
from synthner.evaluation.grid.run_cell import run_cell
from synthner.evaluation.grid.running import DONE, Report
from synthner.evaluation.recipes import train_on_gold
from synthner.evaluation.scoring import score
from synthner.evaluation.seen_mentions import seen_mentions
from synthner.schema.example import Example
from synthner.tests import command_line
from synthner.tests.command_line import SCRIPT, finish, start
from synthner.tests.curation_sentences import write
from synthner.tests.grid_release import (
    Told,
    changed_grid,
    labelled,
    planned_grid,
    results_in,
    run_here,
    write_grid,
)
from synthner.tests.in_process import done, refused, synthner
from synthner.tests.terminal import on_a_terminal

# Tenths of a second a cell: there is time to kill its process.
SLOW = {"sizes": [230, 240], "seeds": 4, "sources": {"organic": "gold"}}
SLOW_GOLD = {"train": 250, "test": 100}


def until(condition, seconds=40):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it does not come to pass"
        time.sleep(0.02)
    return found


def finished_cells(folder):
    return {path.parent.name for path in folder.glob("runs/*/result.json")}


def without_measured(results):
    return {id_: {key: result[key] for key in result if key != "measured"} for id_, result in results.items()}


def test_every_cell_gets_a_result_that_can_be_scored_again(tmp_path):
    release = write_grid(tmp_path)
    ended = command_line.done("evaluate", "--workers", "2", folder=tmp_path)
    assert "7 of 7 cells done." in ended.stdout
    assert ended.stderr.count(": F1 ") == 7
    results = results_in(tmp_path)
    plan, data = planned_grid(release)
    assert set(results) == {each.id for each in plan.cells}
    test = data.test("en").examples
    for id_, result in results.items():
        predicted = read_predicted_tags(tmp_path / "runs" / id_)
        assert list(predicted) == [example.id for example in test]
        again = score([each.ner_tags for each in test], [predicted[each.id] for each in test])
        assert again.micro.f1 == result["scores"]["micro"]["f1"]
        low, high = result["interval"]
        assert low <= again.micro.f1 <= high
        assert (result["scores"]["invariance"] is not None) == (result["cell"]["seed"] == 0)
        assert result["data"]["train"][0]["sentences"] == result["cell"]["size"]


def test_a_crf_is_trained_as_by_the_recipe_gold_only(tmp_path):
    plan, data = planned_grid(write_grid(tmp_path, gold={"train": 150, "test": 150}))
    cell = plan.cells[-3]
    outcome = run_cell(cell, data)
    (train,) = cell_data(cell.cell, data).train
    test = data.test("en").examples
    slowly = train_on_gold(train.examples).tag(each.tokens for each in test)
    expected = score([each.ner_tags for each in test], slowly, types=data.types("en"))
    assert outcome.result["scores"]["per_type"] == expected.as_json()["per_type"]


def test_names_that_stand_in_data_that_was_left_out_are_not_seen(tmp_path):
    described = {
        "sources": {"noise": {"train": "noise.jsonl"}},
        "settings": ["gold+synthetic"],
        "sizes": [40],
    }
    release = write_grid(tmp_path, {**described, "seeds": 1})
    _, data = planned_grid(release)
    test = data.test("en").examples
    write(tmp_path / "noise.jsonl", [Example(e.id, e.tokens, ("B-PER",) * len(e.tokens)) for e in test])
    plan, data = planned_grid(release)
    (cell,) = plan.cells
    result = run_cell(cell, data).result
    assert result["combination"]["recipe"] == "gold only"
    gold, noise = cell_data(cell.cell, data).train
    tags = [each.ner_tags for each in test]
    in_gold, in_both = (
        seen_mentions(each, test, tags) for each in (gold.examples, gold.examples + noise.examples)
    )
    assert result["scores"]["seen"]["gold"] == in_gold.seen.gold < in_both.seen.gold


def test_what_is_done_is_not_run_again_and_the_status_says_so(tmp_path):
    release = write_grid(tmp_path)
    assert done("status", "--json", folder=tmp_path).json["evaluation"] is None
    assert done("status", folder=tmp_path).stdout == (
        "Nothing was evaluated yet. Next: synthner evaluate release.yaml\n"
    )
    run_here(release)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/*/result.json")}
    again = done("evaluate", folder=tmp_path)
    assert ": F1 " not in again.stderr
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert "7 of 7 cells done" in done("status", folder=tmp_path).stdout
    assert done("status", "--json", folder=tmp_path).json["evaluation"]["done"] == 7


def test_a_size_says_how_many_sentences_there_are_where_these_are_fewer(tmp_path):
    settings = ["scratch", "gold+synthetic", "multilingual"]
    write_grid(tmp_path, {"sizes": [10, 50], "seeds": 1, "settings": settings}, languages=["en", "fi"])

    ended = done("evaluate", "--workers", "1", folder=tmp_path)

    lines = {line.partition(": F1")[0] for line in ended.stderr.splitlines()}
    assert {"en crf scratch synthetic 10 seed 0", "en crf scratch synthetic 50 (30) seed 0"} < lines
    assert {"en crf gold+synthetic synthetic 50 (40) seed 0", "fi crf scratch organic 50 (40) seed 0"} < lines
    told = "Fewer sentences than asked for: organic 50 (40) in en, fi; synthetic 50 (30) in en, fi; gold 50"
    assert told in ended.stderr
    assert told in done("status", folder=tmp_path).stderr
    smaller = done("status", "--json", folder=tmp_path).json["evaluation"]["smaller"]
    assert smaller == done("evaluate", "--dry-run", "--json", folder=tmp_path).json["smaller"]
    assert len(smaller) == 10
    assert {
        "language": "fi",
        "source": "synthetic",
        "setting": "multilingual",
        "size": 50,
        "true_size": 30,
    } in smaller


def test_a_terminal_sees_which_language_is_read_while_the_grid_is_planned(tmp_path):
    release = write_grid(tmp_path, languages=["en", "fi"])

    shown = on_a_terminal("evaluate", release, "--dry-run")

    assert shown.status == 0
    first, second = (shown.terminal.index(f"Reading {code}, ") for code in ("en", "fi"))
    assert "1 of 2 languages" in shown.terminal[first:second]
    assert "2 of 2 languages" in shown.terminal[second:]
    # It goes when it is done, and it never takes a line of its own, which bars of others need.
    assert "Reading" not in shown.terminal.rpartition("\x1b[2K")[2]
    assert "\n" not in shown.terminal[first:second]
    assert "Reading" not in done("evaluate", "--dry-run", folder=tmp_path).stderr


def test_a_dry_run_trains_nothing(tmp_path):
    write_grid(tmp_path)
    ended = done("evaluate", "--dry-run", folder=tmp_path)
    assert "7 cells to run, 130 sentences" in ended.stdout
    assert not (tmp_path / "runs").exists()
    assert done("evaluate", "--dry-run", "--json", folder=tmp_path).json["effort"][0]["cells"] == 7


def test_other_data_and_other_sources_leave_old_runs_alone(tmp_path):
    release = write_grid(tmp_path)
    run_here(release)
    before = {path: path.read_bytes() for path in (tmp_path / "runs").rglob("*.json")}
    write(tmp_path / "synthetic-en.jsonl", labelled(20, "another"))
    changed_grid(release, sources={"renamed": "gold", "synthetic": {"train": "synthetic-{language}.jsonl"}})
    # Gold under a new name: 4; the changed source: 10 with two seeds, and 20 for all that is larger.
    status = run_here(release)
    assert status.cells == status.done == 7
    assert {path: path.read_bytes() for path in before} == before
    assert len(results_in(tmp_path)) == 14


def test_a_damaged_result_is_named_and_can_be_made_again(tmp_path):
    release = write_grid(tmp_path)
    run_here(release)
    damaged = sorted((tmp_path / "runs").glob("*/result.json"))[0]
    damaged.write_text(json.dumps({**json.loads(damaged.read_text()), "format": 99}))
    ended = synthner("evaluate", folder=tmp_path)
    assert ended.status == 1
    assert str(damaged) in ended.stderr
    assert "Delete it" in ended.stderr
    damaged.unlink()
    assert run_here(release).complete


def test_failures_are_told_and_tried_again(tmp_path):
    release = write_grid(
        tmp_path,
        {"taggers": {"crf": {}, "tiny": {"model": "./no-model"}}, "sizes": [10], "seeds": 1},
        languages=["en", "fi"],
    )
    (tmp_path / "fi-test.jsonl").write_text("")
    ended = synthner("evaluate", "--workers", "1", folder=tmp_path)
    assert ended.status == 1
    assert "2 of 4 cells done, 2 failed" in ended.stdout
    assert "2 cells failed: " in ended.stderr
    assert "no-model: there is no folder with a model here" in ended.stderr
    assert "Not run: fi: " in ended.stderr
    assert {result["cell"]["tagger"]["name"] for result in results_in(tmp_path).values()} == {"crf"}
    status = done("status", "--json", folder=tmp_path).json["evaluation"]
    assert (status["done"], len(status["failed"]), len(status["left_out"])) == (2, 2, 1)

    write(tmp_path / "fi-test.jsonl", labelled(20, "fi test", "fi"))
    changed_grid(release, taggers={"crf": {}})
    assert run_here(release).done == 4


def without_test(path, language):
    value = json.loads(path.read_text(encoding="utf-8"))
    del value["languages"][language]["gold"]["files"]["test"]
    path.write_text(json.dumps(value), encoding="utf-8")


def test_a_language_without_a_test_split_is_noted_and_the_rest_is_complete(tmp_path):
    without_test(write_grid(tmp_path, {"sizes": [10], "seeds": 1}, languages=["en", "fi"]), "fi")
    ended = done("evaluate", "--workers", "1", folder=tmp_path)
    assert "2 of 2 cells done." in ended.stdout
    assert "Not tested: fi: gold has no test split." in ended.stderr
    assert done("status", "--json", folder=tmp_path).json["evaluation"]["untested"] == ["fi"]


def test_what_is_not_tested_as_it_stands_and_what_has_no_cell_is_told(tmp_path):
    write_grid(tmp_path, {"settings": ["scratch", "fine-tuned"]})
    test = tmp_path / "en-test.jsonl"
    test.write_text(test.read_text(encoding="utf-8").replace("-LOC", "-TOWN"), encoding="utf-8")
    ended = done("evaluate", "--dry-run", folder=tmp_path)
    assert (
        "Note on gold in en: mentions of types that gold train does not have are read as `O`" in ended.stderr
    )
    assert "No cell: fine-tuned: a CRF begins anew each time; name a tagger with a `model`." in ended.stderr


def with_towns_for_places(path):
    path.write_text(path.read_text(encoding="utf-8").replace("-LOC", "-TOWN"), encoding="utf-8")


def test_notes_that_are_alike_are_one_line_and_all_of_them_are_in_json(tmp_path):
    codes = ("en", "fi", "el")
    write_grid(tmp_path, {"sizes": [10], "seeds": 1}, languages=codes)
    for code in codes:
        with_towns_for_places(tmp_path / f"synthetic-{code}.jsonl")
    with_towns_for_places(tmp_path / "fi-test.jsonl")
    command = "synthner evaluate release.yaml --dry-run --json"

    told = done("evaluate", "--dry-run", folder=tmp_path).stderr.splitlines()

    of_test, of_sources, in_full = told
    assert of_test.startswith("Note on gold in fi: mentions of types that gold train does not have")
    assert of_sources.startswith("3 notes, on synthetic in ")
    assert of_sources.endswith("mentions of types that gold does not have are read as `O`.")
    assert in_full == f"Each of these in full: {command}"
    notes = done(*command.split()[1:], folder=tmp_path).json["notes"]
    assert set(notes) == {"gold in fi", *(f"synthetic in {code}" for code in codes)}
    assert all("TOWN" in note for of_data in notes.values() for note in of_data)

    ended = done("evaluate", "--workers", "1", folder=tmp_path)
    assert ended.stderr.splitlines()[:3] == told, "what to know comes before anything is run"
    assert ended.stderr.count("read as `O`") == 2
    assert done("status", folder=tmp_path).stderr.splitlines() == told


def test_the_note_on_most_mentions_comes_first(tmp_path):
    codes = ("en", "fi")
    write_grid(tmp_path, {"sizes": [10], "seeds": 1}, languages=codes)
    write(tmp_path / "synthetic-fi.jsonl", labelled(300, "many", "fi"))
    for code in codes:
        with_towns_for_places(tmp_path / f"synthetic-{code}.jsonl")
    notes = done("evaluate", "--dry-run", folder=tmp_path).stderr
    assert re.match(r"2 notes, on synthetic in fi \(\d+\) and synthetic in en \(\d+\): mentions", notes)


def test_what_is_not_run_for_like_reasons_is_told_with_one_remedy(tmp_path):
    sources = {"organic": "gold", **{name: {"train": f"{name}-{{language}}.jsonl"} for name in ("a", "b")}}
    described = {"sources": sources, "settings": ["scratch", "gold+synthetic"], "sizes": [10], "seeds": 1}
    write_grid(tmp_path, described, languages=("en", "fi"))
    ended = synthner("evaluate", "--workers", "1", folder=tmp_path)
    assert ended.status == 1
    first, remedy, others, in_full, *_, last = ended.stderr.splitlines()
    assert first.startswith("Not run: a in en: ")
    assert first.endswith("a-en.jsonl: there is no such file")
    assert remedy == "Is its name right, and the folder it is relative to?"
    assert others == "Not run for reasons like this one: b in en, fi; a in fi."
    assert in_full == "Each of these in full: synthner evaluate release.yaml --dry-run --json"
    assert last == "Not run, for what is said above: a in en, fi; b in en, fi."
    left_out = done("evaluate", "--dry-run", "--json", folder=tmp_path).json["left_out"]
    assert [(each["language"], each["source"], each["setting"]) for each in left_out] == [
        (code, source, "") for code in ("en", "fi") for source in ("a", "b")
    ]
    assert len({each["message"] for each in left_out}) == 4


def test_a_grid_with_nothing_to_test_on_says_what_to_do(tmp_path):
    without_test(write_grid(tmp_path), "en")
    message = refused("evaluate", folder=tmp_path)
    assert "gold of en has no test split" in message
    assert "Name a test split under `languages`" in message


def test_where_every_cell_failed_no_report_is_proposed(tmp_path):
    path = write_grid(tmp_path, {"taggers": {"tiny": {"model": "./no-model"}}, "sizes": [10], "seeds": 1})
    ended = synthner("evaluate", "--workers", "1", folder=tmp_path)
    assert ended.status == 1
    assert "2 cells failed: " in ended.stderr
    assert "There is no result to report. Mend what is said above" in ended.stdout
    assert "synthner report" not in ended.stdout
    changed_grid(path, taggers={"crf": {}})
    assert "Next: synthner report" in done("evaluate", "--workers", "1", folder=tmp_path).stdout


@pytest.mark.parametrize(
    ("evaluation", "arguments", "message", "status"),
    [
        ({"settings": ["fine-tuned"]}, (), "the evaluation has no cell", 1),
        ({"languages": ["en", "en"]}, (), "evaluation.languages: ['en', 'en'] has non-unique elements", 1),
        ({"taggers": {"t": {"model": "m", "recipe": "papr"}}}, (), "taggers.t: there is no recipe `papr`", 2),
        ({"taggers": {"t": {"model": "m", "settings": {"epoch": 1}}}}, (), "no hyper-parameter `epoch`", 2),
        ({"sources": {"organic": "gld"}}, (), "organic: `gld` is not valid here\nDid you mean `gold`?", 1),
        ({"sources": {"x": "gpt4"}}, (), "here: `gold`. Or keys of their own: `generator`, `joint`", 1),
        ({"sources": {"x": {"trian": "a"}}}, (), "sources.x: unknown key `trian`\nDid you mean `train`?", 1),
        ({"sources": {"x": {"train": 5}}}, (), "evaluation.sources.x.train: `5` is no string", 1),
        ({"sources": {"x": {"train": "a", "corpus": "c"}}}, (), "exactly one of `generator` or `joint`", 1),
        ({}, ("--ray", "auto", "--workers", "2"), "--ray goes without --workers", 2),
        ({}, ("--gpus", "0.5"), "it goes with --ray", 2),
    ],
    ids=[
        *("no cell", "a language twice", "no recipe", "no hyper-parameter", "a source by its name"),
        *("a generator by its name", "a mistyped key", "a number for a file", "two places"),
        *("ray and workers", "gpus alone"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_run(
    tmp_path, evaluation, arguments, message, status
):
    write_grid(tmp_path, evaluation)
    ended = synthner("evaluate", *arguments, folder=tmp_path)
    assert ended.status == status
    assert message in ended.stderr
    assert not (tmp_path / "runs").exists()


def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_run(tmp_path):
    write_grid(tmp_path)
    (tmp_path / "runs").write_text("a file where the folder should be")
    assert "runs: no result can be written here" in refused("evaluate", folder=tmp_path)


def test_a_cell_whose_result_cannot_be_written_fails_alone(tmp_path):
    plan, data = planned_grid(write_grid(tmp_path))
    data.grid.runs.mkdir()
    (data.grid.runs / plan.cells[1].id).write_text("a file where the folder should be")
    told = Told.nothing()
    run_cells(plan, data, workers=1, watcher=told)
    assert "File exists" in told.failed_[plan.cells[1].id]
    assert len(told.finished_) == 6
    assert not grid_status(plan, data).complete


def test_data_that_changes_meanwhile_is_not_taken_for_the_planned(tmp_path):
    plan, data = planned_grid(write_grid(tmp_path))
    write(tmp_path / "synthetic-en.jsonl", labelled(30, "changed meanwhile"))
    told = Told.nothing()
    run_cells(plan, data, workers=1, watcher=told)
    assert len(told.finished_) == 4
    assert all("the data has changed since" in message for message in told.failed_.values())
    assert len(told.failed_) == 3


def test_collapsed_runs_are_flagged_and_repeated_once_where_that_is_wanted(tmp_path):
    release = write_grid(
        tmp_path, {"sources": {"empty": {"train": "synthetic-{language}.jsonl"}}, "sizes": [10, 30]}
    )
    write(
        tmp_path / "synthetic-en.jsonl",
        [Example(e.id, e.tokens, ("O",) * len(e.tokens)) for e in labelled(30, "nothing")],
    )
    ended = done("evaluate", "--workers", "1", folder=tmp_path)
    assert "3 of 3 cells done, 3 collapsed." in ended.stdout
    assert ended.stderr.count("F1 0.000, which is a collapse") == 3

    changed_grid(release, retry_collapsed=True)
    assert done("status", "--json", folder=tmp_path).json["evaluation"]["waiting"] == 2
    ended = done("evaluate", "--workers", "1", folder=tmp_path)
    assert "seed 2, again for seed 0: F1 0.000, which is a collapse" in ended.stderr
    assert "5 of 5 cells done, 5 collapsed, 2 repeated." in ended.stdout
    # With all sentences nothing is drawn: a repetition would be the same run.
    tests_invariance = {
        (result["cell"]["size"], result["cell"]["seed"], result["cell"]["retry_of"]): (
            result["scores"]["invariance"] is not None
        )
        for result in results_in(tmp_path).values()
    }
    assert tests_invariance == {
        (10, 0, None): True,
        (10, 1, None): False,
        # What repeats the run that tests it takes its place.
        (10, 2, 0): True,
        (10, 3, 1): False,
        (30, 0, None): True,
    }


def test_a_cell_that_someone_else_runs_is_left_to_them(tmp_path):
    plan, data = planned_grid(write_grid(tmp_path))
    told = Told.nothing()
    running = threading.Thread(target=run_cells, args=(plan, data), kwargs={"workers": 1, "watcher": told})
    with claimed(data.grid.runs / plan.cells[0].id):
        running.start()
        until(lambda: len(told.finished_) == 6)
        assert grid_status(plan, data).running == 1
        time.sleep(0.3)
        assert running.is_alive()
        assert plan.cells[0].id not in finished_cells(tmp_path)
    running.join(30)
    assert len(told.finished_) == 7
    assert grid_status(plan, data).complete


def test_no_module_beside_a_release_is_taken_for_one_of_python(tmp_path):
    write_grid(tmp_path)
    for module in ("random", "pickle", "json"):
        (tmp_path / f"{module}.py").write_text("raise SystemExit('a script of the user')", encoding="utf-8")
    assert "7 of 7 cells done." in command_line.done("evaluate", "--workers", "2", folder=tmp_path).stdout


def test_two_commands_share_one_grid(tmp_path):
    write_grid(tmp_path, {"seeds": 4})
    first, second = (start("evaluate", "--workers", "1", "--json", folder=tmp_path) for _ in range(2))
    ended = [finish(first), finish(second)]
    assert [each.status for each in ended] == [0, 0], [each.stderr for each in ended]
    assert [each.json["done"] for each in ended] == [13, 13]
    assert len(results_in(tmp_path)) == 13


def test_killed_workers_lose_no_cell_and_count_none_twice(tmp_path):
    plan, data = planned_grid(write_grid(tmp_path, SLOW, gold=SLOW_GOLD))
    told = Told.nothing()
    running = threading.Thread(target=run_cells, args=(plan, data), kwargs={"workers": 2, "watcher": told})
    running.start()
    dice = random.Random(4)
    killed = 0
    while running.is_alive() and killed < 4:
        time.sleep(dice.uniform(0.2, 0.7))
        victims = [each.pid for each in multiprocessing.active_children() if each.pid]
        if victims and len(told.finished_) < len(plan.cells):
            os.kill(dice.choice(victims), signal.SIGKILL)
            killed += 1
    running.join(60)
    assert not running.is_alive()
    assert killed > 2
    # One that was killed three times is a failure, to be tried again.
    run_cells(plan, data, workers=2, watcher=told)
    assert set(told.finished_) == {each.id for each in plan.cells} == finished_cells(tmp_path)
    assert grid_status(plan, data).complete
    undisturbed = run_cell(plan.cells[0], data)
    assert read_result(data.grid.runs / plan.cells[0].id)["scores"] == undisturbed.result["scores"]


def test_a_cell_that_ends_its_process_each_time_fails_and_leaves_the_others(tmp_path):
    sources = {"organic": "gold", "deadly": {"train": "synthetic-{language}.jsonl"}}
    release = write_grid(tmp_path, {"sources": sources, "sizes": [30], "seeds": 2})
    plan, data = planned_grid(release)
    (deadly,) = (each.id for each in plan.cells if each.cell.source == "deadly")
    # A process that reads this waits until somebody writes.
    written = tmp_path / "synthetic-en.jsonl"
    content = written.read_bytes()
    written.unlink()
    os.mkfifo(written)

    class Killer(Told):
        """Kills the process of one cell, as the kernel does where memory runs out."""

        def started(self, planned):
            super().started(planned)
            if planned.id == deadly:
                threading.Thread(target=self.kill).start()

        def kill(self):
            lock = data.grid.runs / deadly / ".lock"
            until(lock.exists)
            (worker,) = multiprocessing.active_children()
            worker.kill()
            lock.unlink()

    told = Killer.nothing()
    run_cells(plan, data, workers=1, watcher=told)
    assert len(told.finished_) == len(plan.cells) - 1 == 2
    assert "ended without a word each of 3 times, the last time by SIGKILL" in told.failed_[deadly]
    assert grid_status(plan, data).failed == told.failed_
    written.unlink()
    written.write_bytes(content)
    run_cells(plan, data, workers=1, watcher=Told.nothing())
    assert grid_status(plan, data).complete


def test_a_killed_command_is_resumed_where_it_was(tmp_path):
    plan, data = planned_grid(write_grid(tmp_path))
    # While one cell is claimed, the command cannot come to its end.
    with claimed(data.grid.runs / plan.cells[-1].id):
        first = start("evaluate", "--workers", "2", folder=tmp_path)
        before = until(lambda: finished_cells(tmp_path))
        first.kill()
        first.communicate()
    # The processes that it had started may still finish a cell: it is theirs until then.
    ended = command_line.done("evaluate", "--workers", "2", folder=tmp_path)
    assert "7 of 7 cells done." in ended.stdout
    assert 0 < ended.stderr.count(": F1 ") <= 7 - len(before)
    assert len(results_in(tmp_path)) == 7


def test_an_interrupt_ends_all_processes_and_says_how_to_go_on(tmp_path):
    plan, data = planned_grid(write_grid(tmp_path))
    with claimed(data.grid.runs / plan.cells[-1].id):
        # A group of its own: the interrupt reaches every process of it, as Ctrl-C does.
        running = subprocess.Popen(
            [SCRIPT, "evaluate", "--workers", "2"],
            cwd=tmp_path,
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        until(lambda: finished_cells(tmp_path))
        os.killpg(running.pid, signal.SIGINT)
        ended = finish(running)
    assert ended.status == 130
    assert "Interrupted. What is done is kept" in ended.stderr
    until(lambda: not group_is_alive(running.pid), seconds=5)
    assert 0 < len(results_in(tmp_path)) < 7
    assert "7 of 7 cells done." in done("evaluate", "--workers", "1", folder=tmp_path).stdout


def group_is_alive(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_results_are_the_same_in_whatever_order_and_process(tmp_path):
    run_cells(*planned_grid(write_grid(tmp_path / "processes")), workers=2, watcher=Told.nothing())
    plan, data = planned_grid(write_grid(tmp_path / "here"))
    for cell in reversed(plan.cells):
        assert run_claimed(cell, data) == Report(DONE)
    one, two = (without_measured(results_in(tmp_path / name)) for name in ("processes", "here"))
    assert len(one) == 7
    assert one == two
