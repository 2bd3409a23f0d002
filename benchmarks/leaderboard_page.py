"""How fast a leaderboard of ten thousand rows is in a browser: the static page and the Space.

    python benchmarks/leaderboard_page.py [--rows 10000] [--rounds 3]
    python benchmarks/leaderboard_page.py --screenshots docs/leaderboard

The second makes the pictures of the docs instead, from a small leaderboard. All systems and all figures are
made up. Needs `pip install 'synthner[space]' playwright` and Chromium.
"""

from __future__ import annotations

import argparse
import math
import random
import shutil
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from synthner.cards.leaderboard.app import launch_options, leaderboard_app
from synthner.cards.leaderboard.page import TITLE, write_page
from synthner.cards.leaderboard.selection import Board, Shown
from synthner.evaluation.leaderboard.rows import (
    BASELINE,
    OVERALL,
    SELF_REPORTED,
    VERIFIED,
    Row,
    TrainingPart,
    TypeFigure,
)

LANGUAGES = ("bam", "dan", "ewe", "hau", "ibo", "kin", "lug", "slk", "swa", "wol", "yor", "zul")
TYPES = {"DATE": 0.02, "LOC": 0.05, "ORG": -0.06, "PER": 0.08}
SIZES = (100, 250, 500, 1000, 2500, 5000)


@dataclass(frozen=True)
class System:
    """A made-up system, whose F1 grows from one level to another with the sentences."""

    name: str
    organization: str
    kind: str
    status: str
    setting: str
    source: str
    tagger: str
    levels: tuple[float, float]
    cost: float | None = None


SYSTEMS = (
    System("gold alone", "benchmark-owners", "dataset", BASELINE, "scratch", "organic", "xlmr", (0.42, 0.84)),
    System(
        "gold alone, CRF", "benchmark-owners", "dataset", BASELINE, "scratch", "organic", "crf", (0.31, 0.66)
    ),
    System(
        "seeded stories",
        "lake-lab",
        "dataset",
        VERIFIED,
        "gold+synthetic",
        "stories",
        "xlmr",
        (0.66, 0.85),
        41.5,
    ),
    System(
        "seeded stories", "lake-lab", "dataset", VERIFIED, "scratch", "stories", "xlmr", (0.48, 0.71), 41.5
    ),
    System(
        "projected news",
        "river-group",
        "dataset",
        VERIFIED,
        "gold+synthetic",
        "projected",
        "xlmr",
        (0.63, 0.84),
        3.2,
    ),
    System(
        "masked names",
        "lake-lab",
        "dataset",
        VERIFIED,
        "gold+synthetic",
        "masked",
        "xlmr",
        (0.55, 0.835),
        0.0,
    ),
    System(
        "swapped names",
        "river-group",
        "dataset",
        VERIFIED,
        "gold+synthetic",
        "swapped",
        "crf",
        (0.47, 0.70),
        0.0,
    ),
    System(
        "afro-tagger-large",
        "hill-nlp",
        "model",
        VERIFIED,
        "synthetic-then-gold",
        "distilled",
        "afro-large",
        (0.71, 0.86),
        120.0,
    ),
    System(
        "few-shot chat",
        "hill-nlp",
        "model",
        SELF_REPORTED,
        "predictions",
        "chat",
        "chat",
        (0.58, 0.58),
        18.25,
    ),
)


def example_rows(languages: tuple[str, ...] = ("hau", "swa", "wol", "yor")) -> list[Row]:
    """Return a small leaderboard as it might look, with a row over all languages for each system."""
    chance = random.Random(7)
    offsets = {language: chance.uniform(-0.09, 0.07) for language in languages}
    rows = []
    for system in SYSTEMS:
        for size in (None,) if system.setting == "predictions" else SIZES:
            of_languages = [_row(system, size, language, offsets[language], chance) for language in languages]
            rows += [_over_languages(of_languages), *of_languages]
    return _ranked(rows)


