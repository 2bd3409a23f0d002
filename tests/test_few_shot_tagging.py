"""Few-shot tagging: which sentences are asked about, what a prompt shows, and what becomes of an answer."""

import gzip
import json
import re
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from datasets import load_dataset
from hypothesis import given
from hypothesis import strategies as st

from synthner.builders.build import build
from synthner.builders.explain import explain
from synthner.cards.dataset_card import write_card
from synthner.generation.generate import generate
from synthner.generation.journal import Journal
from synthner.generation.methods.few_shot_tagging import (
    NOT_ASKED_ABOUT,
    NOT_PLACED,
    WIDENED,
    read_answer,
)
from synthner.generation.methods.few_shot_tagging_answers import (
    NO_LIST,
    NOT_ANSWERED,
    TWO_ANSWERS,
    WRONG_NUMBERS,
    read_tagging,
)
from synthner.generation.methods.few_shot_tagging_prompts import TaggingQuestion
from synthner.generation.methods.text_to_label import IN_GOLD, NOT_PUBLISHABLE, REPEATED
from synthner.generation.plan import plan_summary
from synthner.release import Release, read_release
from synthner.schema.errors import ReleaseError
from synthner.schema.example import Example
from synthner.schema.iob2 import violations
from synthner.schema.labels import LabelSet
from synthner.sources.gold import Gold, GoldSource, load_gold
from synthner.tests.chat_server import ChatServer, completion, refusal

GOLD = {
    "train": [
        "Åse/B-PER Lindqvist/I-PER flyttede til Thy/B-LOC .",
        "Bøje/B-PER synger i Nørre/B-LOC Snede/I-LOC .",
        "Det regner i dag .",
        "Maja/B-PER og Søren/B-PER Dam/I-PER cykler .",
        "På Læsø/B-LOC er der salt .",
        "I morgen bliver det bedre .",
    ],
    "validation": ["Ida/B-PER bor på Fyn/B-LOC ."],
    "test": ["Karl/B-PER sejler til Samsø/B-LOC .", "Det regner i dag ."],
}

NAMES = {"Rikke": "PER", "Rikke Holm": "PER", "Anton": "PER", "Skagen": "LOC", "Møn": "LOC"}
SENTENCES = [
    "Rikke Holm fandt en sten på Møn.",
    "Anton ringede til Rikke, men hun sov.",
    "Vejret i Skagen er bedst om efteråret!",
    "Ingen ved, hvad der skete.",
    "Der er 3,5 km til Skagen fra Møn.",
    "Til sidst gik Anton hjem.",
    "Og så sagde ingen mere.",
]


def conll(sentences: Sequence[str]) -> str:
    blocks = []
    for sentence in sentences:
        words = (word.partition("/") for word in sentence.split())
        blocks.append("\n".join(f"{word} {tag or 'O'}" for word, _, tag in words))
    return "\n\n".join(blocks) + "\n"


def write_release(
    folder: Path,
    base_url: str,
    *,
    text: Any = "texts/{language}.txt",
    sentences: Sequence[str] = SENTENCES,
    structured: bool = True,
    settings: dict[str, Any] | None = None,
    **generator: Any,
) -> Release:
    """Write a release that labels a text, and the text."""
    for split, gold in GOLD.items():
        (folder / f"{split}.conll").write_text(conll(gold), encoding="utf-8")
    (folder / "texts").mkdir(exist_ok=True)
    (folder / "texts" / "da.txt").write_text("\n".join(sentences) + "\n", encoding="utf-8")
    release = {
        "name": "synth-ner",
        "seed": 7,
        "languages": {
            "da": {"gold": {"files": {split: f"{split}.conll" for split in GOLD}, "license": "cc0-1.0"}}
        },
        "generators": {
            "tags": {
                "method": "few_shot_tagging",
                "engine": "openai",
                "model": "small",
                "examples": 3,
                "datapoints": 3,
                "openai": {"base_url": base_url, "structured_output": structured, "concurrency": 1},
                "few_shot_tagging": {"text": text, "license": "cc0-1.0", **(settings or {})},
                **generator,
            }
        },
    }
    path = folder / "release.yaml"
    path.write_text(json.dumps(release, ensure_ascii=False), encoding="utf-8")
    return read_release(path)


def asked(request: Any) -> list[str]:
    """Return the sentences that a request asks about."""
    lines = request["messages"][-1]["content"].split("\n")
    assert [line.partition(". ")[0] for line in lines] == [str(number + 1) for number in range(len(lines))]
    return [line.partition(". ")[2] for line in lines]


