"""The splits of a dataset."""

from __future__ import annotations

SPLIT_NAMES = {
    "train": ("train",),
    "validation": ("validation", "dev", "valid", "val"),
    "test": ("test",),
}
"""Our splits, and what datasets call them."""

SPLITS = tuple(SPLIT_NAMES)
"""Our splits, in their order."""
