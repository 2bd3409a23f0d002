"""Publishing on the Hub: what one commit does, which version it makes, and what users then load."""

import json
import shutil
import sys

import pytest
from huggingface_hub import DatasetCard

from synthner.cards.kept_text import BEGIN, END
from synthner.tests.hub_publishing import change_release

pytest_plugins = ["synthner.tests.publishing_fixtures"]

FILES = {
    "README.md",
    "eval.yaml",
    "manifest.json",
    *(
        f"da_config{number}/{split}-00000-of-00001.parquet"
        for number in (0, 1)
        for split in ("train", "test")
    ),
    *(f"provenance/da_config{number}.parquet" for number in (0, 1)),
}
TRAIN = "da_config0/train-00000-of-00001.parquet"
OF_EVERY_RELEASE = {"README.md", "manifest.json"}
SENDING = ("preupload", "lfs-batch", "lfs-upload", "commit", "tag", "create", "settings")


def test_the_first_release_is_one_commit_that_loads(publisher, release, repository):
    outcome = publisher.published(release("base"))

    assert (outcome["version"], outcome["tag"], set(outcome["sent"])) == ("1.0.0", "v1.0.0", FILES)
    assert outcome["configs"] == {f"da_config{n}": {"train": 3, "test": 1} for n in (0, 1)}
    assert publisher.commits(repository) == ["Release 1.0.0", "initial commit"]
    assert publisher.tags(repository) == {"v1.0.0": outcome["commit"]}
    assert set(publisher.files(repository)) == FILES | {".gitattributes"}


def test_users_load_every_config_split_and_version(publisher, release, repository):
    publisher.published(release("base"))

    loaded = publisher.python(f"""
import datasets, json
from datasets import load_dataset
configs = datasets.get_dataset_config_names({repository!r})
pinned = load_dataset({repository!r}, configs[1], revision="v1.0.0")
split = load_dataset({repository!r}, "da_config0", split="train")
streamed = load_dataset({repository!r}, "da_config0", split="train", streaming=True)
print(json.dumps({{
    "configs": configs,
    "pinned": {{name: rows.num_rows for name, rows in pinned.items()}},
    "labels": split.features["ner_tags"].feature.names,
    "streamed": list(streamed) == list(split),
    "default": load_dataset({repository!r}, split="test")["tokens"][0],
}}))
""")

    assert loaded == {
        "configs": ["da_config0", "da_config1"],
        "pinned": {"train": 3, "test": 1},
        "labels": ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"],
        "streamed": True,
        "default": ["Ellen", "Toft", "bor", "ved", "Skagen", "test", "0", "."],
    }


def test_the_published_card_and_manifest_name_repository_and_version(publisher, release, repository):
    publisher.published(release("base"))
    publisher.published(release("more rows"))

    card = publisher.text(repository, "README.md")
    assert f'load_dataset("{repository}", "da_config0", revision="v1.1.0")' in card
    data = DatasetCard(card).data.to_dict()
    assert (data["license"], data["task_ids"]) == ("cc0-1.0", ["named-entity-recognition"])
    manifest = json.loads(publisher.text(repository, "manifest.json"))
    assert (manifest["version"], manifest["release"]["name"]) == ("1.1.0", repository)
    assert manifest["changelog"] == [
        {"version": "1.1.0", "changes": ["da_config1: rows 2 added."]},
        {"version": "1.0.0", "changes": ["First release."]},
    ]


def test_publishing_again_sends_nothing(publisher, release, repository):
    first = publisher.published(release("base"))
    since = len(publisher.hub.requests)

    again = publisher.published(release("base"))

    assert (again["commit"], again["sent"], again["version"]) == (None, [], "1.0.0")
    assert (again["revision"], again["configs"]) == (first["commit"], first["configs"])
    assert again["loaded_back"] == []
    assert publisher.calls(*SENDING, since=since) == []
    read = {call.path.partition("?")[0] for call in publisher.calls("resolve", since=since)}
    assert {path.rpartition("/")[2] for path in read} <= {"manifest.json", "README.md"}
    shown = publisher.publish(release("base")).stdout
    assert "Nothing has changed" in shown
    assert "Every file is as it was when this version was loaded back and tagged" in shown
    assert f'load_dataset("{repository}", "da_config1", revision="v1.0.0")  # 3 train, 1 test' in shown


