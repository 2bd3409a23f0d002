"""Tokens drawn one by one, for each row of a batch on its own.

Transformers draws all rows of a batch from one source of chance, so that what a row gets depends on its
neighbours. Here each row has a seed of its own: whatever stands beside it, it gets the same numbers. It also
has a grammar of its own, its own length and its own end.

Grammars are llguidance's. Of the libraries that make a model follow a JSON Schema, it is the one that needs
nothing else: a single wheel of 3 MB for every Python, beside xgrammar, which brings apache-tvm-ffi and, on
Linux, all of Triton. Both follow the schemas of this program with byte-level and other tokenizers, in half a
millisecond a token; llguidance alone can also forbid escapes, so that text comes as UTF-8. With outlines-core
one has to tell the bytes of each token oneself, and lm-format-enforcer checks token by token in Python.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from transformers import (
    LogitsProcessor,
    MinPLogitsWarper,
    StoppingCriteria,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from ..formats import guiding_schema
from .local import JSON_OPTIONS
from .sampling import Sampling

# A token of a stop text holds a byte of it at least; before it may stand the end of other tokens.
_TOKENS_BEFORE_STOP = 8


class Row:
    """One answer as it grows.

    Args:
        prompt: Tokens of the prompt.
        seed: What its draws come from.
        longest: Tokens that it may have at most.
        matcher: Where it is in its grammar; None for free text.

    Attributes:
        prompt: Tokens of the prompt.
        seed: What its draws come from.
        longest: Tokens that it may have at most.
        tokens: Its tokens so far, the one that ended it included.
        log_probabilities: Those of its tokens, where they are asked for.
        finish_reason: `stop` or `length`; None while it goes on.
        error: Why it cannot go on; None while it can.
    """

    def __init__(self, prompt: Sequence[int], seed: int, longest: int, matcher: Any) -> None:
        self.prompt = prompt
        self.seed = seed
        self.longest = longest
        self.matcher = matcher
        self.tokens: list[int] = []
        self.log_probabilities: list[float] = []
        self.finish_reason: str | None = None
        self.error: str | None = None
        self._generator: torch.Generator | None = None

    @property
    def is_done(self) -> bool:
        """Whether it has come to its end."""
        return self.finish_reason is not None or self.error is not None

    def noise(self, size: int, device: torch.device) -> torch.Tensor:
        """Return the chance of the next draw: one number a token, from the exponential distribution."""
        if self._generator is None:
            self._generator = torch.Generator(device).manual_seed(self.seed)
        numbers = torch.empty(size, dtype=torch.float32, device=device).exponential_(
            generator=self._generator
        )
        return numbers.clamp_(min=torch.finfo(torch.float32).tiny)


class Grammars:
    """The grammars of JSON Schemas over a model's tokens.

    Args:
        tokenizer: A fast tokenizer of transformers.
        vocabulary: Tokens that the model scores.

    Raises:
        ValueError: If llguidance cannot read the tokenizer.
    """

    def __init__(self, tokenizer: Any, vocabulary: int) -> None:
        from llguidance.hf import from_tokenizer

        self._tokenizer = from_tokenizer(tokenizer, max(vocabulary, len(tokenizer)))
        self._matchers: dict[str, Any] = {}

    def matcher(self, schema: Mapping[str, Any]) -> Any:
        """Return the beginning of a schema's grammar.

        Raises:
            ValueError: If llguidance does not know a keyword of the schema.
        """
        from llguidance import LLMatcher

        options: Any = JSON_OPTIONS
        text = json.dumps(guiding_schema(schema))
        if text not in self._matchers:
            matcher = LLMatcher(self._tokenizer, LLMatcher.grammar_from_json_schema(text, overrides=options))
            if matcher.is_error():
                raise ValueError(matcher.get_error())
            self._matchers[text] = matcher
        return self._matchers[text].deep_copy()


class TokenDrawing(LogitsProcessor):
    """Draws the next token of each row, and leaves it as the only one that can be chosen.

    Args:
        rows: The rows of the batch.
        sampling: How tokens are drawn.
        tokenizer: Reads what was written, to find the texts that end it.
        ends: Tokens that end an answer.
        padding: The token that follows the end.
    """

    def __init__(
        self, rows: Sequence[Row], sampling: Sampling, tokenizer: Any, ends: frozenset[int], padding: int
    ) -> None:
        self._rows = rows
        self._sampling = sampling
        self._tokenizer = tokenizer
        self._ends = ends
        self._padding = padding
        self._tail = max((len(text.encode()) for text in sampling.stop), default=0) + _TOKENS_BEFORE_STOP
        self._warpers = _warpers(sampling)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> Any:
        """Draw; see `LogitsProcessor`."""
        drawn = torch.full(scores.shape, float("-inf"), dtype=torch.float32, device=scores.device)
        scores = scores.float()
        are_numbers = (~torch.isnan(scores).any(dim=-1)).tolist()
        self._forbid(scores)
        # As vLLM has them: of what the grammar allows, before penalties and temperature.
        own = scores.log_softmax(dim=-1) if self._sampling.logprobs else None
        chosen = zip(self._chosen(input_ids, scores), are_numbers, strict=True)
        for place, (row, (token, is_number)) in enumerate(zip(self._rows, chosen, strict=True)):
            drawn[place, self._padding if row.is_done else token] = 0.0
            if not row.is_done:
                self._take(row, token, is_number=is_number)
                if own is not None and row.error is None:
                    row.log_probabilities.append(own[place, token].item())
        return drawn

    def _forbid(self, scores: torch.Tensor) -> None:
        """Make impossible what the grammar of a row does not allow next."""
        for place, row in enumerate(self._rows):
            if row.matcher is not None and not row.is_done:
                scores[place].masked_fill_(
                    ~_allowed(row.matcher, scores.shape[-1]).to(scores.device), -torch.inf
                )

    def _chosen(self, input_ids: torch.Tensor, scores: torch.Tensor) -> list[int]:
        """Return the next token of each row."""
        if self._sampling.repetition_penalty != 1:
            for place, row in enumerate(self._rows):
                if not row.is_done:
                    _penalize(scores[place], row, self._sampling.repetition_penalty)
        if self._sampling.temperature > 0:
            for warper in self._warpers:
                scores = warper(input_ids, scores)  # pyright: ignore[reportArgumentType]
            for place, row in enumerate(self._rows):
                if not row.is_done:
                    # The likeliest after this is a draw by probability.
                    scores[place] -= row.noise(scores.shape[-1], scores.device).log()
        return scores.argmax(dim=-1).tolist()

    def _take(self, row: Row, token: int, *, is_number: bool) -> None:
        if not is_number:
            row.error = "the model's scores are no numbers (NaN): try another `dtype`, for example float32"
            return
        row.tokens.append(token)
        if token in self._ends:
            row.finish_reason = "stop"
        elif row.matcher is not None and not row.matcher.consume_token(token):
            row.error = f"the JSON Schema cannot be followed further: {row.matcher.get_error()}"
        elif (row.matcher is not None and row.matcher.is_stopped()) or self._stops(row):
            row.finish_reason = "stop"
        elif len(row.tokens) >= row.longest:
            row.finish_reason = "length"

    def _stops(self, row: Row) -> bool:
        if not self._sampling.stop:
            return False
        tail = self._tokenizer.decode(row.tokens[-self._tail :])
        return any(text in tail for text in self._sampling.stop)


class AllRowsDone(StoppingCriteria):
    """Says which rows have come to their end.

    Args:
        rows: The rows of the batch.
    """

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> Any:
        """Say it; see `StoppingCriteria`."""
        return torch.tensor([row.is_done for row in self._rows], device=input_ids.device)


def _warpers(sampling: Sampling) -> list[LogitsProcessor]:
    """Return what shapes the probabilities, in the order that vLLM has."""
    warpers: list[LogitsProcessor] = []
    if sampling.temperature not in (0, 1):
        warpers.append(TemperatureLogitsWarper(float(sampling.temperature)))
    if sampling.min_p:
        warpers.append(MinPLogitsWarper(sampling.min_p))
    if sampling.top_k:
        warpers.append(TopKLogitsWarper(sampling.top_k))
    if sampling.top_p < 1:
        warpers.append(TopPLogitsWarper(sampling.top_p))
    return warpers


def _allowed(matcher: Any, vocabulary: int) -> torch.Tensor:
    """Return which tokens may come next."""
    bits = np.frombuffer(matcher.compute_bitmask(), dtype=np.uint8)
    allowed = np.unpackbits(bits, count=vocabulary, bitorder="little")
    return torch.from_numpy(allowed.astype(bool))


def _penalize(scores: torch.Tensor, row: Row, penalty: float) -> None:
    """Make tokens less likely that stand in the prompt or the answer; padding is none of them."""
    seen = torch.tensor(sorted({*row.prompt, *row.tokens}), device=scores.device)
    of_seen = scores[seen]
    scores[seen] = torch.where(of_seen < 0, of_seen * penalty, of_seen / penalty)
