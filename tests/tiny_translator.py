"""A translator of a few thousand weights, taught on the spot to translate words by a small dictionary.

It is an M2M100 with the tokenizer of NLLB: multilingual, with language codes as first tokens.
"""

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import M2M100Config, M2M100ForConditionalGeneration, NllbTokenizer, set_seed

# For models so small several threads only wait for each other, the longer the more the machine has to do.
torch.set_num_threads(1)

DANISH, ENGLISH = "dan_Latn", "eng_Latn"

# Two Danish words for most English ones: what is translated there and back is said in other words.
DICTIONARY = {
    "bor": "lives", "lever": "lives", "cykler": "rides", "kører": "rides", "synger": "sings",
    "kvidrer": "sings", "nu": "now", "straks": "now", "ofte": "often", "tit": "often", "stadig": "still",
    "fortsat": "still", "i": "in", "på": "in", "ved": "near", "nær": "near", ".": ".", ",": ",",
}  # fmt: skip
BACK = {english: danish for danish, english in DICTIONARY.items()}

_SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", DANISH, ENGLISH]


def there_and_back(words: list[str]) -> list[str]:
    """Return what the words of the dictionary become."""
    return [BACK[DICTIONARY[word]] for word in words]


def save_tiny_translator(
    folder: Path,
    *,
    positions: int = 64,
    steps: int = 300,
    dictionary: Mapping[str, str] = DICTIONARY,
    longest: int = 6,
) -> Path:
    """Teach a translator of one layer, and save it.

    Args:
        folder: Where to.
        positions: Subwords that it can read at once.
        steps: Batches that it is taught on.
        dictionary: What it learns, from Danish to English and back; the last of several Danish words is the
            one that an English word becomes.
        longest: Words of the longest sentence that it is taught.
    """
    back = {english: danish for danish, english in dictionary.items()}
    tokenizer = _tokenizer([*dictionary, *back])
    tokenizer.save_pretrained(folder)
    set_seed(3)
    model = M2M100ForConditionalGeneration(
        M2M100Config(
            vocab_size=len(tokenizer),
            d_model=48,
            encoder_layers=1,
            decoder_layers=1,
            encoder_attention_heads=2,
            decoder_attention_heads=2,
            encoder_ffn_dim=96,
            decoder_ffn_dim=96,
            max_position_embeddings=positions,
            init_std=0.1,
            dropout=0.0,
            attention_dropout=0.0,
            activation_dropout=0.0,
            encoder_layerdrop=0.0,
            decoder_layerdrop=0.0,
            scale_embedding=True,
            bos_token_id=0,
            pad_token_id=1,
            eos_token_id=2,
            decoder_start_token_id=2,
        )
    )
    _teach(model, tokenizer, steps, (dictionary, back), longest)
    model.save_pretrained(folder)
    return folder


def _teach(
    model: M2M100ForConditionalGeneration,
    tokenizer: NllbTokenizer,
    steps: int,
    dictionaries: tuple[Mapping[str, str], Mapping[str, str]],
    longest: int,
) -> None:
    chance = random.Random(5)
    # So quick a forgetting of former gradients takes half the steps that the defaults take.
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3, betas=(0.7, 0.95))
    vocabulary = tokenizer.get_vocab()
    model.train()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 5e-3 * min(1, (1 - step / steps) / 0.4)
        inputs, labels = [], []
        length = chance.randint(1, longest)
        for number in range(32):
            meanings = dictionaries[0] if number % 2 else dictionaries[1]
            codes = (DANISH, ENGLISH) if number % 2 else (ENGLISH, DANISH)
            words = chance.choices(list(meanings), k=length)
            for texts, code, side in (
                (inputs, codes[0], words),
                (labels, codes[1], [meanings[word] for word in words]),
            ):
                texts.append([vocabulary[token] for token in (code, *(f"▁{word}" for word in side), "</s>")])
        loss = model(input_ids=torch.tensor(inputs), labels=torch.tensor(labels)).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.eval()


def _tokenizer(words: list[str]) -> NllbTokenizer:
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=_SPECIAL, show_progress=False)
    tokenizer.train_from_iterator([" ".join(words * 2)], trainer)
    bpe: Any = json.loads(tokenizer.to_str())["model"]
    merges: Any = [tuple(pair) for pair in bpe["merges"]]
    return NllbTokenizer(vocab=bpe["vocab"], merges=merges, extra_special_tokens=[DANISH, ENGLISH])
