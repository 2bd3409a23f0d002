"""A recorder of training steps for machines without a GPU."""

from collections import Counter
from contextlib import nullcontext

import torch


class SameMemory:
    """Records like a GPU: what is played back reads the memory of the first batch and writes one loss.

    Attributes:
        played: How often each recording was played back.
    """

    def __init__(self):
        self.played = Counter()

    def stream(self):
        return nullcontext()

    def has_room(self, further: int) -> bool:
        return further > 0

    def record(self, step):
        number, loss = len(self.played) + 1, torch.zeros(())
        self.played[number] = 0

        def play():
            self.played[number] += 1
            return loss.copy_(step())

        return play
