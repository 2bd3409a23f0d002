"""Translate-train with a tagger of the language, or a model that scores: they say where entities went."""

import json
import shutil
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from synthner.builders.build import build
from synthner.cards.dataset_card import write_card
from synthner.evaluation.recipes import train_on_gold
from synthner.generation.generate import generate
from synthner.generation.journal import Journal
from synthner.generation.plan import plan_summary
from synthner.projection.model_folders import named_model
from synthner.projection.outcome import ParallelSentence
from synthner.projection.scored import NamedTranslator, Scoring, scored_projector
from synthner.projection.translation import load_translation_model
from synthner.projection.translation_scores import TranslationScores
from synthner.release import Release, read_release
from synthner.schema.example import Example
from synthner.schema.iob2 import mentions
from synthner.tests.command_line import refused
from synthner.tests.test_translate_train import (
    DICTIONARY,
    NAMES,
    answers,
    conll,
    english_gold,
    findings,
    in_danish,
    projections,
    settings_of,
    write_release,
)
from synthner.tests.tiny_encoder import save_tiny_encoder
from synthner.tests.tiny_translator import DANISH, ENGLISH, save_tiny_translator

FUSED = {"method": "exact", "candidates": "ngram", "scores": "fused"}
OF_GOLD = {**FUSED, "tagger": {"gold": "{language}"}}
OF_ALL = {**OF_GOLD, "translator": {"batch_size": 16}}


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("translator") / "tiny"
    return save_tiny_translator(folder, dictionary={**DICTIONARY, **NAMES})


def release_in(folder: Path, model: Path | str, projection: dict[str, Any], sentences: int = 12) -> Release:
    """Write a release with Danish gold that a tagger can learn names from, and that repeats no sentence."""
    settings = settings_of(model, projection=projection, keep="all")
    write_release(folder, settings, english=english_gold(sentences))
    danish = [in_danish(sentence) for sentence in english_gold(60)]
    gold = [list(zip(["Nej", *tokens], ["O", *tags], strict=True)) for tokens, tags in danish]
    (folder / "train.conll").write_text(conll(gold), encoding="utf-8")
    return read_release(folder)


def save_crf(folder: Path) -> None:
    gold = [in_danish(sentence) for sentence in english_gold(60)]
    examples = [Example(str(place), tuple(words), tuple(tags)) for place, (words, tags) in enumerate(gold)]
    train_on_gold(examples).save(folder / "model.crfsuite")


def test_a_tagger_of_gold_finds_what_statistics_of_little_text_do_not(model, tmp_path):
    right = {}
    for name, projection in (("alone", {"method": "exact"}), ("with", OF_GOLD)):
        release = release_in(tmp_path / name, model, projection, sentences=2)
        generate(release)
        expected = [in_danish(sentence)[1] for sentence in english_gold(2)]
        made = [each["ner_tags"] for each in projections(release)]
        right[name] = sum(tags == wanted for tags, wanted in zip(made, expected, strict=True))
    assert right["with"] == 2 > right["alone"]
    build(release)
    assert findings(release)["projection"] == {
        "method": "exact",
        "candidates": "ngram",
        "scores": "fused",
        "weights": {
            "align": {"weight": 0.5, "threshold": 0.0},
            "ner": {"weight": 0.5, "threshold": 0.05},
        },
        "tagger": "CRF on gold of da",
    }
    card = write_card(release.dataset).read_text(encoding="utf-8")
    assert (
        "Words aligned by `statistical`, labels projected by `exact`, with the tagger `CRF on gold of da`."
        in card
    )
    operation = projections(release)[0]["operation"]
    assert (
        "projected by exact (ngram candidates, align + ner scores, tagger CRF on gold of da): " in operation
    )


