"""The Hub's clients against a loopback Hub: in this process, or in one of their own.

`huggingface_hub` reads its environment when it is imported, so what depends on it runs in a new process.
"""

import io
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

from huggingface_hub import CommitOperationAdd, HfApi

from synthner.hub.loopback import LoopbackHub

NAMES = "acme/names"
CARD = """\
---
license: apache-2.0
language: [sw]
configs:
- config_name: swa_gpt4
  data_files:
  - {split: train, path: swa_gpt4/train-*}
  - {split: test, path: swa_gpt4/test-*}
---
# Names
"""


def api_for(hub: LoopbackHub, token: str | bool) -> HfApi:
    """Return the real client; with False, one that is not logged in."""
    return HfApi(endpoint=hub.endpoint, token=token)


def with_dataset(hub: LoopbackHub, **settings: Any) -> HfApi:
    """Let there be the dataset `acme/names`, and return a client of one of its owners."""
    api = api_for(hub, hub.add_user("ada", organizations=["acme"]))
    api.create_repo(NAMES, repo_type="dataset", **settings)
    return api


def small(path: str, text: str) -> CommitOperationAdd:
    """Return the addition of a text file."""
    return CommitOperationAdd(path, text.encode())


def large(path: str, content: bytes) -> CommitOperationAdd:
    """Return the addition of a file that goes by LFS: a stream never goes by Xet."""
    return CommitOperationAdd(path, io.BytesIO(content))


def commit(api: HfApi, *operations: Any, **options: Any) -> Any:
    """Commit to `acme/names`."""
    return api.create_commit(
        NAMES, operations, commit_message=options.pop("message", "Change"), repo_type="dataset", **options
    )


def head(api: HfApi, revision: str | None = None) -> str:
    """Return the commit that a revision of `acme/names` is at."""
    sha = api.dataset_info(NAMES, revision=revision).sha
    assert sha
    return sha


def content(api: HfApi, path: str, folder: Path, revision: str | None = None) -> bytes:
    """Download a file of `acme/names`."""
    return Path(
        api.hf_hub_download(NAMES, path, repo_type="dataset", revision=revision, cache_dir=folder / "cache")
    ).read_bytes()


def run_clients(hub: LoopbackHub, token: str | None, folder: Path, code: str, **variables: str) -> Any:
    """Run Python in a process of its own and return what it prints last, as JSON."""
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=folder,
        env={**os.environ, **hub.environment(token, folder / "home"), **variables},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])
