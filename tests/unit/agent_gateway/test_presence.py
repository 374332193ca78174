from agent_gateway.presence import Beat, Pulse, vouch
from schemas.agents import AgentConnected, PresenceRenewed
from tests.unit.agent_gateway.examples import NURSE, session_id

PING_S = 20.0


def test_a_ping_is_due_every_ping_s_and_not_before() -> None:
    pulse = Pulse(100.0, ping_s=PING_S)
    assert pulse.beat(119.9, ping_s=PING_S) is Beat.REST
    assert pulse.beat(120.0, ping_s=PING_S) is Beat.PING
    assert pulse.beat(139.9, ping_s=PING_S) is Beat.REST


def test_two_pings_without_an_answer_are_silence() -> None:
    pulse = Pulse(0.0, ping_s=PING_S)
    assert [pulse.beat(now, ping_s=PING_S) for now in (20, 40, 60)] == [Beat.PING, Beat.PING, Beat.SILENT]


def test_an_answer_starts_the_count_anew() -> None:
    pulse = Pulse(0.0, ping_s=PING_S)
    for now in range(20, 200, 20):
        assert pulse.beat(now, ping_s=PING_S) is Beat.PING
        pulse.answered()
    assert pulse.unanswered == 0


def test_a_session_is_announced_until_it_is_known_and_then_renewed() -> None:
    told = {"agent_id": NURSE, "session": session_id(1), "lease_s": 15.0}
    assert vouch(NURSE, session_id(1), announced=False, lease_s=15.0) == AgentConnected(**told)
    assert vouch(NURSE, session_id(1), announced=True, lease_s=15.0) == PresenceRenewed(**told)


def test_a_pulse_in_doubt_owes_an_answer_and_its_next_ping_comes_a_period_later() -> None:
    pulse = Pulse(0.0, ping_s=PING_S)
    pulse.doubt(100.0, ping_s=PING_S)
    assert pulse.unanswered == 1
    assert pulse.beat(119.0, ping_s=PING_S) is Beat.REST
    assert pulse.beat(120.0, ping_s=PING_S) is Beat.PING
    pulse.doubt(121.0, ping_s=PING_S)
    assert pulse.unanswered == 2
    pulse.answered()
    assert pulse.unanswered == 0
