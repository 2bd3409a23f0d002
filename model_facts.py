"""What the card of a model is written from: a run, the other seeds of it, and where its data comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .cards.hub_results import Benchmark
from .cards.model_card import ModelFacts, Origin
from .evaluation.crf import CrfSettings
from .evaluation.grid.cells import can_be_repeated, source_of
from .evaluation.grid.data import GridData
from .evaluation.grid.description import CRF, GridSource, GridTagger
from .evaluation.grid.repeating import Run, cell_of, is_of_data_as_it_is
from .evaluation.grid.results import learned_parts, read_results
from .evaluation.recipes import PUT_TOGETHER, count_of_gold, settings_for_gold
from .release import Release
from .schema.manifest import read_manifest
from .sources.corpora import corpus
from .sources.hub_reference import hub_reference


def facts_of_model(
    release: Release, data: GridData, run: Run, result: Mapping[str, Any], repository: str
) -> ModelFacts:
    """Gather what the card of a model is written from.

    Args:
        release: The release with the evaluation.
        data: The data of its grid.
        run: The run that the model is of.
        result: The result that is published with it.
        repository: Where it is published.

    Raises:
        DataError: If the data, or the result of another seed, cannot be read.
    """
    language, tagger = result["cell"]["language"], run.result["cell"]["tagger"]
    gold = data.gold(language)
    is_crf = tagger["kind"] == CRF
    settings = _settings(run.result)
    return ModelFacts(
        repository=repository,
        result=result,
        recorded=None,
        seeds=_runs_of_all_seeds(data, result, run),
        seed_matters=not is_crf or can_be_repeated(cell_of(run.result), data),
        origins=[origin for part in learned_parts(result) for origin in _origins(part, run, release, data)],
        benchmark=Benchmark(
            gold.title if gold.hub else f"the gold of {release.name}",
            gold.hub,
            _config_of_gold(data, language) if gold.hub else None,
            gold.revision,
            gold.citation,
        ),
        head=None if is_crf else settings["head"],
        base_model=None if is_crf or is_folder(tagger["model"], data) else tagger["model"],
        settings=settings,
        release=release.name,
    )


def _settings(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return all hyper-parameters that a run had."""
    tagger = result["cell"]["tagger"]
    if tagger["kind"] == CRF:
        learned = learned_parts(result)
        if (result["combination"] or {}).get("recipe") == PUT_TOGETHER:
            gold = sum(part["sentences"] for part in learned if part["role"] == "gold")
            return {**asdict(CrfSettings()), "times_each_gold_sentence": count_of_gold(gold)}
        return asdict(settings_for_gold(sum(part["sentences"] for part in learned)))
    settings = GridTagger(**tagger).encoder_settings()
    has_related = any(part["role"] == "related" for part in result["data"]["train"])
    left_out = {"model", "seed"}
    if not has_related:
        left_out |= {"related_epochs", "related_sentences"}
    if settings.iterations is not None:
        left_out |= {"epochs", "best_epoch_by"}
    return {name: value for name, value in asdict(settings).items() if name not in left_out}


def _runs_of_all_seeds(data: GridData, shown: Mapping[str, Any], run: Run) -> list[Mapping[str, Any]]:
    """Return the results of all runs that only the seed distinguishes, by seed, with this one among them.

    Runs of data that has changed since, or of another base model, are beside them in the folder, and are not
    among them.
    """

    def alike(result: Mapping[str, Any]) -> tuple[Any, ...]:
        cell = {key: value for key, value in result["cell"].items() if key not in ("seed", "retry_of")}
        # A model of the Hub may have had another commit when another seed was run: no id has that.
        return cell, result.get("model_revision")

    others = [
        result
        for _, result in read_results(data.grid.runs)
        if alike(result) == alike(run.result) and result["id"] != run.id and is_of_data_as_it_is(result, data)
    ]
    return sorted([shown, *others], key=lambda result: result["cell"]["seed"])


def _origins(part: Mapping[str, Any], run: Run, release: Release, data: GridData) -> list[Origin]:
    """Return where a part of what was learned comes from: one origin, or one a language of a joint config."""
    source = source_of(cell_of(run.result), data.grid)
    name, language = part["name"], part["language"]
    if part["role"] in ("gold", "related") or source.is_organic:
        gold = data.gold(language)
        return [Origin(name, language, "gold", gold.note, gold.license, gold.hub, gold.citation)]
    if source.corpus is not None:
        found = corpus(source.corpus)
        about = f"the corpus {found.title}{f'. {found.note}' if found.note else ''}"
        return [Origin(name, language, "corpus", about, found.license, found.hub, found.citation)]
    if source.config is not None and source.is_joint:
        joins = read_manifest(release.dataset)["configs"][source.config]["joins"]
        return [_origin_of_config(name, code, config, release) for code, config in joins.items()]
    if source.config is not None:
        return [_origin_of_config(name, language, source.config.replace("{language}", language), release)]
    return [_origin_of_files(name, language, source)]


def _origin_of_config(name: str, language: str, config: str, release: Release) -> Origin:
    manifest = read_manifest(release.dataset)
    described = manifest["configs"][config]
    about = f"written by {described['model']}, method {described['method']}, for the release {release.name}"
    return Origin(name, language, "synthetic", about, manifest["license"], None)


def _origin_of_files(name: str, language: str, source: GridSource) -> Origin:
    reference = hub_reference(Path((source.train or "").replace("{language}", language)))
    if reference is None:
        return Origin(name, language, "unknown", "", None, None)
    from .sources.hub import read_hub

    license_ = read_hub(reference.name, config=reference.config, revision=reference.revision).license
    return Origin(name, language, "unknown", f"from {reference.name} on the Hub", license_, reference.name)


def _config_of_gold(data: GridData, language: str) -> str | None:
    source = data.grid.gold[language]
    return source.config or (corpus(source.corpus).config_of(language) if source.corpus else None)


def is_folder(model: str, data: GridData) -> bool:
    """Say whether the model that a tagger began with is a folder here, and not an id of the Hub."""
    return (data.grid.folder / Path(model).expanduser()).is_dir()
