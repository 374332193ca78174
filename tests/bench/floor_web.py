"""The least that this web stack can do, as a process: `python -m tests.bench.floor_web PORT`.

FastAPI on uvicorn, set up as the system sets them up: one signed form in, a small document out; one websocket that
echoes; and one route that says it is there.
"""

import hashlib
import hmac
import sys
from base64 import b64encode
from urllib.parse import parse_qsl

import uvicorn
from fastapi import FastAPI, Request, Response, WebSocket, WebSocketDisconnect

from tests.bench.system import SECRET

DOCUMENT = b'<?xml version="1.0" encoding="UTF-8"?><Response><Say language="en-US">One moment please.</Say></Response>'
app = FastAPI(docs_url=None, redoc_url=None)


@app.get("/ready")
async def ready() -> Response:
    return Response(b"ok")


@app.post("/echo")
async def echo(request: Request) -> Response:
    fields = parse_qsl((await request.body()).decode(), keep_blank_values=True)
    signed = str(request.url) + "".join(name + value for name, value in sorted(fields))
    right = b64encode(hmac.new(SECRET.encode(), signed.encode(), hashlib.sha1).digest())
    if not hmac.compare_digest(right, request.headers.get("x-twilio-signature", "").encode()):
        return Response(status_code=403)
    return Response(DOCUMENT, media_type="text/xml")


@app.websocket("/ws")
async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except WebSocketDisconnect:
        return


def main() -> None:
    """Serve until a signal comes."""
    uvicorn.run(
        app, port=int(sys.argv[1]), log_config=None, access_log=False, lifespan="off", loop="uvloop", backlog=2048,
        ws="websockets-sansio", ws_per_message_deflate=False, ws_ping_interval=None,
    )  # fmt: skip


if __name__ == "__main__":
    main()
