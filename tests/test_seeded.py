"""The seeded method: which examples each prompt shows, and what the prompt says."""

import dataclasses
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from synthner.generation.calls import Call
from synthner.generation.methods import METHODS, MethodContext
from synthner.release import Config, Release
from synthner.schema.errors import ReleaseError
from synthner.sources.gold import Gold, load_gold
from synthner.tests.small_release import gold_lines, server_settings, write_release

URL = "http://localhost:8000/v1"


def gold_of(release: Release) -> Gold:
    return load_gold(release.configs[0].gold, "da")


def planned(config: Config, gold: Gold, seed: int) -> Iterator[Call]:
    context = MethodContext(config, gold, seed, Path(), lambda _code: gold)
    return METHODS["seeded"].plan(context)


def plan(folder, *, gold: dict[str, int] | None = None, seed: int = 11, **settings: Any):
    release = write_release(folder, {"gpt": server_settings(URL, **settings)}, gold=gold)
    config = release.configs[0]
    return list(planned(config, gold_of(release), seed))


def user_prompt(call) -> str:
    assert call.messages[1]["role"] == "user"
    return call.messages[1]["content"]


def shown(call) -> list[Any]:
    """Return the examples that a prompt shows: its last lines."""
    return [json.loads(line) for line in user_prompt(call).splitlines() if line.startswith("{")]


def samples(calls) -> list[frozenset[str]]:
    return [frozenset(call.seed_ids) for call in calls]


def test_every_sample_is_different_and_without_repetition(tmp_path):
    calls = plan(tmp_path, calls=120)

    assert [call.index for call in calls] == list(range(120))
    assert all(len(call.seed_ids) == len(set(call.seed_ids)) == 3 for call in calls)
    assert len(set(samples(calls))) == 120


def test_all_samples_there_are_can_be_asked_for_and_no_more(tmp_path):
    calls = plan(tmp_path, gold={"train": 6}, calls=math.comb(6, 3))
    assert len(set(samples(calls))) == 20

    with pytest.raises(
        ReleaseError, match=r"21 different samples of 3 examples do not exist.*6 examples"
    ) as caught:
        plan(tmp_path, gold={"train": 6}, calls=21)
    assert "calls.train" in (caught.value.hint or "")
    with pytest.raises(ReleaseError, match="da_gpt"):
        plan(tmp_path, gold={"train": 2}, calls=1)


def test_a_plan_repeats_from_the_same_seed_and_not_from_another(tmp_path):
    assert plan(tmp_path) == plan(tmp_path)
    assert samples(plan(tmp_path, seed=12)) != samples(plan(tmp_path, seed=11))


def test_raising_k_adds_calls_to_those_planned_before(tmp_path):
    assert plan(tmp_path, calls=30)[:10] == plan(tmp_path, calls=10)


def test_splits_have_samples_of_their_own_in_order(tmp_path):
    release = write_release(
        tmp_path, {"gpt": server_settings(URL) | {"calls": {"test": 4, "train": 6, "validation": 4}}}
    )
    calls = list(planned(release.configs[0], gold_of(release), 11))

    assert [call.split for call in calls] == ["train"] * 6 + ["validation"] * 4 + ["test"] * 4
    assert samples(calls[6:10]) != samples(calls[10:])
    assert samples(calls[:6]) == samples(plan(tmp_path, calls=6))


def test_seeds_come_from_train_unless_the_release_says_otherwise(tmp_path):
    gold = {"train": 8, "validation": 20}
    settings = server_settings(URL) | {"calls": {"train": 3, "validation": 3}}
    release = write_release(tmp_path, {"gpt": settings}, gold=gold)
    source = gold_of(release)
    plain = list(planned(release.configs[0], source, 11))
    release = write_release(
        tmp_path, {"gpt": settings | {"seeds_from": {"validation": "validation"}}}, gold=gold
    )
    stated = list(planned(release.configs[0], source, 11))

    years = {split: {example.tokens[-2] for example in source.splits[split]} for split in gold}

    def shown_years(calls, split):
        return {
            pair[0]
            for call in calls
            if call.split == split
            for example in shown(call)
            for pair in example["words"][-2:-1]
        }

    assert shown_years(plain, "validation") <= years["train"]
    assert not shown_years(stated, "validation") <= years["train"]
    assert stated[:3] == plain[:3]


