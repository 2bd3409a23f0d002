"""What a release takes in tokens, money and time: before a run, after it, in the manifest and on the card."""

import contextlib
import json
import os
import pty
import re
import select
import subprocess
from pathlib import Path
from typing import Any

import pytest

from synthner.builders.build import build
from synthner.cards.dataset_card import write_card
from synthner.generation.estimate import Range, guess_tokens
from synthner.generation.generate import generate, status
from synthner.generation.journal import Journal
from synthner.generation.plan import PlanSummary, plan_summary
from synthner.generation.watching import Unwatched
from synthner.release import Release, read_release
from synthner.schema.errors import ReleaseError
from synthner.tests.chat_server import ChatServer, Fault, completion, refusal
from synthner.tests.command_line import SCRIPT, Ended
from synthner.tests.command_line import environment as environment_of_commands
from synthner.tests.in_process import done, synthner
from synthner.tests.small_release import server_settings, write_release

KEY = "sk-secret-0123456789"
PRICES = {"input": 2.0, "output": 8.0}

# What the answers of `answer` cost at PRICES.
PROMPT_TOKENS, ANSWER_TOKENS = 400, 150
COST_OF_A_CALL = (400 * 2 + 150 * 8) / 1e6

TOWNS = ("Ribe", "Skive", "Thisted", "Korsør", "Maribo", "Assens", "Struer", "Nyborg")


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for variable in ("OPENAI_BASE_URL", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


@pytest.fixture
def server():
    with ChatServer() as started:
        started.answer = answer
        yield started


def answer(number: int, finish_reason: str = "stop", usage: Any = None, **message: Any) -> bytes:
    """Answer with a sentence of its own, and with what a server counts."""
    words = [["Ulla", "B-PER"], ["bor", "O"], ["i", "O"], [TOWNS[number % len(TOWNS)], "B-LOC"]]
    words += [["nummer", "O"], [str(number), "O"], [".", "O"]]
    body = json.loads(completion(json.dumps({"datapoints": [{"words": words}]}), **message))
    body["usage"] = usage or {"prompt_tokens": PROMPT_TOKENS, "completion_tokens": ANSWER_TOKENS}
    body["choices"][0]["finish_reason"] = finish_reason
    return json.dumps(body).encode()


def release_for(
    folder: Path,
    server: ChatServer | None,
    calls: int = 4,
    *,
    top: dict[str, Any] | None = None,
    **settings: Any,
) -> Release:
    """Write a release that asks a server one call at a time; `top` are keys of the release itself."""
    address = server.base_url if server else "http://127.0.0.1:9/v1"
    settings = {"prices": PRICES, "openai": {"concurrency": 1}} | settings
    generator = {key: value for key, value in settings.items() if value is not None}
    path = write_release(folder, {"gpt": server_settings(address, calls, **generator)}).path
    return rewritten(path, **(top or {}))


def rewritten(path: Path, **keys: Any) -> Release:
    """Change keys of a release."""
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **keys}), encoding="utf-8")
    return read_release(path)


def recorded(folder: Path, usage: Any, **settings: Any) -> Release:
    """Write a release of two recorded responses."""
    lines = []
    for number in range(2):
        body = json.loads(answer(number, usage=usage))
        lines.append(json.dumps(body if usage else body | {"usage": None}))
    (folder / "train.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    generator = {
        "engine": "recorded",
        "recorded": {"responses": "{split}.jsonl"},
        "datapoints": 5,
        **settings,
    }
    return write_release(folder, {"gpt": generator})


def estimate_of(plan: PlanSummary, config: str = "da_gpt") -> Any:
    estimate = plan.configs[config].estimate
    assert estimate is not None
    return estimate


def command(*arguments: str, folder: Path) -> Ended:
    return synthner(*arguments, folder=folder, OPENAI_API_KEY=KEY)


