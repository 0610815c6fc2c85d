"""gateway/admin/explain.py: what memory did on a call, as values."""

from __future__ import annotations

from pathlib import Path

import msgspec

from gateway.admin.explain import OPERATIONS, Added, Explanation, explanation
from gateway.types import Considered, Note, Outcome, Reply, Usage
from tests.admin.console import opened_desk, over_http
from tests.exchanges import assistant, exchange, user

LIKED = Considered(
    memory="m_1", lane="preference", text="Likes tea.", scores={"words": 1.5}, score=0.9, tokens=4, decision="injected"
)
WEAK = Considered(memory="m_2", lane="episode", text="Hm.", score=0.1, tokens=2, decision="weak")
USAGE = Usage(prompt_tokens=20, completion_tokens=3, cached_tokens=5)
TOLD = exchange(
    user("Tea or coffee?"),
    outcome=Outcome(status="hit", notes=1, tokens=9, lanes={"preference": 1}),
    notes=(
        Note(where="head-1", text="<a>", tokens=9, memories=("m_1",)),
        Note(where="7", text="<b>", tokens=3, memories=("m_9",)),
        Note(where="8", text=""),
    ),
    considered=(LIKED, WEAK),
    reply=Reply(turns=(assistant("Tea."),), usage=USAGE),
)


def test_what_was_added_is_told_with_why_it_was_found_and_what_it_cost() -> None:
    found = explanation(TOLD)
    bare = Considered(memory="m_9", lane="", text="", decision="injected")
    assert found.call.added == (
        Added(place="system", text="<a>", tokens=9, memories=(LIKED,)),
        Added(place="user", text="<b>", tokens=3, memories=(bare,)),
    )
    assert found.call.usage == USAGE
    assert found.call.memory == "hit; notes=1; tokens=9; lanes=preference:1"
    assert found.considered == (LIKED, WEAK)
    assert (found.tenant, found.user, found.session) == ("acme", "ann", "s1")


def test_of_a_memory_that_is_said_once_more_it_is_told_why_and_not_why_it_need_not_be() -> None:
    again = msgspec.structs.replace(LIKED, decision="already-noted")
    found = explanation(msgspec.structs.replace(TOLD, considered=(LIKED, again)))
    assert found.call.added[0].memories == (LIKED,)


def test_a_call_under_way_has_no_answer_and_no_usage() -> None:
    found = explanation(msgspec.structs.replace(TOLD, state="intent", status=None, reply=None, considered=()))
    assert (found.call.state, found.call.status, found.call.usage) == ("intent", None, None)
    assert [one.memory for added in found.call.added for one in added.memories] == ["m_1", "m_9"]


async def test_an_operator_asks_for_it_by_the_id_that_the_answer_named(tmp_path: Path) -> None:
    async with opened_desk(tmp_path) as desk, over_http(desk.console, OPERATIONS) as client:
        await desk.journal.commit(TOLD)
        answer = await client.get("/accrue/explain/ex_1")
        assert msgspec.json.decode(answer.content, type=Explanation) == explanation(TOLD)
        missing = await client.get("/accrue/explain/ex_9")
        assert (missing.status_code, missing.json()["error"]["code"]) == (404, "not_found")
