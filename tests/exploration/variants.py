"""The rules with one left out each: the walk must find what goes wrong without it."""

from router.ownership import Lineage, Role
from schemas.decisions import Claim
from tests.exploration.scenarios import tiny
from tests.exploration.state import Budget, Rules
from tests.exploration.worlds import DUE, THREE, WORLDS, Bounded


class WithoutEpochs(Lineage):
    """A reader that does not ask whose record it is."""

    __slots__ = ()

    def admit(self, offset, record):
        if isinstance(record, Claim):
            return super().admit(offset, record)
        if record.seq != self.seq + 1:
            return False
        self.seq = record.seq
        return True


class WithoutSequence(Lineage):
    """A reader that takes whatever the owner of the last claim wrote, however often and with whatever missing."""

    __slots__ = ()

    def admit(self, offset, record):
        if isinstance(record, Claim):
            return super().admit(offset, record)
        if record.epoch != self.epoch:
            return False
        self.seq = record.seq
        return True


class WithoutReading:
    """An owner that believes to own once its claim was acknowledged, and does not look at what stands before it."""

    believed = -1

    def record(self, offset, record):
        return self._advance() if offset <= self.believed else super().record(offset, record)


class WithoutWaiting:
    """An owner that does not wait until it has folded the steps before its claim."""

    def record(self, offset, record):
        rejected = super().record(offset, record)
        if self.ownership.role is Role.OWNING and not self.spent and not self._leading:
            self._leading = True
            rejected += self._fold_line()
        return rejected


class WithoutTail:
    """An owner that does not look whether somebody has claimed after it, nor whether its own records are there."""

    @property
    def spent(self):
        return False

    @spent.setter
    def spent(self, value):
        pass


class WithoutSigns:
    """An owner that reckons an outage from the first sign of anybody, whoever has decided since."""

    def _see(self, record):
        before = self._last_sign
        super()._see(record)
        self._last_sign = before or self._last_sign


VARIANTS = {
    "no epoch check": Rules(lineage=WithoutEpochs),
    "no sequence check": Rules(lineage=WithoutSequence),
    "decides when its claim is acknowledged, before its fold reaches it": Rules(
        acknowledged_is_claimed=True, mix_in=WithoutReading
    ),
    "decides before the steps before its claim are folded": Rules(mix_in=WithoutWaiting),
    "goes on after an append that was not answered": Rules(doubts=False),
    "goes on with a state that is no prefix of the log": Rules(mix_in=WithoutTail),
    "writes a snapshot of what was not read back": Rules(closes=False),
    "gives back what was given back before": Rules(mix_in=WithoutSigns),
}
USUAL = Bounded(tiny(*THREE, seconds=DUE), Budget(claims=2, failures=1, copies=1, snapshots=1))
WITHIN = {"gives back what was given back before": WORLDS["an outage, and another"]}
"""In which world each is missed, if not in the usual one."""
