"""How evenly calls fall among partitions, and how far learning lags behind them: a simulation, nothing runs.

Persons call as often as Zipf's law says, their partitions are those of gateway/journals/redis/keys.py, gateways have
equal shares of the partitions, and each learns one exchange after the other. Beside it the same calls divided by
session and not by person: what that would gain, and how often two gateways would then learn one person at the same
time. Not simulated are Redis, gateways that come and go, and the moment that the learner waits to gather.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks import harness
from gateway.journals.redis.keys import partition_of
from gateway.types import Scope

USERS = (10_000, 1_000_000)
GATEWAYS = (5, 12)
"""Numbers that divide no number of partitions, as those of a fleet that has just gained or lost some do."""

PARTITIONS = (16, 64, 256)
EXPONENTS = (0.8, 1.0)
"""Of Zipf's law: the person in place n calls n to the power of minus this times as often as the first."""

FINEST = max(PARTITIONS)
"""The others divide it, so that a person is looked up once: the remainder by 256 tells the one by 64."""

LEARN_MS = 5.0
"""For one exchange; docs/benchmarks.md, Latency of 2026-11-22: 437 and 367 turns a second, two to an exchange."""

BUSY = 0.5
"""Of a learner's time, on average over the fleet: a peak of twice the mean is still learnt as it comes."""

CALLS_PER_SESSION = 20
"""A person's sessions go on side by side, as an agent's do."""

DRAWINGS = 5
"""Of which gateway has which partitions: a row is the median of what comes of each."""

TENANT = "0" * 32
PACKAGES = ("accrue", "numpy")

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Calls(msgspec.Struct, frozen=True, kw_only=True):
    """Calls in the order in which they end, an entry in each array for each."""

    person: Ints
    by_person: Ints
    """The partition, of the finest division, of the person."""
    by_session: Ints
    """The one that the session would have."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What dividing calls in one way comes to."""

    partition: float
    """Calls of the busiest partition over the mean."""
    gateway: float
    """Calls of the busiest gateway over the mean."""
    p99_ms: float
    """Lag: from the end of an exchange until it is learnt."""
    largest_ms: float
    at_once: float
    """Exchanges in a million that are learnt while another gateway learns one of the same person."""


def main() -> None:
    """Simulate, and print the section; `--write` puts it into docs/benchmarks.md as well."""
    arguments = _arguments()
    harness.report("Partitions", section(arguments), is_written=arguments.write)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--exchanges", type=int, default=500_000, help="simulated for each figure")
    parser.add_argument("--learn-ms", type=float, default=LEARN_MS, help="one gateway takes to learn one exchange")
    parser.add_argument("--busy", type=float, default=BUSY, help="share of their time that gateways learn on average")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--write", action="store_true", help="write the section into docs/benchmarks.md")
    return parser.parse_args()


