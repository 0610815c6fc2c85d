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

from gateway.headers import first_value
from gateway.ports import Clock, Headers
from gateway.types import Exchange, Scope

TOLD_S = 600.0
"""From an attempt to one that says it is another; SDKs wait seconds, and a minute where a provider asks for it."""

UNTOLD_S = 60.0
"""From an attempt that failed to one that does not say; later the same words rather begin another conversation."""

BACKOFF_S = 10.0
"""Between giving up waiting and the next attempt; an answer that is older was seen. OpenAI's SDKs wait up to 8."""

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
    """In which another attempt belongs; empty where it has to be looked for again."""
    named: str = ""
    """The same as it was given."""
    at: float
    count: int = 1
    has_failed: bool = False
    ended_at: float | None = None


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

        Where nobody is named and no session is, every call is a first one: the same bytes may be two strangers'.
        """
        now, key = self._clock.now(), _key(person, sent)
        first = Attempt(key=key, at=now)
        if person.user is None and not person.session:
            return first
        recent = [
            earlier
            for earlier in self._by_body.get(key, ())
            if now - earlier.at <= (TOLD_S if is_retry else UNTOLD_S) and person.session in ("", earlier.named)
        ]
        failed = [earlier for earlier in recent if earlier.has_failed]
        unseen = [earlier for earlier in recent if is_retry and now - (earlier.ended_at or now) <= BACKOFF_S]
        found = next(iter(failed or sorted(unseen, key=_is_over)), None)
        if found is None:
            return first
        found.at, found.count, found.has_failed, found.ended_at = now, found.count + 1, False, None
        return found

    def begin(self, attempt: Attempt, exchange: Exchange) -> None:
        """Remember the exchange of a first attempt; a session that only stands in for its own is not remembered."""
        attempt.exchange, attempt.named = exchange.id, exchange.scope.session
        attempt.session = "" if exchange.is_adrift else exchange.scope.session
        attempts = self._by_body.setdefault(attempt.key, [])
        attempts.append(attempt)
        self._by_exchange[exchange.id] = attempt
        self._forget(attempts[:-ATTEMPTS_KEPT])
        del attempts[:-ATTEMPTS_KEPT]
        if len(self._by_body) > KEPT:
            self._forget(self._by_body.popitem(last=False)[1])

    def end(self, exchange: Exchange) -> None:
        """Take how an exchange ended; an earlier attempt may end after a later one, and is of no interest then."""
        attempt = self._by_exchange.get(exchange.id)
        if attempt is not None and exchange.attempts == attempt.count:
            attempt.has_failed = exchange.state != "done" or exchange.status is None or exchange.is_refused
            attempt.ended_at = self._clock.now()

    def _forget(self, attempts: Sequence[Attempt]) -> None:
        for attempt in attempts:
            self._by_exchange.pop(attempt.exchange, None)


def _is_over(attempt: Attempt) -> bool:
    return attempt.ended_at is not None


def _key(person: Scope, sent: bytes) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for part in (person.tenant.encode(), (person.user or "").encode("utf-8", "surrogatepass"), sent):
        digest.update(b"%d:%b" % (len(part), part))
    return digest.digest()
