"""What every bus promises: one body, run on each implementation."""

import asyncio
from datetime import UTC

import pytest

from schemas.errors import BusUnavailable, Defect, OffsetGone
from schemas.topics import CONFIG, DECISIONS, INTAKE, SNAPSHOTS, STATUS
from services.runtime.bus import Message, Place
from services.runtime.bus_rules import MESSAGE_BYTES_MAX, PUBLISH_RECORDS_MAX

FETCHES_MAX = 60  # of a second each: a bound on waiting, far beyond what is needed

LEFT = Place(INTAKE.name, 0)
RIGHT = Place(INTAKE.name, 1)
OTHER = Place(DECISIONS.name, 1)


def messages(*values, key=None):
    return [Message(str(value).encode(), key) for value in values]


async def publish(bus, place, *values, key=None):
    return list(await bus.publish(place.topic, place.partition, messages(*values, key=key)))


async def collect(reader, count, **options):
    records = []
    for _ in range(FETCHES_MAX):
        records += await reader.fetch(wait_s=1.0, **options)
        if len(records) >= count:
            return records
    raise AssertionError(f"{len(records)} records instead of {count}")


def by_place(records):
    groups = {}
    for record in records:
        groups.setdefault(record.place, []).append(record)
    return groups


def values(records):
    return [record.value.decode() for record in records]


class TestPublishing:
    async def test_offsets_are_dense_from_zero_in_each_partition(self, bus):
        assert await publish(bus, LEFT, "a", "b") == [0, 1]
        assert await publish(bus, LEFT, "c") == [2]
        assert await publish(bus, RIGHT, "d") == [0]

    async def test_nothing_is_published_by_an_empty_call(self, bus):
        assert await publish(bus, LEFT) == []
        assert await bus.bounds(LEFT) == (0, 0)

    async def test_bounds_tell_beginning_and_end(self, bus):
        assert await bus.bounds(LEFT) == (0, 0)
        await publish(bus, LEFT, *range(3))
        assert await bus.bounds(LEFT) == (0, 3)
        assert await bus.bounds(RIGHT) == (0, 0)

    async def test_concurrent_calls_are_appended_in_the_order_they_were_made(self, bus):
        calls = [publish(bus, LEFT, *(f"{call}.{part}" for part in range(3))) for call in range(200)]
        offsets = await asyncio.gather(*calls)
        assert [offset for call in offsets for offset in call] == list(range(600))
        async with bus.read({LEFT: 0}) as reader:
            found = values(await collect(reader, 600))
        assert found == [f"{call}.{part}" for call in range(200) for part in range(3)]

    async def test_a_large_batch_arrives_whole_and_in_order(self, bus):
        filling = "x" * 600
        sent = [f"{number}{filling}" for number in range(5000)]
        assert await publish(bus, LEFT, *sent) == list(range(5000))
        async with bus.read({LEFT: 0}) as reader:
            records = await collect(reader, 5000)
        assert values(records) == sent
        assert [record.offset for record in records] == list(range(5000))

    async def test_the_largest_record_passes_and_one_byte_more_is_a_defect(self, bus):
        largest = Message(b"\xff" * (MESSAGE_BYTES_MAX - 1), "k")
        assert list(await bus.publish(INTAKE.name, 0, [largest])) == [0]
        with pytest.raises(Defect):
            await bus.publish(INTAKE.name, 0, [Message(b"\xff" * MESSAGE_BYTES_MAX, "k")])
        async with bus.read({LEFT: 0}) as reader:
            assert [record.value for record in await collect(reader, 1)] == [largest.value]

    async def test_keys_and_values_arrive_byte_for_byte(self, bus):
        sent = [
            Message(bytes(range(256)), "plain"),
            Message(b"", "empty value"),
            Message(b"no key"),
            Message(b"x", "ключ-鍵-🔑"),
            Message(b"empty key", ""),
        ]
        await bus.publish(INTAKE.name, 0, sent)
        async with bus.read({LEFT: 0}) as reader:
            records = await collect(reader, len(sent))
        assert [(record.value, record.key) for record in records] == [(message.value, message.key) for message in sent]
        assert {record.place for record in records} == {LEFT}

    async def test_a_record_tells_when_it_was_appended(self, bus):
        await publish(bus, LEFT, "a")
        await publish(bus, LEFT, "b")
        async with bus.read({LEFT: 0}) as reader:
            first, second = await collect(reader, 2)
        assert first.appended_at <= second.appended_at
        assert first.appended_at.tzinfo is UTC

    async def test_a_cancelled_call_harms_no_other(self, bus):
        calls = [asyncio.create_task(publish(bus, LEFT, number)) for number in range(60)]
        await asyncio.sleep(0)  # each has begun
        for call in calls[::3]:
            call.cancel()
        done = await asyncio.gather(*calls, return_exceptions=True)
        last = await publish(bus, LEFT, "last")
        async with bus.read({LEFT: 0}) as reader:
            records = await collect(reader, last[0] + 1)
        by_offset = {record.offset: record.value.decode() for record in records}
        kept = {number: result for number, result in enumerate(done) if isinstance(result, list)}
        assert {by_offset[offset] for [offset] in kept.values()} == {str(number) for number in kept}
        assert set(kept) >= {number for number in range(60) if number % 3}
        assert values(records)[-1] == "last"
        # Those of cancelled calls may be there, but in their place.
        numbers = [int(value) for value in values(records)[:-1]]
        assert numbers == sorted(set(numbers))


