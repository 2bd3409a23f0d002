"""The two heads: a label on a word's first subword, or on the sum of its subwords.

Both give logits at every subword, and a word's are read where its first subword is.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

_SPREAD_OF_A_NEW_HEAD = 0.02


class FirstSubwordModel(nn.Module):
    """A word's logits are those of its first subword.

    Args:
        model: A transformers model for token classification.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    @property
    def encoder(self) -> Any:
        """The model without its head."""
        return self.model.base_model

    def forward(self, subwords: torch.Tensor, attention: torch.Tensor, owners: torch.Tensor) -> torch.Tensor:
        """Return the logits at each subword; `owners` plays no part."""
        return self.model(input_ids=subwords, attention_mask=attention).logits

    def begin_head_anew(self) -> None:
        """Give the linear layers after the encoder new weights."""
        of_encoder = {id(module) for module in self.encoder.modules()}
        for module in self.model.modules():
            is_linear = isinstance(module, nn.Linear) and id(module) not in of_encoder
            if is_linear and module.out_features == self.model.config.num_labels:
                _begin_anew(module)


class SummedSubwordsModel(nn.Module):
    """A word's logits come from the sum of its subwords' vectors, by a linear layer (Santoso et al.).

    Args:
        model: A transformers model for token classification. Its own head is left out.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.encoder = model.base_model
        self.classifier = nn.Linear(model.config.hidden_size, model.config.num_labels)
        _begin_anew(self.classifier)

    def forward(self, subwords: torch.Tensor, attention: torch.Tensor, owners: torch.Tensor) -> torch.Tensor:
        """Return the logits of each word where its first subword is."""
        vectors = self.encoder(input_ids=subwords, attention_mask=attention).last_hidden_state
        # A product with a matrix of 0 and 1 adds in the same order every time, on a GPU too.
        places = torch.arange(owners.shape[1], device=owners.device)
        owned = (owners[:, None, :] == places[None, :, None]).to(vectors.dtype)
        return self.classifier(owned @ vectors)


WordModel = FirstSubwordModel | SummedSubwordsModel


def _begin_anew(layer: nn.Linear) -> None:
    nn.init.normal_(layer.weight, std=_SPREAD_OF_A_NEW_HEAD)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
