"""The command line where things go wrong around it: kills, full disks, other locales, closed outputs."""

import fcntl
import json
import os
import pty
import resource
import shutil
import signal
import struct
import subprocess
import termios
import time
from contextlib import suppress
from pathlib import Path

import pytest

from synthner.tests import command_line
from synthner.tests.chat_server import ChatServer, completion, refusal
from synthner.tests.command_line import SCRIPT, environment, files_in, finish, obey_permissions, start
from synthner.tests.in_process import done, refused, synthner
from synthner.tests.small_release import server_settings, write_release

pytest_plugins = ["synthner.tests.finished_release"]

WORDS = ("rejse", "bro", "skib", "havn", "marked", "skole", "bog", "by", "vej", "hus", "dag", "fest", "mål")


@pytest.fixture
def server():
    with ChatServer() as started:
        started.answer = answer
        yield started


def answer(number: int) -> bytes:
    """Answer with five new Danish sentences."""
    sentences = [
        {
            "words": [
                ["Åse", "B-PER"],
                ["så", "O"],
                [f"{WORDS[item]}{number}", "O"],
                ["i", "O"],
                ["Thy", "B-LOC"],
            ]
        }
        for item in range(5)
    ]
    return completion(json.dumps({"datapoints": sentences}, ensure_ascii=False))


def live(folder: Path, server: ChatServer, calls: int = 12) -> Path:
    """Write a release that asks the server, two calls at once."""
    write_release(folder, {"gpt": server_settings(server.base_url, calls, openai={"concurrency": 2})})
    return folder


def responses(calls: int) -> str:
    """Return recorded responses: so many of the server's answers."""
    return "".join(answer(number).decode() + "\n" for number in range(calls))


def recorded(folder: Path, calls: int) -> Path:
    """Write a release whose responses were recorded."""
    (folder / "responses").mkdir(parents=True)
    (folder / "responses" / "train.jsonl").write_text(responses(calls), encoding="utf-8")
    generator = {"engine": "recorded", "recorded": {"responses": "responses/{split}.jsonl"}}
    write_release(folder, {"gpt": generator})
    return folder


def progress(folder: Path) -> dict[str, int]:
    return done("status", "--json", folder=folder).json["configs"]["da_gpt"]["splits"]["train"]


def limited(*arguments: str, folder: Path, largest_file: int) -> subprocess.CompletedProcess[str]:
    """Run the command where no file can grow beyond a size, as where the disk is full."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))

    return subprocess.run(
        [SCRIPT, *arguments],
        cwd=folder,
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        preexec_fn=limit,
        check=False,
    )


def on_terminal(*arguments: str, folder: Path, columns: int, **variables: str) -> str:
    """Run the command on a terminal so many columns wide, and return what that is sent."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    inherited = {name: value for name, value in environment().items() if name not in ("NO_COLOR", "COLUMNS")}
    process = subprocess.Popen(
        [SCRIPT, *arguments],
        cwd=folder,
        env={**inherited, "TERM": "xterm", **variables},
        stdout=its,
        stderr=its,
    )
    os.close(its)
    sent = b""
    # The terminal ends with an error when nobody writes to it any more.
    with suppress(OSError):
        while more := os.read(ours, 65536):
            sent += more
    os.close(ours)
    process.wait(timeout=60)
    return sent.decode()


def test_ctrl_c_says_how_to_go_on_and_loses_nothing(tmp_path, server):
    server.hold_from = 5
    release = live(tmp_path, server)
    process = start("generate", folder=release)
    server.wait_for(7)

    process.send_signal(signal.SIGINT)
    assert process.stderr
    while "waiting for 2 calls under way" not in process.stderr.readline():
        assert process.poll() is None
    server.let_go.set()
    ended = finish(process)

    assert (ended.status, ended.stdout) == (130, "")
    assert "run the same command again to go on" in ended.stderr
    assert progress(release) == {"planned": 12, "answered": 7, "failed": 0}
    assert done("generate", "--json", folder=release).json["answered"] == 5
    assert len(server.received) == 12