def test_one_changed_config_sends_its_files_only(publisher, release, repository):
    first = publisher.published(release("base"))
    since = len(publisher.hub.requests)

    outcome = publisher.published(release("more rows"))

    assert (list(first["configs"]), first["loaded_back"]) == (["da_config0", "da_config1"],) * 2
    assert outcome["loaded_back"] == ["da_config1"]
    assert not [call for call in publisher.calls("resolve", since=since) if "da_config0" in call.path]
    changed = {"da_config1/train-00000-of-00001.parquet", "provenance/da_config1.parquet"}
    assert set(outcome["sent"]) == changed | OF_EVERY_RELEASE
    assert len(publisher.calls("commit", since=since)) == 1
    assert publisher.tags(repository) == {"v1.0.0": first["commit"], "v1.1.0": outcome["commit"]}
    former = publisher.load(repository, "da_config1", "v1.0.0")["train"]
    assert publisher.load(repository, "da_config1")["train"] == [
        *former,
        *([*former[0][:-2], str(row), "."] for row in (3, 4)),
    ]


@pytest.mark.parametrize(
    ("variant", "loaded", "version", "changes"),
    [
        ("more rows", ["da_config1"], "1.1.0", ["da_config1: rows 2 added."]),
        ("three configs", ["da_config2"], "1.1.0", ["da_config2: config added."]),
        ("one config", [], "2.0.0", ["da_config1: config removed."]),
        (
            "other labels",
            ["da_config0", "da_config1"],
            "2.0.0",
            [f"da_config{n}: labels or splits are others." for n in (0, 1)],
        ),
        ("other description", [], "1.0.1", ["Card, provenance or manifest only."]),
    ],
    ids=["rows", "config added", "config removed", "labels", "card"],
)
def test_the_version_says_what_changed_for_users_and_that_is_loaded_back(
    publisher, release, repository, variant, loaded, version, changes
):
    publisher.published(release("base"))

    outcome = publisher.published(release(variant))

    assert outcome["loaded_back"] == loaded
    assert (outcome["version"], outcome["tag"]) == (version, f"v{version}")
    manifest = json.loads(publisher.text(repository, "manifest.json"))
    assert manifest["changelog"][0] == {"version": version, "changes": changes}
    there = set(publisher.files(repository))
    assert {name.partition("/")[0] for name in there if name.startswith("da_")} == set(manifest["configs"])
    assert there == {*outcome["sent"], *outcome["unchanged"], ".gitattributes"}


def test_on_top_of_what_was_never_tagged_everything_is_loaded_back(publisher, release, repository):
    publisher.published(release("base"))
    publisher.api.delete_tag(repository, tag="v1.0.0", repo_type="dataset")

    outcome = publisher.published(release("more rows"))

    assert outcome["loaded_back"] == ["da_config0", "da_config1"]


def test_a_config_whose_metadata_people_changed_is_loaded_back(publisher, release, repository):
    publisher.published(release("base"))
    card = publisher.text(repository, "README.md")
    assert card.count("path: da_config0/test-*") == 1
    publisher.by_others(repository, {"README.md": card.replace("path: da_config0/test-*", "path: test-*")})

    outcome = publisher.published(release("base"))

    assert outcome["loaded_back"] == ["da_config0"]
    assert publisher.text(repository, "README.md").count("path: da_config0/test-*") == 1


