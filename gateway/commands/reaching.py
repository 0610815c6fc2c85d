"""Where commands get their answers: from the API of a running gateway, or of one brought up in this process.

A running gateway is the one at `--url`, else the one that holds the data directory. Where none runs, the directory is
opened here, for as long as the command takes; nothing is listened on.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import click
import httpx
import msgspec
import uvloop
from starlette.routing import Router

from gateway.admin import OPERATIONS, operations
from gateway.admin.operations import LINES
from gateway.admin.operators import Operators, admin_key, known_key
from gateway.clock import SystemClock
from gateway.commands.options import config_option, data_dir_option, or_exit
from gateway.config import Config, environment, is_loopback, load_config
from gateway.datadir import DataDir
from gateway.errors import AccrueError, ConfigError
from gateway.operating import Office
from gateway.telemetry import configure_logs
from gateway.wiring import running

user_option = click.option("--user", help="The user, as your clients name them.")
session_option = click.option("--session", default="", help="The session, where nobody was named in it.")
tenant_option = click.option("--tenant", default="", help="The tenant, where several know such a person.")

TIMEOUT_S = 600.0
"""For an answer: a person may have said much, and an import hold many memories."""

PIECE_BYTES = 1 << 20
"""Of a file are read at once."""

Answer = TypeVar("Answer")

url_option = click.option("--url", help="A running gateway (default: the one on the data directory, else none).")
insecure_option = click.option("--insecure", "is_insecure", is_flag=True, help="Let --url be plain http:// elsewhere.")


class Where(msgspec.Struct, frozen=True, kw_only=True):
    """What a command line says of where the memories are that it is about."""

    config_file: Path | None
    data_dir: str | None
    url: str | None
    is_insecure: bool = False
    """True where the admin key may go to another machine for all to read."""


def where_options(command: Callable[..., None]) -> Callable[..., None]:
    """Options by which a command gets its `where`."""

    @functools.wraps(command)
    def told(
        *, config_file: Path | None, data_dir: str | None, url: str | None, is_insecure: bool, **others: Any
    ) -> None:
        where = Where(config_file=config_file, data_dir=data_dir, url=url, is_insecure=is_insecure)
        command(where=where, **others)

    return url_option(insecure_option(config_option(data_dir_option(told))))


def whose_options(command: Callable[..., None]) -> Callable[..., None]:
    """Options by which a command gets `whose`: a person, as operations name one."""

    @functools.wraps(command)
    def told(*, user: str | None, session: str, tenant: str, **others: Any) -> None:
        command(whose={"user": user, "session": session, "tenant": tenant}, **others)

    return user_option(session_option(tenant_option(told)))


class Api:
    """Our own API, asked by its operator."""

    def __init__(self, client: httpx.AsyncClient, place: str) -> None:
        self._client = client
        self.place = place
        """Where it is: the end of a sentence."""

    async def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        file: Path | None = None,
        on_sent: Callable[[int], object] = lambda size: None,
    ) -> Any:
        """What an operation answers, decoded. Raises `AccrueError` for a refusal.

        Args:
            body: the members of a JSON body.
            file: of lines, which are the body.
            on_sent: told of each piece of the file how many bytes it has.
        """
        content = None if body is None else msgspec.json.encode(body)
        answer = await self._sent(method, path, query, content if file is None else _pieces(file, on_sent))
        try:
            return msgspec.json.decode(answer.content)
        except msgspec.DecodeError as error:
            raise ConfigError(f"{self.place} is no gateway: it answered {answer.status_code}, and no JSON") from error

    async def lines(self, path: str, query: Mapping[str, Any] | None = None) -> AsyncIterator[bytes]:
        """The lines that an operation answers, with their ends. Raises `AccrueError`."""
        try:
            async with self._client.stream("GET", path, params=_given(query)) as answer:
                if not answer.is_success:
                    await answer.aread()
                    raise _refused(answer)
                if answer.headers.get("content-type") != LINES:
                    raise ConfigError(f"{self.place} is no gateway: it answered {answer.status_code}, and no lines")
                async for chunk in answer.aiter_bytes():
                    yield chunk
        except httpx.HTTPError as error:
            raise self._away(error) from error

    async def _sent(
        self, method: str, path: str, query: Mapping[str, Any] | None, content: bytes | AsyncIterator[bytes] | None
    ) -> httpx.Response:
        try:
            answer = await self._client.request(method, path, params=_given(query), content=content)
        except httpx.HTTPError as error:
            raise self._away(error) from error
        if not answer.is_success:  # nor is it followed elsewhere, with the admin key
            raise _refused(answer)
        return answer

    def _away(self, error: httpx.HTTPError) -> ConfigError:
        return ConfigError(f"{self.place} does not answer: {error}")


def configured(where: Where) -> Config:
    """What is configured there; what is logged goes where it is told apart from what is printed."""
    config = or_exit(lambda: load_config(where.config_file, environment(), data_dir=where.data_dir))
    configure_logs("error", config.telemetry.log_format)
    return config


def answered(where: Where, work: Callable[[Api], Coroutine[None, None, Answer]]) -> Answer:
    """What comes of some work with the API; an error on purpose ends the command with one line."""
    config = configured(where)

    async def done() -> Answer:
        async with reached(config, where) as api:
            return await work(api)

    def until_done() -> Answer:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(done())

    return or_exit(until_done)


@asynccontextmanager
async def reached(config: Config, where: Where) -> AsyncIterator[Api]:
    """The API of a gateway. Raises `AccrueError` where there is none to be had."""
    data = DataDir(Path(config.data_dir), config.auth.shared_secret)
    url = address(config, data, where)
    if url:
        headers = {"authorization": f"Bearer {known_key(config, data)}"}
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=TIMEOUT_S, trust_env=False) as client:
            yield Api(client, url)
        return
    data.require_record()
    async with running(config, past=SystemClock()) as parts, AsyncExitStack() as stack:
        office, own = Office(config, parts, stack), admin_key(config, data)
        transport = httpx.ASGITransport(Router(operations.routes(OPERATIONS, office.console, Operators(own))))
        headers = {"authorization": f"Bearer {own}"}
        client = httpx.AsyncClient(transport=transport, base_url="http://accrue", headers=headers)
        yield Api(await stack.enter_async_context(client), config.data_dir)


def address(config: Config, data: DataDir, where: Where) -> str:
    """Where the gateway is that is meant; empty where none is running.

    Raises `ConfigError` for what is no address, and for one to which the admin key is better not sent.
    """
    url = where.url or data.listens()
    if not url:
        return ""
    read = _read(url)
    if is_loopback(read.host):
        return url
    if not where.url and read.host != config.server.host:
        raise ConfigError(f"{data.path} says that its gateway is at {url}, not on this machine; name it by --url")
    if where.url and read.scheme == "http" and not where.is_insecure:
        raise ConfigError(f"--url: on the way to {read.host} others can read the admin key: use https, or --insecure")
    return url


def _read(url: str) -> httpx.URL:
    """An address, in the eyes of who sends the key there."""
    with suppress(httpx.InvalidURL):
        read = httpx.URL(url)
        if read.scheme in ("http", "https") and read.host:
            return read
    raise ConfigError(f"--url: {url} is no address of a gateway, such as http://127.0.0.1:8080")


async def _pieces(file: Path, on_sent: Callable[[int], object]) -> AsyncIterator[bytes]:
    with file.open("rb") as stream:
        while piece := await asyncio.to_thread(stream.read, PIECE_BYTES):
            yield piece
            on_sent(len(piece))


def _given(query: Mapping[str, Any] | None) -> Mapping[str, Any]:
    return {name: value for name, value in (query or {}).items() if value not in (None, "")}


def _refused(answer: httpx.Response) -> AccrueError:
    try:
        return AccrueError(str(answer.json()["error"]["message"]))
    except (ValueError, LookupError, TypeError):
        return AccrueError(f"it answered {answer.status_code}")
