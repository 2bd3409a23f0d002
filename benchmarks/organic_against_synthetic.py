"""Gold against the papers' recorded responses, by their rule and by ours: the grid of a CRF, with its report.

    python benchmarks/organic_against_synthetic.py FOLDER [--data ../shared/data] [--seeds 3] [--workers 2]

In FOLDER it writes what it needs, then runs `synthner evaluate` and `synthner report` there:

- gold of Yoruba, Danish, Swedish and Tamil; the Tamil corpus has no splits, so its last 700 sentences become
  validation (300) and test (400);
- three models' training responses by the paper's rule (`salvage --rule paper`), `gpt4-paper` and so on;
- the same by ours (`salvage`, then `curate` against the first 100 gold sentences of a shuffled train split),
  called `gpt4-ours`. Where curation keeps nothing there is no such source, and the script says so;
- a release.yaml that describes the grid: every source at sizes 100 to 5000, from scratch.

It goes on where it was: what is there is not made again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

from synthner.evaluation.prediction_files import write_predictions
from synthner.schema.example import Example
from synthner.sources.readers import read_examples

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
MODELS = {"gpt4": "gpt-4", "llama": "Llama-3.1-8B-Instruct", "aya": "aya-expanse-32b"}
GOLD = {
    "yor": ("masakhaner2/yor/{split}.txt.gz", "dev"),
    "da": ("uner/da_ddt/da_ddt-ud-{split}.iob2.gz", "dev"),
    "sv": ("uner/sv_talbanken/sv_talbanken-ud-{split}.iob2.gz", "dev"),
}
TAMIL = "multiner_en_si_ta/Final_Tamil.txt.gz"
VALIDATION_OF_TAMIL, TEST_OF_TAMIL = 300, 400
TYPES = {"yor": ("PER", "ORG", "LOC", "DATE")}
USUAL_TYPES = ("PER", "ORG", "LOC")
SIZES = [100, 250, 500, 1000, 2500, 5000]
GOLD_OF_CURATION = 100
SEED = 0


def labels_of(language: str) -> str:
    """Return the label set of the recorded responses, as the command line takes it."""
    types = TYPES.get(language, USUAL_TYPES)
    return ",".join(["O", *(f"{prefix}-{type_}" for type_ in types for prefix in "BI")])


def gold_files(language: str, data: Path, folder: Path) -> dict[str, str]:
    """Return the files of a language's gold by split; those of Tamil are made from its one file."""
    if language in GOLD:
        pattern, validation = GOLD[language]
        names = {"train": "train", "validation": validation, "test": "test"}
        return {split: str(data / pattern.format(split=name)) for split, name in names.items()}
    examples = list(read_examples(data / TAMIL))
    first_of_test = len(examples) - TEST_OF_TAMIL
    first_of_validation = first_of_test - VALIDATION_OF_TAMIL
    parts = {
        "train": examples[:first_of_validation],
        "validation": examples[first_of_validation:first_of_test],
        "test": examples[first_of_test:],
    }
    written = {}
    for split, some in parts.items():
        path = folder / "gold" / f"{language}_{split}.conll"
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            write_predictions(path, some)
        written[split] = str(path.relative_to(folder))
    return written


def salvage_and_curate(
    language: str, name: str, gold: dict[str, str], data: Path, folder: Path
) -> str | None:
    """Make a model's two sources in a language; return why the curated one is empty, if it is."""
    [raw] = (data / "llm_responses" / "kamath_vajjala" / MODELS[name]).glob(f"{language}_train*raw*")
    by_paper, by_us, curated = (
        folder / "sources" / f"{language}_{name}_{rule}.jsonl" for rule in ("paper", "all", "ours")
    )
    for output, rule in ((by_paper, "paper"), (by_us, "default")):
        if not output.exists():
            synthner(
                folder,
                "salvage",
                str(raw),
                "-o",
                str(output),
                "--labels",
                labels_of(language),
                "--rule",
                rule,
            )
    said = curated.with_suffix(".json")
    if not said.exists():
        sample = sample_of_gold(language, folder / gold["train"], folder)
        options = ["--validation", gold["validation"], "--test", gold["test"], "--json"]
        found = synthner(folder, "curate", str(by_us), "--gold", str(sample), "-o", str(curated), *options)
        said.write_text(found, encoding="utf-8")
    if curated.stat().st_size:
        return None
    return " ".join(json.loads(said.read_text(encoding="utf-8"))["findings"])


