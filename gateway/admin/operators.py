"""Who may ask our own API: whoever holds the admin key, wherever they ask from and whatever the path says."""

from __future__ import annotations

import hmac

from gateway.errors import Unauthorized
from gateway.headers import first_value
from gateway.ports import Headers
from gateway.types import Operator

BEARER = "bearer "


class Operators:
    """Tells operators from everybody else."""

    def __init__(self, admin_key: str) -> None:
        self._admin_key = admin_key.encode()

    def admitted(self, headers: Headers) -> Operator:
        """The authority of who sent these. Raises `Unauthorized` for anybody but an operator."""
        sent = first_value(headers, b"authorization")
        key = sent[len(BEARER) :] if sent.lower().startswith(BEARER) else ""
        if not hmac.compare_digest(key.strip().encode(), self._admin_key):
            raise Unauthorized("this needs the admin key, as `Authorization: Bearer …`", code="admin_key_required")
        return Operator()
