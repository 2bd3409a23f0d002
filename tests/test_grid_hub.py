"""Sources that are on the Hub: a config of any dataset, read by the real clients from a loopback Hub."""

import json

import pytest
from huggingface_hub import CommitOperationAdd

from synthner.hub.loopback import LoopbackHub
from synthner.tests import command_line
from synthner.tests.grid_release import labelled, results_in, write_grid
from synthner.tests.loopback_clients import api_for

NAME = "ada/synthetic-ner"
CARD = """\
---
license: cc0-1.0
configs:
- config_name: en_small
  data_files: [{split: train, path: en/train.jsonl}, {split: validation, path: en/validation.jsonl}]
---
# Names
"""


@pytest.fixture
def hub_with_a_dataset(loopback_hub: LoopbackHub) -> LoopbackHub:
    api = api_for(loopback_hub, loopback_hub.add_user("ada"))
    api.create_repo(NAME, repo_type="dataset")
    files = {"README.md": CARD} | {
        f"en/{split}.jsonl": "".join(
            json.dumps({"id": each.id, "tokens": list(each.tokens), "ner_tags": list(each.ner_tags)}) + "\n"
            for each in labelled(count, f"on the Hub {split}")
        )
        for split, count in (("train", 25), ("validation", 8))
    }
    operations = [CommitOperationAdd(path, text.encode()) for path, text in files.items()]
    api.create_commit(NAME, operations, commit_message="Publish", repo_type="dataset")
    return loopback_hub


def evaluate(folder, hub, *arguments):
    variables = hub.environment(hub.add_user("eve"), folder / "home")
    return command_line.synthner("evaluate", *arguments, folder=folder, **variables)


@pytest.mark.parametrize("revision", ["", "@main"], ids=["newest", "named"])
def test_a_config_of_the_hub_is_learned_and_known_by_its_commit(tmp_path, hub_with_a_dataset, revision):
    theirs = {split: f"hub:{NAME}/{{language}}_small/{split}{revision}" for split in ("train", "validation")}
    write_grid(tmp_path, {"sources": {"theirs": theirs}, "sizes": [10, 100], "seeds": 1})
    ended = evaluate(tmp_path, hub_with_a_dataset, "--workers", "1")
    assert ended.status == 0, ended.stderr
    token = hub_with_a_dataset.add_user("reader")
    commit = api_for(hub_with_a_dataset, token).dataset_info(NAME).sha
    learned = [result["data"]["train"][0] for result in results_in(tmp_path).values()]
    assert sorted(part["sentences"] for part in learned) == [10, 25]
    assert {(part["reference"], part["revision"]) for part in learned} == {
        (f"hub:{NAME}/en_small/train{revision}", commit)
    }


def test_a_dataset_that_is_not_there_is_asked_for_once_and_leaves_the_other_sources(tmp_path, loopback_hub):
    settings = ["scratch", "gold+synthetic", "multilingual"]
    sources = {"organic": "gold", "theirs": {"train": "hub:ada/nothing/x"}}
    write_grid(tmp_path, {"sources": sources, "settings": settings, "sizes": [10], "seeds": 1})
    ended = evaluate(tmp_path, loopback_hub, "--workers", "1")
    assert ended.status == 1
    assert "2 of 2 cells done." in ended.stdout
    assert "Not run: theirs in en: " in ended.stderr
    assert "the Hub has no such dataset, or you may not see it" in ended.stderr
    asked = [request for request in loopback_hub.requests if "ada/nothing" in request.path]
    assert len(asked) == 1