def test_kill_9_in_generate_then_run_again(tmp_path, server):
    server.hold_from = 5
    release = live(tmp_path, server)
    with start("run", folder=release) as process:
        server.wait_for(7)
        process.kill()
    assert progress(release)["answered"] == 5
    assert not (release / "dataset").exists()
    server.let_go.set()

    ran = done("run", "--json", folder=release)

    assert ran.json["configs"] == {"da_gpt": {"train": 60}}
    assert len(server.received) == 7 + 7


def test_kill_9_in_build_leaves_the_old_dataset_whole(tmp_path):
    release = recorded(tmp_path, 40)
    done("run", folder=release)
    old = files_in(release / "dataset")
    path = release / "responses" / "train.jsonl"
    path.write_text(responses(500), encoding="utf-8")
    done("generate", folder=release)

    with start("build", folder=release) as process:
        while not (release / "work" / "building").exists():
            assert process.poll() is None
            time.sleep(0.002)
        process.kill()
    assert (release / "work" / "building").exists()
    assert files_in(release / "dataset") == old

    again = done("build", "--json", folder=release)

    assert again.json["configs"]["da_gpt"]["splits"]["train"]["examples"] == 2500
    assert not (release / "work" / "building").exists()


def test_two_runs_at_once(tmp_path, server):
    server.hold_from = 0
    release = live(tmp_path, server)
    first = start("run", "--json", folder=release)
    server.wait_for(2)

    message = refused("run", folder=release)
    server.let_go.set()

    assert f"process {first.pid} is generating for this journal already" in message
    assert finish(first).json["configs"] == {"da_gpt": {"train": 60}}
    assert len(server.received) == 12


def test_a_full_disk_in_generate(tmp_path, server):
    release = live(tmp_path, server)

    ended = limited("generate", folder=release, largest_file=130_000)

    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert f"{release / 'work' / 'journal.sqlite'}: the journal cannot be used" in ended.stderr
    kept = progress(release)["answered"]
    asked = len(server.received)
    assert asked <= kept + 2, "it went on paying for what it could not keep"
    done("generate", folder=release)
    assert len(server.received) - asked == 12 - kept


def test_a_full_disk_in_build_and_publish_leaves_the_old_dataset_whole(tmp_path):
    release = recorded(tmp_path / "release", 40)
    done("run", folder=release)
    shutil.copytree(release / "dataset", tmp_path / "there")
    old = published = files_in(release / "dataset")
    (release / "responses" / "train.jsonl").write_text(responses(400), encoding="utf-8")
    done("generate", folder=release)

    ended = limited("build", folder=release, largest_file=40_000)
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert "cannot be written: " in ended.stderr
    assert "File too large" in ended.stderr
    assert files_in(release / "dataset") == old
    assert not (release / "work" / "building").exists()

    done("build", folder=release)
    ended = limited("publish", "--to", "../there", folder=release, largest_file=40_000)
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert "Publish again when this is mended" in ended.stderr
    assert files_in(tmp_path / "there") == published


@pytest.mark.parametrize("command", [("init", "new"), ("generate",)], ids=lambda command: command[0])
def test_a_folder_that_is_read_only(tmp_path, built, command):
    shutil.rmtree(built / "work")
    built.chmod(0o555)

    ended = subprocess.run(
        [SCRIPT, *command],
        cwd=built,
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        preexec_fn=obey_permissions,
        check=False,
    )

    built.chmod(0o755)
    assert ended.returncode in (1, 2)
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
    assert "Error: " in ended.stderr
    assert not (built / "work").exists()


@pytest.mark.parametrize("command", [("status",), ("run",)], ids=" ".join)
def test_a_reader_that_goes_away(tmp_path, command):
    process = start(*command, folder=recorded(tmp_path, 4))
    assert process.stdout
    process.stdout.close()
    assert process.stderr
    errors = process.stderr.read()
    process.wait(timeout=60)
    process.stderr.close()

    assert "Traceback" not in errors
    assert "Exception ignored" not in errors
    assert "Error" not in errors


