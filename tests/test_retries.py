"""A call that is sent again is the same call; the same words from somebody else are not."""

from __future__ import annotations

import itertools

import pytest

from gateway.retries import ATTEMPTS_KEPT, BACKOFF_S, KEPT, TOLD_S, UNTOLD_S, Attempt, Attempts, is_retry
from gateway.testing import ManualClock
from gateway.types import Exchange, ExchangeState, Scope

ANN = Scope(tenant="acme", user="ann")
HI = b'{"messages":[{"role":"user","content":"hi"}]}'


class Calls:
    """Calls as the pipeline makes them."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.attempts = Attempts(self.clock)
        self._numbers = itertools.count(1)

    def make(self, person: Scope = ANN, sent: bytes = HI, *, is_retry: bool = False) -> Attempt:
        attempt = self.attempts.attempt(person, sent, is_retry=is_retry)
        if attempt.count == 1:
            number = next(self._numbers)
            scope = Scope(tenant=person.tenant, user=person.user, session=person.session or f"se_{number}")
            self.attempts.begin(attempt, Exchange(id=f"ex_{number}", scope=scope, at=1.0, path="/x"))
        return attempt

    def end(
        self, attempt: Attempt, state: ExchangeState = "done", status: int | None = 200, number: int | None = None
    ) -> None:
        scope = Scope(tenant="acme", user="ann", session=attempt.session)
        ended = Exchange(
            id=attempt.exchange,
            scope=scope,
            at=1.0,
            path="/x",
            state=state,
            status=status,
            attempts=attempt.count if number is None else number,
        )
        self.attempts.end(ended)


@pytest.fixture
def calls() -> Calls:
    return Calls()


@pytest.mark.parametrize(
    ("state", "status"),
    [("interrupted", 200), ("interrupted", None), ("done", 429), ("done", 500), ("interrupted", 502)],
)
def test_the_same_bytes_after_a_failure_are_the_same_call(
    calls: Calls, state: ExchangeState, status: int | None
) -> None:
    first = calls.make()
    calls.end(first, state, status)
    again = calls.make()
    assert (again.exchange, again.session, again.count) == ("ex_1", "se_1", 2)


def test_the_same_bytes_after_an_answer_are_another_call(calls: Calls) -> None:
    calls.end(calls.make())
    assert (calls.make().exchange, calls.make().exchange) == ("ex_2", "ex_3")


def test_a_client_that_says_it_tries_again_may_have_given_up_waiting(calls: Calls) -> None:
    first = calls.make()
    assert calls.make(is_retry=True) is first
    calls.end(first)
    calls.clock.advance(BACKOFF_S)
    assert calls.make(is_retry=True) is first
    assert first.count == 3
    calls.end(first)
    calls.clock.advance(BACKOFF_S + 1)
    assert calls.make(is_retry=True) is not first


def test_an_attempt_that_dies_after_a_later_one_was_answered_changes_nothing(calls: Calls) -> None:
    first = calls.make()
    calls.make(is_retry=True)
    calls.end(first)
    calls.end(first, "interrupted", number=1)
    assert calls.make().exchange == "ex_2"


@pytest.mark.promise("P7")
def test_where_nobody_is_named_every_call_is_a_first_one(calls: Calls) -> None:
    anyone = Scope(tenant="acme", user=None)
    calls.end(calls.make(anyone), "done", 429)
    assert [calls.make(anyone).exchange, calls.make(anyone, is_retry=True).exchange] == ["ex_2", "ex_3"]
    in_a_session = Scope(tenant="acme", user=None, session="s1")
    calls.end(calls.make(in_a_session), "done", 429)
    assert calls.make(in_a_session).exchange == "ex_4"


def test_a_session_that_could_not_be_looked_up_is_looked_for_again(calls: Calls) -> None:
    attempt = calls.attempts.attempt(ANN, HI, is_retry=False)
    adrift = Exchange(
        id="ex_9",
        scope=Scope(tenant="acme", user="ann", session="se_9"),
        at=1.0,
        path="/x",
        is_adrift=True,
        state="interrupted",
    )
    calls.attempts.begin(attempt, adrift)
    calls.attempts.end(adrift)
    again = calls.make()
    assert (again.exchange, again.session, again.count) == ("ex_9", "", 2)


def test_a_retry_of_what_was_never_seen_is_a_first_attempt(calls: Calls) -> None:
    assert (calls.make(is_retry=True).exchange, calls.make(is_retry=True).count) == ("ex_1", 2)


@pytest.mark.promise("P7")
@pytest.mark.parametrize(
    "other",
    [Scope(tenant="acme", user="bob"), Scope(tenant="other", user="ann"), Scope(tenant="acme", user=None, session="s")],
)
def test_nobody_continues_somebody_elses_call(calls: Calls, other: Scope) -> None:
    calls.end(calls.make(), "interrupted")
    assert calls.make(other, is_retry=True).exchange == "ex_2"


def test_other_words_and_another_named_session_are_other_calls(calls: Calls) -> None:
    one, two = (Scope(tenant="acme", user="ann", session=name) for name in ("one", "two"))
    calls.end(calls.make(one), "interrupted")
    assert calls.make(one, HI + b" ").exchange == "ex_2"
    assert calls.make(two).exchange == "ex_3"
    assert calls.make(one).exchange == "ex_1"


def test_two_sessions_that_begin_alike_and_both_fail_stay_two(calls: Calls) -> None:
    first, second = calls.make(), calls.make()
    calls.end(first, "done", 429)
    calls.end(second, "done", 429)
    assert [calls.make(is_retry=True).session, calls.make(is_retry=True).session] == ["se_1", "se_2"]


def test_among_attempts_the_one_still_under_way_is_meant(calls: Calls) -> None:
    first, second = calls.make(), calls.make()
    calls.end(second)
    assert calls.make(is_retry=True) is first


@pytest.mark.parametrize(("is_retry", "within_s"), [(True, TOLD_S), (False, UNTOLD_S)])
def test_after_a_while_the_same_bytes_are_another_call(calls: Calls, is_retry: bool, within_s: float) -> None:
    calls.end(calls.make(), "interrupted")
    calls.clock.advance(within_s)
    again = calls.make(is_retry=is_retry)
    assert again.exchange == "ex_1"
    calls.end(again, "interrupted")
    calls.clock.advance(within_s + 1)
    assert calls.make(is_retry=is_retry).exchange == "ex_2"


def test_what_is_remembered_is_bounded(calls: Calls) -> None:
    for number in range(KEPT + 10):
        calls.make(sent=b"%d" % number)
    for _ in range(ATTEMPTS_KEPT + 10):
        calls.make()
    assert len(calls.attempts._by_body) == KEPT
    assert len(calls.attempts._by_exchange) == KEPT - 1 + ATTEMPTS_KEPT


def test_the_end_of_a_call_nobody_remembers_is_nothing(calls: Calls) -> None:
    calls.end(Attempt(key=b"", exchange="ex_9", session="se_9", at=1.0))


@pytest.mark.parametrize(("count", "tells"), [(b"0", False), (b"", False), (b"1", True), (b"2", True)])
def test_sdks_count_their_retries(count: bytes, tells: bool) -> None:
    assert is_retry([(b"x-stainless-retry-count", count)]) is tells
    assert not is_retry([])
