"""Teachers of related languages against their students: CRFs on real gold, for Danish and Yoruba.

    python benchmarks/teacher_students.py FOLDER [--texts da yor] [--data ../shared/data]

In FOLDER it writes a release: the text that is tagged is gold train of the target language without its
labels, and gold of that language is its dev and test split. It runs `synthner generate`, `build` and
`evaluate` there, on all of the text. It prints micro-F1 on gold test of the teachers, of a student that
learns their labels, and of one for which certain sentences count more (`soft_labels`).

It goes on where it was: what is there is not made again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthner.evaluation.grid.results import read_results
from synthner.evaluation.recipes import train_on_gold
from synthner.evaluation.scoring import score
from synthner.evaluation.teachers import Teachers
from synthner.generation.plan import method_context
from synthner.release import Release, read_release
from synthner.sources.readers import read_examples

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
FILES = {
    "da": "uner/da_ddt/da_ddt-ud-{split}.iob2.gz",
    "sv": "uner/sv_talbanken/sv_talbanken-ud-{split}.iob2.gz",
    "en": "uner/en_ewt/en_ewt-train.from_hf_arrow.conll.gz",
    "yor": "masakhaner2/yor/{split}.txt.gz",
    "swa": "masakhaner2/swa/{split}.txt.gz",
    "hau": "masakhaner2/hau/{split}.txt.gz",
}
TEACHERS = {"da": ("sv", "en"), "yor": ("swa", "hau")}
TYPES = {"yor": ["PER", "ORG", "LOC", "DATE"]}
USUAL_TYPES = ["PER", "ORG", "LOC"]
ALL = 1_000_000


@dataclass(frozen=True)
class Way:
    """How a text is tagged."""

    generator: str
    target: str
    teachers: tuple[str, ...]
    weights: str


def ways(targets: Sequence[str]) -> list[Way]:
    """Return each teacher alone, and both by either kind of weights."""
    found = []
    for target in targets:
        teachers = TEACHERS[target]
        found += [Way(f"{target}-{teacher}", target, (teacher,), "uniform") for teacher in teachers]
        found += [
            Way(f"{target}-{weights}", target, teachers, weights) for weights in ("uniform", "similarity")
        ]
    return found


def write_release(folder: Path, data: Path, targets: Sequence[str]) -> Release:
    """Write the texts and the release."""
    folder.mkdir(parents=True, exist_ok=True)
    languages: dict[str, Any] = {}
    for target in targets:
        for code in (target, *TEACHERS[target]):
            named = {"train": "dev", "test": "test"} if code == target else {"train": "train"}
            files = {split: str(data / FILES[code].format(split=name)) for split, name in named.items()}
            languages[code] = {"gold": {"files": files}, "labels": TYPES.get(target, USUAL_TYPES)}
    for target in targets:
        lines = (
            json.dumps({"tokens": example.tokens}, ensure_ascii=False)
            for example in read_examples(data / FILES[target].format(split="train"))
        )
        (folder / f"{target}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    release = {
        "name": "teacher-students",
        "seed": 0,
        "languages": languages,
        "generators": {
            way.generator: {
                "method": "distillation",
                "languages": [way.target],
                "distillation": {
                    "text": f"{way.target}.jsonl",
                    "teachers": [{"gold": teacher} for teacher in way.teachers],
                    "weights": way.weights,
                },
            }
            for way in ways(targets)
        },
        "evaluation": {
            "languages": list(targets),
            "taggers": {"labels": {}, "soft-labels": {"settings": {"soft_labels": True}}},
            "sources": {way.generator: {"generator": way.generator} for way in ways(targets)},
            "settings": ["scratch"],
            "sizes": [ALL],
            "seeds": 1,
        },
    }
    path = folder / "release.yaml"
    path.write_text(json.dumps(release, ensure_ascii=False, indent=1), encoding="utf-8")
    return read_release(path)


def f1_of_teachers(release: Release, way: Way, weights: Sequence[float]) -> float:
    """Tag gold test by the teachers themselves."""
    config = next(each for each in release.configs if each.generator.name == way.generator)
    context = method_context(config, release, {})
    trained = [(code, train_on_gold(context.gold_of(code).splits["train"])) for code in way.teachers]
    teachers = Teachers(trained, weights, context.gold.labels.names)
    test = context.gold.splits["test"]
    predicted = [teachers.tags(each) for each in teachers.probabilities_of([each.tokens for each in test])]
    return score([example.ner_tags for example in test], predicted).micro.f1


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description="Teachers against their students.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--texts", nargs="+", choices=TEACHERS, default=list(TEACHERS))
    parser.add_argument("--data", type=Path, default=SHARED)
    arguments = parser.parse_args()
    release = write_release(arguments.folder, arguments.data.resolve(), arguments.texts)
    synthner = Path(sys.executable).parent / "synthner"
    for command in ("generate", "build", "evaluate"):
        subprocess.run([synthner, command, release.path], check=True)
    manifest = json.loads((release.dataset / "manifest.json").read_text(encoding="utf-8"))
    f1 = {
        (result["cell"]["source"], result["cell"]["tagger"]["name"]): result["scores"]["micro"]["f1"]
        for _, result in read_results(release.folder / "runs")
    }
    print("| text | teachers, with weights | sentences | teachers | student, labels | student, soft labels |")
    print("|---|---|---:|---:|---:|---:|")
    for way in ways(arguments.texts):
        config = manifest["configs"][f"{way.target}_{way.generator}"]
        weights = [teacher["weight"] for teacher in config["method_findings"]["teachers"]]
        named = ", ".join(f"{code} {weight:.2f}" for code, weight in zip(way.teachers, weights, strict=True))
        of_teachers = f1_of_teachers(release, way, weights)
        students = (f1[way.generator, tagger] for tagger in ("labels", "soft-labels"))
        figures = " | ".join(f"{100 * each:.1f}" for each in (of_teachers, *students))
        print(f"| {way.target} | {named} | {config['totals']['published']:,} | {figures} |")


if __name__ == "__main__":
    main()
