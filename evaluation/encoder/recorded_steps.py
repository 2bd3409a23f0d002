"""Training steps recorded once and played back: a processor asks a GPU for a whole step at a time.

A step of a large encoder is thousands of small pieces of work, and to ask for each takes longer than to do
it. A CUDA graph is asked for once. It computes in the same memory every time, on batches of one shape; so
there is one for each shape that comes often, all in one pool of memory. What is computed is the
same but for rounding: a library may choose another way for a batch whose padding it cannot look at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from ...schema.errors import on_one_line

# Work that PyTorch does only at first, such as making the optimizer's averages, must not be recorded. It asks
# for three steps before that.
_STEPS_BEFORE = 3

Step = Callable[..., torch.Tensor]
Shape = tuple[torch.Size, ...]
Playback = Callable[[], torch.Tensor]
Record = Callable[[Playback], Playback]


@dataclass(frozen=True, slots=True)
class _Recording:
    """A recorded step: the memory that it reads, and what plays it back and returns its loss."""

    inputs: tuple[torch.Tensor, ...]
    play: Playback

    def of(self, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
        for place, tensor in zip(self.inputs, batch, strict=True):
            place.copy_(tensor)
        # The next playback writes its loss to the same place.
        return self.play().clone()


class RecordedSteps:
    """A step that is recorded for each shape of batches once it came a few times, and played back after that.

    Args:
        step: Learns a batch, some tensors on the device, and returns its loss. It waits for nothing that the
            device computes.
        record: Records a step that is called with nothing, and returns what plays it back.

    Attributes:
        refused: Why a step could not be recorded. Such steps are called as they are, and those of all further
            shapes.
    """

    def __init__(self, step: Step, record: Record) -> None:
        self._step = step
        self._record = record
        self._came = Counter[Shape]()
        self._recordings: dict[Shape, _Recording] = {}
        self.refused: str | None = None

    def __call__(self, *batch: torch.Tensor) -> torch.Tensor:
        """Learn a batch; return its loss."""
        shape = tuple(tensor.shape for tensor in batch)
        self._came[shape] += 1
        is_new = shape not in self._recordings
        if is_new and self.refused is None and self._came[shape] > _STEPS_BEFORE:
            self._try_to_record(shape, batch)
        recording = self._recordings.get(shape)
        return self._step(*batch) if recording is None else recording.of(batch)

    def _try_to_record(self, shape: Shape, batch: tuple[torch.Tensor, ...]) -> None:
        inputs = tuple(tensor.clone() for tensor in batch)
        try:
            play = self._record(lambda: self._step(*inputs))
        except RuntimeError as error:
            # Recording computes nothing, so nothing is lost. The model may wait for the device somewhere, or
            # memory for graphs may be short.
            self.refused = on_one_line(error)
        else:
            self._recordings[shape] = _Recording(inputs, play)


class CudaGraphs:
    """Records steps of one training on a GPU. All of them run within `stream`."""

    def __init__(self) -> None:
        self._stream = torch.cuda.Stream()
        self._pool = torch.cuda.graph_pool_handle()

    @contextmanager
    def stream(self) -> Iterator[None]:
        """Run what is within on the stream of the recordings, as PyTorch wants the steps before them to."""
        outside = torch.cuda.current_stream()
        self._stream.wait_stream(outside)
        try:
            with torch.cuda.stream(self._stream):
                yield
        finally:
            outside.wait_stream(self._stream)

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
