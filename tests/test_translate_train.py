"""Translate-train: from gold of one language to a built config of another, with a model that translates."""

import gzip
import json
import os
import random
import re
import signal
import sqlite3
import sys
import time
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModelForSeq2SeqLM

from synthner.builders.build import build
from synthner.generation.calls import Call
from synthner.generation.generate import generate
from synthner.generation.journal import Journal
from synthner.generation.methods import METHODS, MethodContext
from synthner.generation.methods.translated_gold import translated_words
from synthner.generation.plan import check_other_gold, method_context, plan_summary
from synthner.generation.rounds import Rounds
from synthner.release import Release, read_release
from synthner.schema.errors import DataError, ReleaseError, WrongUsageError
from synthner.schema.labels import LabelSet
from synthner.sources.gold import load_gold
from synthner.tests.command_line import done, files_in, refused, start
from synthner.tests.tiny_encoder import save_tiny_encoder
from synthner.tests.tiny_translator import DANISH, DICTIONARY, ENGLISH, save_tiny_translator

NAMES = {
    "Ada": "Ada", "Krogh": "Krogh", "Bo": "Bo", "Thy": "Thy", "Rom": "Rome", "København": "Copenhagen",
    "og": "and", "!": "Eureka",
}  # fmt: skip
TO_DANISH = {english: danish for danish, english in {**DICTIONARY, **NAMES}.items()}
PEOPLE = ("Ada", "Krogh", "Bo", "Ada Krogh")
PLACES = ("Thy", "Rome", "Copenhagen")
SENTENCES = 150
METHOD = METHODS["translate_train"]

Labelled = list[tuple[str, str]]


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return save_tiny_translator(
        tmp_path_factory.mktemp("translator") / "tiny", dictionary={**DICTIONARY, **NAMES}
    )


def name(words: str, type_: str) -> Labelled:
    first, *others = words.split()
    return [(first, f"B-{type_}"), *((word, f"I-{type_}") for word in others)]


def plain(*words: str) -> Labelled:
    return [(word, "O") for word in words]


def english_gold(sentences: int = SENTENCES) -> list[Labelled]:
    """Write sentences of words that the translator knows; each third one has a type that Danish has not."""
    chance = random.Random(1)
    written = []
    for number in range(sentences):
        person, (place, other) = chance.choice(PEOPLE), chance.sample(PLACES, 2)
        verb, near = chance.choice(("lives", "sings", "rides")), chance.choice(("in", "near"))
        when = chance.choice(("now", "often", "still"))
        written.append(
            (
                [*name(person, "PER"), *plain(verb, near), *name(place, "LOC"), *plain(".")],
                [*name(place, "LOC"), *plain("and"), *name(other, "LOC"), *plain(when, ",", verb)],
                [*name(when, "DATE"), *plain(verb), *name(person, "PER"), *plain(near, "often")],
            )[number % 3]
        )
    return written


def conll(sentences: list[Labelled]) -> str:
    return "\n".join("".join(f"{word} {tag}\n" for word, tag in sentence) for sentence in sentences)


