import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import ConfigurationError
from services import cli
from services.whatif.command import Rerun, add_to
from services.whatif.inputs import Yesterday
from tests.unit.services.whatif.examples import QUEUE_LOG

TABLE = "arrived_at,wait_s,answered_by,talk_s\n2026-03-02 09:00:00,4,Ann,60\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "log"
    path.write_text(QUEUE_LOG)
    return path


@dataclass
class Outcome:
    policies: Sequence[str]

    def as_text(self) -> str:
        return f"under {', '.join(self.policies)}"

    def as_json(self) -> Mapping[str, Any]:
        return {policy: {} for policy in self.policies}


@dataclass
class Again:
    policies: Sequence[str] = ("longest_idle", "gcmu")
    days: list[Yesterday] = field(default_factory=list)

    def __call__(self, yesterday: Yesterday, policies: Sequence[str]) -> Outcome:
        self.days.append(yesterday)
        return Outcome(policies)


def run(*argv: object, rerun: Rerun | None = None) -> int:
    parser = argparse.ArgumentParser()
    add_to(parser.add_subparsers(), rerun)
    args = parser.parse_args(["whatif", *map(str, argv)])
    done: int = args.command(args)
    return done


def test_the_day_as_it_was(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--from", "queue_log", file) == 0
    told = capsys.readouterr().out
    assert f"{file}: the day as it was" in told
    assert "all queues        5         3          1      1" in told
    assert "5005550" not in told


def test_the_day_as_json(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--from", "queue_log", file, "--json", "--target", "4", "--wrap-up", "15", "--seed", "2") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["as_it_was"][-1]["service_level"] == 0.2
    assert told["service_level_target_s"] == 4
    assert any("15 s (--wrap-up)" in sentence for sentence in told["assumptions"])
    assert any("(seed 2)" in sentence for sentence in told["assumptions"])
    assert "under_policies" not in told


def test_zone_and_day_reach_the_reader(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(TABLE)
    with pytest.raises(ConfigurationError, match="--zone"):
        run("--from", "csv", file)
    assert run("--from", "csv", file, "--zone", "America/New_York", "--day", "2026-03-02") == 0
    assert "2026-03-02 09:00 to 2026-03-02 09:01 (America/New_York)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--zone", "Nowhere/At_All"),
        ("--zone", "../etc"),
        ("--day", "3/2/2026"),
        ("--target", "-1"),
        ("--wrap-up", "soon"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused(
    file: Path, capsys: pytest.CaptureFixture[str], option: str, value: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        run("--from", "queue_log", file, option, value)
    assert ended.value.code == 2
    assert f"argument {option}: {value} is no" in capsys.readouterr().err


def test_a_simulation_that_is_given_runs_the_day_again(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    again = Again()
    assert run("--from", "queue_log", file, rerun=again) == 0
    assert capsys.readouterr().out.endswith("\n\nunder longest_idle, gcmu\n")
    assert len(again.days[0].callers) == 5
    assert run("--from", "queue_log", file, "--policy", "gcmu", "--json", rerun=again) == 0
    assert json.loads(capsys.readouterr().out)["under_policies"] == {"gcmu": {}}


def test_without_one_there_is_no_choice_of_policies(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run("--from", "queue_log", file, "--policy", "gcmu")
    assert "unrecognized arguments: --policy gcmu" in capsys.readouterr().err


def test_the_command_line_has_it(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["whatif", "--from", "queue_log", str(file)]) == 0
    assert "the day as it was" in capsys.readouterr().out
    file.write_text("")
    assert cli.main(["whatif", "--from", "queue_log", str(file)]) == 2
    assert "holds no call, it is empty" in capsys.readouterr().err
