"""How a request becomes a visit: what is read, what is judged, and why some pass through."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from gateway import identify
from gateway.body import Body
from gateway.fence import RULES, Fence
from gateway.policybook import PolicyBook
from gateway.ports import Headers
from gateway.shapes.chat import SHAPE
from gateway.shapes.responses import SHAPE as RESPONSES
from gateway.stages import Stages, marked
from gateway.testing import ManualClock
from gateway.types import Outcome, Turn
from gateway.visits import THREADED_READ_BYTES, Visit, Visits, in_session, new_turns
from gateway.wiring import KINDS

FENCE = Fence(b"k" * 32)
KEY = (b"authorization", b"Bearer sk-1")


def visits(folder: Path, anonymous: identify.Anonymous = "credential", **policy: str) -> Visits:
    (folder / "default.yaml").write_text(json.dumps(policy))
    book = PolicyBook(folder, KINDS)
    return Visits(policies=book, fence=FENCE, anonymous=anonymous, max_augmented_bytes=1 << 20, is_out=lambda _: False)


async def read(desk: Visits, body: bytes, *sent: tuple[bytes, bytes]) -> Visit | Outcome:
    async def received() -> AsyncIterator[bytes]:
        yield body

    headers: Headers = [KEY, *sent]
    claimed = identify.claims(headers, "/v1" + SHAPE.path, b"s" * 32)
    return await desk.read(SHAPE, headers, claimed, SHAPE.path, Body(received(), length=len(body)))


def said(text: str = "hi", **members: Any) -> bytes:
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": text}], **members}).encode()


async def test_a_visit_knows_who_says_what_under_which_policy(tmp_path: Path) -> None:
    visit = await read(visits(tmp_path), said(user="ann"), (b"x-session-id", b"s1"), (b"user-agent", b"curl/8"))
    assert isinstance(visit, Visit)
    assert (visit.who.user, visit.who.session, visit.who.agent) == ("ann", "s1", "curl")
    assert (visit.mode, visit.is_aside, visit.is_retry, visit.policy.name) == ("on", False, False, "default")
    assert visit.sent is visit.call.body
    assert in_session(visit, "s2").who.scope("s2").session == in_session(visit, "s2").who.session == "s2"


async def test_a_compressed_body_is_read_and_kept_as_it_was_sent(tmp_path: Path) -> None:
    packed = gzip.compress(said())
    visit = await read(visits(tmp_path), packed, (b"content-encoding", b"gzip"))
    assert isinstance(visit, Visit)
    assert (visit.sent, visit.call.body) == (packed, said())


async def test_a_large_body_is_read_with_the_same_result(tmp_path: Path) -> None:
    visit = await read(visits(tmp_path), said("x" * THREADED_READ_BYTES))
    assert isinstance(visit, Visit)
    assert visit.call.turns[0].text == "x" * THREADED_READ_BYTES


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"x" * ((1 << 20) + 1), Outcome(status="error", reason="large")),
        (b"not json", Outcome(status="error", reason="unread")),
    ],
)
async def test_what_cannot_be_read_passes_through(tmp_path: Path, body: bytes, why: Outcome) -> None:
    assert await read(visits(tmp_path), body) == why


async def test_a_retry_and_a_side_call_are_known_as_such(tmp_path: Path) -> None:
    retry = await read(visits(tmp_path), said(), (b"x-stainless-retry-count", b"1"))
    probe = await read(visits(tmp_path), said(max_tokens=1))
    assert isinstance(retry, Visit)
    assert isinstance(probe, Visit)
    assert (retry.is_retry, retry.is_aside, probe.is_retry, probe.is_aside) == (True, False, False, True)


@pytest.mark.promise("P7")
async def test_a_policy_closes_memory_for_all_or_for_those_who_are_not_named(tmp_path: Path) -> None:
    assert await read(visits(tmp_path, memory="off"), said(user="ann")) == Outcome(status="off")
    closed = visits(tmp_path)
    (tmp_path / "default.yaml").write_text('identify: {anonymous: "off"}')
    assert closed.policies.reload() is None
    assert await read(closed, said()) == Outcome(status="unscoped")
    assert isinstance(await read(closed, said(user="ann")), Visit)


@pytest.mark.promise("P9")
async def test_our_own_notes_that_come_back_are_not_what_somebody_said(tmp_path: Path) -> None:
    block = FENCE.block(RULES, FENCE.nonce("ann"), ["- Be brief."])
    visit = await read(visits(tmp_path), said(f"hi\n\n{block}"))
    assert isinstance(visit, Visit)
    assert "Be brief" not in visit.call.turns[0].text
    assert b"Be brief" in visit.call.body


def turn(role: str, text: str) -> Turn:
    return Turn(role=role, text=text)


def test_what_is_new_is_what_follows_the_assistants_last_turn() -> None:
    messages = [
        {"role": role, "content": text}
        for role, text in [("system", "s"), ("user", "a"), ("assistant", "b"), ("tool", "c"), ("user", "d")]
    ]
    call = SHAPE.read(json.dumps({"messages": messages}).encode())
    assert call is not None
    assert new_turns(call) == ((turn("user", "a"), turn("assistant", "b")), (turn("tool", "c"), turn("user", "d")))


def test_system_text_is_new_once_in_a_conversation_that_the_upstream_keeps() -> None:
    body = {"input": "hi", "instructions": "Be brief."}
    first = RESPONSES.read(json.dumps(body).encode())
    later = RESPONSES.read(json.dumps({**body, "previous_response_id": "resp_1"}).encode())
    assert first is not None
    assert later is not None
    assert new_turns(first)[1] == (turn("system", "Be brief."), turn("user", "hi"))
    assert new_turns(later)[1] == (turn("user", "hi"),)


async def test_the_policy_a_call_is_under_is_told_also_where_it_says_off(tmp_path: Path) -> None:
    matched: list[str] = []
    (tmp_path / "closed.yaml").write_text('{"match": {"model": ["o*"]}, "memory": "off"}')
    desk = msgspec.structs.replace(visits(tmp_path), on_match=matched.append)
    await read(desk, said())
    await read(desk, said().replace(b'"m"', b'"o1"'))
    await read(desk, b"not json")
    assert matched == ["default", "closed"]


async def test_reading_is_timed_whatever_comes_of_it(tmp_path: Path) -> None:
    stages = Stages(CollectorRegistry(), ManualClock().now)
    desk = msgspec.structs.replace(visits(tmp_path), timing=stages.time)
    marks = marked()
    await read(desk, said())
    await read(desk, b"not json")
    assert [stage for stage, _, _ in marks] == ["read", "read"]
