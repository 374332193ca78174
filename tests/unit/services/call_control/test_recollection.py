"""Who is on the line is known after a restart, however long ago they came."""

from types import SimpleNamespace

import pytest

from schemas import ids
from schemas.routing import Urgency
from services.call_control.followed import Followed
from services.call_control.recollection import Recollection
from services.routing import snapshots
from services.routing.snapshots import Snapshot
from services.runtime.embedded_bus import EmbeddedBus
from services.runtime.limits import Limits
from services.runtime.telemetry import LIMIT_REACHED, Metrics
from tests.carrier_cases import NOW, NUMBER, DecisionsLog
from tests.world import World

PARTITION = 1


@pytest.fixture
async def stand(tmp_path):
    """A recollection over a real bus, and what it recollects into."""
    async with EmbeddedBus(tmp_path / "bus.db", 2) as bus:
        stand = SimpleNamespace(bus=bus, followed=Followed(1000), metrics=Metrics(), log=DecisionsLog(bus, PARTITION))

        def recollection(records_max=3):
            limits = Limits(carrier_catch_up_records=records_max)
            return Recollection(bus, followed=stand.followed, limits=limits, metrics=stand.metrics)

        async def save(image, decisions_next):
            await snapshots.save(bus, PARTITION, Snapshot(0, 1, 0, decisions_next, image), slot=0, at=NOW)

        stand.recollection = recollection
        stand.save = save
        yield stand


def image(world, cell="demo"):
    return {"causes": {}, "cells": {cell: world.engine.image()}}


def morning():
    """Return a world in which one caller waits, one is being connected, one has gone, and one is still in dialog."""
    world = World()
    world.call("waits", intent="triage.symptom", urgency=Urgency.URGENT)
    world.sign_in("carl")
    world.call("connects")
    world.accept("carl")
    world.call("left")
    world.hang_up("left")
    world.arrive("talks")
    return world


async def test_everyone_of_the_snapshot_who_is_on_the_line(stand):
    await stand.save(image(morning()), 0)
    await stand.recollection().catch_up(PARTITION)
    assert {line.contact_id for line in stand.followed} == {"waits", "connects"}
    waits = stand.followed.line(ids.ContactId("waits"))
    assert (waits.cell, waits.tenant, waits.account, waits.call, waits.number) == (
        "demo", "demo", "AC1", "CA-waits", NUMBER,
    )  # fmt: skip
    assert (waits.intent, waits.urgency, waits.language) == ("triage.symptom", Urgency.URGENT, "en")
    connects = stand.followed.line(ids.ContactId("connects"))
    assert connects.fence == 1
    assert connects.connect_by is not None


async def test_an_older_reservation_does_not_stand_after_the_newer_one_of_the_snapshot(stand):
    await stand.save(image(morning()), 0)
    await stand.recollection().catch_up(PARTITION)
    assert not stand.followed.stands(ids.ContactId("connects"), ids.ReservationId("r-0"), 0)
    assert stand.followed.stands(ids.ContactId("connects"), ids.ReservationId("r-1"), 1)


async def test_what_came_after_the_snapshot_counts(stand, words):
    await stand.log.decide(words.queued("before"))
    await stand.save(image(morning()), 2)
    await stand.log.decide(words.ended("waits"))
    await stand.log.decide(words.queued("after"))
    end = await stand.recollection().catch_up(PARTITION)
    assert end == 4
    assert {line.contact_id for line in stand.followed} == {"connects", "after"}


async def test_without_a_snapshot_the_end_of_the_log_is_read_and_that_it_is_not_all_is_counted(stand, words):
    for number in range(5):
        await stand.log.decide(words.queued(f"c-{number}"))
    await stand.recollection().catch_up(PARTITION)
    assert {line.contact_id for line in stand.followed} == {"c-2", "c-3", "c-4"}
    assert stand.metrics.value(LIMIT_REACHED, limit="carrier_catch_up_records") == 1


async def test_a_short_log_is_read_whole(stand, words):
    await stand.log.decide(words.queued("c-1"))
    await stand.recollection().catch_up(PARTITION)
    assert [line.contact_id for line in stand.followed] == ["c-1"]
    assert stand.metrics.value(LIMIT_REACHED, limit="carrier_catch_up_records") == 0


@pytest.mark.parametrize("strange", [{}, {"causes": {}, "cells": {"demo": {"tomorrow": 1}}}, {"cells": []}])
async def test_a_snapshot_of_another_release_is_passed_over(stand, words, strange):
    await stand.log.decide(words.queued("c-1"))
    await stand.save(strange, 2)
    await stand.recollection().catch_up(PARTITION)
    assert [line.contact_id for line in stand.followed] == ["c-1"]


async def test_catching_up_again_reads_what_is_new(stand, words):
    recollection = stand.recollection()
    await stand.log.decide(words.queued("c-1"))
    assert await recollection.catch_up(PARTITION) == 2
    await stand.log.decide(words.queued("c-2"))
    assert await recollection.catch_up(PARTITION) == 3
    recollection.followed_to(PARTITION, 2)  # an older place changes nothing
    assert await recollection.catch_up(PARTITION) == 3
    assert [line.contact_id for line in stand.followed] == ["c-1", "c-2"]


async def test_an_empty_partition(stand):
    assert await stand.recollection().catch_up(0) == 0
    assert list(stand.followed) == []
