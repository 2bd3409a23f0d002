"""Submissions to a leaderboard: a sound one passes, what is tampered with is refused for that reason."""

import gzip
import json
import os
import shutil
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from synthner.cards.leaderboard.answer import render_answer
from synthner.evaluation.grid.description import PREDICTIONS, SETTINGS
from synthner.evaluation.leaderboard.benchmarks import Benchmarks
from synthner.evaluation.leaderboard.records import (
    Submission,
    Submitter,
    record_hash,
    record_of_run,
    record_path,
    write_record,
)
from synthner.evaluation.leaderboard.rescoring import Scorer
from synthner.evaluation.leaderboard.strict_json import canonical_json
from synthner.evaluation.leaderboard.submitted_predictions import PredictionsReader
from synthner.evaluation.leaderboard.verifying import Verification, verify
from synthner.evaluation.scoring import score
from synthner.leaderboard.apart import verify_apart
from synthner.leaderboard.submission import check_private
from synthner.schema.errors import DataError
from synthner.schema.validation import json_schema
from synthner.tests import command_line
from synthner.tests.command_line import files_in
from synthner.tests.grid_release import run_here, write_grid
from synthner.tests.in_process import done, synthner
from synthner.tests.leaderboard_folder import COMMIT, GOLD, LeaderboardFolder, parquet, part, write_split
from synthner.tests.report_runs import TYPES, gold_sentences


@dataclass
class Submitted:
    """A leaderboard with a submission, and the leaderboard without it.

    Attributes:
        board: With the submission, while it is made.
        base: Without.
        theirs: The record of somebody else, which was there before.
        changed: What is said to be changed, where it is not found out.
    """

    board: LeaderboardFolder
    base: Path
    theirs: str
    changed: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        return self.board.folder

    def verify(self) -> Verification:
        return verify(self.folder, base=self.base, changed=self.changed, mirror=self.board.mirror)

    def submit_parquet(
        self, ids: Any = None, predicted: Any = None, data: bytes | None = None, **options: Any
    ) -> str:
        """Submit predictions of any shape; the record has the scores of sound ones."""
        gold = self.board.gold["tiny-yor"]
        sound = self.board.predictions(0.8, 0)
        if data is None:
            wanted = [each.id for each in gold] if ids is None else ids
            data = parquet(wanted, sound if predicted is None else predicted, **options)
        return self.board.put(self.board.record(sound, data), data)


@pytest.fixture
def submitted(tmp_path: Path) -> Submitted:
    board = LeaderboardFolder(tmp_path / "board")
    board.add_benchmark()
    board.add_benchmark("tiny-hub", "da", on_hub=True)
    theirs = board.submit(0.9, organization="bob", name="first")
    (board.folder / "README.md").write_text("# Board\n")
    shutil.copytree(board.folder, tmp_path / "base")
    return Submitted(board, tmp_path / "base", theirs)


def ids(gold: list[Any]) -> list[str]:
    return [each.id for each in gold]


# --- what is sound ---


def test_a_sound_submission_is_accepted_and_scored_again(submitted: Submitted) -> None:
    path = submitted.board.submit(0.8)
    before = files_in(submitted.folder.parent)
    verification = submitted.verify()
    assert verification.problems == ()
    (result,) = verification.results
    assert (result.path, result.checked.status) == (path, "verified")
    assert result.f1 == pytest.approx(
        json.loads((submitted.folder / path).read_text())["scores"]["micro"]["f1"]
    )
    assert files_in(submitted.folder.parent) == before


def test_scores_rounded_to_four_decimals_are_true(submitted: Submitted) -> None:
    def rounded(record: dict[str, Any]) -> None:
        record["scores"]["micro"] = {key: round(each, 4) for key, each in record["scores"]["micro"].items()}
        record["interval"] = [round(end, 3) for end in record["interval"]]

    submitted.board.submit(0.8, change=rounded)
    assert submitted.verify().is_acceptable


def test_a_result_without_predictions_is_self_reported_and_said_to_be(submitted: Submitted) -> None:
    submitted.board.report(0.99)
    verification = submitted.verify()
    assert verification.is_acceptable
    assert verification.results[0].checked.status == "self-reported"
    assert "without a rank" in verification.results[0].notices[0]


def test_gold_of_a_data_set_is_read_at_its_place(submitted: Submitted) -> None:
    training = [part("source", "da", hub=GOLD, config="da", split="train", revision=COMMIT)]
    submitted.board.submit(0.8, benchmark="tiny-hub", training=training)
    verification = submitted.verify()
    assert verification.problems == ()
    (overlap,) = verification.results[0].overlaps
    assert (overlap.shared, overlap.is_own_gold) == (0, True)


def test_a_few_shared_sentences_are_said_and_not_refused(submitted: Submitted) -> None:
    shared = [*gold_sentences("da")[:1], *gold_sentences("other", 50)]
    write_split(submitted.board.mirror / "ada/data/train.parquet", shared)
    training = [part("source", "da", hub="ada/data", split="train", revision=COMMIT)]
    submitted.board.submit(0.8, benchmark="tiny-hub", training=training)
    verification = submitted.verify()
    assert verification.problems == ()
    assert any(
        "1 of 120 test sentences are in its training data" in each for each in verification.results[0].notices
    )


