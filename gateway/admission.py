"""Who is let in: anybody with a credential of their own, or those who hold a key that was issued here.

It is asked of every request before anything else is done with it. What a request says of itself is read by
gateway/identify.py; what keys may is kept by gateway/keys.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Protocol

import msgspec
import structlog
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from gateway.errors import DataDirError, Forbidden, TooManyRequests, Unauthorized
from gateway.identify import Claims
from gateway.keys import Key, KeyFile, Right, Spent
from gateway.pause import pause
from gateway.ports import Clock, Upstream
from gateway.spending import Exhausted, Spending
from gateway.usage import CountedUpstream

POLL_S = 0.5
"""Between two looks at the file: what is issued or revoked beside a running gateway holds within a second."""

BAD = "invalid_api_key"
"""OpenAI's code for a key that is none."""

log = structlog.get_logger()


class Admission(Protocol):
    """Lets callers in, or not."""

    def admit(self, claimed: Claims, right: Right) -> Claims:
        """The claims, under the tenant that they are entitled to. Raises `RequestError` for who may not do this."""
        ...

    def upstream(self, claimed: Claims, upstream: Upstream) -> Upstream:
        """The upstream as somebody who was let in may use it."""
        ...


class Open:
    """Lets everybody in: whose memory it is follows from the credential, which the upstream judges."""

    def admit(self, claimed: Claims, right: Right) -> Claims:
        return claimed

    def upstream(self, claimed: Claims, upstream: Upstream) -> Upstream:
        return upstream


class Issued:
    """Lets in who holds an issued key, as often as that may."""

    def __init__(self, file: KeyFile, clock: Clock) -> None:
        """Read the keys; blocking. Raises `DataDirError`.

        Args:
            file: of which this is from now on the only user in the process.
        """
        self._file = file
        self._clock = clock
        self._spending = Spending(clock)
        self._spending.begin(file.spent(self._spending.periods()))
        self._keys: Mapping[bytes, Key] = self._read() or {}
        self._calls = MovingWindowRateLimiter(MemoryStorage())
        self._is_cut_off = False

    def admit(self, claimed: Claims, right: Right) -> Claims:
        """The claims, under the tenant of the key. Raises `Unauthorized`, `Forbidden` or `TooManyRequests`."""
        key = self._holder(claimed)
        if right not in key.rights:
            raise Forbidden(f"key {key.id} is not for this: it has no scope `{right}`", code="insufficient_scope")
        if exhausted := self._spending.exhausted(key):
            raise _spent(key, exhausted)
        if key.calls_per_minute is not None:
            self._count_call(key, key.calls_per_minute)
        return msgspec.structs.replace(claimed, tenant=key.tenant)

    def upstream(self, claimed: Claims, upstream: Upstream) -> Upstream:
        """One that counts, where the key has limits."""
        key = self._keys.get(claimed.fingerprint)
        if key is None or not key.is_limited:
            return upstream
        return CountedUpstream(upstream, functools.partial(self._spending.spend, key))

    async def watch(self, stop: asyncio.Event) -> None:
        """Keep in step with the file until told to stop; what was spent by then is kept."""
        is_over = False
        while not is_over:
            await pause(stop, POLL_S)
            is_over = stop.is_set()
            await self.synchronise()

    async def synchronise(self) -> None:
        """Keep what was spent, and take over what was changed beside us. While that fails, all stays as it was."""
        spent = self._spending.take()
        try:
            await asyncio.to_thread(self._keep, spent)
            spent = {}
            changed = await asyncio.to_thread(self._read)
        except DataDirError as error:
            self._spending.give_back(spent)
            self._tell(error)
            return
        self._tell(None)
        if changed is not None:
            self._keys = changed

    def _holder(self, claimed: Claims) -> Key:
        key = self._keys.get(claimed.fingerprint)
        if key is None:
            raise Unauthorized("no key, or none that is known here; they are issued by who runs this gateway", code=BAD)
        if key.expires is not None and key.expires <= self._clock.now():
            raise Unauthorized(f"key {key.id} has expired", code=BAD)
        return key

    def _count_call(self, key: Key, limit: int) -> None:
        item = RateLimitItemPerMinute(limit)
        if self._calls.hit(item, key.id):
            return
        free_at = self._calls.get_window_stats(item, key.id).reset_time
        wait_s = max(1, int(free_at - time.time()) + 1)
        complaint = f"key {key.id} may ask {limit} times a minute"
        raise TooManyRequests(complaint, code="rate_limit_exceeded", retry_after_s=wait_s)

    def _keep(self, spent: Spent) -> None:
        if spent:
            self._file.spend(spent)

    def _read(self) -> Mapping[bytes, Key] | None:
        return self._file.standing() if self._file.has_changed() else None

    def _tell(self, error: DataDirError | None) -> None:
        """Say once that the file cannot be used, and once that it can again."""
        if (error is not None) == self._is_cut_off:
            return
        self._is_cut_off = error is not None
        if error is None:
            log.info("keys_found")
        else:
            log.error("keys_away", error=str(error))


@contextlib.asynccontextmanager
async def issued(folder: Path, secret: bytes, clock: Clock) -> AsyncIterator[Issued]:
    """Admission by the keys of a data directory, in step with their file. Raises `DataDirError`."""
    with contextlib.closing(await asyncio.to_thread(KeyFile, folder, secret, clock)) as file:
        admission = await asyncio.to_thread(Issued, file, clock)
        stop = asyncio.Event()
        watching = asyncio.create_task(admission.watch(stop))
        try:
            yield admission
        finally:
            stop.set()
            await watching


def _spent(key: Key, exhausted: Exhausted) -> TooManyRequests:
    message = f"key {key.id} has spent its {exhausted.limit} tokens of this {exhausted.length}"
    if exhausted.length == "minute":
        return TooManyRequests(message, code="rate_limit_exceeded", retry_after_s=exhausted.wait_s)
    error = TooManyRequests(message, code="insufficient_quota", retry_after_s=exhausted.wait_s)
    error.headers.append((b"x-should-retry", b"false"))  # SDKs would ask again within seconds
    return error
