"""From a cell of an evaluation to a model on the Hub: trained again, compared, one commit, and the proof.

Runs keep no weights: the models of a grid would fill disks. So the cell is trained again, and pushed if it
tags the test sentences as the run did.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from .cards.model_card import ModelFacts, render_model_card, results_on_hub
from .evaluation.crf import CRF_MODEL
from .evaluation.grid.data import GridData
from .evaluation.grid.repeating import RepeatedRun, Run, check_repeatable, find_run, repeat_run
from .evaluation.grid.results import RESULT, read_predicted_tags
from .hub.publish import Access, Plan, PublishedOnHub, plan_commit, publish_on_hub
from .hub.repository import Repository, Snapshot, again, quiet_client
from .model_facts import facts_of_model, is_folder
from .release import Release
from .schema.errors import DataError, PublishError, SynthnerError, WrongUsageError
from .schema.example import Example
from .schema.manifest import CARD, MANIFEST
from .sources.files import file_hash

SENTENCES_TAGGED = 50
"""Test sentences that are tagged again with the model as it was loaded back."""

LEAST_AGREEMENT = 0.99
"""Of words, where the precision or the machine makes a tag at the edge another one."""

_MANIFEST_FORMAT = 1
_WEIGHTS = ("*.safetensors", "*.crfsuite", "*.bin", "config.json", RESULT)
_FIELD = re.compile(r"\{(\w*)\}")


@dataclass(frozen=True)
class PreparedModel:
    """A trained model in a folder, and what its card says.

    Attributes:
        folder: Where its files are.
        files: Their names in the repository; the card and the list of files are not among them.
        facts: What the card is written from.
        differing: How many test sentences it tags otherwise than the run did.
        tagged: Test sentences with the tags that it gives them.
        is_exact: Whether it gives them the same tags on any machine, alone and among others.
    """

    folder: Path
    files: tuple[str, ...]
    facts: ModelFacts
    differing: int
    tagged: Sequence[Example]
    is_exact: bool


@dataclass(frozen=True)
class ModelPublication:
    """What is to be pushed.

    Attributes:
        files: Every file, by its name in the repository: where it is, or its content.
        removed: Files of the model that is there now which this one does not have.
        is_first: Whether no model was pushed there yet.
        model: The model.
        tag: It gets no tag: the commit is what a model is loaded by.
    """

    files: Mapping[str, Path | bytes]
    removed: tuple[str, ...]
    is_first: bool
    model: PreparedModel
    tag: None = None

    @property
    def title(self) -> str:
        """What the commit is called."""
        return f"Model of cell {self.model.facts.result['id']}"


@dataclass(frozen=True)
class PushOutcome:
    """What pushing a model did, or would do.

    Attributes:
        repository: `organisation/name`.
        url: Where people see it.
        plan: What was planned.
        done: What was done; None where it was only planned.
        tagged: How many test sentences were tagged with the model as it was loaded back.
    """

    repository: str
    url: str
    plan: Plan[ModelPublication]
    done: PublishedOnHub[ModelPublication] | None
    tagged: int

    def as_json(self) -> dict[str, Any]:
        """Return the outcome as `synthner push-model --json` prints it."""
        result, commit = self.plan.release.model.facts.result, self.done.commit if self.done else None
        return {
            "cell": result["id"],
            "repository": self.repository,
            "url": self.url,
            "f1": result["scores"]["micro"]["f1"],
            "interval": result["interval"],
            "license": self.plan.release.model.facts.license,
            "differing": self.plan.release.model.differing,
            "sent": sorted(self.plan.sent),
            "removed": list(self.plan.removed),
            "unchanged": sorted(self.plan.unchanged),
            "commit": commit.commit if commit else None,
            "revision": self.done.revision if self.done else None,
            "sentences_tagged": self.tagged,
        }


def repositories_of(release: Release, names: Sequence[str], to: str) -> list[tuple[Run, str]]:
    """Return the run of each cell, and the repository that it is pushed to.

    Args:
        release: The release with the evaluation.
        names: Ids of cells, or their beginnings.
        to: `organisation/name`. `{cell}`, `{language}`, `{source}`, `{tagger}`, `{size}` and `{seed}` in it
            stand for what they are of the cell.

    Raises:
        WrongUsageError: If there is no such cell, or two would go to one repository.
        DataError: If a result cannot be used.
    """
    pairs = []
    for name in names:
        run = find_run(release.grid.runs, name)
        pairs.append((run, _repository_name(to, run)))
    if len({repository.lower() for _, repository in pairs}) < len(pairs):
        raise WrongUsageError(
            "a repository has one model: several cells need a repository each",
            where="--to",
            hint="Put what tells them apart into the name: --to 'organisation/ner-{language}-{cell}'.",
        )
    return pairs


def push_model(
    release: Release, run: Run, to: str, *, private: bool = False, started: Callable[[Run], None]
) -> PushOutcome:
    """Train the model of a run again, push it in one commit, and load it back from there.

    Args:
        release: The release with the evaluation.
        run: The run.
        to: The repository.
        private: Whether only its owners see it, if it is new.
        started: Is told when training begins.

    Raises:
        PublishError: If the Hub refuses or fails too often, or what is loaded back is not what was pushed.
        DataError: If the data has changed, the model is not the run's, or there can be none.
    """
    with TemporaryDirectory(prefix="synthner-") as folder:
        repository, model = _prepare(release, run, to, Path(folder), started)
        with quiet_client():
            done = publish_on_hub(
                repository,
                lambda snapshot: _beside_what_is_there(model, repository, snapshot),
                access=Access(private),
                describe=_described,
            )
            tagged = _verify(repository, done)
    return PushOutcome(repository.name, repository.url, done.plan, done, tagged)


def plan_push(release: Release, run: Run, to: str, *, started: Callable[[Run], None]) -> PushOutcome:
    """Train the model of a run again, and say what pushing it would do.

    Raises:
        PublishError: If the repository cannot be read, or holds something else.
        DataError: If the data has changed, the model is not the run's, or there can be none.
    """
    with TemporaryDirectory(prefix="synthner-") as folder:
        repository, model = _prepare(release, run, to, Path(folder), started)
        with quiet_client():
            plan = plan_commit(
                repository, lambda snapshot: _beside_what_is_there(model, repository, snapshot)
            )
    return PushOutcome(repository.name, repository.url, plan, None, 0)


def _repository_name(to: str, run: Run) -> str:
    cell = run.result["cell"]
    known = {
        "cell": run.id,
        "language": cell["language"],
        "source": cell["source"],
        "tagger": cell["tagger"]["name"],
        "size": "all" if cell["size"] is None else str(cell["size"]),
        "seed": str(cell["seed"]),
    }
    if unknown := [field for field in _FIELD.findall(to) if field not in known]:
        raise WrongUsageError(
            f"`{{{unknown[0]}}}` in the name of a repository stands for nothing",
            where="--to",
            hint=f"There are: {', '.join(f'{{{name}}}' for name in known)}.",
        )
    return _FIELD.sub(lambda match: known[match[1]], to)


def _prepare(
    release: Release, run: Run, to: str, folder: Path, started: Callable[[Run], None]
) -> tuple[Repository, PreparedModel]:
    """Find out whatever can go wrong before training does, then train."""
    data = GridData(release.grid)
    check_repeatable(run, data)
    with quiet_client():
        repository = Repository(to, repo_type="model")
        _check_target(repository)
    started(run)
    return repository, prepare_model(release, data, repeat_run(run, data), folder, repository)


def prepare_model(
    release: Release, data: GridData, repeated: RepeatedRun, folder: Path, repository: Repository
) -> PreparedModel:
    """Write all files of a model but its card into an empty folder.

    Args:
        release: The release with the evaluation.
        data: The data of its grid.
        repeated: The run, made again.
        folder: Where to.
        repository: Where it will be pushed.

    Raises:
        DataError: If they cannot be written.
    """
    repeated.save(folder / "model")
    for path in sorted((folder / "model").iterdir()):
        path.replace(folder / path.name)
    (folder / "model").rmdir()
    result = repeated.write(folder)
    shown = _without_folders(result, data)
    if shown != result:
        (folder / RESULT).write_text(_as_json(shown), encoding="utf-8")
    facts = facts_of_model(release, data, repeated.run, shown, repository.name)
    if repeated.differing:
        facts = replace(facts, recorded=repeated.run.result)
    _write_eval_results(folder, facts, repository)
    predicted = read_predicted_tags(folder)
    test = data.test(shown["cell"]["language"]).examples[:SENTENCES_TAGGED]
    return PreparedModel(
        folder=folder,
        files=tuple(
            sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
        ),
        facts=facts,
        differing=repeated.differing,
        tagged=[replace(example, ner_tags=predicted[example.id]) for example in test],
        is_exact=shown["measured"]["device"] == "cpu" and facts.settings.get("precision") != "bf16",
    )


def _without_folders(result: Mapping[str, Any], data: GridData) -> Mapping[str, Any]:
    """Return a result that names no folder of this machine."""
    tagger = result["cell"]["tagger"]
    model = tagger["model"]
    if not model or not is_folder(model, data):
        return result
    return {**result, "cell": {**result["cell"], "tagger": {**tagger, "model": PurePath(model).name}}}


def _write_eval_results(folder: Path, facts: ModelFacts, repository: Repository) -> None:
    """Write the result as the Hub's benchmarks have it, if gold is on the Hub."""
    written = results_on_hub(facts, repository.url).eval_results()
    if written is None:
        return
    name, entries = written
    (folder / name).parent.mkdir()
    text = yaml.safe_dump(entries, allow_unicode=True, sort_keys=False, width=10**6)
    (folder / name).write_text(text, encoding="utf-8")


