"""Models of several languages: trained once, and tested at once on every language that they are tested on.

Cells of different languages have the same model where the sentences that it learns from, its labels and its
seed are the same. Whoever comes to the first of these cells trains it, and keeps what it says of the test
sentences of all of them in `runs/models`. Weights are not kept: there is one model a source, size and seed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from ...schema.errors import SynthnerError
from ...sources.files import write_atomically
from .cells import FORMAT, Cell, CellData, cell_data, cell_id, source_of
from .data import GridData
from .encoder_cells import MODELS
from .trained import Tested

Together = Sequence[tuple[Cell, CellData]]


def tested_together(
    cell: Cell, sentences: CellData, data: GridData, train_and_test: Callable[[Together], Sequence[Tested]]
) -> Tested:
    """Return what the model of a multilingual cell does with its test sentences, trained now if nobody has.

    Args:
        cell: The cell.
        sentences: Its data.
        data: The data of the grid.
        train_and_test: Trains the model of cells that have one in common, and tests it on each.

    Raises:
        DataError: If the model cannot be trained, or what it says cannot be written.
    """
    from filelock import FileLock

    models = data.grid.runs / MODELS
    models.mkdir(parents=True, exist_ok=True)
    key = _key(cell, sentences, data)
    path, id_ = models / f"{key}.json", cell_id(cell, sentences, data)
    # Whoever waits here waits for a training; the lock is gone when its process is.
    with FileLock(models / f"{key}.lock"):
        kept = _read(path)
        if (tested := _of_cell(kept, id_)) is not None:
            return tested
        together = [(cell, sentences), *_others(cell, key, data)]
        ids = [cell_id(each, its, data) for each, its in together]
        found = train_and_test(together)
        new = {each: one.as_json() for each, one in zip(ids, found, strict=True)}
        with write_atomically(path) as stream:
            json.dump({**kept, **new}, stream, ensure_ascii=False)
        return found[0]


def _key(cell: Cell, sentences: CellData, data: GridData) -> str:
    """Return the hash of all that decides what is learned."""
    decisive = {
        "format": FORMAT,
        "tagger": cell.tagger.as_json() | {"name": None},
        "model": data.models.content(cell.tagger),
        "labels": data.gold(cell.language).labels.names,
        "seeds": [data.grid.seed, cell.seed],
        "train": [part.facts["sha256"] for part in sentences.train],
        "validation": sentences.validation.facts["sha256"] if sentences.validation else None,
    }
    text = json.dumps(decisive, ensure_ascii=False, sort_keys=True)
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:24]


def _others(cell: Cell, key: str, data: GridData) -> Iterator[tuple[Cell, CellData]]:
    """Yield the cells of other languages that have the same model."""
    source = source_of(cell, data.grid)
    for language in data.grid.languages:
        if language.code == cell.language or (source.languages and language.code not in source.languages):
            continue
        other = replace(cell, language=language.code)
        try:
            sentences = cell_data(other, data)
        except SynthnerError:
            # It has no cell: the plan says why.
            continue
        if _key(other, sentences, data) == key:
            yield other, sentences


def _read(path: Path) -> dict[str, Any]:
    """Return what was kept by the id of its cell; nothing where that is nothing or damaged."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return kept if isinstance(kept, dict) else {}


def _of_cell(kept: Mapping[str, Any], id_: str) -> Tested | None:
    try:
        return Tested(**kept[id_])
    except (KeyError, TypeError):
        return None
