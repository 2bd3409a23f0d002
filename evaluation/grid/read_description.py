"""What a release says of its experiments, under `evaluation`: read and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...schema.errors import ReleaseError
from ...schema.languages import language
from ...schema.yaml_source import KeyPath, YamlSource, check_named, naming_the_line
from ...sources.corpora import corpus
from ...sources.gold import GoldSource
from .description import (
    CRF,
    ENCODER,
    GOLD_AND_SYNTHETIC,
    ORGANIC,
    SCRATCH,
    SEEDS,
    SIZES,
    STATISTICAL,
    Grid,
    GridLanguage,
    GridSource,
    GridTagger,
    TranslateTest,
)

_BLOCK = "evaluation"


def read_grid(
    source: YamlSource,
    folder: Path,
    *,
    gold: Mapping[str, GoldSource],
    generators: Mapping[str, Sequence[str]],
    joint: Mapping[str, Sequence[str]],
    iob2: str,
) -> Grid:
    """Read the experiments of a release; one that names none is worth asking about, too.

    Args:
        source: The release file, valid by its schema.
        folder: Its folder.
        gold: Gold of its languages, by code.
        generators: Codes of the languages that each generator makes, by its name.
        joint: Codes of the languages that each joint config joins, by its name.
        iob2: How misplaced I- tags of gold are repaired.

    Raises:
        ReleaseError: With file, line, key and the nearest valid name, if they are not acceptable.
    """
    value = source.value.get(_BLOCK, {})
    known = source.value["languages"]
    for key in ("languages", "related"):
        for place, code in enumerate(value.get(key, ())):
            check_named(source, (_BLOCK, key, place if key == "languages" else code), code, known)
    for code, related in value.get("related", {}).items():
        check_named(source, (_BLOCK, "related", code), related, known)
    sources = _sources(source, generators, joint)
    return Grid(
        languages=tuple(
            GridLanguage(
                code, _related_language(code, value.get("related", {}), known), is_named="languages" in value
            )
            for code in value.get("languages", known)
        ),
        gold=gold,
        sources=sources,
        taggers=tuple(_tagger(name, said) for name, said in value.get("taggers", {CRF: {}}).items()),
        settings=tuple(value.get("settings", _usual_settings(sources))),
        sizes=tuple(sorted(value.get("sizes", SIZES))),
        seeds=value.get("seeds", SEEDS),
        seed=source.value["seed"],
        dataset=folder / "dataset",
        folder=folder,
        runs=folder / "runs",
        retry_collapsed=value.get("retry_collapsed", False),
        iob2=iob2,
        translate_test=_translate_test(source),
    )


def _related_language(code: str, named: Mapping[str, str], known: Mapping[str, Any]) -> str | None:
    related = named.get(code) or language(code).related
    return related if related in known else None


def _tagger(name: str, said: Mapping[str, Any]) -> GridTagger:
    return GridTagger(
        name,
        ENCODER if "model" in said else CRF,
        said.get("model"),
        said.get("recipe"),
        said.get("settings", {}),
    )


def _usual_settings(sources: tuple[GridSource, ...]) -> tuple[str, ...]:
    can_be_added = any(not each.is_organic and each.predictions is None for each in sources)
    return (SCRATCH, GOLD_AND_SYNTHETIC) if can_be_added else (SCRATCH,)


def _sources(
    source: YamlSource, generators: Mapping[str, Sequence[str]], joint: Mapping[str, Sequence[str]]
) -> tuple[GridSource, ...]:
    named = source.value.get(_BLOCK, {}).get("sources")
    if named is None:
        named = {ORGANIC: "gold"} | {name: {"generator": name} for name in generators}
    return tuple(_source(source, name, value, generators, joint) for name, value in named.items())


def _source(
    source: YamlSource,
    name: str,
    value: Mapping[str, Any] | str,
    generators: Mapping[str, Sequence[str]],
    joint: Mapping[str, Sequence[str]],
) -> GridSource:
    if isinstance(value, str):
        return GridSource(name)
    keys = (_BLOCK, "sources", name)
    for place, code in enumerate(value.get("languages", ())):
        check_named(source, (*keys, "languages", place), code, source.value["languages"])
    languages = tuple(value.get("languages", ()))
    if "corpus" in value:
        with naming_the_line(source, (*keys, "corpus")):
            corpus(value["corpus"])
    if "joint" in value:
        check_named(source, (*keys, "joint"), value["joint"], joint, "joint config")
        return GridSource(name, config=value["joint"], languages=languages or tuple(joint[value["joint"]]))
    if "generator" in value:
        generator = value["generator"]
        check_named(source, (*keys, "generator"), generator, generators, "generator")
        return GridSource(
            name, config=f"{{language}}_{generator}", languages=languages or tuple(generators[generator])
        )
    return GridSource(
        name,
        train=value.get("train"),
        validation=value.get("validation"),
        corpus=value.get("corpus"),
        predictions=value.get("predictions"),
        languages=languages,
    )


def _translate_test(source: YamlSource) -> TranslateTest | None:
    value = source.value.get(_BLOCK, {}).get("translate_test")
    if value is None:
        return None
    keys = (_BLOCK, "translate_test")
    known = source.value["languages"]
    if "source" in value:
        check_named(source, (*keys, "source"), value["source"], known)
    for code in value.get("codes", {}):
        check_named(source, (*keys, "codes", code), code, known)
    aligner = value.get("aligner", STATISTICAL)
    for key in ("aligner_model",) if aligner == STATISTICAL else ("extra",):
        if key in value:
            raise ReleaseError(
                f"{'.'.join(keys)}.{key}: the aligner `{aligner}` has no use for it",
                where=source.where((*keys, key)),
                hint="Only statistics learn from further text, and only the others have a model. Leave it "
                "out, or name another aligner.",
            )
    projection = value.get("projection", {})
    _check_projection(source, (*keys, "projection"), projection)
    return TranslateTest(
        model=value["model"],
        model_revision=value.get("model_revision"),
        codes=value.get("codes", {}),
        decoding={key: value[key] for key in ("beams", "batch_size") if key in value},
        source=value.get("source"),
        aligner=aligner,
        aligner_model=value.get("aligner_model"),
        extra=tuple((each["source"], each["target"]) for each in value.get("extra", ())),
        projection=projection,
    )


def _check_projection(source: YamlSource, keys: KeyPath, said: Mapping[str, Any]) -> None:
    from ...projection.settings import WrongProjectionError, projection_settings

    known = source.value["languages"]
    gold = said.get("tagger", {}).get("gold")
    if gold is not None and gold not in ("{language}", "{source}"):
        check_named(source, (*keys, "tagger", "gold"), gold, known)
    for code in said.get("translator", {}).get("codes", {}):
        check_named(source, (*keys, "translator", "codes", code), code, known)
    try:
        projection_settings(said)
    except WrongProjectionError as error:
        key_path = (*keys, error.key) if error.key else keys
        raise ReleaseError(
            f"{'.'.join(map(str, key_path))}: {error.message}",
            where=source.where(key_path),
            hint=error.hint,
        ) from error
