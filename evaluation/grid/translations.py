"""Translations of test sentences: made once a language and model, and kept beside the runs.

They are made and written batch by batch. Which sentences are in a batch follows from the sentences alone: who
goes on after a kill makes the batches that are missing, and the translations are those of an undisturbed run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from ...projection.model_folders import NamedModel, require_train_extra
from ...projection.translation import Translation, Translator, load_translation_model
from ...schema.errors import DataError
from ...schema.languages import language as language_of
from ...sources.files import write_atomically
from .data import GridData
from .translate_test import Way

FORMAT = 1
"""Counts up whenever the same sentences and model would be translated otherwise."""

TRANSLATIONS = "translations"
"""The folder of translations, beside the results of cells."""


@dataclass(frozen=True)
class Translations:
    """The test sentences of a language in another one.

    Attributes:
        sentences: One translation a sentence, in their order.
        model_revision: Which model made them, as `NamedModel.revision_in` says it.
    """

    sentences: tuple[Translation, ...]
    model_revision: str | None


@dataclass(frozen=True)
class _Batch:
    """What is kept of a batch."""

    translations: tuple[Translation, ...]
    model_revision: str | None


def translations_of_test(way: Way, data: GridData) -> Translations:
    """Return the translations of a language's test sentences; those that nobody has made are made now.

    Raises:
        WrongUsageError: If packages that translate are not installed.
        DataError: If the model cannot be had, knows no such languages or does not fit into memory, or the
            translations cannot be written.
    """
    from filelock import FileLock

    between = " " if language_of(way.language).puts_words_apart else ""
    texts = [between.join(example.tokens) for example in data.test(way.language).examples]
    # Sentences of about the same length side by side; what memory has no room for shows at once.
    batches = list(_cut(sorted(set(texts), key=lambda text: (-len(text), text)), way.decoding.batch_size))
    folder = data.grid.runs / TRANSLATIONS / _key(way, batches)
    folder.mkdir(parents=True, exist_ok=True)
    # Whoever waits here waits for the translations; the lock is gone when its process is.
    with FileLock(folder.with_suffix(".lock")):
        kept = [_read(_file(folder, number), len(batch)) for number, batch in enumerate(batches)]
        known = [batch for batch in kept if batch is not None]
        if len(known) < len(kept) or len({batch.model_revision for batch in known}) > 1:
            known = _completed(way, batches, kept, folder)
    found = {
        text: translation
        for batch, its in zip(batches, known, strict=True)
        for text, translation in zip(batch, its.translations, strict=True)
    }
    return Translations(tuple(found[text] for text in texts), known[0].model_revision)


def _completed(
    way: Way, batches: Sequence[Sequence[str]], kept: Sequence[_Batch | None], folder: Path
) -> list[_Batch]:
    """Make and write the batches that are missing, or that another revision of the model has made."""
    require_train_extra("the setting `translate-test`")
    fetched = way.model.fetch(converted=True)
    revision = way.model.revision_in(fetched)
    translator = _translator(way, fetched)
    found = []
    for number, (batch, known) in enumerate(zip(batches, kept, strict=True)):
        if known is not None and known.model_revision == revision:
            found.append(known)
            continue
        made = _Batch(tuple(translator.translate(batch)), revision)
        _write(_file(folder, number), made)
        found.append(made)
    return found


def _translator(way: Way, folder: Path) -> Translator:
    # Loaded from where its revision was seen: a branch of the Hub may move meanwhile.
    model = load_translation_model(NamedModel(way.model.name, folder))
    if way.codes is None and hasattr(model.tokenizer, "src_lang"):
        raise DataError(
            "the model knows several languages, and the release does not say what it calls those of here",
            where=way.model.name,
            hint=f"Write it: `translate_test: {{codes: {{{way.language}: …, {way.source}: …}}}}`.",
        )
    source, target = way.codes or (None, None)
    return Translator(model, source, target, way.decoding)


def _cut(texts: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(texts), size):
        yield texts[start : start + size]


def _key(way: Way, batches: Sequence[Sequence[str]]) -> str:
    """Return the hash of all that decides the translations."""
    decisive = {"format": FORMAT, **way.decisive_for_translations(), "sentences": batches}
    text = json.dumps(decisive, ensure_ascii=False, sort_keys=True)
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:24]


def _file(folder: Path, number: int) -> Path:
    return folder / f"{number:06}.json"


def _write(path: Path, batch: _Batch) -> None:
    value: Mapping[str, Any] = {
        "model_revision": batch.model_revision,
        "translations": [[each.text, each.is_complete] for each in batch.translations],
    }
    with write_atomically(path) as stream:
        json.dump(value, stream, ensure_ascii=False)


def _read(path: Path, sentences: int) -> _Batch | None:
    """Return a batch; None where it is nothing or damaged."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        pairs = [(str(text), bool(is_complete)) for text, is_complete in kept["translations"]]
        revision = kept["model_revision"]
    except (OSError, ValueError, RecursionError, KeyError, TypeError):
        return None
    return _Batch(tuple(Translation(*pair) for pair in pairs), revision) if len(pairs) == sentences else None
