import json
import sys
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from schemas.errors import BusUnavailable, ConfigurationError
from services import cli
from services.runtime.clock import SystemClock
from services.runtime.crypto import load_root_keys
from services.runtime.identity import DevelopmentKey, Identity
from services.runtime.settings import Settings, setting_rows

TENANT = """\
tenant: north
cell: pool
carriers: [{carrier: twilio, account: AC1, secrets: [twilio-north]}]
numbers: [+15005550100]
facility:
  name: {en: North}
  address: {en: Main Street}
  hours: {zone: America/New_York, week: {mon: [{opens: 08:00, closes: 17:00}]}}
emergency: {notice: {en: Dial 911.}, queue: triage}
default_queue: triage
queues: [{name: triage, requires: [{skill: triage}]}]
"""


@pytest.fixture(autouse=True)
def data_dir(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for row in setting_rows():
        monkeypatch.delenv(row.variable, raising=False)
    monkeypatch.setenv("FRONTDOOR_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def document(tmp_path: Path) -> str:
    path = tmp_path / "north.yaml"
    path.write_text(TENANT)
    return str(path)


class Remote:
    """A system that answers as it is told, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answer = httpx.Response(200, json={})
        self.failure: Exception | None = None
        self.asked: list[tuple[str, str, dict[str, Any]]] = []

    def request(self, method: str, url: str, **options: Any) -> httpx.Response:
        self.asked.append((method, url, options))
        if self.failure:
            raise self.failure
        return self.answer


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch) -> Remote:
    found = Remote()
    monkeypatch.setattr(httpx, "request", found.request)
    return found


def who(data_dir: Path, token: str) -> Any:
    return Identity(DevelopmentKey.load(data_dir), roots=load_root_keys(data_dir), clock=SystemClock()).verify(token)


def failed(capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one line that was told."""
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_settings_lists_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["settings"]) == 0
    out = capsys.readouterr().out
    assert all(row.variable in out and row.meaning in out for row in setting_rows())
    assert cli.main(["settings", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == len(Settings.model_fields)


def test_token_is_signed_with_the_local_key(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["token", "--role", "nurse", "--subject", "nurse-1", "--tenant", "north"]) == 0
    assert who(data_dir, capsys.readouterr().out.strip()) == ("nurse-1", "nurse", "north")


def test_token_is_refused_when_an_issuer_is_set(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], data_dir: Path
) -> None:
    monkeypatch.setenv("FRONTDOOR_OIDC_ISSUER", "https://issuer.example")
    assert cli.main(["token", "--role", "nurse", "--subject", "nurse-1"]) == 2
    assert failed(capsys).startswith("frontdoor: tokens come from the issuer https://issuer.example.")
    assert not data_dir.exists()


@pytest.mark.parametrize("ttl", ["0", "-1", "nan"])
def test_token_needs_some_time(capsys: pytest.CaptureFixture[str], ttl: str) -> None:
    assert cli.main(["token", "--role", "nurse", "--subject", "x", f"--ttl={ttl}"]) == 2
    assert "--ttl" in failed(capsys)


def test_an_unknown_setting_is_one_line_and_exit_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FRONTDOOR_PROT", "9")
    assert cli.main(["token", "--role", "nurse", "--subject", "x"]) == 2
    assert failed(capsys).startswith("frontdoor: FRONTDOOR_PROT is no setting. Did you mean FRONTDOOR_PORT?")


def test_config_validate(document: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["config", "validate", document]) == 0
    assert "tenant north, version 1: 1 number, 1 queue, 0 agents. It is in order." in capsys.readouterr().out


def test_config_validate_tells_file_and_line(document: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(document).write_text(TENANT + "colour: blue\n")
    assert cli.main(["config", "validate", document]) == 2
    assert failed(capsys).startswith(f"frontdoor: {document}:12: unknown key colour.")


@pytest.mark.parametrize("action", ["validate", "apply"])
def test_a_bad_document_is_told_with_its_remedy_and_sent_nowhere(
    document: str, data_dir: Path, remote: Remote, capsys: pytest.CaptureFixture[str], action: str
) -> None:
    DevelopmentKey.load(data_dir)
    Path(document).write_text(TENANT.replace("mon: [{opens: 08:00, closes: 17:00}]", "mon: []"))
    assert cli.main(["config", action, document]) == 2
    assert failed(capsys) == (
        f"frontdoor: {document}:8: facility.hours: these hours do not open once in 400 days."
        " Add a day to week:, or a date to overrides:."
    )
    assert remote.asked == []


def test_config_apply_puts_the_document_as_admin(
    document: str, data_dir: Path, remote: Remote, capsys: pytest.CaptureFixture[str]
) -> None:
    DevelopmentKey.load(data_dir)
    remote.answer = httpx.Response(200, json={"changed": True})
    assert cli.main(["config", "apply", document]) == 0
    ((method, url, options),) = remote.asked
    assert (method, url) == ("PUT", "http://127.0.0.1:8080/v1/tenants/north")
    assert options["json"]["numbers"] == ["+15005550100"]
    assert who(data_dir, options["headers"]["Authorization"].removeprefix("Bearer ")).role == "admin"
    assert capsys.readouterr().out == "tenant north, version 1: applied.\n"


def test_config_apply_tells_what_the_system_refused(
    document: str, data_dir: Path, remote: Remote, capsys: pytest.CaptureFixture[str]
) -> None:
    DevelopmentKey.load(data_dir)
    remote.answer = httpx.Response(409, json={"detail": "version 3 is in force; set version: 4"})
    assert cli.main(["config", "apply", document]) == 2
    assert "answered 409: version 3 is in force; set version: 4. Mend the document." in failed(capsys)


def test_explain_prints_text_or_json(remote: Remote, capsys: pytest.CaptureFixture[str]) -> None:
    explanation = {"contact_id": "c1", "state": "ended", "events": []}
    remote.answer = httpx.Response(200, json=explanation)
    asked = ["explain", "c1", "--url", "http://127.0.0.1:9/", "--token", "t"]
    assert cli.main(asked) == 0
    assert capsys.readouterr().out.startswith("Contact c1: ended")
    assert cli.main([*asked, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == explanation
    (_, url, options), _ = remote.asked
    assert url == "http://127.0.0.1:9/v1/contacts/c1/explanation"
    assert options["headers"] == {"Authorization": "Bearer t"}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (httpx.Response(404, json={"detail": "no such contact."}), "answered 404: no such contact. Check the id."),
        (httpx.Response(401, json={"detail": "no"}), "answered 401: no. Give --token"),
        (httpx.Response(502, text="<html>"), "answered 502: bad gateway. See its log."),
    ],
)
def test_explain_tells_what_is_wrong(
    remote: Remote, capsys: pytest.CaptureFixture[str], answer: httpx.Response, said: str
) -> None:
    remote.answer = answer
    assert cli.main(["explain", "c1", "--token", "t"]) == 2
    assert said in failed(capsys)


def test_explain_without_a_running_system(remote: Remote, capsys: pytest.CaptureFixture[str]) -> None:
    remote.failure = httpx.ConnectError("refused")
    assert cli.main(["explain", "c1", "--token", "t"]) == 2
    assert failed(capsys) == "frontdoor: nothing answers at http://127.0.0.1:8080. Start it (make run), or give --url."


def test_explain_without_a_key_makes_none(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", "c1"]) == 2
    assert "there is no development key" in failed(capsys)
    assert not data_dir.exists()


def test_demo_credentials(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["demo", "credentials"]) == 2
    assert "Start the demo once" in failed(capsys)
    data_dir.mkdir()
    (data_dir / "demo.json").write_text('{"public_url": "http://127.0.0.1:8080", "agents": [{"agent_id": "nurse-1"}]}')
    assert cli.main(["demo", "credentials", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["agents"] == [{"agent_id": "nurse-1"}]
    assert cli.main(["demo", "credentials"]) == 0
    assert "public_url: http://127.0.0.1:8080" in capsys.readouterr().out


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Settings, tuple[str, ...]]]:
    runs: list[tuple[Settings, tuple[str, ...]]] = []
    bootstrap = types.ModuleType("services.bootstrap")
    bootstrap.run = lambda settings, names: runs.append((settings, tuple(names)))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "services.bootstrap", bootstrap)
    monkeypatch.setattr("services.bootstrap", bootstrap, raising=False)
    return runs


def test_up_runs_everything(started: list[tuple[Settings, tuple[str, ...]]], tmp_path: Path) -> None:
    assert cli.main(["up", "--port", "9000", "--data", str(tmp_path), "--demo"]) == 0
    ((settings, names),) = started
    assert (settings.port, settings.data_dir, settings.demo) == (9000, tmp_path, True)
    assert names == cli.PROCESSES


def test_serve_runs_one(started: list[tuple[Settings, tuple[str, ...]]]) -> None:
    assert cli.main(["serve", "call-control"]) == 0
    assert started[0][1] == ("call-control",)
    with pytest.raises(SystemExit) as caught:
        cli.main(["serve", "everything"])
    assert caught.value.code == 2


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, "embedded bus. Set FRONTDOOR_BUS=kafka"),
        ({"FRONTDOOR_BUS": "kafka"}, "root.json is not there"),
    ],
)
def test_serve_refuses_what_would_make_it_a_system_of_its_own(
    environ: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert cli.main(["serve", "routing"]) == 2
    told = capsys.readouterr().err.strip()
    assert said in told
    assert "\n" not in told


def test_keys_makes_what_processes_share_once(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["keys"]) == 0
    paths = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert paths == [data_dir / "keys" / "root.json", data_dir / "keys" / "development.pem"]
    made = [path.read_bytes() for path in paths]
    assert cli.main(["keys"]) == 0
    assert [path.read_bytes() for path in paths] == made


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (ConfigurationError("port 8080 is in use", remedy="Choose another."), 2, "port 8080 is in use"),
        (BusUnavailable("down"), 1, "BusUnavailable: down"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_what_ends_a_start_is_told(
    monkeypatch: pytest.MonkeyPatch,
    started: Sequence[Any],
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    said: str,
) -> None:
    def run(settings: Settings, names: Sequence[str]) -> None:
        raise error

    monkeypatch.setattr("services.bootstrap.run", run)
    assert cli.main(["up"]) == code
    assert said in capsys.readouterr().err
