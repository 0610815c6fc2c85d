"""What had happened before anybody looked: to a small team, and by those who mean no good."""

from __future__ import annotations

import asyncio

from gateway.anchors import HEAD
from gateway.catalogue import Selection
from gateway.experience import Evidence, Lesson
from gateway.memories import Memory
from gateway.period import Held
from gateway.types import Considered, Exchange, Note, Outcome, Scope
from tests.admin.console import Desk
from tests.admin.dashboard import schooling
from tests.browser.hostile import HOSTILE
from tests.exchanges import ANN, NOW, exchange, in_session, talk, user

SAID = (
    ("Planning the trip", "From now on, always answer in British English. I live in Lyon.", "Noted, and understood."),
    ("Planning the trip", "My favourite colour is green and I prefer short answers.", "I shall keep it short."),
    ("Billing service", "I moved to Berlin last week.", "Congratulations on the move."),
    ("Billing service", "We use PostgreSQL 17 for billing. Deployments are on Thursdays.", "Good to know."),
    ("Billing service", "Never mention the old price list.", "Understood."),
)

MAX_NAME_CHARS = 1_000
"""Longer names are cut before they get so far."""

TENANT = "crooks"


async def live(desk: Desk) -> None:
    """Have it happen."""
    await desk.happened(*talk(*SAID))
    facts, _ = await desk.console.catalogue.browse(Selection(owner=ANN.owner, kind="fact", state="holding"), "", 50)
    await desk.happened(_told(next(one.memory for one in facts if "Berlin" in one.memory.text)))
    await desk.store.put(ANN, schooling.lessons())
    numbered = list(enumerate(HOSTILE))
    await asyncio.gather(*(desk.journal.commit(_call(number, text)) for number, text in numbered))
    await asyncio.gather(*(desk.store.put(_scope(text), [_memory(number, text)]) for number, text in numbered))


def lessons() -> list[Held]:
    """All there are, with what they earned."""
    hostile = [Held(owner=_scope(text).owner, memory=_memory(number, text)) for number, text in enumerate(HOSTILE)]
    return [*schooling.held(), *hostile]


def _told(home: Memory) -> Exchange:
    """A question that was answered with the help of a memory."""
    why = Considered(memory=home.id, lane=home.kind, text=home.text, score=0.82, tokens=11, decision="injected")
    note = Note(where=f"{HEAD}0", text=f"From earlier sessions:\n- {home.text}", tokens=19, memories=(home.id,))
    return exchange(
        user("Which city's weather should I look at?"),
        id="ex_100",
        answers=["Berlin's, where you have moved."],
        scope=in_session("Planning the trip"),
        at=NOW - 300,
        model="gpt-5.2",
        notes=(note,),
        outcome=Outcome(status="hit", notes=1, tokens=19, lanes={"fact": 1}),
        considered=(why,),
    )


def _scope(text: str) -> Scope:
    return Scope(tenant=TENANT, user=text[:MAX_NAME_CHARS], session=text[:MAX_NAME_CHARS])


def _call(number: int, text: str) -> Exchange:
    scope, model = _scope(text), text[:MAX_NAME_CHARS]
    return exchange(user(text), id=f"ex_9{number:03}", answers=[text], scope=scope, model=model, at=NOW + number)


def _memory(number: int, text: str) -> Memory:
    """With the text wherever words of anybody's may stand."""
    name = text[:MAX_NAME_CHARS]
    proof = Evidence(signal="tool_error", version=1, grade="A", exchange=text, session=name, at=NOW + number, span=text)
    return Memory(
        id=f"m_9{number:03}",
        kind="lesson",
        text=text,
        key=text,
        origin="user",
        exchange=text,
        session=name,
        at=NOW + number,
        recorded_at=NOW + number,
        evidence=text,
        slot=text,
        lesson=Lesson(key=text, state="active", grade="A", triggers=(text,), evidence=(proof,), sessions=(text,)),
    )
