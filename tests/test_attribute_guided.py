"""The attribute-guided method: what it asks round by round, how it reads lists, and what it corrects."""

import json
import re
import tarfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthner.builders.build import build
from synthner.builders.explain import explain
from synthner.cards.dataset_card import write_card
from synthner.generation.annotation import annotate
from synthner.generation.calls import Call, Reply
from synthner.generation.entity_listing import read_listings
from synthner.generation.generate import generate, status
from synthner.generation.journal import Journal
from synthner.generation.log_probabilities import read_log_probabilities
from synthner.generation.methods import METHODS, MethodContext
from synthner.generation.methods.attribute_guided_asking import read_terms
from synthner.generation.methods.attribute_guided_corrections import Verdict, corrected, verdicts
from synthner.generation.methods.attribute_guided_prompts import as_text
from synthner.generation.plan import plan_summary
from synthner.generation.rounds import NO_ROUNDS, Rounds
from synthner.release import Release
from synthner.schema.errors import ReleaseError
from synthner.schema.example import Example
from synthner.schema.iob2 import mentions, violations
from synthner.schema.manifest import read_manifest
from synthner.sources.files import open_bytes
from synthner.sources.gold import load_gold
from synthner.sources.word_splitting import split_words
from synthner.tests.chat_server import ChatServer, Received, refusal
from synthner.tests.in_process import done
from synthner.tests.small_release import gold_lines, write_release

TYPES = ("PER", "LOC")

NAMES = {"PER": "Gudrun Holt|Eske Brorson|Tove", "LOC": "Skagen|Rold Skov|Fur"}
TOWNS = ("Skive", "Odder", "Vejen", "Hobro", "Ribe", "Lemvig", "Struer", "Thisted", "Nibe", "Hadsund")


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for variable in (
        "OPENAI_BASE_URL",
        "HTTP_PROXY",
        "http_proxy",
        "ALL_PROXY",
        "all_proxy",
        "OPENAI_API_KEY",
    ):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def server():
    with ChatServer() as started:
        yield started


@dataclass
class Author:
    """A model that answers each kind of prompt; tests script what they want otherwise.

    Attributes:
        server: Where it is asked.
        logprobs: Whether its answers come with log-probabilities, where they are asked for.
        doubtful: Names that it is not sure of.
        sentences: Writes the answer to the call for sentences with a number.
        choices: What it says of a name that it is asked about again; correct by default.
    """

    server: ChatServer
    logprobs: bool = True
    doubtful: tuple[str, ...] = ()
    sentences: Callable[[int, bool], str] | None = None
    choices: Mapping[str, str] = field(default_factory=dict)
    written: int = 0

    def __post_init__(self) -> None:
        self.server.answer = self.answer

    def answer(self, number: int) -> bytes:
        body = self.server.received[number].json
        prompt = body["messages"][1]["content"]
        structured = "response_format" in body
        if kind(self.server.received[number]) == "sentences":
            write = self.sentences or two_sentences
            self.written += 1
            text = write(self.written - 1, structured)
        elif kind(self.server.received[number]) == "values":
            text = listed([f"value {letter}" for letter in "abcd"], "values", structured)
        elif kind(self.server.received[number]) == "entities":
            (type_,) = re.findall(r"of the type (\w+)", prompt)
            text = listed(NAMES[type_].split("|"), "entities", structured)
        else:
            text = self.choose(re.findall(r"\{\{(.+?)\}\}", prompt.partition("\n1. ")[2]), structured)
        return self.completion(text, logprobs=self.logprobs and body.get("logprobs") is True)

    def choose(self, names: list[str], structured: bool) -> str:
        said = [self.choices.get(name, "A") for name in names]
        if not structured:
            return "\n".join(f"{number}. ({choice[0]}){choice[1:]}" for number, choice in enumerate(said, 1))
        return json.dumps(
            {
                "answers": [
                    {
                        "choice": choice[0],
                        "span": choice[2:] if choice[0] == "B" else "",
                        "type": choice[2:] if choice[0] == "C" else "",
                    }
                    for choice in said
                ]
            },
            ensure_ascii=False,
        )

    def completion(self, text: str, *, logprobs: bool) -> bytes:
        choice: dict[str, Any] = {
            "index": 0,
            "message": {"role": "assistant", "content": text},
            "finish_reason": "stop",
        }
        if logprobs:
            names = "|".join(map(re.escape, self.doubtful)) or "(?!)"
            tokens = re.findall(rf"{names}|\w+|\W", text)
            choice["logprobs"] = {
                "content": [
                    {
                        "token": token,
                        "logprob": -3.0 - self.doubtful.index(token) if token in self.doubtful else -0.01,
                        "bytes": list(token.encode()),
                    }
                    for token in tokens
                ]
            }
        usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
        return json.dumps({"model": "scripted-1", "choices": [choice], "usage": usage}).encode()


def kind(request: Received) -> str:
    prompt = request.json["messages"][1]["content"]
    marks = {
        "values of this attribute": "values",
        "different named entities": "entities",
        "Please write": "sentences",
        "one span is marked": "correct",
    }
    (found,) = [step for mark, step in marks.items() if mark in prompt]
    return found


def listed(terms: list[str], key: str, structured: bool) -> str:
    if structured:
        return json.dumps({key: terms})
    return "Here they are:\n" + "\n".join(f"{number}. {term}" for number, term in enumerate(terms, 1))


def written_list(sentences: list[tuple[str, list[tuple[str, str]]]], structured: bool) -> str:
    if structured:
        return json.dumps(
            {
                "datapoints": [
                    {
                        "sentence": text,
                        "entities": [{"name": name, "type": type_} for name, type_ in entities],
                    }
                    for text, entities in sentences
                ]
            },
            ensure_ascii=False,
        )
    return "\n\n".join(
        f'Sentence: "{text}"\nNamed Entities: [{", ".join(f"{name} ({type_})" for name, type_ in entities)}]'
        for text, entities in sentences
    )


