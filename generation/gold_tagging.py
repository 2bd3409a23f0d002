"""A language model as a tagger of gold: what it says of gold sentences, to be scored like any other system.

It is asked as the method `few_shot_tagging` asks, and every answer is in the release's journal. Nothing of it
is published.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..release import Config, Generator, Release
from ..schema.errors import DataError, WrongUsageError
from ..schema.example import Example
from ..schema.iob2 import OUTSIDE
from ..schema.methods import METHODS as KEYS
from ..schema.validation import nearest
from ..sources.gold import Gold
from .accounts import spent_on
from .budget import Budget
from .config_run import ConfigRun
from .journal import Journal
from .methods.few_shot_tagging import plan_gold
from .methods.few_shot_tagging_answers import NOT_ANSWERED, read_tagging
from .plan import method_context
from .under_way import UnderWay
from .watching import Unwatched, Watcher

METHOD = "few_shot_tagging"

_LIMITS_OF_LENGTH = ("max_tokens", "max_completion_tokens")


@dataclass(frozen=True, slots=True)
class TaggedGold:
    """What a model said of the gold sentences of one language.

    Attributes:
        examples: The sentences with its labels; those without a readable answer have none.
        without_answer: How many these are, by reason.
        mentions_lost: Mentions that do not stand in their sentence, by reason.
    """

    examples: Sequence[Example]
    without_answer: Mapping[str, int]
    mentions_lost: Mapping[str, int]

    @property
    def is_answered(self) -> bool:
        """Whether there is a readable answer for one sentence at least."""
        return sum(self.without_answer.values()) < len(self.examples)

    def as_json(self) -> dict[str, Any]:
        """Return the figures as `--json` prints them."""
        return {
            "sentences": len(self.examples),
            "mentions": sum(len(example.mentions) for example in self.examples),
            "without_answer": dict(self.without_answer),
            "mentions_lost": dict(self.mentions_lost),
        }


def tag_gold(
    release: Release, generator: str, *, split: str = "test", watcher: Watcher | None = None
) -> Iterator[tuple[str, TaggedGold]]:
    """Let the model of a generator label gold sentences of each of its languages.

    Args:
        release: The release.
        generator: One of its generators that asks a model. Another method's asks with five examples, for the
            labels of five sentences, at temperature 0, as in Santoso et al. (2024).
        split: The gold split.
        watcher: Told how the run goes.

    Yields:
        The code of each language, and what the model said.

    Raises:
        WrongUsageError: If no generator of this name asks a model.
        ReleaseError, DataError, EngineError, KeyboardInterrupt: As `generate` does; also where a call has no
            answer.
    """
    configs = tagging_configs(release, generator)
    with Journal(release.journal) as journal, journal.only_this_process():
        budget = Budget(release.max_cost, spent_on(release, journal))
        gold: dict[str, Gold] = {}
        for config in configs:
            tagging = _as_tagger(config, split)
            context = method_context(tagging, release, gold)
            journal.plan(tagging.name, plan_gold(context, split))
            run = ConfigRun(tagging, release, journal, budget, watcher or Unwatched(), gold, UnderWay())
            run.take_over([tagging.name])
            run.check()
            run.submit()
            run.ask()
            _check_complete(tagging, journal, run.beyond_max_cost)
            yield config.language.code, _read(tagging, journal, context.gold, split)


def tagging_configs(release: Release, generator: str) -> list[Config]:
    """Return the configs of a generator whose model can label gold.

    Raises:
        WrongUsageError: If no generator of this name asks a model.
    """
    asking = [config for config in release.configs if KEYS[config.generator.method].asks_model]
    configs = [config for config in asking if config.generator.name == generator]
    if not configs or configs[0].generator.engine == "recorded":
        names = dict.fromkeys(each.generator.name for each in asking if each.generator.engine != "recorded")
        raise WrongUsageError(
            f"no generator `{generator}` of this release asks a model", hint=nearest(generator, list(names))
        )
    return configs


def _as_tagger(config: Config, split: str) -> Config:
    generator = config.generator
    if generator.method != METHOD:
        generator = _asking_for_labels(generator)
    return replace(config, name=f"{config.name}@{split}", generator=generator)


def _asking_for_labels(generator: Generator) -> Generator:
    keys = KEYS[METHOD]
    limits = {name: value for name, value in generator.sampling.items() if name in _LIMITS_OF_LENGTH}
    return replace(
        generator,
        method=METHOD,
        format=None,
        examples=keys.examples,
        datapoints=keys.datapoints,
        calls={},
        sampling={"temperature": 0, **limits},
        method_settings={},
    )


def _check_complete(config: Config, journal: Journal, beyond_max_cost: int) -> None:
    (count,) = journal.progress(config.name).values()
    missing = count.planned - count.answered
    if not missing:
        return
    reasons = journal.failures(config.name)
    why = f"; most failed with: {next(iter(reasons))}" if reasons else ""
    raise DataError(
        f"{missing:,} of {count.planned:,} calls have no answer{why}",
        where=config.name,
        hint="Raise `max_cost` in release.yaml and run the same command again."
        if beyond_max_cost
        else "Run the same command again: only these are asked again.",
    )


def _read(config: Config, journal: Journal, gold: Gold, split: str) -> TaggedGold:
    examples: list[Example] = []
    without_answer: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    for call, reply in journal.answers(config.name, (split,)):
        sentences = call.about["sentences"]
        tokens = [sentence["tokens"] for sentence in sentences]
        answers = read_tagging((reply and reply.text) or "", tokens, gold.labels.types).sentences
        for sentence, answer in zip(sentences, answers, strict=True):
            words = tuple(sentence["tokens"])
            if answer.alignment is None:
                without_answer[answer.fault or NOT_ANSWERED] += 1
                tags = (OUTSIDE,) * len(words)
            else:
                tags = tuple(answer.alignment.tags)
                lost.update(each.reason for each in answer.alignment.lost)
            examples.append(Example(sentence["id"], words, tags))
    return TaggedGold(examples, dict(sorted(without_answer.items())), dict(sorted(lost.items())))
