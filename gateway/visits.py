"""A call that memory may take part in: who makes it, what is said in it, which policy it is under.

It is read and judged here, once, before anything is done with it.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence

import msgspec

from gateway import encodings, identify
from gateway.body import Body
from gateway.fence import MARKS, Fence
from gateway.headers import first_value
from gateway.policy import Policy
from gateway.policybook import PolicyBook
from gateway.ports import Headers
from gateway.retries import is_retry
from gateway.shapes.base import Shape
from gateway.shapes.slots import HEAD_ROLES
from gateway.sidecalls import is_side_call
from gateway.sources import Sent, request_kind
from gateway.stages import Timing, untimed
from gateway.types import Call, MemoryMode, Outcome, Scope, ToolCall, Turn

THREADED_READ_BYTES = 256 * 1024
"""A larger body is read off the event loop: ten milliseconds a megabyte would be everybody's."""


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """One call that memory may take part in."""

    who: identify.Identity
    shape: Shape
    call: Call
    sent: bytes
    """The body as it was on the wire; `call.body` is the same without its content encoding."""
    policy: Policy
    mode: MemoryMode
    is_aside: bool = False
    """True for a title, a summary, a probe: it gets no notes."""
    is_retry: bool = False
    """True when the client says that it has sent this before."""


class Visits(msgspec.Struct, frozen=True, kw_only=True):
    """What judging a call needs."""

    policies: PolicyBook
    fence: Fence
    anonymous: identify.Anonymous
    """Whose memory a call gets when nobody names the user and the policy does not say."""
    max_augmented_bytes: int
    is_out: Callable[[Scope], bool]
    """Whether nothing is to be remembered of somebody (gateway/erasures.py)."""
    timing: Timing = untimed
    on_match: Callable[[str], None] = lambda policy: None
    """Told which policy a call is under."""

    async def read(
        self, shape: Shape, headers: Headers, claimed: identify.Claims, target: str, body: Body
    ) -> Visit | Outcome:
        """The call of a request; or why it passes through as it is."""
        sent = await body.read(self.max_augmented_bytes)
        if sent is None:
            return Outcome(status="error", reason="large")
        coding = first_value(headers, b"content-encoding")
        if coding or len(sent) > THREADED_READ_BYTES:
            return await asyncio.to_thread(self._read, shape, headers, claimed, target, sent, coding)
        return self._read(shape, headers, claimed, target, sent, coding)

    def _read(
        self, shape: Shape, headers: Headers, claimed: identify.Claims, target: str, sent: bytes, coding: str
    ) -> Visit | Outcome:
        with self.timing("read"):
            body = encodings.decode(sent, coding)
            call = None if body is None else shape.read(body)
            if call is None:
                return Outcome(status="error", reason="unread")
            return self.judge(shape, headers, claimed, target, call, sent)

    def judge(
        self, shape: Shape, headers: Headers, claimed: identify.Claims, target: str, call: Call, sent: bytes
    ) -> Visit | Outcome:
        """What may be done with a call that was read; or why nothing may.

        Args:
            target: the path below `/v1`.
            sent: the call as it was on the wire.
        """
        says = Sent(headers, call)
        policy = self.policies.current.match(call.model, "/v1" + target, identify.agent_of(claimed, says), headers)
        self.on_match(policy.name)
        anonymous = policy.identify.anonymous or self.anonymous
        who = identify.identity(claimed, says, policy.identify, anonymous)
        mode = identify.narrower(claimed.mode, policy.memory)
        if mode == "off" or (who.user is None and anonymous == "off"):
            return Outcome(status="off" if mode == "off" else "unscoped")
        if self.is_out(who.scope(who.session or "")):
            return Outcome(status="off", reason="opted-out")
        return Visit(
            who=who,
            shape=shape,
            call=_without_echoes(self.fence, call),
            sent=sent,
            policy=policy,
            mode=mode,
            is_aside=is_side_call(call, request_kind(says)),
            is_retry=is_retry(headers),
        )


def in_session(visit: Visit, session: str) -> Visit:
    """The same visit, known to belong to a session."""
    return msgspec.structs.replace(visit, who=msgspec.structs.replace(visit.who, session=session))


def new_turns(call: Call) -> tuple[tuple[Turn, ...], tuple[Turn, ...]]:
    """The four last things said before, and what the client says now: everything after the assistant's last turn.

    Where the upstream keeps the conversation, the system text was said before too, and is only sent along.
    """
    turns = [turn for turn in call.turns if not (call.is_continued and turn.role in HEAD_ROLES)]
    begin = max((place for place, turn in enumerate(turns) if turn.role == "assistant"), default=-1) + 1
    said = (turn for turn in reversed(turns[:begin]) if turn.role in ("user", "assistant") and turn.text)
    return tuple(itertools.islice(said, 4))[::-1], tuple(turns[begin:])


def asked_by(call: Call, new: Sequence[Turn]) -> tuple[ToolCall, ...]:
    """The tool calls of a request that its new turns answer."""
    answered = {turn.answers for turn in new if turn.answers}
    return tuple(made for turn in call.turns for made in turn.calls if made.id in answered) if answered else ()


def _without_echoes(fence: Fence, call: Call) -> Call:
    """The call as it would read had nobody sent our own notes back to us (promise P9); its bytes stay."""
    if not any(mark in call.body for mark in MARKS):
        return call
    turns = tuple(msgspec.structs.replace(turn, text=fence.strip(turn.text)) for turn in call.turns)
    return msgspec.structs.replace(call, turns=turns)
