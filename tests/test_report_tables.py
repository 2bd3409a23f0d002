import csv
import io
import re
import shutil
from dataclasses import replace
from statistics import fmean, stdev

import pytest
from scipy import stats

from synthner.evaluation.grid.pool import run_claimed
from synthner.evaluation.report import Known, write_report
from synthner.evaluation.report.of_grid import report_on_grid
from synthner.evaluation.report.published import published_results
from synthner.schema.errors import DataError
from synthner.tests.curation_sentences import write
from synthner.tests.grid_release import labelled, planned_grid, run_here, write_grid
from synthner.tests.report_runs import Runs, gold_sentences


@pytest.fixture
def runs(tmp_path):
    return Runs(tmp_path / "runs")


def report(runs, **options):
    folder = runs.folder.parent / "report"
    known = {"gold_tags": runs.gold_tags}
    known |= {key: options.pop(key) for key in ("gold_tags", "only", "manifest") if key in options}
    options = {"title": "A report", "seed": 3, "known": Known(**known), **options}
    return write_report(runs.folder, folder, **options)


def records(written, name):
    text = (written.readme.parent / "tables" / f"{name}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(io.StringIO(text)))


def record(written, name, **wanted):
    found = [
        each for each in records(written, name) if all(each[key] == value for key, value in wanted.items())
    ]
    assert len(found) == 1
    return found[0]


def page(written):
    return written.readme.read_text(encoding="utf-8")


def rows_of(text, *beginning):
    """Return the cells of the Markdown rows that begin with these cells."""
    lines = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"
    ]
    return [cells for cells in lines if cells[: len(beginning)] == list(beginning)]


def test_figures_of_replicates_are_their_mean_and_sample_deviation(runs):
    made = [runs.add_run(seed, 0.6, size=500) for seed in (0, 1, 2, 3)]
    written = report(runs)
    for name, value in {
        "f1": lambda scores: scores["micro"]["f1"],
        "macro_f1": lambda scores: scores["macro"]["f1"],
        "strict_f1": lambda scores: scores["strict"]["f1"],
    }.items():
        values = [value(result["scores"]) for result in made]
        found = record(written, "results", language="yor", source="organic", size="500")
        assert float(found[f"{name}_mean"]) == pytest.approx(fmean(values))
        assert float(found[f"{name}_deviation"]) == pytest.approx(stdev(values))
    f1 = [result["scores"]["micro"]["f1"] for result in made]
    shown = f"{fmean(f1):.2f} ± {stdev(f1):.2f}".replace("0.", ".")
    rows = rows_of(page(written), "`crf`", "scratch", "`organic`", "500", "4")
    assert [row[5] for row in rows] == [shown]


def test_tables_by_type_and_error_are_means_over_runs(runs):
    made = [runs.add_run(seed, 0.6) for seed in (0, 1)]
    written = report(runs)
    found = record(written, "per-type", type="LOC")
    assert float(found["f1_mean"]) == pytest.approx(
        fmean(result["scores"]["per_type"]["LOC"]["f1"] for result in made)
    )
    assert found["gold"] == str(float(made[0]["scores"]["per_type"]["LOC"]["gold"]))
    found = record(written, "errors")
    for kind in ("correct", "missed", "boundary", "boundary and type"):
        assert float(found[kind.replace(" ", "_")]) == pytest.approx(
            fmean(result["scores"]["errors"][kind] for result in made)
        )


def test_a_type_that_gold_does_not_mention_has_no_figure(runs):
    runs.languages["yor"] = [
        replace(each, ner_tags=tuple("O" if tag == "B-LOC" else tag for tag in each.ner_tags))
        for each in gold_sentences()
    ]
    runs.add(1)
    written = report(runs)
    assert "| `crf`  | scratch | `organic` |  100 | 1.00 ± .00 |     – |" in page(written)


def test_invariance_and_recall_of_unseen_mentions_are_reported(runs):
    runs.add(0.7)
    found = record(report(runs), "generalisation")
    # Only the run of the first seed was tested for invariance.
    assert (found["invariance_error_rate"], found["invariance_cases"]) == ("0.1", "50")
    assert (found["seen_recall_mean"], found["unseen_recall_mean"]) == ("0.5", "0.25")


