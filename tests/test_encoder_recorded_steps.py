"""Steps that are recorded and played back learn what steps learn that are run one by one."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from synthner.evaluation.encoder import EncoderTagger, settings_by_recipe
from synthner.evaluation.encoder.recorded_steps import RecordedSteps
from synthner.evaluation.encoder.training_state import TrainingState
from synthner.schema.errors import DataError
from synthner.tests.curation_sentences import sentences
from synthner.tests.same_memory import SameMemory
from synthner.tests.tiny_encoder import save_tiny_encoder

# Two shapes that come often, one that comes twice.
WIDTHS = [4, 4, 4, 8, 4, 8, 8, 4, 8, 8, 6, 4, 6, 8]


class Learner:
    """A layer behind dropout; the optimizer's learning rate is a tensor, as recorded steps need it."""

    def __init__(self):
        torch.manual_seed(3)
        self.layer = nn.Linear(5, 2)
        self.dropout = nn.Dropout(0.3)
        self.rate = torch.tensor(0.1)
        self.optimizer = torch.optim.AdamW(self.layer.parameters(), lr=self.rate, fused=True)

    def step(self, rows, wanted):
        loss = nn.functional.mse_loss(self.layer(self.dropout(rows)).sum(-1), wanted)
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        return loss.detach()

    def recorded(self, recorder):
        return RecordedSteps(self.step, recorder, TrainingState(self.optimizer))


class Nothing(SameMemory):
    """What it plays back learns nothing."""

    def record(self, step):
        return super().record(lambda: torch.zeros(()))


class OneRate(SameMemory):
    """What it plays back learns at the rate that there was when it was recorded."""

    def __init__(self, learner):
        super().__init__()
        self.rate = learner.rate

    def record(self, step):
        then = self.rate.clone()

        def at_that_rate():
            now = self.rate.clone()
            self.rate.copy_(then)
            loss = step()
            self.rate.copy_(now)
            return loss

        return super().record(at_that_rate)


class OneMask(SameMemory):
    """What it plays back drops out what was dropped out when it was recorded."""

    def record(self, step):
        then = torch.get_rng_state()

        def with_that_mask():
            torch.set_rng_state(then)
            return step()

        return super().record(with_that_mask)


class RoomForOne(SameMemory):
    """There is memory for one recording."""

    def has_room(self, further: int) -> bool:
        return not self.played


class Refuses(SameMemory):
    """It can record nothing."""

    def record(self, step):
        try:
            raise RuntimeError("operation not permitted\nwhen stream is capturing")
        finally:
            raise RuntimeError("operation failed due to a previous error during capture")


def batches():
    chance = torch.Generator().manual_seed(5)
    return [
        (torch.randn(2, width, 5, generator=chance), torch.randn(2, width, generator=chance))
        for width in WIDTHS
    ]


def learned(learn, learner):
    torch.manual_seed(7)
    losses = []
    for number, batch in enumerate(batches()):
        learner.rate.fill_(0.1 / (number + 1))
        losses.append(learn(*batch))
    return [float(loss) for loss in losses], [weights.tolist() for weights in learner.layer.parameters()]


def learned_step_by_step():
    learner = Learner()
    return learned(learner.step, learner)


def test_played_back_steps_give_the_losses_and_weights_of_steps_run_one_by_one():
    learner, recorder = Learner(), SameMemory()
    steps = learner.recorded(recorder)
    assert learned(steps, learner) == learned_step_by_step()
    assert steps.refused is None
    # Of each of the two shapes that come often, three batches are learned before one is recorded, and the
    # next one is learned both ways. The third shape comes too seldom.
    assert recorder.played == {1: WIDTHS.count(4) - 4, 2: WIDTHS.count(8) - 4}
    # One playback of each was compared, and not kept.
    assert steps.played_back == sum(recorder.played.values()) - 2


@pytest.mark.parametrize(
    "wrong", [lambda _: Nothing(), OneRate, lambda _: OneMask()], ids=["nothing", "rate", "mask"]
)
def test_a_recording_that_leads_elsewhere_is_not_used(wrong):
    learner = Learner()
    recorder = wrong(learner)
    steps = learner.recorded(recorder)
    assert learned(steps, learner) == learned_step_by_step()
    assert set(recorder.played.values()) == {1}


def test_after_three_recordings_that_lead_elsewhere_it_is_told_and_none_is_made():
    learner, recorder = Learner(), Nothing()
    steps = learner.recorded(recorder)
    rows, wanted = batches()[0]
    for _ in range(30):
        steps(rows, wanted)
    assert steps.refused == "a step that was played back led to other weights, by 100% of the step"
    assert recorder.played == {1: 1, 2: 1, 3: 1}


def test_without_memory_for_a_recording_it_is_told_and_the_training_goes_on():
    learner, recorder = Learner(), RoomForOne()
    steps = learner.recorded(recorder)
    assert learned(steps, learner) == learned_step_by_step()
    assert steps.refused == "the GPU has too little memory left for recording a step"
    assert recorder.played == {1: WIDTHS.count(4) - 4}


def test_a_step_that_cannot_be_recorded_ends_the_training_with_the_reason():
    learner = Learner()
    steps = learner.recorded(Refuses())
    with pytest.raises(DataError) as error:
        learned(steps, learner)
    assert str(error.value) == (
        "a step of the training cannot be recorded: operation not permitted when stream is capturing\n"
        "Set `recorded_steps: false`, and run it again."
    )


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