def two_sentences(number: int, structured: bool) -> str:
    town = TOWNS[number % len(TOWNS)]
    return written_list(
        [
            (f"Gudrun Holt cykler til {town} hver søndag.", [("Gudrun Holt", "PER"), (town, "LOC")]),
            (f"Tove og Eske mødes i {town}.", [("Tove", "PER"), ("Eske", "PER"), (town, "LOC")]),
        ],
        structured,
    )


def release_for(
    folder: Path, server: ChatServer | None, *, calls: int = 4, structured: bool = False, **settings: Any
) -> Release:
    """Write a release with one config of this method; what is no key of a generator is a setting."""
    of_generator = {
        name: settings.pop(name)
        for name in ("examples", "datapoints", "sampling", "seeds_from", "engine", "splits")
        if name in settings
    }
    splits = of_generator.pop("splits", ["train"])
    generator = {
        "method": "attribute_guided",
        "datapoints": 2,
        "calls": dict.fromkeys(splits, calls),
        "openai": {
            "base_url": server.base_url if server else "http://localhost:1/v1",
            "structured_output": structured,
            "concurrency": 1,
        },
        **({"attribute_guided": settings} if settings else {}),
    }
    return write_release(folder, {"prog": {**generator, **of_generator}})


def context_of(release: Release, journal: Journal | None = None) -> MethodContext:
    config = release.configs[0]
    gold = load_gold(config.gold, "da")
    rounds = NO_ROUNDS if journal is None else Rounds(journal)
    return MethodContext(config, gold, release.seed, release.folder, lambda _code: gold, rounds)


def planned(release: Release) -> list[Call]:
    if not release.journal.exists():
        return list(METHODS["attribute_guided"].plan(context_of(release)))
    with Journal(release.journal) as journal:
        return list(METHODS["attribute_guided"].plan(context_of(release, journal)))


def asked(server: ChatServer) -> Counter[str]:
    return Counter(map(kind, server.received))


def prompts(server: ChatServer, step: str) -> list[str]:
    return [request.json["messages"][1]["content"] for request in server.received if kind(request) == step]


def rows(release: Release, split: str = "train") -> list[tuple[str, str]]:
    """Load what was built with `datasets`, as sentences and labels."""
    from datasets import load_dataset

    dataset: Any = load_dataset(str(release.dataset), "da_prog", cache_dir=str(release.folder / "cache"))
    names = dataset[split].features["ner_tags"].feature.names
    return [
        (" ".join(row["tokens"]), " ".join(names[tag] for tag in row["ner_tags"])) for row in dataset[split]
    ]


def built(release: Release) -> dict[str, Any]:
    build(release)
    write_card(release.dataset)
    return dict(read_manifest(release.dataset)["configs"]["da_prog"])


# ---- From release.yaml to load_dataset


@pytest.mark.parametrize("structured", [False, True], ids=["listing", "json-schema"])
def test_from_a_release_to_load_dataset(tmp_path, server, monkeypatch, structured):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    author = Author(server, doubtful=("Eske", "Tove"))
    author.choices = {"Eske": "D", "Tove": "C LOC"}
    release = release_for(tmp_path, server, structured=structured, correct=0.4)

    summary = generate(release)
    config = built(release)

    # Four attributes, two types, four calls; of five entities an answer two, in one group.
    assert asked(server) == {"values": 4, "entities": 2, "sentences": 4, "correct": 4}
    assert (summary.answered, summary.failed) == (14, 0)
    assert rows(release)[0] == (
        "Gudrun Holt cykler til Skive hver søndag .",
        "B-PER I-PER O O B-LOC O O O",
    )
    assert rows(release)[1] == ("Tove og Eske mødes i Skive .", "B-LOC O O O O B-LOC O")
    assert len(rows(release)) == 8
    assert config["format"] == "listing"
    assert config["method_findings"] == {
        "diversify": ["sentences", "entities"],
        "values": {
            "train": {
                "topic": 4,
                "kind of text and its style": 4,
                "register and tone": 4,
                "length and structure of the sentence": 4,
            }
        },
        "entities": {"train": {"PER": 3, "LOC": 3}},
        "listed_entities": 20,
        "dropped_entities": dict.fromkeys(config["method_findings"]["dropped_entities"], 0),
        "repeated_mentions": 0,
        "corrections": {
            "share": 0.4,
            "engine_gives_log_probabilities": True,
            "answers": 4,
            "answers_without_log_probabilities": 0,
            "asked_about": 8,
            "outcomes": {"correct": 0, "boundary": 0, "type": 4, "no entity": 4, "unusable": 0},
            "not_answered": 0,
        },
    }
    card = (release.dataset / "README.md").read_text(encoding="utf-8")
    assert "Heng et al., 2024" in card
    assert "Entities that the model was least sure of and was asked about again: 8." in card
    assert "Of them given another type 4, removed 4." in card
    steps = {step["step"]: step for step in config["waterfall"]["train"]}
    assert steps["requested"]["kept"] == steps["published"]["kept"] == 8
    assert steps["parsed"]["notes"]["changed: correction"] == 4


