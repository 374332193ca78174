"""What the wall board shows, computed from the read model by indexed queries.

Service level is the share of callers who were answered in time: those answered within their queue's `service_level_s`,
over all who were answered plus those who hung up after it. Who hangs up sooner counts neither way. It looks back
`WINDOW_HOURS`, in whole hours.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.routing import ContactState, ItemState, Urgency
from schemas.tenant_config import Agent, Queue, TenantConfig
from services.runtime.tables import agents, contacts, hourly, items

WINDOW_HOURS: Final = 24
_OPEN: Final = (ItemState.QUEUED, ItemState.RESERVED, ItemState.CONNECTING, ItemState.CONNECTED)
_WAITING: Final = (ItemState.QUEUED, ItemState.RESERVED, ItemState.CONNECTING)  # not yet speaking to a person
_IN_DIALOG: Final = (ContactState.ARRIVED, ContactState.IN_DIALOG)


async def board(connection: AsyncConnection, configs: Sequence[TenantConfig], now: datetime) -> dict[str, Any]:
    """Return queues, agents and figures of these tenants as of `now`."""
    people = await read_agents(connection, configs)
    queues = await read_queues(connection, configs, now, people)
    return {
        "at": now.isoformat(),
        "queues": queues,
        "agents": people,
        "kpis": await read_kpis(connection, configs, now, queues),
    }


async def read_agents(connection: AsyncConnection, configs: Sequence[TenantConfig]) -> list[dict[str, Any]]:
    """Return every configured agent; one that never connected is offline and unreachable."""
    found = await connection.execute(select(agents).where(agents.c.tenant.in_(_names(configs))))
    rows = {(row.tenant, row.agent_id): row for row in found}
    people = []
    for config in configs:
        for agent in config.agents:
            row = rows.get((config.tenant, agent.agent_id))
            people.append(
                {
                    "agent_id": agent.agent_id,
                    "name": agent.name,
                    "tenant": config.tenant,
                    "status": (row and row.status) or "offline",
                    "state": (row and row.state) or "unreachable",
                    "since": row.since.isoformat() if row and row.since else None,
                    "skills": [level.skill for level in agent.skills],
                    "contact_id": row.contact_id if row else None,
                }
            )
    return people


async def read_queues(
    connection: AsyncConnection,
    configs: Sequence[TenantConfig],
    now: datetime,
    people: Sequence[Mapping[str, Any]] | None = None,
) -> list[dict[str, Any]]:
    """Return every configured queue; `people` are the agents if the caller has them already."""
    people = await read_agents(connection, configs) if people is None else people
    query = (
        select(items.c.tenant, items.c.queue, items.c.state, items.c.urgency, func.count(), func.min(items.c.queued_at))
        .where(items.c.tenant.in_(_names(configs)), items.c.state.in_([state.value for state in _OPEN]))
        .group_by(items.c.tenant, items.c.queue, items.c.state, items.c.urgency)
    )
    counts: dict[tuple[str, str], dict[tuple[str, str], int]] = defaultdict(dict)
    oldest: dict[tuple[str, str], datetime] = {}
    for tenant, queue, state, urgency, count, queued_at in await connection.execute(query):
        counts[tenant, queue][state, urgency] = count
        if state in _WAITING and queued_at is not None:
            oldest[tenant, queue] = min(queued_at, oldest.get((tenant, queue), queued_at))
    idle = {(one["tenant"], one["agent_id"]) for one in people if _is_idle(one)}
    return [
        _queue(
            config,
            queue,
            counts[config.tenant, queue.name],
            oldest=oldest.get((config.tenant, queue.name)),
            idle=idle,
            now=now,
        )
        for config in configs
        for queue in config.queues
    ]


def _queue(
    config: TenantConfig,
    queue: Queue,
    counts: Mapping[tuple[str, str], int],
    *,
    oldest: datetime | None,
    idle: Collection[tuple[str, str]],
    now: datetime,
) -> dict[str, Any]:
    def in_state(state: ItemState) -> int:
        return sum(count for (found, _), count in counts.items() if found == state)

    able = [agent for agent in config.agents if _is_able(agent, queue)]
    return {
        "tenant": config.tenant,
        "name": queue.name,
        "waiting": {urgency.word: counts.get((ItemState.QUEUED.value, urgency.word), 0) for urgency in Urgency},
        "longest_wait_s": 0.0 if oldest is None else max(0.0, (now - oldest).total_seconds()),
        "reserved": in_state(ItemState.RESERVED),
        "connecting": in_state(ItemState.CONNECTING),
        "connected": in_state(ItemState.CONNECTED),
        "agents_idle": sum(1 for agent in able if (config.tenant, agent.agent_id) in idle),
    }


def _is_idle(person: Mapping[str, Any]) -> bool:
    return bool(person["status"] == "available" and person["state"] == "idle")


def _is_able(agent: Agent, queue: Queue) -> bool:
    levels = {level.skill: level.level for level in agent.skills}
    hard = [requirement for requirement in queue.requires if requirement.hard]
    return all(levels.get(requirement.skill, -1.0) >= requirement.level_min for requirement in hard)


async def read_kpis(
    connection: AsyncConnection,
    configs: Sequence[TenantConfig],
    now: datetime,
    queues: Sequence[Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Return the figures of the last day, and of this moment; `queues` if the caller has them already.

    `abandoned` are callers who asked for a person and left before one spoke to them. Ratios are None without callers.
    """
    queues = await read_queues(connection, configs, now) if queues is None else queues
    since = int(now.timestamp() // 3600) - WINDOW_HOURS
    query = select(hourly.c.name, hourly.c.labels, func.sum(hourly.c.value))
    query = query.where(hourly.c.tenant.in_(_names(configs)), hourly.c.hour > since)
    count: dict[str, int] = defaultdict(int)
    for name, labels, value in await connection.execute(query.group_by(hourly.c.name, hourly.c.labels)):
        in_dialog = name == "abandoned" and '"state":"in_dialog"' in labels
        count["abandoned_in_dialog" if in_dialog else name] += int(value)
    due = count["answered"] + count["abandoned_late"]
    return {
        "answered": count["answered"],
        "abandoned": count["abandoned"],
        "abandoned_in_dialog": count["abandoned_in_dialog"],
        "self_served": count["self_served"],
        "in_dialog": await _in_dialog(connection, configs),
        "waiting": sum(sum(queue["waiting"].values()) for queue in queues),
        "service_level": count["answered_in_time"] / due if due else None,
        "average_speed_of_answer_s": count["answer_wait_ms"] / 1000 / count["answered"] if count["answered"] else None,
        "longest_wait_s": max((queue["longest_wait_s"] for queue in queues), default=0.0),
    }


async def _in_dialog(connection: AsyncConnection, configs: Sequence[TenantConfig]) -> int:
    states = [state.value for state in _IN_DIALOG]
    query = select(func.count()).select_from(contacts)
    query = query.where(contacts.c.tenant.in_(_names(configs)), contacts.c.state.in_(states))
    return int((await connection.execute(query)).scalar_one())


def _names(configs: Sequence[TenantConfig]) -> list[str]:
    return [config.tenant for config in configs]
