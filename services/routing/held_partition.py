"""One partition as a routing process holds it: its fold, and how far both logs have been read."""

from datetime import UTC, datetime

from router import succession
from router.ownership import NO_EPOCH, Lineage
from router.partition import NOTHING, Partition
from schemas.decisions import DecisionRecord
from schemas.topics import DECISIONS, INTAKE
from services.routing import snapshots
from services.runtime.bus import Bus, Place
from services.runtime.clock import Clock
from services.runtime.telemetry import get_logger

_log = get_logger(__name__)


class HeldPartition:
    """Followed or owned. Whoever reads the logs moves `intake_next` and `decisions_next` along."""

    def __init__(
        self,
        number: int,
        partition: Partition,
        *,
        intake_next: int,
        decisions_next: int,
        warm_at: tuple[int, int],
        slot: int,
        clock: Clock,
    ) -> None:
        self.number = number
        self.partition = partition
        self.intake_next = intake_next
        self.decisions_next = decisions_next
        self.own: dict[int, DecisionRecord] = {}  # appended by us, not yet read back: no need to decode them again
        self.unreadable: list[int] = []  # offsets on `intake` that nobody can read, and no owner has put aside yet
        self.snapshot_at = decisions_next
        self.snapshot_time = clock.now()
        self.slot = slot  # for the next snapshot
        self.claimed_at = datetime.max.replace(tzinfo=UTC)
        self.appended_at = 0.0  # our last record, by the monotonic clock
        self.signed_at = clock.monotonic()  # the owner's last record that counts, as it was read here
        self.silent_since = self.signed_at  # the former owner's last sign before our claim
        self.lost = False  # what is held is not to be trusted, or another decides: restore
        self.claims_again = False  # we were in doubt
        self._warm_at = warm_at

    @property
    def warm(self) -> bool:
        """Tell whether this process has caught up with what both logs held when it sat down to read."""
        caught_up = self.intake_next >= self._warm_at[0] and self.decisions_next >= self._warm_at[1]
        return caught_up and self.partition.warm

    def patience_s(self, ordinal: int, count: int) -> float:
        """Return for how long the present owner may be silent before this router is to claim."""
        if self.claims_again and self.partition.standing.owner in {None, ordinal}:
            return 0.0  # we were in doubt, and nobody has taken over
        return succession.patience_s(self.number, ordinal, count, self.partition.standing)

    def places(self) -> tuple[tuple[Place, int], tuple[Place, int]]:
        """Return where to read on, in both logs."""
        return (Place(INTAKE.name, self.number), self.intake_next), (
            Place(DECISIONS.name, self.number),
            self.decisions_next,
        )


async def restore(bus: Bus, number: int, *, name: str, clock: Clock) -> HeldPartition:
    """Take a partition up from its newest snapshot, or from the beginning of both logs.

    `name` is unique over all restores of all processes: an earlier claim must not be taken for a new one.
    """
    snapshot = await snapshots.load(bus, number)
    intake, decisions = [await bus.bounds(Place(topic.name, number)) for topic in (INTAKE, DECISIONS)]
    if snapshot is None:
        snapshot = snapshots.Snapshot(NO_EPOCH, 0, 0, 0, NOTHING, slot=snapshots.KEPT - 1)
    if snapshot.intake_next < intake.first or snapshot.decisions_next < decisions.first:
        # Retention has passed us by. Who called before is not known any more, and who calls now shall be served.
        _log.error("routing.log_cut", partition=number)
    intake_next, decisions_next = max(snapshot.intake_next, intake.first), max(snapshot.decisions_next, decisions.first)
    lineage = Lineage(snapshot.epoch, snapshot.seq)
    return HeldPartition(
        number,
        Partition.restore(name, snapshot.image, lineage=lineage, intake_next=intake_next),
        intake_next=intake_next,
        decisions_next=decisions_next,
        warm_at=(intake.end, decisions.end),
        slot=(snapshot.slot + 1) % snapshots.KEPT,
        clock=clock,
    )
