"""Translation models that were converted for CTranslate2: the same translations, faster and in less memory.

`ct2-transformers-converter` writes a folder with `model.bin` and a vocabulary; the files of the tokenizer
must be beside them. All that is done with such a model is translating: it gives no probabilities of given
texts.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..schema.errors import DataError, WrongUsageError
from .model_folders import VOCABULARIES, device_here

# What transformers draws among by default, so that the same temperature means the same.
_MOST_PROBABLE = 50

_TOO_LONG = "No position encodings are defined"


@dataclass(frozen=True, slots=True)
class Search:
    """What is searched for, or drawn.

    Attributes:
        count: How many translations of each sentence.
        beams: The beams of beam search.
        temperature: Draw at this temperature instead; None for beam search.
        most: The most subwords that a translation has.
    """

    count: int
    beams: int
    temperature: float | None
    most: int


class ConvertedModel:
    """A converted model in memory.

    Args:
        folder: Where it is.
        name: Its name in errors.
        tokenizer: Its tokenizer.
        device: Where it runs; by default on an accelerator that CTranslate2 knows, if there is one.

    Raises:
        RuntimeError, ValueError: If CTranslate2 cannot load it.
    """

    def __init__(self, folder: Path, name: str, tokenizer: Any, device: str | None = None) -> None:
        import ctranslate2

        kind, _, number = str(device or device_here()).partition(":")
        self._place: dict[str, Any] = {
            "device": "cuda" if kind == "cuda" else "cpu",
            "device_index": int(number or 0) if kind == "cuda" else 0,
        }
        self._folder = str(folder)
        self._name = name
        self._tokenizer = tokenizer
        self._translator: Any = ctranslate2.Translator(self._folder, **self._place)

    def seed(self, seed: int) -> None:
        """Let a seed decide what is drawn from here on.

        CTranslate2 reads the seed when it begins to work, and never again: it begins anew.
        """
        import ctranslate2

        ctranslate2.set_random_seed(seed)
        self._translator = None
        self._translator = ctranslate2.Translator(self._folder, **self._place)

    def translate(
        self, sentences: Sequence[Sequence[int]], first: int | None, search: Search
    ) -> list[tuple[list[int], bool]]:
        """Translate sentences, side by side.

        Args:
            sentences: The subwords of each.
            first: The subword that every translation begins with; None if there is none.
            search: What is searched for.

        Returns:
            Translation by translation its subwords, and whether the model ended it by itself; those of a
            sentence one after the other.

        Raises:
            DataError: If a sentence is longer than the model reads.
        """
        tokenizer = self._tokenizer
        drawing: dict[str, Any] = {"beam_size": max(search.beams, search.count)}
        if search.temperature is not None:
            drawing = {
                "beam_size": 1,
                "sampling_topk": min(_MOST_PROBABLE, len(tokenizer)),
                "sampling_temperature": search.temperature,
            }
        prefix = None if first is None else [tokenizer.convert_ids_to_tokens([first])] * len(sentences)
        try:
            results = self._translator.translate_batch(
                [tokenizer.convert_ids_to_tokens(list(subwords)) for subwords in sentences],
                target_prefix=prefix,
                num_hypotheses=search.count,
                max_input_length=0,
                max_decoding_length=search.most,
                return_end_token=True,
                **drawing,
            )
        except RuntimeError as error:
            if _TOO_LONG not in str(error):
                raise
            raise DataError(
                "a sentence or its translation is longer than the model reads",
                where=self._name,
                hint="Name the most subwords that it reads in its tokenizer_config.json, as "
                "`model_max_length`: a converted model does not say. Longer sentences are then cut.",
            ) from error
        return [
            (tokenizer.convert_tokens_to_ids(subwords), subwords[-1:] == [tokenizer.eos_token])
            for result in results
            for subwords in result.hypotheses
        ]


def require_ctranslate2(model: str) -> None:
    """Make sure that what runs a converted model is installed.

    Raises:
        WrongUsageError: If it is not.
    """
    if find_spec("ctranslate2") is None:
        raise WrongUsageError(
            "the model is converted for CTranslate2, and the package ctranslate2 is not installed",
            where=model,
            hint="Install it with `pip install 'synthner[align]'`, or by itself with "
            "`pip install ctranslate2`.",
        )


def check_tokenizer(folder: Path, tokenizer: Any, model: str) -> None:
    """Make sure that a tokenizer is the model's: one whose vocabulary is missing may load all the same.

    Raises:
        DataError: If it does not know half of what the model reads.
    """
    path = next(path for name in VOCABULARIES for path in sorted(folder.glob(name)))
    text = path.read_text(encoding="utf-8")
    subwords = json.loads(text) if path.suffix == ".json" else text.split("\n")
    known = tokenizer.get_vocab()
    # Some models have subwords that stand for nothing, and that their tokenizers do not know.
    if sum(subword in known for subword in subwords) * 2 < len(subwords):
        raise DataError(
            "the tokenizer does not know what the model reads",
            where=model,
            hint="Do they belong together, and are all files of the tokenizer there?",
        )


def require_tokenizer(folder: Path, model: str) -> None:
    """Make sure that the files of the tokenizer are beside a converted model.

    Raises:
        DataError: If they are not.
    """
    if not (folder / "tokenizer_config.json").is_file():
        raise DataError(
            "there is no tokenizer beside the converted model",
            where=model,
            hint="Copy the tokenizer's files of the model that it was converted from, "
            "`tokenizer_config.json` and all that belongs to it; `ct2-transformers-converter --copy_files …` "
            "does.",
        )
