import csv
from xml.etree import ElementTree

import pytest
from PIL import Image

from synthner.evaluation.report import Known, write_report
from synthner.tests.report_runs import Runs

NASTY = 'a|b`c</text><script>alert("x")</script>&$\\frac{_1}$[x](http://evil.example)\u202e\n# h @you'


@pytest.fixture
def runs(tmp_path):
    return Runs(tmp_path / "runs")


def report(runs, name="report", **options):
    known = {"gold_tags": runs.gold_tags}
    known |= {key: options.pop(key) for key in ("gold_tags", "only", "manifest") if key in options}
    options = {"title": "A report", "seed": 3, "known": Known(**known), **options}
    return write_report(runs.folder, runs.folder.parent / name, **options)


def add_a_little_of_all(runs):
    for size in (100, 2500):
        runs.add(0.6, size=size, seeds=[0, 1])
        runs.add(0.4, size=size, source="gpt4", seeds=[0, 1])
        runs.add(0.5, size=size, source="gpt4", setting="fine-tuned", seeds=[0, 1])
        runs.add(0.65, size=size, source="gpt4", setting="gold+synthetic", seeds=[0, 1])
    runs.add(0.45, setting="zero-shot", seeds=[0, 1])
    runs.add(0.5, setting="predictions", source="few-shot", tagger="few-shot", size=None, seeds=[0])
    runs.add(0.5, language="da", seeds=[0])


def content(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def texts_of(svg):
    return [
        "".join(element.itertext())
        for element in ElementTree.parse(svg).iter()
        if element.tag.endswith("text")
    ]


@pytest.fixture(scope="module")
def of_all(tmp_path_factory):
    runs = Runs(tmp_path_factory.mktemp("of_all") / "runs")
    add_a_little_of_all(runs)
    return runs, report(runs)


def test_the_same_results_give_the_same_bytes(of_all):
    runs, first = of_all
    second = report(runs, "again")
    assert content(first.readme.parent) == content(second.readme.parent)
    assert {path.relative_to(first.readme.parent) for path in (first.readme, *first.files)} == set(
        content(first.readme.parent)
    )


def test_every_figure_is_there_as_svg_and_png_and_is_linked(of_all):
    _, written = of_all
    figures = written.readme.parent / "figures"
    stems = {"overview-crf", "learning-curves-yor", "learning-curves-da"}
    assert {path.name for path in figures.iterdir()} == {
        f"{stem}.{kind}" for stem in stems for kind in ("svg", "png")
    }
    page = written.readme.read_text(encoding="utf-8")
    for stem in stems:
        assert f"](figures/{stem}.svg)" in page
        assert ElementTree.parse(figures / f"{stem}.svg").getroot().tag.endswith("svg")
        with Image.open(figures / f"{stem}.png") as image:
            image.load()
            # Nothing is drawn in the corner, and nothing is behind it.
            assert image.mode == "RGBA"
            assert image.getchannel("A").getpixel((0, 0)) == 0


def test_figures_name_what_they_show(of_all):
    figures = of_all[1].readme.parent / "figures"
    texts = texts_of(figures / "learning-curves-yor.svg")
    for wanted in (
        *("crf · from scratch", "crf · fine-tuned", "crf · gold+synthetic"),
        *("0", "100", "2,500", "organic", "gpt4", "zero-shot", "few-shot (predictions)", "gold sentences"),
    ):
        assert wanted in texts
    assert {"Danish", "Yoruba", "from scratch", "fine-tuned"} <= set(texts_of(figures / "overview-crf.svg"))


def test_a_curve_goes_through_the_means(runs):
    runs.add(0.3, size=100)
    runs.add(0.9, size=1000)
    written = report(runs)
    with (written.readme.parent / "tables" / "results.csv").open(encoding="utf-8") as stream:
        means = [float(row["f1_mean"]) for row in csv.DictReader(stream)]
    root = ElementTree.parse(written.readme.parent / "figures" / "learning-curves-yor.svg").getroot()
    parents = {child: parent for parent in root.iter() for child in parent}
    markers = [
        (float(use.attrib["x"]), float(use.attrib["y"]))
        for use in root.iter("{http://www.w3.org/2000/svg}use")
        if "stroke: #2f7fc1" in use.get("style", "") and is_within(use, "axes", parents)
    ]
    grid = sorted(
        float(use.attrib["y"])
        for use in root.iter("{http://www.w3.org/2000/svg}use")
        if is_within(use, "ytick", parents)
    )
    # The highest tick is 1, the lowest is 0; downwards is larger in SVG.
    top, bottom = grid[0], grid[-1]
    drawn = [(bottom - y) / (bottom - top) for _, y in sorted(markers)]
    assert drawn == pytest.approx(means, abs=1e-4)


def test_transfer_alone_stands_at_size_0_of_the_curves_from_scratch(runs):
    for language in ("da", "yor"):
        for size in (100, 250):
            runs.add(0.6, seeds=[0], language=language, size=size)
        runs.add(0.4, seeds=[0], language=language, setting="zero-shot")
    figures = report(runs).readme.parent / "figures"
    texts = texts_of(figures / "learning-curves-yor.svg")
    assert {"crf · from scratch", "0", "100", "250", "zero-shot"} <= set(texts)
    assert "crf · zero-shot" not in texts
    assert texts_of(figures / "overview-crf.svg").count("0") == 2


def test_labels_of_sizes_do_not_stand_on_one_another(runs):
    for size in (100, 250, 1000, 2500, 5000):
        runs.add(0.6, seeds=[0], size=size)
    runs.add(0.1, seeds=[0], source="gpt4", size=100, available=4)
    texts = texts_of(report(runs).readme.parent / "figures" / "learning-curves-yor.svg")
    shown = [int(text.replace(",", "")) for text in texts if text.replace(",", "").isdigit()]
    assert shown == [4, 100, 1000, 5000]


def test_a_spreadsheet_computes_no_name(runs):
    for number, name in enumerate(("=1+1", "+1", "-1", "@SUM(A1)", "harmless-=1")):
        runs.add(0.1 * number, seeds=[0], source=name)
    with (report(runs).readme.parent / "tables" / "results.csv").open(encoding="utf-8") as stream:
        assert [row["source"] for row in csv.DictReader(stream)] == [
            "'+1",
            "'-1",
            "'=1+1",
            "'@SUM(A1)",
            "harmless-=1",
        ]


def is_within(element, beginning, parents):
    while element in parents:
        element = parents[element]
        if element.get("id", "").startswith(beginning):
            return True
    return False


def test_hostile_names_open_nothing(runs):
    runs.add(0.9, source=NASTY, tagger=NASTY, size=100)
    runs.add(0.2, source="_hid$x^2$den", tagger=NASTY, size=100)
    written = report(runs, title=NASTY)
    page = written.readme.read_text(encoding="utf-8")
    assert "<script" not in page
    assert "](http" not in page
    assert "\u202e" not in page
    assert "⟨U+202E⟩" in page
    assert page.startswith("# a&#124;b")
    table_rows = [line for line in page.splitlines() if line.startswith("| <code>")]
    widths = {line.count(" | ") for line in table_rows}
    headers = {line.count(" | ") for line in page.splitlines() if line.startswith(("| tagger", "| language"))}
    assert table_rows
    assert widths <= headers
    figures = sorted((written.readme.parent / "figures").glob("*.svg"))
    assert len(figures) == 1
    for path in figures:
        texts = texts_of(path)
        assert any(text.startswith("a|b`c</text><script>") for text in texts)
        assert "_hid$x^2$den" in texts
    for path in (written.readme.parent / "tables").glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.reader(stream))
        assert len({len(row) for row in rows}) == 1
    latex = (written.readme.parent / "tables" / "results-yor.tex").read_text(encoding="utf-8")
    assert r"\textbackslash{}frac\{\_1\}" in latex
    assert r"a\textbar{}b" in latex


