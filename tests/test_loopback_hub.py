"""The loopback Hub as the real clients see it; the fixture `loopback_hub` comes with the package."""

import base64
import hashlib
import json
import os
import subprocess
import sys
import threading
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from textwrap import dedent
from typing import Any

import httpx2
import pytest
from huggingface_hub import CommitOperationDelete, HfApi
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import RepoFile, RepoFolder

from synthner.hub.loopback import KINDS, LoopbackHub
from synthner.schema.errors import WrongUsageError
from synthner.tests.loopback_clients import (
    CARD,
    NAMES,
    api_for,
    commit,
    content,
    head,
    large,
    run_clients,
    small,
    with_dataset,
)

MEGABYTE = 1024 * 1024


def _kinds(hub: LoopbackHub) -> Counter[str]:
    return Counter(request.kind for request in hub.requests)


def _status(call: Callable[[], object]) -> int:
    with pytest.raises(HfHubHTTPError) as caught:
        call()
    return caught.value.response.status_code


PUBLISH_AND_LOAD = """
    import json, sys
    from datasets import ClassLabel, Dataset, Features, List, Value, load_dataset
    from huggingface_hub import CommitOperationAdd, HfApi

    sys.path.insert(0, {tests!r})
    from loopback_clients import CARD, NAMES

    labels = ClassLabel(names=["O", "B-PER"])
    features = Features({{"tokens": List(Value("string")), "ner_tags": List(labels)}})
    api = HfApi()
    api.create_repo(NAMES, repo_type="dataset")
    files = []
    for split, rows in (("train", 300), ("test", 20)):
        tokens = [["Asha", "anasoma", str(n)] for n in range(rows)]
        Dataset.from_dict({{"tokens": tokens, "ner_tags": [[1, 0, 0]] * rows}}, features).to_parquet(split)
        files.append(CommitOperationAdd(f"swa_gpt4/{{split}}-00000-of-00001.parquet", split))
    files.append(CommitOperationAdd("README.md", CARD.encode()))
    made = api.create_commit(NAMES, files, commit_message="One", repo_type="dataset")
    api.create_tag(NAMES, tag="v1.0.0", revision=made.oid, repo_type="dataset")
    fewer = [["Juma", "analala", "2"]]
    Dataset.from_dict({{"tokens": fewer, "ner_tags": [[1, 0, 0]]}}, features).to_parquet("fewer")
    api.create_commit(
        NAMES,
        [CommitOperationAdd("swa_gpt4/train-00000-of-00001.parquet", "fewer")],
        commit_message="Two",
        repo_type="dataset",
    )
    tagged = load_dataset(NAMES, "swa_gpt4", revision="v1.0.0")
    print(json.dumps({{
        "now": load_dataset(NAMES, "swa_gpt4", split="train")["tokens"][:],
        "tagged": {{split: rows.num_rows for split, rows in tagged.items()}},
        "labels": tagged["train"].features["ner_tags"].feature.names,
        "streamed": next(iter(load_dataset(NAMES, "swa_gpt4", split="test", streaming=True)))["tokens"],
    }}))
"""


@pytest.mark.parametrize("xet", [False, True], ids=["lfs", "xet"])
def test_a_published_dataset_loads(tmp_path, xet):
    with LoopbackHub(tmp_path / "hub", xet=xet) as hub:
        token = hub.add_user("ada", organizations=["acme"])
        code = PUBLISH_AND_LOAD.format(tests=str(Path(__file__).parent))
        loaded = run_clients(hub, token, tmp_path, code)
        kinds = _kinds(hub)

    assert loaded == {
        "now": [["Juma", "analala", "2"]],
        "tagged": {"train": 300, "test": 20},
        "labels": ["O", "B-PER"],
        "streamed": ["Asha", "anasoma", "0"],
    }
    assert (kinds["xet-token"] > 0, kinds["lfs-upload"]) == (xet, 0 if xet else 3)


OTHER_WAYS = """
    import json
    from pathlib import Path
    from datasets import Dataset, load_dataset
    from huggingface_hub import DatasetCard, HfApi, HfFileSystem, snapshot_download

    rows = Dataset.from_dict({"tokens": [["Asha", "anasoma"], ["Juma"]]})
    rows.push_to_hub("acme/pushed", "swa")
    (folder := Path("folder/swa")).mkdir(parents=True)
    rows.to_parquet(folder / "train.parquet")
    (folder / "notes.txt").write_text("notes")
    HfApi().create_repo("acme/names", repo_type="dataset")
    HfApi().upload_folder(repo_id="acme/names", folder_path="folder", repo_type="dataset")
    DatasetCard("---\\nlicense: mit\\n---\\n").validate("dataset")
    files = HfFileSystem()
    snapshot = Path(snapshot_download("acme/names", repo_type="dataset"))
    print(json.dumps({
        "pushed": load_dataset("acme/pushed", "swa", split="train")["tokens"][:],
        "found": files.glob("datasets/acme/names/**/*.txt"),
        "read": files.open("datasets/acme/names/swa/train.parquet").read(4).decode(),
        "copied": (snapshot / "swa" / "notes.txt").read_text(),
    }))
"""


