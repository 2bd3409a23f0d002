"""The vllm engine, with vLLM itself: `make test-vllm` installs the one for CPUs and runs what needs it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from transformers import AutoTokenizer

from synthner.builders.build import build
from synthner.generation.calls import Call, Reply
from synthner.generation.engines.completion import read_completion
from synthner.generation.engines.local import local_address
from synthner.generation.engines.vllm import CHUNK, model_in_memory
from synthner.generation.generate import generate
from synthner.generation.journal import Journal
from synthner.generation.log_probabilities import read_log_probabilities
from synthner.generation.plan import plan_summary
from synthner.generation.watching import Outcome, Unwatched
from synthner.release import Release
from synthner.schema.errors import EngineError, ReleaseError, WrongUsageError
from synthner.tests.small_release import write_release
from synthner.tests.tiny_language_model import save_tiny_language_model

# Numbers as on any CPU, and no compiler for a model that answers in a second.
SETTINGS = {
    "dtype": "float32",
    "max_model_len": 2048,
    # vLLM on a CPU cannot take back a draw from a prompt that was read in parts.
    "engine_args": {"enforce_eager": True, "enable_chunked_prefill": False},
}

needs_vllm = pytest.mark.skipif(
    find_spec("vllm") is None, reason="vLLM is not installed; `make test-vllm` runs this with it"
)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return save_tiny_language_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def loaded(model, tmp_path_factory) -> Iterator[Path]:
    """Keep the model in memory from test to test: vLLM takes a minute to load any."""
    release = release_for(tmp_path_factory.mktemp("loaded"), model)
    holder = model_in_memory(release.configs[0], release.folder)
    holder.get()
    yield model
    del holder


def generator_for(model: Path, calls: int = 6, **settings: Any) -> dict[str, Any]:
    """Return a generator; settings are the engine's, but for those that every generator has."""
    general = {
        name: settings.pop(name)
        for name in ("sampling", "engine", "examples", "datapoints")
        if name in settings
    }
    generator = {
        "engine": "vllm",
        "model": str(model),
        "examples": 1,
        "datapoints": 2,
        "calls": {"train": calls},
        "sampling": {"max_tokens": 200},
    } | general
    return generator | {
        generator["engine"]: {**SETTINGS, **settings} if generator["engine"] == "vllm" else settings
    }


def release_for(folder: Path, model: Path, calls: int = 6, **settings: Any) -> Release:
    return write_release(folder, {"tiny": generator_for(model, calls, **settings)})


def answers(release: Release, config: str = "da_tiny") -> list[tuple[Call, Reply]]:
    with Journal(release.journal) as journal:
        return [(call, reply) for call, reply in journal.answers(config) if reply is not None]


def texts(release: Release) -> list[str | None]:
    return [reply.text for _, reply in answers(release)]


@needs_vllm
def test_structured_output_makes_datapoints_of_any_model(tmp_path, loaded):
    release = release_for(tmp_path, loaded, calls=8, sampling={"max_tokens": 1000})

    assert generate(release).answered == 8

    for call, reply in answers(release):
        assert call.schema is not None
        assert reply.text is not None
        assert reply.finish_reason == "stop"
        datapoints = json.loads(reply.text)
        jsonschema.validate(datapoints, dict(call.schema))
        assert all(
            list(word) == ["token", "label"] for point in datapoints["datapoints"] for word in point["words"]
        )
        # Text as it is, and blanks only where they belong.
        assert "\\u" not in reply.text
        assert reply.text == json.dumps(datapoints, ensure_ascii=False)
    (train,) = build(release)["configs"]["da_tiny"]["waterfall"].values()
    steps = {step["step"]: step["kept"] for step in train}
    assert steps["parsed"] == steps["requested"] == 16
    assert steps["published"] > 0


@needs_vllm
def test_a_reply_is_a_chat_completion_of_the_prompt_up_to_the_answer(tmp_path, loaded):
    release = release_for(tmp_path, loaded, calls=1, structured_output=False)

    generate(release)

    ((call, reply),) = answers(release)
    completion = read_completion(reply.raw)
    assert (completion.text, completion.finish_reason) == (reply.text, reply.finish_reason)
    assert completion.usage == reply.usage
    tokenizer = AutoTokenizer.from_pretrained(loaded)
    prompt = tokenizer.apply_chat_template(
        [dict(message) for message in call.messages], tokenize=False, add_generation_prompt=True
    )
    assert prompt.endswith("<|assistant|>")
    assert reply.usage["prompt_tokens"] == len(tokenizer(prompt, add_special_tokens=False)["input_ids"])
    assert json.loads(reply.raw)["seed"] == int(call.key[:12], 16)
    assert json.loads(reply.raw)["system_fingerprint"].startswith("vllm ")


