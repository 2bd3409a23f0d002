"""What a tagger reached on a benchmark, as the Hub reads it: `model-index` of a card, and `.eval_results`.

Results of an evaluation and records of a leaderboard say it in the same words, so both can be shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml
from huggingface_hub.repocard_data import EvalResult, eval_results_to_model_index

from .front_matter import one_line

EVAL_RESULTS = ".eval_results"

TASK = "token-classification"
TASK_NAME = "Named entity recognition"

DECIMALS = 4
"""Of scores where programs read them."""

_COMMIT = re.compile("[0-9a-f]{40}")


@dataclass(frozen=True)
class Benchmark:
    """The gold that a model was tested on.

    Attributes:
        title: What to call it.
        hub: Its id on the Hub; None if it is not there.
        config: Its config there; None where it has one only.
        revision: The commit there, or `sha256:…` of the files.
        citation: BibTeX; None where nobody says.
        split: The split that was tested on.
    """

    title: str
    hub: str | None
    config: str | None
    revision: str
    citation: str | None
    split: str = "test"


@dataclass(frozen=True)
class HubResults:
    """A result in both forms.

    Attributes:
        metrics: The figures, as entries of `model-index`.
        entry: Micro-F1 for the Hub's benchmarks; None where gold is not on the Hub: it names a dataset there.
    """

    metrics: tuple[EvalResult, ...]
    entry: EvalResultEntry | None

    def model_index(self, model: str) -> list[dict[str, Any]]:
        """Return what the metadata of the card of a model has as `model-index`."""
        return _without_none(eval_results_to_model_index(model, list(self.metrics)))

    def eval_results(self) -> tuple[str, list[dict[str, Any]]] | None:
        """Return where a model's repository has the entry, and what is there; None where there is none."""
        if self.entry is None:
            return None
        name = f"{EVAL_RESULTS}/{self.entry.dataset_id.rpartition('/')[2]}.yaml"
        return name, eval_result_entries_to_yaml([self.entry])


def hub_results(
    reached: Mapping[str, Any], benchmark: Benchmark, *, url: str, source: str = "Model card"
) -> HubResults:
    """Return a result as the Hub reads it.

    Args:
        reached: A result of an evaluation, or a record of a leaderboard.
        benchmark: The gold.
        url: Where there is more about it.
        source: What that is called.
    """
    return HubResults(tuple(_metrics(reached, benchmark)), _entry(reached, benchmark, url, source))


def _metrics(reached: Mapping[str, Any], benchmark: Benchmark) -> list[EvalResult]:
    scores, interval = reached["scores"], reached["interval"]
    metrics: list[tuple[str, str, float | str | None]] = [
        ("f1", "Micro-F1", _figure(scores["micro"], "f1")),
        (
            "confidence_interval",
            "Micro-F1, 95 % bootstrap interval",
            f"{interval[0]:.4f} to {interval[1]:.4f}" if interval else None,
        ),
        ("precision", "Micro precision", _figure(scores["micro"], "precision")),
        ("recall", "Micro recall", _figure(scores["micro"], "recall")),
        ("f1", "Macro-F1", _figure(scores["macro"], "f1")),
        ("f1", "Micro-F1, strict IOB2", _figure(scores["strict"], "f1")),
    ]
    return [
        EvalResult(
            task_type=TASK,
            task_name=TASK_NAME,
            # Required, and an id of the Hub where there is one.
            dataset_type=one_line(benchmark.hub or "gold"),
            dataset_name=one_line(f"{benchmark.title} ({reached['cell']['language']})"),
            dataset_config=one_line(benchmark.config) if benchmark.config else None,
            dataset_split=benchmark.split,
            dataset_revision=one_line(benchmark.revision),
            metric_type=type_,
            metric_name=name,
            metric_value=value,
        )
        for type_, name, value in metrics
        if value is not None
    ]


def _entry(reached: Mapping[str, Any], benchmark: Benchmark, url: str, source: str) -> EvalResultEntry | None:
    if benchmark.hub is None:
        return None
    interval = reached["interval"]
    about = f", 95 % interval {interval[0]:.4f} to {interval[1]:.4f}" if interval else ""
    return EvalResultEntry(
        dataset_id=benchmark.hub,
        task_id=benchmark.config or "default",
        value=round(reached["scores"]["micro"]["f1"], DECIMALS),
        dataset_revision=benchmark.revision if _COMMIT.fullmatch(benchmark.revision) else None,
        source_url=url,
        source_name=source,
        notes=f"micro-F1 as seqeval's default mode, split {benchmark.split}{about}",
    )


def _figure(figures: Mapping[str, float | None] | None, name: str) -> float | None:
    value = figures[name] if figures else None
    return None if value is None else round(value, DECIMALS)


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(each) for key, each in value.items() if each is not None}
    return [_without_none(each) for each in value] if isinstance(value, list) else value
