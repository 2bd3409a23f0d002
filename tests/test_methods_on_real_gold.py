"""Every method, from real gold to a published config that `load_dataset` opens."""

import json
import re
from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import count, islice
from pathlib import Path
from typing import Any

import pytest
from datasets import load_dataset

from synthner.generation.methods import METHODS
from synthner.generation.methods.few_shot_tagging_prompts import TaggingQuestion
from synthner.schema.example import Example
from synthner.schema.iob2 import violations
from synthner.schema.labels import LabelSet
from synthner.schema.methods import METHODS as KEYS
from synthner.schema.validation import json_schema
from synthner.sources.normal_forms import NormalForms
from synthner.sources.readers import read_examples
from synthner.tests.chat_server import ChatServer, completion
from synthner.tests.guided_model import obedient
from synthner.tests.in_process import done, refused
from synthner.tests.test_masked_entity_model import save_tiny_masked_model
from synthner.tests.test_translated_markers import WORDS, conll, english_gold, save_translator
from synthner.tests.tiny_candidate_model import save_tiny_candidate_model
from synthner.tests.tiny_encoder import save_tiny_encoder
from synthner.tests.tiny_translator import DANISH, DICTIONARY, ENGLISH

LABELS = ("PER", "ORG", "LOC", "DATE")
SIZES = {"train": 40, "dev": 20, "test": 40}
UNLABELLED = slice(40, 70)
NAMES = {"Person": ["Ada", "Bo", "Krogh"], "Location": ["Thy", "Rom", "København"]}

Messages = list[dict[str, str]]


@pytest.fixture
def yoruba(shared: Path) -> dict[str, list[Example]]:
    folder = shared / "data" / "masakhaner2" / "yor"
    gold = {
        split: list(islice(read_examples(folder / f"{split}.txt.gz"), size)) for split, size in SIZES.items()
    }
    gold["more"] = list(islice(read_examples(folder / "train.txt.gz"), UNLABELLED.start, UNLABELLED.stop))
    return gold


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
    for variable in ("OPENAI_BASE_URL", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)
    with ChatServer() as started:
        yield started


def _sentences(numbers: Iterator[int]) -> list[dict[str, str]]:
    """Return two new sentences with marks."""
    return [
        {"sentence": f"Lánàá ni <PER>Adé {word}</PER> lọ sí ọjà ní <LOC>Ìlú {word}</LOC> ."}
        for word in (f"kejì{next(numbers)}", f"kẹta{next(numbers)}")
    ]


def _seeded(_messages: Messages, numbers: Iterator[int]) -> str:
    return json.dumps({"datapoints": _sentences(numbers)}, ensure_ascii=False)


def _attribute_guided(messages: Messages, numbers: Iterator[int]) -> str:
    prompt = messages[1]["content"]
    if "values of this attribute" in prompt:
        return "1. ìròyìn\n2. ìtàn"
    if "different named entities" in prompt:
        return "1. Adéọlá\n2. Ìbàdàn"
    sentences = []
    for word in (f"kejì{next(numbers)}", f"kẹta{next(numbers)}"):
        entities = f"Adé {word} (PER), Ọ̀yọ́ {word} (LOC)"
        sentences.append(f'Sentence: "Adé {word} gbé ní Ọ̀yọ́ {word} báyìí."\nNamed Entities: [{entities}]')
    return "\n\n".join(sentences)


def _paraphrase(messages: Messages, _numbers: Iterator[int]) -> str:
    sentence = messages[-1]["content"].rpartition("\n")[2]
    return json.dumps({"datapoints": [{"sentence": f"A gbọ́ pé {sentence}"}]}, ensure_ascii=False)


def _entity_guided(messages: Messages, _numbers: Iterator[int]) -> str:
    return obedient(messages)


class _Tagger:
    """Labels sentences as gold has them; of each answer the last sentence is missing."""

    def __init__(self, known: list[Example]) -> None:
        self._known = {" ".join(example.tokens): example for example in known}

    def __call__(self, messages: Messages, _numbers: Iterator[int]) -> str:
        asked = re.findall(r"^\d+\W+(.*)$", messages[-1]["content"], re.MULTILINE)
        examples = [self._known[sentence.replace("&amp;", "&")] for sentence in asked]
        question = TaggingQuestion("Yoruba", LabelSet.of_types(LABELS), "", structured_output=False)
        return question.answer(examples[:-1])


