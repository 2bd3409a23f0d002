"""The static page of a leaderboard, in a real browser."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright", reason="Playwright is not installed")

from playwright.sync_api import Browser, expect

from synthner.cards.leaderboard.columns import SUBMIT_FIELDS
from synthner.cards.leaderboard.page import leaderboard_page
from synthner.cli.leaderboard_submission import submit
from synthner.evaluation.leaderboard.rows import LEADERBOARD, Row, write_rows

from .browser import Visit, browser_without_screen, visit
from .in_process import synthner
from .leaderboard_rows import COMMIT, LONG, REPOSITORY, hostile_rows, leaderboard, row

PHONE = {"viewport": {"width": 360, "height": 740}}
SYSTEMS = ".of-system > a"

Opening = Callable[..., Visit]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browser_without_screen() as started:
        yield started


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Opening]:
    """Open pages; at the end none of them has complained, and none has asked any network for anything."""
    visits: list[Visit] = []
    with ExitStack() as stack:

        def open_page(rows: list[Row] | None = None, at: str = "", **context: Any) -> Visit:
            path = tmp_path / "leaderboard.html"
            shown = leaderboard() if rows is None else rows
            path.write_text(leaderboard_page(shown, title="Names", repository=REPOSITORY), encoding="utf-8")
            opening: AbstractContextManager[Visit] = visit(browser, path.as_uri() + at, **context)
            visits.append(stack.enter_context(opening))
            return visits[-1]

        yield open_page
        for each in visits:
            assert each.errors == []
            assert {address.partition(":")[0] for address in each.requests} <= {"file", "data"}


def test_overall_is_shown_first_by_f1(opened: Opening) -> None:
    visited = opened()

    assert visited.texts(SYSTEMS) == ["Lake", "River", "Lake", "Chat"]
    assert visited.texts("td.of-rank_first") == ["1–2", "1–2", "3", "–"]
    assert visited.texts("td.of-f1 small")[:2] == ["0.770–0.830", "0.760–0.820"]
    assert "4 of 12 results" in visited.page.inner_text(".found")


def test_what_has_no_rank_stands_last_until_another_order_is_asked_for(opened: Opening) -> None:
    claimed = row(system="Claim", status="self-reported", rank_first=None, rank_last=None, f1=0.99)
    visited = opened([claimed, row()])
    expect(visited.page.locator("th.of-f1")).to_have_attribute("aria-sort", "descending")
    assert visited.texts(SYSTEMS) == ["Lake", "Claim"]

    visited.page.goto(f"{visited.page.url}#/?sort=-f1")

    expect(visited.page.locator(SYSTEMS)).to_have_text(["Claim", "Lake"])


def test_filters(opened: Opening) -> None:
    visited = opened()
    for name, choice, systems in (
        ("scope", "yor", ["Lake", "River", "Lake", "Chat"]),
        ("scope", "any", ["Lake"] * 3 + ["River"] * 3 + ["Lake"] * 3 + ["Chat"] * 3),
        ("setting", "predictions", ["Chat"]),
        ("source", "projected", ["River"]),
        ("size", "1000", ["Lake", "River"]),
        ("size", "all", ["Chat"]),
        ("kind", "model", ["River"]),
        ("status", "self-reported", ["Chat"]),
    ):
        visited.page.select_option(f"#filter-{name}", choice)

        assert visited.texts(SYSTEMS) == systems, (name, choice)
        assert f"{name}={choice}" in visited.page.url
        visited.page.click("#reset")


def test_filter_of_benchmarks(opened: Opening) -> None:
    visited = opened(at="#/?scope=any&benchmark=hau-news&size=1000")

    assert visited.texts(SYSTEMS) == ["Lake", "River"]
    assert visited.texts("td.of-scope") == ["Hausa", "Hausa"]


def test_search_wants_all_words_and_can_be_taken_back(opened: Opening) -> None:
    visited = opened()

    visited.page.fill("#search", "DELTA xlm")
    assert visited.texts(SYSTEMS) == ["River"]
    visited.page.fill("#search", "no such system")
    assert visited.texts(SYSTEMS) == []
    visited.page.click("#reset")
    assert len(visited.texts(SYSTEMS)) == 4


def test_sort_by_heading_with_the_keyboard(opened: Opening) -> None:
    visited = opened()
    heading = visited.page.locator("th.of-unseen_recall")
    expect(heading).to_have_attribute("aria-sort", "none")

    heading.locator("button").focus()
    visited.page.keyboard.press("Enter")
    expect(heading).to_have_attribute("aria-sort", "descending")
    assert visited.texts("td.of-unseen_recall") == ["0.600", "0.300", "0.200", "–"]
    visited.page.keyboard.press("Enter")  # the focus has stayed where it was
    expect(heading).to_have_attribute("aria-sort", "ascending")
    assert visited.texts("td.of-unseen_recall") == ["0.200", "0.300", "0.600", "–"]


@pytest.mark.parametrize(
    ("at", "selector", "stays", "key"),
    [
        ("#/", "nav.pager button >> nth=1", "Next", "Enter"),
        ("#/?page=2", "nav.pager button >> nth=1", "Previous", "Enter"),
        ("#/curves", ".legend button >> nth=1", "System 002", "Enter"),
        ("#/submit", "#submit-kind", "Results of an evaluation", "ArrowDown"),
    ],
    ids=["next page", "last page", "curve", "kind of submission"],
)
def test_focus_stays_where_a_key_was_pressed(
    opened: Opening, at: str, selector: str, stays: str, key: str
) -> None:
    page = opened([row(system=f"System {number:03}") for number in range(1, 121)], at=at).page
    page.evaluate("document.querySelector('#view').firstChild.seenBefore = true")

    page.locator(selector).focus()
    page.keyboard.press(key)

    assert not page.evaluate("Boolean(document.querySelector('#view').firstChild.seenBefore)"), (
        "it is built anew"
    )
    expect(page.locator("#view :focus")).to_contain_text(stays)


@pytest.mark.parametrize("view", ["toString", "constructor", "__proto__"])
def test_a_view_that_is_none_is_the_leaderboard(opened: Opening, view: str) -> None:
    assert opened(at=f"#/{view}").texts(SYSTEMS) == ["Lake", "River", "Lake", "Chat"]


def test_columns_can_be_chosen(opened: Opening) -> None:
    visited = opened()

    visited.page.click("#columns summary")
    visited.page.check("#columns input[value=strict_f1]")
    visited.page.uncheck("#columns input[value=cost]")

    heads = [head.split()[0] for head in visited.texts("thead th") if head]
    assert "Strict" in heads
    assert "Cost" not in heads


def test_row_and_back(opened: Opening) -> None:
    visited = opened(at="#/?scope=yor&sort=-f1")
    page = visited.page

    page.click(f"{SYSTEMS} >> text=River")
    expect(page.locator("h2")).to_have_text("River")
    assert re.search(r"#/row/[0-9a-f]{12}$", page.url)
    shown = page.inner_text("main")
    for said in ("verified", "0.790", "0.760–0.820", "acme/names", "yor_gpt4", COMMIT, "LOC", "Unseen"):
        assert said in shown
    links = {link.get_attribute("href") for link in page.locator("main a[target]").all()}
    assert links == {
        f"https://huggingface.co/delta/river/tree/{COMMIT}",
        f"https://huggingface.co/datasets/acme/names/tree/{COMMIT}",
        f"https://huggingface.co/datasets/{REPOSITORY}/blob/main/{row().results[0]}",
        "https://example.org/lake",
    }
    assert {link.get_attribute("rel") for link in page.locator("main a[target]").all()} == {
        "noopener nofollow"
    }
    page.go_back()
    expect(page.locator("table.results")).to_be_visible()
    assert "scope=yor&sort=-f1" in page.url
    assert page.input_value("#filter-scope") == "yor"


def test_address_of_a_row_stays_when_its_figures_change(opened: Opening) -> None:
    before = opened(at="#/?scope=yor")
    before.page.click(SYSTEMS)
    address = before.page.url.partition("#")[2]

    after = opened([row(size=1000, f1=0.9, results=("other.json",))], at=f"#{address}")

    expect(after.page.locator("h2")).to_have_text("Lake")


def test_row_that_is_not_there(opened: Opening) -> None:
    assert "no such row" in opened(at="#/row/000000000000").page.inner_text("main")


def test_back_takes_choices_back(opened: Opening) -> None:
    visited = opened()

    visited.page.select_option("#filter-kind", "model")
    visited.page.select_option("#filter-size", "1000")
    visited.page.go_back()
    assert visited.page.input_value("#filter-size") == ""
    assert visited.texts(SYSTEMS) == ["River"]
    visited.page.go_back()
    assert len(visited.texts(SYSTEMS)) == 4


def test_pages(opened: Opening) -> None:
    visited = opened([row(system=f"System {number:03}", rank_first=number) for number in range(1, 121)])

    assert visited.texts(SYSTEMS)[0] == "System 001"
    assert len(visited.texts(SYSTEMS)) == 50
    visited.page.click("text=Next")
    visited.page.click("text=Next")
    assert visited.texts(SYSTEMS) == [f"System {number:03}" for number in range(101, 121)]
    assert visited.page.is_disabled("text=Next")


def test_learning_curves(opened: Opening) -> None:
    visited = opened(at="#/curves?scope=yor")
    page = visited.page

    assert page.locator("figure polyline").count() == 3
    points = page.locator("figure a")
    assert points.count() == 3
    labels = [point.get_attribute("aria-label") for point in points.all()]
    assert any("1,000 sentences: F1 0.800 (0.770–0.830)" in (label or "") for label in labels)
    picture = page.get_by_role("group", name="F1 by number of training sentences, Yoruba")
    assert picture.get_by_role("link").count() == 3, "what is read aloud has the points"
    page.click(".legend button >> nth=0")
    assert page.locator("figure a").count() < 3
    page.click(".as-table summary")
    expect(page.locator(".as-table")).to_contain_text("0.790")


def test_types_are_drawn_by_language(opened: Opening) -> None:
    visited = opened(at="#/types")

    assert visited.texts("figcaption") == ["Hausa", "Yoruba"]
    assert visited.page.locator("figure").first.locator("text.type").all_text_contents() == ["LOC", "PER"]
    expect(visited.page.locator("figure").first).to_contain_text("120 in gold")


@pytest.mark.parametrize(
    ("given", "written"),
    [("acme", "--organization acme"), ("it's; rm -rf ~", """--organization 'it'"'"'s; rm -rf ~'""")],
    ids=["plain", "quoted"],
)
def test_command_to_submit(opened: Opening, given: str, written: str) -> None:
    visited = opened(at="#/submit")
    page = visited.page

    page.fill("#submit-organization", given)
    words = page.inner_text("#command").split(" \\\n  ")
    assert words == ["synthner leaderboard submit", "RESULT", written, f"--to {REPOSITORY}"]
    page.select_option("#submit-kind", "model")
    page.fill("#submit-model", "acme/tagger")
    page.select_option("#submit-benchmark", "yor-news")
    words = page.inner_text("#command").split(" \\\n  ")
    assert words == [
        "synthner leaderboard submit",
        "--model acme/tagger",
        "--benchmark yor-news",
        written,
        f"--to {REPOSITORY}",
    ]


def test_form_asks_for_what_the_command_takes() -> None:
    options = {option for parameter in submit.params for option in parameter.opts}

    assert {each.option for each in SUBMIT_FIELDS if each.option} <= options
    assert "--to" in options


def test_how_to_read_it(opened: Opening) -> None:
    said = opened(at="#/about").page.inner_text("main")

    assert "How to read this" in said
    assert "self-reported" in said


_CONTRAST = """(selector) => {
  const luminance = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map((part) => {
      const value = Number(part) / 255;
      return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const node = document.querySelector(selector);
  let behind = node;
  while (getComputedStyle(behind).backgroundColor === 'rgba(0, 0, 0, 0)') behind = behind.parentElement;
  const [a, b] = [getComputedStyle(node).color, getComputedStyle(behind).backgroundColor].map(luminance);
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_can_be_read(opened: Opening, scheme: str) -> None:
    page = opened(color_scheme=scheme).page

    red = page.evaluate("Number(getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0])")
    assert (red > 200) == (scheme == "light")
    for selector in ("h1", "header p", SYSTEMS, "td.of-f1 small", ".badge", ".badge.self-reported", ".found"):
        assert page.evaluate(_CONTRAST, selector) >= 4.5, selector


def test_phone_shows_the_view_that_is_open_and_letters_that_can_be_read(opened: Opening) -> None:
    page = opened(at="#/about", **PHONE).page
    box = page.locator("#views a[aria-current]").bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= PHONE["viewport"]["width"]

    for view, letters in (("curves", "svg text.tick"), ("types", "svg text.type")):
        page.evaluate("(view) => { location.hash = `#/${view}`; }", view)
        box = page.locator(letters).first.bounding_box()
        assert box is not None
        assert box["height"] >= 11, view


@pytest.mark.parametrize("rows", [leaderboard(), hostile_rows()], ids=["usual", "hostile"])
def test_phone_does_not_scroll_sideways(opened: Opening, rows: list[Row]) -> None:
    visited = opened(rows, **PHONE)
    page = visited.page
    views = [link.get_attribute("href") for link in page.locator("#views a").all()]
    row_pages = [link.get_attribute("href") for link in page.locator(SYSTEMS).all()]

    for at in [*views, *row_pages]:
        page.evaluate("(at) => { location.hash = at; }", at)
        page.wait_for_timeout(100)
        assert page.evaluate("location.hash") == at
        assert not visited.is_wider_than_window(), at


def test_hostile_texts_are_texts(opened: Opening) -> None:
    visited = opened(hostile_rows())
    page = visited.page
    shown = page.inner_text("main")
    assert "<script>window.ran = 1</script>" in shown
    assert '"><img src=x onerror="window.ran = 2">' in shown
    assert "safe⟨U+202E⟩gnp.exe" in shown
    for at in ("curves", "types", "submit", "about", ""):
        page.goto(f"{page.url.partition('#')[0]}#/{at}")
        page.wait_for_timeout(50)
    for place in range(3):
        page.goto(f"{page.url.partition('#')[0]}#/")
        page.click(f"{SYSTEMS} >> nth={place}")
        expect(page.locator("h2")).to_be_visible()
        addresses = [link.get_attribute("href") or "" for link in page.locator("a").all()]
        assert all(address.startswith(("#/", "https://huggingface.co/")) for address in addresses), addresses
        if not place:
            assert "javascript:window.ran=7" in page.inner_text("main")

    assert page.evaluate("window.ran") is None
    assert page.locator("main img, main script, main b:has-text('LOC')").count() == 0
    assert page.locator("script").count() == 4


def test_long_name_is_cut_in_the_table_and_whole_on_its_page(opened: Opening) -> None:
    visited = opened([row(system=LONG)])

    assert len(visited.texts(SYSTEMS)[0]) == 80
    visited.page.click(SYSTEMS)
    assert visited.texts("h2") == [LONG]


def test_nothing_else_can_run_or_be_asked_for(opened: Opening) -> None:
    visited = opened()
    page = visited.page
    policy = page.get_attribute("meta[http-equiv=Content-Security-Policy]", "content") or ""
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy

    page.evaluate(
        """() => {
          const script = document.createElement('script');
          script.textContent = 'window.ran = 1';
          document.body.append(script);
        }"""
    )
    refused = page.evaluate("fetch('https://example.org/').then(() => 'sent', () => 'refused')")

    assert page.evaluate("window.ran") is None
    assert refused == "refused"
    assert len(visited.errors) >= 2
    assert all("Content Security Policy" in error or "CSP" in error for error in visited.errors)
    visited.errors.clear()
    visited.requests[:] = [
        address for address in visited.requests if not address.startswith("https://example")
    ]


def test_command(tmp_path: Path, browser: Browser) -> None:
    write_rows(tmp_path / "board" / LEADERBOARD, leaderboard())

    ended = synthner("leaderboard", "page", "board", "-o", "page.html", "--json", folder=tmp_path)

    assert ended.json == {"file": "page.html", "rows": 12}
    with visit(browser, (tmp_path / "page.html").as_uri()) as visited:
        assert visited.texts(SYSTEMS) == ["Lake", "River", "Lake", "Chat"]


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["nowhere", "-o", "page.html"], 1, "synthner leaderboard build"),
        (["board", "-o", "page.html", "--leaderboard", "acme"], 2, "organization/name"),
    ],
    ids=["nothing built", "no repository"],
)
def test_command_that_cannot_be_done(tmp_path: Path, arguments: list[str], status: int, said: str) -> None:
    write_rows(tmp_path / "board" / LEADERBOARD, leaderboard())

    ended = synthner("leaderboard", "page", *arguments, folder=tmp_path)

    assert ended.status == status
    assert said in ended.stderr
    assert not (tmp_path / "page.html").exists()


def test_data_cannot_end_their_script() -> None:
    page = leaderboard_page(hostile_rows(), title="</title><script>x</script>", repository=None)

    embedded = re.findall(r'<script type="application/json" id="(\w+)">(.*?)</script>', page, re.DOTALL)
    assert [name for name, _ in embedded] == ["facts", "rows", "details"]
    for _, text in embedded:
        assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(embedded[1][1])["system"]["values"][0] == hostile_rows()[0].system
    assert "<title>&lt;/title&gt;" in page
    assert page.count("<script") == 4


def test_same_rows_give_the_same_page() -> None:
    first, second = (leaderboard_page(leaderboard(), title="Names", repository=None) for _ in range(2))

    assert first == second


def test_empty_leaderboard(opened: Opening) -> None:
    visited = opened([])

    assert "0 of 0 results" in visited.page.inner_text(".found")
