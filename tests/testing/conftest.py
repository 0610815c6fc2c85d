"""The scripted upstream, by the name it has where it is what is tested."""

from __future__ import annotations

import pytest

from gateway.testing import ScriptedUpstream


@pytest.fixture
def scripted(upstream: ScriptedUpstream) -> ScriptedUpstream:
    return upstream
