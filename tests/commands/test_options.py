from __future__ import annotations

import pytest

from gateway.commands.options import or_exit
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