@pytest.mark.parametrize("xet", [False, True], ids=["lfs", "xet"])
def test_the_clients_other_ways_work_too(tmp_path, xet):
    with LoopbackHub(tmp_path / "hub", xet=xet) as hub:
        token = hub.add_user("ada", organizations=["acme"])
        done = run_clients(hub, token, tmp_path, OTHER_WAYS)
        unknown = [request for request in hub.requests if request.kind == "other" or request.status >= 500]
    assert done == {
        "pushed": [["Asha", "anasoma"], ["Juma"]],
        "found": ["datasets/acme/names/swa/notes.txt"],
        "read": "PAR1",
        "copied": "notes",
    }
    assert not unknown


def test_whoami_and_rights(loopback_hub):
    api = with_dataset(loopback_hub)
    me = api.whoami()
    assert (me["name"], [org["name"] for org in me["orgs"]]) == ("ada", ["acme"])
    assert me["auth"]["accessToken"]["role"] == "write"
    api.auth_check(NAMES, repo_type="dataset", write=True)

    reader = api_for(loopback_hub, loopback_hub.add_user("ada", organizations=["acme"], role="read"))
    stranger = api_for(loopback_hub, loopback_hub.add_user("eve"))
    wrong = api_for(loopback_hub, "hf_wrong")
    anonymous = api_for(loopback_hub, False)
    refused = [
        (wrong.whoami, 401),
        (lambda: wrong.dataset_info(NAMES), 401),
        (lambda: reader.create_repo("acme/more", repo_type="dataset"), 403),
        (lambda: reader.auth_check(NAMES, repo_type="dataset", write=True), 403),
        (lambda: commit(reader, small("a.txt", "a")), 403),
        (lambda: commit(stranger, small("a.txt", "a")), 403),
        (lambda: stranger.create_repo("acme/more", repo_type="dataset"), 403),
        (lambda: stranger.delete_repo(NAMES, repo_type="dataset"), 403),
        (lambda: stranger.create_tag(NAMES, tag="v1", repo_type="dataset"), 403),
        (lambda: commit(anonymous, small("a.txt", "a")), 401),
    ]
    assert [_status(call) for call, _ in refused] == [status for _, status in refused]
    assert anonymous.dataset_info(NAMES).id == NAMES
    with pytest.raises(WrongUsageError, match="admin"):
        loopback_hub.add_user("ada", role="admin")


def test_everybody_sees_which_organisations_a_user_belongs_to(loopback_hub):
    loopback_hub.add_user("ada", organizations=["acme"])
    anonymous = api_for(loopback_hub, False)

    seen = anonymous.get_user_overview("ada")

    assert (seen.username, [organization.name for organization in seen.orgs]) == ("ada", ["acme"])
    assert _status(lambda: anonymous.get_user_overview("nobody")) == 404


def test_creating_deleting_and_what_is_not_there(loopback_hub, tmp_path):
    api = with_dataset(loopback_hub)
    assert _status(lambda: api.create_repo(NAMES, repo_type="dataset")) == 409
    assert api.create_repo(NAMES, repo_type="dataset", exist_ok=True).repo_id == NAMES
    assert api.create_repo("own", repo_type="dataset").repo_id == "ada/own"
    with pytest.raises(RevisionNotFoundError):
        api.dataset_info(NAMES, revision="v9")
    with pytest.raises(RemoteEntryNotFoundError):
        content(api, "none.txt", tmp_path)
    with pytest.raises(RemoteEntryNotFoundError):
        list(api.list_repo_tree(NAMES, "none", repo_type="dataset"))
    assert not api.file_exists(NAMES, "none.txt", repo_type="dataset")

    api.delete_repo(NAMES, repo_type="dataset")
    for one in (api, api_for(loopback_hub, False)):
        with pytest.raises(RepositoryNotFoundError):
            one.dataset_info(NAMES)
        assert not one.repo_exists(NAMES, repo_type="dataset")


