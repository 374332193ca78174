"""What demo.json holds, and the demo's tenant."""

import json
import re
import stat

import pytest

from schemas.errors import ConfigurationError
from services.demo.credentials import TENANT_FILE, load, prepare
from services.runtime.secrets_store import Secrets
from services.runtime.tenants import load_tenant


@pytest.fixture
def config():
    return load_tenant(TENANT_FILE)


def test_the_tenant_is_what_the_demo_needs(config):
    assert (config.tenant, config.cell, config.languages) == ("demo", "demo", ("en", "es"))
    assert re.fullmatch(r"AC[0-9a-f]{32}", config.carriers[0].account)
    simulated = [agent for agent in config.agents if not agent.agent_id.startswith("practice-")]
    assert (len(simulated), sum(agent.role == "nurse" for agent in simulated)) == (8, 3)
    for queue in config.queues:
        skill = queue.requires[0].skill
        able = [agent for agent in simulated if skill in {level.skill for level in agent.skills}]
        assert able, queue.name
        assert any("lang-es" in {level.skill for level in agent.skills} for agent in able) or queue.name == "front_desk"


def test_the_first_start_makes_a_secret_that_the_system_finds(config, tmp_path):
    assert prepare(tmp_path, config, base_url="http://127.0.0.1:8080") == config
    credentials = load(tmp_path)
    assert credentials.twilio.secret == Secrets(tmp_path, environ={}).get("demo-twilio-token")
    assert credentials.twilio.api_base == "http://127.0.0.1:8081"
    assert (credentials.twilio.number, credentials.twilio.account) == (config.numbers[0], config.carriers[0].account)
    assert {agent.agent_id for agent in credentials.agents if agent.practice} == {"practice-nurse", "practice-agent"}
    assert stat.S_IMODE((tmp_path / "demo.json").stat().st_mode) == 0o600
    assert credentials.twilio.secret not in repr(credentials)


def test_a_later_start_keeps_the_secret_and_tells_the_new_address(config, tmp_path):
    (tmp_path / "secrets.json").write_text('{"other": "kept"}')
    prepare(tmp_path, config, base_url="http://127.0.0.1:8080")
    secret = load(tmp_path).twilio.secret
    prepare(tmp_path, config, base_url="http://127.0.0.1:9000", api_base="http://127.0.0.1:9500")
    credentials = load(tmp_path)
    assert (credentials.twilio.secret, credentials.base_url) == (secret, "http://127.0.0.1:9000")
    assert credentials.twilio.api_base == "http://127.0.0.1:9500"
    assert json.loads((tmp_path / "secrets.json").read_text())["other"] == "kept"


def test_the_environment_comes_first(config, tmp_path, monkeypatch):
    monkeypatch.setenv("FRONTDOOR_SECRET_DEMO_TWILIO_TOKEN", "given")
    prepare(tmp_path, config, base_url="https://demo.test")
    assert load(tmp_path).twilio.secret == "given"
    assert not (tmp_path / "secrets.json").exists()


def test_two_installations_have_two_secrets(config, tmp_path):
    for name in ("a", "b"):
        prepare(tmp_path / name, config, base_url="http://127.0.0.1:8080")
    assert load(tmp_path / "a").twilio.secret != load(tmp_path / "b").twilio.secret


@pytest.mark.parametrize("content", ["[]", "not json"])
def test_broken_files_are_told(config, tmp_path, content):
    (tmp_path / "secrets.json").write_text(content)
    with pytest.raises(ConfigurationError, match="not a JSON object"):
        prepare(tmp_path, config, base_url="http://127.0.0.1:8080")


def test_a_folder_that_cannot_be_written(config, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        prepare(tmp_path / "file" / "data", config, base_url="http://127.0.0.1:8080")


def test_no_demo_yet(tmp_path):
    with pytest.raises(ConfigurationError, match="not there"):
        load(tmp_path)
