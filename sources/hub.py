"""Datasets on the Hugging Face Hub, by id, config and revision."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from json import JSONDecodeError
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..schema.errors import DataError
from ..schema.secrecy import without_secrets
from ..schema.splits import SPLIT_NAMES
from .hub_errors import gated_on_the_hub, hub_errors, unknown_to_the_hub
from .report import Report
from .sentences import Sentence, unique_ids
from .tables import ROWS_A_BATCH, read_batches

if TYPE_CHECKING:
    import datasets

PARQUET_REVISION = "refs/convert/parquet"
"""The branch on which the Hub keeps a parquet copy of a dataset, also of one that was a script."""


@dataclass(frozen=True)
class HubData:
    """A dataset of the Hub, loaded.

    Attributes:
        name: Its id.
        revision: The commit it was loaded from; `sha256:…` of the files of a local folder; what was asked
            for where the Hub could not be reached and the cache answered.
        license: The licence on its card, if it could be read.
        splits: Its splits by our names.
    """

    name: str
    revision: str
    license: str | None
    splits: dict[str, datasets.Dataset]

    def sentences(
        self, split: str, tag_names: Sequence[str] | None = None, report: Report | None = None
    ) -> Iterator[Sentence]:
        """Read the sentences of a split.

        Args:
            split: One of `splits`.
            tag_names: The names behind integer tags, where the dataset does not hold them itself.
            report: Collects what is irregular.

        Raises:
            DataError: If the split has no columns of tokens and tags, or integer tags without names.
        """
        rows = self.splits[split]
        where = self.where(split)
        report = report or Report()
        batches: Any = rows.with_format("arrow").iter(ROWS_A_BATCH)
        found = read_batches(batches, rows.features.arrow_schema, where, tag_names, report)
        for sentence, repeated in unique_ids(found):
            if repeated:
                report.add("id repeated", file=where, line=sentence.line)
            yield sentence

    def check_split(self, split: str) -> None:
        """Make sure that there is a split.

        Raises:
            DataError: If there is none by this name.
        """
        if split not in self.splits:
            raise DataError(
                f"there is no split `{split}`", where=self.name, hint=f"There is {', '.join(self.splits)}."
            )

    def where(self, split: str) -> str:
        """Return how findings name a split."""
        return f"{self.name}/{split}"


def read_hub(name: str, *, config: str | None = None, revision: str | None = None) -> HubData:
    """Load a dataset of the Hub, or a local folder laid out like one.

    Datasets that are Python scripts are never run; their parquet copy is at `refs/convert/parquet`.

    Args:
        name: `organisation/name`, or the path of a folder.
        config: The config; needed where there are several.
        revision: Commit, tag or branch; by default `main`.

    Raises:
        DataError: If there is no such dataset, config or revision, it needs permission or cannot be
            reached, or has none of our splits.
    """
    import datasets
    from datasets import config as settings_of_datasets

    where = name + (f" ({config})" if config else "") + (f" at {revision}" if revision else "")
    with _dataset_errors(where):
        if Path(name).is_dir():
            commit, license_ = _content_hash(Path(name)), None
            # `datasets` knows a folder with a card by its name and card alone, and would give the rows of
            # before where files changed, or those of another folder.
            cache = Path(settings_of_datasets.HF_DATASETS_CACHE) / "folders" / commit.removeprefix("sha256:")
            loaded = datasets.load_dataset(name, config, cache_dir=str(cache))
        else:
            with hub_errors("dataset", where, instead="give `files`"):
                commit, license_ = _resolve(name, revision)
                # The parquet copy has no card that names configs: each is a folder.
                chosen: dict[str, Any] = (
                    {"data_dir": config} if revision == PARQUET_REVISION else {"name": config}
                )
                try:
                    loaded = datasets.load_dataset(name, revision=commit or revision, **chosen)
                except JSONDecodeError as error:
                    # Who answered before is the Hub: this is one of the files.
                    raise DataError(f"a file of the dataset is no JSON: {error}", where=where) from error
    splits = {
        ours: loaded[theirs]
        for ours, names in SPLIT_NAMES.items()
        if (theirs := next((candidate for candidate in names if candidate in loaded), None))
    }
    if not splits:
        raise DataError(
            f"none of its splits is train, validation or test: {', '.join(map(str, loaded))}", where=where
        )
    return HubData(name, commit or revision or "main", license_, splits)


def _resolve(name: str, revision: str | None) -> tuple[str | None, str | None]:
    """Return the commit behind a revision, and the card's licence; neither where the Hub is out of reach.

    A dataset that was loaded before is in the cache and needs no connection.
    """
    import httpx2
    from huggingface_hub import HfApi
    from huggingface_hub.errors import OfflineModeIsEnabled

    try:
        info = HfApi().dataset_info(name, revision=revision)
    except (OfflineModeIsEnabled, httpx2.TransportError):
        return None, None
    license_ = info.card_data.get("license") if info.card_data else None
    if isinstance(license_, list):
        license_ = license_[0] if len(license_) == 1 else None
    return info.sha, license_


def _content_hash(folder: Path) -> str:
    digest = sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(folder).as_posix()}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as stream:
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
    return f"sha256:{digest.hexdigest()}"


@contextmanager
def _dataset_errors(where: str) -> Iterator[None]:
    """Turn what `datasets` raises into errors that say what to do."""
    from datasets.exceptions import DatasetNotFoundError, DatasetsError

    try:
        yield
    except DatasetNotFoundError as error:
        # `datasets` keeps no more than a text of what the Hub answered.
        answer = gated_on_the_hub if "is a gated dataset" in str(error) else unknown_to_the_hub
        raise answer("dataset", where) from error
    except RuntimeError as error:
        if "scripts are no longer supported" not in str(error):
            raise
        raise DataError(
            "the dataset is a Python script, which is not run",
            where=where,
            hint=f"Its parquet copy may be at `revision: {PARQUET_REVISION}`.",
        ) from error
    except (DatasetsError, OSError, ValueError) as error:
        said = without_secrets(error).split(" Example of usage", 1)[0]
        raise DataError(f"the dataset cannot be loaded: {said}", where=where) from error
