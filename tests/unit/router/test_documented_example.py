"""The program in docs/engine.md runs as it stands there."""

import re
from pathlib import Path

DOCUMENT = Path(__file__).parents[3] / "docs" / "engine.md"


def test_the_example_offers_the_caller_and_takes_the_offer_back(capsys):
    (program,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    exec(compile(program, str(DOCUMENT), "exec"), {})
    printed = capsys.readouterr().out.split()
    assert printed.index("item.queued") < printed.index("agent.reserved") < printed.index("reservation.lapsed")
