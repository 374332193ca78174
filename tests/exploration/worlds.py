"""The worlds that are walked: what they hold, and how much may go wrong in each.

Bounds, common to all: two routers, one partition, up to three facts. The clock shows one moment after the timer is due
(`DUE`: the timer races with its answer), or one before it too; in `OUTAGES` three, so far apart that a takeover
gives time back. A router reads it as it likes at each decision.
`intake` reaches a router as late as it likes. In each world there are so many claims (those of a restored router
included), so many appends that are not answered or processes that end (what was under way lands late, in part, out of
order or never), and so many copies that land once more. Bounds are on a whole run, of both routers together; how long
it takes, and how long either stands still, is not bounded.

What is not here: more than one partition (they share nothing), the start of the log cut off by retention, bytes that no
reader can read, and that a timer is judged only after `intake` is read to an end seen after it was due (the worker's
duty; here a router judges it whenever it likes, which is more than it may). How long nobody decided is taken from the
log, not from how long the worker has listened, and all clocks show the same moments.
"""

from dataclasses import dataclass

from tests.exploration.real import call
from tests.exploration.scenarios import Scenario, tiny
from tests.exploration.state import Budget
from tests.exploration.tiny import fact


@dataclass(frozen=True)
class Bounded:
    """A world and what may happen in one run of it."""

    scenario: Scenario
    left: Budget


OPENS, POISON, ANSWERS = fact("opens"), fact("poison"), fact("answers")
DUE = (1.5,)
TWO_MOMENTS = (0.0, 1.5)
OUTAGES = (0.0, 3.0, 6.0)

THREE = (OPENS, POISON, ANSWERS)

WORLDS = {
    "takeover, and the timer against its answer": Bounded(tiny(*THREE, seconds=TWO_MOMENTS), Budget(claims=2)),
    "an append is not answered, or a process ends": Bounded(tiny(*THREE, seconds=DUE), Budget(claims=2, failures=1)),
    "that twice": Bounded(tiny(OPENS, seconds=DUE), Budget(claims=2, failures=2)),
    "a record lands twice": Bounded(tiny(*THREE, seconds=DUE), Budget(claims=2, copies=1)),
    "both": Bounded(tiny(OPENS, seconds=DUE), Budget(claims=2, failures=1, copies=1)),
    "three claims": Bounded(tiny(OPENS, ANSWERS, seconds=DUE), Budget(claims=3)),
    "an outage, and another": Bounded(tiny(OPENS, seconds=OUTAGES, put_off=True), Budget(claims=3)),
    "heartbeats and a planned end": Bounded(tiny(OPENS, ANSWERS, seconds=DUE), Budget(claims=2, beats=1)),
    "snapshots": Bounded(tiny(OPENS, ANSWERS, seconds=DUE), Budget(claims=2, failures=1, snapshots=1)),
    "two cells, so that an append has two records": Bounded(
        tiny(OPENS, fact("other", "y"), ANSWERS, seconds=DUE), Budget(claims=2, failures=1)
    ),
    "the real engine, a call": Bounded(call(0), Budget(claims=2)),
}

STEP_BY_STEP = {
    "a failure": Bounded(tiny(OPENS, seconds=DUE), Budget(claims=2, failures=1)),
    "a copy": Bounded(tiny(OPENS, seconds=DUE), Budget(claims=2, copies=1)),
    "three facts": Bounded(tiny(*THREE, seconds=DUE), Budget(claims=2)),
}
"""Small enough to stop at every single step of every router."""

DEEP = {
    "three claims, three facts": Bounded(tiny(*THREE, seconds=DUE), Budget(claims=3)),
    "a failure and a copy, three facts": Bounded(tiny(*THREE, seconds=DUE), Budget(claims=2, failures=1, copies=1)),
    "a failure and the timer": Bounded(tiny(*THREE, seconds=TWO_MOMENTS), Budget(claims=2, failures=1)),
    "the real engine, a call and its deadlines": Bounded(call(0, 30), Budget(claims=2)),
}
"""For `python -m tests.exploration --deep`: minutes."""