def test_what_is_drawn_is_required_and_recorded(tmp_path, server):
    Author(server)
    release = release_for(
        tmp_path,
        server,
        calls=8,
        domain="short news",
        attributes={"topic": ["fishing", "bread"], "tone": "ask"},
    )

    generate(release)

    with Journal(release.journal) as journal:
        calls = [call for call, _ in journal.answers("da_prog") if call.step == "sentences"]
    drawn = [call.about["requirements"] for call in calls]
    assert all(drawn)
    assert {name for each in drawn for name in each} == {"topic", "tone"}
    assert {each["topic"] for each in drawn if "topic" in each} <= {"fishing", "bread"}
    assert {each["tone"] for each in drawn if "tone" in each} <= {f"value {letter}" for letter in "abcd"}
    for call in calls:
        prompt = call.messages[1]["content"]
        assert all(f"- {name}: {value}\n" in prompt for name, value in call.about["requirements"].items())
        assert 2 <= len(call.about["entities"]) <= 4
        assert all(f"- {name} ({type_})\n" in prompt for name, type_ in call.about["entities"])
        assert "of this kind: short news" in prompt
        assert len(call.seed_ids) == 3
        assert "Named Entities: [" in prompt
    assert asked(server)["values"] == 1
    assert all("short news" in prompt for prompt in prompts(server, "values"))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"diversify": []}, {}),
        ({"diversify": ["sentences"]}, {"values": 4}),
        ({"diversify": ["entities"]}, {"entities": 2}),
        ({"diversify": ["sentences"], "attributes": {"topic": ["bread"]}}, {}),
        ({"diversify": ["entities"], "entities_by": "topic"}, {"values": 1, "entities": 8}),
        ({"entities_by": "topic", "attributes": {"topic": ["bread", "sails", "bees"]}}, {"entities": 6}),
    ],
    ids=["nothing", "sentences", "entities", "values given", "entities by topic", "by topics given"],
)
def test_only_what_is_needed_is_asked_for(tmp_path, server, settings, expected):
    Author(server)
    release = release_for(tmp_path, server, calls=2, correct=False, **settings)

    generate(release)

    assert asked(server) == {**expected, "sentences": 2}
    for prompt in prompts(server, "sentences"):
        assert ("to have these attributes" in prompt) == (
            "sentences" in settings.get("diversify", ["sentences"])
        )
        assert ("Each of these is to stand" in prompt) == (
            "entities" in settings.get("diversify", ["entities"])
        )


def test_entities_fit_the_value_that_is_required(tmp_path, server):
    author = Author(server)

    def answer(number: int) -> bytes:
        prompt = server.received[number].json["messages"][1]["content"]
        if kind(server.received[number]) == "entities":
            (topic,) = re.findall(r"about “topic: (\w+)”", prompt)
            return author.completion(f"1. {topic.title()} Dam", logprobs=False)
        return author.answer(number)

    server.answer = answer
    topics = ["bread", "sails"]
    release = release_for(tmp_path, server, calls=6, entities_by="topic", attributes={"topic": topics})

    generate(release)

    for prompt in prompts(server, "sentences"):
        (topic,) = re.findall(r"- topic: (\w+)", prompt)
        assert f"- {topic.title()} Dam (" in prompt
        assert not any(f"{other.title()} Dam" in prompt for other in topics if other != topic)


# ---- Plans


def test_a_plan_goes_on_as_answers_come_and_says_how_many_will(tmp_path, server):
    Author(server)
    release = release_for(tmp_path, server)

    first = plan_summary(release).configs["da_prog"].splits["train"]
    assert first.calls == len(planned(release)) == 4
    assert first.later >= 2 + 4 + 4
    assert not server.received

    generate(release)

    last = plan_summary(release).configs["da_prog"].splits["train"]
    assert (last.calls, last.answered, last.later) == (len(server.received), len(server.received), 0)
    assert planned(release)[:4] == planned(release_for(tmp_path / "again", server))[:4]


def test_more_calls_and_other_splits_only_add(tmp_path, server):
    author = Author(server, doubtful=("Tove",))
    release = release_for(tmp_path, server, calls=3)
    generate(release)
    before = {call.key for call in planned(release)}
    asked_before = len(server.received)

    author.sentences = lambda number, structured: two_sentences(number + 100, structured)
    release = release_for(tmp_path, server, calls=7, splits=["train", "validation"])
    summary = generate(release)

    after = {call.key for call in planned(release)}
    assert before < after
    assert len(server.received) - asked_before == summary.answered == len(after - before)
    assert generate(release).answered == 0


def test_a_run_that_was_stopped_goes_on_and_asks_nothing_twice(tmp_path, server):
    Author(server, doubtful=("Tove",))
    release = release_for(tmp_path, server, calls=4)
    # A value call, a call for entities, one for sentences and one for corrections fail for good at first.
    server.fault = lambda number: refusal(400, "no") if number in (1, 6, 10, 16) else None

    outcomes = [generate(release) for _ in range(7)]

    assert sum(outcome.failed for outcome in outcomes) == 4
    assert outcomes[-1].answered == outcomes[-1].failed == 0
    bodies = Counter(request.body for request in server.received)
    answered = Counter(
        request.body for number, request in enumerate(server.received) if number not in (1, 6, 10, 16)
    )
    assert set(bodies) == set(answered)
    # Requests are told apart by their number in the plan, which is not sent: equal ones may be two.
    assert len(server.received) == len(planned(release)) + 4
    assert built(release)["totals"]["published"] == 8


def test_a_plan_repeats_from_the_same_seed_and_not_from_another(tmp_path, server):
    settings: dict[str, Any] = {"attributes": {"topic": list("abcdefgh")}, "diversify": ["sentences"]}
    first, again = (planned(release_for(tmp_path / name, server, **settings)) for name in ("a", "b"))
    assert [call.key for call in first] == [call.key for call in again]

    release = release_for(tmp_path / "c", server, **settings)
    path = release.path
    path.write_text(path.read_text(encoding="utf-8").replace('"seed": 11', '"seed": 12'), encoding="utf-8")
    from synthner.release import read_release

    other = planned(read_release(path))
    assert not {call.key for call in first} & {call.key for call in other}


