"""Projection or teacher and student, by the size of the training data: CRFs on parallel text with labels.

    python benchmarks/transfer_study.py FOLDER [--studies swedish europarl sinhala] [--data ../shared/data]

In FOLDER it writes a release for each study, and runs `synthner study` there. Either way labels the very same
sentences of the target language, which people translated from English:

- `projected`: the labels of the English sentences, projected onto their translations (`translate_train`);
- `taught-…`: what a CRF says of the translations that was trained on gold of that language (`distillation`).

Nobody's labels of these sentences are looked at. What is tested on, and the gold to compare with, are others:

- swedish: the 1,000 sentences of PUD, tested on Talbanken's train split, which has most mentions; its test
  split is the gold to compare with. Teachers: English PUD, and Danish DDT.
- europarl: the first 400 sentences, tested on the last 299; the 100 between are the gold to compare with.
  German and Spanish. Teachers: English, and the other of the two.
- sinhala: the first 2,500 sentences, tested on the last 836; the 500 between are the gold to compare with.
  Teachers: English, and Tamil, which has learned the same sentences in Tamil.

It goes on where it was: what is there is not made again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from synthner.evaluation.prediction_files import write_predictions
from synthner.sources.readers import read_examples

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
SEED = 0

Release = dict[str, Any]


def swedish(data: Path, folder: Path) -> Release:
    """Describe the study of Swedish; its files are read where they are."""
    del folder
    uner = data / "uner"
    talbanken = uner / "sv_talbanken" / "sv_talbanken-ud-{}.iob2.gz"
    translations = uner / "sv_pud" / "sv_pud-ud-test.iob2.gz"
    gold = {
        "en": {"train": uner / "en_pud" / "en_pud-ud-test.iob2.gz"},
        "da": {"train": uner / "da_ddt" / "da_ddt-ud-train.iob2.gz"},
        "sv": {"train": str(talbanken).format("test"), "test": str(talbanken).format("train")},
    }
    return release(
        gold,
        types=["PER", "ORG", "LOC"],
        targets={"sv": ("en", "da")},
        translations=str(translations),
        sizes=[50, 100, 250, 500, 900],
    )


def europarl(data: Path, folder: Path) -> Release:
    """Describe the study of German and Spanish, and write the parts of their one file."""
    files = {
        code: data / f"projection/europarl_ner/{code}-europarl.test.conll02.gz" for code in ("en", "de", "es")
    }
    return of_parts(
        files,
        folder,
        ends=(400, 500),
        types=["PER", "ORG", "LOC", "MISC"],
        targets={"de": ("en", "es"), "es": ("en", "de")},
        sizes=[25, 50, 100, 200, 350],
    )


def sinhala(data: Path, folder: Path) -> Release:
    """Describe the study of Sinhala, and write the parts of its one file."""
    names = {"en": "English", "si": "Sinhala", "ta": "Tamil"}
    files = {code: data / f"multiner_en_si_ta/Final_{name}.txt.gz" for code, name in names.items()}
    return of_parts(
        files,
        folder,
        ends=(2500, 3000),
        types=["PER", "ORG", "LOC", "MISC"],
        targets={"si": ("en", "ta")},
        sizes=[50, 100, 250, 500, 1000, 2000],
    )


def of_parts(
    files: Mapping[str, Path],
    folder: Path,
    *,
    ends: tuple[int, int],
    types: list[str],
    targets: Mapping[str, tuple[str, ...]],
    sizes: list[int],
) -> Release:
    """Describe a study of files that hold the same sentences in the same order, and write their parts."""
    parts = {"parallel": slice(ends[0]), "gold": slice(*ends), "test": slice(ends[1], None)}
    for code, path in files.items():
        examples = list(read_examples(path))
        for name, part in parts.items():
            written = folder / "parts" / f"{code}-{name}.conll"
            if not written.exists():
                written.parent.mkdir(parents=True, exist_ok=True)
                write_predictions(written, examples[part])
    gold = {
        code: {"train": f"parts/{code}-gold.conll", "test": f"parts/{code}-test.conll"}
        if code in targets
        else {"train": f"parts/{code}-parallel.conll"}
        for code in files
    }
    return release(
        gold, types=types, targets=targets, translations="parts/{language}-parallel.conll", sizes=sizes
    )


def release(
    gold: Mapping[str, Mapping[str, Path | str]],
    *,
    types: list[str],
    targets: Mapping[str, tuple[str, ...]],
    translations: str,
    sizes: list[int],
) -> Release:
    """Describe a study.

    Args:
        gold: The gold of each language, by split.
        types: The types of all of them.
        targets: The languages that labels are carried over to, each with those that teach it, English first.
        translations: The file of the sentences in a target language.
        sizes: How many sentences are learned.
    """
    teachers = sorted({(target, teacher) for target, some in targets.items() for teacher in some})
    generators: dict[str, Any] = {
        "projected": {
            "method": "translate_train",
            "languages": list(targets),
            "translate_train": {"source": "en", "translations": translations},
        }
    }
    for target, teacher in teachers:
        taught = generators.setdefault(
            f"taught-{teacher}",
            {
                "method": "distillation",
                "languages": [],
                "distillation": {"text": translations, "teachers": [{"gold": teacher}]},
            },
        )
        taught["languages"].append(target)
    return {
        "name": "transfer-study",
        "pretty_name": "Projection or teacher and student",
        "seed": SEED,
        "languages": {
            code: {"labels": types, "gold": {"files": {split: str(path) for split, path in files.items()}}}
            for code, files in gold.items()
        },
        "generators": generators,
        "evaluation": {
            "languages": list(targets),
            "sources": {"organic": "gold", **{name: {"generator": name} for name in generators}},
            "settings": ["scratch", "zero-shot"],
            "related": {target: some[-1] for target, some in targets.items()},
            "sizes": sizes,
            "seeds": 5,
        },
    }


STUDIES: Mapping[str, Callable[[Path, Path], Release]] = {
    "swedish": swedish,
    "europarl": europarl,
    "sinhala": sinhala,
}


def main() -> None:
    """Write the releases, run their studies, and say how long each took."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--studies", nargs="+", choices=list(STUDIES), default=list(STUDIES))
    parser.add_argument("--data", type=Path, default=SHARED)
    arguments = parser.parse_args()
    for name in arguments.studies:
        folder = arguments.folder.resolve() / name
        folder.mkdir(parents=True, exist_ok=True)
        described = STUDIES[name](arguments.data.resolve(), folder)
        text = json.dumps(described, ensure_ascii=False, indent=2)
        (folder / "release.yaml").write_text(text + "\n", encoding="utf-8")
        begin = time.perf_counter()
        command = [sys.executable, "-c", "from synthner.cli import main; main()", "study", str(folder)]
        subprocess.run(command, check=True)
        print(f"{name}: {time.perf_counter() - begin:.0f} s")


if __name__ == "__main__":
    main()