def test_the_headline_has_sources_as_rows_and_sizes_as_columns(runs):
    for size, quality in ((100, 0.5), (2500, 0.9)):
        runs.add(quality, size=size, tagger="xlmr", model="xlm-roberta-large")
        for setting in ("scratch", "fine-tuned"):
            runs.add(
                quality / 2,
                size=size,
                source="gpt4",
                setting=setting,
                tagger="xlmr",
                model="xlm-roberta-large",
                available=1900,
            )
    runs.add(0.4, setting="zero-shot", tagger="xlmr", model="xlm-roberta-large")
    written = report(runs)
    means = {
        (row["source"], row["setting"], row["size"]): f"{float(row['f1_mean']):.2f}".lstrip("0")
        for row in records(written, "results")
    }
    zero_shot = means["organic", "zero-shot", "0"]
    assert record(written, "results", setting="zero-shot")["true_size"] == "0"
    small, large = (
        f"{means['gpt4', 'scratch', size]} / {means['gpt4', 'fine-tuned', size]}" for size in ("100", "2500")
    )
    (header,) = rows_of(page(written), "language", "source")
    assert header[2:] == ["0", "100", "2,500", "best"]
    (gpt4,) = rows_of(page(written), "Yoruba", "`gpt4`")
    assert gpt4[2:] == [f"– / {zero_shot}", small, f"{large} (1,900)", large]
    (organic,) = rows_of(page(written), "Yoruba", "`organic`")
    assert organic[3] == f"{means['organic', 'scratch', '100']} / –"


def test_translations_that_were_tagged_stand_at_size_0(runs):
    runs.add(0.5, size=100)
    runs.add(0.7, seeds=[0], setting="translate-test")
    written = report(runs)
    translated = record(written, "results", setting="translate-test")
    assert (translated["size"], translated["true_size"]) == ("0", "0")
    figure = f"{float(translated['f1_mean']):.2f}".lstrip("0")
    (header,) = rows_of(page(written), "language", "source")
    assert header[2:] == ["0", "100", "best"]
    (row,) = rows_of(page(written), "Yoruba", "translate-test")
    assert row[2:] == [figure, "–", "–"]
    assert rows_of(page(written), "`crf`", "translate-test", "`organic`", "0")


def test_a_source_smaller_than_asked_shows_its_true_size(runs):
    runs.add(0.5, size=5000, source="gpt4", available=4187)
    written = report(runs)
    assert record(written, "results")["true_size"] == "4187"
    assert rows_of(page(written), "`crf`", "scratch", "`gpt4`", "5,000 (4,187)")


def test_one_seed_has_no_deviation_and_is_owned_up_to(runs):
    runs.add(0.6, seeds=[0])
    written = report(runs)
    assert record(written, "results")["f1_deviation"] == ""
    assert "**One seed was run.**" in page(written)
    assert "±" not in rows_of(page(written), "`crf`", "scratch", "`organic`", "100", "1")[0][5]
    runs.add_run(1, 0.6)
    assert "**One seed was run.**" not in page(report(runs))


def test_a_collapsed_run_is_listed_and_stays_in_the_mean(runs):
    good = [runs.add_run(seed, 0.8)["scores"]["micro"]["f1"] for seed in (0, 1)]
    runs.add_run(2, 0)
    written = report(runs)
    found = record(written, "results")
    assert (found["runs"], found["collapsed"]) == ("3", "1")
    assert float(found["f1_mean"]) == pytest.approx(fmean([*good, 0]))
    assert rows_of(page(written), "Yoruba", "`crf`", "scratch", "`organic`", "100", "2", ".000", "–", "yes")
    assert rows_of(page(written), "Yoruba", "`organic`")[0][2].endswith("†")


def test_the_mark_of_a_collapsed_run_stands_at_its_own_mean(runs):
    runs.add(0, size=100)
    runs.add(0.8, size=100, setting="fine-tuned")
    written = report(runs)
    fine_tuned = f"{float(record(written, 'results', setting='fine-tuned')['f1_mean']):.2f}".lstrip("0")
    (row,) = rows_of(page(written), "Yoruba", "`organic`")
    assert row[2:] == [f".00† / {fine_tuned}"] * 2


