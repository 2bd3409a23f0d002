"""Translate-train with translations that exist already: from a file to a built config, without a model."""

import gzip
import json
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from synthner.builders.build import build
from synthner.cards.dataset_card import write_card
from synthner.generation.generate import generate
from synthner.generation.plan import plan_summary
from synthner.release import Release, read_release
from synthner.schema.errors import DataError, ReleaseError
from synthner.schema.labels import LabelSet
from synthner.sources.given_translations import read_translations

PEOPLE = ("Ada Krogh", "Bo Lind", "Omar Said", "Ida Vang")
PLACES = {"Thy": "Thy", "Rome": "Rom", "Oslo": "Oslo", "Vejle": "Vejle", "Cairo": "Cairo"}
COUNT = 40
LABELS = LabelSet.of_types(["PER", "LOC"])

Labelled = list[tuple[str, str]]


def entity(words: str, type_: str) -> Labelled:
    first, *others = words.split()
    return [(first, f"B-{type_}"), *((word, f"I-{type_}") for word in others)]


def plain(words: str) -> Labelled:
    return [(word, "O") for word in words.split()]


def sentences(count: int = COUNT) -> list[tuple[Labelled, Labelled]]:
    """Return English sentences with their Danish translations, both labelled."""
    pairs = []
    for number in range(count):
        person = entity(PEOPLE[number % 4], "PER")
        english, danish = list(PLACES.items())[number % 5]
        in_english, in_danish = entity(english, "LOC"), entity(danish, "LOC")
        year = f"{1900 + number}"
        pairs.append(
            (
                [*person, *plain("lives in"), *in_english, *plain(f"since {year} .")],
                [*person, *plain("bor i"), *in_danish, *plain(f"siden {year} .")],
            )
        )
    return pairs


def conll(some: list[Labelled]) -> str:
    return "\n".join("".join(f"{word} {tag}\n" for word, tag in sentence) for sentence in some)


def as_text(sentence: Labelled) -> str:
    return " ".join(word for word, _ in sentence).replace(" .", ".")


def write_release(
    folder: Path,
    given: str,
    *,
    file: str = "given.txt",
    english: list[Labelled] | None = None,
    target: str = "da",
    **settings: Any,
) -> Release:
    """Write a release whose English gold is translated by a file."""
    folder.mkdir(parents=True, exist_ok=True)
    english = [pair[0] for pair in sentences()] if english is None else english
    held_out = [[*entity("Tove Skov", "PER"), *plain("sover .")]]
    for name, text in (
        ("en.conll", conll(english)),
        ("train.conll", conll([[*entity("Bo", "PER"), *plain("bor i"), *entity("Thy", "LOC")]])),
        ("test.conll", conll(held_out)),
        (file, given),
    ):
        (folder / name).write_text(text, encoding="utf-8")
    release = {
        "name": "synth-ner",
        "seed": 4,
        "languages": {
            "en": {"gold": {"files": {"train": "en.conll"}, "license": "cc0-1.0"}},
            target: {"gold": {"files": {"train": "train.conll", "test": "test.conll"}, "license": "cc0-1.0"}},
        },
        "generators": {
            "mt": {
                "method": "translate_train",
                "languages": [target],
                "translate_train": {"source": "en", "translations": file, **settings},
            }
        },
    }
    (folder / "release.yaml").write_text(json.dumps(release, ensure_ascii=False), encoding="utf-8")
    return read_release(folder)


def lines(some: list[Labelled]) -> str:
    return "".join(as_text(sentence) + "\n" for sentence in some)


def in_danish(count: int = COUNT) -> list[Labelled]:
    return [danish for _, danish in sentences(count)]


def made(release: Release) -> dict[str, Any]:
    """Generate and build; return what the manifest says of the config."""
    generate(release)
    manifest = build(release)
    write_card(release.dataset)
    return manifest["configs"][release.configs[0].name]


