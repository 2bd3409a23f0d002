"""Neural word alignment: what SimAlign and AWESOME define, on small encoders made here, in batches."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModel, AutoTokenizer, RobertaPreLayerNormConfig, RobertaPreLayerNormModel

from synthner.projection.link_extraction import EXTRACTIONS, both_softmax, itermax
from synthner.projection.model_folders import NamedModel, named_model
from synthner.projection.neural_alignment import NeuralAligner, load_encoder
from synthner.projection.outcome import Alignment
from synthner.projection.parallel_text import Pair
from synthner.projection.subwords import windows_of
from synthner.schema.errors import DataError
from synthner.tests.tiny_encoder import save_tiny_encoder

DANISH = [
    "Maja Holm bor stadig i Ribe .",
    "I går regnede det hele dagen på Læsø , sagde hun .",
    "Nej !",
    "Søren og Åse cykler til Thisted hver søndag , når vejret er godt , og hjem igen om aftenen .",
    "Hvem ?",
    "Skolen i Hirtshals blev lukket i 1987 .",
]
ENGLISH = [
    "Maja Holm still lives in Ribe .",
    "It rained all day on Læsø yesterday , she said .",
    "No !",
    "Søren and Åse ride their bikes to Thisted every Sunday if the weather is good , and back at night .",
    "Who ?",
    "The school in Hirtshals was closed in 1987 .",
]
PAIRS: list[Pair] = [(a.split(), b.split()) for a, b in zip(DANISH, ENGLISH, strict=True)]
SENTENCES = [words for pair in PAIRS for words in pair]


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> NamedModel:
    return tiny_model(tmp_path_factory.mktemp("model"))


def tiny_model(folder: Path, **settings_of_model: Any) -> NamedModel:
    return named_model(str(save_tiny_encoder(folder, SENTENCES, **settings_of_model)), beside=Path())


def aligned(model: NamedModel, method: str, pairs: Sequence[Pair] = PAIRS, **options: Any) -> list[Alignment]:
    encoder = load_encoder(model, options.pop("layer", None), "cpu")
    return list(NeuralAligner(encoder, method, **options).align(pairs))


def softmax(values: np.ndarray, axis: int) -> np.ndarray:
    powers = np.exp(values - values.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def awesome_links(source: np.ndarray, target: np.ndarray) -> set[tuple[int, int]]:
    """AWESOME's definition, for one pair of sentences."""
    scores = source @ target.T
    return set(zip(*np.nonzero((softmax(scores, 1) > 0.001) & (softmax(scores, 0) > 0.001)), strict=True))


def simalign_links(source: np.ndarray, target: np.ndarray) -> set[tuple[int, int]]:
    """SimAlign's definition, for one pair of sentences and two rounds, link by link."""
    source = source / np.linalg.norm(source, axis=1, keepdims=True)
    target = target / np.linalg.norm(target, axis=1, keepdims=True)
    similarity = (source @ target.T + 1) / 2
    rows, columns = similarity.shape

    def mutual(values: np.ndarray) -> set[tuple[int, int]]:
        best = values.argmax(1)
        return {(i, int(best[i])) for i in range(rows) if values[:, best[i]].argmax() == i}

    links = mutual(similarity)
    free_rows = set(range(rows)) - {i for i, _ in links}
    free_columns = set(range(columns)) - {j for _, j in links}
    if min(rows, columns) <= 2 or not free_rows or not free_columns:
        return links
    weights = {0: 0.0, 1: 0.9, 2: 1.0}
    discounted = np.array(
        [
            [similarity[i, j] * weights[(i in free_rows) + (j in free_columns)] for j in range(columns)]
            for i in range(rows)
        ]
    )
    return links | {(i, j) for i, j in mutual(discounted) if i in free_rows or j in free_columns}


DEFINITIONS = {"simalign": simalign_links, "awesome": awesome_links}


