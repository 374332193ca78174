import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from services.runtime.telemetry import LOG_KEYS_DROPPED, Metric, Metrics, configure_logging, get_logger

COUNTED = Metric("frontdoor_test_total", "counter", "things", ("queue",))
BARE = Metric("frontdoor_bare_total", "counter", "things")
LEVEL = Metric("frontdoor_level", "gauge", "a level", ("cell",))
TOOK = Metric("frontdoor_took_seconds", "histogram", "a time")
ANSWERED = Metric("frontdoor_answered_total", "total", "from the records", ("queue",))


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def stream(metrics: Metrics) -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    found = io.StringIO()
    configure_logging("info", metrics=metrics, stream=found)
    yield found
    structlog.reset_defaults()
    root.handlers[:], root.level = handlers, level


def raised(error: Exception) -> Exception:
    with pytest.raises(type(error)) as caught:
        raise error
    return caught.value


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_counters_gauges_and_histograms_are_rendered(metrics: Metrics) -> None:
    metrics.count(COUNTED, queue="triage")
    metrics.count(COUNTED, 2, queue="triage")
    metrics.count(BARE)
    metrics.set(LEVEL, 4.5, cell="pool")
    metrics.observe(TOOK, 0.02)
    text = metrics.render().decode()
    assert 'frontdoor_test_total{queue="triage"} 3.0' in text
    assert "frontdoor_bare_total 1.0" in text
    assert 'frontdoor_level{cell="pool"} 4.5' in text
    assert 'frontdoor_took_seconds_bucket{le="0.025"} 1.0' in text
    assert metrics.value(COUNTED, queue="triage") == 3
    assert metrics.value(COUNTED, queue="other") == 0


def test_a_total_is_set_from_outside_and_reads_as_a_counter(metrics: Metrics) -> None:
    metrics.set(ANSWERED, 41, queue="triage")
    metrics.set(ANSWERED, 42, queue="triage")
    text = metrics.render().decode()
    assert "# TYPE frontdoor_answered_total counter" in text
    assert 'frontdoor_answered_total{queue="triage"} 42.0' in text
    assert metrics.value(ANSWERED, queue="triage") == 42


def test_cleared_values_are_gone(metrics: Metrics) -> None:
    metrics.set(ANSWERED, 1, queue="a")
    metrics.set(LEVEL, 1, cell="a")
    metrics.clear(ANSWERED)
    metrics.clear(LEVEL)
    assert b'"a"' not in metrics.render()


@pytest.mark.parametrize(
    ("call", "metric", "labels"),
    [
        ("count", LEVEL, {"cell": "x"}),
        ("set", COUNTED, {"queue": "x"}),
        ("observe", BARE, {}),
        ("count", COUNTED, {}),
        ("count", COUNTED, {"queue": "x", "caller": "y"}),
        ("set", ANSWERED, {"caller": "y"}),
    ],
)
def test_another_kind_or_label_is_refused(metrics: Metrics, call: str, metric: Metric, labels: dict[str, str]) -> None:
    with pytest.raises(TypeError, match=metric.name):
        getattr(metrics, call)(metric, 1, **labels)


def test_two_processes_in_one_do_not_share_metrics(metrics: Metrics) -> None:
    metrics.count(BARE)
    assert Metrics().value(BARE) == 0


def test_a_log_line_is_json_with_event_ids_and_time(stream: io.StringIO) -> None:
    get_logger("services.routing").info("call.matched", contact_id="c1", wait_s=1.5)
    (line,) = lines(stream)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "call.matched",
        "contact_id": "c1",
        "wait_s": 1.5,
        "level": "info",
        "source": "services.routing",
    }


def test_keys_outside_the_list_are_dropped_and_counted(stream: io.StringIO, metrics: Metrics) -> None:
    get_logger("x").info("call.matched", contact_id="c1", phone="+15005550142", said="chest pain")
    (line,) = lines(stream)
    assert line["dropped"] == 2
    assert "5550142" not in stream.getvalue()
    assert "chest" not in stream.getvalue()
    assert metrics.value(LOG_KEYS_DROPPED) == 2


def test_an_event_that_is_a_sentence_is_not_kept(stream: io.StringIO) -> None:
    get_logger("x").warning("caller +15005550142 said: chest pain")
    assert lines(stream)[0]["event"] == "unnamed"


def test_a_value_is_short(stream: io.StringIO) -> None:
    get_logger("x").info("a.b", reason="x" * 1000, outcome=None)
    assert lines(stream)[0]["reason"] == "x" * 200


def test_an_exception_is_its_type_and_place_without_its_message(stream: io.StringIO) -> None:
    try:
        int("said: chest pain")
    except ValueError:
        get_logger("x").exception("step.failed", contact_id="c1")
    get_logger("x").error("step.failed", exc_info=raised(KeyError("+15005550142")))
    first, second = lines(stream)
    assert first["error"] == "ValueError"
    assert first["raised_at"].startswith("tests/unit/services/runtime/test_telemetry.py:")
    assert second["error"] == "KeyError"
    assert "chest" not in stream.getvalue()
    assert "5550142" not in stream.getvalue()


def test_the_level_is_kept(stream: io.StringIO) -> None:
    get_logger("x").debug("a.b")
    assert lines(stream) == []


def test_a_library_is_told_by_name_and_place_only(stream: io.StringIO) -> None:
    error = raised(OSError("caller +15005550142"))
    logging.getLogger("httpx").error("POST %s", "https://example.org/+15005550142", exc_info=error)
    logging.getLogger("httpx").info("not a warning")
    (line,) = lines(stream)
    assert line["source"] == "httpx"
    assert (line["event"], line["level"], line["error"]) == ("library.logged", "error", "OSError")
    assert "5550142" not in stream.getvalue()


def test_a_library_error_without_exception_names_the_place(stream: io.StringIO) -> None:
    logging.getLogger("asyncio").warning("slow callback")
    assert lines(stream)[0]["at"].startswith("tests/unit/services/runtime/test_telemetry.py:")


def test_one_labelled_value_is_removed_and_the_others_stay(metrics: Metrics) -> None:
    metrics.remove(LEVEL, cell="never")
    metrics.set(LEVEL, 1, cell="a")
    metrics.set(LEVEL, 2, cell="b")
    metrics.remove(LEVEL, cell="a")
    metrics.remove(LEVEL, cell="a")
    text = metrics.render().decode()
    assert 'cell="a"' not in text
    assert 'frontdoor_level{cell="b"} 2.0' in text