def names_in(sentence: str) -> list[tuple[str, str]]:
    """Find the names of `NAMES` in a sentence, the longest first."""
    pattern = "|".join(sorted(NAMES, key=len, reverse=True))
    return [(match[0], NAMES[match[0]]) for match in re.finditer(pattern, sentence)]


def listed(sentences: Sequence[str]) -> str:
    """Answer rightly with lists."""
    return json.dumps(
        {
            "sentences": [
                {"sentence": number, "mentions": [{"text": t, "type": y} for t, y in names_in(sentence)]}
                for number, sentence in enumerate(sentences, 1)
            ]
        },
        ensure_ascii=False,
    )


def marked(sentences: Sequence[str]) -> str:
    """Answer rightly with marks."""
    pattern = "|".join(sorted(NAMES, key=len, reverse=True))
    return "\n".join(
        f"{number}. "
        + re.sub(pattern, lambda name: f"<{NAMES[name[0]]}>{name[0]}</{NAMES[name[0]]}>", sentence)
        for number, sentence in enumerate(sentences, 1)
    )


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for variable in ("OPENAI_BASE_URL", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-0123456789")


@pytest.fixture
def server():
    with ChatServer() as started:
        answer_with(started, listed)
        yield started


def answer_with(server: ChatServer, answer: Callable[[list[str]], str]) -> None:
    server.answer = lambda number: completion(answer(asked(server.received[number].json)))


def rows_of(release: Release, split: str = "train") -> list[dict[str, Any]]:
    files = sorted(map(str, (release.dataset / "da_tags").glob(f"{split}-*.parquet")))
    rows = load_dataset("parquet", data_files=files, split="train", cache_dir=str(release.work / "cache"))
    return rows.to_list()


def shown(release: Release, split: str = "train") -> list[str]:
    """Return the published sentences, with `/TAG` behind words that have one."""
    names = load_gold(release.configs[0].gold, "da").labels.names
    return [
        " ".join(
            f"{word}/{names[tag]}" if tag else word
            for word, tag in zip(row["tokens"], row["ner_tags"], strict=True)
        )
        for row in rows_of(release, split)
    ]


LABELLED = [
    "Rikke/B-PER Holm/I-PER fandt en sten på Møn/B-LOC .",
    "Anton/B-PER ringede til Rikke/B-PER , men hun sov .",
    "Vejret i Skagen/B-LOC er bedst om efteråret !",
    "Ingen ved , hvad der skete .",
    "Der er 3,5 km til Skagen/B-LOC fra Møn/B-LOC .",
    "Til sidst gik Anton/B-PER hjem .",
    "Og så sagde ingen mere .",
]


@pytest.mark.parametrize("structured", [True, False], ids=["lists", "marks"])
def test_a_text_becomes_a_config(tmp_path, server, structured):
    answer_with(server, listed if structured else marked)
    release = write_release(tmp_path, server.base_url, structured=structured)

    assert generate(release).is_complete
    (tmp_path / "texts" / "da.txt").unlink()
    described = build(release)["configs"]["da_tags"]

    assert shown(release) == LABELLED
    assert [request.json["messages"][0]["role"] for request in server.received] == ["system"] * 3
    assert described["format"] == ("mentions" if structured else "spans")
    assert {step["step"]: step["kept"] for step in described["waterfall"]["train"]}["requested"] == 7
    assert described["rejects"] == 0


def test_what_a_prompt_shows_are_labelled_sentences_of_gold(tmp_path, server):
    release = write_release(tmp_path, server.base_url, examples=4)
    generate(release)
    gold = {sentence.replace("/", " ").split()[0] for sentence in GOLD["train"]}
    for request in server.received:
        system, question, answer, _ = request.json["messages"]
        assert all(f"- {type_}: " in system["content"] for type_ in ("PER", "LOC"))
        sentences = question["content"].split("\n")
        assert {sentence.split()[1] for sentence in sentences} <= gold
        # It stands in gold test as well.
        assert "Det regner" not in question["content"]
        mentions = [each["mentions"] for each in json.loads(answer["content"])["sentences"]]
        assert [bool(each) for each in mentions].count(False) == 1
        schema = request.json["response_format"]["json_schema"]["schema"]
        of_mention = schema["properties"]["sentences"]["items"]["properties"]["mentions"]["items"]
        assert of_mention["properties"]["type"]["enum"] == ["PER", "LOC", "O"]
        assert list(of_mention["properties"]) == ["text", "type"]
    assert len({request.json["messages"][1]["content"] for request in server.received}) > 1


def test_fixed_examples_are_the_same_in_each_prompt(tmp_path, server):
    generate(write_release(tmp_path, server.base_url, settings={"fixed_examples": True}))
    assert len({request.json["messages"][1]["content"] for request in server.received}) == 1


USELESS = [
    "Bøje synger i Nørre Snede!",
    "Karl sejler til Samsø.",
    "Ida bor på Fyn.",
    SENTENCES[0].upper(),
    "Et \ufffd tegn.",
    "",
]


def test_sentences_that_could_not_be_published_are_not_asked_about(tmp_path, server):
    sentences = [SENTENCES[0], *USELESS, *SENTENCES[1:], SENTENCES[2]]
    release = write_release(tmp_path, server.base_url, sentences=sentences)
    generate(release)
    described = build(release)["configs"]["da_tags"]

    assert shown(release) == LABELLED
    assert described["method_findings"]["texts"]["train"]["left_out"] == {
        IN_GOLD: 3,
        REPEATED: 2,
        NOT_PUBLISHABLE: 1,
    }
    assert {kind: each["exact"] for kind, each in described["contamination"].items() if each["exact"]} == {}


def test_only_as_many_calls_as_wanted_and_more_of_them_add_to_these(tmp_path, server):
    generate(write_release(tmp_path, server.base_url, calls={"train": 1}))
    assert len(server.received) == 1
    generate(write_release(tmp_path, server.base_url, calls={"train": 2}))
    assert len(server.received) == 2
    release = write_release(tmp_path, server.base_url)
    assert plan_summary(release).configs["da_tags"].splits["train"].to_ask == 1
    generate(release)
    build(release)
    assert shown(release) == LABELLED


def test_a_text_for_each_split_gives_a_sentence_to_one_of_them(tmp_path, server):
    texts = {"train": "texts/da.txt", "validation": "texts/more.jsonl.gz"}
    (tmp_path / "texts").mkdir()
    rows = [{"text": SENTENCES[1]}, {"tokens": ["Anton", "sover", "."], "ner_tags": ["O", "O", "O"]}]
    with gzip.open(tmp_path / "texts" / "more.jsonl.gz", "wt", encoding="utf-8") as stream:
        stream.write("\n".join(map(json.dumps, rows)))
    release = write_release(tmp_path, server.base_url, text=texts)
    generate(release)
    findings = build(release)["configs"]["da_tags"]["method_findings"]

    assert shown(release, "validation") == [LABELLED[1], "Anton/B-PER sover ."]
    assert shown(release) == [LABELLED[0], *LABELLED[2:]]
    assert findings["texts"]["train"]["left_out"] == {REPEATED: 1}
    assert list(findings["texts"]) == ["train", "validation"]


def test_a_failed_call_is_asked_again_and_no_other(tmp_path, server):
    server.fault = lambda number: refusal(400, "too long") if number == 1 else None
    release = write_release(tmp_path, server.base_url)
    summary = generate(release)
    assert (summary.answered, summary.failed) == (2, 1)
    build(release)
    assert shown(release) == [*LABELLED[:3], LABELLED[6]]
    assert generate(release).answered == 1
    assert asked(server.received[3].json) == asked(server.received[1].json)
    assert generate(release).answered == 0
    build(release)
    assert shown(release) == LABELLED


def rejects_of(release: Release) -> list[dict[str, Any]]:
    with gzip.open(release.rejects("da_tags"), "rt", encoding="utf-8") as stream:
        return list(map(json.loads, stream))


def made_with(
    tmp_path: Path, server: ChatServer, answer: Callable[[list[str]], str], **options: Any
) -> Release:
    """Make a release of the first three sentences with an answer of any kind, beside one that is right."""
    answer_with(server, lambda sentences: listed(sentences) if len(sentences) < 3 else answer(sentences))
    release = write_release(tmp_path, server.base_url, sentences=[*SENTENCES[:3], "Anton ler."], **options)
    generate(release)
    build(release)
    return release


ANTON = "Anton/B-PER ler ."


def without(answer: str, number: int) -> str:
    value = json.loads(answer)
    return json.dumps({"sentences": [each for each in value["sentences"] if each["sentence"] != number]})


def renumbered(answer: str, by: int) -> str:
    value = json.loads(answer)
    return json.dumps(
        {"sentences": [each | {"sentence": each["sentence"] + by} for each in value["sentences"]]}
    )


def with_mentions(answer: str, number: int, mentions: Any) -> str:
    value = json.loads(answer)
    value["sentences"][number - 1]["mentions"] = mentions
    return json.dumps(value)


@pytest.mark.parametrize(
    ("answer", "kept", "reasons"),
    [
        pytest.param(lambda s: without(listed(s), 2), [0, 2], [NOT_ANSWERED], id="a sentence missing"),
        pytest.param(
            lambda s: renumbered(listed(s), 1),
            [],
            [
                NOT_ANSWERED,
                "none of its mentions can be placed",
                "none of its mentions can be placed",
                NOT_ASKED_ABOUT,
            ],
            id="wrong numbers",
        ),
        pytest.param(
            lambda s: renumbered(listed(s[:1]), 8),
            [],
            [NOT_ANSWERED, NOT_ANSWERED, NOT_ANSWERED, NOT_ASKED_ABOUT],
            id="numbers of nothing",
        ),
        pytest.param(
            lambda s: with_mentions(listed(s), 2, [{"text": "Anton", "type": "GPE"}]),
            [0, 2],
            ["label outside the set"],
            id="unknown type",
        ),
        pytest.param(lambda s: with_mentions(listed(s), 2, "Anton"), [0, 2], [], id="mentions as a text"),
        pytest.param(
            lambda s: with_mentions(listed(s), 2, [["Anton", "PER"]]), [0, 2], [NO_LIST], id="pairs"
        ),
        pytest.param(lambda s: listed(s)[:-40], [0, 1], ["cut at the end"], id="truncated"),
        pytest.param(
            lambda s: listed(s).replace(
                '}]}, {"sentence": 3', '}]}, {"sentence": 2, "mentions": []}, {"sentence": 3'
            ),
            [0, 2],
            [TWO_ANSWERS],
            id="two answers",
        ),
        pytest.param(
            lambda s: f"Sure!\n```json\n{listed(s)}\n```\nDone.", [0, 1, 2], [], id="prose around it"
        ),
        pytest.param(
            lambda _: "I cannot help with that.",
            [],
            ["no datapoint in the response", *[NOT_ANSWERED] * 3],
            id="refusal",
        ),
        pytest.param(lambda _: "", [], ["empty response", *[NOT_ANSWERED] * 3], id="empty"),
        pytest.param(marked, [0, 1, 2], [], id="marks where lists were asked for"),
    ],
)
def test_broken_lists_cost_what_is_broken(tmp_path, server, answer, kept, reasons):
    release = made_with(tmp_path, server, answer)
    assert shown(release) == [*(LABELLED[number] for number in kept), ANTON]
    found = [reject["reason"] for reject in rejects_of(release)]
    if reasons:
        assert sorted(found) == sorted(reasons)
    assert (
        len(kept)
        + len(
            [
                reason
                for reason in found
                if reason not in (NOT_ASKED_ABOUT, "empty response", "no datapoint in the response")
            ]
        )
        == 3
    )


@pytest.mark.parametrize(
    ("answer", "kept", "reasons"),
    [
        pytest.param(
            lambda s: "\n".join(marked(s).split("\n")[:2]), [0, 1], [NOT_ANSWERED], id="a line missing"
        ),
        pytest.param(
            lambda s: marked(s)[:-20], [0, 1], ["the answer ends before the sentence does"], id="cut short"
        ),
        pytest.param(
            lambda s: marked(s).replace("fandt", "så").replace(" .", "."), [0, 1, 2], [], id="changed words"
        ),
        pytest.param(
            lambda s: marked([s[1], s[0], s[2]]),
            [2],
            ["the answer is another sentence"] * 2,
            id="changed places",
        ),
        pytest.param(
            lambda s: marked(s).replace("<PER>Rikke Holm</PER>", "<PER>Rikke <PER>Holm</PER></PER>"),
            [0, 1, 2],
            [],
            id="nested marks",
        ),
        pytest.param(
            lambda s: "Of course:\n\n" + marked(s).replace(". ", ") "), [0, 1, 2], [], id="other numbers"
        ),
        pytest.param(listed, [0, 1, 2], [], id="lists where marks were asked for"),
        pytest.param(
            lambda s: marked(s).replace("PER>", "person>"),
            [2],
            ["label outside the set"] * 2,
            id="unknown type",
        ),
    ],
)
def test_broken_marks_cost_what_is_broken(tmp_path, server, answer, kept, reasons):
    release = made_with(tmp_path, server, answer, structured=False)
    assert [sentence for sentence in shown(release) if "ler" not in sentence] == [
        LABELLED[number] for number in kept
    ]
    assert [reject["reason"] for reject in rejects_of(release)] == reasons


def test_mentions_that_cannot_be_placed_are_in_the_provenance(tmp_path, server):
    mentions = [
        {"text": "Anto", "type": "PER"},
        {"text": "Bodil\ud800", "type": "PER"},
        {"text": "rikke", "type": "PER"},
    ]
    release = made_with(tmp_path, server, lambda s: with_mentions(listed(s), 2, mentions))

    assert shown(release) == [*LABELLED[:3], ANTON]
    table = pq.read_table(release.dataset / "provenance" / "da_tags.parquet").to_pylist()
    repairs = json.loads(table[1]["repairs"])
    assert [(each["step"], each["position"]) for each in repairs] == [(WIDENED, 0), (NOT_PLACED, None)]
    assert (repairs[0]["before"], repairs[0]["after"]) == ("Anto", "Anton")
    assert repairs[1]["before"].startswith("Bodil\\ud800 (PER): ")
    manifest = json.loads((release.dataset / "manifest.json").read_text(encoding="utf-8"))
    (parsed,) = [
        step for step in manifest["configs"]["da_tags"]["waterfall"]["train"] if step["step"] == "parsed"
    ]
    assert (parsed["notes"][f"changed: {WIDENED}"], parsed["notes"][f"changed: {NOT_PLACED}"]) == (1, 1)
    history = explain(release, manifest, table[1]["id"])
    assert history.found.value["id"] == "2"


def test_a_call_carries_its_sentences_and_the_text_it_comes_from(tmp_path, server):
    release = write_release(tmp_path, server.base_url)
    generate(release)
    with Journal(release.journal) as journal:
        calls = [call for call, _ in journal.answers("da_tags")]
    sentences = [sentence for call in calls for sentence in call.about["sentences"]]
    assert [sentence["id"] for sentence in sentences] == [str(number + 1) for number in range(7)]
    assert sentences[4]["tokens"] == ["Der", "er", "3,5", "km", "til", "Skagen", "fra", "Møn", "."]
    assert {call.about["text"]["file"] for call in calls} == {"da.txt"}
    assert str(tmp_path) not in json.dumps([call.about for call in calls])


def test_the_card_says_whose_the_sentences_are(tmp_path, server):
    settings = {"license": "cc-by-4.0", "citation": "@misc{avis, title={En avis}}"}
    release = write_release(tmp_path, server.base_url, settings=settings)
    generate(release)
    manifest = build(release)
    card = write_card(release.dataset).read_text(encoding="utf-8")

    text = manifest["configs"]["da_tags"]["method_findings"]["texts"]["train"]
    assert f"`da.txt` | `{text['sha256']}` | `cc-by-4.0` |" in re.sub(" +", " ", card)
    assert "Nobody said these sentences" not in card
    assert "`da_tags` are somebody's" in card
    assert "@misc{avis, title={En avis}}" in card
    assert "language_creators:\n- found\n" in card
    assert manifest["license"] is None
    assert "text of da_tags: cc-by-4.0" in manifest["license_problem"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"examples": 40}, "gold train has 5", id="too few examples"),
        pytest.param({"calls": {"test": 1}}, "there is no text for test", id="no text for a split"),
        pytest.param(
            {"sentences": ["Karl sejler til Samsø."]}, "can be asked about; in gold: 1", id="all in gold"
        ),
        pytest.param({"format": "pairs"}, "has no use for it", id="a format"),
        pytest.param({"text": {}}, "text", id="no text"),
        pytest.param({"settings": {"texts": 1}}, "Did you mean `text`", id="unknown setting"),
    ],
)
def test_what_cannot_be_asked_is_said_before_anything_is_spent(tmp_path, server, options, message):
    with pytest.raises(ReleaseError, match=re.escape(message)):
        generate(write_release(tmp_path, server.base_url, **options))
    assert server.received == []


