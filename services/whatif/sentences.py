"""What is taken for granted of a day's callers and agents, one sentence each."""

from collections.abc import Iterable, Sequence
from typing import Final

from services.whatif.inputs import Agent, Caller
from services.whatif.patience import PATIENCE_S_MAX, Survival
from services.whatif.records import Call

REDIAL_S: Final = 3600.0
HANG_UPS_MIN: Final = 20  # with fewer, a queue's patience is not worth an estimate of its own
PACE_CALLS: Final = 20  # an agent's pace counts as much as so many calls at the queue's mean
PACE_RANGE: Final = (0.5, 2.0)


def about_callers(callers: Sequence[Caller]) -> Iterable[str]:
    """Say who comes when."""
    yield (
        f"The same {len(callers):,} callers come at the same instants to the same queues. "
        "An agent serves one at a time."
    )
    moved = sum(caller.continues for caller in callers)
    if moved:
        yield (
            f"{moved:,} of them had been in another queue in the same call; "
            "they come to the next at the same instant as they did."
        )
    redials = sum(caller.redial_of is not None for caller in callers)
    if redials:
        yield (
            f"{redials:,} of them came within an hour of a call of the same caller that nobody answered: redials, "
            "which are not made where the first call is answered. "
            "Callers are told apart by a hash whose key dies with this run."
        )
    yield "The file tells nothing of urgency: the callers of a queue are alike."


def about_patience(curves: Iterable[tuple[str, Survival]], pooled: Sequence[str], seed: int) -> Iterable[str]:
    """Say who waits how long; `curves` are those that are in use, by the name of the queue."""
    yield (
        "Whoever hung up would hang up after the same wait again. How much longer the others would have waited is "
        f"drawn (seed {seed}) from the Kaplan-Meier estimate of their queue, given that they waited as they did."
    )
    if pooled:
        yield (
            f"With fewer than {HANG_UPS_MIN} hang-ups of their own, these share the estimate of all queues together: "
            f"{', '.join(pooled)}."
        )
    yield from (_about_curve(name, curve) for name, curve in curves)


def _about_curve(name: str, curve: Survival) -> str:
    if curve.tail_rate <= 0:
        return f"{name}: nobody hung up after waiting, so nobody does within {PATIENCE_S_MAX / 3600:.0f} hours."
    return (
        f"{name}: {curve.hang_ups:,} hang-ups in {curve.waits:,} waits, median patience {curve.median_s():,.0f} s. "
        f"Beyond the longest wait, {curve.longest_s:,.0f} s, they hang up as on the mean of the day: "
        f"once in {1 / curve.tail_rate:,.0f} s of waiting."
    )


def about_work(calls: Sequence[Call], wrap_up_s: float, seed: int) -> Iterable[str]:
    """Say how long callers take; `calls` are as the file tells them."""
    unserved = sum(not call.talked_s for call in calls)
    yield (
        "A caller who was served brings the same work again, whoever serves. The other "
        f"{unserved:,} bring that of a served caller of their queue (seed {seed}), the same under every policy."
    )
    yield (
        f"An agent's pace in a queue is their mean handle time over the queue's, drawn towards 1 as by {PACE_CALLS} "
        f"calls more, within {PACE_RANGE[0]:g} and {PACE_RANGE[1]:g}. "
        "The work of a transferred call ends at the transfer."
    )
    untold = sum(call.wrap_up_s is None for call in calls if call.talked_s)
    if untold:
        yield f"The file does not tell the wrap-up of {untold:,} calls: it is taken as {wrap_up_s:g} s (--wrap-up)."


def about_agents(agents: Sequence[Agent], by_signing: int) -> Iterable[str]:
    """Say who serves whom when; of `by_signing` agents the log tells the shift."""
    yield (
        f"{len(agents):,} agents serve the queues in which they answered on that day; whoever answered nobody is left "
        f"out. The shift of {by_signing:,} is from signing in to signing out, of {len(agents) - by_signing:,} from the "
        "first answer to the end of the last call. Breaks are left out where the file tells them."
    )
