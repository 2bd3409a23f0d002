"""Paraphrases: which sentences go out, which come back as datapoints, and why others do not."""

import gzip
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from datasets import load_dataset

from synthner.builders.build import build
from synthner.cards.dataset_card import write_card
from synthner.generation.generate import generate
from synthner.generation.methods.paraphrase import (
    ADDED,
    CHANGED,
    LOST,
    NO_MARKS,
    RETYPED,
    REWRITTEN,
    UNMARKED,
    WORD_SPLIT,
)
from synthner.generation.plan import plan_summary
from synthner.release import Release, read_release
from synthner.schema.errors import ReleaseError
from synthner.sources.gold import load_gold
from synthner.tests.chat_server import ChatServer, completion, refusal

GOLD = {
    "train": [
        "Det regner i dag .",
        "Åse/B-PER Lindqvist/I-PER flyttede til Thy/B-LOC .",
        "Maja's/B-PER hund bor kl. 5 i Thy/B-LOC og Thy/B-LOC .",
        "Karl/B-PER sejler til Samsø/B-LOC .",
        "åse lindqvist flyttede til Thy/B-LOC !",
        "I morgen & nu bliver det bedre .",
    ],
    "test": ["Karl/B-PER sejler til Samsø/B-LOC ."],
}
AASE = "<PER>Åse Lindqvist</PER> flyttede til <LOC>Thy</LOC> ."
MAJA = "<PER>Maja's</PER> hund bor kl. 5 i <LOC>Thy</LOC> og <LOC>Thy</LOC> ."
RAIN = "Det regner i dag ."
MORNING = "I morgen &amp; nu bliver det bedre ."


def conll(sentences: list[str]) -> str:
    blocks = []
    for sentence in sentences:
        words = (word.partition("/") for word in sentence.split())
        blocks.append("\n".join(f"{word} {tag or 'O'}" for word, _, tag in words))
    return "\n\n".join(blocks) + "\n"