# What o200k_base and cl100k_base, the vocabularies of OpenAI's models, make of sentences.
@pytest.mark.parametrize(
    ("text", "counts"),
    [
        pytest.param(
            "The council of Ravenby will meet on Thursday to talk about the new bridge over the river.",
            (19, 19),
            id="English",
        ),
        pytest.param(
            '{"tokens": ["Neema", "alifika", "Singida", "saa", "mbili", "usiku", "."], '
            '"ner_tags": [1, 0, 5, 0, 0, 0, 0]}',
            (54, 55),
            id="Swahili as JSON",
        ),
        pytest.param("Ọ̀gbẹ́ni Adéwálé lọ sí ọjà ní ìlú Ìbàdàn láti ra iṣu àti ẹ̀wà .", (35, 48), id="Yoruba"),
        pytest.param("सुनीता कल शाम को लखनऊ से पटना जाएगी ।", (13, 38), id="Hindi"),
        pytest.param("கவிதா நேற்று மாலை மதுரை சென்று சேர்ந்தாள் .", (13, 59), id="Tamil"),
        pytest.param("احمد کل صبح لاہور سے ملتان گیا تھا ۔", (11, 32), id="Urdu"),
    ],
)
def test_the_guess_holds_what_two_vocabularies_count(text, counts):
    guess = guess_tokens(text)

    assert guess.low <= min(counts)
    assert max(counts) <= guess.high
    assert guess.high < 8 * guess.low


def test_without_answers_tokens_are_guessed_as_a_range(tmp_path):
    release = release_for(tmp_path, None, calls=4)

    plan = plan_summary(release)

    estimate = estimate_of(plan)
    assert (estimate.calls, estimate.measured_on) == (4, 0)
    # A prompt of about 2,300 characters and a schema; five sentences of eight words.
    assert 4 * 400 < estimate.prompt_tokens.low < estimate.prompt_tokens.high < 4 * 1500
    assert 4 * 5 * 40 < estimate.answer_tokens.low < estimate.answer_tokens.high < 4 * 5 * 300
    for end in ("low", "high"):
        tokens = getattr(estimate.prompt_tokens, end), getattr(estimate.answer_tokens, end)
        assert getattr(estimate.cost, end) == pytest.approx((tokens[0] * 2 + tokens[1] * 8) / 1e6)
    assert not release.journal.exists()


def test_a_limit_of_the_answer_limits_the_estimate(tmp_path):
    release = release_for(tmp_path, None, calls=4, sampling={"max_tokens": 30})

    tokens = estimate_of(plan_summary(release)).answer_tokens

    assert (tokens.low, tokens.high) == (4 * 30, 4 * 30)


def test_fewer_datapoints_and_a_shorter_format_take_less(tmp_path):
    def answers(**settings: Any) -> float:
        release = release_for(tmp_path, None, **settings)
        return estimate_of(plan_summary(release)).answer_tokens.high

    assert answers(datapoints=1) == pytest.approx(answers() / 5)
    assert answers(format="spans") < answers(format="paper") < answers(format="pairs")


def test_labels_are_listed_in_fewer_tokens_than_marked_sentences_have(tmp_path):
    (tmp_path / "text.txt").write_text(
        "".join(
            f"Åse Lind og hendes søster kom først hjem til Thy i {year} .\n" for year in range(1900, 1950)
        ),
        encoding="utf-8",
    )

    def answers(structured: bool) -> Range:
        asked = {"base_url": "http://127.0.0.1:9/v1", "structured_output": structured}
        tagging = {"method": "few_shot_tagging", "few_shot_tagging": {"text": "text.txt"}, "openai": asked}
        release = write_release(tmp_path, {"gpt": tagging})
        estimate = plan_summary(release).configs["da_gpt"].estimate
        assert estimate
        return estimate.answer_tokens

    # What is listed is the names and their types, whatever else stands in the sentences.
    listed = guess_tokens(
        '{"sentence":10,"mentions":[{"text":"Åse Lind","type":"PER"},{"text":"Thy","type":"LOC"}]}'
    )
    assert answers(structured=True).low == pytest.approx(50 * listed.low, rel=0.2)
    assert answers(structured=True) != answers(structured=False)


def test_with_answers_tokens_are_measured(tmp_path, server):
    generate(release_for(tmp_path, server, calls=4))

    estimate = estimate_of(plan_summary(release_for(tmp_path, server, calls=7)))

    assert (estimate.calls, estimate.measured_on, estimate.measured_elsewhere) == (3, 4, False)
    assert (
        estimate.prompt_tokens.low
        == estimate.prompt_tokens.high
        == pytest.approx(3 * PROMPT_TOKENS, rel=0.05)
    )
    assert estimate.answer_tokens.low == estimate.answer_tokens.high == pytest.approx(3 * ANSWER_TOKENS)
    assert estimate.cost.low == pytest.approx(3 * COST_OF_A_CALL, rel=0.05)