def _check_target(repository: Repository) -> None:
    """Refuse, before anything is trained, a repository that cannot be read or holds something else."""
    snapshot = repository.read()
    if snapshot is None:
        return
    manifest = _published_manifest(repository, snapshot)
    if manifest is None:
        for name in sorted(snapshot.files):
            if any(fnmatchcase(name, pattern) for pattern in _WEIGHTS):
                raise _not_ours(repository, name)


def _beside_what_is_there(
    model: PreparedModel, repository: Repository, snapshot: Snapshot | None
) -> ModelPublication:
    there = snapshot.files if snapshot else {}
    former = _published_manifest(repository, snapshot) if snapshot else None
    listed = former["files"] if former else {}
    for name in model.files:
        if name in there and name not in listed:
            raise _not_ours(repository, name)
    existing, where = None, f"{repository.name}/{CARD}"
    if snapshot is not None and CARD in there:
        try:
            existing = repository.file(CARD, snapshot.commit).read_bytes().decode("utf-8")
        except UnicodeDecodeError as error:
            raise DataError("the card is not UTF-8 text", where=where, hint="Mend or remove it.") from error
    manifest = {
        "format": _MANIFEST_FORMAT,
        "cell": model.facts.result["id"],
        "files": {name: file_hash(model.folder / name) for name in model.files},
    }
    files: dict[str, Path | bytes] = {name: model.folder / name for name in model.files}
    files[MANIFEST] = _as_json(manifest).encode("utf-8")
    files[CARD] = render_model_card(model.facts, existing, where).encode("utf-8")
    removed = tuple(name for name in listed if name not in files)
    return ModelPublication(files, removed, former is None, model)


