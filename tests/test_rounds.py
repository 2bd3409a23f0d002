"""Plans in rounds: what is asked next follows from answers, and nothing is asked twice."""

import json
import os
import signal
from collections import Counter
from pathlib import Path

import pytest

from synthner.builders.build import build
from synthner.generation.calls import Call
from synthner.generation.generate import generate
from synthner.generation.journal import Journal, Progress
from synthner.generation.plan import plan_summary, planned_calls
from synthner.release import Release
from synthner.tests.chat_server import ChatServer, Fault, refusal
from synthner.tests.command_line import done, finish, start, synthner
from synthner.tests.guided_model import (
    GuidedModel,
    engine_environment,
    guided_release,
    is_for_entities,
)

KEY = {"OPENAI_API_KEY": "sk-secret-0123456789"}
SETTINGS = {"round_size": 20}


@pytest.fixture
def model(monkeypatch):
    engine_environment(monkeypatch)
    with ChatServer() as server:
        yield GuidedModel(server)


def release_in_rounds(folder: Path, model: GuidedModel | None, **generator) -> Release:
    """Write a release of two rounds, of twenty sentences each."""
    return guided_release(folder, model, settings=SETTINGS, **generator)


def texts(model: GuidedModel) -> list[str]:
    """Return all chats as texts, in the order of their arrival."""
    return [json.dumps(messages, sort_keys=True) for messages in model.chats]


def progress(release: Release) -> Progress:
    with Journal(release.journal) as journal:
        return journal.progress("da_guided")["train"]


def fail(model: GuidedModel, *numbers: int, fault: Fault | None = None) -> None:
    """Let the requests with these numbers fail for good."""
    refused = fault or refusal(400, "no")
    model.server.fault = lambda number: refused if number in numbers else None


def test_a_dry_run_tells_that_further_calls_will_follow(tmp_path, model):
    release = release_in_rounds(tmp_path, model)

    shown = done("generate", "--dry-run", folder=tmp_path).stdout
    plan = done("generate", "--dry-run", "--json", folder=tmp_path).json["configs"]["da_guided"]

    assert "da_guided: up to 60 further calls will follow from the answers" in shown
    assert (plan["splits"]["train"]["calls"], plan["splits"]["train"]["later"]) == (20, 60)
    assert plan["estimate"]["later"] == 60
    high, low = (plan["estimate"]["prompt_tokens"][end] for end in ("high", "low"))
    assert high > 4 * low
    assert not model.chats
    assert not release.journal.exists()


def test_one_run_goes_through_all_rounds_and_a_further_one_asks_nothing(tmp_path, model):
    release = release_in_rounds(tmp_path, model)

    first = done("generate", folder=tmp_path, **KEY)
    asked_at_first = len(model.chats)
    again = done("generate", folder=tmp_path, **KEY)

    kinds = [is_for_entities(messages) for messages in model.chats]
    masked = [sum(kinds[20:40]), sum(kinds)]
    assert kinds == [False] * 20 + [True] * masked[0] + [False] * 20 + [True] * (masked[1] - masked[0])
    assert f"Answered: {asked_at_first} of {asked_at_first} calls" in first.stderr
    assert "Nothing was left to ask" in again.stderr
    assert len(texts(model)) == len(set(texts(model))) == asked_at_first
    plan = plan_summary(release).configs["da_guided"].splits["train"]
    assert (plan.calls, plan.answered, plan.later) == (asked_at_first, asked_at_first, 0)


def test_what_may_follow_shrinks_to_what_is_planned(tmp_path, model):
    release = release_in_rounds(tmp_path, model)
    later = []

    def telling(messages):
        plan = plan_summary(release).configs["da_guided"].splits["train"]
        later.append(plan.calls + plan.later)

    model.instead = telling
    generate(release)

    assert later == sorted(later, reverse=True)
    assert later[0] == 80
    assert later[-1] == progress(release).planned == len(model.chats)


def test_an_answer_that_comes_late_gives_its_datapoint_and_changes_no_prompt(tmp_path, model):
    release = release_in_rounds(tmp_path, model, openai={"base_url": model.server.base_url, "concurrency": 1})
    # A sentence with entities, which would have been masked in its round.
    last = next(place for place, call in enumerate(planned(release)) if call.about["entities"])
    fail(model, last)

    first = generate(release)
    before = texts(model)
    assert (first.failed, progress(release).answered) == (1, len(before) - 1)
    second = generate(release)

    assert second.answered == 1
    assert texts(model)[len(before) :] == [before[last]]
    assert progress(release) == Progress(len(before), len(before), 0)
    build(release)
    manifest = json.loads((release.dataset / "manifest.json").read_text(encoding="utf-8"))
    config = manifest["configs"]["da_guided"]
    assert config["splits"]["train"]["examples"] == 40
    of_split = config["method_findings"]["splits"]["train"]
    assert of_split["dropped"]["sentence"] == {"no answer": 1}
    assert generate(release).answered == 0


