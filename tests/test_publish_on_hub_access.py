"""Who may publish where: tokens, CI jobs, private and gated repositories, Xet, and what the card is told."""

from collections.abc import Iterator

import pytest
from huggingface_hub import HfApi

from synthner.hub.loopback import LoopbackHub
from synthner.tests.command_line import finish, start
from synthner.tests.hub_publishing import Publisher, change_release, client_variables

pytest_plugins = ["synthner.tests.publishing_fixtures"]

JOB = "repo:acme/names-release:ref:refs/heads/main"


def _stranger(publisher, role="write"):
    return publisher.hub.add_user("eve", organizations=["others"], role=role)


def _as_job(publisher, repository):
    return {
        "HF_TOKEN": "",
        "HF_OIDC_RESOURCE": f"datasets/{repository}",
        "HF_OIDC_ID_TOKEN": publisher.hub.trust(repository, subject=JOB),
    }


@pytest.mark.parametrize(
    ("token", "message"),
    [
        ("", "you are not logged in"),
        ("hf_wrongwrongwrong", "does not accept this token"),
        ("hf_ümlautümlaut", "holds a character"),
        ("hf_abc\x01defghij", "holds a character"),
        ("hf_two words", "holds a character"),
    ],
    ids=["none", "wrong", "not ASCII", "control character", "blank"],
)
def test_a_token_that_is_none_is_refused_in_words(publisher, release, token, message):
    error = publisher.refused(release("one config"), HF_TOKEN=token)

    assert message in error
    assert "hf auth login" in error


@pytest.mark.parametrize("role", ["read", "write"])
def test_a_token_that_may_not_write_changes_nothing(publisher, release, repository, role):
    token = (
        publisher.hub.add_user("ada", organizations=["acme"], role="read")
        if role == "read"
        else _stranger(publisher)
    )
    error = publisher.refused(release("one config"), HF_TOKEN=token)
    assert "the repository cannot be made: this token may not do that" in error
    assert not publisher.api.repo_exists(repository, repo_type="dataset")

    publisher.published(release("one config"))
    before = publisher.files(repository)
    assert "this token may not do that" in publisher.refused(release("other description"), HF_TOKEN=token)
    assert publisher.files(repository) == before


@pytest.mark.parametrize("settings", [{"private": True}, {"gated": "auto"}], ids=["private", "gated"])
def test_a_repository_of_others_that_is_closed_is_refused(publisher, release, repository, settings):
    name = repository.replace("acme/", "others/")
    owner = HfApi(endpoint=publisher.hub.endpoint, token=_stranger(publisher))
    owner.create_repo(name, repo_type="dataset")
    owner.update_repo_settings(name, repo_type="dataset", **settings)
    owner.upload_file(
        path_or_fileobj=b"---\nlicense: mit\n---\n",
        path_in_repo="README.md",
        repo_id=name,
        repo_type="dataset",
    )
    folder = release("one config")
    change_release(folder, name=name)

    error = publisher.refused(folder)

    assert "token" in error
    assert name in error


def test_a_public_repository_can_be_planned_for_without_a_token(publisher, release):
    publisher.published(release("one config"))

    assert publisher.published(release("one config"), "--dry-run", HF_TOKEN="")["sent"] == []
    assert "not logged in" in publisher.refused(release("other description"), HF_TOKEN="")


def test_an_offline_client_is_told_so(publisher, release, tmp_path):
    variables = {**publisher.variables, "HF_HUB_OFFLINE": "1"}

    ended = finish(start("publish", release("one config"), "--json", folder=tmp_path, **variables))

    assert (ended.status, ended.stdout) == (1, "")
    assert "HF_HUB_OFFLINE is set" in ended.stderr
    assert "Unset it to publish." in ended.stderr


def test_a_private_release_is_never_public(publisher, release, repository):
    publisher.published(release("private"))

    assert publisher.api.dataset_info(repository).private
    assert "not logged in" in publisher.refused(release("private"), HF_TOKEN="")


def test_an_empty_public_repository_becomes_private_before_anything_is_sent(publisher, release, repository):
    publisher.api.create_repo(repository, repo_type="dataset")
    since = len(publisher.hub.requests)

    publisher.published(release("private"))

    assert [call.kind for call in publisher.calls("settings", "commit", since=since)] == [
        "settings",
        "commit",
    ]
    assert publisher.api.dataset_info(repository).private


