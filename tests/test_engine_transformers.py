"""The transformers engine: a real model in this process, small and untrained, asked through `generate`."""

import gc
import json
import os
import signal
import sys
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import torch
from pyarrow.parquet import read_table
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer, LlamaForCausalLM

from synthner.builders.build import build
from synthner.cards.dataset_card import write_card
from synthner.generation.calls import Call, Reply
from synthner.generation.engines.completion import read_completion
from synthner.generation.engines.local import PLAIN_TEMPLATE
from synthner.generation.generate import GenerateSummary, generate
from synthner.generation.journal import Journal
from synthner.generation.plan import plan_summary
from synthner.generation.watching import Outcome, Unwatched
from synthner.release import Release
from synthner.schema.errors import DataError, EngineError, ReleaseError, WrongUsageError
from synthner.tests.small_release import write_release
from synthner.tests.tiny_language_model import NO_SYSTEM_ROLE, save_tiny_language_model


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return save_tiny_language_model(tmp_path_factory.mktemp("model"))


def release_for(folder: Path, model: Path | str, calls: int = 6, **settings: Any) -> Release:
    """Write a release with one config; settings are the engine's, but for `sampling` and `format`."""
    of_generator = {name: settings.pop(name) for name in ("sampling", "format") if name in settings}
    generator = {
        "engine": "transformers",
        "model": str(model),
        "examples": 1,
        "datapoints": 2,
        "calls": {"train": calls},
        "sampling": {"max_tokens": 200},
        "transformers": {"batch_size": 4, **settings},
    }
    return write_release(folder, {"tiny": {**generator, **of_generator}})


def answers(release: Release, config: str = "da_tiny") -> list[tuple[Call, Reply]]:
    with Journal(release.journal) as journal:
        return [(call, reply) for call, reply in journal.answers(config) if reply is not None]


def texts(release: Release) -> list[str | None]:
    return [reply.text for _, reply in answers(release)]


def failures(summary: GenerateSummary) -> dict[str, int]:
    return dict(summary.configs["da_tiny"].failures)


@pytest.mark.parametrize("byte_level", [True, False], ids=["tokens-of-bytes", "byte-fallback"])
def test_structured_output_makes_datapoints_of_any_model(tmp_path, byte_level):
    model = save_tiny_language_model(tmp_path / "model", byte_level=byte_level)
    release = release_for(tmp_path, model, calls=8, sampling={"max_tokens": 1000})

    summary = generate(release)

    assert (summary.answered, summary.failed) == (8, 0)
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


def test_a_dataset_says_what_its_model_is_called_and_not_where_it_is(tmp_path):
    model = save_tiny_language_model(tmp_path / "private" / "tiny-model")
    release = release_for(tmp_path / "release", model, calls=8, sampling={"max_tokens": 1000})
    generate(release)

    manifest = build(release)

    config = manifest["configs"]["da_tiny"]
    assert (config["model"], list(config["model_snapshots"])) == ("tiny-model", ["tiny-model"])
    [provenance] = config["provenance"]["files"]
    assert set(read_table(release.dataset / provenance["file"])["model"].to_pylist()) == {"tiny-model"}
    card = write_card(release.dataset).read_text(encoding="utf-8")
    assert "tiny-model" in card
    assert str(tmp_path) not in card + json.dumps(manifest)


@pytest.mark.parametrize("format_", ["paper", "spans"])
def test_every_format_is_followed(tmp_path, model, format_):
    release = release_for(tmp_path, model, calls=2, format=format_, sampling={"max_tokens": 1000})

    generate(release)

    for call, reply in answers(release):
        assert call.schema is not None
        jsonschema.validate(json.loads(reply.text or ""), dict(call.schema))


def test_without_structured_output_what_is_no_datapoint_is_rejected_with_its_reason(tmp_path, model):
    release = release_for(tmp_path, model, structured_output=False, sampling={"max_tokens": 50})

    summary = generate(release)

    assert summary.answered == 6
    assert all(call.schema is None for call, _ in answers(release))
    with pytest.raises(DataError, match="no datapoint is left"):
        build(release)


