"""The study of a release: projection against teacher-student by the size of the training data."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.random import Generator, default_rng

from synthner.evaluation.report.gaps import GapsOfLanguage, weigh_gaps
from synthner.evaluation.report.study import write_study
from synthner.evaluation.report.study_findings import findings_of_gaps
from synthner.evaluation.report.systems import by_language, read_systems
from synthner.evaluation.statistics import change_of_difference, holm, paired_tests
from synthner.schema.errors import DataError
from synthner.tests.command_line import files_in
from synthner.tests.in_process import done, refused
from synthner.tests.report_runs import Runs, gold_sentences

WAYS = {"projected": "projection", "taught": "teacher-student"}
PNG = b"\x89PNG"


@pytest.fixture(scope="module")
def studied(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("studied") / "example"
    done("init", "--example", "transfer-study", str(folder), folder=folder.parent)
    (folder / "said.json").write_text(done("study", "--json", folder=folder).stdout, encoding="utf-8")
    return folder


def csv_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def test_the_example_goes_from_an_empty_folder_to_a_study(studied):
    study = studied / "report" / "study"
    page = (study / "README.md").read_text(encoding="utf-8")
    assert page.startswith("# Projection or teacher and student: Transfer study (English to Danish)")
    assert "`projected`" in page
    assert "`taught`" in page
    assert (study / "figures" / "gap-da-crf-scratch.png").read_bytes().startswith(PNG)
    assert b"<svg" in (study / "figures" / "gap-da-crf-scratch.svg").read_bytes()
    assert (studied / "report" / "README.md").exists()
    gaps = csv_of(study / "tables" / "gaps.csv")
    assert [row["size"] for row in gaps] == ["10", "20", "40", "60"]
    reported = {
        (row["source"], row["size"]): row for row in csv_of(studied / "report" / "tables" / "results.csv")
    }
    for row in gaps:
        projected, taught = (float(reported[each, row["size"]]["f1_mean"]) for each in WAYS)
        assert float(row["gap"]) == pytest.approx(projected - taught)
        assert float(row["gap_low"]) <= float(row["gap"]) <= float(row["gap_high"])


def test_intervals_are_those_of_the_report(studied):
    tables = studied / "report" / "tables"
    reported = {(row["setting"], row["source"], row["size"]): row for row in csv_of(tables / "results.csv")}
    rows = csv_of(studied / "report" / "study" / "tables" / "f1.csv")
    assert {row["way"] for row in rows} == {"projection", "teacher-student", "gold", ""}
    for row in rows:
        other = reported[row["setting"], row["source"], row["size"]]
        assert [row[key] for key in ("f1_mean", "f1_low", "f1_high")] == [
            other[key] for key in ("f1_mean", "f1_low", "f1_high")
        ]


def test_what_it_prints_is_what_the_page_says(studied):
    said = json.loads((studied / "said.json").read_text(encoding="utf-8"))
    page = (studied / "report" / "study" / "README.md").read_text(encoding="utf-8")
    assert said["study"]["findings"]["da"]
    assert all(sentence in page for sentence in said["study"]["findings"]["da"])
    assert Path(said["study"]["readme"]).exists()
    assert all(Path(name).exists() for name in said["study"]["files"])
    assert said["grid"]["done"] == said["grid"]["cells"] > 40


def test_a_second_run_asks_and_trains_nothing_and_gives_the_same_bytes(studied):
    before = files_in(studied / "report")
    ended = done("study", folder=studied)
    assert "Nothing was left to ask" in ended.stderr
    assert "F1" not in ended.stderr
    assert files_in(studied / "report") == before


def test_a_dry_run_makes_nothing(tmp_path):
    folder = tmp_path / "example"
    done("init", "--example", "transfer-study", str(folder), folder=tmp_path)
    before = files_in(folder)
    said = done("study", "--dry-run", folder=folder).stdout
    assert "projection: projected" in said
    assert "teacher-student: taught" in said
    assert "da_projected" in said
    shown = done("study", "--dry-run", "--json", folder=folder).json
    assert shown["ways"] == {"projected": "projection", "taught": "teacher-student"}
    assert shown["generate"]["configs"]["da_taught"]
    # Three sources, two settings, four sizes, five seeds.
    assert shown["cells_at_most"] == 3 * 2 * 4 * 5
    assert files_in(folder) == before


def without(line: str, text: str) -> str:
    assert line in text
    return text.replace(line, "")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda text: without("    projected: {generator: projected}\n", text),
            "no source of the evaluation is a generator by projection",
        ),
        (
            lambda text: without("    taught: {generator: taught}\n", text),
            "no source of the evaluation is a generator by teacher-student",
        ),
        (
            lambda text: re.sub(
                r"(?s)  sources:.*?  settings", "  sources: {organic: gold}\n  settings", text
            ),
            "by projection or teacher-student",
        ),
        (
            lambda text: (
                text.replace("  languages: [da]\n  sources", "  languages: [en, da]\n  sources")
                .replace(
                    "projected: {generator: projected}", "projected: {generator: projected, languages: [da]}"
                )
                .replace("taught: {generator: taught}", "taught: {generator: taught, languages: [en]}")
            ),
            "no language has both ways to transfer (projection: da; teacher-student: en)",
        ),
    ],
    ids=["no projection", "no teachers", "neither", "other languages"],
)
def test_a_release_without_both_ways_is_told_what_to_name(tmp_path, change, message):
    done("init", "--example", "transfer-study", "example", folder=tmp_path)
    path = tmp_path / "example" / "release.yaml"
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    said = refused("study", folder=tmp_path / "example")
    assert message in said
    assert "method: translate_train" in said
    assert "method: distillation" in said
    assert "taught: {generator: taught}" in said


def test_a_setting_in_which_the_size_counts_is_needed(tmp_path):
    done("init", "--example", "transfer-study", "example", folder=tmp_path)
    path = tmp_path / "example" / "release.yaml"
    path.write_text(
        path.read_text(encoding="utf-8").replace("settings: [scratch, zero-shot]", "settings: [zero-shot]"),
        encoding="utf-8",
    )
    said = refused("study", folder=tmp_path / "example")
    assert "evaluation.settings" in said
    assert "Add `scratch` or `fine-tuned`" in said


def made_runs(folder: Path, qualities: dict[int, tuple[float, float]], **cell: Any) -> Runs:
    """Write runs of both ways, of a quality for each at each size."""
    runs = Runs(folder)
    for size, (projected, taught) in qualities.items():
        runs.add(projected, source="projected", size=size, available=5000, **cell)
        runs.add(taught, source="taught", size=size, available=5000, **cell)
    return runs


def weighed(runs: Runs, ways: dict[str, str] = WAYS) -> GapsOfLanguage:
    [systems] = by_language(read_systems(runs.folder)).values()
    gold = runs.gold_tags("yor", systems[0].test["sha256"])
    assert gold
    return weigh_gaps(systems, ways, gold, seed=1)


def test_it_is_said_where_projection_is_ahead_and_that_the_gap_moves(tmp_path):
    found = weighed(made_runs(tmp_path, {100: (0.9, 0.4), 500: (0.9, 0.55), 1000: (0.9, 0.9)}))
    gaps = found.evidence.comparisons
    said = findings_of_gaps(found)
    first = f"{gaps[0].difference * 100:.1f}"
    assert said[0].startswith(
        "With `crf`, from scratch, projection (`projected`) is **ahead** of teacher-student (`taught`) from "
        f"100 sentences to 500, by {first} points at 100 ("
    )
    assert ", then not told apart at 1,000 sentences (" in said[0]
    assert gaps[2].interval[0] < 0 < gaps[2].interval[1]
    assert said[1].startswith(
        f"Between 100 and 1,000 sentences this gap **moves** towards teacher-student: from +{first} to "
    )


def test_it_is_said_where_projection_is_behind(tmp_path):
    said = findings_of_gaps(weighed(made_runs(tmp_path, {100: (0.9, 0.9), 500: (0.4, 0.9)})))
    assert "is not told apart from teacher-student (`taught`) at 100 sentences (" in said[0]
    assert ", then **behind** by " in said[0]
    assert "**ahead**" not in said[0]
    assert "**moves** towards teacher-student" in said[1]


def test_a_gap_at_every_size_is_said_in_one_go_and_need_not_move(tmp_path):
    said = findings_of_gaps(weighed(made_runs(tmp_path, {100: (0.9, 0.4), 500: (0.9, 0.4)})))
    assert "**ahead** of teacher-student (`taught`) from 100 sentences on, by " in said[0]
    assert said[1].startswith("Whether this gap moves between 100 and 500 sentences is not told: from +")


def test_nothing_is_said_that_is_not_separated(tmp_path):
    said = findings_of_gaps(weighed(made_runs(tmp_path, {100: (0.8, 0.8), 500: (0.8, 0.8)})))
    assert said[0].startswith("**Nothing is separated**: in none of 3 comparisons")
    assert "not told apart from teacher-student (`taught`) at any size from 100 sentences on (" in said[1]
    assert not any(word in " ".join(said) for word in ("**ahead**", "**behind**", "**moves**"))


def test_single_seeds_are_named(tmp_path):
    runs = Runs(tmp_path)
    for source, quality in (("projected", 0.9), ("taught", 0.4)):
        runs.add(quality, seeds=(0,), source=source, size=100)
    said = findings_of_gaps(weighed(runs))
    assert "runs: 1 against 1" in said[0]
    assert "Every system had one seed" in said[-1]
    assert not any("moves" in sentence for sentence in said)


def test_nothing_is_said_of_two_ways_that_have_always_failed(tmp_path):
    runs = Runs(tmp_path)
    runs.languages["yor"] = gold_sentences(count=2000)
    # A few mentions of thousands are found: a difference, of two taggers that are worth nothing.
    for source, found in (("projected", 9), ("taught", 0)):
        for seed in (0, 1, 2):
            runs.add_run(seed, 0.9, source=source, size=100, found=found)
    [gap] = weighed(runs).curves[0].gaps
    assert gap.adjusted_p_value < 0.05
    assert not gap.is_separated


def test_a_study_needs_more_than_one_test_sentence(tmp_path):
    runs = Runs(tmp_path)
    runs.languages["yor"] = gold_sentences(count=1)
    runs.add(1, source="projected", size=100)
    runs.add(1, source="taught", size=100)
    with pytest.raises(DataError, match="yor has 1 sentence, which says nothing of any other"):
        weighed(runs)


def test_ways_that_share_no_size_have_no_gap(tmp_path):
    runs = Runs(tmp_path)
    runs.add(0.9, source="projected", size=100)
    runs.add(0.9, source="taught", size=500)
    [said] = findings_of_gaps(weighed(runs))
    assert "there is no gap to tell of" in said
    written = write_study([weighed(runs)], tmp_path / "study", title="None", seed=1)
    assert "there is no gap to tell of" in written.readme.read_text(encoding="utf-8")


def test_p_values_are_adjusted_for_all_gaps_of_the_language_and_no_other_tests(tmp_path):
    runs = made_runs(tmp_path, {100: (0.8, 0.7), 500: (0.8, 0.75)})
    for size in (100, 500):
        runs.add(0.75, source="markers", size=size)
        runs.add(0.6, source="organic", size=size)
    found = weighed(runs, {**WAYS, "markers": "projection"})
    assert len(found.curves) == 2
    gaps = [gap for curve in found.curves for gap in curve.gaps]
    assert len(gaps) == 4
    assert [gap.adjusted_p_value for gap in gaps] == holm([gap.p_value for gap in gaps])
    movements = [curve.movement for curve in found.curves]
    raw = [each.change.p_value for each in movements if each]
    assert [each.adjusted_p_value for each in movements if each] == holm(raw)
    for curve in found.curves:
        assert curve.movement
        assert curve.movement.change.difference == pytest.approx(
            curve.gaps[-1].difference - curve.gaps[0].difference
        )


def test_lines_and_gold_are_set_beside_and_hostile_names_open_nothing(tmp_path):
    runs = Runs(tmp_path / "runs")
    for size, quality in ((100, 0.6), (500, 0.8)):
        for source in ("<b>x|y", "taught", "organic"):
            runs.add(quality, source=source, size=size, available=5000)
    runs.add(0.5, seeds=(0,), setting="zero-shot")
    runs.add(0.55, seeds=(0,), setting="translate-test")
    found = weighed(runs, {"<b>x|y": "projection", "taught": "teacher-student"})
    first = write_study([found], tmp_path / "one", title="A <i>title", seed=1)
    write_study([found], tmp_path / "two", title="A <i>title", seed=1)
    assert files_in(tmp_path / "one") == files_in(tmp_path / "two")
    page = first.readme.read_text(encoding="utf-8")
    assert re.search(r"zero-shot \.\d\d \(\.\d\d to \.\d\d\) and translate-test \.\d\d", page)
    assert "<b>" not in page
    assert "<i>" not in page
    table = next(line for line in page.splitlines() if line.startswith("|"))
    assert table.count("|") == 8
    assert "gold" in table
    figure = next(path for path in first.files if path.suffix == ".svg").read_text(encoding="utf-8")
    assert all(name in figure for name in ("zero-shot", "translate-test", "organic", "training sentences"))


def simulated(random: Generator, skill: float, *, sentences: int = 300, runs: int = 3) -> np.ndarray:
    """Simulate the counts of runs that get a mention right with some probability."""
    right = (random.random((runs, sentences)) < skill).astype(np.int64)
    return np.stack([right, np.ones_like(right), np.ones_like(right)], axis=-1)


def test_a_change_is_the_second_difference_minus_the_first():
    random = default_rng(3)
    one, two, three, four = (simulated(random, skill) for skill in (0.8, 0.5, 0.7, 0.7))
    change = change_of_difference((one, two), (three, four), seed=2)
    differences = {
        (test.first, test.second): test.difference
        for test in paired_tests({"a": one, "b": two, "c": three, "d": four}, seed=2)
    }
    assert change.difference == pytest.approx(differences["c", "d"] - differences["a", "b"])
    assert change.interval[0] < change.difference < change.interval[1] < 0
    assert change.p_value < 0.01
    back = change_of_difference((three, four), (one, two), seed=2)
    assert back.difference == pytest.approx(-change.difference)
    assert back.interval == pytest.approx((-change.interval[1], -change.interval[0]))


def test_against_no_difference_a_change_is_the_paired_test():
    random = default_rng(5)
    one, two, perfect = (simulated(random, skill) for skill in (0.8, 0.7, 1.0))
    change = change_of_difference((perfect, perfect), (one, two), seed=2)
    [test] = paired_tests({"a": one, "b": two}, seed=2)
    assert change.difference == pytest.approx(test.difference)
    assert change.interval == pytest.approx(test.interval)
    assert change.p_value == pytest.approx(test.p_value)


def test_a_change_that_is_none_is_rarely_found():
    found = 0
    for number in range(100):
        random = default_rng(number)
        pairs = [(simulated(random, 0.8), simulated(random, 0.6)) for _ in range(2)]
        found += change_of_difference(*pairs, replicates=400, seed=number).p_value < 0.05
    assert found <= 11


def test_systems_of_other_sentences_are_refused():
    random = default_rng(1)
    one, other = simulated(random, 0.5), simulated(random, 0.5, sentences=20)
    with pytest.raises(DataError, match="different gold"):
        change_of_difference((one, one), (other, other), seed=1)
