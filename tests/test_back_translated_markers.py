"""Labels for a translation from another one with brackets: the algorithm, and a release made with it."""

import json
import random
import time
from collections import Counter
from collections.abc import Sequence

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthner.builders.build import build
from synthner.generation.calls import Call
from synthner.generation.generate import generate
from synthner.generation.journal import Journal
from synthner.generation.methods import Reading
from synthner.generation.plan import plan_summary
from synthner.projection import markers
from synthner.projection.back_translated_markers import NOT_IN_BRACKETS, NOT_IN_PLAIN, carry_back
from synthner.projection.markers import Carried, Refused, SourceEntity, mark
from synthner.release import Release
from synthner.schema.errors import DataError
from synthner.schema.iob2 import Mention, mentions, violations
from synthner.sources.gold import load_gold
from synthner.tests.command_line import files_in
from synthner.tests.in_process import done
from synthner.tests.test_markers import Block, by_blanks, entities, sentence, shown
from synthner.tests.test_translated_markers import (
    SENTENCES,
    answers,
    bracket_model,
    endless,
    english_gold,
    in_danish,
    labelled,
    manifest,
    reading_of,
    rows_of,
    settings_of,
    write_release,
    written,
)

__all__ = ["bracket_model"]

METHOD = "back_translated_markers"
REASONS = {markers.NO_TEXT, markers.UNKNOWN, NOT_IN_BRACKETS, NOT_IN_PLAIN}

# Names that have no two letters in common, so that none is like another.
_NAMES = ("Abab", "Cdcd Efef", "Ghgh", "Ijij", "Klkl Mnmn", "Opop", "Qrqr")
_CONTEXT = ("su", "tu", "vu", "wu", "xu", "yu", ".", ",")


@st.composite
def blocks(draw: st.DrawFn) -> list[Block]:
    names = draw(st.permutations(_NAMES))[: draw(st.integers(1, len(_NAMES)))]
    found: list[Block] = []
    for name in names:
        found += [("", (word,)) for word in draw(st.lists(st.sampled_from(_CONTEXT), max_size=3))]
        found.append((draw(st.sampled_from(["PER", "LOC", "ORG"])), tuple(name.split())))
    return found


def of_source(found: Sequence[Block]) -> list[SourceEntity]:
    return [SourceEntity(type_, " ".join(words)) for type_, words in found if type_]


@settings(max_examples=200)
@given(found=blocks(), chance=st.randoms(use_true_random=False))
def test_mentions_are_found_in_whatever_order_both_translations_have_them(found, chance):
    source = of_source(found)
    chance.shuffle(found)
    marked = mark(*sentence(found))
    chance.shuffle(found)
    tokens, spans = sentence(found)
    outcome = carry_back(" ".join(tokens), marked, source, by_blanks)
    assert isinstance(outcome, Carried)
    assert list(outcome.words) == tokens
    assert mentions(outcome.tags) == spans


_ANYTHING = st.lists(
    st.one_of(
        st.sampled_from([*"[]《》& .!", "&#91;", "Ada", "Thy", "ada krogh", "\x00", "\ud800"]),
        st.text(max_size=4),
    ),
    max_size=20,
).map("".join)


@settings(max_examples=500)
@given(
    plain=_ANYTHING,
    marked=_ANYTHING,
    source=st.lists(
        st.builds(SourceEntity, st.sampled_from(["PER", "LOC"]), _ANYTHING, _ANYTHING), max_size=4
    ),
)
def test_whatever_is_written_is_labelled_soundly_or_refused_with_a_reason(plain, marked, source):
    outcome = carry_back(plain, marked, source, by_blanks)
    if isinstance(outcome, Refused):
        assert outcome.reason in REASONS
        return
    assert violations(outcome.tags) == []
    assert outcome.words == markers.words_of(plain, by_blanks)
    found = mentions(outcome.tags)
    assert Counter(mention.type for mention in found) == Counter(entity.type for entity in source)


@pytest.mark.parametrize(
    ("plain", "marked", "expected"),
    [
        ("Ada bor i Thy .", "I [ Thy ] bor [ Ada ] .", "Ada/B-PER bor i Thy/B-LOC ."),
        ("Ada , bor i Thy", "[ Ada , ] bor i [ i Thy ]", "Ada/B-PER ,/I-PER bor i/B-LOC Thy/I-LOC"),
        ("Ada bor i Thyssa", "[ Ada ] bor i [ Thy", Refused(NOT_IN_BRACKETS)),
        ("Ada bor i Thyssa", "[[ Ada ]] bor ] i [ Thy ] [", "Ada/B-PER bor i Thyssa/B-LOC"),
        ("Ada bor i Thy", "[ Ada ] [ bor ] i [ Thy ]", "Ada/B-PER bor i Thy/B-LOC"),
        ("Ada bor i Thy", "《 Ada 》 bor i 【 Thy 】", "Ada/B-PER bor i Thy/B-LOC"),
        ("Ada bor i Jylland", "[ Ada ] bor i [ Thy ]", Refused(NOT_IN_PLAIN)),
        ("Ada bor i Thy", "[ Bo ] bor i [ Thy ]", Refused(NOT_IN_BRACKETS)),
        ("", "[ Ada ] bor i [ Thy ]", Refused(markers.NO_TEXT)),
        ("Ada &amp; Bo i Thy", "[ Ada ] &amp; Bo i [ Thy ]", "Ada/B-PER & Bo i Thy/B-LOC"),
    ],
)  # fmt: skip
def test_entities_are_found_by_brackets_and_then_by_letters(plain, marked, expected):
    outcome = carry_back(plain, marked, entities("PER Ada", "LOC Thy"), by_blanks)
    assert (outcome if isinstance(expected, Refused) else shown(outcome)) == expected


