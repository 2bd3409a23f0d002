"""The history of one datapoint of a built release, from the raw response to the verdict.

The journal has the call and the response, provenance what was changed in a published row, the rejects why any
other datapoint was dropped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..generation.calls import Call, Reply
from ..generation.journal import Journal
from ..generation.plan import reading_of
from ..generation.salvage import Found, Salvage
from ..release import Release
from ..schema.errors import DataError
from ..schema.manifest import joint_configs
from ..schema.splits import SPLITS
from ..sources.files import open_bytes
from .columns import operation_of
from .curated_split import agreement_file
from .reading import shape_fault
from .rejects import shown

_ID = re.compile(rf"(?P<config>.+)-(?P<split>{'|'.join(SPLITS)})-(?P<call>[0-9]+)-(?P<item>[0-9]+)")

# Between two tokens of a datapoint stand at most quotes, a label, blanks and the keys of a pair.
_MOST_BETWEEN_TOKENS = 120
# Enough for what a model writes; few enough for a response that is made to be slow.
_MOST_PLACES_TRIED = 1000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a datapoint.

    Attributes:
        step: The step that dropped it; empty where it is published.
        reason: Why it was dropped.
        changes: What was changed in it, as provenance has it.
        agreement: How well its labels agree with gold, from 0 to 1; None where that was not measured.
        published: Tokens and labels of its row, as `tokens` and `ner_tags`; None where it has none.
    """

    step: str
    reason: str
    changes: tuple[Mapping[str, Any], ...]
    agreement: float | None
    published: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class History:
    """All that is known about one datapoint.

    Attributes:
        id: The id of its row, or the one that its row would have.
        call: The call that it came from.
        model: The model snapshot that the response names, else the model asked for.
        finish_reason: Why the model stopped, in the server's own word.
        response: What the model wrote.
        found: The datapoint as it was found there.
        place: Where it stands in the response: first character and the one behind the last; None where the
            response writes it in some other way.
        outcome: What became of it.
        joint: What became of it, once published, in each config that joins its own; None where it is in that,
            too.
    """

    id: str
    call: Call
    model: str
    finish_reason: str | None
    response: str
    found: Found
    place: tuple[int, int] | None
    outcome: Outcome
    joint: Mapping[str, Outcome | None]

    @property
    def operation(self) -> str | None:
        """What a method that asks no chat model did to the gold sentence; None where it does not say."""
        return operation_of(self.call.engine, self.found)

    @property
    def is_readable(self) -> bool:
        """Whether it has tokens and tags by their kind, be they equally many or not."""
        tokens, tags = self.found.tokens, self.found.tags
        return (
            self.found.fault is None
            and tokens is not None
            and tags is not None
            and shape_fault(tokens, tags) is None
        )

    def as_json(self) -> dict[str, Any]:
        """Return the history as `synthner build --explain --json` prints it."""
        call, outcome = self.call, self.outcome
        return {
            "id": self.id,
            "config": call.config,
            "split": call.split,
            "call": {
                "number": call.index,
                "call_key": call.key,
                "engine": call.engine,
                "model": self.model,
                "prompt_sha256": call.prompt_sha256,
                "seed_ids": list(call.seed_ids),
                "seed_revision": call.seed_revision,
                "sampling": dict(call.sampling),
                "finish_reason": self.finish_reason,
            },
            "response": self.response,
            "item": self.found.item,
            "parse_path": self.found.parse_path,
            "operation": self.operation,
            "source": self.found.source,
            "tokens": self.found.tokens if self.is_readable else None,
            "ner_tags": self.found.tags if self.is_readable else None,
            "changes": [dict(change) for change in outcome.changes],
            "kept": outcome.published is not None,
            "step": outcome.step,
            "reason": outcome.reason,
            "agreement": outcome.agreement,
            "published": dict(outcome.published) if outcome.published else None,
            **({"joint": self._joint_as_json()} if self.joint else {}),
        }

    def _joint_as_json(self) -> dict[str, Any]:
        return {
            name: {
                "kept": dropped is None,
                "step": dropped.step if dropped else "",
                "reason": dropped.reason if dropped else "",
            }
            for name, dropped in self.joint.items()
        }


def explain(release: Release, manifest: Mapping[str, Any], id_: str) -> History:
    """Tell the history of one datapoint, whether it was published or dropped.

    Args:
        release: A release that is built.
        manifest: Its manifest.
        id_: The id of a published row, or the one that a line of the rejects has.

    Raises:
        DataError: If no datapoint has this id, or a file that knows about it is gone.
    """
    parts = _ID.fullmatch(id_)
    config = manifest["configs"].get(parts["config"]) if parts else None
    if parts is None or config is None:
        raise _unknown(release, manifest, id_)
    rejects = release.rejects(parts["config"])
    outcome = _of_published(release.dataset, rejects, config, id_) or _of_dropped(rejects, id_)
    if outcome is None:
        raise _unknown(release, manifest, id_)
    call, reply = _answer(release, parts["config"], parts["split"], int(parts["call"]))
    response = reply.text or ""
    result = _read(release, call, response)
    found = result.found[int(parts["item"])]
    return History(
        id=id_,
        call=call,
        model=shown(reply.model or call.model),
        finish_reason=None if reply.finish_reason is None else shown(reply.finish_reason),
        response=response,
        found=found,
        place=_place_of(found, result, response),
        outcome=outcome,
        joint={} if outcome.published is None else _in_joint_configs(release, manifest, id_, call.config),
    )