def write_release(
    folder: Path,
    base_url: str,
    *,
    structured: bool = True,
    settings: dict[str, Any] | None = None,
    **generator: Any,
) -> Release:
    """Write a release that paraphrases its gold."""
    for split, gold in GOLD.items():
        (folder / f"{split}.conll").write_text(conll(gold), encoding="utf-8")
    release = {
        "name": "synth-ner",
        "seed": 7,
        "languages": {
            "da": {"gold": {"files": {split: f"{split}.conll" for split in GOLD}, "license": "cc0-1.0"}}
        },
        "generators": {
            "para": {
                "method": "paraphrase",
                "engine": "openai",
                "model": "small",
                "openai": {"base_url": base_url, "structured_output": structured, "concurrency": 1},
                **({"paraphrase": settings} if settings else {}),
                **generator,
            }
        },
    }
    path = folder / "release.yaml"
    path.write_text(json.dumps(release, ensure_ascii=False), encoding="utf-8")
    return read_release(path)


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for variable in ("OPENAI_BASE_URL", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-0123456789")


@pytest.fixture
def server():
    with ChatServer() as started:
        yield started


def asked(request: Any) -> str:
    """Return the sentence that a request asks about."""
    return request["messages"][-1]["content"].rpartition("\n")[2]


def answer_with(server: ChatServer, answers: Mapping[str, list[str] | str]) -> None:
    """Answer with sentences, or with a text as it is."""

    def answer(number: int) -> bytes:
        said = answers.get(asked(server.received[number].json), [])
        if isinstance(said, list):
            said = json.dumps({"datapoints": [{"sentence": each} for each in said]}, ensure_ascii=False)
        return completion(said)

    server.answer = answer


def shown(release: Release) -> list[str]:
    files = sorted(map(str, (release.dataset / "da_para").glob("train-*.parquet")))
    cache = str(release.work / "cache")
    rows = load_dataset("parquet", data_files=files, split="train", cache_dir=cache).to_list()
    names = load_gold(release.configs[0].gold, "da").labels.names
    return [
        " ".join(
            f"{word}/{names[tag]}" if tag else word
            for word, tag in zip(row["tokens"], row["ner_tags"], strict=True)
        )
        for row in rows
    ]


def rejects_of(release: Release) -> list[str]:
    with gzip.open(release.rejects("da_para"), "rt", encoding="utf-8") as stream:
        return [json.loads(line)["reason"] for line in stream]


SOUND = {
    AASE: ["I <LOC>Thy</LOC> bor nu <PER>Åse Lindqvist</PER>, som er flyttet."],
    MAJA: ["Kl. 5 er <PER>Maja's</PER> hund hjemme i <LOC>Thy</LOC> , ja <LOC>Thy</LOC> ."],
    RAIN: ["I dag er der regn ."],
    MORNING: ["Alt er bedre i morgen &amp; nu ."],
}
PUBLISHED = [
    "I Thy/B-LOC bor nu Åse/B-PER Lindqvist/I-PER , som er flyttet .",
    "Kl. 5 er Maja's/B-PER hund hjemme i Thy/B-LOC , ja Thy/B-LOC .",
    "I dag er der regn .",
    "Alt er bedre i morgen & nu .",
]


@pytest.mark.parametrize("structured", [True, False], ids=["schema", "no schema"])
def test_gold_is_paraphrased_sentences_with_mentions_first(tmp_path, server, structured):
    answer_with(server, SOUND)
    release = write_release(tmp_path, server.base_url, structured=structured)

    assert generate(release).is_complete
    described = build(release)["configs"]["da_para"]

    # Once each, and nothing that stands in gold test.
    assert [asked(request.json) for request in server.received] == [AASE, MAJA, RAIN, MORNING]
    assert sorted(shown(release)) == sorted(PUBLISHED)
    assert described["totals"] == {"requested": 4, "returned": 4, "published": 4}
    assert (described["format"], described["examples"], described["datapoints"]) == ("spans", 1, 1)
    assert ("response_format" in server.received[0].json) == structured


def test_words_are_split_as_in_gold_and_that_is_told(tmp_path, server):
    answer_with(server, SOUND)
    release = write_release(tmp_path, server.base_url)
    generate(release)
    build(release)
    table = pq.read_table(release.dataset / "provenance" / "da_para.parquet").to_pylist()
    first = next(row for row in table if row["id"].endswith("train-0-0"))
    changes = [
        (each["step"], each["position"], each["before"], each["after"])
        for each in json.loads(first["repairs"])
    ]
    assert changes == [(WORD_SPLIT, 9, "flyttet.", "flyttet .")]
    assert first["seed_ids"] == ["7"]


def test_several_paraphrases_of_a_sentence(tmp_path, server):
    variants = [
        "<PER>Åse Lindqvist</PER> bor nu i <LOC>Thy</LOC> .",
        "I <LOC>Thy</LOC> bor <PER>Åse Lindqvist</PER> .",
        "I <LOC>Thy</LOC> bor <PER>Åse Lindqvist</PER> .",
    ]
    answer_with(server, {AASE: variants})
    release = write_release(tmp_path, server.base_url, datapoints=3, calls={"train": 1})
    generate(release)
    build(release)
    assert "in 3 other ways" in server.received[0].json["messages"][1]["content"]
    assert len(shown(release)) == 2
    assert rejects_of(release) == ["duplicate"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        pytest.param("I <LOC>Thy</LOC> bor hun nu .", LOST, id="mention lost"),
        pytest.param("<PER>Åse</PER> bor nu i <LOC>Thy</LOC> .", CHANGED, id="mention shortened"),
        pytest.param("<PER>åse lindqvist</PER> bor nu i <LOC>Thy</LOC> .", CHANGED, id="other letters"),
        pytest.param("<LOC>Åse Lindqvist</LOC> bor nu i <LOC>Thy</LOC> .", RETYPED, id="another type"),
        pytest.param(
            "<PER>Åse Lindqvist</PER> bor nu i <LOC>Thy</LOC> på <LOC>Mors</LOC> .", ADDED, id="added"
        ),
        pytest.param(
            "<PER>Åse Lindqvist</PER> elsker <LOC>Thy</LOC> ; Thy er godt .", UNMARKED, id="unmarked"
        ),
        pytest.param("Åse Lindqvist bor nu i Thy .", LOST, id="no marks"),
        pytest.param("<PER>Åse <LOC>Thy</LOC> Lindqvist</PER> .", "markup inside markup", id="nested"),
        pytest.param("<PER>Åse Lindqvist</PER> bor i <LOC>Thy .", "markup not closed", id="left open"),
        pytest.param(AASE, "copy of a seed in its prompt", id="the sentence itself"),
        pytest.param(
            "<PER>Åse Lindqvist</PER>, flyttede til <LOC>Thy</LOC>",
            "copy of a seed in its prompt, normalised",
            id="itself but for punctuation",
        ),
        pytest.param(
            '{"datapoints": [{"tokens": ["Åse"], "ner_tags": [1]}]}', NO_MARKS, id="numbers for tags"
        ),
        pytest.param('{"datapoints": [{"sentence": "<PER>Åse', "cut at the end", id="truncated"),
    ],
)
def test_what_is_no_paraphrase_is_kept_with_its_reason(tmp_path, server, answer, reason):
    said = answer if answer.startswith("{") else [answer]
    answer_with(server, SOUND | {AASE: said})
    release = write_release(tmp_path, server.base_url)
    generate(release)
    build(release)
    assert sorted(shown(release)) == sorted(PUBLISHED[1:])
    assert rejects_of(release) == [reason]


