"""One alignment out of those of the two directions.

A statistical model of a direction gives each word of one side at most one word of the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from .outcome import Alignment

_NEIGHBOURS = ((-1, 0), (0, -1), (1, 0), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1))


def intersection(forward: Alignment, reverse: Alignment) -> Alignment:
    """Return the links that both directions have."""
    return forward & reverse


def union(forward: Alignment, reverse: Alignment) -> Alignment:
    """Return the links that either direction has."""
    return forward | reverse


def grow_diag_final_and(forward: Alignment, reverse: Alignment) -> Alignment:
    """Grow the intersection by links of the union (Koehn et al. 2003).

    A link joins that has a neighbour among the links, on a diagonal too, and a word that has no link yet,
    as long as there is one. Then links join of which both words have no link yet, those of `forward` first.
    Links are looked at in the order of their words.
    """
    both = forward | reverse
    links = forward & reverse
    grown = set(links)
    sources = {source for source, _ in grown}
    targets = {target for _, target in grown}

    def join(link: tuple[int, int]) -> None:
        grown.add(link)
        sources.add(link[0])
        targets.add(link[1])

    front = sorted(grown)
    while front:
        joined = []
        for source, target in front:
            for down, right in _NEIGHBOURS:
                link = (source + down, target + right)
                if link in both and link not in grown and not (link[0] in sources and link[1] in targets):
                    join(link)
                    joined.append(link)
        # Only a link that is new has neighbours that were not looked at: words only ever get linked.
        front = sorted(joined)
    for direction in (forward, reverse):
        for link in sorted(direction):
            if link[0] not in sources and link[1] not in targets:
                join(link)
    return frozenset(grown)


SYMMETRIZATIONS: Mapping[str, Callable[[Alignment, Alignment], Alignment]] = MappingProxyType(
    {"intersection": intersection, "grow-diag-final-and": grow_diag_final_and, "union": union}
)
"""Every way there is, by name."""
