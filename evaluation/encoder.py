"""An encoder tagger: a transformers model for token classification, fine-tuned on examples.

It needs the extra `train`. A model is a folder or an id of the Hub. Its weights must be safetensors, and code
of its own is never run.

A word's label stands on its first subword. A sentence that is too long for the model is read in windows that
overlap by about half; each word is learned and tagged once, in the window that shows most words around it.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..schema.errors import DataError, WrongUsageError
from ..schema.example import Example
from ..schema.iob2 import OUTSIDE, repair

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

_PACKAGES = ("torch", "transformers", "accelerate")

# Configuration, tokenizer and weights: no pickle and no code.
_FILES_OF_A_MODEL = ("*.json", "*.txt", "*.model", "*.safetensors")
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")

# Transformers counts no loss at this label.
_NO_LABEL = -100

_SPREAD_OF_A_NEW_HEAD = 0.02

_HALF_A_PAIR = re.compile("[\ud800-\udfff]")

Span = tuple[int, int]
"""The first word of a window, and the word after its last one."""


@dataclass(frozen=True, slots=True)
class EncoderSettings:
    """How an encoder is fine-tuned; the defaults are those of Kamath & Vajjala (2025).

    Attributes:
        model: A folder, or an id of the Hub such as `FacebookAI/xlm-roberta-large`.
        epochs: How often the examples are seen.
        learning_rate: The learning rate at the beginning; it falls to 0 in a line.
        batch_size: Windows in a batch.
        weight_decay: Weight decay.
        longest: The most subwords in a window; fewer where the model cannot read so many.
        seed: Decides the new weights, the order of the examples and dropout.
    """

    model: str
    epochs: int = 10
    learning_rate: float = 2e-5
    batch_size: int = 16
    weight_decay: float = 0.01
    longest: int = 256
    seed: int = 0


class EncoderTagger:
    """A fine-tuned encoder, used like a `CrfTagger`. `train` makes one.

    Attributes:
        labels: The tags that it can give a word.
    """

    def __init__(self, reader: _Reader, model: Any, labels: Sequence[str], batch_size: int) -> None:
        self._reader = reader
        self._model = model
        self._labels = tuple(labels)
        self._batch_size = batch_size
        self.labels = frozenset(labels)

    @classmethod
    def train(
        cls,
        examples: Iterable[Example],
        *,
        settings: EncoderSettings,
        labels: Sequence[str] | None = None,
        repeats: Iterable[int] | None = None,
    ) -> EncoderTagger:
        """Fine-tune a model.

        The same examples, settings and versions give the same tagger on one machine's CPU. A GPU is used
        if there is one.

        Args:
            examples: Examples with IOB2 tags.
            settings: The model, and how to train.
            labels: The tags to learn; by default those of the examples.
            repeats: How many times each example counts, 0 or more; by default once.

        Raises:
            WrongUsageError: If the extra `train` is not installed, or windows have no room for a word.
            DataError: If there are no examples, one has a tag that is not to be learned, or the model
                cannot be had or used.
        """
        require_train_extra()
        counts = repeat(1) if repeats is None else repeats
        counted = [(example, times) for example, times in zip(examples, counts, strict=False) if times]
        known = {tag for example, _ in counted for tag in example.ner_tags}
        if not known:
            raise DataError("there are no examples to train a tagger on")
        learned = sorted(known) if labels is None else list(dict.fromkeys(labels))
        if unknown := sorted(known.difference(learned)):
            raise DataError(f"an example has the tag `{unknown[0]}`, which is not among the labels")
        with _quietly():
            folder = model_folder(settings.model)
            model, learned = _load_model(folder, settings, learned)
            reader = _Reader(_load_tokenizer(folder, settings.model), model, settings)
            windows = _training_windows(reader, counted, learned)
            _fine_tune(model, windows, reader, settings)
        return cls(reader, model, learned, settings.batch_size)

    def tag(self, sentences: Iterable[Sequence[str]]) -> list[list[str]]:
        """Predict the tags of tokenised sentences.

        Each word gets its most likely tag, and a word without a subword gets `O`. The sequence is then made
        IOB2 as the CoNLL scorer reads it, like the predictions of a `CrfTagger`.
        """
        return [self._valid_tags(of_words) for of_words in self._probabilities(list(sentences))]

    def marginals(self, example: Example) -> list[float]:
        """Return the probability of each of an example's tags; 0 for a tag never trained on.

        A word without a subword is `O` for certain.
        """
        [of_words] = self._probabilities([example.tokens])
        places = {label: place for place, label in enumerate(self._labels)}
        return [
            float(tag == OUTSIDE)
            if of_labels is None
            else float(of_labels[places[tag]])
            if tag in places
            else 0.0
            for of_labels, tag in zip(of_words, example.ner_tags, strict=True)
        ]

    def _valid_tags(self, of_words: Sequence[NDArray[np.float32] | None]) -> list[str]:
        likely = [OUTSIDE if each is None else self._labels[int(each.argmax())] for each in of_words]
        return list(repair(likely, "conlleval").tags)

    def _probabilities(self, sentences: Sequence[Sequence[str]]) -> list[list[NDArray[np.float32] | None]]:
        """Return the probability of every label for each word, or None for a word without a subword."""
        import torch

        found: list[list[NDArray[np.float32] | None]] = [[None] * len(words) for words in sentences]
        with _quietly(), torch.inference_mode():
            # Windows of like length take the least padding.
            windows = sorted(self._reader.windows(sentences), key=lambda window: len(window.subwords))
            for start in range(0, len(windows), self._batch_size):
                batch = windows[start : start + self._batch_size]
                inputs = self._reader.padded([window.subwords for window in batch])
                logits = self._model(**{name: each.to(self._model.device) for name, each in inputs.items()})
                probabilities = logits.logits.float().softmax(-1).cpu().numpy()
                for window, of_subwords in zip(batch, probabilities, strict=True):
                    for word, place in window.decides:
                        found[window.sentence][word] = of_subwords[place]
        return found


def require_train_extra() -> None:
    """Make sure that what an encoder needs is installed.

    Raises:
        WrongUsageError: If it is not.
    """
    missing = [name for name in _PACKAGES if find_spec(name) is None]
    if missing:
        raise WrongUsageError(
            f"an encoder needs packages that are not installed: {', '.join(missing)}",
            hint="Install them with `pip install 'synthner[train]'`.",
        )


def model_folder(model: str) -> Path:
    """Return the folder of a model, downloaded from the Hub where it is not a local one.

    Raises:
        DataError: If there is no such model, it cannot be reached, or its weights are pickled.
    """
    folder = Path(model).expanduser()
    if not folder.is_dir():
        if _is_a_path(model):
            raise DataError(
                "there is no folder with a model here",
                where=model,
                hint="Name a folder that `save_pretrained` wrote, or a model of the Hub.",
            )
        folder = _downloaded(model)
    if not (folder / "config.json").is_file():
        raise DataError(
            "this is no model of transformers: there is no config.json",
            where=model,
            hint="Name a folder that `save_pretrained` wrote, or a model of the Hub.",
        )
    if not any(folder.glob("*.safetensors")):
        # Pickled weights of a model of the Hub are not downloaded.
        pickled = any(any(folder.glob(pattern)) for pattern in _PICKLES)
        raise DataError(
            "the weights are pickled, and loading a pickle may run any code"
            if pickled
            else "there are no weights as safetensors",
            where=model,
            hint="Take a model that has `model.safetensors`. Weights that you trust are converted by loading "
            "them with transformers and saving them with `save_pretrained`.",
        )
    return folder


def _is_a_path(model: str) -> bool:
    return model.startswith((".", "~")) or Path(model).is_absolute() or os.sep in model.partition("/")[2]


def _downloaded(model: str) -> Path:
    """Download a model, or find it in the cache; only files that hold no code and no pickle."""
    import httpx2
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        RepositoryNotFoundError,
    )

    try:
        return Path(snapshot_download(model, allow_patterns=list(_FILES_OF_A_MODEL), ignore_patterns=["*/*"]))
    except GatedRepoError as error:
        raise DataError(
            "the model is gated",
            where=model,
            hint="Ask for access on its page on the Hub, then log in with `hf auth login`.",
        ) from error
    except RepositoryNotFoundError as error:
        raise DataError(
            "the Hub has no such model, or you may not see it",
            where=model,
            hint="Check the spelling `organisation/name`; for a private model log in with `hf auth login`.",
        ) from error
    except HFValidationError as error:
        raise DataError(
            f"this is neither a folder nor the id of a model: {_on_one_line(error)}",
            where=model,
            hint="Write the path of a folder, or `organisation/name`.",
        ) from error
    except (httpx2.TransportError, HfHubHTTPError, OSError) as error:
        raise DataError(
            f"the Hub cannot be reached, and the model is not in the cache: {_on_one_line(error)}",
            where=model,
            hint="Check the connection and that HF_HUB_OFFLINE is not set, or name a folder with the model.",
        ) from error


@dataclass(frozen=True, slots=True)
class _Window:
    """Words of a sentence as a model reads them.

    Attributes:
        sentence: The sentence's number.
        subwords: The ids of the subwords, special ones among them.
        decides: The words whose tags are learned and predicted here, and where each has its first subword.
    """

    sentence: int
    subwords: list[int]
    decides: list[Span]


class _Reader:
    """Turns sentences into windows, and windows into tensors."""

    def __init__(self, tokenizer: Any, model: Any, settings: EncoderSettings) -> None:
        self._tokenizer = tokenizer
        self._name = settings.model
        self._subwords_known = model.get_input_embeddings().num_embeddings
        self._longest = min(settings.longest, tokenizer.model_max_length, _positions(model))
        self._room = self._longest - tokenizer.num_special_tokens_to_add()
        if self._room < 1:
            raise WrongUsageError(
                f"windows of {self._longest} subwords have no room for a word", hint="Allow longer windows."
            )

    def windows(self, sentences: Sequence[Sequence[str]]) -> list[_Window]:
        """Return the windows of sentences, in order; none of a sentence without a subword.

        Raises:
            DataError: If tokenizer and model do not belong together.
        """
        numbers = [number for number, words in enumerate(sentences) if words]
        if not numbers:
            return []
        readable = [[_HALF_A_PAIR.sub("\ufffd", word) for word in sentences[number]] for number in numbers]
        encodings = self._tokenizer(readable, is_split_into_words=True).encodings
        if max(max(encoding.ids, default=0) for encoding in encodings) >= self._subwords_known:
            raise DataError(
                "the tokenizer gives subwords that the model does not know",
                where=self._name,
                hint="Do the tokenizer and the weights belong together?",
            )
        return [
            window
            for number, words, encoding in zip(numbers, readable, encodings, strict=True)
            for window in self._windows_of(number, words, encoding)
            if window.decides
        ]

    def padded(self, rows: Sequence[Sequence[int]]) -> dict[str, torch.Tensor]:
        """Return rows of subwords as the tensors that a model takes."""
        import torch

        padding = self._tokenizer.pad_token_id
        return {
            "input_ids": torch.tensor(_rectangle(rows, 0 if padding is None else padding)),
            "attention_mask": torch.tensor(_rectangle([[1] * len(row) for row in rows], 0)),
        }

    def _windows_of(self, sentence: int, words: Sequence[str], encoding: Any) -> Iterator[_Window]:
        first = _first_subwords(encoding.word_ids)
        if len(encoding.ids) <= self._longest:
            yield _Window(sentence, encoding.ids, list(first.items()))
            return
        sizes = [0] * len(words)
        for word in encoding.word_ids:
            if word is not None:
                sizes[word] = min(sizes[word] + 1, self._room)
        spans = _overlapping(sizes, self._room)
        decided_by = _most_context(spans, len(words))
        for number, (start, end) in enumerate(spans):
            [part] = self._tokenizer(
                [words[start:end]], is_split_into_words=True, truncation=True, max_length=self._longest
            ).encodings
            of_part = _first_subwords(part.word_ids).items()
            decides = [(start + word, place) for word, place in of_part if decided_by[start + word] == number]
            yield _Window(sentence, part.ids, decides)


def _first_subwords(word_ids: Sequence[int | None]) -> dict[int, int]:
    """Return where each word has its first subword."""
    first: dict[int, int] = {}
    for place, word in enumerate(word_ids):
        if word is not None:
            first.setdefault(word, place)
    return first


def _overlapping(sizes: Sequence[int], room: int) -> list[Span]:
    """Cover words by spans of at most `room` subwords, each overlapping the next by up to half.

    Args:
        sizes: How many subwords each word has, at most `room`.
        room: The most subwords in a span.
    """
    spans = []
    start = end = used = 0
    while True:
        while end < len(sizes) and used + sizes[end] <= room:
            used += sizes[end]
            end += 1
        spans.append((start, end))
        if end == len(sizes):
            return spans
        # The next span must reach further than this one.
        while used > room // 2 or used + sizes[end] > room:
            used -= sizes[start]
            start += 1


def _most_context(spans: Sequence[Span], words: int) -> list[int]:
    """Return for each word the span with most words on its poorer side; a sentence's edge lacks nothing."""
    best = [(-1, 0)] * words
    for number, (start, end) in enumerate(spans):
        for word in range(start, end):
            before = word - start if start else words
            after = end - 1 - word if end < words else words
            if min(before, after) > best[word][0]:
                best[word] = (min(before, after), number)
    return [number for _, number in best]