@pytest.mark.parametrize(
    ("answer", "returned"),
    [
        pytest.param("I am sorry, I cannot.", "no datapoint in the response", id="refusal"),
        pytest.param("", "empty response", id="empty"),
        pytest.param("[1, 2]", "no datapoint in the response", id="other JSON"),
    ],
)
def test_an_answer_without_a_sentence_is_counted(tmp_path, server, answer, returned):
    answer_with(server, SOUND | {AASE: answer})
    release = write_release(tmp_path, server.base_url)
    generate(release)
    waterfall = build(release)["configs"]["da_para"]["waterfall"]["train"]
    assert next(step["lost"] for step in waterfall if step["step"] == "returned") == {returned: 1}


def test_mentions_composed_otherwise_are_written_as_in_gold(tmp_path, server):
    answer_with(server, SOUND | {AASE: ["I <LOC>Thy</LOC> bor <PER>A\u030ase  Lindqvist</PER> ."]})
    release = write_release(tmp_path, server.base_url)
    generate(release)
    build(release)
    assert "I Thy/B-LOC bor Åse/B-PER Lindqvist/I-PER ." in shown(release)
    table = pq.read_table(release.dataset / "provenance" / "da_para.parquet").to_pylist()
    assert REWRITTEN in "".join(row["repairs"] for row in table)


def test_other_mentions_are_taken_where_the_release_says_so(tmp_path, server):
    answers = SOUND | {AASE: ["<PER>Fru Lindqvist's</PER> nye by, <LOC>Thy</LOC>, og Thy."]}
    answer_with(server, answers)
    release = write_release(tmp_path, server.base_url, settings={"keep_mentions": False})
    generate(release)
    manifest = build(release)
    assert "Fru/B-PER Lindqvist's/I-PER nye by , Thy/B-LOC , og Thy ." in shown(release)
    assert "letter by letter" not in server.received[0].json["messages"][1]["content"]
    assert manifest["configs"]["da_para"]["method_findings"] == {"keep_mentions": False}
    card = write_card(release.dataset).read_text(encoding="utf-8")
    assert "need not be those of its gold sentence" in card


def test_more_calls_add_to_those_before_and_nothing_is_asked_twice(tmp_path, server):
    answer_with(server, SOUND)
    generate(write_release(tmp_path, server.base_url, calls={"train": 2}))
    release = write_release(tmp_path, server.base_url)
    assert plan_summary(release).configs["da_para"].splits["train"].to_ask == 2
    generate(release)
    assert generate(release).answered == 0
    assert len(server.received) == 4
    build(release)
    assert sorted(shown(release)) == sorted(PUBLISHED)


def test_a_failed_call_is_asked_again(tmp_path, server):
    answer_with(server, SOUND)
    server.fault = lambda number: refusal(400, "too long") if number == 1 else None
    release = write_release(tmp_path, server.base_url)
    assert generate(release).failed == 1
    assert generate(release).answered == 1
    build(release)
    assert sorted(shown(release)) == sorted(PUBLISHED)


def test_the_card_says_where_the_sentences_come_from(tmp_path, server):
    answer_with(server, SOUND)
    release = write_release(tmp_path, server.base_url)
    generate(release)
    build(release)
    card = write_card(release.dataset).read_text(encoding="utf-8")
    assert "language models that said them in other words" in card
    assert "`da_para` has the mentions of its gold sentence, word for word" in card


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"calls": {"test": 1}}, "paraphrases are made of gold train", id="another split"),
        pytest.param({"calls": {"train": 5}}, "gold has 4 sentences", id="more than there are"),
        pytest.param({"examples": 3}, "has no use for it", id="examples"),
        pytest.param(
            {"settings": {"keep_mention": True}}, "Did you mean `keep_mentions`", id="unknown setting"
        ),
    ],
)
def test_what_cannot_be_asked_is_said_before_anything_is_spent(tmp_path, server, options, message):
    with pytest.raises(ReleaseError, match=re.escape(message)):
        generate(write_release(tmp_path, server.base_url, **options))
    assert server.received == []
