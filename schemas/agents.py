"""Facts about agents, as they come from desktops. They travel on `intake`."""

from typing import Literal

from pydantic import Field

from schemas.ids import AgentId, ContactId, ItemId, ReservationId, SessionId
from schemas.routing import AgentStatus, Disposition, LogModel


class AgentConnected(LogModel):
    """A desktop opened a socket. A later session of the same agent replaces an earlier one."""

    type: Literal["agent.connected"] = "agent.connected"
    schema_version: Literal[1] = 1
    agent_id: AgentId
    session: SessionId
    lease_s: float = Field(gt=0, description="how long the agent counts as reachable without a renewal")


class PresenceRenewed(LogModel):
    """A gateway vouches for an agent's session; the lease runs from the envelope's time."""

    type: Literal["agent.presence_renewed"] = "agent.presence_renewed"
    schema_version: Literal[1] = 1
    agent_id: AgentId
    session: SessionId
    lease_s: float = Field(gt=0)


class AgentDisconnected(LogModel):
    """A socket closed. No new offer until the desktop is back; an open one keeps its deadline."""

    type: Literal["agent.disconnected"] = "agent.disconnected"
    schema_version: Literal[1] = 1
    agent_id: AgentId
    session: SessionId


class StatusSet(LogModel):
    """The agent declares a status. During a contact it becomes the next status."""

    type: Literal["agent.status_set"] = "agent.status_set"
    schema_version: Literal[1] = 1
    agent_id: AgentId
    status: AgentStatus
    reason: str | None = Field(default=None, max_length=40)


class OfferAccepted(LogModel):
    """The agent takes the offered work."""

    type: Literal["offer.accepted"] = "offer.accepted"
    schema_version: Literal[1] = 1
    agent_id: AgentId
    reservation_id: ReservationId


class OfferRejected(LogModel):
    """The agent declines the offered work."""

    type: Literal["offer.rejected"] = "offer.rejected"
    schema_version: Literal[1] = 1
    agent_id: AgentId
    reservation_id: ReservationId
    reason: str | None = Field(default=None, max_length=40)


class HangUpRequested(LogModel):
    """The agent ends the call."""

    type: Literal["call.hang_up_requested"] = "call.hang_up_requested"
    schema_version: Literal[1] = 1
    agent_id: AgentId
    contact_id: ContactId


class WrapUpDone(LogModel):
    """The agent finished the work after the call."""

    type: Literal["wrap_up.done"] = "wrap_up.done"
    schema_version: Literal[1] = 1
    agent_id: AgentId
    item_id: ItemId
    disposition: Disposition