def _conll(examples: list[Example]) -> str:
    blocks = (
        "\n".join(f"{token} {tag}" for token, tag in zip(example.tokens, example.ner_tags, strict=True))
        for example in examples
    )
    return "\n\n".join(blocks) + "\n"


class Models:
    """Tiny models, each made when a method first asks for it, and kept for those that follow."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @cached_property
    def translator(self) -> str:
        """A model that translates words of a small dictionary, and keeps brackets."""
        return str(save_translator(self._folder / "translator"))

    @cached_property
    def candidates(self) -> str:
        """A model that writes the entities of a translation."""
        words = [word for word in WORDS if word.islower()]
        return str(save_tiny_candidate_model(self._folder / "candidates", NAMES, words, steps=200))

    @cached_property
    def encoder(self) -> str:
        """An encoder that aligns words."""
        return str(save_tiny_encoder(self._folder / "encoder", [list(DICTIONARY)]))

    @cached_property
    def masked(self) -> str:
        """A masked language model."""
        return str(save_tiny_masked_model(self._folder / "masked"))


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Models:
    return Models(tmp_path_factory.mktemp("models"))


def _translating(models: Models, **more: Any) -> dict[str, Any]:
    """Return the settings of a method that translates gold of another language."""
    return {
        "source": "en",
        "model": models.translator,
        "codes": {"en": ENGLISH, "yor": DANISH},
        "beams": 1,
        **more,
    }


TEXT = {"text": "text.txt", "license": "cc-by-4.0"}
OF_ANOTHER_LANGUAGE: dict[str, Callable[[Models], dict[str, Any]]] = {
    # The translations are no use, and statistics would find so; an encoder links words all the same.
    "translate_train": lambda models: _translating(
        models, aligner="simalign", aligner_model=models.encoder, keep="all"
    ),
    "translated_markers": _translating,
    "back_translated_markers": _translating,
    "constrained_decoding": lambda models: _translating(models, keep="all"),
    "generated_candidates": lambda models: _translating(
        models, candidates=models.candidates, candidate_beams=5, keep="all"
    ),
    "distillation": lambda _models: {**TEXT, "teachers": [{"gold": "en"}]},
}
"""The settings of methods that begin with gold of another language."""

# A tiny model translates nothing but what it was taught.
OF_TAUGHT_WORDS = {
    "translated_markers",
    "back_translated_markers",
    "constrained_decoding",
    "generated_candidates",
}

GENERATORS: dict[str, Callable[[Models], dict[str, Any]]] = {
    "seeded": lambda _models: {"calls": {"train": 6}, "examples": 3, "datapoints": 2},
    "attribute_guided": lambda _models: {"calls": {"train": 6}, "examples": 3, "datapoints": 2},
    "entity_guided": lambda _models: {"calls": {"train": 20}},
    "few_shot_tagging": lambda _models: {"few_shot_tagging": TEXT, "datapoints": 3},
    "paraphrase": lambda _models: {},
    "simple_augmentation": lambda _models: {},
    "cluster_replacement": lambda _models: {},
    "masked_entity_model": lambda models: {"masked_entity_model": {"model": models.masked, "epochs": 1}},
    "back_translation": lambda models: {
        "back_translation": {
            "there": models.translator,
            "pivot": ENGLISH,
            "codes": {"yor": DANISH},
            "temperature": 1.5,
        }
    },
    **{
        method: lambda models, method=method: {
            "languages": ["yor"],
            method: OF_ANOTHER_LANGUAGE[method](models),
        }
        for method in OF_ANOTHER_LANGUAGE
    },
}
"""What a generator of each method says besides its engine."""


def _english(method: str, shared: Path) -> str:
    """Return the English gold that a method begins with."""
    if method in OF_TAUGHT_WORDS:
        return conll(english_gold(25))
    pud = shared / "data" / "uner" / "en_pud" / "en_pud-ud-test.iob2.gz"
    return _conll(list(islice(read_examples(pud), 60)))


def _answering(method: str, known: list[Example]) -> Callable[[Messages, Iterator[int]], str]:
    if method == "few_shot_tagging":
        return _Tagger(known)
    return {
        "seeded": _seeded,
        "entity_guided": _entity_guided,
        "attribute_guided": _attribute_guided,
        "paraphrase": _paraphrase,
    }[method]


@pytest.mark.parametrize("method", sorted(METHODS))
def test_from_real_gold_to_a_published_config(tmp_path, shared, yoruba, server, models, method):
    for split in SIZES:
        (tmp_path / f"{split}.conll").write_text(_conll(yoruba[split]), encoding="utf-8")
    (tmp_path / "text.txt").write_text(
        "".join(" ".join(example.tokens) + "\n" for example in yoruba["more"]), encoding="utf-8"
    )
    generator: dict[str, Any] = {"method": method, **GENERATORS[method](models)}
    if KEYS[method].asks_model:
        answering, numbers = _answering(method, yoruba["more"]), count()
        server.answer = lambda number: completion(
            answering(server.received[number].json["messages"], numbers)
        )
        openai = {"base_url": server.base_url, "structured_output": False}
        generator |= {"engine": "openai", "model": "scripted", "openai": openai}
    release: dict[str, Any] = {
        "name": "synth-lowres-ner",
        "seed": 5,
        "license": "cc-by-nc-4.0",
        "languages": {
            "yor": {
                "labels": LABELS,
                "gold": {
                    "files": {"train": "train.conll", "validation": "dev.conll", "test": "test.conll"},
                    "license": "cc-by-nc-4.0",
                },
            }
        },
        "generators": {"made": generator},
    }
    if method in OF_ANOTHER_LANGUAGE:
        (tmp_path / "en.conll").write_text(_english(method, shared), encoding="utf-8")
        release["languages"]["en"] = {"gold": {"files": {"train": "en.conll"}, "license": "cc-by-sa-3.0"}}
    (tmp_path / "release.yaml").write_text(json.dumps(release, ensure_ascii=False), encoding="utf-8")

    done("run", "--to", str(tmp_path / "published"), folder=tmp_path)

    rows = load_dataset(
        str(tmp_path / "published"), "yor_made", split="train", cache_dir=str(tmp_path / "cache")
    )
    names = rows.features["ner_tags"].feature.names
    assert set(names) == {"O", *(f"{prefix}-{type_}" for type_ in LABELS for prefix in "BI")}
    comparable = NormalForms().comparable
    held = {comparable(example.tokens) for split in SIZES for example in yoruba[split]}
    assert len(rows) >= 5
    mentions = 0
    for row in rows.to_list():
        tags = [names[tag] for tag in row["ner_tags"]]
        assert not violations(tags)
        assert comparable(row["tokens"]) not in held
        mentions += sum(tag.startswith("B-") for tag in tags)
    assert mentions


def _needs_settings(method: str) -> bool:
    schema = json_schema("release")["$defs"]
    settings = schema["generator"]["properties"].get(method, {})
    return bool(schema.get(settings.get("$ref", "").rpartition("/")[2], settings).get("required"))


@pytest.mark.parametrize("method", sorted(filter(_needs_settings, METHODS)))
def test_a_method_that_is_told_nothing_says_what_it_must_be_told(tmp_path, method):
    gold = {"files": {"train": "train.conll"}, "license": "cc0-1.0"}
    (tmp_path / "train.conll").write_text("Ada B-PER\nsings O\n", encoding="utf-8")
    generator = {"method": method, "languages": ["da"]}
    if KEYS[method].asks_model:
        generator |= {"engine": "openai", "model": "scripted"}
    release = {
        "name": "synth-ner",
        "seed": 5,
        "languages": {"da": {"gold": gold}, "en": {"gold": gold}},
        "generators": {"made": generator},
    }
    (tmp_path / "release.yaml").write_text(json.dumps(release), encoding="utf-8")
    message = refused("generate", "--dry-run", folder=tmp_path)
    assert method in message
    assert re.search("is missing|is named", message)