def test_what_others_put_into_the_repository_stays(publisher, release, repository):
    publisher.published(release("base"))
    card = publisher.text(repository, "README.md")
    card = card.replace("---\n", "---\nviewer: false\n", 1)
    card = card.replace(BEGIN, f"# Read this first\n\n{BEGIN}").replace(END, f"{END}\n\n## Thanks\n\nTo all.")
    publisher.by_others(
        repository, {"README.md": card, "scripts/plot.py": "pass\n", "da_config1/notes.md": "!"}
    )

    outcome = publisher.published(release("one config"))

    assert outcome["version"] == "2.0.0"
    text = publisher.text(repository, "README.md")
    assert DatasetCard(text).data.to_dict()["viewer"] is False
    assert "# Read this first\n" in text.partition(BEGIN)[0]
    assert "## Thanks\n\nTo all." in text.partition(END)[2]
    assert "da_config1" not in text.partition(BEGIN)[2].partition("## Version")[0]
    there = publisher.files(repository)
    assert {"scripts/plot.py", "da_config1/notes.md"} <= set(there)
    assert not [name for name in there if name.startswith("da_config1/") and name.endswith(".parquet")]
    assert publisher.published(release("one config"))["commit"] is None


def test_text_that_differs_here_and_there_is_refused_and_kept(publisher, release, repository):
    publisher.published(release("base"))
    written_there = publisher.text(repository, "README.md") + "\nWritten on the website.\n"
    publisher.by_others(repository, {"README.md": written_there})
    folder = release("more rows")
    here = folder / "dataset" / "README.md"
    written_here = here.read_text(encoding="utf-8") + "\nWritten here.\n"
    here.write_text(written_here, encoding="utf-8")
    before = publisher.files(repository)

    error = publisher.refused(folder)

    assert "people wrote different text" in error
    assert str(here) in error
    assert f"{repository}/README.md" in error
    assert publisher.files(repository) == before
    assert here.read_text(encoding="utf-8") == written_here
    here.write_text(written_here.replace("Written here.", "Written on the website."), encoding="utf-8")
    assert publisher.published(folder)["version"] == "1.1.0"
    assert "Written on the website." in publisher.text(repository, "README.md")


def test_a_pull_request_leaves_main_alone_until_it_is_merged(publisher, release, repository):
    publisher.published(release("base"))
    before = publisher.files(repository), publisher.tags(repository)

    outcome = publisher.published(release("more rows"), "--pr")

    assert outcome["pull_request"].endswith(f"/datasets/{repository}/discussions/1")
    assert (outcome["revision"], outcome["tag"]) == ("refs/pr/1", None)
    assert (publisher.files(repository), publisher.tags(repository)) == before
    request = publisher.api.get_discussion_details(repository, 1, repo_type="dataset")
    assert request.title == "Release 1.1.0"
    text = " ".join(getattr(request.events[0], "content", "").split())
    assert "| `da_config1` | changed | 2 | 0 | 0 | 40 | 4 → 6 | 4 → 6 |" in text
    assert len(publisher.load(repository, "da_config1", "refs/pr/1")["train"]) == 5

    publisher.hub.fail("pull-request", status=429, retry_after=0)
    again = publisher.published(release("more rows"), "--pr")
    assert again["pull_request"] == outcome["pull_request"]
    assert len(list(publisher.api.get_repo_discussions(repository, repo_type="dataset"))) == 1

    publisher.api.merge_pull_request(repository, 1, repo_type="dataset")
    merged = publisher.published(release("more rows"))
    assert (merged["commit"], merged["tag"], merged["version"]) == (None, "v1.1.0", "1.1.0")
    assert set(publisher.tags(repository)) == {"v1.0.0", "v1.1.0"}


def test_a_pull_request_can_be_the_first_release(publisher, release, repository):
    outcome = publisher.published(release("one config"), "--pr")

    assert set(publisher.files(repository)) == {".gitattributes"}
    assert outcome["configs"]["da_config0"] == {"train": 3, "test": 1}


def test_a_dry_run_says_what_would_happen_and_sends_nothing(publisher, release, repository):
    publisher.published(release("base"))
    since = len(publisher.hub.requests)

    plan = publisher.published(release("more rows"), "--dry-run")
    shown = publisher.publish(release("more rows"), "--dry-run").stdout

    assert (plan["version"], len(plan["sent"]), plan["removed"]) == ("1.1.0", 4, [])
    assert f"Would publish version 1.1.0 to {repository}" in shown
    assert "da_config1: changed, rows +2 −0, 0 changed" in shown
    assert publisher.calls(*SENDING, since=since) == []
    assert "Nothing has changed" in publisher.publish(release("base"), "--dry-run").stdout


