"""Labels carried through translation by brackets: from gold of one language to a built config of another."""

import gzip
import json
import os
import random
import re
import signal
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModelForSeq2SeqLM

from synthner.builders.build import build
from synthner.generation.calls import Call
from synthner.generation.generate import generate
from synthner.generation.journal import Journal
from synthner.generation.methods import METHODS, Reading
from synthner.generation.plan import method_context, plan_summary
from synthner.generation.rounds import Rounds
from synthner.projection import markers
from synthner.release import Release, read_release
from synthner.schema.errors import DataError, ReleaseError
from synthner.schema.iob2 import violations
from synthner.schema.labels import LabelSet
from synthner.sources.gold import load_gold
from synthner.tests.command_line import files_in, start
from synthner.tests.in_process import done, refused
from synthner.tests.tiny_translator import DANISH, ENGLISH, save_tiny_translator

WORDS = {
    "bor": "lives", "synger": "sings", "nu": "now", "ofte": "often", "i": "in", ".": ".", "Ada": "Ada",
    "Krogh": "Krogh", "Bo": "Bo", "Thy": "Thy", "Rom": "Rome", "København": "Copenhagen", "og": "and",
    "[": "[", "]": "]",
}  # fmt: skip
TO_DANISH = {english: danish for danish, english in WORDS.items()}
METHOD = "translated_markers"
SENTENCES = 60

Labelled = list[tuple[str, str]]


def labelled(text: str) -> Labelled:
    """Read `Ada/B-PER sings`, in which a word without a label is O."""
    return [(word, tag or "O") for word, _, tag in (each.partition("/") for each in text.split())]


def english_gold(sentences: int = SENTENCES) -> list[Labelled]:
    """Write sentences that differ: of two types, of one, with a type that Danish has not, of none."""
    chance = random.Random(1)
    found: dict[str, None] = {}
    while len(found) < sentences:
        person, other = chance.sample(("Ada/B-PER", "Bo/B-PER", "Krogh/B-PER", "Ada/B-PER Krogh/I-PER"), 2)
        place, near = chance.sample(("Thy/B-LOC", "Rome/B-LOC", "Copenhagen/B-LOC"), 2)
        verb, when = chance.choice(("lives", "sings")), chance.choice(("now", "often"))
        sentence = (
            f"{person} {verb} in {place}",
            f"in {place} {person} {verb}",
            f"{place} and {near} {when}",
            f"{other} {when}/B-DATE {verb} .",
            f"{verb} and {chance.choice(('lives', 'sings', 'now'))} {when} {chance.choice(('.', 'in'))}",
        )[len(found) % 5]
        found.setdefault(sentence)
    return list(map(labelled, found))


def in_danish(sentence: Labelled) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what a translation and its labels should be."""
    return (
        tuple(TO_DANISH[word] for word, _ in sentence),
        tuple("O" if tag.endswith("DATE") else tag for _, tag in sentence),
    )


def conll(sentences: Sequence[Labelled]) -> str:
    return "\n".join("".join(f"{word} {tag}\n" for word, tag in sentence) for sentence in sentences)


def write_release(
    folder: Path,
    method_settings: dict[str, Any] | None,
    *,
    method: str = METHOD,
    english: Sequence[Labelled] | None = None,
    target: str = "da",
    more: dict[str, Any] | None = None,
    seed: int = 4,
) -> Release:
    """Write a release with English gold to translate and a little gold of another language."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "en.conll").write_text(conll(english_gold() if english is None else english), encoding="utf-8")
    (folder / "train.conll").write_text(conll([labelled("Bo/B-PER cykler ved Thy/B-LOC .")]))
    (folder / "test.conll").write_text(conll([labelled("Ada/B-PER bor i Rom/B-LOC")]))
    generator: dict[str, Any] = {"method": method, "languages": [target]}
    if method_settings is not None:
        generator[method] = method_settings
    release = {
        "name": "synth-ner",
        "seed": seed,
        "languages": {
            "en": {"gold": {"files": {"train": "en.conll"}, "license": "cc0-1.0"}},
            target: {"gold": {"files": {"train": "train.conll", "test": "test.conll"}, "license": "cc0-1.0"}},
        },
        "generators": {"mt": generator, **(more or {})},
    }
    (folder / "release.yaml").write_text(json.dumps(release, ensure_ascii=False, indent=1), encoding="utf-8")
    return read_release(folder)


