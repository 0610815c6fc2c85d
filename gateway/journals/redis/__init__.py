"""The journal in Redis, which many gateways share; each keeps what is not learnt yet on its own disk as well."""

from gateway.journals.redis.archive import RedisArchive
from gateway.journals.redis.chronicle import RedisChronicle
from gateway.journals.redis.consumer import Consumer
from gateway.journals.redis.dead import RedisDeadLetters
from gateway.journals.redis.history import RedisHistory
from gateway.journals.redis.journal import RedisJournal
from gateway.journals.redis.server import Server
from gateway.journals.redis.tenures import Tenures
from gateway.journals.redis.tombstones import Tombstones

__all__ = [
    "Consumer",
    "RedisArchive",
    "RedisChronicle",
    "RedisDeadLetters",
    "RedisHistory",
    "RedisJournal",
    "Server",
    "Tenures",
    "Tombstones",
]
