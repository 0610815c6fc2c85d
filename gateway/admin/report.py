"""`GET /accrue/report`: what memory did and what it was worth, as JSON.

A report shows the words of all users, so no key of a client opens it.
"""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.admin.operations import Operation
from gateway.console import Console
from gateway.errors import BadRequest
from gateway.period import seconds
from gateway.report import Report, report

Length = Annotated[str, Meta(description="12h, 7d, 2w", extra_json_schema={"pattern": "^[0-9]{1,4}[hdw]$"})]
"""How far back."""


class Period(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What it is to be about."""

    since: Length | None = None
    """None: from the beginning."""
    tenant: str = ""
    """Empty: all."""


async def reported(console: Console, asked: Period) -> Report:
    """The report on a period."""
    facts = await console.facts(asked.tenant or None, begun(console, asked.since))
    return await asyncio.to_thread(report, facts)


def begun(console: Console, length: str | None) -> float | None:
    """When a period of a length began, in Unix seconds; None from the beginning. Raises `BadRequest`."""
    try:
        return None if length is None else console.clock.now() - seconds(length)
    except ValueError as error:
        raise BadRequest(f"since: {error}", code="invalid_since", param="since") from error


OPERATIONS = (
    Operation(
        name="report",
        method="GET",
        path="/accrue/report",
        summary="What memory did and what it was worth.",
        tag="report",
        asked=Period,
        answer=Report,
        work=reported,
    ),
)
