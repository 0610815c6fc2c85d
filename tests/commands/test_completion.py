"""`accrue completion` as it is typed."""

from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner

from gateway.__main__ import main
from gateway.commands.completion import SHELLS


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_is_told_how_to_complete(shell: str) -> None:
    done = CliRunner().invoke(main, ["completion", shell])
    assert done.exit_code == 0
    assert f"_ACCRUE_COMPLETE={shell}_complete" in done.output.replace("\n", " ")


def test_what_is_typed_is_completed() -> None:
    asked = {"_ACCRUE_COMPLETE": "bash_complete", "COMP_WORDS": "accrue memories re", "COMP_CWORD": "2"}
    command = [sys.executable, "-c", "from gateway.__main__ import main; main(prog_name='accrue')"]
    done = subprocess.run(command, env=asked, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["plain,restore", "plain,retire"]


def test_another_shell_is_none() -> None:
    assert CliRunner().invoke(main, ["completion", "tcsh"]).exit_code == 2
