"""What is counted and logged, and that each gateway counts for itself."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import structlog

from gateway.telemetry import LOOKED_UP, SHARED, Telemetry, configure_logs
from gateway.testing import ManualClock
from gateway.types import Outcome, Reply, Usage
from tests.exchanges import NOW, exchange

ROOT = Path(__file__).parent.parent


@contextmanager
def logging_kept() -> Iterator[None]:
    """Leaves the process's logging as it was."""
    root, before = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers[:], root.level
    try:
        yield
    finally:
        structlog.configure(**before)
        root.handlers[:] = handlers
        root.setLevel(level)
        logging.captureWarnings(False)


@pytest.fixture
def logs() -> Iterator[None]:
    with logging_kept():
        yield


def counted(telemetry: Telemetry) -> dict[str, float]:
    """Counters by name and labels, without the times at which they were made, and without stages."""
    lines = [line.rpartition(" ") for line in telemetry.render().decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines if "_created" not in name and "_stage_" not in name}


def test_a_new_gateway_has_counted_nothing() -> None:
    assert counted(Telemetry()) == {
        "accrue_note_tokens_total": 0,
        "accrue_passed_through_total": 0,
        "accrue_received_total": 0,
        "accrue_recorded_total": 0,
        "accrue_late_total": 0,
        "accrue_unclean_total": 0,
        "accrue_admin_refused_total": 0,
        "accrue_tasks": 0,
        "accrue_distil_tokens_total": 0,
    }


def test_what_gateways_share_is_shown_as_it_is_when_it_is_asked_for() -> None:
    telemetry, waiting = Telemetry(), ["ex_1"]
    telemetry.share({"lag": lambda: len(waiting)})
    waiting.append("ex_2")
    assert counted(telemetry)["accrue_lag"] == 2


def test_everything_that_happens_is_counted_under_its_name() -> None:
    telemetry = Telemetry()
    telemetry.called(Outcome(status="hit", tokens=30))
    telemetry.called(Outcome(status="hit", tokens=12))
    telemetry.called(Outcome(status="empty", reason="window"))
    telemetry.matched("support")
    telemetry.traced("lost", 7)
    telemetry.passed()
    telemetry.failed("timeout")
    telemetry.received()
    telemetry.recorded(exchange())
    telemetry.refused(404)
    telemetry.late()
    telemetry.unclean()
    telemetry.admin_refused()
    telemetry.breaker("store", is_open=True)
    telemetry.unrecorded("journal")
    telemetry.distilled("done")
    telemetry.distil_cost(42)
    telemetry.facts("kept", 3)
    telemetry.tasks(5)
    assert counted(telemetry) == {
        "accrue_tasks": 5,
        'accrue_calls_total{memory="hit",reason=""}': 2,
        'accrue_calls_total{memory="empty",reason="window"}': 1,
        'accrue_policy_matches_total{policy="support"}': 1,
        'accrue_spans_total{outcome="lost"}': 7,
        "accrue_note_tokens_total": 42,
        "accrue_passed_through_total": 1,
        'accrue_memory_failures_total{cause="timeout"}': 1,
        "accrue_received_total": 1,
        "accrue_recorded_total": 1,
        'accrue_refused_total{status="404"}': 1,
        "accrue_late_total": 1,
        "accrue_unclean_total": 1,
        "accrue_admin_refused_total": 1,
        'accrue_breaker_opened_total{dependency="store"}': 1,
        'accrue_breaker_open{dependency="store"}': 1,
        'accrue_unrecorded_total{reason="journal"}': 1,
        'accrue_distilled_total{outcome="done"}': 1,
        "accrue_distil_tokens_total": 42,
        'accrue_distilled_facts_total{outcome="kept"}': 3,
    }


def shown_by_all() -> str:
    """Everything that can be shown."""
    telemetry = Telemetry()
    telemetry.share(dict.fromkeys(SHARED, lambda: 1.0))
    telemetry.look_up(dict.fromkeys(LOOKED_UP, 1.0))
    return telemetry.render().decode()


def test_what_providers_counted_is_added_up_apart_for_calls_with_notes_and_without() -> None:
    telemetry, usage = Telemetry(), Usage(prompt_tokens=1_000, cached_tokens=600, completion_tokens=50)
    reply = Reply(usage=usage)
    telemetry.recorded(exchange(reply=reply, outcome=Outcome(status="hit", notes=2)))
    telemetry.recorded(exchange(reply=reply, outcome=Outcome(status="hit", notes=1)))
    telemetry.recorded(exchange(reply=reply, outcome=Outcome(status="empty")))
    telemetry.recorded(exchange(reply=None))
    tokens = {name: count for name, count in counted(telemetry).items() if "provider_tokens" in name}
    assert tokens == {
        'accrue_provider_tokens_total{kind="prompt",memory="with"}': 2_000,
        'accrue_provider_tokens_total{kind="cached",memory="with"}': 1_200,
        'accrue_provider_tokens_total{kind="completion",memory="with"}': 100,
        'accrue_provider_tokens_total{kind="prompt",memory="without"}': 1_000,
        'accrue_provider_tokens_total{kind="cached",memory="without"}': 600,
        'accrue_provider_tokens_total{kind="completion",memory="without"}': 50,
    }


