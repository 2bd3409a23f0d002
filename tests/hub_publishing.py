"""Publishing on a loopback Hub: tiny built releases, and the `synthner` command in processes that start fast.

The Hub's clients read their environment when they are imported, and importing them takes a second. So one
process imports them for a Hub, and every command runs in a fork of that one.
"""

import gc
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.hf_api import RepoFile

from synthner.builders.build import build
from synthner.cards.dataset_card import write_card
from synthner.generation.generate import generate
from synthner.hub.loopback import LoopbackHub, Request
from synthner.release import read_release
from synthner.tests.command_line import Ended, environment
from synthner.tests.small_release import gold_lines

ORGANIZATION = "acme"

# Each a sentence with a person and a place, by the number of its config.
_SENTENCES = (
    ("Ellen Toft", "bor", "ved", "Skagen"),
    ("Tove", "sejlede", "mod", "Samsø"),
    ("Villads Holm", "arbejder", "i", "Tønder"),
)


def write_tiny_release(
    folder: Path, name: str, *, rows: Sequence[int] = (3, 3), ending: str = ".", **settings: Any
) -> Path:
    """Write a release of recorded responses and build it; every config holds `train` and `test`.

    Args:
        folder: Where to.
        name: Its repository.
        rows: How many rows of `train` each config has: one config a number, 0 for none.
        ending: The last word of every sentence: with one of its own, no file is on the Hub already.
        **settings: What else `release.yaml` holds; None for what it lacks.
    """
    folder.mkdir(parents=True)
    (folder / "gold.conll").write_text(gold_lines(4), encoding="utf-8")
    (folder / "gold-test.conll").write_text(gold_lines(8).split("\n\n", 4)[4], encoding="utf-8")
    for number, count in enumerate(rows):
        for split, wanted in (("train", count), ("test", 1)):
            lines = [
                json.dumps(
                    {"call_idx": 0, "raw_output": json.dumps(_datapoints(number, split, wanted, ending))}
                )
            ]
            path = folder / f"config{number}-{split}.jsonl"
            path.write_text("\n".join(lines), encoding="utf-8")
    labels = settings.pop("labels", ["PER", "LOC"])
    gold: dict[str, Any] = {"files": {"train": "gold.conll", "test": "gold-test.conll"}}
    if (licence := settings.pop("licence of gold", "cc0-1.0")) is not None:
        gold["license"] = licence
    release = {
        "name": name,
        "pretty_name": "Tiny names",
        "description": "Sentences for trying out how a release is published.",
        "authors": ["A. Author"],
        "seed": 3,
        "languages": {"da": {"gold": gold, "labels": labels}},
        "generators": {
            f"config{number}": {
                "method": "seeded",
                "engine": "recorded",
                "model": "small",
                "format": "paper",
                "recorded": {"responses": f"config{number}-{{split}}.jsonl"},
            }
            for number, count in enumerate(rows)
            if count
        },
        **settings,
    }
    content = {key: value for key, value in release.items() if value is not None}
    (folder / "release.yaml").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    opened = read_release(folder)
    generate(opened)
    build(opened)
    write_card(opened.dataset)
    return folder


def _datapoints(number: int, split: str, count: int, ending: str) -> list[dict[str, list[Any]]]:
    person, verb, preposition, place = _SENTENCES[number]
    first, *more = person.split()
    return [
        {
            "tokens": [first, *more, verb, preposition, place, split, str(row), ending],
            "ner_tags": [1, *[2] * len(more), 0, 0, 3, 0, 0, 0],
        }
        for row in range(count)
    ]


@dataclass(frozen=True)
class Variants:
    """Built releases by what is special about them, each made once."""

    folder: Path

    def copy(self, name: str, repository: str, to: Path) -> Path:
        """Return a copy of a variant whose release is called so.

        The built dataset is the same whatever the name: publishing writes the name that the repository has.
        """
        source = self.folder / name
        if not source.exists():
            rows, settings = VARIANTS[name]
            write_tiny_release(source, f"{ORGANIZATION}/any", rows=rows, **settings)
        if to.exists():
            shutil.rmtree(to)
        shutil.copytree(source, to)
        change_release(to, name=repository)
        return to


