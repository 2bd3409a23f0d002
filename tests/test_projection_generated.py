"""Candidates that a model generated: what of its text counts, and where each entity goes."""

import json

import pytest

from synthner.projection.generated import best_free, generated_candidates, marked_entities
from synthner.schema.errors import DataError

TYPES = {"Person": "PER", "Location": "LOC"}
TARGET = "Kofi Annan kɔɔ Ho , na Kofi kɔɔ HO".split()  # noqa: SIM905 - a sentence


def test_entities_between_marks():
    text = "<Person>Yaw, A. Osei</Person>x<Location> Ho </Location><Date>today</Date>"

    assert marked_entities(text, TYPES) == [(("Yaw", "A", "Osei"), "PER"), (("Ho",), "LOC")]
    assert marked_entities(text, TYPES, keep_punctuation=True)[0] == (("Yaw,", "A.", "Osei"), "PER")


@pytest.mark.parametrize(
    "text",
    [
        "<Person>Ama",
        "Ama</Person>",
        "<Person>Ama</Location>",
        "<Person> ., </Person>",
        "<Date>Ama</Date>",
        "",
    ],
    ids=["not closed", "not opened", "closed as another type", "punctuation", "another type", "nothing"],
)
def test_what_is_no_entity(text):
    assert marked_entities(text, TYPES) == []


def test_an_entity_that_is_opened_anew_counts_from_there():
    assert marked_entities("<Person>A <Location>Ho</Location>", TYPES) == [(("Ho",), "LOC")]


def test_candidates_stand_in_the_target_and_count_once():
    predictions = [
        "<Person>Kofi Annan</Person><Person>kofi</Person>",
        "<Person>Kofi Annan</Person><Person>Ama</Person>",
    ]

    assert generated_candidates(predictions, TARGET, TYPES) == {"PER": [("Kofi", "Annan"), ("kofi",)]}


def test_the_best_free_candidate_at_its_first_free_place():
    entities = [
        (("Kofi",), "PER"),
        (("Kofi", "Annan"), "PER"),
        (("Ho",), "LOC"),
        (("Ho",), "LOC"),
        (("Ho",), "LOC"),
    ]
    candidates = {"PER": [("Kofi",), ("Kofi", "Annan")], "LOC": [("Ho",)]}
    scores = {
        "Kofi": {"Kofi": 0.9, "Kofi Annan": 0.4},
        "Kofi Annan": {"Kofi": 0.3, "Kofi Annan": 1.0},
        "Ho": {"Ho": 1},
    }

    projection = best_free(entities, candidates, scores, TARGET)

    assert projection.tags == ["B-PER", "O", "O", "B-LOC", "O", "O", "B-PER", "O", "B-LOC"]
    assert projection.dropped == ((4, "collides with another entity"),)


def test_of_equal_scores_the_first_candidate_counts_and_without_one_the_entity_is_dropped():
    candidates = {"PER": [("Annan",), ("Kofi",)]}
    scores = {"Ama": {"Kofi": 0.5, "Annan": 0.5}}

    projection = best_free([(("Ama",), "PER"), (("Ho",), "LOC")], candidates, scores, TARGET)

    assert projection.tags[:2] == ["O", "B-PER"]
    assert projection.dropped == ((1, "no candidate"),)


def test_a_score_is_found_without_punctuation_or_missed():
    entity, candidates = (("Kofi-Ama",), "PER"), {"PER": [("Kofi",)]}

    assert best_free([entity], candidates, {"KofiAma": {"Kofi": 1}}, TARGET).mentions == 1
    with pytest.raises(DataError, match="no score of `Kofi` for `Kofi-Ama`"):
        best_free([entity], candidates, {"KofiAma": {}}, TARGET)


def test_the_papers_own_output_line_for_line(shared):
    folder = shared / "data" / "projection" / "t_projection" / "mt5-large"
    names = {"Person": "PER", "Location": "LOC", "Organization": "ORG", "Miscellaneous": "MISC"}
    scores = json.loads((folder / "en2es.europarl.json").read_text(encoding="utf-8"))
    del scores["#@!@#_model_name"]
    lines = []
    for line in (folder / "en2es.europarl.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        target = row["target_word"].split()
        entities = marked_entities(row["source_entity"], names)
        types = {name: type_ for name, type_ in names.items() if type_ in {of for _, of in entities}}
        candidates = generated_candidates(row["preds"], target, types) if types else {}
        tags = best_free(entities, candidates, scores, target).tags
        lines += [*(f"{word} {tag}" for word, tag in zip(target, tags, strict=True)), ""]

    expected = (folder / "en2es.europarl.conll").read_text(encoding="utf-8").splitlines()

    assert len(lines) == 860
    assert lines == expected
