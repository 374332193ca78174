import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import ConfigurationError
from services.runtime.secrets_store import Secrets, private_file, replace_private_file, variable_of


def test_a_secret_comes_from_the_environment_first(tmp_path: Path) -> None:
    replace_private_file(tmp_path / "secrets.json", json.dumps({"twilio-main": "stored"}).encode())
    assert Secrets(tmp_path, environ={}).get("twilio-main") == "stored"
    assert Secrets(tmp_path, environ={"FRONTDOOR_SECRET_TWILIO_MAIN": "given"}).get("twilio-main") == "given"


def test_a_missing_secret_is_told_with_both_places(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Secrets(tmp_path, environ={}).get("twilio-main")
    assert str(caught.value) == (
        f"secret 'twilio-main' is missing. Set FRONTDOOR_SECRET_TWILIO_MAIN, or add 'twilio-main' to "
        f"{tmp_path}/secrets.json."
    )


def test_a_generated_secret_stays_and_is_private(tmp_path: Path) -> None:
    store = Secrets(tmp_path / "data", environ={})
    first, second = store.generate("one"), store.generate("two")
    assert first != second
    assert len(first) == 32
    again = Secrets(tmp_path / "data", environ={})
    assert (again.generate("one"), again.get("two")) == (first, second)
    assert stat.S_IMODE((tmp_path / "data" / "secrets.json").stat().st_mode) == 0o600


def test_a_secret_of_the_environment_is_not_generated(tmp_path: Path) -> None:
    store = Secrets(tmp_path, environ={variable_of("one"): "given"})
    assert store.generate("one") == "given"
    assert not (tmp_path / "secrets.json").exists()


def test_secrets_that_others_may_read_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    path.write_text('{"one": "hunter2"}')  # as a person does
    path.chmod(0o644)
    store = Secrets(tmp_path, environ={"FRONTDOOR_SECRET_TWO": "given"})
    with pytest.raises(ConfigurationError, match=f"Run: chmod 600 {path}"):
        store.get("one")
    assert store.get("two") == "given"
    path.chmod(0o600)
    assert store.get("one") == "hunter2"


@pytest.mark.parametrize("make", [private_file, replace_private_file])
def test_folders_on_the_way_are_private_too(tmp_path: Path, make: Any) -> None:
    make(tmp_path / "data" / "keys" / "root.json", b"x")
    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("data", "data/keys")] == [0o700, 0o700]


@pytest.mark.parametrize("content", ["{", "[]", '{"one": 1}'])
def test_a_broken_store_is_no_empty_store(tmp_path: Path, content: str) -> None:
    replace_private_file(tmp_path / "secrets.json", content.encode())
    with pytest.raises(ConfigurationError, match="is not a JSON object of strings"):
        Secrets(tmp_path, environ={}).generate("one")
    assert (tmp_path / "secrets.json").read_text() == content


def test_repr_shows_no_secret(tmp_path: Path) -> None:
    store = Secrets(tmp_path, environ={"FRONTDOOR_SECRET_ONE": "hunter2"})
    assert "hunter2" not in repr(store)


def test_all_who_make_a_private_file_at_once_get_the_same(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "root.json"
    with ThreadPoolExecutor(8) as pool:
        contents = set(pool.map(lambda number: private_file(path, str(number).encode()), range(32)))
    assert contents == {path.read_bytes()}
    assert list(path.parent.iterdir()) == [path]


def test_a_private_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("x")
    path.chmod(0o644)
    with pytest.raises(ConfigurationError, match=f"Run: chmod 600 {path}"):
        private_file(path, b"y")


@pytest.mark.parametrize(("mode", "good"), [(0o440, True), (0o640, True), (0o444, False), (0o460, False)])
def test_a_mounted_secret_may_be_read_by_our_group(
    mode: int, good: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "key"
    path.write_text("x")
    path.chmod(mode)
    monkeypatch.setattr("os.geteuid", lambda: path.stat().st_uid + 1)
    if good:
        assert private_file(path, b"y") == b"x"
    else:
        with pytest.raises(ConfigurationError, match="may be read by others"):
            private_file(path, b"y")


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(ConfigurationError, match="FRONTDOOR_DATA_DIR"):
        private_file(tmp_path / "file" / "key", b"x")
