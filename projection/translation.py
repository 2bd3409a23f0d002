"""Translation by any sequence-to-sequence model of transformers: sentences in, sentences out.

A model of one pair of languages, as those of OPUS-MT, takes sentences as they are. A multilingual one is told
by code what it reads and what it writes: NLLB and mBART by their first token, M2M100 likewise, MADLAD and
the OPUS-MT models of several languages by a mark before the sentence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import regex

from ..schema.errors import DataError
from ..sources.transformers_logging import quietly
from .converted_models import (
    ConvertedModel,
    Search,
    check_tokenizer,
    require_ctranslate2,
    require_tokenizer,
)
from .model_folders import NamedModel, device_here, enough_memory, is_converted, loading

BEAMS = 5
BATCH_SIZE = 32

# Where neither model nor tokenizer says how much can be read.
_USUAL_LENGTH = 512

# A translation that needs more subwords than this goes in circles: three times the sentence's, and some.
_GROWTH, _MORE = 3, 32

_HALF_A_PAIR = regex.compile("[\ud800-\udfff]")
_END_OF_SENTENCE = regex.compile(r"[\p{Sentence_Terminal}]\p{P}*$")


@dataclass(frozen=True, slots=True)
class Translation:
    """A translated sentence.

    Attributes:
        text: The translation.
        is_complete: Whether the model ended it by itself; what it did not is cut short.
    """

    text: str
    is_complete: bool


@dataclass(frozen=True, slots=True)
class Decoding:
    """How translations are found.

    Attributes:
        beams: The beams of beam search.
        temperature: Draw translations at this temperature instead; None for beam search.
        batch_size: Sentences that are translated side by side.
    """

    beams: int = BEAMS
    temperature: float | None = None
    batch_size: int = BATCH_SIZE


@dataclass(frozen=True, slots=True)
class TranslationModel:
    """A model in memory, with its tokenizer; a multilingual one serves several translators.

    Attributes:
        name: Its name.
        loaded: The model of transformers, or a converted one.
        tokenizer: Its tokenizer.
    """

    name: str
    loaded: Any
    tokenizer: Any

    @property
    def weights(self) -> Any:
        """The model of transformers.

        Raises:
            DataError: If it is a converted one, which can do nothing but translate.
        """
        if isinstance(self.loaded, ConvertedModel):
            raise DataError(
                "the model is converted for CTranslate2, and can do nothing but translate",
                where=self.name,
                hint="Name the model of transformers that it was converted from.",
            )
        return self.loaded


def load_translation_model(model: NamedModel, device: str | None = None) -> TranslationModel:
    """Load a model.

    Args:
        model: The model.
        device: Where it runs, for example `cpu` or `cuda:0`; by default on an accelerator if there is one.

    Raises:
        WrongUsageError: If it is converted, and CTranslate2 is not installed.
        DataError: If it cannot be had or loaded, or does not fit into memory.
    """
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    folder = model.fetch(converted=True)
    if is_converted(folder):
        return _load_converted(folder, model.name, device)
    with quietly(), enough_memory(model.name), loading(model.name):
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        weights: Any = AutoModelForSeq2SeqLM.from_pretrained(
            folder, dtype="auto", use_safetensors=True, trust_remote_code=False
        )
        weights.to(device or device_here()).eval()
    if len(tokenizer) > weights.get_input_embeddings().num_embeddings:
        raise DataError(
            "the tokenizer gives subwords that the model does not know",
            where=model.name,
            hint="Do the tokenizer and the weights belong together?",
        )
    return TranslationModel(model.name, weights, tokenizer)


def require_scoring_model(model: NamedModel) -> None:
    """Make sure that a model can say how likely texts are, before its weights are loaded.

    Raises:
        DataError: If it cannot be had, is of another kind, or was converted for CTranslate2.
    """
    from transformers import MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING, AutoConfig

    folder = model.fetch()
    with loading(model.name):
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    if type(config) not in MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING:
        raise DataError(
            f"the model is of another kind: {config.model_type} is no architecture that reads one text and "
            "writes another",
            where=model.name,
            hint="A sequence-to-sequence model is needed, such as one that translates.",
        )


def _load_converted(folder: Path, name: str, device: str | None) -> TranslationModel:
    from transformers import AutoTokenizer

    require_ctranslate2(name)
    require_tokenizer(folder, name)
    with quietly(), enough_memory(name), loading(name):
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        check_tokenizer(folder, tokenizer, name)
        return TranslationModel(name, ConvertedModel(folder, name, tokenizer, device), tokenizer)


class Translator:
    """Translates from one language into another.

    Args:
        model: The model.
        source: The code of the language that is translated from, as the model writes it (`yor_Latn`); None
            for a model that knows one language only.
        target: The code of the language that is translated into, likewise.
        decoding: How translations are found.

    Raises:
        DataError: If the model has no such code.

    Example:
        >>> model = load_translation_model(named_model("facebook/nllb-200-distilled-600M", beside=Path()))
        >>> Translator(model, "yor_Latn", "eng_Latn").translate(["Mo fẹ́ràn ìwé."])
        [Translation(text='I love books.', is_complete=True)]
    """

    def __init__(
        self,
        model: TranslationModel,
        source: str | None = None,
        target: str | None = None,
        decoding: Decoding | None = None,
    ) -> None:
        self._model = model
        self._source = source
        self._target = target
        self._decoding = decoding or Decoding()
        self._first_token: int | None = None
        self._mark = ""
        if target is not None:
            self._aim_at(target)
        if source is not None and hasattr(model.tokenizer, "src_lang") and self._code_token(source) is None:
            raise self._no_such_language(source)
        self._most_written = _longest(model)
        # What is translated may grow.
        self._most_read = max(self._most_written // 2, 1)

    def translate(self, sentences: Sequence[str], *, seed: int = 0) -> list[Translation]:
        """Translate sentences.

        Args:
            sentences: Sentences of any length: one that is longer than the model can read is cut where a
                sentence or at least a word ends, and its parts are put together again.
            seed: Decides what is drawn, where the decoding draws. The same sentences, decoding and seed give
                the same translations on one machine.

        Returns:
            Their translations, in the same order.

        Raises:
            DataError: If memory does not suffice.
        """
        return [first for (first,) in self.alternatives(sentences, 1, seed=seed)]

    def alternatives(self, sentences: Sequence[str], count: int, *, seed: int = 0) -> list[list[Translation]]:
        """Translate sentences in several ways each: the best that beam search finds, or what is drawn.

        Args:
            sentences: Sentences, as for `translate`.
            count: How many translations of each, some of which may be the same.
            seed: As for `translate`.

        Raises:
            DataError: If memory does not suffice.
        """
        import torch

        with quietly(), enough_memory(self._model.name), torch.random.fork_rng():
            torch.manual_seed(seed)
            if isinstance(self._model.loaded, ConvertedModel) and self._decoding.temperature is not None:
                self._model.loaded.seed(seed)
            self._read_from()
            parts = {sentence: list(self._parts(sentence)) for sentence in sentences}
            done = self._translated({text for cut in parts.values() for text, _ in cut if text}, count)
        empty = [Translation("", is_complete=True)] * count
        return [
            [
                Translation(
                    "".join(done.get(text, empty)[way].text + separator for text, separator in cut).strip(),
                    all(done.get(text, empty)[way].is_complete for text, _ in cut),
                )
                for way in range(count)
            ]
            for cut in (parts[sentence] for sentence in sentences)
        ]

    @property
    def model(self) -> TranslationModel:
        """The model."""
        return self._model

    @property
    def longest(self) -> int:
        """Subwords that the model can read, and subwords that it can write."""
        return self._most_written

    def as_read(self, texts: Sequence[str]) -> Any:
        """Return texts as the model reads them: a batch of subwords, whole however long they are."""
        self._read_from()
        marked = [self._mark + _HALF_A_PAIR.sub("\ufffd", text).strip() for text in texts]
        encoded = self._model.tokenizer(marked, return_tensors="pt", padding=True)
        encoded.pop("token_type_ids", None)
        return encoded

    def as_written(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the subwords of texts as the model writes them, without what begins and what ends them."""
        if not texts:
            return []
        tokenizer = self._model.tokenizer
        if self._target is not None and hasattr(tokenizer, "tgt_lang"):
            tokenizer.tgt_lang = self._target
        whole = [_HALF_A_PAIR.sub("\ufffd", text) for text in texts]
        return tokenizer(text_target=whole, add_special_tokens=False)["input_ids"]

    def beginning(self) -> list[int]:
        """Return what every translation begins with: tokens that the model is told, and does not choose.

        Raises:
            DataError: If the model does not say.
        """
        how, config = self._model.weights.generation_config, self._model.weights.config
        starts = (
            getattr(each, name, None)
            for name in ("decoder_start_token_id", "bos_token_id")
            for each in (how, config)
        )
        start = next((token for token in starts if token is not None), None)
        if start is None:
            raise DataError(
                "the model does not say which token its translations begin with",
                where=self._model.name,
                hint="Name it in its generation_config.json, as `decoder_start_token_id`.",
            )
        first = how.forced_bos_token_id if self._first_token is None else self._first_token
        return [start] if first is None else [start, first]

    def end(self) -> int:
        """Return the token that ends a translation."""
        return min(_ends(self._model.weights))

    def _translated(self, texts: set[str], count: int) -> Mapping[str, list[Translation]]:
        """Translate texts, the longest first: what memory has no room for shows at once."""
        lengths = {text: self._length(text) for text in texts}
        order = sorted(texts, key=lambda text: (-lengths[text], text))
        size = self._decoding.batch_size
        done: dict[str, list[Translation]] = {}
        for start in range(0, len(order), size):
            batch = order[start : start + size]
            found = list(
                self._translated_by_ctranslate2(batch, count)
                if isinstance(self._model.loaded, ConvertedModel)
                else self._translated_batch(batch, count)
            )
            done.update(
                (text, found[place * count : (place + 1) * count]) for place, text in enumerate(batch)
            )
        return done

    def _translated_batch(self, texts: Sequence[str], count: int) -> Iterator[Translation]:
        import torch

        tokenizer, weights = self._model.tokenizer, self._model.weights
        encoded = tokenizer(list(texts), return_tensors="pt", padding=True)
        encoded.pop("token_type_ids", None)
        most = min(self._most_written, _GROWTH * encoded["input_ids"].shape[1] + _MORE)
        with torch.inference_mode():
            written = weights.generate(
                **encoded.to(weights.device),
                **self._how(count),
                num_return_sequences=count,
                max_new_tokens=most,
            )
        ends = _ends(weights)
        texts_written = tokenizer.batch_decode(written, skip_special_tokens=True)
        for text, tokens in zip(texts_written, written.tolist(), strict=True):
            # What opens a translation is an end to some models, and in the last place that there is they are
            # made to end.
            yield Translation(text.strip(), is_complete=not ends.isdisjoint(tokens[1:most]))

    def _translated_by_ctranslate2(self, texts: Sequence[str], count: int) -> Iterator[Translation]:
        tokenizer, decoding = self._model.tokenizer, self._decoding
        subwords = tokenizer(list(texts))["input_ids"]
        most = min(self._most_written, _GROWTH * max(map(len, subwords)) + _MORE)
        search = Search(count, decoding.beams, decoding.temperature, most)
        for tokens, is_complete in self._model.loaded.translate(subwords, self._first_token, search):
            text = tokenizer.decode(tokens, skip_special_tokens=True)
            yield Translation(text.strip(), is_complete)

    def _how(self, count: int) -> dict[str, Any]:
        decoding = self._decoding
        first = {} if self._first_token is None else {"forced_bos_token_id": self._first_token}
        if decoding.temperature is not None:
            return {"do_sample": True, "temperature": decoding.temperature, "num_beams": 1, **first}
        return {"do_sample": False, "num_beams": max(decoding.beams, count), **first}

    def _parts(self, sentence: str) -> Iterator[tuple[str, str]]:
        """Yield the parts of a sentence that the model can read, each with what stands after it."""
        text = self._mark + _HALF_A_PAIR.sub("\ufffd", sentence).strip()
        if text == self._mark:
            return
        if self._length(text) <= self._most_read or len(text) - len(self._mark) < 2:
            yield text, ""
            return
        first, between, second = _halves(text.removeprefix(self._mark))
        *before, (last, _) = self._parts(first)
        yield from before
        yield last, between
        yield from self._parts(second)

    def _length(self, text: str) -> int:
        return len(self._model.tokenizer(text)["input_ids"])

    def _read_from(self) -> None:
        """Let the tokenizer, which another translator may have used, take sentences of the source."""
        if self._source is not None and hasattr(self._model.tokenizer, "src_lang"):
            self._model.tokenizer.src_lang = self._source

    def _aim_at(self, target: str) -> None:
        vocabulary = self._model.tokenizer.get_vocab()
        for mark in (f">>{target}<<", f"<2{target}>"):
            if mark in vocabulary:
                self._mark = f"{mark} "
                return
        self._first_token = self._code_token(target)
        if self._first_token is None:
            raise self._no_such_language(target)

    def _code_token(self, code: str) -> int | None:
        # Not any subword: `en` is one of most models, and no code of NLLB.
        codes = self._model.tokenizer.get_added_vocab()
        return next((codes[token] for token in (code, f"__{code}__") if token in codes), None)

    def _no_such_language(self, code: str) -> DataError:
        return DataError(
            f"the model knows no language by the code `{code}`",
            where=self._model.name,
            hint="Write it as the model does: `yor_Latn` for NLLB, `yo` for M2M100 and MADLAD, `en_XX` for "
            "mBART; a model of one pair of languages takes no codes.",
        )


