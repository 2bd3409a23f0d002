"""Log-probabilities of an answer's tokens, by characters of its text, and the engines that give them."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthner.generation.calls import Call, Reply
from synthner.generation.engines import endpoint
from synthner.generation.generate import generate
from synthner.generation.journal import Journal
from synthner.generation.log_probabilities import pieces, read_log_probabilities
from synthner.release import Release
from synthner.schema.errors import ReleaseError
from synthner.tests.small_release import write_release
from synthner.tests.tiny_language_model import save_tiny_language_model


def response(tokens: list[tuple[bytes, float]], *, with_bytes: bool = True) -> str:
    """Write a chat completion with log-probabilities as servers send it."""
    content = [
        {
            "token": data.decode("utf-8", "replace"),
            "logprob": logprob,
            "bytes": list(data) if with_bytes else None,
        }
        for data, logprob in tokens
    ]
    return json.dumps({"choices": [{"logprobs": {"content": content}}]})


def test_a_mean_is_of_the_tokens_that_hold_the_characters():
    raw = response([(b"Ida", -1.0), (b" sover", -2.0), (b" i", -4.0), (b" Thy", -8.0), (b".", -16.0)])
    found = read_log_probabilities(raw, "Ida sover i Thy.")

    assert found is not None
    assert found.mean(0, 3) == -1
    assert found.mean(0, 4) == -1.5
    assert found.mean(12, 15) == -8
    assert found.mean(0, 16) == pytest.approx(-31 / 5)
    assert found.mean(3, 3) is None
    assert found.mean(15, 99) == -16
    assert found.mean(99, 120) is None


def test_characters_of_several_tokens_and_tokens_of_several_characters():
    # The two bytes of `ø` are in two tokens, those of `æ` in one with what stands around it.
    raw = response([(b"S\xc3", -1.0), (b"\xb8", -3.0), (b"ren er p\xc3\xa6n", -5.0)])
    found = read_log_probabilities(raw, "Søren er pæn")

    assert found is not None
    assert found.mean(1, 2) == -2
    assert found.mean(0, 1) == -1
    assert found.mean(9, 12) == -5


@pytest.mark.parametrize("with_bytes", [True, False], ids=["bytes", "texts"])
def test_what_stands_around_the_text_is_left_out(with_bytes):
    raw = response([(b" ", -9.0), (b"Thy", -1.0), (b"<|end|>", -7.0)], with_bytes=with_bytes)
    found = read_log_probabilities(raw, "Thy")

    assert found is not None
    assert found.mean(0, 3) == -1


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "no JSON",
        "[]",
        "[" * 100_000,
        '{"choices": []}',
        '{"choices": [{"logprobs": null}]}',
        '{"choices": [{"logprobs": {"content": null}}]}',
        '{"choices": [{"logprobs": {"content": []}}]}',
        '{"choices": [{"logprobs": {"content": ["Thy"]}}]}',
        '{"choices": [{"logprobs": {"content": [{"token": "Thy"}]}}]}',
        '{"choices": [{"logprobs": {"content": [{"token": "Thy", "logprob": "sure"}]}}]}',
        '{"choices": [{"logprobs": {"content": [{"token": "Thy", "logprob": true}]}}]}',
        '{"choices": [{"logprobs": {"content": [{"token": "Thy", "logprob": NaN}]}}]}',
        '{"choices": [{"logprobs": {"content": [{"token": 3, "logprob": -1}]}}]}',
        '{"choices": [{"logprobs": {"content": [{"token": "Thy", "logprob": -1, "bytes": [999]}]}}]}',
        '{"choices": [{"logprobs": {"content": [{"token": "Fyn", "logprob": -1}]}}]}',
    ],
)
def test_where_there_are_none_none_are_made_up(raw):
    assert read_log_probabilities(raw, "Thy") is None


@given(st.lists(st.tuples(st.text(max_size=4), st.floats(-50, 0)), min_size=1), st.data())
def test_means_are_those_of_the_tokens_whatever_is_asked_for(tokens, data):
    encoded = [(text.encode("utf-8", "surrogatepass"), logprob) for text, logprob in tokens]
    text = "".join(text for text, _ in tokens)
    content = [{"token": "?", "logprob": logprob, "bytes": list(written)} for written, logprob in encoded]
    found = read_log_probabilities(json.dumps({"choices": [{"logprobs": {"content": content}}]}), text)
    if not text:
        assert found is None
        return
    assert found is not None
    start, end = sorted(data.draw(st.tuples(st.integers(0, len(text)), st.integers(0, len(text)))))
    mean = found.mean(start, end)
    if start == end:
        assert mean is None
        return
    assert mean is not None
    assert (
        min(logprob for _, logprob in tokens) - 1e-9 <= mean <= max(logprob for _, logprob in tokens) + 1e-9
    )


@given(st.text(max_size=20), st.data())
def test_pieces_make_up_the_text(text, data):
    written = text.encode()
    cuts = sorted(data.draw(st.sets(st.integers(1, max(1, len(written))))) | {len(written)})
    parts = [written[start:end] for start, end in zip([0, *cuts], cuts, strict=False)]

    def decode(tokens):
        return b"".join(parts[token] for token in tokens).decode("utf-8", "replace")

    found = list(pieces(range(len(parts)), decode))

    assert len(found) == len(parts)
    if "\ufffd" not in text:
        assert "".join(found) == text


# ---- Engines


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return save_tiny_language_model(tmp_path_factory.mktemp("model"))


def tiny_release(
    folder: Path, model: Path, engine: str = "transformers", *, structured: bool = False, **sampling: Any
) -> Release:
    return write_release(
        folder,
        {
            "tiny": {
                "engine": engine,
                "model": str(model),
                "examples": 1,
                "datapoints": 1,
                "calls": {"train": 3},
                "sampling": {"max_tokens": 200 if structured else 40, **sampling},
                engine: {"structured_output": structured},
            }
        },
    )


def answers(release: Release) -> list[tuple[Call, Reply]]:
    with Journal(release.journal) as journal:
        return [(call, reply) for call, reply in journal.answers("da_tiny") if reply is not None]


@pytest.mark.parametrize("byte_level", [True, False], ids=["tokens-of-bytes", "byte-fallback"])
def test_transformers_gives_those_of_every_token_of_the_text(tmp_path, byte_level):
    model = save_tiny_language_model(tmp_path / "model", byte_level=byte_level)
    # Without a schema it writes bytes that are no text.
    release = tiny_release(tmp_path, model, structured=True, temperature=0.7, top_k=50, logprobs=True)

    generate(release)

    assert len(answers(release)) == 3
    for _, reply in answers(release):
        content = json.loads(reply.raw)["choices"][0]["logprobs"]["content"]
        assert len(content) == reply.usage["completion_tokens"]
        assert all(each["bytes"] == list(each["token"].encode()) for each in content)
        assert "".join(each["token"] for each in content) == reply.text
        assert all(each["logprob"] <= 0 and math.isfinite(each["logprob"]) for each in content)
        found = read_log_probabilities(reply.raw, reply.text or "")
        assert found is not None
        assert found.mean(0, len(reply.text or "")) is not None


def test_they_are_by_the_models_own_scores_whatever_is_drawn_from(tmp_path, model):
    import torch
    from transformers import AutoTokenizer, LlamaForCausalLM

    sampling = {"top_k": 1, "temperature": 0.3, "repetition_penalty": 1.1, "logprobs": True}
    release = tiny_release(tmp_path, model, **sampling)

    generate(release)

    tokenizer = AutoTokenizer.from_pretrained(model)
    weights: Any = LlamaForCausalLM.from_pretrained(model)
    for call, reply in answers(release):
        content = json.loads(reply.raw)["choices"][0]["logprobs"]["content"]
        prompt = tokenizer.apply_chat_template(
            [dict(message) for message in call.messages],
            add_generation_prompt=True,
            return_tensors="pt",
            return_dict=True,
        )
        with torch.inference_mode():
            scores = weights(**prompt).logits[0, -1].float().log_softmax(-1).tolist()
        written = [n for n in range(len(scores)) if tokenizer.decode([n]).endswith(content[0]["token"])]
        assert any(content[0]["logprob"] == pytest.approx(scores[n], abs=1e-4) for n in written)


def test_asking_for_them_changes_no_text(tmp_path, model):
    plain = tiny_release(tmp_path / "plain", model, temperature=0)
    asked = tiny_release(tmp_path / "asked", model, temperature=0, logprobs=True)

    generate(plain)
    generate(asked)

    assert [reply.text for _, reply in answers(plain)] == [reply.text for _, reply in answers(asked)]
    assert all("logprobs" not in reply.raw for _, reply in answers(plain))


@pytest.mark.parametrize(
    ("engine", "gives"),
    [("openai", True), ("openai_batch", True), ("transformers", True), ("vllm", True), ("ray", False)],
)
def test_an_engine_says_whether_it_gives_them(tmp_path, model, engine, gives):
    release = tiny_release(tmp_path, model, engine)

    assert endpoint(release.configs[0]).log_probabilities is gives


def test_what_an_engine_cannot_give_is_refused(tmp_path, model):
    release = tiny_release(tmp_path, model, "ray", logprobs=True)

    with pytest.raises(ReleaseError, match="no parameter `logprobs`"):
        endpoint(release.configs[0])


def test_only_true_and_false_ask_for_them(tmp_path, model):
    with pytest.raises(ReleaseError, match="`logprobs` must be true or false"):
        generate(tiny_release(tmp_path, model, logprobs=5))