VARIANTS: Mapping[str, tuple[Sequence[int], Mapping[str, Any]]] = {
    "base": ((3, 3), {}),
    "more rows": ((3, 5), {}),
    "one config": ((3, 0), {}),
    "three configs": ((3, 3, 2), {}),
    "other labels": ((3, 3), {"labels": ["PER", "LOC", "ORG"]}),
    "other description": ((3, 3), {"description": "The same sentences, described in other words."}),
    "incomplete card": ((3, 3), {"description": None, "authors": None}),
    "no licence": ((3, 0), {"licence of gold": None}),
    "private": ((3, 3), {"publish": {"private": True}}),
    "gated": ((3, 3), {"publish": {"gated": "manual"}}),
}


def change_release(folder: Path, **settings: Any) -> None:
    """Change keys of a `release.yaml`, not what was built from it."""
    path = folder / "release.yaml"
    release = json.loads(path.read_text(encoding="utf-8")) | settings
    path.write_text(json.dumps(release, ensure_ascii=False), encoding="utf-8")


def client_variables(hub: LoopbackHub, token: str, home: Path) -> dict[str, str]:
    """Return the environment of a client; its `datasets` does without torch, which takes long to import."""
    return hub.environment(token, home) | {"USE_TORCH": "0"}


class Publisher:
    """Runs commands against a Hub, each in a process of its own.

    Args:
        hub: The Hub.
        folder: For the clients' caches, and for what commands print.
        token: The token that commands use, unless they are given another one.
    """

    def __init__(self, hub: LoopbackHub, folder: Path, token: str) -> None:
        folder.mkdir(exist_ok=True)
        self.hub = hub
        self.token = token
        self.api = HfApi(endpoint=hub.endpoint, token=token)
        self.variables = client_variables(hub, token, folder / "home")
        self._output = folder / "stdout", folder / "stderr"
        self._server = subprocess.Popen(
            [sys.executable, "-c", f"from {type(self).__module__} import serve; serve()"],
            env=environment(**self.variables),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )

    @classmethod
    @contextmanager
    def on_a_hub(cls, folder: Path, **options: Any) -> Iterator[Self]:
        """Start a Hub, and publish there as Ada of the organisation `acme`.

        Args:
            folder: For the Hub, and for the clients' caches.
            **options: What the Hub is like.
        """
        with LoopbackHub(folder / "hub", **options) as hub:
            publisher = cls(hub, folder / "client", hub.add_user("ada", organizations=[ORGANIZATION]))
            yield publisher
            publisher.close()

    def close(self) -> None:
        """End the process that the others are copies of."""
        self._server.communicate(timeout=30)

    def publish(self, release: Path, *options: str, **variables: str) -> Ended:
        """Run `synthner publish`."""
        return self.synthner("publish", str(release), *options, **variables)

    def published(self, release: Path, *options: str, **variables: str) -> Any:
        """Publish what must be published, in silence but for one JSON object, and return that."""
        ended = self.publish(release, *options, "--json", **variables)
        assert (ended.status, ended.stderr) == (0, ""), ended.stderr
        return ended.json

    def refused(self, release: Path, *options: str, **variables: str) -> str:
        """Publish what must not be published, and return the error: what is wrong and what to do."""
        ended = self.publish(release, *options, "--json", **variables)
        assert (ended.status, ended.stdout) == (1, ""), (ended.stdout, ended.stderr)
        assert ended.stderr.startswith("Error: ")
        assert len(ended.stderr.strip().splitlines()) > 1, f"no hint: {ended.stderr}"
        return ended.stderr

    def synthner(self, *arguments: str, **variables: str) -> Ended:
        """Run the command line; it may show neither a traceback nor a token."""
        ended = self._run({"arguments": list(arguments), "variables": variables})
        shown = ended.stdout + ended.stderr
        assert "Traceback" not in shown, shown
        for name in ("HF_TOKEN", "HF_OIDC_ID_TOKEN"):
            secret = variables.get(name) or self.token
            assert not any(part in shown for part in secret.split() if len(part) > 5), shown
        return ended

    def kill(self) -> None:
        """Kill the process of the command that runs now."""
        server = self._server.pid
        [process] = Path(f"/proc/{server}/task/{server}/children").read_text(encoding="ascii").split()
        os.kill(int(process), signal.SIGKILL)

    def python(self, code: str, **variables: str) -> Any:
        """Run Python that imports the clients, and return what it prints, as JSON."""
        ended = self._run({"code": code, "variables": variables})
        assert ended.status == 0, ended.stderr
        return json.loads(ended.stdout)

    def load(self, repository: str, config: str, revision: str | None = None) -> dict[str, list[list[str]]]:
        """Return the tokens of every split, as a user gets them."""
        code = f"""
import datasets, json
loaded = datasets.load_dataset({repository!r}, {config!r}, revision={revision!r})
print(json.dumps({{split: list(rows["tokens"]) for split, rows in loaded.items()}}))
"""
        return self.python(code)

    def by_others(
        self, repository: str, added: Mapping[str, str | Path], *removed: str, **options: Any
    ) -> str:
        """Commit as people do on the website; return the commit."""
        done = self.api.create_commit(
            repository,
            [
                *(
                    # A stream never goes by Xet, which this process would use otherwise.
                    CommitOperationAdd(
                        path,
                        io.BytesIO(content.encode() if isinstance(content, str) else content.read_bytes()),
                    )
                    for path, content in added.items()
                ),
                *(CommitOperationDelete(path) for path in removed),
            ],
            commit_message="By hand",
            repo_type="dataset",
            **options,
        )
        return done.oid

    def calls(self, *kinds: str, since: int = 0) -> list[Request]:
        """Return the calls of some kinds."""
        return [request for request in self.hub.requests[since:] if request.kind in kinds]

    def files(self, repository: str, revision: str = "main") -> dict[str, str]:
        """Return what identifies the content of each file of a repository."""
        tree = self.api.list_repo_tree(repository, repo_type="dataset", revision=revision, recursive=True)
        return {entry.path: entry.blob_id for entry in tree if isinstance(entry, RepoFile)}

    def commits(self, repository: str, revision: str = "main") -> list[str]:
        """Return the titles of the commits, the newest first."""
        found = self.api.list_repo_commits(repository, repo_type="dataset", revision=revision)
        return [commit.title for commit in found]

    def tags(self, repository: str) -> dict[str, str]:
        """Return the commit of each tag."""
        refs = self.api.list_repo_refs(repository, repo_type="dataset")
        return {tag.name: tag.target_commit for tag in refs.tags}

    def text(self, repository: str, path: str, revision: str = "main") -> str:
        """Return the text of a file."""
        fetched = self.api.hf_hub_download(
            repository,
            path,
            repo_type="dataset",
            revision=revision,
            cache_dir=self._output[0].parent / "downloads",
        )
        return Path(fetched).read_text(encoding="utf-8")

    def _run(self, order: dict[str, Any]) -> Ended:
        assert self._server.stdin
        assert self._server.stdout
        stdout, stderr = self._output
        self._server.stdin.write(json.dumps(order | {"stdout": str(stdout), "stderr": str(stderr)}) + "\n")
        self._server.stdin.flush()
        status = int(self._server.stdout.readline())
        return Ended(status, stdout.read_text(encoding="utf-8"), stderr.read_text(encoding="utf-8"))