@pytest.mark.parametrize("held_out", ["validation", "test"])
def test_no_example_stands_in_held_out_gold(tmp_path, held_out):
    gold = {"train": 8 + 4, held_out: 4}
    release = write_release(tmp_path, {"gpt": server_settings(URL, calls=56)}, gold=gold)
    same = gold_lines(4).replace("flyttede", "FLYTTEDE")
    (tmp_path / "gold" / f"{held_out}.conll").write_text(same, encoding="utf-8")

    shown_words = {
        word
        for call in planned(release.configs[0], gold_of(release), 11)
        for example in shown(call)
        for word, _ in example["words"]
    }

    assert {word for word in shown_words if word.isdecimal()} == {str(1904 + number) for number in range(8)}
    release = write_release(tmp_path, {"gpt": server_settings(URL, calls=57)}, gold=gold)
    (tmp_path / "gold" / f"{held_out}.conll").write_text(same, encoding="utf-8")
    with pytest.raises(ReleaseError, match="which has 8 examples that do not stand in held-out gold as well"):
        next(planned(release.configs[0], gold_of(release), 11))


def test_a_gold_split_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ReleaseError, match="gold test, which has 0 examples"):
        plan(tmp_path, seeds_from={"train": "test"})


def test_generators_of_a_language_show_the_same_samples(tmp_path):
    release = write_release(
        tmp_path,
        {
            "small": server_settings(URL, sampling={"temperature": 0.8}),
            "large": server_settings(URL, model="large", format="paper"),
        },
    )
    source = gold_of(release)
    small, large = (list(planned(config, source, 11)) for config in release.configs)

    assert [call.seed_ids for call in small] == [call.seed_ids for call in large]


def test_the_paper_format_is_the_papers_prompt_word_for_word_in_utf_8(tmp_path):
    call = plan(tmp_path, format="paper", examples=2, datapoints=20)[0]
    ids = {
        example.id: example
        for example in load_gold(
            write_release(tmp_path, {"x": server_settings(URL)}).configs[0].gold, "da"
        ).splits["train"]
    }
    numbers = {"O": 0, "B-PER": 1, "I-PER": 2, "B-LOC": 3, "I-LOC": 4}
    examples = [
        json.dumps(
            {"tokens": list(ids[id_].tokens), "ner_tags": [numbers[tag] for tag in ids[id_].ner_tags]},
            ensure_ascii=False,
        )
        for id_ in call.seed_ids
    ]

    assert call.messages == (
        {
            "role": "system",
            "content": "You are a helpful model that helps build text-based datasets, but does not produce "
            "any conversation besides the text it is asked to produce.",
        },
        {
            "role": "user",
            "content": "Help me make a Danish Named Entity Recognition dataset. Please give me 20 new "
            "datapoints, formatted as a single JSON object. Make sure the examples are unique and "
            "diverse. Here are some examples to get you started:\n" + "\n".join(examples),
        },
    )
    assert any(letter in user_prompt(call) for letter in "æøåÆØÅ")
    assert "\\u" not in user_prompt(call)


def test_without_structured_output_the_model_is_told_to_write_json_alone(tmp_path):
    strict = plan(tmp_path, format="paper")[0]
    plain = plan(tmp_path, format="paper", openai={"structured_output": False})[0]

    assert plain.messages[0]["content"] == strict.messages[0]["content"] + " You only output JSON strings."
    assert plain.messages[1] == strict.messages[1]
    assert strict.schema is not None
    assert plain.schema is None


