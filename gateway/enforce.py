"""What is done about an answer that breaks a user's standing instructions, where the policy says so (`guard.enforce`).

Whole answers only: a stream is on its way before it can be judged. The answer that the client gets is always one that
the upstream gave, byte for byte. How answers are judged is known by gateway/guard.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal

import msgspec
import structlog

from gateway.checkers.base import Verdict
from gateway.errors import RequestError
from gateway.fence import RULES, Fence
from gateway.guard import answer_of, checks, verdicts
from gateway.headers import is_event_stream
from gateway.kinds.constraint import KIND
from gateway.memories import Memory
from gateway.peek import Peeked, peeked
from gateway.ports import Incoming
from gateway.shapes.base import Shape
from gateway.types import Call, Note, Scope

HEADER = b"x-accrue-violations"
"""`<count>; <checkers>`, of the answer that the client gets."""

MAX_HELD_BYTES = 1024 * 1024
"""A longer answer passes unjudged."""

OK = 200

log = structlog.get_logger()


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer is held to, and what it takes to ask for it once more."""

    enforce: Literal["off", "annotate", "retry"]
    shape: Shape
    call: Call
    scope: Scope
    rules: tuple[Memory, ...]
    """Constraints that hold."""
    notes: tuple[Note, ...]
    """In the request as it went."""


async def enforced(
    held: Held, fence: Fence, incoming: Incoming, ask: Callable[[bytes], Awaitable[Incoming]]
) -> Incoming:
    """The answer to pass on: the same, or a second one that breaks fewer rules, with a header that counts what it does.

    With nothing to enforce it is the very same value, unread.

    Args:
        ask: sends a body in place of the request's own.
    """
    is_whole = incoming.status == OK and not held.call.is_stream and not is_event_stream(incoming.headers)
    if held.enforce == "off" or not is_whole or not any(checks(rule.text) for rule in held.rules):
        return incoming
    answer = await peeked(incoming, MAX_HELD_BYTES)
    broken = await _judged(held, answer)
    if not broken:
        return answer.incoming
    body = reminding(held, fence, broken) if held.enforce == "retry" else None
    second = None if body is None else await _asked_again(held, body, ask)
    if second is not None and len(still := await _judged(held, second)) < len(broken):
        answer, broken = second, still
    return annotated(answer.incoming, broken)


def reminding(held: Held, fence: Fence, broken: Sequence[Verdict]) -> bytes | None:
    """The request with the broken rules said once more after the newest user message; None where nothing can stand."""
    slot = next((slot for slot in reversed(held.call.slots) if not slot.is_head), None)
    if slot is None:
        return None
    missed = {verdict.memory for verdict in broken}
    lines = [KIND.line(rule) for rule in held.rules if rule.id in missed]
    text = fence.block(RULES, fence.nonce(held.scope.owner + held.scope.session), lines)
    return held.shape.place(held.call, [*held.notes, Note(where=slot.where, text=text)])


def annotated(incoming: Incoming, broken: Sequence[Verdict]) -> Incoming:
    """The answer with a header that says how many rules it breaks, and of which sort."""
    if not broken:
        return incoming
    value = f"{len(broken)}; {','.join(sorted({verdict.checker for verdict in broken}))}"
    return msgspec.structs.replace(incoming, headers=[*incoming.headers, (HEADER, value.encode())])


async def _judged(held: Held, answer: Peeked) -> list[Verdict]:
    """Rules that an answer breaks, looked for off the event loop; none after a fault of ours."""
    try:
        return await asyncio.to_thread(_broken, held, answer)
    except Exception as error:  # noqa: BLE001 - no fault of memory may become the caller's (P4)
        log.warning("unjudged", error=repr(error))
        return []


def _broken(held: Held, answer: Peeked) -> list[Verdict]:
    """Rules that an answer breaks."""
    judged = verdicts(held.rules, _words(held, answer), held.call.question)
    return [verdict for verdict in judged if verdict.violation is not None]


async def _asked_again(held: Held, body: bytes, ask: Callable[[bytes], Awaitable[Incoming]]) -> Peeked | None:
    """The second answer; None where it is no whole answer in words, so that the first one stands."""
    try:
        second = await ask(body)
    except RequestError:
        return None
    answer = await peeked(second, MAX_HELD_BYTES)
    if second.status != OK or not _words(held, answer):
        await second.chunks.aclose()
        return None
    return answer


def _words(held: Held, answer: Peeked) -> str:
    """What an answer says; nothing where it is not a single, complete answer in words."""
    reply = None if answer.body is None else held.shape.reply(answer.body)
    is_one = reply is not None and reply.is_complete and len(reply.turns) == 1
    return answer_of(reply.turns[0]) if reply is not None and is_one else ""
