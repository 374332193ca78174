"""What the embedded bus promises beyond the contract: its folder, its file, memory and disk as one log."""

import asyncio
import sqlite3
import stat

import pytest

from schemas.errors import BusUnavailable, ConfigurationError, OffsetGone
from schemas.topics import CONFIG, INTAKE
from services.runtime import bus_rules, embedded_bus, embedded_tail
from services.runtime.bus import Message, Place
from services.runtime.embedded_bus import EmbeddedBus

LEFT = Place(INTAKE.name, 0)
CONFIG_PLACE = Place(CONFIG.name, 0)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data" / "bus.db"


@pytest.fixture
def short_tail(monkeypatch):
    monkeypatch.setattr(embedded_tail, "TAIL_RECORDS_MAX", 4)


async def publish(bus, *values, place=LEFT, key=None):
    return await bus.publish(place.topic, place.partition, [Message(str(value).encode(), key) for value in values])


async def read(bus, start, *, place=LEFT, records_max=500):
    records = []
    async with bus.read({place: start}) as reader:
        while found := await reader.fetch(records_max=records_max, wait_s=0):
            records += found
    return [(record.offset, record.value.decode()) for record in records]


class TestFolder:
    async def test_a_folder_in_use_is_refused_in_one_line_with_a_remedy(self, path):
        async with EmbeddedBus(path, 2):
            with pytest.raises(ConfigurationError, match="in use by another process") as refusal:
                async with EmbeddedBus(path.with_name("other.db"), 2):
                    pass
        assert "FRONTDOOR_DATA_DIR" in refusal.value.remedy
        assert "\n" not in str(refusal.value)
        async with EmbeddedBus(path, 2):  # free again
            pass

    async def test_a_refused_file_leaves_the_folder_free(self, path):
        path.parent.mkdir()
        path.write_bytes(b"this is no database" * 100)
        for _ in range(2):
            with pytest.raises(ConfigurationError, match="cannot be used as the log"):
                async with EmbeddedBus(path, 2):
                    pass

    async def test_another_number_of_partitions_is_refused(self, path):
        async with EmbeddedBus(path, 2):
            pass
        with pytest.raises(ConfigurationError, match="FRONTDOOR_PARTITIONS=2"):
            async with EmbeddedBus(path, 3):
                pass

    async def test_a_file_of_another_release_is_refused(self, path):
        async with EmbeddedBus(path, 2):
            pass
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA user_version = 99")
        connection.close()
        with pytest.raises(ConfigurationError, match="format 99"):
            async with EmbeddedBus(path, 2):
                pass

    async def test_only_the_owner_may_read_the_file(self, path):
        async with EmbeddedBus(path, 2):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600


class TestMemoryAndDisk:
    async def test_a_reader_passes_from_disk_to_memory_without_a_seam(self, path, short_tail):
        async with EmbeddedBus(path, 2) as bus:
            for number in range(100):
                await publish(bus, number)
            assert bus.tail(LEFT).base > 0  # some are on disk only
            for start in (0, 1, 50, 90, 97, 99, 100):
                assert await read(bus, start, records_max=7) == [(n, str(n)) for n in range(start, 100)]

    async def test_after_a_restart_everything_is_read_from_disk(self, path):
        async with EmbeddedBus(path, 2) as bus:
            await publish(bus, *range(1200))
        async with EmbeddedBus(path, 2) as bus:
            assert await read(bus, 3) == [(n, str(n)) for n in range(3, 1200)]

    async def test_memory_is_bounded_by_bytes_too(self, path, monkeypatch):
        monkeypatch.setattr(embedded_tail, "TAIL_BYTES_MAX", 1000)
        async with EmbeddedBus(path, 2) as bus:
            for number in range(30):
                await publish(bus, str(number) * 100)
            assert 30 - bus.tail(LEFT).base <= 20
            assert [offset for offset, _ in await read(bus, 0)] == list(range(30))

    async def test_a_busy_tail_does_not_starve_a_reader_of_old_records(self, path, short_tail):
        right = Place(INTAKE.name, 1)
        async with EmbeddedBus(path, 2) as bus:
            await publish(bus, *range(20))
            async with bus.read({right: 0, LEFT: 0}) as reader:
                seen = set()
                for number in range(4):
                    await publish(bus, number, place=right)
                    seen |= {record.place for record in await reader.fetch(wait_s=0)}
        assert seen == {LEFT, right}

    async def test_compaction_leaves_gaps_on_disk_and_in_memory_alike(self, path):
        async with EmbeddedBus(path, 2) as bus:
            for number in range(6):
                await publish(bus, number, place=CONFIG_PLACE, key="ab"[number % 2])
            await publish(bus, "x", "y", place=CONFIG_PLACE, key="c")  # within one call too
            newest = [(4, "4"), (5, "5"), (7, "y")]
            assert await read(bus, 0, place=CONFIG_PLACE) == newest
            assert await read(bus, 0, place=CONFIG_PLACE, records_max=1) == newest
            assert await read(bus, 5, place=CONFIG_PLACE) == newest[1:]
        async with EmbeddedBus(path, 2) as bus:
            assert await read(bus, 0, place=CONFIG_PLACE) == newest
            assert await bus.bounds(CONFIG_PLACE) == (0, 8)
            await publish(bus, "6", place=CONFIG_PLACE, key="a")  # what it supersedes is on disk
            assert await read(bus, 0, place=CONFIG_PLACE) == [*newest[1:], (8, "6")]

    async def test_what_is_a_month_older_than_the_newest_is_forgotten(self, path):
        async with EmbeddedBus(path, 2) as bus:
            await publish(bus, *range(10))
        with sqlite3.connect(path) as file:
            month_ms = 31 * 86_400_000
            oldest = "SELECT id FROM records ORDER BY id LIMIT 4"
            file.execute(f"UPDATE records SET appended_ms = appended_ms - ? WHERE id IN ({oldest})", (month_ms,))
        file.close()
        async with EmbeddedBus(path, 2) as bus:
            while (await bus.bounds(LEFT)).first < 4:  # noqa: ASYNC110  asked for, as by any reader
                await asyncio.sleep(0)
            assert [offset for offset, _ in await read(bus, 4)] == list(range(4, 10))
            assert await bus.bounds(LEFT) == (4, 10)

    async def test_a_log_that_was_not_written_for_long_is_kept_whole(self, path):
        async with EmbeddedBus(path, 2) as bus:
            await publish(bus, *range(3))
        with sqlite3.connect(path) as file:
            file.execute("UPDATE records SET appended_ms = 0")
        file.close()
        async with EmbeddedBus(path, 2) as bus:
            assert await bus._store.first_younger(LEFT, 1) == 0

    async def test_a_reader_that_waits_is_told_when_its_records_are_trimmed(self, path):
        async with EmbeddedBus(path, 2) as bus:
            await publish(bus, *range(10))
        async with EmbeddedBus(path, 2) as bus, bus.read({LEFT: 2}) as reader:
            reading = asyncio.create_task(reader.fetch(wait_s=30))
            await bus.trim(LEFT, 8)
            outcome = await asyncio.gather(reading, return_exceptions=True)
            # It was either quicker than the trim, or it is told.
            assert isinstance(outcome[0], OffsetGone) or outcome[0][0].offset == 2
            reader.add(LEFT, 3)
            with pytest.raises(OffsetGone):
                await reader.fetch(wait_s=0)