class TestDemands:
    @pytest.mark.parametrize(
        ("topic", "partition"), [("nonsense", 0), (INTAKE.name, 2), (INTAKE.name, -1), (CONFIG.name, 1)]
    )
    async def test_an_unknown_place_is_a_defect(self, bus, topic, partition):
        place = Place(topic, partition)
        with pytest.raises(Defect):
            await publish(bus, place, "a")
        with pytest.raises(Defect):
            await bus.bounds(place)
        with pytest.raises(Defect):
            async with bus.read({place: 0}):
                pass

    async def test_an_unknown_topic_cannot_be_joined(self, bus):
        with pytest.raises(Defect):
            async with bus.join("g", ["nonsense"]):
                pass

    async def test_a_compacted_topic_demands_keys(self, bus):
        with pytest.raises(Defect):
            await publish(bus, Place(CONFIG.name, 0), "a")

    async def test_one_bad_message_keeps_the_whole_call_out(self, bus):
        for bad in (Message(b"x", "\ud800"), Message(b"x" * (MESSAGE_BYTES_MAX + 1))):
            with pytest.raises(Defect):
                await bus.publish(INTAKE.name, 0, [Message(b"good"), bad])
        with pytest.raises(Defect):
            await publish(bus, LEFT, *range(PUBLISH_RECORDS_MAX + 1))
        assert await publish(bus, LEFT, "a") == [0]

    async def test_a_closed_bus_is_unavailable(self, open_bus):
        async with open_bus() as bus:
            await publish(bus, LEFT, "a")
        with pytest.raises(BusUnavailable):
            await publish(bus, LEFT, "b")


class TestDurability:
    async def test_what_was_published_is_there_after_a_restart(self, open_bus):
        async with open_bus() as bus:
            await publish(bus, LEFT, "a", "b")
            await publish(bus, OTHER, "c", key="k")
        async with open_bus() as bus:
            assert await publish(bus, LEFT, "d") == [2]
            async with bus.read({LEFT: 0, OTHER: 0}) as reader:
                groups = by_place(await collect(reader, 4))
        assert values(groups[LEFT]) == ["a", "b", "d"]
        assert [(record.value, record.key) for record in groups[OTHER]] == [(b"c", "k")]

    async def test_closing_waits_for_what_was_accepted(self, open_bus):
        async with open_bus() as bus:
            calls = [asyncio.create_task(publish(bus, LEFT, number)) for number in range(50)]
            await asyncio.sleep(0)  # each has begun
        assert await asyncio.gather(*calls) == [[number] for number in range(50)]

    async def test_a_group_goes_on_after_a_restart(self, open_bus):
        async with open_bus() as bus:
            await publish(bus, LEFT, *range(4))
            async with bus.join("records", [INTAKE.name]) as member:
                await collect(member, 4)
                await member.commit({LEFT: 3})
        async with open_bus() as bus, bus.join("records", [INTAKE.name]) as member:
            assert values(await collect(member, 1)) == ["3"]


