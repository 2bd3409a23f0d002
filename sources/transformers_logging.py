"""What transformers says by itself, and when it should not."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quietly() -> Iterator[None]:
    """Keep transformers from logging anything but errors and from drawing progress bars."""
    from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars
    from transformers.utils import logging

    verbosity, has_bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    has_bars_of_the_hub = not are_progress_bars_disabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            # Marian's tokenizer recommends what only untokenised text of some languages would need.
            warnings.filterwarnings("ignore", message=".*sacremoses")
            yield
    finally:
        logging.set_verbosity(verbosity)
        if has_bars:
            logging.enable_progress_bar()
        if not has_bars_of_the_hub:
            # transformers has switched on those of the Hub's client, too.
            disable_progress_bars()