def test_the_most_alike_wins_and_not_the_last_one_above_the_threshold():
    source = entities("PER Anna Holm", "LOC Anna Holms Plads")
    marked = "på [ Anna Holms Plads ] bor [ Anna Holm ]"
    outcome = carry_back("Anna Holm bor på Anna Holms Plads", marked, source, by_blanks)
    assert shown(outcome) == "Anna/B-PER Holm/I-PER bor på Anna/B-LOC Holms/I-LOC Plads/I-LOC"


def test_a_translation_alone_helps_where_scripts_differ():
    source = entities("PER Ada = Ада", "LOC Moscow = Москва")
    outcome = carry_back("Ада живёт в Москве", "[ Ада ] живёт в [ Москве ]", source, by_blanks)
    assert shown(outcome) == "Ада/B-PER живёт в Москве/B-LOC"
    without = entities("PER Ada", "LOC Moscow")
    assert carry_back("Ада живёт в Москве", "[ Ада ] в [ Москве ]", without, by_blanks) == Refused(
        NOT_IN_BRACKETS
    )


@pytest.mark.parametrize(
    ("marked", "expected"),
    [("[ Thy ] og så Thy", "Thy/B-LOC og så Thy"), ("Thy og så [ Thy ]", "Thy og så Thy/B-LOC")],
)
def test_of_the_same_words_twice_the_nearer_are_taken(marked, expected):
    assert shown(carry_back("Thy og så Thy", marked, entities("LOC Thy"), by_blanks)) == expected


def test_the_same_words_with_two_types_are_not_guessed():
    source = entities("PER Thy", "LOC Thy")
    assert carry_back("Thy i Thy", "[ Thy ] i [ Thy ]", source, by_blanks) == Refused(markers.UNKNOWN)
    same = entities("PER Thy", "PER Thy")
    assert shown(carry_back("Thy i Thy", "[ Thy ] i [ Thy ]", same, by_blanks)) == "Thy/B-PER i Thy/B-PER"


def test_a_sentence_without_mentions_needs_no_brackets():
    assert shown(carry_back("Her [ regner ] det", "", [], by_blanks)) == "Her [ regner ] det"


def test_many_entities_and_long_texts_take_no_time():
    chance = random.Random(2)
    names = ["".join(chance.choices("abcdefghijklmnop", k=9)) for _ in range(30)]
    tokens = [word for name in names for word in (name, "la")]
    spans = [Mention(2 * place, 2 * place + 1, "PER") for place in range(len(names))]
    source = [SourceEntity("PER", name) for name in names]
    start = time.process_time()
    outcome = carry_back(" ".join(tokens), mark(tokens, spans), source, by_blanks)
    assert isinstance(outcome, Carried)
    assert mentions(outcome.tags) == spans
    endless_text = "[ " + "la " * 20_000 + "]"
    assert carry_back("Ada la la", endless_text, entities("PER Ada"), by_blanks) == Refused(NOT_IN_BRACKETS)
    assert time.process_time() - start < 20


@pytest.fixture(scope="module")
def built(bracket_model, tmp_path_factory) -> Release:
    release = write_release(tmp_path_factory.mktemp("release"), settings_of(bracket_model), method=METHOD)
    assert done("generate", "--json", folder=release.folder).json["failed"] == 0
    done("build", folder=release.folder)
    return release


def test_translations_get_the_labels_of_their_sentences(built):
    made = rows_of(built)
    expected = dict(map(in_danish, english_gold()))
    right = sum(made.get(words) == tags for words, tags in expected.items())
    assert right >= 0.9 * len(expected)
    assert len(made) <= len(expected)
    assert ("Ada", "bor", "i", "Rom") not in made


def test_each_sentence_is_asked_for_once_and_nothing_is_lost_without_a_reason(built):
    steps = Counter(call.step for call, _ in answers(built))
    without = sum(all(tag in ("O", "B-DATE") for _, tag in sentence) for sentence in english_gold())
    assert steps == {"translate": SENTENCES, "sentences": SENTENCES - without, "entities": 7}
    waterfall = manifest(built)["waterfall"]["train"]
    lost = sum(sum(step["lost"].values()) for step in waterfall)
    assert waterfall[0]["kept"] == SENTENCES == waterfall[-1]["kept"] + lost


