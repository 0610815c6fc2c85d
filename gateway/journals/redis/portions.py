"""Looking through much that lies in Redis, a portion at a time, so that nobody else waits for it.

What is there from the beginning to the end of such a look is seen, perhaps twice; what comes or goes meanwhile may be.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from gateway.journals.redis.keys import Owner, Partition
from gateway.journals.redis.server import Server

PORTION = 1_000
"""Fields or names of keys looked at in one go, which takes Redis about a millisecond."""


async def fields_of(server: Server, key: str) -> AsyncIterator[tuple[bytes, bytes]]:
    """Fields of a hash and their values. Raises `MemoryUnavailable`."""
    cursor = 0
    while True:
        cursor, fields = await server.ask("HSCAN", key, cursor, "COUNT", PORTION)
        for field, value in fields.items():
            yield field, value
        if not cursor:
            return


async def keys_of(server: Server, owner: Owner) -> AsyncIterator[str]:
    """The keys under which something of a person lies in their partition. Raises `MemoryUnavailable`.

    Every key of the node is looked at, because no index could be shown to name all of theirs: about 3 s for a million.
    """
    async for keys in _scanned(server, owner.partition, "theirs", "*", owner.who):
        for key in keys:
            yield key.decode()


async def unanchor(server: Server, anchored: Owner, session: str) -> None:
    """Let none of an owner's anchors lead to a session any more. Raises `MemoryUnavailable`."""
    async for _ in _scanned(server, anchored.partition, "unanchor", f"anchor:{anchored.who}:*", session):
        pass


async def _scanned(
    server: Server, partition: Partition, script: str, pattern: str, *arguments: str
) -> AsyncIterator[list[bytes]]:
    """What a script answers for each portion of the keys of a partition's node."""
    prefix, cursor = partition.key(""), b"0"
    while True:
        cursor, found = await server.run(script, [prefix], cursor, f"{prefix}{pattern}", PORTION, *arguments)
        yield found
        if cursor == b"0":
            return