def test_private_and_gated(loopback_hub, tmp_path):
    api = with_dataset(loopback_hub, visibility="private")
    commit(api, small("a.txt", "a"))
    stranger = api_for(loopback_hub, loopback_hub.add_user("eve"))
    anonymous = api_for(loopback_hub, False)
    for other, status in ((stranger, 404), (anonymous, 401)):
        with pytest.raises(RepositoryNotFoundError) as caught:
            other.dataset_info(NAMES)
        assert caught.value.response.status_code == status
    assert api.dataset_info(NAMES).private

    api.update_repo_settings(NAMES, repo_type="dataset", visibility="public", gated="manual")
    for other, status in ((stranger, 403), (anonymous, 401)):
        assert other.dataset_info(NAMES).gated == "manual"
        with pytest.raises(GatedRepoError) as gated:
            other.hf_hub_download(NAMES, "a.txt", repo_type="dataset", cache_dir=tmp_path / "others")
        assert gated.value.response.status_code == status
    assert content(api, "a.txt", tmp_path) == b"a"


def test_a_renamed_dataset_is_found_by_its_former_name(loopback_hub, tmp_path):
    api = with_dataset(loopback_hub)
    api.move_repo(NAMES, "ada/renamed", repo_type="dataset")
    commit(api, small("a.txt", "a"), large("b.parquet", b"b"))
    assert api.dataset_info(NAMES).id == "ada/renamed"
    assert content(api, "b.parquet", tmp_path) == b"b"

    answer = httpx2.get(f"{loopback_hub.endpoint}/api/datasets/{NAMES}?blobs=true")
    assert (answer.status_code, answer.headers["location"]) == (307, "/api/datasets/ada/renamed?blobs=true")
    api.create_repo(NAMES, repo_type="dataset")
    assert api.dataset_info(NAMES).id == NAMES, "a new one takes the name"


def test_a_commit_adds_and_deletes_at_once(loopback_hub, tmp_path):
    api = with_dataset(loopback_hub)
    first = commit(
        api,
        small("README.md", CARD),
        small("old/a.txt", "a"),
        small("old/b.txt", "b"),
        large("x.parquet", b"x"),
    )
    second = commit(
        api,
        CommitOperationDelete("old/", is_folder=True),
        CommitOperationDelete("x.parquet"),
        small("new.txt", "n"),
        parent_commit=first.oid,
        message="Tidy",
    )

    files = api.list_repo_files(NAMES, repo_type="dataset")
    assert sorted(files) == [".gitattributes", "README.md", "new.txt"]
    assert content(api, "old/b.txt", tmp_path, revision=first.oid) == b"b"
    history = api.list_repo_commits(NAMES, repo_type="dataset")
    assert [found.title for found in history] == ["Tidy", "Change", "initial commit"]
    assert [found.commit_id for found in history[:2]] == [second.oid, first.oid]
    with pytest.raises(RemoteEntryNotFoundError, match="A file with this name doesn't exist"):
        commit(api, CommitOperationDelete("gone.txt"))
    assert head(api) == second.oid


def _commit_lines(api: HfApi, *lines: dict) -> httpx2.Response:
    """Commit what the client would not: the lines as they stand."""
    header = {"key": "header", "value": {"summary": "Wrong"}}
    return httpx2.post(
        f"{api.endpoint}/api/datasets/{NAMES}/commit/main",
        content="\n".join(json.dumps(line) for line in (header, *lines)),
        headers={"Authorization": f"Bearer {api.token}"},
    )


@pytest.mark.parametrize(
    "paths",
    [("a/../../b.txt",), ("/etc/passwd",), ("a", "a/b"), (".git/config",)],
    ids=["out of the repository", "absolute", "file and folder", "git's own"],
)
def test_a_commit_with_a_wrong_path_is_refused(loopback_hub, paths):
    api = with_dataset(loopback_hub)
    before = head(api)
    answer = _commit_lines(api, *({"key": "file", "value": {"path": path, "content": ""}} for path in paths))
    assert (answer.status_code, head(api)) == (400, before)


@pytest.mark.parametrize("oid", ["0" * 64, "../../../../../../etc/passwd"], ids=["unknown", "a path"])
def test_a_large_file_that_was_not_sent_cannot_be_committed(loopback_hub, oid):
    api = with_dataset(loopback_hub)
    answer = _commit_lines(api, {"key": "lfsFile", "value": {"path": "x.parquet", "oid": oid}})
    assert (answer.status_code, "has not been sent" in answer.json()["error"]) == (400, True)