def test_training_data_that_cannot_be_found_is_said_to_be_unchecked(
    submitted: Submitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(submitted.folder)
    training = [part("source", "yor", hub="results/ada__names-of-lagos", revision=COMMIT)]
    submitted.board.submit(0.8, training=training)
    verification = submitted.verify()
    assert verification.is_acceptable
    assert "a file or folder here has its name" in verification.results[0].notices[0]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("train.jsonl.gz", gzip.compress(b'{"tokens": ["Ada"]}\n' * 100)[:-20]),
        ("train.zip", b"PK\x03\x04 and no more"),
        ("train.tar", b"no archive at all" * 100),
        ("train.h5", b"no such table"),
        ("README.md", b"---\nconfigs: [{\n---\n"),
        ("README.md", b"---\n\x00\n---\n"),
    ],
    ids=["cut gzip", "no zip", "no tar", "format without reader", "broken card", "card with a null"],
)
def test_training_data_of_any_kind_ends_no_verification(
    submitted: Submitted, name: str, content: bytes
) -> None:
    folder = submitted.board.mirror / "ada/data"
    folder.mkdir(parents=True)
    (folder / "train.jsonl").write_text('{"tokens": ["Ada"], "ner_tags": ["B-PER"]}\n')
    (folder / name).write_bytes(content)
    if name != "README.md":
        (folder / "train.jsonl").unlink()
    submitted.board.submit(0.8, training=[part("source", "yor", hub="ada/data", revision=COMMIT)])
    verification = submitted.verify()
    assert verification.is_acceptable
    assert verification.results[0].notices[0].startswith("training data not checked (source: ada/data)")


def test_the_same_predictions_under_another_name_are_said(submitted: Submitted) -> None:
    submitted.board.submit(0.9, organization="eve", name="copy")
    verification = submitted.verify()
    assert verification.is_acceptable
    assert (
        f"its predictions are, byte by byte, those of {submitted.theirs}" in verification.results[0].notices
    )


def test_every_result_is_checked_where_nothing_is_said_to_be_changed(submitted: Submitted) -> None:
    submitted.board.submit(0.8)
    assert len(verify(submitted.folder).results) == 2
    assert len(submitted.verify().results) == 1


def test_scores_are_those_of_the_scorer_that_everybody_uses(submitted: Submitted) -> None:
    gold = submitted.board.gold["tiny-yor"]
    scorer = Scorer(Benchmarks(submitted.folder).test_set("tiny-yor"))
    reader = PredictionsReader()
    for seed in range(20):
        predicted = submitted.board.predictions(0.1 * (seed % 10), seed)
        # Orphans and the other type, where sentences begin and end.
        predicted[seed] = ("I-PER", "I-LOC", "O", "O", "I-LOC", "I-LOC")
        data = parquet(ids(gold), predicted, row_group_size=1 + seed * 10)
        found = scorer.score(reader.read(data, scorer.test, "predictions"))
        wanted = score([each.ner_tags for each in gold], predicted, types=TYPES)
        assert found.as_json() == wanted.as_json()
        assert (found.counts == wanted.counts).all()


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="only Linux shows what a process was given")
def test_what_unpacks_predictions_has_no_token(submitted: Submitted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_not_for_everybody")
    gold = submitted.board.gold["tiny-yor"]
    task = Path(f"/proc/self/task/{os.getpid()}/children")
    before = set(task.read_text(encoding="utf-8").split())
    reader = PredictionsReader()
    reader.read(
        parquet(ids(gold), submitted.board.predictions(0.5, 1)),
        Benchmarks(submitted.folder).test_set("tiny-yor"),
        "predictions",
    )
    [process] = set(task.read_text(encoding="utf-8").split()) - before
    given_to_it = Path(f"/proc/{process}/environ").read_bytes()
    assert b"PATH=" in given_to_it
    assert b"hf_not_for_everybody" not in given_to_it


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "zstd"},
        {"use_dictionary": False},
        {"data_page_version": "2.0", "compression": "gzip"},
        {"write_page_index": True, "data_page_size": 64, "row_group_size": 7},
        {"store_schema": False},
        {"use_compliant_nested_type": False},
    ],
    ids=["zstd", "plain", "pages of version 2", "many pages", "no Arrow schema", "old names"],
)
def test_predictions_may_be_written_by_any_program(submitted: Submitted, options: dict[str, Any]) -> None:
    submitted.submit_parquet(**options)
    assert submitted.verify().problems == ()


# --- what is tampered with ---

Tamper = Callable[[Submitted], object]


def change(**values: Any) -> Tamper:
    """Return a submission whose record has other values, by dotted keys."""

    def tamper(submitted: Submitted) -> None:
        def apply(record: dict[str, Any]) -> None:
            for key, value in values.items():
                *above, last = key.split("__")
                place: Any = record
                for each in above:
                    place = place[each]
                place[last] = value

        submitted.board.submit(0.8, change=apply)

    return tamper


def rewrite(edit: Callable[[str], str | bytes]) -> Tamper:
    """Return a submission whose record is edited as text after it was named."""

    def tamper(submitted: Submitted) -> None:
        path = submitted.folder / submitted.board.submit(0.8)
        edited = edit(path.read_text(encoding="utf-8"))
        path.write_bytes(edited if isinstance(edited, bytes) else edited.encode("utf-8", "surrogatepass"))

    return tamper


def predictions(edit: Callable[[list[str], list[list[str]]], object], **options: Any) -> Tamper:
    """Return a submission whose predictions are edited before they are written."""

    def tamper(submitted: Submitted) -> None:
        names = ids(submitted.board.gold["tiny-yor"])
        tags = [list(each) for each in submitted.board.predictions(0.8, 0)]
        edit(names, tags)
        submitted.submit_parquet(names, tags, **options)

    return tamper


def swap(names: list[str], _tags: list[list[str]]) -> None:
    names[3], names[4] = names[4], names[3]


def set_name(place: int, name: str) -> Callable[[list[str], list[list[str]]], None]:
    def edit(names: list[str], _tags: list[list[str]]) -> None:
        names[place] = name

    return edit


