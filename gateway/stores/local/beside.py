"""Reading memories that another process, most likely a running gateway, is writing."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from gateway.database import connect_readonly
from gateway.errors import DataDirError
from gateway.memories import Memory
from gateway.sealing import NO_SEAL, Seal
from gateway.stores.local.columns import COLUMNS, memory_of

_OF_KINDS = f"""
    SELECT owner, {COLUMNS} FROM memories WHERE kind IN (SELECT value FROM json_each(:kinds))
    AND (:tenant IS NULL OR tenant = :tenant) ORDER BY at, point"""


def read_memories_beside(
    path: Path, kinds: Sequence[str], tenant: str | None, seal: Seal = NO_SEAL
) -> list[tuple[str, Memory]]:
    """All memories of these kinds with their owners, oldest first, ended ones included; without a tenant everybody's.

    Raises `DataDirError`.
    """
    with closing(connect_readonly(path)) as connection:
        try:
            rows = connection.execute(_OF_KINDS, {"kinds": json.dumps(list(kinds)), "tenant": tenant})
            return [(owner, memory_of(row, owner, seal)) for owner, *row in rows]
        except (sqlite3.Error, msgspec.DecodeError, msgspec.ValidationError) as error:
            raise DataDirError(f"{path}: {error}") from error
