"""Word alignment by a multilingual encoder: words are linked whose subwords it gives similar vectors.

It is SimAlign (Jalili Sabet et al. 2020) and AWESOME (Dou & Neubig 2021) on any encoder of transformers,
with sentences of about the same length read side by side. Both papers take the vectors of the eighth of
twelve layers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import chain, islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from ..schema.errors import DataError, WrongUsageError
from ..sources.transformers_logging import quietly
from .link_extraction import EXTRACTIONS
from .model_folders import NamedModel, device_here, enough_memory, loading
from .outcome import Alignment
from .parallel_text import Pair
from .subwords import SubwordReader, Subwords, Window, windows_of

if TYPE_CHECKING:
    import torch

_Item = TypeVar("_Item")

MODELS: Mapping[str, str] = MappingProxyType(
    {"simalign": "google-bert/bert-base-multilingual-cased", "awesome": "aneuraz/awesome-align-with-co"}
)
"""The model of each method's authors, on the Hub."""

BATCH_SIZE = 32

# Sentences of these many pairs are sorted by length.
_SORTED_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Encoder:
    """A model in memory, with its tokenizer.

    Attributes:
        name: The model's name.
        weights: The model, up to the layer that is read and one more.
        reader: Its tokenizer.
        layer: The layer whose vectors are taken; 0 is below the first.
        room: How many subwords of a sentence it reads at once.
    """

    name: str
    weights: Any
    reader: SubwordReader
    layer: int
    room: int


def require_transformers() -> None:
    """Make sure that what runs an encoder is installed.

    Raises:
        WrongUsageError: If it is not.
    """
    missing = [name for name in ("torch", "transformers") if find_spec(name) is None]
    if missing:
        raise WrongUsageError(
            f"neural alignment needs packages that are not installed: {', '.join(missing)}",
            hint="Install them with `pip install 'synthner[align]'`, or take `--method statistical`.",
        )