def test_gold_that_is_tested_on_is_not_shown(tmp_path, server):
    Author(server)
    release = write_release(
        tmp_path,
        {
            "prog": {
                "method": "attribute_guided",
                "datapoints": 2,
                "calls": {"train": 3, "validation": 2},
                "openai": {"base_url": server.base_url, "concurrency": 1},
            }
        },
        gold={"train": 9, "validation": 40, "test": 80},
    )
    for split in ("validation", "test"):
        with (tmp_path / "gold" / f"{split}.conll").open("a", encoding="utf-8") as stream:
            stream.write("\n" + gold_lines(4))

    generate(release)

    shown = " ".join(request.json["messages"][1]["content"] for request in server.received)
    years = set(re.findall(r"\b[1-9]9\d\d\b", shown))
    assert years
    assert years <= {str(1904 + number) for number in range(5)}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"entities_by": "topics"}, "there is no attribute `topics`"),
        ({"examples": 50}, "50 examples are to be shown, and gold train has 20"),
        ({"sampling": {"n": 3}}, "`n` is no sampling parameter"),
    ],
    ids=["attribute", "examples", "sampling"],
)
def test_what_cannot_be_planned_is_said(tmp_path, settings, message):
    with pytest.raises(ReleaseError, match=message):
        planned(release_for(tmp_path, None, **settings))


@pytest.mark.parametrize(
    "settings",
    [
        {"correct": 0},
        {"correct": 1.5},
        {"attributes": {}},
        {"attributes": {"a": []}},
        {"diversify": ["words"]},
    ],
    ids=str,
)
def test_settings_are_checked(tmp_path, settings):
    with pytest.raises(ReleaseError, match="attribute_guided"):
        release_for(tmp_path, None, **settings)


def test_the_method_leaves_no_choice_of_format(tmp_path, server):
    with pytest.raises(ReleaseError, match="has no use for it"):
        write_release(
            tmp_path,
            {"prog": {"method": "attribute_guided", "calls": {"train": 1}, "format": "spans"}},
        )


# ---- Corrections


def test_the_least_certain_are_asked_about_in_threes(tmp_path, server):
    names = ["Anja", "Bent", "Carl", "Dorte", "Else", "Finn", "Grete", "Hans", "Inger", "Jens"]
    author = Author(server, doubtful=("Grete", "Bent", "Inger", "Dorte"))
    author.sentences = lambda _number, structured: written_list(
        [(f"{name} synger.", [(name, "PER")]) for name in names], structured
    )
    release = release_for(tmp_path, server, calls=1, datapoints=10, diversify=[], correct=0.4)

    generate(release)

    shown = [re.findall(r"\{\{(\w+)\}\}", prompt)[1:] for prompt in prompts(server, "correct")]
    assert shown == [["Dorte", "Inger", "Bent"], ["Grete"]]
    requests = [request.json for request in server.received]
    assert requests[0]["logprobs"] is True
    assert all(request["temperature"] == 0 and "logprobs" not in request for request in requests[1:])
    assert "   Type: PER" in prompts(server, "correct")[0]


@pytest.mark.parametrize("structured", [False, True], ids=["lines", "json-schema"])
@pytest.mark.parametrize(
    ("choice", "tokens", "tags", "outcome"),
    [
        ("A", "Holt fra Ny Bjerg sover .", "B-PER O B-LOC I-LOC O O", "correct"),
        ("B Bjerg", "Holt fra Ny Bjerg sover .", "B-PER O O B-LOC O O", "boundary"),
        ("C PER", "Holt fra Ny Bjerg sover .", "B-PER O B-PER I-PER O O", "type"),
        ("C other", "Holt fra Ny Bjerg sover .", "B-PER O O O O O", "no entity"),
        ("D", "Holt fra Ny Bjerg sover .", "B-PER O O O O O", "no entity"),
        ("B Nyborg", "Holt fra Ny Bjerg sover .", "B-PER O B-LOC I-LOC O O", "unusable"),
        ("B sover", "Holt fra Ny Bjerg sover .", "B-PER O B-LOC I-LOC O O", "unusable"),
        ("C", "Holt fra Ny Bjerg sover .", "B-PER O B-LOC I-LOC O O", "unusable"),
        ("C LOC", "Holt fra Ny Bjerg sover .", "B-PER O B-LOC I-LOC O O", "unusable"),
        ("E", "Holt fra Ny Bjerg sover .", "B-PER O B-LOC I-LOC O O", "unusable"),
    ],
)
def test_each_answer_to_a_correction(tmp_path, server, structured, choice, tokens, tags, outcome):
    author = Author(server, doubtful=("Ny Bjerg",), choices={"Ny Bjerg": choice})
    author.sentences = lambda _number, structured: written_list(
        [("Holt fra Ny Bjerg sover.", [("Holt", "PER"), ("Ny Bjerg", "LOC")])], structured
    )
    release = release_for(
        tmp_path, server, calls=1, datapoints=1, structured=structured, diversify=[], correct=0.5
    )

    generate(release)
    config = built(release)

    (row,) = rows(release)
    assert row == (tokens, tags)
    assert config["method_findings"]["corrections"]["outcomes"][outcome] == 1
    history = explain(release, read_manifest(release.dataset), "da_prog-train-0-0")
    changes = [change for change in history.outcome.changes if change["step"] == "correction"]
    is_changed = outcome in ("boundary", "type", "no entity")
    assert len(changes) == is_changed
    if is_changed:
        assert (changes[0]["position"], changes[0]["before"]) == (2, "Ny Bjerg (LOC)")


