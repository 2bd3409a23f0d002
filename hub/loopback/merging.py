"""What a pull request changes, what stands in its way, and what it looks like as a diff."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import unified_diff

from .repositories import File, Repositories, pointer

Files = Mapping[str, File]


def merged_files(start: Files, target: Files, proposed: Files) -> tuple[dict[str, File], list[str]]:
    """Return the target's files with what was changed since the start, and the paths that both changed.

    Args:
        start: The files that the pull request started from.
        target: The files of the branch that it is merged into.
        proposed: The files of the pull request.
    """
    files, conflicts = dict(target), []
    for path in changed_paths(start, proposed):
        if target.get(path) not in (start.get(path), proposed.get(path)):
            conflicts.append(path)
        elif path in proposed:
            files[path] = proposed[path]
        else:
            files.pop(path, None)
    return files, conflicts


def changed_paths(before: Files, after: Files) -> list[str]:
    """Return the paths that differ, sorted."""
    return sorted(path for path in {*before, *after} if before.get(path) != after.get(path))


def diff(repositories: Repositories, before: Files, after: Files) -> str:
    """Return what changed as git shows it; of large files, their pointers."""
    return "".join(
        line
        for path in changed_paths(before, after)
        for line in _file_diff(path, *(_text(repositories, files.get(path)) for files in (before, after)))
    )


def _file_diff(path: str, before: str | None, after: str | None) -> Iterator[str]:
    yield f"diff --git a/{path} b/{path}\n"
    if "\0" in (before or "") + (after or ""):
        yield f"Binary files a/{path} and b/{path} differ\n"
        return
    names = ("/dev/null" if before is None else f"a/{path}", "/dev/null" if after is None else f"b/{path}")
    sides = ((text or "").splitlines(keepends=True) for text in (before, after))
    for line in unified_diff(*sides, fromfile=names[0], tofile=names[1]):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _text(repositories: Repositories, file: File | None) -> str | None:
    if file is None:
        return None
    if file.large:
        return pointer(file.sha256, file.size).decode()
    return repositories.content(file).read_bytes().decode("utf-8", "replace")
