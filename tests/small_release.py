"""A small release on disk: gold sentences written for these tests, and a `release.yaml` that uses them."""

import json
from pathlib import Path
from typing import Any

from synthner.release import Release, read_release

PEOPLE = ("Åse Lindqvist", "Bøje Krogh", "Maja", "Søren Dam", "Ida Østergaard")
PLACES = ("Ærøskøbing", "Nørre Snede", "Thy", "Læsø")


def gold_lines(sentences: int, first_year: int = 1900) -> str:
    """Return so many different Danish sentences in CoNLL columns, each of a year of its own."""
    blocks = []
    for number in range(sentences):
        person, place = PEOPLE[number % len(PEOPLE)], PLACES[number // len(PEOPLE) % len(PLACES)]
        lines = [f"{word} {'I' if i else 'B'}-PER" for i, word in enumerate(person.split())]
        lines += ["flyttede O", "til O"]
        lines += [f"{word} {'I' if i else 'B'}-LOC" for i, word in enumerate(place.split())]
        lines += ["i O", f"{first_year + number} O", ". O"]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def write_release(folder: Path, generators: dict[str, Any], *, gold: dict[str, int] | None = None) -> Release:
    """Write a release with Danish gold data and read it.

    Args:
        folder: Where to.
        generators: As `release.yaml` holds them; what each leaves out is a seeded one on the openai engine.
        gold: Sentences of each gold split, none of them in two; by default 20 in train.
    """
    (folder / "gold").mkdir(parents=True, exist_ok=True)
    files = {}
    for millennium, (split, sentences) in enumerate((gold or {"train": 20}).items()):
        files[split] = f"gold/{split}.conll"
        lines = gold_lines(sentences, first_year=1900 + 1000 * millennium)
        (folder / files[split]).write_text(lines, encoding="utf-8")
    release = {
        "name": "synth-ner",
        "seed": 11,
        "languages": {"da": {"gold": {"files": files, "license": "cc0-1.0"}}},
        "generators": {
            name: {"method": "seeded", "engine": "openai", "model": "small", **settings}
            for name, settings in generators.items()
        },
    }
    path = folder / "release.yaml"
    path.write_text(json.dumps(release, ensure_ascii=False), encoding="utf-8")
    return read_release(path)


def server_settings(base_url: str, calls: int = 6, **settings: Any) -> dict[str, Any]:
    """Return a generator that asks a server so many times for `train`."""
    openai = {"base_url": base_url, **settings.pop("openai", {})}
    return {"examples": 3, "datapoints": 5, "calls": {"train": calls}, "openai": openai, **settings}
