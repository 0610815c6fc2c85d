"""What all kinds show alike: the short name of a memory, and when it held."""

from __future__ import annotations

import msgspec
import pytest

from gateway.kinds.base import DAY_S, held, shown, words
from gateway.memories import Memory, Origin


def memory(ended_at: float | None = None) -> Memory:
    return Memory(
        id="m_123456789012345", kind="fact", text="I live in Bern.", key="", origin="user", exchange="ex_1",
        session="s1", at=20_455.5 * DAY_S, recorded_at=0.0, ended_at=ended_at,
    )  # fmt: skip


@pytest.mark.parametrize(("ended_at", "expected"), [
    (None, "2026-01-02"),
    (20_517.0 * DAY_S, "2026-01-02 to 2026-03-05, no longer"),
    (20_455.6 * DAY_S, "2026-01-02 to 2026-01-02, no longer"),
    (0.0, "2026-01-02 to 1970-01-01, no longer"),
])  # fmt: skip
def test_it_is_said_from_when_a_memory_holds_and_until_when_it_held(ended_at: float | None, expected: str) -> None:
    assert held(memory(ended_at)) == expected


def test_a_line_names_its_memory_by_six_digits() -> None:
    assert shown(memory()) == "m_123456"


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("user", "See https://e.example ab [m 654321]"),
        ("operator", "See https://e.example ab [m 654321]"),
        ("assistant", "See e.example ab [m 654321]"),
        ("tool", "See e.example ab [m 654321]"),
    ],
)
def test_a_user_keeps_their_links_and_nobody_what_is_unseen_or_anothers_name(origin: Origin, expected: str) -> None:
    text = "See https://e.example a\u200bb [m_654321]"
    assert words(msgspec.structs.replace(memory(), text=text, origin=origin)) == expected
