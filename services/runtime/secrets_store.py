"""Secrets by name: from the environment, else from the data directory. They are never in a tenant's document.

Also the one way in which files with keys, and folders for data, are made: private to the user, whole, and only once.
"""

import json
import os
import secrets as chance
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from schemas.errors import ConfigurationError

ENVIRONMENT_PREFIX: Final = "FRONTDOOR_SECRET_"
_PRIVATE_MODE: Final = 0o600
_MOUNTED_MODE: Final = 0o640
_PRIVATE_FOLDER_MODE: Final = 0o700


def private_folder(path: Path) -> None:
    """Make a folder that only this user may enter, and those above it that are missing. One that is there stays."""
    for missing in reversed([folder for folder in (path, *path.parents) if not folder.exists()]):
        missing.mkdir(mode=_PRIVATE_FOLDER_MODE, exist_ok=True)


def private_file(path: Path, content: bytes) -> bytes:
    """Write a file that only this user may read, unless it is there already; return what it holds.

    Two processes that start at once agree: one writes, both return the same bytes.

    Raises:
        ConfigurationError: the folder cannot be written, or others may read the file.
    """
    try:
        private_folder(path.parent)
        if not path.exists():
            _link_once(path, content)
        _require_private(path)
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be read or written ({error.strerror})",
            remedy="Set FRONTDOOR_DATA_DIR to a folder that belongs to this user.",
        ) from None


def replace_private_file(path: Path, content: bytes) -> None:
    """Write a private file whole: a reader meets the old content or the new, never a part."""
    private_folder(path.parent)
    temporary = _temporary(path, content)
    temporary.replace(path)


class Secrets:
    """Looks up secrets. `repr` shows none."""

    def __init__(self, data_dir: Path, *, environ: Mapping[str, str] | None = None) -> None:
        self._path = data_dir / "secrets.json"
        self._environ = os.environ if environ is None else environ

    def get(self, name: str) -> str:
        """Return the secret called `name`; the environment comes before the data directory.

        Raises:
            ConfigurationError: there is none; the remedy names both places. Or others may read the file.
        """
        variable = variable_of(name)
        secret = self._environ.get(variable) or self._stored().get(name)
        if not secret:
            raise ConfigurationError(
                f"secret {name!r} is missing", remedy=f"Set {variable}, or add {name!r} to {self._path}."
            )
        return secret

    def generate(self, name: str) -> str:
        """Return the secret called `name`, making and storing a random one (32 hex digits) if there is none."""
        stored = self._stored()
        known = self._environ.get(variable_of(name)) or stored.get(name)
        if known:
            return known
        stored[name] = chance.token_hex(16)
        replace_private_file(self._path, json.dumps(stored, indent=1, sort_keys=True).encode())
        return stored[name]

    def _stored(self) -> dict[str, str]:
        try:
            _require_private(self._path)  # a person may have written it
            document = json.loads(self._path.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError):
            document = None
        if not isinstance(document, dict) or not all(isinstance(value, str) for value in document.values()):
            raise ConfigurationError(
                f"{self._path} is not a JSON object of strings", remedy="Mend it, or move it away to start anew."
            )
        return document


def variable_of(name: str) -> str:
    """Return the environment variable that holds a secret: `twilio-main` is in FRONTDOOR_SECRET_TWILIO_MAIN."""
    return ENVIRONMENT_PREFIX + name.upper().replace("-", "_")


def _temporary(path: Path, content: bytes) -> Path:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mkstemp makes it 0600
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return Path(name)


def _link_once(path: Path, content: bytes) -> None:
    temporary = _temporary(path, content)
    try:
        path.hardlink_to(temporary)  # fails if another process was first, and that one's file counts
    except FileExistsError:
        pass
    finally:
        temporary.unlink()


def _require_private(path: Path) -> None:
    found = path.stat()
    # An orchestrator's mounted secret is not ours: it belongs to root, and our group may read it.
    allowed = _PRIVATE_MODE if found.st_uid == os.geteuid() else _MOUNTED_MODE
    if found.st_mode & ~allowed & 0o777:
        raise ConfigurationError(f"{path} may be read by others", remedy=f"Run: chmod 600 {path}")
