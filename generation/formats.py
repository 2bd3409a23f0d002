"""How datapoints are written in prompts, and the JSON Schema of the answer that is asked for.

- `paper`: `{"tokens": [...], "ner_tags": [0, 1, 2]}`, as Kamath & Vajjala (2025) asked. Its parallel lists
  drift apart, and its integers say nothing without a legend.
- `pairs`: `{"words": [["Funmi", "B-PER"], ["sings", "O"]]}`. Words and labels cannot drift apart.
- `spans`: `{"sentence": "<PER>Funmi Ojo</PER> sings"}`. The shortest, and it cannot break IOB2.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ..schema.labels import LabelSet
from .answer_schemas import list_of, object_of
from .inline_spans import render_inline_spans

FORMATS = ("paper", "pairs", "spans")


def render_datapoint(format: str, tokens: Sequence[str], tags: Sequence[str], labels: LabelSet) -> str:  # noqa: A002
    """Write a datapoint as one line of JSON, as UTF-8 text without escapes.

    Args:
        format: A name in `FORMATS`.
        tokens: The words.
        tags: One label name a word.
        labels: The label set, whose integers `paper` writes.

    Raises:
        ValueError: If there is no such format, or `spans` cannot write an entity type.
        KeyError: If `paper` meets a tag that is not in the label set.
    """
    value: dict[str, Any]
    if format == "paper":
        value = {"tokens": list(tokens), "ner_tags": labels.encode(tags)}
    elif format == "pairs":
        value = {"words": [list(pair) for pair in zip(tokens, tags, strict=True)]}
    elif format == "spans":
        value = {"sentence": render_inline_spans(tokens, tags)}
    else:
        raise ValueError(f"no format is named `{format}`")
    return json.dumps(value, ensure_ascii=False)


def response_schema(format: str, labels: LabelSet, datapoints: int) -> dict[str, Any]:  # noqa: A002
    """Return the JSON Schema of an answer with so many datapoints.

    It keeps to what OpenAI's strict structured output accepts: every property required, none besides them, no
    positional items. A pair is an object there, since a list of a word and a label needs positional items.

    Raises:
        ValueError: If there is no such format.
    """
    string = {"type": "string"}
    if format == "paper":
        item = object_of(tokens=list_of(string), ner_tags=list_of({"type": "integer"}))
        return object_of(ner_datapoints=list_of(item, datapoints))
    if format == "pairs":
        pair = object_of(token=string, label={"type": "string", "enum": list(labels.names)})
        return object_of(datapoints=list_of(object_of(words=list_of(pair)), datapoints))
    if format == "spans":
        return object_of(datapoints=list_of(object_of(sentence=string), datapoints))
    raise ValueError(f"no format is named `{format}`")


def guiding_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of a call with its properties in the order of `required`.

    Models write them in the order of the schema, and the journal keeps a schema's keys sorted: a label would
    come before its word.
    """
    return {
        name: _in_order(value, schema.get("required", ()))
        if name == "properties"
        else guiding_schema(value)
        if isinstance(value, dict)
        else value
        for name, value in schema.items()
    }


def _in_order(properties: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    ordered = sorted(properties, key=lambda name: names.index(name) if name in names else len(names))
    return {name: guiding_schema(properties[name]) for name in ordered}