def test_outputs_that_are_closed_or_full(tmp_path):
    release = recorded(tmp_path, 4)

    def shell(command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-c", f'"{SCRIPT}" {command}'],
            cwd=release,
            env=environment(),
            capture_output=True,
            encoding="utf-8",
            check=False,
        )

    without_stdout = shell("status >&-")
    assert (without_stdout.returncode, without_stdout.stderr) == (0, "")
    assert shell("generate 2>&-").returncode == 0
    full = shell("status --json >/dev/full")
    assert (full.returncode, full.stderr) == (1, "Error: output: No space left on device\n")


def test_a_c_locale(tmp_path):
    folder = tmp_path / "release"
    (folder / "gold").mkdir(parents=True)
    (folder / "gold" / "train.conll").write_text(
        "Ọláyẹmí B-PER\nlọ O\n. O\n\nஅருண் B-PER\nவந்தான் O\n\n", "utf-8"
    )
    datapoints = [
        {"tokens": ["Ṣadé", "rẹ́rìn-ín"], "ner_tags": ["B-PER", "O"]},
        {"tokens": ["மீனா", "சிரித்தாள்"], "ner_tags": ["B-PER", "O"]},
        {"tokens": ["Ṣadé", "ọ̀la"], "ner_tags": ["B-PER", "B-ỌJỌ́"]},
    ]
    responses = "".join(json.dumps({"text": json.dumps([row])}) + "\n" for row in datapoints)
    (folder / "responses.jsonl").write_text(responses, encoding="utf-8")
    generator = {
        "method": "seeded",
        "engine": "recorded",
        "model": "àwòṣe",
        "recorded": {"responses": "responses.jsonl"},
    }
    release = {
        "name": "ede",
        "pretty_name": "Èdè Yorùbá – தமிழ்",
        "seed": 1,
        "license": "cc0-1.0",
        "languages": {"yor": {"gold": {"files": {"train": "gold/train.conll"}, "license": "cc0-1.0"}}},
        "generators": {"gpt": generator},
        "gates": {"script_share": 0},
    }
    (folder / "release.yaml").write_text(json.dumps(release, ensure_ascii=False), encoding="utf-8")
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}

    plan = command_line.done("generate", "--dry-run", folder=folder, **ascii_only)
    ran = command_line.done("run", "--to", "../there", folder=folder, **ascii_only)
    manifest = command_line.done("build", "--json", folder=folder, **ascii_only)

    assert "àwòṣe" in plan.stdout
    assert "published" in ran.stdout
    samples = manifest.json["configs"]["yor_gpt"]["splits"]["train"]["samples"]
    assert [sample["tokens"] for sample in samples] == [row["tokens"] for row in datapoints[:2]]
    assert "B-ỌJỌ́" in manifest.stdout
    assert "Èdè Yorùbá – தமிழ்" in (tmp_path / "there" / "README.md").read_text(encoding="utf-8")
    (folder / "gold" / "dev.conll").write_text("Ọláyẹmí B-ENÌYÀN\n\n", encoding="utf-8")
    found = command_line.done(
        "validate", "gold/train.conll", "gold/dev.conll", folder=folder, **ascii_only
    ).stdout
    assert "`Ọláyẹmí` (B-ENÌYÀN)" in found


def test_a_narrow_terminal_cuts_no_name_and_no_number(built):
    shown = on_terminal("generate", "--dry-run", folder=built, columns=40)

    assert "gpt-4.1-2025-04-14" in shown
    assert "characters" in shown
    assert "…" not in shown.partition("The first prompt")[0]


@pytest.mark.parametrize(
    ("variables", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)], ids=["as it is", "NO_COLOR"]
)
def test_errors_have_colours_unless_nobody_wants_them(tmp_path, variables, coloured):
    shown = on_terminal("status", folder=tmp_path, columns=80, **variables)

    assert ("\x1b[31m" in shown) == coloured
    assert "there is no such file" in shown
    headings = on_terminal("methods", folder=tmp_path, columns=80, **variables)
    assert ("\x1b[" in headings) == coloured


@pytest.mark.parametrize(
    ("status", "message", "hint"),
    [
        (401, "does not accept the key", "Set the environment variable OPENAI_API_KEY"),
        (404, "does not know the model `small`", "usually ends in /v1"),
    ],
)
def test_a_server_that_refuses(tmp_path, server, status, message, hint):
    server.fault = lambda _number: refusal(status, "No.")
    release = live(tmp_path, server)

    told = refused("run", folder=release)

    assert message in told
    assert hint in told
    assert len(server.received) <= 2
    assert not (release / "dataset").exists()


