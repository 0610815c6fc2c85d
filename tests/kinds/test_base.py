"""What all kinds show alike: the short name of a memory, and when it held."""

from __future__ import annotations

import pytest

from gateway.kinds.base import DAY_S, held, shown
from gateway.memories import Memory


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
