"""gateway/transcripts.py: files of logs, whole and broken; each part of one is read, or named with what is wrong."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import transcripts
from gateway.errors import ConfigError
from gateway.shapes import chat
from gateway.transcripts import read_log
from tests.logs.samples import ASK, FOUND, LOOK, TALK, TOLD, only, read, reasons, said, sent, written


def test_lines_arrays_and_files_written_over_several_lines_are_the_same(tmp_path: Path) -> None:
    documents = [{"messages": TALK, "id": "1"}, {"messages": [ASK, TOLD], "id": "2"}]
    lines = read(tmp_path, *documents).transcripts
    array = read(tmp_path, documents).transcripts
    indented = read_log(written(tmp_path, json.dumps(documents, indent=1))).transcripts
    zipped = read_log(written(tmp_path, gzip.compress(("\ufeff" + json.dumps(documents)).encode()))).transcripts
    assert [one.session for one in lines] == ["1", "2"]
    for others in (array, indented, zipped):
        assert [one.session for one in others] == ["1", "2"]
        assert [sent(one, 0) for one in others] == [sent(one, 0) for one in lines]
    assert [one.where for one in lines] == ["line 1", "line 2"]
    assert [one.where for one in indented] == ["item 1", "item 2"]


def test_one_conversation_written_over_several_lines_is_one(tmp_path: Path) -> None:
    log = read_log(written(tmp_path, json.dumps({"messages": TALK}, indent=2)))
    assert (only(log).where, said(only(log))) == ("the file", ["gate", "Gate B12."])


def test_bare_lists_are_conversations_and_not_a_list_of_them(tmp_path: Path) -> None:
    log = read(tmp_path, TALK, [ASK, TOLD])
    assert [len(one.answers) for one in log.transcripts] == [2, 1]


def test_a_bad_line_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    content = '{"messages": [\n\n{"messages": []}\n' + json.dumps({"messages": TALK}) + "\n[]\n7\n[8]\n"
    log = read_log(written(tmp_path, content))
    assert [one.where for one in log.transcripts] == ["line 4"]
    assert [fault.where for fault in log.faults] == ["line 1", "line 3", "line 5", "line 6", "item 1"]
    assert "line 3: no list of messages" in reasons(log)


def test_a_file_that_cannot_be_opened_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere: No such file"):
        read_log(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="a broken gzip file"):
        read_log(written(tmp_path, gzip.compress(b"x" * 999)[:-9]))
    with pytest.raises(ConfigError, match="Unknown compression method"):
        read_log(written(tmp_path, b"\x1f\x8b\x00" + b"plain" * 4))
    with pytest.raises(ConfigError, match="an archive that cannot be read: File is not a zip file"):
        read_log(written(tmp_path, b"PK\x03\x04" + b"plain" * 4))


def test_an_archive_holds_logs_of_which_not_too_much_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "logs.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("notes.txt", "nothing")
    with pytest.raises(ConfigError, match=r"it holds no conversations.json and no \.jsonl"):
        read_log(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("past/calls.jsonl", json.dumps({"messages": TALK}))
    assert [one.where for one in read_log(path).transcripts] == ["past/calls.jsonl, line 1"]
    monkeypatch.setattr(transcripts, "MAX_UNPACKED_BYTES", 9)
    with pytest.raises(ConfigError, match="unpacked it is more than"):
        read_log(path)


def test_words_that_are_not_well_formed_are_read_as_live_ones_are(tmp_path: Path) -> None:
    log = read_log(
        written(tmp_path, '[{"role": "user", "content": "\\ud83d"}, {"role": "assistant", "content": "ok"}]')
    )
    call = chat.SHAPE.read(only(log).call(0).request)
    assert call is not None
    assert call.turns[0].text == "\ufffd"


MESSAGE = st.sampled_from([ASK, LOOK, FOUND, TOLD])


@settings(deadline=None, max_examples=50)
@given(st.lists(st.lists(MESSAGE, max_size=8), max_size=6))
def test_nothing_is_lost_without_a_word(tmp_path_factory: pytest.TempPathFactory, talks: list[list[Any]]) -> None:
    log = read(tmp_path_factory.mktemp("logs"), *talks)
    places = [fault.where for fault in log.faults] + [one.where for one in log.transcripts]
    assert sorted(places) == [f"line {number}" for number in range(1, len(talks) + 1)]
    for transcript in log.transcripts:
        talk = talks[int(transcript.where.removeprefix("line ")) - 1]
        assert len(transcript.answers) == sum(message["role"] == "assistant" for message in talk[1:])


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_clearly(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = written(tmp_path_factory.mktemp("logs"), content)
    try:
        log = read_log(path)
    except ConfigError:
        return
    assert len(log.faults) + len(log.transcripts) <= len(content.splitlines())