class TestReading:
    async def test_a_reader_starts_in_the_middle(self, bus):
        await publish(bus, LEFT, *range(10))
        async with bus.read({LEFT: 7}) as reader:
            records = await collect(reader, 3)
        assert [(record.offset, record.value) for record in records] == [(7, b"7"), (8, b"8"), (9, b"9")]

    async def test_a_fetch_returns_at_most_what_was_asked_for(self, bus):
        await publish(bus, LEFT, *range(10))
        async with bus.read({LEFT: 0}) as reader:
            first = await reader.fetch(records_max=4, wait_s=30)
            assert 1 <= len(first) <= 4
            assert values([*first, *await collect(reader, 10 - len(first), records_max=4)]) == list("0123456789")

    async def test_an_empty_partition_answers_with_nothing(self, bus):
        async with bus.read({LEFT: 0}) as reader:
            assert list(await reader.fetch(wait_s=0.05)) == []
            assert list(await reader.fetch(wait_s=0)) == []

    async def test_a_reader_without_partitions_answers_with_nothing(self, bus):
        async with bus.read({}) as reader:
            assert list(await reader.fetch(wait_s=0.05)) == []

    async def test_a_waiting_reader_is_woken_by_a_record(self, bus):
        async with bus.read({LEFT: 0, RIGHT: 0}) as reader:
            waiting = asyncio.create_task(reader.fetch(wait_s=60))
            await asyncio.sleep(0)
            await publish(bus, RIGHT, "a")
            assert values(await waiting) == ["a"]

    async def test_each_reader_has_its_own_position(self, bus):
        await publish(bus, LEFT, "a", "b")
        async with bus.read({LEFT: 0}) as one, bus.read({LEFT: 1}) as two:
            assert values(await collect(one, 2)) == ["a", "b"]
            assert values(await collect(two, 1)) == ["b"]

    async def test_a_busy_partition_does_not_starve_another(self, bus):
        await publish(bus, LEFT, *range(40))
        await publish(bus, RIGHT, *range(40))
        async with bus.read({LEFT: 0, RIGHT: 0}) as reader:
            seen = {record.place for _ in range(20) for record in await reader.fetch(records_max=4, wait_s=30)}
        assert seen == {LEFT, RIGHT}

    async def test_a_partition_can_be_added(self, bus):
        await publish(bus, LEFT, "a")
        await publish(bus, RIGHT, "b", "c")
        async with bus.read({LEFT: 0}) as reader:
            assert values(await collect(reader, 1)) == ["a"]
            reader.add(RIGHT, 1)
            assert values(await collect(reader, 1)) == ["c"]
            await publish(bus, LEFT, "d")
            assert values(await collect(reader, 1)) == ["d"]  # the first one's position was kept

    async def test_a_partition_can_be_added_to_a_reader_that_waits(self, bus):
        await publish(bus, RIGHT, "b")
        async with bus.read({LEFT: 0}) as reader:
            waiting = asyncio.create_task(reader.fetch(wait_s=60))
            await asyncio.sleep(0)
            reader.add(RIGHT, 0)
            assert values(await waiting) == ["b"]

    async def test_a_reader_without_partitions_can_be_given_one(self, bus):
        await publish(bus, LEFT, "a")
        async with bus.read({}) as reader:
            reader.add(LEFT, 0)
            assert values(await collect(reader, 1)) == ["a"]

    async def test_adding_again_moves_the_position(self, bus):
        await publish(bus, LEFT, *range(4))
        async with bus.read({LEFT: 0}) as reader:
            await collect(reader, 4)
            reader.add(LEFT, 2)
            assert values(await collect(reader, 2)) == ["2", "3"]

    async def test_a_removed_partition_is_silent(self, bus):
        async with bus.read({LEFT: 0, RIGHT: 0}) as reader:
            reader.remove(LEFT)
            reader.remove(OTHER)  # never read: ignored
            await publish(bus, LEFT, "a")
            await publish(bus, RIGHT, "b")
            assert values(await collect(reader, 1)) == ["b"]
            reader.remove(RIGHT)
            assert list(await reader.fetch(wait_s=0.05)) == []

    async def test_a_reader_tells_where_it_stands(self, bus):
        await publish(bus, LEFT, *range(4))
        async with bus.read({LEFT: 1, RIGHT: 0}) as reader:
            assert (reader.position(LEFT), reader.position(RIGHT)) == (1, 0)
            found = await collect(reader, 3)
            assert reader.position(LEFT) == found[-1].offset + 1 == 4
            assert list(await reader.fetch(wait_s=0.05)) == []
            assert (reader.position(LEFT), reader.position(RIGHT)) == (4, 0)  # silence moves nothing
            reader.add(LEFT, 2)
            assert reader.position(LEFT) == 2

    async def test_a_cancelled_fetch_loses_nothing(self, bus):
        async with bus.read({LEFT: 0}) as reader:
            waiting = asyncio.create_task(reader.fetch(wait_s=60))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait([waiting])
            await publish(bus, LEFT, "a", "b")
            assert values(await collect(reader, 2)) == ["a", "b"]