def test_a_dry_run_does_not_make_the_repository(publisher, release, repository):
    assert publisher.published(release("one config"), "--dry-run")["version"] == "1.0.0"
    assert not publisher.api.repo_exists(repository, repo_type="dataset")


def test_a_version_that_is_taken_is_passed_over(publisher, release, repository):
    publisher.api.create_repo(repository, repo_type="dataset")
    publisher.api.create_tag(repository, tag="v1.0.0", repo_type="dataset")
    taken = publisher.tags(repository)

    outcome = publisher.published(release("one config"))

    assert outcome["version"] == "1.0.1"
    assert publisher.tags(repository) == taken | {"v1.0.1": outcome["commit"]}


def test_a_name_without_an_organisation_is_the_users(publisher, release, repository):
    name = repository.partition("/")[2]
    folder = release("one config")
    change_release(folder, name=name)
    publisher.hub.fail("whoami", status=500)
    publisher.hub.fail("create", after_bytes=sys.maxsize)  # made, and not heard of

    assert publisher.published(folder)["repository"] == f"ada/{name}"
    assert json.loads(publisher.text(f"ada/{name}", "manifest.json"))["release"]["name"] == f"ada/{name}"


def test_a_renamed_repository_is_followed(publisher, release, repository):
    publisher.published(release("base"))
    publisher.api.move_repo(repository, f"{repository}-now", repo_type="dataset")

    outcome = publisher.published(release("more rows"))

    assert (outcome["repository"], outcome["version"]) == (f"{repository}-now", "1.1.0")
    assert f'load_dataset("{repository}-now"' in publisher.text(f"{repository}-now", "README.md")


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda manifest: "{", "is not JSON"),
        (lambda manifest: manifest.replace('"version": "1.0.0"', '"version": "banana"'), "version"),
        (
            lambda manifest: manifest.replace('"manifest_version": 2', '"manifest_version": 3'),
            "manifest_version",
        ),
        (lambda manifest: manifest.replace("provenance/", "../provenance/"), "no build makes"),
    ],
    ids=["no JSON", "no version", "of the future", "leads out"],
)
def test_a_published_manifest_that_was_edited_is_named(publisher, release, repository, edit, message):
    publisher.published(release("one config"))
    publisher.by_others(repository, {"manifest.json": edit(publisher.text(repository, "manifest.json"))})
    before = publisher.files(repository)

    error = publisher.refused(release("one config"))

    assert message in error
    assert f"{repository}/manifest.json" in error
    assert "Restore it" in error
    assert publisher.files(repository) == before


def test_a_repository_of_other_data_keeps_its_card_and_files(publisher, release, repository):
    publisher.api.create_repo(repository, repo_type="dataset")
    card = "---\nlicense: mit\npaperswithcode_id: names\n---\n# Names by hand\n\nCollected in 2019.\n"
    publisher.by_others(repository, {"README.md": card, "names.txt": "Tove\n"})

    outcome = publisher.published(release("one config"))

    assert outcome["version"] == "1.0.0"
    text = publisher.text(repository, "README.md")
    assert "# Names by hand\n\nCollected in 2019." in text.partition(END)[2]
    data = DatasetCard(text).data.to_dict()
    assert (data["license"], data["paperswithcode_id"]) == ("cc0-1.0", "names")
    assert publisher.text(repository, "names.txt") == "Tove\n"


def test_a_file_of_others_that_would_slip_into_a_split_is_refused(publisher, release, repository):
    publisher.api.create_repo(repository, repo_type="dataset")
    folder = release("one config")
    publisher.by_others(repository, {"da_config0/train-extra.parquet": folder / "dataset" / TRAIN})
    before = publisher.files(repository)

    error = publisher.refused(folder)

    assert "config da_config0, split train" in error
    assert f"{repository}/da_config0/train-extra.parquet" in error
    assert publisher.files(repository) == before