def test_a_connection_goes_on_after_a_refusal(loopback_hub):
    api = with_dataset(loopback_hub)
    lines = (
        '{"key": "header", "value": {"summary": "x"}}\n{"key": "symlink", "value": {}}\n' + "{}\n" * MEGABYTE
    )
    with httpx2.Client(headers={"Authorization": f"Bearer {api.token}"}) as client:
        answer = client.post(f"{api.endpoint}/api/datasets/{NAMES}/commit/main", content=lines)
        assert (answer.status_code, "symlink" in answer.json()["error"]) == (400, True)
        assert client.get(f"{api.endpoint}/api/whoami-v2").json()["name"] == "ada"
    assert loopback_hub.requests[-2].received == len(lines)


def test_what_has_not_changed_is_not_sent_again(loopback_hub):
    api = with_dataset(loopback_hub)
    made = commit(api, small("README.md", CARD), large("x.parquet", b"x" * 1000))
    uploads = _kinds(loopback_hub)["lfs-upload"]

    again = commit(api, small("README.md", CARD), large("x.parquet", b"x" * 1000))
    renamed = commit(api, large("y.parquet", b"x" * 1000))

    assert (again.oid, head(api)) == (made.oid, renamed.oid)
    assert renamed.oid != made.oid
    assert _kinds(loopback_hub)["lfs-upload"] == uploads == 1
    assert _kinds(loopback_hub)["commit"] == 2


def test_a_stale_parent_is_refused(loopback_hub):
    api = with_dataset(loopback_hub)
    stale = head(api)
    newest = commit(api, small("a.txt", "a"), parent_commit=stale)
    assert _status(lambda: commit(api, small("b.txt", "b"), parent_commit=stale)) == 412
    assert head(api) == newest.oid


def test_of_concurrent_commits_one_wins(loopback_hub):
    api = with_dataset(loopback_hub)
    parent = head(api)
    start = threading.Barrier(6)

    def attempt(number: int) -> int:
        start.wait()
        try:
            commit(api, small(f"{number}.txt", "n"), parent_commit=parent)
        except HfHubHTTPError as error:
            return error.response.status_code
        return 200

    with ThreadPoolExecutor(6) as pool:
        statuses = sorted(pool.map(attempt, range(6)))

    assert statuses == [200] + [412] * 5
    assert len(api.list_repo_files(NAMES, repo_type="dataset")) == 2


def test_tags_and_branches(loopback_hub, tmp_path):
    api = with_dataset(loopback_hub)
    first = commit(api, small("a.txt", "1"))
    api.create_tag(NAMES, tag="v1.0.0", revision=first.oid, repo_type="dataset")
    assert _status(lambda: api.create_tag(NAMES, tag="v1.0.0", repo_type="dataset")) == 409
    api.create_tag(NAMES, tag="v1.0.0", repo_type="dataset", exist_ok=True)
    api.create_branch(NAMES, branch="next/one", revision="v1.0.0", repo_type="dataset")
    branched = commit(api, small("a.txt", "2"), revision="next/one")
    with pytest.raises(RevisionNotFoundError):
        commit(api, small("a.txt", "3"), revision="v1.0.0")

    refs = api.list_repo_refs(NAMES, repo_type="dataset")
    assert [(tag.name, tag.ref, tag.target_commit) for tag in refs.tags] == [
        ("v1.0.0", "refs/tags/v1.0.0", first.oid)
    ]
    branches = {branch.name: branch.target_commit for branch in refs.branches}
    assert branches == {"main": first.oid, "next/one": branched.oid}
    assert content(api, "a.txt", tmp_path, "v1.0.0") == b"1"
    assert content(api, "a.txt", tmp_path, "next/one") == b"2"

    api.delete_tag(NAMES, tag="v1.0.0", repo_type="dataset")
    api.delete_branch(NAMES, branch="next/one", repo_type="dataset")
    with pytest.raises(RevisionNotFoundError):
        api.dataset_info(NAMES, revision="v1.0.0")
    assert _status(lambda: api.delete_branch(NAMES, branch="main", repo_type="dataset")) == 400