def set_tags(place: int, tags: list[Any]) -> Callable[[list[str], list[list[str]]], None]:
    def edit(_names: list[str], all_tags: list[list[str]]) -> None:
        all_tags[place] = tags

    return edit


def drop(names: list[str], tags: list[list[str]]) -> None:
    names.pop()
    tags.pop()


def table_of(columns: Callable[[list[str], list[tuple[str, ...]]], dict[str, Any]], **options: Any) -> Tamper:
    """Return a submission with a table of other columns."""

    def tamper(submitted: Submitted) -> None:
        gold = ids(submitted.board.gold["tiny-yor"])
        sink = pa.BufferOutputStream()
        pq.write_table(pa.table(columns(gold, submitted.board.predictions(0.8, 0))), sink, **options)
        submitted.submit_parquet(data=sink.getvalue().to_pybytes())

    return tamper


def cut_predictions(submitted: Submitted) -> None:
    gold = submitted.board.gold["tiny-yor"]
    data = parquet(ids(gold), submitted.board.predictions(0.8, 0))
    submitted.submit_parquet(data=data[: len(data) // 2])


def lying_page(submitted: Submitted) -> None:
    """Let the head of a page say that it has many more values than its column."""
    gold = submitted.board.gold["tiny-yor"]
    predicted = [["O"] * 6] * len(gold)
    data = parquet(ids(gold), predicted, compression="none", use_dictionary=False)
    # 720 values as a zigzag varint (1440 = 0xA0 0x0B), in the head of the page.
    assert b"\x15\xa0\x0b\x15" in data
    place = data.index(b"\x15\xa0\x0b\x15")
    submitted.submit_parquet(data=data[:place] + b"\x15\xfe\x7f\x15" + data[place + 4 :])


def wrong_bytes(submitted: Submitted) -> None:
    path = submitted.folder / submitted.board.submit(0.8)
    with path.with_suffix(".parquet").open("ab") as stream:
        stream.write(b" ")


def no_predictions(submitted: Submitted) -> None:
    (submitted.folder / submitted.board.submit(0.8)).with_suffix(".parquet").unlink()


def no_record(submitted: Submitted) -> None:
    (submitted.folder / submitted.board.submit(0.8)).unlink()


def unnamed_predictions(submitted: Submitted) -> None:
    path = submitted.folder / submitted.board.report(0.9)
    path.with_suffix(".parquet").write_bytes(b"PAR1")


def predictions_for_theirs(submitted: Submitted) -> None:
    """Add predictions to a self-reported result that is on the leaderboard: it would be left out then."""
    path = submitted.folder / submitted.board.report(0.9, organization="bob")
    there = submitted.base / path.relative_to(submitted.folder)
    there.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, there)
    path.with_suffix(".parquet").write_bytes(b"PAR1")


def in_the_folder_of_others(submitted: Submitted) -> None:
    path = submitted.folder / submitted.board.submit(0.8)
    target = (submitted.folder / submitted.theirs).parent
    for each in (path, path.with_suffix(".parquet")):
        each.rename(target / each.name)


def link_to_record(submitted: Submitted) -> None:
    path = submitted.folder / submitted.board.submit(0.8)
    outside = submitted.folder.parent / "outside.json"
    path.rename(outside)
    path.symlink_to(outside)


def link_to_predictions(submitted: Submitted) -> None:
    path = (submitted.folder / submitted.board.submit(0.8)).with_suffix(".parquet")
    outside = submitted.folder.parent / "outside.parquet"
    path.rename(outside)
    path.symlink_to(outside)


def pipe(submitted: Submitted) -> None:
    path = submitted.folder / submitted.board.submit(0.8)
    path.unlink()
    os.mkfifo(path)


def write_file(path: str, text: str) -> Tamper:
    def tamper(submitted: Submitted) -> None:
        place = submitted.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)

    return tamper


def change_theirs(submitted: Submitted) -> None:
    path = submitted.folder / submitted.theirs
    path.write_text(path.read_text().replace("first", "firsT"))


def remove_theirs(submitted: Submitted) -> None:
    (submitted.folder / submitted.theirs).unlink()


def look_alike_folder(submitted: Submitted) -> None:
    path = submitted.folder / submitted.board.submit(0.8)
    folder = submitted.folder / "results" / "b\u043eb__first" / "tiny-yor"
    folder.mkdir(parents=True)
    path.rename(folder / path.name)


def same_seed(submitted: Submitted) -> None:
    submitted.board.submit(0.7, organization="bob", name="first")


def same_predictions_other_seed(submitted: Submitted) -> None:
    gold = submitted.board.gold["tiny-yor"]
    predicted = submitted.board.predictions(0.8, 0)
    data = parquet(ids(gold), predicted)
    for seed in (0, 1):
        submitted.board.put(submitted.board.record(predicted, data, seed=seed), data)


def same_predictions_other_tagger_name(submitted: Submitted) -> None:
    """Submit copies as seeds of a tagger that has two names: by what it is, it is ranked as one."""
    gold = submitted.board.gold["tiny-yor"]
    predicted = submitted.board.predictions(0.8, 0)
    data = parquet(ids(gold), predicted)
    for seed, name in enumerate(("crf", "another")):
        record = submitted.board.record(predicted, data, seed=seed)
        record["cell"]["tagger"]["name"] = name
        submitted.board.put(record, data)


def other_case(submitted: Submitted) -> None:
    submitted.board.submit(0.8, organization="Bob", name="first")


def test_sentences_named(submitted: Submitted) -> None:
    training = [part("source", "da", hub=GOLD, config="da", split="test", revision=COMMIT)]
    submitted.board.submit(0.8, benchmark="tiny-hub", training=training)


