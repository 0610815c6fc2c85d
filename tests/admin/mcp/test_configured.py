"""gateway/admin/mcp/configured.py: what speaks the protocol is there for those alone who ask for it."""

from __future__ import annotations

import subprocess
import sys
from contextlib import AsyncExitStack

import pytest

from gateway.admin.mcp.configured import mounted
from gateway.errors import ConfigError
from gateway.sections import Mcp
from tests.conftest import Served


def test_the_sdk_is_not_imported_by_a_gateway_that_does_not_serve_it() -> None:
    program = "import sys, gateway.serve, gateway.admin.mcp.configured; print(*sys.modules)"
    imported = set(subprocess.run([sys.executable, "-c", program], check=True, capture_output=True).stdout.split())
    assert b"gateway.errands" in imported
    assert not {b"mcp", b"mcp_types", b"gateway.admin.mcp.server"} & imported


async def test_without_its_extra_it_says_what_to_install(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "gateway.admin.mcp.server", raising=False)
    monkeypatch.setitem(sys.modules, "mcp_types", None)
    async with AsyncExitStack() as stack:
        assert await mounted(Mcp(), served.parts, stack) == ()
        with pytest.raises(ConfigError, match=r"needs pip install 'accrue\[mcp\]'"):
            await mounted(Mcp(enabled=True), served.parts, stack)
