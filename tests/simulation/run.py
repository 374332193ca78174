"""One run: a few bad minutes, drawn from a seed, and its audit."""

from dataclasses import dataclass
from random import Random
from typing import Any

from schemas.contacts import ContactArrived, DialogTurned
from schemas.intake import ConfigApplied, FactEnvelope
from tests.simulation.auditor import Auditor, Unsound
from tests.simulation.logs import Clock, Logs
from tests.simulation.node import Node, Snapshot, restored
from tests.simulation.people import Crowd
from tests.world import tenant

ARRIVALS_S = 200.0
STORM_S = 270.0  # until then processes die and the bus misbehaves
END_S = 390.0
CALLERS = 18
REST_EVERY_S = 4.0
AGENTS = ("nora", "nils", "carl", "elsa")
SPANISH = {
    "agent_id": "elsa",
    "name": "Elsa",
    "role": "nurse",
    "endpoint": "client:elsa",
    "skills": [{"skill": "nurse", "level": 0.7}, {"skill": "desk", "level": 0.3}, {"skill": "lang-es", "level": 1.0}],
}
RULES: tuple[dict[str, Any], ...] = (
    {},
    {  # the last idle nurse is kept for emergent callers; a good clerk is wanted at first, then any
        "emergency": {"notice": {"en": "Dial 911."}, "queue": "nurses", "reserve": 1, "reserve_s": 40},
        "queues": [
            {"name": "nurses", "requires": [{"skill": "nurse"}], "intents": ["triage.symptom"]},
            {"name": "desk", "intents": ["refill.request"], "requires": [
                {"skill": "desk", "level_min": 0.7, "hard": False,
                 "relax": [{"after_s": 15, "level_min": 0.4}, {"after_s": 45}]}]},
        ],
    },
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What a run came to; equal for equal seeds."""

    facts: int
    records: int
    reservations: int
    endings: tuple[tuple[str, str], ...]


class Run:
    """Everything of one run."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self.clock = Clock()
        self.logs = Logs(self._random, self.clock)
        self.auditor = Auditor(self.logs.intake, self.logs.decisions)
        self.crowd = Crowd(self._random, self.clock, self.logs)
        self.snapshots: list[Snapshot] = []
        self._rested_at = -REST_EVERY_S
        self.rests = 0
        self.nodes = [
            Node(name, Random(self._random.random()), self.clock, self.logs, self.snapshots, self._at_rest)
            for name in ("a", "b")
        ]

    def play(self) -> Outcome:
        """Let it all happen, and audit it. Raises `Unsound`, or whatever the router raised."""
        document = tenant(timers={"exclusion_s": 35, "wrap_up_s": 40}, **self._random.choice(RULES))
        full = document.model_copy(update={"agents": (*document.agents, *_agents(SPANISH))})
        self._configure(1, full)
        if self._random.random() < 0.5:
            self.clock.later(100, lambda: self._configure(2, document))
            self.clock.later(180, lambda: self._configure(3, full))
        for agent in AGENTS:
            self.clock.later(self._random.uniform(0, 60), lambda agent=agent: self.crowd.sign_in(agent))
        for number in range(CALLERS):
            name = f"c{number:02}"
            self.clock.later(self._random.uniform(0, ARRIVALS_S), lambda name=name: self.crowd.arrive(name))
        self.clock.later(self._random.uniform(0, ARRIVALS_S), self._poison)
        for _ in range(8):
            self.clock.later(self._random.uniform(10, STORM_S), self._both_claim)
        for node in self.nodes:
            node.start(claim=self._random.random() < 0.7)
            self._doom(node)
        self.clock.run(STORM_S)
        self._calm()
        self.clock.run(END_S)
        self._check_end()
        return self._outcome()

    def _configure(self, version: int, document: Any) -> None:
        self.logs.publish(ConfigApplied(tenant="demo", version=version, document=document))

    def _poison(self) -> None:
        """Send facts that no engine can fold: one of nobody, one of a caller who is there."""
        nobody = ContactArrived(contact_id="poison", carrier="x", account="y", call="z", number="+1")
        self.logs.publish(nobody, tenant=None)
        there = [caller.name for caller in self.crowd.callers.values() if caller.on_line]
        if there:
            turned = DialogTurned(contact_id=self._random.choice(there), turn=0, node="menu")
            broken = turned.model_copy(update={"answer_by_s": "soon", "turn": 1_000_000})
            envelope = FactEnvelope.model_construct(
                specversion="1.0", id=f"poison-{len(there)}", source="/simulation", type=broken.type,
                subject=broken.contact_id, time=self.clock.now(), cell="demo", tenant="demo", data=broken,
            )  # fmt: skip
            self.logs.send(envelope)

    # ---- faults

    def _both_claim(self) -> None:
        for node in self._random.sample(self.nodes, 2):
            node.claim()

    def _doom(self, node: Node) -> None:
        self.clock.later(self._random.expovariate(1 / 60), lambda: self._strike(node))

    def _strike(self, node: Node) -> None:
        if self.clock.second >= STORM_S:
            return
        node.kill()
        self.clock.later(self._random.uniform(0.05, 10), lambda: self._revive(node))

    def _revive(self, node: Node) -> None:
        if not node.alive:
            node.start(claim=self._random.random() < 0.5)
        self._doom(node)

    def _calm(self) -> None:
        self.logs.calm = True
        for node in self.nodes:
            node.calm = True
        self.crowd.everybody_goes_home()

    # ---- audit

    def _at_rest(self, now: Any) -> None:
        if self.clock.second - self._rested_at >= REST_EVERY_S:
            self._rested_at = self.clock.second
            self.rests += 1
            self.auditor.check_at_rest(now)

    def _check_end(self) -> None:
        self.auditor.check_end()
        images = [self._folded(snapshot) for snapshot in self.snapshots[: len(self.snapshots) // 2 + 1][-1:]]
        owners = [node for node in self.nodes if node.owning]
        if len(owners) != 1 or self.rests == 0:
            raise Unsound("in the end one process owns, and it came to rest")
        images.append(self._folded(None))
        owners[0].read_to_the_end()
        if any(image != owners[0].partition.image()["cells"] for image in images):
            raise Unsound("folding the log from anywhere gives the owner's state")

    def _folded(self, snapshot: Snapshot | None) -> Any:
        follower, intake_next, decisions_next = restored("follower", snapshot)
        for offset in range(decisions_next, len(self.logs.decisions)):
            follower.record(offset, self.logs.decisions[offset])
        for offset in range(intake_next, len(self.logs.intake)):
            follower.fact(offset, self.logs.intake[offset])
        # What came after the last step is folded by whoever decides next; then all have folded the same.
        follower.record(len(self.logs.decisions), follower.claim())
        return follower.image()["cells"]

    def _outcome(self) -> Outcome:
        endings = tuple(sorted(self.auditor.ended.items()))
        logs = self.logs
        return Outcome(len(logs.intake), len(logs.decisions), len(self.auditor.reservations), endings)


def _agents(*entries: dict[str, Any]) -> tuple[Any, ...]:
    return tenant(agents=entries, queues=[{"name": "desk", "requires": [{"skill": "desk"}]},
                  {"name": "nurses", "requires": [{"skill": "nurse"}]}]).agents  # fmt: skip


def simulate(seed: int) -> Outcome:
    """Play and audit the run of a seed."""
    return Run(seed).play()
