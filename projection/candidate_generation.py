"""Candidates for projection that a sequence-to-sequence model writes, as T-Projection has them.

The model, an mT5 say, was fine-tuned on labelled sentences: it reads a sentence and a slot for each entity
that is looked for, and writes the entities between marks that name their types. It is given the translation
and the types of the source's entities. What its beams write is read by `generated.generated_candidates`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..sources.transformers_logging import quietly
from . import translation
from .model_folders import enough_memory
from .translation import BATCH_SIZE, TranslationModel, Translator

BEAMS = 15
"""The authors found that 15 to 25 beams are enough, and used 100."""

SENTENCE, SLOTS, TYPE = "{sentence}", "{slots}", "{type}"

# Marks of types need more subwords than their slots at most in a tokenizer that does not know them.
_MORE = 32


@dataclass(frozen=True, slots=True)
class Prompt:
    """How the model was taught to be asked.

    Attributes:
        whole: The prompt, with `{sentence}` and `{slots}`.
        slot: A slot, with `{type}`; there is one for each entity, in their order and without blanks between.
    """

    whole: str = f"{SENTENCE} {SLOTS}"
    slot: str = f"<{TYPE}>[None]</{TYPE}>"

    def of(self, words: Sequence[str], names: Sequence[str]) -> str:
        """Return what the model is asked.

        Args:
            words: The sentence.
            names: The name of the type of each entity that is looked for.

        Example:
            >>> Prompt().of(["Ada", "sang", "in", "Ribe"], ["Person", "Location"])
            'Ada sang in Ribe <Person>[None]</Person><Location>[None]</Location>'
        """
        slots = "".join(self.slot.replace(TYPE, name) for name in names)
        # What a sentence has of a placeholder is text.
        before, _, after = self.whole.partition(SENTENCE)
        return " ".join(words).join(part.replace(SLOTS, slots) for part in (before, after))


class CandidateGenerator:
    """Asks the model.

    Args:
        model: The model.
        beams: Texts that it writes for each prompt.
        batch_size: Sentences that a translator would translate side by side: as many beams are followed here.

    Example:
        >>> CandidateGenerator(model).texts([Prompt().of("Ada sang in Ribe".split(), ["Person"])])
        [['<Person>Ada</Person>', '<Person>Ada sang</Person>', …]]
    """

    def __init__(self, model: TranslationModel, beams: int = BEAMS, batch_size: int = BATCH_SIZE) -> None:
        self._model = model
        self._reader = Translator(model)
        self._beams = beams
        self._together = max(batch_size * translation.BEAMS // beams, 1)

    def fits(self, prompt: str) -> bool:
        """Say whether the model can read a prompt."""
        return self._length(prompt) <= self._reader.longest

    def texts(self, prompts: Sequence[str]) -> list[list[str]]:
        """Return what the model writes.

        Args:
            prompts: What it is asked; each has to fit.

        Returns:
            Its texts for each prompt, the best first.

        Raises:
            DataError: If memory does not suffice.
        """
        different = set(prompts)
        lengths = {prompt: self._length(prompt) for prompt in different}
        order = sorted(different, key=lambda prompt: (-lengths[prompt], prompt))
        found: dict[str, list[str]] = {}
        for start in range(0, len(order), self._together):
            batch = order[start : start + self._together]
            found.update(zip(batch, self._written(batch), strict=True))
        return [found[prompt] for prompt in prompts]

    def _length(self, prompt: str) -> int:
        return self._reader.as_read([prompt])["input_ids"].shape[1]

    def _written(self, prompts: Sequence[str]) -> Iterator[list[str]]:
        import torch

        weights = self._model.weights
        encoded = self._reader.as_read(prompts).to(weights.device)
        most = min(self._reader.longest, encoded["input_ids"].shape[1] + _MORE)
        with quietly(), enough_memory(self._model.name), torch.inference_mode():
            written = weights.generate(
                **encoded,
                do_sample=False,
                num_beams=self._beams,
                num_return_sequences=self._beams,
                max_new_tokens=most,
            ).tolist()
        for start in range(0, len(written), self._beams):
            yield [self._text(subwords) for subwords in written[start : start + self._beams]]

    def _text(self, subwords: Sequence[int]) -> str:
        """Return the text that subwords make: marks may be special to the tokenizer, and stay."""
        tokenizer: Any = self._model.tokenizer
        unwanted = {
            *(tokenizer.pad_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id),
            *self._reader.beginning(),
            self._reader.end(),
        }
        return tokenizer.decode(
            [subword for subword in subwords if subword not in unwanted],
            skip_special_tokens=False,
            clean_up_tokenization_spaces=False,
        ).strip()