def _published_manifest(repository: Repository, snapshot: Snapshot) -> Mapping[str, Any] | None:
    """Return the list of files that was pushed last; None if no model was pushed there yet."""
    if MANIFEST not in snapshot.files:
        return None
    where = f"{repository.name}/{MANIFEST}"
    try:
        manifest = json.loads(repository.file(MANIFEST, snapshot.commit).read_bytes())
        known = manifest["format"] == _MANIFEST_FORMAT and all(
            isinstance(name, str) for name in manifest["files"].items() for name in name
        )
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise DataError("this is no list of a model's files", where=where, hint=_ANOTHER) from error
    if not known:
        raise DataError("this is a list of files in another format", where=where, hint=_ANOTHER)
    return manifest


def _not_ours(repository: Repository, name: str) -> PublishError:
    return PublishError(
        "the repository holds something that synthner did not push",
        where=f"{repository.name}/{name}",
        hint=_ANOTHER,
    )


_ANOTHER = "Push to another repository, or remove that file there first."


def _described(publication: ModelPublication) -> str:
    result = publication.model.facts.result
    low, high = result["interval"]
    return f"Micro-F1 {result['scores']['micro']['f1']:.3f} ({low:.3f} to {high:.3f})."


def _verify(repository: Repository, done: PublishedOnHub[ModelPublication]) -> int:
    """Load the model back, tag test sentences with it, and return how many these were."""
    publication, revision = done.plan.release, done.revision

    def verify() -> int:
        _expect_files(repository, publication, revision)
        return _tag_again(repository, publication.model, revision)

    try:
        return again(verify)
    except SynthnerError as error:
        what = "could not be loaded back" if isinstance(error, PublishError) else "is not what was pushed"
        raise PublishError(
            f"the model is in the repository, but {what}: {error.message}",
            where=error.where or f"{repository.name} at {revision}",
            hint=_how_to_go_back(repository, done),
        ) from error