def test_a_pull_request_is_opened_discussed_and_merged(loopback_hub, tmp_path):
    api = with_dataset(loopback_hub)
    commit(api, small("a.txt", "one\n"), small("b.txt", "b"))
    eve = api_for(loopback_hub, loopback_hub.add_user("eve"))

    proposed = commit(
        eve, small("a.txt", "two\n"), large("x.parquet", b"x"), create_pr=True, message="Better"
    )
    assert (proposed.pr_num, proposed.pr_revision) == (1, "refs/pr/1")
    eve.comment_discussion(NAMES, 1, "Please look", repo_type="dataset")
    commit(api, small("c.txt", "c"))  # main moves on
    assert content(api, "a.txt", tmp_path) == b"one\n"
    assert content(api, "a.txt", tmp_path, "refs/pr/1") == b"two\n"
    assert _status(lambda: eve.merge_pull_request(NAMES, 1, repo_type="dataset")) == 403

    details = api.get_discussion_details(NAMES, 1, repo_type="dataset")
    assert (details.title, details.author, details.status) == ("Better", "eve", "open")
    assert details.is_pull_request
    assert details.diff
    assert "-one\n+two\n" in details.diff
    assert "oid sha256:" in details.diff
    assert (details.conflicting_files, details.target_branch) == ([], "refs/heads/main")
    assert [event.type for event in details.events] == ["comment", "commit", "comment"]

    api.merge_pull_request(NAMES, 1, repo_type="dataset", comment="Thank you")
    assert content(api, "a.txt", tmp_path) == b"two\n"
    assert content(api, "c.txt", tmp_path) == b"c"
    merged = api.get_discussion_details(NAMES, 1, repo_type="dataset")
    assert (merged.status, merged.merge_commit_oid) == ("merged", head(api))
    assert _status(lambda: api.merge_pull_request(NAMES, 1, repo_type="dataset")) == 400
    pulls = api.list_repo_refs(NAMES, repo_type="dataset", include_pull_requests=True).pull_requests
    assert pulls
    assert [(pull.ref, pull.target_commit) for pull in pulls] == [("refs/pr/1", proposed.oid)]


def test_its_author_adds_to_a_pull_request_and_no_stranger_does(loopback_hub, tmp_path):
    api = with_dataset(loopback_hub)
    eve, mallory = (api_for(loopback_hub, loopback_hub.add_user(name)) for name in ("eve", "mallory"))
    commit(eve, small("a.txt", "one\n"), create_pr=True)

    commit(eve, small("b.txt", "two\n"), large("b.parquet", b"b"), revision="refs/pr/1")

    assert content(api, "b.txt", tmp_path, "refs/pr/1") == b"two\n"
    assert _status(lambda: commit(mallory, small("c.txt", "c"), revision="refs/pr/1")) == 403
    assert _status(lambda: commit(eve, small("c.txt", "c"))) == 403


def test_a_pull_request_with_a_conflict_is_not_merged(loopback_hub):
    api = with_dataset(loopback_hub)
    opened = api.create_pull_request(NAMES, "Mine", repo_type="dataset")
    assert (opened.num, opened.status) == (1, "draft")
    commit(api, small("a.txt", "mine"), revision="refs/pr/1")
    on_main = commit(api, small("a.txt", "yours"))

    details = api.get_discussion_details(NAMES, 1, repo_type="dataset")
    assert details.conflicting_files == ["a.txt"]
    assert _status(lambda: api.merge_pull_request(NAMES, 1, repo_type="dataset")) == 409
    assert head(api) == on_main.oid
    closed = api.change_discussion_status(NAMES, 1, "closed", repo_type="dataset")
    assert closed.new_status == "closed"
    talk = api.create_discussion(NAMES, "Talk", repo_type="dataset", description="Hello")
    assert not talk.is_pull_request
    listed = [found.num for found in api.get_repo_discussions(NAMES, repo_type="dataset")]
    still_open = api.get_repo_discussions(NAMES, repo_type="dataset", discussion_status="open")
    assert (listed, [found.num for found in still_open]) == ([2, 1], [2])


def test_trees_come_in_pages(loopback_hub):
    api = with_dataset(loopback_hub)
    first = commit(api, *(small(f"many/{n:03}.txt", str(n)) for n in range(60)), message="Many")
    commit(api, small("many/007.txt", "again"), large("x.parquet", b"xyz"), message="One")

    tree = list(api.list_repo_tree(NAMES, repo_type="dataset", recursive=True, expand=True))
    assert len([request for request in loopback_hub.requests if request.kind == "tree"]) == 2
    assert len(tree) == 63
    titles = {entry.path: entry.last_commit.title for entry in tree if entry.last_commit}
    assert titles["many/006.txt"] == "Many"
    assert titles["many/007.txt"] == titles["many"] == "One"

    top = {entry.path: entry for entry in api.list_repo_tree(NAMES, repo_type="dataset")}
    assert sorted(top) == [".gitattributes", "many", "x.parquet"]
    paths = ["x.parquet", "many", "none"]
    x, many = api.get_paths_info(NAMES, paths, repo_type="dataset", expand=True)
    assert isinstance(x, RepoFile)
    assert isinstance(many, RepoFolder)
    assert x.lfs
    assert many.last_commit
    assert (x.path, x.size, x.lfs.sha256) == ("x.parquet", 3, hashlib.sha256(b"xyz").hexdigest())
    assert (many.path, many.last_commit.title) == ("many", "One")
    [former] = api.get_paths_info(NAMES, "many/007.txt", repo_type="dataset", revision=first.oid)
    assert isinstance(former, RepoFile)
    assert former.size == 1


