"""How sure a model was of what it wrote: the log-probabilities in a raw response, by characters of its text.

Chat completions hold them where they were asked for, in the shape that OpenAI gave them:
`choices[0].logprobs.content`, for each token its text, its log-probability and its bytes. A character may be
written by several tokens, and a token may hold several characters: bytes tell which belong together.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

# A character has four bytes at most, and before them may stand the blank that some tokenizers write.
_MOST_TOKENS_A_CHARACTER = 8


@dataclass(frozen=True, slots=True)
class TokenLogProbability:
    """What is known of a token that a model wrote.

    Attributes:
        token: Its text.
        logprob: The logarithm of its probability.
    """

    token: str
    logprob: float

    def as_json(self) -> dict[str, Any]:
        """Return it as a chat completion holds it."""
        data = self.token.encode("utf-8", "surrogatepass")
        return {"token": self.token, "logprob": self.logprob, "bytes": list(data), "top_logprobs": []}


class LogProbabilities:
    """The log-probabilities of the tokens of a text.

    Args:
        text: The text.
        ends: For each token, the bytes of the text up to its end; tokens before the text end at 0 or below.
        logprobs: For each token, its log-probability.
    """

    def __init__(self, text: str, ends: Sequence[int], logprobs: Sequence[float]) -> None:
        self._bytes_before = list(accumulate((_length(character) for character in text), initial=0))
        self._ends = ends
        self._logprobs = logprobs

    def mean(self, start: int, end: int) -> float | None:
        """Return the mean log-probability of the tokens that hold some of the characters from start to end.

        None where no token does.
        """
        last = len(self._bytes_before) - 1
        begin, stop = (self._bytes_before[max(0, min(place, last))] for place in (start, end))
        if begin >= stop:
            return None
        first = bisect_right(self._ends, begin)
        behind = min(bisect_left(self._ends, stop) + 1, len(self._ends))
        if first >= behind:
            return None
        # Tokens of no bytes are part of the character that a later one completes.
        while first > 1 and self._ends[first - 1] == self._ends[first - 2]:
            first -= 1
        chosen = self._logprobs[first:behind]
        return math.fsum(chosen) / len(chosen)


def read_log_probabilities(raw: str, text: str) -> LogProbabilities | None:
    """Read the log-probabilities of an answer.

    Args:
        raw: The complete response.
        text: The text in it that the answer is read from.

    Returns:
        None where the response holds none, or they belong to another text.
    """
    tokens = _tokens(raw)
    if not tokens:
        return None
    wanted = text.encode("utf-8", "surrogatepass")
    # Servers leave out what ends an answer, and some its first blanks; the tokens have them.
    at = b"".join(data for data, _ in tokens).find(wanted) if wanted else -1
    if at < 0:
        return None
    ends = [end - at for end in accumulate(len(data) for data, _ in tokens)]
    return LogProbabilities(text, ends, [logprob for _, logprob in tokens])


def _tokens(raw: str) -> list[tuple[bytes, float]]:
    """Return bytes and log-probability of each token; nothing if one of them cannot be read."""
    try:
        content = json.loads(raw)["choices"][0]["logprobs"]["content"]
        return [_token(each) for each in content]
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        return []


def _token(value: Any) -> tuple[bytes, float]:
    data, logprob = value.get("bytes") if isinstance(value, dict) else None, value["logprob"]
    if isinstance(logprob, bool) or not isinstance(logprob, int | float) or not math.isfinite(logprob):
        raise ValueError("this is no log-probability")
    written = bytes(data) if isinstance(data, list) else value["token"].encode("utf-8", "surrogatepass")
    return written, float(logprob)


def _length(character: str) -> int:
    return len(character.encode("utf-8", "surrogatepass"))


def pieces(tokens: Sequence[int], decode: Any) -> Iterator[str]:
    """Yield the text that each token adds; what several tokens write together comes with the last of them.

    Args:
        tokens: The tokens, by number.
        decode: Returns the text of tokens.
    """
    start = read = 0
    for place in range(len(tokens)):
        before = decode(tokens[start:read])
        text = decode(tokens[start : place + 1])
        # A character whose bytes are not all there is shown as a replacement character.
        is_incomplete = text.endswith("\ufffd") or not text.startswith(before)
        if is_incomplete and place + 1 < len(tokens) and place - read < _MOST_TOKENS_A_CHARACTER:
            yield ""
            continue
        yield text[len(before) :]
        start, read = read, place + 1
