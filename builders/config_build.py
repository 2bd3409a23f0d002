"""The build of one config: answers of the journal through all gates into parquet, split by split.

Batches are written as they pass. Only a split that is curated waits, on disk, until all of it is there:
curation compares its sentences with each other. Its answers are read once before, for what labels outside the
set mean.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from ..generation.calls import Call, Reply
from ..generation.journal import Journal
from ..generation.methods.offline_calls import NOTHING_MADE
from ..generation.plan import findings_of, prompt_format, reading_of
from ..projection.model_folders import name_without_folder
from ..release import Config, Release
from ..schema.errors import DataError
from ..schema.methods import OFFLINE, has_soft_labels
from ..schema.provenance import Origin
from ..schema.splits import SPLITS
from ..schema.waterfall import JOINED, STEPS, Waterfall
from ..sources.gold import Gold
from .columns import Batch, Place
from .contamination import ContaminationGate
from .costs import describe_costs
from .curated_split import CURATED_SPLIT, STEP, SplitCuration, write_agreement
from .curation.label_ids import LabelMapping, count_labels, map_labels
from .duplicates import PRIORITY, DuplicatesGate
from .gates import Gate, iob2_gate, labels_gate, run_gates, text_gate
from .label_columns import LabelColumns, LabelCounts, LabelNumbers
from .parquet import (
    ShardName,
    TableWriter,
    datapoint_features,
    datapoint_table,
    open_table,
    provenance_features,
    provenance_table,
    row_ids,
)
from .quoting import Quoting
from .reading import Reader
from .rejects import Rejects, open_rejects, shown
from .row_tally import RowTally
from .vocabulary import Vocabulary

Watcher = Callable[[Call, Reply | None], object]

TOTALS = ("requested", "returned", "published")
# Every step is shown, also one that nothing reached; curation only where it ran.
_STEPS_OF_ALL_SPLITS = tuple(step for step in STEPS if step not in (STEP, JOINED))


_SHARD = re.compile(rf"(?:{'|'.join(SPLITS)})-\d{{5}}-of-\d{{5}}\.parquet")
_PROVENANCE_SHARD = re.compile(r"-\d{5}-of-\d{5}")


def split_shards(config: str, split: str) -> ShardName:
    """Return what names the shards of a split in the dataset."""
    return lambda number, total: f"{config}/{split}-{number:05}-of-{total:05}.parquet"


def provenance_shards(config: str) -> ShardName:
    """Return what names the shards of a config's provenance in the dataset; mostly there is one."""
    return lambda number, total: (
        f"provenance/{config}{f'-{number:05}-of-{total:05}' if total > 1 else ''}.parquet"
    )


def shards_in(dataset: Path, config: str) -> set[str]:
    """Return what is in a dataset's folder under the name of a shard of a config, whatever put it there."""
    return {
        path.relative_to(dataset).as_posix()
        for path in (dataset / config).glob("*.parquet")
        if _SHARD.fullmatch(path.name)
    } | {
        path.relative_to(dataset).as_posix()
        for path in (dataset / "provenance").glob(f"{config}*.parquet")
        if path.stem == config or _PROVENANCE_SHARD.fullmatch(path.stem.removeprefix(config))
    }