@pytest.mark.parametrize(
    ("changed", "measured_on"),
    [
        pytest.param({"sampling": {"temperature": 0.1}}, 4, id="another temperature"),
        pytest.param({"datapoints": 10}, 4, id="more datapoints"),
        pytest.param({"model": "large"}, 0, id="another model"),
        pytest.param({"format": "spans"}, 0, id="another format"),
    ],
)
def test_only_answers_of_the_same_form_are_measured(tmp_path, server, changed, measured_on):
    generate(release_for(tmp_path, server, calls=4))

    estimate = estimate_of(plan_summary(release_for(tmp_path, server, calls=4, **changed)))

    assert (estimate.calls, estimate.measured_on) == (4, measured_on)
    if measured_on:
        per_datapoint = ANSWER_TOKENS / 5
        assert estimate.answer_tokens.low == pytest.approx(4 * changed.get("datapoints", 5) * per_datapoint)


def test_answers_of_another_language_widen_the_guess(tmp_path, server):
    release = release_for(tmp_path, server, calls=4)
    languages = json.loads(release.path.read_text(encoding="utf-8"))["languages"]
    release = rewritten(release.path, languages={**languages, "sv": languages["da"]})
    before = estimate_of(plan_summary(release), "sv_gpt")
    generate(release, only=["da_gpt"])

    after = estimate_of(plan_summary(release), "sv_gpt")

    assert (before.measured_on, after.measured_on, after.measured_elsewhere) == (0, 4, True)
    assert after.answer_tokens.low == pytest.approx(4 * ANSWER_TOKENS)
    assert after.answer_tokens.low < before.answer_tokens.low
    assert after.answer_tokens.high == before.answer_tokens.high


def test_a_batch_costs_its_share_of_the_prices(tmp_path):
    live = estimate_of(plan_summary(release_for(tmp_path, None)))
    batch = release_for(
        tmp_path,
        None,
        engine="openai_batch",
        openai=None,
        openai_batch={"base_url": "http://127.0.0.1:9/v1"},
    )

    estimate = estimate_of(plan_summary(batch))

    assert estimate.prompt_tokens == live.prompt_tokens
    assert estimate.cost.high == pytest.approx(live.cost.high / 2)


def test_the_plan_says_how_many_calls_surely_fit(tmp_path, server):
    limited = {"sampling": {"max_tokens": 200}}
    unlimited = estimate_of(plan_summary(release_for(tmp_path, server, 9, top={"max_cost": 5}, **limited)))
    assert (unlimited.calls, unlimited.surely_within_max_cost) == (9, 9)
    # Every byte of the prompt a token, and an answer of 200 tokens.
    assert 0.004 < unlimited.dearest_call < 0.01
    max_cost = 3.5 * unlimited.dearest_call

    release = release_for(tmp_path, server, 9, top={"max_cost": max_cost}, **limited)

    assert estimate_of(plan_summary(release)).surely_within_max_cost == 3
    assert generate(release).answered >= 3


def test_what_is_spent_leaves_less_room(tmp_path, server):
    settings = {"sampling": {"max_tokens": 200}, "top": {"max_cost": 5}}
    generate(release_for(tmp_path, server, 4, **settings))
    dearest = estimate_of(plan_summary(release_for(tmp_path, server, 9, **settings))).dearest_call
    max_cost = 4 * COST_OF_A_CALL + 1.5 * dearest

    release = release_for(tmp_path, server, 9, **(settings | {"top": {"max_cost": max_cost}}))
    plan = plan_summary(release)

    assert plan.spent == pytest.approx(4 * COST_OF_A_CALL)
    assert (estimate_of(plan).calls, estimate_of(plan).surely_within_max_cost) == (5, 1)


def test_a_limit_that_cannot_be_kept_is_told_before_anything_is_sent(tmp_path):
    with pytest.raises(ReleaseError, match="nothing limits how long an answer may be"):
        plan_summary(release_for(tmp_path, None, top={"max_cost": 5}))
    with pytest.raises(ReleaseError, match="no `prices`"):
        plan_summary(release_for(tmp_path, None, top={"max_cost": 5}, prices=None))