def test_a_reply_is_a_chat_completion(tmp_path, model):
    release = release_for(tmp_path, model, calls=1)

    generate(release)

    ((call, reply),) = answers(release)
    completion = read_completion(reply.raw)
    assert (completion.text, completion.finish_reason) == (reply.text, reply.finish_reason)
    assert completion.usage == reply.usage
    tokenizer = AutoTokenizer.from_pretrained(model)
    prompt = tokenizer.apply_chat_template(
        [dict(message) for message in call.messages], tokenize=False, add_generation_prompt=True
    )
    assert prompt.endswith("<|assistant|>")
    assert reply.usage["prompt_tokens"] == len(tokenizer(prompt, add_special_tokens=False)["input_ids"])
    assert reply.usage["completion_tokens"] == pytest.approx(len(tokenizer(reply.text)["input_ids"]), rel=0.5)
    assert json.loads(reply.raw)["seed"] == int(call.key[:12], 16)
    assert (reply.model, call.base_url) == (str(model), "local:")
    assert 0 < reply.started <= reply.finished


@pytest.mark.parametrize(
    "sampling",
    [{"temperature": 0}, {"top_k": 1}, {"top_p": 0.001}, {"min_p": 1}],
    ids=lambda sampling: next(iter(sampling)),
)
def test_the_likeliest_tokens_are_those_of_transformers_itself(tmp_path, model, sampling):
    release = release_for(
        tmp_path, model, calls=3, structured_output=False, sampling={"max_tokens": 30, **sampling}
    )

    generate(release)

    tokenizer = AutoTokenizer.from_pretrained(model)
    weights: Any = LlamaForCausalLM.from_pretrained(model)
    for call, reply in answers(release):
        prompt = tokenizer.apply_chat_template(
            [dict(message) for message in call.messages],
            add_generation_prompt=True,
            return_tensors="pt",
            return_dict=True,
        )
        expected = weights.generate(**prompt, do_sample=False, max_new_tokens=30)
        assert reply.text == tokenizer.decode(
            expected[0, prompt["input_ids"].shape[1] :], skip_special_tokens=True
        )


def test_what_the_release_does_not_say_the_model_does(tmp_path, model):
    greedy = save_tiny_language_model(tmp_path / "greedy", top_k=1, do_sample=True, max_new_tokens=25)
    settings = {"structured_output": False, "calls": 2}
    release = release_for(tmp_path / "a", greedy, sampling={}, **settings)
    said = release_for(tmp_path / "b", model, sampling={"top_k": 1, "max_tokens": 25}, **settings)

    generate(release)
    generate(said)

    assert texts(release) == texts(said)
    assert {reply.usage["completion_tokens"] for _, reply in answers(release)} == {25}


def test_repetition_is_penalised_whatever_stands_beside_a_call(tmp_path, model):
    sampling = {"max_tokens": 20, "repetition_penalty": 1.5, "temperature": 0}
    settings = {"structured_output": False, "calls": 4, "sampling": sampling}
    alone = release_for(tmp_path / "alone", model, batch_size=1, **settings)
    together = release_for(tmp_path / "together", model, batch_size=4, **settings)
    unpunished = release_for(
        tmp_path / "unpunished", model, **{**settings, "sampling": {**sampling, "repetition_penalty": 1}}
    )

    for release in (alone, together, unpunished):
        generate(release)

    assert texts(alone) == texts(together) != texts(unpunished)


class Killing(Unwatched):
    """Ends its process without a word in the middle of the second batch."""

    def __init__(self) -> None:
        self._seen = 0

    def advance(self, config: str, split: str, outcome: Outcome, cost: float | None) -> None:
        self._seen += 1
        if self._seen == 6:
            os.kill(os.getpid(), signal.SIGKILL)


def test_a_run_that_was_killed_goes_on_as_if_nothing_had_happened(tmp_path, model):
    undisturbed, killed = (
        release_for(tmp_path / name, model, calls=10, structured_output=False, sampling={"max_tokens": 15})
        for name in ("undisturbed", "killed")
    )
    process = get_context("fork").Process(target=generate, args=(killed,), kwargs={"watcher": Killing()})
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert len(texts(killed)) == 8

    assert generate(killed).answered == 2
    generate(undisturbed)

    assert texts(killed) == texts(undisturbed)
    assert len(set(texts(killed))) == 10


def test_a_call_gets_the_same_text_in_any_batch_and_nothing_is_asked_twice(tmp_path, model):
    short = {"calls": 5, "sampling": {"max_tokens": 40}}
    one, four = (release_for(tmp_path / str(size), model, batch_size=size, **short) for size in (1, 4))

    generate(one)
    generate(four)

    assert texts(one) == texts(four)
    # Only the batch is another: what was answered holds.
    moved = release_for(tmp_path / "1", model, batch_size=3, dtype="auto", **short)
    assert generate(moved).answered == 0
    computed_otherwise = release_for(tmp_path / "1", model, dtype="float32", **short)
    assert generate(computed_otherwise).answered == 5


