"""A model for the entity-guided method, behind a server on this machine: it does what a prompt asks for."""

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from synthner.release import Release
from synthner.tests.chat_server import ChatServer, completion
from synthner.tests.small_release import write_release

Messages = list[dict[str, str]]

ENTITY = re.compile(r'\w+\("(?:\\.|[^"\\])*"\)')
MASK = re.compile(r'\((such as:"(?:\\.|[^"\\])*")\)')


def asked(messages: Messages) -> str:
    """Return the last turn, which is what is asked for."""
    return messages[-1]["content"]


def is_for_entities(messages: Messages) -> bool:
    """Say whether other entities are asked for, and no sentence."""
    return not asked(messages).startswith("Entities: ")


def obedient(messages: Messages) -> str:
    """Answer as asked, the same chat alike: a sentence, or the sentence with entities that no other gets."""
    mark = hashlib.sha256(json.dumps(messages, sort_keys=True).encode()).hexdigest()[:8]
    if is_for_entities(messages):
        names = iter(range(100))
        return MASK.sub(lambda _mask: f'("Nyt {mark} Navn{next(names)}")', asked(messages))
    entities = ENTITY.findall(asked(messages))
    return f"Nummer {mark} : " + " og ".join(entities or ["ingen"]) + " ."


class GuidedModel:
    """Answers as `obedient` does, but where a test has another answer.

    Args:
        server: Where it answers.

    Attributes:
        instead: Returns another answer to a chat, or None.
    """

    def __init__(self, server: ChatServer) -> None:
        self.server = server
        self.instead: Callable[[Messages], str | None] = lambda _messages: None
        server.answer = self._answer

    @property
    def chats(self) -> list[Messages]:
        """The chats of all requests, in the order of their arrival."""
        return [request.json["messages"] for request in self.server.received]

    def _answer(self, number: int) -> bytes:
        messages = self.server.received[number].json["messages"]
        instead = self.instead(messages)
        # Escaped, for a test may let it answer with what is no valid Unicode.
        text = json.dumps(obedient(messages) if instead is None else instead)
        return completion("TEXT").replace(b'"TEXT"', text.encode())


def engine_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set a key, and no proxy between the engine and the server."""
    for variable in ("OPENAI_BASE_URL", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-0123456789")


def guided_release(
    folder: Path,
    model: GuidedModel | None,
    *,
    gold: dict[str, int] | None = None,
    settings: dict[str, Any] | None = None,
    **generator: Any,
) -> Release:
    """Write a release with one generator, `guided`, of this method.

    Args:
        folder: Where to.
        model: Who answers; None for nobody.
        gold: Sentences of each gold split; by default 20 in train.
        settings: The settings of the method.
        generator: Further keys of the generator.
    """
    address = model.server.base_url if model else "http://127.0.0.1:1/v1"
    described = {
        "method": "entity_guided",
        "openai": {"base_url": address},
        **({"entity_guided": settings} if settings else {}),
        **generator,
    }
    return write_release(folder, {"guided": described}, gold=gold)
