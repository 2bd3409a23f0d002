"""The authors' rule gives the authors' sets."""

import gzip
import json
from pathlib import Path

import pytest

from synthner.generation.paper_rule import salvage_by_paper_rule
from synthner.generation.responses import read_responses

FINAL_TRAIN = {
    ("gpt-4", "yor"): 4187,
    ("gpt-4", "da"): 4112,
    ("gpt-4", "sv"): 4215,
    ("gpt-4", "ta"): 4944,
    ("Llama-3.1-8B-Instruct", "yor"): 2531,
    ("Llama-3.1-8B-Instruct", "da"): 3051,
    ("Llama-3.1-8B-Instruct", "sv"): 3059,
    ("Llama-3.1-8B-Instruct", "ta"): 3046,
    ("aya-expanse-32b", "yor"): 406,
    ("aya-expanse-32b", "da"): 579,
    ("aya-expanse-32b", "sv"): 613,
    ("aya-expanse-32b", "ta"): 189,
}


def published(folder: Path, language: str, split: str) -> list[tuple]:
    (path,) = folder.glob(f"final/{language}-*_{split}.jsonl*")
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    rows = [json.loads(line) for line in text.decode("utf-8").splitlines()]
    return [(row["tokens"], row["ner_tags"]) for row in rows]


@pytest.mark.parametrize("split", ["train", "validation", "test"])
@pytest.mark.parametrize(("model", "language"), FINAL_TRAIN, ids="-".join)
def test_the_rule_gives_the_authors_rows_in_their_order(shared, model, language, split):
    folder = shared / "data" / "llm_responses" / "kamath_vajjala" / model
    (path,) = folder.glob(f"{language}_{split}_*raw*")
    kept = []
    for response in read_responses(path):
        assert response.text is not None
        result = salvage_by_paper_rule(
            response.text, structured=response.structured, labels=9 if language == "yor" else 7
        )
        kept += result.kept
    assert kept == published(folder, language, split)
    if split == "train":
        assert len(kept) == FINAL_TRAIN[model, language]


@pytest.mark.parametrize(
    ("text", "structured", "kept", "lost"),
    [
        pytest.param(
            '{"a": [{"tokens": ["x"], "ner_tags": [1]}], "b": [{"tokens": ["y"], "ner_tags": [0]}], "c": 3}',
            True,
            [(["x"], [1]), (["y"], [0])],
            {},
            id="all lists of a structured response",
        ),
        pytest.param(
            '{"a": [{"tokens": ["x"], "ner_tags": [1]}]',
            True,
            [],
            {"the response is no JSON object": 1},
            id="one error loses a structured response",
        ),
        pytest.param(
            '[{"tokens": ["{"], "ner_tags": [1]}, {"tokens": ["y"], "ner_tags": [0]}]',
            False,
            [(["y"], [0])],
            {"malformed object": 1},
            id="a brace loses a datapoint",
        ),
        pytest.param(
            '{"tokens": ["x"], "ner_tags": null}', False, [], {"no tokens or no tags": 1}, id="null"
        ),
        pytest.param('{"tokens": ["x"], "ner_tags": []}', False, [], {"length mismatch": 1}, id="lengths"),
        pytest.param(
            '{"tokens": ["x"], "ner_tags": [7]}', False, [], {"tag that gold does not use": 1}, id="tag"
        ),
        pytest.param(
            '{"tokens": ["x"], "ner_tags": ["1"]}', False, [], {"tag that gold does not use": 1}, id="text"
        ),
        pytest.param(
            '{"tokens": ["\\ud800"], "ner_tags": [1]}',
            False,
            [],
            {"not encodable as UTF-8": 1},
            id="surrogate",
        ),
        pytest.param('{"tokens": [5], "ner_tags": [1]}', False, [(["5"], [1])], {}, id="number as token"),
    ],
)
def test_the_rule_on_single_responses(text, structured, kept, lost):
    result = salvage_by_paper_rule(text, structured=structured, labels=7)
    assert result.kept == kept
    assert result.lost == lost
