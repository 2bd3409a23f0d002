import json
import math
import statistics
import tempfile
from dataclasses import fields
from typing import Any, cast

import pytest
import torch
from torch.utils.data import SequentialSampler
from transformers import (
    AutoConfig,
    AutoModelForTokenClassification,
    AutoTokenizer,
    Trainer,
    TrainingArguments,
)

from synthner.evaluation.encoder import EncoderSettings, EncoderTagger, settings_by_recipe
from synthner.evaluation.encoder.batches import LabelledWindow, training_order
from synthner.evaluation.encoder.windows import Window
from synthner.evaluation.scoring import score
from synthner.schema.errors import WrongUsageError
from synthner.schema.example import Example
from synthner.tests.curation_sentences import sentences
from synthner.tests.tiny_encoder import save_tiny_encoder

GOLD = sentences(120, name="gold")
TEST = sentences(80, name="test")
LABELS = ["O", "B-PER", "I-PER", "B-LOC"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    return save_tiny_encoder(folder, [each.tokens for each in sentences(300, name="text")])


def f1(tagger):
    predicted = tagger.tag(each.tokens for each in TEST)
    return score([each.ner_tags for each in TEST], predicted).micro.f1


def test_paper_has_the_papers_hyper_parameters():
    paper = settings_by_recipe("paper", "some/model", seed=4)
    assert (paper.learning_rate, paper.batch_size, paper.weight_decay) == (2e-5, 16, 0.01)
    assert (paper.epochs, paper.schedule, paper.precision, paper.head) == (10, "linear", "fp32", "first")
    assert paper == EncoderSettings("some/model", seed=4)
    related = paper.for_related_language()
    assert (related.epochs, related.related_sentences, related.learning_rate) == (5, 8000, 2e-5)


def test_santoso_has_the_hyper_parameters_of_santoso():
    santoso = settings_by_recipe("santoso", "some/model")
    assert (santoso.head, santoso.iterations, santoso.batch_size) == ("summed", 300, 32)
    assert (santoso.learning_rate, santoso.weight_decay) == (2e-5, 0)


def test_fast_changes_how_is_computed_and_nothing_else():
    fast, paper = (settings_by_recipe(name, "some/model") for name in ("fast", "paper"))
    different = {each.name for each in fields(fast) if getattr(fast, each.name) != getattr(paper, each.name)}
    assert different == {"precision", "like_lengths", "width_multiple", "recorded_steps"}


def test_hyper_parameters_are_changed_from_a_mapping():
    changed = settings_by_recipe(
        "fast", "some/model", changes={"epochs": 3, "learning_rate": 1, "longest_gradient": None}, seed=7
    )
    assert (changed.epochs, changed.learning_rate, changed.longest_gradient, changed.seed) == (
        3,
        1.0,
        None,
        7,
    )
    assert changed.precision == "bf16"


@pytest.mark.parametrize(
    ("recipe", "changes", "told"),
    [
        ("papper", {}, ["no recipe `papper`", "Did you mean `paper`?"]),
        ("paper", {"epoch": 3}, ["no hyper-parameter `epoch`", "Did you mean `epochs`?"]),
        ("paper", {"model": "other"}, ["no hyper-parameter `model`"]),
        ("paper", {"seed": 3}, ["no hyper-parameter `seed`"]),
        ("paper", {"epochs": "ten"}, ["`epochs` of an encoder is `ten`", "kind int"]),
        ("paper", {"epochs": 2.5}, ["`epochs` of an encoder is `2.5`"]),
        ("paper", {"epochs": True}, ["`epochs` of an encoder is `True`"]),
        ("paper", {"epochs": None}, ["`epochs` of an encoder is `None`"]),
        ("paper", {"like_lengths": 1}, ["kind bool"]),
        ("paper", {"batch_size": 0}, ["`batch_size` of an encoder is 0", "at least 1"]),
        ("paper", {"learning_rate": -1}, ["`learning_rate` of an encoder is -1.0"]),
        ("paper", {"head": "sumed"}, ["no head of an encoder", "Did you mean `summed`?"]),
    ],
    ids=str,
)
def test_what_a_recipe_cannot_be_is_said(recipe, changes, told):
    with pytest.raises(WrongUsageError) as caught:
        settings_by_recipe(recipe, "some/model", changes=changes)
    for part in told:
        assert part in str(caught.value)


class InOrder(Trainer):
    """A Trainer that does not shuffle."""

    def _get_train_sampler(self, train_dataset=None):
        return SequentialSampler(cast(Any, self.train_dataset))


# Its first words have wrong labels: what is learned makes them less and less likely.
WRONG = [Example(each.id, each.tokens, ("B-LOC", *each.ner_tags[1:])) for each in TEST[:40]]


# And here all have.
ALL_WRONG = [Example(each.id, each.tokens, ("B-LOC",) * len(each.tokens)) for each in WRONG]


@pytest.mark.parametrize("validation", [[], ALL_WRONG], ids=["last weights", "weights of the best epoch"])
def test_paper_learns_what_transformers_trainer_learns(model, tmp_path, validation):
    # One batch an epoch and no dropout: order and chance play no part.
    config = AutoConfig.from_pretrained(model, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    config.id2label = dict(enumerate(LABELS))
    AutoModelForTokenClassification.from_pretrained(
        model, config=config, ignore_mismatched_sizes=True
    ).save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(model).save_pretrained(tmp_path)
    examples = GOLD[:12]
    settings = settings_by_recipe("paper", str(tmp_path), changes={"epochs": 6, "learning_rate": 2e-3})
    ours = EncoderTagger.train(examples, settings=settings, labels=LABELS, validation=validation)
    theirs = AutoModelForTokenClassification.from_pretrained(tmp_path)
    train_by_trainer(theirs, AutoTokenizer.from_pretrained(tmp_path), examples, validation)
    assert ours.facts.best_epoch is None or ours.facts.best_epoch < 6
    ours.save(tmp_path / "ours")
    by_name = dict(AutoModelForTokenClassification.from_pretrained(tmp_path / "ours").named_parameters())
    before = dict(AutoModelForTokenClassification.from_pretrained(tmp_path).named_parameters())
    for name, tensor in theirs.named_parameters():
        assert torch.allclose(by_name[name], tensor, atol=2e-5), name
    assert max((before[name] - each).abs().max() for name, each in by_name.items()) > 2e-3


def train_by_trainer(model, tokenizer, examples, validation):
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder,
            num_train_epochs=6,
            learning_rate=2e-3,
            weight_decay=0.01,
            per_device_train_batch_size=16,
            # Loss is what it chooses the best epoch by.
            eval_strategy="epoch" if validation else "no",
            save_strategy="epoch" if validation else "no",
            load_best_model_at_end=bool(validation),
            per_device_eval_batch_size=len(ALL_WRONG),
            logging_strategy="no",
            report_to="none",
            disable_tqdm=True,
            use_cpu=True,
        )
        rows, of_validation = rows_for_trainer(tokenizer, examples), rows_for_trainer(tokenizer, validation)
        cast(Any, InOrder)(model, arguments, train_dataset=rows, eval_dataset=of_validation or None).train()


def rows_for_trainer(tokenizer, examples):
    if not examples:
        return []
    rows = []
    encoded = tokenizer(
        [list(each.tokens) for each in examples], is_split_into_words=True, padding=True, return_tensors="pt"
    )
    for number, each in enumerate(examples):
        words = encoded.encodings[number].word_ids
        labels = [
            -100 if word is None or word == before else LABELS.index(each.ner_tags[word])
            for before, word in zip([None, *words], words, strict=False)
        ]
        rows.append({name: tensor[number] for name, tensor in encoded.items()} | {"labels": labels})
    return rows


def test_paper_and_fast_agree_within_the_spread_of_seeds(model):
    def scores(recipe):
        changes = {"epochs": 6, "learning_rate": 3e-3}
        return [
            f1(
                EncoderTagger.train(
                    GOLD,
                    settings=settings_by_recipe(recipe, str(model), changes=changes, seed=seed),
                    labels=LABELS,
                )
            )
            for seed in range(4)
        ]

    paper, fast = scores("paper"), scores("fast")
    assert min(*paper, *fast) > 0.3, (paper, fast)
    assert paper != fast
    spread = max(statistics.stdev(paper), statistics.stdev(fast))
    assert abs(statistics.mean(paper) - statistics.mean(fast)) < 2 * spread + 0.01


def test_santoso_learns_from_sampled_sentences_with_summed_subwords(model):
    settings = settings_by_recipe("santoso", str(model), changes={"iterations": 60, "learning_rate": 3e-3})
    tagger = EncoderTagger.train(GOLD, settings=settings, labels=LABELS)
    assert len(tagger.facts.losses) == 60
    assert tagger.facts.epochs is None
    assert f1(tagger) > 0.8


def test_epochs_are_validated_and_the_best_weights_are_kept(model, tmp_path):
    changes = {"epochs": 8, "learning_rate": 3e-3}
    settings = settings_by_recipe("paper", str(model), changes=changes)
    tagger = EncoderTagger.train(GOLD, settings=settings, labels=LABELS, validation=TEST)
    facts = tagger.facts
    assert len(facts.validation_f1) == len(facts.validation_loss) == 8
    assert facts.best_epoch is not None
    assert facts.best_epoch == 1 + facts.validation_loss.index(min(facts.validation_loss))
    assert f1(tagger) == facts.validation_f1[facts.best_epoch - 1]
    given = [probability for each in TEST for probability in tagger.marginals(each)]
    loss = -statistics.fmean(math.log(probability) for probability in given)
    assert facts.validation_loss[facts.best_epoch - 1] == pytest.approx(loss, rel=1e-5)
    assert facts.as_json() == {
        "epochs": 8,
        "best_epoch": facts.best_epoch,
        "validation_f1": list(facts.validation_f1),
        "validation_loss": list(facts.validation_loss),
    }


def test_loss_chooses_the_epoch_or_f1_does(model):
    chosen = {}
    for by in ("loss", "f1"):
        changes = {"epochs": 8, "learning_rate": 3e-3, "best_epoch_by": by}
        settings = settings_by_recipe("paper", str(model), changes=changes)
        facts = EncoderTagger.train(GOLD, settings=settings, labels=LABELS, validation=WRONG).facts
        best = {
            "loss": facts.validation_loss.index(min(facts.validation_loss)),
            "f1": facts.validation_f1.index(max(facts.validation_f1)),
        }
        assert facts.best_epoch == 1 + best[by]
        chosen[by] = facts.best_epoch
    assert chosen["loss"] < chosen["f1"]


def test_a_best_epoch_in_the_middle_is_gone_back_to(model):
    settings = settings_by_recipe("paper", str(model), changes={"epochs": 8, "learning_rate": 3e-3})
    tagger = EncoderTagger.train(GOLD, settings=settings, labels=LABELS, validation=WRONG)
    facts = tagger.facts
    assert facts.best_epoch is not None
    assert facts.best_epoch < 8
    predicted = tagger.tag(each.tokens for each in WRONG)
    kept = score([each.ner_tags for each in WRONG], predicted).micro.f1
    assert kept == facts.validation_f1[facts.best_epoch - 1] != facts.validation_f1[-1]


def test_without_validation_the_last_weights_are_kept(model):
    settings = settings_by_recipe("paper", str(model), changes={"epochs": 1})
    facts = EncoderTagger.train(GOLD[:5], settings=settings).facts
    assert (facts.epochs, facts.best_epoch, facts.validation_f1) == (1, None, ())


@pytest.mark.parametrize(
    "change",
    [
        {"schedule": "constant"},
        {"weight_decay": 0.5},
        {"longest_gradient": 0.01},
        {"batch_size": 4},
        {"like_lengths": True},
        {"width_multiple": 8},
        {"longest": 6},
        {"iterations": 9},
        {"head": "summed"},
    ],
    ids=str,
)
def test_every_hyper_parameter_is_heeded(model, change):
    def losses(changes):
        changes = {"epochs": 3, "learning_rate": 3e-3, **changes}
        settings = settings_by_recipe("paper", str(model), changes=changes)
        return EncoderTagger.train(GOLD[:40], settings=settings).facts.losses

    assert losses(change) != losses({})


def test_bf16_is_used_where_the_machine_has_it_and_told(model):
    facts = EncoderTagger.train(GOLD[:40], settings=settings_by_recipe("fast", str(model))).facts
    has_it = torch.cpu._is_avx512_bf16_supported() or torch.cuda.is_available()
    assert facts.precision == ("bf16" if has_it else "fp32")
    in_fp32 = settings_by_recipe("fast", str(model), changes={"precision": "fp32"})
    assert (EncoderTagger.train(GOLD[:40], settings=in_fp32).facts.losses != facts.losses) == has_it


@pytest.mark.parametrize("head", ["first", "summed"])
def test_a_model_that_cannot_compute_in_bf16_computes_in_fp32(tmp_path, head):
    model = save_tiny_encoder(tmp_path / "model", [each.tokens for each in GOLD], kind="deberta")
    changes = {"epochs": 1, "head": head}
    trained = EncoderTagger.train(GOLD[:40], settings=settings_by_recipe("fast", str(model), changes=changes))
    assert trained.facts.precision == "fp32"
    trained.save(tmp_path / "tagger")
    saved = json.loads((tmp_path / "tagger" / "tagger.json").read_text(encoding="utf-8"))
    assert saved["settings"]["precision"] == "fp32"
    # As a version that computed in fp32 for want of a machine with bf16 has saved it.
    saved["settings"]["precision"] = "bf16"
    (tmp_path / "tagger" / "tagger.json").write_text(json.dumps(saved), encoding="utf-8")
    sentences = [each.tokens for each in GOLD[40:50]]
    assert EncoderTagger.load(tmp_path / "tagger").tag(sentences) == trained.tag(sentences)


def test_batches_of_like_length_hold_every_sentence_once_and_less_padding():
    windows = [
        LabelledWindow(Window(number, list(range(1 + number * 7 % 50)), [], []), []) for number in range(90)
    ]

    def padded(recipe):
        chance = torch.Generator().manual_seed(3)
        batches = list(training_order(windows, settings_by_recipe(recipe, "some/model"), chance))
        assert sorted(number for batch in batches for number in batch) == list(range(90))
        return sum(
            max(len(windows[each].window.subwords) for each in batch) * len(batch) for batch in batches
        )

    assert padded("fast") < 0.8 * padded("paper")
