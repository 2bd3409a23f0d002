"""`max_cost`: whatever a server does, its bill stays below."""

import json
import sys
import threading
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from synthner.generation.budget import Budget, CallPrice, Cost
from synthner.generation.calls import Call
from synthner.generation.generate import GenerateSummary, generate
from synthner.generation.journal import Journal
from synthner.generation.plan import plan_summary, planned_calls
from synthner.release import Release, read_release
from synthner.schema.errors import ReleaseError
from synthner.tests.chat_server import ChatServer, Fault, completion
from synthner.tests.small_release import server_settings, write_release

PRICES = {"input": 2.0, "output": 10.0}
LONGEST = 1000


@pytest.fixture
def server():
    with ChatServer() as started:
        yield started


def release_for(folder: Path, server: ChatServer, max_cost: float | None, **settings: Any) -> Release:
    settings = {"prices": PRICES, "sampling": {"max_tokens": LONGEST}} | settings
    settings = {key: value for key, value in settings.items() if value is not None}
    calls = settings.pop("calls", 60)
    release = write_release(folder, {"gpt": server_settings(server.base_url, calls, **settings)})
    value = json.loads(release.path.read_text())
    if max_cost is not None:
        value["max_cost"] = max_cost
    release.path.write_text(json.dumps(value))
    return read_release(release.path)


def answering(prompt_tokens: int, answer_tokens: int, **details: Any):
    """Return answers that count so many tokens."""

    def answer(_number: int) -> bytes:
        value = json.loads(completion())
        value["usage"] = {"prompt_tokens": prompt_tokens, "completion_tokens": answer_tokens, **details}
        return json.dumps(value).encode()

    return answer


def bill(server: ChatServer, answer_tokens: int) -> float:
    """Return what a server charges that counts a token for each byte, and for each request it ever got."""
    prompts = sum(
        len(message["content"].encode())
        for request in server.received
        for message in request.json["messages"]
    )
    return (prompts * PRICES["input"] + len(server.received) * answer_tokens * PRICES["output"]) / 1e6


def test_the_dearest_answers_do_not_pass_it(tmp_path, server):
    server.answer = answering(3000, LONGEST)
    release = release_for(tmp_path, server, 0.2)

    summary = generate(release)

    assert 5 < len(server.received) < 60
    assert bill(server, LONGEST) <= 0.2
    assert summary.cost == pytest.approx(len(server.received) * (3000 * 2.0 + LONGEST * 10.0) / 1e6)
    assert summary.spent == pytest.approx(summary.cost)
    assert summary.beyond_max_cost == 60 - len(server.received)


def test_answers_that_cost_less_than_they_might_leave_money_for_more(tmp_path, server):
    """A call may cost about .015, and costs .0012: one bill of .06 pays for far more than four calls."""
    server.answer = answering(100, 100)
    release = release_for(tmp_path, server, 0.06)

    summary = generate(release)

    assert summary.answered > 30
    assert summary.spent <= 0.06
    assert summary.beyond_max_cost == 60 - summary.answered


def test_another_run_knows_what_the_former_ones_spent(tmp_path, server):
    server.answer = answering(100, 100)
    release = release_for(tmp_path, server, 0.06)
    first = generate(release)

    again = generate(release)

    assert (again.answered, again.cost) == (0, 0.0)
    assert again.spent == pytest.approx(first.spent)
    assert again.beyond_max_cost == first.beyond_max_cost
    more = generate(release_for(tmp_path, server, 1.0))
    assert more.answered == first.beyond_max_cost
    assert more.beyond_max_cost == 0


def test_attempts_that_were_lost_count_as_if_they_had_been_answered_at_length(tmp_path, server):
    """The server answers, charges, and the answers do not arrive."""
    server.answer = answering(3000, LONGEST)
    server.fault = lambda number: Fault(drop=True) if number % 2 else None
    release = release_for(tmp_path, server, 0.3)

    summary = generate(release)

    assert bill(server, LONGEST) <= 0.3
    assert summary.spent <= 0.3
    assert summary.cost is not None
    assert summary.cost < summary.spent


def test_what_was_paid_before_the_release_had_prices_counts_too(tmp_path, server):
    server.answer = answering(3000, LONGEST)
    generate(release_for(tmp_path, server, None, prices=None))

    asked = len(server.received)
    again = generate(release_for(tmp_path, server, 0.2, calls=80))

    assert (len(server.received), again.beyond_max_cost) == (asked, 20)
    assert again.spent == pytest.approx(asked * (3000 * 2.0 + LONGEST * 10.0) / 1e6)
    assert plan_summary(release_for(tmp_path, server, 0.2)).spent == again.spent


def test_what_was_paid_before_there_were_prices_counts_at_the_dearest_of_those_who_asked(tmp_path, server):
    server.answer = answering(3000, LONGEST)
    generate(release_for(tmp_path, server, None, prices=None, calls=5))
    chat = server_settings(server.base_url, 5, prices=PRICES, sampling={"max_tokens": LONGEST})
    batch = {**chat, "engine": "openai_batch", "openai_batch": chat["openai"]}
    del batch["openai"]
    release = write_release(tmp_path, {"batch": batch, "gpt": chat})
    with Journal(release.journal) as journal:
        for config, calls in planned_calls(release, list(release.configs)):
            journal.plan(config.name, calls)

    assert plan_summary(release).spent == pytest.approx(5 * (3000 * 2.0 + LONGEST * 10.0) / 1e6)


def test_what_the_provider_had_in_its_cache_costs_less(tmp_path, server):
    server.answer = answering(3000, 10, prompt_tokens_details={"cached_tokens": 2000})
    prices = PRICES | {"cached_input": 0.5}

    summary = generate(release_for(tmp_path, server, None, prices=prices))

    assert summary.cost == pytest.approx(60 * (1000 * 2.0 + 2000 * 0.5 + 10 * 10.0) / 1e6)


def test_without_prices_nothing_is_said_about_cost(tmp_path, server):
    summary: GenerateSummary = generate(release_for(tmp_path, server, None, prices=None))

    assert summary.cost is None
    assert summary.answered == 60


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        pytest.param({"prices": None}, "no `prices`", id="no prices"),
        pytest.param({"sampling": {"temperature": 1}}, "how long an answer", id="no limit of length"),
    ],
)
def test_a_limit_that_cannot_be_kept_to_stops_before_anything_is_sent(tmp_path, server, settings, message):
    release = release_for(tmp_path, server, 5.0, **settings)

    with pytest.raises(ReleaseError, match=message):
        generate(release)

    assert server.received == []


def test_what_is_kept_for_calls_under_way_is_right_though_two_threads_count(tmp_path):
    """An engine lets calls through in one thread and keeps replies in another."""
    release = release_for(tmp_path, ChatServer(), 100.0)
    ((_, planned),) = planned_calls(release, list(release.configs))
    first, *others = planned
    price = CallPrice(release.configs[0], 1.0, limited=True)
    budget = Budget(100.0, 0.0)
    budget.promise(first, price)
    sent: SimpleQueue[Call] = SimpleQueue()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        settling = threading.Thread(
            target=lambda: [budget.settle(sent.get(), Cost(0.0, 0.0)) for _ in range(30_000)]
        )
        settling.start()
        for number in range(30_000):
            call = others[number % len(others)]
            budget.promise(call, price)
            sent.put(call)
        settling.join()
    finally:
        sys.setswitchinterval(interval)

    budget.limit = price.at_most(first) * 2.5
    assert budget.promise(others[0], price)
    assert not budget.promise(others[1], price)
