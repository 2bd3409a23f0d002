"""Steps that are recorded and played back learn what steps learn that are run one by one."""

from collections import Counter
from dataclasses import replace

import pytest
import torch
from torch import nn

from synthner.evaluation.encoder import EncoderTagger, settings_by_recipe
from synthner.evaluation.encoder.recorded_steps import RecordedSteps
from synthner.tests.curation_sentences import sentences
from synthner.tests.tiny_encoder import save_tiny_encoder

# Two shapes that come often, one that comes twice.
WIDTHS = [4, 4, 4, 8, 4, 8, 8, 4, 8, 8, 6, 4, 6, 8]


class Learner:
    """A layer with an optimizer whose learning rate is a tensor, as recorded steps need it."""

    def __init__(self):
        torch.manual_seed(3)
        self.layer = nn.Linear(5, 2)
        self.rate = torch.tensor(0.1)
        self.optimizer = torch.optim.AdamW(self.layer.parameters(), lr=self.rate, fused=True)
        self.run = 0

    def step(self, rows, wanted):
        self.run += 1
        loss = nn.functional.mse_loss(self.layer(rows).sum(-1), wanted)
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        return loss.detach()


class SameMemory:
    """Records like a GPU: what is played back reads the memory of the first batch and writes one loss."""

    def __init__(self, refuses=()):
        self.recorded = 0
        self.played = Counter()
        self.refuses = refuses

    def record(self, step):
        self.recorded += 1
        if self.recorded in self.refuses:
            raise RuntimeError("operation not permitted\nwhen stream is capturing")
        number, loss = self.recorded, torch.zeros(())

        def play():
            self.played[number] += 1
            return loss.copy_(step())

        return play


def batches():
    chance = torch.Generator().manual_seed(5)
    return [
        (torch.randn(2, width, 5, generator=chance), torch.randn(2, width, generator=chance))
        for width in WIDTHS
    ]


def learned(learn, learner):
    losses = []
    for number, batch in enumerate(batches()):
        learner.rate.fill_(0.1 / (number + 1))
        losses.append(learn(*batch))
    return [float(loss) for loss in losses], [weights.tolist() for weights in learner.layer.parameters()]


def test_played_back_steps_give_the_losses_and_weights_of_steps_run_one_by_one():
    plain, other, recorder = Learner(), Learner(), SameMemory()
    recorded = RecordedSteps(other.step, recorder.record)
    assert learned(recorded, other) == learned(plain.step, plain)
    assert recorded.refused is None
    # Each of the two shapes was run three times as it is before; the third one came too seldom.
    assert recorder.played == {1: WIDTHS.count(4) - 3, 2: WIDTHS.count(8) - 3}


def test_steps_that_cannot_be_recorded_are_run_and_told_once():
    plain, other, recorder = Learner(), Learner(), SameMemory(refuses={2})
    recorded = RecordedSteps(other.step, recorder.record)
    assert learned(recorded, other) == learned(plain.step, plain)
    assert recorded.refused == "operation not permitted when stream is capturing"
    # What was recorded before is played back, and nothing is tried again.
    assert (recorder.recorded, recorder.played[1]) == (2, WIDTHS.count(4) - 3)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU whose steps could be recorded")
@pytest.mark.parametrize("head", ["first", "summed"])
def test_on_a_gpu_recorded_steps_learn_what_others_learn(tmp_path, head):
    train = sentences(200, name="train")
    model = save_tiny_encoder(tmp_path, [each.tokens for each in train])
    settings = settings_by_recipe(
        "fast", str(model), changes={"epochs": 12, "learning_rate": 3e-3, "head": head, "precision": "fp32"}
    )
    recorded, plain = (
        EncoderTagger.train(train, settings=replace(settings, recorded_steps=choice)).facts
        for choice in (True, False)
    )
    assert recorded.not_recorded is None
    assert len(recorded.losses) == len(plain.losses)
    assert sum(recorded.losses[-12:]) == pytest.approx(sum(plain.losses[-12:]), rel=0.2)
