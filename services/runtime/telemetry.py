"""Metrics from a declared catalogue, and structured logs without patient data.

Every metric is a constant of this module with its name, kind, help and labels; an undeclared name is a type error and
an undeclared label is refused. Labels carry ids and closed words only. Logs are JSON lines on stderr: a constant event
name and keys from an allow-list; other keys are dropped and counted, and an exception is its type and place in the
code, never its message.
"""

import logging
import re
import sys
import traceback
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Literal, TextIO

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import CounterMetricFamily

Kind = Literal["counter", "gauge", "histogram", "total"]


@dataclass(frozen=True, slots=True, eq=False)  # each is declared once: two are the same if they are one
class Metric:
    """A declared metric.

    `counter` counts events of this process; `gauge` is a value now; `histogram` observes seconds unless its name says
    otherwise; `total` is a counter whose absolute value comes from the records, so that no restart counts twice.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)


# === runtime
LOG_KEYS_DROPPED: Final = Metric("frontdoor_log_keys_dropped_total", "counter", "log keys outside the allow-list")
LIMIT_REACHED: Final = Metric("frontdoor_limit_reached_total", "counter", "a named limit was met", ("limit",))
FACTS_PUBLISHED: Final = Metric("frontdoor_facts_published_total", "counter", "facts put on intake", ("type",))
PUBLISH_SECONDS: Final = Metric("frontdoor_publish_seconds", "histogram", "from publishing facts to durable")
NOT_AUTHENTICATED: Final = Metric("frontdoor_not_authenticated_total", "counter", "bad tokens and tickets", ("what",))
LOOPS_FAILED: Final = Metric("frontdoor_loops_failed_total", "counter", "loops of processes that failed", ("process",))
TENANT_VERSION: Final = Metric("frontdoor_tenant_version", "gauge", "version of a tenant's document here", ("tenant",))
LOG_BEHIND_SECONDS: Final = Metric(
    "frontdoor_log_behind_seconds", "gauge", "age of the oldest unread record", ("process", "topic", "partition")
)
LOG_BEHIND_RECORDS: Final = Metric(
    "frontdoor_log_behind_records", "gauge", "records not read yet", ("process", "topic", "partition")
)
# === end of runtime; each package appends a section of its own below
# === routing
DECISIONS_MADE: Final = Metric("frontdoor_decisions_total", "counter", "decisions appended", ("type",))
STEP_SECONDS: Final = Metric("frontdoor_step_seconds", "histogram", "from folding a batch to its steps being durable")
OWNED: Final = Metric("frontdoor_partition_owned", "gauge", "1 if this process decides for it", ("partition",))
ROUTING_SKIPPED: Final = Metric("frontdoor_routing_skipped_total", "counter", "log records not read", ("topic", "why"))
DEAD_LETTERS: Final = Metric("frontdoor_dead_letters_total", "counter", "records put aside", ("topic", "why"))
ITEMS: Final = Metric(
    "frontdoor_items", "gauge", "work items that are not over", ("tenant", "queue", "urgency", "state")
)
ITEMS_UNMATCHED: Final = Metric(
    "frontdoor_items_unmatched",
    "gauge",
    "queued for 2 s or more although an idle agent may take them",
    ("tenant", "queue"),
)
LONGEST_WAIT_SECONDS: Final = Metric(
    "frontdoor_longest_wait_seconds",
    "gauge",
    "of callers who wait for a person, at their urgency",
    ("tenant", "queue", "urgency"),
)
AGENTS: Final = Metric("frontdoor_agents", "gauge", "agents by status and state", ("tenant", "status", "state"))
CONTACTS_IN_DIALOG: Final = Metric("frontdoor_contacts_in_dialog", "gauge", "callers in the dialog", ("tenant",))
# === end of routing

# === records: the log's effects in the database, and the business counted from the log
RECORDS_FOLDED: Final = Metric("frontdoor_records_folded_total", "counter", "facts and steps folded", ("topic",))
RECORDS_UNFOLDED: Final = Metric(
    "frontdoor_records_unfolded_total", "counter", "not folded: unknown_type or malformed", ("topic", "reason")
)
RECORDS_RETRIES: Final = Metric("frontdoor_records_retries_total", "counter", "waits for bus or database", ("what",))
RECORDS_NEXT: Final = Metric("frontdoor_records_next_offset", "gauge", "next to fold", ("topic", "partition"))
CONTACTS_ARRIVED: Final = Metric("frontdoor_contacts_arrived_total", "total", "contacts that reached us", ("tenant",))
CONTACTS_ENDED: Final = Metric("frontdoor_contacts_ended_total", "total", "contacts over", ("tenant", "reason"))
SELF_SERVED: Final = Metric("frontdoor_self_served_total", "total", "served without an agent", ("tenant",))
CONTACTS_DIVERTED: Final = Metric(
    "frontdoor_contacts_diverted_total", "total", "taken from a lost dialog to a person", ("tenant", "reason")
)
CONTACTS_RESET: Final = Metric(
    "frontdoor_contacts_reset_total", "total", "begun anew after a defect of ours", ("tenant", "reason")
)
OFFERED: Final = Metric("frontdoor_offers_total", "total", "offers to agents", ("tenant", "queue"))
ANSWERED: Final = Metric("frontdoor_answered_total", "total", "callers who spoke to a person", ("tenant", "queue"))
ANSWERED_IN_TIME: Final = Metric(
    "frontdoor_answered_in_time_total", "total", "answered within the queue's service level", ("tenant", "queue")
)
ANSWER_WAIT_SECONDS: Final = Metric(
    "frontdoor_answer_wait_seconds_total", "total", "seconds that answered callers waited, summed", ("tenant", "queue")
)
ABANDONED: Final = Metric(
    "frontdoor_abandoned_total", "total", "callers who left first, by where they stood", ("tenant", "queue", "state")
)
ABANDONED_LATE: Final = Metric(
    "frontdoor_abandoned_late_total", "total", "of these, past the queue's service level", ("tenant", "queue")
)
REQUEUED: Final = Metric(
    "frontdoor_requeued_total", "total", "items put back in their place", ("tenant", "queue", "reason")
)
AFTER_HOURS: Final = Metric(
    "frontdoor_after_hours_total", "total", "callers who asked for a closed queue", ("tenant", "queue", "then")
)
COMPLETED: Final = Metric("frontdoor_completed_total", "total", "work done", ("tenant", "queue", "disposition"))
FACTS_REJECTED: Final = Metric(
    "frontdoor_facts_rejected_total", "total", "facts that the router could not fold", ("tenant", "fact_type")
)
# === end of records

# === console
BOARD_LISTENERS: Final = Metric("frontdoor_board_listeners", "gauge", "wall boards connected now")
# === end of console

# === desktop
DESKTOP_SESSIONS: Final = Metric("frontdoor_desktop_sessions", "gauge", "sockets of desktops that are open here")
DESKTOP_CLOSED: Final = Metric("frontdoor_desktop_closed_total", "counter", "sockets that we closed", ("code",))
DESKTOP_REFUSED: Final = Metric("frontdoor_desktop_refused_total", "counter", "sockets not let in", ("reason",))
DESKTOP_FACTS_LOST: Final = Metric(
    "frontdoor_desktop_facts_unavailable_total", "counter", "facts of agents that the bus did not acknowledge"
)
DESKTOP_RESTARTED: Final = Metric(
    "frontdoor_desktop_log_restarts_total", "counter", "times that retention passed the relay, so that it began anew"
)
SCREEN_POP_FAILED: Final = Metric("frontdoor_screen_pop_failed_total", "counter", "screen pops that did not open")
# === end of desktop

# === carriers: webhooks and call control
WEBHOOKS: Final = Metric(
    "frontdoor_webhooks_total", "counter", "requests of carriers by what became of them", ("kind", "outcome")
)
WEBHOOK_SECONDS: Final = Metric(
    "frontdoor_webhook_seconds", "histogram", "from a carrier's request to our answer", ("kind",)
)
CARRIER_ACTS: Final = Metric(
    "frontdoor_carrier_acts_total", "counter", "decisions performed at the carrier", ("act", "outcome")
)
CARRIER_FAILURES: Final = Metric(
    "frontdoor_carrier_failures_total", "counter", "requests to a carrier's API without success", ("account", "status")
)
CARRIER_BREAKER: Final = Metric(
    "frontdoor_carrier_breaker_open", "gauge", "1 while an account's API is given a rest", ("account",)
)
CARRIER_ACTS_PENDING: Final = Metric("frontdoor_carrier_acts_pending", "gauge", "decisions not yet performed")
CARRIER_CALLS_GONE: Final = Metric(
    "frontdoor_carrier_calls_gone_total", "counter", "callers found gone by listing the carrier's calls", ("account",)
)
# === end of carriers

# === spool: facts of webhooks that wait on the local disk while the bus is away
SPOOLED: Final = Metric("frontdoor_spooled_facts", "gauge", "facts that wait for the bus on this process's disk")
SPOOL_AGE: Final = Metric("frontdoor_spool_age_seconds", "gauge", "how long the oldest of them has waited; 0: none")
SPOOL_FACTS: Final = Metric(
    "frontdoor_spool_facts_total",
    "counter",
    "facts by what became of them: spooled, adopted, forwarded, refused, put_aside",
    ("outcome",),
)
# === end of spool


LOG_KEYS: Final = frozenset(
    {
        # ids
        "agent_id", "call_id", "cell", "contact_id", "event_id", "item_id", "process", "reservation_id", "session_id",
        "tenant", "carrier", "account", "queue", "owner", "group", "route", "setting", "limit", "version", "url",
        # places on the log
        "topic", "partition", "offset", "epoch", "seq", "position", "cause",
        # counts, durations and outcomes
        "count", "attempt", "bytes", "wait_s", "took_ms", "port", "status", "outcome", "reason", "type", "state",
        "error", "at", "raised_at",
    }
)  # fmt: skip


_Series = tuple[Metric, tuple[tuple[str, str], ...]]  # a metric and its labels


class Metrics:
    """The metrics of one process, in a registry of its own.

    Series of counters and histograms are kept once they were looked up, since nothing ever forgets them; looking one up
    costs many times what counting does.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._known: dict[Metric, Counter | Gauge | Histogram] = {}
        self._counters: dict[_Series, Counter] = {}
        self._histograms: dict[_Series, Histogram] = {}
        self._totals = _Totals()
        self._registry.register(self._totals)

    def count(self, metric: Metric, n: float = 1, **labels: str) -> None:
        """Add `n` >= 0 to a counter."""
        series = metric, tuple(labels.items())
        counter = self._counters.get(series)
        if counter is None:
            known = self._of(metric, "counter", labels)
            assert isinstance(known, Counter)
            counter = self._counters[series] = known.labels(**labels) if labels else known
        counter.inc(n)

    def set(self, metric: Metric, value: float, **labels: str) -> None:
        """Set a gauge, or the absolute value of a total."""
        if metric.kind == "total":
            _require(metric, "total", labels)
            self._totals.values.setdefault(metric, {})[tuple(labels[name] for name in metric.labels)] = value
            return
        known = self._of(metric, "gauge", labels)
        assert isinstance(known, Gauge)
        (known.labels(**labels) if labels else known).set(value)

    def observe(self, metric: Metric, value: float, **labels: str) -> None:
        """Put a value into a histogram; seconds unless the metric's name says otherwise."""
        series = metric, tuple(labels.items())
        histogram = self._histograms.get(series)
        if histogram is None:
            known = self._of(metric, "histogram", labels)
            assert isinstance(known, Histogram)
            histogram = self._histograms[series] = known.labels(**labels) if labels else known
        histogram.observe(value)

    def clear(self, metric: Metric) -> None:
        """Forget all labelled values of a gauge or total, before they are set anew."""
        self._totals.values.pop(metric, None)
        if metric in self._known:
            self._known[metric].clear()

    def remove(self, metric: Metric, **labels: str) -> None:
        """Forget one labelled value of a gauge; harmless if there is none."""
        if metric in self._known:
            self._known[metric].remove(*(labels[name] for name in metric.labels))

    def render(self) -> bytes:
        """Return everything in Prometheus' text format 0.0.4."""
        return generate_latest(self._registry)

    def value(self, metric: Metric, **labels: str) -> float:
        """Return what a counter, gauge or total stands at, for tests; 0.0 if it was never touched."""
        name = metric.name.removesuffix("_total") + "_total" if metric.kind in {"counter", "total"} else metric.name
        return self._registry.get_sample_value(name, labels) or 0.0

    def _of(self, metric: Metric, kind: Kind, labels: Mapping[str, str]) -> Counter | Gauge | Histogram:
        _require(metric, kind, labels)
        known = self._known.get(metric)
        if known is None:
            known = self._known[metric] = _make(metric, self._registry)
        return known


