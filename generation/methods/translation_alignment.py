"""Which word of a translation is which word of the source: aligners as the settings of a method name them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from ...projection.model_folders import NamedModel
from ...projection.neural_alignment import MODELS, NeuralAligner, load_encoder, require_transformers
from ...projection.outcome import Alignment
from ...projection.parallel_text import Pair, ParallelText
from ...projection.statistical_alignment import StatisticalAligner, require_thot
from ...schema.errors import ReleaseError
from ...sources.files import file_hash
from ..calls import canonical_json
from ..engines.local_models import in_memory
from .method import MethodContext

STATISTICAL = "statistical"

_OF_MODELS = ("aligner_model", "aligner_revision", "layer")


@dataclass(frozen=True, slots=True)
class WordAligner:
    """What aligns the words of sentences with those of their translations, all at once.

    Attributes:
        name: `statistical`, `simalign` or `awesome`.
        model: The encoder; None for statistics.
        layer: The layer of the encoder that is read; None for the usual one.
        extra: Further parallel text for the statistics, by file.
        seed: Decides what the statistics sample.
    """

    name: str
    model: NamedModel | None
    layer: int | None
    extra: tuple[ParallelText, ...]
    seed: int

    def decides(self) -> list[Any]:
        """Return what decides the alignments of a text, as JSON values.

        Raises:
            DataError: If a file cannot be read.
        """
        if self.model is not None:
            return [self.name, self.model.identity(), self.layer]
        return [
            self.name,
            self.seed,
            [[file_hash(text.source), file_hash(text.target)] for text in self.extra],
        ]

    def require(self) -> None:
        """Make sure that what it needs is installed.

        Raises:
            WrongUsageError: If it is not.
        """
        if self.model is None:
            require_thot()
        else:
            require_transformers()

    def align(self, pairs: Sequence[Pair]) -> list[Alignment]:
        """Return the alignments of sentences with their translations, none of them empty.

        Raises:
            WrongUsageError: If what it needs is not installed.
            DataError: If the model or a file cannot be used.
        """
        if not pairs:
            return []
        if self.model is None:
            extra = [pair for text in self.extra for pair in text.pairs()]
            return StatisticalAligner(extra, self.seed).align(pairs).symmetrized()
        model, layer = self.model, self.layer
        name = canonical_json(["alignment", model.identity(), layer])
        holder = in_memory(name, lambda: load_encoder(model, layer))
        return list(NeuralAligner(holder.get(), self.name).align(pairs))


def word_aligner(context: MethodContext) -> WordAligner:
    """Return the aligner that the settings of a method name, by default statistics of the text.

    Raises:
        ReleaseError: If a setting is another aligner's, or a file is not there.
        DataError: If there is no such model.
    """
    config = context.config
    method, value = config.generator.method, config.generator.method_settings
    name = value.get("aligner", STATISTICAL)
    for key in _OF_MODELS if name == STATISTICAL else ("extra",):
        if key in value:
            raise ReleaseError(
                f"the key `{method}.{key}` has no use with `aligner: {name}`",
                where=config.name,
                hint="Leave it out, or name another aligner."
                if name == STATISTICAL
                else "Leave it out: only statistics learn from further text.",
            )
    model = None
    if name != STATISTICAL:
        model = context.model(value.get("aligner_model", MODELS[name]), value.get("aligner_revision"))
    return WordAligner(
        name=name,
        model=model,
        layer=value.get("layer"),
        extra=tuple(
            ParallelText(_file(context, each["source"]), _file(context, each["target"]))
            for each in value.get("extra", ())
        ),
        # Thot takes no greater numbers.
        seed=Random(f"{context.seed}/alignment").getrandbits(32),  # noqa: S311 - no secret is drawn
    )


def _file(context: MethodContext, name: str) -> Path:
    path = context.folder / context.filled(name)
    if not path.is_file():
        raise ReleaseError(
            f"{context.config.generator.method}.extra: there is no file {path}",
            where=context.config.name,
            hint="Paths in release.yaml are relative to that file; {language} and {source} are filled in.",
        )
    return path
