"""gateway/errands.py: what agents may do on purpose follows from the policies, modes and wishes that hold for calls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from gateway.config import Config
from gateway.erasures import Person
from gateway.errands import BY_AGENT, Caller, Errands
from gateway.errors import BadRequest, Forbidden, MemoryUnavailable, NotFound, NotNow, RequestError
from gateway.lookback import changes
from gateway.memories import Found, Query
from gateway.ports import Headers, MemoryStore
from gateway.running import Running
from gateway.types import Operator, Scope
from gateway.wiring import KINDS, running

NOTE = "The staging database listens on port 5433."
ANA: Headers = [(b"authorization", b"Bearer sk-1"), (b"x-accrue-user", b"ana")]


class Bench(msgspec.Struct, frozen=True, kw_only=True):
    """Errands over a gateway that listens nowhere."""

    parts: Running
    errands: Errands

    def ana(self, mode: str = "on") -> Caller:
        return self.errands.admit([*ANA, (b"x-accrue-memory", mode.encode())], "/accrue/mcp", "")

    async def noted(self, text: str = NOTE) -> str:
        """Ana's agent notes something, which is learnt; the memory's id."""
        exchange = await self.errands.remember(self.ana(), text)
        await self.parts.settle.wait()
        found = await self.parts.store.list(await self.scope(exchange), [], 9)
        return next(memory.id for memory in found if memory.text == text)

    async def scope(self, exchange: str) -> Scope:
        read = await self.parts.journal.read(Operator(), exchange)
        assert read is not None
        return read.scope

    async def texts(self, question: str = "On which port is the staging database?", limit: int = 9) -> list[str]:
        found = await self.errands.search(self.ana(), question, limit)
        return [memory.text for memory in found.memories]


Opened = Callable[..., AbstractAsyncContextManager[Bench]]


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    """Starts a gateway under one policy."""

    @asynccontextmanager
    async def started(policy: str = "{}", store: MemoryStore | None = None) -> AsyncIterator[Bench]:
        (tmp_path / "policies").mkdir(exist_ok=True)
        (tmp_path / "policies/default.yaml").write_text(policy)
        config = Config(data_dir=str(tmp_path / "data"), policies=str(tmp_path / "policies"))
        async with running(config) as parts:
            errands = Errands(
                parts.gateway,
                store or parts.store,
                parts.journal,
                KINDS,
                curator=parts.curator,
                is_gone=parts.eraser.is_gone,
                wake=parts.wake,
            )
            yield Bench(parts=parts, errands=errands)

    return started


class Away:
    """A store that cannot answer."""

    async def search(self, scope: Scope, query: Query) -> Found:
        raise MemoryUnavailable("the disk is gone")


async def test_what_is_noted_is_found_by_what_it_is_about(opened: Opened) -> None:
    async with opened() as bench:
        await bench.noted()
        await bench.noted("Deployments are made on Tuesdays.")
        assert (await bench.texts())[0] == NOTE
        assert await bench.texts("When is deployed?", limit=1) == ["Deployments are made on Tuesdays."]


async def test_the_same_words_are_told_once_and_what_is_pinned_and_asked_after_first(opened: Opened) -> None:
    async with opened() as bench:
        await bench.noted()
        scope = await bench.scope(await bench.errands.remember(bench.ana(), "Ports below 1024 are closed."))
        await bench.parts.settle.wait()
        await bench.parts.curator.add(scope, "fact", NOTE)
        await bench.parts.curator.add(scope, "fact", "Ana is vegetarian.")
        texts = await bench.texts()
        assert (texts[0], texts[-1], texts.count(NOTE)) == (NOTE, "Ana is vegetarian.", 1)


async def test_a_note_stands_in_the_session_that_is_named_and_else_in_one_of_its_own(opened: Opened) -> None:
    async with opened() as bench:
        alone = await bench.scope(await bench.errands.remember(bench.ana(), NOTE))
        named = bench.errands.admit([*ANA, (b"x-accrue-session", b"s1")], "/accrue/mcp", "")
        assert (await bench.scope(await bench.errands.remember(named, NOTE))).session == "s1"
        assert (alone.user, alone.session[:3]) == ("ana", "se_")


async def test_secrets_are_not_kept_and_what_was_told_is_not_noted_again(opened: Opened) -> None:
    async with opened() as bench:
        fence = bench.parts.gateway.fence
        echo = fence.block("accrue-notes", fence.nonce("s1"), ["Ana likes tea."])
        exchange = await bench.errands.remember(bench.ana(), f"The key is sk-proj-{'a1B2' * 12}.\n\n{echo}")
        read = await bench.parts.journal.read(Operator(), exchange)
        assert read is not None
        assert read.reply is not None
        text = read.reply.turns[0].text
        assert "a1B2" not in text
        assert "tea" not in text


@pytest.mark.parametrize(
    ("policy", "mode", "may_search", "may_remember"),
    [
        ("{}", "on", True, True),
        ("{}", "read", True, False),
        ("{}", "write", False, True),
        ("{}", "off", False, False),
        ("memory: read", "write", False, False),
        ("learn: {enabled: false}", "on", True, False),
        ("learn: {kinds: [constraint]}", "on", True, False),
        ("holdout: 1.0", "on", False, True),
    ],
)
async def test_modes_and_policies_hold_as_for_calls(
    opened: Opened, policy: str, mode: str, may_search: bool, may_remember: bool
) -> None:
    async with opened(policy) as bench:
        for may, errand in (
            (may_search, bench.errands.search(bench.ana(mode), "port", 9)),
            (may_remember, bench.errands.remember(bench.ana(mode), NOTE)),
        ):
            try:
                await errand
                assert may
            except Forbidden:
                assert not may


async def test_a_policy_can_be_for_errands_alone(opened: Opened, tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies/agents.yaml").write_text("match: {path: ['/v1/mcp']}\nmemory: 'off'\n")
    async with opened() as bench:
        with pytest.raises(Forbidden, match="memory is off"):
            await bench.errands.remember(bench.ana(), NOTE)


async def test_nothing_is_noted_of_those_who_opted_out(opened: Opened) -> None:
    async with opened() as bench:
        scope = await bench.scope(await bench.errands.remember(bench.ana(), NOTE))
        await bench.parts.eraser.erase(Person(tenant=scope.tenant, user="ana"), is_out=True)
        for errand in (bench.errands.remember(bench.ana(), NOTE), bench.errands.search(bench.ana(), "port", 9)):
            with pytest.raises(Forbidden):
                await errand


async def test_what_is_erased_while_it_is_noted_is_not_noted(opened: Opened) -> None:
    async with opened() as bench:
        gone = Errands(
            bench.parts.gateway,
            bench.parts.store,
            bench.parts.journal,
            KINDS,
            curator=bench.parts.curator,
            is_gone=lambda scope, at: True,
            wake=bench.parts.wake,
        )
        with pytest.raises(Forbidden, match="nothing is to be remembered of them"):
            await gone.remember(bench.ana(), NOTE)
        assert await bench.parts.journal.lease(9) == []


async def test_memory_that_is_away_is_said_to_be(opened: Opened) -> None:
    async with opened(store=Away()) as bench:
        with pytest.raises(NotNow, match="memory cannot be reached now; try again later: the disk is gone"):
            await bench.errands.search(bench.ana(), "port", 9)


async def test_an_agent_can_retire_what_is_its_users_and_nothing_an_operator_wants_told(
    opened: Opened, tmp_path: Path
) -> None:
    async with opened() as bench:
        noted = await bench.noted()
        scope = await bench.scope(await bench.errands.remember(bench.ana(), "Tests run nightly."))
        rule = await bench.parts.curator.add(scope, "constraint", "Never deploy on Fridays.")
        wished = await bench.parts.curator.pin(scope, await bench.noted("Ana reads mail at noon."), is_pinned=True)
        await bench.errands.retire(bench.ana(), noted)
        assert NOTE not in await bench.texts()
        evolved = await changes(Config(data_dir=str(tmp_path / "data")), scope, 0.0)
        assert next(one.reason for one in evolved if (one.action, one.memory) == ("RETIRE", noted)) == BY_AGENT
        await bench.parts.curator.restore(scope, noted)
        assert NOTE in await bench.texts()
        refusals: list[tuple[str, type[RequestError]]] = [
            (rule.id, Forbidden),
            (wished.id, Forbidden),
            ("m_0", NotFound),
        ]
        for id, refusal in refusals:
            with pytest.raises(refusal):
                await bench.errands.retire(bench.ana(), id)
        with pytest.raises(Forbidden, match="memory is read here"):
            await bench.errands.retire(bench.ana("read"), noted)


@pytest.mark.promise("P7")
async def test_who_names_nobody_is_asked_to(opened: Opened) -> None:
    async with opened("identify: {anonymous: session}") as bench:
        nobody = bench.errands.admit([(b"authorization", b"Bearer sk-1")], "/accrue/mcp", "")
        for errand in (bench.errands.search(nobody, "port", 9), bench.errands.remember(nobody, NOTE)):
            with pytest.raises(BadRequest, match="Name the user"):
                await errand
    async with opened("identify: {anonymous: 'off'}") as bench:
        named = bench.errands.admit([(b"x-accrue-session", b"s1")], "/accrue/mcp", "")
        with pytest.raises(BadRequest, match="Name the user"):
            await bench.errands.search(named, "port", 9)
