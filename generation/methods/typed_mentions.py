r"""Sentences whose entities are written with their types in place, as in `Person("Funmi Ojo") sings`.

After Santoso et al. (2024). A quotation mark or a backslash within an entity is escaped, as `\"` and `\\`. In
the rest of a sentence so are backslashes, and a bracket that follows a letter or digit directly, which might
open an entity.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, count

import regex

from ...schema.iob2 import Mention, mentions, tags_of
from .gold_words import GoldWords

MORE_THAN_ONE_LINE = "more than one line"
UNKNOWN_TYPE = "an entity of an unknown type"
NOT_AS_ASKED = "an entity that is not written as asked for"
NOT_CLOSED = "an entity that is not closed"
NESTED = "an entity within an entity"
NO_WORD = "an entity without a word"

# Combining marks and joiners are parts of words, in the scripts of India above all.
_LETTER = r"[\p{L}\p{M}\p{N}_]"
_ESCAPED_OR_OPENING = regex.compile(rf"\\(?P<escaped>[\\\"(])|(?<!{_LETTER})(?P<name>{_LETTER}++)\(")
_OPENING = regex.compile(rf'(?<!{_LETTER}){_LETTER}++\("')
# Quotation marks that are not escaped end an entity only where its bracket follows.
_REST_OF_ENTITY = regex.compile(r'"(?P<text>(?:\\[\\"]|\\(?![\\"])|(?!"\))[^\\])*+)"\)', flags=regex.DOTALL)
_ESCAPED = regex.compile(r"\\([\\\"])")
_REST_OF_WORD = regex.compile(r"[\p{L}\p{M}\p{N}_\u200c\u200d]+")
_MAY_OPEN = regex.compile(rf"(?<={_LETTER})\(")
_PART_OF_NAME = regex.compile(f"{_LETTER}+")

_CUSTOMARY_NAMES = {
    "PER": "Person",
    "ORG": "Organization",
    "LOC": "Location",
    "DATE": "Date",
    "MISC": "Miscellaneous",
}


class TypedMentionError(ValueError):
    """A sentence that cannot be read.

    Attributes:
        reason: What is wrong, in words that do not depend on the sentence.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def type_names(types: Iterable[str]) -> dict[str, str]:
    """Return a readable name for each entity type: letters and digits, without blanks, each another one.

    Example:
        >>> type_names(["PER", "creative-work", "politicalparty"])
        {'PER': 'Person', 'creative-work': 'CreativeWork', 'politicalparty': 'Politicalparty'}
    """
    names: dict[str, str] = {}
    for type_ in types:
        parts = _PART_OF_NAME.findall(_CUSTOMARY_NAMES.get(type_, type_))
        name = "".join(part[:1].upper() + part[1:] for part in parts) or "Entity"
        numbered = chain([name], (f"{name}{number}" for number in count(2)))
        names[type_] = next(each for each in numbered if each not in names.values())
    return names


def render_entity(name: str, words: Sequence[str], *, example: bool = False) -> str:
    """Write an entity with the name of its type; as an example of what could stand there, if it is one."""
    text = " ".join(words).replace("\\", "\\\\").replace('"', '\\"')
    return f'{name}({"such as:" if example else ""}"{text}")'


def render_typed_mentions(tokens: Sequence[str], tags: Sequence[str], names: Mapping[str, str]) -> str:
    r"""Write a sentence, with blanks between its tokens and its entities with their types.

    The inverse of `parse_typed_mentions`, where the tags are IOB2 and no token is empty or holds a blank.

    Example:
        >>> names = type_names(["PER"])
        >>> render_typed_mentions(["Funmi", "Ojo", "sings"], ["B-PER", "I-PER", "O"], names)
        'Person("Funmi Ojo") sings'
    """
    return render_with_entities(
        tokens, tags, lambda mention: render_entity(names[mention.type], tokens[mention.start : mention.end])
    )


def render_with_entities(
    tokens: Sequence[str], tags: Sequence[str], written: Callable[[Mention], str]
) -> str:
    """Write a sentence with blanks between its tokens.

    Args:
        tokens: The words.
        tags: One label name a word.
        written: Writes a mention.
    """
    words: list[str] = []
    done = 0
    for mention in mentions(tags):
        words += map(_escaped, tokens[done : mention.start])
        words.append(written(mention))
        done = mention.end
    return " ".join((*words, *map(_escaped, tokens[done:])))


def parse_typed_mentions(
    text: str, names: Mapping[str, str], words: GoldWords
) -> tuple[list[str], list[str]]:
    """Read a sentence whose entities are written with their types.

    Letters that follow an entity directly, such as an ending, belong to its last word.

    Args:
        text: The sentence.
        names: The name of each entity type.
        words: Splits text into words.

    Returns:
        The words, and one IOB2 tag each.

    Raises:
        TypedMentionError: If it has several lines, or an entity that cannot be read.

    Example:
        >>> parse_typed_mentions('Person("Funmi Ojo") sings', type_names(["PER"]), GoldWords([]))
        (['Funmi', 'Ojo', 'sings'], ['B-PER', 'I-PER', 'O'])
    """
    if len(text.strip().splitlines()) > 1:
        raise TypedMentionError(MORE_THAN_ONE_LINE)
    types = {name: type_ for type_, name in names.items()}
    apart = frozenset(text.split())
    tokens: list[str] = []
    spans: list[Mention] = []
    for type_, piece in _pieces(text, types):
        if not type_:
            rest = piece
            if spans and spans[-1].end == len(tokens) and (ending := _REST_OF_WORD.match(piece)):
                tokens[-1] += ending[0]
                rest = piece[ending.end() :]
            tokens += words.split(rest, apart=apart)
            continue
        start = len(tokens)
        tokens += words.split(piece, apart=apart)
        if len(tokens) == start:
            raise TypedMentionError(NO_WORD)
        spans.append(Mention(start, len(tokens), type_))
    return tokens, tags_of(spans, len(tokens))


def _pieces(text: str, types: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the entities of a sentence with their types, and what stands between them without one."""
    plain = ""
    position = 0
    while found := _ESCAPED_OR_OPENING.search(text, position):
        if found["escaped"]:
            plain += text[position : found.start()] + found["escaped"]
            position = found.end()
            continue
        is_quoted, type_ = text.startswith('"', found.end()), types.get(found["name"])
        if type_ is None or not is_quoted:
            if is_quoted:
                raise TypedMentionError(UNKNOWN_TYPE)
            if type_ is not None:
                raise TypedMentionError(NOT_AS_ASKED)
            plain += text[position : found.end()]
            position = found.end()
            continue
        entity = _REST_OF_ENTITY.match(text, found.end())
        if entity is None:
            raise TypedMentionError(NOT_CLOSED)
        if _OPENING.search(entity["text"]):
            raise TypedMentionError(NESTED)
        yield "", plain + text[position : found.start()]
        yield type_, _ESCAPED.sub(r"\1", entity["text"])
        plain = ""
        position = entity.end()
    yield "", plain + text[position:]


def _escaped(token: str) -> str:
    return _MAY_OPEN.sub(r"\\(", token.replace("\\", "\\\\"))
