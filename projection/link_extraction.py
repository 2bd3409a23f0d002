"""From the vectors of subwords to links between them, for a batch of sentences at once.

Each way takes `source` (sentences, subwords, dimensions), `target` likewise, and `real` (sentences, source
subwords, target subwords), which tells the pairs of subwords from what fills up the batch. It returns which
pairs are links.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import torch

THRESHOLD = 0.001
ROUNDS = 2
DISCOUNT = 0.9

Extraction: TypeAlias = "Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]"


def both_softmax(
    source: torch.Tensor, target: torch.Tensor, real: torch.Tensor, *, threshold: float = THRESHOLD
) -> torch.Tensor:
    """Return the links of AWESOME (Dou & Neubig 2021): probable from the source and from the target.

    Args:
        source: Vectors of source subwords.
        target: Vectors of target subwords.
        real: Which pairs of subwords are there.
        threshold: Both probabilities of a link are greater.
    """
    import torch

    scores = torch.bmm(source, target.transpose(1, 2)).masked_fill(~real, -torch.inf)
    # Rows and columns that only fill up have no probabilities; what is not a number is greater than nothing.
    return (scores.softmax(2) > threshold) & (scores.softmax(1) > threshold) & real


def itermax(
    source: torch.Tensor,
    target: torch.Tensor,
    real: torch.Tensor,
    *,
    rounds: int = ROUNDS,
    discount: float = DISCOUNT,
) -> torch.Tensor:
    """Return the links of SimAlign's Itermax (Jalili Sabet et al. 2020), as its authors' program finds them.

    A link is a pair of subwords that are each other's most similar. In a further round, pairs that have a
    link on both sides are out, and the similarity of those that have one on one side is discounted. There
    is no further round where a side has at most two subwords, or none without a link.

    Args:
        source: Vectors of source subwords.
        target: Vectors of target subwords.
        real: Which pairs of subwords are there.
        rounds: How many rounds there are; one gives the mutual best, which SimAlign calls `inter`.
        discount: What the similarity is multiplied by.
    """
    import torch
    from torch.nn.functional import normalize

    cosine = torch.bmm(normalize(source, dim=2), normalize(target, dim=2).transpose(1, 2))
    similarity = (cosine + 1) / 2
    links = _mutual_best(similarity, real)
    is_short = (real.any(2).sum(1) <= 2) | (real.any(1).sum(1) <= 2)
    for _ in range(rounds - 1):
        free_source = real.any(2) & ~links.any(2)
        free_target = real.any(1) & ~links.any(1)
        goes_on = ~is_short & free_source.any(1) & free_target.any(1)
        free = free_source.unsqueeze(2).to(similarity.dtype) + free_target.unsqueeze(1)
        weight = (free * discount).clamp(max=1)
        links |= _mutual_best(similarity * weight, real) & (free > 0) & goes_on[:, None, None]
    return links


EXTRACTIONS: Mapping[str, Extraction] = MappingProxyType({"simalign": itermax, "awesome": both_softmax})
"""Every way there is, by the name of its authors' program."""


def _mutual_best(similarity: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    """Return the pairs that are the best of their row and of their column, the first of equals."""
    import torch

    # No similarity is less than 0.
    similarity = similarity.masked_fill(~real, -1)
    best = torch.zeros_like(real).scatter_(2, similarity.argmax(2, keepdim=True), value=True)
    best &= torch.zeros_like(real).scatter_(1, similarity.argmax(1, keepdim=True), value=True)
    return best & real
