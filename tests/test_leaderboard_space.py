"""The Space of a leaderboard: the real Gradio app on this machine, in a real browser."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest
import yaml

pytest.importorskip("playwright", reason="Playwright is not installed")
pytest.importorskip("gradio", reason="Gradio is not installed: `pip install 'synthner[space]'`")

from playwright.sync_api import Browser, Page, expect

from synthner import __version__
from synthner.cards.leaderboard.app import launch_options, leaderboard_app
from synthner.cards.leaderboard.selection import Board, Shown
from synthner.cards.leaderboard.space import write_space
from synthner.evaluation.leaderboard.rows import LEADERBOARD, Row, read_rows, write_rows
from synthner.hub.loopback import LoopbackHub
from synthner.schema.errors import WrongUsageError

from .browser import Visit, browser_without_screen, visit
from .in_process import synthner
from .leaderboard_rows import COMMIT, LONG, REPOSITORY, hostile_rows, leaderboard, row
from .loopback_clients import NAMES, commit, large, run_clients, with_dataset

SYSTEMS = "#results button.open"
# Gradio's own plots say which version of their grammar they are written in; that is no error.
_NOT_OURS = re.compile(r"favicon|manifest\.json")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browser_without_screen() as started:
        yield started


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("leaderboard")


@pytest.fixture(scope="module")
def address(folder: Path, browser: Browser) -> Iterator[str]:
    """Run the app on the rows of a local folder."""
    write_rows(folder / LEADERBOARD, leaderboard())
    app = leaderboard_app(
        lambda: Shown(Board(read_rows(folder / LEADERBOARD))), title="Names", repository=REPOSITORY
    )
    _, local, _ = app.launch(
        prevent_thread_lock=True, server_name="127.0.0.1", quiet=True, ssr_mode=False, **launch_options()
    )
    yield local
    app.close(verbose=False)


@pytest.fixture
def opened(browser: Browser, folder: Path, address: str) -> Iterator[Any]:
    """Open the app; at the end nothing of ours has complained, and no other host was asked for anything."""
    opening: list[Any] = []
    visits: list[Visit] = []

    def open_app(rows: list[Row] | None = None, query: str = "", **context: Any) -> Visit:
        write_rows(folder / LEADERBOARD, leaderboard() if rows is None else rows)
        opening.append(visit(browser, f"{address}{query}", **context))
        visits.append(opening[-1].__enter__())
        visits[-1].page.wait_for_selector("#results table, #results .nothing", state="attached")
        return visits[-1]

    yield open_app
    for context in opening:
        context.__exit__(None, None, None)
    for each in visits:
        assert [error for error in each.errors if not _NOT_OURS.search(error)] == []
        assert [asked for asked in each.requests if not asked.startswith((address, "data:", "blob:"))] == []


def choose(page: Page, name: str, label: str) -> None:
    page.click(f"#filter-{name} input")
    page.click(f"ul[role=listbox] li >> text='{label}'")


def go_to(page: Page, tab: str) -> None:
    page.click(f"button[role=tab] >> text='{tab}'")


def expect_systems(page: Page, *systems: str) -> None:
    expect(page.locator(SYSTEMS)).to_have_text(list(systems))


def test_table_search_filter_and_sort(opened: Any) -> None:
    page = opened().page
    expect_systems(page, "Lake", "River", "Lake", "Chat")
    expect(page.locator("td.of-rank_first")).to_have_text(["1–2", "1–2", "3", "–"])

    page.click("th.of-unseen_recall button")
    expect(page.locator("th.of-unseen_recall")).to_have_attribute("aria-sort", "descending")
    expect(page.locator("td.of-unseen_recall")).to_have_text(["0.600", "0.300", "0.200", "–"])
    page.fill("#search textarea, #search input", "DELTA xlm")
    expect_systems(page, "River")
    expect(page.locator("#found")).to_contain_text("1 of 12 results")
    page.fill("#search textarea, #search input", "")
    choose(page, "kind", "model")
    expect_systems(page, "River")
    choose(page, "kind", "Any kind")
    choose(page, "scope", "All languages")
    expect(page.locator(SYSTEMS)).to_have_count(12)


def test_what_has_no_rank_stands_last_until_another_order_is_asked_for(opened: Any) -> None:
    claimed = row(system="Claim", status="self-reported", rank_first=None, rank_last=None, f1=0.99)
    page = opened([claimed, row()]).page
    expect_systems(page, "Lake", "Claim")
    expect(page.locator("th.of-f1")).to_have_attribute("aria-sort", "descending")

    page.click("th.of-macro_f1 button")

    expect_systems(page, "Claim", "Lake")


def test_row(opened: Any) -> None:
    page = opened(query="?scope=yor").page
    expect_systems(page, "Lake", "River", "Lake", "Chat")

    page.click(f"{SYSTEMS} >> text=River")

    expect(page.locator("#row h2")).to_have_text("River")
    shown = page.inner_text("#row")
    for said in ("verified", "0.790", "0.760–0.820", "yor_gpt4", COMMIT, "LOC", "Unseen"):
        assert said in shown
    links = {link.get_attribute("href") for link in page.locator("#row a").all()}
    assert links == {
        f"https://huggingface.co/delta/river/tree/{COMMIT}",
        f"https://huggingface.co/datasets/acme/names/tree/{COMMIT}",
        f"https://huggingface.co/datasets/{REPOSITORY}/blob/main/{row().results[0]}",
        "https://example.org/lake",
    }
    assert {link.get_attribute("rel") for link in page.locator("#row a").all()} == {"noopener nofollow"}


def test_address_opens_a_row(opened: Any) -> None:
    rows = leaderboard()
    page = opened(query=f"?row={Board(rows).ids[2]}").page

    expect(page.locator("#row h2")).to_have_text(rows[2].system)


def test_pages(opened: Any) -> None:
    page = opened([row(system=f"System {number:03}", rank_first=number) for number in range(1, 121)]).page
    expect(page.locator(SYSTEMS)).to_have_count(50)

    page.click("text=Next")
    expect(page.locator(SYSTEMS).first).to_have_text("System 051")
    page.click("text=Next")
    expect(page.locator(SYSTEMS)).to_have_count(20)
    page.click("text=Previous")
    expect(page.locator(SYSTEMS).first).to_have_text("System 051")


def test_plots(opened: Any) -> None:
    page = opened(query="?scope=yor").page

    go_to(page, "Learning curves")
    expect(page.locator("#curves .vega-embed")).to_be_visible()
    expect(page.locator("#curves")).to_contain_text("River")
    go_to(page, "Per type")
    expect(page.locator("#types .vega-embed")).to_be_visible()
    expect(page.locator("#types")).to_contain_text("PER")


def test_command_to_submit(opened: Any) -> None:
    page = opened().page

    go_to(page, "Submit")
    page.fill("#submit-organization textarea, #submit-organization input", "it's; rm -rf ~")

    expect(page.locator("#command")).to_contain_text("""--organization 'it'"'"'s; rm -rf ~'""")
    expect(page.locator("#command")).to_contain_text(f"--to {REPOSITORY}")


def test_how_to_read_it(opened: Any) -> None:
    page = opened().page

    go_to(page, "About")

    expect(page.locator("#about")).to_contain_text("self-reported")


def test_phone_does_not_scroll_sideways(opened: Any) -> None:
    visited = opened(hostile_rows(), viewport={"width": 360, "height": 740})

    assert not visited.is_wider_than_window()


def test_dark(opened: Any) -> None:
    page = opened(query="?__theme=dark").page

    behind = page.evaluate("getComputedStyle(document.querySelector('#results td')).color")
    assert min(int(part) for part in re.findall(r"\d+", behind)[:3]) > 150


def test_hostile_texts_are_texts(opened: Any) -> None:
    visited = opened(hostile_rows())
    page = visited.page
    expect(page.locator(SYSTEMS).first).to_be_visible()
    shown = page.inner_text("#results")
    assert "<script>window.ran = 1</script>" in shown
    assert "${window.ran = 4}{{constructor.constructor('window.ran = 5')()}}" in shown
    assert "safe⟨U+202E⟩gnp.exe" in shown
    assert max(map(len, visited.texts(SYSTEMS))) == 80

    for place in range(3):
        name = page.locator(SYSTEMS).nth(place).inner_text()
        page.locator(SYSTEMS).nth(place).click()
        expect(page.locator("#row h2")).to_contain_text(name.rstrip("…"))
        addresses = [link.get_attribute("href") or "" for link in page.locator("#row a").all()]
        assert all(each.startswith("https://huggingface.co/") for each in addresses), addresses
        if LONG.startswith(name.rstrip("…")):
            assert page.inner_text("#row h2") == LONG
        for tab in ("Learning curves", "Per type", "Leaderboard"):
            go_to(page, tab)
            page.wait_for_timeout(200)

    assert page.evaluate("window.ran") is None
    assert page.locator("#results img, #row img, #row i, #row script").count() == 0


def test_files_of_a_space(tmp_path: Path) -> None:
    import gradio

    ended = synthner(
        *[
            "leaderboard",
            "space",
            "-o",
            "space",
            "--leaderboard",
            REPOSITORY,
            "--branch",
            "release",
            "--json",
        ],
        folder=tmp_path,
    )

    written = [tmp_path / name for name in ended.json["files"]]
    assert [path.name for path in written] == ["README.md", "app.py", "requirements.txt"]
    readme = written[0].read_text(encoding="utf-8")
    metadata = yaml.safe_load(readme.split("---")[1])
    assert metadata["sdk"] == "gradio"
    assert metadata["sdk_version"] == gradio.__version__
    assert metadata["app_file"] == "app.py"
    assert metadata["datasets"] == [REPOSITORY]
    assert len(metadata["short_description"]) <= 60
    assert written[2].read_text(encoding="utf-8") == f"synthner[space]=={__version__}\n"
    assert 'serve("acme/leaderboard", branch="release")' in written[1].read_text(encoding="utf-8")


@pytest.mark.parametrize("repository", ["acme", "acme/a b", 'acme/x")\nimport os', "../x", ""])
def test_space_of_no_repository(tmp_path: Path, repository: str) -> None:
    with pytest.raises(WrongUsageError, match="no repository"):
        write_space(tmp_path / "space", repository)

    assert not (tmp_path / "space").exists()


def test_space_shows_what_the_hub_has(browser: Browser, loopback_hub: LoopbackHub, tmp_path: Path) -> None:
    api = with_dataset(loopback_hub)
    _publish(api, tmp_path, leaderboard())
    write_space(tmp_path / "space", NAMES)
    port = _free_port()
    environment = {
        **os.environ,
        **loopback_hub.environment(None, tmp_path / "home"),
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_SERVER_NAME": "127.0.0.1",
    }
    log = (tmp_path / "log").open("w", encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "app.py"], cwd=tmp_path / "space", env=environment, stdout=log, stderr=log
    )
    try:
        _wait_for(f"http://127.0.0.1:{port}/", process)
        with visit(browser, f"http://127.0.0.1:{port}/") as visited:
            expect_systems(visited.page, "Lake", "River", "Lake", "Chat")
    finally:
        process.terminate()
        process.wait(timeout=20)
        log.close()


def test_rows_are_read_again_now_and_then_and_kept_while_there_is_nothing_to_read(
    loopback_hub: LoopbackHub, tmp_path: Path
) -> None:
    owner = loopback_hub.add_user("grace", organizations=["acme"])
    with_dataset(loopback_hub)

    seen = run_clients(
        loopback_hub,
        owner,
        tmp_path,
        f"""
        import json
        from dataclasses import replace
        from pathlib import Path
        from huggingface_hub import HfApi
        from synthner.evaluation.leaderboard.rows import LEADERBOARD, read_rows, write_rows
        from synthner.leaderboard.serving import SECONDS_BETWEEN_LOOKS, LeaderboardOnHub

        rows = read_rows(Path({str(_written(tmp_path, [row()]))!r}))
        api, now, seen = HfApi(), [0.0], []
        source = LeaderboardOnHub({NAMES!r}, clock=lambda: now[0])

        def publish(content):
            api.upload_file(
                path_or_fileobj=content, path_in_repo=LEADERBOARD, repo_id={NAMES!r}, repo_type="dataset"
            )

        def look():
            now[0] += SECONDS_BETWEEN_LOOKS + 1
            shown = source.current()
            seen.append([[row.system for row in shown.board.rows], bool(shown.note)])

        look()
        for name in ("First", "Second"):
            write_rows(Path("rows.parquet"), [replace(rows[0], system=name)])
            publish(Path("rows.parquet").read_bytes())
            look()
            assert source.current().board is source.current().board  # the Hub is not asked at every step
        publish(b"this is no parquet")
        look()
        publish(Path("rows.parquet").read_bytes())
        look()
        print(json.dumps(seen))
        """,
    )

    assert seen == [
        [[], True],
        [["First"], False],
        [["Second"], False],
        [["Second"], True],
        [["Second"], False],
    ]


def _written(folder: Path, rows: list[Row]) -> Path:
    path = folder / "written.parquet"
    write_rows(path, rows)
    return path


def _publish(api: Any, folder: Path, rows: list[Row], name: str = LEADERBOARD) -> None:
    commit(api, large(name, _written(folder, rows).read_bytes()))


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert process.poll() is None
        try:
            with urlopen(address, timeout=5):
                return
        except (URLError, OSError):
            time.sleep(0.1)
    raise AssertionError("the Space did not start")
