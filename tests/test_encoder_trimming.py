from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForTokenClassification

from synthner.evaluation.encoder import EncoderSettings, EncoderTagger, settings_by_recipe
from synthner.evaluation.encoder.vocabulary_trimming import trim
from synthner.tests.curation_sentences import sentences
from synthner.tests.tiny_encoder import save_tiny_encoder

TEXT = sentences(200, name="text")
TRAIN, VALIDATION = TEXT[:20], TEXT[20:30]
LABELS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]


@pytest.fixture(scope="module", params=["xlm-roberta", "bert"])
def model(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    return save_tiny_encoder(folder, [each.tokens for each in TEXT], kind=request.param)


def trained(model, *, trim_vocabulary, **options):
    # A rate and a decay that show in every digit.
    settings = EncoderSettings(
        str(model),
        epochs=3,
        learning_rate=1e-2,
        weight_decay=0.3,
        batch_size=4,
        trim_vocabulary=trim_vocabulary,
    )
    changes = options.pop("changes", {})
    return EncoderTagger.train(TRAIN, settings=replace(settings, **changes), labels=LABELS, **options)


def weights_of(tagger, folder):
    tagger.save(folder)
    return load_file(folder / "model.safetensors")


@pytest.mark.parametrize(
    "changes", [{}, {"longest_gradient": 0.01}, {"head": "summed"}, {"weight_decay": 0.0}],
    ids=["usual", "clipped", "summed", "no decay"],
)  # fmt: skip
def test_losses_and_all_saved_weights_are_those_of_training_without_trimming(model, tmp_path, changes):
    trimmed, whole = (trained(model, trim_vocabulary=choice, changes=changes) for choice in (True, False))
    assert len(trimmed.facts.losses) == 15
    assert trimmed.facts.losses == whole.facts.losses
    after, expected = weights_of(trimmed, tmp_path / "trimmed"), weights_of(whole, tmp_path / "whole")
    assert after.keys() == expected.keys()
    for name, tensor in expected.items():
        assert torch.equal(after[name], tensor), name


def test_unused_rows_decay_and_the_others_learn(model, tmp_path):
    before = load_file(model / "model.safetensors")
    after = weights_of(trained(model, trim_vocabulary=True), tmp_path / "saved")
    [name] = [name for name in before if name.endswith("word_embeddings.weight")]
    rates = [1e-2 * (15 - step) / 15 for step in range(15)]
    factor = torch.tensor([1 - 0.3 * rate for rate in rates], dtype=torch.float64).prod()
    decayed = torch.isclose(after[name], (before[name] * factor).float(), rtol=1e-5, atol=0).all(1)
    assert 0.2 < decayed.float().mean() < 0.9


def test_the_best_epochs_weights_are_kept_in_unused_rows_too(model, tmp_path):
    options = {"validation": VALIDATION, "changes": {"learning_rate": 0.05}}
    trimmed, whole = (trained(model, trim_vocabulary=choice, **options) for choice in (True, False))
    assert trimmed.facts == whole.facts
    after, expected = weights_of(trimmed, tmp_path / "trimmed"), weights_of(whole, tmp_path / "whole")
    assert all(torch.equal(after[name], tensor) for name, tensor in expected.items())


def test_sentences_never_announced_are_tagged_as_without_trimming(model):
    announced, surprised, whole = (
        trained(model, trim_vocabulary=True, test_tokens=[each.tokens for each in TEXT]),
        trained(model, trim_vocabulary=True),
        trained(model, trim_vocabulary=False),
    )
    expected = whole.marginals_of(TEXT)
    assert announced.marginals_of(TEXT) == expected
    assert surprised.marginals_of(TEXT) == expected


def test_training_takes_place_on_a_small_embedding(model):
    word_model = AutoModelForTokenClassification.from_pretrained(model)
    whole = word_model.get_input_embeddings().weight.clone()
    vocabulary = trim(word_model, word_model.base_model, [0, 1, 2, 3, 50, 17])
    assert vocabulary is not None
    assert sum(1 for each in word_model.parameters() if len(each) == 6) == 1
    assert vocabulary.covers([17, 50, 0])
    assert not vocabulary.covers([17, 18])
    vocabulary.restore(lambda rows: rows)
    assert torch.equal(word_model.get_input_embeddings().weight, whole)


def test_an_embedding_whose_weights_are_used_elsewhere_stays_whole(model):
    word_model = AutoModelForTokenClassification.from_pretrained(model)
    embedding = word_model.get_input_embeddings()
    word_model.output = torch.nn.Linear(embedding.embedding_dim, embedding.num_embeddings, bias=False)
    word_model.output.weight = embedding.weight
    assert trim(word_model, word_model.base_model, [0, 1, 2]) is None
    assert word_model.get_input_embeddings() is embedding


def test_fast_trims_without_a_difference_too(model):
    settings = settings_by_recipe("fast", str(model), changes={"epochs": 2, "learning_rate": 1e-2})
    trimmed, whole = (
        EncoderTagger.train(TRAIN, settings=replace(settings, trim_vocabulary=choice))
        for choice in (True, False)
    )
    assert trimmed.facts.losses == whole.facts.losses
