"""What a run of `generate` would take in tokens and money, before any is spent.

Tokens are measured where the journal holds answers that the model gave to such prompts already. Elsewhere
they are guessed from characters, as a range: what a token is differs from model to model, and most for
languages that its makers thought of least. `docs/costs.md` says how far the guess was off where it was tried.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ..release import Config, Release
from ..schema.example import Example
from ..schema.labels import LabelSet
from ..schema.prices import ANSWER_TOKENS, PROMPT_TOKENS, counted_tokens
from ..sources.gold import Gold
from .budget import CallPrice, longest_answer
from .calls import Call, canonical_json
from .engines import engine_of
from .formats import FORMATS, render_datapoint
from .journal import Journal
from .methods.few_shot_tagging_prompts import LISTED, listed_sentence

# So many answers say what an answer takes; older ones would add time and nothing else.
_MEASURED_AT_MOST = 500
_EXAMPLES_AT_MOST = 500

_LETTERS_AND_BLANKS = (string.ascii_letters + string.whitespace).encode()
_LATIN_OUTSIDE_ASCII = re.compile("[\u0080-\u024f\u0300-\u036f\u1e00-\u1eff]")


@dataclass(frozen=True, slots=True)
class Range:
    """A number between two others.

    Attributes:
        low: It is hardly less.
        high: It is hardly more.
    """

    low: float = 0.0
    high: float = 0.0

    def __add__(self, other: Range) -> Range:
        return Range(self.low + other.low, self.high + other.high)

    def times(self, factor: float) -> Range:
        """Return the range of so many times the number."""
        return Range(self.low * factor, self.high * factor)

    def around(self, number: float) -> Range:
        """Return the range that holds a number as well."""
        return Range(min(self.low, number), max(self.high, number))

    def at_most(self, limit: float | None) -> Range:
        """Return the range of a number that cannot be above a limit; None for no limit."""
        return self if limit is None else Range(min(self.low, limit), min(self.high, limit))

    @property
    def middle(self) -> float:
        """The number half way."""
        return (self.low + self.high) / 2

    def as_json(self, digits: int | None = None) -> dict[str, float]:
        """Return the two ends, rounded."""
        return {"low": round(self.low, digits), "high": round(self.high, digits)}


# Tokens of a character: fewest and most. Measured on gold sentences of eleven languages, as they stand in
# prompts and answers, with the vocabularies o200k_base and cl100k_base of OpenAI's models.
_ASCII_LETTER = Range(0.2, 0.4)
_ASCII_SIGN = Range(0.35, 0.85)
_LATIN_LETTER = Range(0.7, 1.5)
_OTHER_LETTER = Range(0.28, 2.2)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the calls that a run would ask for are expected to take.

    Attributes:
        calls: The calls that are known.
        later: Calls that will follow from answers, at most; low ends are without them, high ends with all.
        prompt_tokens: Tokens of their prompts.
        answer_tokens: Tokens of their answers.
        measured_on: Answers that tokens were measured on; 0 where all is guessed.
        measured_elsewhere: Whether those are answers of the generator's other configs.
        cost: What they cost; None where the release has no prices.
        dearest_call: What one of them costs in the worst case; None where the release has no `max_cost`.
        surely_within_max_cost: How many are below `max_cost` even if each costs what it can; None without.
    """

    calls: int
    later: int
    prompt_tokens: Range
    answer_tokens: Range
    measured_on: int
    measured_elsewhere: bool
    cost: Range | None
    dearest_call: float | None
    surely_within_max_cost: int | None

    def as_json(self) -> dict[str, Any]:
        """Return the figures as `--json` prints them."""
        return {
            "calls": self.calls,
            "later": self.later,
            "prompt_tokens": self.prompt_tokens.as_json(),
            "answer_tokens": self.answer_tokens.as_json(),
            "measured_on": self.measured_on,
            "measured_elsewhere": self.measured_elsewhere,
            "cost": self.cost and self.cost.as_json(6),
            "dearest_call": self.dearest_call,
            "surely_within_max_cost": self.surely_within_max_cost,
        }


