"""The recorded engine: past responses become the answers of a plan, and nothing else is needed."""

import gzip
import json
from typing import Any

import pytest

from synthner.generation.generate import generate
from synthner.generation.journal import Journal, Progress
from synthner.generation.plan import plan_summary
from synthner.release import Release
from synthner.schema.errors import DataError, ReleaseError
from synthner.tests.chat_server import completion
from synthner.tests.small_release import write_release

TEMPLATE = "raw/{language}_{split}_{generator}.jsonl"


def lines_of_text(texts: list[str]) -> str:
    return "".join(
        json.dumps({"call_idx": index, "raw_output": text}, ensure_ascii=False) + "\n"
        for index, text in enumerate(texts)
    )


def release_for(folder, files: dict[str, str], responses: str = TEMPLATE, **settings: Any) -> Release:
    (folder / "raw").mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / "raw" / name).write_text(text, encoding="utf-8")
    recorded = {"engine": "recorded", "recorded": {"responses": responses}, **settings}
    return write_release(folder, {"llama": recorded})


def answers(release: Release):
    with Journal(release.journal) as journal:
        return list(journal.answers("da_llama"))


def test_every_split_that_has_a_file_is_replayed_in_order(tmp_path):
    release = release_for(
        tmp_path,
        {
            "da_test_llama.jsonl": lines_of_text(["sidst"]),
            "da_train_llama.jsonl": lines_of_text(["først", "så"]),
        },
        datapoints=7,
    )

    summary = generate(release)

    assert (summary.answered, summary.failed) == (3, 0)
    found = [(call.split, call.index, reply and reply.text) for call, reply in answers(release)]
    assert found == [("train", 0, "først"), ("train", 1, "så"), ("test", 0, "sidst")]
    call, reply = answers(release)[0]
    assert (call.messages, call.seed_ids, call.datapoints, call.engine) == ((), (), 7, "recorded")
    assert call.base_url
    assert call.base_url.startswith("recorded:da_train_llama.jsonl#")
    assert reply
    assert json.loads(reply.raw) == {"call_idx": 0, "raw_output": "først"}


def test_calls_choose_splits_and_how_much_of_each(tmp_path):
    files = {
        f"da_{split}_llama.jsonl": lines_of_text(["a", "b", "c"]) for split in ("train", "validation", "test")
    }
    release = release_for(tmp_path, files, calls={"train": 2, "validation": 1})

    generate(release)

    assert [(call.split, call.index) for call, _ in answers(release)] == [
        ("train", 0),
        ("train", 1),
        ("validation", 0),
    ]


