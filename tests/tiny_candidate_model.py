"""A T5 of a few thousand weights, taught on the spot to write the entities of a sentence between marks."""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration, set_seed

# For models so small several threads only wait for each other, the longer the more the machine has to do.
torch.set_num_threads(1)

_SPECIAL = ["<pad>", "</s>", "<unk>"]
_PIECE = Regex(r"</?\w+>|\[None\]|\w+|[^\w\s]")


def save_tiny_candidate_model(
    folder: Path, names: Mapping[str, Sequence[str]], words: Sequence[str], *, steps: int = 500
) -> Path:
    """Teach a model that reads `Ada bor i Thy <Person>[None]</Person>`, and save it.

    Args:
        folder: Where to.
        names: One-word names of each type, by what the type is called in marks.
        words: What stands beside names.
        steps: Batches that it is taught on.
    """
    marks = [mark for type_ in names for mark in (f"<{type_}>", f"</{type_}>")]
    known = [*_SPECIAL, "[None]", *marks, *(name for of_type in names.values() for name in of_type), *words]
    vocabulary = {word: number for number, word in enumerate(dict.fromkeys(known))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Split(_PIECE, "isolated")]
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        model_max_length=64,
    )
    fast.save_pretrained(folder)
    set_seed(3)
    config = T5Config(
        vocab_size=len(fast), d_model=48, d_kv=24, d_ff=96, num_layers=2, num_heads=2, dropout_rate=0.0
    )
    config.decoder_start_token_id = config.pad_token_id = 0
    config.eos_token_id = 1
    model = T5ForConditionalGeneration(config)
    chance = random.Random(5)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    model.train()
    for step in range(steps):
        prompts, answers = zip(*(_example(names, words, chance) for _ in range(32)), strict=True)
        inputs = fast([f"{prompt} </s>" for prompt in prompts], return_tensors="pt", padding=True)
        inputs.pop("token_type_ids", None)
        labels = fast([f"{answer} </s>" for answer in answers], return_tensors="pt", padding=True)[
            "input_ids"
        ]
        model(**inputs, labels=labels.masked_fill(labels == 0, -100)).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        for group in optimizer.param_groups:
            group["lr"] = 3e-3 * (1 - step / steps)
    model.eval()
    model.save_pretrained(folder)
    return folder


def _example(
    names: Mapping[str, Sequence[str]], words: Sequence[str], chance: random.Random
) -> tuple[str, str]:
    """Return a sentence with slots, and what is to be written."""
    entities = [(type_, chance.choice(names[type_])) for type_ in chance.sample(sorted(names), len(names))]
    sentence = [chance.choice(words) for _ in range(chance.randint(0, 2))]
    for _, name in entities:
        sentence += [name, *(chance.choice(words) for _ in range(chance.randint(0, 3)))]
    chance.shuffle(entities)
    wanted = entities[: chance.randint(1, len(entities))]
    slots = "".join(f"<{type_}>[None]</{type_}>" for type_, _ in wanted)
    return f"{' '.join(sentence)} {slots}", "".join(f"<{type_}>{name}</{type_}>" for type_, name in wanted)
