"""The live path through the command line: from one changed line to a config that `load_dataset` opens."""

import json
from pathlib import Path

import pytest

from synthner.tests.chat_server import ChatServer, Fault, completion, refusal
from synthner.tests.in_process import done, refused, synthner

NAMES = ("Neema", "Baraka", "Zawadi", "Imani", "Furaha")
TOWNS = ("Singida", "Songea", "Tabora", "Kigoma", "Lindi")


@pytest.fixture
def release(tmp_path: Path) -> Path:
    done("init", "release", folder=tmp_path)
    return tmp_path / "release"


@pytest.fixture
def server():
    with ChatServer() as started:
        started.answer = answer
        yield started


def answer(number: int) -> bytes:
    """Answer with ten new Swahili sentences, one of them with a tag outside the label set."""
    words = [
        [[name, "B-PER"], ["aliwasili", "O"], [town, "B-LOC"], ["saa", "O"], [f"{number}:{minute}", "O"]]
        for minute, (name, town) in enumerate(zip(NAMES * 2, TOWNS * 2, strict=True), 10)
    ]
    words[3][4][1] = "B-TIME"
    return completion(json.dumps({"datapoints": [{"words": sentence} for sentence in words]}))


def edit(release: Path, written: str, instead: str) -> None:
    path = release / "release.yaml"
    text = path.read_text(encoding="utf-8")
    assert text.count(written) == 1
    path.write_text(text.replace(written, instead), encoding="utf-8")


def test_going_live_is_one_line(release):
    done("run", "--json", folder=release)
    edit(release, "engine: recorded ", "engine: openai ")

    plan = done("generate", "--dry-run", "--json", folder=release).json["configs"]["swa_gpt4"]
    assert (plan["engine"], {split: calls["to_ask"] for split, calls in plan["splits"].items()}) == (
        "openai",
        {"train": 12, "validation": 3},
    )
    assert "Swahili" in plan["first_prompt"]
    shown = done("generate", "--dry-run", folder=release).stdout
    assert "The first prompt of swa_gpt4:" in shown

    message = refused("generate", folder=release)
    assert "the environment variable OPENAI_API_KEY is not set" in message
    assert "Set OPENAI_API_KEY" in message


def test_from_a_server_to_load_dataset(release, server, monkeypatch):
    edit(release, "engine: recorded ", "engine: openai ")
    edit(release, "      concurrency: 4", f"      base_url: {server.base_url}\n      concurrency: 4")

    assert done("generate", "--json", folder=release).json["answered"] == 77
    manifest = done("build", "--json", folder=release).json
    published = done("publish", "--to", "../there", "--json", folder=release).json

    assert len(server.received) == 15
    assert published["configs"] == {"swa_gpt4": {"train": 108, "validation": 27}, "swa_swap": {"train": 54}}
    config = manifest["configs"]["swa_gpt4"]
    assert config["base_url"] == server.base_url
    # Four calls go out side by side: any of them may arrive first.
    assert config["prompt"]["user"] in [call.json["messages"][1]["content"] for call in server.received]
    labels = next(step for step in config["waterfall"]["train"] if step["step"] == "labels")
    assert labels["lost"] == {"label outside the set": 12}

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    from datasets import load_dataset

    dataset = load_dataset(published["folder"], "swa_gpt4", cache_dir=str(release / "cache"))
    names = dataset["train"].features["ner_tags"].feature.names
    row = dataset["train"][0]
    assert [names[tag] for tag in row["ner_tags"]] == ["B-PER", "O", "B-LOC", "O", "O"]
    assert row["tokens"][1] == "aliwasili"


def test_more_calls_ask_only_for_the_rest(release, server):
    edit(release, "engine: recorded ", "engine: openai ")
    edit(release, "      concurrency: 4", f"      base_url: {server.base_url}\n      concurrency: 4")
    edit(release, "{train: 12, validation: 3}", "{train: 2, validation: 1}")
    done("generate", folder=release)
    edit(release, "{train: 2, validation: 1}", "{train: 6, validation: 1}")

    plan = done("generate", "--dry-run", "--json", folder=release).json["configs"]["swa_gpt4"]["splits"]
    assert (plan["train"]["answered"], plan["train"]["to_ask"], plan["validation"]["to_ask"]) == (2, 4, 0)
    ended = done("generate", folder=release)

    assert "swa_gpt4: 4 calls to go" in ended.stderr
    assert "Answered: 4 of 4 calls. The journal holds 69 of 69 planned calls." in ended.stderr
    assert len({request.body for request in server.received}) == len(server.received) == 7


def test_a_key_is_nowhere_but_in_its_variable(release, server):
    """The server sends it back in answers, refusals and the model's name; all files and words are read."""
    key = "sk-planted-4f1c9a7e2b"
    edit(release, "engine: recorded ", "engine: openai ")
    edit(release, "      concurrency: 4", f"      base_url: {server.base_url}\n      concurrency: 4")
    server.answer = lambda number: answer(number).replace(b"model-of-the-day", f"model of {key}".encode())
    server.fault = {
        3: refusal(400, f"the key {key} may not ask this"),
        5: refusal(429, f"{key} asks too much", Retry_After="0"),
        8: Fault(body=f'{{"error": {{"message": "{key}"}}}}'.encode()),
    }.get

    ended = [
        synthner(*command, folder=release, OPENAI_API_KEY=key)
        for command in (("generate",), ("status",), ("generate", "--json"), ("build",), ("status", "--json"))
    ]

    assert {request.headers["authorization"] for request in server.received} == {f"Bearer {key}"}
    assert "may not ask this" in ended[0].stderr
    server.fault = lambda _number: refusal(401, f"bad key {key}")
    edit(release, "{train: 12, validation: 3}", "{train: 13, validation: 3}")
    ended.append(synthner("generate", folder=release, OPENAI_API_KEY=key))
    assert "does not accept the key" in ended[-1].stderr
    for command in ended:
        assert key not in command.stdout + command.stderr
    read = [path.read_bytes() for path in release.rglob("*") if path.is_file()]
    assert any(b"model of [key]" in content for content in read)
    assert all(key.encode() not in content for content in read)