def test_all_that_an_api_says_is_kept(tmp_path):
    body = json.loads(completion("æ"))
    batch = {"id": "r1", "custom_id": "c1", "response": {"status_code": 200, "body": body}, "error": None}
    release = release_for(tmp_path, {"da_train_llama.jsonl": json.dumps(batch) + "\n"})

    generate(release)

    ((_, reply),) = answers(release)
    assert reply
    assert reply.text == "æ"
    assert reply.model == "model-of-the-day"
    assert reply.usage == {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
    assert reply.finish_reason == "stop"


def test_a_recorded_failure_is_counted_and_not_replayed_again(tmp_path):
    failed = {"id": "r1", "response": None, "error": {"message": "the batch expired"}}
    text = lines_of_text(["a"]) + json.dumps(failed) + "\n"
    release = release_for(tmp_path, {"da_train_llama.jsonl": text})

    summary = generate(release)
    assert (summary.answered, summary.failed) == (1, 1)
    assert summary.configs["da_llama"].failures == {"the batch expired": 1}

    again = generate(release)

    assert (again.answered, again.failed) == (0, 0)
    assert again.configs["da_llama"].splits == {"train": Progress(2, 1, 1)}


def test_another_recording_under_the_same_name_is_another_answer(tmp_path):
    generate(release_for(tmp_path, {"da_train_llama.jsonl": lines_of_text(["old", "older"])}))
    release = release_for(tmp_path, {"da_train_llama.jsonl": lines_of_text(["new"])})

    generate(release)

    assert [reply and reply.text for _, reply in answers(release)] == ["new"]


def test_a_packed_recording_beside_the_release_is_read(tmp_path):
    folder = tmp_path / "release"
    folder.mkdir()
    with gzip.open(tmp_path / "past.jsonl.gz", "wt", encoding="utf-8") as stream:
        stream.write(lines_of_text(["a", "b"]))
    release = release_for(folder, {}, responses="../past.jsonl.gz")

    assert generate(release).answered == 2


def test_some_splits_may_be_packed_and_others_not(tmp_path):
    release = release_for(tmp_path, {"da_test_llama.jsonl": lines_of_text(["b"])}, responses=TEMPLATE + ".gz")
    with gzip.open(tmp_path / "raw" / "da_train_llama.jsonl.gz", "wt", encoding="utf-8") as stream:
        stream.write(lines_of_text(["a"]))

    generate(release)

    assert [(call.split, reply and reply.text) for call, reply in answers(release)] == [
        ("train", "a"),
        ("test", "b"),
    ]


def test_a_missing_recording_names_config_split_and_path(tmp_path):
    release = release_for(tmp_path, {"da_test_llama.jsonl": lines_of_text(["a"])})

    with pytest.raises(ReleaseError, match="train") as caught:
        generate(release)

    assert "da_llama" in str(caught.value)
    assert str(tmp_path / "raw" / "da_train_llama.jsonl") in str(caught.value)
    release = release_for(tmp_path, {}, calls={"validation": 1})
    with pytest.raises(ReleaseError, match="validation"):
        generate(release)


def test_one_file_is_not_read_as_two_splits(tmp_path):
    release = release_for(
        tmp_path,
        {"all.jsonl": lines_of_text(["a"])},
        responses="raw/all.jsonl",
        calls={"train": 1, "test": 1},
    )
    with pytest.raises(ReleaseError, match="same responses"):
        generate(release)

    release = release_for(tmp_path, {}, responses="raw/all.jsonl")
    generate(release)
    assert [call.split for call, _ in answers(release)] == ["train"]


def test_braces_and_attributes_in_a_path_are_left_as_they_are(tmp_path):
    release = release_for(
        tmp_path, {"{0.__class__}{x}.jsonl": lines_of_text(["a"])}, responses="raw/{0.__class__}{x}.jsonl"
    )

    assert generate(release).answered == 1


def test_a_line_that_is_no_response_is_named_before_anything_is_kept(tmp_path):
    text = lines_of_text(["a"]) + '{"birds": 3}\n'
    release = release_for(tmp_path, {"da_train_llama.jsonl": text})

    with pytest.raises(DataError, match=r"da_train_llama\.jsonl:2"):
        generate(release)

    assert answers(release) == []


def test_a_recorded_plan_says_what_is_there_and_shows_no_prompt(tmp_path):
    release = release_for(tmp_path, {"da_train_llama.jsonl": lines_of_text(["a", "b"])})

    plan = plan_summary(release).configs["da_llama"]

    assert plan.first_prompt is None
    assert plan.format is None
    assert (plan.splits["train"].calls, plan.splits["train"].to_ask) == (2, 2)
    assert plan.splits["train"].seeds_from is None
    assert not release.journal.exists()


@pytest.mark.parametrize(
    ("model", "name", "answered"),
    [
        pytest.param("gpt-4", "{language}_{split}_gpt-4.1-2025-04-14_raw.jsonl.gz", 350, id="batch"),
        pytest.param(
            "Llama-3.1-8B-Instruct",
            "{language}_{split}_Llama-3.1-8B-Instruct_raw_outputs.jsonl.gz",
            350,
            id="raw_output",
        ),
        pytest.param(
            "aya-expanse-32b",
            "{language}_{split}_aya-expanse-32b_raw_outputs.jsonl.gz",
            350,
            id="some packed",
        ),
    ],
)
def test_the_published_responses_of_the_paper_replay(tmp_path, shared, model, name, answered):
    responses = shared / "data" / "llm_responses" / "kamath_vajjala" / model / name
    release = release_for(tmp_path, {}, responses=str(responses))

    summary = generate(release)

    assert (summary.answered, summary.failed) == (answered, 0)
    splits = summary.configs["da_llama"].splits
    assert {split: count.planned for split, count in splits.items()} == {
        "train": 250,
        "validation": 50,
        "test": 50,
    }