class ConfigBuild:
    """Builds one config into a folder.

    Args:
        config: What to build.
        release: Its release.
        gold: Gold data by language code.
        journal: Where the answers are.
        watchers: Told of every call as it is read, with its reply.
        max_shard_bytes: How large a file of the dataset may get.

    Raises:
        DataError: If the config is to be curated and the encoder that judges labels cannot be had.
    """

    def __init__(
        self,
        config: Config,
        release: Release,
        gold: dict[str, Gold],
        journal: Journal,
        watchers: Sequence[Watcher] = (),
        *,
        max_shard_bytes: int,
    ) -> None:
        gates, of_language = release.gates, gold[config.language.code]
        self._config = config
        self._read = reading_of(config, release, gold, journal)
        self._findings = partial(findings_of, config, release, gold, journal)
        self._max_shard_bytes = max_shard_bytes
        self._journal = journal
        self._watchers = watchers
        self._labels = of_language.labels
        self._label_columns = LabelColumns(self._labels)
        self._vocabulary = Vocabulary(config.language.scripts)
        self._duplicates = DuplicatesGate()
        self._contamination = ContaminationGate(of_language, config.generator.seeds_from)
        self._quoting = Quoting(of_language.splits, self._labels.names)
        self._gold = of_language
        self._sentence_gates = (
            ("iob2", iob2_gate(self._labels, gates.iob2)),
            (
                "text",
                text_gate(self._vocabulary, script_share=gates.script_share, compose=gates.unicode == "nfc"),
            ),
        )
        self._comparing_gates = (("duplicates", self._duplicates), ("contamination", self._contamination))
        self._curation = (
            SplitCuration(config.name, of_language, release.seed, self._quoting, config.generator.judge)
            if config.generator.curation
            else None
        )
        self._calls = _CallTally(self._quoting)

    def run(self, folder: Path, rejects_path: Path) -> dict[str, Any]:
        """Write parquet and provenance below `folder`, and the rejects.

        Returns:
            The config's part of the manifest.

        Raises:
            DataError: If nothing is left, or a file cannot be written.
        """
        name = self._config.name
        planned = self._journal.progress(name)
        splits: dict[str, Any] = {}
        left_out: dict[str, str] = {}
        waterfalls: dict[str, Waterfall] = {}
        features = provenance_features()
        with (
            open_rejects(rejects_path, self._config.name) as rejects,
            open_table(folder, provenance_shards(name), features, self._max_shard_bytes) as provenance,
        ):
            for split in PRIORITY:
                if split not in planned:
                    continue
                waterfalls[split] = Waterfall()
                described = self._run_split(split, folder, provenance, waterfalls[split], rejects)
                if described is None:
                    left_out[split] = self._why_empty(split, planned[split].answered)
                else:
                    splits[split] = described
        write_agreement(self._curation, rejects_path)
        if not splits:
            raise self._nothing_left(waterfalls)
        totals = {step: sum(waterfall[step].kept for waterfall in waterfalls.values()) for step in TOTALS}
        return {
            **self._description(),
            "calls": {
                split: {"planned": count.planned, "answered": count.answered, "failed": count.failed}
                for split, count in planned.items()
            },
            **self._calls.as_json(),
            **describe_costs(self._config, self._journal, totals["published"]),
            "labels": list(self._labels.names),
            "splits": {split: splits[split] for split in SPLITS if split in splits},
            "splits_left_out": {split: left_out[split] for split in SPLITS if split in left_out},
            "totals": totals,
            "waterfall": {
                split: self._quoting.waterfall(waterfalls[split].as_json())
                for split in SPLITS
                if split in waterfalls
            },
            "contamination": self._quoting.contamination(self._contamination.counts),
            "curation": self._curation.as_json() if self._curation else None,
            "provenance": {"files": provenance.files},
            "rejects": rejects.lines,
        }

    def _description(self) -> dict[str, Any]:
        generator, findings = self._config.generator, self._findings()
        return {
            "language": {**asdict(self._config.language), "scripts": list(self._config.language.scripts)},
            "method": generator.method,
            "engine": generator.engine,
            "model": generator.model and name_without_folder(generator.model),
            "format": prompt_format(self._config),
            "examples": generator.examples,
            "datapoints": generator.datapoints,
            "seeds_from": dict(generator.seeds_from),
            **({"method_findings": findings} if findings is not None else {}),
            "sampling": dict(generator.sampling),
            "gold": describe_gold(self._config, self._gold),
        }

    def _run_split(
        self, split: str, folder: Path, provenance: TableWriter, waterfall: Waterfall, rejects: Rejects
    ) -> dict[str, Any] | None:
        """Write one split; return what the manifest says of it, None if it holds no row."""
        for step in _STEPS_OF_ALL_SPLITS:
            waterfall[step]
        self._duplicates.begin_split(split)
        soft = has_soft_labels(self._config.generator.method)
        features = datapoint_features(self._labels, soft=soft)
        tally = RowTally(self._label_columns, self._labels.names, self._quoting)
        name = split_shards(self._config.name, split)
        with open_table(folder, name, features, self._max_shard_bytes) as rows:
            for published, texts in self._published(split, waterfall, rejects):
                ids = row_ids(published, self._config.name)
                rows.write(datapoint_table(published, ids, texts, features.arrow_schema))
                provenance.write(provenance_table(published, ids))
                tally.add(published, ids, texts)
        waterfall["published"].kept = tally.examples
        waterfall["published"].notes["without mentions"] = tally.without_mentions
        if not tally.examples:
            return None
        return {"files": rows.files, "num_bytes": rows.num_bytes, **tally.as_json()}

    def _published(
        self, split: str, waterfall: Waterfall, rejects: Rejects
    ) -> Iterator[tuple[Batch, list[str]]]:
        """Yield what passes the gates, and curation where there is one, with the tokens by number."""
        texts = self._vocabulary.texts
        mapping = self._label_mapping(split) if self._curation and split == CURATED_SPLIT else None
        gates = (("labels", labels_gate(self._labels, mapping)), *self._sentence_gates)
        numbers = LabelNumbers(self._labels, mapping.meanings if mapping else None)
        reader = Reader(numbers, self._vocabulary, waterfall, rejects)
        passed = (
            self._filter(batch, gates, waterfall, rejects)
            for batch in self._batches(split, reader, waterfall)
        )
        if self._curation is None or split != CURATED_SPLIT:
            yield from ((batch, texts) for batch in passed)
            return
        for batch in passed:
            self._curation.hold(batch, texts)
        yield from self._curation.curated(waterfall, rejects)

    def _why_empty(self, split: str, answered: int) -> str:
        if self._curation and split == CURATED_SPLIT and self._curation.kept_nothing_because:
            return self._curation.kept_nothing_because
        return "no datapoint passed the gates" if answered else "no call was answered"

    def _nothing_left(self, waterfalls: dict[str, Waterfall]) -> DataError:
        reason = self._curation.kept_nothing_because if self._curation else None
        if reason is not None:
            return DataError(
                f"no datapoint is left after {reason}",
                where=self._config.name,
                hint="With `curation: false` its generator publishes what passes the gates.",
            )
        return DataError(
            "no datapoint is left after the gates",
            where=self._config.name,
            hint=_where_most_was_lost(waterfalls),
        )

    def _label_mapping(self, split: str) -> LabelMapping:
        """Read the answers of a split for what labels outside the set mean; no gate counts them."""
        vocabulary = Vocabulary(())
        reader = Reader(LabelNumbers(self._labels), vocabulary, Waterfall(), Rejects(None))
        counts = LabelCounts(self._labels)
        for call, reply in self._journal.answers(self._config.name, (split,)):
            if reply is None or reply.error is not None:
                continue
            reader.read(self._read(call, reply.text or ""), _place(call, reply), call.datapoints)
            if reader.is_full:
                counts.add(reader.take(), vocabulary.texts)
                vocabulary.make_room()
        counts.add(reader.take(), vocabulary.texts)
        gold = count_labels(self._gold.splits.get(CURATED_SPLIT, ()))
        return map_labels(counts.foreign, gold, counts.known)

    def _filter(
        self, batch: Batch, gates: Sequence[tuple[str, Gate]], waterfall: Waterfall, rejects: Rejects
    ) -> Batch:
        sound = run_gates(gates, batch, waterfall, rejects)
        return run_gates(self._comparing_gates, sound.with_texts(self._vocabulary), waterfall, rejects)

    def _batches(self, split: str, reader: Reader, waterfall: Waterfall) -> Iterator[Batch]:
        for call, reply in self._journal.answers(self._config.name, (split,)):
            self._calls.add(call, reply)
            for watch in self._watchers:
                watch(call, reply)
            if reply is None:
                continue
            if call.engine == OFFLINE:
                # No model could have given more: what was made of a sentence is what was asked for.
                if reply.text != NOTHING_MADE:
                    reader.read(self._read(call, reply.text or ""), _place(call, reply), requested=0)
                waterfall["requested"].kept = waterfall["returned"].kept
                if reader.is_full:
                    yield reader.take()
                    self._vocabulary.make_room()
                continue
            waterfall["requested"].kept += call.datapoints
            if reply.error is not None:
                # A call that would have served later ones has lost no datapoint.
                if call.datapoints or not call.step:
                    waterfall["returned"].lost["call failed"] += call.datapoints
                    waterfall["returned"].show(f"call failed: {shown(reply.error)}")
                continue
            reader.read(self._read(call, reply.text or ""), _place(call, reply), call.datapoints)
            if reader.is_full:
                yield reader.take()
                self._vocabulary.make_room()
        yield reader.take()
        self._vocabulary.make_room()