@pytest.mark.parametrize("language", ["../../up", "x/y", "X"], ids=["up", "slash", "capital"])
def test_a_hostile_language_stays_within_the_folder(runs, language):
    runs.add(0.6, seeds=[0], language=language)
    written = report(runs)
    folder = written.readme.parent.resolve()
    assert all(path.resolve().is_relative_to(folder) for path in written.files)
    assert sorted(path.name for path in runs.folder.parent.iterdir()) == ["report", "runs"]


def test_half_a_character_is_spelled_out(runs):
    runs.add(0.6, source="gpt4", seeds=[0])
    (path,) = runs.folder.glob("*/result.json")
    text = path.read_text(encoding="utf-8").replace("gpt4", r"gpt\ud8004").replace('"yor"', r'"y\udfff"')
    path.write_text(text, encoding="utf-8")
    written = report(runs, gold_tags=None)
    assert "gpt⟨U+D800⟩4" in written.readme.read_text(encoding="utf-8")
    assert "y⟨U+DFFF⟩" in (written.readme.parent / "tables" / "results.csv").read_text(encoding="utf-8")


def test_a_report_replaces_the_one_before(runs):
    runs.add(0.6)
    before = report(runs)
    text = before.readme.read_text(encoding="utf-8")
    runs.add(0.9, source="gpt4")
    after = report(runs)
    assert after.readme == before.readme
    assert after.readme.read_text(encoding="utf-8") != text
    assert "`gpt4`" in after.readme.read_text(encoding="utf-8")
    assert not list(after.readme.parent.rglob("*.tmp"))
