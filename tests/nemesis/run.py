"""One run: start the system, let people call, hurt it, let it heal, wind down, and judge."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.nemesis.checker import Violation, check, promised
from tests.nemesis.faults import Fault, schedule
from tests.nemesis.history import Evidence, Record, books, counting
from tests.nemesis.ledger import Ledger, acts
from tests.nemesis.load import Load
from tests.nemesis.system import PARTITIONS, System
from tests.nemesis.witness import gather, save

WARM_UP_S: Final = 6.0
GRACE_S: Final = 20.0  # for callers to finish by themselves
SETTLE_S: Final = 170.0  # a caller whose last status was lost is found by the second list of calls, a minute apart
LOOK_S: Final = 3.0
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do: at least `faults` faults, and more until `minutes` are over."""

    seed: int
    faults: int = 20
    minutes: float = 0.0
    rate: float = 60.0  # calls a minute
    only: str = ""  # kinds of faults that contain this word; all without


@dataclass
class Verdict:
    """What came of a run."""

    plan: Plan
    violations: list[Violation] = field(default_factory=list)
    crashes: list[Violation] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    figures: dict[str, int] = field(default_factory=dict)
    takeovers: list[tuple[str, float]] = field(default_factory=list)  # how it came, and seconds to the next decision
    error: str | None = None

    @property
    def sound(self) -> bool:
        """Whether every promise was kept."""
        return not self.violations and not self.crashes and self.error is None


async def run(plan: Plan, folder: Path, say: Say) -> Verdict:
    """Run the plan over an empty folder. What breaks the run itself is in `error`."""
    verdict = Verdict(plan)
    with Ledger(folder / "ledger.jsonl") as ledger:
        async with System(folder / "cluster") as system:
            say(f"{len(system.members)} processes are up")
            load, stop = Load(system, ledger, seed=plan.seed, rate=plan.rate), asyncio.Event()
            calling = asyncio.create_task(load.run(stop))
            try:
                await asyncio.sleep(WARM_UP_S)
                await _hurt(plan, system, ledger, verdict, say)
                await load.wind_down(grace_s=GRACE_S)
                evidence = await _settled(system, ledger, verdict, say)
                save(evidence, folder)
                verdict.figures = figures(evidence, load)
                verdict.takeovers = takeovers(evidence)
            finally:
                stop.set()
                with suppress(asyncio.CancelledError):
                    await calling
    return verdict


async def _hurt(plan: Plan, system: System, ledger: Ledger, verdict: Verdict, say: Say) -> None:
    began, done = time.monotonic(), 0
    for pause_s, fault in schedule(plan.seed, system):
        if done >= plan.faults and time.monotonic() - began >= plan.minutes * 60:
            return
        if plan.only not in fault.kind:
            await asyncio.sleep(0.001)
            continue
        await asyncio.sleep(pause_s)
        done += 1
        verdict.faults[fault.kind] += 1
        await _suffer(fault, done, system, ledger, say)
        await _revive(system, verdict, say)


async def _suffer(fault: Fault, number: int, system: System, ledger: Ledger, say: Say) -> None:
    pid = system.pid(fault.target) if fault.target in system.members else None
    entry = ledger.intend("fault", fault=fault.kind, target=fault.target, pid=pid)
    began = time.monotonic()
    await fault.inject(system)
    await asyncio.sleep(fault.for_s)
    await fault.heal(system)
    ledger.settle(entry, healed=True)
    say(f"{number:>4}  {fault.kind:<18} {fault.target:<22} for {fault.for_s:4.1f} s, healed after "
        f"{time.monotonic() - began:4.1f} s")  # fmt: skip


async def _revive(system: System, verdict: Verdict, say: Say) -> None:
    """Start again what ended by itself, as an orchestrator would; nothing of ours may."""
    for member in system.members.values():
        if not member.running:
            say(f"      {member.name} has ended by itself")
            verdict.crashes.append(Violation("crash", f"{member.name} ended by itself:\n{member.last_words()}"))
            await member.start()


