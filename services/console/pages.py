"""The pages: plain files, served with headers that let them load and reach nothing but this system."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from starlette.staticfiles import StaticFiles

import agent_gateway
import services

_SERVICES: Final = Path(services.__file__).parent
DESKTOP: Final = Path(agent_gateway.__file__).parent / "desktop"
ASSETS: Final = _SERVICES / "console" / "assets"  # what several pages share
WALLBOARD: Final = _SERVICES / "console" / "wallboard"
LANDING: Final = _SERVICES / "console" / "landing"
PHONE: Final = _SERVICES / "demo" / "phone"
MAX_AGE_S: Final = 60  # a new release shows up within a minute


def page_headers(*, carrier_url: str | None = None) -> Mapping[str, str]:
    """Return the headers of every page; `carrier_url` is the simulated carrier that the demo's phone talks to."""
    reach = ["'self'"]
    if carrier_url is not None:
        reach += [carrier_url, carrier_url.replace("http", "ws", 1)]
    policy = {
        "default-src": "'self'",
        "connect-src": " ".join(reach),
        "img-src": "'self' data:",
        "object-src": "'none'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": f"max-age={MAX_AGE_S}",
    }


def page_routes(*, demo: bool, carrier_url: str) -> APIRouter:
    """Return the pages. `/` leads to the demo's landing page, or else to the wall board."""
    headers = page_headers(carrier_url=carrier_url if demo else None)
    folders = {"/assets": ASSETS, "/desktop": DESKTOP, "/wallboard": WALLBOARD}
    if demo:
        folders |= {"/phone": PHONE, "/landing": LANDING}
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def root() -> Response:
        return RedirectResponse("/landing/" if demo else "/wallboard/", headers=dict(headers))

    for prefix, folder in folders.items():
        _serve(router, prefix, folder, headers)
    return router


def _serve(router: APIRouter, prefix: str, folder: Path, headers: Mapping[str, str]) -> None:
    # FastAPI leaves mounts of a router out, so the files are served from routes.
    files = StaticFiles(directory=folder, html=True, check_dir=False)

    async def to_folder() -> Response:
        return RedirectResponse(f"{prefix}/", headers=dict(headers))

    async def file(request: Request) -> Response:
        path = request.path_params["path"]
        response = await files.get_response(path or ".", request.scope)
        response.headers.update(headers)
        return response

    router.add_api_route(prefix, to_folder, methods=["GET", "HEAD"], include_in_schema=False)
    router.add_api_route(prefix + "/{path:path}", file, methods=["GET", "HEAD"], include_in_schema=False)
