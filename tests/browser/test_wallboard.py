"""The wallboard against a stand-in stream."""

from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.fake_system import FakeSystem, figures
from tests.browser.looks import SCHEMES, assert_accessible, assert_fits

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def test_the_figures_of_the_floor(system: FakeSystem, open_page: OpenPage) -> None:
    async with open_page() as page:
        await page.goto(f"{system.url}/wallboard/")
        for kpi, value in (
            ("waiting", "10"),
            ("longest", "1:34"),
            ("level", "91 %"),
            ("answered", "1,284"),
            ("served", "412"),
            ("abandoned", "31"),
        ):
            await expect(page.locator(f"[data-kpi={kpi}] .value")).to_have_text(value)
        assert system.signed_in == [{"role": "supervisor"}]
        triage = page.locator("[data-queue=nurse_triage] td")
        assert await triage.all_inner_texts() == ["3", "1", "2", "0", "1:34", "2", "0"]
        await expect(page.locator("[data-agent=dev-patel]")).to_contain_text("Offered a call")
        await expect(page.locator("[data-agent=amara-okafor] .held")).to_contain_text("5:1")
        await expect(page.locator("[data-group=talking] strong")).to_have_text("2")
        await expect(page.locator("#alerts")).to_have_text("1 emergent caller is waiting.")


async def test_before_anything_has_happened(system: FakeSystem, open_page: OpenPage) -> None:
    system.figures = lambda: {"at": figures()["at"], "queues": [], "agents": [], "kpis": {"service_level": None}}
    async with open_page() as page:
        await page.goto(f"{system.url}/wallboard/")
        await expect(page.locator("[data-kpi=level] .value")).to_have_text("\u2013")
        await expect(page.locator("#queues")).to_contain_text("No queue is configured yet.")


async def test_a_stopped_stream_is_said_and_taken_up_again(system: FakeSystem, open_page: OpenPage) -> None:
    async with open_page(expect_errors=True) as page:
        await page.goto(f"{system.url}/wallboard/")
        await page.locator("[data-queue=refills]").wait_for()

        def stopped() -> dict[str, Any] | None:
            return None

        system.figures = stopped
        await expect(page.locator("#banner")).to_contain_text("The figures have stopped", timeout=15_000)
        await assert_accessible(page)
        system.figures = figures
        await expect(page.locator("#fresh-text")).to_have_text("Live", timeout=20_000)
        await expect(page.locator("#banner")).to_be_empty()


async def test_without_a_demo_a_token_is_asked_for(system: FakeSystem, open_page: OpenPage) -> None:
    system.demo = False
    async with open_page(expect_errors=True) as page:
        await page.goto(f"{system.url}/wallboard/")
        await page.get_by_label("Supervisor's token").fill("a-token")
        await assert_accessible(page)
        await page.keyboard.press("Enter")
        await expect(page.locator("[data-kpi=answered] .value")).to_have_text("1,284")


@pytest.mark.parametrize("width", [360, 1024, 1920])
@pytest.mark.parametrize("scheme", SCHEMES)
async def test_is_accessible_and_fits(system: FakeSystem, open_page: OpenPage, scheme: str, width: int) -> None:
    async with open_page(color_scheme=scheme, viewport={"width": width, "height": 900}) as page:
        await page.goto(f"{system.url}/wallboard/")
        await page.locator("[data-queue=refills]").wait_for()
        await assert_accessible(page)
        await assert_fits(page)
