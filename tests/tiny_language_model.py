"""A causal language model of a few thousand weights, made on the spot: a real architecture, not trained."""

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, set_seed

# For models so small several threads only wait for each other, the longer the more the machine has to do.
torch.set_num_threads(1)

CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
NO_SYSTEM_ROLE = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    + CHAT_TEMPLATE
)

_MARKS = ["<s>", "<|end|>", "<pad>", "<|system|>", "<|user|>", "<|assistant|>"]
_UNKNOWN = "<unk>"
_BYTES = [f"<0x{byte:02X}>" for byte in range(256)]

# Enough for a tokenizer to learn the JSON of prompts by.
_TEXTS = (
    '{"datapoints": [{"words": [{"token": "Maja", "label": "B-PER"}, {"token": "sov", "label": "O"}]}]}',
    '{"sentence": "<PER>Søren Dam</PER> rejste til <LOC>Læsø</LOC> ."}',
    "Help me make a Danish Named Entity Recognition dataset. Please write new sentences.",
)


def save_tiny_language_model(
    folder: Path,
    *,
    chat_template: str | None = CHAT_TEMPLATE,
    byte_level: bool = True,
    positions: int = 4096,
    **generation: object,
) -> Path:
    """Save a Llama of two layers with heads of 64 dimensions, and a tokenizer for it.

    Args:
        folder: Where to.
        chat_template: The tokenizer's chat template; None for none.
        byte_level: Whether its tokens are of bytes, as GPT's, or of characters and bytes, as Llama 2's.
        positions: Tokens that it can read at once.
        generation: What its generation_config.json says.
    """
    tokenizer = _byte_level() if byte_level else _with_byte_fallback()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="<|end|>",
        pad_token="<pad>",
        additional_special_tokens=_MARKS[3:],
    )
    fast.chat_template = chat_template
    fast.save_pretrained(folder)
    set_seed(7)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(fast),
            hidden_size=128,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=2,
            head_dim=64,
            intermediate_size=128,
            max_position_embeddings=positions,
            bos_token_id=0,
            eos_token_id=1,
            pad_token_id=2,
        )
    )
    with torch.no_grad():
        _make_quotes_likely(model, fast)
    model.generation_config = GenerationConfig(bos_token_id=0, eos_token_id=1, pad_token_id=2, **generation)
    model.save_pretrained(folder)
    return folder


def _make_quotes_likely(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast) -> None:
    """Make it end soon what it begins, by a direction of its state that is always the same."""
    model.model.embed_tokens.weight += 1
    for number in range(len(tokenizer)):
        if '"' in tokenizer.convert_ids_to_tokens(number):
            model.lm_head.weight[number] += 3 / model.config.hidden_size


def _byte_level() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        _TEXTS * 5,
        trainers.BpeTrainer(
            vocab_size=400, special_tokens=_MARKS, initial_alphabet=alphabet, show_progress=False
        ),
    )
    return tokenizer


def _with_byte_fallback() -> Tokenizer:
    learned = Tokenizer(models.BPE())
    learned.pre_tokenizer = pre_tokenizers.Metaspace()
    learned.train_from_iterator(_TEXTS * 5, trainers.BpeTrainer(vocab_size=200, show_progress=False))
    vocabulary = {token: number for number, token in enumerate([*_MARKS, _UNKNOWN, *_BYTES])}
    for token in sorted(learned.get_vocab(), key=learned.get_vocab().__getitem__):
        if len(token) == 1:
            vocabulary.setdefault(token, len(vocabulary))
    tokenizer = Tokenizer(models.BPE(vocabulary, [], unk_token=_UNKNOWN, byte_fallback=True))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    return tokenizer
