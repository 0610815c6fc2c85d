"""What an operator sees and does, of a gateway that runs."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest

from gateway.catalogue import Selection
from gateway.config import Config
from gateway.erasures import Person
from gateway.errors import DataDirError
from gateway.operating import Office
from gateway.types import Scope
from gateway.wiring import running

ANA = Scope(tenant="acme", user="ana")


async def test_all_of_a_console_is_there(tmp_path: Path) -> None:
    config = Config(data_dir=str(tmp_path / "data"), policies=str(tmp_path / "policies"))
    async with running(config) as parts, AsyncExitStack() as stack:
        console = await Office(config, parts, stack).console()
        added = await console.curator.add(ANA, "fact", "Invoices are in euros.")
        (held,), _ = await console.catalogue.browse(Selection(), "", 10)
        assert held.memory == added
        assert added in [getattr(one, "memory", one) for one in await console.search(ANA, "Which currency?")]
        assert (await console.facts(None, None)).calls == []
        health = await console.health()
        assert (health.memory, health.journal, health.stores["store"]) == ("on", "ok", "local")
        assert await console.read("ex_none") is None


async def test_a_console_that_cannot_be_made_now_is_made_later(tmp_path: Path) -> None:
    config = Config(data_dir=str(tmp_path / "data"), policies=str(tmp_path / "policies"))
    nowhere = msgspec.structs.replace(config, data_dir=str(tmp_path / "nowhere"))
    async with running(config) as parts, AsyncExitStack() as stack:
        office = Office(nowhere, parts, stack)
        with pytest.raises(DataDirError):
            await office.console()
        (tmp_path / "nowhere").symlink_to(tmp_path / "data")
        console = await office.console()
        assert await office.console() is console


FLIGHT = "Confirm the date before you book a flight."


@pytest.mark.promise("P11")
async def test_a_rehearsal_knows_nothing_of_who_was_erased_and_no_lesson_that_was_retired(tmp_path: Path) -> None:
    config = Config(data_dir=str(tmp_path / "data"), policies=str(tmp_path / "policies"))
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": FLIGHT}]}
    async with running(config) as parts, AsyncExitStack() as stack:
        console = await Office(config, parts, stack).console()

        async def considered() -> list[str]:
            return [one.text for one in (await console.rehearse(ANA, "/chat/completions", [], body)).considered]

        lesson = await console.curator.add(ANA, "correction", FLIGHT)
        assert len(await considered()) == 1
        await console.curator.retire(ANA, lesson.id)
        assert await considered() == []
        await console.curator.restore(ANA, lesson.id)
        assert len(await considered()) == 1
        await console.eraser.erase(Person(tenant="acme", user="ana"))
        assert await considered() == []