def test_a_repeated_run_gives_way_to_its_repetition_which_is_named(runs):
    good = [runs.add_run(seed, 0.8)["scores"]["micro"]["f1"] for seed in (0, 1)]
    runs.add_run(2, 0)
    good.append(runs.add_run(5, 0.8, retry_of=2)["scores"]["micro"]["f1"])
    written = report(runs)
    found = record(written, "results")
    assert (found["seeds"], found["collapsed"], found["repeated"]) == ("0 1 5", "0", "1")
    assert float(found["f1_mean"]) == pytest.approx(fmean(good))
    (row,) = rows_of(page(written), "Yoruba", "`crf`", "scratch", "`organic`", "100", "2")
    assert row[7:] == [f"seed 5: {good[2]:.3f}".replace("0.", "."), "no, its repetition is"]
    assert record(written, "runs", seed="2")["in_the_mean"] == "no"


def test_the_lift_table_subtracts_gold_alone_of_the_same_size(runs):
    runs.add(0.4, size=100)
    runs.add(0.8, size=500)
    runs.add(0.75, size=100, source="gpt4", setting="gold+synthetic")
    written = report(runs)
    results = {(row["setting"], row["size"]): float(row["f1_mean"]) for row in records(written, "results")}
    found = record(written, "lift", source="gpt4", size="100")
    lift = results["gold+synthetic", "100"] - results["scratch", "100"]
    assert float(found["lift"]) == pytest.approx(lift)
    assert float(found["lift_low"]) < lift < float(found["lift_high"])
    assert float(found["adjusted_p_value"]) < 0.05


def test_micro_and_macro_have_languages_as_columns(runs):
    runs.add(0.6)
    runs.add(0.7, language="da")
    runs.add(0.5, source="gpt4")
    written = report(runs)
    (header,) = rows_of(page(written), "tagger", "setting", "source", "size", "Danish")
    assert header[4:] == ["Danish", "Yoruba", "average"]
    found = records(written, "results")
    average = [
        f"{fmean(float(row[name]) for row in found if row['source'] == 'organic'):.2f}".lstrip("0")
        for name in ("f1_mean", "macro_f1_mean")
    ]
    lines = [row for row in rows_of(page(written), "`crf`", "scratch") if len(row) == 7]
    assert lines[0][6] == " / ".join(average)
    assert (lines[1][4], lines[1][6]) == ("–", "–")


def test_regions_and_domains_of_a_language_are_told_apart(runs):
    for language in ("en-x-ai", "en-x-politics", "sr-Latn"):
        runs.add(0.6, language=language)
    text = page(report(runs))
    (header,) = rows_of(text, "tagger", "setting", "source", "size", "English (en-x-ai)")
    assert header[5:] == ["English (en-x-politics)", "Serbian (Latin)", "average"]
    assert rows_of(text, "English (en-x-politics)", "`organic`")
    assert "\n## English (en-x-ai)\n" in text
    assert "\n## Serbian (Latin) (`sr-Latn`)\n" in text


def test_the_t_test_is_scipys_and_stands_beside_the_bootstrap(runs):
    systems = {
        "organic": {"quality": 0.7},
        "gpt4": {"quality": 0.6, "source": "gpt4"},
        "lift": {"quality": 0.8, "source": "gpt4", "setting": "gold+synthetic"},
    }
    f1 = {
        name: [runs.add_run(seed, **system)["scores"]["micro"]["f1"] for seed in range(5)]
        for name, system in systems.items()
    }
    written = report(runs)
    for table, one, other in (("comparisons", "gpt4", "organic"), ("lift", "lift", "organic")):
        expected = stats.ttest_ind(f1[one], f1[other], equal_var=False)
        wanted = {"kind": "sources"} if table == "comparisons" else {}
        found = record(written, table, **wanted)
        assert float(found["t_test_p_value"]) == pytest.approx(expected[1])
        assert float(found["t_test_statistic"]) == pytest.approx(expected[0])
    difference = fmean(f1["gpt4"]) - fmean(f1["organic"])
    assert float(record(written, "comparisons", kind="sources")["difference"]) == pytest.approx(difference)
    headers = [row for row in rows_of(page(written), "tagger", "setting") if row[-1] == "p of the t-test"]
    assert [row[-2] for row in headers] == ["p", "p"]


def test_of_a_single_run_there_is_no_t_test(runs):
    runs.add(0.7, seeds=(0,))
    runs.add(0.6, seeds=(0,), source="gpt4")
    written = report(runs)
    assert record(written, "comparisons", kind="sources")["t_test_p_value"] == ""
    (row,) = rows_of(page(written), "`crf`", "scratch", "100", "`gpt4`")
    assert row[-1] == "–"


