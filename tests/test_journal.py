"""The journal: what is recorded stays, what is answered is not pending, and any text comes back as it was."""

import json
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthner.generation.calls import Call, Reply
from synthner.generation.journal import Journal, Progress
from synthner.generation.rounds import Rounds
from synthner.schema.errors import DataError

any_text = st.text(st.characters(exclude_categories=()))  # lone surrogates and NUL included


def call(index: int = 0, split: str = "train", **changes: object) -> Call:
    plain = Call(
        config="da_gpt",
        split=split,
        index=index,
        engine="openai",
        model="small",
        messages=({"role": "user", "content": f"Skriv sætning {index}."},),
        schema={"type": "object"},
        sampling={"temperature": 0.7},
        base_url="https://example.org/v1",
        seed_ids=("1", "7"),
        seed_revision="abc",
        datapoints=20,
    )
    return replace(plain, **changes)


def reply(text: str | None = "{}", error: str | None = None) -> Reply:
    raw = json.dumps({"text": text})
    return Reply(raw, text, "small-2026", {"prompt_tokens": 3}, "stop", error, 1700000000.25, 1700000001.5)


@pytest.fixture
def journal(tmp_path):
    with Journal(tmp_path / "work" / "journal.sqlite") as opened:
        yield opened


def test_a_plan_comes_back_as_it_was_by_split_then_index(journal):
    planned = [call(0, "test"), call(1, "train"), call(0, "train"), call(0, "validation")]
    journal.plan("da_gpt", planned)

    order = [planned[2], planned[1], planned[3], planned[0]]
    assert list(journal.pending("da_gpt")) == order
    assert list(journal.answers("da_gpt")) == [(expected, None) for expected in order]


def test_an_answer_is_no_longer_pending_and_a_failure_still_is(journal):
    journal.plan("da_gpt", map(call, range(3)))
    journal.record(call(0), reply())
    journal.record(call(1), reply(None, error="HTTP 500"))

    assert [pending.index for pending in journal.pending("da_gpt")] == [1, 2]
    assert journal.progress("da_gpt") == {"train": Progress(planned=3, answered=1, failed=1)}
    assert journal.failures("da_gpt") == {"HTTP 500": 1}
    assert list(journal.answers("da_gpt")) == [
        (call(0), reply()),
        (call(1), reply(None, error="HTTP 500")),
        (call(2), None),
    ]


def test_recording_during_pending_disturbs_nothing(journal):
    journal.plan("da_gpt", map(call, range(50)))
    asked = []
    for planned in journal.pending("da_gpt"):
        asked.append(planned.index)
        journal.record(planned, reply())

    assert asked == list(range(50))
    assert list(journal.pending("da_gpt")) == []


def test_an_answer_after_a_failure_counts_and_no_later_reply_replaces_it(journal):
    journal.plan("da_gpt", [call()])
    journal.record(call(), reply(None, error="HTTP 500"))
    journal.record(call(), reply("the answer"))
    journal.record(call(), reply("another"))
    journal.record(call(), reply(None, error="HTTP 429"))

    assert [found.text for _, found in journal.answers("da_gpt") if found] == ["the answer"]
    assert journal.failures("da_gpt") == {}


def test_the_last_failure_is_the_one_that_is_told(journal):
    journal.plan("da_gpt", [call()])
    for error in ("HTTP 500", "HTTP 429"):
        journal.record(call(), reply(None, error=error))

    assert journal.failures("da_gpt") == {"HTTP 429": 1}
    assert [found.error for _, found in journal.answers("da_gpt") if found] == ["HTTP 429"]


def test_a_new_plan_keeps_every_answer(journal):
    journal.plan("da_gpt", map(call, range(2)))
    journal.record(call(0), reply("first"))
    warmer = [call(index, sampling={"temperature": 1.0}) for index in range(2)]
    journal.plan("da_gpt", warmer)
    assert journal.progress("da_gpt") == {"train": Progress(2, 0, 0)}

    journal.plan("da_gpt", map(call, range(3)))

    assert journal.progress("da_gpt") == {"train": Progress(3, 1, 0)}


def test_configs_that_ask_the_same_share_the_answer(journal):
    journal.plan("da_gpt", [call()])
    journal.record(call(), reply("once"))
    journal.plan("da_renamed", [call(config="da_renamed")])

    assert list(journal.answers("da_renamed")) == [(call(config="da_renamed"), reply("once"))]
    assert journal.is_answered(call(config="da_renamed").key)


