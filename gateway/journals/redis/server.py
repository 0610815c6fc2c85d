"""A connection to Redis that waits for nobody: no retries, no client's own patience, one kind of error.

It knows how to reach a server, a cluster or whichever server a sentinel names, and how to run a script there. What is
asked, and for how long the caller waits, is known to those who ask.
"""

from __future__ import annotations

import asyncio
import copy
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib import resources
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import msgspec
from redis.asyncio import Redis, RedisCluster, Sentinel
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, ReadOnlyError, RedisClusterException, RedisError

from gateway.errors import Damaged, MemoryUnavailable

Value = str | bytes | int | float
Command = Sequence[Value]

CONNECT_S = 1.0
"""For a connection; what is on the way of a call gives up long before."""

CONNECTIONS = 100
"""At once, to a server or to each of a cluster's. Who asks beyond that waits for one, as long as for an answer."""

SENTINEL_PORT = 26_379

_SCRIPTS = {
    file.name.removesuffix(".lua"): file.read_text(encoding="utf-8")
    for file in (resources.files(__package__) / "lua").iterdir()
    if file.name.endswith(".lua")
}
_DIGESTS = {name: hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest() for name, text in _SCRIPTS.items()}


class Run(msgspec.Struct, frozen=True):
    """A script of gateway/journals/redis/lua and what it is given."""

    script: str
    keys: Sequence[str]
    """That lie in one partition."""
    arguments: Command = ()

    def by(self, name: str, text_or_digest: str) -> Command:
        """The command that runs it."""
        return (name, text_or_digest, len(self.keys), *self.keys, *self.arguments)


