"""The journal in one SQLite file, for one gateway process."""

from gateway.journals.sqlite.beside import read_exchange_beside
from gateway.journals.sqlite.journal import SqliteJournal

__all__ = ["SqliteJournal", "read_exchange_beside"]
