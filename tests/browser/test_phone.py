"""The practice phone against a stand-in carrier, and the first page that leads to it."""

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.fake_system import FakeSystem
from tests.browser.looks import SCHEMES, assert_accessible, assert_fits

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def test_a_call_is_heard_answered_and_ended(system: FakeSystem, open_page: OpenPage) -> None:
    async with open_page() as page:
        await page.goto(f"{system.url}/phone/")
        await page.get_by_role("button", name="Call", exact=True).click()
        carrier = await system.phone()
        assert system.phone_numbers == ["+15005550100"]
        await carrier.send({"type": "ringing"})
        await expect(page.locator("#state")).to_have_text("Ringing …")
        await carrier.send({"type": "say", "text": "Bienvenido. ¿En qué puedo ayudarle?", "language": "es"})
        await expect(page.locator("#captions [lang=es]")).to_have_text("Bienvenido. ¿En qué puedo ayudarle?")
        await carrier.send({"type": "listening"})
        await expect(page.locator("#state")).to_have_text("Listening to you")

        await page.locator(".chip").filter(has_text="My chest hurts").click()
        assert await carrier.expect("speak") == {"type": "speak", "text": "My chest hurts"}
        await page.get_by_label("What you would say").fill("  and my arm is numb ")
        await page.keyboard.press("Enter")
        assert await carrier.expect("speak", 2) == {"type": "speak", "text": "and my arm is numb"}
        await page.get_by_role("button", name="Keypad").click()
        await page.get_by_role("button", name="star").click()
        assert await carrier.expect("press") == {"type": "press", "digit": "*"}

        await carrier.send({"type": "music"})
        await carrier.send({"type": "music"})
        await carrier.send({"type": "from_the_future"})
        await carrier.send({"type": "connected"})
        await expect(page.locator("#state")).to_have_text("Connected with a person")
        assert await page.locator(".tune").count() == 1
        await carrier.send({"type": "ended", "reason": "completed"})
        await expect(page.locator("#state")).to_have_text("Call ended")
        await expect(page.get_by_role("button", name="Call", exact=True)).to_be_visible()


async def test_hanging_up_tells_the_carrier_and_one_can_call_again(system: FakeSystem, open_page: OpenPage) -> None:
    async with open_page() as page:
        await page.goto(f"{system.url}/phone/")
        await page.get_by_role("button", name="Call", exact=True).click()
        carrier = await system.phone()
        await page.get_by_role("button", name="Hang up").click()
        await carrier.expect("hang_up")
        call = page.get_by_role("button", name="Call", exact=True)
        await expect(call).to_be_focused()
        await page.keyboard.press("Enter")
        await (await system.phone()).send({"type": "say", "text": "Hello again", "language": "en"})
        await expect(page.locator("#captions")).to_have_text("You hear: Hello again")


async def test_a_lost_line_is_said(system: FakeSystem, open_page: OpenPage) -> None:
    async with open_page() as page:
        await page.goto(f"{system.url}/phone/")
        await page.get_by_role("button", name="Call", exact=True).click()
        await (await system.phone()).socket.close()
        await expect(page.locator("#captions")).to_contain_text("The line was lost")
        await expect(page.locator("#state")).to_have_text("Call ended")


async def test_a_carrier_that_is_still_starting_is_tried_again(system: FakeSystem, open_page: OpenPage) -> None:
    async with open_page(expect_errors=True) as page:
        await page.add_init_script("""
            const Real = WebSocket;
            let refused = 2;
            window.WebSocket = class extends Real {
                constructor(url) { super(refused-- > 0 ? url.replace("/phone", "/not-there") : url); }
            };
        """)
        await page.goto(f"{system.url}/phone/")
        await page.get_by_role("button", name="Call", exact=True).click()
        carrier = await system.phone()
        await carrier.send({"type": "ringing"})
        await expect(page.locator("#state")).to_have_text("Ringing …")


async def test_nothing_is_read_aloud_unless_asked_for(system: FakeSystem, open_page: OpenPage) -> None:
    async with open_page() as page:
        await page.add_init_script("window.spoken = []; speechSynthesis.speak = (one) => spoken.push(one.text);")
        await page.goto(f"{system.url}/phone/")
        await page.get_by_role("button", name="Call", exact=True).click()
        carrier = await system.phone()
        await carrier.send({"type": "say", "text": "One", "language": "en"})
        await expect(page.locator("#captions")).to_contain_text("One")
        await page.get_by_label("Read what is heard aloud").check()
        await carrier.send({"type": "say", "text": "Two", "language": "en"})
        await expect(page.locator("#captions")).to_contain_text("Two")
        assert await page.evaluate("window.spoken") == ["Two"]


async def test_without_a_demo_there_is_nothing_to_call(system: FakeSystem, open_page: OpenPage) -> None:
    system.demo = False
    async with open_page(expect_errors=True) as page:
        await page.goto(f"{system.url}/phone/")
        await expect(page.locator("#state")).to_have_text("The demo is not running here")
        await expect(page.get_by_role("button", name="Call", exact=True)).to_be_disabled()
        await page.goto(f"{system.url}/")
        await expect(page.get_by_role("link", name="Agent desktop")).to_be_visible()
        await expect(page.get_by_role("link", name="Practice phone")).to_be_hidden()


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", SCHEMES)
async def test_phone_and_first_page_are_accessible_and_fit(
    system: FakeSystem, open_page: OpenPage, scheme: str, width: int
) -> None:
    async with open_page(color_scheme=scheme, viewport={"width": width, "height": 780}) as page:
        await page.goto(f"{system.url}/")
        await page.locator("#try").wait_for()
        await assert_accessible(page)
        await assert_fits(page)
        await page.get_by_role("link", name="Practice phone", exact=True).click()
        await page.get_by_role("button", name="Call", exact=True).click()
        carrier = await system.phone()
        await carrier.send({"type": "say", "text": "Welcome. How can I help you?", "language": "en"})
        await page.get_by_role("button", name="Keypad").click()
        await expect(page.locator("#captions")).to_contain_text("Welcome")
        await assert_accessible(page)
        await assert_fits(page)
