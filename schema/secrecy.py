"""What others say, without what is nobody's business: clients and servers repeat tokens in their errors."""

from __future__ import annotations

import os
import re
from contextlib import suppress

_SECRETS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_OIDC_ID_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN")
# What is shorter is no secret, and may be part of any word.
_SHORTEST_SECRET = 8
# Tokens by their look, what signs an address, and who an address is asked as.
_LOOKS_SECRET = re.compile(
    r"hf_(?=[\w.-]*[A-Z\d])[\w.-]+|\beyJ[\w-]+\.[\w.-]+|(?<=[Bb]earer )\S+|(?<=\w)\?[^\s'\"]*=[^\s'\"]*|(?<=://)[^\s/@]+(?=@)"
)
_LONGEST = 500


def without_secrets(error: object) -> str:
    """Return an error's text in one line without what is nobody's business, whoever wrote it there.

    That is this process's tokens for the Hub, what looks like a token, and what signs an address or logs in
    to it.
    """
    text = " ".join(str(error).split()) or type(error).__name__
    for secret in _own_secrets():
        text = text.replace(secret, "…")
    return _LOOKS_SECRET.sub("…", text)[:_LONGEST]


def _own_secrets() -> list[str]:
    """Return the tokens of this process that can be had without asking anybody, the longest first."""
    from huggingface_hub import get_token

    known = {part for name in _SECRETS for part in os.environ.get(name, "").split()}
    if not os.environ.get("HF_OIDC_RESOURCE"):
        # Where the token cannot be read, nobody has sent it, and the error that is told is another one.
        with suppress(OSError, UnicodeDecodeError):
            known.add(get_token() or "")
    return sorted((secret for secret in known if len(secret) >= _SHORTEST_SECRET), key=len, reverse=True)
