import gzip
import json
import os
import pty
import re
import signal
import subprocess

import pytest

from synthner.tests import command_line
from synthner.tests.command_line import SCRIPT, environment, files_in
from synthner.tests.curation_sentences import rows_of, sentences, write
from synthner.tests.in_process import done, refused
from synthner.tests.terminal import on_a_terminal

STEPS = ("tags", "repeats", "held-out", "language", "labels", "repairs", "selection")


@pytest.fixture
def folder(tmp_path):
    """Return a folder with gold, test and data: sound, repeated, leaked and foreign sentences.

    Gold is enough to know its language, and too little for its folds to judge what is kept.
    """
    write(tmp_path / "gold.jsonl", sentences(20, name="gold"))
    test = sentences(20, name="test")
    write(tmp_path / "test.jsonl", test)
    sound = sentences(30, name="synthetic")
    foreign = sentences(10, name="foreign", language="greek")
    write(tmp_path / "data.jsonl", [*sound, *sound[:5], *test[:5], *foreign])
    return tmp_path


@pytest.fixture
def with_folds(folder):
    """Return that folder with gold whose folds judge."""
    write(folder / "gold.jsonl", sentences(30, name="gold"))
    return folder


def command(*arguments):
    return ("curate", "data.jsonl", "--gold", "gold.jsonl", "-o", "out.jsonl", *arguments, "--json")


def curated(folder, *arguments):
    return done(*command(*arguments), folder=folder).json


def test_every_sentence_is_kept_or_rejected_with_its_reason(with_folds):
    found = curated(with_folds, "--test", "test.jsonl", "--rejects", "rejects.jsonl")
    kept, rejected = rows_of(with_folds / "out.jsonl"), rows_of(with_folds / "rejects.jsonl")
    assert {"input", "output", "steps"} <= set(found)
    assert (found["input"], found["output"]) == (50, len(kept))
    assert len(kept) + len(rejected) == 50
    assert len({row["id"] for row in [*kept, *rejected]}) == 50
    assert all(list(row) == ["id", "tokens", "ner_tags"] for row in kept)
    assert all(row["step"] in STEPS and row["reason"] and not row["kept"] for row in rejected)
    assert tuple(found["steps"]) == STEPS
    assert {name: step["lost"] for name, step in found["steps"].items()} == {
        name: sum(row["step"] == name for row in rejected) for name in STEPS
    }
    leaked = [row for row in rejected if row["step"] == "held-out"]
    assert {row["reason"] for row in leaked} == {"repeats a sentence of gold test"}
    assert len(leaked) >= 5
    assert {row["id"] for row in rejected if row["step"] == "language"} >= {f"foreign-{n}" for n in range(10)}


def test_the_same_files_and_seed_give_the_same_bytes(with_folds):
    write(with_folds / "validation.jsonl", sentences(10, name="validation"))
    held_out = ("--test", "test.jsonl", "--validation", "validation.jsonl")
    first = curated(with_folds, *held_out, "--seed", "3")
    before = (with_folds / "out.jsonl").read_bytes()
    (with_folds / "out.jsonl").unlink()
    (with_folds / "another.jsonl").write_text("no data\n", encoding="utf-8")
    # Another process hashes differently, and remembers nothing.
    again = command_line.done(*command(*held_out[2:], *held_out[:2], "--seed", "3"), folder=with_folds)
    assert again.json == first
    assert (with_folds / "out.jsonl").read_bytes() == before


def test_one_sentence_is_explained(folder):
    found = curated(folder, "--explain", "foreign-3")
    assert found["explained"]["id"] == "foreign-3"
    assert (found["explained"]["step"], found["explained"]["kept"]) == ("language", False)
    *in_words, as_json = command("--explain", "foreign-3")
    assert as_json == "--json"
    assert "not written like gold" in done(*in_words, folder=folder).stdout


