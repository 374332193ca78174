"""What a new document is asked besides its schema, before it may take the place of the one in force.

Documents that are on the log already are not held to this: they were in order when they were written. The schema
refuses what would be no document at all; here stands what would be one, and leave callers without anybody.

Each finding says where in the document it is, what is wrong and what to do. `tenant_hours` has those about calendars.
"""

from collections.abc import Iterator
from datetime import datetime
from itertools import chain

from schemas.routing import Requirement
from schemas.tenant_config import Agent, Queue, TenantConfig
from services.runtime import tenant_hours
from services.runtime.findings import Finding


def findings(config: TenantConfig, now: datetime) -> Iterator[Finding]:
    """Yield what is wrong with a document, the gravest kind first. `now`: from when on its hours are looked at."""
    yield from tenant_hours.findings(config, now)
    yield from _unreachable(config)
    yield from _unmet(config)
    yield from _contradictions(config)


# ---- queues that nobody comes to


def _unreachable(config: TenantConfig) -> Iterator[Finding]:
    targets = {config.default_queue, config.emergency.queue}
    targets |= {queue.after_hours.queue for queue in config.queues if queue.after_hours and queue.after_hours.queue}
    for index, queue in enumerate(config.queues):
        if not queue.intents and queue.name not in targets:
            yield Finding(
                ("queues", index),
                f"nobody ever comes to queue {queue.name!r}: it has no intents, and no other queue leads to it",
                "Add intents: to it, make it another's after_hours queue, or take it away.",
            )


# ---- requirements that nobody meets


def _unmet(config: TenantConfig) -> Iterator[Finding]:
    if not config.agents:
        return  # they come with a later version
    for index, queue in enumerate(config.queues):
        levels = list(_too_high(config, index, queue))
        yield from levels
        hard = [requirement for requirement in queue.requires if requirement.hard]
        if not levels and not any(_meets(agent, hard) for agent in config.agents):
            needs = " and ".join(map(_shown, hard))
            yield Finding(
                ("queues", index, "requires"),
                f"no agent has all that queue {queue.name!r} requires: {needs}",
                "Give one agent all of it, or make a requirement soft with hard: false.",
            )


def _too_high(config: TenantConfig, index: int, queue: Queue) -> Iterator[Finding]:
    for place, requirement in enumerate(queue.requires):
        known = chain.from_iterable(agent.skills for agent in config.agents)
        best = max((level.level for level in known if level.skill == requirement.skill), default=0.0)
        if best < requirement.level_min:
            yield Finding(
                ("queues", index, "requires", place, "level_min"),
                f"queue {queue.name!r} requires {_shown(requirement)}, and the best agent has {best:g}",
                f"Lower level_min to {best:g} or less.",
            )


def _meets(agent: Agent, hard: list[Requirement]) -> bool:
    levels = {level.skill: level.level for level in agent.skills}
    return all(levels.get(need.skill, -1.0) >= need.level_min for need in hard)


def _shown(requirement: Requirement) -> str:
    return f"{requirement.skill} at {requirement.level_min:g}" if requirement.level_min else requirement.skill


# ---- limits that contradict each other


def _contradictions(config: TenantConfig) -> Iterator[Finding]:
    timers = config.timers
    for index, queue in enumerate(config.queues):
        if timers.offer_s > queue.service_level_s:
            yield Finding(
                ("queues", index, "service_level_s")
                if "service_level_s" in queue.model_fields_set
                else ("timers", "offer_s"),
                f"queue {queue.name!r} is to answer within {queue.service_level_s:g} s, and one offer that nobody takes"
                f" lasts {timers.offer_s:g} s (timers.offer_s)",
                f"Set timers.offer_s to {queue.service_level_s:g} or less, or service_level_s higher.",
            )
    if timers.reconnect_s > timers.offer_s:
        yield Finding(
            ("timers", "reconnect_s"),
            f"a desktop that is gone has {timers.reconnect_s:g} s to come back, and its offer lapses after"
            f" {timers.offer_s:g} s (timers.offer_s)",
            f"Set reconnect_s to {timers.offer_s:g} or less.",
        )