def test_predictions_without_training_are_reported(runs):
    runs.add(0.6, seeds=[0], setting="predictions", source="few-shot", tagger="few-shot", size=None)
    written = report(runs)
    assert record(written, "results")["size"] == "all"
    divided = record(written, "generalisation")
    assert {
        divided[f"{side}_{name}"] for side in ("seen", "unseen") for name in ("recall_mean", "gold_mean")
    } == {""}
    (row,) = rows_of(page(written), "`few-shot`", "predictions", "`few-shot`", "all", "–", "–", "–")
    assert row[-2:] == [".10", "50"]
    assert (written.readme.parent / "figures" / "learning-curves-yor.svg").is_file()


def test_latex_tables_have_as_many_cells_in_every_row(runs):
    runs.add(0.6)
    runs.add(0.5, source="gpt4_mini & co 100 % {x}")
    runs.add(0.4, tagger="*starred")
    written = report(runs, paper=True)
    tables = sorted((written.readme.parent / "tables").glob("*.tex"))
    assert {"headline-crf.tex", "results-yor.tex", "per-type-yor.tex", "published.tex"} <= {
        path.name for path in tables
    }
    for path in tables:
        lines = path.read_text(encoding="utf-8").splitlines()
        columns = re.fullmatch(r"\\begin\{tabular\}\{@\{\}([lr]+)@\{\}\}", lines[2])
        assert columns
        rows = [line for line in lines if line.endswith(r"\\")]
        assert len(rows) > 1
        for row in rows:
            assert len(re.split(r"(?<!\\)&", row)) == len(columns[1])
            assert not row.startswith(("*", "["))
            bare = re.sub(r"\\[\\{}&%$#_]", "", row)
            assert bare.count("{") == bare.count("}")
            assert not re.search(r"[%#_~^]", bare)
            assert bare.count("$") % 2 == 0


def test_ours_stand_beside_the_published_numbers(runs):
    runs.add(0.7, size=5000)
    runs.add(0.4, size=5000, source="gpt-4.1", available=4300)
    written = report(runs, paper=True)
    found = record(
        written,
        "published",
        published_source="GPT-4.1",
        setting="scratch",
        published_size="4187",
        source="gpt-4.1",
    )
    assert (found["published_f1"], found["size"]) == ("0.3673", "4300")
    in_paper = {
        (row["published_source"], row["published_f1"]): row["source"]
        for row in records(written, "published")
        if row["published_in"] == "Table 5"
    }
    assert in_paper[("organic", "0.79")] == "organic"
    assert in_paper[("GPT-4", "0.53")] == "gpt-4.1"
    assert in_paper[("WikiANN", "0.07")] == ""
    assert "Kamath" in page(written)
    assert "Kamath" not in page(report(runs))


def test_published_numbers_are_those_of_the_paper():
    in_paper = {
        (each.language, each.source, each.setting): each.f1
        for each in published_results()
        if each.published_in == "Table 5"
    }
    assert in_paper["yor", "organic", "scratch"] == 0.79
    assert in_paper["yor", "GPT-4", "fine-tuned"] == 0.56
    assert in_paper["swa", "organic", "fine-tuned"] == 0.90
    assert in_paper["sk", "GPT-4", "scratch"] == 0.29
    scratch = [
        each
        for each in published_results()
        if (each.setting, each.published_in) == ("scratch", "results files") and each.source != "WikiANN"
    ]
    # Figures that the paper's critics count: so many cells, and so many of them collapsed.
    assert (len(scratch), sum(each.f1 < 0.02 for each in scratch)) == (232, 59)
    assert len({each.language for each in scratch}) == 11


def test_codes_of_a_language_are_told_apart_from_languages(runs):
    runs.add(0.7, size=100, language="yo")
    found = records(report(runs, paper=True), "published")
    assert any(row["language"] == "yor" and row["source"] == "organic" for row in found)


