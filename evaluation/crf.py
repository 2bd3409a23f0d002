"""A linear-chain CRF tagger: trained in seconds on one core, with no download, and the same every time."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING

from pycrfsuite._pycrfsuite import BaseTrainer, ItemSequence, Tagger  # pyright: ignore[reportMissingImports]

from ..schema.errors import DataError
from ..schema.example import Example
from ..schema.iob2 import repair
from ..sources.files import atomic_path
from .token_features import FeatureFunction, sentence_features

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CRF_MODEL = "model.crfsuite"
"""The file that a CRF is saved in, in a folder of its own."""

_MAGIC = b"lCRF"
_HEADER_BYTES = 48


@dataclass(frozen=True, slots=True)
class CrfSettings:
    """How a CRF is trained; the defaults were chosen by cross-validation on gold train splits.

    Attributes:
        l1: Weight of the L1 penalty, which makes the model sparse.
        l2: Weight of the L2 penalty.
        iterations: The most L-BFGS iterations; fewer are a good approximation for choosing between data sets.
    """

    l1: float = 0.03
    l2: float = 0.01
    iterations: int = 50


class PreparedExample:
    """An example whose features were extracted, to be trained on or tagged several times.

    It takes about 1.5 KB a token.
    """

    __slots__ = ("features", "tags")

    def __init__(self, features: list[list[bytes]], tags: Sequence[str]) -> None:
        self.features = ItemSequence(features)
        self.tags = tuple(tags)

    @classmethod
    def of(cls, example: Example, features: FeatureFunction = sentence_features) -> PreparedExample:
        """Prepare an example."""
        return cls(features(example.tokens), example.ner_tags)


class CrfTagger:
    """A trained tagger.

    Args:
        model: A CRFsuite model.
        features: Gives the features that the model was trained on.

    Raises:
        DataError: If the bytes are no CRFsuite model.

    Example:
        >>> examples = [Example("1", ("Ada", "sings"), ("B-PER", "O"))]
        >>> CrfTagger.train(examples).tag([("Ada", "sings")])
        [['B-PER', 'O']]
    """

    def __init__(self, model: bytes, features: FeatureFunction = sentence_features) -> None:
        _check_model(model)
        self._features = features
        # CRFsuite reads these bytes for as long as the tagger lives and keeps no reference to them.
        self._model = model
        self._tagger = Tagger()
        self._tagger.open_inmemory(model)
        self.label_names = tuple(sorted(self._tagger.labels()))
        self.labels = frozenset(self.label_names)

    @classmethod
    def train(
        cls,
        examples: Iterable[Example | PreparedExample],
        *,
        repeats: Iterable[int] | None = None,
        settings: CrfSettings | None = None,
        features: FeatureFunction = sentence_features,
    ) -> CrfTagger:
        """Train a tagger.

        Nothing is drawn at random: the same examples in the same order give the same model.

        Args:
            examples: Examples with IOB2 tags.
            repeats: How many times each example counts, 0 or more; by default once. CRFsuite knows no
                fractions, and its time grows with the sum.
            settings: How to train.
            features: Gives the features of examples that are not prepared yet, and of what is tagged.

        Raises:
            DataError: If there are no examples.
        """
        settings = settings or CrfSettings()
        trainer = BaseTrainer(
            algorithm="lbfgs",
            params={
                "c1": settings.l1,
                "c2": settings.l2,
                "max_iterations": settings.iterations,
                # Transitions that the data does not have are learned to be unlikely.
                "feature.possible_transitions": True,
            },
            verbose=False,
        )
        trained_on = 0
        for example, times in zip(examples, repeat(1) if repeats is None else repeats, strict=False):
            prepared = (
                example if isinstance(example, PreparedExample) else PreparedExample.of(example, features)
            )
            for _ in range(times):
                trainer.append(prepared.features, prepared.tags)
            trained_on += times
        if not trained_on:
            raise DataError("there are no examples to train a tagger on")
        with tempfile.TemporaryDirectory(prefix="synthner-") as folder:
            path = Path(folder) / "model.crfsuite"
            trainer.train(str(path))
            return cls(path.read_bytes(), features)

    def tag(self, sentences: Iterable[Sequence[str]]) -> list[list[str]]:
        """Predict the tags of tokenised sentences.

        The most likely sequence is made IOB2 as the CoNLL scorer reads it: an I- tag that continues no
        mention becomes a B- tag. So the predictions score alike in the default and in the strict reading.
        """
        return [self._valid_tags(self._features(tokens)) for tokens in sentences]

    def tag_prepared(self, examples: Iterable[PreparedExample]) -> list[list[str]]:
        """Predict the tags of prepared examples; their own tags play no part."""
        return [self._valid_tags(example.features) for example in examples]

    def probability(self, example: Example) -> float:
        """Return the probability of an example's tags given its tokens; 0 for a tag never trained on."""
        if not self.labels.issuperset(example.ner_tags):
            return 0.0
        self._tagger.set(self._features(example.tokens))
        return self._tagger.probability(example.ner_tags)

    def log_likelihood(self, example: Example) -> float:
        """Return the logarithm of `probability`; minus infinity where that is 0 or too small for a float."""
        probability = self.probability(example)
        return math.log(probability) if probability > 0 else -math.inf

    def marginals(self, example: Example) -> list[float]:
        """Return the probability of each of an example's tags, whatever the others are."""
        self._tagger.set(self._features(example.tokens))
        return [
            self._tagger.marginal(tag, place) if tag in self.labels else 0.0
            for place, tag in enumerate(example.ner_tags)
        ]

    def marginals_of(self, examples: Iterable[Example]) -> list[list[float]]:
        """Return for each of many examples what `marginals` does."""
        return [self.marginals(example) for example in examples]

    def probabilities_of(self, sentences: Iterable[Sequence[str]]) -> list[NDArray[np.float64]]:
        """Return each word's probability of every tag: a row a word, a column a tag of `label_names`."""
        import numpy as np

        found = []
        for tokens in sentences:
            self._tagger.set(self._features(tokens))
            of_words = [
                [self._tagger.marginal(tag, place) for tag in self.label_names]
                for place in range(len(tokens))
            ]
            found.append(np.array(of_words, dtype=np.float64).reshape(len(tokens), len(self.label_names)))
        return found

    def save(self, path: Path) -> None:
        """Write the model as a CRFsuite model file, whole or not at all.

        Raises:
            DataError: If it cannot be written.
        """
        with atomic_path(path) as temporary:
            temporary.write_bytes(self._model)

    @classmethod
    def load(cls, path: Path, features: FeatureFunction = sentence_features) -> CrfTagger:
        """Read a model that `save` wrote, trained on the same features. Load only files that you trust.

        Raises:
            DataError: If the file cannot be read or is no CRFsuite model.
        """
        try:
            model = path.read_bytes()
        except OSError as error:
            raise DataError(f"cannot be read: {error.strerror or error}", where=str(path)) from error
        try:
            return cls(model, features)
        except DataError as error:
            raise DataError(error.message, where=str(path), hint=error.hint) from error

    def _valid_tags(self, features: object) -> list[str]:
        return list(repair(self._tagger.tag(features), "conlleval").tags)


def _check_model(model: bytes) -> None:
    """Refuse what CRFsuite would read beyond its end: it trusts the header."""
    length = int.from_bytes(model[4:8], "little")
    if model[:4] != _MAGIC or len(model) < _HEADER_BYTES or length != len(model):
        raise DataError("this is no CRFsuite model, or it is cut short", hint="Train the tagger again.")
