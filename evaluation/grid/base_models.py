"""The models that encoders begin with: where they are, and which ones exactly."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

from ...schema.errors import DataError
from ...sources.files import file_hash
from ..encoder.loading import FILES_OF_A_MODEL, model_folder
from .description import GridTagger

_UNREADABLE = "unreadable"


class BaseModels:
    """Knows models by their content, or by their commit on the Hub.

    A file of a local model is read once as long as its size and its time stay the same; this is kept in
    memory alone, and is sent along to other processes. A model of the Hub is asked for once a process: what
    is trained there begins with one and the same commit.

    Args:
        beside: The folder that local models are named relative to.
    """

    def __init__(self, beside: Path) -> None:
        self._beside = beside
        self._digests: dict[tuple[str, int, int], str] = {}
        self._downloaded: dict[str, Path] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Leave out where downloads are: other machines have them elsewhere."""
        return {**self.__dict__, "_downloaded": {}}

    def content(self, tagger: GridTagger) -> str | None:
        """Return `sha256:…` of the weights, configuration and tokenizer in a folder; None without one."""
        folder = self._local_folder(tagger)
        if folder is None:
            return None
        files = sorted({path for pattern in FILES_OF_A_MODEL for path in folder.glob(pattern)})
        lines = "".join(f"{path.name} {self._digest(path)}\n" for path in files)
        return f"sha256:{sha256(lines.encode()).hexdigest()}"

    def revision(self, tagger: GridTagger) -> str | None:
        """Return what a model is exactly: `content`, or its commit where the cache of the Hub knows it.

        Raises:
            DataError: If the model cannot be had.
        """
        if (content := self.content(tagger)) is not None:
            return content
        folder = self.folder(tagger)
        return folder.name if folder.parent.name == "snapshots" else None

    def folder(self, tagger: GridTagger) -> Path:
        """Return the folder of a model, downloaded from the Hub where it is not a local one.

        Raises:
            DataError: If the model cannot be had.
        """
        local, model = self._local_folder(tagger), tagger.model or ""
        if local is not None:
            return model_folder(str(local))
        if model not in self._downloaded:
            self._downloaded[model] = model_folder(model)
        return self._downloaded[model]

    def _local_folder(self, tagger: GridTagger) -> Path | None:
        if tagger.model is None:
            return None
        places = (self._beside / tagger.model, Path(tagger.model).expanduser())
        return next((place for place in places if place.is_dir()), None)

    def _digest(self, path: Path) -> str:
        try:
            facts = path.stat()
            key = (str(path), facts.st_size, facts.st_mtime_ns)
            if key not in self._digests:
                self._digests[key] = file_hash(path)
        except (OSError, DataError):
            # A plan can be made without it. Whoever trains cannot read it either, and says so.
            return _UNREADABLE
        return self._digests[key]