def test_no_server_at_all(tmp_path):
    write_release(tmp_path, {"gpt": server_settings("http://127.0.0.1:9/v1")})

    assert "no server answers at this address" in refused("generate", folder=tmp_path)


def test_calls_that_fail_are_told_and_the_rest_is_built(tmp_path, server):
    server.fault = lambda number: refusal(400, "The prompt is too long.") if number == 1 else None
    release = live(tmp_path, server, 4)

    ended = synthner("run", "--json", folder=release)

    assert ended.status == 1
    assert ended.json["configs"] == {"da_gpt": {"train": 15}}
    assert "Answered: 3 of 4 calls." in ended.stderr
    assert "da_gpt: 1 call failed: HTTP 400: The prompt is too long." in ended.stderr
    assert done("generate", "--json", folder=release).json["answered"] == 1
    assert len(server.received) == 5


def test_a_journal_that_was_deleted(built):
    old = files_in(built / "dataset")
    (built / "work" / "journal.sqlite").unlink()

    assert "Run `synthner generate` first." in refused("build", folder=built)
    assert files_in(built / "dataset") == old
    assert done("run", "--json", folder=built).json["configs"] == {
        "swa_gpt4": {"train": 94, "validation": 28},
        "swa_swap": {"train": 54},
    }
    assert files_in(built / "dataset") == old


def test_a_damaged_manifest_or_data_file_is_built_again(built):
    whole = files_in(built / "dataset")
    (built / "dataset" / "manifest.json").write_text('{"manifest_version"', encoding="utf-8")
    assert "Run `synthner build`" in refused("publish", "--to", "../there", folder=built)
    done("build", folder=built)
    assert files_in(built / "dataset") == whole

    (built / "dataset" / "swa_gpt4" / "train-00000-of-00001.parquet").write_bytes(b"PAR1")
    assert "Run `synthner build` again." in refused("publish", "--to", "../there", folder=built)
    assert files_in(built.parent / "there") == {}
    done("build", folder=built)
    assert files_in(built / "dataset") == whole


def opened_by_a_reader(pipe: Path) -> int:
    deadline = time.monotonic() + 40
    while True:
        try:
            return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # how Linux says that nobody reads it
            assert time.monotonic() < deadline, "nobody reads it"
            time.sleep(0.02)


NOTHING_KEPT = "Interrupted. Nothing was written, and nothing is kept."
ANEW = "Interrupted. Run the same command again: it begins anew."


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("salvage", "read.jsonl", "-o", "out.jsonl", "--labels", "O,B-PER,I-PER"), NOTHING_KEPT),
        (("score", "read.jsonl", "read.jsonl"), NOTHING_KEPT),
        (("validate", "read.jsonl"), ANEW),
        (("generate", "release", "--dry-run"), ANEW),
        (("publish", "read.jsonl", "--rehearse"), ANEW),
        (
            ("generate", "release"),
            "Interrupted. What is done is kept: run the same command again to go on.",
        ),
    ],
    ids=["salvage", "score", "validate", "dry run", "rehearsal", "generate"],
)
def test_an_interrupted_command_says_what_is_true_of_it(tmp_path, arguments, message):
    write_release(tmp_path / "release", {"gpt": server_settings("http://127.0.0.1:9")})
    data, gold = tmp_path / "read.jsonl", tmp_path / "release" / "gold" / "train.conll"
    gold.unlink()
    # Whoever reads a pipe waits for its writer.
    os.mkfifo(data)
    os.mkfifo(gold)
    started = start(*arguments, folder=tmp_path)
    writer = opened_by_a_reader(gold if "release" in arguments else data)
    started.send_signal(signal.SIGINT)
    ended = finish(started)
    os.close(writer)
    assert (ended.status, ended.stdout) == (130, "")
    assert ended.stderr.strip() == message
    assert not (tmp_path / "out.jsonl").exists()