def write_release(
    folder: Path,
    method_settings: dict[str, Any],
    *,
    english: list[Labelled] | None = None,
    more: dict[str, Any] | None = None,
    **values: Any,
) -> Release:
    """Write a release with English gold to translate and a little gold of another language."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "en.conll").write_text(conll(english_gold() if english is None else english), encoding="utf-8")
    bo = [*name("Bo", "PER"), *plain("cykler", "ved"), *name("Thy", "LOC"), *plain(".")]
    (folder / "train.conll").write_text(conll([bo]), encoding="utf-8")
    ada = [*name("Ada", "PER"), *plain("lever", "på"), *name("Rom", "LOC"), *plain(".")]
    (folder / "test.conll").write_text(conll([ada]), encoding="utf-8")
    target = values.pop("target", "da")
    generator = {"method": "translate_train", "languages": [target], "translate_train": method_settings}
    release = {
        "name": "synth-ner",
        "seed": 4,
        "languages": {
            "en": {"gold": {"files": {"train": "en.conll"}, "license": "cc0-1.0"}},
            target: {"gold": {"files": {"train": "train.conll", "test": "test.conll"}, "license": "cc0-1.0"}},
        },
        "generators": {"mt": generator, **(more or {})},
        **values,
    }
    (folder / "release.yaml").write_text(json.dumps(release, ensure_ascii=False, indent=1), encoding="utf-8")
    return read_release(folder)


def settings_of(model: Path | str, **more: Any) -> dict[str, Any]:
    codes = {"en": ENGLISH, "da": DANISH}
    return {"source": "en", "model": str(model), "codes": codes, "beams": 1, **more}


def context_of(release: Release, journal: Journal) -> MethodContext:
    return method_context(release.configs[0], release, {}, Rounds(journal))


def answers(release: Release, config: str = "da_mt") -> list[tuple[Call, str]]:
    with Journal(release.journal) as journal:
        return [
            (call, reply.text) for call, reply in journal.answers(config) if reply is not None and reply.text
        ]


def projections(release: Release, config: str = "da_mt") -> list[dict[str, Any]]:
    return [json.loads(text) for call, text in answers(release, config) if call.step == "project"]


def findings(release: Release) -> dict[str, Any]:
    manifest = json.loads((release.dataset / "manifest.json").read_text(encoding="utf-8"))
    return manifest["configs"]["da_mt"]["method_findings"]


def waterfall(release: Release) -> list[dict[str, Any]]:
    manifest = json.loads((release.dataset / "manifest.json").read_text(encoding="utf-8"))
    return manifest["configs"]["da_mt"]["waterfall"]["train"]


def in_danish(sentence: Labelled) -> tuple[list[str], list[str]]:
    """Return what a translation and its labels should be."""
    return (
        [TO_DANISH[word] for word, _ in sentence],
        ["O" if tag.endswith("DATE") else tag for _, tag in sentence],
    )


@pytest.fixture(scope="module")
def built(model, tmp_path_factory) -> Release:
    folder = tmp_path_factory.mktemp("release")
    release = write_release(folder, settings_of(model))
    summary = generate(release)
    assert (summary.answered, summary.failed) == (2 * SENTENCES, 0)
    done("build", folder=folder)
    return release


def test_translations_carry_the_labels_of_their_sentences(built):
    table = pq.read_table(built.dataset / "da_mt" / "train-00000-of-00001.parquet").to_pylist()
    labels = LabelSet.of_types(["PER", "LOC"])
    made = {tuple(row["tokens"]): tuple(labels.decode(row["ner_tags"])) for row in table}
    expected = {tuple(tokens): tuple(tags) for tokens, tags in map(in_danish, english_gold())}
    right = sum(made.get(tokens) == tags for tokens, tags in expected.items())
    # A small model and statistics of little text may be wrong here and there.
    assert right >= 0.9 * len(expected)
    assert len(made) <= len(expected) + 5


def test_provenance_names_the_sentence_of_the_source_and_what_was_done(built):
    origins = pq.read_table(built.dataset / "provenance" / "da_mt.parquet").to_pylist()
    source = load_gold(built.grid.gold["en"], "en")
    by_id = {example.id: example for example in source.splits["train"]}
    assert origins
    for origin in origins:
        (seed_id,) = origin["seed_ids"]
        entities = [mention for mention in by_id[seed_id].mentions if mention.type != "DATE"]
        assert origin["seed_revision"] == f"en@{source.revision}"
        assert origin["operation"] == (
            "translated from en by tiny, aligned by statistical, projected by exact: "
            f"{len(entities)} of {len(entities)} entities"
        )


def test_manifest_and_card_say_what_was_translated_and_what_arrived(built):
    found = findings(built)
    assert found["source_gold"]["language"] == "en"
    assert found["source_gold"]["types_left_out"] == {"DATE": SENTENCES // 3}
    assert (found["model"], found["aligner"], found["projection"]) == (
        "tiny",
        "statistical",
        {"method": "exact"},
    )
    sentences = [in_danish(sentence) for sentence in english_gold()]
    for type_ in ("PER", "LOC"):
        counts = found["types"][type_]
        assert counts["entities"] == sum(tags.count(f"B-{type_}") for _, tags in sentences)
        assert counts["projected"] + sum(counts["dropped"].values()) == counts["entities"]
    assert "DATE" not in found["types"]
    card = (built.dataset / "README.md").read_text(encoding="utf-8")
    assert "**Translate-train**" in card
    assert f"Source: {SENTENCES} sentences of en.conll, English." in card
    assert f"Mentions of types that gold here does not have: DATE {SENTENCES // 3}." in card
    counts = found["types"]["PER"]
    assert re.search(rf"\| PER +\| +{counts['entities']} \| +{counts['projected']} \|", card)


def test_nothing_is_lost_without_a_reason_and_test_gold_does_not_come_out(built):
    steps = waterfall(built)
    lost = sum(sum(step["lost"].values()) for step in steps)
    assert steps[0]["kept"] == SENTENCES == steps[-1]["kept"] + lost
    # The tests' own sentence is a translation of one in the source.
    assert ["Ada", "lever", "på", "Rom", "."] in [in_danish(sentence)[0] for sentence in english_gold()]
    contamination = next(step for step in steps if step["step"] == "contamination")
    assert sum(contamination["lost"].values()) == 1


def test_a_plan_knows_its_second_round_before_the_first_is_over(model, tmp_path):
    release = write_release(tmp_path, settings_of(model))
    plan = plan_summary(release).configs["da_mt"].splits["train"]
    assert (plan.calls, plan.later) == (SENTENCES, SENTENCES)
    generate(release)
    plan = plan_summary(release).configs["da_mt"].splits["train"]
    assert (plan.calls, plan.later, plan.to_ask) == (2 * SENTENCES, 0, 0)


@pytest.mark.parametrize("keep", ["complete", "all"])
def test_a_sentence_that_loses_an_entity_is_dropped_unless_all_are_kept(model, tmp_path, keep):
    # The model makes an exclamation mark of Eureka, which no entity goes to.
    eureka = [*name("Eureka", "LOC"), *plain("rides", "still", ",", "near")]
    english = [*english_gold(60), *[eureka] * 3, [*eureka, *plain("often")]]
    release = write_release(tmp_path, settings_of(model, keep=keep), english=english)
    generate(release)
    build(release)
    schema = next(step for step in waterfall(release) if step["step"] == "schema")
    rows = pq.read_table(release.dataset / "da_mt").to_pylist()
    without = [row for row in rows if "!" in row["tokens"]]
    found = findings(release)
    if keep == "all":
        assert schema["lost"] == {} == found["sentences"]["dropped"]
        assert without
        assert not any(tag for row in without for tag in row["ner_tags"])
    else:
        reason = "an entity is lost: no candidate"
        assert schema["lost"] == found["sentences"]["dropped"] == {reason: 4}
        assert not without
        rejects = [
            row
            for path in sorted((release.folder / "work" / "rejects").iterdir())
            for row in gzip.decompress(path.read_bytes()).decode("utf-8").splitlines()
        ]
        assert sum(reason in row for row in rejects) == 4
    assert found["types"]["LOC"]["dropped"] == {"no candidate": 4}


def test_a_translation_that_is_cut_short_is_no_datapoint(tmp_path):
    model = save_tiny_translator(tmp_path / "model", steps=0, dictionary={**DICTIONARY, **NAMES})
    weights = AutoModelForSeq2SeqLM.from_pretrained(model)
    with torch.no_grad():
        weights.get_output_embeddings().weight[2] = 0
    weights.save_pretrained(model)
    release = write_release(tmp_path / "release", settings_of(model), english=english_gold(5))
    generate(release)
    assert projections(release) == [{"fault": "the translation is cut short"}] * 5
    with Journal(release.journal) as journal:
        found = dict(METHOD.findings(context_of(release, journal))) if METHOD.findings else {}
    assert found["sentences"] == {"kept": 0, "dropped": {"the translation is cut short": 5}}
    assert found["types"]["PER"]["dropped"] == {
        "the translation is cut short": found["types"]["PER"]["entities"]
    }
    with pytest.raises(DataError, match=r"schema: the translation is cut short \(5\)"):
        build(release)


def test_a_run_that_was_killed_goes_on_to_identical_data(model, built, tmp_path):
    folder = tmp_path / "killed"
    release = write_release(folder, settings_of(model))
    process = start("generate", folder=folder)
    while process.poll() is None and not answered(release):
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    for stream in (process.stdout, process.stderr):
        assert stream
        stream.close()
    assert 0 < len(answers(release)) < 2 * SENTENCES
    generate(release)
    build(release)
    assert answers(release) == answers(built)
    mine, others = files_in(release.dataset), files_in(built.dataset)
    assert mine["da_mt/train-00000-of-00001.parquet"] == others["da_mt/train-00000-of-00001.parquet"]
    assert mine["provenance/da_mt.parquet"] == others["provenance/da_mt.parquet"]


def answered(release: Release) -> int:
    """Count answers while another process writes them."""
    if not release.journal.exists():
        return 0
    try:
        with sqlite3.connect(f"file:{release.journal}?mode=ro", uri=True) as database:
            return database.execute("SELECT count(*) FROM replies").fetchone()[0]
    except sqlite3.OperationalError:
        return 0


@pytest.mark.parametrize("kept", [40, 135, SENTENCES, SENTENCES + 30])
def test_what_is_drawn_does_not_hang_on_where_a_run_stopped(model, tmp_path, kept):
    drawing = settings_of(model, temperature=2.0)
    whole = write_release(tmp_path / "whole", drawing)
    generate(whole)
    stopped = write_release(tmp_path / "stopped", drawing)
    with Journal(whole.journal) as journal, Journal(stopped.journal) as other:
        planned = list(journal.answers("da_mt"))
        for call, reply in islice(planned, kept):
            assert reply
            other.record(call, reply)
    generate(stopped)
    assert answers(stopped) == answers(whole)


def test_the_seed_decides_what_is_drawn(model, tmp_path):
    made = []
    for place, seed in enumerate((4, 4, 5)):
        drawing = settings_of(model, temperature=2.0)
        release = write_release(tmp_path / str(place), drawing, english=english_gold(12), seed=seed)
        generate(release)
        made.append(projections(release))
    assert made[0] == made[1] != made[2]


def test_another_projection_translates_nothing_again(model, tmp_path):
    other = {
        "method": "translate_train",
        "languages": ["da"],
        "translate_train": settings_of(model, projection={"method": "gf22", "compat": True}),
    }
    release = write_release(tmp_path, settings_of(model), english=english_gold(30), more={"heuristic": other})
    summary = generate(release)
    assert summary.answered == 30 + 2 * 30
    assert len(projections(release, "da_heuristic")) == 30
    release = write_release(
        tmp_path, settings_of(model, projection={"method": "politov", "top_k": 1}), english=english_gold(30)
    )
    assert generate(release).answered == 30


def test_another_encoding_of_the_question_translates_anew(model, tmp_path):
    for beams, to_translate in ((1, 9), (2, 9), (1, 0)):
        release = write_release(tmp_path, settings_of(model, beams=beams), english=english_gold(9))
        calls = plan_summary(release).configs["da_mt"].splits["train"]
        assert calls.to_ask == to_translate
        generate(release)


@pytest.mark.parametrize("aligner", ["simalign", "awesome"])
def test_words_are_aligned_by_an_encoder_where_one_is_named(model, tmp_path, aligner):
    english = english_gold(12)
    words = [[word for word, _ in sentence] for sentence in english]
    words += [in_danish(sentence)[0] for sentence in english]
    encoder = save_tiny_encoder(tmp_path / "encoder", words)
    more = {"aligner": aligner, "aligner_model": "encoder", "layer": 1, "keep": "all"}
    release = write_release(tmp_path, settings_of(model, **more), english=english)
    generate(release)
    build(release)
    found = projections(release)
    assert len(found) == 12
    assert all(aligner in each["operation"] for each in found)
    before = plan_summary(release).configs["da_mt"].splits["train"]
    (encoder / "tokenizer_config.json").write_text("{}")
    after = plan_summary(release).configs["da_mt"].splits["train"]
    assert (before.to_ask, after.to_ask) == (0, 12)


def test_further_parallel_text_helps_where_gold_is_small(model, tmp_path):
    (tmp_path / "more.en").write_text(
        "".join(" ".join(word for word, _ in each) + "\n" for each in english_gold())
    )
    (tmp_path / "more.da").write_text(
        "".join(" ".join(in_danish(each)[0]) + "\n" for each in english_gold()), encoding="utf-8"
    )
    right = []
    for folder, more in (
        ("alone", {}),
        ("with", {"extra": [{"source": "../more.{source}", "target": "../more.{language}"}]}),
    ):
        release = write_release(
            tmp_path / folder, settings_of(model, keep="all", **more), english=english_gold(1)
        )
        generate(release)
        [projected] = projections(release)
        right.append(projected["ner_tags"] == in_danish(english_gold(1)[0])[1])
    assert right == [False, True]


def test_source_sentences_that_its_held_out_gold_has_are_not_translated(model, tmp_path):
    english = english_gold(9)
    release = write_release(tmp_path, settings_of(model), english=english)
    (tmp_path / "en-test.conll").write_text(conll(english[:2]))
    path = tmp_path / "release.yaml"
    path.write_text(
        path.read_text().replace('"train": "en.conll"', '"train": "en.conll", "test": "en-test.conll"')
    )
    release = read_release(tmp_path)
    generate(release)
    assert len(projections(release)) == 7
    with Journal(release.journal) as journal:
        assert METHOD.findings
        assert METHOD.findings(context_of(release, journal))["source_gold"]["held_out"] == 2


@given(text=st.text() | st.sampled_from(["[]", "{}", "[" * 9000, '{"lost": 3}', '{"fault": []}', "null"]))
def test_whatever_an_answer_holds_reading_it_raises_nothing(built, text):
    assert METHOD.reading
    with Journal(built.journal) as journal:
        read = METHOD.reading(context_of(built, journal))
        [call] = islice((call for call, _ in journal.answers("da_mt") if call.step == "project"), 1)
        result = read(call, text)
    assert len(result.found) + result.lost.total() == 1


@pytest.mark.parametrize(
    ("text", "known", "expected"),
    [
        ("Dr. Bo bor i Thy.", {"Dr."}, "Dr. Bo bor i Thy ."),
        ("„Ada“ sang\u0007 (tit).", set(), "„ Ada “ sang ( tit ) ."),
        ("a\u200cb \u200b", set(), "a\u200cb"),
        ("", set(), ""),
    ],
)
def test_translations_are_split_into_words_as_gold_is(text, known, expected):
    assert translated_words(text, known) == expected.split()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"source": None}, "the key `source` is missing"),
        ({"model": None}, "the key `model` is missing"),
        ({"aligner": "giza"}, "aligner"),
        ({"projection": {"method": "exact", "n_pro": 2}}, "Did you mean `n_proj`?"),
        ({"keep": "some"}, "keep"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path, changes, message):
    value = {key: each for key, each in {**settings_of("a/model"), **changes}.items() if each is not None}
    with pytest.raises(ReleaseError) as caught:
        write_release(tmp_path, value)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"source": "sv"}, "translate_train.source: `sv` is no language of this release"),
        ({"source": "da"}, "`translate_train.source` names the language itself"),
        ({"codes": {"en": ENGLISH}}, "the key `translate_train.codes.da` is missing"),
        ({"model": "./none"}, "there is no folder with a model here"),
        ({"layer": 3}, "the key `translate_train.layer` has no use with `aligner: statistical`"),
        ({"aligner": "awesome", "extra": [{"source": "a", "target": "b"}]}, "`translate_train.extra` has no"),
        ({"extra": [{"source": "a", "target": "b"}]}, "translate_train.extra: there is no file"),
        ({"projection": {"method": "gf22", "n_proj": 2}}, "the method `gf22` has no parameter `n_proj`"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_translated(tmp_path, changes, message):
    write_release(tmp_path, {**settings_of("a/model"), **changes})
    assert message in refused("generate", folder=tmp_path)


def test_a_source_without_gold_to_train_on_is_named(tmp_path):
    write_release(tmp_path, settings_of("a/model"))
    path = tmp_path / "release.yaml"
    path.write_text(
        path.read_text().replace('"train": "en.conll"', '"train": "en.conll", "test": "en.conll"')
    )
    release = read_release(tmp_path)
    with pytest.raises(ReleaseError, match="translates gold train of `en`, and there is none"):
        generate(release)


@pytest.mark.parametrize(
    ("method", "settings", "message"),
    [
        ("translate_train", {"source": "sv"}, "translate_train.source: `sv` is no language of this release"),
        ("translated_markers", {"source": "da"}, "`translated_markers.source` names the language itself"),
        ("back_translated_markers", {"source": "sv"}, "back_translated_markers.source: `sv` is no language"),
        ("constrained_decoding", {"source": "sv"}, "constrained_decoding.source: `sv` is no language"),
        (
            "generated_candidates",
            {"source": "sv", "candidates": "no/model", "codes": {"en": "en", "da": "da"}},
            "generated_candidates.source: `sv` is no language",
        ),
        ("translate_train", {"source": "en", "translations": "no.txt", "model": None}, "no.txt: there is no"),
        (
            "distillation",
            {"text": "no.txt", "teachers": [{"gold": "sv"}]},
            "distillation.teachers.0.gold: `sv`",
        ),
        (
            "cluster_replacement",
            {"related": ["sv"]},
            "cluster_replacement.related: no config of this release",
        ),
    ],
)
def test_gold_of_other_languages_is_validated_as_it_is_planned(tmp_path, method, settings, message):
    translates = {"model": "./none"} if "source" in settings else {}
    value = {key: each for key, each in {**translates, **settings}.items() if each is not None}
    release = write_release(tmp_path, settings_of("a/model"), english=english_gold(3))
    path = tmp_path / "release.yaml"
    written = json.loads(path.read_text(encoding="utf-8"))
    written["generators"]["mt"] = {"method": method, "languages": ["da"], method: value}
    path.write_text(json.dumps(written), encoding="utf-8")
    release = read_release(tmp_path)
    with pytest.raises((ReleaseError, DataError)) as validated:
        check_other_gold(release, {})
    assert message in str(validated.value)
    with pytest.raises((ReleaseError, DataError)):
        plan_summary(release)


def test_validate_shows_gold_of_the_source_and_needs_no_model(tmp_path):
    write_release(tmp_path, settings_of("./none"), english=english_gold(3))
    assert "Gold of en: en.conll (3 train; " in done("validate", folder=tmp_path).stdout
    (tmp_path / "en.conll").unlink()
    message = refused("validate", folder=tmp_path)
    assert message.startswith(f"{tmp_path / 'en.conll'}: there is no such file")


def test_a_model_that_scores_is_named_where_none_translates(tmp_path):
    (tmp_path / "da.txt").write_text("nu\n" * 3, encoding="utf-8")
    value = {"source": "en", "translations": "da.txt", "projection": {"method": "exact", "scores": "nmt"}}
    release = write_release(tmp_path, value, english=english_gold(3))
    with pytest.raises(
        ReleaseError, match=r"projection.translator: the key `model` is missing, and no model"
    ):
        plan_summary(release)


def test_words_that_are_not_written_apart_are_not_translated(tmp_path):
    release = write_release(tmp_path, settings_of("a/model"), target="th")
    with pytest.raises(ReleaseError, match="translate_train: words of Thai are not written apart"):
        generate(release)


def test_a_multilingual_model_needs_codes(model, tmp_path):
    value = settings_of(model)
    del value["codes"]
    release = write_release(tmp_path, value, english=english_gold(3))
    with pytest.raises(ReleaseError, match=r"`translate_train.codes` is missing, .* is multilingual"):
        generate(release)


def test_a_code_that_the_model_does_not_have_is_named(model, tmp_path):
    value = settings_of(model, codes={"en": "en", "da": DANISH})
    release = write_release(tmp_path, value, english=english_gold(3))
    with pytest.raises(DataError, match="by the code `en`"):
        generate(release)


@pytest.mark.parametrize(("package", "extra"), [("transformers", "train"), ("thot", "align")])
def test_without_an_extra_it_is_said_how_to_install_it(model, tmp_path, monkeypatch, package, extra):
    release = write_release(tmp_path, settings_of(model), english=english_gold(3))
    monkeypatch.setitem(sys.modules, package, None)
    assert plan_summary(release).configs["da_mt"].splits["train"].to_ask == 3
    with pytest.raises(WrongUsageError, match=rf"not installed(.|\n)*synthner\[{extra}\]"):
        generate(release)
