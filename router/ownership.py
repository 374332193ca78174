"""Who may decide for a partition: claims, epochs and sequence numbers (DESIGN 3.1).

The order of the `decisions` log is the only arbiter. A claim's own offset is its epoch. `Lineage` is the reader's rule:
a record counts only if its epoch is that of the last claim seen and its `seq` is the next. `Ownership` adds what an
owner needs: whether its claim has been seen, whether it has been superseded, and what to write on its next record. An
owner that is in doubt does not guess: it forgets, and claims again.
"""

from dataclasses import dataclass
from enum import Enum, auto

from schemas.decisions import Claim, DecisionRecord
from schemas.errors import Defect

NO_EPOCH = -1


@dataclass(slots=True)
class Lineage:
    """Which records of one partition count, for a reader that sees all of them from some claim on.

    A reader that starts in the middle begins at the offset that any record there names as its epoch: from that claim
    forward it meets every later one, so that its verdicts are those of a reader from the beginning.
    """

    epoch: int = NO_EPOCH
    seq: int = 0

    def admit(self, offset: int, record: DecisionRecord) -> bool:
        """Take the next record of the log; tell whether it counts. Claims count and begin an epoch."""
        if isinstance(record, Claim):
            self.epoch, self.seq = offset, 0
            return True
        if record.epoch != self.epoch or record.seq != self.seq + 1:
            return False  # superseded, doubled, or after a gap: only a new claim heals it
        self.seq = record.seq
        return True


class Role(Enum):
    """Where a router stands towards a partition."""

    FOLLOWING = auto()
    CLAIMING = auto()  # the claim is on its way, or its fate unknown
    OWNING = auto()


class Ownership:
    """One router's relation to one partition. It follows the log; the owner must be shown every record in order."""

    def __init__(self, name: str, *, lineage: Lineage | None = None) -> None:
        """`name` is unique to this object, over all processes: an earlier claim must not be taken for its own."""
        self._name = name
        self._claims = 0
        self._produced = 0
        self.lineage = lineage or Lineage()
        self.role = Role.FOLLOWING

    def claim(self, versions: dict[str, str], ordinal: int | None = None) -> Claim:
        """Return the claim to append. Each is distinct, so that a late copy of an older one is not mistaken for it."""
        self._claims += 1
        self.role = Role.CLAIMING
        return Claim(owner=self._token, ordinal=ordinal, versions=versions)

    @property
    def _token(self) -> str:
        return f"{self._name}#{self._claims}"

    @property
    def read_back(self) -> bool:
        """Tell whether all that was produced in this epoch has been seen on the log as valid."""
        return self.role is Role.OWNING and self.lineage.seq == self._produced

    def number(self) -> tuple[int, int]:
        """Return epoch and seq for the next record to append; only an owner has them."""
        if self.role is not Role.OWNING:
            raise Defect("only an owner numbers records")
        self._produced += 1
        return self.lineage.epoch, self._produced

    def observe(self, offset: int, record: DecisionRecord) -> bool:
        """Follow the log by one record; tell whether it counts for the fold of someone who did not write it.

        The role changes: to OWNING on the own claim, to FOLLOWING on any other claim, or on a gap in the own records.
        An owner's own records return False: it folded them when it decided.
        """
        own = self.role is Role.OWNING and not isinstance(record, Claim) and record.epoch == self.lineage.epoch
        counts = self.lineage.admit(offset, record)
        if isinstance(record, Claim):
            self._meet_claim(record)
            return True
        if own and not counts and record.seq > self.lineage.seq:
            self.doubt()  # a record of ours is missing before this one
        return counts and not own

    def _meet_claim(self, record: Claim) -> None:
        if self.role is Role.CLAIMING and record.owner == self._token:
            self.role, self._produced = Role.OWNING, 0
        elif self.role is Role.OWNING:
            self.role = Role.FOLLOWING  # superseded: by another, or by a late copy of our own claim

    def doubt(self) -> None:
        """Stop deciding: an append's outcome is unknown. The caller drops its state, and claims again."""
        self.role = Role.FOLLOWING