def planned(release: Release) -> list[Call]:
    """Return the calls that are known before any is answered."""
    [(_, calls)] = planned_calls(release, list(release.configs))
    return list(calls)


def test_a_round_of_which_too_much_has_failed_is_waited_for(tmp_path, model):
    release = release_in_rounds(tmp_path, model)
    fail(model, 3, 7, 11)

    first = generate(release)

    assert (first.answered, first.failed, len(model.chats)) == (17, 3, 20)
    assert plan_summary(release).configs["da_guided"].splits["train"].later == 60
    second = generate(release)
    assert second.is_complete
    assert len(model.chats) == 20 + second.answered
    assert [count for count in Counter(texts(model)).values() if count > 1] == [2, 2, 2]


def test_a_failed_call_is_tried_once_a_run_however_many_rounds_follow(tmp_path, model):
    release = release_in_rounds(tmp_path, model)
    # So many may fail in a round of twenty.
    failing = {json.dumps(list(map(dict, call.messages)), sort_keys=True) for call in planned(release)[:2]}
    model.server.fault = lambda number: refusal(400, "no") if texts(model)[number] in failing else None

    summary = generate(release)

    assert summary.failed == 2
    assert summary.answered > 40
    assert max(Counter(texts(model)).values()) == 1


@pytest.mark.parametrize("after", [5, 25, 45], ids=["in sentences", "in entities", "in the second round"])
def test_after_kill_9_a_second_run_asks_for_exactly_the_rest(tmp_path, model, after):
    whole = tmp_path / "whole"
    generate(release_in_rounds(whole, model))
    expected = Counter(texts(model))
    model.server.received.clear()

    release = release_in_rounds(
        tmp_path / "killed", model, openai={"base_url": model.server.base_url, "concurrency": 2}
    )
    model.server.hold_from = after
    process = start("generate", folder=release.folder, **KEY)
    model.server.wait_for(after + 2)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=20)
    answered = progress(release).answered
    under_way = texts(model)[after:]
    model.server.let_go.set()
    model.server.hold_from = None
    generate(release)

    # The two that were under way never got an answer, and all others are asked once.
    assert answered == after
    assert Counter(texts(model)) == expected + Counter(under_way)


def test_an_interrupt_between_rounds_loses_nothing(tmp_path, model):
    release = release_in_rounds(tmp_path, model, openai={"base_url": model.server.base_url, "concurrency": 2})
    model.server.hold_from = 30
    process = start("generate", folder=tmp_path, **KEY)
    model.server.wait_for(32)
    process.send_signal(signal.SIGINT)
    model.server.let_go.set()
    ended = finish(process)

    assert ended.status != 0
    assert progress(release).answered == len(model.chats) == 32
    generate(release)
    assert max(Counter(texts(model)).values()) == 1


def test_what_there_is_can_be_built_before_all_rounds_are_through(tmp_path, model):
    release = release_in_rounds(tmp_path, model)
    fail(model, 1, 2, 3, 4)
    generate(release)

    ended = synthner("build", folder=tmp_path)

    assert ended.status == 0, ended.stderr
    manifest = json.loads((release.dataset / "manifest.json").read_text(encoding="utf-8"))
    config = manifest["configs"]["da_guided"]
    assert config["splits"]["train"]["examples"] == 16
    assert config["method_findings"]["splits"]["train"]["rounds"] == []


def test_failed_calls_that_serve_later_ones_are_no_lost_datapoints(tmp_path, model):
    release = release_in_rounds(tmp_path, model)
    failed = []

    def fault(number: int) -> Fault | None:
        if is_for_entities(model.chats[number]) and not failed:
            failed.append(number)
            return refusal(400, "no")
        return None

    model.server.fault = fault
    generate(release)
    build(release)

    assert failed
    manifest = json.loads((release.dataset / "manifest.json").read_text(encoding="utf-8"))
    steps = {each["step"]: each for each in manifest["configs"]["da_guided"]["waterfall"]["train"]}
    assert (steps["requested"]["kept"], steps["returned"]["kept"]) == (40, 40)
    assert steps["returned"]["lost"] == {}


def test_rounds_go_on_with_another_engine_that_asks_the_same_server(tmp_path, model):
    """What a round was is known by its requests, not by who sent them."""
    release = release_in_rounds(tmp_path, model)
    fail(model, 1, 2, 3, 4)
    generate(release)
    before = len(model.chats)

    again = release_in_rounds(tmp_path, model, openai={"base_url": model.server.base_url, "concurrency": 1})
    summary = generate(again)

    assert summary.is_complete
    assert len(model.chats) == before + summary.answered