@pytest.mark.parametrize("kind", ["crf", "encoder"])
def test_a_saved_tagger_is_published_by_its_own_name_and_another_projects_anew(model, tmp_path, kind):
    release = release_in(
        tmp_path,
        model,
        {
            "method": "greedy",
            "candidates": "tagger",
            "tagger": {"model": str(tmp_path / "taggers" / "{language}")},
        },
    )
    tagger = tmp_path / "taggers" / "da"
    if kind == "crf":
        save_crf(tagger)
    else:
        save_tiny_encoder(tagger, [list(DICTIONARY)], labels=["O", "B-PER", "I-PER", "B-LOC", "I-LOC"])
    assert generate(release).answered == 2 * 12
    made = projections(release)
    assert all("tagger da)" in each["operation"] for each in made)
    assert str(tmp_path) not in json.dumps(made)
    if kind == "crf":
        assert any("B-LOC" in each["ner_tags"] for each in made)
    before = plan_summary(release).configs["da_mt"].splits["train"]
    shutil.rmtree(tagger)
    if kind == "crf":
        train_on_gold([Example("1", ("Ada", "bor"), ("B-PER", "O"))]).save(tagger / "model.crfsuite")
    else:
        save_tiny_encoder(tagger, [["Ada"]], labels=["O", "B-PER", "I-PER"])
    after = plan_summary(release).configs["da_mt"].splits["train"]
    assert (before.to_ask, after.to_ask) == (0, 12)


def test_what_is_projected_does_not_hang_on_where_a_run_stopped(model, tmp_path):
    whole = release_in(tmp_path / "whole", model, OF_ALL, sentences=135)
    generate(whole)
    stopped = release_in(tmp_path / "stopped", model, OF_ALL, sentences=135)
    with Journal(whole.journal) as journal, Journal(stopped.journal) as other:
        for call, reply in islice(list(journal.answers("da_mt")), 135 + 50):
            assert reply
            other.record(call, reply)
    assert generate(stopped).answered == 135 - 50
    assert answers(stopped) == answers(whole)
    operation = (
        "(ngram candidates, align + ner + nmt scores, tagger CRF on gold of da, translation scores by tiny)"
    )
    assert all(operation in each["operation"] for each in projections(whole))


def test_the_model_that_translates_scores_where_no_other_is_named(model, tmp_path):
    release = release_in(tmp_path, model, {"method": "exact", "scores": "nmt"}, sentences=6)
    generate(release)
    scores = TranslationScores(load_translation_model(named_model(str(model), beside=model)), ENGLISH, DANISH)
    translator = NamedTranslator(scores, "tiny", None, (ENGLISH, DANISH))
    project = scored_projector("exact", {}, Scoring(scores="nmt"), translator=translator)
    made = projections(release)
    sentences = [
        # Danish gold has no dates.
        ParallelSentence(
            [mention for mention in mentions([tag for _, tag in english]) if mention.type != "DATE"],
            frozenset(),
            each["tokens"],
            [word for word, _ in english],
        )
        for english, each in zip(english_gold(6), made, strict=True)
    ]
    assert [each["ner_tags"] for each in made] == [each.tags for each in project.of(sentences)]
    assert any("B-PER" in each["ner_tags"] for each in made)
    build(release)
    found = findings(release)["projection"]
    assert found.pop("translator") == {
        "model": "tiny",
        "revision": f"sha256:{named_model(str(model), beside=model).identity()[-1]}",
        "languages": [ENGLISH, DANISH],
    }
    assert found == {
        "method": "exact",
        "candidates": "ngram",
        "scores": "nmt",
        "weights": {"nmt": {"weight": 1.0, "threshold": 0.1}},
        "unread": 0,
    }
    card = write_card(release.dataset).read_text(encoding="utf-8")
    assert "labels projected by `exact`, with scores by the translation model `tiny`." in card
    # Another model scores anew, and translates nothing.
    other = shutil.copytree(model, tmp_path / "da")
    (other / "generation_config.json").write_text('{"max_length": 9}')
    codes = {"en": ENGLISH, "da": DANISH}
    named = {"translator": {"model": "{language}", "codes": codes}}
    release = release_in(tmp_path, model, {"method": "exact", "scores": "nmt", **named}, sentences=6)
    assert plan_summary(release).configs["da_mt"].splits["train"].to_ask == 6


