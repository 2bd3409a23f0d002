"""The CRF of a related language: trained once for all cells that have no other, and kept beside the runs."""

from __future__ import annotations

import json
from hashlib import sha256

from ... import __version__
from ...schema.errors import DataError
from ..crf import CrfTagger
from ..recipes import settings_for_gold
from .cells import FORMAT
from .data import GridData
from .encoder_cells import MODELS
from .parts import Part


def related_crf(related: Part, data: GridData) -> CrfTagger:
    """Return the CRF that has learned gold of a related language, trained now if nobody has yet.

    Raises:
        DataError: If it cannot be trained or written.
    """
    from filelock import FileLock

    # Of another version the features may be others.
    decisive = [FORMAT, __version__, related.facts["sha256"]]
    name = sha256(json.dumps(decisive).encode()).hexdigest()[:24]
    models = data.grid.runs / MODELS
    models.mkdir(parents=True, exist_ok=True)
    path = models / f"{name}.crfsuite"
    # Whoever waits here waits for a training; the lock is gone when its process is.
    with FileLock(models / f"{name}.lock"):
        try:
            return CrfTagger.load(path)
        except DataError:
            # Nobody has written it, or it is damaged.
            examples = related.examples
            tagger = CrfTagger.train(examples, settings=settings_for_gold(len(examples)))
            tagger.save(path)
            return tagger