def serve() -> None:
    """Import the clients, then run each order that stdin brings in a copy of this process."""
    import aiohttp  # noqa: F401
    import datasets  # noqa: F401
    import fsspec.implementations.http  # noqa: F401
    import huggingface_hub.hf_api  # noqa: F401
    import jinja2  # noqa: F401
    import jsonschema  # noqa: F401
    import langcodes
    import pyarrow.parquet  # noqa: F401
    import rich.progress  # noqa: F401
    import scipy.io  # noqa: F401

    import synthner.cli
    import synthner.hub.rehearsal
    import synthner.publication  # noqa: F401

    langcodes.get("da").display_name()
    # What is imported is nobody's garbage: a copy that collects its own would have to look at all of it.
    gc.freeze()
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            _obey(order)
        _, ended = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(ended)}\n")
        sys.stdout.flush()


def _obey(order: dict[str, Any]) -> None:
    from synthner.cli import main

    status: int | str | None = 0
    os.environ.update(order["variables"])
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(order[name], os.O_CREAT | os.O_WRONLY | os.O_TRUNC), number)
    try:
        if "code" in order:
            exec(order["code"], {})
        else:
            sys.argv = ["synthner", *order["arguments"]]
            main()
    except SystemExit as ended:
        status = ended.code
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status if isinstance(status, int) else int(bool(status)))
