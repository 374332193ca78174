from typing import Any

from services.explanation import render

EXPLANATION: dict[str, Any] = {
    "contact_id": "c1",
    "state": "ended",
    "events": [
        {
            "at": "2030-01-07T09:02:00.120000Z",
            "kind": "fact",
            "type": "contact.arrived",
            "data": {"type": "contact.arrived", "contact_id": "c1", "language": "en", "sealed": None, "turn": 0},
        },
        {
            "at": "2030-01-07T09:02:31.020000Z",
            "kind": "decision",
            "type": "agent.reserved",
            "data": {
                "agent_id": "nurse-1",
                "queue": "triage",
                "expires_at": "2030-01-07T09:02:51.020000Z",
                "requirements": [{"skill": "triage", "hard": True}],
                "reachable": True,
                "why": "idle longest of those who can triage",
                "considered": 7,
                "candidates": [
                    {"agent_id": "nurse-1", "eligible": True, "score": 0.91, "idle_since": "2030-01-07T09:00:00Z"},
                    {"agent_id": "clerk-22", "eligible": False, "excluded_by": "lacks triage"},
                ],
            },
        },
    ],
}


def test_the_timeline_tells_when_what_among_whom_and_why() -> None:
    assert render(EXPLANATION).splitlines() == [
        "Contact c1: ended, since 2030-01-07 (times are UTC)",
        "",
        "09:02:00.120    contact.arrived",
        "               language en, turn 0",
        "09:02:31.020 => agent.reserved",
        "               agent_id nurse-1, queue triage, expires_at 09:02:51.020, requirements [triage]",
        "               reachable yes, considered 7",
        "               why: idle longest of those who can triage",
        "               among 7:",
        "                 agent     eligible  score  idle since    excluded by",
        "                 nurse-1   yes       0.910  09:00:00.000",
        "                 clerk-22  no                             lacks triage",
    ]


def test_a_contact_without_events_has_a_head() -> None:
    assert render({"contact_id": "c1", "state": "in_dialog", "events": []}) == "Contact c1: in dialog\n"


def test_what_a_newer_release_writes_is_shown_as_it_is() -> None:
    event = {"at": "today", "kind": "decision", "type": "x", "data": {"new": {"a": 1, "b": [True]}, "no": []}}
    text = render({"contact_id": "c1", "events": [event]})
    assert "today => x" in text
    assert "new a=1 b=[yes]" in text
