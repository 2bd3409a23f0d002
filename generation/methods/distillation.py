"""Teacher-student transfer: teachers tag text that nobody labelled, and how sure they are is kept.

After Wu et al. (2020). A teacher was trained on another language, or by somebody else. What several of them
say of a word is averaged, and published beside its likeliest label: the column `tag_probabilities` is what a
student learns (`evaluation.soft_labels`).

A call holds sentences of the text, which are tagged together: the answer follows from the call alone.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...schema.methods import OFFLINE
from ...sources.unlabelled_text import UnlabelledSentence
from ..calls import Call, canonical_json, sha256
from ..engines.local_models import in_memory
from ..salvage import Found, Salvage, salvage
from .distillation_teachers import VERSION, named_teachers, weights_of
from .method import Answers, MethodContext, Reading
from .text_to_label import ChosenSentences, labelled_texts, texts_to_label

if TYPE_CHECKING:
    from ...evaluation.teachers import Teachers

STEP = "tagging"

OTHER_LABELS = "probabilities of other labels than gold has now"
NO_PROBABILITIES = "not one probability a label for each word"

_SENTENCES_A_CALL = 32
_DECIMALS = 4


def plan(context: MethodContext) -> Iterator[Call]:
    """Plan the calls of a config, split by split: the whole text.

    Raises:
        ReleaseError: If no text or no teacher is named, or one cannot be what it is said to be.
        DataError: If a text, gold or a model cannot be had.
    """
    config, generator = context.config, context.config.generator
    teachers = named_teachers(context)
    texts = texts_to_label(context)
    labels = list(context.gold.labels.names)
    identities = [teacher.identity() for teacher in teachers]
    weights: list[float] = []
    for split in texts:
        chosen = ChosenSentences(texts, split, context.gold)
        sentences = list(chosen)
        chosen.check(config.name)
        # Those of train, where there is such a text: all splits have the same teachers.
        weights = weights or weights_of(context, teachers, [each.tokens for each in sentences])
        said = {
            **chosen.about(),
            "labels": labels,
            "teachers": [
                {"name": teacher.published_name, "language": teacher.language, "weight": weight}
                for teacher, weight in zip(teachers, weights, strict=True)
            ],
        }
        for index, first in enumerate(range(0, len(sentences), _SENTENCES_A_CALL)):
            asked = sentences[first : first + _SENTENCES_A_CALL]
            decides = [labels, identities, weights, [list(each.tokens) for each in asked]]
            yield Call(
                config=config.name,
                split=split,
                index=index,
                engine=OFFLINE,
                model=generator.model,
                messages=(),
                schema=None,
                sampling={},
                base_url=f"method:{generator.method}/{VERSION}#{sha256(canonical_json(decides))}",
                seed_ids=(),
                seed_revision=context.gold.revision,
                datapoints=len(asked),
                step=STEP,
                about={**said, "sentences": [_as_json(each) for each in asked]},
            )


def answering(context: MethodContext) -> Answers:
    """Load the teachers, trained before where they are to be, and return what tags sentences.

    Raises:
        ReleaseError, DataError: As `plan` does, or if a teacher cannot be trained, loaded or used.
        WrongUsageError: If the extra `train` is needed and not installed.
    """
    named = named_teachers(context)
    name = canonical_json(["distillation", [teacher.identity() for teacher in named]])
    holder = in_memory(name, lambda: [(teacher.name, teacher.load()) for teacher in named])

    def teachers_of(call: Call) -> Teachers:
        from ...evaluation.teachers import Teachers

        weights = [teacher["weight"] for teacher in call.about["teachers"]]
        return Teachers(holder.get(), weights, call.about["labels"])

    # It may take long to train them, and what is wrong with one shows at once.
    holder.get()
    return lambda calls: _answers(calls, teachers_of)


def reading(context: MethodContext) -> Reading:
    """Return what reads answers: datapoints whose probabilities are those of the labels that gold has."""
    labels = list(context.gold.labels.names)

    def read(call: Call, text: str) -> Salvage:
        result = _read_own(text) or salvage(text)
        is_current = call.about.get("labels") == labels
        return replace(result, found=[_checked(found, labels, is_current) for found in result.found])

    return read


def findings(context: MethodContext) -> Mapping[str, Any]:
    """Say which text was tagged, under which licence, and by whom."""
    settings = context.config.generator.method_settings
    first = next(context.rounds.planned(context.config.name), None)
    return {
        "teachers": list(first.about["teachers"]) if first else [],
        "weights": _weights_said(settings.get("weights")),
        "license": settings.get("license"),
        "citation": settings.get("citation"),
        "texts": labelled_texts(context),
    }


def _weights_said(weights: Any) -> str:
    return weights if isinstance(weights, str) else "named" if weights else "uniform"


def _as_json(sentence: UnlabelledSentence) -> dict[str, Any]:
    return {"id": sentence.id, "tokens": list(sentence.tokens)}


def _answers(calls: Iterable[Call], teachers_of: Callable[[Call], Teachers]) -> Iterator[str]:
    for call in calls:
        teachers = teachers_of(call)
        sentences: Sequence[Sequence[str]] = [sentence["tokens"] for sentence in call.about["sentences"]]
        yield json.dumps(
            {
                "datapoints": [
                    {
                        "tokens": tokens,
                        "ner_tags": list(teachers.tags(probabilities)),
                        "tag_probabilities": probabilities.round(_DECIMALS).tolist(),
                    }
                    for tokens, probabilities in zip(
                        sentences, teachers.probabilities_of(sentences), strict=True
                    )
                ]
            },
            ensure_ascii=False,
        )


def _read_own(text: str) -> Salvage | None:
    """Read an answer as `answering` writes it; None where it is something else."""
    try:
        values = json.loads(text)["datapoints"]
        found = [
            Found(item, value["tokens"], value["ner_tags"], "json", None, value)
            for item, value in enumerate(values)
        ]
    except (ValueError, RecursionError, KeyError, TypeError):
        return None
    is_sound = all(isinstance(each.tokens, list) and isinstance(each.tags, list) for each in found)
    return Salvage(found, Counter(), [], strict=True) if is_sound else None


def _checked(found: Found, labels: Sequence[str], is_current: bool) -> Found:
    if found.fault is not None or found.tokens is None:
        return found
    if not is_current:
        return replace(found, fault=OTHER_LABELS)
    rows = found.value.get("tag_probabilities") if isinstance(found.value, dict) else None
    is_sound = (
        isinstance(rows, list)
        and len(rows) == len(found.tokens)
        and all(isinstance(row, list) and len(row) == len(labels) for row in rows)
        and all(type(each) in (int, float) and 0 <= each <= 1 for row in rows for each in row)
    )
    return found if is_sound else replace(found, fault=NO_PROBABILITIES)