def test_info_tells_what_the_card_says(loopback_hub):
    api = with_dataset(loopback_hub)
    commit(api, small("README.md", CARD), large("x.parquet", b"xyz"))
    info = api.dataset_info(NAMES, files_metadata=True)
    assert info.card_data
    assert info.siblings
    assert info.card_data["license"] == "apache-2.0"
    assert {sibling.rfilename: sibling.size for sibling in info.siblings}["x.parquet"] == 3
    assert api.dataset_info(NAMES, expand=["sha"]).siblings is None
    for wrong, message in (("- a list", "mapping"), ("license: {a: 1}", "license"), ("a: [", "not YAML")):
        with pytest.raises(ValueError, match=message):
            commit(api, small("README.md", f"---\n{wrong}\n---\n"))


def test_downloads_resume(loopback_hub):
    api = with_dataset(loopback_hub)
    commit(api, large("x.parquet", bytes(range(100))))
    url = f"{loopback_hub.endpoint}/datasets/{NAMES}/resolve/main/x.parquet"
    for asked, status, expected in (
        ("bytes=10-19", 206, bytes(range(10, 20))),
        ("bytes=90-", 206, bytes(range(90, 100))),
        ("bytes=-5", 206, bytes(range(95, 100))),
        ("bytes=90-500", 206, bytes(range(90, 100))),
        ("bytes=100-", 416, None),
    ):
        answer = httpx2.get(url, headers={"Range": asked})
        assert answer.status_code == status
        assert expected in (None, answer.content)
    answer = httpx2.head(url)
    sha256 = hashlib.sha256(bytes(range(100))).hexdigest()
    assert (answer.headers["etag"], answer.headers["x-linked-size"]) == (f'"{sha256}"', "100")
    assert answer.headers["x-repo-commit"] == head(api)


def test_a_file_in_parts(tmp_path):
    data = os.urandom(2_500_000)
    with LoopbackHub(tmp_path / "hub", part_size=1_000_000) as hub:
        api = with_dataset(hub)
        hub.fail("lfs-upload", status=500)
        commit(api, large("x.parquet", data))
        assert content(api, "x.parquet", tmp_path) == data
        sizes = [request.received for request in hub.requests if request.kind == "lfs-upload"]
    assert sizes == [1_000_000, 1_000_000, 1_000_000, 500_000], "the first one failed"


def test_what_arrives_damaged_is_refused(loopback_hub):
    api = with_dataset(loopback_hub)
    announced = {"operation": "upload", "objects": [{"oid": hashlib.sha256(b"good").hexdigest(), "size": 4}]}
    authorization = {"Authorization": f"Bearer {api.token}"}
    batch = f"{loopback_hub.endpoint}/datasets/{NAMES}.git/info/lfs/objects/batch"
    [wanted] = httpx2.post(batch, json=announced, headers=authorization).json()["objects"]
    upload = wanted["actions"]["upload"]["href"]
    assert httpx2.put(upload, content=b"evil").status_code == 400
    verify = wanted["actions"]["verify"]["href"]
    assert httpx2.post(verify, json=announced["objects"][0], headers=authorization).status_code == 404
    assert httpx2.put(upload, content=iter([b"go", b"od"])).status_code == 200, "in chunks of unknown length"
    assert httpx2.post(verify, json=announced["objects"][0], headers=authorization).status_code == 200


def test_memory_does_not_grow_with_a_file(loopback_hub, tmp_path):
    api = with_dataset(loopback_hub)
    with (tmp_path / "large").open("wb") as stream:
        for _ in range(30):
            stream.write(os.urandom(MEGABYTE))
    code = f"""
        import json
        from huggingface_hub import HfApi
        HfApi().upload_file(
            path_or_fileobj="large", path_in_repo="x.parquet", repo_id="{NAMES}", repo_type="dataset"
        )
        print(json.dumps(HfApi().hf_hub_download("{NAMES}", "x.parquet", repo_type="dataset")))
    """
    tracemalloc.start()
    downloaded = run_clients(loopback_hub, str(api.token), tmp_path, code)
    grown = tracemalloc.get_traced_memory()[1] / MEGABYTE
    tracemalloc.stop()
    assert Path(downloaded).read_bytes() == (tmp_path / "large").read_bytes()
    assert grown < 10, f"{grown:.0f} MB for a file of 30 MB"


