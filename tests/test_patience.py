"""Deadlines of a connection, on a loop whose time stands still."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from gateway.patience import UPLOAD_BYTES_PER_S, Patience


class Loop(asyncio.AbstractEventLoop):
    """Calls what is due when its time is moved."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.timers: list[asyncio.TimerHandle] = []

    def time(self) -> float:
        return self.now

    def get_debug(self) -> bool:
        return False

    def call_at(self, when: float, callback: Callable[..., object], *args: object, **_: object) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(when, callback, args, self)
        self.timers.append(timer)
        return timer

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        self.timers.remove(handle)

    def pass_by(self, seconds: float) -> None:
        until = self.now + seconds
        while due := [timer for timer in self.timers if timer.when() <= until]:
            timer = min(due, key=asyncio.TimerHandle.when)
            self.timers.remove(timer)
            self.now = timer.when()
            timer._run()
        self.now = until


class Transport(asyncio.Transport):
    """A transport whose peer takes what it likes."""

    unsent = 0
    is_aborted = False

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def abort(self) -> None:
        self.is_aborted = True

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


class Waiting:
    """A patience of 10 s towards a client that takes nothing, and what came of it."""

    def __init__(self) -> None:
        self.loop = Loop()  # type: ignore[abstract] # of a loop only time and timers are asked
        self.transport, self.late = Transport(), 0
        self.patience = Patience(self.loop, self.transport, send_timeout_s=10, on_late=self.count)

    def count(self) -> None:
        self.late += 1

    def expect(self, seconds: float) -> None:
        self.patience.expect(seconds)
        self.patience.arm()


@pytest.fixture
def waiting() -> Waiting:
    return Waiting()


def test_what_does_not_come_is_late_once(waiting: Waiting) -> None:
    waiting.expect(5)
    waiting.loop.pass_by(4.9)
    assert waiting.late == 0
    waiting.loop.pass_by(100)
    assert waiting.late == 1


def test_what_came_is_not_awaited(waiting: Waiting) -> None:
    waiting.expect(5)
    assert waiting.patience.is_waiting
    waiting.patience.relax()
    assert not waiting.patience.is_waiting
    waiting.loop.pass_by(100)
    assert waiting.late == 0


def test_a_body_may_take_a_second_longer_for_each_64_kib(waiting: Waiting) -> None:
    waiting.expect(5)
    waiting.patience.came(3 * UPLOAD_BYTES_PER_S)
    waiting.loop.pass_by(7.9)
    assert waiting.late == 0
    waiting.loop.pass_by(0.2)
    assert waiting.late == 1


def test_an_earlier_deadline_is_kept_though_a_later_one_was_armed_first(waiting: Waiting) -> None:
    waiting.expect(30)
    waiting.expect(5)
    waiting.loop.pass_by(6)
    assert waiting.late == 1


def test_a_later_deadline_costs_no_timer_until_the_earlier_is_over(waiting: Waiting) -> None:
    for seconds in range(5, 50):
        waiting.expect(seconds)
    assert len(waiting.loop.timers) == 1


def test_while_we_do_not_read_the_clock_stands_still(waiting: Waiting) -> None:
    waiting.expect(5)
    waiting.loop.pass_by(4)
    waiting.patience.flow.pause_reading()
    waiting.patience.flow.pause_reading()
    waiting.loop.pass_by(1_000)
    waiting.patience.flow.resume_reading()
    waiting.loop.pass_by(0.9)
    assert waiting.late == 0
    waiting.loop.pass_by(0.2)
    assert waiting.late == 1


def test_a_client_that_takes_nothing_is_gone(waiting: Waiting) -> None:
    waiting.transport.unsent = 100_000
    waiting.patience.watch_sending()
    waiting.loop.pass_by(5)
    waiting.patience.watch_sending()
    waiting.loop.pass_by(5)
    assert waiting.transport.is_aborted


def test_a_client_that_takes_little_is_not(waiting: Waiting) -> None:
    waiting.transport.unsent = 100_000
    waiting.patience.watch_sending()
    for _ in range(20):
        waiting.transport.unsent -= 1
        waiting.loop.pass_by(10)
    assert not waiting.transport.is_aborted
    waiting.loop.pass_by(10)
    assert waiting.transport.is_aborted


@pytest.mark.parametrize("has_said_so", [True, False])
def test_a_client_that_takes_all_is_not_watched_any_more(waiting: Waiting, has_said_so: bool) -> None:
    waiting.transport.unsent = 100_000
    waiting.patience.watch_sending()
    waiting.transport.unsent = 0
    if has_said_so:
        waiting.patience.sent()
    waiting.loop.pass_by(100)
    assert not waiting.transport.is_aborted
    assert not waiting.loop.timers


def test_after_the_end_nothing_is_late(waiting: Waiting) -> None:
    waiting.patience.end()
    waiting.expect(5)
    waiting.patience.watch_sending()
    waiting.patience.end()
    waiting.loop.pass_by(100)
    assert (waiting.late, waiting.transport.is_aborted) == (0, False)
