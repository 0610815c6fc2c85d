"""What memory would do with a call that is not made: judged and augmented as any other, with nothing kept of it.

Its augmenter is one of its own, so that whatever that counts, holds or leaves alone is none of the calls' business; and
what would go on record with a call (its notes, the lessons drawn for it) is only shown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.augment import Augmenter
from gateway.console import Rehearsal
from gateway.identify import Claims, claims
from gateway.paths import target_of
from gateway.ports import Headers
from gateway.shapes.base import Shape
from gateway.signatures import OpenWebUi
from gateway.stages import untimed
from gateway.types import Outcome, Scope
from gateway.visits import Visit, Visits


class Rehearser:
    """Rehearses calls."""

    def __init__(
        self,
        *,
        visits: Visits,
        augmenter: Augmenter,
        shapes: Mapping[str, Shape],
        secret: bytes,
        signing: OpenWebUi | None,
    ) -> None:
        """Judge calls as the gateway with these parts does; `augmenter` is one that makes no calls."""
        self._visits = visits
        self._augmenter = augmenter
        self._shapes = shapes
        self._secret = secret
        self._signing = signing

    async def rehearse(self, scope: Scope, path: str, headers: Headers, body: Mapping[str, Any]) -> Rehearsal:
        """See `Console.rehearse`; who is not named in the scope is whom path, headers and body name.

        Raises `RequestError` for what would be refused.
        """
        said = claims(headers, path, self._secret, self._signing)
        claimed = msgspec.structs.replace(
            said, tenant=scope.tenant, user=scope.user or said.user, session=scope.session or said.session
        )
        visit, matched = await asyncio.to_thread(self._judged, headers, claimed, body)  # 30 ms for a megabyte
        if isinstance(visit, Outcome):
            return Rehearsal(policy=matched, scope=scope, outcome=visit)
        session, prompt = await self._augmenter.augment(visit)
        return Rehearsal(
            policy=visit.policy.name,
            scope=session.scope,
            outcome=prompt.outcome,
            notes=tuple(note for note in prompt.added if note.text),
            considered=prompt.considered,
            body="" if prompt.body is visit.call.body else prompt.body.decode(),
        )

    def _judged(self, headers: Headers, claimed: Claims, body: Mapping[str, Any]) -> tuple[Visit | Outcome, str]:
        """What may be done with a call, or why nothing may, and under which policy; empty where it came to none."""
        target, matched = target_of("POST", claimed.path), [""]
        shape = self._shapes.get(target) if claimed.mode != "off" else None
        if shape is None:
            return Outcome(status="off"), ""
        sent = msgspec.json.encode(body)
        call = shape.read(sent)
        if call is None:
            return Outcome(status="error", reason="unread"), ""
        visits = msgspec.structs.replace(self._visits, timing=untimed, on_match=matched.append)
        return visits.judge(shape, headers, claimed, target, call, sent), matched[-1]