def test_a_request_that_was_never_sent_leaves_with_its_plan(tmp_path):
    path = tmp_path / "journal.sqlite"
    with Journal(path) as journal:
        journal.plan("da_gpt", map(call, range(5)))
        journal.record(call(0), reply())
        journal.plan("da_gpt", [call(1)])
    kept = {key for (key,) in sqlite3.connect(path).execute("SELECT key FROM requests")}

    assert kept == {call(0).key, call(1).key}


def test_a_plan_that_breaks_off_leaves_the_former_one(journal):
    journal.plan("da_gpt", [call(0), call(1)])

    def breaking():
        yield call(0, model="other")
        raise DataError("no more gold")

    with pytest.raises(DataError):
        journal.plan("da_gpt", breaking())

    assert list(journal.pending("da_gpt")) == [call(0), call(1)]


@given(text=any_text, raw=any_text, content=any_text, seed=any_text, error=st.none() | any_text)
def test_any_text_comes_back_as_it_was(tmp_path_factory, text, raw, content, seed, error):
    planned = call(messages=({"role": "user", "content": content},), seed_ids=(seed,), model=text)
    kept = Reply(raw, text, text, {"prompt_tokens": 2**40}, text, error, 0.1, 0.2)
    path = tmp_path_factory.mktemp("journal") / "journal.sqlite"
    with Journal(path) as journal:
        journal.plan("da_gpt", [planned])
        journal.record(planned, kept)
    with Journal(path) as journal:
        assert list(journal.answers("da_gpt")) == [(planned, kept)]
        assert journal.is_answered(planned.key) is (error is None)


def test_a_recorded_reply_survives_kill_9(tmp_path):
    path = tmp_path / "journal.sqlite"
    script = """
import os, signal, sys
from pathlib import Path
from synthner.generation.calls import Call, Reply
from synthner.generation.journal import Journal
journal = Journal(Path(sys.argv[1]))
calls = [Call("c", "train", i, "openai", "m", (), None, {}, None, (), "", 1) for i in range(3)]
journal.plan("c", calls)
journal.record(calls[0], Reply("{}", "paid", None, {}, None, None, 1.0, 2.0))
with journal.transaction():
    journal.record(calls[1], Reply("{}", "not committed", None, {}, None, None, 1.0, 2.0))
    os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run([sys.executable, "-c", script, str(path)], check=False)

    assert killed.returncode == -9
    with Journal(path) as journal:
        assert [found and found.text for _, found in journal.answers("c")] == ["paid", None, None]


def test_a_second_process_is_told_which_one_is_generating(tmp_path):
    path = tmp_path / "journal.sqlite"
    script = """
import os, sys
from pathlib import Path
from synthner.generation.journal import Journal
with Journal(Path(sys.argv[1])) as journal, journal.only_this_process():
    print(os.getpid(), flush=True)
    sys.stdin.read()
