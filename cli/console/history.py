"""What `build --explain` prints."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from . import counted, say

if TYPE_CHECKING:
    from ...builders.explain import History


# A response up to this length is shown whole; of a longer one, the part around a datapoint.
RESPONSE_CHARACTERS = 1200
CHARACTERS_BEFORE, CHARACTERS_AFTER = 200, 400


def print_history(history: History) -> None:
    """Print the way of one datapoint from the raw response to the verdict."""
    call, found, outcome = history.call, history.found, history.outcome
    say(history.id, bold=True)
    _print_fact(
        "call", f"{call.index} of {call.split} in {call.config}: {history.model}, engine {call.engine}"
    )
    _print_fact("key", call.key)
    _print_fact("prompt", f"sha256 {call.prompt_sha256}" if call.prompt_sha256 else "not known")
    seeds = f"{', '.join(call.seed_ids)} (revision {call.seed_revision})" if call.seed_ids else "not known"
    _print_fact("seeds", seeds)
    _print_fact(
        "sampling", ", ".join(f"{key} {value}" for key, value in call.sampling.items()) or "none known"
    )
    _print_fact("finished", history.finish_reason or "not known")
    _print_response(history)
    _print_fact("found", f"datapoint {found.item} of the response, parse path {found.parse_path}")
    if history.operation is not None:
        _print_fact("operation", history.operation)
    if not history.is_readable:
        _print_fact("as sent", found.source)
    elif len(found.tokens or ()) == len(found.tags or ()):
        name = "as read" if found.changes else "as sent"
        _print_fact(name, _labelled(found.tokens or (), found.tags or ()))
    else:
        _print_fact("tokens", " ".join(map(str, found.tokens or ())))
        _print_fact("tags", " ".join(map(str, found.tags or ())))
    for number, change in enumerate(outcome.changes):
        before, after = change["before"], change["after"]
        where = "" if change["position"] is None else f"word {change['position']}: "
        text = f"{change['step']}: {where}{before} → {'nothing' if after is None else after}"
        _print_fact("" if number else "changes", text)
    if not outcome.changes:
        _print_fact("changes", "none")
    if outcome.published is None:
        _print_fact("dropped", f"at {outcome.step}: {outcome.reason}")
    else:
        _print_fact("published", f"in {call.config}, {call.split}")
        _print_fact("labels", _labelled(outcome.published["tokens"], outcome.published["ner_tags"]))
    for name, dropped in history.joint.items():
        text = f"left out of {name} at {dropped.step}: {dropped.reason}" if dropped else f"in {name}, too"
        _print_fact("joint", text)
    if outcome.agreement is not None:
        _print_fact("agreement", f"{outcome.agreement:.3f} with gold")


def _print_fact(name: str, text: str) -> None:
    """Print a line about a datapoint; what its text holds has no effect on the terminal."""
    from ...cards.markdown import legible

    say(f"  {name:<11}", dim=True, nl=False)
    say(legible(text))


def _print_response(history: History) -> None:
    """Print a response, or the part of it around the datapoint, line by line."""
    from ...cards.markdown import legible

    response = history.response
    start, end = 0, len(response)
    if end > RESPONSE_CHARACTERS:
        first, last = history.place or (0, 0)
        start = max(0, first - CHARACTERS_BEFORE)
        end = min(end, last + CHARACTERS_AFTER, start + RESPONSE_CHARACTERS)
    whole = end - start == len(response)
    shown = "" if whole else f"; {start + 1:,} to {end:,} are shown here, and all of them by --json"
    _print_fact("response", counted(len(response), "character") + shown)
    for line in legible(response[start:end], keep="\n").split("\n"):
        say("    | ", dim=True, nl=False)
        say(line)


def _labelled(tokens: Iterable[object], tags: Iterable[object]) -> str:
    return " ".join(f"{token}/{tag}" for token, tag in zip(tokens, tags, strict=True))
