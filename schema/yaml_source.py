"""YAML that remembers where each key stands, so that an error can name the line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .errors import DataError, ReleaseError
from .validation import nearest

MAX_BYTES = 1_000_000
MAX_NODES = 100_000

KeyPath = tuple[str | int, ...]

_HINT = "A release file is UTF-8 text in YAML; `synthner init FOLDER` writes one to compare it with."


class YamlSource:
    """A YAML file: its value, and the line of each key and item.

    Attributes:
        path: The file.
        value: What it holds, made of dicts, lists and scalars.
    """

    def __init__(self, path: Path) -> None:
        """Read a file.

        Raises:
            ReleaseError: If it is missing, too large, no YAML, repeats a key, or uses anchors to grow
                beyond reason.
        """
        import yaml

        self.path = path
        self._lines: dict[KeyPath, int] = {}
        text = _read_text(path)
        try:
            node = yaml.compose(text, Loader=yaml.SafeLoader)
            if node is None:
                raise ReleaseError("the file is empty", where=str(path), hint=_HINT)
            self._remaining_nodes = MAX_NODES
            self._walk(node, ())
            self.value: Any = yaml.load(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = f":{mark.line + 1}" if mark else ""
            problem = error.problem or error.context or "cannot be read"
            raise ReleaseError(f"this is not YAML: {problem}", where=f"{path}{line}", hint=_HINT) from error
        except RecursionError as error:
            raise ReleaseError("the values are nested too deeply", where=str(path), hint=_HINT) from error
        except (yaml.YAMLError, ValueError) as error:
            raise ReleaseError(f"this is not YAML: {error}", where=str(path), hint=_HINT) from error

    def where(self, key_path: KeyPath) -> str:
        """Return `file:line` of a key, or of the nearest one above it that is written in the file."""
        while key_path and key_path not in self._lines:
            key_path = key_path[:-1]
        return f"{self.path}:{self._lines.get(key_path, 1)}"

    def _walk(self, node: Any, key_path: KeyPath) -> None:
        import yaml

        self._remaining_nodes -= 1
        if self._remaining_nodes < 0:
            raise ReleaseError(
                f"the file unfolds to more than {MAX_NODES:,} values",
                where=str(self.path),
                hint="Anchors and aliases that repeat one another grow without bound: write the values out.",
            )
        self._lines.setdefault(key_path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            seen = set()
            for key, child in node.value:
                if not isinstance(key, yaml.ScalarNode):
                    raise ReleaseError(
                        "a key is a list or a mapping",
                        where=f"{self.path}:{key.start_mark.line + 1}",
                        hint="Every key is one word. Text that holds [ or { needs quotes.",
                    )
                if key.value in seen:
                    raise ReleaseError(
                        f"the key `{key.value}` stands twice",
                        where=f"{self.path}:{key.start_mark.line + 1}",
                        hint="Remove one of the two.",
                    )
                seen.add(key.value)
                self._lines[(*key_path, key.value)] = key.start_mark.line + 1
                self._walk(child, (*key_path, key.value))
        elif isinstance(node, yaml.SequenceNode):
            for index, child in enumerate(node.value):
                self._walk(child, (*key_path, index))


@contextmanager
def naming_the_line(source: YamlSource, key_path: KeyPath) -> Iterator[None]:
    """Say of what is wrong with a value which key it has, and in which line.

    Raises:
        ReleaseError: In place of a `DataError`.
    """
    try:
        yield
    except DataError as error:
        keys = ".".join(str(key) for key in key_path)
        raise ReleaseError(
            f"{keys}: {error.message}", where=source.where(key_path), hint=error.hint
        ) from error


def check_named(
    source: YamlSource, key_path: KeyPath, name: str, known: Iterable[str], what: str = "language"
) -> None:
    """Make sure that a value is the name of something that the release has.

    Args:
        source: The release file.
        key_path: Where the name stands.
        name: The name.
        known: The names of what there is.
        what: What it is called.

    Raises:
        ReleaseError: With the nearest name, if it is not.
    """
    if name not in known:
        keys = ".".join(str(key) for key in key_path)
        raise ReleaseError(
            f"{keys}: `{name}` is no {what} of this release",
            where=source.where(key_path),
            hint=nearest(name, known),
        )


def _read_text(path: Path) -> str:
    try:
        data = path.read_bytes() if path.stat().st_size <= MAX_BYTES else None
    except FileNotFoundError as error:
        raise ReleaseError(
            "there is no such file",
            where=str(path),
            hint="Name the release file, or go to its folder; `synthner init FOLDER` writes a first one.",
        ) from error
    except OSError as error:
        raise ReleaseError(f"cannot be read: {error.strerror}", where=str(path)) from error
    if data is None:
        raise ReleaseError(f"the file is larger than {MAX_BYTES:,} bytes", where=str(path), hint=_HINT)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ReleaseError("this is not UTF-8 text", where=f"{path}:{line}", hint=_HINT) from error