def test_nothing_is_sent_where_any_config_cannot_keep_to_the_limit(tmp_path, server):
    settings = server_settings(server.base_url, 2, prices=PRICES)
    path = write_release(
        tmp_path, {"short": settings | {"sampling": {"max_tokens": 200}}, "long": settings}
    ).path

    with pytest.raises(ReleaseError, match=r"da_long: .*nothing limits how long an answer may be"):
        generate(rewritten(path, max_cost=5))

    assert server.received == []


def test_the_dry_run_prints_tokens_and_costs(tmp_path, server):
    top = {"max_cost": 1.25, "currency": "EUR"}
    release_for(tmp_path, server, 4, top=top, sampling={"max_tokens": 200})

    told = command("generate", "--dry-run", folder=tmp_path)
    as_json = command("generate", "--dry-run", "--json", folder=tmp_path).json

    assert "guessed from characters" in told.stdout
    assert re.search(r"Expected cost in all: 0\.\d+ to 0\.\d+ EUR\.", told.stdout)
    assert "max_cost is 1.25 EUR, of which at most 0 EUR is spent." in told.stdout
    assert "4 of 4 calls surely fit." in told.stdout
    assert "The first prompt of da_gpt:" in told.stdout
    of_config, in_all = as_json["configs"]["da_gpt"]["estimate"], as_json["estimate"]
    assert of_config["cost"] == in_all["cost"]
    assert in_all["cost"]["low"] < in_all["cost"]["high"]
    assert (in_all["calls"], in_all["currency"], in_all["max_cost"]) == (4, "EUR", 1.25)
    assert server.received == []

    command("generate", folder=tmp_path)
    release_for(tmp_path, server, 6, top=top, sampling={"max_tokens": 200})
    assert "measured on 4 answers" in command("generate", "--dry-run", folder=tmp_path).stdout


def test_without_prices_the_dry_run_says_how_to_give_them(tmp_path):
    release_for(tmp_path, None, prices=None)

    told = command("generate", "--dry-run", folder=tmp_path).stdout

    assert re.search(r"da_gpt +4 +[\d,]+ to [\d,]+ +[\d,]+ to [\d,]+ +no prices", told)
    assert "No prices are known for da_gpt." in told
    assert "`prices: {input: …, output: …}`" in told
    assert "Expected cost" not in told


def test_recorded_responses_take_nothing(tmp_path):
    plan = plan_summary(recorded(tmp_path, None))

    assert plan.configs["da_gpt"].estimate is None
    assert plan.as_json()["estimate"]["calls"] == 0


def test_a_run_says_what_it_cost(tmp_path, server):
    release_for(tmp_path, server, 2)
    command("generate", folder=tmp_path)
    release_for(tmp_path, server, 5)

    ended = command("generate", "--json", folder=tmp_path)

    assert ended.status == 0
    assert "Cost: 0.006 USD in this run; in all at most 0.01 USD." in ended.stderr
    assert ended.json["cost"] == pytest.approx(3 * COST_OF_A_CALL)
    assert ended.json["spent"] == pytest.approx(5 * COST_OF_A_CALL)
    told = done("status", folder=tmp_path).stdout
    assert "da_gpt: cost 0.01 USD" in told
    cost = done("status", "--json", folder=tmp_path).json["configs"]["da_gpt"]["cost"]
    assert cost == {"known": pytest.approx(5 * COST_OF_A_CALL), "calls_without_known_cost": 0}


def test_a_run_that_max_cost_stopped_says_what_to_do(tmp_path, server):
    release = release_for(tmp_path, server, 9, top={"max_cost": 0.01}, sampling={"max_tokens": 200})

    ended = command("generate", "--json", folder=tmp_path)

    left = ended.json["beyond_max_cost"]
    assert (ended.status, left) == (1, 9 - len(server.received))
    assert 0 < len(server.received) < 9
    assert f"{left} calls not sent: one more could have cost more than max_cost allows." in ended.stderr
    assert "Raise `max_cost` in release.yaml" in ended.stderr
    assert "of max_cost 0.01 USD." in ended.stderr
    ran = command("run", folder=tmp_path)
    assert (ran.status, "published" in ran.stdout) == (1, True)

    rewritten(release.path, max_cost=1)
    assert command("generate", "--json", folder=tmp_path).json["answered"] == left


def test_without_prices_a_run_says_nothing_of_costs(tmp_path, server):
    release_for(tmp_path, server, 1, prices=None)

    ended = command("generate", "--json", folder=tmp_path)

    assert (ended.status, ended.json["cost"]) == (0, None)
    assert "ost" not in ended.stderr
    assert "cost" not in done("status", folder=tmp_path).stdout


