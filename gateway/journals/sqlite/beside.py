"""Reading a journal that another process, most likely a running gateway, is writing."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec

from gateway.database import connect_readonly
from gateway.errors import DataDirError
from gateway.journals.sqlite import rows
from gateway.types import Exchange


def read_exchange_beside(path: Path, exchange: str) -> Exchange | None:
    """One exchange by id, whoever's it is: for the operator of the data directory. Raises `DataDirError`."""
    with closing(connect_readonly(path)) as connection:
        try:
            return rows.read_exchange(connection, exchange)
        except (sqlite3.Error, msgspec.DecodeError) as error:
            raise DataDirError(f"{path}: {error}") from error
