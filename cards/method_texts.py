"""What a card says of each method, and of who wrote the sentences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..schema.methods import OFFLINE
from .markdown import Markdown, cell

_TEXTS = {
    "seeded": (
        "**Seeded** (Kamath & Vajjala, 2025): each of k calls shows the model m gold examples and asks for n "
        "new ones; a sentence in the answer is a datapoint."
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
}

_BY_MODELS = "written and labelled by language models"
_BY_CHANGE = "made from human-annotated ones by replacing and moving words"


def method_texts(configs: Iterable[Mapping[str, Any]]) -> list[Markdown]:
    """Return what is to be said of each method of some configs, once."""
    methods = dict.fromkeys(config["method"] for config in configs)
    return [Markdown(_TEXTS.get(method) or f"**Method:** {cell(method)}.") for method in methods]


def origin_text(configs: Iterable[Mapping[str, Any]]) -> Markdown:
    """Say who wrote the sentences of some configs."""
    asks_no_model = {config["engine"] == OFFLINE for config in configs}
    ways = [
        way for is_offline, way in ((False, _BY_MODELS), (True, _BY_CHANGE)) if is_offline in asks_no_model
    ]
    return Markdown(", or ".join(ways))
