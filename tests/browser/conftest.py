"""A real Chromium, and pages with nothing left unsaid: console errors and refused requests fail the test."""

import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright

from tests.browser.fake_system import FakeSystem, serving

CHROMIUM = os.environ.get("FRONTDOOR_CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NO_CHROMIUM = "NO CHROMIUM (apt-get install chromium)"
OpenPage = Callable[..., AbstractAsyncContextManager[Page]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.access(CHROMIUM, os.X_OK) or os.environ.get("CI") == "true":
        return
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.skip(reason=NO_CHROMIUM))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    skipped = [report for report in terminalreporter.stats.get("skipped", []) if NO_CHROMIUM in str(report.longrepr)]
    if skipped:
        terminalreporter.write_line(f"{NO_CHROMIUM}: {len(skipped)} browser tests were skipped", red=True, bold=True)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    assert os.access(CHROMIUM, os.X_OK), f"no Chromium at {CHROMIUM}; with CI=true that is a failure"
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield launched
        await launched.close()


@pytest_asyncio.fixture(loop_scope="session")
async def system() -> AsyncIterator[FakeSystem]:
    async with serving(FakeSystem()) as serving_system:
        yield serving_system


@pytest.fixture
def open_page(browser: Browser) -> OpenPage:
    """A page in a context of its own. What it says on its console as an error fails the test, unless expected."""

    @asynccontextmanager
    async def opened(*, expect_errors: bool = False, **options: Any) -> AsyncIterator[Page]:
        context = await browser.new_context(**({"viewport": {"width": 1280, "height": 860}} | options))
        context.set_default_timeout(10_000)
        page = await context.new_page()
        problems: list[str] = []
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        yield page
        await context.close()
        assert expect_errors or problems == []

    return opened