def settings_of(model: Path | str, **more: Any) -> dict[str, Any]:
    codes = {"en": ENGLISH, "da": DANISH}
    return {"source": "en", "model": str(model), "codes": codes, "beams": 1, **more}


def save_translator(folder: Path, *, steps: int = 300) -> Path:
    return save_tiny_translator(folder, dictionary=WORDS, longest=9, steps=steps)


def endless(folder: Path) -> Path:
    """Save a model that never ends what it writes."""
    save_translator(folder, steps=0)
    weights = AutoModelForSeq2SeqLM.from_pretrained(folder)
    with torch.no_grad():
        weights.get_output_embeddings().weight[2] = 0
    weights.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def bracket_model(tmp_path_factory) -> Path:
    return save_translator(tmp_path_factory.mktemp("translator") / "tiny")


def answers(release: Release, config: str = "da_mt") -> list[tuple[Call, str]]:
    with Journal(release.journal) as journal:
        return [
            (call, reply.text) for call, reply in journal.answers(config) if reply is not None and reply.text
        ]


def manifest(release: Release) -> dict[str, Any]:
    found = json.loads((release.dataset / "manifest.json").read_text(encoding="utf-8"))
    return found["configs"]["da_mt"]


def rows_of(release: Release) -> dict[tuple[str, ...], tuple[str, ...]]:
    labels = LabelSet.of_types(["PER", "LOC"])
    rows = pq.read_table(release.dataset / "da_mt").to_pylist()
    return {tuple(row["tokens"]): tuple(labels.decode(row["ner_tags"])) for row in rows}


@pytest.fixture(scope="module")
def built(bracket_model, tmp_path_factory) -> Release:
    release = write_release(tmp_path_factory.mktemp("release"), settings_of(bracket_model))
    summary = done("generate", "--json", folder=release.folder).json
    assert summary["failed"] == 0
    done("build", folder=release.folder)
    return release


def test_translations_carry_the_labels_of_their_sentences(built):
    made = rows_of(built)
    expected = dict(map(in_danish, english_gold()))
    right = sum(made.get(words) == tags for words, tags in expected.items())
    # A small model may be wrong here and there, and one sentence may be that of gold test.
    assert right >= 0.9 * len(expected)
    assert len(made) <= len(expected)


def test_each_entity_is_translated_alone_once(built):
    calls = Counter((call.step, call.about["text"]) for call, _ in answers(built))
    alone = {text for step, text in calls if step == "entities"}
    assert alone == {"Ada", "Bo", "Krogh", "Ada Krogh", "Thy", "Rome", "Copenhagen"}
    assert set(calls.values()) == {1}
    assert sum(step == "sentences" for step, _ in calls) == SENTENCES


def test_provenance_names_the_sentence_of_the_source_and_what_was_done(built):
    origins = pq.read_table(built.dataset / "provenance" / "da_mt.parquet").to_pylist()
    source = load_gold(built.grid.gold["en"], "en")
    by_id = {example.id: example for example in source.splits["train"]}
    assert origins
    for origin in origins:
        (seed_id,) = origin["seed_ids"]
        types = {mention.type for mention in by_id[seed_id].mentions} - {"DATE"}
        assert source.revision in origin["seed_revision"]
        assert origin["operation"].startswith("translated from en by tiny with brackets round its entities; ")
        if len(types) == 1:
            assert re.search(r"types known: \d by order$", origin["operation"])


def test_manifest_and_card_say_what_was_carried_and_what_was_not(built):
    found = manifest(built)["method_findings"]
    expected = [in_danish(sentence)[1] for sentence in english_gold()]
    assert found["source_gold"]["language"] == "en"
    assert found["model"] == "tiny"
    kept = found["sentences"]
    assert kept["kept"] + sum(kept["dropped"].values()) == SENTENCES
    for type_ in ("PER", "LOC"):
        counts = found["types"][type_]
        assert counts["entities"] == sum(tags.count(f"B-{type_}") for tags in expected)
        assert counts["projected"] + sum(counts["dropped"].values()) == counts["entities"]
        assert counts["projected"] >= 0.9 * counts["entities"]
    assert sum(found["known_by"].values()) == sum(counts["projected"] for counts in found["types"].values())
    card = (built.dataset / "README.md").read_text(encoding="utf-8")
    assert "**Translated markers** (EasyProject; Chen et al., 2023)" in card
    assert "with brackets that carried the labels over" in card
    assert re.search(rf"\| LOC +\| +{found['types']['LOC']['entities']} \|", card)


