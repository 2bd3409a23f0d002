"""Methods by name: ways to make data."""

from __future__ import annotations

from . import (
    attribute_guided,
    back_translated_markers,
    back_translation,
    cluster_replacement,
    constrained_decoding,
    distillation,
    entity_guided,
    few_shot_tagging,
    generated_candidates,
    masked_entity_model,
    paraphrase,
    seeded,
    simple_augmentation,
    translate_train,
    translated_markers,
)
from .distillation_teachers import check_gold_of_teachers
from .method import Answers, Method, MethodContext, Reading
from .translated_gold import check_source

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
        check=cluster_replacement.check,
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
    "translate_train": Method(
        summary="Translates gold of another language, and projects its labels by word alignments.",
        needs="gold of another language, translations or a model that makes them, and the extras `train` and "
        "`align`",
        plan=translate_train.plan,
        answering=translate_train.answering,
        reading=translate_train.reading,
        most_calls=translate_train.most_calls,
        findings=translate_train.findings,
        check=translate_train.check,
    ),
    "translated_markers": Method(
        summary="Translates gold of another language with brackets round its entities, which get the labels.",
        needs="gold of another language, a translation model, and the extra `train`",
        plan=translated_markers.plan,
        answering=translated_markers.answering,
        reading=translated_markers.reading,
        most_calls=translated_markers.most_calls,
        findings=translated_markers.findings,
        check=check_source,
    ),
    "back_translated_markers": Method(
        summary="Translates gold of another language, also with brackets, and labels the one by the other.",
        needs="gold of another language, a translation model, and the extra `train`",
        plan=back_translated_markers.plan,
        answering=back_translated_markers.answering,
        reading=back_translated_markers.reading,
        most_calls=back_translated_markers.most_calls,
        findings=back_translated_markers.findings,
        check=check_source,
    ),
    "constrained_decoding": Method(
        summary="Translates gold of another language, and puts brackets into the translations.",
        needs="gold of another language, a translation model, and the extra `train`",
        plan=constrained_decoding.plan,
        answering=constrained_decoding.answering,
        reading=constrained_decoding.reading,
        most_calls=constrained_decoding.most_calls,
        findings=constrained_decoding.findings,
        check=check_source,
    ),
    "generated_candidates": Method(
        summary="Translates gold of another language, and matches entities that a model generates.",
        needs="gold of another language, models that translate and tag, and the extra `train`",
        plan=generated_candidates.plan,
        answering=generated_candidates.answering,
        reading=generated_candidates.reading,
        most_calls=generated_candidates.most_calls,
        findings=generated_candidates.findings,
        check=check_source,
    ),
    "distillation": Method(
        summary="Labels your text by taggers of other languages, and keeps how sure they are, for a student.",
        needs="a text, and gold of another language or a trained tagger; the extra `train` for encoders",
        plan=distillation.plan,
        answering=distillation.answering,
        reading=distillation.reading,
        findings=distillation.findings,
        check=check_gold_of_teachers,
    ),
}
