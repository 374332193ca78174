"""What every page has to be: free of serious findings of axe, in both colour schemes, and no wider than its screen."""

import os
from pathlib import Path

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

SCREENSHOTS = os.environ.get("FRONTDOOR_SCREENSHOTS") == "1"
IMAGES = Path(__file__).parents[2] / "docs/images"
SCHEMES = ("light", "dark")
SETTLED = """() => Promise.allSettled(
    document.getAnimations().filter((one) => one.effect.getTiming().iterations !== Infinity).map((one) => one.finished)
)"""


async def assert_accessible(page: Page) -> None:
    # A card that fades in has no settled colours; axe would measure the fade.
    await page.evaluate(SETTLED)
    results = await Axe().run(page)
    grave = [
        (violation["id"], violation["impact"], [node["html"][:120] for node in violation["nodes"][:3]])
        for violation in results.response["violations"]
        if violation["impact"] in ("serious", "critical")
    ]
    assert grave == []


async def assert_fits(page: Page) -> None:
    overflow = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0


async def shoot(page: Page, name: str) -> None:
    """Keep a picture of the page for the documentation, if asked to."""
    if SCREENSHOTS:
        IMAGES.mkdir(parents=True, exist_ok=True)
        await page.screenshot(path=IMAGES / f"{name}.png")
