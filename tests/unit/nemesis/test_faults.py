"""The schedule is the seed's alone, and poison is what it says."""

from itertools import islice
from types import SimpleNamespace

import pytest

from router.partition import Partition
from schemas.errors import MalformedInput
from services.runtime.codec import decode_fact
from tests.nemesis.faults import EACH_ONCE, SILENCE_S, Freeze, poison, schedule
from tests.nemesis.system import PODS, tenants

SYSTEM = SimpleNamespace(proxies=dict.fromkeys(["rest", "front:carrier", "kafka:routing-0"]), tenants=tenants())


def drawn(seed, number):
    return list(islice(schedule(seed, SYSTEM), number))


def test_the_same_seed_draws_the_same_faults_and_another_draws_others():
    assert drawn(7, 60) == drawn(7, 60)
    assert drawn(7, 60) != drawn(8, 60)


def test_every_kind_comes_before_any_comes_again():
    kinds = [fault.kind for _, fault in drawn(1, len(EACH_ONCE))]
    wanted = {f"kill {process}" for process in ("webhooks", "routing", "desktop", "call-control", "records", "console")}
    wanted |= {"zombie", "kill kafka", "kill postgres", "freeze", "roll", "flip"}
    wanted |= {f"network {how}" for how in ("cut", "half-open", "slow", "throttle", "refuse")}
    wanted |= {f"poison {how}" for how in ("no-tenant", "overflow", "undecodable")}
    assert set(kinds) == wanted
    assert len(kinds) == len(set(kinds))


def test_a_zombie_sleeps_for_longer_than_the_others_wait():
    zombies = [fault for _, fault in drawn(3, 400) if fault.kind == "zombie"]
    assert len(zombies) > 20
    assert all(isinstance(fault, Freeze) and fault.for_s > SILENCE_S for fault in zombies)
    assert {fault.target for fault in zombies} == {name for name in PODS if name.startswith("routing")}


@pytest.mark.parametrize("how", ["no-tenant", "overflow"])
def test_a_poison_fact_is_well_formed_and_cannot_be_folded(how):
    partition = Partition("p")
    partition.record(0, partition.claim())
    rejected = partition.fact(0, decode_fact(poison(how, "demo")))
    assert [one.fact_type for one in rejected] == ["contact.dialog_turned"]


def test_an_undecodable_record_is_no_envelope():
    with pytest.raises(MalformedInput):
        decode_fact(poison("undecodable", "demo"))


def test_the_two_tenants_have_nothing_in_common_but_the_carrier():
    first, second = tenants()
    assert first.cell != second.cell
    assert not {agent.agent_id for agent in first.agents} & {agent.agent_id for agent in second.agents}
    assert not set(first.numbers) & set(second.numbers)
