import csv
import json
import shutil
from dataclasses import replace

import pytest

from synthner.evaluation.report import Known, write_report
from synthner.tests.report_runs import Runs, gold_sentences


@pytest.fixture
def runs(tmp_path):
    return Runs(tmp_path / "runs")


def report(runs, **options):
    known = {"gold_tags": runs.gold_tags}
    known |= {key: options.pop(key) for key in ("gold_tags", "only", "manifest") if key in options}
    options = {"title": "A report", "seed": 3, "known": Known(**known), **options}
    return write_report(runs.folder, runs.folder.parent / "report", **options)


def said(written, language="yor"):
    return "\n".join(written.findings[language])


def copy_source(runs, source, copy):
    """Write every run of a source again under another name."""
    for path in sorted(runs.folder.glob("*/result.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        if result["cell"]["source"] != source:
            continue
        result["cell"]["source"] = copy
        result["id"] = result["id"][::-1]
        folder = shutil.copytree(path.parent, runs.folder / result["id"])
        (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")


def test_sources_that_clearly_differ_are_told_apart(runs):
    for size, organic, gpt4 in ((100, 0.55, 0.2), (500, 0.9, 0.3)):
        runs.add(organic, size=size)
        runs.add(gpt4, size=size, source="gpt4")
    text = said(report(runs))
    assert "`gpt4` is **worse** than `organic` at 100 and 500 sentences" in text
    assert "`gpt4` at 500 sentences is **worse** than organic data at 100 sentences" in text
    assert "**better**" not in text
    assert "p < .001" in text
    assert "Nothing is separated" not in text


def test_identical_sources_are_never_told_apart(runs):
    for size in (100, 500):
        runs.add(0.6, size=size, source="gpt4")
    copy_source(runs, "gpt4", "llama")
    written = report(runs)
    text = said(written)
    assert "**worse**" not in text
    assert "**better**" not in text
    assert "**Nothing is separated**" in text
    with (written.readme.parent / "tables" / "comparisons.csv").open(encoding="utf-8") as stream:
        tests = list(csv.DictReader(stream))
    assert [row["adjusted_p_value"] for row in tests] == ["1.0", "1.0"]


def test_one_source_better_than_another_is_said_the_right_way_round(runs):
    runs.add(0.3, source="aya")
    runs.add(0.8, source="gpt4")
    runs.add(0.5, source="zephyr")
    text = said(report(runs))
    assert "`aya` is **worse** than `gpt4`" in text
    assert "`gpt4` is **better** than `zephyr`" in text


def test_the_numbers_of_a_finding_are_those_of_the_results(runs):
    low = [runs.add_run(seed, 0.3, source="gpt4")["scores"]["micro"]["f1"] for seed in range(3)]
    high = [runs.add_run(seed, 0.8)["scores"]["micro"]["f1"] for seed in range(3)]
    wanted = f"{sum(low) / 3:.2f} against {sum(high) / 3:.2f}".replace("0.", ".")
    assert f"{wanted}, 95 % interval of the difference −." in said(report(runs))


def test_a_source_that_had_fewer_sentences_is_compared_as_such(runs):
    runs.add(0.9, size=5000)
    runs.add(0.4, size=5000, source="gpt4", available=4187)
    assert "**worse** than `organic` at 5,000 (4,187 against 5,000) sentences" in said(report(runs))


def test_holm_corrects_for_all_comparisons_of_a_kind(runs):
    for source, quality in (("a", 0.5), ("b", 0.52), ("c", 0.54), ("d", 0.7)):
        runs.add(quality, source=source)
    written = report(runs)
    with (written.readme.parent / "tables" / "comparisons.csv").open(encoding="utf-8") as stream:
        tests = sorted(csv.DictReader(stream), key=lambda row: float(row["p_value"]))
    assert len(tests) == 6
    highest = 0.0
    for rank, row in enumerate(tests):
        highest = max(highest, min(1.0, float(row["p_value"]) * (6 - rank)))
        assert float(row["adjusted_p_value"]) == pytest.approx(highest)


def test_what_synthetic_data_adds_is_said_only_where_it_is_supported(runs):
    runs.add(0.4, size=100)
    runs.add(0.85, size=500)
    runs.add(0.8, size=100, source="gpt4", setting="gold+synthetic")
    runs.add(0.85, size=500, source="gpt4", setting="gold+synthetic")
    text = said(report(runs))
    assert "adding `gpt4` to gold **gains** at 100 gold sentences" in text
    assert "adding `gpt4` to gold is not separated from gold alone at 500 gold sentences: ." in text


def test_transfer_alone_is_compared_with_the_largest_source(runs):
    runs.add(0.8, setting="zero-shot")
    runs.add(0.9, setting="fine-tuned", source="gpt4", size=100)
    runs.add(0.3, setting="fine-tuned", source="gpt4", size=500)
    text = said(report(runs))
    assert (
        "fine-tuning on `gpt4` at 500 sentences after the related language **loses** against zero-shot"
        in text
    )
    assert "`gpt4` at 100 sentences" not in text


def test_collapsed_runs_and_single_seeds_qualify_a_finding(runs):
    runs.add(0.8, seeds=[0])
    runs.add(0.3, source="gpt4", seeds=[0, 1])
    runs.add_run(2, 0, source="gpt4")
    text = said(report(runs))
    assert "1 run collapsed; runs: 3 against 1" in text
    assert "1 system of 2 had one seed" in text
    assert "Collapsed runs are in the means of 1 system" in text


def test_without_gold_there_are_intervals_and_no_claims(runs):
    runs.add(0.9)
    runs.add(0.1, source="gpt4")
    with_gold = report(runs)
    assert with_gold.untested == ()
    intervals = read_intervals(with_gold)
    written = report(runs, gold_tags=None)
    assert written.untested == ("yor",)
    assert "Gold was not at hand" in said(written)
    assert "**worse**" not in written.readme.read_text(encoding="utf-8")
    for (low, high), (wanted_low, wanted_high) in zip(read_intervals(written), intervals, strict=True):
        # Put together from the runs', it is about as wide, and rather wider.
        assert low == pytest.approx(wanted_low, abs=0.03)
        assert high == pytest.approx(wanted_high, abs=0.03)
        assert high - low > 0.9 * (wanted_high - wanted_low)


def read_intervals(written):
    with (written.readme.parent / "tables" / "results.csv").open(encoding="utf-8") as stream:
        return [(float(row["f1_low"]), float(row["f1_high"])) for row in csv.DictReader(stream)]


def test_gold_of_some_languages_is_enough_for_these(runs):
    for language in ("da", "yor"):
        runs.add(0.9, language=language)
        runs.add(0.1, language=language, source="gpt4")
    written = report(
        runs,
        gold_tags=lambda language, sha256: runs.gold_tags(language, sha256) if language == "da" else None,
    )
    assert written.untested == ("yor",)
    assert "**worse**" in said(written, "da")
    assert "**worse**" not in said(written, "yor")


def test_systems_of_which_no_two_are_compared(runs):
    runs.add(0.9)
    runs.add(0.2, size=500)
    text = said(report(runs))
    assert "There are no two sources of one size" in text
    assert "so nothing was tested" in text


def test_what_is_not_separated_has_its_numbers(runs):
    for size in (100, 500):
        runs.add(0.7, size=size)
        runs.add(0.7, size=size, source="gpt4")
    text = said(report(runs))
    assert "`gpt4` and `organic` are not separated at 100 and 500 sentences; at the last of these: ." in text
    assert "`gpt4` at 500 sentences is not separated from organic data at 100 sentences: ." in text


def test_of_gold_with_a_source_the_size_is_that_of_gold(runs):
    runs.add(0.9, source="gpt4", setting="gold+synthetic")
    runs.add(0.2, source="aya", setting="gold+synthetic")
    assert "`aya` is **worse** than `gpt4` at 100 gold sentences" in said(report(runs))


def test_runs_that_left_a_source_out_are_counted(runs):
    for size in (100, 500):
        runs.add(0.8, size=size)
        runs.add(0.8, seeds=[0, 1], size=size, source="gpt4", setting="gold+synthetic", recipe="gold only")
        runs.add_run(2, 0.8, size=size, source="gpt4", setting="gold+synthetic", recipe="adapted")
    written = report(runs)
    assert "In 4 of 6 runs folds of gold decided to leave it out." in said(written)
    assert written.readme.read_text(encoding="utf-8").count(" 2 of 3 |") == 2
    with (written.readme.parent / "tables" / "lift.csv").open(encoding="utf-8") as stream:
        assert [(row["left_out"], row["runs"]) for row in csv.DictReader(stream)] == [("2", "3"), ("2", "3")]


def test_where_a_seed_decides_nothing_another_one_is_not_missed(runs):
    runs.add(0.8)
    runs.add(0.5, seeds=[0], size=500, available=300)
    runs.add(0.4, seeds=[0], setting="zero-shot")
    runs.add(0.6, seeds=[0], size=None, available=1000, source="gpt4")
    assert "had one seed" not in said(report(runs))
    runs.add(0.6, seeds=[0], size=50, source="gpt4")
    assert "1 system of 5 had one seed" in said(report(runs))


def test_two_systems_that_have_always_failed_are_not_compared(runs):
    runs.add(0, size=100)
    runs.add(0, size=100, source="gpt4")
    runs.add(0.8, size=100, source="aya")
    with (report(runs).readme.parent / "tables" / "comparisons.csv").open(encoding="utf-8") as stream:
        pairs = {(row["first_source"], row["second_source"]) for row in csv.DictReader(stream)}
    assert pairs == {("aya", "organic"), ("aya", "gpt4")}


def test_where_all_have_always_failed_nothing_is_said_of_what_they_differ_in(runs):
    runs.add(0, size=100)
    runs.add(0, size=100, source="gpt4")
    text = said(report(runs))
    assert "that have not both collapsed in every run, so nothing was tested" in text


def test_one_test_sentence_says_nothing_of_others(runs):
    runs.languages["yor"] = gold_sentences(count=1)
    runs.add(1)
    runs.add(0, source="gpt4")
    written = report(runs)
    assert said(written) == (
        "The test set has 1 sentence, which says nothing of any other: nothing was tested."
    )
    assert written.untested == ()


def test_a_few_test_sentences_separate_nothing(runs):
    runs.languages["yor"] = gold_sentences(count=4)
    runs.add(1)
    runs.add(0, source="gpt4")
    text = said(report(runs))
    assert text.startswith("**Nothing is separated**")
    assert "p = .125; 3 runs collapsed" in text


def test_gold_without_a_mention_says_nothing(runs):
    runs.languages["yor"] = [replace(each, ner_tags=("O",) * 6) for each in gold_sentences(count=20)]
    runs.add(1)
    runs.add(1, source="gpt4")
    assert said(report(runs)).startswith("Gold of the test set has no mention")


def test_two_seeds_are_named(runs):
    runs.add(0.8, seeds=[0, 1])
    runs.add(0.3, source="gpt4")
    assert "1 system of 2 had two seeds" in said(report(runs))
