"""The loopback Hub's Xet storage, with the stock `hf_xet`."""

import hashlib
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import httpx2
import pytest
from hf_xet import XetSession  # pyright: ignore[reportAttributeAccessIssue]
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError
from huggingface_hub.hf_api import RepoFile

from synthner.hub.loopback import LoopbackHub
from synthner.tests.loopback_clients import NAMES, api_for, run_clients, with_dataset

UPLOAD = """
    import json, sys
    from huggingface_hub import HfApi

    for path in {paths!r}:
        HfApi().upload_file(
            path_or_fileobj=path, path_in_repo=path, repo_id="acme/names", repo_type="dataset"
        )
    print(json.dumps("done"), flush=True)
    if {stay!r}:
        sys.stdin.read()
"""
DOWNLOAD = """
    import json
    from huggingface_hub import HfApi

    print(json.dumps(HfApi().hf_hub_download("acme/names", {path!r}, repo_type="dataset")))
"""


def _sizes(hub: LoopbackHub, kind: str) -> list[int]:
    return [request.sent for request in hub.requests if request.kind == kind and request.method == "GET"]


def test_others_download_while_the_uploader_is_still_there(tmp_path):
    data = os.urandom(300_000)
    (tmp_path / "x.parquet").write_bytes(data)
    with LoopbackHub(tmp_path / "hub", xet=True) as hub:
        token = str(with_dataset(hub).token)
        uploader = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(UPLOAD.format(paths=["x.parquet"], stay=True))],
            cwd=tmp_path,
            env={**os.environ, **hub.environment(token, tmp_path / "uploader")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
        )
        try:
            assert uploader.stdout
            assert uploader.stdout.readline() == '"done"\n'
            by_xet = run_clients(hub, None, tmp_path, DOWNLOAD.format(path="x.parquet"))
            assert Path(by_xet).read_bytes() == data
            assert _sizes(hub, "resolve") == [], "no content went over HTTP"
        finally:
            uploader.communicate(timeout=30)

        by_http = run_clients(
            hub,
            None,
            tmp_path,
            DOWNLOAD.format(path="x.parquet"),
            HF_HUB_DISABLE_XET="1",
            HF_HUB_CACHE=str(tmp_path / "other"),
        )
        assert Path(by_http).read_bytes() == data
        assert _sizes(hub, "resolve") == [len(data)]


def test_chunks_that_are_there_are_not_stored_again(tmp_path):
    data = os.urandom(4_000_000)
    (tmp_path / "x.parquet").write_bytes(data)
    (tmp_path / "y.parquet").write_bytes(data + os.urandom(10_000))
    with LoopbackHub(tmp_path / "hub", xet=True) as hub:
        token = str(with_dataset(hub).token)
        run_clients(hub, token, tmp_path, UPLOAD.format(paths=["x.parquet", "y.parquet"], stay=False))
        paths = run_clients(hub, None, tmp_path, DOWNLOAD.format(path="y.parquet"))
        assert Path(paths).read_bytes() == (tmp_path / "y.parquet").read_bytes()
    xorbs = (tmp_path / "hub" / "xet").rglob("xorbs/default.*")
    stored = {path.name: path.stat().st_size for path in xorbs if path.suffix != ".tagset"}
    assert len(data) <= sum(stored.values()) < len(data) + 300_000


def test_a_hub_opened_again_still_has_its_files(tmp_path):
    data = os.urandom(200_000)
    (tmp_path / "x.parquet").write_bytes(data)
    with LoopbackHub(tmp_path / "hub", xet=True) as hub:
        token = str(with_dataset(hub).token)
        run_clients(hub, token, tmp_path, UPLOAD.format(paths=["x.parquet"], stay=False))
    with LoopbackHub(tmp_path / "hub", xet=True) as hub:
        by_xet = run_clients(hub, None, tmp_path, DOWNLOAD.format(path="x.parquet"))
        assert (Path(by_xet).read_bytes(), _sizes(hub, "resolve")) == (data, [])
        [entry] = api_for(hub, False).get_paths_info(NAMES, "x.parquet", repo_type="dataset")
        assert isinstance(entry, RepoFile)
        assert len(entry.xet_hash or "") == 64
    with LoopbackHub(tmp_path / "hub") as hub:
        answer = httpx2.get(f"{hub.endpoint}/datasets/{NAMES}/resolve/main/x.parquet")
        assert (answer.content, "x-xet-hash" in answer.headers) == (data, False)


def test_a_content_that_is_not_what_its_client_said_is_refused(tmp_path):
    claimed = hashlib.sha256(b"good" * 100).hexdigest()
    with LoopbackHub(tmp_path / "hub", xet=True) as hub:
        api = with_dataset(hub)
        authorization = {"Authorization": f"Bearer {api.token}"}
        address = f"{hub.endpoint}/api/datasets/{NAMES}"

        def upload_and_commit(content: bytes) -> httpx2.Response:
            access = httpx2.get(f"{address}/xet-write-token/main", headers=authorization).json()
            with XetSession().new_upload_commit(
                endpoint=access["casUrl"], token=access["accessToken"], token_expiry_unix_secs=access["exp"]
            ) as upload:
                upload.start_upload_bytes(content, sha256=claimed)
            lines = (
                '{"key": "header", "value": {"summary": "x"}}\n'
                f'{{"key": "lfsFile", "value": {{"path": "x.parquet", "oid": "{claimed}", "size": 400}}}}'
            )
            return httpx2.post(f"{address}/commit/main", content=lines, headers=authorization)

        refused = upload_and_commit(b"evil" * 100)
        assert (refused.status_code, claimed in refused.json()["error"]) == (400, True)
        assert api.list_repo_files(NAMES, repo_type="dataset") == [".gitattributes"]
        assert upload_and_commit(b"good" * 100).status_code == 200


def test_tokens_are_for_those_who_may(tmp_path):
    with LoopbackHub(tmp_path / "hub", xet=True) as hub:
        api = with_dataset(hub, visibility="private")
        eve = hub.add_user("eve")
        address = f"{hub.endpoint}/api/datasets/{NAMES}"

        def status(token: str, kind: str) -> int:
            headers = {"Authorization": f"Bearer {token}"}
            return httpx2.get(f"{address}/xet-{kind}-token/main", headers=headers).status_code

        assert [status(eve, kind) for kind in ("read", "write")] == [404, 404]
        api.update_repo_settings(NAMES, repo_type="dataset", visibility="public", gated="auto")
        assert [status(eve, kind) for kind in ("read", "write")] == [403, 403]
        assert [status(str(api.token), kind) for kind in ("read", "write")] == [200, 200]
        with pytest.raises((GatedRepoError, HfHubHTTPError, RepositoryNotFoundError)):
            api_for(hub, eve).hf_hub_download(NAMES, "x.parquet", repo_type="dataset", cache_dir=tmp_path)


def test_a_hub_without_xet_says_so(loopback_hub):
    with_dataset(loopback_hub)
    answer = httpx2.get(f"{loopback_hub.endpoint}/api/datasets/{NAMES}/xet-read-token/main")
    assert (answer.status_code, "HF_HUB_DISABLE_XET=1" in answer.json()["error"]) == (404, True)
