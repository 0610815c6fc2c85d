"""gateway/logs/chatgpt.py: of a data export of ChatGPT, what was said aloud on the branch that was looked at last."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from gateway.replay import timeline
from gateway.transcripts import Log, read_log
from tests.logs.samples import only, read, reasons, said, sent

START = 1_750_000_000.0


def message(role: str, *parts: Any, at: float | None = None, kind: str = "text", **others: Any) -> dict[str, Any]:
    content = {"content_type": kind, "parts": list(parts)}
    return {"author": {"role": role, "name": None}, "content": content, "create_time": at, **others}


def tree(*nodes: tuple[str, str | None, dict[str, Any] | None], leaf: str, **others: Any) -> dict[str, Any]:
    """A conversation of these nodes: name, parent, message."""
    mapping = {name: {"id": name, "parent": parent, "message": said} for name, parent, said in nodes}
    return {
        "title": "Boats",
        "conversation_id": "c-1",
        "create_time": START,
        "default_model_slug": "gpt-4o",
        "mapping": mapping,
        "current_node": leaf,
        **others,
    }


def talk(*messages: dict[str, Any], **others: Any) -> dict[str, Any]:
    """One without branches."""
    chained = [(f"n{number}", f"n{number - 1}", said) for number, said in enumerate(messages, 1)]
    return tree(("n0", None, None), *chained, leaf=f"n{len(messages)}", **others)


HARBOUR = talk(
    message("system", "", metadata={"is_visually_hidden_from_conversation": True}),
    message("user", "Where do I moor my boat?", at=START + 1),
    message("assistant", "At quay 4.", at=START + 9),
    message("user", "And in winter?", at=START + 86_400),
    message("assistant", "In the shed.", at=START + 86_405),
)


def test_a_conversation_is_its_calls_with_their_session_model_and_times(tmp_path: Path) -> None:
    transcript = only(read(tmp_path, HARBOUR))
    assert said(transcript) == ["At quay 4.", "In the shed."]
    assert sent(transcript, 1) == {
        "model": "gpt-4o",
        "messages": [
            {"role": "user", "content": "Where do I moor my boat?"},
            {"role": "assistant", "content": "At quay 4."},
            {"role": "user", "content": "And in winter?"},
        ],
    }
    assert (transcript.session, transcript.at) == ("c-1", START)
    assert transcript.times == (START + 1, START + 86_400)


def test_the_branch_is_the_one_that_was_looked_at_last(tmp_path: Path) -> None:
    document = tree(
        ("root", None, None),
        ("ask", "root", message("user", "A name for a boat?")),
        ("one", "ask", message("assistant", "Gull.")),
        ("two", "ask", message("assistant", "Heron.")),
        ("thanks", "two", message("user", "Heron it is.")),
        leaf="thanks",
    )
    assert said(only(read(tmp_path, document))) == ["Heron."]


@pytest.mark.parametrize(
    "aside",
    [
        message("tool", "42 results"),
        message("system", "You are a sailor."),
        message("assistant", "search('quay')", recipient="browser"),
        message("assistant", "import boats", kind="code"),
        message("assistant", kind="thoughts"),
        message("user", "Call me Jo.", kind="user_editable_context"),
        message("user", "secret", metadata={"is_visually_hidden_from_conversation": True}),
        message("user", {"content_type": "image_asset_pointer", "width": 9}, kind="multimodal_text"),
        {"author": {"role": "assistant"}, "content": None},
    ],
)
def test_what_was_not_said_aloud_is_passed_over(tmp_path: Path, aside: dict[str, Any]) -> None:
    document = talk(message("user", "Hello?"), aside, message("assistant", "Ahoy.", recipient="all"))
    transcript = only(read(tmp_path, document))
    assert said(transcript) == ["Ahoy."]
    assert sent(transcript, 0)["messages"] == [{"role": "user", "content": "Hello?"}]


def test_words_beside_a_picture_and_words_that_were_spoken_are_read(tmp_path: Path) -> None:
    picture = {"content_type": "image_asset_pointer", "asset_pointer": "file-service://x"}
    heard = {"content_type": "audio_transcription", "text": "and the red one?", "direction": "in"}
    document = talk(
        message("user", picture, "What is this,", heard, kind="multimodal_text"), message("assistant", "A buoy.")
    )
    assert sent(only(read(tmp_path, document)), 0)["messages"] == [
        {"role": "user", "content": "What is this,\nand the red one?"}
    ]


def test_an_answer_in_pieces_is_one(tmp_path: Path) -> None:
    document = talk(
        message("user", "Tides?"),
        message("assistant", "Let me look."),
        message("tool", "high at 9"),
        message("assistant", "High tide is at nine."),
    )
    assert said(only(read(tmp_path, document))) == ["Let me look.\nHigh tide is at nine."]


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({**HARBOUR, "current_node": None}, "no current_node"),
        ({**HARBOUR, "current_node": "n9"}, "mapping: there is no n9"),
        ({**HARBOUR, "mapping": []}, "mapping: Expected"),
        (tree(("a", "b", None), ("b", "a", None), leaf="a"), "mapping: a is its own ancestor"),
        (talk(message("user", "Anyone?")), "no message that ChatGPT answered"),
        (talk(message("user", 7), message("assistant", "x")), "Expected `object`"),
        ({**HARBOUR, "create_time": "long ago"}, "Invalid isoformat"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, document: Any, reason: str) -> None:
    (fault,) = read(tmp_path, document, HARBOUR).faults
    assert fault.where == "line 1"
    assert reason in fault.reason


def export(folder: Path, **files: Any) -> Log:
    path = folder / "export.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content if isinstance(content, str) else json.dumps(content))
    return read_log(path)


def test_the_archive_is_read_as_it_comes_in_one_file_or_in_several(tmp_path: Path) -> None:
    others = {"user.json": {"email": "x"}, "chat.html": "<html>", "shared_conversations.json": [{"id": 1}]}
    log = export(tmp_path, **{"export/conversations.json": [HARBOUR, {"title": "empty", "mapping": {}}], **others})
    assert [one.where for one in log.transcripts] == ["export/conversations.json, item 1"]
    assert reasons(log)[0].startswith("export/conversations.json, item 2: no current_node")
    log = export(tmp_path, **{"conversations-001.json": [HARBOUR], "conversations-000.json": [HARBOUR], **others})
    assert [one.where for one in log.transcripts] == [
        "conversations-000.json, item 1",
        "conversations-001.json, item 1",
    ]


def test_each_call_is_learnt_at_its_own_time(tmp_path: Path) -> None:
    calls, faults = timeline(read(tmp_path, HARBOUR), START + 1e6)
    assert ([call.at for call in calls], faults) == ([START + 1, START + 86_400], [])
    undated = talk(*(message(role, words) for role, words in (("user", "Hi?"), ("assistant", "Ho."))))
    calls, _ = timeline(read(tmp_path, undated), START + 1e6)
    assert [call.at for call in calls] == [START]