def _each_kind(api: HfApi, folder: Path) -> dict[str, Callable[[], object]]:
    """Return a call of the real client for each kind of call."""
    first = head(api)
    opened = commit(api, small("pr.txt", "p"), create_pr=True).pr_num
    assert opened
    in_names: dict[str, Any] = {"repo_id": NAMES, "repo_type": "dataset"}
    other = "acme/other"
    return {
        "whoami": api.whoami,
        "user": lambda: api.get_user_overview("ada"),
        "create": lambda: api.create_repo(other, repo_type="dataset"),
        "move": lambda: api.move_repo(other, "acme/another", repo_type="dataset"),
        "delete": lambda: api.delete_repo("acme/another", repo_type="dataset"),
        "settings": lambda: api.update_repo_settings(**in_names, gated=False),
        "auth-check": lambda: api.auth_check(**in_names),
        "info": lambda: api.dataset_info(NAMES),
        "tree": lambda: list(api.list_repo_tree(**in_names)),
        "paths-info": lambda: api.get_paths_info(**in_names, paths="README.md"),
        "validate": lambda: commit(api, small("README.md", CARD)),
        "preupload": lambda: commit(api, small("preupload.txt", "p")),
        "lfs-batch": lambda: commit(api, large("batch.parquet", b"batch")),
        "lfs-upload": lambda: commit(api, large("upload.parquet", b"upload")),
        "lfs-complete": lambda: commit(api, large("complete.parquet", b"c" * 2000)),
        "lfs-verify": lambda: commit(api, large("verify.parquet", b"verify")),
        "commit": lambda: commit(api, small("commit.txt", "c")),
        "commits": lambda: api.list_repo_commits(**in_names),
        "refs": lambda: api.list_repo_refs(**in_names),
        "tag": lambda: api.create_tag(**in_names, tag="v1", revision=first),
        "branch": lambda: api.create_branch(**in_names, branch="next"),
        "pull-request": lambda: api.get_discussion_details(**in_names, discussion_num=opened),
        "merge": lambda: api.merge_pull_request(**in_names, discussion_num=opened),
        "resolve": lambda: content(api, "commit.txt", folder),
        "xet-token": lambda: httpx2.get(
            f"{api.endpoint}/api/datasets/{NAMES}/xet-read-token/main"
        ).raise_for_status(),
        "oidc": lambda: httpx2.post(f"{api.endpoint}/oauth/token", json={}),
        "other": lambda: httpx2.get(f"{api.endpoint}/nothing"),
    }


def test_every_kind_of_call_can_be_made_to_fail(tmp_path):
    with LoopbackHub(tmp_path / "hub", xet=True, part_size=1000) as hub:
        api = with_dataset(hub)
        calls = _each_kind(api, tmp_path)
        assert set(calls) == set(KINDS)
        for kind, call in calls.items():
            done = len(hub.requests)
            hub.fail(kind, status=418)  # a status that no client retries
            with suppress(HfHubHTTPError, RuntimeError, httpx2.HTTPStatusError, OSError):
                call()
            asked = [request.status for request in hub.requests[done:] if request.kind == kind]
            assert asked[0] == 418, kind
            if kind not in ("oidc", "other"):
                call()


def test_clients_wait_when_they_are_asked_to(loopback_hub):
    api = with_dataset(loopback_hub)
    loopback_hub.fail("preupload", status=429, retry_after=1)
    loopback_hub.fail("preupload", status=503)
    began = time.monotonic()
    commit(api, small("a.txt", "a"))
    assert time.monotonic() - began > 2
    statuses = [request.status for request in loopback_hub.requests if request.kind == "preupload"]
    assert statuses == [429, 503, 200]


def test_an_upload_that_is_cut_off_is_sent_again(loopback_hub, tmp_path):
    api = with_dataset(loopback_hub)
    data = os.urandom(3 * MEGABYTE)
    loopback_hub.fail("lfs-upload", after_bytes=MEGABYTE)
    commit(api, large("x.parquet", data))
    loopback_hub.fail("resolve", hang=0.2)
    assert content(api, "x.parquet", tmp_path) == data
    cut, whole = [request for request in loopback_hub.requests if request.kind == "lfs-upload"]
    assert (cut.status, whole.status, whole.received) == (0, 200, len(data))
    assert cut.received < len(data)


