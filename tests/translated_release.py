"""A release that carries English gold over into Danish, in words that a tiny translator can be taught."""

import json
import random
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from synthner.generation.journal import Journal
from synthner.release import Release, read_release
from synthner.tests.tiny_translator import DANISH, DICTIONARY, ENGLISH

NAMES = {"Ada": "Ada", "Krogh": "Krogh", "Bo": "Bo", "Thy": "Thy", "Rom": "Rome", "København": "Copenhagen"}
WITH_BRACKETS = {**DICTIONARY, **NAMES, "[": "[", "]": "]"}
TO_DANISH = {english: danish for danish, english in WITH_BRACKETS.items()}
CODES = {"en": ENGLISH, "da": DANISH}

PEOPLE = ("Ada", "Krogh", "Bo", "Ada Krogh")
PLACES = ("Thy", "Rome", "Copenhagen")

Sentence = tuple[Sequence[str], Sequence[str]]


def labelled(text: str) -> Sentence:
    """Read `Ada/B-PER sings`, in which a word without a label is O."""
    words = [word.partition("/") for word in text.split()]
    return [word for word, _, _ in words], [tag or "O" for _, _, tag in words]


def english_gold(sentences: int) -> list[Sentence]:
    """Write so many sentences, short enough to be translated well with brackets."""
    chance = random.Random(1)
    return [labelled(_sentence(number, chance)) for number in range(sentences)]


def _sentence(number: int, chance: random.Random) -> str:
    person = " ".join(
        f"{word}/{'I' if place else 'B'}-PER" for place, word in enumerate(chance.choice(PEOPLE).split())
    )
    place = f"{chance.choice(PLACES)}/B-LOC"
    verb, when = chance.choice(("lives", "sings", "rides")), chance.choice(("now", "often", "still"))
    return (f"{person} {verb} {place}", f"{place} {when} {verb}", f"{when}/B-DATE {verb} {person}")[
        number % 3
    ]


def in_danish(sentence: Sentence) -> tuple[list[str], list[str]]:
    """Return what a translation and its labels should be; Danish gold has no dates."""
    words, tags = sentence
    return [TO_DANISH[word] for word in words], ["O" if tag.endswith("DATE") else tag for tag in tags]


def conll(sentences: Sequence[Sentence]) -> str:
    """Write sentences in columns."""
    return "\n".join(
        "".join(f"{word} {tag}\n" for word, tag in zip(*sentence, strict=True)) for sentence in sentences
    )


def write_release(
    folder: Path,
    method: str,
    method_settings: Mapping[str, Any],
    *,
    english: Sequence[Sentence] | None = None,
    target: str = "da",
    **values: Any,
) -> Release:
    """Write a release with English gold and a little Danish gold, and read it."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        "en.conll": english_gold(30) if english is None else english,
        "train.conll": [labelled("Bo/B-PER cykler ved Thy/B-LOC .")],
        "test.conll": [labelled("Krogh/B-PER lever på Rom/B-LOC nu , .")],
    }
    for name, sentences in files.items():
        (folder / name).write_text(conll(sentences), encoding="utf-8")
    gold = {"train": "train.conll", "test": "test.conll"}
    release = {
        "name": "synth-ner",
        "seed": 4,
        "languages": {
            "en": {"gold": {"files": {"train": "en.conll"}, "license": "cc0-1.0"}},
            target: {"gold": {"files": gold, "license": "cc0-1.0"}},
        },
        "generators": {"mt": {"method": method, "languages": [target], method: dict(method_settings)}},
        **values,
    }
    (folder / "release.yaml").write_text(json.dumps(release, ensure_ascii=False, indent=1), encoding="utf-8")
    return read_release(folder)


def answers(release: Release, step: str) -> list[str]:
    """Return the answers to the calls of a step, in order."""
    with Journal(release.journal) as journal:
        return [
            reply.text or ""
            for call, reply in journal.answers("da_mt")
            if call.step == step and reply is not None
        ]


def answered(release: Release) -> int:
    """Count answers while another process writes them."""
    if not release.journal.exists():
        return 0
    try:
        with sqlite3.connect(f"file:{release.journal}?mode=ro", uri=True) as database:
            return database.execute("SELECT count(*) FROM replies").fetchone()[0]
    except sqlite3.OperationalError:
        return 0


def manifest_of(release: Release) -> dict[str, Any]:
    """Return what the manifest says of the config."""
    manifest = json.loads((release.dataset / "manifest.json").read_text(encoding="utf-8"))
    return manifest["configs"]["da_mt"]
