"""The agent desktop against a stand-in gateway: every frame, every state, with mouse and with keys alone."""

from datetime import timedelta

import pytest
from playwright.async_api import Page, expect

from schemas.gateway_frames import (
    CallView,
    CloseCode,
    ErrorFrame,
    OfferWithdrawn,
    Ping,
    Reconnect,
    Resumed,
    StatusChanged,
)
from schemas.routing import Urgency
from tests.browser.conftest import OpenPage
from tests.browser.fake_system import FakeSystem, Peer, call_frame, now, offer_frame, offer_view, status_view
from tests.browser.looks import SCHEMES, assert_accessible, assert_fits

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def sign_in(page: Page, system: FakeSystem, **held: object) -> Peer:
    await page.goto(f"{system.url}/desktop/")
    await page.click("[data-agent=practice-nurse]")
    return await system.desktop(**held)


async def test_one_click_signs_in_and_the_next_tab_is_someone_else(system: FakeSystem, open_page: OpenPage) -> None:
    async with open_page() as page:
        desktop = await sign_in(page, system)
        assert system.signed_in == [{"agent_id": "practice-nurse"}]
        assert desktop.received == [{"type": "hello"}]
        await expect(page.locator("#who")).to_have_text("Noor Haddad")
        await page.reload()
        await system.desktop()
        await expect(page.locator("#who")).to_have_text("Noor Haddad")
        async with page.context.expect_page():
            await page.evaluate("window.open('/desktop/', '_blank', 'noopener')")
        other = page.context.pages[-1]
        await expect(other.locator("[data-agent=practice-agent]")).to_be_visible()


async def test_a_whole_call_by_mouse(system: FakeSystem, open_page: OpenPage) -> None:
    async with open_page() as page:
        system.status = status_view("offline")
        desktop = await sign_in(page, system)
        await page.get_by_role("button", name="Go available").click()
        assert await desktop.expect("status.set") == {"type": "status.set", "status": "available"}
        await desktop.send(StatusChanged(seq=101, status=status_view("available", version=2)))
        await expect(page.get_by_role("heading", name="Ready for the next caller")).to_be_visible()

        offer = offer_view()
        await desktop.send(offer_frame(offer, 102))
        card = page.locator(".offer")
        for shown in (
            "Emergent",
            "Nurse triage",
            "Spanish",
            "My chest hurts and my left arm is numb",
            "Chest pain",
            offer.why,
        ):
            await expect(card).to_contain_text(shown)
        await expect(page).to_have_title("● Call waiting: Symptoms to talk through")
        await page.get_by_role("button", name="Accept").click()
        accepted = {"type": "offer.accept", "reservation_id": offer.reservation_id}
        assert await desktop.expect("offer.accept") == accepted
        await expect(page.get_by_role("button", name="Accept")).to_be_disabled()

        await desktop.send(call_frame(offer, "connecting", 103, deadline=now() + timedelta(seconds=30)))
        await expect(page.locator(".call")).to_contain_text("Connecting you")
        await expect(page).to_have_title("Agent desktop · Frontdoor")
        await desktop.send(call_frame(offer, "connected", 104))
        await expect(page.locator(".call")).to_contain_text("On the call")
        await page.get_by_role("button", name="Hang up").click()
        hung_up = {"type": "call.hang_up", "contact_id": offer.contact_id}
        assert await desktop.expect("call.hang_up") == hung_up

        await desktop.send(call_frame(offer, "wrapping", 105, deadline=now() + timedelta(seconds=60)))
        await page.get_by_label("Follow up").check()
        await page.get_by_role("button", name="Finish").click()
        finished = {"type": "wrap_up.done", "item_id": offer.item_id, "disposition": "follow_up"}
        assert await desktop.expect("wrap_up.done") == finished
        await desktop.send(call_frame(offer, "ended", 106, reason="completed"))
        await expect(page.get_by_role("heading", name="Ready for the next caller")).to_be_visible()
        await expect(page.locator(".tally")).to_contain_text("1")


