import pytest

from schemas.errors import ConfigurationError
from services.webhooks import scripts
from tests.carrier_cases import tenant


def files(monkeypatch, tmp_path, **contents):
    for name, text in contents.items():
        folder, _, file = name.partition("__")
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / f"{file}.yaml").write_text(text)
    monkeypatch.setattr(scripts, "data_file", tmp_path.joinpath)


def test_what_ships_is_in_order():
    loaded = scripts.load_scripts()
    assert loaded.flow(tenant()) is loaded.flows["main"]
    assert set(loaded.prompts.texts) == {"en", "es"}


def test_a_flow_that_this_release_does_not_have_is_the_main_one():
    loaded = scripts.load_scripts()
    assert loaded.flow(tenant(flow="elsewhere")) is loaded.flows["main"]


@pytest.mark.parametrize(
    ("text", "told"),
    [("a: [", "line 1 is no YAML"), ("- a", "no table"), ("name: main", "flow: ")],
)
def test_a_broken_flow_is_told(monkeypatch, tmp_path, text, told):
    files(monkeypatch, tmp_path, flows__main=text)
    with pytest.raises(ConfigurationError, match=told):
        scripts.load_scripts()


def test_a_missing_main_flow_is_told(monkeypatch, tmp_path):
    (tmp_path / "flows").mkdir()
    files(monkeypatch, tmp_path)
    with pytest.raises(ConfigurationError, match="no flow main"):
        scripts.load_scripts()
