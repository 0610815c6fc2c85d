"""`/accrue/deadletters`: what could not be learnt, and what is to become of it."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from gateway import deadletters
from gateway.admin.operations import Operation
from gateway.console import Console
from gateway.deadletters import DeadLetter
from gateway.errors import BadRequest, NotFound


class Page(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many to name."""

    limit: Annotated[int, Meta(ge=1, le=1_000)] = 200


class Letters(msgspec.Struct, frozen=True, kw_only=True):
    """Dead letters, the oldest first."""

    letters: tuple[DeadLetter, ...]
    count: int
    """Of all there are."""


class Chosen(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which are meant: those of these exchanges, or all."""

    exchanges: Annotated[tuple[Annotated[str, Meta(max_length=256)], ...], Meta(max_length=1_000)] = ()
    all: bool = False


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """How many it was done to."""

    count: int


async def letters(console: Console, asked: Page) -> Letters:
    """Those there are."""
    found = await console.letters.all()
    return Letters(letters=tuple(found[: asked.limit]), count=len(found))


async def replay(console: Console, asked: Chosen) -> Done:
    """Have them learnt once more, at once."""
    done = await replayed(console.letters, asked)
    console.wake()
    return done


async def replayed(kept: deadletters.Letters, asked: Chosen) -> Done:
    """Have them learnt once more, when a learner looks for work."""
    exchanges = await _chosen(kept, asked)
    await kept.replay(exchanges)
    return Done(count=len(exchanges))


async def drop(console: Console, asked: Chosen) -> Done:
    """Forget that they were passed over."""
    return await dropped(console.letters, asked)


async def dropped(kept: deadletters.Letters, asked: Chosen) -> Done:
    """The same."""
    exchanges = await _chosen(kept, asked)
    await kept.drop(exchanges)
    return Done(count=len(exchanges))


async def _chosen(kept: deadletters.Letters, asked: Chosen) -> list[str]:
    if asked.all == bool(asked.exchanges):
        raise BadRequest("name exchanges, or say all", code="invalid_choice", param="exchanges")
    known = {letter.exchange: letter for letter in await kept.all()}
    for exchange in asked.exchanges:
        if exchange not in known:
            raise NotFound(f"there is no dead letter {exchange}", code="not_found", param="exchanges")
    return list(known) if asked.all else list(dict.fromkeys(asked.exchanges))


OPERATIONS = (
    Operation(
        name="listDeadLetters",
        method="GET",
        path="/accrue/deadletters",
        summary="What could not be learnt, the oldest first.",
        tag="health",
        asked=Page,
        answer=Letters,
        work=letters,
    ),
    Operation(
        name="replayDeadLetters",
        method="POST",
        path="/accrue/deadletters/replay",
        summary="Have exchanges learnt once more.",
        tag="health",
        asked=Chosen,
        answer=Done,
        work=replay,
    ),
    Operation(
        name="dropDeadLetters",
        method="POST",
        path="/accrue/deadletters/drop",
        summary="Forget that exchanges could not be learnt; their record stays.",
        tag="health",
        asked=Chosen,
        answer=Done,
        work=drop,
    ),
)
