"""What is counted and logged, and that each gateway counts for itself."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import structlog

from gateway.telemetry import Telemetry, configure_logs


@pytest.fixture
def logs() -> Iterator[None]:
    """Leaves the process's logging as it was."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def counted(telemetry: Telemetry) -> dict[str, float]:
    """Counters by name and labels, without the times at which they were made."""
    lines = [line.rpartition(" ") for line in telemetry.render().decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines if "_created" not in name}


def test_a_new_gateway_has_counted_nothing() -> None:
    assert counted(Telemetry()) == {"accrue_note_tokens_total": 0, "accrue_passed_through_total": 0}


def test_everything_that_happens_is_counted_under_its_name() -> None:
    telemetry = Telemetry()
    telemetry.called("hit", 30)
    telemetry.called("hit", 12)
    telemetry.called("empty", 0)
    telemetry.passed()
    telemetry.failed("timeout")
    telemetry.unrecorded("late")
    assert counted(telemetry) == {
        'accrue_calls_total{memory="hit"}': 2,
        'accrue_calls_total{memory="empty"}': 1,
        "accrue_note_tokens_total": 42,
        "accrue_passed_through_total": 1,
        'accrue_memory_failures_total{cause="timeout"}': 1,
        'accrue_unrecorded_total{reason="late"}': 1,
    }


def test_two_gateways_in_one_process_count_apart() -> None:
    one, other = Telemetry(), Telemetry()
    one.passed()
    assert counted(other)["accrue_passed_through_total"] == 0


@pytest.mark.usefixtures("logs")
def test_a_json_log_is_one_object_a_line_with_its_context(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", "json")
    with structlog.contextvars.bound_contextvars(exchange="ex_1"):
        structlog.get_logger().info("recorded", tokens=3)
        structlog.get_logger().debug("too quiet")
    (line,) = capsys.readouterr().err.splitlines()
    logged = json.loads(line)
    assert logged.pop("timestamp").endswith("Z")
    assert logged == {"event": "recorded", "level": "info", "tokens": 3, "exchange": "ex_1"}


@pytest.mark.usefixtures("logs")
def test_an_error_is_logged_with_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("warning", "json")
    structlog.get_logger().warning("recall_failed", exc_info=ValueError("broken"))
    assert "ValueError: broken" in json.loads(capsys.readouterr().err)["exception"]


@pytest.mark.usefixtures("logs")
def test_a_console_log_is_for_people_and_plain_where_it_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("debug", "console")
    structlog.get_logger().debug("recorded", tokens=3)
    shown = capsys.readouterr().err
    assert "recorded tokens=3" in shown
    assert "\x1b" not in shown
