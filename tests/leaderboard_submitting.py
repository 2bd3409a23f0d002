"""Submitting to leaderboards on a loopback Hub: gold and a source there, taggers tested, records to send."""

import io
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import CommitOperationAdd
from huggingface_hub.hf_api import RepoFile

from synthner.builders.parquet import datapoint_features
from synthner.evaluation.leaderboard.records import record_folder, record_hash
from synthner.evaluation.leaderboard.strict_json import canonical_json
from synthner.schema.example import Example
from synthner.sources.normal_forms import NormalForms
from synthner.tests.command_line import Ended
from synthner.tests.curation_sentences import LABELS, sentences
from synthner.tests.model_pushing import _TINY, LEARNS, Evaluated, ModelPublisher, run_evaluation

GOLD = "acme/gold"
SYNTHETIC = "acme/synthetic"
CONFIG = "en_small"
BENCHMARK = "english"
SPLITS = {"train": 40, "validation": 12, "test": 20}


@dataclass(frozen=True)
class Submitters:
    """A Hub with gold, a source, three tested taggers, and the people who submit them.

    Attributes:
        publisher: Runs commands, by default as Ada, who owns the leaderboards.
        bo: The token of Bo, who belongs to the organisation `nord`.
        eve: The token of Eve, who belongs to none.
        evaluated: The release with the runs of the taggers.
        gold_commit: The commit of gold.
        synthetic_commit: The commit of the source.
    """

    publisher: ModelPublisher
    bo: str
    eve: str
    evaluated: Evaluated
    gold_commit: str
    synthetic_commit: str

    @cached_property
    def test_sha256(self) -> str:
        """The content hash of gold's test split."""
        return next(iter(self.evaluated.results().values()))["data"]["test"]["sha256"]

    def run(self, tagger: str, source: str) -> Path:
        """Return the folder of a run."""
        [found] = [
            id_
            for id_, result in self.evaluated.results().items()
            if (result["cell"]["tagger"]["name"], result["cell"]["source"]) == (tagger, source)
        ]
        return self.evaluated.folder / "runs" / found

    def begin(self, repository: str, **changes: Any) -> str:
        """Make a leaderboard with one benchmark; return its name."""
        benchmark = {
            "format": 1,
            "title": "Letters from the towns",
            "language": "en",
            "gold": {"hub": GOLD, "config": "default", "split": "test", "revision": self.gold_commit},
            "types": ["PER", "LOC"],
            "sha256": self.test_sha256,
            "license": "cc0-1.0",
            **changes,
        }
        self.publisher.api.create_repo(repository, repo_type="dataset")
        text = yaml.safe_dump(benchmark, allow_unicode=True, sort_keys=False)
        self.publisher.by_others(repository, {f"benchmarks/{BENCHMARK}.yaml": text})
        return repository

    def submit(self, to: str, *arguments: str | Path, token: str | None = None) -> Ended:
        """Run `synthner leaderboard submit` as Bo, unless it is somebody else's token."""
        return self.publisher.synthner(
            "leaderboard",
            "submit",
            *map(str, arguments),
            "--to",
            to,
            HF_TOKEN=self.bo if token is None else token,
        )

    def submitted(self, to: str, *arguments: str | Path, token: str | None = None) -> Any:
        """Submit what must be taken, silent but for one JSON object, and return that."""
        ended = self.submit(to, *arguments, "--json", token=token)
        assert (ended.status, ended.stderr) == (0, ""), ended.stderr
        return ended.json

    def not_submitted(
        self, to: str, *arguments: str | Path, status: int = 1, token: str | None = None
    ) -> str:
        """Submit what must not be taken, and return the error: what is wrong and what to do."""
        ended = self.submit(to, *arguments, "--json", token=token)
        assert (ended.status, ended.stdout) == (status, ""), (ended.stdout, ended.stderr)
        assert len(ended.stderr.strip().splitlines()) > 1, f"no hint: {ended.stderr}"
        return ended.stderr

    def reviewed(self, repository: str, *options: str) -> Any:
        """Review as Ada, and return what is said of it."""
        ended = self.publisher.synthner("leaderboard", "review", "--repo", repository, *options, "--json")
        assert (ended.status, ended.stderr) == (0, ""), ended.stderr
        return ended.json

    def requests(self, repository: str, status: str | None = "open") -> list[Any]:
        """Return the pull requests with a status."""
        found = self.publisher.api.get_repo_discussions(
            repository, repo_type="dataset", discussion_status="all" if status is None else None
        )
        return [each for each in found if status is None or each.status == status]

    def comments(self, repository: str, number: int) -> list[str]:
        """Return the comments on a pull request, the text that it was opened with left out."""
        found = self.publisher.api.get_discussion_details(repository, number, repo_type="dataset")
        events = [event for event in found.events if event.type == "comment"]
        return [event.content for event in events if event.author != found.author]  # type: ignore[attr-defined]

    def files(self, repository: str, revision: str = "main") -> set[str]:
        """Return the names of the files of a leaderboard."""
        tree = self.publisher.api.list_repo_tree(
            repository, repo_type="dataset", revision=revision, recursive=True
        )
        return {entry.path for entry in tree if isinstance(entry, RepoFile)} - {".gitattributes"}

    def propose(
        self, repository: str, files: Mapping[str, bytes], *, token: str | None = None, **options: Any
    ) -> Any:
        """Open a pull request by hand, or push to one."""
        from huggingface_hub import HfApi

        return HfApi(endpoint=self.publisher.hub.endpoint, token=token or self.bo).create_commit(
            repository,
            # A stream never goes by Xet, which this Hub does not have.
            [CommitOperationAdd(name, io.BytesIO(content)) for name, content in files.items()],
            repo_type="dataset",
            **{"commit_message": "By hand", "create_pr": "revision" not in options, **options},
        )

    def content(self, repository: str, name: str, revision: str) -> bytes:
        """Return a file of a leaderboard."""
        folder = self.evaluated.folder.parent / "downloads"
        return Path(
            self.publisher.api.hf_hub_download(
                repository, name, repo_type="dataset", revision=revision, cache_dir=folder
            )
        ).read_bytes()

    def record(self, repository: str, name: str, revision: str) -> dict[str, Any]:
        """Return a record of a leaderboard."""
        return json.loads(self.publisher.text(repository, name, revision))


