"""Every maximum in one place: payloads, buffers, waits and retries. Units come last in names.

A limit that is reached is counted as `frontdoor_limit_reached_total{limit=...}` by whoever holds it.
"""

from dataclasses import dataclass
from typing import Self

from schemas.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Named maxima. The defaults are right for production; tests shorten waits."""

    # At the carrier's side.
    webhook_body_bytes_max: int = 64 * 1024  # beyond: 413
    session_chars_max: int = 1500  # of a sealed dialog session, which has to fit into a carrier's URL
    webhook_bodies_max: int = 1000  # being read at once; beyond: callers hear the safe instruction, a status gets 503
    webhook_turns_max: int = 500  # being answered at once; beyond: the safe instruction, and the same turn once more
    webhook_statuses_max: int = 1000  # being published at once; beyond: 503
    webhook_late_s: float = 1.0  # before one is begun; beyond, unread: the safe instruction, and callers say it again
    webhook_answer_s: float = 2.0  # the caller hears a safe instruction at the latest by then
    status_attempts_max: int = 4  # nobody listens meanwhile, and carriers do not send a refused status again
    status_pause_s: float = 0.25  # between these; all of them fit into the 15 s that a carrier waits

    # At the desktop's side.
    frame_bytes_max: int = 16 * 1024  # beyond: the socket is closed
    unsent_frames_max: int = 256  # beyond: the desktop is too slow and is closed
    sockets_max: int = 20_000  # beyond: 503
    presence_renew_s: float = 5.0
    presence_lease_s: float = 15.0  # three renewals missed: unreachable
    ping_s: float = 20.0
    ticket_s: float = 30.0  # a websocket ticket is good for this long, once in each process
    tickets_max: int = 50_000  # redeemed tickets remembered until they expire; beyond: refused

    hello_s: float = 10.0  # a socket that has not said hello by then is closed
    frames_per_s_max: float = 20.0  # from one desktop, on average; beyond: told, and closed
    frames_burst_max: int = 40
    resume_changes_max: int = 32  # per agent; a desktop that missed more gets a snapshot
    reconnects_per_s_max: float = 500.0  # of desktops that are sent to other gateways at the end of this one
    reconnect_spread_s_max: float = 5.0  # the last of them; beyond, they come faster
    drain_close_s: float = 1.2  # the end closes sockets by then, also of those whose time comes later
    catch_up_s: float = 5.0  # how long a new socket waits for a gateway that still reads the log; beyond: come again

    # On the bus.
    publish_timeout_s: float = 1.5
    fetch_records_max: int = 500
    fetch_wait_s: float = 1.0
    record_bytes_max: int = 900_000  # below the broker's usual 1 MiB

    # Spool: facts of webhooks on the local disk while the bus is away.
    spool_after_s: float = 0.75  # a webhook waits so long for the bus; the rest of its time is for disk and answer
    spool_facts_max: int = 200_000  # beyond: callers hear the safe instruction
    spool_bytes_max: int = 256 * 1024 * 1024
    spool_forward_s: float = 5.0  # for a batch to be acknowledged; beyond: tried again
    spool_pause_s: float = 0.05  # before the second attempt; doubled before each further one
    spool_pause_s_max: float = 1.0
    spool_look_s: float = 5.0  # between looks for what other processes have left
    spool_drain_s: float = 1.5  # at the end, for what waits; beyond: it is left for the next start

    # Towards carriers' APIs.
    carrier_timeout_s: float = 5.0
    carrier_answer_bytes_max: int = 8 * 1024 * 1024  # a page of 1,000 calls has 2 MiB; beyond: a failed request
    carrier_attempts_max: int = 3
    carrier_backoff_s: float = 0.25  # before the second attempt; doubled before each further one
    carrier_release_attempts_max: int = 8  # a leg that nobody needs: no deadline presses, so try longer
    breaker_failures_max: int = 5  # of one account in a row; beyond: its API is given a rest
    breaker_rest_s: float = 5.0
    carrier_connections_max: int = 32  # to its API; beyond: a request waits for one
    carrier_acts_at_once_max: int = 64  # contacts served side by side
    carrier_acts_pending_max: int = 2000  # beyond: no more decisions are read
    carrier_catch_up_records: int = 20_000  # read since the snapshot to know who is on the line; beyond: the newest
    reconcile_s: float = 60.0  # between two lists of a carrier's live calls
    contacts_followed_max: int = 100_000  # beyond: the oldest are forgotten

    # Keys and tokens.
    contact_keys_max: int = 10_000  # contacts whose data key stays in memory; beyond: the oldest gets a new one
    token_chars_max: int = 4096
    token_ttl_s: float = 12 * 3600.0  # a shift

    # In the read model.
    records_wait_s: float = 0.1  # for the next records of each log
    records_pause_s: float = 0.25  # between batches, so that a busy minute is few large transactions
    retry_pause_s_max: float = 5.0  # between attempts while bus or database do not answer
    dead_letters_run_max: int = 100  # malformed records in a row; beyond: the process stops
    board_interval_s: float = 1.0
    board_listeners_max: int = 500  # wall boards; beyond: 503
    history_events_max: int = 5_000  # shown of one contact; beyond: the first ones, and `truncated`

    # At start and at the end.
    drain_s: float = 4.0  # from the signal to the end, all told

    def checked(self) -> Self:
        """Return self if the limits fit one another.

        Raises:
            ConfigurationError: two limits contradict each other; says which and why.
        """
        rules = (
            (self.presence_lease_s >= 2 * self.presence_renew_s, "presence_lease_s", "twice presence_renew_s or more"),
            (self.webhook_late_s <= self.webhook_answer_s / 2, "webhook_late_s", "half of webhook_answer_s or less"),
            (self.publish_timeout_s < self.webhook_answer_s, "publish_timeout_s", "shorter than webhook_answer_s"),
            (self.drain_close_s < self.drain_s / 2, "drain_close_s", "shorter than half of drain_s"),
            (self.spool_after_s <= self.webhook_answer_s / 2, "spool_after_s", "half of webhook_answer_s or less"),
            (self.spool_drain_s < self.drain_s / 2, "spool_drain_s", "shorter than half of drain_s"),
            (self.frame_bytes_max < self.record_bytes_max, "frame_bytes_max", "smaller than record_bytes_max"),
            (self.ticket_s <= 30.0, "ticket_s", "30 s or less"),  # noqa: PLR2004
        )
        for holds, name, bound in rules:
            if not holds:
                raise ConfigurationError(f"limit {name} is {getattr(self, name):g}", remedy=f"It has to be {bound}.")
        return self
