"""The card of a model: `README.md`, rendered from the result of its run.

Every number on it is one of the result, or of the results of other seeds. Every text that is not this
program's own passes through a function of `markdown`; the template refuses any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..evaluation.grid.description import SETTINGS, TRANSFER_ALONE
from ..evaluation.grid.results import learned_parts
from ..schema.languages import language
from . import model_tables
from .front_matter import one_line
from .hub_results import TASK, Benchmark, HubResults, hub_results
from .markdown import Markdown, cell, code, count, fenced, prose, share
from .rendering import rendered_card, template

UNKNOWN_LICENSE = "unknown"
OTHER_LICENSE = "other"


@dataclass(frozen=True)
class Origin:
    """Where sentences that a model has learned come from.

    Attributes:
        name: What the result calls them.
        language: Their language.
        kind: `gold`; `synthetic`, which language models wrote; `corpus`, which has a name; or `unknown`,
            which files are.
        about: Who wrote them, in a sentence; empty where nobody knows.
        license: The Hub's id of their licence; None where nobody says.
        hub: Their id on the Hub; None if they are not there.
        citation: BibTeX; None where nobody says.
    """

    name: str
    language: str
    kind: str
    about: str
    license: str | None
    hub: str | None
    citation: str | None = None


@dataclass(frozen=True)
class ModelFacts:
    """What a model card is written from.

    Attributes:
        repository: `organisation/name`.
        result: The result of the model that is pushed.
        recorded: The result of the run, where this model was trained again and tags some sentences otherwise.
        seeds: The results of all runs that only the seed distinguishes, by seed; this one is among them.
        seed_matters: Whether another seed might have given another model.
        origins: Of the sentences it has learned, in the order of the result.
        benchmark: What it was tested on.
        head: Where an encoder's labels stand, `first` or `summed`; None for a CRF.
        base_model: Id of the encoder on the Hub; None where it is not from there, or for a CRF.
        settings: All hyper-parameters, by name.
        release: The release whose evaluation it is of.
    """

    repository: str
    result: Mapping[str, Any]
    recorded: Mapping[str, Any] | None
    seeds: Sequence[Mapping[str, Any]]
    seed_matters: bool
    origins: Sequence[Origin]
    benchmark: Benchmark
    head: str | None
    base_model: str | None
    settings: Mapping[str, Any]
    release: str

    @property
    def languages(self) -> list[str]:
        """Codes of the languages that it knows: the one it was tested on, then those it has learned."""
        return list(
            dict.fromkeys([self.result["cell"]["language"], *(origin.language for origin in self.origins)])
        )

    @property
    def counted(self) -> list[Mapping[str, Any]]:
        """The runs that the mean is of: one that failed and was repeated gives way to its repetition."""
        repeated = {result["cell"]["retry_of"] for result in self.seeds}
        return [result for result in self.seeds if result["cell"]["seed"] not in repeated]

    @property
    def learned(self) -> list[Mapping[str, Any]]:
        """What the result says about the sentences that it has learned."""
        return learned_parts(self.result)

    @property
    def license(self) -> str:
        """The licence that it inherits: that of the data if all has the same, else `unknown` or `other`."""
        found = {origin.license for origin in self.origins}
        if None in found or UNKNOWN_LICENSE in found or not found:
            return UNKNOWN_LICENSE
        return str(found.pop()) if len(found) == 1 else OTHER_LICENSE


def render_model_card(facts: ModelFacts, existing: str | None = None, where: str = "README.md") -> str:
    """Render the card of a model.

    Args:
        facts: What is known about it.
        existing: The card as it is now. What people wrote outside its generated part is kept, and so are
            metadata keys that are not generated.
        where: How an error names the card as it is now.

    Raises:
        DataError: If the existing card's front matter or marks are broken.
    """
    return rendered_card(model_front_matter(facts), _body(facts), existing, where)


def model_front_matter(facts: ModelFacts) -> dict[str, Any]:
    """Return the keys of a model card's metadata, in the order in which they are written.

    One whose value is None is not written, and a former card's is not kept.
    """
    tags = [language(code_).tag for code_ in facts.languages]
    on_hub = dict.fromkeys(origin.hub for origin in facts.origins if origin.hub)
    has_synthetic = any(origin.kind == "synthetic" for origin in facts.origins)
    return {
        "language": list(dict.fromkeys(tag.partition("-")[0] for tag in tags)),
        "license": one_line(facts.license),
        # A model for transformers is one whose labels stand on first subwords: all others need our loader.
        "library_name": "transformers" if facts.head == "first" else "synthner",
        "pipeline_tag": TASK,
        "base_model": one_line(facts.base_model) if facts.base_model else None,
        "datasets": [one_line(name) for name in on_hub] or None,
        "metrics": ["f1", "precision", "recall"],
        "tags": ["named-entity-recognition", "synthner", *(["synthetic"] if has_synthetic else [])],
        "model-index": model_index(facts),
    }


def model_index(facts: ModelFacts) -> list[dict[str, Any]]:
    """Return the results as `model-index` has them."""
    return results_on_hub(facts, "").model_index(facts.repository.rpartition("/")[2])


def results_on_hub(facts: ModelFacts, url: str) -> HubResults:
    """Return the result in the forms that the Hub reads.

    Args:
        facts: What is known about the model.
        url: The address of its repository.
    """
    return hub_results(facts.result, facts.benchmark, url=url)


def _body(facts: ModelFacts) -> str:
    filters = {
        "cell": cell,
        "code": code,
        "count": count,
        "fenced": fenced,
        "figure": model_tables.figure,
        "one_line": one_line,
        "prose": prose,
        "share": share,
    }
    citations = [facts.benchmark.citation, *(origin.citation for origin in facts.origins)]
    return template("model_card.md.jinja", filters).render(
        facts=facts,
        result=facts.result,
        cell_=facts.result["cell"],
        setting_in_words=Markdown(SETTINGS[facts.result["cell"]["setting"]]),
        is_transfer=facts.result["cell"]["setting"] in TRANSFER_ALONE,
        scores=facts.result["scores"],
        parts=_uses(facts),
        learned=sum(part["sentences"] for part in facts.learned),
        tables=model_tables,
        language_names={code_: language(code_).name for code_ in facts.languages},
        base_name=_base_name(facts),
        # Results of earlier versions do not say.
        base_revision=facts.result.get("model_revision"),
        citations=list(dict.fromkeys(filter(None, citations))),
        loading=_loading(facts),
        synthetic=[origin for origin in facts.origins if origin.kind == "synthetic"],
        unknown=[origin for origin in facts.origins if origin.kind == "unknown"],
    )


def _uses(facts: ModelFacts) -> list[tuple[str, Mapping[str, Any]]]:
    """Return what each part of the data was used for."""
    data, learned = facts.result["data"], facts.learned
    return [
        *(
            ("training" if part in learned else "tried on folds of gold, not learned", part)
            for part in data["train"]
        ),
        *([(_use_of_validation(facts.result), data["validation"])] if data["validation"] else []),
        ("testing", data["test"]),
    ]


def _use_of_validation(result: Mapping[str, Any]) -> str:
    """Return what validation sentences were for: where F1 was measured once, there was nothing to choose."""
    chosen_from = len(result["training"]["validation_f1"])
    return "choosing the best epoch" if chosen_from > 1 else "measuring F1 after training"


def _base_name(facts: ModelFacts) -> str | None:
    """Return what the encoder that it began with is called; a folder by its last name only."""
    model = facts.result["cell"]["tagger"]["model"]
    return facts.base_model or (model.rstrip("/").rpartition("/")[2] if model else None)


def _loading(facts: ModelFacts) -> str:
    """Return the Python that loads the model as it was tested."""
    if facts.head is None:
        return f"""from pathlib import Path

from huggingface_hub import hf_hub_download
from synthner.evaluation.crf import CrfTagger

tagger = CrfTagger.load(Path(hf_hub_download("{facts.repository}", "model.crfsuite")))
tagger.tag([["These", "are", "the", "words", "of", "a", "sentence", "."]])"""
    return f"""from pathlib import Path

from huggingface_hub import snapshot_download
from synthner.evaluation.encoder import EncoderTagger

tagger = EncoderTagger.load(Path(snapshot_download("{facts.repository}")))
tagger.tag([["These", "are", "the", "words", "of", "a", "sentence", "."]])"""