def describe_gold(config: Config, gold: Gold) -> dict[str, Any]:
    """Return what the manifest says about gold data."""
    files = config.gold.files
    return {
        "title": gold.title,
        "corpus": config.gold.corpus,
        "hub": gold.hub,
        "files": {split: path.name for split, path in files.items()} if files else None,
        "revision": gold.revision,
        "license": gold.license,
        "citation": gold.citation,
        "splits": {split: len(examples) for split, examples in gold.splits.items()},
        "left_out": {problem.kind: problem.count for problem in gold.report.problems},
    }


def _place(call: Call, reply: Reply) -> Place:
    origin = Origin(
        call_key=call.key,
        engine=call.engine,
        model=_model_of(call, reply),
        seed_ids=call.seed_ids,
        seed_revision=call.seed_revision,
        prompt_sha256=call.prompt_sha256,
        sampling=dict(call.sampling),
        finish_reason=None if reply.finish_reason is None else shown(reply.finish_reason),
    )
    return Place(call.split, call.index, origin)


def _model_of(call: Call, reply: Reply) -> str:
    """Return which model answered, as people may see it; a server may call it by where it is."""
    return shown(name_without_folder(reply.model or call.model))


def _where_most_was_lost(waterfalls: dict[str, Waterfall]) -> str:
    lost: Counter[str] = Counter()
    for waterfall in waterfalls.values():
        for step, count in waterfall.steps.items():
            for reason, number in count.lost.items():
                lost[f"{step}: {reason}"] += number
    if not lost:
        return "Its responses hold no datapoint."
    return "Most were lost at " + "; ".join(
        f"{reason} ({number:,})" for reason, number in lost.most_common(3)
    )


