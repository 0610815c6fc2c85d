"""The journal in one SQLite file, for one gateway process."""

from gateway.journals.sqlite.beside import read_endings_beside, read_exchange_beside, read_order_beside
from gateway.journals.sqlite.chronicle import SqliteChronicle
from gateway.journals.sqlite.history import SqliteHistory
from gateway.journals.sqlite.journal import SqliteJournal

__all__ = [
    "SqliteChronicle",
    "SqliteHistory",
    "SqliteJournal",
    "read_endings_beside",
    "read_exchange_beside",
    "read_order_beside",
]
