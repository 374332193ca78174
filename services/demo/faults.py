"""What a test makes go wrong at the simulated carrier, on purpose."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(slots=True)
class Faults:
    """Knobs, changed at any time. The defaults are a carrier that never fails.

    `rest_status` refuses REST requests with that HTTP status; `rest_only` limits this and `rest_delay_s` to requests
    whose "METHOD /path" contains it; `rest_times` is how many are still refused, None for all. `rest_lost` carries the
    request out and then answers with `rest_status`, as a carrier does whose answer is lost on the way.
    """

    rest_status: int | None = None
    rest_only: str = ""
    rest_times: int | None = None
    rest_lost: bool = False
    rest_delay_s: float = 0.0
    webhook_copies: int = 1  # every webhook that expects TwiML is posted so often; the first answer counts
    status_copies: int = 1
    status_delay_s: float = 0.0
    statuses_dropped: Iterable[str] = ()  # values of CallStatus whose callbacks are lost

    def concerns(self, request: str) -> bool:
        """Tell whether a REST request, as "METHOD /path", is one of those that meet faults."""
        return self.rest_only in request

    def refusal(self, request: str) -> int | None:
        """Return the status to refuse a REST request with, counting it; None: carry it out."""
        if self.rest_status is None or not self.concerns(request) or self.rest_times == 0:
            return None
        if self.rest_times is not None:
            self.rest_times -= 1
        return self.rest_status