test_sentences_named.__test__ = False  # type: ignore[attr-defined]


def test_hash_named(submitted: Submitted) -> None:
    wanted = json.loads((submitted.folder / "benchmarks/tiny-yor.yaml").read_text())["sha256"]
    submitted.board.submit(0.8, training=[part("source", "yor", sha256=wanted)])


test_hash_named.__test__ = False  # type: ignore[attr-defined]


def all_splits_of_gold(submitted: Submitted) -> None:
    training = [part("source", "da", hub=GOLD, config="da", revision=COMMIT)]
    submitted.board.submit(0.8, benchmark="tiny-hub", training=training)


def contaminated(submitted: Submitted) -> None:
    shouted = [
        type(each)(each.id, tuple(token.upper() for token in each.tokens), each.ner_tags)
        for each in gold_sentences("da")[:30]
    ]
    write_split(submitted.board.mirror / "ada/data/train.parquet", shouted)
    training = [part("source", "da", hub="ada/data", split="train", revision=COMMIT)]
    submitted.board.submit(0.8, benchmark="tiny-hub", training=training)


def said_to_be_changed(*paths: str) -> Tamper:
    def tamper(submitted: Submitted) -> None:
        submitted.changed = paths

    return tamper


DEEP = "[" * 100_000 + "]" * 100_000