@needs_vllm
def test_a_longer_plan_keeps_what_was_answered_and_the_same_seed_makes_the_same_text(tmp_path, loaded):
    whole, grown = (
        release_for(tmp_path / name, loaded, calls=calls) for name, calls in (("whole", 8), ("grown", 3))
    )
    generate(grown)
    grown = release_for(tmp_path / "grown", loaded, calls=8)

    assert generate(grown).answered == 5
    generate(whole)

    assert texts(whole) == texts(grown)
    assert len(set(texts(whole))) == 8
    seeds = [release_for(tmp_path / name, loaded, sampling={"max_tokens": 60, "seed": 5}) for name in "ab"]
    for release in seeds:
        generate(release)
    assert texts(seeds[0]) == texts(seeds[1])


@needs_vllm
def test_sampling_is_the_release_s_and_else_the_model_s(tmp_path, loaded):
    sampling = {"max_completion_tokens": 300, "stop": ['"label"'], "frequency_penalty": 0.1, "top_k": -1}
    stopped = release_for(tmp_path / "stopped", loaded, sampling=sampling)
    cut = release_for(tmp_path / "cut", loaded, sampling={"max_tokens": 7})
    likeliest = release_for(
        tmp_path / "likeliest", loaded, structured_output=False, sampling={"temperature": 0, "max_tokens": 20}
    )
    same = release_for(
        tmp_path / "same",
        loaded,
        engine="transformers",
        structured_output=False,
        sampling={"temperature": 0, "max_tokens": 20},
    )

    for release in (stopped, cut, likeliest, same):
        generate(release)

    assert all((text or "").endswith(", ") for text in texts(stopped) if text and '"token"' in text)
    assert {(reply.finish_reason, reply.usage["completion_tokens"]) for _, reply in answers(cut)} == {
        ("length", 7)
    }
    assert texts(likeliest) == texts(same)


@needs_vllm
def test_log_probabilities_are_those_that_transformers_gives(tmp_path, loaded):
    sampling = {"max_tokens": 500, "temperature": 0.7, "logprobs": True}
    release = release_for(tmp_path / "vllm", loaded, calls=2, sampling=sampling)
    generate(release)
    same = release_for(
        tmp_path / "transformers", loaded, calls=2, engine="transformers", dtype="float32",
        sampling={**sampling, "temperature": 0},
    )  # fmt: skip
    greedy = release_for(tmp_path / "greedy", loaded, calls=2, sampling={**sampling, "temperature": 0})
    generate(same)
    generate(greedy)

    for _, reply in answers(release):
        found = read_log_probabilities(reply.raw, reply.text or "")
        assert found is not None
        assert (found.mean(0, len(reply.text or "")) or 1) <= 0
    for (_, one), (_, other) in zip(answers(same), answers(greedy), strict=True):
        first, second = (json.loads(reply.raw)["choices"][0]["logprobs"]["content"] for reply in (one, other))
        assert [token["token"] for token in first][:20] == [token["token"] for token in second][:20]
        assert [token["logprob"] for token in first][:20] == pytest.approx(
            [token["logprob"] for token in second][:20], abs=1e-3
        )


@needs_vllm
def test_a_prompt_that_is_too_long_fails_alone(tmp_path, loaded):
    release = release_for(tmp_path, loaded, calls=21, sampling={"max_tokens": 20})
    with (tmp_path / "gold" / "train.conll").open("a", encoding="utf-8") as gold:
        gold.write("\n" + "Læsø B-LOC\nsov O\n" * 300)

    summary = generate(release)

    assert (summary.answered, summary.failed) == (20, 1)
    (reason,) = summary.configs["da_tiny"].failures
    assert "2048" in reason


@needs_vllm
def test_an_interrupt_waits_for_its_chunk_and_the_next_run_asks_for_the_rest(tmp_path, loaded):
    import psutil  # pyright: ignore[reportMissingModuleSource]

    told = []

    class Interrupting(Unwatched):
        def advance(self, config: str, split: str, outcome: Outcome, cost: float | None) -> None:
            if not told:
                # As a terminal does: to this process and all that it started.
                for process in [*psutil.Process().children(recursive=True), psutil.Process()]:
                    process.send_signal(signal.SIGINT)

        def stopping(self, under_way: int) -> None:
            told.append(under_way)

    release = release_for(
        tmp_path, loaded, calls=CHUNK + 4, examples=3, structured_output=False, sampling={"max_tokens": 1}
    )

    with pytest.raises(KeyboardInterrupt):
        generate(release, watcher=Interrupting())

    assert told == [CHUNK]
    assert len(texts(release)) == CHUNK
    assert generate(release).answered == 4


