"""The tagger: fine-tuned, saved, loaded, and asked for tags or their probabilities."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...schema.errors import DataError
from ...schema.example import Example, SoftExample
from ...schema.iob2 import OUTSIDE, repair
from ...sources.transformers_logging import quietly
from ..scoring import score
from ..soft_labels import as_labels
from .loading import load_tokenizer, model_folder, positions, require_train_extra
from .settings import EncoderSettings
from .training_facts import TrainingFacts
from .windows import Window, WindowReader

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .batches import LabelledWindow
    from .fine_tuning import FineTuning
    from .vocabulary_trimming import TrimmedVocabulary

# A model that only tags needs far less memory than one that learns.
_BATCHES_AT_ONCE = 2

Words = Sequence[str]


class EncoderTagger:
    """A fine-tuned encoder, used like a `CrfTagger`. `train` or `load` makes one.

    Attributes:
        labels: The tags that it can give a word.
        label_names: The same in the order of its head.
        facts: What its training was like.
    """

    def __init__(
        self, reader: WindowReader, model: Any, labels: Sequence[str], settings: EncoderSettings
    ) -> None:
        self._reader = reader
        self._model = model
        self.label_names = tuple(labels)
        self._settings = settings
        self._left_out: tuple[TrimmedVocabulary, FineTuning] | None = None
        self.labels = frozenset(labels)
        self.facts = TrainingFacts()

    @classmethod
    def train(
        cls,
        examples: Iterable[Example],
        *,
        settings: EncoderSettings,
        labels: Sequence[str] | None = None,
        validation: Sequence[Example] = (),
        test_tokens: Iterable[Words] = (),
        start: Path | None = None,
        repeats: Iterable[int] | None = None,
    ) -> EncoderTagger:
        """Fine-tune a model.

        The same examples, settings and versions give the same tagger on one machine's CPU. A GPU is used
        if there is one.

        Args:
            examples: Examples with IOB2 tags. Where the settings say so and all of them are `SoftExample`s,
                their probabilities are learned.
            settings: The model, and how to train.
            labels: The tags to learn; by default those of the examples.
            validation: Examples that decide after which epoch the weights are kept.
            test_tokens: Sentences that will be tagged. Others can be, too; where the vocabulary was trimmed,
                the first of them costs the time to put the whole one back.
            start: The folder of a tagger to begin with instead of the settings' model. Its head is kept
                where it has the same labels.
            repeats: How many times each example counts, 0 or more; by default once.

        Raises:
            WrongUsageError: If the extra `train` is not installed, or windows have no room for a word.
            DataError: If there are no examples, one has a tag that is not to be learned, the model cannot
                be had or used, or memory does not suffice.
        """
        require_train_extra()
        counts = repeat(1) if repeats is None else repeats
        counted = [(example, times) for example, times in zip(examples, counts, strict=False) if times]
        learned = _labels_to_learn([example for example, _ in counted], validation, labels)
        settings = settings if start is None else replace(settings, model=str(start))
        from .fine_tuning import FineTuning, enough_memory

        with quietly(), enough_memory(settings):
            tagger = cls._untrained(settings, learned)
            windows = tagger._labelled_windows(counted)
            tuning = FineTuning(tagger._model, tagger._settings)
            tagger._fine_tune(tuning, windows, validation, list(test_tokens))
        return tagger

    @classmethod
    def load(cls, folder: Path) -> EncoderTagger:
        """Load a tagger that `save` wrote.

        Raises:
            WrongUsageError: If the extra `train` is not installed.
            DataError: If there is none, or it cannot be loaded.
        """
        require_train_extra()
        from ...projection.model_folders import device_here
        from .fine_tuning import enough_memory
        from .saved_taggers import read_description

        model_folder(str(folder))
        description = read_description(folder)
        try:
            settings = EncoderSettings(str(folder), **description["settings"])
            labels = list(description["labels"])
            training = description["training"]
            facts = TrainingFacts(
                **{
                    **training,
                    "validation_f1": tuple(training["validation_f1"]),
                    # Taggers that were saved before do not tell it.
                    "validation_loss": tuple(training.get("validation_loss", ())),
                    "losses": (),
                }
            )
        except (KeyError, TypeError) as error:
            raise DataError(
                f"tagger.json does not say how the tagger reads: {error}", where=str(folder)
            ) from error
        with quietly(), enough_memory(settings):
            tagger = cls._untrained(settings, labels)
            tagger._model.to(device_here()).eval()
        tagger.facts = facts
        return tagger

    @classmethod
    def of_model(cls, folder: Path) -> EncoderTagger:
        """Take a model for token classification as it is, whoever trained it: its labels at first subwords.

        Raises:
            WrongUsageError: If the extra `train` is not installed.
            DataError: If there is none, its labels are no IOB2 labels, or it cannot be loaded.
        """
        require_train_extra()
        from ...projection.model_folders import device_here
        from .fine_tuning import enough_memory
        from .saved_taggers import labels_of_model

        settings = EncoderSettings(str(folder))
        with quietly(), enough_memory(settings):
            tagger = cls._untrained(settings, labels_of_model(model_folder(str(folder))))
            tagger._model.to(device_here()).eval()
        return tagger

    def save(self, folder: Path) -> None:
        """Write the tagger with its whole vocabulary: safetensors, tokenizer, configuration, `tagger.json`.

        With the head `first`, `AutoModelForTokenClassification` loads the folder. An earlier tagger in the
        folder is replaced.

        Raises:
            DataError: If the folder holds something else, or cannot be written.
        """
        from .saved_taggers import write_tagger

        self._restore_vocabulary()
        settings = self._settings
        with quietly():
            write_tagger(
                folder,
                self._model,
                self._reader.tokenizer,
                {
                    "labels": list(self.label_names),
                    "settings": {
                        "head": settings.head,
                        "longest": settings.longest,
                        "batch_size": settings.batch_size,
                        "precision": settings.precision,
                    },
                    "training": asdict(replace(self.facts, losses=())),
                },
            )

    def tag(self, sentences: Iterable[Words]) -> list[list[str]]:
        """Predict the tags of tokenised sentences.

        Each word gets its most likely tag, and a word without a subword gets `O`. The sequence is then made
        IOB2 as the CoNLL scorer reads it, like the predictions of a `CrfTagger`.
        """
        sentences = list(sentences)
        return self._tags(sentences, self._windows(sentences))

    def marginals(self, example: Example) -> list[float]:
        """Return the probability of each of an example's tags; 0 for a tag never trained on.

        A word without a subword is `O` for certain.
        """
        return self.marginals_of([example])[0]

    def marginals_of(self, examples: Iterable[Example]) -> list[list[float]]:
        """Return for each of many examples what `marginals` does; together they take far less time."""
        examples = list(examples)
        sentences = [example.tokens for example in examples]
        places = {label: place for place, label in enumerate(self.label_names)}
        return [
            [
                float(tag == OUTSIDE)
                if of_labels is None
                else float(of_labels[places[tag]])
                if tag in places
                else 0.0
                for of_labels, tag in zip(of_words, example.ner_tags, strict=True)
            ]
            for example, of_words in zip(
                examples, self._probabilities(sentences, self._windows(sentences)), strict=True
            )
        ]

    def probabilities_of(self, sentences: Iterable[Words]) -> list[NDArray[np.float64]]:
        """Return each word's probability of every tag: a row a word, a column a tag of `label_names`.

        A word without a subword is `O` for certain.
        """
        import numpy as np

        sentences = list(sentences)
        unread = np.array([label == OUTSIDE for label in self.label_names], dtype=np.float64)
        return [
            np.array([unread if each is None else each for each in of_words], dtype=np.float64).reshape(
                len(of_words), len(self.label_names)
            )
            for of_words in self._probabilities(sentences, self._windows(sentences))
        ]

    @classmethod
    def _untrained(cls, settings: EncoderSettings, labels: list[str]) -> EncoderTagger:
        from .fine_tuning import computable
        from .saved_taggers import load_word_model

        folder = model_folder(settings.model)
        model, labels = load_word_model(folder, settings, labels)
        reader = WindowReader(
            load_tokenizer(folder, settings.model),
            settings.model,
            longest=min(settings.longest, positions(model)),
            subwords_known=model.encoder.get_input_embeddings().num_embeddings,
        )
        return cls(reader, model, labels, computable(settings, model))

    def _labelled_windows(self, counted: Sequence[tuple[Example, int]]) -> list[LabelledWindow]:
        """Return the windows of examples with their labels, each as often as it counts."""
        from .batches import NO_LABEL, LabelledWindow

        places = {label: place for place, label in enumerate(self.label_names)}
        is_soft = self._settings.soft_labels and all(isinstance(each, SoftExample) for each, _ in counted)
        windows = []
        for window in self._reader.windows([example.tokens for example, _ in counted]):
            example, times = counted[window.sentence]
            of_subwords = [NO_LABEL] * len(window.subwords)
            for word, place in window.decides:
                of_subwords[place] = places[example.ner_tags[word]]
            probabilities = None
            if is_soft and isinstance(example, SoftExample):
                rows = example.probabilities[[word for word, _ in window.decides]]
                probabilities = as_labels(rows, example.labels, self.label_names).astype("float32")
            windows += [LabelledWindow(window, of_subwords, probabilities)] * times
        if not windows:
            raise _no_examples()
        return windows

    def _fine_tune(
        self,
        tuning: FineTuning,
        windows: list[LabelledWindow],
        validation: Sequence[Example],
        test_sentences: list[Words],
    ) -> None:
        from ...projection.model_folders import device_here
        from .fine_tuning import Validation, precision_here
        from .vocabulary_trimming import trim

        of_validation = [example.tokens for example in validation]
        validation_windows = self._reader.windows(of_validation)
        if self._settings.trim_vocabulary:
            read = [
                *(each.window for each in windows),
                *validation_windows,
                *self._reader.windows(test_sentences),
            ]
            used = {subword for window in read for subword in window.subwords}
            used.update(self._reader.tokenizer.all_special_ids, [self._reader.padding])
            trimmed = trim(self._model, self._model.encoder, used)
            self._left_out = None if trimmed is None else (trimmed, tuning)
        device = device_here()
        self._model.to(device)

        def validate() -> Validation:
            probabilities = self._probabilities(of_validation, validation_windows)
            predicted = [self._valid_tags(of_words) for of_words in probabilities]
            f1 = score([example.ner_tags for example in validation], predicted).micro.f1
            return Validation(f1, self._loss(validation, probabilities))

        tuning.run(windows, self._reader.padding, validate if validation else None)
        self.facts = TrainingFacts(
            epochs=None if self._settings.iterations else self._settings.epochs,
            best_epoch=tuning.best_epoch,
            validation_f1=tuple(each.f1 for each in tuning.validations),
            validation_loss=tuple(each.loss for each in tuning.validations),
            losses=tuple(tuning.losses),
            precision=precision_here(self._settings, device),
            device=device.type,
            not_recorded=tuning.not_recorded,
        )

    def _loss(
        self, examples: Sequence[Example], probabilities: Sequence[Sequence[NDArray[np.float32] | None]]
    ) -> float:
        """Return the mean cross-entropy of the labels of words; without any word with a subword it is 0."""
        import numpy as np

        places = {label: place for place, label in enumerate(self.label_names)}
        given = [
            of_word[places[tag]]
            for example, of_words in zip(examples, probabilities, strict=True)
            for tag, of_word in zip(example.ner_tags, of_words, strict=True)
            if of_word is not None
        ]
        if not given:
            return 0.0
        # What is all but impossible, or of a model whose numbers overflowed, must not make the loss infinite.
        likely = np.fmax(np.array(given, dtype=np.float64), np.finfo(np.float32).tiny)
        return float(-np.log(likely).mean())

    def _windows(self, sentences: Sequence[Words]) -> list[Window]:
        """Return the windows of sentences, once the model knows all their subwords."""
        windows = self._reader.windows(sentences)
        if self._left_out is not None:
            trimmed, _ = self._left_out
            if not all(trimmed.covers(window.subwords) for window in windows):
                self._restore_vocabulary()
        return windows

    def _restore_vocabulary(self) -> None:
        if self._left_out is not None:
            trimmed, tuning = self._left_out
            trimmed.restore(tuning.decay)
            self._left_out = None

    def _tags(self, sentences: Sequence[Words], windows: Sequence[Window]) -> list[list[str]]:
        return [self._valid_tags(of_words) for of_words in self._probabilities(sentences, windows)]

    def _valid_tags(self, of_words: Sequence[NDArray[np.float32] | None]) -> list[str]:
        likely = [OUTSIDE if each is None else self.label_names[int(each.argmax())] for each in of_words]
        return list(repair(likely, "conlleval").tags)

    def _probabilities(
        self, sentences: Sequence[Words], windows: Sequence[Window]
    ) -> list[list[NDArray[np.float32] | None]]:
        """Return the probability of every label for each word, or None for a word without a subword."""
        import torch

        from .batches import Batch
        from .fine_tuning import computing, enough_memory

        found: list[list[NDArray[np.float32] | None]] = [[None] * len(words) for words in sentences]
        device = next(self._model.parameters()).device
        # Windows of like length take the least padding.
        windows = sorted(windows, key=lambda window: len(window.subwords))
        at_once = _BATCHES_AT_ONCE * self._settings.batch_size
        with (
            quietly(),
            enough_memory(self._settings),
            torch.inference_mode(),
            computing(self._settings, device),
        ):
            for start in range(0, len(windows), at_once):
                part = windows[start : start + at_once]
                logits = self._model(*Batch.of(part, self._reader.padding).to(device))
                probabilities = logits.float().softmax(-1).cpu().numpy()
                for window, of_subwords in zip(part, probabilities, strict=True):
                    for word, place in window.decides:
                        found[window.sentence][word] = of_subwords[place]
        return found


def _labels_to_learn(
    examples: Sequence[Example], validation: Sequence[Example], labels: Sequence[str] | None
) -> list[str]:
    known = {tag for example in examples for tag in example.ner_tags}
    if not known:
        raise _no_examples()
    learned = sorted(known) if labels is None else list(dict.fromkeys(labels))
    of_validation = {tag for example in validation for tag in example.ner_tags}
    for what, tags in (("an example", known), ("a validation example", of_validation)):
        if unknown := sorted(tags.difference(learned)):
            raise DataError(
                f"{what} has the tag `{unknown[0]}`, which is not among the labels",
                hint=f"The labels are {', '.join(f'`{label}`' for label in learned)}. Train, validation "
                "and test need the same.",
            )
    return learned


def _no_examples() -> DataError:
    return DataError("there are no examples to train a tagger on")
