"""What Ann's agents learnt and what that was worth, and a call of hers that is not made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from gateway.console import Rehearsal
from gateway.experience import Earned, Evidence
from gateway.memories import Memory
from gateway.period import Held
from gateway.ports import Headers
from gateway.shapes.chat import SHAPE
from gateway.types import Considered, Note, Outcome, Scope
from tests.exchanges import ANN, NOW
from tests.lessons import lesson
from tests.periods import earnings

SEEN = Evidence(
    signal="tool_error", version=1, grade="A", exchange="ex_003", session="Billing service", at=NOW - 597,
    span="Error: date must be YYYY-MM-DD, not 3/4/2026",
)  # fmt: skip
AGAIN = msgspec.structs.replace(SEEN, exchange="ex_004", at=NOW - 596, span="Error: date must be YYYY-MM-DD, not 5 May")

WORTH = {
    "dates": (38, 4, 17, 21),
    "vat": (25, 3, 22, 5),
    "tests": (30, 2, 21, 9),
    "limits": (22, 6, 24, 2),
    "labels": (31, 1, 18, 12),
}
"""Of lessons on which enough is known: how often things went right and wrong told, and right and wrong withheld."""


def lessons() -> Sequence[Memory]:
    """As they lie in the store."""
    return (
        _lesson("dates", "`book` wants dates as YYYY-MM-DD; it went through after `3/4/2026` became `2026-04-03`.",
                tools=("book",), signature="date must be yyyy-mm-dd", evidence=(SEEN, AGAIN),
                triggers=("Book me a flight on the 3rd of April",), when_not=("When does the office open?",)),
        _lesson("vat", "Prices go out with VAT: “the total of 119 is what the customer pays”.", kind="correction",
                triggers=("What does the plan cost?", "Send the quote"), grade="S", evidence=(SEEN,)),
        _lesson("tests", "`tests/test_invoice.py::test_rounding` broke when totals were rounded per line.",
                places=("billing/invoice.py", "tests/test_invoice.py::test_rounding"), evidence=(SEEN, AGAIN, SEEN)),
        _lesson("limits", "`search` fails with more than 50 ids at once.", tools=("search",), evidence=(SEEN,)),
        _lesson("labels", "Tickets like “the invoice is wrong” are `billing`, not `complaint`.", kind="correction",
                triggers=("Classify: the invoice is wrong",), grade="S", evidence=(SEEN, AGAIN)),
        _lesson("fresh", "`deploy` is refused on Fridays.", tools=("deploy",), state="proposed", evidence=(SEEN,)),
        _lesson("gone", "`fetch` needs a user agent.", tools=("fetch",), state="retired", evidence=(SEEN,)),
    )  # fmt: skip


def held(scope: Scope = ANN) -> list[Held]:
    """With what each earned."""
    return [
        Held(owner=scope.owner, memory=memory, earned=tuple(_earned(memory.id, key)))
        for memory in lessons()
        for key in [memory.id.removeprefix("m_")]
    ]


def _lesson(key: str, text: str, *, kind: str = "lesson", **changes: Any) -> Memory:
    made = lesson(key, kind=kind, text=text, **changes)
    is_over = changes.get("state") == "retired"
    return msgspec.structs.replace(made, at=NOW - 500, ended_at=NOW - 100 if is_over else None)


def _earned(id: str, key: str) -> Iterator[Earned]:
    told_right, told_wrong, right, wrong = WORTH.get(key, (3, 1, 1, 1))
    yield from earnings(id, is_told=True, right=told_right, wrong=told_wrong)
    yield from earnings(id, is_told=False, right=right, wrong=wrong)


async def rehearse(scope: Scope, path: str, headers: Headers, body: Mapping[str, Any]) -> Rehearsal:
    """What memory would do with any call of anybody: it knows a dog."""
    call = SHAPE.read(msgspec.json.encode(body))
    if call is None or not call.slots:
        return Rehearsal(policy="", scope=scope, outcome=Outcome(status="error", reason="unread"))
    text = "From earlier sessions, as the user's own words:\n- My dog Biscuit is allergic to chicken. [2026-11-19]"
    note = Note(where=call.slots[-1].where, text=text, tokens=31, memories=("m_dog",))
    return Rehearsal(
        policy="default",
        scope=msgspec.structs.replace(scope, session=scope.session or "se_new"),
        outcome=Outcome(status="hit", notes=1, tokens=31, lanes={"fact": 1}),
        notes=(note,),
        considered=(
            Considered(
                memory="m_dog", lane="fact", text="My dog Biscuit is allergic to chicken.",
                score=0.81, scores={"words": 0.74, "dense": 0.66}, tokens=17, decision="injected",
            ),
            Considered(
                memory="m_walk", lane="episode", text="I walked the dog this morning.",
                score=0.12, scores={"words": 0.31}, tokens=14, decision="weak",
            ),
        ),
        body=SHAPE.place(call, [note]).decode(),
    )  # fmt: skip
