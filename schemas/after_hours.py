"""After hours: what a tenant's document says of callers whose queue is closed, and the decision that follows."""

from typing import Literal, Self

from pydantic import Field, model_validator

from schemas.envelope import Instant
from schemas.errors import Inconsistent
from schemas.ids import ContactId, ItemId, QueueName, TenantId
from schemas.routing import EdgeModel, LogModel

AfterHoursWay = Literal["on_call", "call_back", "message"]


class AfterHours(EdgeModel):
    """What becomes of a caller who asks for a queue while it is closed.

    Emergent callers never meet it: they go to the emergency queue at any hour.
    """

    then: AfterHoursWay = Field(
        description="on_call: queued in `queue`; call_back, message: offered, and `queue` until somebody can take it"
    )
    queue: QueueName | None = Field(default=None, description="who is there then; needed by on_call")

    @model_validator(mode="after")
    def _on_call_has_a_queue(self) -> Self:
        if self.then == "on_call" and self.queue is None:
            raise Inconsistent("on_call names no queue", remedy="Add queue: and the queue that is there at night.")
        return self


class AfterHoursTaken(LogModel):
    """The queue that a caller asked for is closed: what the tenant's document offers, and where they wait instead."""

    type: Literal["item.after_hours"] = "item.after_hours"
    item_id: ItemId
    contact_id: ContactId
    tenant: TenantId
    queue: QueueName = Field(description="the closed one")
    then: AfterHoursWay | None = Field(default=None, description="what is offered; None: the document says nothing")
    waits_in: QueueName = Field(description="the queue that has the item")
    closed_until: Instant | None = Field(default=None, description="when it opens; None: not within 400 days")