def _expect_files(repository: Repository, publication: ModelPublication, revision: str) -> None:
    there = repository.files(revision)
    for name, content in publication.files.items():
        if name not in there or not there[name].has_content(content):
            raise DataError(
                "this is not the file that was sent" if name in there else "this file is missing",
                where=f"{repository.name} at {revision}: {name}",
            )


def _tag_again(repository: Repository, model: PreparedModel, revision: str) -> int:
    where = f"{repository.name} at {revision}"
    local = {name: repository.file(name, revision) for name in model.files}
    for name, path in local.items():
        if file_hash(path) != file_hash(model.folder / name):
            raise DataError("this is not the file that was sent", where=f"{where}: {name}")
    pairs = [
        (each.ner_tags, tags)
        for each, tags in zip(model.tagged, _tag(local[RESULT].parent, model), strict=True)
        if tags is not None
    ]
    words = sum(len(expected) for expected, _ in pairs)
    same = sum(tag == other for expected, found in pairs for tag, other in zip(expected, found, strict=True))
    if words and same < words * (1 if model.is_exact else LEAST_AGREEMENT):
        raise DataError(
            f"it tags {words - same:,} of {words:,} words of {len(pairs):,} test sentences otherwise than "
            "its predictions say",
            where=where,
        )
    return len(pairs)


def _tag(folder: Path, model: PreparedModel) -> Sequence[Sequence[str] | None]:
    """Tag as a user does: with transformers where that can load the model, else with our loader."""
    sentences = [each.tokens for each in model.tagged]
    if model.facts.head is None:
        from .evaluation.crf import CrfTagger

        return CrfTagger.load(folder / CRF_MODEL).tag(sentences)
    if model.facts.head == "first":
        from .evaluation.encoder.plain_transformers import tag_with_transformers

        return tag_with_transformers(folder, sentences)
    from .evaluation.encoder import EncoderTagger

    return EncoderTagger.load(folder).tag(sentences)


def _how_to_go_back(repository: Repository, done: PublishedOnHub[ModelPublication]) -> str:
    former = done.plan.snapshot
    if done.commit is None or former is None:
        return "Nothing was changed just now. Push again: it may have been the connection."
    return (
        "Pushing again loads it back again, and sends what differs. To go back to the former commit "
        f"({former.commit}), clone {repository.url}, `git revert {done.commit.commit}`, and push."
    )


def _as_json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"