@dataclass(slots=True)
class Room:
    """What is left of a release's `max_cost` if every call costs what it can.

    Attributes:
        left: The money; None for no limit.
    """

    left: float | None

    def take(self, cost: float) -> bool:
        """Take what a call may cost, if that much is left."""
        if self.left is None or cost > self.left:
            return False
        self.left -= cost
        return True


class Estimator:
    """Sums up what the calls of a config are expected to take.

    Args:
        config: The config; one that asks somebody.
        release: Its release.
        journal: Where answers are that tokens can be measured on; None where nothing was asked yet.
        format_: How datapoints are written.
        gold: The config's gold data.
        room: What is left of `max_cost`.

    Raises:
        ReleaseError: If the prices cannot keep to `max_cost`.
        EngineError: If the engine cannot be imported.
    """

    def __init__(
        self,
        config: Config,
        release: Release,
        journal: Journal | None,
        *,
        format_: str,
        gold: Gold,
        room: Room,
    ) -> None:
        self._config = config
        self._release = release
        self._journal = journal
        self._format = format_
        self._gold = gold
        self._room = room
        self._share = engine_of(config).price_share
        self._price = CallPrice(config, self._share, limited=room.left is not None)
        self._of_a_datapoint: dict[str, Range] = {}
        self._first: Call | None = None
        self._calls = 0
        self._prompts = Range()
        self._answers = Range()
        self._datapoints = 0
        self._longest_answers: float | None = 0.0
        self._dearest: float | None = None
        self._fitting = 0

    def add(self, call: Call) -> None:
        """Count in a call that is to be asked.

        Raises:
            ReleaseError: If there is a `max_cost`, and nothing limits the length of its answer.
        """
        self._first = self._first or call
        if call.split not in self._of_a_datapoint:
            self._of_a_datapoint[call.split] = self._guess_of_a_datapoint(call)
        longest = longest_answer(call)
        self._calls += 1
        self._prompts += _guess_of_prompt(call)
        self._answers += self._of_a_datapoint[call.split].times(_answered(call)).at_most(longest)
        self._datapoints += _answered(call)
        if self._longest_answers is not None:
            self._longest_answers = None if longest is None else self._longest_answers + longest
        if self._room.left is not None:
            at_most = self._price.at_most(call)
            self._dearest = max(self._dearest or 0.0, at_most)
            self._fitting += self._room.take(at_most)

    def estimate(self, later: int = 0) -> Estimate:
        """Return what the calls take together.

        Args:
            later: Further calls that will follow from answers, at most; taken to be like the known ones.
        """
        prompts, answers = self._prompts, self._answers
        measured, is_elsewhere = self._measured()
        if measured is not None:
            of_prompts = prompts.middle * measured.tokens_of_prompts / measured.guess_of_prompts
            of_answers = self._datapoints * measured.tokens_of_answers / measured.datapoints
            if self._longest_answers is not None:
                of_answers = min(of_answers, self._longest_answers)
            if is_elsewhere:
                prompts, answers = prompts.around(of_prompts), answers.around(of_answers)
            else:
                prompts, answers = Range(of_prompts, of_prompts), Range(of_answers, of_answers)
        if later and self._calls:
            prompts, answers = (
                Range(each.low, each.high * (1 + later / self._calls)) for each in (prompts, answers)
            )
        return Estimate(
            calls=self._calls,
            later=later,
            prompt_tokens=prompts,
            answer_tokens=answers,
            measured_on=measured.answers if measured else 0,
            measured_elsewhere=is_elsewhere,
            cost=self._cost(prompts, answers),
            dearest_call=self._dearest,
            surely_within_max_cost=None if self._room.left is None else self._fitting,
        )

    def _cost(self, prompts: Range, answers: Range) -> Range | None:
        prices = self._config.generator.prices
        if prices is None:
            return None
        low, high = (
            prices.of_tokens(getattr(prompts, end), getattr(answers, end)) * self._share
            for end in ("low", "high")
        )
        return Range(low, high)

    def _measured(self) -> tuple[_Measured | None, bool]:
        """Measure on answers of this config; where it has none, on those of the generator's others."""
        if self._journal is None or self._first is None:
            return None, False
        name, generator = self._config.name, self._config.generator.name
        others = [
            other.name
            for other in self._release.configs
            if other.generator.name == generator and other.name != name
        ]
        own = _measure(self._journal, [name], like=self._first)
        if own is not None:
            return own, False
        found = _measure(self._journal, others, like=self._first)
        return found, found is not None

    def _guess_of_a_datapoint(self, call: Call) -> Range:
        """Guess the tokens of a datapoint from gold examples: answers are to be like them."""
        examples = self._gold.splits.get(self._config.generator.seeds_from[call.split], ())
        step = max(1, len(examples) // _EXAMPLES_AT_MOST)
        texts = list(
            as_answered(
                self._format if self._format in (*FORMATS, LISTED) else "spans",
                examples[::step],
                self._gold.labels,
                structured=call.schema is not None,
            )
        )
        total = sum(map(guess_tokens, texts), Range())
        return total.times(1 / len(texts)) if texts else total


@dataclass(frozen=True, slots=True)
class _Measured:
    """What servers counted: tokens of prompts and answers, beside what would have been guessed."""

    answers: int
    tokens_of_prompts: int
    guess_of_prompts: float
    tokens_of_answers: int
    datapoints: int


def guess_tokens(text: str) -> Range:
    """Guess how many tokens a text has."""
    ascii_only = text.encode("ascii", "ignore")
    outside = len(text) - len(ascii_only)
    latin = len(_LATIN_OUTSIDE_ASCII.findall(text)) if outside else 0
    signs = len(ascii_only.translate(None, _LETTERS_AND_BLANKS))
    return (
        _ASCII_LETTER.times(len(ascii_only) - signs)
        + _ASCII_SIGN.times(signs)
        + _LATIN_LETTER.times(latin)
        + _OTHER_LETTER.times(outside - latin)
    )


def _guess_of_prompt(call: Call) -> Range:
    texts = [message["content"] for message in call.messages]
    if call.schema is not None:
        # Servers put it into the prompt.
        texts.append(canonical_json(call.schema))
    return sum(map(guess_tokens, texts), Range())


def as_answered(
    format_: str, examples: Iterable[Example], labels: LabelSet, *, structured: bool
) -> Iterator[str]:
    """Yield examples as an answer has them: where a server enforces a schema, pairs are objects."""
    for number, example in enumerate(examples, 1):
        if format_ == LISTED:
            yield canonical_json(listed_sentence(number, example))
            continue
        if structured and format_ == "pairs":
            pairs = zip(example.tokens, example.ner_tags, strict=True)
            yield canonical_json({"words": [{"token": token, "label": label} for token, label in pairs]})
            continue
        try:
            yield render_datapoint(format_, example.tokens, example.ner_tags, labels)
        except ValueError:
            # Planning refuses a format that cannot write an example which is shown; this one is not.
            continue


def _measure(journal: Journal, configs: Iterable[str], *, like: Call) -> _Measured | None:
    """Sum up what answers to prompts of the same form took; None where none of them was counted."""
    answers = tokens_of_prompts = tokens_of_answers = datapoints = 0
    guess_of_prompts = 0.0
    for config in configs:
        for call, usage in journal.latest_usage(config, _MEASURED_AT_MOST):
            prompt, answer = counted_tokens(usage, PROMPT_TOKENS), counted_tokens(usage, ANSWER_TOKENS)
            if not prompt or answer is None or not _answered(call) or _form(call) != _form(like):
                continue
            answers += 1
            tokens_of_prompts += prompt
            guess_of_prompts += _guess_of_prompt(call).middle
            tokens_of_answers += answer
            datapoints += _answered(call)
    if not answers:
        return None
    return _Measured(answers, tokens_of_prompts, guess_of_prompts, tokens_of_answers, datapoints)


def _answered(call: Call) -> int:
    """Return how many datapoints an answer is as long as: one where it serves later calls."""
    return call.datapoints or (1 if call.step else 0)


def _form(call: Call) -> tuple[object, ...]:
    """Return what answers must have in common to be compared: the model, and how datapoints are written.

    The last line of a seeded prompt is an example, which begins with the key that its format has.
    """
    if call.step:
        return call.model, call.schema is None, call.step
    last = call.messages[-1]["content"].rpartition("\n")[2] if call.messages else ""
    return call.model, call.schema is None, last.partition(":")[0]
