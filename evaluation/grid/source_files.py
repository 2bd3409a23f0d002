"""Where the files of a source are: beside the release, in its built dataset, or on the Hub."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...schema.errors import DataError
from ...schema.manifest import read_manifest
from ...sources.hub_reference import PREFIX, hub_reference
from .description import GridSource


class SourceFiles:
    """Finds the files of sources; none of them is read.

    Args:
        folder: What the names of files are relative to.
        dataset: The built dataset that configs are in.
    """

    def __init__(self, folder: Path, dataset: Path) -> None:
        self._folder = folder
        self._dataset = dataset

    def named(self, written: str, language: str) -> Path:
        """Return the file, or the split on the Hub, that a release names for a language."""
        path = written.replace("{language}", language)
        return Path(path) if path.startswith(PREFIX) else self._folder / path

    def of_split(self, language: str, source: GridSource, split: str) -> list[Path]:
        """Return where a split of a source stands; nothing where it has none.

        Raises:
            DataError: If the dataset does not have its config.
        """
        if source.config is not None:
            table = self._manifest_of(source.config, language)["splits"].get(split)
            return self._shards(table) if table else []
        written = source.train if split == "train" else source.validation
        return [self.named(written, language)] if written is not None else []

    def of_provenance(self, language: str, config: str) -> list[Path]:
        """Return where the provenance of a config stands.

        Raises:
            DataError: If the dataset does not have the config.
        """
        return self._shards(self._manifest_of(config, language)["provenance"])

    def shown(self, path: Path) -> str:
        """Return a path as results have it: no folder of this machine."""
        if path.is_relative_to(self._folder):
            return path.relative_to(self._folder).as_posix()
        return path.as_posix() if hub_reference(path) else path.name

    def _shards(self, table: Mapping[str, Any]) -> list[Path]:
        return [self._dataset / shard["file"] for shard in table["files"]]

    def _manifest_of(self, config: str, language: str) -> Mapping[str, Any]:
        config = config.replace("{language}", language)
        configs = read_manifest(self._dataset)["configs"]
        if config not in configs:
            raise DataError(
                f"the dataset has no config `{config}`",
                where=str(self._dataset),
                hint="Run `synthner build`.",
            )
        return configs[config]