def named(content: Mapping[str, Any]) -> dict[str, bytes]:
    """Return a record under the name that it has to have."""
    path = f"{record_folder(content)}/{record_hash(content)}.json"
    return {path: canonical_json(content) + b"\n"}


def dataset_files(folder: Path, config: str, splits: Mapping[str, list[Example]]) -> dict[str, Path | str]:
    """Write sentences as synthner publishes a data set: parquet with the labels' names, and a card."""
    import datasets

    folder.mkdir(parents=True)
    files: dict[str, Path | str] = {}
    card: dict[str, Any] = {"license": "cc0-1.0", "configs": [{"config_name": config, "data_files": []}]}
    for split, examples in splits.items():
        name = f"{config}/{split}-00000-of-00001.parquet"
        table = datasets.Dataset.from_dict(
            {
                "id": [each.id for each in examples],
                "tokens": [list(each.tokens) for each in examples],
                "ner_tags": [LABELS.encode(each.ner_tags) for each in examples],
            },
            features=datapoint_features(LABELS),
        )
        path = folder / f"{split}.parquet"
        table.to_parquet(path)
        files[name] = path
        card["configs"][0]["data_files"].append({"split": split, "path": name})
    return {**files, "README.md": f"---\n{yaml.safe_dump(card)}---\n"}


def source_sentences() -> list[Example]:
    """Return 30 sentences that are none of gold's test sentences."""
    forms = NormalForms()
    tested = {forms.comparable(each.tokens) for each in sentences(SPLITS["test"], name="test")}
    made = sentences(90, name="synthetic")
    return [each for each in made if forms.comparable(each.tokens) not in tested][:30]


def prepare(publisher: ModelPublisher, folder: Path) -> Submitters:
    """Put gold and a source on the Hub, and test taggers on them."""
    commits = []
    for repository, config, splits in (
        (GOLD, "default", {split: sentences(count, name=split) for split, count in SPLITS.items()}),
        (SYNTHETIC, CONFIG, {"train": source_sentences()}),
    ):
        publisher.api.create_repo(repository, repo_type="dataset")
        files = dataset_files(folder / repository.rpartition("/")[2], config, splits)
        commits.append(publisher.by_others(repository, files))
    gold, synthetic = commits
    release = folder / "release"
    release.mkdir()
    value = {
        "name": "nord/tiny",
        "seed": 5,
        "languages": {
            "en": {"gold": {"hub": GOLD, "config": "default", "revision": gold}, "labels": ["PER", "LOC"]}
        },
        "evaluation": {
            "sources": {
                "organic": "gold",
                "synthetic": {"train": f"hub:{SYNTHETIC}/{CONFIG}/train@{synthetic}"},
            },
            "settings": ["scratch"],
            "sizes": [25],
            "seeds": 1,
            "taggers": {"crf": {}, "tiny": {"model": "base-model", "settings": LEARNS}},
        },
    }
    (release / "release.yaml").write_text(json.dumps(value), encoding="utf-8")
    publisher.python(_TINY.format(folder=str(release / "base-model")))
    evaluated = run_evaluation(publisher, release)
    bo = publisher.hub.add_user("bo", organizations=["nord"])
    return Submitters(publisher, bo, publisher.hub.add_user("eve"), evaluated, gold, synthetic)


def copied(folder: Path, to: Path) -> Path:
    """Return a copy of a run."""
    return Path(shutil.copytree(folder, to))
