"""Pushing models to a loopback Hub: a tiny release with runs, and commands that start with torch at hand."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import CommitOperationAdd
from huggingface_hub.hf_api import RepoFile

from synthner.tests import hub_publishing
from synthner.tests.command_line import Ended
from synthner.tests.curation_sentences import sentences, write
from synthner.tests.hub_publishing import Publisher

SPLITS = {"train": 40, "validation": 12, "test": 20}
LEARNS = {"epochs": 6, "learning_rate": 0.005, "batch_size": 8}

_RUN = """
import json
from pathlib import Path
from synthner.evaluation.grid.cells import plan_cells
from synthner.evaluation.grid.data import GridData
from synthner.evaluation.grid.results import write_outcome
from synthner.evaluation.grid.run_cell import run_cell
from synthner.release import read_release

data = GridData(read_release(Path({folder!r})).grid)
for cell in plan_cells(data).cells:
    write_outcome(data.grid.runs / cell.id, run_cell(cell, data))
print("[]")
"""

_TINY = """
from pathlib import Path
from synthner.tests.curation_sentences import sentences
from synthner.tests.tiny_encoder import save_tiny_encoder
save_tiny_encoder(Path({folder!r}), [each.tokens for each in sentences(60, name="words")])
print("[]")
"""


class ModelPublisher(Publisher):
    """Runs commands against a Hub, in copies of a process that has torch."""

    def push(self, release: Path, *arguments: str) -> Ended:
        """Run `synthner push-model`."""
        return self.synthner("push-model", *arguments, "--release", str(release))

    def pushed(self, release: Path, *arguments: str) -> Any:
        """Push what must be pushed, silent but for one JSON object, and return what it says of the model."""
        ended = self.push(release, *arguments, "--json")
        assert (ended.status, ended.stderr) == (0, ""), ended.stderr
        [model] = ended.json["models"]
        return model

    def not_pushed(self, release: Path, *arguments: str, status: int = 1) -> str:
        """Push what must not be pushed, and return the error: what is wrong and what to do."""
        ended = self.push(release, *arguments, "--json")
        assert (ended.status, ended.stdout) == (status, ""), (ended.stdout, ended.stderr)
        assert len(ended.stderr.strip().splitlines()) > 1, f"no hint: {ended.stderr}"
        return ended.stderr

    def model_files(self, repository: str, revision: str = "main") -> set[str]:
        """Return the names of the files of a model."""
        tree = self.api.list_repo_tree(repository, revision=revision, recursive=True)
        return {entry.path for entry in tree if isinstance(entry, RepoFile)} - {".gitattributes"}

    def model_commits(self, repository: str) -> int:
        """Return how many commits a model has, its first empty one not counted."""
        return len(self.api.list_repo_commits(repository)) - 1

    def model_text(self, repository: str, path: str) -> str:
        """Return the text of a file of a model."""
        folder = self._output[0].parent / "downloads"
        fetched = self.api.hf_hub_download(repository, path, cache_dir=folder, force_download=True)
        return Path(fetched).read_text(encoding="utf-8")

    def model_by_others(self, repository: str, added: Mapping[str, str]) -> str:
        """Commit to a model as people do on the website; return the commit."""
        operations = [CommitOperationAdd(path, content.encode()) for path, content in added.items()]
        return self.api.create_commit(repository, operations, commit_message="By hand").oid


@dataclass(frozen=True)
class Evaluated:
    """A release with runs."""

    folder: Path

    def results(self) -> dict[str, dict[str, Any]]:
        """Return the results by id."""
        return {
            path.parent.name: json.loads(path.read_text(encoding="utf-8"))
            for path in sorted(self.folder.glob("runs/*/result.json"))
        }

    def cell(self, tagger: str, *, setting: str = "scratch", seed: int = 0) -> str:
        """Return the id of the one cell that is so."""
        [found] = [
            id_
            for id_, result in self.results().items()
            if (result["cell"]["tagger"]["name"], result["cell"]["setting"], result["cell"]["seed"])
            == (tagger, setting, seed)
        ]
        return found

    def copy(self, to: Path) -> "Evaluated":
        """Return a copy that may be changed."""
        shutil.copytree(self.folder, to)
        return Evaluated(to)

    def change_result(self, id_: str, **changes: Any) -> None:
        """Change keys of a result."""
        path = self.folder / "runs" / id_ / "result.json"
        path.write_text(json.dumps(self.results()[id_] | changes), encoding="utf-8")


def evaluate(
    publisher: Publisher,
    folder: Path,
    taggers: Mapping[str, Any],
    gold: Mapping[str, Any] | None = None,
    **evaluation: Any,
) -> Evaluated:
    """Write a release with English gold and run its evaluation.

    Args:
        publisher: Runs it.
        folder: Where to.
        taggers: As `release.yaml` has them; a model is a folder beside that.
        gold: As `release.yaml` has it; by default files.
        **evaluation: What else is changed of the evaluation.
    """
    folder.mkdir(parents=True)
    for split, count in SPLITS.items():
        write(folder / f"{split}.jsonl", sentences(count, name=split))
    write(folder / "synthetic.jsonl", sentences(30, name="synthetic"))
    files = {split: f"{split}.jsonl" for split in SPLITS}
    value = {
        "name": "acme/tiny",
        "seed": 5,
        "languages": {"en": {"gold": gold or {"files": files, "license": "cc-by-4.0"}}},
        "evaluation": {
            "sources": {"organic": "gold"},
            "settings": ["scratch"],
            "sizes": [30],
            "seeds": 2,
            "taggers": taggers,
            **evaluation,
        },
    }
    (folder / "release.yaml").write_text(json.dumps(value), encoding="utf-8")
    for tagger in taggers.values():
        if "model" in tagger:
            publisher.python(_TINY.format(folder=str(folder / tagger["model"])))
    return run_evaluation(publisher, folder)


def run_evaluation(publisher: Publisher, folder: Path) -> Evaluated:
    """Run all cells of a release."""
    publisher.python(_RUN.format(folder=str(folder)))
    return Evaluated(folder)


def serve() -> None:
    """Import what every command needs, then serve as for data sets."""
    import torch
    import transformers.models.auto
    import transformers.models.xlm_roberta.modeling_xlm_roberta  # noqa: F401

    import synthner.leaderboard.review
    import synthner.leaderboard.submission
    import synthner.model_publication  # noqa: F401

    torch.set_num_threads(1)
    hub_publishing.serve()