def many_rows(number: int) -> list[Row]:
    """Return a leaderboard of about this many rows: each system again and again, under other names."""
    rows: list[Row] = []
    copies = math.ceil(number / len(example_rows(LANGUAGES)))
    for copy, row in ((copy, row) for copy in range(copies) for row in example_rows(LANGUAGES)):
        rows.append(
            replace(row, system=f"{row.system} {copy}", organization=f"{row.organization}-{copy % 40}")
        )
    return rows[:number]


def _row(system: System, size: int | None, language: str, offset: float, chance: random.Random) -> Row:
    grown = 1 if size is None else math.log(size / SIZES[0]) / math.log(SIZES[-1] / SIZES[0])
    low_level, high_level = system.levels
    f1 = min(0.97, low_level + (high_level - low_level) * grown**0.75 + offset + chance.gauss(0, 0.008))
    margin = 0.035 - 0.015 * grown
    name = system.name.replace(" ", "-").replace(",", "")
    own = f"{system.organization}/{name}"
    revision = f"{chance.getrandbits(160):040x}"
    is_gold, is_model = system.source == "organic", system.kind == "model"
    sentences = size or 0
    uses_gold = is_gold or "gold" in system.setting
    training = [TrainingPart("source", own, f"{language}_{system.source}", revision, 5000)] * (not is_gold)
    training += [TrainingPart("gold", "benchmark-owners/gold", language, "a" * 40, sentences)] * uses_gold
    folder = f"results/{system.organization}__{name}/{language}-news"
    seeds = 1 if size is None else 5
    return Row(
        rank_first=None,
        rank_last=None,
        scope=language,
        benchmark=f"{language}-news",
        language=language,
        system=system.name,
        organization=system.organization,
        kind=system.kind,
        status=system.status,
        setting=system.setting,
        source=system.source,
        tagger=system.tagger,
        size=size,
        gold_sentences=sentences if uses_gold else 0,
        synthetic_sentences=0 if is_gold else 5000,
        seeds=seeds,
        f1=f1,
        low=None if system.status == SELF_REPORTED else f1 - margin,
        high=None if system.status == SELF_REPORTED else min(1.0, f1 + margin),
        precision=min(1.0, f1 + 0.02),
        recall=f1 - 0.02,
        macro_f1=f1 - 0.03,
        strict_f1=f1 - 0.012,
        seen_recall=min(1.0, f1 + 0.07),
        unseen_recall=f1 - 0.11,
        per_type=tuple(
            TypeFigure(each, max(0.0, min(1.0, f1 + shift + chance.gauss(0, 0.02))), 900 - 150 * place)
            for place, (each, shift) in enumerate(TYPES.items())
        ),
        cost=system.cost,
        currency=None if system.cost is None else "USD",
        f1_per_cost=f1 / system.cost if system.cost else None,
        f1_per_gold_sentence=f1 / sentences if uses_gold and sentences else None,
        model=own if is_model else None,
        model_revision=revision if is_model else None,
        training=tuple(training),
        submitted=f"2026-{1 + chance.randrange(9):02}-{1 + chance.randrange(28):02}",
        results=tuple(f"{folder}/{chance.getrandbits(96):024x}.json" for _ in range(seeds)),
        url=f"https://example.org/{name}",
    )


def _over_languages(rows: list[Row]) -> Row:
    def mean(name: str) -> Any:
        values = [getattr(row, name) for row in rows]
        return None if None in values else statistics.fmean(values)

    figures = (
        "f1",
        "low",
        "high",
        "precision",
        "recall",
        "macro_f1",
        "strict_f1",
        "seen_recall",
        "unseen_recall",
    )
    return replace(
        rows[0],
        scope=OVERALL,
        benchmark="",
        language="",
        per_type=(),
        results=tuple(path for row in rows for path in row.results),
        **{name: mean(name) for name in figures},
    )