class TestWriting:
    async def test_what_waits_together_is_committed_together(self, path, monkeypatch):
        async with EmbeddedBus(path, 2) as bus:
            batches = []
            write = bus._store.write
            monkeypatch.setattr(bus._store, "write", lambda batch: batches.append(len(batch)) or write(batch))
            await asyncio.gather(*(publish(bus, number) for number in range(500)))
        assert sum(batches) == 500
        assert len(batches) < 100

    async def test_a_full_disk_is_unavailable_and_leaves_no_trace(self, path):
        async with EmbeddedBus(path, 2) as bus:
            await publish(bus, "a")
            (pages,) = bus._store._connection.execute("PRAGMA page_count").fetchone()
            bus._store._connection.execute(f"PRAGMA max_page_count = {pages}")
            with pytest.raises(BusUnavailable):
                await publish(bus, "b" * 100_000)
            bus._store._connection.execute("PRAGMA max_page_count = 1000000")
            assert await publish(bus, "c") == [1]
            assert await read(bus, 0) == [(0, "a"), (1, "c")]
        async with EmbeddedBus(path, 2) as bus:
            assert await read(bus, 0) == [(0, "a"), (1, "c")]

    async def test_a_commit_that_failed_and_yet_happened_shifts_nothing(self, path, monkeypatch):
        async with EmbeddedBus(path, 2) as bus:
            await publish(bus, "a")
            write = bus._store.write

            def lost_answer(batch):
                write(batch)
                monkeypatch.setattr(bus._store, "write", write)
                raise sqlite3.OperationalError("disk I/O error")

            monkeypatch.setattr(bus._store, "write", lost_answer)
            with pytest.raises(BusUnavailable):
                await publish(bus, "b")
            assert await publish(bus, "c", "d") == [2, 3]
            assert await read(bus, 0) == [(0, "a"), (1, "b"), (2, "c"), (3, "d")]

    async def test_too_much_waiting_is_refused_at_once(self, path, monkeypatch):
        monkeypatch.setattr(embedded_bus, "WAITING_BYTES_MAX", 1000)
        async with EmbeddedBus(path, 2) as bus:
            outcomes = await asyncio.gather(*(publish(bus, "x" * 400) for _ in range(3)), return_exceptions=True)
            assert [type(outcome) for outcome in outcomes] == [list, list, BusUnavailable]
            assert await publish(bus, "y") == [2]  # room again

    async def test_a_waiting_reader_learns_that_the_bus_is_closed(self, path):
        bus = EmbeddedBus(path, 2)
        async with bus:
            reader_context = bus.read({LEFT: 0})
            reader = await reader_context.__aenter__()
            waiting = asyncio.create_task(reader.fetch(wait_s=60))
            await asyncio.sleep(0)
        with pytest.raises(BusUnavailable):
            await waiting
        await reader_context.__aexit__(None, None, None)

    async def test_a_group_shares_more_members_than_partitions(self, path):
        async with EmbeddedBus(path, 2) as bus, bus.join("g", [INTAKE.name]) as one:
            async with bus.join("g", [INTAKE.name]) as two, bus.join("g", [INTAKE.name]) as three:
                held = [member.assigned() for member in (one, two, three)]
                assert sorted(len(places) for places in held) == [0, 1, 1]
            assert len(one.assigned()) == 2


def test_the_rules_know_every_place_once():
    places = list(bus_rules.all_places(3))
    assert len(places) == len(set(places)) == 4 * 3 + 3