@pytest.mark.parametrize(
    ("structured", "key"),
    [pytest.param(True, "words", id="pairs"), pytest.param(False, "sentence", id="spans")],
)
def test_the_engine_decides_the_format_unless_the_release_does(tmp_path, structured, key):
    call = plan(tmp_path, openai={"structured_output": structured})[0]

    assert [list(example) for example in shown(call)] == [[key]] * 3
    stated = plan(tmp_path, openai={"structured_output": structured}, format="pairs")[0]
    assert [list(example) for example in shown(stated)] == [["words"]] * 3


def test_the_prompt_states_language_number_labels_and_their_meaning(tmp_path):
    prompt = user_prompt(plan(tmp_path, datapoints=17)[0])

    assert prompt.count("Danish") >= 2
    assert "17" in prompt
    assert "O, B-PER, I-PER, B-LOC, I-LOC" in prompt
    assert "- PER: names of people" in prompt
    assert "- ORG" not in prompt
    assert '{"token": "…", "label": "…"}' in prompt
    spans = user_prompt(plan(tmp_path, openai={"structured_output": False})[0])
    assert "<PER>…</PER>, <LOC>…</LOC>" in spans
    assert "{language}" not in prompt + spans


def test_types_without_a_known_meaning_are_explained_by_their_frequent_mentions(tmp_path):
    release = write_release(tmp_path, {"gpt": server_settings(URL)})
    path = tmp_path / "gold" / "train.conll"
    path.write_text(path.read_text(encoding="utf-8").replace("-LOC", "-STED"), encoding="utf-8")
    prompt = user_prompt(next(planned(release.configs[0], gold_of(release), 11)))

    assert "- STED: for example Læsø; Nørre Snede; Thy" in prompt


def test_the_request_names_server_gold_and_sampling(tmp_path):
    call = plan(tmp_path, sampling={"temperature": 0.8, "top_k": 40})[0]

    assert call.base_url == URL
    assert call.sampling == {"temperature": 0.8, "top_k": 40}
    assert call.seed_revision.startswith("sha256:")
    assert call.datapoints == 5


def test_a_slash_after_the_address_asks_nothing_anew(tmp_path):
    plain = plan(tmp_path)
    with_slash = plan(tmp_path, openai={"base_url": URL + "/"})

    assert [call.key for call in plain] == [call.key for call in with_slash]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"model": "large"}, id="model"),
        pytest.param({"sampling": {"temperature": 0.1}}, id="sampling"),
        pytest.param({"openai": {"base_url": "http://localhost:9000/v1"}}, id="address"),
        pytest.param({"format": "spans"}, id="format"),
        pytest.param({"datapoints": 6}, id="datapoints"),
        pytest.param({"openai": {"structured_output": False}, "format": "pairs"}, id="schema"),
    ],
)
def test_what_decides_an_answer_decides_the_key(tmp_path, changes):
    before = {call.key for call in plan(tmp_path)}

    assert before.isdisjoint(call.key for call in plan(tmp_path, **changes))


def test_names_and_concurrency_decide_no_key(tmp_path):
    before = plan(tmp_path)
    after = plan(tmp_path, openai={"concurrency": 3, "api_key_variable": "MY_KEY"})
    renamed = [dataclasses.replace(call, config="da_other") for call in before]

    assert [call.key for call in before] == [call.key for call in after] == [call.key for call in renamed]


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("https://someone:secret@example.org/v1", id="password"),
        pytest.param("https://example.org/v1?api-key=secret", id="query"),
    ],
)
def test_an_address_that_holds_a_key_is_refused_without_repeating_it(tmp_path, address):
    with pytest.raises(ReleaseError, match="api_key_variable") as caught:
        plan(tmp_path, openai={"base_url": address})

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "sampling",
    [
        pytest.param({"n": 2}, id="n"),
        pytest.param({"stream": True}, id="stream"),
        pytest.param({"model": "other"}, id="model"),
    ],
)
def test_what_is_no_sampling_parameter_is_refused(tmp_path, sampling):
    with pytest.raises(ReleaseError, match=f"`{next(iter(sampling))}` is no sampling parameter"):
        plan(tmp_path, sampling=sampling)
