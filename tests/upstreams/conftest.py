"""The scripted upstream, by a name that no adapter has; and litellm kept off the network before a test imports it."""

from __future__ import annotations

import pytest

from gateway.config import without_network_for_litellm
from gateway.testing import ScriptedUpstream

without_network_for_litellm()


@pytest.fixture
def scripted(upstream_process: ScriptedUpstream) -> ScriptedUpstream:
    upstream_process.clear()
    return upstream_process
