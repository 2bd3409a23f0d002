"""Results of other programs as self-reported records: MTEB, lm-evaluation-harness, cards, `.eval_results`.

Only named entity recognition is taken, and only where the result says which data was tested: everything else
is skipped, with its reason. Nothing of it can be checked, for there are no predictions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ... import __version__
from ...schema.errors import DataError, ReleaseError
from ...schema.languages import language
from ...schema.yaml_source import YamlSource
from .benchmarks import Benchmark, Benchmarks, HubGold
from .records import FORMAT, MODEL, check_record
from .strict_json import MOST_BYTES, parse_json, read_bytes

MOST_BYTES_OF_A_FILE = 16_777_216
"""Of a result: lm-evaluation-harness writes its whole configuration into it."""

_TASK = "token-classification"
_TEST = "test"
_NER = re.compile(
    r"(?i:(?:^|[^a-z])ner(?:[^a-z]|$)|named[ _-]entit|masakhaner|wikiann|conll200[23]|wnut)|[a-z]NER"
)
_MODEL_ID = re.compile(r"(?!.*(?:--|\.\.|__))[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*")
_URL = re.compile(r"https://[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?:/[A-Za-z0-9._~:/?#@!$&*+,;=%-]*)?")
_PERCENT = 100
_MACRO = re.compile("macro", re.IGNORECASE)
_STRICT = re.compile("strict", re.IGNORECASE)
_OTHER_F1 = re.compile("weighted|token", re.IGNORECASE)


@dataclass(frozen=True)
class Skipped:
    """What was not imported.

    Attributes:
        what: The file, and the place in it.
        reason: Why not.
    """

    what: str
    reason: str

    def as_json(self) -> dict[str, str]:
        """Return it as `synthner leaderboard import --json` prints it."""
        return {"what": self.what, "reason": self.reason}


@dataclass(frozen=True)
class Imported:
    """What a file came to.

    Attributes:
        records: New records, none of them written yet.
        skipped: What of it was left out.
    """

    records: tuple[dict[str, Any], ...]
    skipped: tuple[Skipped, ...]


@dataclass(frozen=True)
class _Claim:
    """A figure that a file claims.

    Attributes:
        where: The place in the file.
        figure: `f1`, `precision`, `recall`, `macro_f1` or `strict_f1` …; of other kinds, its own name.
        value: As written.
        task: What the file calls the task.
        dataset: Its id on the Hub; empty where it is not known.
        config: Its config; None where nobody says.
        split: The split; None where nobody says.
        language: Its language as written; None where nobody says.
        revision: The revision of the data; None where nobody says.
        is_ner: Whether the file says that it is named entity recognition; None where names have to tell.
        date: Its own date, `YYYY-MM-DD`; None where it is the report's, or nobody says.
        url: Where it was found; None where it is the report's, or nobody says.
    """

    where: str
    figure: str
    value: Any
    task: str
    dataset: str = ""
    config: str | None = None
    split: str | None = None
    language: str | None = None
    revision: str | None = None
    is_ner: bool | None = None
    date: str | None = None
    url: str | None = None


@dataclass(frozen=True)
class _Report:
    """What a file says.

    Attributes:
        format: What wrote it.
        model: `organisation/name`.
        revision: The commit of the model; None where nobody says.
        date: `YYYY-MM-DD`; None where nobody says.
        url: Where it was found; None where nobody says.
        claims: All figures.
    """

    format: str
    model: str
    revision: str | None
    date: str | None
    url: str | None
    claims: tuple[_Claim, ...]


def import_file(path: Path, benchmarks: Benchmarks, *, model: str | None = None) -> Imported:
    """Read the results of another program.

    Args:
        path: A result of MTEB or lm-evaluation-harness (`.json`), a model card (`.md`) with a `model-index`,
            or a file of `.eval_results` (`.yaml`).
        benchmarks: What there is to be tested on.
        model: `organisation/name`, where the file and its folder do not say.

    Raises:
        DataError: If the file cannot be read, is of another kind, or nobody says whose result it is.
    """
    report = _read(path, model)
    groups: dict[str, list[_Claim]] = {}
    skipped = []
    for claim in report.claims:
        found = _benchmark(claim, benchmarks)
        if isinstance(found, str):
            skipped.append(Skipped(f"{path}: {claim.where}", found))
        else:
            groups.setdefault(found.name, []).append(claim)
    records = []
    for name, claims in groups.items():
        made = _record(report, benchmarks.by_name[name], claims)
        if isinstance(made, str):
            skipped += [Skipped(f"{path}: {claim.where}", made) for claim in claims]
            continue
        check_record(made, str(path))
        records.append(made)
        skipped += _not_taken(path, claims)
    return Imported(tuple(records), tuple(skipped))


def _read(path: Path, model: str | None) -> _Report:
    if path.suffix == ".json":
        content = parse_json(read_bytes(path, MOST_BYTES_OF_A_FILE), str(path))
        if isinstance(content, dict) and isinstance(content.get("scores"), dict) and "task_name" in content:
            return _read_mteb(content, path, model)
        if isinstance(content, dict) and isinstance(content.get("results"), dict):
            return _read_harness(content, path, model)
    elif path.suffix == ".md":
        return _read_card(path, model)
    elif path.suffix in (".yaml", ".yml"):
        return _read_eval_results(path, model)
    raise DataError(
        "this is no result that can be imported",
        where=str(path),
        hint="There are: results of MTEB and of lm-evaluation-harness (.json), a model card with "
        "`model-index` (.md), and files of `.eval_results` (.yaml).",
    )


def _read_mteb(content: Mapping[str, Any], path: Path, model: str | None) -> _Report:
    # results/<org>__<model>/<revision>/<Task>.json
    folders = path.resolve().parts
    named = folders[-3].replace("__", "/", 1) if len(folders) > 3 and "__" in folders[-3] else None
    revision = folders[-2] if len(folders) > 2 else None
    task = _text(content["task_name"])
    claims = [
        _Claim(
            f"{split}, {_text(entry.get('hf_subset'))}",
            figure,
            value,
            task,
            config=_text(entry.get("hf_subset")) or None,
            split=split,
            language=_text(_first(entry.get("languages"))).partition("-")[0] or None,
            revision=_text(content.get("dataset_revision")) or None,
        )
        for split, entries in content["scores"].items()
        for entry in _mappings(entries)
        for figure, value in entry.items()
        if not isinstance(value, list | dict) and figure not in ("hf_subset", "main_score", "mteb_version")
    ]
    date = _date(content.get("date"))
    return _Report("MTEB", _model(model or named, path), revision, date, None, tuple(claims))


def _read_harness(content: Mapping[str, Any], path: Path, model: str | None) -> _Report:
    configs = _mapping(content.get("configs"))
    claims = []
    for task, figures in content["results"].items():
        config = _mapping(configs.get(task))
        for name, value in _mapping(figures).items():
            figure = name.partition(",")[0]
            if name in ("alias", "name", "sample_len", "sample_count") or figure.endswith("_stderr"):
                continue
            claims.append(
                _Claim(
                    f"{task}, {name}",
                    figure,
                    value,
                    task,
                    dataset=_text(config.get("dataset_path")),
                    config=_text(config.get("dataset_name")) or None,
                    split=_text(config.get("test_split")) or None,
                )
            )
    settings = _mapping(content.get("config"))
    named = model or _text(content.get("model_name")) or None
    revision = _text(settings.get("model_sha")) or None
    date = _date(content.get("date"))
    return _Report("lm-evaluation-harness", _model(named, path), revision, date, None, tuple(claims))


def _read_card(path: Path, model: str | None) -> _Report:
    data = read_bytes(path, MOST_BYTES_OF_A_FILE)
    metadata = _front_matter(data, path)
    indices = _mappings(metadata.get("model-index"))
    if not indices:
        raise DataError("the card has no `model-index`", where=str(path))
    claims = []
    for index in indices:
        for result in _mappings(index.get("results")):
            task, dataset = _mapping(result.get("task")), _mapping(result.get("dataset"))
            for metric in _mappings(result.get("metrics")):
                # `type` is a name of the Hub's list; `name` says which of several F1 it is.
                names = f"{_text(metric.get('type'))} {_text(metric.get('name'))}"
                claims.append(
                    _Claim(
                        f"model-index, {_text(dataset.get('name'))}, {_text(metric.get('name')) or names}",
                        _figure(_text(metric.get("type")), _text(metric.get("name"))),
                        metric.get("value"),
                        _text(dataset.get("name")),
                        dataset=_text(dataset.get("type")),
                        config=_text(dataset.get("config")) or None,
                        split=_text(dataset.get("split")) or None,
                        revision=_text(dataset.get("revision")) or None,
                        is_ner=_text(task.get("type")) == _TASK,
                    )
                )
    named = model or _text(indices[0].get("name")) or None
    repository = _model(named, path)
    return _Report(
        "model card", repository, None, None, f"https://huggingface.co/{repository}", tuple(claims)
    )


def _read_eval_results(path: Path, model: str | None) -> _Report:
    value = _yaml(path)
    claims = []
    for number, entry in enumerate(_mappings(value), start=1):
        dataset, source = _mapping(entry.get("dataset")), _mapping(entry.get("source"))
        if "id" not in dataset or "value" not in entry:
            raise DataError(
                f"entry {number} has no `dataset.id` and `value`",
                where=str(path),
                hint="https://huggingface.co/docs/hub/eval-results describes these files.",
            )
        notes = _text(entry.get("notes"))
        claims.append(
            _Claim(
                f"entry {number}",
                _figure("f1", notes) if re.search(r"\bf1\b", notes, re.IGNORECASE) else "value",
                entry["value"],
                f"{_text(dataset['id'])} {notes}",
                dataset=_text(dataset["id"]),
                config=_text(dataset.get("task_id")) or None,
                split=None,
                revision=_text(dataset.get("revision")) or None,
                date=_date(entry.get("date")),
                url=_text(source.get("url")) or None,
            )
        )
    if not claims:
        raise DataError("there is no result in it", where=str(path))
    return _Report("Hub evaluation result", _model(model, path), None, None, None, tuple(claims))


def _figure(type_: str, name: str) -> str:
    """Say which figure a metric is: several F1 may stand side by side."""
    kind = type_.lower().removeprefix("seqeval_").removeprefix("overall_")
    if kind not in ("f1", "precision", "recall"):
        return type_ or name
    if _STRICT.search(name):
        return f"strict_{kind}"
    if _MACRO.search(name):
        return f"macro_{kind}"
    return f"{kind} ({name})" if _OTHER_F1.search(name) else kind


def _benchmark(claim: _Claim, benchmarks: Benchmarks) -> Benchmark | str:
    """Return the benchmark that a claim is of, or why there is none."""
    is_ner = claim.is_ner
    if is_ner is None:
        known = (each.gold for each in benchmarks.by_name.values() if isinstance(each.gold, HubGold))
        is_ner = _NER.search(f"{claim.task} {claim.dataset}") is not None or claim.dataset in {
            gold.hub for gold in known
        }
    if not is_ner:
        return "this is no named entity recognition"
    of_data = [each for each in benchmarks.by_name.values() if _is_of(claim, each)]
    if not of_data:
        return "no benchmark of the leaderboard has this data, config and language"
    # Where nobody says it, it is the split that is meant to be tested on.
    split = claim.split or _TEST
    splits = {each.name: each.gold.split for each in of_data if isinstance(each.gold, HubGold)}
    found = [each for each in of_data if splits[each.name] == split]
    if not found:
        said = f"it was tested on the split `{split}`" if claim.split else "nobody says what it was tested on"
        return f"{said}, and the benchmark is the split `{splits[of_data[0].name]}`"
    if len(found) > 1:
        return f"several benchmarks have this data: {', '.join(each.name for each in found)}"
    gold = found[0].gold
    if claim.revision and isinstance(gold, HubGold) and _differs(claim.revision, gold.revision):
        return f"it was tested on revision {claim.revision[:12]} of the data, not {gold.revision[:12]}"
    return found[0]


def _is_of(claim: _Claim, benchmark: Benchmark) -> bool:
    gold = benchmark.gold
    if not isinstance(gold, HubGold):
        return False
    if claim.dataset:
        if claim.dataset.lower() != gold.hub.lower():
            return False
    elif _letters(gold.hub.rpartition("/")[2]) not in _letters(claim.task):
        # MTEB names tasks, and not where their data is.
        return False
    if claim.config in (None, "default"):
        return gold.config is None or (
            claim.language is not None and _same_language(claim.language, benchmark.language)
        )
    return claim.config == gold.config or _same_language(claim.config, benchmark.language)


def _differs(claimed: str, pinned: str) -> bool:
    return re.fullmatch("[0-9a-f]{40}", claimed) is not None and len(pinned) == 40 and claimed != pinned


def _letters(text: str) -> str:
    return re.sub("[^a-z0-9]", "", text.lower())


def _same_language(one: str, other: str) -> bool:
    try:
        return language(one).tag == language(other).tag
    except DataError:
        return False


_TAKEN = {
    "f1": ("micro", "f1"),
    "precision": ("micro", "precision"),
    "recall": ("micro", "recall"),
    "macro_f1": ("macro", "f1"),
    "macro_precision": ("macro", "precision"),
    "macro_recall": ("macro", "recall"),
    "strict_f1": ("strict", "f1"),
    "strict_precision": ("strict", "precision"),
    "strict_recall": ("strict", "recall"),
}


def _record(report: _Report, benchmark: Benchmark, claims: Sequence[_Claim]) -> dict[str, Any] | str:
    """Make a record of what a file claims of a benchmark, or say why there is none."""
    figures = _figures(claims)
    if isinstance(figures, str):
        return figures
    organization, _, name = report.model.partition("/")
    taken = next(claim for claim in claims if claim.figure == "f1")
    revision = report.revision if re.fullmatch("[0-9a-f]{40}", report.revision or "") else None
    return {
        "format": FORMAT,
        "kind": MODEL,
        "submitter": {"organization": organization, "name": name, "url": None},
        "model": {"id": report.model, "revision": revision, "base_model": None},
        "benchmark": benchmark.name,
        "cell": {
            "language": benchmark.language,
            "setting": "predictions",
            "source": report.format,
            "size": None,
            "seed": 0,
            "tagger": {"name": name, "kind": "predictions", "model": None, "recipe": None, "settings": {}},
            "retry_of": None,
        },
        "training": [],
        "cost": None,
        "scores": _scores(figures),
        "interval": None,
        "predictions": None,
        "source": {"url": _https(taken.url or report.url), "name": report.format},
        "date": taken.date or report.date,
        "synthner": __version__,
    }


def _figures(claims: Sequence[_Claim]) -> dict[str, dict[str, float]] | str:
    """Return the figures of each average as shares of 1, or say why there is no record of them."""
    figures: dict[str, dict[str, float]] = {"micro": {}, "macro": {}, "strict": {}}
    by_name = {claim.figure: claim.value for claim in reversed(claims)}
    for name, (average, figure) in _TAKEN.items():
        if name in by_name:
            value = by_name[name]
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _PERCENT:
                return f"`{name}` is no number from 0 to 1, nor a percentage"
            figures[average][figure] = float(value)
    if "f1" not in figures["micro"]:
        return "it has no micro-F1"
    if max(value for of_average in figures.values() for value in of_average.values()) <= 1:
        return figures
    return {
        average: {name: round(value / _PERCENT, 6) for name, value in of_average.items()}
        for average, of_average in figures.items()
    }


def _scores(figures: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    """Return the scores of a record; of other averages than micro they are complete or none."""
    complete = ("precision", "recall", "f1")
    return {
        "micro": {each: figures["micro"].get(each) for each in complete},
        **{
            average: figures[average] if len(figures[average]) == len(complete) else None
            for average in ("macro", "strict")
        },
        "per_type": None,
        "seen": None,
        "unseen": None,
    }


def _not_taken(path: Path, claims: Sequence[_Claim]) -> Iterator[Skipped]:
    taken: set[str] = set()
    for claim in claims:
        if claim.figure not in _TAKEN:
            yield Skipped(f"{path}: {claim.where}", "this figure has no place in a record")
        elif claim.figure in taken:
            yield Skipped(f"{path}: {claim.where}", "the same figure stands before it")
        taken.add(claim.figure)


def _model(name: str | None, path: Path) -> str:
    if name is None or _MODEL_ID.fullmatch(name) is None:
        said = f"it says `{name[:80]}`" if name else "it does not say"
        raise DataError(
            f"nobody says which model of the Hub the result is of: {said}",
            where=str(path),
            hint="Name it: --model ORGANISATION/NAME.",
        )
    return name


def _https(url: str | None) -> str | None:
    return url if url and len(url) <= 500 and _URL.fullmatch(url) else None


def _date(value: Any) -> str | None:
    """Return the day of a time, as text or in seconds since 1970; None where it is none."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC).date().isoformat()
        return datetime.fromisoformat(_text(value).replace("Z", "+00:00")).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return None


def _front_matter(data: bytes, path: Path) -> Mapping[str, Any]:
    text = data.decode("utf-8", "replace").replace("\r\n", "\n")
    begin, _, rest = text.partition("---\n")
    block, closing, _ = rest.partition("\n---")
    if begin.strip() or not closing:
        raise DataError("the card has no metadata", where=str(path))
    return _mapping(_parse_yaml(block, path))


def _yaml(path: Path) -> Any:
    try:
        return YamlSource(path).value
    except ReleaseError as error:
        raise DataError(error.message, where=error.where) from error


def _parse_yaml(text: str, path: Path) -> Any:
    import yaml

    if len(text) > MOST_BYTES:
        raise DataError("the metadata is too large", where=str(path))
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DataError("the metadata is not YAML", where=str(path)) from error


def _mapping(value: Any) -> Mapping[str, Any]:
    return {str(key): each for key, each in value.items()} if isinstance(value, dict) else {}


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [_mapping(each) for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else value


def _text(value: Any) -> str:
    return "" if value is None or isinstance(value, dict | list) else str(value)
