"""A memory as the columns of a row hold it, sealed where texts are; which rows there are is known in truth.py."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from gateway.errors import MemoryUnavailable
from gateway.experience import Lesson
from gateway.memories import Memory
from gateway.ports import Held
from gateway.sealing import NO_SEAL, Seal
from gateway.stores.storable import encodable

FIELDS = Memory.__struct_fields__
"""Each is a column of the same name: a new field of Memory needs a migration in schema.py."""

SEALED = ("text", "key", "evidence", "slot", "lesson")
"""Columns that hold words."""

COLUMNS = ", ".join(f'"{field}"' for field in FIELDS)

_LESSON = msgspec.json.Decoder(Lesson)


def memory_of(row: Sequence[object], owner: str = "", seal: Seal = NO_SEAL) -> Memory:
    """The memory of a row, whose columns are `COLUMNS`. Raises `msgspec.DecodeError` for one that cannot be read."""
    fields: dict[str, Any] = dict(zip(FIELDS, row, strict=True))
    for column in SEALED:
        if isinstance(fields[column], bytes):  # what is readable need not be opened
            fields[column] = seal.open(fields[column], *place(owner, fields["id"], column))
    fields["is_pinned"] = bool(fields["is_pinned"])
    lesson = fields.pop("lesson")
    found = msgspec.convert(fields, Memory)
    return found if lesson is None else msgspec.structs.replace(found, lesson=_LESSON.decode(lesson))


def held_of(row: Sequence[Any], seal: Seal) -> Held:
    """The memory of a row that begins with its owner and tenant. Raises `MemoryUnavailable` for one it cannot read."""
    owner, tenant, *columns = row
    try:
        return Held(owner=owner, tenant=tenant, memory=memory_of(columns, owner, seal))
    except msgspec.DecodeError as error:
        raise MemoryUnavailable(f"memory {columns[0]} cannot be read: {error}") from error


def columns_of(memory: Memory, owner: str, seal: Seal) -> Iterator[object]:
    """The memory as its columns hold it."""
    for field, value in msgspec.structs.asdict(memory).items():
        stored = _storable(value)
        if field in SEALED and isinstance(stored, str):
            stored = seal.close(stored, *place(owner, encodable(memory.id), field))
        yield stored


def place(owner: str, id: str, column: str) -> tuple[str, str, str, str]:
    """Where a sealed text stands, so that it opens nowhere else."""
    return "memories", owner, id, column


def _storable(value: object) -> object:
    if isinstance(value, Lesson):
        return msgspec.json.encode(value).decode()
    return encodable(value) if isinstance(value, str) else value
