from __future__ import annotations

import argparse

import numpy as np
import pytest

from benchmarks import skew
from benchmarks.skew import (
    FINEST,
    PARTITIONS,
    Fleet,
    Outcome,
    at_once,
    drawn,
    learnt_s,
    middle,
    outcome,
    row,
    section,
    shared,
)
from gateway.journals.redis.keys import partition_of
from gateway.types import Scope

SMALL = argparse.Namespace(exchanges=2_000, learn_ms=5.0, busy=0.5, seed=1, write=False)


def test_a_person_lies_where_gateways_would_look() -> None:
    calls = drawn(5, 1.0, 50, np.random.default_rng(1))
    for person, finest in zip(calls.person, calls.by_person, strict=True):
        owner = Scope(tenant=skew.TENANT, user=f"user-{person}").owner
        for partitions in PARTITIONS:
            assert finest % partitions == partition_of(owner, partitions).number


def test_the_first_person_calls_as_much_more_as_the_law_says() -> None:
    count = np.bincount(drawn(1_000, 1.0, 200_000, np.random.default_rng(1)).person, minlength=1_000)
    assert count.sum() == 200_000
    assert count[0] / count[1] == pytest.approx(2, rel=0.05)
    assert count[0] / count[9] == pytest.approx(10, rel=0.1)


def test_a_heavy_persons_sessions_spread_and_the_person_does_not() -> None:
    calls = drawn(50, 1.0, 10_000, np.random.default_rng(1))
    first = calls.person == 0
    assert len(set(calls.by_person[first])) == 1
    assert len(set(calls.by_session[first])) > FINEST / 4


def test_gateways_have_as_many_partitions_as_each_other_or_one_more() -> None:
    gateway_of = shared(64, 12, np.random.default_rng(1))
    assert sorted(np.bincount(gateway_of)) == [5] * 8 + [6] * 4
    assert list(gateway_of) != sorted(gateway_of)


def test_an_exchange_is_learnt_when_the_one_before_it_is() -> None:
    arrivals = np.array([0.0, 0.1, 0.2, 5.0])
    assert learnt_s(arrivals, 1.0).tolist() == pytest.approx([1.0, 2.0, 3.0, 6.0])


def test_only_another_gateway_and_the_same_person_at_the_same_time_collide() -> None:
    ends = np.array([1.0, 1.5, 4.0, 4.5])
    same, other = np.array([7, 7, 7, 7]), np.array([7, 8, 7, 8])
    assert at_once(same, np.array([0, 1, 0, 1]), ends, 1.0) == 2
    assert at_once(same, np.array([0, 0, 0, 0]), ends, 1.0) == 0
    assert at_once(other, np.array([0, 1, 0, 1]), ends, 1.0) == 0
    assert at_once(same, np.array([0, 1, 0, 1]), ends, 0.4) == 0


def test_what_everybody_sends_to_one_partition_waits_there() -> None:
    person, arrivals = np.arange(100), np.linspace(0.0, 1.0, 100)
    fleet = Fleet(gateways=2, gateway_of=np.arange(16) % 2, learn_s=0.015)
    spread, heaped = outcome(fleet, person, person, arrivals), outcome(fleet, person, person * 16, arrivals)
    assert (spread.gateway, heaped.gateway, heaped.partition) == (1.0, 2.0, 16.0)
    assert heaped.largest_ms > heaped.p99_ms > spread.largest_ms == pytest.approx(15.0)


def test_a_figure_is_the_median_of_the_drawings() -> None:
    found = [Outcome(partition=1.0, gateway=gateway, p99_ms=2.0, largest_ms=3.0, at_once=4.0) for gateway in (9, 1, 2)]
    assert middle(found) == found[2]


def test_a_line_says_where_more_comes_than_is_learnt() -> None:
    even = Outcome(partition=1.5, gateway=1.1, p99_ms=20.0, largest_ms=40.0, at_once=0.0)
    uneven = Outcome(partition=9.0, gateway=2.0, p99_ms=9_000.0, largest_ms=9_999.0, at_once=12_000.0)
    fleet = Fleet(gateways=4, gateway_of=np.arange(64) % 4, learn_s=0.005)
    beginning = ["10,000", "4", "64"]
    assert row(10_000, fleet, 0.5, even, uneven) == [*beginning, "1.50", "1.10", "20", "40", "9.00", "grows", "12,000"]
    assert row(10_000, fleet, 0.5, uneven, even) == [*beginning, "9.00", "2.00", "grows", "grows", "1.50", "20", "0"]


def test_the_same_seed_gives_the_same_section(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(skew, "USERS", (100,))
    text = section(SMALL)
    assert text == section(SMALL)
    assert text.count("\n| 100 ") == 2 * 2 * 3