LABELS = LabelSet.of_types(["PER", "LOC"])


def test_questions_and_answers_serve_any_sentences():
    examples = [Example("1", ("Bo", "bor", "i", "Thy"), ("B-PER", "O", "O", "B-LOC"))]
    sentences = [("Maja", "sover", "&", "ler"), ("I", "Thy", "<", "Thy")]
    gold = [
        Example("a", sentences[0], ("B-PER", "O", "O", "O")),
        Example("b", sentences[1], ("O", "O", "O", "B-LOC")),
    ]
    for structured in (True, False):
        question = TaggingQuestion("Danish", LABELS, "- PER: people", structured)
        assert len(question.messages(examples, sentences)) == 4
        assert len(question.messages([], sentences)) == 2
        read = read_tagging(question.answer(gold), sentences, LABELS.types)
        assert [each.alignment.tags for each in read.sentences if each.alignment] == [
            each.ner_tags for each in gold
        ]


ABOUT = {"sentences": [{"id": "1", "tokens": ["Bo", "ler"]}, {"id": "2", "tokens": ["Han", "så", "Thy"]}]}
ANSWERS = st.recursive(
    st.none() | st.integers(-1, 4) | st.text(max_size=5) | st.sampled_from(["Bo", "PER", "Thy", "\ud800"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["sentence", "sentences", "mentions", "text", "type"]), inner, max_size=4
        )
    ),
)
LINES = st.lists(
    st.sampled_from(["1. ", "2) ", "7. ", "<PER>", "</PER>", "Bo", "ler", "Han så Thy", "\n", "{", '"'])
)


