"""One whole call through the real system: a person calls from /phone/ and another answers at /desktop/."""

import asyncio
import os
import re
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.browser.looks import SCREENSHOTS, assert_accessible, shoot

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

START_S = 60.0
STOP_S = 15.0
STEP_MS = 20_000
PICTURE_MS = 90_000
BUSY_MS = 30_000  # what a newcomer is promised


def _two_free_ports() -> int:
    """A port whose successor is free too: the simulated carrier listens there."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port


def _tail(log: Path) -> str:
    return f"the system said: {log.read_text()[-2000:]}"


async def _until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    async with httpx.AsyncClient(base_url=url) as client, asyncio.timeout(START_S):
        while True:
            if process.poll() is not None:
                pytest.fail(_tail(log))
            try:
                if (await client.get("/readyz")).is_success and (await client.get("/v1/demo/info")).is_success:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)  # Nothing tells from outside that a port has opened.


@asynccontextmanager
async def _system(folder: Path, **environment: str) -> AsyncIterator[str]:
    """The real system as an operator starts it; it has to end cleanly, too."""
    port = _two_free_ports()
    log = folder / "system.log"
    command = [str(Path(sys.executable).with_name("frontdoor")), "up", "--demo"]
    command += ["--port", str(port), "--data", str(folder / "data")]
    with log.open("wb") as out:
        env = os.environ | environment
        process = subprocess.Popen(command, env=env, stdout=out, stderr=subprocess.STDOUT)  # noqa: ASYNC220
    try:
        await _until_ready(f"http://127.0.0.1:{port}", process, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, STOP_S)
    assert process.returncode == 0, _tail(log)


@pytest_asyncio.fixture(loop_scope="session")
async def running(tmp_path: Path) -> AsyncIterator[str]:
    """With no simulated callers or agents in the way."""
    async with _system(tmp_path, FRONTDOOR_DEMO_CALLERS="0", FRONTDOOR_DEMO_AGENTS="0") as url:
        yield url


@pytest_asyncio.fixture(loop_scope="session")
async def busy(tmp_path: Path) -> AsyncIterator[str]:
    """With the demo's callers and agents at work."""
    async with _system(tmp_path) as url:
        yield url


@pytest_asyncio.fixture(loop_scope="session")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    opened = await browser.new_context(viewport={"width": 1280, "height": 860})
    opened.set_default_timeout(STEP_MS)
    yield opened
    await opened.close()


async def _sit_down(context: BrowserContext, url: str) -> Page:
    desktop = await context.new_page()
    await desktop.goto(f"{url}/desktop/")
    await desktop.locator("[data-agent=practice-nurse]").click()
    await desktop.locator("[data-status=available]").click()
    await expect(desktop.get_by_role("heading", name="Ready for the next caller")).to_be_visible(timeout=STEP_MS)
    return desktop


async def _call_in(context: BrowserContext, url: str, words: str) -> Page:
    phone = await context.new_page()
    await phone.goto(f"{url}/phone/")
    await phone.get_by_role("button", name="Call", exact=True).click()
    await expect(phone.locator("#captions .heard").first).to_be_visible(timeout=STEP_MS)
    await expect(phone.locator("#state")).to_have_text("Listening to you", timeout=STEP_MS)
    await phone.get_by_label("What you would say").fill(words)
    await phone.keyboard.press("Enter")
    return phone


async def test_a_person_calls_and_a_person_answers(running: str, context: BrowserContext) -> None:
    desktop = await _sit_down(context, running)
    wallboard = await context.new_page()
    await wallboard.goto(f"{running}/wallboard/")
    phone = await _call_in(context, running, "My chest hurts")

    await desktop.bring_to_front()
    offer = desktop.locator(".offer.emergent")
    await expect(offer).to_be_visible(timeout=STEP_MS)
    await expect(offer).to_contain_text("My chest hurts")
    await assert_accessible(desktop)
    await shoot(desktop, "desktop-offer")
    await desktop.keyboard.press("a")

    await expect(desktop.locator(".call.connected")).to_be_visible(timeout=STEP_MS)
    await expect(phone.locator("#state")).to_have_text("Connected with a person", timeout=STEP_MS)
    await expect(wallboard.locator("[data-agent=practice-nurse]")).to_contain_text("On a call", timeout=STEP_MS)
    await shoot(phone, "phone")
    await shoot(desktop, "desktop-call")

    await desktop.get_by_role("button", name="Hang up").click()
    await expect(phone.locator("#state")).to_have_text("Call ended", timeout=STEP_MS)
    await desktop.locator(".call.wrapping").wait_for()
    await desktop.get_by_label("Escalated").check()
    await shoot(desktop, "desktop-wrap-up")
    await desktop.get_by_role("button", name="Finish").click()
    await expect(desktop.get_by_role("heading", name="Ready for the next caller")).to_be_visible(timeout=STEP_MS)
    await expect(wallboard.locator("[data-kpi=answered] .value")).not_to_have_text("0", timeout=STEP_MS)

    landing = await context.new_page()
    await landing.goto(f"{running}/")
    await landing.locator("#try").wait_for()
    await shoot(landing, "landing")


async def test_a_caller_who_hangs_up_takes_the_offer_away(running: str, context: BrowserContext) -> None:
    desktop = await _sit_down(context, running)
    phone = await _call_in(context, running, "My chest hurts")
    await expect(desktop.locator(".offer")).to_be_visible(timeout=STEP_MS)
    await phone.get_by_role("button", name="Hang up").click()
    await expect(desktop.locator(".idle")).to_contain_text("The caller hung up", timeout=STEP_MS)


async def test_opening_hours_are_told_without_a_person(running: str, context: BrowserContext) -> None:
    phone = await _call_in(context, running, "What are your opening hours?")
    told = phone.locator("#captions .heard").filter(has_text="open")
    await expect(told.last).to_be_visible(timeout=STEP_MS)


async def test_the_demos_callers_are_answered_before_ones_eyes(busy: str, context: BrowserContext) -> None:
    wallboard = await context.new_page()
    await wallboard.goto(f"{busy}/wallboard/")
    answered = wallboard.locator("[data-kpi=answered] .value")
    await expect(answered).not_to_have_text("0", timeout=BUSY_MS)
    await assert_accessible(wallboard)
    if SCREENSHOTS:  # a picture of a morning, not of its first second
        await expect(answered).to_have_text(re.compile(r"\d{2,}"), timeout=PICTURE_MS)
    await shoot(wallboard, "wallboard")
