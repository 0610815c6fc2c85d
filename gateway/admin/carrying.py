"""`/accrue/memories/export` and `/accrue/memories/import`: memories as lines, which make the same state elsewhere.

The first line says what the others are: `{"format": "accrue-memories", "version": 1}`. Each of the others is one
memory, with whose it is in words and not as a key of ours. An import takes all lines or, where one of them is wrong,
none.
"""

from __future__ import annotations

import asyncio
import re
from array import array
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from itertools import chain, islice
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gateway.admin.lines import Lines
from gateway.admin.names import Name
from gateway.admin.operations import LINES, Operation
from gateway.catalogue import Holder, Selection
from gateway.console import Console
from gateway.errors import BadRequest, ScopeError
from gateway.memories import TAUGHT, Memory
from gateway.owners import scope_of
from gateway.ports import Held
from gateway.types import Scope

VERSION = 1

AT_ONCE = 200
"""Owners, and memories, that are read together."""

NEVER = 253_402_300_800.0
"""Unix seconds of the year 10000, from which on there are no dates: a time in milliseconds is beyond it."""

MOST = 1 << 31
"""Of what is counted in a memory."""

_ID = re.compile(r"[\w.:-]{1,256}")
"""As it can stand in a path."""


class ExportAsked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose memories."""

    tenant: Name = ""
    """Empty for all; so is `kind`."""
    kind: Name = ""


class Import(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be put in."""

    lines: Annotated[Lines, Meta(extra_json_schema={"type": "string"})]


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it."""

    lines: int
    """Memories in the file."""
    added: int
    """Of these, those that were not there before; others were put in the place of what was there. Of who was erased
    since they were said, or wants no memory, none is taken."""


class Heading(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first line."""

    format: Literal["accrue-memories"]
    version: Annotated[int, Meta(ge=1, le=VERSION)]


class Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A memory, and whose it is."""

    tenant: Annotated[str, Meta(min_length=1)]
    user: str | None
    session: str
    """In which nobody was named; empty for a user's."""
    is_shared: bool
    """True for what all users of the tenant share."""
    memory: Memory


_decode = msgspec.json.Decoder(Line).decode


async def export(console: Console, asked: ExportAsked) -> AsyncIterator[bytes]:
    """All memories, owner by owner, those that were said last first."""
    first = await console.catalogue.holders(asked.tenant, "", "", AT_ONCE)  # so that what is away is said before a line
    return _lines(console, asked, *first)


async def take(console: Console, asked: Import) -> Imported:
    """Put in what was exported. Raises `BadRequest` for a line that is wrong, by its number, before any is taken."""
    places = await asyncio.to_thread(_checked, asked.lines, console.kinds)
    count = added = 0
    while held := await asyncio.to_thread(_next, asked.lines, places):
        count += len(held)
        added += await console.curator.take(held)
    return Imported(lines=count, added=added)


async def _lines(console: Console, asked: ExportAsked, holders: Sequence[Holder], place: str) -> AsyncIterator[bytes]:
    yield _line(Heading(format="accrue-memories", version=VERSION))
    while True:
        for holder in holders:
            async for held in _of(console, Selection(owner=holder.owner, kind=asked.kind)):
                scope = scope_of(held.owner)
                yield _line(
                    Line(
                        tenant=held.tenant,
                        user=scope.user,
                        session=scope.session,
                        is_shared=scope.is_shared,
                        memory=held.memory,
                    )
                )
        if not place:
            return
        holders, place = await console.catalogue.holders(asked.tenant, "", place, AT_ONCE)


async def _of(console: Console, selection: Selection) -> AsyncIterator[Held]:
    place = ""
    while True:
        page, place = await console.catalogue.browse(selection, place, AT_ONCE)
        for held in page:
            yield held
        if not place:
            return


def _line(value: Heading | Line) -> bytes:
    return msgspec.json.encode(value) + b"\n"


def _checked(lines: Lines, kinds: Collection[str]) -> Iterator[int]:
    """Where the memories stand, owner by owner. Raises `BadRequest` where a line is none.

    Of an owner's memories that were said at the same time the last is listed first, so that the first is put in last.
    """
    owners: dict[str, array[int]] = defaultdict(lambda: array("Q"))  # eight bytes for each line
    number = 1
    try:
        msgspec.json.decode(lines.at(0), type=Heading)
        for place, line in islice(lines.each(), 1, None):
            number += 1
            if line.strip():
                held = _held(line)
                _check(held.memory, kinds)
                owners[held.owner].append(place)
    except (msgspec.DecodeError, UnicodeError, RecursionError, ScopeError) as error:
        raise BadRequest(f"line {number}: {error}; nothing was taken", code="invalid_line", param="lines") from error
    return chain.from_iterable(reversed(places) for places in owners.values())


def _next(lines: Lines, places: Iterator[int]) -> Sequence[Held]:
    return [_held(lines.at(place)) for place in islice(places, AT_ONCE)]


def _held(line: bytes) -> Held:
    one = _decode(line)
    scope = Scope(tenant=one.tenant, user=one.user, session=one.session, is_shared=one.is_shared)
    return Held(owner=scope.owner, tenant=one.tenant, memory=one.memory)


def _check(memory: Memory, kinds: Collection[str]) -> None:
    """Raise `ValidationError` for a memory that could be neither shown nor told, nor asked for by its id."""
    times = (memory.at, memory.recorded_at, memory.ended_at or 0.0)
    counts = (memory.tokens, memory.count, memory.place)
    faults = {
        f"there is no kind {memory.kind!r} of memory here": memory.kind not in kinds,
        "times are Unix seconds, from 1970 to 9999": not all(0 <= at < NEVER for at in times),
        f"tokens, count and place are from 0 to {MOST - 1}": not all(0 <= count < MOST for count in counts),
        "an id has 1 to 256 letters, digits, `_`, `.`, `:` or `-`": _ID.fullmatch(memory.id) is None,
        "a lesson or a correction, and no other kind, has a `lesson`": (memory.kind in TAUGHT)
        is (memory.lesson is None),
    }
    for fault, is_so in faults.items():
        if is_so:
            raise msgspec.ValidationError(fault)


OPERATIONS = (
    Operation(
        name="exportMemories",
        method="GET",
        path="/accrue/memories/export",
        summary="All memories as lines, which an import makes the same state of.",
        tag="memories",
        asked=ExportAsked,
        answer=LINES,
        work=export,
    ),
    Operation(
        name="importMemories",
        method="POST",
        path="/accrue/memories/import",
        summary="Put in memories as they were exported: all lines, or none where one of them is wrong.",
        tag="memories",
        asked=Import,
        answer=Imported,
        work=take,
        is_lines_asked=True,
    ),
)
