"""Methods by name: ways to make data."""

from __future__ import annotations

from . import (
    attribute_guided,
    back_translation,
    cluster_replacement,
    entity_guided,
    few_shot_tagging,
    masked_entity_model,
    paraphrase,
    seeded,
    simple_augmentation,
)
from .method import Answers, Method, MethodContext, Reading

__all__ = ["METHODS", "Answers", "Method", "MethodContext", "Reading"]

METHODS: dict[str, Method] = {
    "seeded": Method(
        summary="Shows a model m gold sentences and asks for n new ones, k times.",
        needs="a language model and an engine that asks it",
        plan=seeded.plan,
    ),
    "entity_guided": Method(
        summary="Asks a model for sentences around entities, and for other entities in them, in turn.",
        needs="a language model and an engine that asks it",
        plan=entity_guided.plan,
        reading=entity_guided.reading,
        most_calls=entity_guided.most_calls,
        format=entity_guided.FORMAT,
        findings=entity_guided.findings,
    ),
    "few_shot_tagging": Method(
        summary="Labels your text: shows a model labelled gold sentences, and asks for the labels of others.",
        needs="a text, a language model and an engine that asks it",
        plan=few_shot_tagging.plan,
        reading=few_shot_tagging.reading,
        format=few_shot_tagging.format_of,
        findings=few_shot_tagging.findings,
    ),
    "attribute_guided": Method(
        summary="Asks a model for sentences with drawn attributes and entities, and again what it doubts.",
        needs="a language model and an engine that asks it; log-probabilities for corrections",
        plan=attribute_guided.plan,
        reading=attribute_guided.reading,
        most_calls=attribute_guided.most_calls,
        format=attribute_guided.FORMAT,
        findings=attribute_guided.findings,
        remarks=attribute_guided.remarks,
    ),
    "paraphrase": Method(
        summary="Asks a model to say gold sentences in other words, round the same mentions.",
        needs="gold to train on, a language model and an engine that asks it",
        plan=paraphrase.plan,
        reading=paraphrase.reading,
        format=paraphrase.FORMAT,
        findings=paraphrase.findings,
    ),
    "simple_augmentation": Method(
        summary="Replaces words and mentions of gold sentences, and shuffles words within segments.",
        needs="gold to train on, and a lexicon for synonyms; no model",
        plan=simple_augmentation.plan,
        answering=simple_augmentation.answering,
    ),
    "cluster_replacement": Method(
        summary="Replaces mentions of gold sentences by others of their cluster; a tagger chooses the best.",
        needs="gold to train on; no model",
        plan=cluster_replacement.plan,
        answering=cluster_replacement.answering,
    ),
    "masked_entity_model": Method(
        summary="Replaces words of mentions by what a masked language model, trained on gold, thinks of.",
        needs="gold to train on, a masked language model, and the extra `train`",
        plan=masked_entity_model.plan,
        answering=masked_entity_model.answering,
    ),
    "back_translation": Method(
        summary="Says what stands between mentions in other words: translates it there and back.",
        needs="gold to train on, one or two translation models, and the extra `train`",
        plan=back_translation.plan,
        answering=back_translation.answering,
    ),
}
