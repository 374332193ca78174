"""A complete agent in forty lines: signs in, takes every offer, hangs up after a moment, wraps up.

Usage: python docs/agent_client.py BASE_URL TOKEN [CALLS]   (a token: `frontdoor token --role agent --subject AGENT_ID`)
"""

import asyncio
import json
import sys

import httpx
import websockets


async def work(base: str, token: str, calls: int) -> None:
    """Serve `calls` calls, then leave."""
    async with httpx.AsyncClient(base_url=base, headers={"Authorization": f"Bearer {token}"}) as http:
        ticket = (await http.post("/v1/agents/ticket")).raise_for_status().json()["ticket"]
    async with websockets.connect(f"{base.replace('http', 'ws', 1)}/v1/agents/ws?ticket={ticket}") as socket:

        async def send(**frame: object) -> None:
            await socket.send(json.dumps(frame))

        await send(type="hello")
        await send(type="status.set", status="available")
        async for text in socket:
            frame = json.loads(text)
            match frame:
                case {"type": "ping"}:
                    await send(type="pong")
                case {"type": "offer", "offer": offer}:
                    print(f"offered: {offer['urgency']} {offer['intent']} ({offer['why']})")
                    await send(type="offer.accept", reservation_id=offer["reservation_id"])
                case {"type": "call.updated", "state": "connected"}:
                    await send(type="call.hang_up", contact_id=frame["contact_id"])
                case {"type": "call.updated", "state": "wrapping"}:
                    await send(type="wrap_up.done", item_id=frame["item_id"], disposition="resolved")
                case {"type": "call.updated", "state": "ended"}:
                    print("done")
                    calls -= 1
                    if calls == 0:
                        return


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 1))
