"""Models in memory: where they are, what loads them, and that two of them never stay side by side."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from ...release import Config
from ...schema.errors import EngineError, WrongUsageError
from ...schema.secrecy import without_secrets


class InMemory:
    """A model in memory. Other models cannot stay beside it: loading one lets it go.

    Args:
        load: Loads it.
        end: Ends what goes on for it, before it goes.
    """

    def __init__(self, load: Callable[[], Any], end: Callable[[Any], None]) -> None:
        self._load = load
        self._end = end
        self._model: Any = None

    def get(self) -> Any:
        """Return the model, loaded where it is not in memory."""
        if self._model is None:
            for other in list(_IN_MEMORY.values()):
                other.let_go()
            self._model = self._load()
        return self._model

    def let_go(self) -> None:
        """Free the memory that the model takes, all of it and at once: whatever comes next may need it."""
        if self._model is not None:
            self._end(self._model)
            self._model = None
            gc.collect()

    def __del__(self) -> None:
        self.let_go()


# Configs of one generator share its model; it goes when the last of their engines does.
_IN_MEMORY: WeakValueDictionary[str, InMemory] = WeakValueDictionary()


def in_memory(
    name: str, load: Callable[[], Any], end: Callable[[Any], None] = lambda _model: None
) -> InMemory:
    """Return the holder of a model, the one that there is for the name where there is one.

    Args:
        name: What it is: equal names are the same model, loaded the same way.
        load: Loads it.
        end: Ends what goes on for it, before it goes.
    """
    holder = _IN_MEMORY.get(name)
    if holder is None:
        holder = _IN_MEMORY[name] = InMemory(load, end)
    return holder


def model_source(config: Config, folder: Path) -> str:
    """Return where a config's model is: a folder, as a path from the release's, or its id on the Hub.

    Raises:
        EngineError: If it is written like a path, and there is no such folder.
    """
    model = config.generator.model
    path = folder / Path(model).expanduser()
    if path.is_dir():
        return str(path)
    if model.startswith((".", "~", "/")) or model.count("/") > 1:
        raise EngineError(
            f"there is no folder with a model at {path}",
            where=config.name,
            hint="`model` is a folder, relative to release.yaml, or the id of a model on the Hub.",
        )
    return model


def require_packages(config: Config, packages: Iterable[str], extra: str) -> None:
    """Make sure that an engine's packages are installed.

    Raises:
        WrongUsageError: If they are not.
    """
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise WrongUsageError(
            f"the engine `{config.generator.engine}` needs packages that are not installed: "
            f"{', '.join(missing)}",
            where=config.name,
            hint=f"Install them with `pip install 'synthner[{extra}]'`.",
        )


@contextmanager
def loading(config: Config) -> Iterator[None]:
    """Turn whatever a library finds wrong with a model into an error that says so.

    Raises:
        EngineError: If it finds anything.
    """
    try:
        yield
    except EngineError:
        raise
    except Exception as error:
        if "trust_remote_code" in str(error):
            raise EngineError(
                f"the model {config.generator.model} needs code of its own, which is never run",
                where=config.name,
                hint="Take a model of an architecture that the library has.",
            ) from error
        raise EngineError(
            f"the model {config.generator.model} cannot be loaded: {without_secrets(error)}",
            where=config.name,
            hint="Is its name right, are its weights safetensors, and do they fit into memory? A model of "
            "the Hub needs a connection once; a gated one needs `hf auth login`.",
        ) from error
