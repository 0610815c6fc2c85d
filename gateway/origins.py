"""Who said a thing, and what that lets it become. Origins are told by the roles of turns, which the proxy reads itself;
nothing that is said can raise them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from gateway.memories import Origin
from gateway.types import Turn

ORIGINS: Sequence[Origin] = ("operator", "user", "import", "assistant", "tool")
"""Highest first."""

AUTHORITIES = frozenset(("operator", "user", "import"))
"""Only what these said is a rule, a taste or a fact, and only they end one."""


def lowest(origins: Iterable[Origin]) -> Origin:
    """The origin of what has several sources, of which there is at least one."""
    return max(origins, key=ORIGINS.index)


def origins_of(turns: Iterable[Turn]) -> Iterator[Origin]:
    """The origin of each turn of a conversation, in order.

    What the assistant says after a tool has answered, and before the user speaks again, may be the tool's words; so may
    an answer that made calls, since some are carried out by the provider while it is written.
    """
    is_told = False
    for turn in turns:
        is_told = turn.role == "tool" or (is_told and turn.role != "user")
        if turn.role == "assistant":
            yield "tool" if is_told or turn.calls else "assistant"
        else:
            yield "user" if turn.role == "user" else "tool" if turn.role == "tool" else "operator"