@pytest.mark.parametrize(("key", "frame"), [("Enter", "offer.accept"), ("a", "offer.accept"), ("r", "offer.reject")])
async def test_an_offer_is_answered_with_a_key(system: FakeSystem, open_page: OpenPage, key: str, frame: str) -> None:
    async with open_page() as page:
        desktop = await sign_in(page, system)
        offer = offer_view()
        await desktop.send(offer_frame(offer))
        await expect(page.locator(".offer")).to_be_visible()
        await expect(page.locator("#alerts")).to_contain_text(
            "Call offered: emergent, Symptoms to talk through in Spanish"
        )
        await page.keyboard.press(key)
        await page.keyboard.press(key)
        assert await desktop.expect(frame) == {"type": frame, "reservation_id": offer.reservation_id}
        await desktop.send(Ping())
        await desktop.expect("pong")
        assert [one["type"] for one in desktop.received] == ["hello", frame, "pong"]


async def test_a_whole_call_with_keys_alone(system: FakeSystem, open_page: OpenPage) -> None:
    async with open_page() as page:
        await page.goto(f"{system.url}/desktop/")
        await page.locator("[data-agent=practice-nurse]").wait_for()
        for _ in range(3):  # skip link, brand, the first agent
            await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        desktop = await system.desktop()
        offer = offer_view(urgency=Urgency.URGENT)
        await desktop.send(offer_frame(offer))
        await page.locator(".offer").wait_for()
        await page.keyboard.press("Enter")
        await desktop.expect("offer.accept")
        await desktop.send(call_frame(offer, "connected", 102))
        hang_up = page.get_by_role("button", name="Hang up")
        await hang_up.wait_for()
        while not await hang_up.evaluate("(node) => node === document.activeElement"):
            await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await desktop.expect("call.hang_up")
        await desktop.send(call_frame(offer, "wrapping", 103, deadline=now() + timedelta(seconds=60)))
        # Focus follows the call: the next Tab is the first choice of the wrap-up.
        await expect(page.locator("#call-title")).to_be_focused()
        await page.keyboard.press("Tab")
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Enter")
        assert (await desktop.expect("wrap_up.done"))["disposition"] == "follow_up"


async def test_enter_on_another_control_does_not_accept(system: FakeSystem, open_page: OpenPage) -> None:
    async with open_page() as page:
        desktop = await sign_in(page, system)
        await desktop.send(offer_frame(offer_view()))
        await page.get_by_role("button", name="Reject").focus()
        await page.keyboard.press("Enter")
        await desktop.expect("offer.reject")
        assert [one["type"] for one in desktop.received] == ["hello", "offer.reject"]


async def test_letters_can_be_switched_off(system: FakeSystem, open_page: OpenPage) -> None:
    async with open_page() as page:
        desktop = await sign_in(page, system)
        await page.get_by_role("switch", name="Keys A and R").uncheck()
        await desktop.send(offer_frame(offer_view()))
        await page.locator(".offer").wait_for()
        await page.keyboard.press("r")
        await page.locator("#main").focus()
        await page.keyboard.press("Enter")
        await desktop.expect("offer.accept")
        assert [one["type"] for one in desktop.received] == ["hello", "offer.accept"]


async def test_a_withdrawn_offer_says_why(system: FakeSystem, open_page: OpenPage) -> None:
    reasons = {
        "lapsed": "The time was up",
        "caller_hung_up": "The caller hung up",
        "rescinded": "went back to its place",
        "accepted_elsewhere": "A colleague took that call",
        "rejected": "You passed on that call",
    }
    async with open_page() as page:
        desktop = await sign_in(page, system)
        for number, (reason, shown) in enumerate(reasons.items(), start=1):
            offer = offer_view(number)
            await desktop.send(offer_frame(offer, 100 + 2 * number))
            await page.locator(f"[data-reservation={offer.reservation_id}]").wait_for()
            over = {"type": "offer.withdrawn", "reservation_id": offer.reservation_id, "reason": reason}
            await desktop.send(over | {"seq": 101 + 2 * number})
            await expect(page.locator(".idle")).to_contain_text(shown)


async def test_unknown_frames_and_repeats_change_nothing(system: FakeSystem, open_page: OpenPage) -> None:
    async with open_page() as page:
        desktop = await sign_in(page, system)
        offer = offer_view()
        await desktop.send(offer_frame(offer, 101))
        await desktop.send({"type": "call.whispered", "seq": 102})
        await desktop.send({"no": "type"})
        await desktop.socket.send_text("not json")
        repeated = OfferWithdrawn(seq=101, reservation_id=offer.reservation_id, reason="lapsed")
        await desktop.send(repeated)
        await desktop.send(Ping())
        await desktop.expect("pong")
        await expect(page.locator(".offer")).to_be_visible()