def _competition(row: Row) -> tuple[object, ...]:
    """Return what systems that are ranked together have in common."""
    return (row.scope, row.kind, row.setting, row.size, row.tagger if row.kind == "dataset" else "")


def _ranked(rows: list[Row]) -> list[Row]:
    def is_ahead(one: Row, other: Row) -> bool:
        return one.f1 - other.f1 > 0.012

    ranked = []
    for row in rows:
        if row.status == SELF_REPORTED:
            ranked.append(row)
            continue
        rivals = [
            each for each in rows if each.status != SELF_REPORTED and _competition(each) == _competition(row)
        ]
        first = 1 + sum(is_ahead(each, row) for each in rivals)
        last = len(rivals) - sum(is_ahead(row, each) for each in rivals)
        ranked.append(replace(row, rank_first=first, rank_last=last))
    return ranked


REPOSITORY = "benchmark-owners/leaderboard"
WINDOW = {"width": 1200, "height": 760}
PHONE = {"width": 360, "height": 740}
SWITCHES = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync")

_SEARCH = """
  const search = document.querySelector("#search textarea, #search input, input#search");
  Object.getOwnPropertyDescriptor(Object.getPrototypeOf(search), "value").set.call(search, "river 3");
  search.dispatchEvent(new Event("input", { bubbles: true }));
"""


@dataclass(frozen=True)
class Step:
    """What a visitor does: JavaScript that does it, and that says when it is done."""

    name: str
    action: str
    done: str


PAGE_STEPS = (
    Step("search", _SEARCH, "/^[0-9,]+/.exec(document.querySelector('.found').textContent)[0] !== before"),
    Step(
        "filter",
        """const kind = document.querySelector("#filter-kind");
        kind.value = "model";
        kind.dispatchEvent(new Event("change"));""",
        "/^[0-9,]+/.exec(document.querySelector('.found').textContent)[0] !== before",
    ),
    Step(
        "sort",
        "document.querySelector('th.of-unseen_recall button').click();",
        "document.querySelector('th.of-unseen_recall').ariaSort === 'descending'",
    ),
    Step(
        "open a row", "document.querySelector('.of-system a').click();", "document.querySelector('main h2')"
    ),
)
SPACE_STEPS = (
    Step(
        "search",
        _SEARCH,
        """document.querySelector('#found').textContent !== before &&
        [...document.querySelectorAll('#results tbody tr')].every((row) => /river/.test(row.innerText))""",
    ),
    Step(
        "sort",
        "document.querySelector('th.of-unseen_recall button').click();",
        "document.querySelector('th.of-unseen_recall').ariaSort === 'descending'",
    ),
    Step(
        "open a row",
        "document.querySelector('button.open').click();",
        "document.querySelector('#row h2')?.offsetParent",
    ),
)


