"""Who may answer whom: the normative definition. Any index must give the same answer as this one function."""

from collections.abc import Sequence
from datetime import datetime

from router.entities import AgentRecord, Item
from router.policy import Policy
from schemas.ids import TenantId
from schemas.routing import AgentState, AgentStatus, Requirement, Urgency


def obstacle(item: Item, agent: AgentRecord, *, now: datetime, policy: Policy | None = None) -> str | None:
    """Return the first constraint that keeps the agent from the item, or None if they may take it.

    What is required is what `policy` enforces; None: the rule of the house, `item.enforced`.

    The names are a closed set, shown by `explain`: `not_listed`, `other_tenant`, `status:<status>`, `unreachable`,
    `state:<state>`, `lacks:<skill>`, `below:<skill>`, `excluded`. An exclusion holds nobody from an emergent caller.
    """
    return standing(agent) or unfit(item, agent, policy) or excluded(item, agent, now=now)


def standing(agent: AgentRecord) -> str | None:
    """Return why the agent takes nothing at the moment, whoever calls."""
    if not agent.listed:
        return "not_listed"
    if agent.status is not AgentStatus.AVAILABLE:
        return f"status:{agent.status}"
    if not agent.connected or agent.unreachable:
        return "unreachable"
    if agent.state is not AgentState.IDLE:
        return f"state:{agent.state}"
    return None


def unfit(item: Item, agent: AgentRecord, policy: Policy | None = None) -> str | None:
    """Return which requirement the agent does not meet; depends on the item's stage, and not on time otherwise."""
    return unmet(item.tenant, item.enforced if policy is None else policy.enforced(item), agent)


def unmet(tenant: TenantId, requirements: Sequence[Requirement], agent: AgentRecord) -> str | None:
    """Return the first of the hard requirements that the agent does not meet, as `lacks:<skill>` or `below:<skill>`."""
    if agent.tenant != tenant:
        return "other_tenant"
    for requirement in requirements:
        if not requirement.hard:
            continue
        level = agent.level(requirement.skill)
        if level is None:
            return f"lacks:{requirement.skill}"
        if level < requirement.level_min:
            return f"below:{requirement.skill}"
    return None


def excluded(item: Item, agent: AgentRecord, *, now: datetime) -> str | None:
    """Return `excluded` while the agent is not to be asked again for this very item."""
    if not item.excluded or item.urgency is Urgency.EMERGENT:
        return None
    held = any(agent_id == agent.agent_id and until > now for agent_id, until in item.excluded)
    return "excluded" if held else None