def test_a_correction_is_for_all_mentions_of_the_entity_in_its_sentence(tmp_path, server):
    author = Author(server, doubtful=("Mors",), choices={"Mors": "C PER"})
    author.sentences = lambda _number, structured: written_list(
        [
            ("Mors og Ida savner Mors.", [("Mors", "LOC"), ("Ida", "PER")]),
            ("Mors er en ø.", [("Mors", "LOC")]),
        ],
        structured,
    )
    release = release_for(tmp_path, server, calls=1, diversify=[], correct=0.3)

    generate(release)
    built(release)

    assert [tags for _, tags in rows(release)] == ["B-PER O B-PER O B-PER O", "B-LOC O O O O"]


@pytest.mark.parametrize(
    ("settings", "logprobs", "said"),
    [
        ({}, False, "4 came without log-probabilities, and nothing in them was corrected"),
        ({"correct": False}, True, "The model was not asked again about what it had listed"),
    ],
    ids=["server gives none", "not wanted"],
)
def test_without_log_probabilities_nothing_is_corrected_and_the_card_says_so(
    tmp_path, server, settings, logprobs, said
):
    Author(server, logprobs=logprobs)
    release = release_for(tmp_path, server, **settings)

    generate(release)
    config = built(release)

    assert asked(server)["correct"] == 0
    assert config["method_findings"]["corrections"]["asked_about"] == 0
    assert said in (release.dataset / "README.md").read_text(encoding="utf-8")
    expected = ["nothing is corrected: the server's answers have no log-probabilities"]
    assert list(status(release)["da_prog"].remarks) == ([] if settings else expected)
    if not settings:
        assert f"da_prog: {expected[0]}" in done("status", folder=release.folder).stdout
    wants = [request.json.get("logprobs") for request in server.received if kind(request) == "sentences"]
    assert wants == [None if settings else True] * 4


def test_an_engine_without_log_probabilities_is_not_asked_for_them(tmp_path):
    release = release_for(tmp_path, None, engine="ray", diversify=[])

    assert [call.sampling for call in planned(release)] == [{}] * 4
    assert METHODS["attribute_guided"].findings is not None
    findings = METHODS["attribute_guided"].findings(context_of(release))
    assert findings["corrections"]["engine_gives_log_probabilities"] is False


def test_corrections_that_are_not_answered_change_nothing_and_are_counted(tmp_path, server):
    Author(server, doubtful=("Tove",), choices={"Tove": "D"})
    release = release_for(tmp_path, server, calls=2, diversify=[])
    server.fault = lambda number: refusal(400, "no") if number == 3 else None

    generate(release)
    config = built(release)

    assert config["method_findings"]["corrections"]["not_answered"] == 1
    assert config["method_findings"]["corrections"]["outcomes"]["no entity"] == 1
    assert [tags.split()[0] for _, tags in rows(release)][1::2] == ["O", "B-PER"]


# ---- Reading


def tags_in(answer: str, types: tuple[str, ...] = TYPES) -> list[tuple[str, str] | str]:
    """Return the sentences of an answer with their tags, or why they are none."""
    found = []
    for listed_sentence in read_listings(answer).sentences:
        if listed_sentence.fault is not None:
            found.append(listed_sentence.fault)
            continue
        pairs = [(entity.name, entity.type or "") for entity in listed_sentence.entities]
        annotated = annotate(listed_sentence.sentence, pairs, types)
        found.append(annotated.fault or (" ".join(annotated.tokens), " ".join(annotated.tags)))
    return found


ONE = ("Ida bor i Ribe .", "B-PER O O B-LOC O")


@pytest.mark.parametrize(
    "answer",
    [
        'Sentence: "Ida bor i Ribe."\nNamed Entities: [Ida (PER), Ribe (LOC)]',
        "1. Ida bor i Ribe.\nNamed Entities: [Ida (PER), Ribe (LOC)]",
        '1. Sentence: "Ida bor i Ribe."\n   Named entities: [Ida (person), Ribe (location)].',
        '**Sentence 1:** "Ida bor i Ribe."\n**Named Entities:** [Ida (PER), Ribe (LOC)]',
        "Sure, here is one:\n\nIda bor i Ribe.\nNamed Entities: [Ida (PER), Ribe (LOC)]\n\nI hope it helps!",
        'Sentence: “Ida bor i Ribe.”\nNamed Entities: ["Ida" (PER), «Ribe» (LOC)]',
        "Sentence: Ida bor i Ribe.\nNamed Entities:\n- Ida (PER)\n- Ribe (LOC)\n",
        "Sentence: Ida bor i\nRibe.\nNamed Entities:\n[Ida (PER),\nRibe (LOC)]",
        "Sentence: [Ida] bor i **Ribe**.\nNamed Entities: Ida (PER); Ribe (LOC)",
        'Sure! {"datapoints": [{"sentence": "Ida bor i Ribe.", "entities": [{"name": "Ida", "type": "PER"}, '
        '{"name": "Ribe", "type": "LOC"}]}]} Done.',
        '[{"sentence": "Ida bor i Ribe.", "named_entities": ["Ida (PER)", "Ribe (LOC)"]}]',
        "Sentence: Ida bor i Ribe.\r\nNamed Entities: [Ida (PER), Ribe (LOC)]\r\n",
    ],
    ids=[
        "as asked", "numbered", "both", "bold", "prose", "typographic", "bullets", "lines", "marks",
        "embedded", "strings", "crlf",
    ],
)  # fmt: skip
def test_a_list_is_read_however_it_is_written(answer):
    assert tags_in(answer) == [ONE]