def test_a_download_that_is_cut_off_is_resumed(loopback_hub, tmp_path):
    api = with_dataset(loopback_hub)
    data = os.urandom(12 * MEGABYTE)  # the client writes, and so resumes, by 10 MB
    commit(api, large("x.parquet", data))
    loopback_hub.fail("resolve", hang=0)  # the HEAD goes through
    loopback_hub.fail("resolve", after_bytes=11 * MEGABYTE)
    assert content(api, "x.parquet", tmp_path) == data
    _, cut, rest = [request for request in loopback_hub.requests if request.kind == "resolve"]
    assert (cut.status, cut.sent) == (200, 11 * MEGABYTE)
    assert (rest.status, rest.sent) == (206, 2 * MEGABYTE)


def test_a_commit_can_happen_and_its_answer_be_lost(loopback_hub):
    api = with_dataset(loopback_hub)
    before = head(api)
    loopback_hub.fail("commit", after_bytes=sys.maxsize)
    with pytest.raises(httpx2.TransportError):
        commit(api, small("a.txt", "a"), parent_commit=before)
    assert head(api) != before
    loopback_hub.fail("commit")
    assert _status(lambda: commit(api, small("b.txt", "b"))) == 500
    assert len(api.list_repo_files(NAMES, repo_type="dataset")) == 2


def test_a_call_that_hangs_does_not_hold_up_the_end(tmp_path):
    began = time.monotonic()
    with LoopbackHub(tmp_path / "hub") as hub:
        api = with_dataset(hub)
        hub.fail("info", hang=60)
        with pytest.raises(httpx2.TimeoutException):
            api.dataset_info(NAMES, timeout=0.2)
    assert time.monotonic() - began < 30


def test_a_kind_that_does_not_exist_cannot_fail(loopback_hub):
    with pytest.raises(WrongUsageError, match="lfs-batch"):
        loopback_hub.fail("upload")


def test_a_hub_has_its_folder_for_itself_and_ends_with_its_block(tmp_path):
    with LoopbackHub(tmp_path / "hub") as hub:
        api = with_dataset(hub)
        with pytest.raises(WrongUsageError, match="another loopback Hub"), LoopbackHub(tmp_path / "hub"):
            pass
    with pytest.raises(httpx2.TransportError):
        api.dataset_info(NAMES)
    with pytest.raises(WrongUsageError, match="not running"):
        _ = hub.endpoint
    with LoopbackHub(tmp_path / "hub") as hub:
        assert api_for(hub, False).dataset_info(NAMES).id == NAMES


SERVE = """
    import sys, threading
    from pathlib import Path
    from synthner.hub.loopback import LoopbackHub

    with LoopbackHub(Path(sys.argv[1])) as hub:
        print(hub.endpoint, hub.add_user("ada", organizations=["acme"]), flush=True)
        threading.Event().wait()
"""


def test_a_killed_hub_has_each_commit_whole_or_not_at_all(tmp_path):
    promised: set[str] = set()
    for round_ in range(4):
        server = subprocess.Popen(
            [sys.executable, "-c", dedent(SERVE), tmp_path / "hub"],
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        assert server.stdout
        endpoint, token = server.stdout.readline().split()
        api = HfApi(endpoint=endpoint, token=token)
        api.create_repo(NAMES, repo_type="dataset", exist_ok=True)
        threading.Timer(0.25 + 0.1 * round_, server.kill).start()
        with suppress(httpx2.TransportError):  # the end
            for number in range(10_000):
                stamp = base64.b64encode(f"{round_}-{number}".encode()).decode()
                lines = (
                    {"key": "file", "value": {"path": f"{part}.txt", "content": stamp}} for part in range(20)
                )
                promised.add(_commit_lines(api, *lines).json()["commitOid"])
        server.wait(10)
        server.stdout.close()

        with LoopbackHub(tmp_path / "hub") as hub:
            api = api_for(hub, False)
            history = [found.commit_id for found in api.list_repo_commits(NAMES, repo_type="dataset")]
            assert promised <= set(history), "a commit that was answered is kept"
            base = f"{hub.endpoint}/datasets/{NAMES}/resolve/main"
            stamps = {httpx2.get(f"{base}/{part}.txt").text for part in range(20)}
            assert len(stamps) == 1, "the files of a commit belong together"
            assert not list((tmp_path / "hub" / "incoming").iterdir())
    assert promised


def test_the_fixture_costs_nothing_until_it_is_used():
    code = "import sys, synthner.hub.fixtures; print(*sys.modules)"
    imported = subprocess.check_output([sys.executable, "-c", code], encoding="utf-8").split()
    assert not {"synthner.hub.loopback", "huggingface_hub", "datasets"}.intersection(imported)