class Server:
    """Redis, wherever the URL says. Usable from one event loop."""

    def __init__(self, url: str, *, timeout_s: float | None) -> None:
        """Prepare; nothing is connected before something is asked.

        Args:
            timeout_s: Redis's longest silence; None where whoever asks has a deadline of their own.
        """
        self._sentinels: Any = None
        self._timeout_s = timeout_s
        self._room = asyncio.Semaphore(CONNECTIONS)  # redis-py's pool does not wait: it fails
        self._redis = self._client(url)

    async def run(self, script: str, keys: Sequence[str], *arguments: Value) -> Any:
        """What a script of gateway/journals/redis/lua answers; its keys lie in one partition.

        Raises `MemoryUnavailable`.
        """
        given = (len(keys), *keys, *arguments)
        async with self._asked():
            try:
                return await self._redis.evalsha(_DIGESTS[script], *given)
            except NoScriptError:
                return await self._redis.eval(_SCRIPTS[script], *given)

    async def run_all(self, runs: Sequence[Run]) -> list[Any]:
        """What scripts answer that are sent together, in their order; of one that failed its `MemoryUnavailable`.

        Raises `MemoryUnavailable` when there is no answer at all.
        """
        answers = await self._sent([run.by("EVALSHA", _DIGESTS[run.script]) for run in runs])
        unknown = [place for place, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
        if unknown:
            again = await self._sent([runs[place].by("EVAL", _SCRIPTS[runs[place].script]) for place in unknown])
            for place, answer in zip(unknown, again, strict=True):
                answers[place] = answer
        return [_unavailable(answer) if isinstance(answer, Exception) else answer for answer in answers]

    async def ask(self, *command: Value) -> Any:
        """The answer to one command. Raises `MemoryUnavailable`."""
        async with self._asked():
            return await self._redis.execute_command(*command)

    async def ask_all(self, commands: Sequence[Command]) -> list[Any]:
        """The answers to commands that are sent together, in their order. Raises `MemoryUnavailable`."""
        answers = await self._sent(commands)
        for answer in answers:
            if isinstance(answer, Exception):
                raise _unavailable(answer) from answer
        return answers

    async def ask_each(self, commands: Sequence[Command]) -> list[Any]:
        """As `ask_all`, with None for what lies under a key of another type: that is damage, and hides nothing else."""
        answers = [None if _is_damage(answer) else answer for answer in await self._sent(commands)]
        for answer in answers:
            if isinstance(answer, Exception):
                raise _unavailable(answer) from answer
        return answers

    async def ask_nodes(self, *command: str | bytes | int | float) -> list[Any]:
        """What every node of a cluster answers to a command without keys; of no cluster the one server.

        Raises `MemoryUnavailable`.
        """
        async with self._asked():
            if not isinstance(self._redis, RedisCluster):
                return [await self._redis.execute_command(*command)]
            await self._redis.initialize()
            nodes = self._redis.get_nodes()
            return [await self._redis.execute_command(*command, target_nodes=node) for node in nodes]

    async def _sent(self, commands: Sequence[Command]) -> list[Any]:
        """Answers, with an error in place of each that is none."""
        async with translated(self._timeout_s), self._room:
            pipeline = self._redis.pipeline(transaction=False)
            for command in commands:
                pipeline.execute_command(*command)
            answers = list(await pipeline.execute(raise_on_error=False))
        if any(isinstance(answer, ReadOnlyError) for answer in answers):
            await self._leave()
        return answers

    @asynccontextmanager
    async def _asked(self) -> AsyncIterator[None]:
        async with translated(self._timeout_s), self._room:
            try:
                yield
            except ReadOnlyError:
                await self._leave()
                raise

    async def _leave(self) -> None:
        """Connect anew from now on: a server that may only be read is not the one that its name leads to any more."""
        if not isinstance(self._redis, RedisCluster):  # which asks around by itself
            await self._redis.connection_pool.disconnect(inuse_connections=False)

    def within(self, timeout_s: float) -> Server:
        """The same connections, of which this one is the owner, where Redis may be silent for so long at most."""
        other = copy.copy(self)
        other._timeout_s = timeout_s
        return other

    async def aclose(self) -> None:
        """Release connections."""
        await self._redis.aclose()
        if self._sentinels is not None:
            await self._sentinels.aclose()

    def _client(self, url: str) -> Any:
        """The client for a URL of `journal.url`."""
        options: dict[str, Any] = {
            "socket_connect_timeout": CONNECT_S,
            "socket_timeout": None,
            "decode_responses": False,
            "max_connections": CONNECTIONS,
        }
        scheme, _, kind = urlsplit(url).scheme.partition("+")
        plain = urlunsplit(urlsplit(url)._replace(scheme=scheme))
        if kind == "cluster":  # it tries again where another node has become the one to ask
            return RedisCluster.from_url(plain, **options)
        options["retry"] = Retry(NoBackoff(), 0)
        if kind == "sentinel":
            return self._named_by_sentinels(plain, options)
        return Redis.from_url(plain, **options)

    def _named_by_sentinels(self, url: str, options: dict[str, Any]) -> Any:
        """The server that sentinels name: `redis://[:PASSWORD@]HOST[:PORT],HOST[:PORT]/NAME`."""
        address = urlsplit(url)
        credentials, _, hosts = address.netloc.rpartition("@")
        username, _, password = credentials.partition(":")
        pairs = [host.rpartition(":") if ":" in host else (host, ":", str(SENTINEL_PORT)) for host in hosts.split(",")]
        options |= {"ssl": True} if address.scheme == "rediss" else {}
        addresses = [(host, int(port)) for host, _, port in pairs]
        self._sentinels = Sentinel(addresses, sentinel_kwargs=dict(options), **options)  # type: ignore[no-untyped-call] # redis-py has no types here
        return self._sentinels.master_for(
            address.path.strip("/"), username=unquote(username) or None, password=unquote(password) or None, **options
        )


@asynccontextmanager
async def translated(timeout_s: float | None) -> AsyncIterator[None]:
    """Turn whatever Redis or its client raises into `MemoryUnavailable`; a cancelled caller stays cancelled."""
    try:
        async with asyncio.timeout(timeout_s):  # redis-py's own sends by `wait_for`, which may swallow a cancellation
            yield
    except (RedisError, RedisClusterException, OSError, TimeoutError) as error:
        raise _unavailable(error) from error


def _is_damage(answer: Any) -> bool:
    return isinstance(answer, RedisError) and str(answer).startswith("WRONGTYPE")


def _unavailable(error: Exception) -> MemoryUnavailable:
    kind = Damaged if _is_damage(error) else MemoryUnavailable
    return kind(f"redis: {str(error) or type(error).__name__}")
