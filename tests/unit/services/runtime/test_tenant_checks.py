"""What a document may be by its schema and may not be in force: told with file, line and remedy."""

# ruff: noqa: E501 - a case is compared on one line

from datetime import UTC, datetime
from pathlib import Path

import pytest

from schemas.errors import ConfigurationError
from services.runtime.tenant_checks import findings
from services.runtime.tenant_file import load_tenant

NOW = datetime(2030, 1, 7, 14, 0, tzinfo=UTC)  # a Monday
DOCUMENT = """\
tenant: north
cell: pool
carriers: [{carrier: twilio, account: AC1, secrets: [twilio-north]}]
numbers: [+15005550100]
facility:
  name: {en: North}
  address: {en: Main Street}
  hours: {zone: America/New_York, week: {mon: [{opens: 08:00, closes: 17:00}]}}
calendars:
  office:
    zone: America/New_York
    week:
      mon: [{opens: 08:00, closes: 12:00}, {opens: 13:00, closes: 17:00}]
      tue: [{opens: 08:00, closes: 17:00}]
    closed_on: [2030-12-25]
    overrides:
      2030-12-24: [{opens: 08:00, closes: 12:00}]
  evening:
    zone: America/New_York
    week: {mon: [{opens: 17:00, closes: 24:00}]}
emergency: {notice: {en: Dial 911.}, queue: triage}
default_queue: desk
queues:
  - name: triage
    requires: [{skill: nurse}]
    service_level_s: 30
  - name: desk
    requires: [{skill: desk, level_min: 0.5}, {skill: lang-es, hard: false}]
  - name: billing
    requires: [{skill: billing}]
    intents: [billing.question]
    hours: office
    after_hours: {then: call_back, queue: desk}
  - name: refills
    requires: [{skill: desk}, {skill: billing}]
    intents: [refill.request]
    hours: evening
    after_hours:
      then: on_call
      queue: desk
agents:
  - agent_id: nora
    name: Nora
    endpoint: client:nora
    skills: [{skill: nurse, level: 0.9}]
  - agent_id: dan
    name: Dan
    endpoint: client:dan
    skills: [{skill: desk, level: 0.6}, {skill: billing, level: 0.5}, {skill: lang-es, level: 0.5}]
timers:
  offer_s: 20
  reconnect_s: 10
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "north.yaml"
    found.write_text(DOCUMENT)
    return found


def changed(path: Path, *changes: tuple[str, str]) -> Path:
    text = path.read_text()
    for old, new in changes:
        assert text.count(old) >= 1, old
        text = text.replace(old, new)
    path.write_text(text)
    return path


def test_a_document_with_calendars_is_in_order(path: Path) -> None:
    config = load_tenant(path, now=NOW)
    assert list(findings(config, NOW)) == []
    assert config.calendars["office"].overrides.keys() == {datetime(2030, 12, 24, tzinfo=UTC).date()}
    assert type(config).model_validate_json(config.model_dump_json(exclude_none=True)) == config


BILLING_HOURS = "    hours: office\n    after_hours: {then: call_back, queue: desk}\n"
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ALWAYS = f"{{{', '.join(f'{day}: [{{opens: 00:00, closes: 24:00}}]' for day in DAYS)}}}"

CASES = {
    "unknown calendar": (
        [("hours: evening", "hours: night")], "hours: night",
        "the hours 'night' of queue 'refills' is not among the calendars evening, office",
        "Add night: under calendars, or choose one of evening, office.",
    ),
    "unknown after-hours queue": (
        [("then: call_back, queue: desk", "then: call_back, queue: attic")], "queue: attic",
        "queues.2.after_hours.queue 'attic' is not among the queues triage, desk, billing, refills", "Choose one of",
    ),
    "on call without a queue": (
        [("      then: on_call\n      queue: desk\n", "      then: on_call\n")], "after_hours:\n      then: on_call",
        "on_call names no queue", "Add queue:",
    ),
    "a calendar that never opens": (
        [("week: {mon: [{opens: 17:00, closes: 24:00}]}", "week: {}")], "  evening:",
        "calendars.evening: these hours do not open once in 400 days", "Add a day to week:",
    ),
    "a facility that never opens": (
        [("week: {mon: [{opens: 08:00, closes: 17:00}]}", "week: {mon: []}")], "  hours: {zone",
        "facility.hours: these hours do not open once", "or a date to overrides:",
    ),
    "hours whose last date is over": (
        [("week: {mon: [{opens: 17:00, closes: 24:00}]}", "week: {}\n    overrides: {2029-12-24: [{opens: 08:00, closes: 12:00}]}")],
        "  evening:", "these hours do not open once in 400 days", "Add a day",
    ),
    "overlapping intervals in a day": (
        [("opens: 13:00, closes: 17:00", "opens: 11:30, closes: 17:00")], "      mon: [{opens: 08:00, closes: 12:00}",
        "calendars.office.week.mon: on mon, 08:00-12:00 and 11:30-17:00 overlap", "Join them into one",
    ),
    "an interval after midnight of the same day": (
        [("{opens: 13:00, closes: 17:00}]", "{opens: 11:00, closes: 00:00}, {opens: 23:00, closes: 23:30}]")],
        "      mon: [{opens: 08:00, closes: 12:00}", "08:00-12:00 and 11:00-24:00 overlap (and 1 more)", "Join them",
    ),
    "overlapping intervals on a date": (
        [("2030-12-24: [{opens: 08:00, closes: 12:00}]", "2030-12-24: [{opens: 08:00, closes: 12:00}, {opens: 10:00, closes: 11:00}]")],
        "2030-12-24", "calendars.office.overrides.2030-12-24: on 2030-12-24, 08:00-12:00 and 10:00-11:00 overlap",
        "let the second begin when the first has ended",
    ),
    "a date that is closed and has hours": (
        [("closed_on: [2030-12-25]", "closed_on: [2030-12-24]")], "      2030-12-24:",
        "2030-12-24 is in closed_on and in overrides", "Keep one of the two",
    ),
    "a date that is none": (
        [("      2030-12-24:", "      2030-13-24:")], "2030-13-24",
        "calendars.office.overrides.2030-13-24.[key]: input should be a valid date", "Mend it",
    ),
    "an emergency queue that closes": (
        [("    service_level_s: 30\n", "    hours: office\n    after_hours: {then: on_call, queue: desk}\n")],
        "    hours: office\n    after_hours: {then: on_call",
        "the emergency queue 'triage' is closed at 2030-01-07 12:00 (America/New_York); emergencies are never",
        "Take hours: away from it",
    ),
    "an on-call queue that is closed then": (
        [("      queue: desk\n", "      queue: billing\n"), ("then: call_back, queue: desk", "then: message")],
        "      queue: billing",
        "queue 'refills' is closed at 2030-01-07 12:00 (America/New_York), and so is 'billing'",
        "Name a queue that is open then; one without hours always is.",
    ),
    "after hours in a circle": (
        [("      queue: desk\n", "      queue: billing\n"), ("then: call_back, queue: desk", "then: on_call, queue: refills")],
        "then: on_call, queue: refills",
        "and after hours leads in a circle: billing -> refills -> billing (and 1 more)", "Name a queue that is open",
    ),
    "after hours in its own circle": (
        [("then: call_back, queue: desk", "then: on_call, queue: billing")], "queue: billing}",
        "after hours leads in a circle: billing -> billing", "Name a queue that is open then",
    ),
    "hours without a word on who calls after them": (
        [("    after_hours: {then: call_back, queue: desk}\n", "")], "    hours: office",
        "queue 'billing' has hours, and nothing is said of those who call after them", "Add after_hours:",
    ),
    "after hours that nobody meets": (
        [(BILLING_HOURS, "    after_hours: {then: message}\n")], "after_hours: {then: message}",
        "queue 'billing' is always open", "or take after_hours away",
    ),
    "a queue that nobody comes to": (
        [("    intents: [refill.request]\n", "")], "  - name: refills",
        "nobody ever comes to queue 'refills'", "Add intents: to it",
    ),
    "an unknown skill": (
        [("{skill: billing}]\n    intents: [billing", "{skill: bookkeeping}]\n    intents: [billing")], "bookkeeping",
        "queue 'billing' requires skill 'bookkeeping', which no agent has", "Give an agent the skill",
    ),
    "a level above the best": (
        [("level_min: 0.5", "level_min: 0.7")], "level_min: 0.7",
        "queue 'desk' requires desk at 0.7, and the best agent has 0.6", "Lower level_min to 0.6 or less.",
    ),
    "skills that nobody has together": (
        [("{skill: desk}, {skill: billing}", "{skill: desk}, {skill: nurse}")], "{skill: desk}, {skill: nurse}",
        "no agent has all that queue 'refills' requires: desk and nurse", "Give one agent all of it",
    ),
    "an offer longer than the service level": (
        [("offer_s: 20", "offer_s: 31")], "service_level_s: 30",
        "queue 'triage' is to answer within 30 s, and one offer that nobody takes lasts 31 s", "Set timers.offer_s to 30",
    ),
    "an offer longer than the usual service level": (
        [("offer_s: 20", "offer_s: 61"), ("    service_level_s: 30\n", "")], "offer_s: 61",
        "queue 'triage' is to answer within 60 s", "Set timers.offer_s to 60",
    ),
    "a grace longer than the offer": (
        [("reconnect_s: 10", "reconnect_s: 25")], "reconnect_s: 25",
        "a desktop that is gone has 25 s to come back, and its offer lapses after 20 s", "Set reconnect_s to 20 or less.",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "part", "said", "remedy"), CASES.values(), ids=CASES)
def test_what_would_leave_callers_alone_is_told_with_file_line_and_remedy(
    path: Path, changes: list[tuple[str, str]], part: str, said: str, remedy: str
) -> None:
    changed(path, *changes)
    with pytest.raises(ConfigurationError) as caught:
        load_tenant(path, now=NOW)
    line = path.read_text()[: path.read_text().index(part)].count("\n") + 1
    assert caught.value.problem.startswith(f"{path}:{line}: ")
    assert said in caught.value.problem
    assert remedy in caught.value.remedy
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        # Two queues that stand in for each other, one of them always there.
        [
            ("week: {mon: [{opens: 17:00, closes: 24:00}]}", f"week: {ALWAYS}"),
            ("then: call_back, queue: desk", "then: on_call, queue: refills"),
            ("      queue: desk\n", "      queue: billing\n"),
        ],
        # Message and call-back need no queue: somebody takes them up later.
        [("then: call_back, queue: desk", "then: message")],
        # An emergency queue by a calendar that never closes, through clocks that are put forward and back.
        [("    service_level_s: 30\n", "    hours: evening\n    after_hours: {then: on_call, queue: desk}\n"),
         ("week: {mon: [{opens: 17:00, closes: 24:00}]}", f"week: {ALWAYS}")],
        # A soft requirement may be beyond everyone who has the hard ones.
        [("{skill: lang-es, hard: false}", "{skill: nurse, hard: false}")],
        # Who has no agents yet may ask for anything.
        [("level_min: 0.5", "level_min: 1.0"), (DOCUMENT[DOCUMENT.index("agents:"):DOCUMENT.index("timers:")], "")],
        # Intervals that touch do not overlap.
        [("{opens: 13:00, closes: 17:00}", "{opens: 12:00, closes: 17:00}")],
    ],
)  # fmt: skip
def test_what_is_unusual_and_in_order_passes(path: Path, changes: list[tuple[str, str]]) -> None:
    load_tenant(changed(path, *changes), now=NOW)