@pytest.mark.parametrize("method", DEFINITIONS)
@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    sizes=st.lists(st.tuples(st.integers(1, 7), st.integers(1, 7)), min_size=1, max_size=5),
)
def test_a_batch_has_the_links_that_the_definition_gives_each_sentence(method, seed, sizes):
    chance = np.random.default_rng(seed)
    vectors = [(3 * chance.normal(size=(m, 4)), 3 * chance.normal(size=(n, 4))) for m, n in sizes]
    longest = [max(side) for side in zip(*sizes, strict=True)]
    # What fills up the batch is not zero, and must have no say.
    source, target = (torch.full((len(sizes), length, 4), 50.0, dtype=torch.float64) for length in longest)
    real = torch.zeros((len(sizes), *longest), dtype=torch.bool)
    for number, ((m, n), (left, right)) in enumerate(zip(sizes, vectors, strict=True)):
        source[number, :m], target[number, :n] = torch.from_numpy(left), torch.from_numpy(right)
        real[number, :m, :n] = True

    found = EXTRACTIONS[method](source, target, real)

    for number, (left, right) in enumerate(vectors):
        links = {tuple(link) for link in found[number].nonzero().tolist()}
        assert links == DEFINITIONS[method](left, right)


def test_one_round_is_the_mutual_best_and_a_second_adds_to_it():
    source = torch.tensor([[[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]]])
    target = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [0.1, 0.95]]])
    real = torch.ones((1, 3, 3), dtype=torch.bool)

    assert itermax(source, target, real, rounds=1)[0].nonzero().tolist() == [[0, 0], [2, 1]]
    # Free are source word 1 and target word 2, each nearest to a word that has its link already.
    assert itermax(source, target, real)[0].nonzero().tolist() == [[0, 0], [1, 0], [2, 1], [2, 2]]


def test_a_link_is_probable_from_both_sides():
    source, target = torch.tensor([[[8.0], [0.0]]]), torch.tensor([[[2.0], [-2.0]]])
    real = torch.ones((1, 2, 2), dtype=torch.bool)

    assert both_softmax(source, target, real)[0].tolist() == [[True, False], [False, True]]
    assert both_softmax(source, target, real, threshold=0)[0].all()


@pytest.mark.parametrize("method", DEFINITIONS)
@pytest.mark.parametrize("kind", ["bert", "roberta", "xlm-roberta"])
def test_words_are_linked_by_the_vectors_that_transformers_gives(tmp_path, kind, method):
    folder = save_tiny_encoder(tmp_path, SENTENCES, kind=kind)

    found = aligned(named_model(str(folder), beside=Path()), method, layer=1)

    tokenizer = AutoTokenizer.from_pretrained(folder)
    weights = AutoModel.from_pretrained(folder).eval()
    assert sum(map(len, found)) > len(PAIRS)
    for pair, links in zip(PAIRS, found, strict=True):
        vectors, owners = [], []
        for words in pair:
            # The tokenizer of RoBERTa wants a space before each word.
            pieces = [tokenizer(f" {word}" if kind == "roberta" else word).input_ids[1:-1] for word in words]
            ids = [0, *(piece for word in pieces for piece in word), 2]
            with torch.no_grad():
                read = weights(torch.tensor([ids]), output_hidden_states=True).hidden_states[1]
            vectors.append(read[0, 1:-1].double().numpy())
            owners.append([number for number, word in enumerate(pieces) for _ in word])
        expected = {(owners[0][i], owners[1][j]) for i, j in DEFINITIONS[method](*vectors)}
        assert links == expected


@pytest.mark.parametrize("method", DEFINITIONS)
def test_the_batch_decides_nothing(model, method):
    alone = aligned(model, method, batch_size=1)

    assert aligned(model, method, batch_size=4) == alone
    assert aligned(model, method) == alone
    backwards = aligned(model, method, PAIRS[::-1], batch_size=4)
    assert backwards[::-1] == alone


@pytest.mark.parametrize("method", DEFINITIONS)
def test_a_sentence_is_its_own_translation(model, method):
    same = [(words, words) for words in SENTENCES]

    for (words, _), links in zip(same, aligned(model, method, same, layer=0), strict=True):
        itself = {(number, number) for number in range(len(words))}
        assert links == itself if method == "simalign" else links >= itself


