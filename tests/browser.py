"""A real browser without a screen, for tests of pages: Chromium, where it is installed."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
# A busy machine must not fail a test.
_PATIENCE = 30_000
_SWITCHES = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def browser_without_screen() -> Iterator[Browser]:
    """Start a browser with an empty profile; skip the test where there is none."""
    executable = next(filter(None, map(shutil.which, _NAMES)), None)
    if executable is None:
        pytest.skip("there is no Chromium here (`apt-get install chromium`)")
    expect.set_options(timeout=_PATIENCE)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=executable, args=list(_SWITCHES))
        yield started
        started.close()


@dataclass
class Visit:
    """An open page, and what it did.

    Attributes:
        page: The page.
        errors: What its console has as errors, and what it did not catch.
        requests: The addresses that it asked for.
    """

    page: Page
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def texts(self, selector: str) -> list[str]:
        """Return what the elements say."""
        return [text.strip() for text in self.page.locator(selector).all_inner_texts()]

    def is_wider_than_window(self) -> bool:
        """Say whether the page as a whole has to be scrolled sideways."""
        return self.page.evaluate("document.documentElement.scrollWidth > window.innerWidth")


@contextmanager
def visit(browser: Browser, address: str, **context: Any) -> Iterator[Visit]:
    """Open an address in a profile of its own."""
    with browser.new_context(**context) as opened:
        opened.set_default_timeout(_PATIENCE)
        page = opened.new_page()
        visited = Visit(page)
        page.on("pageerror", lambda error: visited.errors.append(str(error)))
        page.on("console", lambda said: visited.errors.extend([said.text] if said.type == "error" else []))
        page.on("request", lambda request: visited.requests.append(request.url))
        page.goto(address)
        yield visited