def test_types_that_gold_does_not_have_become_outside(folder):
    rows = [
        {"id": row["id"], "tokens": [*row["tokens"], "Acme"], "ner_tags": [*row["ner_tags"], "B-ORG"]}
        for row in rows_of(folder / "data.jsonl")[:30]
    ]
    (folder / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    found = curated(folder)
    assert "Mentions of types that gold does not have became O: ORG 30." in found["findings"]
    assert found["output"] > 0
    assert {tag[2:] for row in rows_of(folder / "out.jsonl") for tag in row["ner_tags"]} <= {"", "PER", "LOC"}


def test_sentences_without_sound_tags_are_rejected_and_unreadable_rows_counted(folder):
    with (folder / "data.jsonl").open("a", encoding="utf-8") as lines:
        lines.write('{"id": "odd", "tokens": ["Mara", "left"], "ner_tags": ["PER", "O"]}\n')
        lines.write('{"id": "short", "tokens": ["Mara", "left"], "ner_tags": ["O"]}\n')
    found = curated(folder, "--rejects", "rejects.jsonl")
    assert found["input"] == 51
    assert found["steps"]["tags"] == {"kept": 50, "lost": 1, "changed": {}}
    assert any(finding.startswith("1 rows of the data cannot be read") for finding in found["findings"])
    assert [row["id"] for row in rows_of(folder / "rejects.jsonl") if row["step"] == "tags"] == ["odd"]
    assert len(rows_of(folder / "out.jsonl")) + len(rows_of(folder / "rejects.jsonl")) == found["input"]


def test_a_held_out_sentence_with_odd_tags_must_not_leak_either(folder):
    gold = {tuple(row["tokens"]) for row in rows_of(folder / "gold.jsonl")}
    row = next(row for row in rows_of(folder / "data.jsonl") if tuple(row["tokens"]) not in gold)
    row["ner_tags"] = ["PERSON"] * len(row["tokens"])
    (folder / "odd.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    assert curated(folder, "--test", "odd.jsonl")["steps"]["held-out"]["lost"] >= 1


def test_other_formats_are_read(folder):
    gold = "\n\n".join(
        "\n".join(f"{token}\t{tag}" for token, tag in zip(row["tokens"], row["ner_tags"], strict=True))
        for row in rows_of(folder / "gold.jsonl")
    )
    (folder / "gold.conll").write_text(gold + "\n", encoding="utf-8")
    with gzip.open(folder / "data.jsonl.gz", "wb") as stream:
        stream.write((folder / "data.jsonl").read_bytes())
    wanted = curated(folder)
    command = ("curate", "data.jsonl.gz", "--gold", "gold.conll", "-o", "same.jsonl", "--json")
    assert done(*command, folder=folder).json == wanted
    assert (folder / "same.jsonl").read_bytes() == (folder / "out.jsonl").read_bytes()


@pytest.mark.parametrize("empty", ["data.jsonl", "gold.jsonl", "test.jsonl"])
def test_an_empty_file_is_a_clear_error(folder, empty):
    (folder / empty).write_text("", encoding="utf-8")
    command = ("curate", "data.jsonl", "--gold", "gold.jsonl", "--test", "test.jsonl", "-o", "out.jsonl")
    assert empty in refused(*command, folder=folder)
    assert not (folder / "out.jsonl").exists()


@pytest.mark.parametrize(
    ("file", "tag", "message"),
    [
        ("gold.jsonl", "O", "gold has no mention to learn from"),
        ("gold.jsonl", "PER", "gold has no mention to learn from"),
        ("data.jsonl", "PER", "no sentence has IOB2 tags"),
    ],
    ids=["gold all O", "gold without IOB2 tags", "data without IOB2 tags"],
)
def test_files_that_nothing_can_be_learned_from_are_clear_errors(folder, file, tag, message):
    row = json.dumps({"id": "1", "tokens": ["Mara", "left"], "ner_tags": [tag, "O"]})
    (folder / file).write_text(row + "\n", encoding="utf-8")
    said = refused("curate", "data.jsonl", "--gold", "gold.jsonl", "-o", "out.jsonl", folder=folder)
    assert message in said
    assert file in said
    assert not (folder / "out.jsonl").exists()


def test_files_that_are_the_same_are_wrong_usage(folder):
    command = ("curate", "data.jsonl", "--gold", "gold.jsonl", "-o", "gold.jsonl")
    before = (folder / "gold.jsonl").read_bytes()
    assert "must be different files" in refused(*command, folder=folder, status=2)
    assert (folder / "gold.jsonl").read_bytes() == before


def test_an_unknown_id_is_a_clear_error(folder):
    assert "no sentence has the id `nobody`" in refused(*command("--explain", "nobody"), folder=folder)
    assert not (folder / "out.jsonl").exists(), "everything was curated before"


def test_training_and_scoring_agree(with_folds):
    command = ("train", "--gold", "gold.jsonl", "--synthetic", "data.jsonl", "--test", "test.jsonl")
    trained = done(*command, "--predictions", "predicted.conll", "--json", folder=with_folds).json
    assert {"micro", "macro", "strict", "per_type", "interval", "seconds", "train_examples"} <= set(trained)
    low, high = trained["interval"]
    assert low <= trained["micro"]["f1"] <= high
    assert trained["train_examples"] >= 30
    assert set(trained["per_type"]) == {"LOC", "PER"}
    scored = done("score", "test.jsonl", "predicted.conll", "--json", folder=with_folds).json
    for average in ("micro", "macro", "strict"):
        assert {"precision", "recall", "f1"} <= set(scored[average])
        assert trained[average] == scored[average]
    assert trained["per_type"] == scored["per_type"]
    assert scored["micro"]["f1"] > 0.5


def test_gold_scored_against_itself_is_perfect(folder):
    (folder / "copy.jsonl").write_bytes((folder / "test.jsonl").read_bytes())
    scored = done("score", "test.jsonl", "copy.jsonl", "--json", folder=folder).json
    assert scored["micro"] == scored["macro"] == scored["strict"] == {"precision": 1, "recall": 1, "f1": 1}


def test_training_says_what_synthetic_data_gained(with_folds):
    files = ("--gold", "gold.jsonl", "--synthetic", "data.jsonl", "--test", "test.jsonl")
    said = done("train", *files, folder=with_folds).stdout
    gain = r"[+-]0\.\d{3}"
    assert re.search(
        rf"On folds of gold, synthetic data gains {gain} \(standard error 0\.\d{{3}}\)\. "
        rf"With what such data gained elsewhere, {gain} is expected of it\.",
        said,
    )
    assert "Recipe: " in said


@pytest.mark.parametrize("read", ["gold.jsonl", "data.jsonl", "./test.jsonl"])
def test_predictions_take_the_place_of_no_file_that_is_read(folder, read):
    before = files_in(folder)
    files = ("--gold", "gold.jsonl", "--synthetic", "data.jsonl", "--test", "test.jsonl")
    message = refused("train", *files, "--predictions", read, folder=folder, status=2)
    assert "would take the place of a file that is read" in message
    assert "`--predictions`" in message
    assert files_in(folder) == before


def test_what_curation_kept_nothing_of_can_be_trained_with(folder):
    write(folder / "data.jsonl", sentences(60, name="foreign", language="greek"))
    assert curated(folder)["output"] == 0
    files = ("--gold", "gold.jsonl", "--synthetic", "out.jsonl", "--test", "test.jsonl")
    assert "Recipe: gold only." in done("train", *files, folder=folder).stdout


def test_a_terminal_shows_that_curation_is_under_way_and_a_pipe_does_not(folder):
    files = (folder / "data.jsonl", "--gold", folder / "gold.jsonl", "-o", folder / "out.jsonl")
    shown = on_a_terminal("curate", *files)
    assert shown.status == 0
    assert "Curating data.jsonl" in shown.terminal
    assert b"Curating" not in shown.stdout
    assert command_line.done("curate", *files, folder=folder).stderr == ""


def test_ctrl_c_ends_curation_cleanly_and_says_that_nothing_is_kept(folder):
    # Long enough to be interrupted.
    write(folder / "gold.jsonl", sentences(300, name="gold"))
    write(folder / "data.jsonl", sentences(3000, name="synthetic"))
    terminal, stderr = pty.openpty()
    process = subprocess.Popen(
        [SCRIPT, "curate", "data.jsonl", "--gold", "gold.jsonl", "-o", "out.jsonl"],
        cwd=folder,
        env=environment(TERM="xterm", COLUMNS="120"),
        stdout=subprocess.DEVNULL,
        stderr=stderr,
    )
    os.close(stderr)
    shown = b""
    while b"Curating data.jsonl" not in shown:
        shown += os.read(terminal, 4096)
    process.send_signal(signal.SIGINT)
    try:
        while more := os.read(terminal, 4096):
            shown += more
    except OSError:  # how Linux says that the other end is closed
        pass
    os.close(terminal)
    assert process.wait(timeout=60) == 130
    # The cursor is shown again, and the message stands by itself.
    last = shown.decode().rpartition("\x1b[?25h")[2]
    assert "Interrupted. Nothing was written, and nothing is kept." in last
    assert "Traceback" not in last
    assert not (folder / "out.jsonl").exists()
