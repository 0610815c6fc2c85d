"""What keys have spent, by minute, day and month."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gateway.keys import Key
from gateway.spending import Spending
from gateway.testing import ManualClock

EVE = datetime(2026, 12, 31, 23, 59, 30, tzinfo=UTC).timestamp()


def key(**limits: int) -> Key:
    return Key(id="key_1", name="ci", tenant="t", **limits)  # type: ignore[arg-type] # limits are its only numbers


@pytest.mark.parametrize("length", ["minute", "day", "month"])
def test_a_limit_holds_until_its_period_begins_anew(length: str) -> None:
    clock = ManualClock(EVE)
    spending, limited = Spending(clock), key(**{f"tokens_per_{length}": 100})
    spending.spend(limited, 99)
    assert spending.exhausted(limited) is None
    spending.spend(limited, 1)
    exhausted = spending.exhausted(limited)
    assert exhausted is not None
    assert (exhausted.length, exhausted.limit, exhausted.wait_s) == (length, 100, 31)
    clock.advance(exhausted.wait_s)
    assert spending.exhausted(limited) is None


def test_periods_that_are_over_are_forgotten() -> None:
    clock = ManualClock(EVE)
    spending, limited = Spending(clock), key(tokens_per_minute=5)
    spending.spend(limited, 5)
    clock.advance(60)
    spending.spend(limited, 1)
    clock.advance(-60)
    assert spending.exhausted(limited) is None


def test_of_several_limits_the_longest_is_told() -> None:
    spending, limited = Spending(ManualClock(EVE)), key(tokens_per_minute=1, tokens_per_month=1)
    spending.spend(limited, 5)
    exhausted = spending.exhausted(limited)
    assert exhausted is not None
    assert exhausted.length == "month"


def test_a_key_without_limits_is_never_exhausted() -> None:
    spending = Spending(ManualClock(EVE))
    spending.spend(key(), 10**12)
    assert spending.exhausted(key()) is None


def test_what_is_taken_is_taken_once_and_can_be_given_back() -> None:
    spending = Spending(ManualClock(EVE))
    spending.spend(key(), 7)
    taken = spending.take()
    assert taken == {("key_1", "2026-12-31"): 7, ("key_1", "2026-12"): 7}
    assert spending.take() == {}
    spending.give_back(taken)
    spending.spend(key(), 1)
    assert spending.take() == dict.fromkeys(taken, 8)


def test_it_goes_on_from_what_was_kept() -> None:
    spending, limited = Spending(ManualClock(EVE)), key(tokens_per_day=10)
    assert spending.periods() == ("2026-12-31", "2026-12")
    spending.begin({("key_1", "2026-12-31"): 10, ("key_2", "2026-12-31"): 1})
    assert spending.exhausted(limited) is not None
    assert spending.take() == {}