TAMPERED: dict[str, tuple[Tamper, str]] = {
    "F1 raised": (
        change(scores__micro__f1=0.99),
        "micro.f1 is claimed to be 0.99, and the predictions have 0.",
    ),
    "macro-F1 raised": (change(scores__macro__f1=0.99), "macro.f1 is claimed to be 0.99"),
    "strict F1 raised": (change(scores__strict__f1=0.99), "strict.f1 is claimed to be 0.99"),
    "mentions of a type invented": (
        change(scores__per_type__PER__gold=7),
        "per_type.PER.gold is claimed to be 7",
    ),
    "type left out": (change(scores__per_type={}), "per_type: `LOC` is missing"),
    "interval narrowed": (change(interval=[0.8, 0.8001]), "interval is claimed to be 0.8000 to 0.8001"),
    "interval upside down": (change(interval=[0.9, 0.7]), "its end is before its beginning"),
    "recall that does not add up": (
        change(
            scores__seen={"recall": 1.0, "gold": 1, "correct": 1},
            scores__unseen={"recall": 1.0, "gold": 1, "correct": 1},
        ),
        "seen and unseen mentions add up to 2",
    ),
    "recall on new names alone": (
        change(scores__unseen={"recall": 1.0, "gold": 1, "correct": 1}),
        "seen and unseen mentions can only be compared together",
    ),
    "edited after it was named": (
        rewrite(lambda text: text.replace('"size":100', '"size":101')),
        "the file has another name than its content",
    ),
    "in the folder of others": (in_the_folder_of_others, "the record belongs into the folder results/ada__"),
    "no such benchmark": (change(benchmark="tiny-yo"), "there is no benchmark `tiny-yo`"),
    "another language": (change(cell__language="da"), "the result is of the language `da`"),
    "smaller than its data": (change(cell__size=50), "its size is 50, and its training data has 100"),
    "repeats itself": (change(cell__retry_of=0), "a run does not repeat itself"),
    "no such day": (change(date="2026-02-30"), "there is no such day"),
    "unknown key": (change(note="hello"), "unknown key `note`"),
    "key left out": (rewrite(lambda text: text.replace('"cost":null,', "")), "the key `cost` is missing"),
    "unsafe address": (change(submitter__url="javascript:alert(1)"), "submitter.url: `javascript:alert(1)`"),
    "address that ends a line": (change(submitter__url="https://a.org/\n"), "submitter.url: "),
    "hidden direction": (change(cell__source="gpt\u202e4"), "cell.source: "),
    "name with a line break": (
        rewrite(lambda text: text.replace("names-of-lagos", "names-of-lagos\\n")),
        "submitter.name: ",
    ),
    "name with a path": (
        rewrite(lambda text: text.replace("names-of-lagos", "../../x")),
        "submitter.name: ",
    ),
    "name of look-alikes": (change(submitter__organization="b\u043eb"), "U+043E (cyrillic small letter o)"),
    "negative cost": (change(cost={"amount": -1, "currency": "EUR"}), "cost.amount: -1 is less than"),
    "F1 above one": (change(scores__micro__f1=1.5), "scores.micro.f1: 1.5 is greater than"),
    "NaN": (rewrite(lambda text: text.replace('"cost":null', '"cost":NaN')), "NaN is no number in JSON"),
    "infinity": (rewrite(lambda text: text.replace('"cost":null', '"cost":1e999')), "1e999 is too large"),
    "key twice": (
        rewrite(lambda text: text.replace('"cost":null', '"cost":null,"cost":1')),
        "`cost` stands twice",
    ),
    "half a character": (rewrite(lambda text: text.replace("gpt4", "\\ud800")), "half of a character"),
    "no UTF-8": (rewrite(lambda text: text.encode("utf-16")), "this is not UTF-8 text"),
    "no JSON": (rewrite(lambda text: text[:-1]), "this is not JSON"),
    "nested deeply": (rewrite(lambda _: DEEP), "nested too deeply"),
    "nested fifty deep": (rewrite(lambda _: "[" * 50 + "]" * 50), "nested too deeply"),
    "large record": (rewrite(lambda text: text + " " * 300_000), "larger than 262,144 bytes"),
    "other predictions": (wrong_bytes, "its sha256 is not the one in the record"),
    "no predictions": (no_predictions, "the file cannot be read: No such file"),
    "no record": (no_record, "the submission has no record for these predictions"),
    "predictions beside a record of others": (
        predictions_for_theirs,
        "the submission has no record for these predictions",
    ),
    "predictions nobody named": (unnamed_predictions, "the record names no predictions"),
    "sentence left out": (predictions(drop), "it has 119 sentences, and gold has 120"),
    "other order": (predictions(swap), "the order is not gold's: row 4 is `yor-4`, not `yor-3`"),
    "id twice": (predictions(set_name(5, "yor-0")), "the id `yor-0` stands twice"),
    "foreign id": (predictions(set_name(5, "swa-5")), "1 ids are not gold's, among them `swa-5`"),
    "tag too few": (predictions(set_tags(2, ["O"] * 5)), "the first is `yor-2` with 5 tags and 6 words"),
    "foreign type": (predictions(set_tags(2, ["B-EVENT", *"OOOOO"])), "does not have, such as `B-EVENT`"),
    "no IOB2": (predictions(set_tags(2, ["PERSON", *"OOOOO"])), "no IOB2 tags, such as `PERSON`"),
    "tag missing": (predictions(set_tags(2, [None, *"OOOOO"])), "a value is missing"),
    "sentence missing": (predictions(set_tags(2, None)), "a value is missing"),  # type: ignore[arg-type]
    "no parquet": (lambda submitted: submitted.submit_parquet(data=b"PAR1 or not"), "cannot be read"),
    "cut short": (cut_predictions, "the parquet file cannot be read"),
    "further column": (
        table_of(lambda names, tags: {"id": names, "predicted": list(tags), "more": names}),
        "the file has other columns",
    ),
    "other names of columns": (
        table_of(lambda names, tags: {"id": names, "tags": list(tags)}),
        "its columns are",
    ),
    "numbers for tags": (
        table_of(lambda names, tags: {"id": names, "predicted": [[0] * len(each) for each in tags]}),
        "its columns are of other kinds",
    ),
    "nested tags": (
        table_of(lambda names, tags: {"id": names, "predicted": [[list(each)] for each in tags]}),
        "its columns are of other kinds",
    ),
    "far too many tags": (predictions(set_tags(2, ["O"] * 5_000_000)), "larger than its sentences explain"),
    "endless tag": (
        predictions(set_tags(2, ["B-" + "X" * 100_000, *"OOOOO"])),
        "longer than 1,000 characters",
    ),
    "large file": (
        lambda submitted: submitted.submit_parquet(data=b"PAR1" + bytes(33_554_432)),
        "larger than 33,554,432 bytes",
    ),
    "packed bomb": (
        predictions(set_name(2, "x" * 140_000_000), compression="zstd"),
        "larger than its sentences explain",
    ),
    "endless tag for every word": (
        predictions(set_tags(2, ["B-" + "X" * 1_000_000, *"OOOOO"])),
        "larger than its sentences explain",
    ),
    "page that lies": (lying_page, "larger than its sentences explain"),
    "encoding that unfolds": (
        table_of(
            lambda names, tags: {"id": names, "predicted": list(tags)},
            use_dictionary=False,
            column_encoding={"id": "DELTA_BYTE_ARRAY", "predicted.list.element": "DELTA_BYTE_ARRAY"},
        ),
        "an encoding that is not read here",
    ),
    "link to a record": (link_to_record, "this is a link"),
    "link to predictions": (link_to_predictions, "this is a link"),
    "pipe": (pipe, "this is no regular file"),
    "benchmark changed": (write_file("benchmarks/tiny-yor.yaml", "{}"), "benchmarks are kept by the owners"),
    "benchmark added": (write_file("benchmarks/easy.yaml", "{}"), "benchmarks are kept by the owners"),
    "card changed": (write_file("README.md", "# I am first"), "this file is derived from the results"),
    "ranks written": (write_file("leaderboard.parquet", "PAR1"), "this file is derived from the results"),
    "script added": (write_file("load.py", "print()"), "no such file belongs here"),
    "attributes of git": (write_file(".gitattributes", "*"), "no such file belongs here"),
    "further file beside results": (
        write_file("results/ada__names-of-lagos/tiny-yor/notes.txt", ""),
        "no such file belongs here",
    ),
    "result of others changed": (change_theirs, "the result is changed"),
    "result of others removed": (remove_theirs, "the result is removed"),
    "folder of look-alikes": (look_alike_folder, "U+043E (cyrillic small letter o)"),
    "same seed again": (same_seed, "the run with seed 0 of this system is there already"),
    "seeds that are copies of a tagger with two names": (
        same_predictions_other_tagger_name,
        "of this system have the same predictions",
    ),
    "seeds that are copies": (same_predictions_other_seed, "of this system have the same predictions"),
    "name in capitals": (other_case, "`Bob__first` and `bob__first` differ in nothing but"),
    "test split as training data": (test_sentences_named, "the test sentences of the benchmark are named"),
    "hash of gold as training data": (test_hash_named, "the test sentences of the benchmark are named"),
    "all splits of gold": (all_splits_of_gold, "120 of 120 test sentences are in its training data"),
    "test sentences in training data": (contaminated, "30 of 120 test sentences are in its training data"),
    "path upwards": (said_to_be_changed("results/../../etc/passwd"), "the path leads elsewhere"),
    "absolute path": (said_to_be_changed("/etc/passwd"), "the path leads elsewhere"),
    "path with a backslash": (said_to_be_changed("results\\a"), "the path leads elsewhere"),
    "path that ends a line": (
        said_to_be_changed(f"results/a__b/c/{'0' * 24}.json\n"),
        "the path leads elsewhere",
    ),
}