@pytest.mark.parametrize(
    ("answer", "found", "lost"),
    [
        ("Sentence: Ida sover.\n\nSentence: Bo sover.\nNamed Entities: [Bo (PER)]", 1, {}),
        ("Named Entities: [Bo (PER)]", 0, {}),
        ("Sentence: Ida sover.\nNamed Entities: [Ida (PER), Ri", 0, {"cut at the end": 1}),
        ("Sentence: Bo sover.\nNamed Entities: [Bo (PER)]\n\nSentence: Ida so", 1, {"cut at the end": 1}),
        ("Sentence: Ida sover i Ribe.\nNamed Entities: [Ida (PER), Ribe]", 0, {}),
        ('{"datapoints": [{"sentence": "Bo sover.", "entities": [{"name": "Bo", "type": "PER"}]}, '
         '{"sentence": "Ida so', 1, {"cut at the end": 1}),
        ('{"sentence": "Bo sover."}', 0, {}),
        ('{"sentence": "Bo sover.", "entities": [3]}', 0, {}),
        ('{"sentence": "Bo", "sentence": "Ida", "entities": []}', 0, {}),
        ("", 0, {}),
        ("I am sorry.", 0, {}),
    ],
    ids=["no list", "no sentence", "cut list", "cut sentence", "no type", "cut json", "json without",
         "json other", "repeated keys", "empty", "refusal"],
)  # fmt: skip
def test_what_is_no_datapoint_is_lost_with_its_reason(tmp_path, answer, found, lost):
    release = release_for(tmp_path, None, diversify=[], attributes={"a": ["b"]})
    reading = METHODS["attribute_guided"].reading
    assert reading is not None
    salvage = reading(context_of(release))(planned(release)[0], answer)

    sound = [each for each in salvage.found if each.fault is None]
    broken = [each for each in salvage.found if each.fault is not None]
    assert len(sound) == found
    assert all(each.source for each in broken)
    if lost:
        assert dict(salvage.lost) == lost
    assert sound or broken or salvage.lost
    assert sum(salvage.lost.values()) == 0 or salvage.fragments


@pytest.mark.parametrize(
    ("sentence", "entities", "tags", "changes"),
    [
        ("Ida bor i Ribe.", "Ida (PER), Oslo (LOC)", "B-PER O O O O", ["entity not in the sentence"]),
        ("Ida bor i Ribe.", "Ida (PER), Ribe (event)", "B-PER O O O O", ["type outside the label set"]),
        ("Ida er ribensisk.", "Ida (PER), riben (LOC)", "B-PER O O O", ["entity is part of a word"]),
        ("Ida så Bo, og Ida lo.", "Ida (PER), Bo (PER)", "B-PER O B-PER O O B-PER O O", ["repeated mention"]),
        ("Ida mødte Ida.", "Ida (PER), Ida (PER)", "B-PER O B-PER O", []),
        ("Ribe slog Ribe.", "Ribe (PER), Ribe (LOC)", "B-PER O B-LOC O", []),
        ("Ribe slog Odense.", "Ribe (PER), Ribe (LOC)", "O O O O", ["entity has several types"] * 2),
        ("Ribe Stift lo.", "Ribe Stift (PER), Ribe (LOC)", "B-LOC O O O", ["entity overlaps a shorter one"]),
        ("Ribe Stift er i Ribe.", "Ribe Stift (PER), Ribe (LOC)", "B-PER I-PER O O B-LOC O", []),
        ("Al Ny Bo lo.", "Al Ny (PER), Ny Bo (LOC)", "B-PER I-PER O O O", ["entity overlaps a shorter one"]),
        ("RIBE er en by.", "Ribe (LOC)", "B-LOC O O O O", ["entity written in other letters"]),
        ("Ida sover.", '"" (PER), Ida (PER)', "B-PER O O", ["entity without a name"]),
        ("En Ribe-baseret avis.", "Ribe (LOC)", "O B-LOC O O O O", []),
        ("Fur'en er rød.", "Fur (LOC)", "B-LOC O O O", ["mention extended to its word"]),
        ("Ida bor i Ribe.", "", "O O O O O", []),
        ("Ida bor i Ribe.", "none", "O O O O O", []),
    ],
    ids=[
        "not there", "unknown type", "part of a word", "repeated", "listed twice", "two types, two places",
        "two types, one place", "longer dropped", "shorter stands alone", "as long", "case", "no name",
        "hyphen", "apostrophe", "empty", "none",
    ],
)  # fmt: skip
def test_a_list_is_brought_to_its_sentence_and_each_change_said(sentence, entities, tags, changes):
    (listed_sentence,) = read_listings(f'Sentence: "{sentence}"\nNamed Entities: [{entities}]').sentences
    pairs = [(entity.name, entity.type or "") for entity in listed_sentence.entities]

    annotated = annotate(listed_sentence.sentence, pairs, TYPES)

    assert " ".join(annotated.tags) == tags
    assert [change["step"] for change in annotated.changes] == changes
    assert all(change.keys() == {"step", "position", "before", "after"} for change in annotated.changes)


def test_endings_are_words_of_their_own_where_gold_has_them():
    own = annotate("Ida's hus.", [("Ida", "PER")], TYPES, frozenset({"'s"}))
    part = annotate("Ida's hus.", [("Ida", "PER")], TYPES)

    assert (own.tokens, own.tags) == (("Ida", "'s", "hus", "."), ("B-PER", "O", "O", "O"))
    assert (part.tokens, part.tags) == (("Ida's", "hus", "."), ("B-PER", "O", "O"))


