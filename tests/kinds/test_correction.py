"""gateway/kinds/correction.py: a lane for what is learnt elsewhere."""

from __future__ import annotations

from gateway.kinds.correction import KIND
from gateway.memories import Memory
from gateway.types import Turn


def test_a_turn_by_itself_teaches_none() -> None:
    assert KIND.find(Turn(role="user", text="No, that was wrong: never push to main.")) == ()


def test_its_line_has_the_date_the_words_and_the_id() -> None:
    memory = Memory(
        id="me_1",
        kind="correction",
        text="Ask before pushing.",
        key="push",
        origin="user",
        exchange="ex_1",
        session="se_1",
        at=1_800_000_000.0,
        recorded_at=1_800_000_000.0,
    )
    assert KIND.line(memory) == "(2027-01-15) Correction: Ask before pushing. [me_1]"