async def _settled(system: System, ledger: Ledger, verdict: Verdict, say: Say) -> Evidence:
    """Look again and again until nothing is wrong, or until it is clear that it stays so."""
    deadline = time.monotonic() + SETTLE_S
    while True:
        await _revive(system, verdict, say)
        evidence = await gather(system.bootstrap, system.database, ledger.path, partitions=PARTITIONS)
        verdict.violations = check(evidence)
        if not verdict.violations or time.monotonic() > deadline:
            return evidence
        rules = Counter(violation.rule for violation in verdict.violations)
        say("      settling: " + ", ".join(f"{rule} {number}" for rule, number in rules.items()))
        await asyncio.sleep(LOOK_S)


def figures(evidence: Evidence, load: Load) -> dict[str, int]:
    """Count what happened."""
    return of_load(evidence, load) | of_evidence(evidence)


def of_load(evidence: Evidence, load: Load) -> dict[str, int]:
    """Count what people and the carrier did."""
    webhooks = acts(evidence.ledger, "webhook")
    return {
        "calls": load.calls,
        "webhooks": len(webhooks),
        "acknowledged": sum(1 for act in webhooks if act.outcome and (act.outcome["http"] or 500) < 300),
        "unanswered": sum(1 for act in webhooks if not act.outcome or act.outcome["http"] is None),
        "refused": sum(1 for act in webhooks if act.outcome and (act.outcome["http"] or 0) >= 300),
        "fallbacks": load.webhooks.fallbacks,
        "doubled": load.webhooks.copies,
        "late": load.webhooks.late,
        "reordered": load.webhooks.reordered,
        "replayed at the end": load.webhooks.replayed,
    }


def of_evidence(evidence: Evidence) -> dict[str, int]:
    """Count what came of it."""
    kept = books(evidence.decisions)
    ignored = sum(len(counting(records)[1]) for records in evidence.decisions.values())
    return {
        "facts promised": len(promised(evidence)),
        "items answered": sum(item.answered for item in kept.items.values()),
        "contacts completed": sum(reason == "completed" for reason in kept.ends.values()),
        "frames sent": len(acts(evidence.ledger, "frame")),
        "frames seen": len(evidence.frames),
        "sockets": sum(entry["kind"] == "connection" for entry in evidence.ledger),
        "facts": sum(map(len, evidence.intake.values())),
        "decision records": sum(map(len, evidence.decisions.values())),
        "of owners that did not count": ignored,
        "zombies noticed": zombies_noticed(evidence),
    }


def zombies_noticed(evidence: Evidence) -> int:
    """Count, over zombies and partitions, where another took over from one or records came that do not count."""
    zombies = [act.intent for act in acts(evidence.ledger, "fault") if act.intent["fault"] == "zombie"]
    return sum(
        _successor(records, zombie["at"], zombie["pid"]) is not None
        or any(record.at >= zombie["at"] for record in counting(records)[1])
        for zombie in zombies
        for records in evidence.decisions.values()
    )


def takeovers(evidence: Evidence) -> list[tuple[str, float]]:
    """Return, for each kill or freeze of an owner, the time to the next decision that counts, by the broker's clock."""
    found = []
    for act in acts(evidence.ledger, "fault"):
        fault = act.intent
        if str(fault["target"]).startswith("routing") and fault["pid"] is not None:
            for records in evidence.decisions.values():
                took_s = _taken_over(records, fault["at"], fault["pid"])
                if took_s is not None:
                    found.append((fault["fault"], took_s))
    return found


def _taken_over(records: Sequence[Record], at: float, pid: int) -> float | None:
    claim = _successor(records, at, pid)
    decided_at = _next_decision(records, claim.offset) if claim else None
    return None if decided_at is None else max(0.0, decided_at - at)


def _successor(records: Sequence[Record], at: float, pid: int) -> Record | None:
    """Return the first claim of another process on a partition that this one owned at that time."""
    owner: Mapping[str, object] = {}
    for record in counting(records)[0]:
        if record.at <= at:
            owner = record.data if record.data["type"] == "router.claim" else owner
        elif not str(owner.get("owner", "")).startswith(f"{pid}-"):
            return None
        elif record.data["type"] == "router.claim" and not str(record.data["owner"]).startswith(f"{pid}-"):
            return record
    return None


def _next_decision(records: Sequence[Record], claim: int) -> float | None:
    """Return when something was first decided after a claim; a sign of life, or an empty step, decides nothing."""
    return next((one.at for one in counting(records)[0] if one.offset > claim and one.data.get("decisions")), None)