def test_nothing_is_lost_without_a_reason_and_test_gold_does_not_come_out(built):
    steps = manifest(built)["waterfall"]["train"]
    lost = sum(sum(step["lost"].values()) for step in steps)
    assert steps[0]["kept"] == SENTENCES == steps[-1]["kept"] + lost
    assert ("Ada", "bor", "i", "Rom") not in rows_of(built)


def test_a_plan_knows_its_second_round_before_the_first_is_over(bracket_model, tmp_path):
    release = write_release(tmp_path, settings_of(bracket_model))
    plan = plan_summary(release).configs["da_mt"].splits["train"]
    assert (plan.calls, plan.later, plan.datapoints) == (7, SENTENCES, 0)
    generate(release)
    plan = plan_summary(release).configs["da_mt"].splits["train"]
    assert (plan.calls, plan.later, plan.to_ask, plan.datapoints) == (7 + SENTENCES, 0, 0, SENTENCES)


def test_sentences_of_one_type_need_one_round_alone(bracket_model, tmp_path):
    english = [labelled(text) for text in ("Thy/B-LOC and Rome/B-LOC now", "sings often", "Bo/B-PER sings")]
    release = write_release(tmp_path, settings_of(bracket_model), english=english)
    assert generate(release).answered == 3
    build(release)
    assert rows_of(release) == dict(map(in_danish, english))


def test_sentences_with_brackets_of_their_own_are_counted(bracket_model, tmp_path):
    english = [labelled("Ada/B-PER [ now ] sings"), labelled("Bo/B-PER sings"), labelled("in Thy/B-LOC now")]
    release = write_release(tmp_path, settings_of(bracket_model), english=english)
    assert generate(release).answered == 2
    build(release)
    found = manifest(release)["method_findings"]
    assert found["sentences"] == {"kept": 2, "dropped": {markers.OWN_BRACKETS: 1}}
    assert found["types"]["PER"] == {"entities": 2, "projected": 1, "dropped": {markers.OWN_BRACKETS: 1}}


def test_what_a_model_does_not_end_is_lost_with_its_reason(tmp_path):
    model = endless(tmp_path / "model")
    release = write_release(tmp_path / "release", settings_of(model), english=english_gold(5))
    generate(release)
    with pytest.raises(DataError, match=r"schema: the translation is cut short \(5\)"):
        build(release)


@pytest.mark.parametrize("method", ["translated_markers", "back_translated_markers"])
def test_what_comes_back_broken_is_in_the_rejects(bracket_model, tmp_path, method):
    release = write_release(tmp_path, settings_of(bracket_model, temperature=1.5), method=method)
    generate(release)
    build(release)
    found = manifest(release)
    lost = next(step["lost"] for step in found["waterfall"]["train"] if step["step"] == "schema")
    assert lost == found["method_findings"]["sentences"]["dropped"]
    assert len(lost) >= 2
    with gzip.open(release.rejects("da_mt"), "rt", encoding="utf-8") as rejects:
        reasons = Counter(json.loads(row)["reason"] for row in rejects)
    assert {reason: reasons[reason] for reason in lost} == lost
    for tags in rows_of(release).values():
        assert not violations(tags)


def reading_of(release: Release) -> Reading:
    reading = METHODS[release.configs[0].generator.method].reading
    assert reading is not None
    with Journal(release.journal) as journal:
        return reading(method_context(release.configs[0], release, {}, Rounds(journal)))


@pytest.fixture(scope="module")
def read(built) -> Reading:
    return reading_of(built)


def written(text: str, *, is_complete: bool = True) -> str:
    return json.dumps({"translation": text, "is_complete": is_complete}, ensure_ascii=False)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (written("[ Ada bor i [ Thy ]"), markers.UNPAIRED),
        (written("[ Ada ] bor i Thy"), markers.FEWER),
        (written("[ Ada ] [ bor ] i [ Thy ]"), markers.MORE),
        (written("[ ] bor i [ Thy ]"), markers.NOTHING_INSIDE),
        (written(""), markers.FEWER),
        (written("[ Ada ] bor i [ Ada ]"), markers.OTHER_TYPES),
        (written("[ Ada ] bor i [ Thy ]", is_complete=False), "the translation is cut short"),
        ("", "this is no translation"),
        ("[1, 2", "this is no translation"),
        ('{"translation": 3, "is_complete": true}', "this is no translation"),
    ],
)
def test_broken_answers_are_lost_with_their_reason(built, read, answer, reason):
    call = next(call for call, _ in answers(built) if {"PER", "LOC"} == {e[0] for e in entities(call)})
    call.about["entities"][:] = [["PER", "Ada", "Ada"], ["LOC", "Thy", "Thy"]]
    found = read(call, answer).found
    assert [each.fault for each in found] == [reason]