@given(ANSWERS.map(json.dumps) | LINES.map(" ".join) | st.text(), st.integers(0, 60))
def test_an_answer_may_be_anything(text, cut):
    for answer in (text, text[:cut], f"Here: {text}"):
        salvage = read_answer(ABOUT, answer, ("PER", "LOC"))
        sentences = {json.dumps(each, ensure_ascii=False) for each in ABOUT["sentences"]}
        unread = sum(fragment.source in sentences for fragment in salvage.fragments)
        # Each sentence is there once: labelled, or with its reason.
        assert len(salvage.found) + unread == 2
        for found in salvage.found:
            if found.fault is None:
                assert found.tokens == ABOUT["sentences"][found.item]["tokens"]
                assert violations(found.tags or []) == []
        json.dumps([dict(change) for found in salvage.found for change in found.changes]).encode()


def test_one_sentence_needs_no_number():
    sentence = ("Bo", "bor", "i", "Thy", ".")
    for answer in (
        "<PER>Bo</PER> bor i Thy.",
        "Here it is:\n<PER>Bo</PER> bor i Thy.",
        '{"mentions": [{"text": "Bo", "type": "PER"}]}',
    ):
        (said,) = read_tagging(answer, [sentence], LABELS.types).sentences
        assert said.alignment
        assert said.alignment.tags == ("B-PER", "O", "O", "O", "O")