@pytest.mark.parametrize("how", ["removed", "edited"])
def test_published_data_that_was_changed_by_hand_is_put_right(publisher, release, repository, how):
    publisher.published(release("base"))
    built = publisher.files(repository)
    if how == "removed":
        publisher.by_others(repository, {}, TRAIN)
    else:
        publisher.by_others(repository, {TRAIN: "no parquet"})

    outcome = publisher.published(release("base"))
    assert (outcome["sent"], outcome["version"]) == ([TRAIN], "1.0.0")
    assert publisher.files(repository) == built

    publisher.by_others(repository, {TRAIN: "no parquet"})
    assert publisher.published(release("one config"))["version"] == "2.0.0"


def test_a_dataset_that_changed_since_it_was_built_is_not_published(publisher, release, repository):
    folder = release("base")
    shutil.copy(
        folder / "dataset" / "da_config1" / "train-00000-of-00001.parquet", folder / "dataset" / TRAIN
    )

    error = publisher.refused(folder)

    assert TRAIN in error
    assert "Build and publish again." in error
    assert not publisher.api.repo_exists(repository, repo_type="dataset")


@pytest.mark.parametrize(
    ("variant", "of_another", "message"),
    [
        ("base", "one config", "da_config1 is not in release.yaml any more"),
        ("one config", "base", "da_config1 is not built"),
    ],
    ids=["taken out", "new"],
)
def test_a_release_that_has_other_configs_than_were_built_is_not_published(
    publisher, release, repository, variant, of_another, message
):
    generators = json.loads((release(of_another) / "release.yaml").read_text(encoding="utf-8"))["generators"]
    folder = release(variant)
    change_release(folder, generators=generators)

    error = publisher.refused(folder)

    assert message in error
    assert "Run `synthner build`, then publish." in error
    assert not publisher.api.repo_exists(repository, repo_type="dataset")


def test_a_gold_file_under_the_name_of_another_keeps_a_release_back(publisher, release, repository):
    folder = release("one config")
    shutil.copy(folder / "gold-test.conll", folder / "gold.conll")

    error = publisher.refused(folder)

    assert "4 of 4 sentences of test stand in train, too [contamination]" in error
    assert not publisher.api.repo_exists(repository, repo_type="dataset")


def test_nothing_built_says_to_build(publisher, release):
    folder = release("base")
    shutil.rmtree(folder / "dataset")

    for options in ((), ("--dry-run",), ("--rehearse",)):
        assert "Run `synthner build`." in publisher.refused(folder, *options)


def test_a_rehearsal_needs_no_token_and_leaves_the_hub_alone(publisher, release):
    since = len(publisher.hub.requests)

    shown = publisher.publish(release("one config"), "--rehearse", HF_TOKEN="")

    assert shown.status == 0, shown.stderr
    assert "Published version 1.0.0" in shown.stdout
    assert "Nothing has changed" in shown.stdout
    assert "rehearsal" in shown.stderr
    assert publisher.hub.requests[since:] == []


def _copy_into_gold_test(folder):
    words = ["Ellen", "Toft", "bor", "ved", "Skagen", "test", "0", "."]
    lines = "".join(f"{word.upper()} O\n" for word in words)
    with (folder / "gold-test.conll").open("a", encoding="utf-8") as stream:
        stream.write(f"\n\n{lines}")


@pytest.mark.parametrize(
    ("variant", "change", "finding", "message"),
    [
        ("no licence", None, "license", "the dataset has no licence"),
        ("incomplete card", None, "card", "description and authors missing"),
        ("one config", _copy_into_gold_test, "contamination", "1 rows are sentences of gold test"),
    ],
    ids=["licence", "card", "contamination"],
)
def test_a_finding_keeps_a_release_back_until_it_is_accepted(
    publisher, release, repository, variant, change, finding, message
):
    folder = release(variant)
    if change:
        change(folder)

    error = publisher.refused(folder)

    assert message in error
    assert f"[{finding}]" in error
    assert f"publish: accept: {finding}: …" in error
    assert not publisher.api.repo_exists(repository, repo_type="dataset")
    accept = {finding: "It was looked at | and is meant so.", "text": "There is none, as it happens."}
    change_release(folder, publish={"accept": accept})
    assert publisher.published(folder)["version"] == "1.0.0"
    card = publisher.text(repository, "README.md")
    assert f"- `{finding}`: It was looked at &#124; and is meant so.\n" in card
    assert "as it happens" not in card
