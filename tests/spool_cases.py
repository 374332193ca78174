"""What tests of the spool share: a bus that fails in every way, and a process that can be killed at any moment."""

import asyncio
import shutil
from itertools import count

from schemas.contacts import DialogTurned
from schemas.errors import BusUnavailable, Defect
from schemas.topics import partition_of
from services.runtime.clock import ManualClock
from services.runtime.codec import decode_fact
from services.runtime.facts import fact
from services.runtime.limits import Limits
from services.runtime.telemetry import Metrics
from services.webhooks.spool import Spool
from services.webhooks.spooling import SpoolingPublisher
from tests.carrier_cases import NOW

CELLS = ("pool", "west", "hill")
assert [partition_of(cell, 2) for cell in CELLS] == [0, 0, 1]
PATIENCE_S = 20.0  # a bound for a test that would wait for ever


def turned(number, cell="pool", said="x"):
    """Return a fact with a number of its own."""
    return fact(
        DialogTurned(contact_id="c1", turn=number, node=said),
        id=f"f{number}", source="/carriers/twilio", subject="c1", cell=cell, tenant="demo", time=NOW,
    )  # fmt: skip


class FlakyBus:
    """Up, down (refuses), lost (appends and does not say so), or silent (never answers); all or one partition."""

    partitions = 2

    def __init__(self):
        self.logs = {0: [], 1: []}
        self.modes = {0: "up", 1: "up"}
        self.tries = 0
        self.refused = ()  # ids that are a defect to the bus
        self.tried = asyncio.Event()

    def mode(self, mode):
        self.modes = dict.fromkeys(self.modes, mode)

    async def publish(self, topic, partition, messages):
        assert topic == "intake"
        self.tries += 1
        self.tried.set()
        mode = self.modes[partition]
        if mode == "silent":
            await asyncio.Event().wait()
        if mode == "down":
            raise BusUnavailable("down")
        facts = [decode_fact(message.value) for message in messages]
        if {told.id for told in facts} & set(self.refused):
            raise Defect("too large")
        assert [told.cell for told in facts] == [message.key for message in messages]
        self.logs[partition] += facts
        if mode == "lost":
            raise BusUnavailable("no answer")
        return range(len(messages))

    def ids(self, cell="pool"):
        """Return what is on the log of a cell, repeats left out."""
        log = self.logs[partition_of(cell, 2)]
        return list(dict.fromkeys(told.id for told in log if told.cell == cell))


class House:
    """The publisher of one process over a folder, and its successors."""

    def __init__(self, folder, bus=None, **limits):
        self.folder = folder / "spool"
        self.bus = bus or FlakyBus()
        self.clock = ManualClock()
        self.limits = Limits(
            **{"spool_after_s": 0.02, "spool_pause_s": 0.001, "spool_pause_s_max": 0.002, "spool_drain_s": 0.02}
            | limits
        )
        self._images = (folder / f"image{number}" for number in count())
        self.start()

    def start(self, *, forwarding=True):
        self.metrics = Metrics()
        self.spool = Spool(self.folder, 2, clock=self.clock, limits=self.limits, metrics=self.metrics)
        self.publisher = SpoolingPublisher(self.bus, self.spool, self.clock, limits=self.limits, metrics=self.metrics)
        self._run = asyncio.create_task(self.publisher.run()) if forwarding else None

    async def publish(self, *numbers, cell="pool"):
        await self.publisher.publish([turned(number, cell) for number in numbers])

    async def stop(self):
        """End in order, the bus may be away."""
        await self._stop_forwarding()
        await self.publisher.close()

    async def kill(self):
        """End at once: what the disk holds at this moment is what the next start finds."""
        image = self.next_image()
        await self.stop()
        self.folder = image

    def next_image(self):
        """Return a copy of what the disk holds at this moment."""
        return shutil.copytree(self.folder, next(self._images))

    async def forwarded(self):
        """Wait until nothing waits."""
        async with asyncio.timeout(PATIENCE_S):
            await self.spool.empty.wait()

    async def _stop_forwarding(self):
        if self._run is not None:
            self._run.cancel()
            await asyncio.wait({self._run})
