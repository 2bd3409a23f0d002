"""Trusted publishers: a CI job exchanges its token for one to the dataset that trusts it."""

import httpx2
import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError

from synthner.hub.loopback import LoopbackHub
from synthner.tests.loopback_clients import NAMES, api_for, commit, run_clients, small, with_dataset

JOB = "repo:acme/names-release:ref:refs/heads/main"
TOKEN_EXCHANGE = {
    "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
    "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
    "resource": f"datasets/{NAMES}",
}


def _exchange(hub: LoopbackHub, token: str, **changes: str) -> httpx2.Response:
    request = {**TOKEN_EXCHANGE, "subject_token": token, **changes}
    return httpx2.post(f"{hub.endpoint}/oauth/token", json=request)


def _as_job(hub: LoopbackHub, subject: str = JOB) -> HfApi:
    answer = _exchange(hub, hub.trust(NAMES, subject=subject)).json()
    assert (answer["token_type"], answer["expires_in"]) == ("bearer", 3600)
    return api_for(hub, answer["access_token"])


def test_a_job_releases_without_a_stored_token(loopback_hub, tmp_path):
    with_dataset(loopback_hub, visibility="private")
    code = """
        import json
        from huggingface_hub import CommitOperationAdd, HfApi

        api = HfApi()
        api.create_repo("acme/names", repo_type="dataset", exist_ok=True)
        made = api.create_commit(
            "acme/names", [CommitOperationAdd("a.txt", b"a")], commit_message="One", repo_type="dataset"
        )
        api.create_tag("acme/names", tag="v1.0.0", revision=made.oid, repo_type="dataset")
        print(json.dumps(api.dataset_info("acme/names", revision="v1.0.0").sha == made.oid))
    """
    assert run_clients(
        loopback_hub,
        None,
        tmp_path,
        code,
        HF_OIDC_RESOURCE=f"datasets/{NAMES}",
        HF_OIDC_ID_TOKEN=loopback_hub.trust(NAMES, subject=JOB),
    )


def test_a_job_can_write_to_its_own_dataset_only(loopback_hub):
    owner = with_dataset(loopback_hub)
    owner.create_repo("acme/other", repo_type="dataset")
    job = _as_job(loopback_hub)
    commit(job, small("a.txt", "a"))
    refused = [
        lambda: job.create_commit("acme/other", [small("a", "a")], commit_message="x", repo_type="dataset"),
        lambda: job.create_repo("acme/new", repo_type="dataset"),
        lambda: job.delete_repo("acme/other", repo_type="dataset"),
        job.whoami,
    ]
    for call in refused:
        with pytest.raises(HfHubHTTPError) as caught:
            call()
        assert caught.value.response.status_code in (401, 403)
    assert owner.list_repo_commits(NAMES, repo_type="dataset")[0].authors == [JOB]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"resource": "datasets/acme/other"}, "invalid_grant"),
        ({"resource": NAMES}, "invalid_grant"),
        ({"grant_type": "authorization_code"}, "unsupported_grant_type"),
        ({"subject_token_type": "urn:ietf:params:oauth:token-type:jwt"}, "invalid_request"),
        ({"subject_token": "a.b.c"}, "invalid_grant"),
        ({"subject_token": ""}, "invalid_grant"),
    ],
    ids=["another dataset", "the model of that name", "another grant", "another token", "forged", "none"],
)
def test_what_is_not_trusted_is_refused(loopback_hub, changes, error):
    with_dataset(loopback_hub)
    answer = _exchange(loopback_hub, loopback_hub.trust(NAMES, subject=JOB), **changes)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


def test_a_token_of_another_hub_is_refused(loopback_hub, tmp_path):
    loopback_hub.trust(NAMES, subject=JOB)
    with LoopbackHub(tmp_path / "another") as another:
        foreign = another.trust(NAMES, subject=JOB)
    assert _exchange(loopback_hub, foreign).status_code == 400


def test_tokens_end_after_an_hour(loopback_hub, monkeypatch):
    with_dataset(loopback_hub)
    from_ci = loopback_hub.trust(NAMES, subject=JOB)
    job = _as_job(loopback_hub)
    job.dataset_info(NAMES)

    from synthner.hub.loopback import accounts

    class Later:
        @staticmethod
        def time() -> float:
            return accounts_time() + 3601

    accounts_time = accounts.time.time
    monkeypatch.setattr(accounts, "time", Later)
    assert _exchange(loopback_hub, from_ci).status_code == 400
    with pytest.raises(HfHubHTTPError) as caught:
        job.dataset_info(NAMES)
    assert caught.value.response.status_code == 401