@needs_vllm
def test_what_another_engine_answered_is_not_asked_again(tmp_path, loaded):
    release = release_for(tmp_path, loaded, engine="transformers", dtype="float32")
    generate(release)

    assert generate(release_for(tmp_path, loaded)).answered == 0


@needs_vllm
def test_what_vllm_does_not_take_is_an_error_that_names_it(tmp_path, loaded):
    wrong = release_for(tmp_path / "sampling", loaded, sampling={"max_tokens": 5, "min_tokens": 6})
    with pytest.raises(ReleaseError, match="min_tokens"):
        generate(wrong)
    lacking = release_for(tmp_path / "none", Path("models/none"), engine_args={"nonsense": 1})
    with pytest.raises(EngineError, match=r"cannot be loaded.*nonsense"):
        generate(lacking)


def test_only_what_decides_an_answer_is_in_its_address():
    fast = {"tensor_parallel_size": 4, "gpu_memory_utilization": 0.8, "engine_args": {"max_num_seqs": 64}}

    assert local_address(fast) == local_address({"batch_size": 2, "dtype": "auto"}) == "local:"
    decisive = {"revision": "v2", "dtype": "float16", "engine_args": {"hf_overrides": {"a": 1}}}
    assert local_address({**fast, **decisive}) == (
        'local:{"dtype":"float16","hf_overrides":{"a":1},"revision":"v2"}'
    )


@pytest.mark.parametrize("name", ["trust_remote_code", "load_format", "model", "seed"])
def test_arguments_that_would_run_code_or_are_decided_elsewhere_are_refused_with_the_plan(tmp_path, name):
    release = release_for(tmp_path, Path("tiny"), engine_args={name: True})

    with pytest.raises(ReleaseError, match=f"`{name}` cannot be set here"):
        plan_summary(release)


def test_an_argument_with_a_key_of_its_own_is_refused_where_it_stands(tmp_path):
    with pytest.raises(ReleaseError, match="dtype"):
        release_for(tmp_path, Path("tiny"), engine_args={"dtype": "float16"})


def test_the_extra_that_is_lacking_is_named(tmp_path, model, monkeypatch):
    monkeypatch.setitem(sys.modules, "vllm", None)

    with pytest.raises(WrongUsageError, match=r"not installed: vllm\n.*synthner\[vllm\]"):
        generate(release_for(tmp_path, model))


def _vllm_serve(model: Path, port: int) -> list[str]:
    arguments = [f"--port={port}", "--dtype=float32", "--enforce-eager", "--max-model-len=2048"]
    return ["-m", "vllm.entrypoints.openai.api_server", f"--model={model}", *arguments]


def _transformers_serve(model: Path, port: int) -> list[str]:
    return ["-m", "transformers.cli.transformers", "serve", str(model), f"--port={port}", "--device=cpu"]


@contextmanager
def _server(command: list[str], port: int, folder: Path) -> Iterator[str]:
    """Start a server of this environment, and yield its address once it answers."""
    log = folder / "server.log"
    with log.open("w") as output:
        environment = os.environ | {"HF_HUB_OFFLINE": "1"}
        process = subprocess.Popen([sys.executable, *command], stdout=output, stderr=output, env=environment)
        try:
            deadline = time.monotonic() + 300
            while True:
                assert process.poll() is None, log.read_text()[-4000:]
                assert time.monotonic() < deadline, log.read_text()[-4000:]
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
                    break
                except OSError:
                    time.sleep(0.5)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.terminate()
            process.wait(60)


@needs_vllm
@pytest.mark.parametrize(
    ("command", "structured_output"),
    [(_vllm_serve, True), (_transformers_serve, False)],
    ids=["vllm-serve", "transformers-serve"],
)
def test_a_server_of_the_same_model_is_asked_with_the_same_release(
    tmp_path, model, command, structured_output
):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with _server(command(model, port), port, tmp_path) as base_url:
        release = release_for(
            tmp_path, model, engine="openai", base_url=base_url, structured_output=structured_output, calls=4
        )

        summary = generate(release)

    assert (summary.answered, dict(summary.configs["da_tiny"].failures)) == (4, {})
    tokenizer = AutoTokenizer.from_pretrained(model)
    for call, reply in answers(release):
        assert reply.text
        prompt = tokenizer.apply_chat_template(
            [dict(message) for message in call.messages], tokenize=False, add_generation_prompt=True
        )
        assert reply.usage["prompt_tokens"] == len(tokenizer(prompt, add_special_tokens=False)["input_ids"])
        assert not structured_output or reply.text.lstrip().startswith("{")
