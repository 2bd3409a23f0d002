"""Fine-tune an encoder with all subwords of XLM-R by Trainer and by our recipes; print what each takes.

    python benchmarks/fine_tune_speed.py [--rounds 2] [--sentences 96] [--threads 1]

The encoder has random weights, 6 layers of 384 dimensions and 250,002 subwords, 107 million weights in all.
It is made on the spot with its tokenizer and sentences. Every run is a process of its own; rounds are
interleaved, and the medians are shown. *Trainer* has the library's defaults at the hyper-parameters of
`paper`; *with our levers* it has the trimmed vocabulary, bf16 and batches of like length, as `fast` has, and
saves and logs nothing.

The grid is 20 cells of 100 sentences and 2 epochs: by a stock script with one process a cell, which saves its
model as it does by default, and by ours in one process. It takes a quarter of an hour, and runs once.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

from synthner.schema.example import Example

SUBWORDS = 250_002
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]
LABELS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
EPOCHS = 2
BATCH = 16
RATE = 2e-5
TESTED = 100
CELLS, CELL_SENTENCES = 20, 100
LEVERS = {
    "bf16": True,
    "train_sampling_strategy": "group_by_length",
    "save_strategy": "no",
    "logging_strategy": "no",
}
SYLLABLES = [first + second for first in "bdfghjklmnprstvz" for second in "aeiou"]


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2, help="Of single runs.")
    parser.add_argument("--sentences", type=int, default=96)
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="1 where others use the machine.")
    parser.add_argument("--no-grid", action="store_true", help="Only single runs.")
    parser.add_argument("--run", nargs=3, metavar=("WHAT", "FOLDER", "CELLS"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        what, folder, cells = arguments.run
        print(json.dumps(measured(what, Path(folder), int(cells))))
        return
    os.environ["OMP_NUM_THREADS"] = str(arguments.threads)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(
            f"{os.cpu_count()} cores, {arguments.threads} threads, load {os.getloadavg()[0]:.1f}", flush=True
        )
        write_model(folder / "model")
        write_sentences(folder / "run.jsonl", arguments.sentences + TESTED)
        write_sentences(folder / "cell.jsonl", CELL_SENTENCES + TESTED)
        show_single_runs(folder, arguments)
        if not arguments.no_grid:
            show_grid(folder)


def show_single_runs(folder: Path, arguments: argparse.Namespace) -> None:
    """Print what one training takes by each."""
    runs: dict[str, list[dict[str, float]]] = {what: [] for what in TRAININGS}
    for _, what in itertools.product(range(arguments.rounds), TRAININGS):
        runs[what].append(in_a_process(what, folder, 0))
    print(f"\none run: {arguments.sentences} sentences, {EPOCHS} epochs")
    print(
        f"{'':<25}{'seconds':>9}{'CPU s':>8}{'sentences/s':>13}{'times Trainer':>15}"
        f"{'in CPU s':>10}{'peak MiB':>10}"
    )
    base = {key: median(runs["Trainer"], key) for key in ("seconds", "processor")}
    for what, each in runs.items():
        seconds, processor = median(each, "seconds"), median(each, "processor")
        print(
            f"{what:<25}{seconds:>9.1f}{processor:>8.1f}{arguments.sentences * EPOCHS / seconds:>13.1f}"
            f"{base['seconds'] / seconds:>15.2f}{base['processor'] / processor:>10.2f}"
            f"{median(each, 'peak_mib'):>10,.0f}",
            flush=True,
        )


def show_grid(folder: Path) -> None:
    """Print what a grid takes by each, from the start of the first process to the end of the last one."""
    print(
        f"\n{CELLS} cells of {CELL_SENTENCES} sentences, {EPOCHS} epochs, {TESTED} sentences tagged in each",
        flush=True,
    )
    slow = show_processes("one process a cell", "stock script", folder, [1] * CELLS)
    quick = show_processes("fast, one process", "fast", folder, [CELLS])
    print(f"{'times':<25}{slow[0] / quick[0]:>9.1f}{slow[1] / quick[1]:>11.1f}")


def show_processes(name: str, what: str, folder: Path, cells: Sequence[int]) -> tuple[float, float]:
    """Run processes one by one, of so many cells each; print and return their seconds and CPU seconds."""
    begin = time.perf_counter()
    processor = sum(in_a_process(what, folder, each)["whole_processor"] for each in cells)
    whole = time.perf_counter() - begin
    print(f"{name:<25}{whole:>9.0f} s{processor:>9.0f} CPU s", flush=True)
    return whole, processor


def in_a_process(what: str, folder: Path, cells: int) -> dict[str, float]:
    """Return what a run in a process of its own measured."""
    command = [sys.executable, __file__, "--run", what, str(folder), str(cells)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def median(runs: Sequence[dict[str, float]], key: str) -> float:
    """Return the median of a figure."""
    return statistics.median(run[key] for run in runs)


def measured(what: str, folder: Path, cells: int) -> dict[str, float]:
    """Run cells, or with none a single training; return what that took, without the imports."""
    import resource

    examples = read_sentences(folder / ("cell.jsonl" if cells else "run.jsonl"))
    train, test = examples[:-TESTED], examples[-TESTED:]
    import transformers

    for module in ("accelerate", "torch", "transformers.trainer"):
        importlib.import_module(module)
    transformers.logging.set_verbosity_error()
    run = GRID_CELLS[what] if cells else TRAININGS[what]
    begin, processor = time.perf_counter(), time.process_time()
    for seed in range(max(cells, 1)):
        run(folder, train, test if cells else [], seed)
    return {
        "seconds": time.perf_counter() - begin,
        "processor": time.process_time() - processor,
        "whole_processor": time.process_time(),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def by_trainer(
    folder: Path, train: list[Example], test: list[Example], seed: int, *, levers: bool = False
) -> None:
    """Train as a plain script of transformers does; with a test, also save and predict as run_ner.py does."""
    from transformers import (
        AutoModelForTokenClassification,
        AutoTokenizer,
        DataCollatorForTokenClassification,
        Trainer,
        TrainingArguments,
        set_seed,
    )

    from synthner.evaluation.encoder.vocabulary_trimming import trim

    set_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(folder / "model")
    model = AutoModelForTokenClassification.from_pretrained(folder / "model")
    rows = [encoded(tokenizer, example) for example in train]
    if levers:
        trim(model, model.base_model, {number for row in rows for number in row["input_ids"]})
    with tempfile.TemporaryDirectory() as output:
        arguments = TrainingArguments(
            output,
            num_train_epochs=EPOCHS,
            learning_rate=RATE,
            weight_decay=0.01,
            per_device_train_batch_size=BATCH,
            seed=seed,
            report_to="none",
            disable_tqdm=True,
            use_cpu=True,
            dataloader_pin_memory=False,
            **(LEVERS if levers else {}),
        )
        collator = DataCollatorForTokenClassification(tokenizer, pad_to_multiple_of=8 if levers else None)
        trainer: Any = cast(Any, Trainer)(
            model, arguments, train_dataset=rows, data_collator=collator, processing_class=tokenizer
        )
        trainer.train()
        if test:
            trainer.save_model()
            trainer.predict([encoded(tokenizer, example) for example in test])


def encoded(tokenizer: Any, example: Example) -> dict[str, list[int]]:
    """Return a sentence with its labels on first subwords."""
    row = tokenizer(list(example.tokens), is_split_into_words=True, truncation=True, max_length=256)
    before, labels = None, []
    for word in row.word_ids():
        labels.append(-100 if word in (None, before) else LABELS.index(example.ner_tags[word]))
        before = word
    return {"input_ids": row["input_ids"], "attention_mask": row["attention_mask"], "labels": labels}


def with_levers(folder: Path, train: list[Example], test: list[Example], seed: int) -> None:
    """Train by Trainer with what makes `fast` fast."""
    by_trainer(folder, train, test, seed, levers=True)


def by_recipe(recipe: str) -> Callable[[Path, list[Example], list[Example], int], None]:
    """Return what trains by a recipe."""

    def run(folder: Path, train: list[Example], test: list[Example], seed: int) -> None:
        from synthner.evaluation.encoder import EncoderTagger, settings_by_recipe

        settings = settings_by_recipe(recipe, str(folder / "model"), changes={"epochs": EPOCHS}, seed=seed)
        sentences = [example.tokens for example in test]
        tagger = EncoderTagger.train(train, settings=settings, labels=LABELS, test_tokens=sentences)
        tagger.tag(sentences)

    return run


TRAININGS = {
    "Trainer": by_trainer,
    "Trainer with our levers": with_levers,
    "paper": by_recipe("paper"),
    "fast": by_recipe("fast"),
}
GRID_CELLS = {"stock script": by_trainer, "fast": by_recipe("fast")}


def write_model(folder: Path, layers: int = 6, dimensions: int = 384, heads: int = 12) -> None:
    """Write an encoder with random weights and a tokenizer with as many subwords as XLM-R has."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import (
        PreTrainedTokenizerFast,
        XLMRobertaConfig,
        XLMRobertaForTokenClassification,
        set_seed,
    )

    words = ("".join(each) for length in (1, 2, 3) for each in itertools.product(SYLLABLES, repeat=length))
    pieces = itertools.chain(
        "▁abcdefghijklmnopqrstuvwxyz", (mark + word for word in words for mark in ("▁", ""))
    )
    vocabulary = [(piece, 0.0) for piece in SPECIAL]
    for number, piece in enumerate(itertools.islice(pieces, SUBWORDS - len(SPECIAL))):
        vocabulary.append((piece, -10.0 - number / SUBWORDS))
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=3))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    names = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, cls_token="<s>", sep_token="</s>", **names
    ).save_pretrained(folder)
    set_seed(1)
    config = cast(Any, XLMRobertaConfig)(
        vocab_size=SUBWORDS,
        hidden_size=dimensions,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=4 * dimensions,
        max_position_embeddings=514,
        type_vocab_size=1,
        num_labels=len(LABELS),
    )
    XLMRobertaForTokenClassification(config).save_pretrained(folder)


def write_sentences(path: Path, count: int) -> None:
    """Write sentences of invented words as long as those of news, some of them names."""
    chance = random.Random(20)
    words = ["".join(chance.choices(SYLLABLES, k=chance.choice((1, 2, 2, 3, 4, 5)))) for _ in range(20_000)]
    likely = [1 / (rank + 10) for rank in range(len(words))]
    with path.open("w", encoding="utf-8") as lines:
        for _ in range(count):
            tokens = chance.choices(words, likely, k=min(90, max(3, round(chance.lognormvariate(2.9, 0.55)))))
            tags = ["B-PER" if chance.random() < 0.08 else "O" for _ in tokens]
            lines.write(json.dumps({"tokens": tokens, "ner_tags": tags}) + "\n")


def read_sentences(path: Path) -> list[Example]:
    """Read what `write_sentences` wrote."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [
        Example(str(number), tuple(row["tokens"]), tuple(row["ner_tags"])) for number, row in enumerate(rows)
    ]


if __name__ == "__main__":
    main()
