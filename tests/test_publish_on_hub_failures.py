"""Publishing on a Hub that fails: the repository holds the old release or the new one, and one can go on."""

import json
import signal
import sys
import threading
import time

import pytest

from synthner.tests.command_line import Ended, finish, start
from synthner.tests.hub_publishing import Publisher, write_tiny_release

pytest_plugins = ["synthner.tests.publishing_fixtures"]

WHOLE_ANSWER = sys.maxsize
OF_AN_UPDATE = (
    *("info", "tree", "refs", "resolve", "validate", "preupload", "lfs-batch", "lfs-verify", "commit", "tag"),
)
FIRST, SECOND = "Release 1.0.0", "Release 1.1.0"


@pytest.fixture
def update(repository, tmp_path):
    """A release that adds a row to `one config`, and whose files are on the Hub nowhere."""
    return write_tiny_release(tmp_path / "update", repository, rows=(4,), ending=repository)


def _first_rows(publisher, repository):
    return len(publisher.load(repository, "da_config0")["train"])


def _state(publisher, repository):
    return publisher.files(repository), publisher.commits(repository), publisher.tags(repository)


def _wait_for(publisher, kind, since):
    deadline = time.monotonic() + 30
    while not publisher.calls(kind, since=since):
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(
    "failure",
    [
        {"status": 503, "retry_after": 0},
        {"status": 429, "retry_after": 0},
        {"after_bytes": WHOLE_ANSWER},
    ],
    ids=["server error", "too many requests", "answer lost"],
)
def test_every_kind_of_call_may_fail_once(publisher, release, repository, update, failure):
    publisher.published(release("one config"))
    since = len(publisher.hub.requests)
    for kind in OF_AN_UPDATE:
        publisher.hub.fail(kind, **failure)
    publisher.hub.fail("lfs-upload", **failure if "status" in failure else {"after_bytes": 100})

    outcome = publisher.published(update)

    again = {kind: len(publisher.calls(kind, since=since)) > 1 for kind in (*OF_AN_UPDATE, "lfs-upload")}
    # A commit that has happened is found, not made again.
    assert again == dict.fromkeys(again, True) | {"commit": "status" in failure}
    assert outcome["tag"] == "v1.1.0"
    assert publisher.tags(repository)["v1.1.0"] == outcome["commit"]
    assert publisher.commits(repository) == [SECOND, FIRST, "initial commit"]
    assert _first_rows(publisher, repository) == 4


@pytest.mark.parametrize("kind", ["info", "preupload", "lfs-upload", "commit"])
def test_a_hub_that_keeps_refusing_leaves_the_old_release(publisher, release, repository, update, kind):
    publisher.published(release("one config"))
    before = _state(publisher, repository)
    times = 5 if kind in ("info", "commit") else 2  # both large files are sent at once
    failure = {"status": 503, "retry_after": 0} if times == 5 else {"status": 400}
    publisher.hub.fail(kind, times=times if kind != "preupload" else 1, **failure)

    error = publisher.refused(update)

    assert ("the Hub answers 503" if times == 5 else "the Hub refuses") in error
    assert "Publish again" in error or "publish again" in error
    assert _state(publisher, repository) == before
    assert publisher.published(update)["version"] == "1.1.0"


def test_a_commit_whose_answer_is_lost_is_not_made_twice(publisher, release, repository, update):
    publisher.published(release("one config"))
    publisher.hub.fail("commit", after_bytes=WHOLE_ANSWER)

    shown = publisher.publish(update)

    assert "Published version 1.1.0" in shown.stdout
    assert "da_config0: changed, rows +1 −0, 3 changed" not in shown.stderr
    assert publisher.commits(repository) == [SECOND, FIRST, "initial commit"]


def test_a_pull_request_whose_answer_is_lost_is_not_opened_twice(publisher, release, repository, update):
    publisher.published(release("one config"))
    publisher.hub.fail("commit", after_bytes=WHOLE_ANSWER)

    outcome = publisher.published(update, "--pr")

    assert outcome["revision"] == "refs/pr/1"
    assert len(list(publisher.api.get_repo_discussions(repository, repo_type="dataset"))) == 1


def test_a_tag_that_could_not_be_made_is_made_by_publishing_again(publisher, release, repository, update):
    publisher.published(release("one config"))
    publisher.hub.fail("tag", status=503, retry_after=0, times=5)

    error = publisher.refused(update)

    assert "version 1.1.0 is published, but not tagged" in error
    assert "Publishing again makes the tag" in error
    assert publisher.commits(repository)[0] == SECOND
    again = publisher.published(update)
    assert (again["commit"], again["tag"]) == (None, "v1.1.0")
    assert again["loaded_back"] == ["da_config0"], "there was no tag to say that it had been"
    assert publisher.tags(repository)["v1.1.0"] == again["revision"]


