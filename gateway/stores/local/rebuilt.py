"""Memories that are made anew beside those in use: what they take over, and how they take their place.

It knows files and rows. What is learnt anew, and from what, is not known here.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from gateway.database import connect_readonly
from gateway.datadir import sync
from gateway.errors import DataDirError
from gateway.memories import Memory
from gateway.owners import scope_of
from gateway.sealing import NO_SEAL, Seal
from gateway.stores.local.truth import Truth
from gateway.types import Scope

_NOT_LEARNT = """
    SELECT owner, id FROM memories
    WHERE origin IN ('operator', 'import') OR (kind = 'fact' AND evidence <> '') ORDER BY recorded_at, point"""
"""Rows that no reading of the record brings back: added by a person, or in the words of a model."""


def former(database: Path, seal: Seal, owner: str, ids: Sequence[str]) -> list[Memory]:
    """Memories of an owner in the database that is in use. Raises `DataDirError`."""
    with closing(Truth(database, readers=1, seal=seal)) as truth:
        return truth.get(owner, ids)


def not_learnt(database: Path, seal: Seal = NO_SEAL) -> list[tuple[Scope, Memory]]:
    """Memories that were not derived from the record, in the order in which they came, and whose they are.

    Raises `DataDirError` for a database that cannot be opened.
    """
    with closing(Truth(database, readers=1, seal=seal)) as truth, closing(connect_readonly(database)) as connection:
        rows = connection.execute(_NOT_LEARNT).fetchall()
        return [(scope_of(owner), memory) for owner, id in rows for memory in truth.get(owner, [id])]


def emptied(folder: Path) -> Path:
    """The folder with nothing in it: what an earlier try left there is of no use. Raises `DataDirError`."""
    try:
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(mode=0o700)
    except OSError as error:
        raise DataDirError(f"{folder}: {error.strerror}") from error
    return folder


def take_place(made: Path, database: Path, index: Path) -> None:
    """Put a database, which nobody has open, in the place of another, whose index goes, and remove its folder.

    At any moment one of the two is there whole; an index that is missing is made at the next start. Raises
    `DataDirError`.
    """
    try:
        with closing(Truth(database, readers=0)) as truth:
            truth.open()  # closing folds its log into it, which else would be taken for the new one's
        if index.exists():
            shutil.rmtree(index)
            sync(index.parent)
        made.replace(database)
        sync(database.parent)
        shutil.rmtree(made.parent)
    except OSError as error:
        raise DataDirError(f"{database}: {error.strerror}") from error
