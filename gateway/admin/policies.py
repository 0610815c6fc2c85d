"""`/accrue/policies`: which there are, how often each was used, and what one would do with a call that is not made."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from gateway.admin.names import Name
from gateway.admin.operations import Operation
from gateway.console import Console, Rehearsal
from gateway.policy import Policy
from gateway.types import Scope

MAX_HEADERS = 200


class Nothing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """There is nothing to choose."""


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """One policy."""

    policy: Policy
    """With the default of every member that its file leaves out."""
    matched: int
    """Calls that were under it since the gateway was started."""


class Policies(msgspec.Struct, frozen=True, kw_only=True):
    """Those in force, in the order in which they are asked."""

    policies: tuple[Listed, ...]


class Call(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A call to rehearse, and whose it is."""

    tenant: Name = ""
    """Empty: the only one in which there is such a user or session."""
    user: Name | None = None
    """None: whom the call itself names."""
    session: Name = ""
    """Empty: the one that the call itself names, or belongs to."""
    path: Annotated[str, Meta(max_length=8_192)] = "/chat/completions"
    """As a client asks for it; `/v1` in front may be left out."""
    headers: Annotated[dict[str, str], Meta(max_length=MAX_HEADERS)] = {}
    body: dict[str, Any]


async def policies(console: Console, asked: Nothing) -> Policies:
    """Those in force."""
    matches = console.matches()
    return Policies(
        policies=tuple(
            Listed(policy=policy, matched=matches.get(policy.name, 0)) for policy in console.policies.current.policies
        )
    )


async def rehearse(console: Console, asked: Call) -> Rehearsal:
    """What memory would do with the call."""
    tenant, user = asked.tenant, asked.user or None
    if not tenant:
        tenant = (await console.eraser.person(user, "" if user else asked.session, "")).tenant
    headers = [(name.lower().encode("latin-1", "replace"), value.encode()) for name, value in asked.headers.items()]
    scope = Scope(tenant=tenant, user=user, session=asked.session)
    return await console.rehearse(scope, asked.path, headers, asked.body)


OPERATIONS = (
    Operation(
        name="listPolicies",
        method="GET",
        path="/accrue/policies",
        summary="The policies in force, in their order, and how often each was used.",
        tag="policies",
        asked=Nothing,
        answer=Policies,
        work=policies,
    ),
    Operation(
        name="rehearseCall",
        method="POST",
        path="/accrue/policies/rehearse",
        summary="What memory would do with a call. Nothing is sent, recorded or counted.",
        tag="policies",
        asked=Call,
        answer=Rehearsal,
        work=rehearse,
    ),
)
