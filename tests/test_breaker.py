"""gateway/breaker.py, over a clock that moves when told."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from gateway.breaker import CALM_S, FAILURES, FIRST_S, LATELY_S, LONGEST_S, Breaker, KeptAway
from gateway.testing import ManualClock


def opened(clock: ManualClock | None = None) -> Breaker:
    breaker = Breaker("store", clock or ManualClock())
    assert breaker.open("timeout")
    return breaker


def test_it_opens_when_most_of_what_was_asked_lately_failed_and_says_so_once() -> None:
    heard: list[tuple[str, bool]] = []
    breaker = Breaker("store", ManualClock(), on_change=lambda name, is_open: heard.append((name, is_open)))
    with capture_logs() as logs:
        assert [breaker.failed("timeout") for _ in range(FAILURES + 3)] == [False] * (FAILURES - 1) + [True] + [
            False
        ] * 3
        with pytest.raises(KeptAway, match="store: breaker"):
            breaker.check()
        breaker.close()
        breaker.close()
        breaker.check()
    assert [(entry["event"], entry["dependency"]) for entry in logs] == [
        ("breaker_opened", "store"),
        ("breaker_closed", "store"),
    ]
    assert logs[0]["cause"] == "timeout"
    assert heard == [("store", True), ("store", False)]


def test_failures_among_more_answers_do_not_open_it() -> None:
    breaker = Breaker("store", ManualClock())
    for _ in range(50):
        breaker.failed("timeout")
        breaker.answered()
        breaker.answered()
    assert not breaker.is_open


def test_failures_of_long_ago_do_not_count() -> None:
    clock = ManualClock()
    breaker = Breaker("store", clock)
    for _ in range(3 * FAILURES):
        breaker.failed("timeout")
        clock.advance(LATELY_S / (FAILURES - 1))
    assert not breaker.is_open


def test_what_failed_before_it_was_closed_does_not_count_any_more() -> None:
    breaker = Breaker("store", ManualClock())
    while not breaker.failed("timeout"):
        pass
    breaker.close()
    assert not breaker.failed("timeout")


def test_how_long_it_was_open_is_said() -> None:
    clock = ManualClock()
    breaker = opened(clock)
    clock.advance(1.25)
    with capture_logs() as logs:
        breaker.close()
    assert logs[0]["away_s"] == 1.25


@settings(deadline=None, max_examples=50)
@given(longest_s=st.floats(FIRST_S, 60.0), count=st.integers(1, 60))
def test_pauses_grow_to_a_limit_and_no_further(longest_s: float, count: int) -> None:
    breaker = Breaker("store", ManualClock(), longest_s=longest_s)
    breaker.open("timeout")
    pauses = [breaker.pause_s() for _ in range(count)]
    for number, pause in enumerate(pauses):
        most = min(longest_s, FIRST_S * 2.0**number)
        assert most / 2 <= pause <= most


def test_pauses_are_not_the_same_for_everybody() -> None:
    clock = ManualClock()
    assert len({opened(clock).pause_s() for _ in range(20)}) == 20


def test_what_fails_again_soon_is_probed_as_seldom_as_before_and_what_was_calm_is_probed_at_once() -> None:
    clock = ManualClock()
    breaker = opened(clock)
    for _ in range(10):
        breaker.pause_s()
    breaker.close()
    breaker.open("timeout")
    assert breaker.pause_s() >= LONGEST_S / 2
    breaker.close()
    clock.advance(CALM_S)
    breaker.open("timeout")
    assert breaker.pause_s() <= FIRST_S