def test_a_release_that_cannot_be_gated_is_not_sent(publisher, release, repository):
    publisher.hub.fail("settings", status=503, retry_after=0, times=5)

    assert "the Hub answers 503" in publisher.refused(release("gated"))
    assert set(publisher.files(repository)) == {".gitattributes"}

    publisher.published(release("gated"))
    assert publisher.api.dataset_info(repository).gated == "manual"
    publisher.api.update_repo_settings(repository, repo_type="dataset", gated=False)
    publisher.published(release("gated"))
    assert publisher.api.dataset_info(repository).gated is False, "later it is up to its owners"


def test_a_ci_job_publishes_without_a_stored_token(publisher, release, repository):
    publisher.api.create_repo(repository, repo_type="dataset")
    job = _as_job(publisher, repository)
    since = len(publisher.hub.requests)
    publisher.hub.fail("oidc", status=503, retry_after=0)

    outcome = publisher.published(release("one config"), **job)

    assert (outcome["tag"], outcome["configs"]) == ("v1.0.0", {"da_config0": {"train": 3, "test": 1}})
    assert [call.status for call in publisher.calls("oidc", since=since)] == [503, 200]
    assert publisher.calls("whoami", "create", "settings", since=since) == []
    assert publisher.published(release("one config"), **job)["commit"] is None


def test_a_ci_job_that_is_not_trusted_is_told_what_to_check(publisher, release, repository):
    publisher.api.create_repo(repository, repo_type="dataset")
    job = _as_job(publisher, repository)

    forged = publisher.refused(release("one config"), **job | {"HF_OIDC_ID_TOKEN": "a.b.c"})
    missing = publisher.refused(release("one config"), **job | {"HF_OIDC_ID_TOKEN": ""})

    for error in (forged, missing):
        assert "trusted publishers" in error
        assert "a.b.c" not in error


def test_a_ci_job_cannot_make_the_repository_and_says_who_can(publisher, release, repository):
    error = publisher.refused(release("one config"), **_as_job(publisher, repository))

    assert "the repository cannot be made" in error
    assert "make the repository yourself first" in error


def test_a_ci_job_is_nobody_whose_name_could_be_used(publisher, release, repository):
    folder = release("one config")
    change_release(folder, name="names")

    assert "organisation/names" in publisher.refused(folder, **_as_job(publisher, repository))


@pytest.fixture
def over_xet(tmp_path) -> Iterator[Publisher]:
    with Publisher.on_a_hub(tmp_path, xet=True) as publisher:
        yield publisher


def test_releases_go_over_xet(over_xet, variants, tmp_path):
    def release(name):
        return variants.copy(name, "acme/names", tmp_path / "release")

    first = over_xet.published(release("base"))
    assert over_xet.calls("xet-token")
    assert over_xet.calls("lfs-upload") == []
    over_xet.hub.fail("xet-token", status=503)
    second = over_xet.published(release("more rows"))

    assert (first["version"], second["version"]) == ("1.0.0", "1.1.0")
    assert over_xet.published(release("more rows"))["commit"] is None
    assert len(over_xet.load("acme/names", "da_config1", "v1.0.0")["train"]) == 3
    assert len(over_xet.load("acme/names", "da_config1")["train"]) == 5
    over_xet.hub.fail("commit", status=400)
    assert "the Hub refuses" in over_xet.refused(release("one config"))
    assert "da_config1" in over_xet.text("acme/names", "manifest.json")


def test_the_installed_command_sends_each_file_once(tmp_path, variants):
    with LoopbackHub(tmp_path / "hub") as hub:
        token = hub.add_user("ada", organizations=["acme"])
        variables = client_variables(hub, token, tmp_path / "home")
        folder = variants.copy("one config", "acme/names", tmp_path / "release")
        for _ in range(2):
            ended = finish(start("publish", folder, folder=tmp_path, **variables))
            assert (ended.status, ended.stderr) == (0, "")
            assert token not in ended.stdout

        kinds = [request.kind for request in hub.requests]
        assert (kinds.count("lfs-upload"), kinds.count("commit"), kinds.count("tag")) == (3, 1, 1)
