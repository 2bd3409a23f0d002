"""Tagging with transformers alone, as somebody does who has a published model and not this program."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...schema.iob2 import OUTSIDE, repair
from ...sources.transformers_logging import quietly
from .loading import load_tokenizer, loading, require_train_extra
from .saved_taggers import read_description


def tag_with_transformers(folder: Path, sentences: Sequence[Sequence[str]]) -> list[list[str] | None]:
    """Tag sentences with the model for token classification in a folder.

    Args:
        folder: What a tagger with the head `first` was saved to.
        sentences: Words.

    Returns:
        The tags of each sentence, made IOB2 as the CoNLL scorer reads them; None for a sentence that does
        not fit into one window.

    Raises:
        WrongUsageError: If the extra `train` is not installed.
        DataError: If the model cannot be loaded.
    """
    require_train_extra()
    import torch
    from transformers import AutoModelForTokenClassification

    settings = read_description(folder)["settings"]
    is_bf16 = settings["precision"] == "bf16"
    with quietly(), loading(str(folder)):
        model = AutoModelForTokenClassification.from_pretrained(
            folder, trust_remote_code=False, use_safetensors=True, dtype=torch.float32
        ).eval()
        tokenizer = load_tokenizer(folder, str(folder))
        found: list[list[str] | None] = []
        for words in sentences:
            encoded = tokenizer(list(words), is_split_into_words=True, return_tensors="pt")
            if encoded["input_ids"].shape[1] > settings["longest"]:
                found.append(None)
                continue
            with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=is_bf16):
                best = model(**encoded).logits[0].argmax(-1).tolist()
            first = {word: place for place, word in reversed(list(enumerate(encoded.word_ids())))}
            tags = [
                model.config.id2label[best[first[place]]] if place in first else OUTSIDE
                for place in range(len(words))
            ]
            found.append(list(repair(tags, "conlleval").tags))
    return found