@pytest.mark.parametrize(("tamper", "reason"), TAMPERED.values(), ids=TAMPERED)
def test_what_is_tampered_with_is_refused_for_that_reason(
    submitted: Submitted, tamper: Tamper, reason: str
) -> None:
    tamper(submitted)
    before = set(files_in(submitted.folder.parent)) if tamper is not pipe else None
    verification = submitted.verify()
    assert not verification.is_acceptable
    assert any(reason in problem.message for problem in verification.problems), verification.problems
    # Nothing else is held against it.
    assert len({problem.message for problem in verification.problems}) <= 2, verification.problems
    assert before is None or set(files_in(submitted.folder.parent)) == before


@pytest.mark.parametrize(
    ("seconds", "message"),
    [(120, "micro.f1 is claimed to be 0.99"), (0.01, "verifying this took more than")],
    ids=["in time", "too long"],
)
def test_a_verification_apart_ends_in_time(submitted: Submitted, seconds: float, message: str) -> None:
    path = submitted.board.submit(0.8, change=lambda record: record["scores"]["micro"].update(f1=0.99))
    changed = [path, path.replace(".json", ".parquet")]
    verification = verify_apart(submitted.folder, changed, submitted.base, most_seconds=seconds)
    [problem] = verification.problems
    assert message in problem.message


def test_what_owners_have_to_mend_is_said_to_them(submitted: Submitted) -> None:
    (submitted.base / "benchmarks/tiny-yor.yaml").write_text("no benchmark")
    with pytest.raises(DataError) as raised:
        verify_apart(submitted.folder, [submitted.board.submit(0.8)], submitted.base)
    assert "tiny-yor.yaml" in str(raised.value.where)


def test_a_benchmark_that_was_made_easier_does_not_count(submitted: Submitted) -> None:
    path = submitted.folder / "benchmarks/tiny-yor.yaml"
    easier = {**json.loads(path.read_text()), "types": ["PER"]}
    path.write_text(json.dumps(easier))
    submitted.board.submit(0.8)
    verification = submitted.verify()
    assert [problem.path for problem in verification.problems] == ["benchmarks/tiny-yor.yaml"]
    assert verification.results[0].checked.is_sound, "the benchmarks before the submission decide"


def test_gold_that_has_changed_is_an_error_of_the_owners(submitted: Submitted) -> None:
    for folder in (submitted.folder, submitted.base):
        with (folder / "benchmarks/gold/tiny-yor.jsonl").open("a") as stream:
            stream.write('{"id": "x", "tokens": ["Ada"], "ner_tags": ["B-PER"]}\n')
    submitted.board.submit(0.8)
    with pytest.raises(DataError, match="gold is not what it was when the benchmark was made"):
        submitted.verify()


@pytest.mark.parametrize(
    ("gold", "reason"),
    [
        ("hub:gold-keepers/tiny-gold/yor/test", "no pinned revision"),
        ("hub:gold-keepers/tiny-gold/yor/test@main", "no pinned revision"),
        ({"hub": GOLD, "revision": "main"}, "is not valid here"),
        ({"file": "../../../etc/passwd"}, "`../../../etc/passwd` is not valid here"),
        ({"file": "/etc/passwd"}, "`/etc/passwd` is not valid here"),
    ],
    ids=["no revision", "branch", "branch in a mapping", "path upwards", "absolute path"],
)
def test_gold_is_pinned_and_inside_of_the_leaderboard(submitted: Submitted, gold: Any, reason: str) -> None:
    path = submitted.folder / "benchmarks/tiny-yor.yaml"
    path.write_text(json.dumps({**json.loads(path.read_text()), "gold": gold}))
    with pytest.raises(DataError, match=reason):
        Benchmarks(submitted.folder)


# --- records ---


def test_a_record_of_a_run_is_accepted(tmp_path: Path) -> None:
    release = write_grid(
        tmp_path / "release", {"sources": {"synthetic": {"train": "synthetic-{language}.jsonl"}}}
    )
    run_here(release)
    run = next(iter(sorted((release.parent / "runs").glob("*/result.json")))).parent
    result = json.loads((run / "result.json").read_text())
    folder = tmp_path / "board"
    (folder / "benchmarks").mkdir(parents=True)
    shutil.copy(release.parent / "en-test.jsonl", folder / "benchmarks/en-test.jsonl")
    benchmark = {
        "format": 1,
        "title": "Tiny English",
        "language": "en",
        "gold": {"file": "en-test.jsonl"},
        "types": result["labels"],
        "sha256": result["data"]["test"]["sha256"],
        "license": "cc0-1.0",
    }
    (folder / "benchmarks/tiny-en.yaml").write_text(json.dumps(benchmark))
    found = Benchmarks(folder).of_test_data(result["data"]["test"]["sha256"])
    assert found is not None
    submission = Submission(
        "dataset", Submitter("ada", "synthetic-en"), "2026-04-01", cost=1.5, currency="EUR"
    )
    record = record_of_run(run, found.name, submission)
    path = write_record(folder, record, (run / "predictions.parquet").read_bytes())
    assert path == folder / record_path(record)
    verification = verify(folder)
    assert verification.problems == ()
    assert verification.results[0].f1 == result["scores"]["micro"]["f1"]


def test_a_record_names_no_sentences_that_were_not_learned(tmp_path: Path) -> None:
    sources = {"synthetic": {"train": "synthetic-{language}.jsonl"}}
    release = write_grid(tmp_path / "release", {"sources": sources, "settings": ["gold+synthetic"]})
    run_here(release)
    submission = Submission("dataset", Submitter("ada", "synthetic-en"), "2026-04-01")
    learned = {}
    for run in (release.parent / "runs").iterdir():
        result = json.loads((run / "result.json").read_text())
        for recipe in ("adapted", "gold only"):
            (run / "result.json").write_text(
                json.dumps(result | {"combination": {**result["combination"], "recipe": recipe}})
            )
            record = record_of_run(run, "tiny-en", submission)
            learned[recipe] = [each["role"] for each in record["training"]]
    assert learned == {"adapted": ["gold", "source"], "gold only": ["gold"]}