def test_what_was_dropped_is_counted_and_explained(tmp_path, server):
    author = Author(server)
    author.sentences = lambda _number, structured: written_list(
        [("Gudrun Holt bor i Ribe.", [("Gudrun Holt", "PER"), ("Oslo", "LOC"), ("Ribe", "ø")])], structured
    )
    release = release_for(tmp_path, server, calls=1, datapoints=1, diversify=[])

    generate(release)
    config = built(release)

    dropped = config["method_findings"]["dropped_entities"]
    assert {reason: number for reason, number in dropped.items() if number} == {
        "entity not in the sentence": 1,
        "type outside the label set": 1,
    }
    history = explain(release, read_manifest(release.dataset), "da_prog-train-0-0")
    assert {(change["position"], change["before"]) for change in history.outcome.changes} == {
        (None, "Oslo (LOC)"),
        (None, "Ribe (ø)"),
    }
    card = (release.dataset / "README.md").read_text(encoding="utf-8")
    assert "entity not in the sentence 1, type outside the label set 1" in card


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ('{"values": ["Bread", "bread", " Sails ", ""]}', ["Bread", "Sails"]),
        ('["a", 3, "b"]', ["a", "b"]),
        ('```json\n{"entities": ["Skagen"]}\n```', ["Skagen"]),
        ('Here you are:\n1. Bread\n2) "Sails"\n- *bees*\n\nGood luck!', ["Bread", "Sails", "bees"]),
        ("Bread-making\nSails", ["Bread-making", "Sails"]),
        ("1. Bread-making - at home", ["Bread-making - at home"]),
        ("1. " + "x" * 500, []),
        ("", []),
        ("{" * 50, []),
    ],
    ids=["json", "list", "fence", "numbered", "lines", "hyphens", "too long", "empty", "braces"],
)
def test_lists_of_values_and_entities_are_read_whatever_they_look_like(text, terms):
    reply = Reply("", text, None, {}, "stop", None, 0, 0)

    assert read_terms(reply, 10) == terms
    assert read_terms(reply, 1) == terms[:1]
    assert read_terms(None, 10) == []


def test_verdicts_are_read_from_lines_too():
    text = 'Sure:\n1. (A)\n2) **B** wrong boundary: "Ny Bjerg"\n3: (C) Wrong type: LOC.\n3. (D)'
    reply = Reply("", text, None, {}, "stop", None, 0, 0)

    first, second, third, fourth = verdicts(reply, 4)

    annotated = annotate("Fra Ny Bjerg.", [("Bjerg", "PER")], TYPES)
    entity = ("Bjerg", "PER")
    assert [
        corrected(entity, annotated, verdict, TYPES).entity
        for verdict in (first, second, third, fourth)
        if verdict
    ] == [entity, ("Ny Bjerg", "PER"), ("Bjerg", "LOC"), entity]
    assert verdicts(None, 2) == [None, None]
    assert verdicts(Reply("", "(D)", None, {}, "stop", None, 0, 0), 1) == [Verdict("D", "")]


# ---- Properties

WORDS = st.text("abcdeæøåÉκабвঅকखम்ி", min_size=1, max_size=6)
ANYTHING = st.one_of(
    st.text(),
    st.lists(
        st.sampled_from(
            [
                "Sentence: ", '"', "Named Entities: [", "Ida", " (PER)", ", ", "]", "\n", "\n\n", "1. ",
                "(", ")", "Ribe", "{", '{"sentence": "Ida"', ', "entities": [', "]}", "'",
                '{"name": "Ida", "type": "PER"}',
            ]
        )
    ).map("".join),
)  # fmt: skip


@given(ANYTHING)
def test_reading_never_raises_and_gives_valid_labels(answer):
    for listed_sentence in read_listings(answer).sentences:
        pairs = [(entity.name, entity.type or "") for entity in listed_sentence.entities]
        annotated = annotate(listed_sentence.sentence, pairs, TYPES)
        assert len(annotated.tokens) == len(annotated.tags)
        assert not violations(annotated.tags)
        assert {tag[2:] for tag in annotated.tags} - {""} <= set(TYPES)
        assert all(token.strip() for token in annotated.tokens)
        for entity in listed_sentence.entities:
            if entity.start is not None and entity.end is not None:
                assert entity.name in answer[entity.start : entity.end] or "\\" in answer


@pytest.mark.parametrize(
    "text",
    [
        "[" * 1_000_000,
        "Named Entities: [\n" * 50_000,
        "Named Entities: [" + "(" * 1_000_000,
        "Sentence: Ida\nNamed Entities: [" + "Ida (PER), " * 90_000,
        "Sentence" + " " * 1_000_000 + "x",
        "1. \n" * 250_000,
        '{"datapoints": ['
        + '{"sentence": "a\\/b", "entities": [{"name": "a\\/b", "type": "PER"}]},' * 15_000,
        '{"sentence":' * 80_000,
    ],
    ids=["brackets", "headers", "parentheses", "entities", "blanks", "numbers", "json", "braces"],
)
def test_a_million_characters_are_read_in_seconds(text):
    reply = Reply("", text, None, {}, None, None, 0, 0)
    begun = time.process_time()

    read_listings(text)
    verdicts(reply, 3)
    read_terms(reply, 50)

    assert time.process_time() - begun < 20


@given(st.text(), st.lists(st.tuples(st.text(), st.sampled_from([*TYPES, "x"]))))
def test_any_list_of_any_sentence_gives_valid_labels(sentence, entities):
    annotated = annotate(sentence, entities, TYPES)

    assert len(annotated.tokens) == len(annotated.tags) == len(annotated.places)
    assert not violations(annotated.tags)
    assert {tag[2:] for tag in annotated.tags} - {""} <= set(TYPES)


@given(st.text())
def test_verdicts_and_terms_are_read_from_anything(text):
    reply = Reply("", text, None, {}, None, None, 0, 0)
    annotated = annotate("Ida bor i Ribe.", [("Ribe", "LOC")], TYPES)

    assert len(verdicts(reply, 3)) == 3
    for verdict in verdicts(reply, 3):
        assert verdict is not None
        corrected(("Ribe", "LOC"), annotated, verdict, TYPES)
    corrected(("Ribe", "LOC"), annotated, Verdict("B", text), TYPES)
    corrected(("Ribe", "LOC"), annotated, Verdict("C", text), TYPES)
    assert all(term.strip() for term in read_terms(reply, 50))


