"""Sentences for the tests of curation: templates filled with names, in three languages of our own."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random

from synthner.schema.example import Example
from synthner.schema.iob2 import repair
from synthner.schema.labels import LabelSet

LABELS = LabelSet.of_types(("LOC", "PER"))

_PEOPLE = (
    "Mara",
    "Tobias",
    "Ines",
    "Goran",
    "Lydia",
    "Oskar",
    "Petra",
    "Yusuf",
    "Wanda",
    "Rolf",
    "Selma",
    "Dario",
    "Helga",
    "Ivo",
    "Nadia",
    "Felix",
)
_FAMILIES = ("Lindqvist", "Okoro", "Brandt", "Marsh", "Petrov", "Vale", "Hartmann", "Silva", "Novak", "Quist")
_TOWNS = (
    "Velden",
    "Arkhaven",
    "Brimley",
    "Tarsk",
    "Ostrand",
    "Lowick",
    "Ferrol",
    "Kelby",
    "Marsund",
    "Pinewood",
    "Dunmore",
    "Halvik",
)

_ENGLISH = (
    "{p} took the early train to {t} with two old friends",
    "the market in {t} was closed when {p} arrived",
    "nobody in the office had seen {p} since Monday",
    "a storm damaged several roofs near {t} last night",
    "{p} and {p} opened a small bakery in {t}",
    "after the match {p} refused to speak about the result",
    "the river at {t} rose quickly after three days of rain",
    '" we never wanted this " , said {p} at the meeting',
    "the library of {t} lends tools as well as books",
    "in spring {p} sold the farm and moved to {t}",
    "a letter from {t} reached {p} only in autumn",
    "the price of bread rose again this month",
    "nobody knows how long the repairs will take",
)
_ENGLISH_ENDS = ("yesterday", "this week", "again", "for once", "of course", "in the end", "as usual")

_FINNISH = (
    "{p} matkusti aamujunalla kaupunkiin nimeltä {t} kahden vanhan ystävän kanssa",
    "kukaan toimistossa ei ollut nähnyt henkilöä {p} maanantain jälkeen",
    "tori paikassa {t} oli suljettu kun {p} vihdoin saapui perille",
    "keväällä {p} möi maatilansa ja muutti paikkaan nimeltä {t}",
    "joki nousi nopeasti kolmen sadepäivän jälkeen lähellä paikkaa {t}",
)
_FINNISH_ENDS = ("eilen", "tällä viikolla", "taas", "tietysti", "lopulta")

_GREEK = (
    "η {p} πήρε το πρωινό τρένο για {t} με δύο παλιούς φίλους",
    "κανείς στο γραφείο δεν είχε δει {p} από τη Δευτέρα",
    "η αγορά στο {t} ήταν κλειστή όταν έφτασε {p} το μεσημέρι",
    "την άνοιξη {p} πούλησε το αγρόκτημα και μετακόμισε στο {t}",
    "το ποτάμι κοντά στο {t} ανέβηκε γρήγορα μετά τη βροχή",
)
_GREEK_ENDS = ("χθες", "αυτή την εβδομάδα", "ξανά", "φυσικά", "στο τέλος")

_LANGUAGES = {
    "english": (_ENGLISH, _ENGLISH_ENDS),
    "finnish": (_FINNISH, _FINNISH_ENDS),
    "greek": (_GREEK, _GREEK_ENDS),
}


def sentences(count: int, *, name: str, language: str = "english") -> list[Example]:
    """Return labelled sentences; the name decides which, and begins their ids."""
    random = Random(name)
    templates, ends = _LANGUAGES[language]
    made = []
    for number in range(count):
        tagged = []
        for word in [*random.choice(templates).split(), *random.choice(ends).split()]:
            if word == "{p}":
                tagged.append((random.choice(_PEOPLE), "B-PER"))
                if random.random() < 0.5:
                    tagged.append((random.choice(_FAMILIES), "I-PER"))
            elif word == "{t}":
                tagged.append((random.choice(_TOWNS), "B-LOC"))
            else:
                tagged.append((word, "O"))
        tokens, tags = zip(*tagged, strict=True)
        made.append(Example(f"{name}-{number}", tokens, tags))
    return made


def relabelled(
    examples: Iterable[Example], label: Callable[[tuple[str, ...]], Iterable[str]]
) -> list[Example]:
    """Return examples with other tags: a function of the tags they have."""
    return [
        Example(each.id, each.tokens, repair(tuple(label(each.ner_tags)), "conlleval").tags)
        for each in examples
    ]


def write(path: Path, examples: Iterable[Example]) -> Path:
    """Write JSONL."""
    rows = (
        json.dumps({"id": each.id, "tokens": each.tokens, "ner_tags": each.ner_tags}, ensure_ascii=False)
        for each in examples
    )
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path


def rows_of(path: Path) -> list[dict]:
    """Read JSONL."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
