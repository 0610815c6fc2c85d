"""Calls that a client sends again because they failed: one turn, however often it is tried.

SDKs say so (`x-stainless-retry-count`); others just send the same bytes again (Codex six times, when a stream lacks
its last event). The same bytes after an answer that was whole are no retry: somebody wants another answer, or says
“hi” in a second session. It is kept in process: after a restart a retry is a call like any other.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence

import msgspec

from gateway.errors import HTTP_ERROR
from gateway.headers import first_value
from gateway.ports import Clock, Headers
from gateway.types import Exchange, Scope

RETRIED_S = 600.0
"""From an attempt to the next; SDKs wait seconds, and a minute where a provider asks for it."""

KEPT = 4096
"""Calls remembered."""

ATTEMPTS_KEPT = 16
"""Per body: so many callers may say the same thing at once."""


class Attempt(msgspec.Struct, kw_only=True):
    """A call as it was tried last; the one value here that changes."""

    key: bytes
    """Digest of whose call it is and of its body."""
    exchange: str = ""
    session: str = ""
    at: float
    count: int = 1
    has_failed: bool = False
    is_over: bool = False


def is_retry(headers: Headers) -> bool:
    """Whether the client's SDK says that it has sent this before."""
    return first_value(headers, b"x-stainless-retry-count") not in ("", "0")


class Attempts:
    """What was tried of late."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._by_body: OrderedDict[bytes, list[Attempt]] = OrderedDict()
        self._by_exchange: dict[str, Attempt] = {}

    def attempt(self, person: Scope, sent: bytes, *, is_retry: bool) -> Attempt:
        """This call: an earlier attempt of it, which has now been made once more, or a first one.

        Args:
            person: whose call it is; with a session where one is named.
            is_retry: the client says so. Then the earlier one need not have failed: it may still be under way, and its
                client have given up waiting.
        """
        now, key = self._clock.now(), _key(person, sent)
        recent = [
            earlier
            for earlier in self._by_body.get(key, ())
            if now - earlier.at <= RETRIED_S and person.session in ("", earlier.session)
        ]
        failed = [earlier for earlier in recent if earlier.has_failed]
        found = failed[0] if failed else _newest(recent) if is_retry else None
        if found is None:
            return Attempt(key=key, at=now)
        found.at, found.count, found.has_failed, found.is_over = now, found.count + 1, False, False
        return found

    def begin(self, attempt: Attempt, exchange: Exchange) -> None:
        """Remember the exchange of a first attempt."""
        attempt.exchange, attempt.session = exchange.id, exchange.scope.session
        attempts = self._by_body.setdefault(attempt.key, [])
        attempts.append(attempt)
        self._by_exchange[exchange.id] = attempt
        self._forget(attempts[:-ATTEMPTS_KEPT])
        del attempts[:-ATTEMPTS_KEPT]
        if len(self._by_body) > KEPT:
            self._forget(self._by_body.popitem(last=False)[1])

    def end(self, exchange: Exchange) -> None:
        """Take how an exchange ended."""
        attempt = self._by_exchange.get(exchange.id)
        if attempt is not None:
            is_refused = exchange.status is None or exchange.status >= HTTP_ERROR
            attempt.has_failed = exchange.state != "done" or is_refused
            attempt.is_over = True

    def _forget(self, attempts: Sequence[Attempt]) -> None:
        for attempt in attempts:
            self._by_exchange.pop(attempt.exchange, None)


def _newest(attempts: Sequence[Attempt]) -> Attempt | None:
    """The newest, and rather one that is still under way than one that is over."""
    return max(attempts, key=lambda attempt: (not attempt.is_over, attempt.at), default=None)


def _key(person: Scope, sent: bytes) -> bytes:
    digest = hashlib.blake2b(sent, digest_size=16)
    for name in (person.tenant, person.user or ""):
        digest.update(b"%d:%b" % (len(name), name.encode("utf-8", "surrogatepass")))
    return digest.digest()
