"""What clients make of a conversation's history, end to end: which request is known for the session it belongs to.

A row of the table is what one credential sends in turn; captured clients are in tests/test_captured_sessions.py.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.datadir import DataDir
from gateway.journals.sqlite.rows import read_exchange
from gateway.testing import ScriptedUpstream, Step
from gateway.testing.wire import as_data_stream, as_json
from gateway.types import Exchange, Operator
from tests.captures import PATIENT, Answered, Sent, bearer, chat, in_force, posted, send
from tests.conftest import Serve, Served

Message = dict[str, Any]
Asked = tuple[list[Message], Message]
"""A request's messages, and the answer it gets."""

UNNAMED = 'identify: {anonymous: "session"}'


class History(msgspec.Struct, frozen=True, kw_only=True):
    """Requests, and the sessions they are put to: a letter for each, by order of appearance; `-` for none."""

    asked: list[Asked]
    named: str
    unnamed: str
    """Where the credential is not the user: an assistant's words are no proof there (decision 0006)."""


def system(text: str) -> Message:
    return {"role": "system", "content": text}


def user(text: str) -> Message:
    return {"role": "user", "content": text}


def said(text: str) -> Message:
    return {"role": "assistant", "content": text}


def called(id: str) -> Message:
    call = {"id": id, "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


def found(id: str) -> Message:
    return {"role": "tool", "tool_call_id": id, "content": "three gates"}


ASK, MORE, LAST = user("When does the north gate open?"), user("And who built the south wall?"), user("Thank you, bye!")
ONE = said("The north gate opens at nine in the morning, and it closes when the last visitor of the day has left it.")
TWO = said("The south wall was built of granite by the guild of masons, in the year after the great flood, and twice.")
THREE = said(
    "You are welcome; the east tower and its famous bells are worth a visit as well, if you come back on Sunday."
)
HELLO = said("Hello! How can I help you today?")
CALL = called("call_38ca3e9731d5cf9c")
FOUND = found("call_38ca3e9731d5cf9c")
DONE = said("Done.")

SUMMARY = said(
    "The visitor asked about the gates and walls of the old city, and was told what the archive has on them."
)
EXTRACT = (
    "<role>\nContext Extraction Assistant\n</role>\n\n<messages>\nMessages to summarize:\n"
    f"Human: {ASK['content']}\nAI: {ONE['content']}\nHuman: {MORE['content']}\nAI: {TWO['content']}\n</messages>"
)
GUIDE, FAMILIAR = system("You are a guide."), system("You are a familiar guide. Today is the 22nd.")
SO_FAR = user(f"Here is a summary of the conversation to date:\n\n{SUMMARY['content']}")
CODE = "</code>"

HISTORIES = {
    "it only grows": History(
        asked=[([ASK], ONE), ([ASK, ONE, MORE], TWO), ([ASK, ONE, MORE, TWO, LAST], THREE)],
        named="aaa",
        unnamed="aaa",
    ),
    "a sliding window": History(
        asked=[([ASK], ONE), ([ASK, ONE, MORE], TWO), ([ONE, MORE, TWO, LAST], THREE), ([LAST, THREE, ASK], ONE)],
        named="aaaa",
        unnamed="aabc",
    ),
    "a sliding window in a tool loop": History(
        asked=[([ASK], CALL), ([ASK, CALL, FOUND], called("call_77be0149ac3fd2e8")), ([CALL, FOUND], DONE)],
        named="aaa",
        unnamed="aaa",
    ),
    "short answers": History(
        asked=[([ASK], DONE), ([ASK, DONE, MORE], DONE), ([ASK, DONE, MORE, DONE, LAST], DONE)],
        named="aaa",
        unnamed="aaa",
    ),
    "a summary made on the side, as LangChain makes it": History(
        asked=[
            ([GUIDE, ASK], ONE),
            ([GUIDE, ASK, ONE, MORE], TWO),
            ([user(EXTRACT)], SUMMARY),
            ([GUIDE, SO_FAR, LAST], THREE),
            ([GUIDE, SO_FAR, LAST, THREE, ASK], ONE),
        ],
        named="aaaaa",
        unnamed="aa-bb",
    ),
    "a summary made in the conversation": History(
        asked=[
            ([ASK], ONE),
            ([ASK, ONE, user("Summarize the conversation so far.")], SUMMARY),
            ([SO_FAR, LAST], THREE),
        ],
        named="aaa",
        unnamed="aab",
    ),
    "an earlier question edited": History(
        asked=[([ASK], ONE), ([ASK, ONE, MORE], TWO), ([user("When do gates open?"), ONE, MORE], TWO)],
        named="aaa",
        unnamed="aab",
    ),
    "the first question edited": History(
        asked=[([ASK], ONE), ([user("When do gates open?")], ONE)], named="ab", unnamed="ab"
    ),
    "the first question asked again": History(asked=[([ASK], ONE), ([ASK], TWO)], named="ab", unnamed="ab"),
    "two continuations of one beginning": History(
        asked=[
            ([ASK], ONE),
            ([ASK, ONE, MORE], TWO),
            ([ASK, ONE, LAST], THREE),
            ([ASK, ONE, MORE, TWO, LAST], DONE),
            ([ASK, ONE, LAST, THREE, MORE], DONE),
        ],
        named="aaaaa",
        unnamed="aaaaa",
    ),
    "answers rewritten and user turns merged, as smolagents does": History(
        asked=[
            ([GUIDE, ASK], ONE),
            ([GUIDE, ASK, said(ONE["content"] + CODE), MORE], TWO),
            ([GUIDE, user(f"{ASK['content']}\n{ONE['content']}{CODE}\n{TWO['content']}{CODE}\nGo on.")], THREE),
        ],
        named="aaa",
        unnamed="abc",
    ),
    "another system text": History(
        asked=[([GUIDE, ASK], ONE), ([FAMILIAR, ASK, ONE, MORE], TWO), ([FAMILIAR, ASK, ONE, MORE, TWO, LAST], THREE)],
        named="aaa",
        unnamed="abb",
    ),
    "a reminder behind the question and files before it, as aider has them": History(
        asked=[
            ([GUIDE, user("gate.py"), said("Ok."), ASK, FAMILIAR], ONE),
            ([GUIDE, user("gate.py\nwall.py"), said("Ok."), ASK, ONE, MORE, FAMILIAR], TWO),
        ],
        named="aa",
        unnamed="ab",
    ),
    "a result handed to the next agent": History(
        asked=[([GUIDE, ASK], ONE), ([FAMILIAR, user(f"Write it up.\nContext:\n{ONE['content']}")], TWO)],
        named="aa",
        unnamed="ab",
    ),
    "two who begin alike": History(
        asked=[
            ([ASK], ONE),
            ([ASK], TWO),
            ([ASK, ONE, MORE], THREE),
            ([ASK, TWO, MORE], DONE),
            ([ASK, ONE, MORE, THREE, LAST], DONE),
            ([ASK, TWO, MORE, DONE, LAST], DONE),
        ],
        named="ababab",
        unnamed="ababab",
    ),
    "two who are greeted alike": History(
        asked=[
            ([ASK], HELLO),
            ([ASK], HELLO),
            ([ASK, HELLO, user("I am Ann.")], ONE),
            ([ASK, HELLO, user("I am Bob.")], TWO),
            ([ASK, HELLO, user("I am Ann."), ONE, LAST], DONE),
            ([ASK, HELLO, user("I am Bob."), TWO, LAST], DONE),
        ],
        named="abcdcd",
        unnamed="abcdcd",
    ),
}


@pytest.mark.parametrize("policy", ["", UNNAMED], ids=["one user", "unnamed callers"])
async def test_a_request_is_put_to_the_session_it_belongs_to_or_begins_one(
    serve: Serve, upstream: ScriptedUpstream, tmp_path: Path, policy: str
) -> None:
    in_force(tmp_path, policy)
    async with serve(server=PATIENT) as served:
        linked = {name: await letters(served, upstream, name, history.asked) for name, history in HISTORIES.items()}
    assert linked == {name: history.unnamed if policy else history.named for name, history in HISTORIES.items()}


async def letters(served: Served, upstream: ScriptedUpstream, key: str, asked: Sequence[Asked]) -> str:
    sessions: list[str] = []
    for messages, answer in asked:
        upstream.script([whole(answer)])
        told = await send(served.url, chat(messages, bearer(key)))
        assert told.status == 200
        sessions.append(told.session)
    names = list(dict.fromkeys(filter(None, sessions)))
    return "".join("abcdef"[names.index(session)] if session else "-" for session in sessions)


def whole(answer: Message) -> Step:
    return as_json({"id": "chatcmpl-1", "choices": [{"index": 0, "message": answer, "finish_reason": "stop"}]})


# Retries


@pytest.fixture
async def served(serve: Serve, tmp_path: Path) -> AsyncIterator[Served]:
    in_force(tmp_path)
    async with serve(server=PATIENT) as gateway:
        yield gateway


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return DataDir(tmp_path / "data").journal


def recorded(database: Path) -> list[Exchange]:
    """Everything on record, oldest first."""
    with closing(sqlite3.connect(database)) as rows:
        ids = [row[0] for row in rows.execute("SELECT id FROM exchanges ORDER BY id")]
        return [exchange for row in ids if (exchange := read_exchange(rows, row)) is not None]


EVENTS = as_data_stream([{"choices": [{"index": 0, "delta": {"content": "The north"}}]}])
FAILURES = {
    "500": Step(status=500, chunks=[b'{"error":{"message":"oops"}}']),
    "429": Step(status=429, headers=[("retry-after", "1")], chunks=[b'{"error":{"message":"slow down"}}']),
    "cut": msgspec.structs.replace(EVENTS, cut=20),
}
RETRIED = {"told by the SDK": [("x-stainless-retry-count", "1")], "told by nobody": []}


each_failure = pytest.mark.parametrize("failure", FAILURES)
each_retry = pytest.mark.parametrize("told_by", RETRIED)


@pytest.mark.promise("P6")
@each_failure
@each_retry
async def test_a_call_that_failed_and_is_sent_again_is_one_exchange_and_its_answer_teaches(
    served: Served, upstream: ScriptedUpstream, database: Path, failure: str, told_by: str
) -> None:
    dog, question = user("My dog Biscuit is allergic to chicken."), user("What should my dog not eat?")
    upstream.script([FAILURES[failure], whole(ONE), whole(TWO)])
    first = await send(served.url, chat([dog], bearer("k"), stream=failure == "cut"))
    again = await send(served.url, chat([dog], bearer("k"), *RETRIED[told_by], stream=failure == "cut"))
    after = await send(served.url, chat([dog, ONE, MORE], bearer("k")))
    assert (first.status == 200, again.status) == (False, 200)
    assert again.exchange == first.exchange != after.exchange
    assert again.session == first.session == after.session
    retried, _ = recorded(database)
    assert (retried.attempts, retried.state, retried.status) == (2, "done", 200)
    await served.learnt()
    assert b"allergic to chicken" in (await send(served.url, chat([question], bearer("k")))).body


@pytest.mark.promise("P7")
@each_failure
@each_retry
async def test_where_nobody_is_named_the_same_bytes_may_be_a_strangers(
    serve: Serve, upstream: ScriptedUpstream, tmp_path: Path, failure: str, told_by: str
) -> None:
    in_force(tmp_path, UNNAMED)
    upstream.script([FAILURES[failure], whole(ONE), whole(TWO)])
    async with serve(server=PATIENT) as served:
        first = await send(served.url, chat([ASK], bearer("k"), stream=failure == "cut"))
        again = await send(served.url, chat([ASK], bearer("k"), *RETRIED[told_by], stream=failure == "cut"))
        after = await send(served.url, chat([ASK, ONE, MORE], bearer("k")))
    assert first.session != again.session == after.session


async def test_of_two_who_begin_alike_at_once_the_one_that_failed_is_the_one_that_tries_again(
    served: Served, upstream: ScriptedUpstream
) -> None:
    upstream.script([msgspec.structs.replace(whole(ONE), hold=[0]), FAILURES["500"], whole(TWO)])
    patient = asyncio.create_task(send(served.url, chat([ASK], bearer("both"))))
    await received(upstream, 1)
    refused = await send(served.url, chat([ASK], bearer("both")))
    retried = await send(served.url, chat([ASK], bearer("both"), *RETRIED["told by the SDK"]))
    upstream.release()
    other = await patient
    assert (retried.status, retried.exchange, retried.session) == (200, refused.exchange, refused.session)
    assert other.session != refused.session
    after = [await send(served.url, chat([ASK, answer, MORE], bearer("both"))) for answer in (ONE, TWO)]
    assert [told.session for told in after] == [other.session, refused.session]


async def test_a_call_its_client_gave_up_waiting_for_is_still_the_same_when_it_comes_again(
    served: Served, upstream: ScriptedUpstream, database: Path
) -> None:
    upstream.script([msgspec.structs.replace(whole(ONE), hold=[0]), whole(ONE)])
    slow = asyncio.create_task(send(served.url, chat([ASK], bearer("slow"))))
    await received(upstream, 1)
    again = await send(served.url, chat([ASK], bearer("slow"), *RETRIED["told by the SDK"]))
    upstream.release()
    assert (await slow).exchange == again.exchange
    assert [exchange.attempts for exchange in recorded(database)] == [2]


async def received(upstream: ScriptedUpstream, count: int) -> None:
    async with asyncio.timeout(10):
        while len(await asyncio.to_thread(upstream.requests)) < count:
            pass


async def test_calls_of_one_session_that_run_at_once_stay_in_it(served: Served, upstream: ScriptedUpstream) -> None:
    upstream.script([whole(CALL)])
    first = await send(served.url, chat([ASK], bearer("parallel")))
    questions = [user(f"And gate number {number}?") for number in range(6)]
    at_once = [chat([ASK, CALL, FOUND, question], bearer("parallel")) for question in questions]
    told = await asyncio.gather(*(send(served.url, request) for request in at_once))
    assert {answer.session for answer in told} == {first.session}
    assert len({answer.exchange for answer in told}) == len(questions)


# Sub-agents


async def exchange_of(served: Served, told: Answered) -> Exchange:
    exchange = await served.parts.journal.read(Operator(), told.exchange)
    assert exchange is not None
    return exchange


async def test_a_sub_agent_of_claude_code_is_in_the_session_with_an_agent_of_its_own(served: Served) -> None:
    def asking(*headers: tuple[str, str]) -> Sent:
        body = {"model": "claude-sonnet-4-5", "max_tokens": 64, "messages": [ASK]}
        session = ("x-claude-code-session-id", "d522f61f")
        lines = [("user-agent", "claude-cli/2.1"), ("x-api-key", "sk-ant"), session, *headers]
        return posted("/v1/messages?beta=true", body, *lines)

    main = await exchange_of(served, await send(served.url, asking()))
    ids = [("x-claude-code-agent-id", "agent-7"), ("x-claude-code-parent-agent-id", "agent-1")]
    child = await exchange_of(served, await send(served.url, asking(*ids)))
    assert (main.scope.session, main.scope.agent, main.parent) == ("d522f61f", "claude-cli", "")
    assert (child.scope.session, child.scope.agent, child.parent) == ("d522f61f", "agent-7", "agent-1")
    assert child.scope.owner == main.scope.owner


async def test_a_sub_agent_of_opencode_has_a_session_of_its_own_and_a_parent(served: Served) -> None:
    lines = [bearer("k"), ("user-agent", "opencode/1.18.33")]
    main = await exchange_of(served, await send(served.url, chat([GUIDE, ASK], *lines, ("x-session-id", "ses_1"))))
    ids = [("x-session-id", "ses_2"), ("x-parent-session-id", "ses_1")]
    child = await exchange_of(served, await send(served.url, chat([FAMILIAR, MORE], *lines, *ids)))
    assert (main.scope.session, main.parent) == ("ses_1", "")
    assert (child.scope.session, child.parent, child.scope.user) == (
        "ses_2",
        "ses_1",
        main.scope.user,
    )
    assert main.scope.agent.startswith("opencode:")
    assert child.scope.agent.startswith("opencode:")
    assert child.scope.agent != main.scope.agent