def entities(call: Call) -> list[list[str]]:
    return call.about.get("entities", [])


@pytest.fixture(scope="module")
def some_calls(built) -> list[Call]:
    return [call for call, _ in answers(built)][:8]


@settings(max_examples=200, deadline=None)
@given(text=st.one_of(st.text(), st.lists(st.sampled_from(["[", "]", "Ada", "Thy", " "])).map("".join)))
def test_reading_never_fails(some_calls, read, text):
    for call in some_calls:
        for answer in (text, written(text)):
            for found in read(call, answer).found:
                assert found.fault or not violations(found.tags or ["?"])


def test_a_run_that_was_killed_goes_on_to_identical_data(bracket_model, built, tmp_path):
    release = write_release(tmp_path / "killed", settings_of(bracket_model))
    process = start("generate", folder=release.folder)
    while process.poll() is None and not (release.journal.exists() and is_begun(release)):
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    for stream in (process.stdout, process.stderr):
        assert stream
        stream.close()
    generate(release)
    build(release)
    assert answers(release) == answers(built)
    mine, others = files_in(release.dataset), files_in(built.dataset)
    for name in ("da_mt/train-00000-of-00001.parquet", "provenance/da_mt.parquet"):
        assert mine[name] == others[name]


def is_begun(release: Release) -> bool:
    try:
        return bool(answers(release))
    except DataError:
        # The other process is making the tables.
        return False


@pytest.mark.parametrize("kept", [3, 7, 40])
def test_what_is_drawn_does_not_hang_on_where_a_run_stopped(bracket_model, tmp_path, kept):
    drawing = settings_of(bracket_model, temperature=2.0)
    whole = write_release(tmp_path / "whole", drawing)
    generate(whole)
    stopped = write_release(tmp_path / "stopped", drawing)
    with Journal(whole.journal) as journal, Journal(stopped.journal) as other:
        planned = sorted(journal.answers("da_mt"), key=lambda each: each[0].step)
        for call, reply in planned[:kept]:
            assert reply
            other.record(call, reply)
    generate(stopped)
    assert answers(stopped) == answers(whole)


def test_the_seed_decides_what_is_drawn(bracket_model, tmp_path):
    made = []
    for place, seed in enumerate((4, 4, 5)):
        drawing = settings_of(bracket_model, temperature=2.0)
        release = write_release(tmp_path / str(place), drawing, english=english_gold(15), seed=seed)
        generate(release)
        made.append([text for _, text in answers(release)])
    assert made[0] == made[1] != made[2]


@pytest.mark.parametrize("method", ["translated_markers", "back_translated_markers"])
@pytest.mark.parametrize(
    ("method_settings", "message"),
    [
        (None, "is missing"),
        ({"source": "en"}, "model"),
        ({"source": "en", "model": "a/b", "beam": 3}, "Did you mean `beams`?"),
        ({"source": "en", "model": "a/b", "temperature": 0}, "temperature"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path, method, method_settings, message):
    with pytest.raises(ReleaseError) as caught:
        write_release(tmp_path, method_settings, method=method)
    assert "generators.mt" in str(caught.value)
    assert message in str(caught.value)


@pytest.mark.parametrize("method", ["translated_markers", "back_translated_markers"])
@pytest.mark.parametrize(
    ("method_settings", "target", "message"),
    [
        (settings_of("./none"), "da", "there is no folder with a model here"),
        ({**settings_of("a/b"), "source": "sv"}, "da", "`sv` is no language of this release"),
        ({**settings_of("a/b"), "source": "da"}, "da", "names the language itself"),
        ({"source": "en", "model": "a/b", "codes": {"en": "x"}}, "da", "codes.da` is missing"),
        (settings_of("a/b"), "th", "words of Thai are not written apart"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_made(tmp_path, method, method_settings, target, message):
    write_release(tmp_path, method_settings, method=method, target=target)
    assert message in refused("generate", folder=tmp_path)
