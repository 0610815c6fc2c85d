"""Quotations that stand in a sentence of ours: whether they say more than that somebody said them.

What of a foreign span may be quoted at all is known by gateway/quotes.py, which sees orders to a model; here it is what
would be a rule, a taste or a fact, or would take one back, in a user's mouth.
"""

from __future__ import annotations

import re

from gateway.kinds.statements import has_statement
from gateway.memories import Origin
from gateway.origins import AUTHORITIES

_QUOTATION = re.compile(r'"([^"]*)"')


def disarmed(text: str, origin: Origin) -> str:
    """A sentence without the quotations that state something, unless they are a user's own."""
    if origin in AUTHORITIES:
        return text
    return _QUOTATION.sub(lambda quoted: '"…"' if has_statement(quoted[1]) else quoted[0], text)
