from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import verbatim
from gateway.verbatim import LONG_BYTES, MIN_BYTES, Spoken

LONG = "".join(f"Line {number} of a long talk about ports, tides and tea. " for number in range(LONG_BYTES // 40))


@pytest.fixture(autouse=True)
def _is_long() -> None:
    assert len(LONG) > LONG_BYTES


@pytest.mark.parametrize("text", [
    "Line 77 of a long talk about ports, tides and tea. Line 78",
    "ine 500 of a long talk",
    "of",
    "",
    LONG[5:-5],
    "Grüße vom Bodensee, wo die Fähre schwankt.",
    "the last \udcff word that was said here",
])  # fmt: skip
def test_what_stands_in_a_long_conversation_is_found(text: str) -> None:
    others = ["Ja! Grüße vom Bodensee, wo die Fähre schwankt.", "the last \udcff word that was said here"]
    assert Spoken([LONG, *others]).holds(text)


@pytest.mark.parametrize("text", [
    "Line 77 of a long talk about ports, tides and Tea.",
    "about ports, tides and tea. Line 78 of a long talk about ports, tides and tea. Line 80",
    "tides and tea. Hello, world, and good night",
    "xq",
])  # fmt: skip
def test_what_does_not_stand_in_it_is_not(text: str) -> None:
    assert not Spoken([LONG, "Hello, world, and good night"]).holds(text)


@given(said=st.lists(st.text("ab ü", max_size=60), max_size=4), text=st.text("ab ü", max_size=MIN_BYTES + 9))
def test_long_conversations_are_read_as_short_ones_are(said: list[str], text: str) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(verbatim, "LONG_BYTES", 0)
        assert Spoken(said).holds(text) is any(text in one for one in said)