def test_a_list_without_mentions_is_not_believed_where_numbers_are_wrong():
    first = {"sentence": 0, "mentions": [{"text": "Bo", "type": "PER"}]}
    answer = json.dumps({"sentences": [first, {"sentence": 1, "mentions": []}]})
    read = read_tagging(answer, [("Bo", "ler"), ("Han", "ler")], LABELS.types)
    assert [each.fault for each in read.sentences] == [WRONG_NUMBERS, NOT_ANSWERED]


@cache
def _real_gold(folder: Path, language: str, names: tuple[tuple[str, str], ...]) -> Gold:
    return load_gold(GoldSource(files={split: folder / name for split, name in names}), language)


@pytest.mark.parametrize(
    ("names", "language"),
    [
        pytest.param(
            {"train": "masakhaner2/yor/dev.txt.gz", "test": "masakhaner2/yor/test.txt.gz"}, "yor", id="Yoruba"
        ),
        pytest.param({"train": "il_ner/Hindi/Hindi-train.txt.gz"}, "hi", id="Hindi"),
        pytest.param({"train": "multiner_en_si_ta/Final_Tamil.txt.gz"}, "ta", id="Tamil"),
    ],
)
@pytest.mark.parametrize("structured", [True, False], ids=["lists", "marks"])
def test_a_perfect_tagger_gives_real_gold(shared, names, language, structured):
    gold = _real_gold(shared / "data", language, tuple(names.items()))
    question = TaggingQuestion(language, gold.labels, "", structured)
    examples = gold.splits["test" if "test" in gold.splits else "train"][:500]
    for start in range(0, len(examples), 5):
        asked_about = examples[start : start + 5]
        answer = question.answer(asked_about)
        read = read_tagging(answer, [each.tokens for each in asked_about], gold.labels.types)
        assert [each.alignment and each.alignment.tags for each in read.sentences] == [
            each.ner_tags for each in asked_about
        ]