def test_a_seed_of_the_release_is_that_of_every_call(tmp_path, model):
    first, second, other = (
        release_for(tmp_path / name, model, calls=4, sampling={"max_tokens": 30, "seed": seed})
        for name, seed in (("first", 5), ("second", 5), ("other", 6))
    )

    for release in (first, second, other):
        generate(release)

    assert {json.loads(reply.raw)["seed"] for _, reply in answers(first)} == {5}
    assert texts(first) == texts(second) != texts(other)


def test_a_stop_text_ends_an_answer_and_is_no_part_of_it(tmp_path, model):
    sampling = {"max_completion_tokens": 300, "stop": ['"label"', "nie"]}
    release = release_for(tmp_path, model, sampling=sampling)

    generate(release)

    stopped = [reply for _, reply in answers(release) if (reply.text or "").endswith(", ")]
    assert stopped
    assert all('"label"' not in (text or "") for text in texts(release))
    assert {reply.finish_reason for reply in stopped} == {"stop"}


def test_an_answer_that_is_cut_says_so(tmp_path, model):
    release = release_for(tmp_path, model, calls=2, sampling={"max_completion_tokens": 7, "max_tokens": 90})

    generate(release)

    assert [(reply.finish_reason, reply.usage["completion_tokens"]) for _, reply in answers(release)] == [
        ("length", 7)
    ] * 2


def test_a_prompt_that_is_too_long_fails_alone(tmp_path):
    model = save_tiny_language_model(tmp_path / "model", positions=2000)
    release = release_for(tmp_path, model, calls=21, sampling={"max_tokens": 10})
    with (tmp_path / "gold" / "train.conll").open("a", encoding="utf-8") as gold:
        gold.write("\n" + "Læsø B-LOC\nsov O\n" * 300)

    summary = generate(release)

    assert (summary.answered, summary.failed) == (20, 1)
    (reason,) = failures(summary)
    assert reason.startswith("the prompt has ")
    assert reason.endswith(" tokens, and the model takes 2,000")


@pytest.mark.parametrize(
    ("room", "answered", "failed"), [(3, 6, 0), (0, 0, 6)], ids=["for-three-rows", "for-none"]
)
def test_out_of_memory_halves_the_batch(tmp_path, model, monkeypatch, room, answered, failed):
    forward = LlamaForCausalLM.forward

    def with_little_memory(self, input_ids=None, **arguments):
        assert input_ids is not None
        if input_ids.shape[0] > room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return forward(self, input_ids, **arguments)

    monkeypatch.setattr(LlamaForCausalLM, "forward", with_little_memory)
    release = release_for(tmp_path, model, sampling={"max_tokens": 20})

    summary = generate(release)

    assert (summary.answered, summary.failed) == (answered, failed)
    assert all("not enough memory" in reason for reason in failures(summary))


def test_scores_that_are_no_numbers_fail_their_calls(tmp_path):
    model = save_tiny_language_model(tmp_path / "model")
    weights = load_file(model / "model.safetensors")
    weights["lm_head.weight"][7] = float("nan")
    save_file(weights, model / "model.safetensors", metadata={"format": "pt"})
    release = release_for(tmp_path, model)

    summary = generate(release)

    assert summary.failed == 6
    assert all("no numbers" in reason for reason in failures(summary))


def test_the_first_interrupt_waits_for_the_batch_under_way(tmp_path, model):
    told = []

    class Interrupting(Unwatched):
        def advance(self, config: str, split: str, outcome: Outcome, cost: float | None) -> None:
            if not told:
                os.kill(os.getpid(), signal.SIGINT)

        def stopping(self, under_way: int) -> None:
            told.append(under_way)

    release = release_for(tmp_path, model, calls=10, sampling={"max_tokens": 20})

    with pytest.raises(KeyboardInterrupt):
        generate(release, watcher=Interrupting())

    assert told == [4]
    assert len(texts(release)) == 4
    assert generate(release).answered == 6


@pytest.mark.parametrize(
    ("template", "written"),
    [(None, PLAIN_TEMPLATE), (NO_SYSTEM_ROLE, NO_SYSTEM_ROLE)],
    ids=["no-template", "no-system-role"],
)
def test_models_with_another_idea_of_a_chat_are_asked_all_the_same(tmp_path, template, written):
    model = save_tiny_language_model(tmp_path / "model", chat_template=template)
    release = release_for(tmp_path, model, calls=1, sampling={"max_tokens": 5})

    generate(release)

    ((call, reply),) = answers(release)
    tokenizer = AutoTokenizer.from_pretrained(model)
    system, user = (message["content"] for message in call.messages)
    messages = [{"role": "user", "content": f"{system}\n\n{user}"}]
    prompt = tokenizer.apply_chat_template(
        messages, chat_template=written, tokenize=False, add_generation_prompt=True
    )
    assert reply.usage["prompt_tokens"] == len(tokenizer(prompt, add_special_tokens=False)["input_ids"])