def _rectangle(rows: Sequence[Sequence[int]], padding: int) -> list[list[int]]:
    width = max(map(len, rows))
    return [[*row, *[padding] * (width - len(row))] for row in rows]


def _training_windows(
    reader: _Reader, counted: Sequence[tuple[Example, int]], labels: Sequence[str]
) -> list[dict[str, list[int]]]:
    """Return the windows of examples with their labels, each as often as it counts."""
    places = {label: place for place, label in enumerate(labels)}
    windows = []
    for window in reader.windows([example.tokens for example, _ in counted]):
        example, times = counted[window.sentence]
        of_subwords = [_NO_LABEL] * len(window.subwords)
        for word, place in window.decides:
            of_subwords[place] = places[example.ner_tags[word]]
        windows += [{"subwords": window.subwords, "labels": of_subwords}] * times
    if not windows:
        raise DataError("there are no examples to train a tagger on")
    return windows


def _fine_tune(
    model: Any, windows: list[dict[str, list[int]]], reader: _Reader, settings: EncoderSettings
) -> None:
    """Train a model in place. Nothing is written: no checkpoints, no logs."""
    import torch
    from transformers import PrinterCallback, Trainer, TrainingArguments

    def collate(batch: Sequence[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
        labels = torch.tensor(_rectangle([window["labels"] for window in batch], _NO_LABEL))
        return {**reader.padded([window["subwords"] for window in batch]), "labels": labels}

    # Trainer makes its folder even where it writes nothing there.
    with tempfile.TemporaryDirectory(prefix="synthner-") as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            num_train_epochs=settings.epochs,
            learning_rate=settings.learning_rate,
            per_device_train_batch_size=settings.batch_size,
            weight_decay=settings.weight_decay,
            seed=settings.seed,
            remove_unused_columns=False,
            dataloader_pin_memory=torch.cuda.is_available(),
            save_strategy="no",
            logging_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )
        # With several GPUs, Trainer would make each batch so many times larger.
        if arguments.n_gpu > 1:
            arguments._n_gpu = 1
        trainer = Trainer(
            model=model,
            args=arguments,
            train_dataset=windows,  # pyright: ignore[reportArgumentType]
            data_collator=collate,
        )
        # Some models take the number of labels in a batch and drop it, which would scale gradients wrongly.
        trainer.model_accepts_loss_kwargs = False
        # It prints what training took.
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    model.eval()


def _load_model(folder: Path, settings: EncoderSettings, labels: list[str]) -> tuple[Any, list[str]]:
    """Load a model with a head for the labels; return it with the labels in the order of the head.

    A head that was trained on the very same labels is kept, as when a tagger of a related language is
    fine-tuned. Any other is begun anew, even where it has as many labels.
    """
    import torch
    from transformers import AutoConfig, AutoModelForTokenClassification, set_seed

    with _loading(settings.model):
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        heads = list((config.id2label or {}).values())
        same = len(heads) == len(labels) and set(heads) == set(labels)
        labels = heads if same else labels
        config.id2label = dict(enumerate(labels))
        config.label2id = {label: number for number, label in enumerate(labels)}
        set_seed(settings.seed)
        model = AutoModelForTokenClassification.from_pretrained(
            folder,
            config=config,
            trust_remote_code=False,
            use_safetensors=True,
            ignore_mismatched_sizes=True,
            dtype=torch.float32,
        )
    if not same:
        _begin_head_anew(model, len(labels))
    return model, labels


def _begin_head_anew(model: Any, labels: int) -> None:
    import torch

    of_encoder = {id(module) for module in model.base_model.modules()}
    for module in model.modules():
        is_linear = isinstance(module, torch.nn.Linear) and id(module) not in of_encoder
        if is_linear and module.out_features == labels:
            torch.nn.init.normal_(module.weight, std=_SPREAD_OF_A_NEW_HEAD)
            if module.bias is not None:
                torch.nn.init.zeros_(module.bias)


def _load_tokenizer(folder: Path, name: str) -> Any:
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import AutoTokenizer

    with _loading(name):
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    if not tokenizer.is_fast:
        raise DataError(
            "the tokenizer of the model is not a fast one, and only those tell which word a subword is of",
            where=name,
            hint="Take a model that has a `tokenizer.json`.",
        )
    # Words are split already: each stands after a space, and such tokenizers must see it.
    before = tokenizer.backend_tokenizer.pre_tokenizer
    if isinstance(before, ByteLevel):
        before.add_prefix_space = True
    return tokenizer


def _positions(model: Any) -> int:
    """Return how many subwords a model can read at once; as good as any number where nothing limits it."""
    import torch

    limits = [
        # RoBERTa and its like count positions from the one after the padding's.
        module.num_embeddings - (0 if module.padding_idx is None else module.padding_idx + 1)
        for name, module in model.named_modules()
        if name.endswith("position_embeddings") and isinstance(module, torch.nn.Embedding)
    ]
    return min(limits, default=1 << 30)


@contextmanager
def _loading(model: str) -> Iterator[None]:
    """Turn whatever a library finds wrong with a model's files into an error that says so."""
    try:
        yield
    except Exception as error:
        if "trust_remote_code" in str(error):
            raise DataError(
                "the model needs code of its own, which is never run",
                where=model,
                hint="Take a model of an architecture that transformers has.",
            ) from error
        raise DataError(
            f"the model cannot be loaded: {_on_one_line(error)}",
            where=model,
            hint="Is it complete, and does transformers have its architecture for token classification?",
        ) from error


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep transformers from logging anything but errors and from drawing progress bars."""
    from transformers.utils import logging

    verbosity, has_bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if has_bars:
            logging.enable_progress_bar()


def _on_one_line(error: Exception) -> str:
    return (" ".join(str(error).split()) or type(error).__name__)[:500]
