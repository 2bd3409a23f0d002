"""The ways of projecting by word alignments, by name, each with its parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import TypeAlias

from ..schema.errors import WrongUsageError
from ..schema.iob2 import Mention
from ..schema.validation import nearest
from .gf22 import gf22
from .matched import exact, greedy
from .outcome import Alignment, Projection
from .politov import politov

Projector: TypeAlias = Callable[[Sequence[Mention], Alignment, Sequence[str]], Projection]
"""Projects a sentence: source entities, alignment and target words in, labelled target out."""


@dataclass(frozen=True, slots=True)
class Method:
    """A way of projecting.

    Attributes:
        project: The function.
        parameters: The names of its parameters.
    """

    project: Callable[..., Projection]
    parameters: tuple[str, ...]


METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "gf22": Method(gf22, ("compat", "remove_puncs", "fill_gap_size")),
        "politov": Method(politov, ("merge_distance", "length_ratio", "only_i", "top_k")),
        "greedy": Method(greedy, ("n_proj",)),
        "exact": Method(exact, ("n_proj", "exactly")),
    }
)
"""Every method there is."""


def projector(name: str, parameters: Mapping[str, object]) -> Projector:
    """Return a method with its parameters set; what is not given is as its authors have it.

    Raises:
        WrongUsageError: If there is no such method or it has no such parameter.
    """
    if name not in METHODS:
        raise WrongUsageError(f"there is no method `{name}`", hint=nearest(name, METHODS))
    method = METHODS[name]
    for parameter in parameters:
        if parameter not in method.parameters:
            having = [other for other, each in METHODS.items() if parameter in each.parameters]
            raise WrongUsageError(
                f"the method `{name}` has no parameter `{parameter}`",
                hint=f"It is one of {' and '.join(having)}." if having else "Leave it out.",
            )
    return partial(method.project, **parameters)
