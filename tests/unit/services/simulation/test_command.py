"""`frontdoor simulate`, as it is typed."""

import json

import pytest

from router.policies.catalogue import POLICIES
from services import cli
from services.simulation import clinic, command, options
from tests.unit.services.simulation.small import center


@pytest.fixture(autouse=True)
def small(monkeypatch) -> None:
    """A small center in place of the large one."""
    monkeypatch.setattr(command, "clinic", lambda load: center(rates=(0.01 * load,)))


def test_a_table_and_a_progress_bar(capsys) -> None:
    assert cli.main(["simulate", "--seeds", "2"]) == 0
    shown = capsys.readouterr()
    assert all(policy in shown.out for policy in command.DEFAULT_POLICIES)
    assert "seeds 1 to 2" in shown.out
    assert "0 of 10 days" in shown.err
    assert shown.err.endswith(f"[{'#' * 30}] 10 of 10 days\n")


def test_json_policies_load_seed_and_picture(capsys, tmp_path) -> None:
    picture = tmp_path / "p.svg"
    options = ["--policy", "gcmu,frontdoor", "--policy", "gcmu", "--load", "0.8", "--seed", "7", "--seeds", "1"]
    assert cli.main(["simulate", *options, "--json", "--quiet", "--plot", str(picture)]) == 0
    shown = capsys.readouterr()
    data = json.loads(shown.out)
    assert (list(data["policies"]), data["seeds"], data["load"]) == (["gcmu", "frontdoor"], [7], 0.8)
    assert shown.err == ""
    assert picture.read_text().startswith("<svg")


def test_all_policies(capsys) -> None:
    assert cli.main(["simulate", "--policy", "all", "--seeds", "1", "--quiet", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["policies"]) == 7


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--policy", "luck"], "no policy is called luck"),
        (["--load", "0"], "--load 0 is not above 0"),
        (["--load", "nan"], "--load nan is not above 0"),
        (["--seeds", "0"], "--seeds 0 is not from 1"),
        (["--seeds", "1", "--policy", "gcmu", "--plot", "/nowhere/p.svg"], "/nowhere/p.svg cannot be written"),
    ],
)
def test_what_is_to_be_mended_is_told(options, told, capsys) -> None:
    assert cli.main(["simulate", "--quiet", *options]) == 2
    assert told in capsys.readouterr().err


def test_on_a_terminal_the_bar_stays_in_its_place(capsys, monkeypatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    show = command._bar()
    show(1, 100)
    show(2, 100)
    show(100, 100)
    assert capsys.readouterr().err.count("\r") == 2


def test_the_options_name_every_policy() -> None:
    assert tuple(POLICIES) == options.POLICY_NAMES


def test_the_center_is_that_of_the_documents() -> None:
    people = clinic.clinic().people
    assert (len(people), sum(person.role == "nurse" for person in people)) == (60, 14)
    with pytest.raises(ValueError, match="above zero"):
        clinic.clinic(0.0)
