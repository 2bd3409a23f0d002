"""A release: `release.yaml` read, checked and expanded, and every path of its work folder.

`languages × generators` gives the configs: `yor` and `gpt4` make `yor_gpt4`. A joint config, `nigerian_gpt4`,
joins those of one generator in several languages.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Literal

from .evaluation.grid.description import Grid
from .evaluation.grid.read_description import read_grid
from .schema.errors import ReleaseError
from .schema.labels import LabelSet
from .schema.languages import Language, language
from .schema.methods import METHODS, OFFLINE
from .schema.prices import Prices
from .schema.splits import SPLITS
from .schema.validation import explain, first_error, nearest, unknown_key
from .schema.yaml_source import KeyPath, YamlSource, check_named, naming_the_line
from .sources.corpora import corpus
from .sources.gold import GoldSource

ENGINES = ("openai", "openai_batch", "transformers", "vllm", "ray", "recorded", OFFLINE)
"""The engines that come along, by name."""

ENGINES_OF_OTHERS = "synthner.engines"
"""The group of the entry points by which other packages bring engines."""


@dataclass(frozen=True)
class Generator:
    """A way to make data, as the release names it.

    Attributes:
        name: The second half of its configs' names.
        method: How data is made, for example `seeded`.
        engine: Who answers, for example `openai`.
        model: The model, by the name that its server knows.
        format: How datapoints are written in prompt and answer; None for what suits the engine.
        examples: Gold datapoints shown in a prompt (the paper's m).
        datapoints: Datapoints asked for in a call (the paper's n).
        calls: Calls by split (the paper's k); empty where a recording says how many there were.
        seeds_from: Gold split that the shown examples of each split come from.
        sampling: Sampling parameters, sent as written.
        settings: Settings of the engine, as the release writes them.
        languages: Codes of the languages it is used for.
        curation: Whether its train split is curated against gold.
        judge: An encoder that judges labels there, by its folder or id on the Hub; None for a CRF.
        prices: What tokens cost; None where the release does not say.
        method_settings: Settings of the method, as the release writes them.
    """

    name: str
    method: str
    engine: str
    model: str
    format: str | None
    examples: int
    datapoints: int
    calls: Mapping[str, int]
    seeds_from: Mapping[str, str]
    sampling: Mapping[str, Any]
    settings: Mapping[str, Any]
    languages: tuple[str, ...]
    curation: bool
    judge: str | None = None
    prices: Prices | None = None
    method_settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Gates:
    """What a datapoint must be to be published.

    Attributes:
        iob2: Policy for misplaced I- tags, a name in `REPAIR_POLICIES`.
        unicode: `keep`, or `nfc` to compose every token.
        script_share: Least share of a sentence's letters in the language's scripts.
    """

    iob2: str = "conlleval"
    unicode: str = "keep"
    script_share: float = 0.5


@dataclass(frozen=True)
class Publishing:
    """How the dataset is published on the Hub.

    Attributes:
        private: Whether only its owners can see it.
        gated: `auto` or `manual` where people must ask for access; None where not.
        accept: Findings that do not keep it from being published, with the reason for each.
    """

    private: bool = False
    gated: Literal["auto", "manual"] | None = None
    accept: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Config:
    """One config of the dataset: a language made by a generator."""

    name: str
    language: Language
    gold: GoldSource
    generator: Generator


@dataclass(frozen=True)
class JointConfig:
    """One config of the dataset that joins what a generator made in several languages.

    Attributes:
        name: Its name.
        joined: The configs that it joins, in the order of its rows.
    """

    name: str
    joined: tuple[Config, ...]


@dataclass(frozen=True)
class Release:
    """A release, ready to run.

    Attributes:
        path: The release file.
        name: The dataset's repository on the Hub: `name` or `organisation/name`.
        seed: The one seed that every random choice comes from.
        configs: Language by language, generator by generator, in the order of the file.
        joint: The configs that join these, in the order of the file.
        gates: What a datapoint must be to be published.
        publishing: How the dataset is published on the Hub.
        license: Hub licence id; None where it is inherited from gold.
        pretty_name: The title of the dataset card.
        description: Opens the card.
        authors: Who publishes it.
        contact: Where questions go.
        grid: The experiments that say what the data is worth.
        max_cost: What all calls together may cost; None for no limit.
        currency: What prices and costs are in.
    """

    path: Path
    name: str
    seed: int
    configs: tuple[Config, ...]
    gates: Gates
    publishing: Publishing
    license: str | None
    pretty_name: str
    description: str
    authors: tuple[str, ...]
    contact: str | None
    grid: Grid
    max_cost: float | None = None
    currency: str = "USD"
    joint: tuple[JointConfig, ...] = ()

    @property
    def folder(self) -> Path:
        """The folder of the release file; every other path is in it."""
        return self.path.parent

    @property
    def config_names(self) -> list[str]:
        """The names of all configs of the dataset, in its order."""
        return [config.name for config in (*self.configs, *self.joint)]

    @property
    def work(self) -> Path:
        """What is kept between runs and never published."""
        return self.folder / "work"

    @property
    def journal(self) -> Path:
        """Every call and its raw response."""
        return self.work / "journal.sqlite"

    @property
    def dataset(self) -> Path:
        """The built dataset: parquet, provenance, manifest and card."""
        return self.folder / "dataset"

    def rejects(self, config: str) -> Path:
        """Return the file of a config's datapoints that are not published, each with its reason."""
        return self.work / "rejects" / f"{config}.jsonl.gz"


def read_release(path: Path) -> Release:
    """Read and check a release file.

    Args:
        path: The file, or the folder that holds a `release.yaml`.

    Raises:
        ReleaseError: With file, line, key and the nearest valid name, if it is not acceptable.
    """
    if path.is_dir():
        path = path / "release.yaml"
    source = YamlSource(path)
    _check_against_schema(source)
    value = source.value
    folder = path.resolve().parent
    generators = {name: _generator(source, name) for name in value.get("generators", {})}
    languages = _languages(source, folder)
    configs = _expand(languages, generators)
    joint = _joint_configs(source, configs)
    gates = Gates(**value.get("gates", {}))
    return Release(
        path=path.resolve(),
        name=value["name"],
        seed=value["seed"],
        configs=configs,
        joint=joint,
        gates=gates,
        publishing=_publishing(value.get("publish", {})),
        license=value.get("license"),
        pretty_name=value.get("pretty_name", value["name"]),
        description=value.get("description", "").strip(),
        authors=tuple(value.get("authors", ())),
        contact=value.get("contact"),
        grid=read_grid(
            source,
            folder,
            gold={code: gold for code, (_, gold) in languages.items()},
            generators={name: each.languages for name, each in generators.items()},
            joint={each.name: [config.language.code for config in each.joined] for each in joint},
            iob2=gates.iob2,
        ),
        max_cost=value.get("max_cost"),
        currency=value.get("currency", Release.currency),
    )


def _check_against_schema(source: YamlSource) -> None:
    error = first_error("release", source.value)
    if error is None:
        return
    key_path: KeyPath = tuple(error.absolute_path)
    if (key := unknown_key(error)) is not None:
        key_path = (*key_path, key)
    message, hint = explain(error)
    keys = ".".join(str(key) for key in error.absolute_path)
    raise ReleaseError(f"{keys}: {message}" if keys else message, where=source.where(key_path), hint=hint)


def _publishing(value: Mapping[str, Any]) -> Publishing:
    return Publishing(
        private=value.get("private", False), gated=value.get("gated") or None, accept=value.get("accept", {})
    )


def _generator(source: YamlSource, name: str) -> Generator:
    value = source.value["generators"][name]
    languages = tuple(value.get("languages", source.value["languages"]))
    for index, code in enumerate(languages):
        check_named(source, ("generators", name, "languages", index), code, source.value["languages"])
    method = METHODS[value["method"]]
    engine = _engine(source, name)
    curation = value.get("curation", False)
    return Generator(
        name=name,
        method=value["method"],
        engine=engine,
        model=value.get("model", ""),
        format=value.get("format"),
        examples=value.get("examples", method.examples),
        datapoints=value.get("datapoints", method.datapoints),
        calls=value.get("calls", {}),
        seeds_from={split: value.get("seeds_from", {}).get(split, "train") for split in SPLITS},
        sampling=value.get("sampling", {}),
        settings=value.get(engine, {}) if engine in ENGINES else value.get("settings", {}),
        languages=languages,
        curation=bool(curation),
        judge=curation["judge"] if isinstance(curation, dict) else None,
        prices=Prices(**value["prices"]) if "prices" in value else None,
        method_settings=value.get(value["method"], {}),
    )


# Keys of generators that ask a chat model.
_OF_MODELS = (
    *("engine", "model", "calls", "examples", "datapoints", "seeds_from", "prices", "sampling", "format"),
    *ENGINES,
)


def _engine(source: YamlSource, name: str) -> str:
    """Return the engine of a generator, which a method has or has not."""
    value = source.value["generators"][name]
    keys = ("generators", name)
    method = METHODS[value["method"]]
    for key in method.unused if method.asks_model else _OF_MODELS:
        if key in value:
            reason = "has no use for it" if method.asks_model else "asks no chat model"
            raise ReleaseError(
                f"generators.{name}.{key}: the method `{value['method']}` {reason}",
                where=source.where((*keys, key)),
                hint="Leave it out.",
            )
    if not method.asks_model:
        return OFFLINE
    for key in ("engine", "model"):
        if key not in value:
            raise ReleaseError(
                f"generators.{name}: the key `{key}` is missing",
                where=source.where(keys),
                hint=f"The method `{value['method']}` asks a model: name it, and the engine that asks.",
            )
    engine: str = value["engine"]
    brought = set() if engine in ENGINES else entry_points(group=ENGINES_OF_OTHERS).names
    if engine == OFFLINE or engine not in (*ENGINES, *brought):
        raise ReleaseError(
            f"generators.{name}.engine: there is no engine `{engine}`",
            where=source.where((*keys, "engine")),
            hint=nearest(engine, sorted({*ENGINES, *brought} - {OFFLINE})),
        )
    if engine != "recorded" and method.needs_calls and "calls" not in value:
        raise ReleaseError(
            f"generators.{name}: the key `calls` is missing",
            where=source.where(keys),
            hint="Calls by split (the paper's k).",
        )
    return engine


def _languages(source: YamlSource, folder: Path) -> dict[str, tuple[Language, GoldSource]]:
    """Return the languages of a release by their codes, each with its gold."""
    found = {}
    for code in source.value["languages"]:
        with naming_the_line(source, ("languages", code)):
            spoken = language(code)
        found[code] = (spoken, _gold_source(source, code, folder))
    return found


def _expand(
    languages: Mapping[str, tuple[Language, GoldSource]], generators: Mapping[str, Generator]
) -> tuple[Config, ...]:
    return tuple(
        Config(f"{code}_{generator.name}", spoken, gold, generator)
        for code, (spoken, gold) in languages.items()
        for generator in generators.values()
        if code in generator.languages
    )


def _joint_configs(source: YamlSource, configs: Sequence[Config]) -> tuple[JointConfig, ...]:
    languages = {code.casefold(): code for code in source.value["languages"]}
    found = []
    for name in source.value.get("joint", {}):
        if name.casefold() in languages:
            raise ReleaseError(
                f"joint.{name}: a language of this release is called `{languages[name.casefold()]}`",
                where=source.where(("joint", name)),
                hint=f"Choose another name: its configs would be called as those of `{name}` are.",
            )
        found.extend(_joint_config(source, name, configs))
    return tuple(found)


def _joint_config(source: YamlSource, name: str, configs: Sequence[Config]) -> Iterator[JointConfig]:
    """Yield a joint config for each generator that makes its languages.

    Languages that are named are joined, all of them; else those that the generator makes, at least two.
    """
    value = source.value["joint"][name]
    keys = ("joint", name)
    for key, what in (("languages", "language"), ("generators", "generator")):
        for place, word in enumerate(value.get(key, ())):
            check_named(source, (*keys, key, place), word, source.value[key], what)
    languages = value.get("languages", source.value["languages"])
    fewest = len(languages) if "languages" in value else 2
    hint = (
        "A joint config joins what one generator makes: in all languages that it names, or in two at least."
    )
    by_name = {config.name: config for config in configs}
    found = False
    for place, generator in enumerate(value.get("generators", source.value["generators"])):
        names = [f"{code}_{generator}" for code in languages]
        joined = tuple(by_name[each] for each in names if each in by_name)
        if len(joined) >= fewest:
            found = True
            yield JointConfig(f"{name}_{generator}", joined)
        elif "generators" in value:
            raise ReleaseError(
                f"joint.{name}.generators.{place}: `{generator}` makes {len(joined)} of its languages, "
                f"not {fewest}",
                where=source.where((*keys, "generators", place)),
                hint=hint,
            )
    if not found:
        raise ReleaseError(
            f"joint.{name}: no generator makes {fewest} of its languages",
            where=source.where(keys),
            hint=hint,
        )


def _gold_source(source: YamlSource, code: str, folder: Path) -> GoldSource:
    entry = source.value["languages"][code]
    gold = entry["gold"]
    if "corpus" in gold:
        with naming_the_line(source, ("languages", code, "gold", "corpus")):
            corpus(gold["corpus"])
    return GoldSource(
        corpus=gold.get("corpus"),
        files={split: folder / name for split, name in gold["files"].items()} if "files" in gold else None,
        hub=gold.get("hub"),
        config=gold.get("config"),
        revision=gold.get("revision"),
        license=gold.get("license"),
        citation=gold.get("citation"),
        labels=LabelSet.of_types(entry["labels"]) if "labels" in entry else None,
    )