def test_an_empty_folder_of_runs_is_an_error_with_a_hint(tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(DataError, match="no results") as caught:
            write_report(folder, tmp_path / "report", title="A report", seed=1)
        assert "synthner evaluate" in (caught.value.hint or "")
    assert not (tmp_path / "report").exists()


def test_only_some_results_can_be_reported(runs):
    wanted = runs.add_run(0, 0.6)
    runs.add_run(0, 0.6, source="gpt4")
    written = report(runs, only={wanted["id"]})
    assert [row["source"] for row in records(written, "runs")] == ["organic"]


def test_two_results_of_one_cell_are_refused(runs):
    runs.add_run(0, 0.6)
    runs.add_run(0, 0.6, release="later")
    with pytest.raises(DataError, match="two results have the same cell"):
        report(runs)


def test_two_taggers_of_one_name_are_refused(runs):
    runs.add_run(0, 0.6)
    runs.add_run(1, 0.6, model="xlm-roberta-large")
    with pytest.raises(DataError, match="`crf` stands for different taggers"):
        report(runs)


def test_two_test_sets_of_a_language_are_refused(runs):
    runs.add_run(0, 0.6)
    runs.languages["yor"] = runs.languages["yor"][:-1]
    runs.add_run(1, 0.6)
    with pytest.raises(DataError, match="`yor` was tested on different gold"):
        report(runs)


def test_predictions_that_do_not_score_what_the_result_says_are_refused(runs):
    runs.add(0.6)
    gold = {example.id: ("O",) * len(example.tokens) for example in runs.test("yor")}
    with pytest.raises(DataError, match="the predictions have a micro-F1 of"):
        report(runs, gold_tags=lambda language, sha256: gold)
    del gold["yor-7"]
    with pytest.raises(DataError, match="1 sentences are in gold or in the predictions"):
        report(runs, gold_tags=lambda language, sha256: gold)


def test_the_usable_share_is_of_what_was_asked_for(runs):
    runs.add_run(0, 0.6)
    manifest = {
        "configs": {
            "yor_gpt4": {"totals": {"requested": 200, "returned": 150, "published": 50}},
            "yor_<b>recorded": {"totals": {"requested": 0, "returned": 0, "published": 0}},
        }
    }
    written = report(runs, manifest=manifest)
    assert record(written, "usable-share", config="yor_gpt4")["share"] == "0.25"
    assert rows_of(page(written), "`yor_gpt4`") == [["`yor_gpt4`", "200", "150", "50", ".25"]]
    assert "<b>recorded" not in page(written).replace("`yor_<b>recorded`", "")
    assert "Usable share" not in page(report(runs))


def test_sizes_of_a_model_of_several_languages_are_those_of_the_one_that_has_most(tmp_path):
    path = write_grid(
        tmp_path, {"settings": ["multilingual"], "sizes": [10, 20, 80], "seeds": 1}, languages=["en", "fi"]
    )
    write(tmp_path / "fi-train.jsonl", labelled(10, "fi train", "fi"))
    run_here(path)
    written = report_on_grid(*planned_grid(path), tmp_path / "report", title="A grid")
    sizes = {
        (row["language"], row["size"]): row["true_size"]
        for row in records(written, "results")
        if row["source"] == "organic"
    }
    own = {"10": "10", "20": "20", "80": "40"}
    assert sizes == {(code, size): own[size] for code in ("en", "fi") for size in own}
    # Of the whole of all languages nothing is drawn.
    assert any("4 systems of 6 had one seed" in said for said in written.findings["fi"])


def test_the_report_of_a_grid_is_of_its_data_as_it_is_now(tmp_path):
    plan, data = planned_grid(write_grid(tmp_path))
    with pytest.raises(DataError, match="nothing to report"):
        report_on_grid(plan, data, tmp_path / "report", title="A grid")
    first = plan.cells[0]
    assert run_claimed(first, data).what == "done"
    written = report_on_grid(plan, data, tmp_path / "report", title="A grid")
    assert written.runs == 1
    assert not written.untested
    assert written.missing == len(plan.cells) - 1
    assert f"**The grid is not finished**: {written.missing} cells had no result." in page(written)
    of_other_data = data.grid.runs / ("0" * 24)
    shutil.copytree(data.grid.runs / first.id, of_other_data)
    result = (of_other_data / "result.json").read_text(encoding="utf-8")
    (of_other_data / "result.json").write_text(result.replace(first.id, "0" * 24), encoding="utf-8")
    assert report_on_grid(plan, data, tmp_path / "report", title="A grid").runs == 1
