"""The cell that the engine is measured with does what callers and agents do."""

import asyncio
from dataclasses import replace
from pathlib import Path

from tests.bench import engine
from tests.bench.cell import CellAtWork
from tests.bench.measures import QUICK
from tests.bench.system import Bus


def test_a_cell_fills_and_works() -> None:
    cell = CellAtWork(20)
    cell.fill(10, 0)
    assert (len(cell._talks), cell.waiting) == (10, 0)
    cell.fill(20, 30)
    talking = len(cell._talks)
    assert (cell.waiting, len(list(cell.engine.state.lines.waiting))) == (30, 30)
    cell.times_s.clear()
    cell.work(50)
    assert abs(cell.waiting - 30) <= 10
    assert abs(len(cell._talks) - talking) <= 10
    assert len(cell.times_s) > 50 * 5


def test_figures_come_of_it(monkeypatch) -> None:
    monkeypatch.setattr(engine, "RESTORED", (10, 20))
    monkeypatch.setattr(engine, "JUDGED", (10, 20))
    size = replace(QUICK, engine_agents=(10, 100), engine_waiting=(0, 20), engine_cycles=20)
    figures = asyncio.run(engine.engine(Path(), size, Bus()))
    assert len(figures) == 4 * 4 + 2 + 2
    assert all(figure.value >= 0 for figure in figures)
    assert sum(figure.met is not None for figure in figures) == 1 + 2 + 2
