"""Gold data for generation and evaluation: sound sentences only, and a report of what they were made from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from ..schema.errors import DataError
from ..schema.example import Example
from ..schema.iob2 import REPAIR_POLICIES, Mention, mentions, parse_tag, repair, tags_of
from ..schema.labels import LabelSet
from ..schema.splits import SPLIT_NAMES
from ..schema.validation import nearest
from .checks import Checker, problems_of_token
from .corpora import Corpus, corpus
from .files import file_hash
from .hub import read_hub
from .readers import read_sentences
from .report import Report
from .sentences import Sentence


@dataclass(frozen=True)
class GoldSource:
    """Where gold data comes from: exactly one of `corpus`, `files` and `hub`.

    Attributes:
        corpus: A corpus by name.
        files: Files by split.
        hub: A dataset of the Hub by id.
        config: The config of the Hub dataset, or of the corpus where its language does not decide it.
        revision: The revision of the Hub dataset; overrides a corpus's own.
        license: Hub licence id; overrides the corpus's.
        citation: BibTeX; overrides the corpus's.
        labels: The label set; by default that of the train split.
    """

    corpus: str | None = None
    files: Mapping[str, Path] | None = None
    hub: str | None = None
    config: str | None = None
    revision: str | None = None
    license: str | None = None
    citation: str | None = None
    labels: LabelSet | None = None


@dataclass(frozen=True)
class Gold:
    """Gold data, read and made sound.

    Attributes:
        splits: Examples by split (`train`, `validation`, `test`): one IOB2 label of `labels` a token.
        labels: The label set.
        license: Hub licence id; None where nobody says.
        citation: BibTeX; None where nobody says.
        title: What to call it.
        revision: The commit on the Hub, or `sha256:…` of the content of the files.
        report: What was irregular, repaired, read as O or left out.
        hub: Its id on the Hub, if it has one.
        note: What its users should know.
        left_out: Where sentences that cannot be used stood in each split, from 0.
    """

    splits: Mapping[str, tuple[Example, ...]]
    labels: LabelSet
    license: str | None
    citation: str | None
    title: str
    revision: str
    report: Report
    hub: str | None = None
    note: str = ""
    left_out: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Opened:
    """A source that was found: how to read each of its splits, and what is known about it."""

    splits: Mapping[str, Callable[[Report], Iterator[Sentence]]]
    names: Mapping[str, str | Path]
    title: str
    revision: str
    license: str | None = None
    known: Corpus | None = field(default=None)
    hub: str | None = None


def load_gold(source: GoldSource, language_code: str, *, iob2_policy: str = "conlleval") -> Gold:
    """Read gold data.

    Misplaced I- tags are repaired by the policy. A mention of a type that the label set does not have is
    read as `O`. A sentence with a missing or invalid tag, a blank token or half a character is left out.
    Each is counted in the report, with the first place.

    Args:
        source: Where it comes from.
        language_code: The language, as the release writes it; decides the config of a corpus.
        iob2_policy: A name in `REPAIR_POLICIES`.

    Raises:
        DataError: If it cannot be found or read, or nothing sound is in a split.
    """
    if iob2_policy not in REPAIR_POLICIES:
        raise DataError(
            f"there is no IOB2 policy `{iob2_policy}`", hint=nearest(iob2_policy, REPAIR_POLICIES)
        )
    opened = _open(source, language_code)
    report = Report()
    checker = Checker(report)
    sound: dict[str, list[Sentence]] = {}
    left_out: dict[str, tuple[int, ...]] = {}
    for split, read in opened.splits.items():
        checker.start_file(opened.names[split])
        checked = list(_checked(read(report), opened.names[split], checker, report))
        sound[split] = [sentence for sentence in checked if sentence is not None]
        left_out[split] = tuple(place for place, sentence in enumerate(checked) if sentence is None)
        if not sound[split]:
            raise DataError(
                f"the {split} split has no sentence with sound labels", where=str(opened.names[split])
            )
    labels = source.labels or _labels_of(sound, opened)
    splits = {}
    for split, sentences in sound.items():
        made_sound = _Labelling(labels, iob2_policy, opened.names[split], report)
        splits[split] = tuple(map(made_sound.example, sentences))
    known = opened.known
    return Gold(
        splits=splits,
        labels=labels,
        license=source.license or opened.license,
        citation=source.citation or (known.citation if known else None),
        title=opened.title,
        revision=opened.revision,
        report=report,
        hub=opened.hub,
        note=known.note if known else "",
        left_out=left_out,
    )


def _open(source: GoldSource, language_code: str) -> _Opened:
    given = [name for name in ("corpus", "files", "hub") if getattr(source, name)]
    if len(given) != 1:
        raise DataError(
            f"gold data is given as {' and '.join(given) or 'nothing'}",
            hint="Give exactly one of `corpus`, `files` and `hub`.",
        )
    if source.files:
        return _open_files(source.files, source.labels)
    known = corpus(source.corpus) if source.corpus else None
    return _open_hub(source, known, language_code)


def _open_files(files: Mapping[str, Path], labels: LabelSet | None) -> _Opened:
    ordered = {split: files[split] for split in SPLIT_NAMES if split in files}
    digest = sha256()
    for split, path in ordered.items():
        digest.update(f"{split}\0".encode())
        digest.update(bytes.fromhex(file_hash(path)))

    def reader(path: Path) -> Callable[[Report], Iterator[Sentence]]:
        return lambda report: read_sentences(path, labels=labels, report=report)

    return _Opened(
        splits={split: reader(path) for split, path in ordered.items()},
        names=ordered,
        title=", ".join(path.name for path in ordered.values()),
        revision=f"sha256:{digest.hexdigest()}",
    )


def _open_hub(source: GoldSource, known: Corpus | None, language_code: str) -> _Opened:
    name = source.hub or (known.hub if known else "")
    config = source.config or (known.config_of(language_code) if known else None)
    data = read_hub(name, config=config, revision=source.revision or (known.revision if known else None))
    tag_names = source.labels.names if source.labels else None
    if known and known.tag_names:
        tag_names = known.tag_names

    def reader(split: str) -> Callable[[Report], Iterator[Sentence]]:
        return lambda report: data.sentences(split, tag_names, report)

    # Where a folder on this machine is, is nobody's business.
    is_folder = Path(name).is_dir()
    return _Opened(
        splits={split: reader(split) for split in data.splits},
        names={split: data.where(split) for split in data.splits},
        title=known.title if known else Path(name).resolve().name if is_folder else name,
        revision=data.revision,
        license=known.license if known else data.license,
        known=known,
        hub=None if is_folder else name,
    )


def _checked(
    sentences: Iterable[Sentence], where: str | Path, checker: Checker, report: Report
) -> Iterator[Sentence | None]:
    """Check all sentences; None stands for each whose tokens or labels cannot be used."""
    for sentence in sentences:
        checker.check(sentence)
        if (
            sentence.is_aligned
            and all(map(parse_tag, sentence.tags))
            and all(map(_is_usable, sentence.tokens))
        ):
            yield sentence
        else:
            report.add("sentence left out", file=where, line=sentence.line)
            yield None


def _is_usable(token: str) -> bool:
    if token.isascii() and not token.isspace():
        return bool(token)
    if any("\ud800" <= character <= "\udfff" for character in token):
        return False
    return "blank token" not in problems_of_token(token)


def _labels_of(sound: Mapping[str, list[Sentence]], opened: _Opened) -> LabelSet:
    """Return the labels of the train split; where there is none, those of all splits."""
    splits = ["train"] if "train" in sound else list(sound)
    labels = LabelSet.of_tags({tag for split in splits for sentence in sound[split] for tag in sentence.tags})
    if not labels.types:
        raise DataError(
            f"there is no mention of any type in {' and '.join(f'gold {split}' for split in splits)}",
            where=", ".join(str(opened.names[split]) for split in splits),
            hint="Are its tags IOB2 tags, as in `B-PER`? What other splits mention does not count, unless "
            "`labels` of the language names the types.",
        )
    return labels


class _Labelling:
    """Makes the tags of sound sentences IOB2 tags of one label set, and counts what that changes."""

    def __init__(self, labels: LabelSet, policy: str, where: str | Path, report: Report) -> None:
        self._labels = frozenset(labels.names)
        self._policy = policy
        self._where = where
        self._report = report

    def example(self, sentence: Sentence) -> Example:
        repaired = repair(sentence.tags, self._policy)
        for change in repaired.changes:
            self._note("I- tag repaired", sentence, change.position, change.before)
        tags = repaired.tags
        if not self._labels.issuperset(tags):
            tags = self._without_other_types(sentence, mentions(tags))
        return Example(sentence.id, sentence.tokens, tags)

    def _without_other_types(self, sentence: Sentence, found: list[Mention]) -> tuple[str, ...]:
        kept = []
        for mention in found:
            label = f"B-{mention.type}"
            if label in self._labels:
                kept.append(mention)
            else:
                self._note("type read as O", sentence, mention.start, label)
        return tuple(tags_of(kept, len(sentence.tokens)))

    def _note(self, kind: str, sentence: Sentence, position: int, label: str) -> None:
        self._report.add(
            kind,
            file=self._where,
            line=sentence.line_of(position),
            token=sentence.tokens[position],
            label=label,
        )
