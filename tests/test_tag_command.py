"""`synthner tag`: a language model labels gold sentences, and is scored like any other system."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from synthner.generation.methods.few_shot_tagging_prompts import TaggingQuestion
from synthner.schema.example import Example
from synthner.schema.labels import LabelSet
from synthner.sources.readers import read_examples
from synthner.tests.chat_server import ChatServer, completion, refusal
from synthner.tests.command_line import done, refused, synthner

LABELS = LabelSet.of_types(("PER", "LOC"))
TEST = [
    "Åse/B-PER bor i Thy/B-LOC .",
    "Maja/B-PER Dam/I-PER sejler til Læsø/B-LOC .",
    "I dag regner det .",
    "Bøje/B-PER rejste fra Thy/B-LOC .",
    "Skagen/B-LOC ligger nordpå .",
    "Ida/B-PER synger .",
    "Vi bor i Ribe/B-LOC .",
]


def example(text: str) -> Example:
    words = [word.partition("/") for word in text.split()]
    return Example("", tuple(word for word, _, _ in words), tuple(tag or "O" for _, _, tag in words))


KNOWN = {" ".join(each.tokens): each for each in map(example, TEST)}


def conll(texts: list[str]) -> str:
    blocks = (
        "\n".join(f"{word} {tag}" for word, tag in zip(each.tokens, each.ner_tags, strict=True))
        for each in map(example, texts)
    )
    return "\n\n".join(blocks) + "\n"


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for variable in ("OPENAI_BASE_URL", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")


@pytest.fixture
def server():
    with ChatServer() as started:
        started.answer = lambda number: completion(perfect(asked(started, number)))
        yield started


def asked(server: ChatServer, number: int) -> list[Example]:
    """Return the sentences that a request asks about."""
    lines = server.received[number].json["messages"][-1]["content"].splitlines()
    return [KNOWN[re.sub(r"^\d+\W+", "", line)] for line in lines]


def perfect(examples: list[Example]) -> str:
    return TaggingQuestion("Danish", LABELS, "", structured_output=False).answer(examples)


def write_release(folder: Path, server: ChatServer, **generator: Any) -> None:
    train = [f"Karl/B-PER nummer {number} bor i Vejle/B-LOC ." for number in range(12)]
    (folder / "train.conll").write_text(conll(train), encoding="utf-8")
    (folder / "test.conll").write_text(conll(TEST), encoding="utf-8")
    release = {
        "name": "synth-ner",
        "seed": 3,
        "languages": {
            "da": {
                "labels": ["PER", "LOC"],
                "gold": {"files": {"train": "train.conll", "test": "test.conll"}, "license": "cc0-1.0"},
            }
        },
        "generators": {
            "gpt": {
                "method": "seeded",
                "engine": "openai",
                "model": "small",
                "calls": {"train": 2},
                "sampling": {"temperature": 1, "max_tokens": 500},
                "openai": {"base_url": server.base_url, "structured_output": False},
                **generator,
            },
            "swap": {"method": "cluster_replacement"},
        },
        "evaluation": {
            "sources": {"organic": "gold", "few-shot": {"predictions": "predictions/{language}.conll"}},
            "sizes": [10],
            "seeds": 1,
        },
    }
    (folder / "release.yaml").write_text(json.dumps(release), encoding="utf-8")


def tag(folder: Path) -> Any:
    return done(
        "tag", "--generator", "gpt", "-o", "predictions/{language}.conll", "--json", folder=folder
    ).json


def test_a_perfect_model_is_scored_as_one(tmp_path, server):
    write_release(tmp_path, server)

    said = tag(tmp_path)["languages"]["da"]

    assert said == {
        "file": "predictions/da.conll",
        "sentences": 7,
        "mentions": 9,
        "without_answer": {},
        "mentions_lost": {},
    }
    scored = done("score", "test.conll", "predictions/da.conll", "--json", folder=tmp_path).json
    assert scored["micro"]["f1"] == 1
    done("evaluate", folder=tmp_path)
    results = [json.loads(path.read_text()) for path in (tmp_path / "runs").glob("*/result.json")]
    of_model = [each for each in results if each["cell"]["source"] == "few-shot"]
    assert [each["scores"]["micro"]["f1"] for each in of_model] == [1]


def test_gold_to_label_is_not_shown_with_its_labels(tmp_path, server):
    write_release(tmp_path, server)
    tag(tmp_path)

    assert len(server.received) == 2
    for request in server.received:
        shown = " ".join(message["content"] for message in request.json["messages"][:-1])
        assert "Karl" in shown
        assert not any(name in shown for name in ("Åse", "Maja", "Skagen", "Ribe"))
        assert (request.json["temperature"], request.json["max_tokens"]) == (0, 500)


def test_nothing_is_asked_twice_and_nothing_of_it_is_in_the_dataset(tmp_path, server):
    write_release(tmp_path, server)
    tag(tmp_path)
    tag(tmp_path)

    assert len(server.received) == 2
    status = done("status", "--json", folder=tmp_path).json
    assert "da_gpt@test" not in json.dumps(status)


def test_what_cannot_be_read_has_no_labels_and_is_told(tmp_path, server):
    write_release(tmp_path, server)

    def answer(number: int) -> bytes:
        sentences = asked(server, number)
        return completion("I cannot." if len(sentences) == 5 else perfect(sentences))

    server.answer = answer

    shown = done("tag", "--generator", "gpt", "-o", "da.conll", folder=tmp_path).stdout

    assert "5 sentences without labels" in shown
    rows = list(read_examples(tmp_path / "da.conll"))
    assert [row.tokens for row in rows] == [each.tokens for each in KNOWN.values()]
    assert not any(tag != "O" for row in rows[:5] for tag in row.ner_tags)
    assert [row.ner_tags for row in rows[5:]] == [each.ner_tags for each in list(KNOWN.values())[5:]]


def test_where_no_sentence_is_labelled_nothing_is_written_and_it_is_no_success(tmp_path, server):
    write_release(tmp_path, server)
    server.answer = lambda _number: completion("I cannot.")

    said = refused("tag", "--generator", "gpt", "-o", "da.conll", folder=tmp_path)

    assert "da: not one of 7 sentences could be labelled: no answer for the sentence\n" in said
    assert "journal.sqlite" in said
    assert not (tmp_path / "da.conll").exists()
    ended = synthner("tag", "--generator", "gpt", "-o", "da.conll", "--json", folder=tmp_path)
    assert ended.status == 1
    assert ended.json["languages"]["da"]["file"] is None
    assert ended.json["languages"]["da"]["without_answer"] == {"no answer for the sentence": 7}


def test_where_calls_fail_nothing_is_written_until_they_are_answered(tmp_path, server):
    write_release(tmp_path, server)
    server.fault = lambda number: refusal(400, "no such thing") if number == 1 else None

    said = refused("tag", "--generator", "gpt", "-o", "da.conll", folder=tmp_path)

    assert "1 of 2 calls have no answer" in said
    assert not (tmp_path / "da.conll").exists()
    server.fault = lambda _number: None
    done("tag", "--generator", "gpt", "-o", "da.conll", folder=tmp_path)
    assert len(server.received) == 3


@pytest.mark.parametrize("name", ["swap", "gtp"])
def test_a_generator_that_asks_nobody_is_named(tmp_path, server, name):
    write_release(tmp_path, server)

    assert f"no generator `{name}` of this release asks a model" in refused(
        "tag", "--generator", name, "-o", "da.conll", folder=tmp_path, status=2
    )
