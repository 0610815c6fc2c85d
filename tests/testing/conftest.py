"""One process for all tests of this folder, blank for each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway.testing import ScriptedUpstream


@pytest.fixture(scope="session")
def process() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture
def scripted(process: ScriptedUpstream) -> ScriptedUpstream:
    process.clear()
    return process