def sample_of_gold(language: str, train: Path, folder: Path) -> Path:
    """Write the gold sentences that curation may see."""
    path = folder / "gold" / f"{language}_sample.conll"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        examples: list[Example] = list(read_examples(train))
        Random(SEED).shuffle(examples)
        write_predictions(path, examples[:GOLD_OF_CURATION])
    return path


def write_release(
    folder: Path, gold: dict[str, dict[str, str]], empty: set[tuple[str, str]], seeds: int
) -> None:
    """Write the release that describes the grid; JSON is YAML."""
    sources: dict[str, object] = {"organic": "gold"}
    for name in MODELS:
        for rule in ("paper", "ours"):
            languages = [code for code in gold if rule == "paper" or (code, name) not in empty]
            if languages:
                train = f"sources/{{language}}_{name}_{rule}.jsonl"
                sources[f"{name}-{rule}"] = {"train": train, "languages": languages}
    release = {
        "name": "organic-against-synthetic",
        "pretty_name": "Gold against the recorded responses of three models, with a CRF",
        "seed": SEED,
        "languages": {
            code: {"labels": list(TYPES.get(code, USUAL_TYPES)), "gold": {"files": files}}
            for code, files in gold.items()
        },
        "evaluation": {"sources": sources, "settings": ["scratch"], "sizes": SIZES, "seeds": seeds},
    }
    text = json.dumps(release, ensure_ascii=False, indent=2)
    (folder / "release.yaml").write_text(text + "\n", encoding="utf-8")


def synthner(folder: Path, *arguments: str, shown: bool = False) -> str:
    """Run a command of synthner; return what it prints."""
    command = [sys.executable, "-c", "from synthner.cli import main; main()", *arguments]
    outcome = subprocess.run(
        command, cwd=folder, stdout=None if shown else subprocess.PIPE, text=True, check=True
    )
    return outcome.stdout or ""


def main() -> None:
    """Make the sources, run the grid, write the report, and say how long each took."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path, default=SHARED)
    parser.add_argument("--languages", nargs="+", default=["yor", "da", "sv", "ta"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    folder, data = arguments.folder.resolve(), arguments.data.resolve()
    (folder / "sources").mkdir(parents=True, exist_ok=True)

    begin = time.perf_counter()
    gold = {code: gold_files(code, data, folder) for code in arguments.languages}
    for code in arguments.languages:
        sample_of_gold(code, folder / gold[code]["train"], folder)
    jobs = [(code, name) for name in MODELS for code in arguments.languages]
    with ThreadPoolExecutor(arguments.workers) as pool:
        reasons = list(
            pool.map(lambda job: salvage_and_curate(job[0], job[1], gold[job[0]], data, folder), jobs)
        )
    empty = {job: reason for job, reason in zip(jobs, reasons, strict=True) if reason is not None}
    for (code, name), reason in sorted(empty.items()):
        print(f"{code} {name}: curation keeps nothing. {reason}")
    write_release(folder, gold, set(empty), arguments.seeds)
    made = time.perf_counter()
    synthner(folder, "evaluate", "--workers", str(arguments.workers), shown=True)
    evaluated = time.perf_counter()
    synthner(folder, "report", "--paper", shown=True)
    end = time.perf_counter()
    print(
        f"sources {made - begin:.0f} s, grid {evaluated - made:.0f} s, report {end - evaluated:.0f} s, "
        f"all {end - begin:.0f} s"
    )


if __name__ == "__main__":
    main()