@st.composite
def gold_sentences(draw) -> Example:
    """Draw a sentence of different words with marks between them, and mentions that do not overlap."""
    words = draw(st.lists(WORDS, min_size=1, max_size=8, unique_by=str.casefold))
    tokens: list[str] = []
    tags: list[str] = []
    at = 0
    while at < len(words):
        length = draw(st.integers(0, 3))
        type_ = draw(st.sampled_from(TYPES))
        mention = words[at : at + max(1, length)]
        tokens += mention
        tags += [f"{'I' if place else 'B'}-{type_}" for place in range(len(mention))] if length else ["O"]
        at += len(mention)
        if draw(st.booleans()):
            tokens.append(draw(st.sampled_from([",", ":", "(", ")", "!", "।"])))
            tags.append("O")
    return Example("one", tuple(tokens), tuple(tags))


@given(gold_sentences(), st.booleans())
def test_a_perfect_list_gives_exactly_the_tags(example, structured):
    text = as_text(example.tokens)
    if split_words(text, frozenset(example.tokens)) != list(example.tokens):
        return  # what the words are cannot be seen in the text
    entities = [
        (" ".join(example.tokens[mention.start : mention.end]), mention.type) for mention in example.mentions
    ]

    answer = written_list([(text, entities)], structured)
    (found,) = read_listings(answer).sentences
    pairs = [(entity.name, entity.type or "") for entity in found.entities]
    annotated = annotate(found.sentence, pairs, TYPES, frozenset(example.tokens))

    assert (annotated.tokens, annotated.tags) == (example.tokens, example.ner_tags)
    assert annotated.changes == ()


# ---- Real answers


def lines_of(path: Path) -> Iterator[Any]:
    with open_bytes(path) as stream:
        yield from (json.loads(line) for line in stream)


def mentions_of(tokens: list[str], tags: list[str]) -> list[tuple[str, str]]:
    """Return mentions as letters and type: the authors' words are parted in another way."""
    return [
        (re.sub(r"\W", "", "".join(tokens[mention.start : mention.end])), mention.type)
        for mention in mentions(tags)
    ]


def test_real_answers_are_read_as_their_authors_read_them(shared):
    folder = shared / "data" / "llm_responses" / "proggen_wikigold"
    answers: dict[str, list[str]] = {}
    with tarfile.open(folder / "completions.tar.gz") as archive:
        for member in archive:
            if member.isfile() and member.name.endswith(".txt"):
                experiment = re.sub(r"-\d$", "", Path(member.name).parent.name)
                stream = archive.extractfile(member)
                assert stream is not None
                answers.setdefault(experiment, []).append(stream.read().decode())
    total: Counter[str] = Counter()
    for experiment, texts in answers.items():
        read: dict[str, Any] = {}
        for text in texts:
            for found in read_listings(text).sentences:
                if found.fault is None and all(entity.type for entity in found.entities):
                    pairs = [(entity.name, entity.type or "") for entity in found.entities]
                    types = ("person", "location", "organization")
                    read.setdefault(found.sentence, annotate(found.sentence, pairs, types, {"'s"}))
        processed = folder / "processed" / experiment
        theirs = {row["sentence"]: row for row in lines_of(processed / "bio-train.jsonl.gz")}
        (edge,) = processed.glob("edge_cases.json*")
        with open_bytes(edge) as stream:
            edge_cases = {case["sentence"] for case in json.loads(stream.read())}
        for sentence, row in theirs.items():
            if sentence not in read:
                total["missing"] += 1
                continue
            ours = mentions_of(read[sentence].tokens, read[sentence].tags)
            total["same" if ours == mentions_of(row["tokens"], row["labels"]) else "different"] += 1
        total["theirs"] += len(theirs)
        total["ours"] += len(read)
        total["edge cases"] += len(edge_cases)
        total["edge cases that they drop and we read"] += len((edge_cases & set(read)) - set(theirs))
    assert total["same"] >= 0.985 * total["theirs"]
    assert total["different"] <= 0.003 * total["theirs"]
    assert total["edge cases that they drop and we read"] >= 0.9 * (total["edge cases"] - 18)


def test_a_local_model_is_asked_again_by_its_own_log_probabilities(tmp_path):
    from synthner.tests.tiny_language_model import save_tiny_language_model

    release = write_release(
        tmp_path,
        {
            "prog": {
                "method": "attribute_guided",
                "engine": "transformers",
                "model": str(save_tiny_language_model(tmp_path / "model")),
                "examples": 1,
                "datapoints": 2,
                "calls": {"train": 3},
                "sampling": {"max_tokens": 600, "temperature": 1.5},
                "transformers": {"batch_size": 4},
                "attribute_guided": {"diversify": [], "correct": True},
            }
        },
    )

    summary = generate(release)

    with Journal(release.journal) as journal:
        answers = list(journal.answers("da_prog"))
    assert summary.failed == 0
    sentences = [(call, reply) for call, reply in answers if call.step == "sentences"]
    assert all(reply and read_log_probabilities(reply.raw, reply.text or "") for _, reply in sentences)
    assert all(call.sampling["temperature"] == 0 for call, _ in answers if call.step == "correct")
    assert METHODS["attribute_guided"].findings is not None
    with Journal(release.journal) as journal:
        findings = METHODS["attribute_guided"].findings(context_of(release, journal))
    assert findings["corrections"]["answers_without_log_probabilities"] == 0