class TestRetention:
    async def test_trimming_moves_the_beginning(self, bus):
        await publish(bus, LEFT, *range(6))
        await bus.trim(LEFT, 4)
        assert await bus.bounds(LEFT) == (4, 6)
        await bus.trim(LEFT, 2)  # done already: nothing comes back
        assert await bus.bounds(LEFT) == (4, 6)
        async with bus.read({LEFT: 4}) as reader:
            assert values(await collect(reader, 2)) == ["4", "5"]

    async def test_trimming_ends_at_the_end(self, bus):
        await publish(bus, LEFT, *range(3))
        await bus.trim(LEFT, 99)
        assert await bus.bounds(LEFT) == (3, 3)
        assert await publish(bus, LEFT, "a") == [3]

    async def test_offsets_go_on_after_a_restart_behind_an_empty_log(self, open_bus):
        async with open_bus() as bus:
            await publish(bus, LEFT, *range(3))
            await bus.trim(LEFT, 3)
        async with open_bus() as bus:
            assert await bus.bounds(LEFT) == (3, 3)
            assert await publish(bus, LEFT, "a") == [3]

    async def test_an_offset_that_retention_has_passed_is_an_error(self, bus):
        await publish(bus, LEFT, *range(6))
        await bus.trim(LEFT, 4)
        async with bus.read({LEFT: 2}) as reader:
            for _ in range(2):  # and stays one
                with pytest.raises(OffsetGone):
                    await reader.fetch(wait_s=30)
            reader.add(LEFT, 4)
            assert values(await collect(reader, 2)) == ["4", "5"]

    async def test_an_offset_beyond_the_end_is_an_error(self, bus):
        await publish(bus, LEFT, "a")
        async with bus.read({LEFT: 5}) as reader:
            with pytest.raises(OffsetGone):
                await reader.fetch(wait_s=30)

    async def test_a_group_whose_offset_is_gone_is_told(self, bus):
        await publish(bus, LEFT, *range(6))
        async with bus.join("g", [INTAKE.name]) as member:
            await collect(member, 6)
            await member.commit({LEFT: 1})
        await bus.trim(LEFT, 4)
        async with bus.join("g", [INTAKE.name]) as member:
            with pytest.raises(OffsetGone):
                await collect(member, 1)

    async def test_a_compacted_topic_is_never_trimmed(self, bus):
        with pytest.raises(Defect):
            await bus.trim(Place(STATUS.name, 0), 1)


class TestCompaction:
    PLACE = Place(SNAPSHOTS.name, 1)

    async def test_the_newest_value_of_each_key_is_there_from_the_start(self, open_bus):
        async with open_bus() as bus:
            for round_ in range(3):
                for key in ("a", "b"):
                    await publish(bus, self.PLACE, f"{key}{round_}", key=key)
            await publish(bus, self.PLACE, "c0", key="c")
        async with open_bus() as bus:
            end = (await bus.bounds(self.PLACE)).end
            assert await self._folded(bus, end) == {"a": "a2", "b": "b2", "c": "c0"}
            assert await publish(bus, self.PLACE, "a3", key="a") == [end]
            assert await self._folded(bus, end + 1) == {"a": "a3", "b": "b2", "c": "c0"}

    async def test_a_reader_inside_a_gap_goes_on_behind_it(self, bus):
        for number in range(5):
            await publish(bus, self.PLACE, number, key="k")
        async with bus.read({self.PLACE: 2}) as reader:
            records = [await reader.fetch(wait_s=30)]
            while records[-1][-1].offset < 4:
                records.append(await reader.fetch(wait_s=30))
        assert records[-1][-1].value == b"4"

    async def _folded(self, bus, end):
        newest = {}
        async with bus.read({self.PLACE: 0}) as reader:
            while reader.position(self.PLACE) < end:
                for record in await reader.fetch(wait_s=30):
                    newest[record.key] = record.value.decode()
        return newest


