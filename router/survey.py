"""A look at a cell from outside: who waits, who is there, and whether anyone stays apart without a reason.

For gauges and alerts. It goes over the entities and not over the engine's indexes, so that an index gone wrong shows
here instead of hiding what it hides from the engine. Each function costs one pass.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from router import eligibility
from router.entities import WAITING, AgentRecord, Item
from router.state import CellState, engaged
from schemas.ids import AgentId, QueueName, TenantId
from schemas.routing import AgentState, AgentStatus, ContactState, ItemState, Urgency

ItemPlace = tuple[TenantId, QueueName, Urgency, ItemState]
AgentPlace = tuple[TenantId, AgentStatus, AgentState]


def unmatched(state: CellState, now: datetime) -> list[Item]:
    """Return the queued items that an idle agent may take at `now`, in no special order.

    After a `decide` that left nothing to do this is empty: whoever is in it for longer than a moment stays apart from
    an agent without a named hold.
    """
    idle = [agent for agent in state.agents.values() if eligibility.standing(agent) is None]
    if not idle:
        return []
    fit: dict[tuple[object, ...], list[AgentRecord]] = {}
    found = []
    for item in state.items.values():
        if item.state is not ItemState.QUEUED:
            continue
        needs = (item.tenant, state.policy.enforced(item))  # what decides who is fit; many items have the same
        if needs not in fit:
            fit[needs] = [agent for agent in idle if eligibility.unfit(item, agent, state.policy) is None]
        held = _reserve(state, item, idle, now)
        if any(
            agent.agent_id not in held and eligibility.excluded(item, agent, now=now) is None for agent in fit[needs]
        ):
            found.append(item)
    return found


def _reserve(state: CellState, item: Item, idle: list[AgentRecord], now: datetime) -> set[AgentId]:
    """Return the idle agents who are kept from an item for emergent callers."""
    until = state.reserve_ends(item)
    if until is None or until <= now:
        return set()
    need = state.emergency_need(item.tenant)
    able = {agent.agent_id for agent in idle if eligibility.unmet(need.tenant, need.requirements, agent) is None}
    return able if len(able) <= state.tenants[item.tenant].emergency.reserve else set()


def waiting(state: CellState) -> Iterator[Item]:
    """Yield the items whose caller does not speak to a person yet: queued, offered or being connected."""
    return (item for item in state.items.values() if item.state in WAITING)


def items_by_place(state: CellState) -> Counter[ItemPlace]:
    """Count the items that are not over, by tenant, queue, urgency and state."""
    return Counter((item.tenant, item.queue, item.urgency, item.state) for item in state.items.values())


def agents_by_place(state: CellState) -> Counter[AgentPlace]:
    """Count agents by tenant, status and state as desktops show it; one who left the document counts while at work."""
    return Counter(
        (agent.tenant, agent.status, _shown(agent)) for agent in state.agents.values() if agent.listed or engaged(agent)
    )


def _shown(agent: AgentRecord) -> AgentState:
    reachable = agent.connected and not agent.unreachable
    return agent.state if reachable or engaged(agent) else AgentState.UNREACHABLE


def in_dialog(state: CellState) -> Counter[TenantId]:
    """Count the contacts that talk to the dialog, by tenant."""
    talking = {ContactState.ARRIVED, ContactState.IN_DIALOG}
    return Counter(contact.tenant for contact in state.contacts.values() if contact.state in talking)
