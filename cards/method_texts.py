"""What a card says of each method, and of who wrote the sentences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..schema.methods import OFFLINE
from .markdown import Markdown, cell

TAGS_TEXT = "few_shot_tagging"
DISTILLATION = "distillation"

METHODS_ON_TEXT = frozenset({TAGS_TEXT, DISTILLATION})
"""The methods whose sentences are those of a text, not a model's."""

_TEXTS = {
    "seeded": (
        "**Seeded** (Kamath & Vajjala, 2025): each of k calls shows the model m gold examples and asks for n "
        "new ones; a sentence in the answer is a datapoint."
    ),
    "entity_guided": (
        "**Entity-guided** (Santoso et al., 2024): the entities of gold are the first lists. A model writes "
        "sentences around entities drawn from them, and puts others into their places, which go into the "
        "lists. Each sentence is a datapoint; the table of entity lists below tells what was done."
    ),
    "attribute_guided": (
        "**Attribute-guided** (ProgGen; Heng et al., 2024): the model is asked for values of attributes and "
        "for entities; each call requires some of them of new sentences, whose entities the model lists. It "
        "is asked again about the entities that it was least sure of, where that is known. Each sentence is "
        "a datapoint."
    ),
    TAGS_TEXT: (
        "**Few-shot tagging**: each call shows the model labelled gold sentences and asks for the labels of "
        "sentences from a text. Words and sentences are those of the text; labels are the model's."
    ),
    DISTILLATION: (
        "**Distillation** (Wu et al., 2020): taggers, the teachers named below, tagged the sentences of a "
        "text. `tag_probabilities` is the weighted mean of what they say of each word, and `ner_tags` has "
        "the likeliest labels."
    ),
    "paraphrase": (
        "**Paraphrase**: the model says a gold sentence in other words, with its mentions marked; each "
        "paraphrase is a datapoint, labelled as its marks say."
    ),
    "simple_augmentation": (
        "**Simple augmentation** (Dai & Adel, 2020): words and mentions of a gold sentence are replaced by "
        "others with the same label, or change places; each variant is a datapoint. No model is asked."
    ),
    "cluster_replacement": (
        "**Cluster-constrained replacement** (Ehsan & Solorio, 2025): mentions of a gold sentence are "
        "replaced by others of the same type and the same cluster of word vectors; each variant is a "
        "datapoint. No model is asked."
    ),
    "masked_entity_model": (
        "**Masked entity language modelling** (Zhou et al., 2022): words of the mentions of a gold sentence "
        "are replaced by what a masked language model, fine-tuned on gold train, finds likely there beside "
        "the label; each variant is a datapoint."
    ),
    "back_translation": (
        "**Back-translation** (Yaseen & Langer, 2021): what stands between the mentions of a gold sentence "
        "is translated into another language and back, and mentions stay as they are; each variant is a "
        "datapoint."
    ),
    "translate_train": (
        "**Translate-train**: gold sentences of another language are translated, words of sentence and "
        "translation are aligned, and labels are projected along; each translation is a datapoint. The "
        "table below tells what was lost on the way."
    ),
    "translated_markers": (
        "**Translated markers** (EasyProject; Chen et al., 2023): gold sentences of another language are "
        "translated with brackets round their entities; what stands between brackets in a translation gets "
        "the labels. Each translation is a datapoint. The table below tells what was lost on the way."
    ),
    "back_translated_markers": (
        "**Back-translated markers** (after Politov et al., 2025): gold sentences of another language are "
        "translated twice, as they are and with brackets round their entities; what stands between brackets "
        "in the one says where the labels are in the other, which is a datapoint. The table below tells what "
        "was lost on the way."
    ),
    "constrained_decoding": (
        "**Constrained decoding** (CODEC; Le et al., 2024): gold sentences of another language are "
        "translated; a model then reads each with brackets round an entity, and what it would enclose in the "
        "translation gets the label. Each translation is a datapoint. The table below tells what was lost on "
        "the way."
    ),
    "generated_candidates": (
        "**Generated candidates** (T-Projection; García-Ferrero et al., 2023): gold sentences of another "
        "language are translated; a model writes which entities it finds in a translation, and those that "
        "translate the entities of gold best get their labels. Each translation is a datapoint. The table "
        "below tells what was lost on the way."
    ),
}

_BY_MODELS = "written and labelled by language models"
_BY_CHANGE = "made from human-annotated ones by replacing and moving words"
_BY_METHOD = {
    TAGS_TEXT: "taken from the texts named below and labelled by language models",
    DISTILLATION: "taken from the texts named below and labelled by taggers",
    "paraphrase": "made from human-annotated ones by language models that said them in other words",
    "masked_entity_model": "made from human-annotated ones by a language model that put other words into "
    "their mentions",
    "back_translation": "made from human-annotated ones by translating what stands between their mentions "
    "into another language and back",
    "translate_train": "translated from sentences of other languages that people labelled, whose "
    "labels were carried over by word alignments",
    "translated_markers": "translated by a model from sentences of other languages that people labelled, "
    "with brackets that carried the labels over",
    "back_translated_markers": "translated by a model from sentences of other languages that people "
    "labelled, whose labels were carried over by a second translation with brackets",
    "constrained_decoding": "translated by a model from sentences of other languages that people labelled, "
    "whose labels were carried over by brackets that a model put into the translations",
    "generated_candidates": "translated by a model from sentences of other languages that people labelled, "
    "whose labels were carried over to entities that a model found in the translations",
}


def method_texts(configs: Iterable[Mapping[str, Any]]) -> list[Markdown]:
    """Return what is to be said of each method of some configs, once."""
    methods = dict.fromkeys(config["method"] for config in configs)
    return [Markdown(_TEXTS.get(method) or f"**Method:** {cell(method)}.") for method in methods]


def origin_text(configs: Iterable[Mapping[str, Any]]) -> Markdown:
    """Say who wrote the sentences of some configs."""
    found = {
        _BY_METHOD.get(config["method"], _BY_CHANGE if config["engine"] == OFFLINE else _BY_MODELS)
        for config in configs
    }
    ways = [way for way in (_BY_MODELS, _BY_CHANGE, *_BY_METHOD.values()) if way in found]
    return Markdown(", or ".join(ways))
