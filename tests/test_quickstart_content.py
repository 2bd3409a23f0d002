"""The release that ships in examples/quickstart: sound gold, and responses that fail in the ways it says."""

import unicodedata
from collections import Counter
from pathlib import Path

import pytest

from synthner.generation.clusters import look_at_clusters
from synthner.generation.responses import read_responses
from synthner.generation.salvage import salvage
from synthner.release import Config, read_release
from synthner.schema.iob2 import violations
from synthner.sources.readers import read_examples

QUICKSTART = Path(__file__).resolve().parents[1] / "examples" / "quickstart"


@pytest.fixture(scope="module")
def config() -> Config:
    return read_release(QUICKSTART).configs[0]


@pytest.fixture(scope="module")
def gold(config):
    return {split: list(read_examples(path)) for split, path in config.gold.files.items()}


@pytest.fixture(scope="module")
def responses(config):
    folder = QUICKSTART / "responses"
    return {split: list(read_responses(folder / f"swa_{split}.jsonl")) for split in config.generator.calls}


def test_the_release_is_valid_and_makes_two_configs():
    configs = read_release(QUICKSTART).configs

    assert [(config.name, config.language.name, config.generator.engine) for config in configs] == [
        ("swa_gpt4", "Swahili", "recorded"),
        ("swa_swap", "Swahili", "offline"),
    ]


def test_going_live_takes_one_line(tmp_path):
    text = (QUICKSTART / "release.yaml").read_text(encoding="utf-8")
    assert text.count("engine: recorded") == 1
    live = tmp_path / "release.yaml"
    live.write_text(text.replace("engine: recorded", "engine: openai"), encoding="utf-8")

    config, _ = read_release(live).configs

    assert config.generator.engine == "openai"
    assert config.generator.settings == {"concurrency": 4}


def test_gold_has_every_split_at_its_size(gold):
    assert {split: len(examples) for split, examples in gold.items()} == {
        "train": 62,
        "validation": 20,
        "test": 20,
    }


def test_gold_is_iob2_over_the_labels_of_the_release(config, gold):
    for examples in gold.values():
        for example in examples:
            assert violations(example.ner_tags) == [], example
            assert set(example.ner_tags) <= set(config.gold.labels.names), example


def test_every_label_occurs_in_every_gold_split(config, gold):
    for examples in gold.values():
        assert {tag for example in examples for tag in example.ner_tags} >= {
            f"B-{type_}" for type_ in config.gold.labels.types
        }


def test_no_gold_sentence_stands_twice_in_one_split_or_in_two(gold):
    counts = Counter(
        " ".join(example.tokens).casefold() for examples in gold.values() for example in examples
    )
    assert [sentence for sentence, count in counts.items() if count > 1] == []


def test_gold_sentences_are_composed_and_of_ordinary_length(gold):
    for examples in gold.values():
        for example in examples:
            assert unicodedata.is_normalized("NFC", " ".join(example.tokens))
            assert 8 <= len(example.tokens) <= 25, example


def test_every_name_has_another_one_of_its_kind(config):
    types = look_at_clusters(read_release(QUICKSTART))["swa_swap"].types

    assert types.keys() == set(config.gold.labels.types)
    for found in types.values():
        assert len(found.clusters) == 3
        assert (found.unclustered, found.alone) == ((), ())


def test_there_is_one_response_a_call(config, responses):
    assert {split: len(lines) for split, lines in responses.items()} == config.generator.calls


def test_the_responses_name_the_model_of_the_release(config, responses):
    models = {line.model for lines in responses.values() for line in lines}
    assert models == {config.generator.model}


@pytest.mark.parametrize(
    ("number", "objects", "paths", "lost"),
    [
        pytest.param(1, 10, {"json"}, {}, id="pairs"),
        pytest.param(4, 10, {"fenced"}, {}, id="code fence, and a brace in a token"),
        pytest.param(6, 8, {"truncated"}, {"cut at the end": 1}, id="cut at the length limit"),
        pytest.param(7, 10, {"embedded"}, {}, id="chat header"),
        pytest.param(8, 10, {"lines"}, {}, id="one object a line"),
        pytest.param(12, 11, {"json"}, {}, id="more than asked for"),
    ],
)
def test_each_response_holds_what_the_readme_says(responses, number, objects, paths, lost):
    result = salvage(responses["train"][number - 1].text)

    assert len(result.found) == objects
    assert {found.parse_path for found in result.found} == paths
    assert result.lost == lost


def test_one_response_is_a_refusal_and_one_stopped_at_the_length_limit(responses):
    train = responses["train"]
    assert all(line.error is None for line in train)
    assert salvage(train[9].text).lost == {"no datapoint in the response": 1}
    assert [line.index + 1 for line in train if line.finish_reason == "length"] == [6]


def test_every_response_has_an_identifier_of_its_own(responses):
    identifiers = [line.id for lines in responses.values() for line in lines]
    assert len(set(identifiers)) == len(identifiers)
