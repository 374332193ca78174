"""Agents and items for tests of matching, and a state that holds them."""

from datetime import timedelta

from router.effects import fold
from router.entities import AgentRecord, Contact, Item
from router.judgement import of_match
from router.matching import next_match
from router.policies.frontdoor import Frontdoor
from router.state import CellState
from schemas.routing import AgentStatus, Requirement, SkillLevel, Urgency
from tests.world import START, tenant


def agent(name, *, idle_s=0.0, tenant="demo", **levels):
    skills = tuple(SkillLevel(skill=skill, level=level) for skill, level in levels.items())
    return AgentRecord(
        name, tenant, f"client:{name}", skills, status=AgentStatus.AVAILABLE, connected=True, unreachable=False,
        idle_since=START - timedelta(seconds=idle_s),
    )  # fmt: skip


def item(name, *needs, urgency=Urgency.ROUTINE, waited_s=0.0, excluded=(), **more):
    requirements = tuple(need if isinstance(need, Requirement) else Requirement(skill=need) for need in needs)
    queued_at = START - timedelta(seconds=waited_s)
    return Item(
        name, f"c-{name}", "demo", "q", "x", urgency, "en", requirements, queued_at, excluded=tuple(excluded), **more
    )


def cell(items=(), agents=(), *, policy=None, **config):
    """Return a state in which everyone is fresh. `config` are changes of the tenant's document."""
    state = CellState("demo", policy or Frontdoor())
    state.tenants["demo"] = tenant(**config)
    for one in items:
        state.put_contact(Contact(one.contact_id, "demo"))
        state.put_item(one)
    for one in agents:
        state.put_agent(one, is_free=True)
    return state


def matched(state, *, at_s=0.0):
    """Fold matches until none follows; return them as pairs, and what is held as (item, hold, until)."""
    now = START + timedelta(seconds=at_s)
    found = []
    while (match := next_match(state, now)) is not None:
        decision = of_match(state, match, now)
        fold(state, decision, now)
        if decision.type == "item.held":
            found.append((decision.item_id, decision.hold, (decision.until - START).total_seconds()))
        else:
            found.append((decision.item_id, decision.agent_id))
    return found