async def test_what_a_caller_said_is_never_markup(system: FakeSystem, open_page: OpenPage) -> None:
    async with open_page() as page:
        desktop = await sign_in(page, system)
        said = "<img src=x onerror=alert(1)><b>hello</b>"
        await desktop.send(offer_frame(offer_view().model_copy(update={"screen_pop": {"said": said}, "why": said})))
        await expect(page.locator(".said blockquote")).to_have_text(said)
        assert await page.locator(".offer img, .offer b").count() == 0


async def test_a_refused_answer_brings_the_buttons_back(system: FakeSystem, open_page: OpenPage) -> None:
    async with open_page() as page:
        desktop = await sign_in(page, system)
        await desktop.send(offer_frame(offer_view()))
        await page.get_by_role("button", name="Accept").click()
        await desktop.send(ErrorFrame(code="unavailable", message="that may not have arrived; try again"))
        await expect(page.locator(".offer")).to_contain_text("That may not have arrived")
        await page.get_by_role("button", name="Accept").click()
        await desktop.expect("offer.accept", 2)


async def test_the_status_shown_is_the_servers(system: FakeSystem, open_page: OpenPage) -> None:
    async with open_page() as page:
        desktop = await sign_in(page, system)
        await page.get_by_role("button", name="Break", exact=True).click()
        await desktop.expect("status.set")
        await expect(page.get_by_role("button", name="Available", pressed=True)).to_be_visible()
        busy = status_view("available", "busy", version=2, next_status="break")
        await desktop.send(StatusChanged(seq=101, status=busy))
        await expect(page.locator(".status-line")).to_have_text("On a call · next: Break")
        await desktop.send(StatusChanged(seq=102, status=status_view("break", version=3)))
        await expect(page.get_by_role("button", name="Break", pressed=True, exact=True)).to_be_visible()
        await page.get_by_label("Reason").select_option("Lunch")
        wanted = {"type": "status.set", "status": "break", "reason": "Lunch"}
        assert await desktop.expect("status.set", 2) == wanted


async def test_a_lost_socket_resumes_where_it_was(system: FakeSystem, open_page: OpenPage) -> None:
    async with open_page() as page:
        desktop = await sign_in(page, system)
        offer = offer_view()
        await desktop.send(offer_frame(offer, 107))
        await page.locator(".offer").wait_for()
        await desktop.socket.close(CloseCode.RESTARTING)
        again = await system.desktop(snapshot=False)
        assert again.received == [{"type": "hello", "resume": {"session": "session-1", "seq": 107}}]
        await again.send(call_frame(offer, "connecting", 108))
        await again.send(Resumed(seq=120))
        await expect(page.locator(".call.connecting")).to_be_visible()
        await expect(page.locator("#banner")).to_be_empty()
        await again.socket.close(CloseCode.SILENT)
        third = await system.desktop(snapshot=False)
        assert third.received[0]["resume"]["seq"] == 120


async def test_a_gateway_that_goes_away_is_left_when_it_said_and_not_before(
    system: FakeSystem, open_page: OpenPage
) -> None:
    async with open_page() as page:
        await page.clock.install()
        desktop = await sign_in(page, system)
        await desktop.send(StatusChanged(seq=101, status=status_view("break", version=2)))
        await desktop.send(Reconnect(after_s=60))
        await desktop.socket.close(CloseCode.RESTARTING)
        await expect(page.locator("#banner")).to_contain_text("Reconnecting")
        tickets = system.tickets
        await page.clock.run_for(58_000)
        await page.evaluate("fetch('/desktop/').then((answer) => answer.status)")  # what was asked before has arrived
        assert system.tickets == tickets
        await page.clock.run_for(3_000)
        again = await system.desktop(snapshot=False)
        assert again.received == [{"type": "hello", "resume": {"session": "session-1", "seq": 101}}]


async def test_while_away_nothing_can_be_answered(system: FakeSystem, open_page: OpenPage) -> None:
    async with open_page() as page:
        desktop = await sign_in(page, system)
        await desktop.send(offer_frame(offer_view()))
        await page.locator(".offer").wait_for()
        await desktop.socket.close(CloseCode.RESTARTING)
        await expect(page.locator("#banner")).to_contain_text("Reconnecting")
        await expect(page.get_by_role("button", name="Accept")).to_be_disabled()
        await system.desktop()
        await expect(page.locator("#banner")).to_be_empty()


