"""From the section `mcp` of config.yaml to the route that serves it.

What speaks the protocol is imported only where it is asked for: it takes a second and brings libraries of its own.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from contextlib import AsyncExitStack

from starlette.routing import BaseRoute

from gateway.errands import Errands
from gateway.errors import ConfigError
from gateway.running import Running
from gateway.sections import Mcp
from gateway.wiring import KINDS


async def mounted(settings: Mcp, parts: Running, stack: AsyncExitStack) -> Sequence[BaseRoute]:
    """The route, for as long as the stack; none where it is not enabled. Raises `ConfigError`."""
    if not settings.enabled:
        return ()
    try:
        server = importlib.import_module("gateway.admin.mcp.server")
    except ImportError as error:
        raise ConfigError(f"$.mcp.enabled: true needs pip install 'accrue[mcp]' ({error})") from error
    errands = Errands(
        parts.gateway,
        parts.store,
        parts.journal,
        KINDS,
        curator=parts.curator,
        is_gone=parts.eraser.is_gone,
        wake=parts.wake,
    )
    opened = server.opened(errands, parts.gateway.fence, can_forget=settings.can_forget)
    route: BaseRoute = await stack.enter_async_context(opened)
    return (route,)
