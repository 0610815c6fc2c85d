"""The journal in one SQLite file, for one gateway process."""

from gateway.journals.sqlite.archive import SqliteArchive
from gateway.journals.sqlite.beside import (
    SqliteBeside,
    close_all_beside,
    read_endings_beside,
    read_exchange_beside,
    read_order_beside,
)
from gateway.journals.sqlite.chronicle import SqliteChronicle
from gateway.journals.sqlite.dead import (
    SqliteDeadLetters,
    SqliteLetters,
    drop_beside,
    read_letters_beside,
    replay_beside,
)
from gateway.journals.sqlite.history import SqliteHistory
from gateway.journals.sqlite.journal import SqliteJournal
from gateway.journals.sqlite.sessions import SqliteSessions
from gateway.journals.sqlite.spool import SqliteSpool

__all__ = [
    "SqliteArchive",
    "SqliteBeside",
    "SqliteChronicle",
    "SqliteDeadLetters",
    "SqliteHistory",
    "SqliteJournal",
    "SqliteLetters",
    "SqliteSessions",
    "SqliteSpool",
    "close_all_beside",
    "drop_beside",
    "read_endings_beside",
    "read_exchange_beside",
    "read_letters_beside",
    "read_order_beside",
    "replay_beside",
]
