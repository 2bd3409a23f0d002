"""A server on this machine that behaves like the Hugging Face Hub for everything a dataset release needs.

Rehearsals and tests run the real clients against it: `huggingface_hub`, `datasets` and `hf-xet`.
"""

from .faults import KINDS
from .server import LoopbackHub, Request

__all__ = ["KINDS", "LoopbackHub", "Request"]
