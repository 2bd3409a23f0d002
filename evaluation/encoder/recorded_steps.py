"""Training steps recorded once and played back: a processor asks a GPU for a whole step at a time.

A step of a large encoder is thousands of small pieces of work, and to ask for each takes longer than to do
it. A CUDA graph is asked for once. It computes in the same memory every time, on batches of one shape; so
there is one for each shape that comes often, all in one pool of memory. What is computed is the
same but for rounding: a library may choose another way for a batch whose padding it cannot look at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

import torch

from ...schema.errors import DataError
from ...schema.secrecy import without_secrets
from .training_state import TrainingState

# Work that PyTorch does only at first, such as making the optimizer's averages, must not be recorded. It asks
# for three steps before that.
_STEPS_BEFORE = 3

ROUNDING = 0.05
"""How far apart weights may be after a step as it is and after the same played back, as a share of the step.

Computing in bf16 instead of fp32 makes it 0.004, other random numbers in dropout 0.2 to 0.4. Over a training
of 24 steps that is 0.02, and 0.5 to 0.7.
"""

# Where a batch has no padding, and a library may look, it computes attention in another way and with other
# random numbers. So a step may differ once without being wrong.
_MOST_DIFFERENCES = 3

NO_ROOM = "the GPU has too little memory left for recording a step"
"""Why no further step is recorded, where that is so."""

Step = Callable[..., torch.Tensor]
Shape = tuple[torch.Size, ...]
Batch = tuple[torch.Tensor, ...]
Playback = Callable[[], torch.Tensor]


class Recorder(Protocol):
    """What records steps of one training."""

    def stream(self) -> AbstractContextManager[None]:
        """Return the context in which the training runs."""
        ...

    def has_room(self, further: int) -> bool:
        """Say whether there is memory for one more recording, and for so many bytes beside it."""
        ...

    def record(self, step: Playback) -> Playback:
        """Record a step; return what plays it back. Raises RuntimeError if it cannot be recorded."""
        ...


@dataclass(frozen=True, slots=True)
class _Recording:
    """A recorded step: the memory that it reads, and what plays it back and returns its loss."""

    inputs: Batch
    play: Playback

    def of(self, batch: Batch) -> torch.Tensor:
        for place, tensor in zip(self.inputs, batch, strict=True):
            place.copy_(tensor)
        # The next playback writes its loss to the same place.
        return self.play().clone()


class RecordedSteps:
    """A step that is recorded for each shape of batches once it came a few times, and played back after that.

    The next batch of that shape is learned both ways, for it has other subwords, another learning rate and
    other random numbers than the one that was recorded. What the step as it is learned is kept; a recording
    that leads elsewhere is not used.

    Args:
        step: Learns a batch, some tensors on the device, and returns its loss. It waits for nothing that the
            device computes.
        recorder: Records a step that is called with nothing, and returns what plays it back.
        state: All that a step changes.

    Attributes:
        refused: Why no further step is recorded: what was played back led elsewhere, more than once, or
            there is no memory for it.
        played_back: How many steps were played back only.
    """

    def __init__(self, step: Step, recorder: Recorder, state: TrainingState) -> None:
        self._step = step
        self._recorder = recorder
        self._state = state
        self._came = Counter[Shape]()
        self._untried: dict[Shape, _Recording] = {}
        self._tried: dict[Shape, _Recording] = {}
        self._differences = 0
        self.refused: str | None = None
        self.played_back = 0

    def __call__(self, *batch: torch.Tensor) -> torch.Tensor:
        """Learn a batch; return its loss.

        Raises:
            DataError: If a step cannot be recorded.
        """
        shape = tuple(tensor.shape for tensor in batch)
        if recording := self._tried.get(shape):
            self.played_back += 1
            return recording.of(batch)
        if recording := self._untried.pop(shape, None):
            return self._learn_both_ways(recording, shape, batch)
        self._came[shape] += 1
        if self._came[shape] > _STEPS_BEFORE and self._may_record():
            self._untried[shape] = self._recording(batch)
        return self._step(*batch)

    def _may_record(self) -> bool:
        if self.refused is None and not self._recorder.has_room(self._state.bytes_to_compare):
            self.refused = NO_ROOM
        return self.refused is None

    def _learn_both_ways(self, recording: _Recording, shape: Shape, batch: Batch) -> torch.Tensor:
        before = self._state.copy()
        recording.of(batch)
        played_back = self._state.weights()
        self._state.put_back(before)
        loss = self._step(*batch)
        distance = self._state.distance(played_back, since=before.weights)
        if distance <= ROUNDING:
            self._tried[shape] = recording
        else:
            self._note_difference(shape, distance)
        return loss

    def _note_difference(self, shape: Shape, distance: float) -> None:
        self._came[shape] = 0
        self._differences += 1
        if self._differences == _MOST_DIFFERENCES:
            self.refused = f"a step that was played back led to other weights, by {distance:.0%} of the step"

    def _recording(self, batch: Batch) -> _Recording:
        inputs = tuple(tensor.clone() for tensor in batch)
        try:
            return _Recording(inputs, self._recorder.record(lambda: self._step(*inputs)))
        except RuntimeError as error:
            # To go on without would not do: PyTorch leaves its random numbers and memory as they are while it
            # records. What it says at the end only says that there was an error before.
            why = without_secrets(error.__context__ or error)
            raise DataError(
                f"a step of the training cannot be recorded: {why}",
                hint="Set `recorded_steps: false`, and run it again.",
            ) from error


class CudaGraphs:
    """Records steps of one training on a GPU; a `Recorder`. All steps run within `stream`."""

    def __init__(self) -> None:
        self._stream = torch.cuda.Stream()
        self._pool = torch.cuda.graph_pool_handle()

    @contextmanager
    def stream(self) -> Iterator[None]:
        """Run what is within on the stream of the recordings, as PyTorch wants the steps before them to."""
        torch.cuda.reset_peak_memory_stats()
        outside = torch.cuda.current_stream()
        self._stream.wait_stream(outside)
        try:
            with torch.cuda.stream(self._stream):
                yield
        finally:
            outside.wait_stream(self._stream)

    def has_room(self, further: int) -> bool:
        """Say whether there is as much memory as an ordinary step took, and so many bytes beside it.

        A recording shares memory with other recordings and not with ordinary steps. What PyTorch keeps and
        does not use it gives back before a recording.
        """
        allocated = torch.cuda.memory_allocated()
        free, _ = torch.cuda.mem_get_info()
        available = free + torch.cuda.memory_reserved() - allocated
        return available >= torch.cuda.max_memory_allocated() - allocated + further

    def record(self, step: Playback) -> Playback:
        """Record a step; return what plays it back.

        Raises:
            RuntimeError: If the step cannot be recorded.
        """
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool, stream=self._stream):
            loss = step()

        def play() -> torch.Tensor:
            graph.replay()
            return loss

        return play