def _require(metric: Metric, kind: Kind, labels: Mapping[str, str]) -> None:
    if metric.kind != kind or set(labels) != set(metric.labels):
        raise TypeError(f"{metric.name} is a {metric.kind} with labels {metric.labels}")


def _make(metric: Metric, registry: CollectorRegistry) -> Counter | Gauge | Histogram:
    if metric.kind == "counter":
        return Counter(metric.name, metric.help, metric.labels, registry=registry)
    if metric.kind == "gauge":
        return Gauge(metric.name, metric.help, metric.labels, registry=registry)
    return Histogram(metric.name, metric.help, metric.labels, registry=registry, buckets=metric.buckets)


class _Totals:
    """Counters whose values are given from outside."""

    def __init__(self) -> None:
        self.values: dict[Metric, dict[tuple[str, ...], float]] = {}

    def collect(self) -> Iterator[CounterMetricFamily]:
        for metric, values in self.values.items():
            family = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
            for labels, value in values.items():
                family.add_metric(labels, value)
            yield family

    def describe(self) -> Sequence[CounterMetricFamily]:
        return ()


_EVENT: Final = re.compile(r"^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$")
_TEXT_CHARS_MAX: Final = 200
_OUR_KEYS: Final = frozenset({"event", "level", "timestamp", "source"})
_ROOT: Final = re.compile(r".*?/(?=(?:schemas|router|ivr|agent_gateway|services|tests)/)|.*/site-packages/|.*/lib/")


