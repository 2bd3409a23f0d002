"""The entity-guided method: sentences around entities that were drawn, and entities out of those sentences.

After Santoso et al. (2024). Entities of gold are the first lists. For each sentence some are drawn, and a
model writes it around them (`sentence`); then it puts other entities into their places (`entities`), which
go into the lists that the next round draws from. What a sentence leaves unlabelled and the lists know is
labelled at last. `docs/methods.md` says what differs from the paper.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import Any

from ...schema.errors import ReleaseError
from ...schema.example import Example
from ...schema.splits import SPLITS
from ...sources.characters import text_faults
from ...sources.normal_forms import NormalForms
from ..calls import Call, Reply
from ..engines import endpoint
from ..salvage import EMPTY, Found, Fragment, Salvage
from .entity_guided_prompts import Messages, Prompts
from .entity_lists import EntityLists, Relabelling
from .gold_words import GoldWords
from .method import MethodContext, Reading
from .seeded import check_sampling
from .shown_gold import showable, texts_of_gold
from .typed_mentions import TypedMentionError, parse_typed_mentions, type_names

SENTENCE = "sentence"
ENTITIES = "entities"
STEPS = (SENTENCE, ENTITIES)

FORMAT = "typed_mentions"
"""How sentences are written, in prompts and in answers."""

NO_ENTITY = "no entity, though some were asked for"

CLASS_UNIFORM = "class-uniform"
ENTITY_UNIFORM = "entity-uniform"
_MOST_ENTITIES = 9
_SENTENCES_FOR_EACH_OF_GOLD = 2
_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class _Settings:
    """The settings of the method.

    Attributes:
        steps: What is asked for: sentences, entities, or both in turn.
        most_entities: Entities that are drawn for a sentence, at most.
        class_uniform: Whether types are drawn alike; else entities are.
        fixed_examples: Whether all prompts of a split show the same gold sentences.
        relabel: Whether known entities that a sentence leaves unlabelled are labelled.
        round_size: Sentences of a round; None for a fifth of the usual number.
    """

    steps: Sequence[str]
    most_entities: int
    class_uniform: bool
    fixed_examples: bool
    relabel: bool
    round_size: int | None


def plan(context: MethodContext) -> Iterator[Call]:
    """Plan the calls of a config, split by split, as far as the answers go.

    Rounds have a size of their own: a larger number of calls adds to those planned before.

    Raises:
        ReleaseError: If gold has too few examples or no mention, or a sampling parameter is none.
    """
    check_sampling(context.config.generator.sampling, context.config.name)
    for guide in _guides(context).values():
        yield from guide.calls()


def most_calls(context: MethodContext) -> Mapping[str, int]:
    """Return how many calls each split has in the end, at most, by the answers that there are."""
    return {split: guide.followed().most_calls for split, guide in _guides(context).items()}


def reading(context: MethodContext) -> Reading:
    """Return what reads answers. Entities are looked up in the lists as the plan leaves them."""
    guides = _guides(context)
    settings = _settings(context)

    @lru_cache
    def guide_of(split: str) -> _Guide:
        # The journal may still hold answers for a split that the release does not name any more.
        return guides.get(split) or _Guide(context, split, 0, settings)

    @lru_cache
    def relabelling(split: str) -> Relabelling:
        return Relabelling(guide_of(split).followed().lists)

    def read(call: Call, text: str) -> Salvage:
        if not call.datapoints:
            return Salvage([], Counter(), [], strict=True)
        if not text.strip():
            return Salvage([], Counter({EMPTY: 1}), [Fragment(EMPTY, "")], strict=False)
        try:
            tokens, tags = guide_of(call.split).read(text, asked_for=bool(call.about.get("entities")))
        except TypedMentionError as error:
            return Salvage([Found(0, None, None, FORMAT, error.reason, text)], Counter(), [], strict=True)
        changes: list[dict[str, Any]] = []
        if settings.relabel:
            tags, changes = relabelling(call.split).relabelled(tokens, tags)
        return Salvage(
            [Found(0, list(tokens), list(tags), FORMAT, None, text, tuple(changes))],
            Counter(),
            [],
            strict=True,
        )

    return read


def findings(context: MethodContext) -> Mapping[str, Any]:
    """Say how the lists grew, and which answers came to nothing, by split."""
    settings = _settings(context)
    return {
        "steps": [step for step in STEPS if step in settings.steps],
        "draw": CLASS_UNIFORM if settings.class_uniform else ENTITY_UNIFORM,
        "most_entities": settings.most_entities,
        "fixed_examples": settings.fixed_examples,
        "relabel": settings.relabel,
        "splits": {split: guide.followed().as_json() for split, guide in _guides(context).items()},
    }


def _guides(context: MethodContext) -> dict[str, _Guide]:
    source = context.config.generator.seeds_from
    wanted = context.config.generator.calls or {
        "train": _SENTENCES_FOR_EACH_OF_GOLD * len(showable(context.gold, source["train"]))
    }
    settings = _settings(context)
    return {split: _Guide(context, split, wanted[split], settings) for split in SPLITS if split in wanted}


def _settings(context: MethodContext) -> _Settings:
    values = context.config.generator.method_settings
    return _Settings(
        steps=values.get("steps", STEPS),
        most_entities=values.get("most_entities", _MOST_ENTITIES),
        class_uniform=values.get("draw", CLASS_UNIFORM) == CLASS_UNIFORM,
        fixed_examples=values.get("fixed_examples", False),
        relabel=values.get("relabel", True),
        round_size=values.get("round_size"),
    )


class _Guide:
    """Leads one split through its rounds: plans calls, reads their answers, and grows the lists.

    Args:
        context: What the method makes data from.
        split: The split.
        wanted: Sentences asked for.
        settings: The settings of the method.

    Attributes:
        lists: The entities known so far.
        most_calls: Calls planned so far, and those that may follow.

    Raises:
        ReleaseError: If gold has too few examples, or no mention.
    """

    def __init__(self, context: MethodContext, split: str, wanted: int, settings: _Settings) -> None:
        self._context = context
        self._split = split
        self._wanted = wanted
        self._settings = settings
        self._gold = _source(context, split)
        self._with_entities = [example for example in self._gold if example.mentions]
        self._names = type_names(context.gold.labels.types)
        self._words = GoldWords(example.tokens for example in self._gold)
        self._prompts = Prompts(context.config.language.name, self._names, self._gold, self._lists_of_gold())
        self._server = endpoint(context.config)
        # None of them goes into a prompt that a model began.
        self._never_shown = texts_of_gold(context.gold.splits, _NORMAL)
        self._begin()

    def _begin(self) -> None:
        self.lists = self._lists_of_gold()
        self.most_calls = 0
        self._growth: list[dict[str, Any]] = []
        self._dropped: dict[str, Counter[str]] = {step: Counter() for step in self._settings.steps}
        self._not_added: Counter[str] = Counter()

    def _lists_of_gold(self) -> EntityLists:
        return EntityLists(self._context.gold.labels.types, self._gold)

    def followed(self) -> _Guide:
        """Follow the plan as far as the answers go; return the guide."""
        for _ in self.calls():
            pass
        return self

    def calls(self) -> Iterator[Call]:
        """Plan the calls of the split as far as the answers go."""
        self._begin()
        if SENTENCE not in self._settings.steps:
            yield from self._entities_of_gold()
        elif ENTITIES not in self._settings.steps:
            self.most_calls = self._wanted
            for number in range(self._wanted):
                yield self._sentence_call(number, number)
        else:
            yield from self._in_rounds()

    def read(self, text: str, *, asked_for: bool) -> tuple[list[str], list[str]]:
        """Read a sentence: tokens and tags.

        Args:
            text: The answer to a call.
            asked_for: Whether it was asked to hold an entity.

        Raises:
            TypedMentionError: If it is no such sentence.
        """
        if not text.strip():
            raise TypedMentionError(EMPTY)
        tokens, tags = parse_typed_mentions(text, self._names, self._words)
        if asked_for and not any(tag.startswith("B-") for tag in tags):
            raise TypedMentionError(NO_ENTITY)
        return tokens, tags

    def as_json(self) -> dict[str, Any]:
        """Return what the manifest says of the split."""
        return {
            "entities_in_gold": self._lists_of_gold().sizes,
            "rounds": self._growth,
            "dropped": {step: dict(sorted(counts.items())) for step, counts in self._dropped.items()},
            "not_added": dict(sorted(self._not_added.items())),
        }

    def _entities_of_gold(self) -> Iterator[Call]:
        """Mask gold sentences themselves, each as often as any other."""
        asked = []
        self.most_calls = self._wanted
        for number in range(self._wanted):
            example = self._with_entities[number % len(self._with_entities)]
            call = self._entities_call(number, number, example.tokens, example.ner_tags, of_gold=example)
            asked.append(call)
            yield call
        replies = self._context.rounds.answers(asked)
        if replies is not None:
            self._grow(asked, replies, sentences=0)

    def _in_rounds(self) -> Iterator[Call]:
        planned = 0
        size = self._round_size
        # Entities that nobody draws or looks up are not asked for.
        diversified = self._wanted if self._settings.relabel else (self._wanted - 1) // size * size
        for start in range(0, self._wanted, size):
            end = min(start + size, self._wanted)
            # Places within a round stay the same whatever it holds, and so do those of later rounds.
            first = 2 * start
            asked = [self._sentence_call(number, first + number - start) for number in range(start, end)]
            planned += len(asked)
            self.most_calls = planned + (self._wanted - end) + max(0, diversified - start)
            yield from asked
            if start >= diversified:
                return
            sentences = self._context.rounds.answers(asked)
            if sentences is None:
                return
            masked = [
                self._entities_call(start + place, first + size + place, *sentence)
                for place, sentence in enumerate(map(self._sentence_to_mask, asked, sentences))
                if sentence is not None
            ]
            planned += len(masked)
            self.most_calls = planned + (self._wanted - end) + max(0, diversified - end)
            yield from masked
            replies = self._context.rounds.answers(masked)
            if replies is None:
                return
            self._grow(masked, replies, sentences=len(asked))

    @property
    def _round_size(self) -> int:
        usual = _SENTENCES_FOR_EACH_OF_GOLD * len(self._gold)
        return self._settings.round_size or -(-usual // _ROUNDS)

    def _sentence_to_mask(self, call: Call, reply: Reply | None) -> tuple[list[str], list[str]] | None:
        """Read a sentence whose entities are to be replaced; None for one that is of no use for that."""
        sentence = self._read_reply(call, reply)
        if sentence is None:
            return None
        tokens, tags = sentence
        # What cannot be published is not worth another call, and half of a surrogate pair cannot be sent.
        is_useless = any(map(text_faults, tokens)) or _NORMAL.comparable(tokens) in self._never_shown
        return None if is_useless or not any(tag.startswith("B-") for tag in tags) else sentence

    def _read_reply(self, call: Call, reply: Reply | None) -> tuple[list[str], list[str]] | None:
        if reply is None:
            self._dropped[call.step]["no answer"] += 1
            return None
        try:
            return self.read(reply.text or "", asked_for=bool(call.about["entities"]))
        except TypedMentionError as error:
            self._dropped[call.step][error.reason] += 1
            return None

    def _grow(self, calls: Sequence[Call], replies: Sequence[Reply | None], *, sentences: int) -> None:
        """Add the entities of a round's answers to the lists."""
        before = self.lists.sizes
        for call, reply in zip(calls, replies, strict=True):
            tokens, tags = self._read_reply(call, reply) or ((), ())
            for mention in Example("", tuple(tokens), tuple(tags)).mentions:
                why_not = self.lists.add(mention.type, tuple(tokens[mention.start : mention.end]))
                if why_not is not None:
                    self._not_added[why_not] += 1
        after = self.lists.sizes
        self._growth.append(
            {
                "sentences": sentences,
                "masked": len(calls),
                "entities": after,
                "new": {type_: size - before[type_] for type_, size in after.items()},
            }
        )

    def _sentence_call(self, number: int, index: int) -> Call:
        chance = self._chance(SENTENCE, number)
        entities = self.lists.draw(
            chance,
            chance.randint(0, self._settings.most_entities),
            class_uniform=self._settings.class_uniform,
        )
        examples = self._examples(self._gold, SENTENCE, number)
        return self._call(
            index, SENTENCE, self._prompts.for_sentence(examples, entities), examples, len(entities), 1
        )

    def _entities_call(
        self,
        number: int,
        index: int,
        tokens: Sequence[str],
        tags: Sequence[str],
        *,
        of_gold: Example | None = None,
    ) -> Call:
        examples = self._examples(self._with_entities, ENTITIES, number, without=of_gold)
        messages = self._prompts.for_entities(examples, tokens, tags, self._chance("masks", number))
        shown = examples if of_gold is None else [of_gold, *examples]
        masked = sum(tag.startswith("B-") for tag in tags)
        return self._call(index, ENTITIES, messages, shown, masked, 0 if of_gold is None else 1)

    def _call(
        self,
        index: int,
        step: str,
        messages: Messages,
        shown: Sequence[Example],
        entities: int,
        datapoints: int,
    ) -> Call:
        generator = self._context.config.generator
        return Call(
            config=self._context.config.name,
            split=self._split,
            index=index,
            engine=generator.engine,
            model=generator.model,
            messages=messages,
            schema=None,
            sampling=generator.sampling,
            base_url=self._server.base_url,
            seed_ids=tuple(example.id for example in shown),
            seed_revision=self._context.gold.revision,
            datapoints=datapoints,
            step=step,
            about={"entities": entities},
        )

    def _examples(
        self, gold: Sequence[Example], step: str, number: int, without: Example | None = None
    ) -> list[Example]:
        """Draw the gold sentences that a prompt shows; never the one that it asks about."""
        most = self._context.config.generator.examples
        chance = self._chance(f"{step} examples", 0 if self._settings.fixed_examples else number)
        drawn = chance.sample(gold, min(len(gold), most + 1))
        return [example for example in drawn if example is not without][:most]

    def _chance(self, purpose: str, number: int) -> Random:
        seed, code = self._context.seed, self._context.config.language.code
        return Random(f"{seed}/{code}/{self._split}/{purpose}/{number}")  # noqa: S311 - no secret is drawn


_NORMAL = NormalForms()


def _source(context: MethodContext, split: str) -> Sequence[Example]:
    generator = context.config.generator
    source = generator.seeds_from[split]
    gold = showable(context.gold, source)
    if len(gold) < generator.examples:
        raise ReleaseError(
            f"{split}: {generator.examples:,} examples are to be shown, and gold {source} has {len(gold):,} "
            "that do not stand in held-out gold as well",
            where=context.config.name,
            hint="Lower `examples` of the generator, or take them from another gold split (`seeds_from`).",
        )
    if not any(example.mentions for example in gold):
        raise ReleaseError(
            f"{split}: gold {source} has no mention that the lists of entities could begin with",
            where=context.config.name,
            hint="Take the entities of this split from another gold split (`seeds_from`).",
        )
    return gold
