"""What keeps a built release from being published: looked for in the files themselves, one last time.

The gates of the build let none of this through. But a dataset folder can be edited, or come from an older
version, and publishing cannot be taken back. A release may accept a finding, with a reason that its card
shows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

from ..schema.errors import PublishError
from ..schema.example import Example
from ..schema.iob2 import violations
from ..schema.manifest import is_joint
from ..sources.characters import text_faults
from ..sources.gold import Gold
from ..sources.normal_forms import normalised

TEXT, IOB2, CONTAMINATION, LICENSE, CARD = FINDINGS = ("text", "iob2", "contamination", "license", "card")

_ROWS_A_BATCH = 10_000
_WORDS_TO_REMEMBER = 1 << 16
_LARGEST_SHARE_IN_TRAIN = 0.5


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that keeps a release from being published.

    Attributes:
        name: What a release accepts it by: one of `FINDINGS`.
        message: What is wrong, and where.
        hint: What to do about it.
    """

    name: str
    message: str
    hint: str


def find_obstacles(
    dataset: Path, manifest: Mapping[str, Any], gold_test: Mapping[str, Sequence[Example]]
) -> list[Finding]:
    """Look for what keeps a built release from being published.

    Args:
        dataset: The folder that was built.
        manifest: Its manifest.
        gold_test: Gold test by the code of its language, as far as there is any.
    """
    known = {code: {_key(example.tokens) for example in test} for code, test in gold_test.items()}
    found = [*_of_the_card(manifest)]
    for name, config in manifest["configs"].items():
        # A config's name begins with the code of its language in the release.
        languages = config["joins"] if is_joint(config) else (name.partition("_")[0],)
        held_out = set().union(*(known.get(code, ()) for code in languages))
        for split, facts in config["splits"].items():
            files = [shard["file"] for shard in facts["files"]]
            where = files[0] if len(files) == 1 else f"{name}, {split}"
            found += _of_a_split(where, [dataset / file for file in files], config["labels"], held_out)
    return found


def find_test_in_train(gold: Mapping[str, Gold]) -> list[Finding]:
    """Look for gold whose train split holds its test split, as where a file was renamed or appended.

    Prompts show gold train, and curation learns from it: what comes of that has seen the test set. Some
    corpora repeat a few sentences, which gates and methods leave out.

    Args:
        gold: Gold data by the code of its language.
    """
    found = []
    for code, data in gold.items():
        train = {_key(example.tokens) for example in data.splits.get("train", ())}
        test = data.splits.get("test", ())
        shared = sum(_key(example.tokens) in train for example in test)
        if test and shared >= _LARGEST_SHARE_IN_TRAIN * len(test):
            found.append(
                Finding(
                    CONTAMINATION,
                    f"gold of {code}: {shared:,} of {len(test):,} sentences of test stand in train, too",
                    "Give gold train without the sentences of gold test, then generate and build again: what "
                    "was shown in prompts comes back in answers.",
                )
            )
    return found


def refuse_obstacles(found: Sequence[Finding], accepted: Mapping[str, str]) -> None:
    """Refuse to publish while there is a finding that is not accepted.

    Raises:
        PublishError: With each such finding and what to do about it.
    """
    standing = [finding for finding in found if finding.name not in accepted]
    if standing:
        raise PublishError(
            "not published: " + "; ".join(f"{finding.message} [{finding.name}]" for finding in standing),
            hint="\n".join(dict.fromkeys(finding.hint for finding in standing))
            + "\nTo publish all the same, give the reason in release.yaml: publish: accept: "
            f"{standing[0].name}: …",
        )


def _of_the_card(manifest: Mapping[str, Any]) -> Iterator[Finding]:
    if manifest["license"] is None:
        yield Finding(
            LICENSE,
            f"the dataset has no licence: {manifest['license_problem'] or 'none is known'}",
            "Give one as `license:` in release.yaml, and build again.",
        )
    release = manifest["release"]
    missing = [key for key in ("description", "authors") if not release[key]]
    if missing:
        yield Finding(
            CARD,
            f"the card is incomplete: {' and '.join(missing)} missing",
            f"Write {' and '.join(f'`{key}:`' for key in missing)} in release.yaml, and build again.",
        )


def _of_a_split(
    where: str, paths: Sequence[Path], labels: Sequence[str], held_out: set[str]
) -> Iterator[Finding]:
    counts: Counter[str] = Counter()
    first: dict[str, str] = {}
    for id_, tokens, tags in chain.from_iterable(map(_rows, paths)):
        held = {
            TEXT: any(map(_is_faulty, tokens)),
            IOB2: len(tags) != len(tokens)
            or bool(violations([labels[tag] if 0 <= tag < len(labels) else "?" for tag in tags])),
            CONTAMINATION: bool(held_out) and _key(tokens) in held_out,
        }
        for kind, holds in held.items():
            if holds:
                counts[kind] += 1
                first.setdefault(kind, id_)
    meaning = {
        TEXT: "rows hold text that cannot be read",
        IOB2: "rows have labels that are not IOB2, one a token",
        CONTAMINATION: "rows are sentences of gold test",
    }
    for kind in sorted(counts):
        message = f"{where}: {counts[kind]:,} {meaning[kind]}, first {first[kind]}"
        yield Finding(kind, message, "Run `synthner build` again: its gates drop such rows.")


def _rows(path: Path) -> Iterator[tuple[str, list[str], list[int]]]:
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(path) as rows:
        for batch in rows.iter_batches(_ROWS_A_BATCH, columns=["id", "tokens", "ner_tags"]):
            for row in batch.to_pylist():
                # What is not there at all is as bad as an empty text, or a label that there is not.
                tokens = [token or "" for token in row["tokens"] or [""]]
                tags = [-1 if tag is None else tag for tag in row["ner_tags"] or []]
                yield row["id"], tokens, tags


@lru_cache(maxsize=_WORDS_TO_REMEMBER)
def _is_faulty(token: str) -> bool:
    return bool(text_faults(token))


def _key(tokens: Sequence[str]) -> str:
    """Return what two sentences share that are the same but for case, blanks and punctuation."""
    return "".join(map(normalised, tokens)) or "\0".join(tokens)