@pytest.mark.parametrize(
    ("projection", "message"),
    [
        ({**FUSED}, "translate_train.projection: there is nothing to fuse with alignments: neither a tagger"),
        ({"method": "exact", "tagger": {"gold": "da"}}, "translate_train.projection.tagger: it has no use"),
        (
            {**OF_GOLD, "method": "politov"},
            "translate_train.projection: the method `politov` has no candidates",
        ),
        ({**FUSED, "tagger": {"gold": "sv"}}, "projection.tagger.gold: `sv` is no language of this release"),
        ({**FUSED, "tagger": {"model": "./none"}}, "there is no folder with a model here"),
        (
            {**FUSED, "tagger": {"gold": "da", "model": "x/y"}},
            "exactly one of `model` or `gold` must be given",
        ),
        ({**FUSED, "tagger": {}}, "exactly one of `model` or `gold` must be given"),
        ({**FUSED, "tagger": {"gold": "da", "revision": "main"}}, "`revision` has no use without `model`"),
        ({**OF_GOLD, "scores": "nmt"}, "translate_train.projection.tagger: it has no use"),
        ({**OF_GOLD, "scores": "all"}, "Did you mean `align`?"),
        ({"method": "exact", "translator": {}}, "translate_train.projection.translator: it has no use"),
        (
            {**FUSED, "translator": {"model": "x/y", "codes": {"en": "en"}}},
            "translate_train.projection.translator: the key `codes.da` is missing",
        ),
        ({**FUSED, "translator": {"revision": "main"}}, "`revision` has no use without `model`"),
    ],
)
def test_taggers_that_cannot_be_are_named_before_anything_is_translated(tmp_path, projection, message):
    release_in(tmp_path, "a/model", {"method": "exact"})
    path = tmp_path / "release.yaml"
    release = json.loads(path.read_text(encoding="utf-8"))
    release["generators"]["mt"]["translate_train"]["projection"] = projection
    path.write_text(json.dumps(release), encoding="utf-8")
    assert message in refused("generate", folder=tmp_path)


def test_a_tagger_without_the_types_is_refused_before_anything_is_translated(model, tmp_path):
    release_in(tmp_path, model, {**FUSED, "tagger": {"model": "crf"}})
    train_on_gold([Example("1", ("Ada", "bor"), ("B-NEP", "O"))]).save(tmp_path / "crf" / "model.crfsuite")
    message = refused("generate", folder=tmp_path)
    assert "crf: the tagger has the types NEP, and the source has LOC, PER" in message
    (tmp_path / "crf" / "model.crfsuite").write_bytes(b"no model")
    assert "this is no CRFsuite model" in refused("generate", folder=tmp_path)


def test_a_source_without_any_of_the_types_is_refused(tmp_path):
    release = release_in(tmp_path, "a/model", {"method": "exact"})
    path = tmp_path / "en.conll"
    path.write_text(path.read_text(encoding="utf-8").replace("-PER", "-NEP").replace("-LOC", "-NEL"))
    message = refused("generate", "--dry-run", folder=tmp_path)
    assert "gold train of `en` has no mention of a type that gold of `da` has" in message
    assert "There the types are DATE, NEL, NEP, here LOC, PER." in message
    assert not release.journal.exists()


def test_a_model_of_another_kind_is_named_without_a_list_of_all_others(tmp_path):
    save_tiny_encoder(tmp_path / "models" / "encoder", [list(DICTIONARY)])
    release_in(tmp_path, "models/encoder", {"method": "exact"})
    message = refused("generate", folder=tmp_path)
    assert "models/encoder: the model is of another kind: XLMRoberta" in message
    assert "MarianConfig" not in message
