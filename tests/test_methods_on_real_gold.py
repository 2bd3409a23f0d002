"""Every method, from real gold to a published config that `load_dataset` opens."""

import json
import re
from collections.abc import Callable, Iterator
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
from synthner.sources.normal_forms import NormalForms
from synthner.sources.readers import read_examples
from synthner.tests.chat_server import ChatServer, completion
from synthner.tests.command_line import done
from synthner.tests.guided_model import obedient
from synthner.tests.test_masked_entity_model import save_tiny_masked_model
from synthner.tests.test_translated_markers import conll, english_gold, save_translator, settings_of
from synthner.tests.tiny_encoder import save_tiny_encoder
from synthner.tests.tiny_translator import DANISH, DICTIONARY, ENGLISH, save_tiny_translator

LABELS = ("PER", "ORG", "LOC", "DATE")
SIZES = {"train": 40, "dev": 20, "test": 40}
UNLABELLED = slice(40, 70)
BY_MARKERS = ("translated_markers", "back_translated_markers")

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


def _settings(method: str, folder: Path) -> dict[str, Any]:
    """Return what a generator of the method says besides its engine."""
    if method == "few_shot_tagging":
        return {method: {"text": "text.txt", "license": "cc-by-4.0"}, "datapoints": 3}
    if method == "masked_entity_model":
        return {method: {"model": str(save_tiny_masked_model(folder / "masked")), "epochs": 1}}
    if method == "back_translation":
        model = save_tiny_translator(folder / "translator", steps=60)
        return {method: {"there": str(model), "pivot": ENGLISH, "codes": {"yor": DANISH}, "temperature": 1.5}}
    if method == "translate_train" or method in BY_MARKERS:
        return {"languages": ["yor"], method: _of_another_language(method, folder)}
    if method in ("seeded", "attribute_guided"):
        return {"calls": {"train": 6}, "examples": 3, "datapoints": 2}
    return {"calls": {"train": 20}} if method == "entity_guided" else {}


def _of_another_language(method: str, folder: Path) -> dict[str, Any]:
    """Return the settings of a method that translates gold of another language."""
    codes = {"en": ENGLISH, "yor": DANISH}
    if method in BY_MARKERS:
        return {**settings_of(save_translator(folder / "translator")), "codes": codes}
    model = save_tiny_translator(folder / "translator", steps=200)
    # The translations are no use, and statistics would find so; an encoder links words all the same.
    encoder = save_tiny_encoder(folder / "encoder", [list(DICTIONARY)])
    links = {"aligner": "simalign", "aligner_model": str(encoder), "keep": "all"}
    return {"source": "en", "model": str(model), "codes": codes, "beams": 1, **links}


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
def test_from_real_gold_to_a_published_config(tmp_path, shared, yoruba, server, method):
    for split in SIZES:
        (tmp_path / f"{split}.conll").write_text(_conll(yoruba[split]), encoding="utf-8")
    (tmp_path / "text.txt").write_text(
        "".join(" ".join(example.tokens) + "\n" for example in yoruba["more"]), encoding="utf-8"
    )
    generator: dict[str, Any] = {"method": method, **_settings(method, tmp_path)}
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
    if "source" in generator.get(method, {}):
        english = shared / "data" / "uner" / "en_pud" / "en_pud-ud-test.iob2.gz"
        # A tiny model keeps brackets only in what it was taught.
        source = (
            conll(english_gold())
            if method in BY_MARKERS
            else _conll(list(islice(read_examples(english), 60)))
        )
        (tmp_path / "en.conll").write_text(source, encoding="utf-8")
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
