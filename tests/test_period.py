"""What is read of a period, and how long it is in words."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from gateway import period
from gateway.chronicle import Credited, Evolved, Glance, Observed, Step
from gateway.memories import Memory
from gateway.period import Facts, facts, read, seconds
from gateway.types import Operator, Outcome, Scope
from tests.periods import NOW, change, earnings, lesson, memory, signal

ANN, BOB = (Scope(tenant="acme", user=user, session="s1") for user in ("ann", "bob"))
RIVAL = Scope(tenant="rival", user="ann", session="s1")


class Record:
    """A chronicle that holds what it is given, and whose reader has to be an operator."""

    def __init__(
        self,
        *exchanges: Glance,
        signals: Sequence[Observed] = (),
        changes: Sequence[Evolved] = (),
        earned: Sequence[Credited] = (),
    ) -> None:
        self._exchanges, self._signals, self._changes, self._earned = exchanges, signals, changes, earned

    async def signals(self, authority: Scope | Operator, since: float, limit: int) -> list[Observed]:
        assert isinstance(authority, Operator)
        return [one for one in self._signals if one.signal.at >= since][-limit:]

    async def changes(self, authority: Scope | Operator, since: float, limit: int) -> list[Evolved]:
        assert isinstance(authority, Operator)
        return [one for one in self._changes if one.change.at >= since][-limit:]

    async def exchanges(self, authority: Scope | Operator, since: float, limit: int) -> list[Glance]:
        assert isinstance(authority, Operator)
        heard_of = {one.scope for one in self._exchanges if one.at >= since}
        return [one for one in self._exchanges if one.scope in heard_of][-limit:]

    async def earned(self, operator: Operator, since: float, limit: int) -> list[Credited]:
        return [one for one in self._earned if one.earned.at >= since][-limit:]

    async def steps(self, operator: Operator, after: int, limit: int) -> list[Step]:
        raise AssertionError("a report does not ask for these")


def glance(id: str, scope: Scope = ANN, **changes: object) -> Glance:
    plain = Glance(id=id, scope=scope, at=NOW, path="/chat/completions", outcome=Outcome(status="hit", tokens=7))
    return msgspec.structs.replace(plain, **changes)


async def happened(
    record: Record, memories: Sequence[tuple[str, Memory]], *, tenant: str | None, since: float | None, until: float
) -> Facts:
    return facts(await read(record, since), memories, tenant=tenant, since=since, until=until)


async def test_calls_know_their_place_in_their_session_however_early_it_began() -> None:
    record = Record(
        glance("ex_1", at=NOW - 100),
        glance("ex_2", BOB, at=NOW - 50),
        glance("title", is_aside=True),
        glance("ex_3"),
        glance("ex_4", BOB, outcome=Outcome(status="holdout")),
    )
    found = await happened(record, (), tenant=None, since=NOW - 60, until=NOW + 1)
    seen = [(call.exchange, call.owner, call.turn, call.status, call.tokens) for call in found.calls]
    assert seen == [
        ("ex_2", BOB.owner, 1, "hit", 7),
        ("ex_3", ANN.owner, 2, "hit", 7),
        ("ex_4", BOB.owner, 2, "holdout", 0),
    ]
    assert (found.since, found.until, found.is_cut) == (NOW - 60, NOW + 1, False)


async def test_of_a_lesson_that_two_users_learnt_each_has_what_it_earned_with_them_and_a_shared_one_with_all() -> None:
    def credited(memory: str, *scopes: Scope) -> list[Credited]:
        (won,) = earnings(memory, is_told=True, right=1, wrong=0)
        return [Credited(scope=scope, earned=won) for scope in scopes]

    record = Record(earned=[*credited("m_1", ANN, BOB, BOB, RIVAL), *credited("m_2", ANN, BOB), *credited("gone", ANN)])
    same, shared, rule = memory("m_1", "…", lesson()), memory("m_2", "…", lesson()), memory("m_3", "Never.")
    memories = [(ANN.owner, same), (BOB.owner, same), (ANN.common.owner, shared), (ANN.owner, rule)]
    found = await happened(record, memories, tenant="acme", since=None, until=NOW)
    assert [(held.owner, held.memory.id, len(held.earned)) for held in found.lessons] == [
        (ANN.owner, "m_1", 1),
        (BOB.owner, "m_1", 2),
        (ANN.common.owner, "m_2", 2),
    ]
    assert list(found.memories) == [same, same, shared, rule]


@pytest.mark.promise("P7")
async def test_of_a_tenant_only_their_own_is_read_and_else_everything() -> None:
    scopes = {"ann": ANN, "rival": RIVAL}
    record = Record(
        *(glance(name, scope) for name, scope in scopes.items()),
        signals=[Observed(scope=scope, signal=signal("tool_error", name)) for name, scope in scopes.items()],
        changes=[Evolved(scope=scope, change=change("ADD", number)) for number, scope in enumerate(scopes.values())],
    )
    own = await happened(record, [(ANN.owner, memory("m_1", "…"))], tenant="acme", since=None, until=NOW)
    everything = await happened(record, (), tenant=None, since=None, until=NOW)
    assert [one.exchange for one in own.calls] == [one.exchange for one in own.signals] == ["ann"]
    assert [one.at for one in own.changes] == [NOW]
    assert [one.id for one in own.memories] == ["m_1"]
    assert len(everything.calls) == len(everything.signals) == len(everything.changes) == 2


async def test_what_is_too_much_to_read_is_known_to_be_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(period, "MOST", 2)
    two = await happened(Record(glance("ex_1"), glance("ex_2")), (), tenant=None, since=None, until=NOW)
    one = await happened(Record(glance("ex_1")), (), tenant=None, since=None, until=NOW)
    assert (two.is_cut, one.is_cut) == (True, False)


@pytest.mark.parametrize(("length", "expected"), [("12h", 43_200), ("7d", 604_800), ("2w", 1_209_600), ("0d", 0)])
def test_a_length_is_read(length: str, expected: float) -> None:
    assert seconds(length) == expected


@pytest.mark.parametrize("length", ["", "7", "d", "7 d", "-7d", "1.5d", "7m", "12345d", "7d\n", "٧d", "7d" * 50])
def test_what_is_no_length_is_refused_and_told_what_is(length: str) -> None:
    with pytest.raises(ValueError, match="12h, 7d or 2w would be") as refused:
        seconds(length)
    assert len(str(refused.value)) < 100
