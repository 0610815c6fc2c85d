"""Every call is settled once, whatever becomes of it."""

from __future__ import annotations

from collections import Counter
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.accounts import Accounts, Settled
from gateway.ports import Headers
from gateway.types import Exchange
from tests.exchanges import assistant, exchange


class Sums:
    """Counters that are only added up."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def received(self) -> None:
        self.counts["received"] += 1

    def recorded(self, exchange: Exchange) -> None:
        self.counts["recorded"] += 1

    def unrecorded(self, reason: str) -> None:
        self.counts[f"unrecorded {reason}"] += 1

    def refused(self, status: int) -> None:
        self.counts[f"refused {status}"] += 1


TURN = assistant("hello")
Step = Literal["recording", "recorded", "unrecorded", "refused", "passed", "failed"]


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from(["recording", "recorded", "unrecorded", "refused", "passed"])),
        max_size=30,
    )
)
def test_what_came_in_is_the_sum_of_what_became_of_it(steps: list[tuple[int, Step]]) -> None:
    sums = Sums()
    accounts = Accounts(sums)
    receipts = [accounts.received() for _ in range(4)]
    exchanges = [exchange(TURN, id=f"ex_{number // 2}", attempts=number % 2 + 1) for number in range(4)]
    ended: set[int] = set()
    for number, step in steps:
        receipt, told = receipts[number], exchanges[number]
        match step:
            case "recording" if number not in ended and not receipt.is_recording:
                accounts.recording(receipt, told)
            case "recorded":
                accounts.recorded(told)
            case "unrecorded":
                accounts.unrecorded(told, "journal")
            case "refused":
                receipt.refused(502)
                ended.add(number)
            case "passed":
                receipt.unrecorded("off")
                ended.add(number)
    for receipt in receipts:
        accounts.failed(receipt)
    assert sums.counts.pop("received") == sums.counts.total() == 4


def test_what_goes_on_record_is_settled_by_that_alone() -> None:
    sums = Sums()
    accounts = Accounts(sums)
    receipt, told = accounts.received(), exchange(TURN)
    accounts.recording(receipt, told)
    receipt.refused(502)
    receipt.unrecorded("off")
    assert sums.counts == {"received": 1}
    accounts.recorded(told)
    accounts.recorded(told)
    assert sums.counts == {"received": 1, "recorded": 1}


@pytest.mark.parametrize("is_recording", [True, False])
def test_a_fault_of_ours_is_an_error_on_the_account_and_nothing_else(is_recording: bool) -> None:
    sums = Sums()
    accounts = Accounts(sums)
    receipt, told = accounts.received(), exchange(TURN)
    if is_recording:
        accounts.recording(receipt, told)
    accounts.failed(receipt)
    accounts.recorded(told)
    assert sums.counts == {"received": 1, "unrecorded error": 1}


class Followed:
    """Follows calls, and keeps what became of each."""

    def __init__(self) -> None:
        self.settled: list[tuple[Headers, str, str | None]] = []

    def follow(self, headers: Headers) -> Settled:
        def settled(word: str, exchange: Exchange | None) -> None:
            self.settled.append((headers, word, None if exchange is None else exchange.id))

        return settled


def test_whoever_follows_a_call_is_told_once_what_became_of_it() -> None:
    followed = Followed()
    accounts = Accounts(Sums(), followed.follow)
    told = [exchange(TURN, id=f"ex_{number}") for number in range(3)]
    receipts = [accounts.received([(b"n", b"%d" % number)]) for number in range(6)]
    for receipt, one in zip(receipts, told, strict=False):
        accounts.recording(receipt, one)
    accounts.recorded(told[0])
    accounts.unrecorded(told[1], "journal")
    accounts.failed(receipts[2])
    receipts[3].refused(401)
    receipts[4].unrecorded("off")
    accounts.failed(receipts[5])
    for receipt in receipts:
        accounts.failed(receipt)
    assert [(word, id) for _, word, id in followed.settled] == [
        ("recorded", "ex_0"),
        ("journal", "ex_1"),
        ("error", None),
        ("401", None),
        ("off", None),
        ("error", None),
    ]
    assert [headers[0][1] for headers, _, _ in followed.settled] == [b"0", b"1", b"2", b"3", b"4", b"5"]
