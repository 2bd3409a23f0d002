"""What a translation model thinks of a translation that it is given: the log-probability of each subword.

A text is read by the encoder once, however many translations of it are looked at. The decoder is told all
subwords at once, in a single run for many translations side by side: no cache is kept from one run to the
next, for a run over whole translations costs hardly more than one over their last subwords.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..sources.transformers_logging import quietly
from .model_folders import enough_memory
from .translation import BATCH_SIZE, Translator

Subwords = Sequence[int]


@dataclass(frozen=True, slots=True)
class Reading:
    """A text as the encoder has read it."""

    states: Any
    mask: Any


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the model thinks of a translation.

    Attributes:
        subwords: The log-probability of each of its subwords, after the text and all subwords before.
        beside: The log-probability of another subword in each of these places; empty if none was asked about.
    """

    subwords: list[float]
    beside: list[float]


class ForcedDecoder:
    """Tells how probable translations are.

    What a translation begins with (the code of its language, say) is told to the model and does not count.
    Its end does: it is the last subword of what `written` returns.

    Args:
        translator: The model, and the languages that it translates from and into.
        batch_size: Translations that are looked at side by side.

    Example:
        >>> decoder = ForcedDecoder(Translator(model, "eng_Latn", "yor_Latn"))
        >>> sum(decoder.of_pairs([("I love books.", "Mo fẹ́ràn ìwé.")])[0])
        -4.1
    """

    def __init__(self, translator: Translator, batch_size: int = BATCH_SIZE) -> None:
        self._translator = translator
        self._weights = translator.model.weights
        self._batch_size = batch_size
        self._beginning = translator.beginning()
        self._end = translator.end()

    @property
    def end(self) -> int:
        """The subword that ends a translation."""
        return self._end

    def written(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the subwords of texts as translations, each with the one that ends it."""
        return [[*subwords, self._end] for subwords in self._translator.as_written(texts)]

    def fits(self, text: str, subwords: int) -> bool:
        """Say whether the model can read a text, and write a translation of so many subwords."""
        longest = self._translator.longest
        read = self._translator.as_read([text])["input_ids"].shape[1]
        return read <= longest and len(self._beginning) + subwords <= longest

    def fit(self, pairs: Sequence[tuple[str, str]]) -> list[bool]:
        """Say of each text and translation whether the model can read the one, and write the other."""
        longest = self._translator.longest
        found: list[bool] = []
        for start in range(0, len(pairs), self._batch_size):
            batch = pairs[start : start + self._batch_size]
            with quietly():
                read = self._translator.as_read([text for text, _ in batch])["attention_mask"].sum(1).tolist()
                written = self.written([translation for _, translation in batch])
            found += [
                subwords <= longest and len(self._beginning) + len(of_one) <= longest
                for subwords, of_one in zip(read, written, strict=True)
            ]
        return found

    def read(self, text: str) -> Reading:
        """Let the encoder read a text.

        Raises:
            DataError: If memory does not suffice.
        """
        return self._read([text])

    def of_reading(
        self, reading: Reading, translations: Sequence[Subwords], *, beside: int | None = None
    ) -> list[Verdict]:
        """Return what the model thinks of translations of a text.

        Args:
            reading: The text.
            translations: Subwords of each, with or without the end.
            beside: A subword whose log-probability in each place is looked at, too.

        Raises:
            DataError: If memory does not suffice.
        """
        verdicts: list[Verdict] = []
        for start in range(0, len(translations), self._batch_size):
            batch = translations[start : start + self._batch_size]
            verdicts += self._verdicts(
                Reading(reading.states.expand(len(batch), -1, -1), reading.mask.expand(len(batch), -1)),
                batch,
                beside,
            )
        return verdicts

    def of_pairs(self, pairs: Sequence[tuple[str, str]]) -> list[list[float]]:
        """Return the log-probabilities of translations of many texts.

        Args:
            pairs: Texts and translations, which the model can read and write (`fits`).

        Returns:
            Of each, the log-probability of every subword and of the end.

        Raises:
            DataError: If memory does not suffice.
        """
        different = list(dict.fromkeys(pairs))
        subwords = dict(zip(different, self.written([written for _, written in different]), strict=True))
        # Those of like length side by side.
        order = sorted(different, key=lambda pair: (-len(pair[0]), -len(subwords[pair]), pair))
        found: dict[tuple[str, str], list[float]] = {}
        for start in range(0, len(order), self._batch_size):
            batch = order[start : start + self._batch_size]
            verdicts = self._verdicts(self._read_each(batch), [subwords[pair] for pair in batch], None)
            found.update((pair, each.subwords) for pair, each in zip(batch, verdicts, strict=True))
        return [found[pair] for pair in pairs]

    def _read_each(self, pairs: Sequence[tuple[str, str]]) -> Reading:
        """Let the encoder read the texts of a batch, one with several translations only once."""
        texts = list(dict.fromkeys(text for text, _ in pairs))
        reading = self._read(texts)
        places = [texts.index(text) for text, _ in pairs]
        return Reading(reading.states[places], reading.mask[places])

    def _read(self, texts: Sequence[str]) -> Reading:
        import torch

        with quietly(), enough_memory(self._translator.model.name), torch.inference_mode():
            encoded = self._translator.as_read(texts).to(self._weights.device)
            states = self._weights.get_encoder()(**encoded).last_hidden_state
        return Reading(states, encoded["attention_mask"])

    def _verdicts(
        self, reading: Reading, translations: Sequence[Subwords], beside: int | None
    ) -> Iterator[Verdict]:
        """Run the decoder once over translations, each of the text in its row."""
        import torch
        from transformers.modeling_outputs import BaseModelOutput

        width = max(map(len, translations))
        padding = self._weights.config.pad_token_id or 0
        told = [
            [*self._beginning, *subwords[:-1], *[padding] * (width - len(subwords))]
            for subwords in translations
        ]
        with quietly(), enough_memory(self._translator.model.name), torch.inference_mode():
            logits = self._weights(
                encoder_outputs=BaseModelOutput(last_hidden_state=reading.states),
                attention_mask=reading.mask,
                decoder_input_ids=torch.tensor(told, device=self._weights.device),
                use_cache=False,
            ).logits[:, len(self._beginning) - 1 :]
            for row, subwords in zip(logits, translations, strict=True):
                # Row by row: in full precision a vocabulary takes much memory.
                of_row = row[: len(subwords)].float().log_softmax(-1)
                wanted = torch.tensor(subwords, device=of_row.device).unsqueeze(1)
                yield Verdict(
                    of_row.gather(1, wanted).squeeze(1).tolist(),
                    [] if beside is None else of_row[:, beside].tolist(),
                )
