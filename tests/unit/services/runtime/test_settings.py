import pytest

from schemas.errors import ConfigurationError
from services.runtime.settings import Settings, load_settings, setting_rows


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for row in setting_rows():
        monkeypatch.delenv(row.variable, raising=False)


def test_defaults_follow_from_port_and_data_directory() -> None:
    settings = load_settings(port=9000, data_dir="/tmp/x")
    assert settings.public_url == "http://127.0.0.1:9000"
    assert settings.database_url == "sqlite+aiosqlite:////tmp/x/records.db"
    assert settings.carrier_port == 9001


def test_environment_is_read_and_the_command_line_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRONTDOOR_PORT", "9100")
    monkeypatch.setenv("FRONTDOOR_BUS", "kafka")
    monkeypatch.setenv("FRONTDOOR_PUBLIC_URL", "https://calls.example.org/")
    assert load_settings().port == 9100
    assert load_settings(port=9200, demo=None).port == 9200
    assert load_settings().bus == "kafka"
    assert load_settings().public_url == "https://calls.example.org"


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRONTDOOR_OIDC_ISSUER", "")
    assert load_settings().oidc_issuer is None


def test_an_unknown_variable_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings({"FRONTDOOR_PROT": "1"})
    assert caught.value.problem == "FRONTDOOR_PROT is no setting"
    assert "Did you mean FRONTDOOR_PORT?" in caught.value.remedy


def test_variables_of_others_are_left_alone() -> None:
    load_settings({"FRONTDOOR_SECRET_TWILIO": "x", "FRONTDOOR_TEST_DATABASE_URL": "x", "PATH": "x"})


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("FRONTDOOR_PORT", "http"),
        ("FRONTDOOR_PORT", "70000"),
        ("FRONTDOOR_BUS", "rabbit"),
        ("FRONTDOOR_PUBLIC_URL", "calls.example.org"),
        ("FRONTDOOR_DATABASE_URL", "mysql://root:hunter2@db/x"),
        ("FRONTDOOR_PARTITIONS", "0"),
        ("FRONTDOOR_LOG_LEVEL", "loud"),
    ],
)
def test_a_value_that_does_not_fit_is_one_line_without_the_value(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert str(caught.value).startswith(f"{variable} does not fit: ")
    assert "\n" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_repr_shows_no_database_password() -> None:
    settings = load_settings(database_url="postgresql+asyncpg://u:hunter2@db/x")
    assert "hunter2" not in repr(settings)


def test_every_setting_has_a_type_a_default_and_a_meaning() -> None:
    rows = {row.variable: row for row in setting_rows()}
    assert len(rows) == len(Settings.model_fields)
    assert all(row.type and row.default and row.meaning for row in rows.values())
    assert rows["FRONTDOOR_BUS"].type == "embedded|kafka"
    assert rows["FRONTDOOR_PORT"][1:3] == ("number", "8080")
    assert rows["FRONTDOOR_DEMO"][1:3] == ("true|false", "false")
    assert rows["FRONTDOOR_OIDC_ISSUER"][1:3] == ("text", "(none)")
    assert rows["FRONTDOOR_PUBLIC_URL"].default == "http://127.0.0.1:PORT"


def test_an_ordinal_beyond_the_number_of_routers_is_told():
    with pytest.raises(ConfigurationError, match="FRONTDOOR_ROUTING_COUNT"):
        load_settings(environ={}, routing_ordinal=2, routing_count=2)
    with pytest.raises(ConfigurationError, match="FRONTDOOR_ROUTING_COUNT"):
        load_settings(environ={}, routing_ordinal=1)
    assert load_settings(environ={}, routing_ordinal=1, routing_count=2).routing_ordinal == 1
