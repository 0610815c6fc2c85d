"""Says which clients were not driven, and why: a skip that nobody sees is a test that nobody has."""

from __future__ import annotations

import pytest

from tests.clients.table import CLIENTS, absence


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line per environment that is not there."""
    for environment in sorted({client.environment for client in CLIENTS}):
        if why := absence(environment):
            terminalreporter.write_line(f"clients of {environment!r} were not driven: {why}")
