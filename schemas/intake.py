"""The union of all facts that `intake` carries."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.agents import (
    AgentConnected,
    AgentDisconnected,
    HangUpRequested,
    OfferAccepted,
    OfferRejected,
    PresenceRenewed,
    StatusSet,
    WrapUpDone,
)
from schemas.contacts import (
    AgentLegAnswered,
    AgentLegEnded,
    CallerJoined,
    CallerLegEnded,
    ConnectFailed,
    ContactArrived,
    DialogTurned,
    HandedOff,
    SelfServed,
    UrgencyRaised,
)
from schemas.envelope import Envelope
from schemas.ids import TenantId
from schemas.routing import LogModel
from schemas.tenant_config import TenantConfig


class ConfigApplied(LogModel):
    """A tenant's checked document, whole. The cell adopts it if its version is newer."""

    type: Literal["config.applied"] = "config.applied"
    schema_version: Literal[1] = 1
    tenant: TenantId
    version: int
    document: TenantConfig


Fact = Annotated[
    ContactArrived
    | DialogTurned
    | HandedOff
    | UrgencyRaised
    | SelfServed
    | CallerLegEnded
    | AgentLegAnswered
    | AgentLegEnded
    | CallerJoined
    | ConnectFailed
    | AgentConnected
    | PresenceRenewed
    | AgentDisconnected
    | StatusSet
    | OfferAccepted
    | OfferRejected
    | HangUpRequested
    | WrapUpDone
    | ConfigApplied,
    Field(discriminator="type"),
]

FactEnvelope = Envelope[Fact]
