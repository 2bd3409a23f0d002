"""Few-shot tagging: a language model labels text that nobody labelled, as some gold sentences show it.

The sentences of a text are dealt into calls in their order, without those that could not be published: what
stands in gold, what came before. Each call shows gold sentences with their labels and asks for those of the
next sentences. The tokens of the text are what is published; `alignment_to_tokens` finds in them what the
model says. A call carries its sentences with it, so that answers can be read without the text.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from ...release import Config
from ...schema.errors import ReleaseError
from ...schema.example import Example
from ...sources.unlabelled_text import UnlabelledSentence
from ..alignment_to_tokens import Alignment
from ..calls import Call
from ..engines import endpoint
from ..salvage import EMPTY, NO_DATAPOINT, SOURCE_CHARACTERS, Found, Fragment, Salvage
from .few_shot_tagging_answers import NOT_ANSWERED, SentenceAnswer, read_tagging
from .few_shot_tagging_prompts import LISTED, MARKED, TaggingQuestion
from .method import MethodContext, Reading
from .prompts import legend
from .seeded import check_sampling
from .shown_gold import showable
from .text_to_label import ChosenSentences, labelled_texts, texts_to_label

STEP = "tagging"

NOT_ASKED_ABOUT = "labels of a sentence that was not asked about"
WIDENED = "mention widened to whole words"
NOT_PLACED = "mention not placed"

# A quarter of the examples shows that sentences without a mention exist.
_MENTIONS_IN = 4
_CHARACTERS_OF_A_CHANGE = 200


def format_of(config: Config) -> str:
    """Return how answers are written: as suits the server."""
    return LISTED if endpoint(config).structured_output else MARKED


def plan(context: MethodContext) -> Iterator[Call]:
    """Plan the calls of a config, split by split: the whole text, or as many calls as the release says.

    A larger number of calls adds to those planned before.

    Raises:
        ReleaseError: If no text is named, gold has too few examples, a sampling parameter is none, or an
            entity type cannot be written in an answer.
        DataError: If a text cannot be read.
    """
    config, generator = context.config, context.config.generator
    texts = texts_to_label(context)
    asking = _Asking(context)
    for split in texts:
        chosen = ChosenSentences(texts, split, context.gold)
        dealt = _dealt(chosen, generator.datapoints, generator.calls.get(split))
        for call in asking.calls(split, dealt):
            yield replace(call, about={**call.about, **chosen.about()})
        chosen.check(config.name)


def plan_gold(context: MethodContext, split: str) -> Iterator[Call]:
    """Plan the calls that label gold sentences themselves, to see how well the model does it.

    The labels of the sentences that are asked about are not shown.

    Args:
        context: What is labelled.
        split: The gold split.

    Raises:
        ReleaseError: If gold has no such split or too few examples, a sampling parameter is none, or an
            entity type cannot be written in an answer.
    """
    gold = context.gold.splits.get(split, ())
    if not gold:
        raise ReleaseError(f"gold has no {split} split to label", where=context.config.name)
    sentences = [UnlabelledSentence(example.id, example.tokens) for example in gold]
    size = context.config.generator.datapoints
    dealt = (tuple(sentences[first : first + size]) for first in range(0, len(sentences), size))
    yield from _Asking(context).calls(split, dealt)


class _Asking:
    """Writes the calls of a config.

    Args:
        context: What the data is made from.

    Raises:
        ReleaseError: If a sampling parameter is none.
    """

    def __init__(self, context: MethodContext) -> None:
        config = context.config
        check_sampling(config.generator.sampling, config.name)
        self._context = context
        self._server = endpoint(config)
        self._question = TaggingQuestion(
            language=config.language.name,
            labels=context.gold.labels,
            legend=legend(context.gold.labels.types, context.gold.splits.get("train", ())),
            structured_output=self._server.structured_output,
        )

    def calls(self, split: str, dealt: Iterable[Sequence[UnlabelledSentence]]) -> Iterator[Call]:
        """Yield the call for each portion of the sentences of a split.

        Raises:
            ReleaseError: If gold has too few examples, or an entity type cannot be written in an answer.
        """
        config, generator = self._context.config, self._context.config.generator
        examples = _Examples(self._context, split)
        for index, sentences in enumerate(dealt):
            shown = examples.of_call(index)
            yield Call(
                config=config.name,
                split=split,
                index=index,
                engine=generator.engine,
                model=generator.model,
                messages=_messages(self._question, shown, sentences, config.name),
                schema=self._question.schema(len(sentences)),
                sampling=generator.sampling,
                base_url=self._server.base_url,
                seed_ids=tuple(example.id for example in shown),
                seed_revision=self._context.gold.revision,
                datapoints=len(sentences),
                step=STEP,
                about={
                    "sentences": [
                        {"id": sentence.id, "tokens": list(sentence.tokens)} for sentence in sentences
                    ]
                },
            )


def reading(context: MethodContext) -> Reading:
    """Return what reads answers: from the call alone, without the text."""
    types = context.gold.labels.types

    def read(call: Call, text: str) -> Salvage:
        return read_answer(call.about, text, types)

    return read


def findings(context: MethodContext) -> Mapping[str, Any]:
    """Say which text was labelled, under which licence, and what of it was left out, by split."""
    settings = context.config.generator.method_settings
    return {
        "fixed_examples": settings.get("fixed_examples", False),
        "license": settings.get("license"),
        "citation": settings.get("citation"),
        "texts": labelled_texts(context),
    }


def read_answer(about: Mapping[str, Any], text: str, types: Sequence[str]) -> Salvage:
    """Read the labels in an answer.

    Args:
        about: What the call says of its sentences.
        text: The answer; it may be anything.
        types: The entity types.
    """
    sentences = [sentence["tokens"] for sentence in about["sentences"]]
    answer = read_tagging(text, sentences, types)
    found: list[Found] = []
    lost: Counter[str] = Counter()
    fragments: list[Fragment] = []
    for item, (sentence, said) in enumerate(zip(about["sentences"], answer.sentences, strict=True)):
        if said.said is not None:
            found.append(_found(item, sentence, said, answer.way))
            continue
        # Without an answer it was not returned; with one that broke off, it was.
        fragments.append(_fragment(said.fault or NOT_ANSWERED, sentence))
        if said.fault != NOT_ANSWERED:
            lost[said.fault or NOT_ANSWERED] += 1
    for stray in answer.strays:
        lost[NOT_ASKED_ABOUT] += 1
        fragments.append(_fragment(NOT_ASKED_ABOUT, stray))
    if not found and not lost:
        reason = NO_DATAPOINT if text.strip() else EMPTY
        lost[reason] += 1
        fragments.insert(0, Fragment(reason, _writable(text[:SOURCE_CHARACTERS])))
    return Salvage(found, lost, fragments, strict=answer.way == "json")


def _found(item: int, sentence: Mapping[str, Any], said: SentenceAnswer, way: str) -> Found:
    value = {**sentence, "answer": said.said}
    if said.alignment is None:
        return Found(item, None, None, way, said.fault, value)
    tokens, tags = list(sentence["tokens"]), list(said.alignment.tags)
    return Found(item, tokens, tags, way, None, value, tuple(_changes(tokens, said.alignment)))


def _changes(tokens: Sequence[str], alignment: Alignment) -> Iterator[dict[str, Any]]:
    for named, mention in alignment.widened:
        whole = " ".join(tokens[mention.start : mention.end])
        yield {"step": WIDENED, "position": mention.start, "before": _shown(named.text), "after": whole}
    for lost in alignment.lost:
        before = _shown(f"{lost.mention.text} ({lost.mention.type}): {lost.reason}")
        yield {"step": NOT_PLACED, "position": None, "before": before, "after": None}


def _fragment(reason: str, source: Any) -> Fragment:
    try:
        written = json.dumps(source, ensure_ascii=False)
    except RecursionError:
        written = "nested too deep to show"
    return Fragment(reason, _writable(written[:SOURCE_CHARACTERS]))


def _shown(text: str) -> str:
    return _writable(text[:_CHARACTERS_OF_A_CHANGE])


def _writable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _dealt(chosen: ChosenSentences, size: int, calls: int | None) -> Iterator[tuple[UnlabelledSentence, ...]]:
    """Deal sentences into calls; the last one when all that is left out behind it is counted."""
    dealt: list[UnlabelledSentence] = []
    number = 0
    for sentence in chosen:
        if len(dealt) == size:
            yield tuple(dealt)
            dealt, number = [], number + 1
        dealt.append(sentence)
        if len(dealt) == size and number + 1 == calls:
            break
    if dealt:
        yield tuple(dealt)


class _Examples:
    """The gold sentences that the prompts of a split show.

    Args:
        context: What the data is made from.
        split: The split.

    Raises:
        ReleaseError: If gold does not have that many.
    """

    def __init__(self, context: MethodContext, split: str) -> None:
        generator = context.config.generator
        source = generator.seeds_from[split]
        gold = showable(context.gold, source)
        self._number = generator.examples
        if len(gold) < self._number:
            raise ReleaseError(
                f"{split}: {self._number:,} examples are to be shown, and gold {source} has {len(gold):,} "
                "that do not stand in held-out gold as well",
                where=context.config.name,
                hint="Lower `examples` of the generator, or take them from another split (`seeds_from`).",
            )
        self._fixed = context.config.generator.method_settings.get("fixed_examples", False)
        self._seed = f"{context.seed}/{context.config.language.code}/{split}/{STEP}"
        self._with_mentions = [example for example in gold if example.mentions]
        self._without = [example for example in gold if not example.mentions]

    def of_call(self, index: int) -> Sequence[Example]:
        """Draw the examples of a call: mostly with mentions, and some without where gold has such."""
        chance = Random(self._seed if self._fixed else f"{self._seed}/{index}")  # noqa: S311
        without = min(self._number // _MENTIONS_IN, len(self._without))
        without = max(without, self._number - len(self._with_mentions))
        drawn = [
            *chance.sample(self._with_mentions, self._number - without),
            *chance.sample(self._without, without),
        ]
        chance.shuffle(drawn)
        return drawn


def _messages(
    question: TaggingQuestion,
    examples: Sequence[Example],
    sentences: Sequence[UnlabelledSentence],
    where: str,
) -> tuple[Mapping[str, str], ...]:
    try:
        return question.messages(examples, [sentence.tokens for sentence in sentences])
    except ValueError as error:
        raise ReleaseError(
            f"answers cannot be written: {error}",
            where=where,
            hint="Rename the type in gold, or use a server that enforces a JSON Schema.",
        ) from error
