"""The operation that made a row: in provenance, in its history, and never taken from a chat model."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from synthner.builders.build import build
from synthner.builders.explain import explain
from synthner.generation.generate import generate
from synthner.release import Release, read_release
from synthner.schema.example import Example
from synthner.schema.iob2 import mentions
from synthner.sources.readers import read_examples
from synthner.tests.command_line import done
from synthner.tests.curation_sentences import sentences, write

OPERATIONS = ("label_wise_token_replacement", "mention_replacement", "shuffle_within_segments")


def made(folder: Path, **generator: Any) -> Release:
    """Generate and build a release of one generator."""
    folder.mkdir(exist_ok=True)
    write(folder / "train.jsonl", sentences(60, name="gold"))
    gold = {"files": {"train": "train.jsonl"}, "license": "cc0-1.0"}
    value = {
        "name": "made",
        "seed": 5,
        "languages": {"en": {"labels": ["LOC", "PER"], "gold": gold}},
        "generators": {"made": generator},
    }
    (folder / "release.yaml").write_text(json.dumps(value), encoding="utf-8")
    release = read_release(folder)
    generate(release)
    build(release)
    return release


def provenance_of(release: Release) -> list[dict[str, Any]]:
    return pq.read_table(release.dataset / "provenance" / "en_made.parquet").to_pylist()


def row_of(release: Release, id_: str) -> Example:
    [path] = (release.dataset / "en_made").glob("train-*.parquet")
    [row] = [row for row in pq.read_table(path).to_pylist() if row["id"] == id_]
    names = ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
    return Example(id_, tuple(row["tokens"]), tuple(names[number] for number in row["ner_tags"]))


def names_in(example: Example) -> list[str]:
    return [" ".join(example.tokens[one.start : one.end]) for one in mentions(example.ner_tags)]


def test_provenance_names_the_operation_that_made_a_row(tmp_path):
    release = made(tmp_path, method="simple_augmentation")
    gold = {example.id: example for example in read_examples(tmp_path / "train.jsonl")}

    origins = provenance_of(release)

    assert {origin["operation"] for origin in origins} == set(OPERATIONS)
    for origin in origins:
        row, [seed_id] = row_of(release, origin["id"]), origin["seed_ids"]
        words = sorted(row.tokens), sorted(gold[seed_id].tokens)
        assert (words[0] == words[1]) == (origin["operation"] == OPERATIONS[2])


def test_provenance_tells_which_mention_was_replaced_by_which(tmp_path):
    release = made(tmp_path, method="cluster_replacement", cluster_replacement={"clusters": 1, "volume": 2})
    gold = {example.id: example for example in read_examples(tmp_path / "train.jsonl")}

    origins = provenance_of(release)

    assert origins
    for origin in origins:
        before, after = names_in(gold[origin["seed_ids"][0]]), names_in(row_of(release, origin["id"]))
        replaced = dict(json.loads(origin["operation"]))
        assert replaced
        assert [replaced.get(name, name) for name in before] == after
        assert all(old != new for old, new in replaced.items())


def test_the_history_of_a_row_tells_the_operation_on_the_terminal_and_in_json(tmp_path):
    release = made(tmp_path, method="simple_augmentation")
    origin = provenance_of(release)[0]

    history = explain(release, build(release), origin["id"])
    told = done("build", "--explain", origin["id"], folder=tmp_path).stdout

    assert history.as_json()["operation"] == origin["operation"] in OPERATIONS
    assert f"  operation  {origin['operation']}\n" in told


def test_answers_that_were_made_before_they_named_their_operation_are_built(tmp_path):
    release = made(tmp_path, method="simple_augmentation")
    rows = [row_of(release, origin["id"]) for origin in provenance_of(release)]
    with sqlite3.connect(release.journal) as journal:
        for key, text in journal.execute("SELECT key, text FROM replies").fetchall():
            answer = json.loads(text)
            for datapoint in answer["datapoints"]:
                del datapoint["operation"]
            journal.execute(
                "UPDATE replies SET text = ? WHERE key = ?", (json.dumps(answer, ensure_ascii=False), key)
            )

    assert generate(release).answered == 0
    build(release)

    origins = provenance_of(release)
    assert {origin["operation"] for origin in origins} == {None}
    assert [row_of(release, origin["id"]) for origin in origins] == rows


def test_what_a_chat_model_calls_its_operation_is_no_provenance(tmp_path):
    datapoint = {"tokens": ["Ada", "sings"], "ner_tags": ["B-PER", "O"], "operation": "mention_replacement"}
    (tmp_path / "train.responses").write_text(
        json.dumps({"text": json.dumps({"datapoints": [datapoint]})}) + "\n", encoding="utf-8"
    )

    release = made(
        tmp_path,
        method="seeded",
        engine="recorded",
        model="mock-1",
        datapoints=1,
        calls={"train": 1},
        recorded={"responses": "{split}.responses"},
    )

    [origin] = provenance_of(release)
    assert origin["operation"] is None
    assert explain(release, build(release), origin["id"]).operation is None
