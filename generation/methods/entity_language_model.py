"""A masked language model that has learned which words stand between labels: trained, kept and asked."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import torch
from torch import nn
from transformers import AutoModelForMaskedLM, set_seed

from ...evaluation.encoder.loading import load_tokenizer, positions
from ...projection.model_folders import NamedModel, device_here, enough_memory, loading
from ...schema.errors import DataError
from ...schema.example import Example
from ...sources.transformers_logging import quietly
from .labelled_subwords import MARKERS_OF_A_TYPE, LabelledReader, LabelledSentence, SubwordKinds

LONGEST = 256
"""Subwords and labels in a window at most; fewer where the model cannot read so many."""

RANKS = 5
"""A subword is drawn from the best so many, without the best."""

_LONGEST_GRADIENT = 1.0

# What the names of common types stand for; those of others are taken as words.
_WORDS_OF_TYPES: Mapping[str, str] = {
    "PER": "person",
    "PERS": "person",
    "ORG": "organization",
    "LOC": "location",
    "MISC": "miscellaneous",
    "GPE": "country",
    "FAC": "facility",
    "NORP": "nationality",
    "PROD": "product",
}

Query = tuple[Sequence[int], int, bool]
"""A window with masks, the place in it that is asked for, and whether a word begins there."""


@dataclass(frozen=True, slots=True)
class Training:
    """How the model is trained.

    Attributes:
        model: The model that it begins with.
        epochs: How often the sentences are seen.
        learning_rate: The learning rate, which stays the same.
        batch_size: Windows in a batch.
        mask_rate: How likely a subword of a mention is masked, anew each time.
        seed: Decides masks, order and dropout.
    """

    model: NamedModel
    epochs: int
    learning_rate: float
    batch_size: int
    mask_rate: float
    seed: int


class EntityLanguageModel:
    """A trained model. `train` or `load` makes one.

    Args:
        weights: The masked language model, with rows for the labels.
        tokenizer: Its tokenizer.
        types: The entity types.
        name: The model's name in errors.

    Attributes:
        reader: Turns sentences into what it reads.
        mask: The id of the mask.
    """

    def __init__(self, weights: Any, tokenizer: Any, types: Sequence[str], name: str) -> None:
        self._weights = weights
        self._tokenizer = tokenizer
        self._name = name
        self._kinds = SubwordKinds(tokenizer, name)
        rows = weights.get_input_embeddings().num_embeddings
        self.mask: int = tokenizer.mask_token_id
        self.reader = LabelledReader(
            tokenizer,
            self._kinds,
            types,
            first_marker=rows - MARKERS_OF_A_TYPE * len(types),
            longest=min(LONGEST, positions(weights), tokenizer.model_max_length),
        )
        self._allowed = {
            True: _as_mask(self._kinds.beginnings, rows),
            False: _as_mask(self._kinds.continuations, rows),
        }
        self._possible = {begins: int(allowed.sum()) for begins, allowed in self._allowed.items()}

    @classmethod
    def train(
        cls,
        examples: Sequence[Example],
        types: Sequence[str],
        training: Training,
        tell: Callable[[str], None] = lambda _what: None,
    ) -> EntityLanguageModel:
        """Fine-tune a masked language model to say what stands between labels.

        The same examples and training give the same model on one machine's CPU. An accelerator is used if
        there is one.

        Args:
            examples: The sentences.
            types: The entity types.
            training: How.
            tell: Told how far it is.

        Raises:
            DataError: If the model cannot be had or used, memory does not suffice, or no word of a mention
                can be masked.
        """
        name = training.model.name
        folder = training.model.fetch()
        with quietly(), enough_memory(name):
            tokenizer = load_tokenizer(folder, name)
            if tokenizer.mask_token_id is None:
                raise DataError(
                    "the model has no mask",
                    where=name,
                    hint="Take a masked language model, such as FacebookAI/xlm-roberta-base.",
                )
            set_seed(training.seed % (1 << 32))
            weights = _load_weights(folder, name)
            _add_markers(weights, tokenizer, types)
            model = cls(weights, tokenizer, types, name)
            model._learn(examples, training, tell)
        return model

    @classmethod
    def load(cls, folder: Path, types: Sequence[str]) -> EntityLanguageModel:
        """Load a model that `save` wrote.

        Raises:
            DataError: If it cannot be loaded.
        """
        with quietly(), enough_memory(str(folder)):
            tokenizer = load_tokenizer(folder, str(folder))
            weights = _load_weights(folder, str(folder)).to(device_here()).eval()
            return cls(weights, tokenizer, types, str(folder))

    def save(self, folder: Path) -> None:
        """Write the model, whole or not at all: safetensors, tokenizer, configuration.

        Raises:
            DataError: If it cannot be written.
        """
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with quietly(), tempfile.TemporaryDirectory(prefix=".synthner-", dir=folder.parent) as beside:
                new = Path(beside) / "model"
                self._weights.save_pretrained(new)
                self._tokenizer.save_pretrained(new)
                if folder.is_dir():
                    shutil.rmtree(folder)
                new.replace(folder)
        except OSError as error:
            raise DataError(
                f"the trained model cannot be written: {error.strerror or error}",
                where=str(folder),
                hint="Make room, or choose a folder for the release that you may write to.",
            ) from error

    def begins(self, subword: int) -> bool:
        """Say whether a subword begins a word."""
        return self._kinds.begins(subword)

    def likely(self, queries: Sequence[Query], batch_size: int) -> list[list[int]]:
        """Return the likeliest subwords at a place of each window, from the second on; none if nothing fits.

        Only subwords that leave a word a word are ranked.

        Raises:
            DataError: If memory does not suffice.
        """
        found: list[list[int]] = [[]] * len(queries)
        order = sorted(range(len(queries)), key=lambda number: (len(queries[number][0]), number))
        with quietly(), enough_memory(self._name), torch.inference_mode():
            for numbers in _cut(order, batch_size):
                windows = [queries[number][0] for number in numbers]
                asked = torch.zeros((len(numbers), max(map(len, windows))), dtype=torch.bool)
                for row, number in enumerate(numbers):
                    asked[row, queries[number][1]] = True
                scores = self._scores(windows, asked)
                for row, number in enumerate(numbers):
                    found[number] = self._ranked(scores[row], begins=queries[number][2])
        return found

    def _ranked(self, scores: torch.Tensor, *, begins: bool) -> list[int]:
        count = min(RANKS, self._possible[begins])
        allowed = self._allowed[begins].to(scores.device)
        return scores.masked_fill(~allowed, -torch.inf).topk(count).indices.tolist()[1:] if count > 1 else []

    def _learn(self, examples: Sequence[Example], training: Training, tell: Callable[[str], None]) -> None:
        windows = [
            window
            for example in examples
            for window in _windows_to_learn(self.reader.read(example.tokens, example.ner_tags))
        ]
        if not windows:
            raise DataError(
                "no word of a mention of gold train can be masked",
                where=self._name,
                hint="Is there a mention, and does the model know the script that it is written in?",
            )
        self._weights.to(device_here()).train()
        # AdamW without decay is Adam.
        optimizer = torch.optim.AdamW(self._weights.parameters(), lr=training.learning_rate, weight_decay=0.0)
        chance = Random(training.seed)  # noqa: S311 - no secret is drawn
        torch.manual_seed(training.seed)
        for epoch in range(1, training.epochs + 1):
            tell(f"training the masked language model, epoch {epoch} of {training.epochs}")
            order = list(range(len(windows)))
            chance.shuffle(order)
            for numbers in _cut(order, training.batch_size):
                self._step(optimizer, [_masked(windows[number], training, chance) for number in numbers])
        self._weights.eval()
        self._weights.zero_grad(set_to_none=True)

    def _step(self, optimizer: torch.optim.Optimizer, batch: Sequence[_Masked]) -> None:
        asked = torch.zeros((len(batch), max(len(each.subwords) for each in batch)), dtype=torch.bool)
        expected: list[int] = []
        windows = []
        for row, each in enumerate(batch):
            window = list(each.subwords)
            for position in each.masked:
                expected.append(window[position])
                window[position] = self.mask
                asked[row, position] = True
            windows.append(window)
        if not expected:
            return
        scores = self._scores(windows, asked)
        loss = nn.functional.cross_entropy(scores.float(), torch.tensor(expected, device=scores.device))
        loss.backward()
        nn.utils.clip_grad_norm_(self._weights.parameters(), _LONGEST_GRADIENT)
        optimizer.step()
        optimizer.zero_grad()

    def _scores(self, windows: Sequence[Sequence[int]], asked: torch.Tensor) -> torch.Tensor:
        """Return the scores of all subwords at the places that are asked for, row by row and in order."""
        width = asked.shape[1]
        padding = self._tokenizer.pad_token_id or 0
        device = self._weights.device
        asked = asked.to(device)
        with _only_at(self._weights.get_output_embeddings(), asked):
            scores = self._weights(
                input_ids=torch.tensor(
                    [[*window, *[padding] * (width - len(window))] for window in windows], device=device
                ),
                attention_mask=torch.tensor(
                    [[1] * len(window) + [0] * (width - len(window)) for window in windows], device=device
                ),
            ).logits
        return scores[asked] if scores.dim() == 3 else scores


@dataclass(frozen=True, slots=True)
class _Learned:
    """A window to learn, and the places of subwords that may be masked, in order."""

    subwords: tuple[int, ...]
    places: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Masked:
    """A window, and the places that are masked this time, in order."""

    subwords: tuple[int, ...]
    masked: tuple[int, ...]


def _windows_to_learn(sentence: LabelledSentence) -> Iterator[_Learned]:
    for number, window in enumerate(sentence.windows):
        places = tuple(
            place.position for word in sentence.spelled for place in word.places if place.window == number
        )
        if places:
            yield _Learned(window, places)


def _masked(window: _Learned, training: Training, chance: Random) -> _Masked:
    masked = tuple(place for place in window.places if chance.random() < training.mask_rate)
    return _Masked(window.subwords, masked)


@contextmanager
def _only_at(head: nn.Module | None, asked: torch.Tensor) -> Iterator[None]:
    """Let a model score subwords only where it is asked to: a vocabulary is large, and masks are few."""
    if head is None:
        yield
        return
    hook = head.register_forward_pre_hook(lambda _head, inputs: (inputs[0][asked],))
    try:
        yield
    finally:
        hook.remove()


def _load_weights(folder: Path, name: str) -> Any:
    with loading(name):
        return AutoModelForMaskedLM.from_pretrained(
            folder, dtype=torch.float32, use_safetensors=True, trust_remote_code=False
        )


def _add_markers(weights: Any, tokenizer: Any, types: Sequence[str]) -> None:
    """Give the model a row for each label, which begins as the mean of what it knows of the label's words."""
    known = weights.get_input_embeddings().num_embeddings
    if len(tokenizer) > known:
        raise DataError(
            "the tokenizer gives subwords that the model does not know",
            where=weights.config.name_or_path,
            hint="Do the tokenizer and the weights belong together?",
        )
    weights.resize_token_embeddings(known + MARKERS_OF_A_TYPE * len(types), mean_resizing=False)
    rows = weights.get_input_embeddings().weight
    with torch.no_grad():
        for number, type_ in enumerate(types):
            of_name = tokenizer(_words_of(type_), add_special_tokens=False)["input_ids"]
            if of_name:
                first = known + MARKERS_OF_A_TYPE * number
                rows[first : first + MARKERS_OF_A_TYPE] = rows[of_name].mean(0)


def _words_of(type_: str) -> str:
    words = re.sub(r"[\W_]+", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type_))
    return _WORDS_OF_TYPES.get(type_.upper(), words.strip().lower())


def _as_mask(numbers: Sequence[int], size: int) -> torch.Tensor:
    mask = torch.zeros(size, dtype=torch.bool)
    mask[list(numbers)] = True
    return mask


def _cut(numbers: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for start in range(0, len(numbers), size):
        yield numbers[start : start + size]
