"""The ledger survives the death of who writes it."""

import signal
import subprocess
import sys
from pathlib import Path

from tests.nemesis.ledger import Ledger, acts, read

WRITER = """
import os, signal, sys
from pathlib import Path
from tests.nemesis.ledger import Ledger
ledger = Ledger(Path(sys.argv[1]))
done = ledger.intend("webhook", leg="CA1")
ledger.settle(done, http=200)
ledger.intend("webhook", leg="CA2")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_was_intended_is_there_although_the_writer_was_killed(tmp_path):
    path = tmp_path / "ledger.jsonl"
    killed = subprocess.run([sys.executable, "-c", WRITER, str(path)], check=False, cwd=Path.cwd())
    assert killed.returncode == -signal.SIGKILL
    told, unknown = acts(list(read(path)), "webhook")
    assert (told.intent["leg"], told.outcome["http"]) == ("CA1", 200)
    assert (unknown.intent["leg"], unknown.outcome) == ("CA2", None)


def test_an_intent_is_synced_before_it_returns(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr("tests.nemesis.ledger.os.fdatasync", synced.append)
    with Ledger(tmp_path / "ledger.jsonl") as ledger:
        ledger.intend("frame")
        assert len(synced) == 1
        ledger.note("seen")
        ledger.settle(0)
        assert len(synced) == 1


def test_a_torn_line_is_left_out_and_numbers_go_on_after_it(tmp_path):
    path = tmp_path / "ledger.jsonl"
    with Ledger(path) as ledger:
        ledger.intend("webhook")
        ledger.note("seen")
    with path.open("ab") as file:
        file.write(b'{"n":2,"kind":"web')
    with Ledger(path) as ledger:
        assert ledger.intend("frame") == 2
    assert [(entry["n"], entry["kind"]) for entry in read(path)] == [(0, "webhook"), (1, "seen"), (2, "frame")]


def test_no_ledger_has_no_entries(tmp_path):
    assert list(read(tmp_path / "none")) == []
