"""What `synthner salvage` does: datapoints out of a file of recorded responses, without a release."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from ..generation.paper_rule import salvage_by_paper_rule
from ..generation.responses import RecordedResponse, read_responses
from ..generation.salvage import salvage
from ..schema.errors import WrongUsageError
from ..schema.labels import LabelSet
from ..schema.provenance import Origin
from ..schema.validation import nearest
from ..schema.waterfall import Waterfall
from ..sources.files import write_atomically
from .columns import Batch, Place
from .gates import iob2_gate, labels_gate, run_gates, text_gate
from .label_columns import LabelNumbers
from .reading import Reader
from .rejects import Rejects, open_rejects
from .vocabulary import Vocabulary

RULES = ("default", "paper")

STEPS = ("returned", "parsed", "schema", "lengths", "labels", "iob2", "text")
"""The steps of the default rule. The language of a plain file is not known, nor what it may not repeat."""


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """What one step kept and lost.

    Attributes:
        kept: Datapoints that passed.
        lost: Datapoints that did not.
    """

    kept: int
    lost: int


@dataclass(frozen=True, slots=True)
class SalvageOutcome:
    """What became of a file of responses.

    Attributes:
        calls: Responses read.
        returned: Datapoint objects in them, whether they could be read or not.
        usable: Datapoints written.
        steps: What each step did, in order.
    """

    calls: int
    returned: int
    usable: int
    steps: Mapping[str, StepOutcome]

    def as_json(self) -> dict[str, Any]:
        """Return the figures as `--json` prints them."""
        return {
            "calls": self.calls,
            "returned": self.returned,
            "usable": self.usable,
            "steps": {name: {"kept": step.kept, "lost": step.lost} for name, step in self.steps.items()},
        }


def _tell_nobody(_calls: int) -> None:
    pass


def salvage_file(
    raw: Path,
    output: Path,
    labels: LabelSet,
    *,
    rejects: Path | None = None,
    rule: str = "default",
    progress: Callable[[int], None] = _tell_nobody,
) -> SalvageOutcome:
    """Recover the datapoints of recorded responses as JSONL: `id`, `tokens`, `ner_tags` by name.

    Args:
        raw: Responses, one JSON object a line, plain or gzipped.
        output: Where the datapoints go; written whole or not at all, gzipped if its name ends with `.gz`.
        labels: The label set; integer tags index it.
        rejects: Where everything else goes, each with its reason.
        rule: `default`, or `paper` for the rule of Kamath & Vajjala (2025) and nothing else.
        progress: Told how many responses were just read.

    Raises:
        WrongUsageError: If there is no such rule, or two of the files are the same.
        DataError: If the responses cannot be read or a file cannot be written.
    """
    if rule not in RULES:
        raise WrongUsageError(f"there is no rule `{rule}`", hint=nearest(rule, RULES))
    files = [path.resolve() for path in (raw, output, rejects) if path is not None]
    if len(set(files)) < len(files):
        raise WrongUsageError("responses, datapoints and rejects must be three different files")
    salvage_by_rule = _salvage_by_gates if rule == "default" else _salvage_by_paper_rule
    with open_rejects(rejects) as rejected, write_atomically(output) as written:
        return salvage_by_rule(raw, labels, written, rejected, progress)


def _salvage_by_gates(
    raw: Path, labels: LabelSet, output: TextIO, rejects: Rejects, progress: Callable[[int], None]
) -> SalvageOutcome:
    vocabulary = Vocabulary(scripts=())
    gates = (
        ("labels", labels_gate(labels)),
        ("iob2", iob2_gate(labels, "conlleval")),
        ("text", text_gate(vocabulary, script_share=0.0, compose=False)),
    )
    waterfall = Waterfall()
    reader = Reader(LabelNumbers(labels), vocabulary, waterfall, rejects)

    def pass_on() -> None:
        _write(run_gates(gates, reader.take(), waterfall, rejects), vocabulary, labels, output)
        vocabulary.make_room()

    calls = 0
    for place, response in _calls(raw, rejects, progress):
        calls += 1
        if response.error is not None:
            continue
        reader.read(salvage(response.text or ""), place, requested=0)
        if reader.is_full:
            pass_on()
    pass_on()
    counts = [waterfall[step] for step in STEPS]
    steps = {
        step: StepOutcome(count.kept, sum(count.lost.values()))
        for step, count in zip(STEPS, counts, strict=True)
    }
    return SalvageOutcome(calls, steps["returned"].kept, steps["text"].kept, steps)


def _calls(
    raw: Path, rejects: Rejects, progress: Callable[[int], None]
) -> Iterator[tuple[Place, RecordedResponse]]:
    """Yield every recorded call; one that failed goes to the rejects as well."""
    for response in read_responses(raw):
        progress(1)
        place = _place(response)
        if response.error is not None:
            rejects.source(place, None, "call failed", response.error)
        yield place, response


def _salvage_by_paper_rule(
    raw: Path, labels: LabelSet, output: TextIO, rejects: Rejects, progress: Callable[[int], None]
) -> SalvageOutcome:
    calls = returned = usable = 0
    for place, response in _calls(raw, rejects, progress):
        calls += 1
        if response.error is not None:
            continue
        result = salvage_by_paper_rule(
            response.text or "", structured=response.structured, labels=len(labels.names)
        )
        returned += result.returned
        usable += len(result.kept)
        for item, (tokens, tags) in enumerate(result.kept):
            _write_row(output, f"{response.index}-{item}", tokens, labels.decode(tags))
        for reason, count in sorted(result.lost.items()):
            rejects.further(place, reason, count)
    steps = {"returned": StepOutcome(returned, 0), "paper rule": StepOutcome(usable, returned - usable)}
    return SalvageOutcome(calls, returned, usable, steps)


def _place(response: RecordedResponse) -> Place:
    key = response.id if response.id is not None else str(response.index)
    return Place("", response.index, Origin(call_key=key, engine="recorded", model=response.model or ""))


def _write(batch: Batch, vocabulary: Vocabulary, labels: LabelSet, output: TextIO) -> None:
    tokens, tags, starts = batch.tokens.tolist(), batch.tags.tolist(), batch.starts.tolist()
    for row, (place, found) in enumerate(batch.datapoints):
        words = slice(starts[row], starts[row + 1])
        _write_row(
            output,
            f"{place.index}-{found.item}",
            [vocabulary.texts[number] for number in tokens[words]],
            labels.decode(tags[words]),
        )


def _write_row(output: TextIO, id_: str, tokens: list[str], tags: list[str]) -> None:
    row = {"id": id_, "tokens": tokens, "ner_tags": tags}
    output.write(json.dumps(row, ensure_ascii=False) + "\n")