def test_the_watcher_hears_what_each_call_cost(tmp_path, server):
    class Listening(Unwatched):
        def __init__(self) -> None:
            self.heard: list[float | None] = []

        def begin(self, config, to_ask):
            pass

        def advance(self, config, split, outcome, cost):
            self.heard.append(cost)

        def stopping(self, under_way):
            raise AssertionError(under_way)

    server.fault = lambda number: refusal(400, "no") if number == 1 else None
    watcher = Listening()

    generate(release_for(tmp_path, server, 3), watcher=watcher)

    assert watcher.heard == [pytest.approx(COST_OF_A_CALL), None, pytest.approx(COST_OF_A_CALL)]


def test_the_bar_on_a_terminal_shows_the_cost_so_far(tmp_path, server):
    release_for(tmp_path, server, 5)
    server.hold_from = 4
    terminal, its_end = pty.openpty()
    process = subprocess.Popen(
        [SCRIPT, "generate"],
        cwd=tmp_path,
        env=environment_of_commands(OPENAI_API_KEY=KEY, TERM="xterm", COLUMNS="120"),
        stderr=its_end,
    )
    os.close(its_end)
    shown = b""
    while b"da_gpt (0.008 USD)" not in shown:
        assert select.select([terminal], [], [], 30)[0], shown
        shown += os.read(terminal, 4096)
    server.let_go.set()
    # Who does not read on keeps the command from writing.
    with contextlib.suppress(OSError):
        while os.read(terminal, 4096):
            pass
    os.close(terminal)

    assert process.wait(30) == 0


def endings(number: int) -> bytes:
    """Answer six calls with a stop, two that are cut, a filter, a refusal, and a text about refusals."""
    if number in (1, 2):
        return answer(number, "length")
    if number == 3:
        return answer(number, "content_filter")
    if number == 4:
        return completion(None, refusal="I cannot write this.")
    if number == 5:
        return completion('{"refusal": "I cannot write this.", "datapoints": []}')
    return answer(number)


def test_how_answers_ended_is_told_everywhere(tmp_path, server):
    server.answer = endings
    release_for(tmp_path, server, 6)
    reasons = {"length": 2, "stop": 2, "content_filter": 1, "refusal": 1}

    ended = command("generate", folder=tmp_path)

    assert "da_gpt: answers ended by length 2, stop 2, content_filter 1, refusal 1" in ended.stderr
    assert "2 answers cut short: raise `max_tokens`" in ended.stderr
    assert "or lower `datapoints`" in ended.stderr
    told = done("status", "--json", folder=tmp_path)
    assert told.json["configs"]["da_gpt"]["finish_reasons"] == reasons
    assert "2 answers cut short" in done("status", folder=tmp_path).stdout
    assert done("build", "--json", folder=tmp_path).json["configs"]["da_gpt"]["finish_reasons"] == reasons
    card = (tmp_path / "dataset" / "README.md").read_text(encoding="utf-8")
    assert "length 2<br>stop 2<br>content_filter 1<br>refusal 1" in card


def test_recorded_answers_that_were_cut_cannot_be_asked_again(tmp_path):
    lines = [answer(0, "length").decode(), answer(1).decode()]
    recorded(tmp_path, None)
    (tmp_path / "train.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")

    told = command("generate", folder=tmp_path).stderr

    assert "da_gpt: answers ended by length 1, stop 1" in told
    assert "cut short" not in told


def test_where_all_answers_stopped_by_themselves_nothing_is_told(tmp_path, server):
    release_for(tmp_path, server, 2)

    assert "ended by" not in command("generate", folder=tmp_path).stderr


