"""A complete agent: signs in, takes every offer, hangs up after a moment, wraps up; comes back when the socket is lost.

Usage: python docs/agent_client.py BASE_URL TOKEN [CALLS]   (a token: `frontdoor token --role agent --subject AGENT_ID`)
"""

import asyncio
import json
import random
import sys
import time

import httpx
import websockets

BACK_OFF_S = (0.5, 1, 2, 4, 8)
REPLACED = 4409  # another desktop of the same agent took over


class Agent:
    """One agent; `seen` is what to resume from, `move_at` when a gateway that goes away wants it back."""

    def __init__(self, base: str, token: str, calls: int) -> None:
        self.base, self.token, self.calls = base, token, calls
        self.seen: dict[str, object] = {}
        self.move_at: float | None = None
        self.failures = 0

    async def work(self) -> None:
        """Serve the calls, then leave."""
        while self.calls:
            try:
                await self.converse()
            except websockets.ConnectionClosed as closed:
                if closed.rcvd is not None and closed.rcvd.code == REPLACED:
                    return
            except (httpx.HTTPError, websockets.InvalidHandshake, OSError):
                pass  # nobody is there at the moment
            if self.move_at is not None:
                await asyncio.sleep(max(0.0, self.move_at - time.monotonic()))
            elif self.calls:
                longest = BACK_OFF_S[min(self.failures, len(BACK_OFF_S) - 1)]
                await asyncio.sleep(longest * random.uniform(0.5, 1))  # noqa: S311  not a secret
            self.move_at = None
            self.failures += 1

    async def converse(self) -> None:
        """Be served by one socket until it closes; raises what ends it early."""
        async with httpx.AsyncClient(base_url=self.base, headers={"Authorization": f"Bearer {self.token}"}) as http:
            ticket = (await http.post("/v1/agents/ticket")).raise_for_status().json()["ticket"]
        url = f"{self.base.replace('http', 'ws', 1)}/v1/agents/ws?ticket={ticket}"
        async with websockets.connect(url) as socket:
            hello = {"type": "hello", "resume": self.seen} if "seq" in self.seen else {"type": "hello"}
            await socket.send(json.dumps(hello))
            if "seq" not in self.seen:
                await socket.send(json.dumps({"type": "status.set", "status": "available"}))
            while self.calls:
                frame = json.loads(await socket.recv())
                answer = self.answer(frame)
                if "seq" in frame:
                    self.seen["seq"] = frame["seq"]
                if answer is not None:
                    await socket.send(json.dumps(answer))

    def answer(self, frame: dict) -> dict | None:
        """Return what to say to a frame."""
        if frame["type"] == "snapshot" and frame["call"]:
            frame = frame["call"] | {"type": "call.updated"}
        match frame:
            case {"type": "welcome", "session": session}:
                self.seen["session"], self.failures = session, 0
            case {"type": "ping"}:
                return {"type": "pong"}
            case {"type": "reconnect", "after_s": after_s}:
                self.move_at = time.monotonic() + after_s
            case {"type": "offer" | "snapshot", "offer": {} as offer}:
                print(f"offered: {offer['urgency']} {offer['intent']} ({offer['why']})")
                return {"type": "offer.accept", "reservation_id": offer["reservation_id"]}
            case {"type": "call.updated", "state": "connected"}:
                return {"type": "call.hang_up", "contact_id": frame["contact_id"]}
            case {"type": "call.updated", "state": "wrapping"}:
                return {"type": "wrap_up.done", "item_id": frame["item_id"], "disposition": "resolved"}
            case {"type": "call.updated", "state": "ended"}:
                print("done")
                self.calls -= 1
        return None


if __name__ == "__main__":
    asyncio.run(Agent(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 1).work())
