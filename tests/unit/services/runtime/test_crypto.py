import base64
import json
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.envelope import Sealed
from schemas.errors import ConfigurationError, Unsealable
from services.runtime.crypto import RootKey, RootKeys, UrlSeal, Vault, derive, load_root_keys
from services.runtime.limits import Limits

OLD, NEW = RootKey("aaaa", b"a" * 32), RootKey("bbbb", b"b" * 32)
DATA = {"number": "+15005550142", "said": "me duele el pecho ñ", "turns": [1, 2.5, None, True]}
FIXED = UrlSeal(RootKeys((OLD,)))


@pytest.fixture
def vault(roots: RootKeys) -> Vault:
    return Vault(roots)


def flipped(text: str, index: int = 30) -> str:
    return text[:index] + ("A" if text[index] != "A" else "B") + text[index + 1 :]


def test_what_is_sealed_opens_for_the_same_contact(vault: Vault, roots: RootKeys) -> None:
    sealed = vault.seal("north", "c1", DATA)
    assert vault.open("north", "c1", sealed) == DATA
    assert Vault(roots).open("north", "c1", sealed) == DATA  # another process with the same root key


def test_a_sealed_value_shows_nothing(vault: Vault) -> None:
    sealed = vault.seal("north", "c1", DATA)
    assert "5550142" not in sealed.model_dump_json()
    assert sealed.box not in repr(sealed)


def test_sealing_twice_gives_two_boxes_under_one_key(vault: Vault) -> None:
    first, second = vault.seal("north", "c1", DATA), vault.seal("north", "c1", DATA)
    assert first.box != second.box
    assert first.key == second.key
    assert vault.seal("north", "c2", DATA).key != first.key


def test_a_contact_key_that_left_memory_still_opens_what_it_sealed(roots: RootKeys) -> None:
    vault = Vault(roots, limits=Limits(contact_keys_max=1))
    first = vault.seal("north", "c1", DATA)
    vault.seal("north", "c2", DATA)
    assert vault.seal("north", "c1", DATA).key != first.key
    assert vault.open("north", "c1", first) == DATA


@pytest.mark.parametrize(("tenant", "contact"), [("south", "c1"), ("north", "c2"), ("north\x1fc1", "")])
def test_it_opens_for_nobody_else(vault: Vault, tenant: str, contact: str) -> None:
    with pytest.raises(Unsealable):
        vault.open(tenant, contact, vault.seal("north", "c1", DATA))


@pytest.mark.parametrize(
    "change",
    [
        {"box": ""},
        {"box": "AAAA"},
        {"box": "no base64!"},
        {"key": ""},
        {"key": "AAAA"},
        {"kid": "unknown.north"},
        {"kid": ""},
    ],
)
def test_what_was_changed_does_not_open(vault: Vault, change: dict[str, str]) -> None:
    sealed = vault.seal("north", "c1", DATA)
    with pytest.raises(Unsealable):
        vault.open("north", "c1", sealed.model_copy(update=change))


def test_one_flipped_character_does_not_open(vault: Vault) -> None:
    sealed = vault.seal("north", "c1", DATA)
    for field in ("box", "key"):
        with pytest.raises(Unsealable):
            vault.open("north", "c1", sealed.model_copy(update={field: flipped(getattr(sealed, field))}))


def test_box_and_key_of_two_contacts_cannot_be_mixed(vault: Vault) -> None:
    first, second = vault.seal("north", "c1", DATA), vault.seal("north", "c2", DATA)
    with pytest.raises(Unsealable):
        vault.open("north", "c1", Sealed(kid=first.kid, key=first.key, box=second.box))


def test_after_a_rotation_the_old_still_opens_and_the_new_seals() -> None:
    before = Vault(RootKeys((OLD,))).seal("north", "c1", DATA)
    vault = Vault(RootKeys((NEW, OLD)))
    assert vault.open("north", "c1", before) == DATA
    assert vault.seal("north", "c1", DATA).kid == "bbbb.north"
    with pytest.raises(Unsealable):
        Vault(RootKeys((NEW,))).open("north", "c1", before)


def test_a_caller_has_one_name_in_each_tenant() -> None:
    vault = Vault(RootKeys((OLD,)))
    name = vault.caller_key("north", "+15005550142")
    assert len(name) == 32
    assert "5550142" not in name
    assert vault.caller_key("north", "+1 (500) 555-0142") == name
    assert vault.caller_key("south", "+15005550142") != name
    assert Vault(RootKeys((NEW, OLD))).caller_key("north", "+15005550142") == name


@given(st.binary(max_size=1000), st.text(max_size=50))
def test_a_url_seal_opens_and_is_deterministic(payload: bytes, bound_to: str) -> None:
    token = FIXED.seal(payload, bound_to=bound_to)
    assert FIXED.open(token, bound_to=bound_to) == payload
    assert FIXED.seal(payload, bound_to=bound_to) == token
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert len(token) <= len(payload) * 4 / 3 + 24


@given(st.text(max_size=100))
def test_no_other_text_opens(token: str) -> None:
    with pytest.raises(Unsealable):
        FIXED.open(token, bound_to="CA1")


def test_a_url_seal_is_bound_to_its_call() -> None:
    token = FIXED.seal(b"session", bound_to="CA1")
    with pytest.raises(Unsealable):
        FIXED.open(token, bound_to="CA2")


def test_a_url_seal_that_was_cut_or_changed_does_not_open() -> None:
    token = FIXED.seal(b"session", bound_to="CA1")
    for index in range(len(token)):
        with pytest.raises(Unsealable):
            FIXED.open(flipped(token, index), bound_to="CA1")
        with pytest.raises(Unsealable):
            FIXED.open(token[:index], bound_to="CA1")
    with pytest.raises(Unsealable):
        FIXED.open(token + "=", bound_to="CA1")


def test_url_seals_survive_a_rotation() -> None:
    token = FIXED.seal(b"session", bound_to="CA1")
    assert UrlSeal(RootKeys((NEW, OLD))).open(token, bound_to="CA1") == b"session"
    with pytest.raises(Unsealable):
        UrlSeal(RootKeys((NEW,))).open(token, bound_to="CA1")


def test_a_root_key_is_made_once_and_kept_private(tmp_path: Path) -> None:
    first = load_root_keys(tmp_path)
    path = tmp_path / "keys" / "root.json"
    assert load_root_keys(tmp_path).newest == first.newest
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "content",
    ["", "{}", '{"keys": []}', json.dumps({"keys": [{"kid": "a", "key": base64.b64encode(b"short").decode()}]}), "[1]"],
)
def test_a_broken_key_file_is_told_and_never_replaced(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keys" / "root.json"
    path.parent.mkdir()
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(ConfigurationError, match="holds no root key"):
        load_root_keys(tmp_path)
    assert path.read_text() == content


def test_keys_do_not_show_and_purposes_do_not_mix() -> None:
    roots = RootKeys((OLD,))
    assert "aaaaaaaa" not in repr(roots) + repr(OLD)
    assert derive(roots, "ticket") == derive(roots, "ticket") != derive(roots, "other")
    with pytest.raises(Unsealable):
        roots.find("cccc")
