"""Exchanges, for the tests of what is learnt from them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from gateway.types import Exchange, Reply, Scope, Turn

NOW = 1_800_000_000.0
ANN = Scope(tenant="acme", user="ann", session="s1")
KEPT_CONTEXT = 3
"""Messages, as gateway/visits.py gives them."""


def user(text: str) -> Turn:
    return Turn(role="user", text=text)


def assistant(text: str) -> Turn:
    return Turn(role="assistant", text=text)


def exchange(*turns: Turn, id: str = "ex_1", answers: Sequence[str] = (), **changes: object) -> Exchange:
    """An exchange of Ann's, a minute ago, of which everything is learnt."""
    plain = Exchange(
        id=id,
        scope=ANN,
        at=NOW - 60,
        path="/chat/completions",
        state="done",
        status=200,
        turns=turns,
        reply=Reply(turns=tuple(map(assistant, answers))),
        learns=("constraint", "preference", "fact", "episode"),
    )
    return msgspec.structs.replace(plain, **changes)


def in_session(name: str) -> Scope:
    return msgspec.structs.replace(ANN, session=name)


def talk(*said: tuple[str, str, str]) -> list[Exchange]:
    """What Ann said in sessions and what was answered: one exchange each, a second apart, with ids in order."""
    heard: dict[str, list[Turn]] = {}
    exchanges = []
    for number, (session, question, answer) in enumerate(said):
        context = heard.setdefault(session, [])
        exchanges.append(
            exchange(
                user(question),
                id=f"ex_{number:03d}",
                answers=[answer],
                scope=in_session(session),
                at=NOW - 600 + number,
                context=tuple(context[-KEPT_CONTEXT:]),
            )
        )
        context += [user(question), assistant(answer)]
    return exchanges