def test_provenance_manifest_and_card_say_what_was_done(built):
    origins = pq.read_table(built.dataset / "provenance" / "da_mt.parquet").to_pylist()
    source = load_gold(built.grid.gold["en"], "en")
    known = {example.id for example in source.splits["train"]}
    for origin in origins:
        assert set(origin["seed_ids"]) <= known
        assert origin["operation"].startswith("translated from en by tiny, entities found by brackets; ")
    found = manifest(built)["method_findings"]
    assert found["sentences"]["kept"] + sum(found["sentences"]["dropped"].values()) == SENTENCES
    for type_ in ("PER", "LOC"):
        counts = found["types"][type_]
        expected = sum(in_danish(each)[1].count(f"B-{type_}") for each in english_gold())
        assert counts["entities"] == expected
        assert counts["projected"] + sum(counts["dropped"].values()) == counts["entities"]
        assert counts["projected"] >= 0.9 * counts["entities"]
    card = (built.dataset / "README.md").read_text(encoding="utf-8")
    assert "**Back-translated markers** (after Politov et al., 2025)" in card


def test_what_translate_train_translated_is_not_translated_again(bracket_model, tmp_path):
    other = {"method": "translate_train", "languages": ["da"], "translate_train": settings_of(bracket_model)}
    english = english_gold(15)
    release = write_release(
        tmp_path, settings_of(bracket_model), method=METHOD, english=english, more={"projected": other}
    )
    generate(release, only=["da_mt"])
    plan = plan_summary(release).configs["da_projected"].splits["train"]
    assert plan.answered == len(english)


def test_a_sentence_with_brackets_of_its_own_is_kept_where_it_has_no_mention(bracket_model, tmp_path):
    english = [
        labelled("Ada/B-PER [ now ] sings"),
        labelled("[ often ] now"),
        labelled("Bo/B-PER sings in Thy/B-LOC"),
    ]
    release = write_release(tmp_path, settings_of(bracket_model), method=METHOD, english=english)
    generate(release)
    build(release)
    assert rows_of(release) == dict(map(in_danish, english[1:]))
    assert manifest(release)["method_findings"]["sentences"] == {
        "kept": 2,
        "dropped": {markers.OWN_BRACKETS: 1},
    }


def test_what_a_model_does_not_end_is_lost_with_its_reason(tmp_path):
    model = endless(tmp_path / "model")
    release = write_release(tmp_path / "release", settings_of(model), method=METHOD, english=english_gold(5))
    generate(release)
    with pytest.raises(DataError, match=r"schema: the translation is cut short \(5\)"):
        build(release)


@pytest.fixture(scope="module")
def read(built) -> Reading:
    return reading_of(built)


@pytest.fixture(scope="module")
def by_step(built) -> dict[str, Call]:
    return {call.step: call for call, _ in answers(built) if call.datapoints}


@settings(max_examples=100, deadline=None)
@given(text=st.one_of(st.text(), st.lists(st.sampled_from(["[", "]", "Ada", "Thy", " "])).map("".join)))
def test_reading_never_fails(read, by_step, text):
    assert set(by_step) == {"translate", "sentences"}
    for call in by_step.values():
        for answer in (text, written(text)):
            (found,) = read(call, answer).found
            assert found.fault or not violations(found.tags or ["?"])


@pytest.mark.parametrize("kept", [10, SENTENCES + 7, SENTENCES + 20])
def test_a_stopped_run_goes_on_to_identical_data(bracket_model, built, tmp_path, kept):
    release = write_release(tmp_path, settings_of(bracket_model), method=METHOD)
    order = {"translate": 0, "entities": 1, "sentences": 2}
    with Journal(built.journal) as journal, Journal(release.journal) as other:
        planned = sorted(journal.answers("da_mt"), key=lambda each: order[each[0].step])
        for call, reply in planned[:kept]:
            assert reply
            other.record(call, reply)
    generate(release)
    build(release)
    assert answers(release) == answers(built)
    mine, others = files_in(release.dataset), files_in(built.dataset)
    for name in ("da_mt/train-00000-of-00001.parquet", "provenance/da_mt.parquet"):
        assert mine[name] == others[name]


def test_the_seed_decides_what_is_drawn(bracket_model, tmp_path):
    made = []
    for place, seed in enumerate((4, 4, 5)):
        drawing = settings_of(bracket_model, temperature=2.0)
        release = write_release(
            tmp_path / str(place), drawing, method=METHOD, english=english_gold(10), seed=seed
        )
        generate(release)
        made.append(json.dumps([text for _, text in answers(release)]))
    assert made[0] == made[1] != made[2]
