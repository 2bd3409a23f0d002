"""What a command did, as Markdown: for the summary of a CI job and for a pull request.

    python -m synthner.cards.job_summary COMMAND STATUS OUTPUT MESSAGES

COMMAND is what was run (`publish --dry-run`), STATUS its exit status, OUTPUT a file with what it printed on
stdout (one JSON object, if it was asked for that) and MESSAGES one with what it said on stderr.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..builders.changes import ConfigChange, ReleaseChanges, RowChanges
from ..schema.waterfall import JOINED
from .markdown import Markdown, cell, code, count, fenced, table
from .release_changes import changes_markdown

LONGEST = 60_000
"""Bytes of a summary: a comment on GitHub may have 65,536 characters."""

_LONGEST_MESSAGE = 10_000
_CUT = "\n\nThere is more; `synthner` shows all of it on your machine."


def job_summary(command: str, status: int, output: str, messages: str) -> Markdown:
    """Say what a command did.

    Args:
        command: What was run, without the release.
        status: Its exit status.
        output: What it printed on stdout.
        messages: What it said on stderr.

    Raises:
        ValueError: If it succeeded with `--json`, and did not print JSON.
    """
    parts = [f"### {code('synthner ' + command)} failed"] if status else []
    has_outcome = output.startswith("{")
    if status and (messages or not has_outcome):
        parts.append(fenced(messages[-_LONGEST_MESSAGE:] or "It said nothing."))
    if has_outcome:
        parts.append(_outcome(command, json.loads(output)))
    elif not status:
        parts.append(_rehearsed())
    return _cut("\n\n".join(parts))


def _outcome(command: str, outcome: Mapping[str, Any]) -> Markdown:
    if command == "validate":
        return _validated(outcome)
    if command == "build":
        return _built(outcome)
    if command.startswith("leaderboard review"):
        return _reviewed(outcome)
    return _published(outcome, is_rehearsed="--rehearse" in command)


def _rehearsed() -> Markdown:
    return Markdown(
        "### Rehearsed\n\nThe release was published to a Hub made for this job, and loaded back; publishing "
        "it again changed nothing."
    )


def _validated(outcome: Mapping[str, Any]) -> Markdown:
    configs = ", ".join(code(name) for name in outcome["configs"])
    rows = [
        [
            code(language),
            cell(problem["severity"]),
            cell(problem["kind"]),
            count(problem["count"]),
            code(f"{Path(problem['first']['file']).name}:{problem['first']['line']}"),
        ]
        for language, gold in outcome["gold"].items()
        for problem in gold["problems"]
    ]
    header = [Markdown(text) for text in ("Gold", "", "What", "How often", "First")]
    found = table(header, rows, align="lllrl") if rows else "Nothing in its gold is irregular."
    parts = [f"### Release of {configs}", found]
    if outcome["to_mend"]:
        parts.append(f"Mend the errors in gold of {', '.join(map(code, outcome['to_mend']))}.")
    parts += [
        f"**{cell(finding['name'])}**: {cell(finding['message'])}. {cell(finding['hint'])}"
        for finding in outcome["findings"]
    ]
    return Markdown("\n\n".join(parts))


def _built(manifest: Mapping[str, Any]) -> Markdown:
    rows = [
        [
            code(name),
            code(split),
            _requested(steps),
            count(steps[-1]["kept"]),
        ]
        for name, config in manifest["configs"].items()
        for split, steps in config["waterfall"].items()
    ]
    header = [Markdown(text) for text in ("Config", "Split", "Requested", "To be published")]
    return Markdown(f"### Built\n\n{table(header, rows, align='llrr')}")


def _reviewed(outcome: Mapping[str, Any]) -> Markdown:
    rows = [
        [
            code(request["url"]),
            code(request["commit"][:12]),
            count(len(request["results"])),
            cell(_became(request)),
        ]
        for request in outcome["pull_requests"]
    ]
    header = [Markdown(text) for text in ("Pull request", "Commit", "Results", "What became of it")]
    parts = [f"### Review of {code(outcome['repository'])}"]
    parts.append(table(header, rows, align="llrl") if rows else "No pull request is open.")
    if outcome["built"]:
        parts.append(f"The leaderboard was built anew, in commit {code(outcome['built'][:12])}.")
    if outcome["not_built"] is not None:
        parts.append(f"The leaderboard could not be built: {cell(outcome['not_built'])}")
    parts += [
        f"Left out: {code(problem['path'])}: {cell(problem['message'])}" for problem in outcome["left_out"]
    ]
    return Markdown("\n\n".join(parts))


def _became(request: Mapping[str, Any]) -> str:
    if request["not_verified"] is not None:
        return f"could not be verified: {request['not_verified']}"
    if request["merged"]:
        return "merged"
    if not request["acceptable"]:
        problems = len(request["problems"])
        return f"{problems} {'problem' if problems == 1 else 'problems'}, answered"
    return request["held"] or "right, not merged"


def _requested(steps: list[dict[str, Any]]) -> Markdown:
    """Say how many datapoints were asked for; nothing is asked for a joint config."""
    return Markdown("–") if steps[0]["step"] == JOINED else count(steps[0]["kept"])


def _published(outcome: Mapping[str, Any], *, is_rehearsed: bool) -> Markdown:
    repository, version = outcome["repository"], outcome["version"]
    if not outcome["sent"] and not outcome["removed"]:
        return Markdown(f"### Nothing changes\n\n{code(repository)} has version {cell(version)} already.")
    files = ", ".join(
        f"{count(len(outcome[key]))} {name}"
        for key, name in (("sent", "new or changed"), ("unchanged", "unchanged"), ("removed", "removed"))
    )
    return Markdown(
        f"{changes_markdown(_changes(outcome['changes']), version)}\n\n"
        f"{_where(outcome, is_rehearsed)} Files: {files}."
    )


def _where(outcome: Mapping[str, Any], is_rehearsed: bool) -> str:
    repository = code(outcome["repository"])
    if is_rehearsed:
        return f"What is published in {repository} was not read: this is compared with nothing."
    if "url" not in outcome:
        return f"This would be published in {repository}."
    if outcome["pull_request"]:
        return f"This is proposed in {code(outcome['pull_request'])}."
    is_whole = len(outcome["loaded_back"]) == len(outcome["configs"])
    return (
        f"This is published at {code(outcome['url'])}, in commit {code(outcome['commit'][:12])}, tagged "
        f"{code(outcome['tag'])}, and {'' if is_whole else 'what changed '}was loaded back."
    )


def _changes(values: list[dict[str, Any]]) -> ReleaseChanges:
    configs = tuple(ConfigChange(**{**value, "rows": RowChanges(**value["rows"])}) for value in values)
    return ReleaseChanges(configs, is_first=not any(config.before for config in configs))


def _cut(text: str) -> Markdown:
    """Leave out lines at the end of what is too long for a comment."""
    if len(text.encode("utf-8")) <= LONGEST:
        return Markdown(text)
    room = LONGEST - len(_CUT)
    kept = text.encode("utf-8")[:room].decode("utf-8", "ignore")
    return Markdown(kept[: kept.rfind("\n")] + _CUT)


def main() -> None:
    """Write a summary on stdout."""
    command, status, output, messages = sys.argv[1:]
    texts = [Path(name).read_text(encoding="utf-8", errors="replace") for name in (output, messages)]
    sys.stdout.buffer.write(f"{job_summary(command, int(status), *texts)}\n".encode())


if __name__ == "__main__":
    main()
