"""Curation of more rows than memory would hold: what a row costs, and what is left on disk behind it."""

import resource
import signal
import subprocess
import time
import tracemalloc
from pathlib import Path
from random import Random

import pytest

from synthner.builders.curation.curate import LABELS as LABELS_STEP
from synthner.builders.curation.curate import SELECTION, STEPS, curate
from synthner.builders.curation.found_sentences import find_sentences
from synthner.evaluation.training_data import read_training_data
from synthner.schema.example import Example
from synthner.sources.report import Report
from synthner.tests.command_line import SCRIPT, environment, finish, start
from synthner.tests.curation_sentences import LABELS, sentences, write

GOLD = sentences(9, name="gold")
SYLLABLES = ("bor", "ta", "vin", "sel", "mo", "kra", "du", "lin", "ges", "ho")

# Held as objects, the sentences below took 1,200 bytes each, repairs and verdicts included.
MOST_BYTES_A_ROW = 300


def different(count: int) -> list[Example]:
    """Return sentences of made-up words with a name each; none repeats another."""
    random = Random(count)
    words = ["".join(random.choices(SYLLABLES, k=3)) for _ in range(400)]
    made = []
    for number in range(count):
        tokens = (*random.choices(words, k=6), random.choice(["Mara", "Tobias", "Ines"]))
        made.append(Example(f"row-{number}", tokens, (*["O"] * 6, "B-PER")))
    return made


def most_bytes(folder: Path, rows: int) -> int:
    """Return the most bytes held while so many rows went through the steps that train nothing."""
    data, gold = write(folder / "data.jsonl", different(rows)), write(folder / "gold.jsonl", GOLD)
    learned = read_training_data(gold)
    steps = [step for step in STEPS if step not in (LABELS_STEP, SELECTION)]
    tracemalloc.start()
    try:
        found = find_sentences(data, learned, Report())
        curation = curate(found.synthetic, learned.examples, LABELS, held_out={}, seed=0, steps=steps)
        assert len(found.verdicts(curation.verdicts)) == rows
        assert len(curation.examples) > 0.9 * rows
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_row_costs_little_memory(tmp_path):
    # The first one imports. The others fill what is remembered of words and texts, so that this is the same.
    most_bytes(tmp_path, 50)
    few, many = (most_bytes(tmp_path, rows) for rows in (1_100, 2_100))
    assert (many - few) / 1_000 < MOST_BYTES_A_ROW


def command(folder: Path, rows: int) -> list[str]:
    write(folder / "data.jsonl", different(rows))
    write(folder / "gold.jsonl", GOLD)
    (folder / "temporary").mkdir()
    return ["curate", "data.jsonl", "--gold", "gold.jsonl", "-o", "out.jsonl", "--rejects", "rejects.jsonl"]


def temporary_files(process: int, folder: Path) -> list[str]:
    """Return the files in a folder that a process has open and that have no name any more."""
    found = []
    for descriptor in Path(f"/proc/{process}/fd").iterdir():
        try:
            target = str(descriptor.readlink())
        except FileNotFoundError:
            continue
        if target.startswith(str(folder)) and target.endswith("(deleted)"):
            found.append(target)
    return found


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="this system does not list open files")
def test_an_interrupted_run_leaves_nothing_on_disk(tmp_path):
    temporary = tmp_path / "temporary"
    process = start(*command(tmp_path, 3_000), folder=tmp_path, TMPDIR=str(temporary))
    until = time.monotonic() + 50
    while not temporary_files(process.pid, temporary):
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    assert finish(process).status == 130
    assert list(temporary.iterdir()) == []
    assert {path.name for path in tmp_path.iterdir()} == {"data.jsonl", "gold.jsonl", "temporary"}


def test_a_full_disk_is_a_clear_error(tmp_path):
    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))

    temporary = tmp_path / "temporary"
    ended = subprocess.run(
        [SCRIPT, *command(tmp_path, 3_000)],
        cwd=tmp_path,
        env=environment(TMPDIR=str(temporary)),
        capture_output=True,
        encoding="utf-8",
        preexec_fn=limit,
        check=False,
    )
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    message = ended.stderr.rpartition("Error: ")[2]
    assert message.startswith(f"{temporary}: temporary files cannot be written: ")
    assert "TMPDIR" in message
    assert list(temporary.iterdir()) == []
    assert not (tmp_path / "out.jsonl").exists()