def rows(release: Release) -> list[Labelled]:
    table = pq.read_table(release.dataset / release.configs[0].name / "train-00000-of-00001.parquet")
    return [
        list(zip(row["tokens"], LABELS.decode(row["ner_tags"]), strict=True)) for row in table.to_pylist()
    ]


def test_labels_go_onto_the_given_translations_without_any_model(tmp_path, monkeypatch):
    for package in ("torch", "transformers", "ctranslate2"):
        monkeypatch.setitem(sys.modules, package, None)
    release = write_release(tmp_path, lines(in_danish()))
    config = made(release)
    right = [row for row in rows(release) if row in in_danish()]
    # Statistics of little text may be wrong here and there.
    assert len(right) >= 0.9 * COUNT
    findings = config["method_findings"]
    assert findings["translations"]["file"] == "given.txt"
    assert findings["translations"]["missing"] == 0
    assert "model" not in findings
    origins = pq.read_table(release.dataset / "provenance" / "da_mt.parquet").to_pylist()
    assert origins[0]["operation"].startswith(
        "translated from en by others (given.txt), aligned by statistical, projected by exact"
    )
    card = (release.dataset / "README.md").read_text(encoding="utf-8")
    assert "Its translations were not made here: they are those of `given.txt`" in card
    assert "translated by a model" not in card


def test_languages_are_filled_into_the_name_of_the_file(tmp_path):
    write_release(tmp_path, lines(in_danish()), file="en-da.txt")
    path = tmp_path / "release.yaml"
    path.write_text(path.read_text().replace("en-da.txt", "{source}-{language}.txt"))
    release = read_release(tmp_path)
    assert made(release)["method_findings"]["translations"]["file"] == "en-da.txt"


def test_words_of_a_labelled_file_stay_as_they_are_and_its_labels_are_left_aside(tmp_path):
    given = [[(word.replace(".", "(slut.)"), "O") for word, _ in sentence] for sentence in in_danish()]
    given[0][0] = (given[0][0][0], "B-LOC")
    given[1:] = [[(word, "B-PER" if word == "siden" else tag) for word, tag in each] for each in given[1:]]
    release = write_release(tmp_path, conll(given), file="given.conll")
    made(release)
    found = rows(release)
    expected = [[(word.replace(".", "(slut.)"), tag) for word, tag in sentence] for sentence in in_danish()]
    assert len([row for row in found if row in expected]) >= 0.9 * COUNT


@pytest.mark.parametrize(
    "line",
    [
        lambda sentence: {"tokens": [word for word, _ in sentence]},
        lambda sentence: {"text": as_text(sentence)},
    ],
    ids=["tokens", "text"],
)
def test_translations_may_be_lines_of_json(tmp_path, line):
    given = "".join(json.dumps(line(sentence), ensure_ascii=False) + "\n" for sentence in in_danish())
    release = write_release(tmp_path, given, file="given.jsonl")
    made(release)
    assert len([row for row in rows(release) if row in in_danish()]) >= 0.9 * COUNT


def test_a_line_that_is_no_translation_is_named(tmp_path):
    path = tmp_path / "given.jsonl"
    path.write_text('{"text": "Bo sover."}\n{"text": 3}\n')
    with pytest.raises(DataError, match=r"given.jsonl:2: the line is no translation"):
        list(read_translations(path))


def test_an_empty_line_drops_its_sentence_with_the_reason(tmp_path):
    given = lines(in_danish()).splitlines()
    given[3] = given[17] = ""
    release = write_release(tmp_path, "\n".join(given) + "\n")
    config = made(release)
    assert config["method_findings"]["translations"]["missing"] == 2
    assert config["method_findings"]["sentences"]["dropped"]["there is no translation"] == 2
    schema = next(step for step in config["waterfall"]["train"] if step["step"] == "schema")
    assert schema["lost"]["there is no translation"] == 2
    [rejects] = (tmp_path / "work" / "rejects").iterdir()
    assert gzip.decompress(rejects.read_bytes()).decode().count('"reason": "there is no translation"') == 2
    # Those that follow keep their own translations.
    assert len([row for row in rows(release) if row in in_danish()]) >= 0.9 * (COUNT - 2)