def test_from_the_end_of_an_answer_to_its_record_is_the_last_stage() -> None:
    telemetry = Telemetry(ManualClock(NOW).now)
    telemetry.recorded(exchange(ended_at=NOW - 0.2))
    telemetry.recorded(exchange(ended_at=None))  # an answer that never came does not end
    shown = telemetry.render().decode()
    assert 'accrue_stage_seconds_bucket{le="0.1",stage="record"} 0.0' in shown
    assert 'accrue_stage_seconds_bucket{le="0.25",stage="record"} 1.0' in shown
    assert 'accrue_stage_seconds_count{stage="record"} 1.0' in shown


def test_what_is_looked_up_is_shown_while_it_is_known() -> None:
    telemetry = Telemetry()
    telemetry.look_up({"waiting": 3, "lift": None})
    assert counted(telemetry)["accrue_waiting"] == 3
    assert "accrue_lift" not in counted(telemetry)
    telemetry.look_up({"waiting": None, "lift": -0.5})
    assert "accrue_waiting" not in counted(telemetry)
    assert counted(telemetry)["accrue_lift"] == -0.5


def test_a_dependency_is_known_by_whether_it_is_left_alone_and_how_often_it_was() -> None:
    telemetry = Telemetry()
    assert telemetry.breakers() == {}
    for dependency, is_open in (("store", True), ("store", False), ("embedder", True), ("store", True)):
        telemetry.breaker(dependency, is_open)
    telemetry.breaker("store", False)
    assert telemetry.breakers() == {"store": (False, 2), "embedder": (True, 1)}


def test_it_is_known_how_often_each_policy_was_used() -> None:
    telemetry = Telemetry()
    for policy in ("default", "support", "default"):
        telemetry.matched(policy)
    assert telemetry.matches() == {"default": 2, "support": 1}


def test_nothing_that_is_shown_names_a_user_a_session_a_tenant_or_a_model() -> None:
    labels = set(re.findall(r"(\w+)=\"", shown_by_all()))
    assert labels <= {"le", "stage", "memory", "reason", "kind", "policy", "outcome", "cause", "dependency", "status"}
    telemetry = Telemetry()
    telemetry.recorded(exchange(model="gpt-of-ann", reply=Reply(usage=Usage(prompt_tokens=1))))
    assert not re.search("ann|acme|s1", re.sub("^#.*$", "", telemetry.render().decode(), flags=re.MULTILINE))


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


@pytest.mark.usefixtures("logs")
def test_the_libraries_we_use_warn_in_the_same_form_and_chatter_unheard(capsys: pytest.CaptureFixture[str]) -> None:
    logging.basicConfig(level="INFO", force=True)  # as `import wordllama` does
    configure_logs("debug", "json")
    logging.getLogger("watchfiles.main").info("%d change detected", 1)
    chatty = logging.getLogger("chatty")
    chatty.setLevel("DEBUG")
    chatty.info("connected")
    chatty.warning("slow: %s", "disk")
    (line,) = capsys.readouterr().err.splitlines()
    logged = json.loads(line)
    assert logged.pop("timestamp").endswith("Z")
    assert logged == {"event": "slow: disk", "level": "warning", "logger": "chatty"}


@pytest.mark.usefixtures("logs")
def test_libraries_are_not_louder_than_we_are(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("error", "console")
    logging.getLogger("chatty").warning("slow")
    structlog.get_logger().warning("slow")
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("logs")
def test_a_warning_of_python_itself_is_a_log_line_too(capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        configure_logs("info", "json")
        warnings.warn("soon to be removed", FutureWarning, stacklevel=1)
        logging.captureWarnings(False)
    (line,) = capsys.readouterr().err.splitlines()
    assert "soon to be removed" in json.loads(line)["event"]


@pytest.mark.usefixtures("logs")
@pytest.mark.parametrize("log_format", ["json", "console"])
@pytest.mark.parametrize("is_ours", [True, False])
def test_a_traceback_shows_code_and_no_words_of_users(
    log_format: str, is_ours: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logs("info", log_format)
    words = "Biscuit is " + "allergic"
    try:
        raise KeyError("it broke", len(words))
    except KeyError as error:
        logger = structlog.get_logger() if is_ours else logging.getLogger("asyncio")
        logger.error("unlearnt", exc_info=error)
    shown = capsys.readouterr().err
    assert "it broke" in shown
    assert "len(words)" in shown
    assert "Biscuit is allergic" not in shown
    assert log_format == "console" or len(shown.splitlines()) == 1


def test_the_person_on_call_is_told_of_every_counter_and_every_event() -> None:
    sources = "".join(path.read_text() for path in sorted((ROOT / "gateway").rglob("*.py")))
    counters = re.findall(r"^# TYPE (accrue_\w+) (?:counter|gauge|histogram)$", shown_by_all(), re.MULTILINE)
    counters = [name for name in counters if not name.endswith("_created")]
    events = re.findall(r"\blog\.\w+\(\s*\"(\w+)\"", sources)
    assert len(counters) == 34
    assert "recall_failed" in events
    told = (ROOT / "docs" / "operations.md").read_text()
    assert [name for name in (*counters, *events) if f"`{name}" not in told] == []


@pytest.mark.promise("P4")
def test_a_log_that_cannot_be_written_fails_nobody() -> None:
    program = (
        "import structlog; from gateway.telemetry import configure_logs; configure_logs('info', 'json'); "
        "structlog.get_logger().warning('lost'); print('went on', flush=True)"
    )
    with open("/dev/full", "w", encoding="utf-8") as full:
        ended = subprocess.run(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=full, text=True, check=False
        )
    assert ended.stdout == "went on\n"
