"""The one tree of errors, in three families by what becomes of the record or request that caused it.

::

    FrontdoorError
    ├── MalformedInput      what came in is not what was agreed: 4xx, or the dead-letter topic
    │   ├── UnknownType     a type that this release does not know: counted and skipped
    │   └── Unsealable      a sealed value that does not open: cut, changed, or meant for something else
    ├── Transient           the world is not ready: hold the partition and try again, with a bound
    │   ├── BusUnavailable
    │   └── CarrierUnavailable
    ├── ConfigurationError  a person must mend a setting or a tenant's document; says what and how
    └── Defect              we are wrong: the record is dead-lettered and its caller goes to a person
        ├── IllegalTransition
        └── OffsetGone      retention passed an offset that a reader still needs

`Inconsistent` stands beside it: a `ValueError`, as pydantic wants one from a validator. Whoever validates turns it into
one of the above.
"""


class FrontdoorError(Exception):
    """The root; never raised itself."""


class MalformedInput(FrontdoorError):
    """Input that breaks its contract. `reason` is safe to log: it never quotes the input."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class UnknownType(MalformedInput):
    """An event type that this release does not know; a newer one wrote it. Counted and skipped."""


class Unsealable(MalformedInput):
    """A sealed value that does not open."""


class Transient(FrontdoorError):
    """Something outside did not answer; the same attempt may succeed later."""


class BusUnavailable(Transient):
    """The log did not acknowledge in time. The outcome is unknown: the record may still be there."""


class CarrierUnavailable(Transient):
    """The carrier refused or did not answer. `status` is its HTTP status, or None for no answer."""

    def __init__(self, reason: str, *, status: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


class ConfigurationError(FrontdoorError):
    """A setting or a document that a person must mend; one line says what is wrong and one what to do."""

    def __init__(self, problem: str, *, remedy: str) -> None:
        super().__init__(f"{problem}. {remedy}")
        self.problem = problem
        self.remedy = remedy


class Inconsistent(ValueError):
    """Parts of a document that are right by themselves and do not fit together.

    `at` is the way from the model that found it to the part that should be mended, `remedy` one sentence that says how.
    """

    def __init__(self, problem: str, *, remedy: str, at: tuple[str | int, ...] = ()) -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy
        self.at = at


class Defect(FrontdoorError):
    """A broken promise of our own code."""


class IllegalTransition(Defect):
    """A pair of state and event that no table lists."""

    def __init__(self, machine: str, state: str, event: str) -> None:
        super().__init__(f"{machine} in state {state} met {event}")
        self.machine = machine
        self.state = state
        self.event = event


class OffsetGone(Defect):
    """Retention has passed an offset that a reader still needs: start from a snapshot."""