@pytest.mark.parametrize(
    ("model", "revision", "named"),
    [
        ("/home/ada/models/xlmr", f"sha256:{'0' * 64}", "folder:xlmr"),
        ("~/models/xlmr", None, "folder:xlmr"),
        ("../models/xlmr", None, "folder:xlmr"),
        ("models/xlmr", f"sha256:{'0' * 64}", "folder:models/xlmr"),
        ("xlmr", f"sha256:{'0' * 64}", "folder:xlmr"),
        ("FacebookAI/xlm-roberta-base", "0" * 40, "FacebookAI/xlm-roberta-base"),
        ("models/xlmr", None, "models/xlmr"),
    ],
    ids=["absolute", "home", "above", "relative", "beside", "on the Hub", "of an earlier version"],
)
def test_a_record_does_not_name_a_folder_as_if_it_were_on_the_hub(
    tmp_path: Path, model: str, revision: str | None, named: str
) -> None:
    release = write_grid(tmp_path / "release", {"sources": {"organic": "gold"}, "sizes": [10], "seeds": 1})
    run_here(release)
    [path] = (release.parent / "runs").glob("*/result.json")
    result = json.loads(path.read_text())
    cell = {**result["cell"], "tagger": {**result["cell"]["tagger"], "kind": "encoder", "model": model}}
    path.write_text(json.dumps({**result, "cell": cell, "model_revision": revision}))

    record = record_of_run(
        path.parent, "tiny-en", Submission("model", Submitter("ada", "ours"), "2026-04-01")
    )

    assert record["cell"]["tagger"]["model"] == named
    check_private(record)


def test_a_record_knows_every_setting_of_an_evaluation() -> None:
    known = json_schema("leaderboard_result")["properties"]["cell"]["properties"]["setting"]["enum"]
    assert set(known) == {*SETTINGS, PREDICTIONS}


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ({"b": 1, "a": [True, None]}, '{"a":[true,null],"b":1}'),
        ({"\ufb33": 1, "\U0001f600": 2}, '{"\U0001f600":2,"\ufb33":1}'),
        (["\u20ac$\u000f\nA'\"\\"], '["€$\\u000f\\nA\'\\"\\\\"]'),
        ([333333333.33333329, 1e30, 4.50, 2e-3, 1e-27], "[333333333.3333333,1e+30,4.5,0.002,1e-27]"),
        ([0.0, -0.0, 1.0, -1.5, 1e20, 1e21], "[0,0,1,-1.5,100000000000000000000,1e+21]"),
        ([1e-6, 1e-7, 123456.789, 5e-324], "[0.000001,1e-7,123456.789,5e-324]"),
    ],
    ids=["keys", "order of UTF-16", "text", "numbers of the standard", "whole numbers", "small numbers"],
)
def test_the_canonical_form_is_that_of_rfc_8785(value: Any, written: str) -> None:
    assert canonical_json(value).decode("utf-8") == written


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_canonical_number_is_the_same_number(value: float) -> None:
    assert float(canonical_json(value)) == value


def test_the_hash_is_of_the_content_and_not_of_its_layout(submitted: Submitted) -> None:
    path = submitted.folder / submitted.board.submit(0.8)
    content = json.loads(path.read_text())
    path.write_text(json.dumps(dict(reversed(content.items())), indent=4, ensure_ascii=True))
    assert record_hash(content) == path.stem
    assert submitted.verify().is_acceptable


# --- the command, and the answer ---


def test_the_command_says_what_is_wrong_and_answers_a_pull_request(submitted: Submitted) -> None:
    submitted.board.submit(0.8, change=lambda record: record["scores"]["micro"].update(f1=0.99))
    arguments = ("leaderboard", "verify", "board", "--base", "base")
    ended = synthner(*arguments, folder=submitted.folder.parent)
    assert ended.status == 1
    assert "micro.f1 is claimed to be 0.99" in ended.stderr
    assert "this cannot be merged" in ended.stdout
    told = synthner(*arguments, "--json", folder=submitted.folder.parent)
    assert told.status == 1
    assert told.json["acceptable"] is False
    assert told.json["problems"][0]["message"].startswith("micro.f1 is claimed to be 0.99")
    answer = synthner(*arguments, "--markdown", folder=submitted.folder.parent)
    assert answer.stdout == told.json["markdown"]
    assert "This cannot be merged yet: 1 thing is wrong" in answer.stdout


def test_the_command_accepts_what_is_sound(submitted: Submitted) -> None:
    path = submitted.board.submit(0.8)
    ended = done(
        "leaderboard", "verify", ".", "--changed", path, "--changed", path.replace(".json", ".parquet"),
        folder=submitted.folder,
    )  # fmt: skip
    assert "1 result, and nothing is wrong." in ended.stdout
    assert "training data not checked" in ended.stdout


def test_no_module_in_the_folder_of_a_submission_is_run(submitted: Submitted) -> None:
    path = submitted.board.submit(0.8)
    for module in ("json", "numpy", "pyarrow"):
        written = f"open({str(submitted.base / 'was-run')!r}, 'w').close()"
        (submitted.folder / f"{module}.py").write_text(written, encoding="utf-8")
    changed = ("--changed", path, "--changed", path.replace(".json", ".parquet"))
    ended = command_line.done("leaderboard", "verify", ".", *changed, folder=submitted.folder)
    assert "1 result, and nothing is wrong." in ended.stdout
    assert not (submitted.base / "was-run").exists()


