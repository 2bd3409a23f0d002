"""Sentences with their entities listed beside them, as a model writes them: read without trusting it.

Two forms are read, wherever they stand in an answer:

- lines: `Sentence: "Funmi Ojo sings."` and below it `Named Entities: [Funmi Ojo (PER)]`. Sentences may be
  numbered instead, in quotes or not;
- JSON: objects with a `sentence` and a list `entities`, each with `name` and `type`, or written as in lines.

What is read here is what was written; whether it fits the sentence is for `annotation` to say.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from .json_scanner import CUT, Broken, RepeatedKeys, Scanner, read_whole

NO_LIST = "no entities are listed"
NO_SENTENCE = "no sentence"
NO_TYPE = "an entity has no type"
REPEATED = "repeated keys"


@dataclass(frozen=True, slots=True)
class ListedEntity:
    """An entity as an answer lists it.

    Attributes:
        name: Its name as written.
        type: Its type as written; None where none is.
        start: Where name and type begin in the answer; None where that is not known.
        end: Where they end.
    """

    name: str
    type: str | None
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class ListedSentence:
    """A sentence and its entities, as an answer lists them.

    Attributes:
        sentence: The sentence, without number, name and quotes around it.
        entities: Its entities, in the order of the list.
        fault: Why it is none; None where both are there.
        parse_path: How it was found: `json`, `embedded` or `listing`.
        value: What was read, for whoever looks for the reason.
    """

    sentence: str
    entities: tuple[ListedEntity, ...]
    fault: str | None
    parse_path: str
    value: Any


@dataclass(frozen=True, slots=True)
class Listings:
    """What an answer lists.

    Attributes:
        sentences: The sentences, in order.
        lost: What was there and broke off, by reason.
        strict: Whether the whole answer is strict JSON.
    """

    sentences: tuple[ListedSentence, ...]
    lost: Counter[str]
    strict: bool


def read_listings(text: str) -> Listings:
    r"""Read all sentences with their entities from an answer, whatever stands in it.

    Example:
        >>> answer = 'Sentence: "Funmi sings."\nNamed Entities: [Funmi (PER)]'
        >>> (listed,) = read_listings(answer).sentences
        >>> listed.sentence, [(entity.name, entity.type) for entity in listed.entities]
        ('Funmi sings.', [('Funmi', 'PER')])
    """
    try:
        value = read_whole(text.strip())
    except (ValueError, RecursionError):
        return _read_pieces(text) if _JSON_KEY.search(text) else _read_lines(text)
    return Listings(tuple(_of_json([value], text, "json")), Counter(), strict=True)


def write_listing(sentence: str, entities: Iterable[tuple[str, str]], *, structured: bool) -> str:
    """Write a sentence with names and types of its entities, as an answer is to write it."""
    if structured:
        listed = [{"name": name, "type": type_} for name, type_ in entities]
        return json.dumps({"sentence": sentence, "entities": listed}, ensure_ascii=False)
    names = ", ".join(f"{name} ({type_})" for name, type_ in entities)
    return f'Sentence: "{sentence}"\nNamed Entities: [{names}]'


# ---- JSON

_JSON_KEY = re.compile(r"[\"'“]sentence[\"'”]\s*:")
_SENTENCE_KEY = "sentence"
_LIST_KEYS = ("entities", "named_entities", "named entities", "Named Entities")
_NAME_KEYS = ("name", "entity", "text", "span")
# Where names and types are looked for: an escaped character is six at most. Any text takes linear time.
_MOST_BETWEEN = 200
_MOST_BEFORE = 20_000


def _read_pieces(text: str) -> Listings:
    """Read an answer that has JSON in it."""
    found: list[ListedSentence] = []
    lost: Counter[str] = Counter()
    for piece in Scanner(text).scan():
        if not isinstance(piece, Broken):
            found += _of_json([piece.value], text, "embedded")
            continue
        found += _of_json([value for _, value in piece.members], text, "embedded")
        names = {key for key, _ in piece.members} | {piece.open_key}
        if piece.is_object and _SENTENCE_KEY in names:
            lost[piece.reason] += 1
    return Listings(tuple(found), lost, strict=False)


def _of_json(values: Iterable[Any], text: str, parse_path: str) -> Iterator[ListedSentence]:
    """Find sentences in JSON values, in order, at any depth."""
    at = 0
    pending = list(values)[::-1]
    while pending:
        value = pending.pop()
        if isinstance(value, dict) and _SENTENCE_KEY in value:
            listed, at = _of_object(value, text, at, parse_path)
            yield listed
        elif isinstance(value, dict):
            pending += reversed(list(value.values()))
        elif isinstance(value, RepeatedKeys):
            if any(key == _SENTENCE_KEY for key, _ in value):
                yield ListedSentence("", (), REPEATED, parse_path, value)
            pending += reversed([member for _, member in value])
        elif isinstance(value, list):
            pending += reversed(value)


def _of_object(value: dict[str, Any], text: str, at: int, parse_path: str) -> tuple[ListedSentence, int]:
    """Read one object; return it, and where in the answer it is left."""
    sentence = value[_SENTENCE_KEY]
    entities = next((value[key] for key in _LIST_KEYS if key in value), None)
    if not isinstance(sentence, str) or not sentence.strip():
        return ListedSentence("", (), NO_SENTENCE, parse_path, value), at
    if not isinstance(entities, list):
        return ListedSentence(sentence, (), NO_LIST, parse_path, value), at
    _, at = _find(text, sentence, at, at + 6 * len(sentence) + _MOST_BEFORE)
    listed: list[ListedEntity] = []
    for entity in entities:
        read = _entity_of(entity)
        if read is None:
            return ListedSentence(sentence, (), NO_TYPE, parse_path, value), at
        name, type_ = read
        start, behind = _find(text, name, at, at + 6 * len(name) + _MOST_BETWEEN)
        _, end = _find(text, type_, behind, behind + _MOST_BETWEEN) if start is not None else (None, at)
        listed.append(ListedEntity(name, type_, start, end if start is not None else None))
        at = max(at, end)
    return ListedSentence(_bare(sentence), tuple(listed), None, parse_path, value), at


def _entity_of(value: Any) -> tuple[str, str] | None:
    if isinstance(value, dict):
        name = next((value[key] for key in _NAME_KEYS if key in value), None)
        type_ = value.get("type")
        return (name, type_) if isinstance(name, str) and isinstance(type_, str) else None
    if isinstance(value, str):
        pairs = list(_pairs(value, 0))
        if len(pairs) == 1 and pairs[0].type is not None:
            return pairs[0].name, pairs[0].type
    return None


def _find(text: str, part: str, start: int, end: int) -> tuple[int | None, int]:
    """Find where a part of a JSON value stands in an answer, and where it ends; None where it is unknown."""
    for written in (json.dumps(part, ensure_ascii=False)[1:-1], json.dumps(part)[1:-1]):
        place = text.find(written, start, end) if written else -1
        if place >= 0:
            return place, place + len(written)
    return None, start


# ---- Lines

_HEADER = re.compile(
    r"^[ \t*_#>-]*named[ \t]+entit(?:y|ies)\b[^:\n\[]{0,20}:[ \t*_]*", re.IGNORECASE | re.MULTILINE
)
_LIST_END = re.compile(r"\][ \t.*_\"'”]*$", re.MULTILINE)
_MARK = re.compile(
    r"""
    [ \t>*_\#-]*
    (?P<number>\(?\d{1,4}[.):][ \t*_]*)?
    (?P<name>(?:generated[ \t]{1,8})?sentences?\b[ \t]{0,8}\d{0,4}[ \t]{0,8}[.:)*_-]+[ \t]*)?
    """,
    re.IGNORECASE | re.VERBOSE,
)
_PAIR_END = re.compile(r"\((?P<type>[^()\n]{0,80})\)[ \t*_\"'”]*(?=[,;\n\]]|\Z)")
_BEFORE_NAME = re.compile(r"[\s,;]*(?:(?:[-*•]|\d{1,3}[.)])\s+)?")
_NOTHING = frozenset({"", "none", "n/a", "na", "null", "no named entities", "no entities"})
_QUOTES = {'"': '"', "“": "”", "”": "”", "„": "“”", "«": "»", "‘": "’", "'": "'", "`": "`"}
_WHITE = re.compile(r"\s+")
_CHARACTERS_SHOWN = 2000


def _read_lines(text: str) -> Listings:
    found: list[ListedSentence] = []
    lost: Counter[str] = Counter()
    headers = list(_HEADER.finditer(text))
    at = 0
    for number, header in enumerate(headers):
        limit = headers[number + 1].start() if number + 1 < len(headers) else len(text)
        *without, sentence = _sentences(text[at : header.start()], is_followed=True) or [""]
        found += map(_unlisted, without)
        content = _content(text, header.end(), limit)
        if content is None:
            lost[CUT] += 1
            at = len(text)
            break
        start, end, at = content
        entities = tuple(_pairs(text[start:end], start))
        fault = None if sentence else NO_SENTENCE
        value = {"sentence": sentence, "entities": text[start:end][:_CHARACTERS_SHOWN]}
        found.append(ListedSentence(sentence, entities, fault, "listing", value))
    *without, last = _sentences(text[at:], is_followed=False) or [""]
    found += map(_unlisted, without)
    if last:
        # Its entities would have come.
        lost[CUT] += 1
    return Listings(tuple(found), lost, strict=False)


def _unlisted(sentence: str) -> ListedSentence:
    return ListedSentence(sentence, (), NO_LIST, "listing", {"sentence": sentence[:_CHARACTERS_SHOWN]})


def _sentences(block: str, *, is_followed: bool) -> list[str]:
    """Return the sentences of what stands before a list of entities, or behind the last one.

    They are marked by a number or a name; without a mark, the last lines before the list are one.
    """
    paragraphs: list[tuple[bool, list[str]]] = []
    is_open = False
    for line in block.split("\n"):
        mark = _MARK.match(line)
        if not line.strip():
            is_open = False
        elif mark and (mark["number"] or mark["name"]):
            is_open = True
            paragraphs.append((True, [line[mark.end() :]]))
        elif is_open:
            paragraphs[-1][1].append(line)
        else:
            is_open = True
            paragraphs.append((False, [line]))
    sentences = [_bare(" ".join(lines)) for is_marked, lines in paragraphs if is_marked]
    sentences = [sentence for sentence in sentences if sentence]
    if sentences or not is_followed or not paragraphs:
        return sentences
    last = _bare(" ".join(paragraphs[-1][1]))
    return [last] if last and not last.endswith(":") else []


def _content(text: str, start: int, limit: int) -> tuple[int, int, int] | None:
    """Return where a list of entities begins and ends, and where the answer goes on; None if it is cut."""
    begin = start
    while begin < limit and text[begin].isspace():
        begin += 1
    if begin < limit and text[begin] == "[":
        end = _LIST_END.search(text, begin, limit)
        if end is not None:
            return begin + 1, end.start(), end.end()
        close = text.find("]", begin, limit)
        if close >= 0:
            return begin + 1, close, close + 1
        if limit == len(text) and "\n\n" not in text[begin:limit]:
            return None
        begin += 1
    line_end = text.find("\n", start, limit)
    if line_end >= 0 and not text[start:line_end].strip():
        # A list with an entity a line.
        line_end = text.find("\n\n", begin, limit)
    end = limit if line_end < 0 else line_end
    return begin, max(begin, end), max(begin, end)


def _pairs(content: str, offset: int) -> Iterator[ListedEntity]:
    """Yield the entities of a list, `name (type)` each; what has no type comes last, without one."""
    at = 0
    for closing in _PAIR_END.finditer(content):
        before = _BEFORE_NAME.match(content, at)
        start = before.end() if before else at
        name = content[start : closing.start()].strip()
        yield ListedEntity(name, closing["type"].strip(), offset + start, offset + closing.end("type") + 1)
        at = closing.end()
    rest = content[at:].strip(" \t\r\n,;.*_[]\"'")
    if rest.casefold() not in _NOTHING:
        yield ListedEntity(rest, None)


def _bare(sentence: str) -> str:
    """Return a sentence on one line, without the quotes that stand around the whole of it."""
    text = _WHITE.sub(" ", sentence).strip(" *_")
    closing = _QUOTES.get(text[:1], "")
    if len(text) > 1 and closing and text[-1] in closing:
        inner = text[1:-1]
        if _is_quoted_as_a_whole(inner, text[0], closing):
            text = inner
    elif text.startswith('"') and text.count('"') == 1:
        text = text[1:]
    return text.replace('\\"', '"').strip()


def _is_quoted_as_a_whole(inner: str, opening: str, closing: str) -> bool:
    """Say whether the quotes around a text belong together: none in it closes the first one."""
    places = [place for place, letter in enumerate(inner) if letter == opening or letter in closing]
    if not places:
        return True
    first = places[0]
    return inner[first] == opening and (first == 0 or inner[first - 1] in " \\([—–-")
