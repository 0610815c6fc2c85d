"""Lines that were sent, in memory and on disk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO

import pytest

from gateway.admin import lines
from gateway.admin.lines import Lines
from gateway.errors import NotNow, TooLarge

SENT = b"one\ntwo\n\nthree"


async def in_pieces(sent: bytes, size: int = 2) -> AsyncIterator[bytes]:
    for start in range(0, len(sent), size):
        yield sent[start : start + size]


@pytest.mark.parametrize("in_memory", [1, 1_000])
async def test_they_are_read_through_and_each_by_its_place(monkeypatch: pytest.MonkeyPatch, in_memory: int) -> None:
    monkeypatch.setattr(lines, "IN_MEMORY_BYTES", in_memory)
    sent = Lines()
    await sent.fill(in_pieces(SENT))
    each = list(sent.each())
    assert each == [(0, b"one\n"), (4, b"two\n"), (8, b"\n"), (9, b"three")]
    assert [(place, sent.at(place)) for place, _ in reversed(each)] == each[::-1]
    assert sent.at(len(SENT)) == b""
    sent.close()
    sent.close()


async def test_what_is_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MAX_BYTES", len(SENT))
    for sent, is_too_much in ((SENT, False), (SENT + b"!", True)):
        taken = Lines()
        if is_too_much:
            with pytest.raises(TooLarge, match="at most 0 MB"):
                await taken.fill(in_pieces(sent))
        else:
            await taken.fill(in_pieces(sent))
        taken.close()


async def test_a_line_without_end_is_not_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", 3)
    sent = Lines()
    await sent.fill(in_pieces(SENT))
    assert sent.at(0) == b"one"
    assert max(len(line) for _, line in sent.each()) == 3
    sent.close()


async def test_a_disk_without_room_is_said_to_be_full(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(max_size: int) -> IO[bytes]:
        return Path("/dev/full").open("r+b", buffering=16)

    monkeypatch.setattr(lines, "SpooledTemporaryFile", full)
    for sent in (SENT, SENT * 9):
        taken = Lines()
        with pytest.raises(NotNow, match="no room for what is sent: No space left on device"):
            await taken.fill(in_pieces(sent))
        taken.close()