def test_a_release_that_cannot_be_loaded_back_is_not_tagged(variants, tmp_path):
    with Publisher.on_a_hub(tmp_path) as publisher:
        # A first release has nothing to read before its commit.
        publisher.hub.fail("resolve", status=400, times=500)
        error = publisher.refused(variants.copy("one config", "acme/names", tmp_path / "release"))

        assert "version 1.0.0 is in the repository, but could not be loaded back" in error
        assert "Publish again" in error
        assert publisher.commits("acme/names")[0] == FIRST
        assert publisher.tags("acme/names") == {}


def test_somebody_elses_commit_in_between_is_read_first(publisher, release, repository, update):
    publisher.published(release("one config"))
    since = len(publisher.hub.requests)
    publisher.hub.fail("commit", hang=1.5)

    def commit_in_between() -> None:
        _wait_for(publisher, "lfs-verify", since)
        time.sleep(0.5)
        publisher.by_others(repository, {"notes.txt": "Hello\n"})

    other = threading.Thread(target=commit_in_between)
    other.start()
    outcome = publisher.published(update)
    other.join()

    assert 412 in [call.status for call in publisher.calls("commit", since=since)]
    assert publisher.commits(repository) == [SECOND, "By hand", FIRST, "initial commit"]
    assert publisher.text(repository, "notes.txt") == "Hello\n"
    assert publisher.tags(repository)["v1.1.0"] == outcome["commit"]


def test_a_hub_that_says_nothing_is_not_waited_for_for_ever(publisher, release, repository, update):
    publisher.published(release("one config"))
    for kind in ("info", "commit"):
        publisher.hub.fail(kind, hang=3)

    outcome = publisher.published(update, HF_HUB_DOWNLOAD_TIMEOUT="1")

    assert outcome["tag"] == "v1.1.0"
    time.sleep(1)  # until the Hub has carried out what it was asked so long ago
    assert publisher.commits(repository) == [SECOND, FIRST, "initial commit"]


@pytest.mark.parametrize("kind", ["lfs-upload", "commit"])
def test_publishing_goes_on_after_it_was_killed(publisher, release, repository, update, kind):
    publisher.published(release("one config"))
    before = _state(publisher, repository)
    since = len(publisher.hub.requests)
    publisher.hub.fail(kind, hang=3)

    ended: list[Ended] = []
    publishing = threading.Thread(target=lambda: ended.append(publisher.publish(update)))
    publishing.start()
    _wait_for(publisher, "lfs-batch" if kind == "lfs-upload" else "lfs-verify", since)
    time.sleep(0.5)
    publisher.kill()
    publishing.join()

    assert ended[0].status == -signal.SIGKILL
    assert _state(publisher, repository) == before
    outcome = publisher.published(update)
    assert (outcome["version"], outcome["tag"]) == ("1.1.0", "v1.1.0")
    assert publisher.commits(repository) == [SECOND, FIRST, "initial commit"]
    assert _first_rows(publisher, repository) == 4


@pytest.mark.parametrize("same", [True, False], ids=["the same", "different"])
def test_of_two_publishers_one_comes_after_the_other(publisher, release, repository, update, tmp_path, same):
    publisher.published(release("one config"))
    other = update if same else write_tiny_release(tmp_path / "other", repository, rows=(5,), ending="!")
    publisher.hub.fail("commit", hang=1, times=2)

    started = [
        start("publish", folder, "--json", folder=tmp_path, **publisher.variables)
        for folder in (update, other)
    ]
    ended = [finish(process) for process in started]

    assert [one.status for one in ended] == [0, 0], [one.stderr for one in ended]
    versions = sorted(one.json["version"] for one in ended)
    commits = publisher.commits(repository)
    if same:
        assert versions == ["1.1.0", "1.1.0"]
        assert commits == [SECOND, FIRST, "initial commit"]
        assert sorted(one.json["commit"] is None for one in ended) == [False, True]
    else:
        assert versions == ["1.1.0", "1.2.0"]
        assert commits == ["Release 1.2.0", SECOND, FIRST, "initial commit"]
    newest = json.loads(publisher.text(repository, "manifest.json"))
    assert newest["version"] == versions[-1]
    assert set(publisher.tags(repository)) == {"v1.0.0", *(f"v{version}" for version in versions)}
