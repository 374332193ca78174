import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SOURCE = Path(__file__).resolve().parents[3] / "deploy" / "setup.py"


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("frontdoor_setup", SOURCE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "requirements").mkdir()
    for kind in ("run", "dev"):
        (tmp_path / "requirements" / f"{kind}.txt").write_text(f"one==1\ntwo==2 \\\n    --hash=x\n# {kind}\n")
    (tmp_path / "pyproject.toml").write_text("")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "VENV", tmp_path / ".venv")
    return module


@pytest.fixture
def steps(setup: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Note what is done, and do nothing but make the folder."""
    done: list[tuple[str, ...]] = []

    def make_venv() -> None:
        done.append(("venv",))
        setup.VENV.mkdir(exist_ok=True)

    monkeypatch.setattr(setup, "make_venv", make_venv)
    monkeypatch.setattr(setup, "pip", lambda *arguments: done.append(arguments))
    return done


def test_it_installs_by_hash_then_the_project_and_says_so(
    setup: ModuleType, steps: list[tuple[str, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert setup.main(["run"]) == 0
    assert [step[0] for step in steps] == ["venv", "install", "install"]
    assert {"--no-deps", "--require-hashes"} <= set(steps[1])
    assert {"--no-deps", "--no-build-isolation", "--editable"} <= set(steps[2])
    told = capsys.readouterr().err
    assert "[2/3] installing 2 packages from requirements/run.txt" in told
    assert "set-up is complete" in told


def test_a_second_run_does_nothing(
    setup: ModuleType, steps: list[tuple[str, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    setup.main(["run"])
    steps.clear()
    capsys.readouterr()
    assert setup.main(["run"]) == 0
    assert steps == []
    assert capsys.readouterr().err == ""


def test_what_dev_has_is_enough_for_run_and_not_the_reverse(setup: ModuleType, steps: list[tuple[str, ...]]) -> None:
    setup.main(["dev"])
    steps.clear()
    setup.main(["run"])
    assert steps == []
    (setup.VENV / ".complete-dev").unlink()
    setup.main(["run"])
    steps.clear()
    setup.main(["dev"])
    assert steps


def test_a_changed_lock_file_is_installed(setup: ModuleType, steps: list[tuple[str, ...]]) -> None:
    setup.main(["run"])
    steps.clear()
    setup.lock("run").write_text("one==2\n")
    setup.main(["run"])
    assert len(steps) == 3


def test_an_old_python_is_one_clear_line(
    setup: ModuleType, steps: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(setup.sys, "version_info", (3, 9, 2))
    assert setup.main(["run"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("set-up failed: Python 3.11 or later is needed, this is 3.9.2.")
    assert steps == []


def test_a_failed_step_leaves_no_stamp(
    setup: ModuleType, steps: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*arguments: str) -> None:
        raise setup.SetupError("no way")

    monkeypatch.setattr(setup, "pip", broken)
    assert setup.main(["run"]) == 1
    assert not setup.stamp("run").exists()
    assert "set-up failed: no way" in capsys.readouterr().err


def test_without_ensurepip_debians_package_is_installed_or_told(
    setup: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran: list[list[str]] = []

    def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        ran.append(command)
        return subprocess.CompletedProcess(command, 1 if command[-1] in {"import ensurepip, venv", "true"} else 0)

    package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
    monkeypatch.setattr(setup.subprocess, "run", run)
    monkeypatch.setattr(setup.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(setup.os, "geteuid", lambda: 0)
    setup.make_venv()
    assert any(command[:2] == ["/usr/bin/apt-get", "install"] and command[-1] == package for command in ran)
    assert f"installing {package}" in capsys.readouterr().err
    monkeypatch.setattr(setup.os, "geteuid", lambda: 1000)
    with pytest.raises(setup.SetupError, match=f"Run: apt-get install {package}"):
        setup.make_venv()


def test_the_arguments_are_checked(setup: ModuleType) -> None:
    assert setup.main([]) == 2
    assert setup.main(["everything"]) == 2
