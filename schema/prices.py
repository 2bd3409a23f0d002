"""What tokens cost: the release says it, and nothing is assumed.

Prices are those of a million tokens, as providers print them. Prompts that come from a provider's cache cost
less where the release says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MILLION = 1_000_000

# Under what names servers count tokens.
PROMPT_TOKENS = ("prompt_tokens", "input_tokens")
ANSWER_TOKENS = ("completion_tokens", "output_tokens")
CACHED_TOKENS = "cached_tokens"


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices of a million tokens.

    Attributes:
        input: Of prompts.
        output: Of answers, hidden reasoning included.
        cached_input: Of the part of prompts that the provider had in its cache; None for no discount.
    """

    input: float
    output: float
    cached_input: float | None = None

    def cost(self, usage: Mapping[str, int]) -> float | None:
        """Return what a call cost by the server's own count; None where it did not count."""
        prompt, answer = counted_tokens(usage, PROMPT_TOKENS), counted_tokens(usage, ANSWER_TOKENS)
        if prompt is None or answer is None:
            return None
        cached = min(usage.get(CACHED_TOKENS, 0), prompt)
        of_cached = self.input if self.cached_input is None else self.cached_input
        return self.of_tokens(prompt - cached, answer) + cached * of_cached / MILLION

    def of_tokens(self, prompt: float, answer: float) -> float:
        """Return what so many tokens of prompts and answers cost."""
        return (prompt * self.input + answer * self.output) / MILLION


def counted_tokens(usage: Mapping[str, int], names: tuple[str, ...]) -> int | None:
    """Return a count by the first of its names that a server gives it; None where it gives none."""
    return next((usage[name] for name in names if name in usage), None)
