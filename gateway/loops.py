"""Calls that come back to where they were sent from: how they are marked, known again and refused (RFC 8586).

It knows the mark, and which addresses are a listener's own. Who sends and who receives is known elsewhere.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress

from yarl import URL

from gateway.errors import LoopDetected
from gateway.ports import Headers

HEADER = b"cdn-loop"
"""What proxies that forward on behalf of an origin add their name to, and may not remove."""

_ANY_HOST = frozenset(("0.0.0.0", "::"))


def mark(secret: bytes) -> bytes:
    """The name by which gateways over one data directory know their own calls; it tells nothing of the secret."""
    return b"accrue-" + hmac.new(secret, HEADER, hashlib.sha256).hexdigest()[:16].encode()


def marked(headers: Headers, name: bytes) -> Headers:
    """The headers of a call that is sent on, all others as they came."""
    return [*headers, (HEADER, name)]


def refuse(headers: Headers, name: bytes) -> None:
    """Raises `LoopDetected` for a call that has come by here already."""
    if any(line == HEADER and name in _names(value) for line, value in headers):
        error = LoopDetected(
            "the call has come back to the gateway that sent it: its upstream, or one behind that, is the gateway "
            "itself; look at `upstreams` in config.yaml",
            code="loop_detected",
        )
        error.headers.append((b"x-should-retry", b"false"))  # it would come back again
        raise error


def is_own(url: str, host: str, port: int) -> bool:
    """Whether an upstream's url is plainly the address that is listened on. Other names of it show when it is called.

    Args:
        host: that is listened on.
    """
    named = URL(url)
    return named.port == port and (named.host == host or (_is_local(named.host or "") and _is_local(host)))


def _names(value: bytes) -> list[bytes]:
    """Each without its parameters."""
    return [part.partition(b";")[0].strip() for part in value.split(b",")]


def _is_local(host: str) -> bool:
    if host == "localhost" or host in _ANY_HOST:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
