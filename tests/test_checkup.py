"""How the gateway is, asked of the parts that know."""

from __future__ import annotations

from pathlib import Path

import msgspec

from gateway.checkup import Checkup
from gateway.console import Breaking, Health
from gateway.deadletters import DeadLetter
from gateway.embedders.wordllama import WordLlamaEmbedder
from gateway.journals.sqlite import SqliteDeadLetters, SqliteJournal
from gateway.journals.sqlite.dead import SqliteLetters
from gateway.selftest import SelfTest
from gateway.stores.local import LocalStore
from gateway.telemetry import Telemetry
from gateway.testing import ManualClock
from tests.exchanges import NOW, exchange


async def three() -> int:
    return 3


async def test_it_says_what_works_what_is_left_alone_and_what_waits(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "journal.db")
    store = LocalStore(tmp_path / "memories.db", tmp_path / "index", WordLlamaEmbedder())
    proof, telemetry = SelfTest(store, journal, ManualClock(NOW)), Telemetry()
    checkup = Checkup(
        version="1.2.3",
        started=NOW,
        stores={"store": "local", "journal": "sqlite", "embedder": "wordllama"},
        proof=proof,
        telemetry=telemetry,
        letters=SqliteLetters(tmp_path / "journal.db"),
        waiting=three,
        distilling=lambda: 2,
        indexed=lambda: store.indexed,
    )
    await proof.look()
    for dependency, is_open in (("store", True), ("embedder", True), ("store", False)):
        telemetry.breaker(dependency, is_open)
    await journal.commit(exchange(id="ex_1"))
    letter = DeadLetter(exchange="ex_1", stage="unlearnt", reason="KeyError", at=NOW)
    await SqliteDeadLetters(journal.writer).bury(letter)
    assert await checkup.health() == Health(
        version="1.2.3",
        started=NOW,
        memory="on",
        journal="ok",
        stores={"store": "local", "journal": "sqlite", "embedder": "wordllama"},
        breakers=(
            Breaking(name="embedder", is_open=True, opened=1),
            Breaking(name="store", is_open=False, opened=1),
        ),
        waiting=3,
        distilling=2,
        dead=1,
        indexed=1.0,
    )
    unread = msgspec.structs.replace(checkup, letters=SqliteLetters(tmp_path / "nowhere.db"))
    assert (await unread.health()).dead is None
    await store.aclose()
    await journal.aclose()
