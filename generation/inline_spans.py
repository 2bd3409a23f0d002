"""Sentences with their mentions marked up in place, as in `<PER>Funmi Ojo</PER> sings`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..schema.iob2 import Mention, mentions, tags_of

_TYPE = r"[^\W\d_][\w.\-]*"
_MARKUP = re.compile(rf"<(/?)({_TYPE})>")
_MENTION = re.compile(rf"<({_TYPE})>[^<]*</\1>")
_ENTITY = re.compile("&(lt|gt|amp);")
_MEANING = {"lt": "<", "gt": ">", "amp": "&"}
_ESCAPES = str.maketrans({"<": "&lt;", ">": "&gt;", "&": "&amp;"})


class SpanError(ValueError):
    """The markup of a sentence can be read in no way or in more than one.

    Attributes:
        reason: What is wrong, in words that do not depend on the sentence.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def has_mention(text: str) -> bool:
    """Tell whether a text holds a marked-up mention, opened and closed."""
    return _MENTION.search(text) is not None


def parse_inline_spans(text: str) -> tuple[list[str], list[str]]:
    """Read a sentence with marked-up mentions.

    Words end at whitespace and where markup begins or ends. `&lt;`, `&gt;` and `&amp;` stand for `<`, `>` and
    `&`; a `<` that begins no `<TYPE>` or `</TYPE>` stands for itself.

    Returns:
        The words, and one IOB2 tag each.

    Raises:
        SpanError: If markup is nested, left open, closed without being open, or holds no word.

    Example:
        >>> parse_inline_spans("<PER>Funmi Ojo</PER> sings")
        (['Funmi', 'Ojo', 'sings'], ['B-PER', 'I-PER', 'O'])
    """
    tokens: list[str] = []
    spans: list[Mention] = []
    open_type, opened_at, position = "", 0, 0
    for markup in _MARKUP.finditer(text):
        tokens += _words(text[position : markup.start()])
        position = markup.end()
        closes, type_ = markup.groups()
        if not closes:
            if open_type:
                raise SpanError("markup inside markup")
            open_type, opened_at = type_, len(tokens)
        elif type_ != open_type:
            raise SpanError("markup closed that is not open")
        elif len(tokens) == opened_at:
            raise SpanError("markup round no word")
        else:
            spans.append(Mention(opened_at, len(tokens), type_))
            open_type = ""
    if open_type:
        raise SpanError("markup not closed")
    tokens += _words(text[position:])
    return tokens, tags_of(spans, len(tokens))


def render_inline_spans(tokens: Sequence[str], tags: Sequence[str]) -> str:
    """Write a sentence with its mentions marked up.

    The inverse of `parse_inline_spans` where the tags are IOB2 and no token is empty or holds whitespace. A
    misplaced I- tag is read as the CoNLL scorer reads it.

    Raises:
        SpanError: If an entity type cannot stand in markup, because it holds a space or a bracket.

    Example:
        >>> render_inline_spans(["Funmi", "Ojo", "sings"], ["B-PER", "I-PER", "O"])
        '<PER>Funmi Ojo</PER> sings'
    """
    words = [token.translate(_ESCAPES) for token in tokens]
    for mention in mentions(tags):
        if not re.fullmatch(_TYPE, mention.type):
            raise SpanError(f"the entity type `{mention.type}` cannot stand in markup")
        words[mention.start] = f"<{mention.type}>{words[mention.start]}"
        words[mention.end - 1] += f"</{mention.type}>"
    return " ".join(words)


def _words(text: str) -> list[str]:
    return [_ENTITY.sub(lambda entity: _MEANING[entity[1]], word) for word in text.split()]
