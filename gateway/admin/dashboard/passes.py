"""What proves to the dashboard that somebody holds the admin key: cookies, links that sign in, tokens of forms.

Each is a few words with a digest that only the key makes. Nothing is kept but what was used up before its time, and
that by this gateway alone: beside others a link can sign in once at each. Of HTTP nothing is known here.
"""

from __future__ import annotations

import hmac
from typing import Literal

from gateway.ports import Clock

PASS_S = 12 * 3600.0
"""A working day; then the key is asked for again."""

TICKET_S = 300.0
"""Of a link that signs in: as long as it takes to walk from a terminal to a browser."""

Purpose = Literal["pass", "ticket"]
LIVES_S: dict[Purpose, float] = {"pass": PASS_S, "ticket": TICKET_S}


class Passes:
    """Gives them out and takes them. All comparisons take the same time."""

    def __init__(self, admin_key: str, clock: Clock) -> None:
        self._admin_key = admin_key.encode()
        self._secret = hmac.digest(self._admin_key, b"accrue dashboard", "sha256")
        self._clock = clock
        self._used: dict[str, float] = {}
        """Until when each would have been good."""

    @property
    def name(self) -> str:
        """Of the cookie: browsers do not tell ports apart, and gateways of one machine may have different keys."""
        return f"accrue_{self._digest('name')[:8]}"

    def is_key(self, given: str) -> bool:
        """Whether this is the admin key."""
        return hmac.compare_digest(given.strip().encode("utf-8", "replace"), self._admin_key)

    def give(self, purpose: Purpose) -> str:
        """A new one, good from now on."""
        said = f"{purpose}.{self._clock.now() + LIVES_S[purpose]:.0f}.{self._clock.new_id('in').removeprefix('in_')}"
        return f"{said}.{self._digest(said)}"

    def is_good(self, purpose: Purpose, given: str) -> bool:
        """Whether it was given out here for this, and is neither too old nor used up."""
        said, _, digest = given.rpartition(".")
        if not hmac.compare_digest(self._digest(said).encode(), digest.encode("utf-8", "replace")):
            return False
        kind, until, _ = said.split(".")
        return kind == purpose and self._clock.now() < float(until) and given not in self._used

    def use_up(self, purpose: Purpose, given: str) -> bool:
        """Whether it was good, which it is no more."""
        if not self.is_good(purpose, given):
            return False
        now = self._clock.now()
        self._used = {used: until for used, until in self._used.items() if until > now}
        self._used[given] = float(given.split(".")[1])
        return True

    def token(self, of_pass: str) -> str:
        """What the forms of somebody with this pass carry; no page of elsewhere can know it."""
        return self._digest(f"form {of_pass}")

    def is_token(self, of_pass: str, given: str) -> bool:
        """Whether a form was made for the one who sends it."""
        return hmac.compare_digest(self.token(of_pass).encode(), given.encode("utf-8", "replace"))

    def _digest(self, said: str) -> str:
        return hmac.digest(self._secret, said.encode("utf-8", "replace"), "sha256").hex()
