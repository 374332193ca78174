from typing import Any

import pytest

from services.console import pages


@pytest.fixture(autouse=True)
def folders(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ASSETS", "DESKTOP", "WALLBOARD", "LANDING", "PHONE"):
        folder = tmp_path / "pages" / name.lower()
        folder.mkdir(parents=True)
        (folder / "index.html").write_text(f"<!doctype html><title>{name}</title>")
        (folder / "app.js").write_text("export {};")
        monkeypatch.setattr(pages, name, folder)


@pytest.mark.parametrize("path", ["/desktop/", "/wallboard/", "/desktop/index.html", "/assets/"])
async def test_pages_load_nothing_from_elsewhere(console: Any, path: str) -> None:
    async with console.client() as client:
        answer = await client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "connect-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "max-age=60"


async def test_modules_have_their_type(console: Any) -> None:
    async with console.client() as client:
        answer = await client.get("/desktop/app.js")
        assert answer.headers["content-type"].startswith("text/javascript")
        assert (await client.head("/desktop/app.js")).status_code == 200
        etag = answer.headers["etag"]
        assert (await client.get("/desktop/app.js", headers={"If-None-Match": etag})).status_code == 304


async def test_the_demo_may_reach_its_carrier(console: Any) -> None:
    async with console.client(demo=True) as client:
        policy = (await client.get("/phone/")).headers["content-security-policy"]
    assert "connect-src 'self' http://127.0.0.1:8081 ws://127.0.0.1:8081;" in policy


@pytest.mark.parametrize(("demo", "target"), [(True, "/landing/"), (False, "/wallboard/")])
async def test_the_root_leads_on(console: Any, demo: bool, target: str) -> None:
    async with console.client(demo=demo) as client:
        answer = await client.get("/")
        assert (answer.status_code, answer.headers["location"]) == (307, target)
        assert (await client.get(target)).status_code == 200


async def test_a_folder_without_its_slash_is_found(console: Any) -> None:
    async with console.client() as client:
        assert (await client.get("/desktop")).headers["location"] == "/desktop/"


@pytest.mark.parametrize(
    "path",
    [
        "/desktop/none.js",
        "/desktop/%2e%2e/wallboard/app.js",
        "/desktop/..%2f..%2fwallboard%2fapp.js",
        "/desktop/%00",
        "/desktop/" + "x" * 5000,
        "/desktop//etc/passwd",
        "/nothing",
    ],
)
async def test_what_is_not_there_is_a_404_in_json(console: Any, path: str) -> None:
    async with console.client() as client:
        request = client.build_request("GET", "/")
        request.url = request.url.copy_with(raw_path=path.encode())
        answer = await client.send(request)
    assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found"})


@pytest.mark.parametrize("path", ["/phone/", "/landing/", "/v1/demo/info"])
async def test_the_demo_is_not_there_without_it(console: Any, path: str) -> None:
    async with console.client() as client:
        assert (await client.get(path)).status_code == 404
        assert (await client.post("/v1/demo/sign-in", json={"role": "supervisor"})).status_code == 404


async def test_the_demo_tells_who_there_is(console: Any) -> None:
    async with console.client(demo=True) as client:
        info = (await client.get("/v1/demo/info")).json()
    assert info["numbers"] == ["+15005550100"]
    assert info["carrier_url"] == "http://127.0.0.1:8081"
    assert [(agent["agent_id"], agent["role"], agent["practice"]) for agent in info["agents"]] == [
        ("ann", "nurse", False),
        ("bob", "agent", False),
        ("practice-agent", "agent", True),
    ]


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({"host": "0.0.0.0"}, "http://127.0.0.1:8081"),
        ({"host": "::"}, "http://127.0.0.1:8081"),
        ({"host": "10.0.0.7"}, "http://10.0.0.7:8081"),
        ({"host": "::1"}, "http://[::1]:8081"),
    ],
)
async def test_the_demos_carrier_has_an_address_that_a_browser_can_reach(
    console: Any, settings: dict[str, str], url: str
) -> None:
    async with console.client(demo=True, **settings) as client:
        assert (await client.get("/v1/demo/info")).json()["carrier_url"] == url
        assert f"connect-src 'self' {url} " in (await client.get("/phone/")).headers["content-security-policy"]


@pytest.mark.parametrize(
    ("host", "good"),
    [
        ("127.0.0.1:8080", True),
        ("localhost", True),
        ("LOCALHOST.:8080", True),
        ("[::1]:8080", True),
        ("10.0.0.7", True),  # an address cannot be bound anew; only a name can
        ("front.example", True),  # as carriers reach us
        ("evil.example:8080", False),
        ("127.0.0.1.evil.example", False),
        ("localhost.evil.example", False),
        ("[::1].evil.example", False),
        ("", False),
    ],
)
async def test_the_demo_answers_only_to_names_of_its_own(console: Any, host: str, good: bool) -> None:
    async with console.client(demo=True, public_url="https://front.example") as client:
        headers = {"Host": host}
        answers = [
            await client.get("/v1/demo/info", headers=headers),
            await client.post("/v1/demo/sign-in", json={"agent_id": "ann"}, headers=headers),
        ]
    assert [answer.status_code for answer in answers] == [200 if good else 421] * 2


async def test_signing_in_with_one_click(console: Any) -> None:
    async with console.client(demo=True) as client:
        token = (await client.post("/v1/demo/sign-in", json={"agent_id": "ann"})).json()["token"]
        assert console.identity.verify(token) == ("ann", "nurse", "demo")
        token = (await client.post("/v1/demo/sign-in", json={"role": "supervisor"})).json()["token"]
        answer = await client.get("/v1/kpis", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"agent_id": "nobody"}, 404),
        ({}, 422),
        ({"agent_id": "ann", "role": "supervisor"}, 422),
        ({"role": "admin"}, 422),
        ({"agent_id": "ann", "extra": 1}, 422),
        ([], 422),
    ],
)
async def test_a_sign_in_that_makes_no_sense_is_refused(console: Any, body: Any, status: int) -> None:
    async with console.client(demo=True) as client:
        assert (await client.post("/v1/demo/sign-in", json=body)).status_code == status
