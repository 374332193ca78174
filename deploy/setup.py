"""Makes `.venv` from a lock file: `python3 deploy/setup.py run|dev`. Needs nothing but Python and its standard library.

Says what it does; a second run returns at once. Every package is checked against its hash in the lock file.
"""
# ruff: noqa: INP001, S603
# It runs before there is an environment, and starts only the programs named here.

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON_MIN = (3, 11)
# Whoever has what `dev` needs has what `run` needs.
SATISFIED_BY = {"run": ("run", "dev"), "dev": ("dev",)}


class SetupError(Exception):
    """Something a person has to mend; one line."""


def main(arguments: Sequence[str]) -> int:
    """Bring the environment up to date and return the exit code."""
    if len(arguments) != 1 or arguments[0] not in SATISFIED_BY:
        say("usage: python3 deploy/setup.py run|dev")
        return 2
    try:
        set_up(arguments[0])
    except SetupError as error:
        say(f"set-up failed: {error}")
        return 1
    except KeyboardInterrupt:
        say("set-up was interrupted; start it again, it goes on where it was.")
        return 130
    return 0


def set_up(kind: str) -> None:
    """Make or complete `.venv`, unless a stamp says that it is complete."""
    if sys.version_info < PYTHON_MIN:
        found = ".".join(map(str, sys.version_info[:3]))
        raise SetupError(f"Python 3.11 or later is needed, this is {found}. Set PYTHON=/path/to/a/newer/python3.")
    if any(stamp(name).exists() and stamp(name).read_text() == fingerprint(name) for name in SATISFIED_BY[kind]):
        return
    started = time.monotonic()
    say("[1/3] making the environment in .venv")
    make_venv()
    count = sum(1 for line in lock(kind).read_text().splitlines() if line[:1].isalnum())
    say(f"[2/3] installing {count} packages from {lock(kind).relative_to(ROOT)}; this takes a minute or two")
    # The lock names all there is to install: pip is not to look for more, and so for newer versions of what is locked.
    pip("install", "--no-deps", "--require-hashes", "--requirement", str(lock(kind)))
    say("[3/3] installing frontdoor itself")
    pip("install", "--quiet", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    stamp(kind).write_text(fingerprint(kind))
    say(f"set-up is complete after {time.monotonic() - started:.0f} s")


def make_venv() -> None:
    """Make `.venv` with pip in it; one of another Python is made anew."""
    python = VENV / "bin" / "python"
    if works(python):
        return
    shutil.rmtree(VENV, ignore_errors=True)
    command = [sys.executable, "-m", "venv", str(VENV)]
    if not has_ensurepip():
        install_debian_venv()
    if subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode != 0:
        raise SetupError(f"`{' '.join(command)}` did not work.")


def works(python: Path) -> bool:
    """Return whether the environment is of this Python and has pip."""
    if not python.exists():
        return False
    probe = "import sys, pip; print(*sys.version_info[:3], sys.base_prefix)"
    found = subprocess.run([str(python), "-c", probe], check=False, capture_output=True, text=True)
    wanted = f"{' '.join(map(str, sys.version_info[:3]))} {sys.base_prefix}"
    return found.returncode == 0 and found.stdout.strip() == wanted


def has_ensurepip() -> bool:
    """Return whether this Python can make environments; Debian puts that into a package of its own."""
    probe = [sys.executable, "-c", "import ensurepip, venv"]
    return subprocess.run(probe, check=False, capture_output=True).returncode == 0


def install_debian_venv() -> None:
    """Install Debian's package for environments, as root or where sudo asks no password."""
    package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
    remedy = f"This Python cannot make environments. Run: apt-get install {package}"
    apt, sudo = shutil.which("apt-get"), shutil.which("sudo")
    if apt is None:
        raise SetupError("This Python cannot make environments (no ensurepip). Set PYTHON to one that can.")
    prefix: list[str] = []
    if os.geteuid() != 0:
        if sudo is None or subprocess.run([sudo, "-n", "true"], check=False, capture_output=True).returncode != 0:
            raise SetupError(remedy)
        prefix = [sudo, "-n"]
    say(f"      this Python cannot make environments yet: installing {package}")
    subprocess.run([*prefix, apt, "update", "-qq"], check=False)
    installed = subprocess.run([*prefix, apt, "install", "-y", "-qq", "--no-install-recommends", package], check=False)
    if installed.returncode != 0:
        raise SetupError(remedy)


def pip(*arguments: str) -> None:
    """Run the environment's pip, its progress in view."""
    command = [str(VENV / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments]
    environment = {**os.environ, "PIP_ROOT_USER_ACTION": "ignore"}
    if subprocess.run(command, check=False, cwd=ROOT, env=environment).returncode != 0:
        raise SetupError(
            "pip could not install the packages; its last lines say why. Start it again when that is mended."
        )


def lock(kind: str) -> Path:
    """Return the lock file of one kind of environment."""
    return ROOT / "requirements" / f"{kind}.txt"


def stamp(kind: str) -> Path:
    """Return the file whose content says what the environment was made from."""
    return VENV / f".complete-{kind}"


def fingerprint(kind: str) -> str:
    """Return what the environment has to be made from: lock file, project, Python and place."""
    digest = hashlib.sha256()
    for content in (
        lock(kind).read_bytes(),
        (ROOT / "pyproject.toml").read_bytes(),
        sys.version.encode(),
        str(ROOT).encode(),
    ):
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()


def say(line: str) -> None:
    """Tell the person at the terminal, at once."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