@pytest.mark.parametrize(
    ("count", "where"), [(COUNT - 3, f"given.txt:{COUNT - 3}"), (COUNT + 2, f"given.txt:{COUNT + 1}")]
)
def test_as_many_translations_as_sentences_are_needed(tmp_path, count, where):
    release = write_release(tmp_path, lines(in_danish(count)))
    with pytest.raises(DataError) as caught:
        plan_summary(release)
    said = f"there are {count} translations, and gold train of `en` has {COUNT} sentences"
    assert said in str(caught.value)
    assert where in str(caught.value)


@pytest.mark.parametrize("counts_unusable", [True, False])
def test_gold_that_cannot_be_used_moves_no_translation_to_another_sentence(tmp_path, counts_unusable):
    english = [pair[0] for pair in sentences()]
    english.insert(5, [("Broken", "B-"), ("tags", "O")])
    given = in_danish()
    if counts_unusable:
        given.insert(5, plain("Ødelagte mærker"))
    release = write_release(tmp_path, lines(given), english=english)
    made(release)
    found = rows(release)
    assert len([row for row in found if row in in_danish()]) >= 0.9 * COUNT
    assert plain("Ødelagte mærker") not in found


def test_source_sentences_of_held_out_gold_take_their_translations_along(tmp_path):
    release = write_release(tmp_path, lines(in_danish()))
    (tmp_path / "en-test.conll").write_text(conll([sentences()[4][0]]), encoding="utf-8")
    path = tmp_path / "release.yaml"
    path.write_text(
        path.read_text().replace('"train": "en.conll"', '"train": "en.conll", "test": "en-test.conll"')
    )
    release = read_release(tmp_path)
    made(release)
    found = rows(release)
    assert sentences()[4][1] not in found
    assert len([row for row in found if row in in_danish()]) >= 0.9 * (COUNT - 1)


def test_another_translation_is_taken_up_and_nothing_else_is_asked_again(tmp_path):
    release = write_release(tmp_path, lines(in_danish()))
    generate(release)
    assert generate(release).answered == 0
    other = lines(in_danish()).replace("Ada Krogh bor i Thy siden 1900.", "I Thy bor Ada Krogh siden 1900.")
    release = write_release(tmp_path, other)
    made(release)
    assert "I Thy bor Ada Krogh siden 1900 ." in [" ".join(word for word, _ in row) for row in rows(release)]


@pytest.mark.parametrize("key", ["model", "beams", "codes"])
def test_what_a_model_needs_has_no_use(tmp_path, key):
    value = {"model": "a/model", "beams": 3, "codes": {"en": "eng_Latn"}}[key]
    release = write_release(tmp_path, lines(in_danish()), **{key: value})
    with pytest.raises(ReleaseError, match=rf"`translate_train.{key}` has no use with `translations`"):
        plan_summary(release)


def test_a_file_that_is_not_there_is_named(tmp_path):
    release = write_release(tmp_path, lines(in_danish()))
    (tmp_path / "given.txt").unlink()
    with pytest.raises(DataError, match=r"given\.txt: there is no such file"):
        plan_summary(release)


def test_words_of_a_language_that_does_not_part_them_must_be_told(tmp_path):
    thai = [[("บอ", "O"), ("อยู่", "O"), (f"ธี{number}", "B-LOC")] for number in range(COUNT)]
    release = write_release(tmp_path / "text", "บออยู่ธี\n" * COUNT, target="th")
    with pytest.raises(ReleaseError, match="words of Thai are not written apart"):
        plan_summary(release)
    release = write_release(tmp_path / "words", conll(thai), file="given.conll", target="th")
    assert plan_summary(release).configs["th_mt"].splits["train"].calls == COUNT
