"""`synthner build --explain`: the history of one datapoint, from the response of a server to the row."""

import gzip
import json
import re
import shutil
import unicodedata

import pyarrow.parquet as pq
import pytest

from synthner.builders.build import build
from synthner.builders.explain import explain
from synthner.generation.generate import generate
from synthner.release import read_release
from synthner.tests.chat_server import ChatServer, completion
from synthner.tests.command_line import files_in
from synthner.tests.in_process import done, refused
from synthner.tests.small_release import server_settings, write_release

CONFIG = "da_small"
HOSTILE = "Åse\x1b[31m\x9b2J\u202e"

LONG = [
    {"words": [[f"Karla{number}", "B-PER"], ["cykler", "O"], ["hjem", "O"], ["før", "O"], ["regnen", "O"]]}
    for number in range(60)
]
DATAPOINTS = [
    {"words": [["Asger", "I-PER"], ["blev", "O"], ["i", "O"], ["Sæby", "B-LOC"]]},
    {"words": [[HOSTILE, "B-PER"], ["ler", "O"]]},
    {"tokens": ["Rikke", "gik", "hjem"], "ner_tags": ["B-PER", "O"]},
    {"tokens": ["Rikke", 1.5], "ner_tags": ["B-PER", "O"]},
    {"words": [["Viborg", "B-BY"], ["sover", "O"]]},
    {"tokens": ["i", 1987, "kom", "Ejnar"], "ner_tags": ["O", "O", "O", "B-PER"]},
    {"words": [["Asger", "I-PER"], ["blev", "O"], ["i", "O"], ["Sæby", "B-LOC"]]},
]
PUBLISHED, CONTROL, SHORT, NO_TEXT, UNKNOWN_LABEL, NUMBER, REPEATED = (
    f"{CONFIG}-train-0-{item}" for item in range(len(DATAPOINTS))
)
IN_A_LONG_RESPONSE = f"{CONFIG}-train-1-40"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Return the folder of a release whose server is gone: nothing can be asked again."""
    folder = tmp_path_factory.mktemp("explained")
    with ChatServer() as server:
        texts = [f"Here they are:\n{json.dumps({'datapoints': each})}" for each in (DATAPOINTS, LONG)]
        server.answer = lambda number: completion(texts[number])
        settings = server_settings(server.base_url, calls=2, sampling={"temperature": 0.5})
        release = write_release(
            folder, {"small": {**settings, "openai": {**settings["openai"], "concurrency": 1}}}
        )
        generate(release)
    build(release)
    return folder


def _explained(folder, id_):
    release = read_release(folder)
    return explain(release, build(release), id_).as_json()


def _rows(folder, file):
    return {row["id"]: row for row in pq.read_table(folder / "dataset" / file).to_pylist()}


def _rejects(folder):
    with gzip.open(folder / "work" / "rejects" / f"{CONFIG}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def test_every_datapoint_of_a_response_can_be_explained(built):
    release = read_release(built)
    manifest = build(release)
    rows = _rows(built, f"{CONFIG}/train-00000-of-00001.parquet")
    dropped = {line["id"]: line for line in _rejects(built)}
    ids = {f"{CONFIG}-train-0-{item}" for item in range(len(DATAPOINTS))}
    ids |= {f"{CONFIG}-train-1-{item}" for item in range(len(LONG))}

    assert rows.keys() | dropped.keys() == ids
    assert not rows.keys() & dropped.keys()
    for id_ in sorted(ids):
        found = explain(release, manifest, id_).as_json()
        assert (found["id"], found["config"], found["split"]) == (id_, CONFIG, "train")
        assert found["kept"] == (id_ in rows) == (found["published"] is not None)
        expected = ("", "") if id_ in rows else (dropped[id_]["step"], dropped[id_]["reason"])
        assert (found["step"], found["reason"]) == expected
        assert found["agreement"] is None


def test_the_call_is_the_one_that_provenance_names(built):
    found = _explained(built, PUBLISHED)
    [origin] = [row for id_, row in _rows(built, f"provenance/{CONFIG}.parquet").items() if id_ == PUBLISHED]

    shared = ("call_key", "engine", "model", "prompt_sha256", "seed_ids", "seed_revision", "finish_reason")
    assert {key: found["call"][key] for key in shared} == {key: origin[key] for key in shared}
    assert found["call"]["sampling"] == json.loads(origin["sampling"])
    assert found["call"]["sampling"]["temperature"] == 0.5
    assert (found["call"]["number"], len(found["call"]["seed_ids"])) == (0, 3)
    assert (found["item"], found["parse_path"]) == (origin["item"], origin["parse_path"])
    assert found["response"].startswith("Here they are:\n{")


def test_a_published_datapoint_is_shown_as_it_was_sent_and_as_it_is(built):
    found = _explained(built, PUBLISHED)

    assert found["tokens"] == ["Asger", "blev", "i", "Sæby"]
    assert found["ner_tags"] == ["I-PER", "O", "O", "B-LOC"]
    assert found["changes"] == [{"step": "iob2", "position": 0, "before": "I-PER", "after": "B-PER"}]
    assert found["published"] == {"tokens": found["tokens"], "ner_tags": ["B-PER", "O", "O", "B-LOC"]}
    number = _explained(built, NUMBER)
    assert number["tokens"] == ["i", 1987, "kom", "Ejnar"]
    assert number["changes"] == [{"step": "schema", "position": 1, "before": 1987, "after": "1987"}]
    assert number["published"]["tokens"] == ["i", "1987", "kom", "Ejnar"]


@pytest.mark.parametrize(
    ("id_", "step", "tokens"),
    [
        (CONTROL, "text", [HOSTILE, "ler"]),
        (SHORT, "lengths", ["Rikke", "gik", "hjem"]),
        (NO_TEXT, "schema", None),
        (UNKNOWN_LABEL, "labels", ["Viborg", "sover"]),
        (REPEATED, "duplicates", ["Asger", "blev", "i", "Sæby"]),
    ],
    ids=["control character", "length", "no text", "label", "repeated"],
)
def test_a_dropped_datapoint_is_shown_with_the_step_that_dropped_it(built, id_, step, tokens):
    found = _explained(built, id_)
    assert (found["step"], found["tokens"], found["published"]) == (step, tokens, None)

    told = done("build", "--explain", id_, folder=built).stdout
    assert re.search(rf"dropped +at {step}: {re.escape(found['reason'])}", told)
    assert "published" not in told


def test_the_terminal_shows_the_way_from_the_response_to_the_row(built):
    found, told = _explained(built, PUBLISHED), done("build", "--explain", PUBLISHED, folder=built).stdout
    lines = [line.split(maxsplit=1) for line in told.splitlines()[1:] if not line.startswith("    |")]
    facts = {words[0]: words[1].strip() for words in lines}

    assert told.splitlines()[0] == PUBLISHED
    assert facts["call"] == f"0 of train in {CONFIG}: model-of-the-day, engine openai"
    assert facts["key"] == found["call"]["call_key"]
    assert facts["prompt"] == f"sha256 {found['call']['prompt_sha256']}"
    assert all(seed in facts["seeds"] for seed in found["call"]["seed_ids"])
    assert (facts["sampling"].split(", ")[0], facts["finished"]) == ("temperature 0.5", "stop")
    assert facts["found"] == "datapoint 0 of the response, parse path embedded"
    assert facts["as"] == "sent    Asger/I-PER blev/O i/O Sæby/B-LOC"
    assert facts["changes"] == "iob2: word 0: I-PER → B-PER"
    assert facts["published"] == f"in {CONFIG}, train"
    assert facts["labels"] == "Asger/B-PER blev/O i/O Sæby/B-LOC"


def test_of_a_long_response_the_terminal_shows_the_part_around_the_datapoint(built):
    told = done("build", "--explain", IN_A_LONG_RESPONSE, folder=built).stdout
    shown = "\n".join(line for line in told.splitlines() if line.startswith("    | "))

    assert "Karla40" in shown
    assert 'Karla1"' not in shown
    assert len(shown) < 1500
    found = done("build", "--explain", IN_A_LONG_RESPONSE, "--json", folder=built).json["explained"]
    assert found["response"].count("cykler") == len(LONG)


def test_the_history_is_in_the_one_json_object_unescaped(built):
    printed = done("build", "--explain", PUBLISHED, "--json", folder=built)
    manifest = done("build", "--json", folder=built).json

    assert printed.json.pop("explained") == _explained(built, PUBLISHED)
    assert {key: value for key, value in printed.json.items() if key != "explained"} == manifest
    assert "Sæby" in printed.stdout


@pytest.mark.parametrize("arguments", [(), ("--json",)], ids=["terminal", "JSON"])
@pytest.mark.parametrize("id_", [CONTROL, PUBLISHED], ids=["of the datapoint", "of the response"])
def test_control_characters_are_never_printed(built, id_, arguments):
    told = done("build", "--explain", id_, *arguments, folder=built).stdout

    assert {each for each in told if unicodedata.category(each) == "Cc"} == {"\n"}
    assert arguments or "\u202e" not in told


@pytest.mark.parametrize(
    "id_",
    [
        "nobody",
        f"{CONFIG}-train-0-99",
        f"{CONFIG}-test-0-0",
        "da_other-train-0-0",
        f"{CONFIG}-train-0-00",
        "\x1b[2J",
    ],
    ids=["no id", "item", "split", "config", "zeros", "control character"],
)
def test_an_unknown_id_is_a_clear_error(built, id_):
    message = refused("build", "--explain", id_, folder=built)

    assert "no datapoint has the id" in message
    assert f"for example `{PUBLISHED}`" in message
    assert "\x1b" not in message


def test_asking_changes_nothing(built):
    before = files_in(built / "dataset") | files_in(built / "work" / "rejects")

    done("build", "--explain", PUBLISHED, folder=built)

    assert files_in(built / "dataset") | files_in(built / "work" / "rejects") == before


def test_without_the_rejects_it_says_how_to_make_them_again(built, tmp_path):
    copy = shutil.copytree(built, tmp_path / "copy")
    shutil.rmtree(copy / "work" / "rejects")

    assert "Remove the dataset's manifest.json" in refused("build", "--explain", CONTROL, folder=copy)
    assert "published" in done("build", "--explain", PUBLISHED, folder=copy).stdout
    (copy / "dataset" / "manifest.json").unlink()
    assert "dropped" in done("build", "--explain", CONTROL, folder=copy).stdout
