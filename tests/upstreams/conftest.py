"""The scripted upstream, by a name that no adapter has."""

from __future__ import annotations

import pytest

from gateway.testing import ScriptedUpstream


@pytest.fixture
def scripted(upstream: ScriptedUpstream) -> ScriptedUpstream:
    return upstream