async def test_a_silent_gateway_is_given_up(system: FakeSystem, open_page: OpenPage) -> None:
    async with open_page() as page:
        await page.goto(f"{system.url}/desktop/")
        await page.click("[data-agent=practice-nurse]")
        await system.desktop(ping_s=0.1)
        again = await system.desktop()
        assert again.received[0]["type"] == "hello"


async def test_the_older_of_two_desktops_can_take_over(system: FakeSystem, open_page: OpenPage) -> None:
    async with open_page() as page:
        desktop = await sign_in(page, system)
        await desktop.send(ErrorFrame(code="replaced", message="you are signed in elsewhere since"))
        await desktop.socket.close(CloseCode.REPLACED)
        await expect(page.locator("#banner")).to_contain_text("signed in somewhere else")
        await page.get_by_role("button", name="Take over here").click()
        again = await system.desktop()
        assert again.received[0]["type"] == "hello"
        await expect(page.locator("#banner")).to_be_empty()


async def test_a_token_that_is_no_longer_good_leads_to_the_sign_in(system: FakeSystem, open_page: OpenPage) -> None:
    async with open_page(expect_errors=True) as page:
        desktop = await sign_in(page, system)
        system.token_good = False
        await desktop.socket.close(CloseCode.BAD_TICKET)
        await expect(page.locator("#sign-in")).to_contain_text("Please sign in again")


async def test_without_a_demo_a_token_is_asked_for(system: FakeSystem, open_page: OpenPage) -> None:
    system.demo = False
    async with open_page(expect_errors=True) as page:
        await page.goto(f"{system.url}/desktop/")
        await page.get_by_label("Access token").fill("a-token")
        await assert_accessible(page)
        await page.keyboard.press("Enter")
        await system.desktop()
        await expect(page.locator("#who")).to_have_text("Noor Haddad")


async def test_a_page_loaded_in_a_call_shows_it(system: FakeSystem, open_page: OpenPage) -> None:
    async with open_page() as page:
        call = CallView(**offer_view().model_dump(), state="connected", since=now() - timedelta(seconds=75))
        await sign_in(page, system, call=call)
        await expect(page.locator(".timer")).to_contain_text("1:1")
        await expect(page.locator(".call")).to_contain_text("My chest hurts")


async def test_a_wrong_clock_does_not_shorten_an_offer(system: FakeSystem, open_page: OpenPage) -> None:
    async with open_page() as page:
        await page.add_init_script("const real = Date.now; Date.now = () => real() + 3600e3;")
        desktop = await sign_in(page, system)
        await desktop.send(offer_frame(offer_view(deadline_s=90)))
        left = int(await page.locator(".ring-text strong").inner_text())
        assert 60 < left <= 92


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_every_state_is_accessible_and_fits_a_small_screen(
    system: FakeSystem, open_page: OpenPage, scheme: str
) -> None:
    async with open_page(color_scheme=scheme, viewport={"width": 360, "height": 740}) as page:
        await page.goto(f"{system.url}/desktop/")
        await page.locator("[data-agent=practice-nurse]").wait_for()
        await good(page)
        desktop = await sign_in(page, system)
        await page.locator(".idle").wait_for()
        await good(page)
        offer = offer_view()
        await desktop.send(offer_frame(offer))
        await page.locator(".offer").wait_for()
        await good(page)
        for seq, state in enumerate(("connecting", "connected", "wrapping"), start=102):
            await desktop.send(call_frame(offer, state, seq, deadline=now() + timedelta(seconds=60)))
            await page.locator(f".call.{state}").wait_for()
            await good(page)
        await desktop.socket.close(CloseCode.REPLACED)
        await page.get_by_role("button", name="Take over here").wait_for()
        await good(page)


async def good(page: Page) -> None:
    await assert_accessible(page)
    await assert_fits(page)


async def test_a_newer_session_than_the_snapshot_is_kept_in_step(system: FakeSystem, open_page: OpenPage) -> None:
    async with open_page() as page:
        desktop = await sign_in(page, system)
        await desktop.send(offer_frame(offer_view(), 150))
        await page.locator(".offer").wait_for()
        await desktop.socket.close(CloseCode.RESTARTING)
        # The gateway has another log: its snapshot is behind what was seen, and is right all the same.
        again = await system.desktop(snapshot=False)
        await again.send({"type": "snapshot", "seq": 3, "status": status_view().model_dump(mode="json")})
        await expect(page.locator(".idle")).to_be_visible()
        await again.send(offer_frame(offer_view(2), 4))
        await expect(page.locator("[data-reservation=reservation-2]")).to_be_visible()