def test_configs_share_a_model_and_let_it_go(tmp_path, model, monkeypatch):
    loaded = []
    load = LlamaForCausalLM.__init__

    def counted(self, *arguments, **settings):
        loaded.append(1)
        load(self, *arguments, **settings)

    monkeypatch.setattr(LlamaForCausalLM, "__init__", counted)
    generator = {
        "engine": "transformers",
        "model": str(model),
        "examples": 1,
        "datapoints": 1,
        "calls": {"train": 1},
        "sampling": {"max_tokens": 5},
    }
    release = write_release(
        tmp_path, {"a": generator, "b": {**generator, "transformers": {"structured_output": False}}}
    )
    gc.collect()
    gc.disable()
    try:
        assert generate(release).answered == 2
        in_memory = [thing for thing in gc.get_objects() if type(thing) is LlamaForCausalLM]
    finally:
        gc.enable()

    assert (len(loaded), in_memory) == (1, [])


@pytest.mark.parametrize(
    ("sampling", "message"),
    [
        ({"temprature": 1}, "no parameter `temprature`\nDid you mean `temperature`"),
        ({"frequency_penalty": 1}, "has no parameter `frequency_penalty`"),
    ],
    ids=["unknown", "of-other-engines"],
)
def test_sampling_that_the_engine_does_not_have_is_refused_with_the_plan(tmp_path, model, sampling, message):
    release = release_for(tmp_path, model, sampling=sampling)

    with pytest.raises(ReleaseError, match=message):
        plan_summary(release)


@pytest.mark.parametrize(
    ("name", "value"),
    [("top_p", 2), ("temperature", -1), ("max_tokens", 0), ("seed", "5"), ("stop", [1]), ("top_k", 1.5)],
    ids=str,
)
def test_a_sampling_parameter_that_is_none_is_refused(tmp_path, model, name, value):
    release = release_for(tmp_path, model, sampling={name: value})

    with pytest.raises(ReleaseError, match=f"`{name}` must be"):
        generate(release)


def test_a_model_that_is_not_there_is_an_error(tmp_path):
    release = release_for(tmp_path, "./models/none")

    with pytest.raises(EngineError, match="there is no folder with a model"):
        generate(release)


def test_a_folder_beside_the_release_is_a_model(tmp_path):
    save_tiny_language_model(tmp_path / "models" / "tiny")

    assert generate(release_for(tmp_path, "models/tiny", calls=1)).answered == 1


def test_pickled_weights_are_not_read(tmp_path):
    model = save_tiny_language_model(tmp_path / "model")
    weights = load_file(model / "model.safetensors")
    (model / "model.safetensors").unlink()
    torch.save(weights, model / "pytorch_model.bin")

    with pytest.raises(EngineError, match="safetensors"):
        generate(release_for(tmp_path, model))


def test_code_that_comes_with_a_model_is_not_run(tmp_path):
    model = save_tiny_language_model(tmp_path / "model")
    config = json.loads((model / "config.json").read_text())
    config["model_type"] = "homemade"
    config["auto_map"] = dict.fromkeys(("AutoConfig", "AutoModelForCausalLM"), "code.Model")
    (model / "config.json").write_text(json.dumps(config))
    (model / "code.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")

    with pytest.raises(EngineError, match="code of its own"):
        generate(release_for(tmp_path, model))
    assert not (tmp_path / "ran").exists()


def test_the_extra_that_is_lacking_is_named(tmp_path, model, monkeypatch):
    monkeypatch.setitem(sys.modules, "llguidance", None)

    with pytest.raises(WrongUsageError, match=r"not installed: llguidance\n.*synthner\[local\]"):
        generate(release_for(tmp_path, model))


def test_a_chat_template_that_cannot_write_a_chat_is_an_error(tmp_path):
    model = save_tiny_language_model(tmp_path / "model", chat_template="{{ raise_exception('no') }}")

    with pytest.raises(EngineError, match="cannot write a chat"):
        generate(release_for(tmp_path, model))


def test_a_model_that_fails_stops_the_run_and_says_why(tmp_path, model, monkeypatch):
    def failing(*_: Any, **__: Any) -> None:
        raise RuntimeError("CUDA error: device-side assert triggered")

    monkeypatch.setattr(LlamaForCausalLM, "forward", failing)

    with pytest.raises(EngineError, match="device-side assert"):
        generate(release_for(tmp_path, model))