def drawn(users: int, exponent: float, exchanges: int, chance: np.random.Generator) -> Calls:
    """Calls of so many persons."""
    weights = np.arange(1, users + 1, dtype=np.float64) ** -exponent
    person = np.searchsorted(np.cumsum(weights / weights.sum()), chance.random(exchanges)).clip(max=users - 1)
    sessions = -(-np.bincount(person, minlength=users) // CALLS_PER_SESSION)
    session = (chance.random(exchanges) * sessions[person]).astype(np.int64)
    pairs, which = np.unique(person * exchanges + session, return_inverse=True)
    return Calls(
        person=person,
        by_person=np.fromiter((_of_person(number) for number in range(users)), np.int64, users)[person],
        by_session=np.fromiter((_of_session(int(pair)) for pair in pairs), np.int64, len(pairs))[which],
    )


class Fleet(msgspec.Struct, frozen=True, kw_only=True):
    """Who learns."""

    gateways: int
    gateway_of: Ints
    """The gateway of each partition."""
    learn_s: float


def shared(partitions: int, gateways: int, chance: np.random.Generator) -> Ints:
    """The gateway of each partition: shares are equal, or differ by one, and which one has which is by chance."""
    return chance.permutation(np.arange(partitions) % gateways)


def outcome(fleet: Fleet, person: Ints, finest: Ints, arrivals_s: Floats) -> Outcome:
    """What comes of calls of these persons, in these partitions of the finest division."""
    partition = finest % len(fleet.gateway_of)
    gateway = fleet.gateway_of[partition]
    ends_s = np.empty_like(arrivals_s)
    for number in range(fleet.gateways):
        mine = gateway == number
        ends_s[mine] = learnt_s(arrivals_s[mine], fleet.learn_s)
    lags_ms = (ends_s - arrivals_s) * 1e3
    return Outcome(
        partition=_busiest(partition, len(fleet.gateway_of)),
        gateway=_busiest(gateway, fleet.gateways),
        p99_ms=float(np.quantile(lags_ms, 0.99)),
        largest_ms=float(lags_ms.max()),
        at_once=at_once(person, gateway, ends_s, fleet.learn_s) / len(person) * 1e6,
    )


def learnt_s(arrivals_s: Floats, learn_s: float) -> Floats:
    """When each is learnt by one gateway, in the order in which they come: begun once the one before it has ended."""
    before_s = np.arange(len(arrivals_s), dtype=np.float64) * learn_s
    return before_s + learn_s + np.maximum.accumulate(arrivals_s - before_s)


def at_once(person: Ints, gateway: Ints, ends_s: Floats, learn_s: float) -> int:
    """How many exchanges are begun while the one begun before of the same person is being learnt elsewhere."""
    order = np.lexsort((ends_s, person))
    is_same = np.diff(person[order]) == 0
    is_elsewhere = np.diff(gateway[order]) != 0
    is_during = np.diff(ends_s[order]) < learn_s
    return int(np.count_nonzero(is_same & is_elsewhere & is_during))


def middle(outcomes: Sequence[Outcome]) -> Outcome:
    """The median of each figure."""
    names = Outcome.__struct_fields__
    return Outcome(**{name: statistics.median(getattr(found, name) for found in outcomes) for name in names})


def section(arguments: argparse.Namespace) -> str:
    """The whole report in Markdown."""
    header = ["users", "gateways", "partitions", "partition", "gateway", "p99 lag ms", "largest lag ms"]
    by_session = ["by session: partition", "p99 lag ms", "at once"]
    tables = [
        f"**Zipf's law, exponent {exponent:g}**\n\n{harness.table([*header, *by_session], rows(arguments, exponent))}"
        for exponent in EXPONENTS
    ]
    return "\n\n".join(
        [
            f"{harness.machine(PACKAGES)}. A simulation with seed {arguments.seed}, {arguments.exchanges:,} exchanges: "
            f"one is learnt in {arguments.learn_ms:g} ms, and gateways learn {arguments.busy:.0%} of their time on "
            f"average; medians of {DRAWINGS} drawings of who has which partitions. `partition` and `gateway`: calls of "
            "the busiest one over the mean. Lag: from the end of an exchange until it is learnt; `grows` where a "
            "gateway gets more than it can learn. `by session`: the same calls divided by session, "
            f"{CALLS_PER_SESSION} calls each and a person's side by side; `at once` of a million exchanges are then "
            "learnt by one gateway while another learns the same person. By person, as it is, none are.",
            *tables,
        ]
    )


def rows(arguments: argparse.Namespace, exponent: float) -> Iterator[list[str]]:
    """A line for each size of fleet."""
    learn_s = arguments.learn_ms / 1e3
    for users in USERS:
        chance = np.random.default_rng(arguments.seed)
        calls = drawn(users, exponent, arguments.exchanges, chance)
        steps = np.cumsum(chance.exponential(size=arguments.exchanges))
        for gateways in GATEWAYS:
            arrivals_s = steps * learn_s / (gateways * arguments.busy)
            for partitions in PARTITIONS:
                fleets = [
                    Fleet(gateways=gateways, gateway_of=shared(partitions, gateways, chance), learn_s=learn_s)
                    for _ in range(DRAWINGS)
                ]
                by_person, by_session = (
                    middle([outcome(fleet, calls.person, finest, arrivals_s) for fleet in fleets])
                    for finest in (calls.by_person, calls.by_session)
                )
                yield row(users, fleets[0], arguments.busy, by_person, by_session)


def row(users: int, fleet: Fleet, busy: float, by_person: Outcome, by_session: Outcome) -> list[str]:
    """One line of the table."""
    is_stable, is_stable_by_session = (found.gateway * busy < 1 for found in (by_person, by_session))
    return [
        f"{users:,}",
        str(fleet.gateways),
        str(len(fleet.gateway_of)),
        f"{by_person.partition:.2f}",
        f"{by_person.gateway:.2f}",
        f"{by_person.p99_ms:.0f}" if is_stable else "grows",
        f"{by_person.largest_ms:.0f}" if is_stable else "grows",
        f"{by_session.partition:.2f}",
        f"{by_session.p99_ms:.0f}" if is_stable_by_session else "grows",
        f"{by_session.at_once:,.0f}",
    ]


def _busiest(of_call: Ints, count: int) -> float:
    """Calls of the busiest of so many over their mean."""
    calls = np.bincount(of_call, minlength=count)
    return float(calls.max() / calls.mean())


def _of_person(number: int) -> int:
    return partition_of(Scope(tenant=TENANT, user=f"user-{number}").owner, FINEST).number


def _of_session(pair: int) -> int:
    return partition_of(Scope(tenant=TENANT, user=None, session=f"session-{pair}").owner, FINEST).number


if __name__ == "__main__":
    main()
