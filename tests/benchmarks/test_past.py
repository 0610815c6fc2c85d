from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import Popen

import pytest

from benchmarks import client, past
from benchmarks.client import MODEL, Chat, Question
from benchmarks.harness import Failed
from gateway.journals.sqlite import SqliteJournal
from gateway.testing import ScriptedUpstream
from gateway.tokens import Tokens

BIKE = "The bicycle of my sister stands in the cellar in Ghent,\nbehind the kettle."
ANSWER = "Then the kettle has to move before the bicycle can."
CHATS = [
    Chat(user="ada", session="1", messages=(BIKE, ANSWER, "Thanks!", "Sure.")),
    Chat(user="eve", session="1", messages=("My bicycle stands in the attic in Bruges.", "High up.")),
]
QUESTION = Question(user="ada", session="2", ask="Where does the bicycle stand?")


@pytest.fixture
def process() -> Iterator[Popen[str]]:
    with Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, text=True) as child:
        yield child
        child.kill()


@pytest.fixture
async def journal(tmp_path: Path) -> Path:
    """A journal that holds nothing."""
    path = tmp_path / "journal.db"
    await SqliteJournal(path).aclose()
    return path


def test_a_gateway_remembers_its_past_under_any_policy_and_nobody_elses(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    assert past.learn(tmp_path, upstream, CHATS) == 3
    with past.remembering(tmp_path, upstream, {}) as url:
        (told,) = client.ask(url, upstream, [QUESTION])
    assert told.count == 2
    assert BIKE.replace("\n", " ") in " ".join(told.notes.split())
    assert ANSWER in told.notes
    assert "Bruges" not in told.notes
    assert f"tokens={Tokens.from_litellm().count(told.notes, MODEL)};" in told.header
    with past.remembering(tmp_path, upstream, {"recall": {"notes": 0}}) as url:
        (told,) = client.ask(url, upstream, [QUESTION])
    assert (told.header, told.count, told.notes) == ("empty", 0, "")


def test_nothing_to_learn_is_learnt_at_once(process: Popen[str], journal: Path) -> None:
    past.wait_until_learnt(process, journal, 0)


def test_calls_that_never_get_on_record_are_a_failure(
    process: Popen[str], journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(past, "LEARN_S", 0.0)
    with pytest.raises(Failed, match="of 3 calls 0 were recorded"):
        past.wait_until_learnt(process, journal, 3)


def test_a_gateway_that_ends_is_not_waited_for(process: Popen[str], journal: Path) -> None:
    process.kill()
    with pytest.raises(Failed, match="of 3 calls 0 were recorded"):
        past.wait_until_learnt(process, journal, 3)
