"""The envelope that every record on the log travels in: CloudEvents 1.0, structured JSON, with four extensions.

`time` is when the thing happened; `data` carries no second time-stamp. `data.type` names the model, and `type` of the
envelope repeats it, so that a reader can skip what it does not know without looking inside. Patient data is in fields
of type `Sealed` and nowhere else.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, Field

from schemas.ids import CellId, EventId, TenantId
from schemas.routing import LogModel

DataT = TypeVar("DataT", bound=BaseModel)


def _utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        msg = "a time needs its zone"
        raise ValueError(msg)
    return value.astimezone(UTC)


Instant = Annotated[datetime, AfterValidator(_utc)]
"""A moment in UTC. Whatever outlives a process is written with one."""


class Sealed(LogModel):
    """Patient data, encrypted: AES-256-GCM under a key of its own contact, which the tenant's key wraps.

    The router never opens one. `repr` shows the key's id only.
    """

    kid: str = Field(max_length=64, description="which tenant key wrapped `key`")
    key: str = Field(repr=False, description="the contact's data key, wrapped; base64")
    box: str = Field(repr=False, description="nonce and ciphertext; base64")


class Envelope(LogModel, Generic[DataT]):
    """One event on a log."""

    specversion: Literal["1.0"] = "1.0"
    id: EventId
    source: str = Field(max_length=200, description="who says so, such as /carriers/twilio or /routing/0")
    type: str = Field(max_length=100)
    subject: str = Field(max_length=100, description="the contact, agent or cell that it is about")
    time: Instant
    cell: CellId
    tenant: TenantId | None = None
    causationid: str | None = None
    traceparent: str | None = None
    data: DataT = Field(repr=False)

    @classmethod
    def around(cls, data: Any, **attributes: Any) -> "Envelope[DataT]":
        """Wrap `data`, taking `type` from it; the other attributes are the envelope's own."""
        return cls(type=data.type, data=data, **attributes)