class _CallTally:
    """Sums up what the manifest says about calls.

    Args:
        quoting: Knows what of a prompt may be quoted.
    """

    def __init__(self, quoting: Quoting) -> None:
        self._quoting = quoting
        self._first: Call | None = None
        self._snapshots: Counter[str] = Counter()
        self._usage: Counter[str] = Counter()
        self._asked: tuple[float, float] | None = None

    def add(self, call: Call, reply: Reply | None) -> None:
        """Count a call in; the first one is the one of the plan's first split."""
        if self._first is None or SPLITS.index(call.split) < SPLITS.index(self._first.split):
            self._first = call
        if reply is None:
            return
        self._usage.update(
            {
                shown(name): count
                for name, count in reply.usage.items()
                if isinstance(count, int) and count > 0
            }
        )
        # What asks nobody is the same whenever it is made, and so is what the manifest says of it.
        if call.engine not in ("recorded", OFFLINE):
            first, last = self._asked or (reply.started, reply.finished)
            self._asked = min(first, reply.started), max(last, reply.finished)
        if reply.error is None and (reply.model or call.model):
            self._snapshots[_model_of(call, reply)] += 1

    def as_json(self) -> dict[str, Any]:
        """Return the keys that the manifest has for a config's calls."""
        return {
            "model_snapshots": dict(sorted(self._snapshots.items())),
            "base_url": self._first.base_url if self._first else None,
            "prompt": _prompt(self._first, self._quoting) if self._first else None,
            "usage": dict(sorted(self._usage.items())),
            "asked": {"first": self._asked[0], "last": self._asked[1]} if self._asked else None,
        }


def _prompt(call: Call, quoting: Quoting) -> dict[str, str | None] | None:
    if not call.messages:
        return None
    system = [message["content"] for message in call.messages if message["role"] == "system"]
    turns = [message for message in call.messages if message["role"] != "system"]
    if len(turns) > 1:
        user = "\n\n".join(f"{message['role']}: {message['content']}" for message in turns)
    else:
        user = turns[0]["content"] if turns else None
    return {
        "system": quoting.prompt(system[-1]) if system else None,
        "user": None if user is None else quoting.prompt(user),
    }
