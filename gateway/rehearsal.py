"""What memory would do with a call that is not made: judged and augmented as any other, with nothing kept of it.

Its augmenter is one of its own, so that whatever that counts, holds or leaves alone is none of the calls' business; and
what would go on record with a call (its notes, the lessons drawn for it) is only shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from gateway import identify
from gateway.augment import Augmenter
from gateway.console import Rehearsal
from gateway.paths import target_of
from gateway.ports import Headers
from gateway.shapes.base import Shape
from gateway.signatures import OpenWebUi
from gateway.stages import untimed
from gateway.types import Outcome, Scope
from gateway.visits import Visits


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
        said = identify.claims(headers, path, self._secret, self._signing)
        claimed = msgspec.structs.replace(
            said, tenant=scope.tenant, user=scope.user or said.user, session=scope.session or said.session
        )
        target, sent, matched = target_of("POST", claimed.path), msgspec.json.encode(body), list[str]()
        shape = self._shapes.get(target) if claimed.mode != "off" else None
        if shape is None:
            return Rehearsal(policy="", scope=scope, outcome=Outcome(status="off"))
        call = shape.read(sent)
        if call is None:
            return Rehearsal(policy="", scope=scope, outcome=Outcome(status="error", reason="unread"))
        visits = msgspec.structs.replace(self._visits, timing=untimed, on_match=matched.append)
        visit = visits.judge(shape, headers, claimed, target, call, sent)
        if isinstance(visit, Outcome):
            return Rehearsal(policy=matched[0], scope=scope, outcome=visit)
        session, prompt = await self._augmenter.augment(visit)
        return Rehearsal(
            policy=visit.policy.name,
            scope=session.scope,
            outcome=prompt.outcome,
            notes=tuple(note for note in prompt.added if note.text),
            considered=prompt.considered,
            body="" if prompt.body is visit.call.body else prompt.body.decode(),
        )
