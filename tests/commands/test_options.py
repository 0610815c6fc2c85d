"""How commands print and end."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from gateway.commands.options import or_exit, print_json, print_lines
from gateway.errors import DataDirError


def test_an_error_on_purpose_ends_a_command_with_one_line_and_any_other_is_a_fault(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(error: Exception) -> None:
        raise error

    with pytest.raises(SystemExit, match="1"):
        or_exit(lambda: fail(DataDirError("in use")))
    assert capsys.readouterr().err == "accrue: in use\n"
    with pytest.raises(KeyError):
        or_exit(lambda: fail(KeyError("ours")))
    assert or_exit(lambda: 7) == 7


HOSTILE = "Zürich 🚆 \x1b[2J\x9b31m\x7f\x85"


def test_an_error_that_quotes_others_leaves_the_terminal_alone(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise DataDirError(f"no {HOSTILE} here\nnor there")

    with pytest.raises(SystemExit):
        or_exit(fail)
    said = capsys.readouterr().err
    assert said.splitlines()[-1] == "nor there"
    assert all(one.isprintable() or one == "\n" for one in said)


async def test_json_reads_the_same_and_leaves_the_terminal_alone(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    print_json({"said": HOSTILE})
    shown = capsysbinary.readouterr().out.decode()

    async def pieces() -> AsyncIterator[bytes]:
        for byte in json.dumps({"said": HOSTILE}, ensure_ascii=False).encode():
            yield bytes((byte,))

    await print_lines(pieces())
    for printed in (shown, capsysbinary.readouterr().out.decode()):
        assert json.loads(printed) == {"said": HOSTILE}
        assert "Zürich 🚆" in printed
        assert all(one.isprintable() or one == "\n" for one in printed)