def get_logger(name: str) -> Any:
    """Return a logger. Events are constants such as `call.matched`; keys come from `LOG_KEYS`."""
    return structlog.get_logger(source=name)


def configure_logging(level: str, *, metrics: Metrics | None = None, stream: TextIO | None = None) -> None:
    """Send our logs, and a trace of libraries' warnings, to `stream` (stderr) as JSON lines. Call once at start."""
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _exception_place,
            _AllowList(metrics),
            structlog.processors.JSONRenderer(separators=(",", ":")),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(stream or sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[_LibraryHandler()], force=True)


class _LibraryHandler(logging.Handler):
    """What libraries log may quote input, so only who spoke, from where and about which error is kept."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        structlog.get_logger(source=record.name).log(
            record.levelno,
            "library.logged",
            at=f"{_short(record.pathname)}:{record.lineno}",
            **(_told(error) if error else {}),
        )


def _exception_place(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    info = event.pop("exc_info", None)
    error = info if isinstance(info, BaseException) else (sys.exc_info()[1] if info else None)
    if error is not None:
        event.update(_told(error))
    return event


def _told(error: BaseException) -> dict[str, str]:
    return {"error": type(error).__qualname__, "raised_at": _place(error.__traceback__)}


def _place(trace: TracebackType | None) -> str:
    frames = traceback.extract_tb(trace)
    return f"{_short(frames[-1].filename)}:{frames[-1].lineno}" if frames else ""


def _short(path: str) -> str:
    return _ROOT.sub("", path, count=1)


class _AllowList:
    """Keeps what may be logged. A value is a number, a truth value or a short text."""

    def __init__(self, metrics: Metrics | None) -> None:
        self._metrics = metrics

    def __call__(self, _logger: Any, _method: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
        kept = {key: _plain(value) for key, value in event.items() if key in LOG_KEYS or key in _OUR_KEYS}
        if not _EVENT.match(str(kept.get("event", ""))):
            kept["event"] = "unnamed"  # a sentence may quote someone
        dropped = len(event) - len(kept)
        if dropped:
            kept["dropped"] = dropped
            if self._metrics is not None:
                self._metrics.count(LOG_KEYS_DROPPED, dropped)
        return kept


def _plain(value: object) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    return str(value)[:_TEXT_CHARS_MAX]
