"""Recorded raw responses in the forms that APIs and scripts write."""

import gzip
import json

import pytest

from synthner.generation.responses import read_responses
from synthner.schema.errors import DataError

COMPLETION = {
    "id": "chatcmpl-1",
    "model": "gpt-x-2026-01-01",
    "choices": [
        {"index": 0, "finish_reason": "length", "message": {"role": "assistant", "content": "Ẹ káàárọ̀"}}
    ],
    "usage": {"prompt_tokens": 7, "completion_tokens": 9},
}


def read_one(tmp_path, record):
    path = tmp_path / "raw.jsonl"
    path.write_text(json.dumps(record) + "\n", encoding="utf-8")
    (response,) = read_responses(path)
    assert json.loads(response.raw) == record
    return response


@pytest.mark.parametrize(
    ("record", "form", "identifier"),
    [
        pytest.param(
            {
                "id": "b1",
                "custom_id": "call-3",
                "response": {"status_code": 200, "body": COMPLETION},
                "error": None,
            },
            "batch",
            "call-3",
            id="batch",
        ),
        pytest.param({"id": "b1", "response": COMPLETION}, "batch", "b1", id="batch without body"),
        pytest.param(COMPLETION, "chat completion", "chatcmpl-1", id="chat completion"),
    ],
)
def test_completions_are_read_with_all_that_the_api_says(tmp_path, record, form, identifier):
    response = read_one(tmp_path, record)
    assert (response.form, response.id, response.index) == (form, identifier, 0)
    assert response.text == "Ẹ káàárọ̀"
    assert response.model == "gpt-x-2026-01-01"
    assert response.finish_reason == "length"
    assert response.usage == {"prompt_tokens": 7, "completion_tokens": 9}
    assert response.error is None
    assert response.structured


@pytest.mark.parametrize("key", ["raw_output", "text", "response", "content"])
def test_scripts_may_write_the_text_alone(tmp_path, key):
    response = read_one(tmp_path, {"call_idx": 4, key: "hello", "model": "m"})
    assert (response.text, response.id, response.model, response.form) == ("hello", "4", "m", "text")
    assert not response.structured


@pytest.mark.parametrize(
    ("record", "error"),
    [
        pytest.param(
            {"custom_id": "c", "response": None, "error": {"code": "batch_expired", "message": "too late"}},
            "too late",
            id="failed call",
        ),
        pytest.param(
            {"custom_id": "c", "response": {"status_code": 429, "body": {"error": {"message": "slow down"}}}},
            "slow down",
            id="failed status",
        ),
    ],
)
def test_a_call_that_failed_says_why(tmp_path, record, error):
    response = read_one(tmp_path, record)
    assert response.text is None
    assert response.error == error


@pytest.mark.parametrize(
    ("message", "text"),
    [({"content": None, "refusal": "I will not"}, "I will not"), ({"content": None}, None)],
    ids=["refusal", "nothing"],
)
def test_a_model_that_refuses_or_says_nothing_has_answered(tmp_path, message, text):
    response = read_one(tmp_path, {"choices": [{"message": message}]})
    assert (response.text, response.error) == (text, None)


def test_blank_lines_are_skipped_and_gzip_is_read(tmp_path):
    path = tmp_path / "raw.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"text": "a"}\n\n{"text": "b"}'))
    assert [(one.index, one.text) for one in read_responses(path)] == [(0, "a"), (1, "b")]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{oops", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[1]", "no JSON object"),
        ('{"prompt": "x"}', "no response"),
        ('{"choices": []}', "no response"),
        ('{"response": {"body": 5}}', "no response"),
        ('{"text": 5}', "no response"),
    ],
    ids=range(7),
)
def test_a_wrong_line_is_named(tmp_path, line, message):
    path = tmp_path / "raw.jsonl"
    path.write_text('{"text": "fine"}\n' + line + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=message) as caught:
        list(read_responses(path))
    assert caught.value.where == f"{path}:2"
    assert caught.value.hint


def test_every_recorded_response_of_the_paper_is_read(shared):
    folder = shared / "data" / "llm_responses" / "kamath_vajjala"
    counts = [
        sum(response.text is not None for response in read_responses(path))
        for path in sorted(folder.glob("*/*raw*"))
    ]
    assert len(counts) == 36
    assert sum(counts) == 4200


def test_a_completion_that_a_filter_left_without_a_choice_is_a_response_without_a_text(tmp_path):
    path = tmp_path / "responses.jsonl"
    usage = {"prompt_tokens": 9, "completion_tokens": 0}
    path.write_text(json.dumps({"choices": [], "model": "m", "usage": usage}) + "\n", encoding="utf-8")

    (response,) = read_responses(path)

    assert (response.text, response.error, response.usage) == (None, None, usage)
    path.write_text('{"choices": []}\n', encoding="utf-8")
    with pytest.raises(DataError, match="this line holds no response"):
        list(read_responses(path))