def main() -> None:
    """Measure, or take the pictures of the docs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--screenshots", type=Path, metavar="FOLDER")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, browser() as started:
        if arguments.screenshots:
            take_screenshots(started, arguments.screenshots, Path(folder))
        else:
            measure(started, Path(folder), many_rows(arguments.rows), arguments.rounds)


@contextmanager
def browser() -> Iterator[Browser]:
    """Start Chromium without a screen."""
    with sync_playwright() as playwright:
        executable = shutil.which("chromium") or shutil.which("google-chrome")
        started = playwright.chromium.launch(executable_path=executable, args=list(SWITCHES))
        yield started
        started.close()


@contextmanager
def space(rows: Sequence[Row]) -> Iterator[str]:
    """Run the app of the Space on this machine."""
    shown = Shown(Board(rows))
    app = leaderboard_app(lambda: shown, title=TITLE, repository=REPOSITORY)
    _, address, _ = app.launch(
        prevent_thread_lock=True, server_name="127.0.0.1", quiet=True, ssr_mode=False, **launch_options()
    )
    yield address
    app.close(verbose=False)


def measure(started: Browser, folder: Path, rows: Sequence[Row], rounds: int) -> None:
    """Print medians in milliseconds, each step on a page that was just opened."""
    path = folder / "leaderboard.html"
    write_page(path, rows, repository=REPOSITORY)
    print(
        f"{len(rows):,} rows; the page has {path.stat().st_size / 1e6:.2f} MB; medians of {rounds} rounds\n"
    )
    print("| | step | milliseconds | from to | program |\n|---|---|---:|---:|---:|")
    _print_steps("page", started, path.as_uri(), PAGE_STEPS, rounds)
    with space(rows) as address:
        _print_steps("Space", started, address, SPACE_STEPS, rounds)


def _print_steps(name: str, started: Browser, address: str, steps: Sequence[Step], rounds: int) -> None:
    taken: dict[str, list[float]] = {}
    worked: dict[str, list[float]] = {}
    for _ in range(rounds):
        for step in steps:
            with _opened(started, address) as (page, painted, ready):
                taken.setdefault("first paint", []).append(painted)
                taken.setdefault("the table is there", []).append(ready)
                shown, of_program = _milliseconds(page, step)
                taken.setdefault(step.name, []).append(shown)
                worked.setdefault(step.name, []).append(of_program)
    for step_name, times in taken.items():
        ends = f"{min(times):,.0f}–{max(times):,.0f}"
        of_step = worked.get(step_name) if name == "page" else None
        program = f"{statistics.median(of_step):,.0f}" if of_step else ""
        print(f"| {name} | {step_name} | {statistics.median(times):,.0f} | {ends} | {program} |")


@contextmanager
def _opened(started: Browser, address: str) -> Iterator[tuple[Page, float, float]]:
    with started.new_context(viewport={"width": 1200, "height": 760}) as context:
        page = context.new_page()
        page.goto(address, wait_until="commit")
        page.wait_for_function("document.querySelector('.results tbody tr')", polling="raf")
        ready = page.evaluate("performance.now()")
        page.wait_for_timeout(2000)  # the plots of the Space come after its table
        painted = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        yield page, painted, ready


def _milliseconds(page: Page, step: Step) -> tuple[float, float]:
    """Return how long a step takes, to the frame that shows it, and how long the program works on it."""
    return page.evaluate(
        f"""async () => {{
          const shown = document.querySelector("#found")?.textContent;
          const before = shown ?? /^[0-9,]+/.exec(document.querySelector(".found").textContent)[0];
          const started = performance.now();
          {step.action}
          const worked = performance.now() - started;
          do await new Promise(requestAnimationFrame); while (!({step.done}));
          await new Promise(requestAnimationFrame);
          return [performance.now() - started, worked];
        }}"""
    )


def take_screenshots(started: Browser, output: Path, folder: Path) -> None:
    """Write the pictures of the docs."""
    output.mkdir(parents=True, exist_ok=True)
    rows = example_rows()
    path = folder / "leaderboard.html"
    write_page(path, rows, repository=REPOSITORY)
    address = path.as_uri()
    first = f"{address}#/row/{Board(rows).ids[-2 - len(LANGUAGES)]}"
    _take(started, output / "light.png", address, WINDOW)
    _take(started, output / "dark.png", f"{address}#/curves?scope=yor", WINDOW, scheme="dark")
    _take(started, output / "types.png", f"{address}#/types?scope=yor", WINDOW)
    _take(started, output / "row.png", first, {"width": 1200, "height": 1000})
    _take(started, output / "phone.png", address, PHONE)
    with space(rows) as local:
        _take(started, output / "space.png", local, WINDOW)


def _take(started: Browser, path: Path, address: str, window: Any, scheme: Any = "light") -> None:
    with started.new_context(viewport=window, color_scheme=scheme) as context:
        page = context.new_page()
        page.goto(address)
        page.wait_for_selector(".results tbody tr, .row-page, figure")
        page.wait_for_timeout(2000)
        page.screenshot(path=path)
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
