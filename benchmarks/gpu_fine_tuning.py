"""Fine-tune an encoder of XLM-R-large's shape on a GPU; print what each recipe gets out of it.

    python benchmarks/gpu_fine_tuning.py [--sentences 1600] [--rounds 3] [--layers 24] [--dimensions 1024]

The weights are random and the sentences made on the spot. Shown are subwords a second, padding not counted,
the share of what the machine reaches in multiplying large matrices in bf16 (six operations a parameter and
subword), and the paper's grid by that rate: eleven languages, two settings, five sources and six sizes, ten
epochs of sentences of 42 subwords, one seed, without loading and tagging.

Recipes take turns in one process, and medians are shown. A first turn of each warms up and is not counted.
Without a GPU it runs too, on few layers, which tells only whether it runs.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from fine_tune_speed import LABELS, read_sentences, write_model, write_sentences
from transformers.utils import logging

from synthner.evaluation.encoder import EncoderSettings, EncoderTagger, settings_by_recipe
from synthner.projection.model_folders import device_here
from synthner.schema.example import Example

# Languages, settings, sources, the sum of the sizes, and epochs.
GRID_SENTENCES = 11 * 2 * 5 * (100 + 250 + 500 + 1000 + 2500 + 5000) * 10
GRID_SUBWORDS = 42 * GRID_SENTENCES
EPOCHS = 2
MATRIX = 8192
OPERATIONS = 6


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sentences", type=int, default=1600)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--layers", type=int, default=24)
    parser.add_argument("--dimensions", type=int, default=1024)
    arguments = parser.parse_args()
    logging.disable_progress_bar()
    device = device_here()
    name = torch.cuda.get_device_name() if device.type == "cuda" else device.type
    reached = multiplied(device, MATRIX if device.type == "cuda" else MATRIX // 8)
    print(f"{name}, torch {torch.__version__}; bf16 matrices: {reached / 1e12:,.1f} TFLOP/s", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        model, lines = Path(folder) / "model", Path(folder) / "sentences.jsonl"
        write_model(model, layers=arguments.layers, dimensions=arguments.dimensions, heads=16)
        write_sentences(lines, arguments.sentences)
        show(model, read_sentences(lines), arguments.rounds, reached)


def show(model: Path, sentences: list[Example], rounds: int, reached: float) -> None:
    """Print what each way to train takes."""
    ways = ways_to_train(model)
    subwords = EPOCHS * subwords_of(model, sentences)
    parameters = parameters_used(model)
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, settings in ways.items():
            seconds = trained(settings, sentences)
            if turn:
                taken[name].append(seconds)
    print(
        f"{len(sentences):,} sentences, {subwords / EPOCHS / len(sentences):.1f} subwords each, "
        f"{EPOCHS} epochs"
    )
    print(
        f"{'':<28}{'seconds':>9}{'subwords/s':>13}{'of matrices':>13}{'times paper':>13}{'grid, hours':>13}"
    )
    first = statistics.median(next(iter(taken.values())))
    for name, each in taken.items():
        seconds = statistics.median(each)
        rate = subwords / seconds
        print(
            f"{name:<28}{seconds:>9.1f}{rate:>13,.0f}{OPERATIONS * parameters * rate / reached:>13.1%}"
            f"{first / seconds:>13.2f}{GRID_SUBWORDS / rate / 3600:>13.2f}",
            flush=True,
        )


def ways_to_train(model: Path) -> Mapping[str, EncoderSettings]:
    """Return both recipes, and `fast` without recorded steps."""
    paper, fast = (
        settings_by_recipe(recipe, str(model), changes={"epochs": EPOCHS}) for recipe in ("paper", "fast")
    )
    return {"paper": paper, "fast, step by step": replace(fast, recorded_steps=False), "fast": fast}


def trained(settings: EncoderSettings, sentences: list[Example]) -> float:
    """Return the seconds that the training itself takes.

    Making and loading a model come once a run and are measured apart: by a training on one batch.
    """
    return _seconds(settings, sentences) - _seconds(settings, sentences[: settings.batch_size])


def _seconds(settings: EncoderSettings, sentences: list[Example]) -> float:
    begin = time.perf_counter()
    facts = EncoderTagger.train(sentences, settings=settings, labels=LABELS).facts
    if facts.not_recorded:
        print(f"not recorded: {facts.not_recorded}", flush=True)
    return time.perf_counter() - begin


def subwords_of(model: Path, sentences: list[Example]) -> int:
    """Return how many subwords sentences have, with those at both ends."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model)
    return sum(len(tokenizer(list(each.tokens), is_split_into_words=True)["input_ids"]) for each in sentences)


def parameters_used(model: Path) -> int:
    """Return how many parameters every subword passes through: all but the embeddings."""
    from transformers import AutoModelForTokenClassification

    loaded = AutoModelForTokenClassification.from_pretrained(model)
    return sum(weights.numel() for name, weights in loaded.named_parameters() if ".embeddings." not in name)


def multiplied(device: torch.device, size: int) -> float:
    """Return the operations a second of multiplying large matrices in bf16."""
    left, right = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    product = torch.empty_like(left)
    rates = []
    for _ in range(5):
        begin = time.perf_counter()
        for _ in range(10):
            torch.mm(left, right, out=product)
        if device.type != "cpu":
            torch.accelerator.synchronize()
        rates.append(10 * 2 * size**3 / (time.perf_counter() - begin))
    return max(rates)


if __name__ == "__main__":
    main()
