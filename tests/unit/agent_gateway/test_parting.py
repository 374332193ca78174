import pytest

from agent_gateway.parting import reconnect_after_s
from tests.unit.agent_gateway.examples import session_id


def _times(count: int, *, per_s_max: float = 500.0, spread_s_max: float = 5.0) -> list[float]:
    names = [session_id(n) for n in range(count)]
    return [reconnect_after_s(name, desktops=count, per_s_max=per_s_max, spread_s_max=spread_s_max) for name in names]


def test_a_session_is_always_given_the_same_time() -> None:
    assert _times(100) == _times(100)


@pytest.mark.parametrize(("count", "spread_s"), [(1, 0.002), (500, 1.0), (2000, 4.0), (9000, 5.0)])
def test_desktops_are_spread_over_as_long_as_the_rate_asks_and_never_longer(count: int, spread_s: float) -> None:
    times = _times(count)
    assert min(times) >= 0
    assert max(times) < spread_s


def test_no_part_of_the_spread_is_crowded() -> None:
    times = _times(5000)
    tenths = [sum(n / 2 <= time < (n + 1) / 2 for time in times) for n in range(10)]
    assert min(tenths) > 400
    assert max(tenths) < 600