def _in_joint_configs(
    release: Release, manifest: Mapping[str, Any], id_: str, config: str
) -> dict[str, Outcome | None]:
    """Return what became of a published datapoint in each config that joins its own."""
    return {
        name: _of_dropped(release.rejects(name), id_)
        for name, joint in joint_configs(manifest).items()
        if config in joint["joins"].values()
    }


def _read(release: Release, call: Call, response: str) -> Salvage:
    config = next(config for config in release.configs if config.name == call.config)
    with Journal(release.journal) as journal:
        return reading_of(config, release, {}, journal)(call, response)


def _unknown(release: Release, manifest: Mapping[str, Any], id_: str) -> DataError:
    splits = (split for config in manifest["configs"].values() for split in config["splits"].values())
    example = next((sample["id"] for split in splits for sample in split["samples"]), None)
    return DataError(
        f"no datapoint has the id `{shown(id_)}`",
        where=str(release.path),
        hint=f"Ids are in the published rows and in {release.work / 'rejects'}"
        + (f", for example `{example}`." if example else "."),
    )


def _of_published(dataset: Path, rejects: Path, config: Mapping[str, Any], id_: str) -> Outcome | None:
    """Return what became of a datapoint that is published; None if it is not."""
    from .parquet import find_row

    def row_of(table: Mapping[str, Any]) -> dict[str, Any] | None:
        return find_row((dataset / shard["file"] for shard in table["files"]), id_)

    origin = row_of(config["provenance"])
    row = row_of(config["splits"][origin["split"]]) if origin else None
    if origin is None or row is None:
        return None
    return Outcome(
        step="",
        reason="",
        changes=tuple(json.loads(origin["repairs"])),
        agreement=_agreement(agreement_file(rejects), id_),
        published={
            "tokens": row["tokens"],
            "ner_tags": [config["labels"][number] for number in row["ner_tags"]],
        },
    )


def _agreement(path: Path, id_: str) -> float | None:
    line = _line_of(path, id_) if path.exists() else None
    return line["agreement"] if line else None


def _of_dropped(rejects: Path, id_: str) -> Outcome | None:
    """Return what became of a datapoint that is not published; None if there was no such datapoint."""
    if not rejects.exists():
        raise DataError(
            "the list of what was not published is gone",
            where=str(rejects),
            hint="Remove the dataset's manifest.json and run `synthner build`: both are written again.",
        )
    line = _line_of(rejects, id_)
    if line is None:
        return None
    return Outcome(line["step"], line["reason"], tuple(line.get("changes", ())), line.get("agreement"), None)


def _line_of(path: Path, id_: str) -> dict[str, Any] | None:
    """Return the object with an id among lines of JSON."""
    written = json.dumps(id_).encode()
    with open_bytes(path) as lines:
        for line in lines:
            # To read each line as JSON would take many times as long.
            if written in line and (value := json.loads(line)).get("id") == id_:
                return value
    return None


def _answer(release: Release, config: str, split: str, index: int) -> tuple[Call, Reply]:
    with Journal(release.journal) as journal:
        for call, reply in journal.answers(config, (split,)):
            if call.index == index and reply is not None:
                return call, reply
    raise DataError(
        f"the journal has no answer to call {index} of {split} in {config} any more",
        where=str(release.journal),
        hint="Run `synthner build` again: it was generated anew meanwhile.",
    )


def _place_of(found: Found, result: Salvage, response: str) -> tuple[int, int] | None:
    """Find where a datapoint stands in its response; equal ones stand there in their order."""
    if not found.tokens or not all(isinstance(token, str | int) for token in found.tokens):
        return None
    earlier = sum(other.tokens == found.tokens for other in result.found[: found.item])
    for write in (str, _in_json, _in_ascii_json):
        words = [write(token) for token in found.tokens]
        place, end = None, 0
        for _ in range(earlier + 1):
            place = _find_words(response, words, end)
            if place is None:
                break
            end = place[1]
        if place is not None:
            return place
    return None


def _in_json(token: str | int) -> str:
    return json.dumps(str(token), ensure_ascii=False)[1:-1]


def _in_ascii_json(token: str | int) -> str:
    return json.dumps(str(token))[1:-1]


def _find_words(text: str, words: Sequence[str], start: int) -> tuple[int, int] | None:
    """Find words that stand one after another, with little between them."""
    for _ in range(_MOST_PLACES_TRIED):
        begin = text.find(words[0], start)
        if begin < 0:
            return None
        end = begin + len(words[0])
        for word in words[1:]:
            at = text.find(word, end, end + _MOST_BETWEEN_TOKENS + len(word))
            if at < 0:
                break
            end = at + len(word)
        else:
            return begin, end
        start = begin + 1
    return None
