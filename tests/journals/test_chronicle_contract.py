"""What every chronicle must do, whatever it is made of: whose, since when, how much, and in which order."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec
import pytest

from gateway.chronicle import Counted, Learnt
from gateway.period import Called, facts, read
from gateway.types import Operator, Outcome, Reply, Scope, Turn, Usage
from tests.journals.lessons import NOW, at, change, feedback, signal
from tests.journals.looking_back import KINDS, Record, any_record
from tests.journals.samples import intent, scope

ANN, BOB = scope("s1"), scope("s2", user="bob")
NOBODY, SOMEBODY = scope("s3", user=None), scope("s4", user=None)
ALL = Operator()


@pytest.fixture(params=KINDS)
async def record(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Record]:
    async with any_record(request, tmp_path) as made:
        yield made


@pytest.mark.promise("P7")
@pytest.mark.parametrize(
    ("authority", "seen"),
    [
        (ALL, ["ann", "bob", "nobody", "somebody", "rival"]),
        (ANN, ["ann"]),
        (msgspec.structs.replace(ANN, session=""), ["ann"]),
        (BOB, ["bob"]),
        (NOBODY, ["nobody"]),
    ],
)
async def test_a_scope_reads_its_own_user_or_session_and_an_operator_everything(
    record: Record, authority: Scope | Operator, seen: list[str]
) -> None:
    rival = scope("s1", tenant="rival")
    people = {"ann": ANN, "bob": BOB, "nobody": NOBODY, "somebody": SOMEBODY, "rival": rival}
    for number, (name, where) in enumerate(people.items()):
        await record.journal.commit(at(NOW + number, name, where))
        learnt = Learnt(
            exchange=name, signals=(signal(name, name, at=NOW + number),), changes=(change(f"m-{name}", name),)
        )
        await record.history.taught(where, learnt)
    signals = await record.chronicle.signals(authority, 0, 9)
    assert [(one.signal.evidence, one.scope) for one in signals] == [(name, people[name]) for name in seen]
    changes = await record.chronicle.changes(authority, 0, 9)
    assert [(one.change.cause, one.scope) for one in changes] == [(name, people[name]) for name in seen]
    exchanges = await record.chronicle.exchanges(authority, 0, 9)
    assert [(one.id, one.scope) for one in exchanges] == [(name, people[name]) for name in seen]


async def test_the_newest_since_a_time_are_read_oldest_first(record: Record) -> None:
    for number in range(5):
        name, moment = f"e{number}", NOW + number
        await record.journal.commit(at(moment, name, ANN))
        await record.history.taught(
            ANN,
            Learnt(
                exchange=name,
                signals=(signal(name, f"{name} a", at=moment), signal(name, f"{name} b", at=moment)),
                changes=(change(f"m{number}", name, at=moment),),
            ),
        )
    assert [one.signal.evidence for one in await record.chronicle.signals(ALL, NOW + 3, 3)] == ["e3 b", "e4 a", "e4 b"]
    assert [one.signal.evidence for one in await record.chronicle.signals(ALL, NOW + 4, 9)] == ["e4 a", "e4 b"]
    assert [one.change.memory for one in await record.chronicle.changes(ALL, NOW + 1, 2)] == ["m3", "m4"]
    assert [one.id for one in await record.chronicle.exchanges(ALL, NOW + 1, 2)] == ["e3", "e4"]


async def test_sessions_that_were_heard_of_since_a_time_are_read_from_their_beginning(record: Record) -> None:
    for number, where in enumerate((ANN, NOBODY, BOB, ANN, NOBODY)):
        await record.journal.commit(at(NOW + number, f"e{number}", where))
    record.journal.intend(intent("e5", BOB))

    async def since(moment: float, authority: Scope | Operator = ALL) -> list[str]:
        return [one.id for one in await record.chronicle.exchanges(authority, moment, 9)]

    assert await since(NOW + 3) == ["e0", "e1", "e3", "e4"]
    assert await since(NOW + 4) == ["e1", "e4"]
    assert await since(NOW + 5) == []
    assert [await since(NOW + 3, one) for one in (ANN, BOB, NOBODY)] == [["e0", "e3"], [], ["e1", "e4"]]


async def test_a_part_of_the_record_says_of_its_calls_what_the_whole_record_says(record: Record) -> None:
    for number in range(24):
        where, is_aside = (ANN, BOB, NOBODY, SOMEBODY)[number * number % 7 % 4], number % 5 == 0
        await record.journal.commit(at(NOW + number, f"e{number:02}", where, is_aside=is_aside))

    async def calls(since: float | None) -> Sequence[Called]:
        return facts(await read(record.chronicle, since), (), tenant=None, since=since, until=NOW + 99).calls

    whole = await calls(None)
    for since in (NOW + 1, NOW + 11, NOW + 22):
        assert list(await calls(since)) == [one for one in whole if one.at >= since] != []


async def test_of_an_exchange_is_told_what_memory_did_and_what_it_cost(record: Record) -> None:
    outcome = Outcome(status="hit", notes=2, tokens=40, lanes={"fact": 2})
    usage = Usage(prompt_tokens=90, completion_tokens=7)
    reply = Reply(turns=(Turn(role="assistant", text="hello"),), usage=usage)
    await record.journal.commit(at(NOW, "e1", ANN, outcome=outcome, reply=reply, model="m", status=200))
    record.journal.intend(intent("e2", ANN))
    await record.journal.commit(at(NOW + 1, "e3", ANN))
    (first, second) = await record.chronicle.exchanges(ALL, 0, 9)
    assert (first.outcome, first.reply, first.model, first.status) == (outcome, Counted(usage=usage), "m", 200)
    assert second.id == "e3"


async def test_the_steps_of_learning_are_read_in_their_order_with_what_was_learnt(record: Record) -> None:
    for name in ("e1", "e2"):
        await record.journal.commit(at(NOW, name, ANN))
    given = [feedback("f1", session="s1"), feedback("f2", exchange="e2"), feedback("f3", exchange="e1")]
    for one in given:
        await record.history.give(ANN, one)
    for learnt in (
        Learnt(exchange="e2"),
        Learnt(exchange="e1", changes=(change("m0", "e1"),)),
        Learnt(exchange="e2", feedback=("f2", "f1")),
        Learnt(exchange="e2", is_over=True),
        Learnt(exchange="", changes=(change("m1", ""),)),
        Learnt(exchange="", changes=(change("m2", ""),)),
    ):
        record.clock.advance(1)
        await record.history.taught(ANN, learnt)
    steps = await record.chronicle.steps(ALL, 0, 99)
    assert [(step.exchange, step.is_over, step.at - NOW) for step in steps] == [
        ("e2", False, 1),
        ("e1", False, 2),
        ("e2", False, 3),
        ("e2", True, 4),
        ("", False, 5),
        ("", False, 6),
    ]
    positions = [step.position for step in steps]
    assert positions[:4] == [1, 2, 3, 4]
    assert positions == sorted(set(positions))
    assert steps[2].feedback == (given[1], msgspec.structs.replace(given[0], exchange="e2"))
    assert {step.scope for step in steps} == {ANN}
    assert [step.changes for step in steps[3:]] == [(), (change("m1", ""),), (change("m2", ""),)]
    assert await record.chronicle.steps(ALL, 2, 3) == steps[2:5]


async def test_what_was_done_to_what_users_share_is_read_as_theirs_who_share_it(record: Record) -> None:
    common = ANN.common
    await record.history.taught(common, Learnt(exchange="", changes=(change("m1", ""),)))
    await record.history.taught(ANN, Learnt(exchange="", changes=(change("m2", ""),)))
    steps = await record.chronicle.steps(ALL, 0, 9)
    assert [(step.scope.owner, step.changes[0].memory) for step in steps] == [(common.owner, "m1"), (ANN.owner, "m2")]
    for whose, id in ((common, "m1"), (ANN, "m2")):
        assert [one.change.memory for one in await record.chronicle.changes(whose, 0, 9)] == [id]


async def test_the_same_step_again_takes_the_place_of_itself_and_forgets_no_change(record: Record) -> None:
    seen = (signal("e1", "a"), signal("e1", "b"))
    await record.journal.commit(at(NOW, "e1", ANN))
    await record.history.taught(ANN, Learnt(exchange="e1", signals=seen, changes=(change("m1", "e1"),)))
    record.clock.advance(5)
    await record.history.taught(ANN, Learnt(exchange="e1", signals=seen[1:], changes=()))
    await record.history.taught(ANN, Learnt(exchange="e1", signals=seen[1:], changes=(change("m1", "e1"),)))
    assert [one.signal for one in await record.chronicle.signals(ALL, 0, 9)] == [seen[1]]
    assert [one.change for one in await record.chronicle.changes(ALL, 0, 9)] == [change("m1", "e1")]
    assert [(step.position, step.at) for step in await record.chronicle.steps(ALL, 0, 9)] == [(1, NOW)]
