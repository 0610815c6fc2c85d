"""What every history must do, whatever it is made of: looking back, and feedback from its taking until it is learnt."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from gateway.chronicle import Became, Learnt
from gateway.experience import Feedback
from gateway.types import Scope
from tests.journals.lessons import DAY, NOW, at, change, feedback
from tests.journals.looking_back import KINDS, Record, any_record
from tests.journals.samples import intent, scope

S1 = scope("s1")
BOB = scope("s1", user="bob")
ANYBODY = scope("", user=None)


@pytest.fixture(params=KINDS)
async def record(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Record]:
    async with any_record(request, tmp_path) as made:
        yield made


def ids(found: list[Feedback]) -> list[tuple[str, str]]:
    return [(one.id, one.exchange) for one in found]


# Looking back on a session


async def test_a_session_is_looked_back_on_from_one_of_its_exchanges_newest_kept_oldest_first(record: Record) -> None:
    for number in range(1, 6):
        await record.journal.commit(at(NOW + number, f"e{number}", S1))
    await record.journal.commit(at(NOW + 3, "other", scope("s2")))
    await record.journal.commit(at(NOW + 3, "stranger", scope("s1", user="bob")))
    await record.journal.commit(at(NOW + 3, "foreign", scope("s1", tenant="rival")))
    assert [one.id for one in await record.history.session(S1, "e5", 3)] == ["e2", "e3", "e4"]
    assert [one.id for one in await record.history.session(S1, "e2", 3)] == ["e1"]
    assert await record.history.session(S1, "e1", 3) == []


async def test_what_has_not_ended_or_was_refused_is_not_looked_back_on_and_takes_no_place(record: Record) -> None:
    await record.journal.commit(at(NOW, "e1", S1))
    await record.journal.commit(at(NOW + 1, "e2", S1, status=429))
    await record.journal.commit(at(NOW + 2, "e3", S1, status=502, state="interrupted"))
    record.journal.intend(intent("e4", S1))
    await record.journal.commit(at(NOW + 4, "e5", S1))
    assert [one.id for one in await record.history.session(S1, "e5", 1)] == ["e1"]


async def test_of_two_exchanges_at_one_time_the_ids_tell_which_came_first(record: Record) -> None:
    for name in ("e2", "e1", "e3"):
        await record.journal.commit(at(NOW, name, S1))
    assert [one.id for one in await record.history.session(S1, "e3", 9)] == ["e1", "e2"]


# Feedback


async def test_feedback_is_given_once_and_comes_to_the_learner_when_its_exchange_is_learnt(record: Record) -> None:
    await asyncio.wrap_future(record.journal.intend(msgspec.structs.replace(intent("e1", S1), at=NOW)))
    assert await record.history.give(S1, feedback("f1", exchange="e1")) == "new"
    assert await record.history.give(S1, feedback("f1", exchange="e1")) == "known"
    assert await record.history.given(9) == []
    await record.journal.commit(at(NOW, "e1", S1))
    assert await record.history.given(9) == []
    await record.learn_all()
    assert await record.history.given(9) == [feedback("f1", exchange="e1")]


@pytest.mark.promise("P7")
async def test_an_exchange_of_another_tenant_is_as_unknown_as_none(record: Record) -> None:
    await record.journal.commit(at(NOW, "e1", scope("s1", tenant="rival")))
    assert await record.history.give(S1, feedback("f1", exchange="e1")) == "unknown"
    assert await record.history.give(S1, feedback("f2", exchange="e0")) == "unknown"
    assert await record.history.became("acme", "f1") is None


@pytest.mark.promise("P7")
async def test_an_id_is_its_tenants_own(record: Record) -> None:
    rival = scope("s1", tenant="rival")
    await record.journal.commit(at(NOW, "e1", S1))
    await record.journal.commit(at(NOW, "e2", rival))
    assert await record.history.give(S1, feedback("f1", exchange="e1")) == "new"
    assert await record.history.give(rival, feedback("f1", exchange="e2")) == "new"
    assert await record.history.became("rival", "f1") == Became(id="f1", state="waiting", exchange="e2")


@pytest.mark.promise("P7")
async def test_who_names_a_user_judges_that_users_exchanges_alone_and_who_names_none_the_tenants(
    record: Record,
) -> None:
    await record.journal.commit(at(NOW, "e1", S1))
    assert await record.history.give(BOB, feedback("f1", exchange="e1")) == "unknown"
    assert await record.history.give(ANYBODY, feedback("f1", exchange="e1")) == "new"
    assert await record.history.became("acme", "f1", "bob") is None
    waiting = Became(id="f1", state="waiting", exchange="e1")
    assert await record.history.became("acme", "f1", "ann") == await record.history.became("acme", "f1") == waiting


async def test_the_same_id_of_two_users_is_two_feedbacks_each_learnt_for_itself(record: Record) -> None:
    await record.journal.commit(at(NOW, "e1", S1))
    await record.journal.commit(at(NOW, "e2", BOB))
    await record.learn_all()
    assert await record.history.give(S1, feedback("f1", exchange="e1")) == "new"
    assert await record.history.give(BOB, feedback("f1", exchange="e2")) == "new"
    await record.history.taught(BOB, Learnt(exchange="e2", feedback=("f1",)))
    assert ids(await record.history.given(9)) == [("f1", "e1")]
    assert await record.history.became("acme", "f1", "ann") == Became(id="f1", state="waiting", exchange="e1")
    assert await record.history.became("acme", "f1", "bob") == Became(id="f1", state="learnt", exchange="e2")
    assert await record.history.became("acme", "f1") is None  # whose is not said


async def test_an_id_is_not_taken_for_another_exchange_nor_for_something_else(record: Record) -> None:
    for name in ("e1", "e2"):
        await record.journal.commit(at(NOW, name, S1))
    given = feedback("f1", exchange="e1")
    assert await record.history.give(S1, given) == "new"
    assert await record.history.give(S1, msgspec.structs.replace(given, at=NOW + 5)) == "known"
    assert await record.history.give(S1, feedback("f1", exchange="e2")) == "other"
    assert await record.history.give(S1, msgspec.structs.replace(given, value=False)) == "other"


async def test_feedback_on_a_session_that_has_gone_on_may_be_sent_again(record: Record) -> None:
    await record.journal.commit(at(NOW, "e1", S1))
    assert await record.history.give(S1, feedback("f1", session="s1")) == "new"
    await record.journal.commit(at(NOW + 1, "e2", S1))
    assert await record.history.give(S1, feedback("f1", session="s1", at=NOW + 2)) == "known"
    assert await record.history.became("acme", "f1") == Became(id="f1", state="waiting", exchange="e1")


async def test_feedback_on_a_session_means_the_last_thing_said_in_it(record: Record) -> None:
    await record.journal.commit(at(NOW, "e1", S1))
    await record.journal.commit(at(NOW + 1, "e2", S1))
    await record.journal.commit(at(NOW + 2, "e3", S1, status=500))
    await record.journal.commit(at(NOW + 3, "e4", S1, is_aside=True))
    await record.learn_all()
    assert await record.history.give(S1, feedback("f1", session="s1")) == "new"
    await record.journal.commit(at(NOW + 4, "e5", S1))
    assert ids(await record.history.given(9)) == [("f1", "e2")]


@pytest.mark.parametrize("who", [scope("s2"), scope("s1", user="bob"), scope("s1", user=None)])
async def test_a_session_is_its_users_own(record: Record, who: Scope) -> None:
    await record.journal.commit(at(NOW, "e1", S1))
    assert await record.history.give(who, feedback("f1", session=who.session)) == "unknown"


async def test_feedback_is_taken_for_seven_days_and_what_was_taken_stays_taken(record: Record) -> None:
    await record.journal.commit(at(NOW, "e1", S1))
    assert await record.history.give(S1, feedback("f1", exchange="e1", at=NOW + 7 * DAY)) == "new"
    assert await record.history.give(S1, feedback("f2", exchange="e1", at=NOW + 7 * DAY + 1)) == "late"
    assert await record.history.give(S1, feedback("f3", session="s1", at=NOW + 7 * DAY + 1)) == "late"
    assert [await record.history.became("acme", name) for name in ("f2", "f3")] == [None, None]
    assert await record.history.give(S1, feedback("f1", exchange="e1", at=NOW + 8 * DAY)) == "known"


async def test_what_its_exchange_keeps_waiting_for_seven_days_waits_no_longer(record: Record) -> None:
    await asyncio.wrap_future(record.journal.intend(msgspec.structs.replace(intent("e1", S1), at=NOW)))
    await record.journal.commit(at(NOW, "e2", S1))
    await record.history.give(S1, feedback("f1", exchange="e1"))
    await record.learn_all()
    await record.history.give(S1, feedback("f2", exchange="e2"))
    record.clock.advance(7 * DAY + 1)
    assert ids(await record.history.given(9)) == [("f2", "e2")]
    assert await record.history.became("acme", "f1") == Became(id="f1", state="unmatched", exchange="e1")
    await record.journal.commit(at(NOW, "e1", S1))
    await record.learn_all()
    assert ids(await record.history.given(9)) == [("f2", "e2")]


async def test_the_oldest_feedback_comes_first_and_no_more_than_asked_for(record: Record) -> None:
    await record.journal.commit(at(NOW, "e1", S1))
    await record.learn_all()
    for name in ("f3", "f1", "f2"):
        await record.history.give(S1, feedback(name, exchange="e1"))
    assert ids(await record.history.given(2)) == [("f3", "e1"), ("f1", "e1")]


async def test_torn_text_is_made_whole(record: Record) -> None:
    await record.journal.commit(at(NOW, "e1", S1))
    await record.learn_all()
    torn = msgspec.structs.replace(feedback("f\ud83d", exchange="e1"), comment="good \ud83d")
    assert await record.history.give(S1, torn) == "new"
    (found,) = await record.history.given(9)
    assert (found.id, found.comment) == ("f\ufffd", "good \ufffd")
    await record.history.taught(S1, Learnt(exchange="e1", feedback=("f\ud83d",)))
    assert await record.history.became("acme", "f\ud83d") == Became(id="f\ufffd", state="learnt", exchange="e1")


# What was learnt


async def test_it_is_told_what_became_of_feedback(record: Record) -> None:
    await record.journal.commit(at(NOW, "e1", S1, told=("m1", "m2")))
    await record.learn_all()
    await record.history.give(S1, feedback("f1", exchange="e1"))
    waiting = Became(id="f1", state="waiting", exchange="e1", memories=("m1", "m2"))
    assert await record.history.became("acme", "f1") == waiting
    steps = (change("m3", "f1"), change("m2", "f1"))
    await record.history.taught(S1, Learnt(exchange="e1", changes=(change("m9", "e1"),)))
    await record.history.taught(S1, Learnt(exchange="e1", feedback=("f1",), changes=steps))
    learnt = msgspec.structs.replace(waiting, state="learnt", changes=steps)
    assert await record.history.became("acme", "f1") == learnt
    assert await record.history.given(9) == []


async def test_feedback_that_is_learnt_leaves_that_of_another_tenant_with_its_id_waiting(record: Record) -> None:
    rival = scope("s1", tenant="rival")
    await record.journal.commit(at(NOW, "e1", S1))
    await record.journal.commit(at(NOW, "e2", rival))
    await record.learn_all()
    await record.history.give(S1, feedback("f1", exchange="e1"))
    await record.history.give(rival, msgspec.structs.replace(feedback("f1", exchange="e2"), tenant="rival"))
    await record.history.taught(S1, Learnt(exchange="e1", feedback=("f1",)))
    assert ids(await record.history.given(9)) == [("f1", "e2")]


async def test_two_hundred_at_once_are_all_taken(record: Record) -> None:
    await record.journal.commit(at(NOW, "e1", S1))
    await record.learn_all()
    given = [feedback(f"f{number:03}", exchange="e1") for number in range(200)]
    assert set(await asyncio.gather(*(record.history.give(S1, one) for one in given))) == {"new"}
    assert sorted(ids(await record.history.given(500))) == ids(given)
    assert len(await record.history.given(100)) == 100
