"""A vocabulary without the subwords that nothing uses: same losses, less memory, faster steps.

Of a multilingual encoder's weights about half are rows of its embedding, and a data set uses few of them. A
row that is not used has no gradient; all that AdamW does to it is weight decay. So it can be left out of
training, and the decay made up for when the whole embedding is wanted again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import nn

# What is decayed at once: it stays in a processor's cache from one step to the next; a GPU wants more.
_NUMBERS_AT_ONCE = 1 << 18
_NUMBERS_AT_ONCE_ON_A_GPU = 1 << 26

MakeOptimizer = Callable[[nn.Parameter], torch.optim.Optimizer]


class TrimmedEmbedding(nn.Module):
    """Some rows of an embedding, looked up by the numbers that they have in the whole one.

    Nothing is drawn at random here, so that dropout is the same with it and without.

    Args:
        whole: The embedding. It is kept aside, and stays as it is.
        rows: The rows to take, in order.
    """

    places: torch.Tensor

    def __init__(self, whole: nn.Embedding, rows: torch.Tensor) -> None:
        super().__init__()
        places = torch.full((whole.num_embeddings,), -1)
        places[rows] = torch.arange(len(rows))
        self.register_buffer("places", places, persistent=False)
        self.weight = nn.Parameter(whole.weight.detach()[rows].clone())
        self._padding = None if whole.padding_idx is None else int(places[whole.padding_idx])

    def forward(self, subwords: torch.Tensor) -> torch.Tensor:
        """Return the rows of subwords that were taken."""
        return nn.functional.embedding(self.places[subwords], self.weight, self._padding)


class TrimmedVocabulary:
    """What puts an encoder's whole embedding back. `trim` makes one.

    Args:
        owners: The modules that have the embedding, and the name by which.
        whole: The embedding.
        rows: The rows that stay in the model.
    """

    def __init__(
        self, owners: Sequence[tuple[nn.Module, str]], whole: nn.Embedding, rows: torch.Tensor
    ) -> None:
        self._owners = owners
        self._whole = whole
        self._rows = rows
        self._known = frozenset(rows.tolist())
        self._trimmed = TrimmedEmbedding(whole, rows)
        self._put(self._trimmed)

    def covers(self, subwords: Iterable[int]) -> bool:
        """Say whether the model as it is knows subwords."""
        return self._known.issuperset(subwords)

    def restore(self, decay: Callable[[torch.Tensor], torch.Tensor]) -> None:
        """Put the whole embedding back, as training all of it would have left it.

        Args:
            decay: Returns rows as training without a gradient leaves them.
        """
        trained = self._trimmed.weight.detach()
        whole = self._whole.weight.detach().clone()
        unused = torch.ones(len(whole), dtype=torch.bool)
        unused[self._rows] = False
        at_once = _NUMBERS_AT_ONCE if trained.device.type == "cpu" else _NUMBERS_AT_ONCE_ON_A_GPU
        for rows in unused.nonzero().squeeze(1).split(max(1, at_once // whole.shape[1])):
            whole[rows] = decay(whole[rows].to(trained.device)).to(whole.device)
        whole[self._rows] = trained.to(whole.device)
        self._whole.weight = nn.Parameter(whole.to(trained.device))
        self._put(self._whole)

    def _put(self, embedding: nn.Module) -> None:
        for module, name in self._owners:
            setattr(module, name, embedding)


def trim(model: nn.Module, encoder: nn.Module, subwords: Iterable[int]) -> TrimmedVocabulary | None:
    """Leave only the rows of an encoder's embedding that are used.

    Args:
        model: The model that is trained.
        encoder: The part of it with `get_input_embeddings`.
        subwords: The subwords that are used, special ones and the padding among them.

    Returns:
        What puts the whole embedding back; None where the embedding is of a kind that does more than look
        rows up, or its weights are used elsewhere too, and the model stays as it was.
    """
    whole = encoder.get_input_embeddings()  # pyright: ignore[reportCallIssue]
    used = set(subwords)
    if type(whole) is not nn.Embedding or whole.max_norm or whole.scale_grad_by_freq or whole.sparse:
        return None
    if whole.padding_idx is not None:
        used.add(whole.padding_idx)
    owners = [
        (module, name)
        for module in model.modules()
        for name, child in module.named_children()
        if child is whole
    ]
    users = sum(parameter is whole.weight for _, parameter in model.named_parameters(remove_duplicate=False))
    if users != len(owners):
        return None
    return TrimmedVocabulary(owners, whole, torch.tensor(sorted(used)))


def decayed(rows: torch.Tensor, rates: Sequence[float], make_optimizer: MakeOptimizer) -> torch.Tensor:
    """Return rows as training leaves them that gives them no gradient.

    The optimizer itself does it: a product of all factors would be rounded once, and not at every step.

    Args:
        rows: The rows.
        rates: The learning rate of each step.
        make_optimizer: Makes the optimizer that the other rows were trained by.
    """
    parameter = nn.Parameter(rows.clone())
    parameter.grad = torch.zeros_like(rows)
    optimizer = make_optimizer(parameter)
    [group] = optimizer.param_groups
    for rate in rates:
        group["lr"] = rate
        optimizer.step()
    return parameter.detach()
