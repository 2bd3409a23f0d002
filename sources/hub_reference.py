"""A split of a dataset on the Hub, named where a file could be: `hub:org/name/config/split@revision`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..schema.errors import WrongUsageError
from ..schema.splits import SPLIT_NAMES
from .hub import read_hub
from .report import Report
from .sentences import Sentence

PREFIX = "hub:"

_DEFAULT_SPLIT = "train"
_REFERENCE = re.compile(
    r"hub:(?P<name>[^/@\s]+/[^/@\s]+)(?:/(?P<config>[^/@\s]+))?(?:/(?P<split>[^/@\s]+))?(?:@(?P<revision>\S+))?"
)


@dataclass(frozen=True, slots=True)
class HubReference:
    """A split of a dataset.

    Attributes:
        name: `organisation/name`.
        config: The config; None for a dataset that has one only.
        split: `train`, `validation` or `test`.
        revision: Commit, tag or branch; None for `main`.
    """

    name: str
    config: str | None
    split: str
    revision: str | None


def hub_reference(path: Path) -> HubReference | None:
    """Read a path as a reference to the Hub; None if it does not begin with `hub:`.

    Example:
        >>> hub_reference(Path("hub:org/synth-lowres-ner/yor_gpt4@v1.0.0"))
        HubReference(name='org/synth-lowres-ner', config='yor_gpt4', split='train', revision='v1.0.0')

    Raises:
        WrongUsageError: If it begins so, and goes on otherwise.
    """
    written = path.as_posix()
    if not written.startswith(PREFIX):
        return None
    found = _REFERENCE.fullmatch(written)
    if found is None or (found["split"] or _DEFAULT_SPLIT) not in SPLIT_NAMES:
        raise WrongUsageError(
            f"`{written}` names no split of a dataset",
            hint="Write hub:ORG/NAME, hub:ORG/NAME/CONFIG or hub:ORG/NAME/CONFIG/SPLIT, then @REVISION if it "
            f"matters. A split is {', '.join(SPLIT_NAMES)}.",
        )
    return HubReference(found["name"], found["config"], found["split"] or _DEFAULT_SPLIT, found["revision"])


def read_reference(
    reference: HubReference, tag_names: Sequence[str] | None, report: Report
) -> Iterator[Sentence]:
    """Read the sentences of a split on the Hub.

    Raises:
        DataError: If it cannot be reached or read, or has no such split.
    """
    data = read_hub(reference.name, config=reference.config, revision=reference.revision)
    data.check_split(reference.split)
    return data.sentences(reference.split, tag_names, report)
