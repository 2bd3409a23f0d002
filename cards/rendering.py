"""What all cards are made of: metadata, a generated part between two marks, what people wrote around it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jinja2

from .front_matter import as_yaml
from .kept_text import BEGIN, END, kept_text
from .markdown import Markdown


def rendered_card(metadata: Mapping[str, Any], body: str, existing: str | None, where: str) -> str:
    """Put a card together.

    Args:
        metadata: The keys of its front matter. One whose value is None is left out, also where the card as it
            is now has it.
        body: The generated part.
        existing: The card as it is now. What people wrote outside its generated part is kept, and so are
            metadata keys that are not generated.
        where: How an error names the card as it is now.

    Raises:
        DataError: If the existing card's front matter or marks are broken.
    """
    kept = kept_text(existing, where)
    generated = {key: value for key, value in metadata.items() if value is not None}
    of_people = {key: value for key, value in kept.metadata.items() if key not in metadata}
    return f"---\n{as_yaml(generated | of_people)}---\n{kept.before}{BEGIN}\n\n{body}\n\n{END}{kept.after}"


def template(name: str, filters: Mapping[str, Callable[..., object]]) -> jinja2.Template:
    """Return a template that shows nothing but Markdown: any other value in it is an error."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(__name__.rpartition(".")[0]),
        autoescape=False,  # noqa: S701 - what HTML needs is not what Markdown needs; `_only_markdown` is stricter
        undefined=jinja2.StrictUndefined,
        finalize=_only_markdown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= filters
    return environment.get_template(name)


def _only_markdown(value: object) -> object:
    if not isinstance(value, Markdown):
        raise TypeError(f"the card's template shows {value!r} without saying how")
    return value