def _longest(model: TranslationModel) -> int:
    """Return how many subwords a model can read and write."""
    # A converted model does not say.
    config = None if isinstance(model.loaded, ConvertedModel) else model.weights.config
    limits = [
        limit
        for limit in (
            model.tokenizer.model_max_length,
            getattr(config, "max_position_embeddings", None),
            getattr(config, "n_positions", None),
        )
        # A tokenizer without a limit names a number that is greater than any text.
        if isinstance(limit, int) and 0 < limit < 1 << 30
    ]
    return min(limits, default=_USUAL_LENGTH)


def _ends(weights: Any) -> frozenset[int]:
    """Return the tokens that end a translation."""
    ends = weights.generation_config.eos_token_id
    ends = weights.config.eos_token_id if ends is None else ends
    return frozenset(ends if isinstance(ends, list) else [ends])


def _halves(text: str) -> tuple[str, str, str]:
    """Cut a text near its middle: after a sentence, else between words, else between characters."""
    words = text.split()
    if len(words) == 1:
        middle = len(text) // 2
        return text[:middle], "", text[middle:]
    middle = len(words) / 2
    places = range(1, len(words))
    ends = [place for place in places if _END_OF_SENTENCE.search(words[place - 1])]
    # An end of a sentence that leaves hardly anything on one side is no better than any other place.
    ends = [place for place in ends if len(words) / 5 <= place <= len(words) * 4 / 5]
    cut = min(ends or places, key=lambda place: abs(place - middle))
    return " ".join(words[:cut]), " ", " ".join(words[cut:])