def test_the_manifest_and_the_card_say_what_it_cost(tmp_path, server):
    release = release_for(tmp_path, server, 4, top={"currency": "EUR"}, prices=PRICES | {"cached_input": 1})
    server.answer = lambda number: answer(
        number,
        usage={
            "prompt_tokens": 400,
            "completion_tokens": 150,
            "prompt_tokens_details": {"cached_tokens": 100},
        },
    )
    generate(release)

    config = build(release)["configs"]["da_gpt"]
    card = write_card(release.dataset).read_text(encoding="utf-8")

    known = 4 * (300 * 2 + 100 * 1 + 150 * 8) / 1e6
    assert config["cost"] == {
        "currency": "EUR",
        "known": pytest.approx(known),
        "per_published_datapoint": pytest.approx(known / 4),
        "calls_without_known_cost": 0,
        "prices": {"input": 2.0, "output": 8.0, "cached_input": 1},
    }
    assert config["totals"]["published"] == 4
    assert 0 < config["seconds"] < 60
    assert re.search(r"Tokens in \| +Tokens out \| +Cost \| Cost per published datapoint", card)
    assert re.search(r"1,600 \| +600 \| 0\.0076 EUR \| +0\.0019 EUR \| +\d s \| stop 4", card)


def test_lost_attempts_and_further_replies_are_in_the_cost(tmp_path, server):
    server.fault = lambda number: Fault(drop=True) if number == 1 else None
    release = release_for(tmp_path, server, 3)
    generate(release)
    with Journal(release.journal) as journal:
        journal.record(*next((call, reply) for call, reply in journal.answers("da_gpt") if reply))

    cost = build(release)["configs"]["da_gpt"]["cost"]

    assert (cost["known"], cost["calls_without_known_cost"]) == (pytest.approx(4 * COST_OF_A_CALL), 1)
    told = status(release)["da_gpt"].cost
    assert told is not None
    assert (told.known, told.calls_without_known_cost) == (pytest.approx(4 * COST_OF_A_CALL), 1)


def test_answers_that_nobody_counted_are_said_to_be_of_unknown_cost(tmp_path, server):
    server.answer = lambda number: answer(number, usage={"total_tokens": 3} if number == 1 else None)
    release = release_for(tmp_path, server, 3)
    generate(release)

    config = build(release)["configs"]["da_gpt"]

    assert config["cost"]["known"] == pytest.approx(2 * COST_OF_A_CALL)
    assert config["cost"]["calls_without_known_cost"] == 1
    card = write_card(release.dataset).read_text(encoding="utf-8")
    assert "0.004 USD and 1 call of unknown cost" in card


def test_recorded_responses_are_priced_by_the_release(tmp_path):
    usage = {"prompt_tokens": PROMPT_TOKENS, "completion_tokens": ANSWER_TOKENS}
    release = recorded(tmp_path, usage, prices=PRICES)
    assert generate(release).spent == 0

    config = build(release)["configs"]["da_gpt"]

    assert config["cost"]["known"] == pytest.approx(2 * COST_OF_A_CALL)
    assert config["seconds"] is None


def test_where_nobody_knows_prices_there_is_no_cost(tmp_path):
    release = recorded(tmp_path, None)
    generate(release)

    config = build(release)["configs"]["da_gpt"]
    card = write_card(release.dataset).read_text(encoding="utf-8")

    assert (config["cost"], config["seconds"]) == (None, None)
    assert "Cost" not in card
    assert "Tokens in" not in card
    assert "stop 2" in card


def test_answers_cost_what_prices_were_when_they_came(tmp_path, server):
    generate(release_for(tmp_path, server, 3))
    dearer = release_for(tmp_path, server, 3, prices={"input": 20.0, "output": 80.0})

    cost = build(dearer)["configs"]["da_gpt"]["cost"]

    assert cost["known"] == pytest.approx(3 * COST_OF_A_CALL)
    assert cost["prices"]["input"] == 20.0


def test_other_prices_make_another_build(tmp_path):
    usage = {"prompt_tokens": PROMPT_TOKENS, "completion_tokens": ANSWER_TOKENS}
    release = recorded(tmp_path, usage, prices=PRICES)
    generate(release)
    first = build(release)
    assert build(release) == first

    second = build(recorded(tmp_path, usage, prices={"input": 4.0, "output": 16.0}))

    of_first, of_second = (manifest["configs"]["da_gpt"]["cost"]["known"] for manifest in (first, second))
    assert of_second == pytest.approx(2 * of_first)


def test_a_further_reply_makes_another_build(tmp_path, server):
    release = release_for(tmp_path, server, 2)
    generate(release)
    before = build(release)["configs"]["da_gpt"]["cost"]["known"]
    with Journal(release.journal) as journal:
        journal.record(*next((call, reply) for call, reply in journal.answers("da_gpt") if reply))

    assert build(release)["configs"]["da_gpt"]["cost"]["known"] > before
