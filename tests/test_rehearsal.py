"""Calls that are not made: the same notes as those that are, and no trace."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from openai import AsyncOpenAI

from gateway import credentials
from gateway.errors import BadRequest, RequestError
from gateway.ports import Headers
from gateway.rehearsal import Rehearser
from gateway.testing import ScriptedUpstream
from gateway.types import Outcome, Scope
from tests.conftest import Serve, Served

CHAT = "/chat/completions"
DOG = "My dog Biscuit is allergic to chicken."
QUESTION = "What should my dog not eat?"


def asking(text: str = QUESTION, **members: object) -> dict[str, Any]:
    return {"model": "gpt-4o", "messages": [{"role": "user", "content": text}], **members}


class Hall:
    """A gateway that has heard of Ann's dog, and a rehearser over its parts."""

    def __init__(self, served: Served) -> None:
        self.served, gateway = served, served.parts.gateway
        key = credentials.credential([(b"authorization", b"Bearer sk-1")], "")
        self.tenant = credentials.tenant(key, gateway.secret)
        self.ann = Scope(tenant=self.tenant, user="ann")
        self.rehearser = Rehearser(
            visits=gateway.visits,
            augmenter=served.parts.rehearsing,
            shapes=gateway.shapes,
            secret=gateway.secret,
            signing=None,
        )

    async def say(self, text: str, session: str) -> str:
        """Make a call of Ann's; what its answer says memory did."""
        headers = {"x-accrue-user": "ann", "x-accrue-session": session}
        async with AsyncOpenAI(base_url=self.served.url, api_key="sk-1", max_retries=0, default_headers=headers) as sdk:
            answer = await sdk.chat.completions.with_raw_response.create(
                model="gpt-4o", messages=[{"role": "user", "content": text}]
            )
        return answer.headers["x-accrue-memory"]

    def counted(self) -> list[str]:
        """Everything but how many tasks there are."""
        shown = self.served.parts.telemetry.render().decode().splitlines()
        return [line for line in shown if not line.startswith(("accrue_tasks", "#"))]


@pytest.fixture
async def hall(serve: Serve, tmp_path: Path) -> AsyncIterator[Hall]:
    policies = tmp_path / "policies"
    policies.mkdir()
    (policies / "closed.yaml").write_text('{"match": {"agent": ["robot"]}, "memory": "off"}')
    async with serve() as served:
        found = Hall(served)
        await found.say(DOG, "s1")
        await served.learnt()
        yield found


def on_disk(path: Path) -> Mapping[str, list[Any]]:
    """All rows of a database."""
    with closing(sqlite3.connect(path)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: database.execute(f"SELECT * FROM {name}").fetchall() for name in tables}


async def test_it_shows_the_notes_that_the_call_would_get(hall: Hall, upstream: ScriptedUpstream) -> None:
    session = msgspec.structs.replace(hall.ann, session="s2")
    shown = await hall.rehearser.rehearse(session, CHAT, [], asking())
    assert (shown.policy, shown.outcome.status) == ("default", "hit")
    assert any("allergic to chicken" in note.text for note in shown.notes)
    assert any(one.decision == "injected" and "Biscuit" in one.text for one in shown.considered)
    assert await hall.say(QUESTION, "s2") == shown.outcome.header
    assert json.loads(upstream.requests()[-1].body)["messages"] == json.loads(shown.body)["messages"]


async def test_nothing_is_sent_recorded_counted_or_held(hall: Hall, upstream: ScriptedUpstream, tmp_path: Path) -> None:
    paths = [tmp_path / "data" / name for name in ("journal.db", "memories.db")]
    before = [on_disk(path) for path in paths], hall.counted(), len(upstream.requests())
    held = dict(hall.served.parts.gateway.augmenter._held)
    for text in (QUESTION, DOG, "Always answer in French."):
        await hall.rehearser.rehearse(hall.ann, CHAT, [], asking(text))
    assert ([on_disk(path) for path in paths], hall.counted(), len(upstream.requests())) == before
    assert hall.served.parts.gateway.augmenter._held == held


@pytest.mark.promise("P7")
@pytest.mark.parametrize(
    ("scope", "headers", "status"),
    [
        ({"user": "ann"}, [], "hit"),
        ({"user": "bob"}, [], "empty"),
        ({"user": "bob"}, [(b"x-accrue-user", b"ann")], "empty"),
        ({"user": None}, [(b"x-accrue-user", b"ann")], "hit"),
        ({"user": "ann", "tenant": "another"}, [(b"authorization", b"Bearer sk-1")], "empty"),
    ],
)
async def test_it_is_whose_the_asker_says_and_else_whose_the_call_says(
    hall: Hall, scope: dict[str, Any], headers: Headers, status: str
) -> None:
    whose = Scope(**{"tenant": hall.tenant, **scope})
    shown = await hall.rehearser.rehearse(whose, CHAT, headers, asking())
    assert shown.outcome.status == status
    assert shown.scope.tenant == whose.tenant


async def test_names_in_the_path_and_the_version_are_read_as_ever(hall: Hall) -> None:
    nobody = Scope(tenant=hall.tenant, user=None)
    shown = await hall.rehearser.rehearse(nobody, "/u/ann/s/s9/v1/chat/completions", [], asking())
    assert (shown.outcome.status, shown.scope.user, shown.scope.session) == ("hit", "ann", "s9")
    mine = Scope(tenant=hall.tenant, user="ann", session="mine")
    named = await hall.rehearser.rehearse(mine, "/v1" + CHAT, [], asking())
    assert named.scope.session == "mine"


@pytest.mark.parametrize(
    ("path", "headers", "body", "policy", "outcome"),
    [
        ("/embeddings", [], asking(), "", Outcome(status="off")),
        (CHAT, [(b"x-accrue-memory", b"off")], asking(), "", Outcome(status="off")),
        (CHAT, [(b"x-accrue-agent", b"robot")], asking(), "closed", Outcome(status="off")),
        (CHAT, [], {"model": "gpt-4o", "messages": 7}, "", Outcome(status="error", reason="unread")),
        (CHAT, [(b"x-accrue-memory", b"write")], asking(), "default", Outcome(status="off", reason="write")),
        (CHAT, [], asking(max_tokens=1), "default", Outcome(status="off", reason="side_call")),
    ],
)
async def test_a_call_that_would_pass_untouched_says_why(
    hall: Hall, path: str, headers: Headers, body: dict[str, Any], policy: str, outcome: Outcome
) -> None:
    shown = await hall.rehearser.rehearse(hall.ann, path, headers, body)
    assert (shown.policy, shown.outcome, shown.body, shown.notes) == (policy, outcome, "", ())


async def test_what_would_be_refused_is_refused(hall: Hall) -> None:
    with pytest.raises(BadRequest):
        await hall.rehearser.rehearse(hall.ann, CHAT, [(b"x-accrue-memory", b"maybe")], asking())
    with pytest.raises(RequestError):
        await hall.rehearser.rehearse(hall.ann, "/v1/organization/users", [], asking())