def load_encoder(model: NamedModel, layer: int | None = None, device: str | None = None) -> Encoder:
    """Load a model.

    Args:
        model: The model.
        layer: The layer whose vectors are taken; by default at two thirds of them, the eighth of twelve.
        device: Where it runs, for example `cpu` or `cuda:0`; by default on an accelerator if there is one.

    Raises:
        WrongUsageError: If packages are not installed.
        DataError: If it cannot be had or loaded, is no encoder, has fewer layers, or does not fit into
            memory.
    """
    require_transformers()
    import torch
    from transformers import AutoConfig, AutoModel, AutoTokenizer

    folder = model.fetch()
    place = torch.device(device) if device else device_here()
    with quietly(), enough_memory(model.name), loading(model.name):
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        layer = _keep_layers(config, layer, model.name)
        reader = SubwordReader(AutoTokenizer.from_pretrained(folder, trust_remote_code=False), model.name)
        weights, found = AutoModel.from_pretrained(
            folder,
            config=config,
            dtype=_precision(place),
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
        _check_weights(found["missing_keys"], model.name)
        weights.to(place).eval()
    room = _positions(weights, reader) - len(reader.before) - len(reader.after)
    return Encoder(model.name, weights, reader, layer, room)


class NeuralAligner:
    """Aligns the words of sentences with those of their translations.

    Args:
        encoder: The encoder.
        method: `simalign` or `awesome`.
        batch_size: Sentences that are read side by side.

    Attributes:
        encoder: The encoder.
        cut: How many sentences so far were too long for the model, and read in parts.

    Example:
        >>> encoder = load_encoder(named_model("google-bert/bert-base-multilingual-cased", beside=Path()))
        >>> list(NeuralAligner(encoder, "simalign").align([("et hus".split(), "a house".split())]))
        [frozenset({(0, 0), (1, 1)})]
    """

    def __init__(self, encoder: Encoder, method: str, batch_size: int = BATCH_SIZE) -> None:
        self.encoder = encoder
        self._extract = EXTRACTIONS[method]
        self._batch_size = batch_size
        self.cut = 0

    def align(self, pairs: Iterable[Pair]) -> Iterator[Alignment]:
        """Yield the alignments of pairs of sentences, in order, as a stream.

        Raises:
            DataError: If memory does not suffice.
        """
        for some in _batches(pairs, self._batch_size * _SORTED_AT_ONCE):
            yield from self._align(some)

    def _align(self, pairs: Sequence[Pair]) -> list[Alignment]:
        with quietly(), enough_memory(self.encoder.name):
            sources, targets = (self.encoder.reader.read(side) for side in zip(*pairs, strict=True))
            room = self.encoder.room
            self.cut += sum(len(each.ids) > room for each in chain(sources, targets))
            # A sentence is about as long as its translation. The longest come first: what memory has no room
            # for shows at once.
            order = sorted(
                (number for number in range(len(pairs)) if sources[number].ids and targets[number].ids),
                key=lambda number: (-len(sources[number].ids), -len(targets[number].ids)),
            )
            found: list[Alignment] = [frozenset()] * len(pairs)
            for numbers in _batches(order, self._batch_size):
                links = self._links(
                    [sources[number] for number in numbers], [targets[number] for number in numbers]
                )
                for number, alignment in zip(numbers, links, strict=True):
                    found[number] = alignment
        return found

    def _links(self, sources: Sequence[Subwords], targets: Sequence[Subwords]) -> list[Alignment]:
        import torch

        with torch.inference_mode():
            source, source_is_real = self._vectors(sources)
            target, target_is_real = self._vectors(targets)
            real = source_is_real.unsqueeze(2) & target_is_real.unsqueeze(1)
            linked = self._extract(source, target, real).nonzero().tolist()
        links: list[set[tuple[int, int]]] = [set() for _ in sources]
        for number, left, right in linked:
            links[number].add((sources[number].words[left], targets[number].words[right]))
        return list(map(frozenset, links))

    def _vectors(self, sentences: Sequence[Subwords]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the vectors of subwords (sentences, subwords, dimensions), and which of them are there."""
        import torch

        windows = [
            (number, window)
            for number, sentence in enumerate(sentences)
            for window in windows_of(len(sentence.ids), self.encoder.room)
        ]
        longest = max(len(sentence.ids) for sentence in sentences)
        weights = self.encoder.weights
        vectors = torch.zeros((len(sentences), longest, weights.config.hidden_size), device=weights.device)
        for some in _batches(windows, self._batch_size):
            read = self._read([(sentences[number], window) for number, window in some])
            for row, (number, window) in enumerate(some):
                begin, end = window.decides_from, window.decides_to
                vectors[number, begin:end] = read[row, begin - window.start : end - window.start]
        lengths = torch.tensor([[len(sentence.ids)] for sentence in sentences])
        return vectors, (torch.arange(longest) < lengths).to(weights.device)

    def _read(self, windows: Sequence[tuple[Subwords, Window]]) -> torch.Tensor:
        """Return the vectors of the subwords of windows, without those of special ones before them."""
        import torch

        reader, weights = self.encoder.reader, self.encoder.weights
        rows = [
            [*reader.before, *sentence.ids[window.start : window.end], *reader.after]
            for sentence, window in windows
        ]
        width = max(map(len, rows))
        ids = torch.tensor([row + [reader.padding] * (width - len(row)) for row in rows])
        mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
        read = weights(
            input_ids=ids.to(weights.device),
            attention_mask=mask.to(weights.device),
            output_hidden_states=True,
        )
        return read.hidden_states[self.encoder.layer][:, len(reader.before) :].float()


def _batches(items: Iterable[_Item], size: int) -> Iterator[tuple[_Item, ...]]:
    remaining = iter(items)
    while batch := tuple(islice(remaining, size)):
        yield batch


def _keep_layers(config: Any, layer: int | None, model: str) -> int:
    """Leave out the layers that are not needed, and return the layer that is read."""
    layers = getattr(config, "num_hidden_layers", None)
    if not isinstance(layers, int) or config.is_encoder_decoder:
        raise DataError(
            "this is no encoder",
            where=model,
            hint="Take one such as multilingual BERT, XLM-R or LaBSE.",
        )
    if layer is None:
        layer = max(1, round(layers * 2 / 3))
    if layer > layers:
        raise DataError(
            f"the model has {layers} layers, and no layer {layer}",
            where=model,
            hint="Name another, or none: the one that is read by default is at two thirds of them.",
        )
    # Some models normalise what comes out of their last layer: with one more, it is not the one that is read.
    config.num_hidden_layers = min(layer + 1, layers)
    if getattr(config, "layer_types", None):
        config.layer_types = config.layer_types[: config.num_hidden_layers]
    return layer


def _precision(place: torch.device) -> torch.dtype:
    import torch

    return torch.bfloat16 if place.type == "cuda" and torch.cuda.is_bf16_supported() else torch.float32


def _check_weights(missing: Iterable[str], model: str) -> None:
    """Make sure that no weights are missing but those of the pooler, which nothing here reads."""
    needed = sorted(name for name in missing if "pooler" not in name)
    if needed:
        raise DataError(
            f"the weights are of another model: {len(needed)} are missing, first {needed[0]}",
            where=model,
            hint="Is the folder whole, and is it an encoder?",
        )


def _positions(weights: Any, reader: SubwordReader) -> int:
    """Return how many subwords a model can read at once, special ones among them."""
    import torch

    limits = [
        # RoBERTa and its like count positions from the one after the padding's.
        module.num_embeddings - (0 if module.padding_idx is None else module.padding_idx + 1)
        for name, module in weights.named_modules()
        if name.endswith("position_embeddings") and isinstance(module, torch.nn.Embedding)
    ]
    return min([*limits, reader.longest, getattr(weights.config, "max_position_embeddings", reader.longest)])
