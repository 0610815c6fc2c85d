"""What most end-to-end tests need: a scripted upstream in its own process, and a gateway on a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import msgspec
import pytest
import structlog

from gateway.config import Config
from gateway.routes import UpstreamConfig
from gateway.running import Running
from gateway.sections import Server
from gateway.serve import serving
from gateway.testing import ScriptedUpstream
from gateway.types import Operator
from gateway.wiring import running
from tests.faults.scale import choose


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run proofs at the size that is promised")


def pytest_configure(config: pytest.Config) -> None:
    choose(is_long=config.getoption("--long"))


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway in this process, behind a socket."""

    url: str
    parts: Running

    async def user_of(self, exchange: str) -> str | None:
        """Whose an exchange is, on record."""
        found = await self.parts.journal.read(Operator(), exchange)
        return None if found is None else found.scope.user

    async def learnt(self) -> None:
        """Wait until everything recorded so far has been learnt."""
        async with asyncio.timeout(10):
            await self.parts.settle.wait()


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """A command run in this process configures its logging; the next test must not find it so."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


Serve = Callable[..., AbstractAsyncContextManager[Served]]


@pytest.fixture(scope="session")
def upstream_process() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as process:
        yield process


@pytest.fixture
def upstream(upstream_process: ScriptedUpstream) -> ScriptedUpstream:
    """The scripted upstream, with nothing scripted and nothing received."""
    upstream_process.clear()
    return upstream_process


@pytest.fixture
def serve(upstream: ScriptedUpstream, tmp_path: Path) -> Serve:
    """Starts gateways over this test's own data directory."""

    @asynccontextmanager
    async def started(**changes: object) -> AsyncIterator[Served]:
        settings = {
            "server": Server(port=0),
            "upstreams": {"default": UpstreamConfig(url=upstream.url)},
            "data_dir": str(tmp_path / "data"),
            "policies": str(tmp_path / "policies"),
            **changes,
        }
        config = Config(**settings)  # type: ignore[arg-type] # a test's own choice of members
        async with running(config) as parts, serving(config, parts) as port:
            yield Served(url=f"http://127.0.0.1:{port}/v1", parts=parts)

    return started


@pytest.fixture
async def served(serve: Serve) -> AsyncIterator[Served]:
    """A gateway with nothing configured but its upstream."""
    async with serve() as gateway:
        yield gateway
