"""Teachers: taggers, whoever trained them, that say how likely each label of a word is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..projection.model_folders import NamedModel, named_model
from ..schema.errors import DataError
from ..schema.iob2 import OUTSIDE, parse_tag, repair
from ..sources.files import file_hash
from .crf import CRF_MODEL, CrfTagger
from .soft_labels import as_labels, mixed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Words = Sequence[str]


class Teacher(Protocol):
    """A tagger that says how likely each label is."""

    label_names: tuple[str, ...]

    def probabilities_of(self, sentences: Iterable[Words]) -> Sequence[NDArray[np.floating[Any]]]:
        """Return each word's probability of every label: a row a word, a column a label."""
        ...


def crf_in(path: Path) -> Path | None:
    """Return the file of the CRF that a path names, itself or as a folder; None where it names no CRF."""
    if path.is_file():
        return path
    return path / CRF_MODEL if (path / CRF_MODEL).is_file() else None


def load_teacher(path: Path) -> Teacher:
    """Load a saved CRF or encoder tagger, or any model of transformers for token classification.

    Args:
        path: A CRFsuite file, a folder with one (`CRF_MODEL`), or a model's folder. Weights are safetensors:
            a pickle is never loaded.

    Raises:
        DataError: If it cannot be loaded, or gives no labels to words.
        WrongUsageError: If an encoder is to be loaded and the extra `train` is not installed.
    """
    if (crf := crf_in(path)) is not None:
        return CrfTagger.load(crf)
    from .encoder.loading import require_train_extra
    from .encoder.tagger import EncoderTagger

    require_train_extra()
    from .encoder.saved_taggers import is_saved_tagger

    return EncoderTagger.load(path) if is_saved_tagger(path) else EncoderTagger.of_model(path)


@dataclass(frozen=True)
class SavedTeacher:
    """A tagger that somebody has trained, as it is named. `saved_teacher` makes one.

    Attributes:
        name: As it was written.
        model: Where it is: a file with a CRF, or a model of transformers.
        language: The language that it was trained on, where that is said.
    """

    name: str
    model: Path | NamedModel
    language: str | None = None

    @property
    def published_name(self) -> str:
        """Its name as it is published: of a folder its own name, not where it is."""
        if isinstance(self.model, NamedModel):
            return self.model.published_name
        return Path(self.name).name or self.model.parent.name

    def identity(self) -> Sequence[Any]:
        """Return what tells it from others.

        Raises:
            DataError: If a file cannot be read.
        """
        if isinstance(self.model, NamedModel):
            return self.model.identity()
        return ["crf", file_hash(self.model)]

    def load(self) -> Teacher:
        """Load it.

        Raises:
            DataError: If it cannot be had or loaded.
            WrongUsageError: If it is an encoder and the extra `train` is not installed.
        """
        return self.load_exactly()[0]

    def load_exactly(self) -> tuple[Teacher, str | None]:
        """Load it; return it with what it is exactly, as `NamedModel.revision_in` says it.

        Raises:
            DataError, WrongUsageError: As `load` does.
        """
        if not isinstance(self.model, NamedModel):
            return load_teacher(self.model), f"sha256:{self.identity()[-1]}"
        fetched = self.model.fetch()
        return load_teacher(fetched), self.model.revision_in(fetched)


def saved_teacher(
    name: str, revision: str | None = None, *, beside: Path, language: str | None = None
) -> SavedTeacher:
    """Return the tagger that is meant by a name.

    Args:
        name: A CRFsuite file, a folder with one, a saved encoder tagger, or a model for token classification,
            a folder or an id of the Hub.
        revision: Commit, tag or branch of a model of the Hub.
        beside: What paths are relative to.
        language: The language that it was trained on, where that is said.

    Raises:
        DataError: If it is written like a path and there is nothing, or what is no model of the Hub has a
            revision.
    """
    crf = crf_in(beside / Path(name).expanduser())
    if crf is None:
        return SavedTeacher(name, named_model(name, revision, beside=beside), language)
    if revision is not None:
        raise DataError(
            f"a CRF has no revision `{revision}`",
            where=str(crf),
            hint="Leave the revision out: what the file holds is looked at.",
        )
    return SavedTeacher(name, crf, language)


class Teachers:
    """Teachers that speak with one voice: the weighted mean of their probabilities, in a config's labels.

    Args:
        teachers: The teachers, by what they are called in errors.
        weights: One for each; they add up to 1.
        labels: The labels, `O` among them. Types that these do not have become `O`, and so do their
            probabilities.

    Raises:
        DataError: If a teacher has none of the types.
    """

    def __init__(
        self, teachers: Sequence[tuple[str, Teacher]], weights: Sequence[float], labels: Sequence[str]
    ) -> None:
        for name, teacher in teachers:
            check_types(name, teacher.label_names, labels)
        self._teachers = [teacher for _, teacher in teachers]
        self._weights = weights
        self._labels = labels

    def probabilities_of(self, sentences: Sequence[Words]) -> list[NDArray[np.float64]]:
        """Return each word's probability of every label."""
        of_teachers = [
            [
                as_labels(given, teacher.label_names, self._labels)
                for given in teacher.probabilities_of(sentences)
            ]
            for teacher in self._teachers
        ]
        return [mixed(of_sentence, self._weights) for of_sentence in zip(*of_teachers, strict=True)]

    def tags(self, probabilities: NDArray[np.floating[Any]]) -> tuple[str, ...]:
        """Return the likeliest labels of a sentence's words, made IOB2 as the CoNLL scorer reads them."""
        likeliest = [self._labels[int(place)] for place in probabilities.argmax(axis=1)]
        return repair(likeliest, "conlleval").tags


def check_types(name: str, of_teacher: Iterable[str], labels: Iterable[str]) -> None:
    """Make sure that a teacher knows one of the types that are to be labelled.

    Raises:
        DataError: If it does not.
    """
    known, wanted = _types(of_teacher), _types(labels)
    if not known & wanted:
        raise DataError(
            f"the teacher has the types {', '.join(sorted(known)) or 'none'}, and gold has "
            f"{', '.join(sorted(wanted)) or 'none'}",
            where=name,
            hint="A teacher must know one of gold's types, by the same name.",
        )


def _types(labels: Iterable[str]) -> frozenset[str]:
    parsed = (parse_tag(label) for label in labels if label != OUTSIDE)
    return frozenset(parts[1] for parts in parsed if parts and parts[1])