class TestGroups:
    async def test_a_new_group_starts_at_the_beginning(self, bus):
        await publish(bus, LEFT, "a")
        await publish(bus, RIGHT, "b")
        async with bus.join("g", [INTAKE.name]) as member:
            assert sorted(values(await collect(member, 2))) == ["a", "b"]
            assert member.assigned() == {LEFT, RIGHT}

    async def test_a_group_that_committed_goes_on_there(self, bus):
        await publish(bus, LEFT, *range(5))
        async with bus.join("g", [INTAKE.name]) as member:
            await collect(member, 5)
            await member.commit({LEFT: 2})
            await member.commit({LEFT: 4})
        async with bus.join("g", [INTAKE.name]) as member:
            assert values(await collect(member, 1)) == ["4"]

    async def test_what_was_not_committed_repeats(self, bus):
        await publish(bus, LEFT, *range(3))
        async with bus.join("g", [INTAKE.name]) as member:
            await collect(member, 3)
        async with bus.join("g", [INTAKE.name]) as member:
            assert values(await collect(member, 3)) == ["0", "1", "2"]

    async def test_groups_do_not_know_each_other(self, bus):
        await publish(bus, LEFT, "a", "b")
        async with bus.join("one", [INTAKE.name]) as member:
            await collect(member, 2)
            await member.commit({LEFT: 2})
        async with bus.join("two", [INTAKE.name]) as member:
            assert values(await collect(member, 2)) == ["a", "b"]

    async def test_a_group_reads_several_topics(self, bus):
        await publish(bus, LEFT, "a")
        await publish(bus, OTHER, "b")
        async with bus.join("g", [INTAKE.name, DECISIONS.name]) as member:
            assert sorted(values(await collect(member, 2))) == ["a", "b"]

    async def test_a_waiting_member_is_woken_by_a_record(self, bus):
        async with bus.join("g", [INTAKE.name]) as member:
            waiting = asyncio.create_task(collect(member, 1))
            await asyncio.sleep(0)
            await publish(bus, LEFT, "a")
            assert values(await waiting) == ["a"]

    async def test_a_member_knows_a_place_that_was_elsewhere_meanwhile(self, bus):
        async with bus.join("g", [INTAKE.name]) as first:
            await first.fetch(wait_s=0.05)
            before = {place: first.visit(place) for place in (LEFT, RIGHT)}
            await first.fetch(wait_s=0.05)
            assert {place: first.visit(place) for place in (LEFT, RIGHT)} == before
            async with bus.join("g", [INTAKE.name]) as second:
                while len(first.assigned()) != 1:
                    await first.fetch(wait_s=0.5)
                (moved,) = second.assigned()
            while len(first.assigned()) != 2:
                await first.fetch(wait_s=0.5)
            assert first.visit(moved) > before[moved]

    async def test_a_place_that_is_not_held_is_left_alone(self, bus):
        await publish(bus, LEFT, "a")
        await publish(bus, OTHER, "b")
        async with bus.join("g", [INTAKE.name]) as member:
            await collect(member, 1)
            await member.commit({OTHER: 1})
        async with bus.join("g", [DECISIONS.name]) as member:
            assert values(await collect(member, 1)) == ["b"]

    async def test_two_members_share_and_the_one_who_stays_takes_over(self, bus):
        async with bus.join("g", [INTAKE.name]) as stays:
            async with bus.join("g", [INTAKE.name]) as goes:
                await self._until(lambda: len(stays.assigned()) == len(goes.assigned()) == 1, stays, goes)
                assert stays.assigned() | goes.assigned() == {LEFT, RIGHT}
                (lost,), (kept,) = goes.assigned(), stays.assigned()
                await publish(bus, lost, "lost 0", "lost 1")
                await publish(bus, kept, "kept 0")
                assert values(await collect(goes, 2)) == ["lost 0", "lost 1"]
                assert values(await collect(stays, 1)) == ["kept 0"]
                await goes.commit({lost: 1})
                await stays.commit({kept: 1})
            await self._until_read(stays, "lost 1")
            assert stays.assigned() == {LEFT, RIGHT}

    async def _until(self, condition, *members):
        for _ in range(FETCHES_MAX):
            if condition():
                return
            await asyncio.gather(*(member.fetch(wait_s=0.5) for member in members))
        raise AssertionError("the group was never shared out")

    async def _until_read(self, member, value):
        for _ in range(FETCHES_MAX):
            found = values(await member.fetch(wait_s=0.5))
            if found:
                assert found == [value]  # what was committed does not come again
                return
        raise AssertionError(f"{value} never came")