def test_the_answer_opens_nothing(submitted: Submitted) -> None:
    submitted.changed = ("results/<img src=x onerror=alert(1)>|[a](https://evil.example)`x`\n# Accepted",)
    answer = render_answer(submitted.verify())
    assert "<img" not in answer
    assert "](https" not in answer
    assert "\n# Accepted" not in answer


def test_the_answer_stays_short_enough_for_a_comment(submitted: Submitted) -> None:
    long = "<\u202e" * 1_300
    submitted.changed = tuple(f"results/{number}{long}" for number in range(100))
    answer = render_answer(submitted.verify())
    assert len(answer) < 65_536
    assert "and 50 more" in answer


# --- whatever comes ---

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["https://a.org", "0" * 64, "ada/x", "yor", "B-PER"]),
    lambda children: (
        st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=10), children, max_size=4)
    ),
    max_leaves=12,
)
ONE_FOLDER = settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])


def verified_without_traces(submitted: Submitted) -> Verification:
    """Verify and answer; nothing may be written, and nothing raised."""
    before = files_in(submitted.folder.parent)
    verification = submitted.verify()
    render_answer(verification)
    json.dumps(verification.as_json())
    assert files_in(submitted.folder.parent) == before
    return verification


@ONE_FOLDER
@given(value=JSON, data=st.binary(max_size=200))
def test_any_json_or_bytes_for_a_record_are_refused(submitted: Submitted, value: Any, data: bytes) -> None:
    folder = submitted.folder / "results/ada__x/tiny-yor"
    folder.mkdir(parents=True, exist_ok=True)
    for number, content in enumerate((json.dumps(value).encode(), data)):
        (folder / f"{number:024x}.json").write_bytes(content)
    verification = verified_without_traces(submitted)
    assert {problem.path for problem in verification.problems} == {
        f"results/ada__x/tiny-yor/{number:024x}.json" for number in (0, 1)
    }


def places_in(value: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the way to every value in a value."""
    found = [above]
    if isinstance(value, dict | list):
        for key, child in value.items() if isinstance(value, dict) else enumerate(value):
            found += places_in(child, (*above, key))
    return found


@ONE_FOLDER
@given(choice=st.data(), value=JSON)
def test_any_value_anywhere_in_a_record_is_judged(
    submitted: Submitted, choice: st.DataObject, value: Any
) -> None:
    gold = submitted.board.gold["tiny-yor"]
    predicted = submitted.board.predictions(0.8, 0)
    data = parquet(ids(gold), predicted)
    record = submitted.board.record(predicted, data)
    *above, last = choice.draw(st.sampled_from(places_in(record)[1:]))
    place: Any = record
    for key in above:
        place = place[key]
    place[last] = value
    path = f"results/ada__names-of-lagos/tiny-yor/{'a' * 24}.json"
    with suppress(ValueError, LookupError, TypeError, AttributeError):
        path = record_path(record)
    place = submitted.folder / path
    with suppress(OSError, ValueError):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps(record))
        place.with_suffix(".parquet").write_bytes(data)
    try:
        verified_without_traces(submitted)
    finally:
        shutil.rmtree(submitted.folder / "results")
        shutil.copytree(submitted.base / "results", submitted.folder / "results")


@ONE_FOLDER
@given(
    place=st.integers(min_value=0, max_value=3000),
    byte=st.integers(min_value=0, max_value=255),
    length=st.integers(min_value=0, max_value=3000),
    version=st.sampled_from(["1.0", "2.0"]),
)
def test_any_damage_to_predictions_is_survived(
    submitted: Submitted, place: int, byte: int, length: int, version: str
) -> None:
    gold = submitted.board.gold["tiny-yor"]
    sound = parquet(ids(gold), submitted.board.predictions(0.8, 0), data_page_version=version)
    flipped = bytearray(sound)
    flipped[place % len(sound)] = byte
    end = struct.unpack("<I", sound[-8:-4])[0]
    # Cut, but with the end that a reader looks for.
    cut = sound[: length % (len(sound) - end - 8)] + sound[-end - 8 :]
    paths = []
    for number, data in enumerate((bytes(flipped), sound[:length], cut)):
        record = submitted.board.record(submitted.board.predictions(0.8, 0), data, seed=number)
        paths.append(submitted.board.put(record, data))
    try:
        verified_without_traces(submitted)
    finally:
        for path in paths:
            (submitted.folder / path).unlink()
            (submitted.folder / path).with_suffix(".parquet").unlink()


@ONE_FOLDER
@given(
    name=st.text(min_size=1, max_size=60), below=st.sampled_from(["", "results/", "results/ada__x/tiny-yor/"])
)
def test_any_name_of_a_file_is_judged(submitted: Submitted, name: str, below: str) -> None:
    path = submitted.folder / below / name
    written = False
    with suppress(OSError, ValueError):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.resolve().is_relative_to(submitted.folder.resolve()) and not path.exists():
            path.write_text("{}")
            written = True
    try:
        if written:
            assert not verified_without_traces(submitted).is_acceptable
        submitted.changed = (f"{below}{name}",)
        assert not verified_without_traces(submitted).is_acceptable
    finally:
        submitted.changed = ()
        if written:
            path.unlink()


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are bytes on Linux")
def test_names_that_are_no_text_can_be_said(submitted: Submitted) -> None:
    place = Path(os.fsdecode(os.fsencode(submitted.folder) + b"/results/\xff"))
    place.mkdir()
    (place / "a.json").touch()
    ended = synthner("leaderboard", "verify", "board", "--base", "base", folder=submitted.folder.parent)
    assert ended.status == 1
    assert "results/⟨U+DCFF⟩/a.json" in ended.stderr
