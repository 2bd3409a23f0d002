"""What a leaderboard shows, and how it is called: the same words on the static page and in the Space."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from ...evaluation.leaderboard.rows import BASELINE, OVERALL, SELF_REPORTED, VERIFIED, Row
from ...schema.errors import DataError, WrongUsageError
from ...schema.languages import language
from ..markdown import legible

HUB = "https://huggingface.co"
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_ADDRESS = re.compile(r"https://[\w.-]+(?::\d+)?(?:[/?#][\w./?=&%#:@!$*+,;~()-]*)?", re.ASCII)
_IN_REPOSITORY = re.compile(r"[\w+-][\w.+-]*(?:/[\w+-][\w.+-]*)*", re.ASCII)

PATTERNS = {"hubId": _HUB_ID, "commit": _COMMIT, "address": _ADDRESS, "path": _IN_REPOSITORY}
"""What may become part of an address, for programs in other languages: the whole text must match."""

Form = Literal["rank", "text", "count", "score", "money", "ratio", "date"]


@dataclass(frozen=True)
class Column:
    """A column of the table.

    Attributes:
        name: The attribute of a row that it shows.
        label: Its heading.
        meaning: What it is, in a sentence.
        form: How its values are written.
        shown: Whether it is there before anybody chose.
    """

    name: str
    label: str
    meaning: str
    form: Form
    shown: bool


COLUMNS = (
    Column(
        "rank_first",
        "Rank",
        "Among systems of one kind, setting and size; a range where they are tied.",
        "rank",
        True,
    ),
    Column("system", "System", "What was submitted, and by whom.", "text", True),
    Column("scope", "Language", "The language tested, or the mean over all of them.", "text", True),
    Column("benchmark", "Benchmark", "The gold test set.", "text", False),
    Column("setting", "Setting", "What was learned.", "text", True),
    Column("source", "Source", "Where the training sentences come from; organic is gold.", "text", True),
    Column("tagger", "Tagger", "What was trained.", "text", True),
    Column("size", "Size", "Training sentences asked for.", "count", True),
    Column("f1", "F1", "Micro-F1, the mean over seeds, with its 95 % interval.", "score", True),
    Column("macro_f1", "Macro F1", "The mean over entity types.", "score", True),
    Column("strict_f1", "Strict F1", "Micro-F1 in the strict reading of IOB2.", "score", False),
    Column("precision", "Precision", "How much of what was found is right.", "score", False),
    Column("recall", "Recall", "How much of gold was found.", "score", False),
    Column("seen_recall", "Seen", "Recall on names that the training data holds.", "score", False),
    Column("unseen_recall", "Unseen", "Recall on names that it does not hold.", "score", True),
    Column("gold_sentences", "Gold", "Gold sentences learned.", "count", False),
    Column("synthetic_sentences", "Synthetic", "Synthetic sentences learned.", "count", False),
    Column("seeds", "Seeds", "How many runs the figures are means of.", "count", False),
    Column("cost", "Cost", "What making the data has cost, as claimed.", "money", True),
    Column("f1_per_cost", "F1 per cost", "F1 divided by the cost.", "ratio", False),
    Column(
        "f1_per_gold_sentence", "F1 per gold", "F1 divided by the gold sentences learned.", "ratio", False
    ),
    Column("submitted", "Submitted", "The date of the newest result.", "date", False),
)


@dataclass(frozen=True)
class Filter:
    """A choice that narrows the table.

    Attributes:
        name: The attribute of a row that it looks at.
        label: What it is called.
        everything: What it is called to choose nothing.
    """

    name: str
    label: str
    everything: str


FILTERS = (
    Filter("scope", "Language", "All languages"),
    Filter("benchmark", "Benchmark", "All benchmarks"),
    Filter("setting", "Setting", "All settings"),
    Filter("source", "Source", "All sources"),
    Filter("size", "Size", "All sizes"),
    Filter("kind", "Kind", "Any kind"),
    Filter("status", "Status", "Any status"),
)

SEARCHED = ("system", "organization", "source", "tagger", "model", "benchmark")
"""The attributes of a row that the search looks at, beside the name of its language."""

WHOLE = "all"
"""How a size is written where everything was learned."""

STATUS_MEANINGS = {
    VERIFIED: "The predictions were scored again, against gold at the revision that the benchmark pins.",
    BASELINE: "Verified, and kept by the owners of the benchmark to compare with.",
    SELF_REPORTED: "As the submitter says. There are no predictions to check, and there is no rank.",
}

HOW_TO_READ = (
    (
        "Ranks",
        "Ranked together are systems of one kind, setting and size on a benchmark; datasets also with one "
        "tagger. Filters put such a group on its own. A rank is a range where systems cannot be told "
        "apart: 2–4 means that one is certainly ahead, and no more than three may be. A paired test over "
        "seeds and test sentences tells them apart.",
    ),
    (
        "F1 and its bar",
        "The point is micro-F1, the mean over seeds. The bar is its 95 % interval over seeds and test "
        "sentences. Whole mentions count, with their type.",
    ),
    (
        "Overall",
        "The row of a system over all languages is the plain mean of its languages, so that a large language "
        "does not outweigh a small one. It is there for systems that were tested on all of them.",
    ),
    (
        "Models and datasets",
        "A model is a tagger as it is. A dataset is a config that a standard tagger was trained on, so that "
        "only the data differ.",
    ),
    (
        "Settings",
        "scratch learns the source alone, gold+synthetic gold with the source, synthetic-then-gold one after "
        "the other. zero-shot has learned a related language only, fine-tuned goes on from there with the "
        "source, and translate-test tags translations into it. multilingual learns all languages at once. "
        "predictions were made elsewhere.",
    ),
    (
        "Seen and unseen",
        "Recall on names that the training data holds, and on those that it does not. The second says more "
        "about new text.",
    ),
    (
        "Cost",
        "What making the data has cost, as the submitter says. It is not checked.",
    ),
)


@dataclass(frozen=True)
class SubmitField:
    """A field of the form that writes the command to submit with.

    Attributes:
        name: What it is known by.
        label: What is asked.
        option: The option of the command; empty for an argument.
        example: What an answer looks like.
        kinds: For what is submitted it is asked.
        needed: Whether the command is nothing without it.
    """

    name: str
    label: str
    option: str
    example: str
    kinds: tuple[str, ...]
    needed: bool = False


SUBMIT_KINDS = {
    "results": "Results of an evaluation",
    "model": "A model on the Hub, tested here",
    "dataset": "A dataset on the Hub, learned here",
}
_ON_HUB = ("model", "dataset")
_ALL = tuple(SUBMIT_KINDS)
SUBMIT_COMMAND = "synthner leaderboard submit"
SUBMIT_FIELDS = (
    SubmitField("result", "Result", "", "runs/0123456789abcdef", ("results",), needed=True),
    SubmitField("model", "Model", "--model", "my-organization/my-model", ("model",), needed=True),
    SubmitField("dataset", "Dataset", "--dataset", "my-organization/my-names", ("dataset",), needed=True),
    SubmitField("config", "Config", "--config", "yor_stories", ("dataset",)),
    SubmitField("revision", "Commit", "--revision", "by default the newest", _ON_HUB),
    SubmitField("benchmark", "Benchmark", "--benchmark", "", _ON_HUB, needed=True),
    SubmitField("tagger", "Tagger", "--tagger", "crf", ("dataset",)),
    SubmitField("organization", "Organization", "--organization", "by default the model's, or yours", _ALL),
    SubmitField("name", "Name of the system", "--name", "by default as the model or dataset", _ALL),
    SubmitField("contact", "More about it", "--contact", "https://…", _ALL),
)
"""The benchmark is chosen from those of the leaderboard; everything else is written."""


def require_repository(identifier: str) -> None:
    """Make sure that something is the id of a repository.

    Raises:
        WrongUsageError: If it is none.
    """
    if not _HUB_ID.fullmatch(identifier):
        raise WrongUsageError(
            f"`{legible(identifier)}` is no repository on the Hub",
            hint="It is written as organization/name.",
        )


def language_label(scope: str) -> str:
    """Return what a scope is called: the English name of a language, or Overall."""
    if scope == OVERALL:
        return "Overall"
    try:
        return language(scope).name
    except DataError:
        return legible(scope)


def row_ids(rows: Sequence[Row]) -> list[str]:
    """Return what each row is known by in addresses: the same when its figures change."""
    seen: Counter[str] = Counter()
    ids = []
    for row in rows:
        what = (
            row.scope, row.benchmark, row.organization, row.system, row.kind, row.status, row.setting,
            row.source, row.tagger, str(row.size), row.model or "",
        )  # fmt: skip
        digest = sha256("\0".join(what).encode("utf-8", "surrogatepass")).hexdigest()[:12]
        seen[digest] += 1
        ids.append(digest if seen[digest] == 1 else f"{digest}-{seen[digest]}")
    return ids


def default_scope(scopes: Iterable[str]) -> str:
    """Return what is shown first: all languages together where that is there, else the first one."""
    found = sorted(set(scopes))
    return OVERALL if OVERALL in found else (found[0] if len(found) == 1 else "")


def model_address(identifier: str | None, revision: str | None) -> str | None:
    """Return where a model is on the Hub; None for what is no id."""
    if identifier is None or not _HUB_ID.fullmatch(identifier):
        return None
    at = f"/tree/{revision}" if revision and _COMMIT.fullmatch(revision) else ""
    return f"{HUB}/{identifier}{at}"


def dataset_address(identifier: str, revision: str | None) -> str | None:
    """Return where a dataset is on the Hub; None for what is no id or has no commit."""
    if not _HUB_ID.fullmatch(identifier) or not revision or not _COMMIT.fullmatch(revision):
        return None
    return f"{HUB}/datasets/{identifier}/tree/{revision}"


def result_address(repository: str | None, path: str) -> str | None:
    """Return where a file of the leaderboard is on the Hub; None without a repository."""
    if repository is None or not _HUB_ID.fullmatch(repository) or not _IN_REPOSITORY.fullmatch(path):
        return None
    return f"{HUB}/datasets/{repository}/blob/main/{path}"


def safe_address(address: str | None) -> str | None:
    """Return an address that may be linked to: https and plain characters only."""
    return address if address is not None and _ADDRESS.fullmatch(address) else None


def submit_command(kind: str, repository: str | None, answers: Mapping[str, str]) -> str:
    """Return the command that submits, quoted for a shell."""
    import shlex

    words = []
    for each in SUBMIT_FIELDS:
        answer = legible(answers.get(each.name, "").strip()) or each.name.upper() * each.needed
        if kind in each.kinds and answer:
            words.append(f"{each.option} {shlex.quote(answer)}".strip())
    to = f"--to {shlex.quote(repository or 'ORG/LEADERBOARD')}"
    return " \\\n  ".join([SUBMIT_COMMAND, *words, to])
