"""One exchange in words."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from gateway.admin.explain import explanation
from gateway.config import Config
from gateway.errors import DataDirError
from gateway.explain import lines, text
from gateway.types import Considered, Exchange, Note, Outcome, Reply, Scope, Usage

EXCHANGE = Exchange(
    id="ex_1",
    scope=Scope(tenant="t", user=None, session="se_1"),
    at=0.0,
    path="/chat/completions",
    policy="default",
    outcome=Outcome(status="hit", notes=1, tokens=9, lanes={"episode": 1}),
)


def test_an_exchange_under_way_is_explained_as_far_as_it_got() -> None:
    shown = "\n".join(lines(explanation(EXCHANGE)))
    assert "1970-01-01 00:00:00 UTC" in shown
    assert "nobody named" in shown
    assert "model ?" in shown
    assert "intent, status none yet" in shown
    assert "decision" not in shown


def test_notes_and_candidates_are_shown_with_their_figures() -> None:
    exchange = Exchange(
        id="ex_1",
        scope=Scope(tenant="t", user="ana", session="se_1"),
        at=0.0,
        path="/chat/completions",
        model="m",
        state="done",
        status=200,
        reply=Reply(usage=Usage(prompt_tokens=20, completion_tokens=1, cached_tokens=5)),
        notes=(
            Note(where="head-1", text="<a>\nline\n</a>", tokens=9),
            Note(where="7", text="<b>", tokens=3),
            Note(where="8", text=""),
        ),
        considered=(
            Considered(
                memory="m_1", lane="episode", text="a  b", scores={"words": 1.5}, score=0.5, tokens=4, decision="weak"
            ),
        ),
    )
    shown = "\n".join(lines(explanation(exchange)))
    assert "done, status 200, 20 prompt tokens (5 cached)" in shown
    assert "added after the system text (9 tokens):\n  <a>\n  line" in shown
    assert "added after a user message (3 tokens):\n  <b>" in shown
    assert shown.count("added") == 2
    assert "weak          episode       0.50       4  words=1.50              a b" in shown


def test_what_was_said_and_remembered_moves_no_cursor_and_colours_nothing() -> None:
    hostile = "\x1b[2J\x9b31m\x07\r\x85\u202egone"
    exchange = msgspec.structs.replace(
        EXCHANGE,
        model=hostile,
        scope=Scope(tenant="t", user=hostile, session=hostile),
        notes=(Note(where="7", text=hostile, tokens=3),),
        considered=(
            Considered(memory="m_1", lane="weak", text=hostile, scores={}, score=0.5, tokens=4, decision="weak"),
        ),
    )
    shown = list(lines(explanation(exchange)))
    assert "gone" in "".join(shown)
    assert all(line.isprintable() for line in shown)


def test_a_sub_agent_and_a_retry_are_shown_as_such() -> None:
    exchange = Exchange(
        id="ex_1",
        scope=Scope(tenant="t", user="ana", session="se_1", agent="reviewer"),
        at=0.0,
        path="/responses",
        state="done",
        status=200,
        parent="ses_1",
        attempts=3,
    )
    shown = "\n".join(lines(explanation(exchange)))
    assert "agent reviewer  for ses_1" in shown
    assert "done, status 200, at attempt 3" in shown


def test_a_folder_in_which_nothing_is_recorded_is_named_with_what_may_be_wrong(tmp_path: Path) -> None:
    with pytest.raises(DataDirError, match=r"nothing is recorded in .*none; is this the right --data-dir\?"):
        text(Config(data_dir=str(tmp_path / "none")), "ex_1")