@pytest.mark.parametrize("method", DEFINITIONS)
def test_sentences_that_are_too_long_are_read_in_parts(tmp_path, method):
    small = tiny_model(tmp_path / "small", positions=24)
    long = [word for words in SENTENCES for word in words]
    aligner = NeuralAligner(load_encoder(small, 1, "cpu"), method, batch_size=2)

    links, short = aligner.align([(long, long), (["Nej"], ["No"])])

    assert aligner.cut == 2
    assert {source for source, _ in links} == {target for _, target in links} == set(range(len(long)))
    if method == "simalign":
        # Read in the same parts, each word is most similar to itself.
        assert links == {(number, number) for number in range(len(long))}
    assert short == {(0, 0)}


@given(length=st.integers(0, 200), room=st.integers(1, 40))
def test_each_subword_is_decided_once_and_where_it_is_read(length, room):
    windows = list(windows_of(length, room))

    decided = [place for window in windows for place in range(window.decides_from, window.decides_to)]
    assert decided == list(range(length))
    for window in windows:
        assert 0 <= window.start <= window.decides_from <= window.decides_to <= window.end <= length
        assert window.end - window.start <= room
        if length > room > 3:
            # Nothing is decided at an end that is not the sentence's.
            assert window.start == 0 or window.decides_from - window.start >= room // 4
            assert window.end == length or window.end - window.decides_to >= room // 4


def test_words_of_no_subword_have_no_link(model):
    pairs = [(["Maja", "\u200b"], ["Maja"]), (["\u200b"], ["Maja"]), (["Ma\ud800ja"], ["Maja"])]

    first, *_ = aligned(model, "simalign", pairs)

    assert (0, 0) in first


def test_the_same_again_and_nothing_for_nothing(model):
    assert aligned(model, "awesome") == aligned(model, "awesome")
    assert aligned(model, "awesome", []) == []


def test_the_layer_is_two_thirds_up_unless_it_is_named(tmp_path):
    folder = tmp_path / "deep"
    save_tiny_encoder(folder, SENTENCES)
    config = RobertaPreLayerNormConfig(
        vocab_size=len(AutoTokenizer.from_pretrained(folder)),
        hidden_size=32,
        num_hidden_layers=6,
        num_attention_heads=2,
        intermediate_size=64,
        pad_token_id=1,
    )
    torch.manual_seed(3)
    weights = RobertaPreLayerNormModel(config).eval()
    with torch.no_grad():
        for name, parameter in weights.named_parameters():
            if "LayerNorm" in name:
                parameter.normal_()
    weights.save_pretrained(folder)
    deep = named_model(str(folder), beside=Path())

    encoder = load_encoder(deep, device="cpu")

    assert encoder.layer == 4
    # This model normalises what comes out of its last layer. What is read is the same without those above it.
    ids = torch.tensor([[0, 7, 8, 9, 2]])
    with torch.no_grad():
        whole = weights(ids, output_hidden_states=True).hidden_states[4]
        cut = encoder.weights(ids, output_hidden_states=True).hidden_states[4]
    assert torch.equal(whole, cut)
    assert load_encoder(deep, 6, "cpu").layer == 6
    with pytest.raises(DataError, match="6 layers, and no layer 7"):
        load_encoder(deep, 7, "cpu")


def test_only_a_whole_encoder_with_safe_weights_is_loaded(tmp_path, model):
    assert model.folder is not None
    pickled, other, broken = (tmp_path / name for name in ("pickled", "other", "broken"))
    for folder in (pickled, other, broken):
        shutil.copytree(model.folder, folder)
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    config = (other / "config.json").read_text(encoding="utf-8")
    (other / "config.json").write_text(config.replace('"num_hidden_layers": 2', '"num_hidden_layers": 3'))
    (broken / "model.safetensors").write_bytes(b"{}")

    for folder, message in (
        (pickled, "pickle"),
        (other, "weights are of another model"),
        (broken, "cannot be loaded"),
    ):
        with pytest.raises(DataError, match=message):
            load_encoder(named_model(str(folder), beside=Path()), 2, "cpu")


def test_what_writes_sentences_is_no_encoder(tmp_path, model):
    assert model.folder is not None
    folder = tmp_path / "other"
    shutil.copytree(model.folder, folder)
    (folder / "config.json").write_text('{"model_type": "m2m_100", "is_encoder_decoder": true}')

    with pytest.raises(DataError, match="no encoder"):
        load_encoder(named_model(str(folder), beside=Path()), device="cpu")
