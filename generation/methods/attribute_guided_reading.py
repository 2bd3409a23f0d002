"""How `attribute_guided` reads answers: sentences with their entities, as the model has corrected them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ..annotation import DROPS, REPEATED_MENTION, annotate
from ..calls import Call, Reply
from ..entity_listing import NO_TYPE, ListedSentence, read_listings
from ..log_probabilities import read_log_probabilities
from ..salvage import EMPTY, NO_DATAPOINT, Found, Fragment, Salvage
from .attribute_guided_asking import ENTITIES, SENTENCES, VALUES, Asking, read_terms
from .attribute_guided_corrections import (
    OUTCOMES,
    Corrected,
    Doubt,
    Pair,
    Verdict,
    change_of,
    corrected,
    correction_calls,
    verdicts,
    with_corrections,
)

_END_SHOWN = 500


class AnswerReader:
    """Reads the answers to the calls of a config.

    Args:
        asking: What is asked for it.
    """

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    def read(self, call: Call, text: str) -> Salvage:
        """Read the answer to a call; see `Reading`. One that serves later calls holds no datapoint."""
        if call.step != SENTENCES:
            return Salvage([], Counter(), [], strict=False)
        listings = read_listings(text)
        found = self._datapoints(listings.sentences, self._said(call), Counter())
        lost = listings.lost
        if not found and not lost:
            lost = Counter({NO_DATAPOINT if any(map(str.isalnum, text)) else EMPTY: 1})
        return Salvage(found, lost, [_fragment(reason, text) for reason in lost], listings.strict)

    def findings(self, splits: Sequence[str]) -> dict[str, Any]:
        """Return what the manifest says of the method's own business.

        Args:
            splits: The splits that there are calls for.
        """
        asked: dict[str, dict[str, Counter[str]]] = {VALUES: {}, ENTITIES: {}}
        counts = _Counts()
        for split in splits:
            for sizes in asked.values():
                sizes[split] = Counter()
            for call in self._asking.calls(split):
                reply = self._asking.answer_to(call)
                if call.step == VALUES:
                    asked[VALUES][split][call.about["attribute"]] += len(_terms(call, reply))
                elif call.step == ENTITIES:
                    asked[ENTITIES][split][call.about["type"]] += len(_terms(call, reply))
                elif call.step == SENTENCES and reply is not None:
                    self._count(call, reply, counts)
        settings = self._asking.settings
        return {
            "diversify": list(settings.diversify),
            **{step: {split: dict(sizes) for split, sizes in found.items()} for step, found in asked.items()},
            "listed_entities": counts.listed,
            "dropped_entities": {reason: counts.steps[reason] for reason in DROPS},
            "repeated_mentions": counts.steps[REPEATED_MENTION],
            "corrections": {
                "share": settings.share,
                "engine_gives_log_probabilities": self._asking.gives_log_probabilities,
                "answers": counts.answers,
                "answers_without_log_probabilities": counts.without_log_probabilities,
                "asked_about": counts.asked_about,
                "outcomes": {outcome: counts.outcomes[outcome] for outcome in OUTCOMES},
                "not_answered": counts.asked_about - counts.outcomes.total(),
            },
        }

    def _said(self, call: Call) -> list[tuple[Doubt, Verdict | None]]:
        """Return what the model says of its doubts about an answer; None where it was not heard yet."""
        reply = self._asking.answer_to(call)
        found = [] if reply is None else self._asking.doubts(call, reply)
        answers: list[Verdict | None] = []
        for asked in correction_calls(call, found, self._asking.prompts):
            answers += verdicts(self._asking.answer_to(asked), len(asked.about["items"]))
        return list(zip(found, answers, strict=False))

    def _datapoints(
        self,
        sentences: Sequence[ListedSentence],
        said: Sequence[tuple[Doubt, Verdict | None]],
        outcomes: Counter[str],
    ) -> list[Found]:
        """Return sentences as datapoints; count what became of the corrections."""
        of_item: dict[int, dict[Pair, Verdict]] = {}
        for doubt, verdict in said:
            if verdict is not None:
                of_item.setdefault(doubt.item, {})[doubt.entity] = verdict
        return [
            self._datapoint(item, sentence, of_item.get(item, {}), outcomes)
            for item, sentence in enumerate(sentences)
        ]

    def _datapoint(
        self, item: int, listed: ListedSentence, said: Mapping[Pair, Verdict], outcomes: Counter[str]
    ) -> Found:
        path, value = listed.parse_path, listed.value
        fault = listed.fault or (NO_TYPE if any(entity.type is None for entity in listed.entities) else None)
        if fault is not None:
            return Found(item, None, None, path, fault, value)
        types, known = self._asking.types, self._asking.known
        pairs = [(entity.name, entity.type or "") for entity in listed.entities]
        annotated = annotate(listed.sentence, pairs, types, known)
        changes: list[Mapping[str, Any]] = []
        corrections: dict[Pair, Corrected] = {}
        for entity, verdict in said.items():
            corrections[entity] = corrected(entity, annotated, verdict, types)
            outcomes[corrections[entity].outcome] += 1
            if change := change_of(entity, corrections[entity], annotated):
                changes.append(change)
        if changes:
            annotated = annotate(listed.sentence, with_corrections(pairs, types, corrections), types, known)
        if annotated.fault is not None:
            return Found(item, None, None, path, annotated.fault, value)
        tokens, tags = list(annotated.tokens), list(annotated.tags)
        return Found(item, tokens, tags, path, None, value, (*changes, *annotated.changes))

    def _count(self, call: Call, reply: Reply, counts: _Counts) -> None:
        """Count in what became of an answer with sentences."""
        text = reply.text or ""
        listings = read_listings(text)
        said = self._said(call)
        found = self._datapoints(listings.sentences, said, counts.outcomes)
        counts.answers += 1
        if call.about["correct"]:
            counts.without_log_probabilities += read_log_probabilities(reply.raw, text) is None
        counts.asked_about += len(said)
        for sentence, datapoint in zip(listings.sentences, found, strict=True):
            if datapoint.fault is None:
                counts.listed += len(sentence.entities)
                counts.steps.update(change["step"] for change in datapoint.changes)


class _Counts:
    """What became of the answers of a config with sentences."""

    def __init__(self) -> None:
        self.answers = 0
        self.without_log_probabilities = 0
        self.asked_about = 0
        self.listed = 0
        self.steps: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()


def _terms(call: Call, reply: Reply | None) -> list[str]:
    return read_terms(reply, call.about["at_most"])


def _fragment(reason: str, text: str) -> Fragment:
    """Return the end of an answer, where it broke off."""
    return Fragment(reason, text[-_END_SHOWN:].encode("utf-8", "backslashreplace").decode("utf-8"))