"""
    command = [sys.executable, "-c", script, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout
        process = first.stdout.readline().strip()
        with (
            Journal(path) as journal,
            pytest.raises(DataError, match=f"process {process} is"),
            journal.only_this_process(),
        ):
            pass
        first.kill()
    with Journal(path) as journal, journal.only_this_process():
        pass  # a killed process holds nothing


def test_the_file_is_a_wal_database_whose_texts_sqlite_can_show(tmp_path):
    path = tmp_path / "journal.sqlite"
    with Journal(path) as journal:
        journal.plan("da_gpt", [call()])
        journal.record(call(), reply("svaret på æøå"))
    database = sqlite3.connect(path)

    assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert database.execute("SELECT typeof(raw), text FROM replies").fetchall() == [("text", "svaret på æøå")]
    assert database.execute("SELECT key FROM replies").fetchall() == [(call().key,)]


def _not_a_database(path: Path) -> None:
    path.write_bytes(b"config,split\n" * 1000)


def _another_database(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE birds (name TEXT)")


def _newer_journal(path: Path) -> None:
    Journal(path).close()
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 99")


def _folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(_not_a_database, "not a database", id="not a database"),
        pytest.param(_another_database, "no journal of synthner", id="another database"),
        pytest.param(_newer_journal, "version 99", id="newer"),
        pytest.param(_folder, "unable to open", id="folder"),
    ],
)
def test_what_is_no_journal_is_refused_and_left_alone(tmp_path, make, message):
    path = tmp_path / "journal.sqlite"
    make(path)
    before = path.read_bytes() if path.is_file() else None

    with pytest.raises(DataError, match=message) as caught:
        Journal(path)

    assert str(path) in str(caught.value)
    assert caught.value.hint
    assert (path.read_bytes() if path.is_file() else None) == before


def test_a_journal_that_became_empty_is_no_new_one(tmp_path):
    path = tmp_path / "journal.sqlite"
    with Journal(path) as begun, begun.only_this_process():
        pass
    path.write_bytes(b"")

    with pytest.raises(DataError, match="the journal is an empty file, and it was not"):
        Journal(path)
    path.unlink()
    Journal(path).close()


def test_a_damaged_journal_says_how_to_recover_it(tmp_path):
    path = tmp_path / "journal.sqlite"
    with Journal(path) as journal:
        journal.plan("da_gpt", map(call, range(200)))
    data = bytearray(path.read_bytes())
    data[4096:-4096] = b"\xaa" * (len(data) - 8192)
    path.write_bytes(data)

    with Journal(path) as journal, pytest.raises(DataError, match="malformed") as caught:
        list(journal.answers("da_gpt"))

    assert "recover" in (caught.value.hint or "")


def _as_version_2(database: sqlite3.Connection) -> None:
    database.execute("ALTER TABLE plan DROP COLUMN step")
    database.execute("ALTER TABLE plan DROP COLUMN about")
    database.execute("DROP TABLE rounds")
    database.execute("PRAGMA user_version = 2")


def _as_version_1(database: sqlite3.Connection) -> None:
    _as_version_2(database)
    database.execute("ALTER TABLE replies DROP COLUMN lost_attempts")
    database.execute("ALTER TABLE replies DROP COLUMN cost_at_most")
    database.execute("DROP TABLE memory")
    database.execute("PRAGMA user_version = 1")


@pytest.mark.parametrize("make_older", [_as_version_1, _as_version_2])
def test_a_journal_of_an_earlier_version_goes_on(tmp_path, make_older):
    path = tmp_path / "journal.sqlite"
    with Journal(path) as journal:
        journal.plan("da_gpt", map(call, range(2)))
        journal.record(call(0), reply())
    with sqlite3.connect(path) as database:
        make_older(database)
    database.close()

    with Journal(path) as journal:
        assert list(journal.answers("da_gpt")) == [(call(0), reply()), (call(1), None)]
        later = call(2, step="correct", about={"words": ["Ærø"]})
        journal.plan("da_gpt", [call(0), call(1), later])
        assert list(journal.pending("da_gpt")) == [call(1), later]


def _ended(journal: Journal, *texts: str | None) -> list[Call]:
    """Plan a round, and answer its calls with texts; None for a failure."""
    calls = [call(index) for index in range(len(texts))]
    journal.plan("da_gpt", calls)
    for planned, text in zip(calls, texts, strict=True):
        journal.record(planned, reply(text, error=None if text else "HTTP 500"))
    return calls


def _texts(rounds: Rounds, calls: list[Call]) -> list[str | None]:
    answers = rounds.answers(calls)
    assert answers is not None
    return [answer and answer.text for answer in answers]


def test_a_round_has_no_answers_until_all_of_its_calls_were_tried(journal):
    calls = [call(index) for index in range(2)]
    journal.plan("da_gpt", calls)
    journal.record(calls[0], reply("a"))

    assert Rounds(journal, settle=True).answers(calls) is None

    journal.record(calls[1], reply("b"))
    assert Rounds(journal, settle=True).answers(calls) == [reply("a"), reply("b")]


def test_a_round_with_many_failures_waits(journal):
    calls = _ended(journal, *"abcdefgh", None, None)
    assert Rounds(journal, settle=True).answers(calls) is None

    journal.record(calls[8], reply("i"))
    assert _texts(Rounds(journal, settle=True), calls) == [*"abcdefghi", None]


def test_what_is_answered_after_a_round_does_not_belong_to_it(journal):
    calls = _ended(journal, *"abcdefghi", None)
    assert _texts(Rounds(journal, settle=True), calls) == [*"abcdefghi", None]

    journal.record(calls[9], reply("late"))
    journal.record(calls[0], reply("another"))

    assert _texts(Rounds(journal), calls) == [*"abcdefghi", None]


def test_a_round_that_is_only_looked_at_is_not_settled(journal):
    calls = _ended(journal, *"abcdefghi", None)
    assert _texts(Rounds(journal), calls) == [*"abcdefghi", None]

    journal.record(calls[9], reply("late"))
    assert _texts(Rounds(journal), calls) == [*"abcdefghi", "late"]
