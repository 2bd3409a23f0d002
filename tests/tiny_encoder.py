"""Encoders of a few thousand weights, made on the spot: real architectures and tokenizers, not trained."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import (
    BertConfig,
    BertForTokenClassification,
    DebertaConfig,
    DebertaForTokenClassification,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForTokenClassification,
    RoFormerConfig,
    RoFormerForTokenClassification,
    XLMRobertaConfig,
    XLMRobertaForTokenClassification,
    set_seed,
)

# For models so small several threads only wait for each other, the longer the more the machine has to do.
torch.set_num_threads(1)

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]
KINDS: dict[str, tuple[Any, Any]] = {
    "bert": (BertConfig, BertForTokenClassification),
    "deberta": (DebertaConfig, DebertaForTokenClassification),
    "roberta": (RobertaConfig, RobertaForTokenClassification),
    "roformer": (RoFormerConfig, RoFormerForTokenClassification),
    "xlm-roberta": (XLMRobertaConfig, XLMRobertaForTokenClassification),
}


def save_tiny_encoder(
    folder: Path,
    sentences: Iterable[Sequence[str]],
    *,
    kind: str = "xlm-roberta",
    positions: int = 514,
    labels: Sequence[str] | None = None,
) -> Path:
    """Save a model of 2 layers of 32 dimensions, and a tokenizer trained on sentences."""
    tokenizer = _tokenizer(sentences, byte_level=kind == "roberta")
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        pad_token="<pad>",
        cls_token="<s>",
        sep_token="</s>",
    ).save_pretrained(folder)
    config_class, model_class = KINDS[kind]
    set_seed(7)
    config = config_class(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=positions,
        type_vocab_size=1,
        pad_token_id=1,
        id2label=dict(enumerate(labels or ["LABEL_0", "LABEL_1"])),
    )
    model_class(config).save_pretrained(folder)
    return folder


def _tokenizer(sentences: Iterable[Sequence[str]], *, byte_level: bool) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = (
        pre_tokenizers.ByteLevel(add_prefix_space=False) if byte_level else pre_tokenizers.Metaspace()
    )
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=SPECIAL, show_progress=False)
    tokenizer.train_from_iterator([" ".join(words) for words in sentences], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return tokenizer
