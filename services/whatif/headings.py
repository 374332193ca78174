"""The headings under which exports of a row a contact tell what we need, in plain spelling, the best first."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from schemas.errors import ConfigurationError
from services.whatif.columns import Header

EXAMPLE: Final = "arrived_at,queue,caller,answered_at,answered_by,ended_at"
REMEDY: Final = f"The first line must name the columns, such as {EXAMPLE}."

_ENQUEUED: Final = ("enqueuetimestamp", "queueenqueuetimestamp", "queueinfoenqueuetimestamp", "enqueuedat", "queuedat")
_ARRIVED: Final = (
    "arrivedat", "arrival", "arrivaltime", "arrived", "initiationtimestamp", "taskdatecreated", "datecreated",
    "createdat", "starttime", "startedat", "calltime", "timestamp", "datetime", "time",
)  # fmt: skip
_ANSWERED: Final = (
    "connectedtoagenttimestamp", "agentconnectedtoagenttimestamp", "agentinfoconnectedtoagenttimestamp", "answeredat",
    "answertime", "connectedat", "acceptedat",
)  # fmt: skip
_DEQUEUED: Final = ("dequeuetimestamp", "queuedequeuetimestamp", "dequeuedat", "leftqueueat")
_ENDED: Final = (
    "disconnecttimestamp", "endedat", "endtime", "hungupat", "hanguptime", "hangupat", "abandonedat", "completedat",
)  # fmt: skip
_MOVED: Final = ("transfercompletedtimestamp", "transferredat", "transferred", "transferredto")
_AGENT: Final = ("agentusername", "answeredby", "agentname", "agent", "workername", "username", "agentid")
_QUEUE: Final = ("queuename", "taskqueuename", "queue", "skill", "queueid")
_CALLER: Final = (
    "customerendpointaddress", "customerphonenumber", "customerphone", "phonenumber", "callerid", "caller", "from",
    "callernumber", "ani",
)  # fmt: skip
_ID: Final = ("contactid", "tasksid", "callid", "callsid", "id")
_STATUS: Final = ("status", "outcome", "disposition", "result", "disconnectreason")
_CHANNEL: Final = ("channel", "taskchanneluniquename", "mediatype")
_DIRECTION: Final = ("initiationmethod", "direction")
_ATTEMPTS: Final = ("agentconnectionattempts",)
_RING_NO_ANSWERS: Final = ("ringnoanswers",)
_SPANS: Final[Mapping[str, Mapping[str, float]]] = {
    "waited": {"waits": 1, "waiteds": 1, "waitseconds": 1, "waittime": 1, "queuetime": 1, "queuedurationms": 0.001,
               "queueduration": 1, "holdtime": 1},
    "talked": {"talks": 1, "talkeds": 1, "talkseconds": 1, "talktime": 1},
    "wrapped": {"wrapups": 1, "wrapupseconds": 1, "wrapuptime": 1, "aftercontactworkduration": 1,
                "agentaftercontactworkduration": 1, "agentaftercontactworkdurationms": 0.001, "acws": 1, "acw": 1},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Columns:
    """The place of every column that we know, None for those that are not there; `spans` with what a unit is worth."""

    enqueued: int | None
    arrived: int | None
    answered: int | None
    dequeued: int | None
    ended: int | None
    moved: int | None
    agent: int | None
    queue: int | None
    caller: int | None
    id: int | None
    status: int | None
    channel: int | None
    direction: int | None
    attempts: int | None
    ring_no_answers: int | None
    spans: Mapping[str, tuple[int, float]]

    @classmethod
    def of(cls, header: Header) -> "Columns":
        """Return which column of `header` says what."""
        spans = {
            what: (header.places[name], unit_s)
            for what, spellings in _SPANS.items()
            for name, unit_s in reversed(tuple(spellings.items()))  # the first of several is set last
            if name in header.places
        }
        return cls(
            enqueued=header.first(_ENQUEUED),
            arrived=header.first(_ARRIVED),
            answered=header.first(_ANSWERED),
            dequeued=header.first(_DEQUEUED),
            ended=header.first(_ENDED),
            moved=header.first(_MOVED),
            agent=header.first(_AGENT),
            queue=header.first(_QUEUE),
            caller=header.first(_CALLER),
            id=header.first(_ID),
            status=header.first(_STATUS),
            channel=header.first(_CHANNEL),
            direction=header.first(_DIRECTION),
            attempts=header.first(_ATTEMPTS),
            ring_no_answers=header.first(_RING_NO_ANSWERS),
            spans=spans,
        )

    def check(self) -> None:
        """Refuse a table that cannot tell who waited how long.

        Raises:
            ConfigurationError: a column is missing; the remedy shows a header that will do.
        """
        if self.enqueued is None and self.arrived is None:
            raise ConfigurationError("no column tells when a caller arrived", remedy=REMEDY)
        if self.answered is None and self.ended is None and "waited" not in self.spans:
            raise ConfigurationError("no column tells when a call was answered or ended", remedy=REMEDY)
