"""What is taken for proof that somebody holds the admin key, and what is not."""

from __future__ import annotations

import pytest

from gateway.admin.dashboard.passes import PASS_S, TICKET_S, Passes
from gateway.testing import ManualClock

KEY = "an-admin-key-that-is-long-enough-for-a-test"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def passes(clock: ManualClock) -> Passes:
    return Passes(KEY, clock)


def test_the_key_is_the_key_and_nothing_else_is(passes: Passes) -> None:
    assert passes.is_key(f" {KEY}\n")
    assert not any(passes.is_key(other) for other in ("", KEY[:-1], KEY + "x", KEY.upper(), "schlüssel\ud800"))


def test_a_pass_is_good_until_its_time_is_over(passes: Passes, clock: ManualClock) -> None:
    given = passes.give("pass")
    clock.advance(PASS_S - 1)
    assert passes.is_good("pass", given)
    clock.advance(1)
    assert not passes.is_good("pass", given)


def test_what_was_changed_or_made_by_another_key_is_not_good(passes: Passes, clock: ManualClock) -> None:
    given = passes.give("pass")
    kind, until, nonce, digest = given.split(".")
    changed = f"{kind}.{int(until) + 1}.{nonce}.{digest}"
    others = Passes("another-admin-key-that-is-long-enough", clock).give("pass")
    for wrong in (changed, others, given[:-1], f"{kind}.{until}.{nonce}.ä", "", ".", "pass"):
        assert not passes.is_good("pass", wrong), wrong


def test_a_ticket_is_no_pass_and_a_pass_no_ticket(passes: Passes) -> None:
    assert not passes.is_good("pass", passes.give("ticket"))
    assert not passes.use_up("ticket", passes.give("pass"))


def test_a_ticket_signs_in_once_and_within_five_minutes(passes: Passes, clock: ManualClock) -> None:
    first, second = passes.give("ticket"), passes.give("ticket")
    assert passes.use_up("ticket", first)
    assert not passes.use_up("ticket", first)
    clock.advance(TICKET_S)
    assert not passes.use_up("ticket", second)


def test_what_is_used_up_is_remembered_only_as_long_as_it_would_be_good(passes: Passes, clock: ManualClock) -> None:
    for _ in range(100):
        passes.use_up("ticket", passes.give("ticket"))
        clock.advance(TICKET_S / 10)
    assert len(passes._used) <= 11


def test_a_ticket_that_another_process_made_with_the_key_is_good_here(passes: Passes, clock: ManualClock) -> None:
    assert passes.use_up("ticket", Passes(KEY, clock).give("ticket"))


def test_a_form_is_bound_to_the_pass_for_which_it_was_made(passes: Passes) -> None:
    mine, theirs = passes.give("pass"), passes.give("pass")
    assert passes.is_token(mine, passes.token(mine))
    assert not passes.is_token(mine, passes.token(theirs))
    assert not passes.is_token(mine, "")


def test_gateways_with_different_keys_do_not_share_a_cookie(passes: Passes, clock: ManualClock) -> None:
    assert passes.name == Passes(KEY, clock).name
    assert passes.name != Passes("another-admin-key-that-is-long-enough", clock).name
