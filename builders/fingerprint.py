"""Whether a build has anything to do: a fingerprint of all that decides its outcome.

It covers the release file, the gold data, every planned call and its answer, what all replies cost, this
program's own text and the versions of what it stands on. Nothing in it is when a file was written: a copied
folder is still up to date.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ..generation.accounts import account_of
from ..generation.calls import Call, Reply, canonical_json
from ..generation.journal import Journal
from ..release import Release
from ..schema.errors import DataError
from ..schema.manifest import listed_files, read_manifest
from ..sources.gold import Gold
from .parquet import describe_file

_PACKAGE = Path(__file__).resolve().parent.parent
_OWN_PARTS = ("schema", "sources", "projection", "generation", "evaluation", "builders")
_FOUNDATIONS = ("numpy", "pyarrow", "datasets", "regex", "datasketch", "python-crfsuite")


class Fingerprint:
    """Takes in, one after another, what a build is made from.

    Args:
        release: What is built.
        gold: Its gold data by language code.
        max_shard_bytes: How large a file of the dataset may get.
    """

    def __init__(self, release: Release, gold: Mapping[str, Gold], max_shard_bytes: int) -> None:
        self._digest = hashlib.sha256()
        self._add(max_shard_bytes)
        self._add(unicodedata.unidata_version, [version(name) for name in _FOUNDATIONS])
        files = [path for part in _OWN_PARTS for path in (_PACKAGE / part).rglob("*.py")]
        for path in sorted([*files, _PACKAGE / "release.py"]):
            self._add(path.relative_to(_PACKAGE).as_posix(), hashlib.sha256(path.read_bytes()).hexdigest())
        self._add(hashlib.sha256(release.path.read_bytes()).hexdigest())
        for config in release.configs:
            self._add(config.name, config.language.scripts)
        # What calls cost is in the manifest, and replies that are not used were paid for as well.
        with Journal(release.journal) as journal:
            for config in release.configs:
                account = account_of(config, journal)
                self._add(account.cost and asdict(account.cost), account.seconds)
        for code, data in sorted(gold.items()):
            self._add(code, data.revision, data.license, data.title, data.citation, data.labels.names)
            for split, examples in data.splits.items():
                self._add(split, [(example.id, example.tokens, example.ner_tags) for example in examples])

    def add_answer(self, call: Call, reply: Reply | None) -> None:
        """Take in a call and what was answered; calls come in the order in which a build reads them."""
        self._add(call.config, call.key, call.engine, call.seed_ids, call.seed_revision, call.datapoints)
        self._add(call.step, dict(call.about))
        if reply is None:
            return
        self._add(
            reply.model, dict(reply.usage), reply.finish_reason, reply.error, reply.started, reply.finished
        )
        text = (reply.text or "").encode("utf-8", "surrogatepass")
        self._add(reply.text is None, len(text))
        self._digest.update(text)

    def hexdigest(self) -> str:
        """Return the fingerprint of all that was taken in."""
        return self._digest.hexdigest()

    def _add(self, *parts: Any) -> None:
        self._digest.update(canonical_json(parts).encode("utf-8", "surrogatepass") + b"\n")


class Stamp:
    """Remembers the fingerprint of the build that a release's dataset holds.

    Args:
        release: The release.
    """

    def __init__(self, release: Release) -> None:
        self._release = release
        self._path = release.work / "build.json"

    def former_build(self) -> tuple[str, dict[str, Any]] | None:
        """Return fingerprint and manifest of what is built; None if nothing is, or not all of it is there."""
        try:
            remembered = json.loads(self._path.read_text(encoding="utf-8"))["fingerprint"]
            manifest = read_manifest(self._release.dataset)
            whole = all(
                describe_file(self._release.dataset / name).sha256 == sha256
                for name, sha256 in listed_files(manifest).items()
            )
        except (OSError, ValueError, KeyError, TypeError, DataError):
            return None
        return (remembered, manifest) if whole else None

    def forget(self) -> None:
        """Forget the build: what `dataset/` holds is about to change."""
        self._path.unlink(missing_ok=True)

    def remember(self, current: str) -> None:
        """Remember what the finished build was made from."""
        self._path.write_text(json.dumps({"fingerprint": current}) + "\n", encoding="utf-8")
