"""Align the words of parallel sentences by each aligner; print sentences a second.

    python benchmarks/aligner_speed.py [--layers 12] [--dimensions 768] [--sentences 100]

The encoder is a BERT of the given size with random weights, on an accelerator if there is one. It is read by
SimAlign's way in batches, and one pair of sentences at a time, as the program of its authors reads them.
Links that differ between the two are counted. Random weights cost what others cost. The statistical aligner
learns from these sentences and aligns them.

Sentences are invented: words of a vocabulary that a translation puts others for, 3 to 60 a sentence.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast, set_seed

from synthner.projection.model_folders import device_here, named_model
from synthner.projection.neural_alignment import NeuralAligner, load_encoder
from synthner.projection.outcome import Alignment
from synthner.projection.parallel_text import Pair
from synthner.projection.statistical_alignment import StatisticalAligner

SPECIAL = ["[CLS]", "[PAD]", "[SEP]", "[UNK]"]


def parallel_sentences(count: int) -> list[Pair]:
    """Return invented sentences with their translations."""
    chance = random.Random(4)
    vocabulary = [
        tuple("".join(chance.choices("abdefgiklmnoprstuv", k=chance.randint(2, 9))) for _ in range(2))
        for _ in range(5_000)
    ]
    pairs: list[Pair] = []
    for _ in range(count):
        length = min(60, 3 + int(chance.expovariate(1 / 20)))
        words = [vocabulary[int(len(vocabulary) * chance.random() ** 3)] for _ in range(length)]
        pairs.append(([source for source, _ in words], [target for _, target in words]))
    return pairs


def save_encoder(folder: Path, pairs: Sequence[Pair], layers: int, dimensions: int) -> None:
    """Save a BERT with random weights, and a tokenizer of the sentences."""
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.BpeTrainer(vocab_size=3_000, special_tokens=SPECIAL, show_progress=False)
    tokenizer.train_from_iterator([" ".join(words) for pair in pairs for words in pair], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 0), ("[SEP]", 2)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, cls_token="[CLS]", pad_token="[PAD]", sep_token="[SEP]", unk_token="[UNK]"
    ).save_pretrained(folder)
    set_seed(1)
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=dimensions,
        num_hidden_layers=layers,
        num_attention_heads=max(1, dimensions // 64),
        intermediate_size=4 * dimensions,
        pad_token_id=1,
    )
    BertModel(config).save_pretrained(folder)


def timed(name: str, sentences: int, align: Callable[[], list[Alignment]]) -> list[Alignment]:
    """Align, print how fast it was, and return the alignments."""
    begin, processor = time.perf_counter(), time.process_time()
    found = align()
    seconds, busy = time.perf_counter() - begin, time.process_time() - processor
    print(f"{name:<44}{sentences / seconds:>12,.1f}{sentences / busy:>16,.1f}", flush=True)
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Sentences a second of the aligners.")
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--dimensions", type=int, default=768)
    parser.add_argument("--sentences", type=int, default=100)
    arguments = parser.parse_args()
    count = arguments.sentences
    pairs = parallel_sentences(count)
    print(
        f"{os.cpu_count()} cores, torch uses {torch.get_num_threads()} threads, on {device_here()}; "
        f"Python {platform.python_version()}; {count:,} sentences of "
        f"{sum(len(source) for source, _ in pairs) / count:.1f} words"
    )
    print(f"{'':<44}{'sentences/s':>12}{'a CPU second':>16}")
    with tempfile.TemporaryDirectory() as folder:
        save_encoder(Path(folder), pairs, arguments.layers, arguments.dimensions)
        encoder = load_encoder(named_model(folder, beside=Path()))
        list(NeuralAligner(encoder, "simalign").align(pairs[:2]))
        size = f"{arguments.layers} layers of {arguments.dimensions}, to the {encoder.layer}th"
        single = NeuralAligner(encoder, "simalign", batch_size=1)
        alone = timed(f"{size}: one at a time", count, lambda: list(single.align(pairs)))
        batched = NeuralAligner(encoder, "simalign")
        together = timed(f"{size}: in batches", count, lambda: list(batched.align(pairs)))
    differing = sum(len(one ^ other) for one, other in zip(alone, together, strict=True))
    print(f"links that differ: {differing} of {sum(map(len, alone)):,}")
    statistical = StatisticalAligner()
    timed("statistical", count, lambda: statistical.align(pairs).symmetrized())


if __name__ == "__main__":
    main()
