"""The arms: what each adds to a request, and that they share the model's luck."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.client import MODEL
from benchmarks.harness import Failed
from benchmarks.learning.arms import COUNTER, Doses, Judged, Wire, added, live, placebo
from benchmarks.learning.life import SYSTEM, Arm, Ask, Point, Suite, Talk, user_says
from benchmarks.learning.model.lexicon import phrases
from benchmarks.learning.running import model

RIGHT = "Their drink: cider."


SESSIONS = (("1", 1), ("2", 1), ("2", 2))
"""With the turn in it, by day."""


class _Guest:
    """Somebody who wants a drink every day."""

    user = "guest"

    async def step(self, number: int, talk: Talk) -> Sequence[Point]:
        messages = (SYSTEM, user_says(f"What drink should I order on day {number}?"))
        session, turn = SESSIONS[number - 1]
        answer = await talk.ask(Ask(session=session, turn=turn, messages=messages, right=(RIGHT,)))
        await talk.judge(answer, "I said cider.", value="cider" in answer.text)
        return [
            Point(metric="added", value=len(answer.all_added.strip())),
            Point(metric=answer.text, value=1, at=number),
        ]


SUITE = Suite(name="T", title="", steps=3, along="session", metrics=("added",), lives=lambda seed: [_Guest()], goals=())


async def lived(arm: Arm, folder: Path, doses: Doses) -> list[Judged]:
    with model(folder, None) as url:
        wire = Wire(url, arm, doses)
        try:
            return await live(SUITE, arm, [(1, _Guest())], wire, None)
        finally:
            await wire.close()


def answers(judged: Sequence[Judged]) -> list[str]:
    return [one.point.metric for one in judged if one.point.metric.startswith("I would")]


def lengths(judged: Sequence[Judged]) -> list[float]:
    return [one.point.value for one in judged if one.point.metric == "added"]


async def test_nothing_is_added_where_memory_is_off(tmp_path: Path) -> None:
    assert lengths(await lived("off", tmp_path, {})) == [0, 0, 0]


async def test_the_placebo_has_as_many_tokens_as_the_gateway_added_and_changes_no_luck(tmp_path: Path) -> None:
    doses = {("guest", "1", 1): 0, ("guest", "2", 1): 120, ("guest", "2", 2): 400}
    off, sham = await lived("off", tmp_path, {}), await lived("placebo", tmp_path, doses)
    tokens = [one.point.value for one in sham if one.point.metric == "tokens"]
    assert tokens[0] == 0
    assert all(abs(count - dose) <= 0.1 * dose for count, dose in zip(tokens[1:], (120, 400), strict=True))
    assert answers(off) == answers(sham)


async def test_the_newest_notes_are_those_of_earlier_sessions(tmp_path: Path) -> None:
    first, judged = "- What drink should I order on day 1?", "- I said cider."
    assert lengths(await lived("recent", tmp_path, {})) == [
        0,
        len("\n".join([first, judged])),
        len("\n".join([first, judged, judged])),
    ]


async def test_who_knows_everything_adds_what_is_right(tmp_path: Path) -> None:
    assert lengths(await lived("oracle", tmp_path, {})) == [len(f"- {RIGHT}")] * 3


def test_a_placebo_is_about_nothing_that_the_model_knows() -> None:
    text = "\n".join(placebo("anybody", 20_000)).casefold()
    known = [phrase for phrase in phrases() if f" {phrase} " in text]
    assert set(known) <= {"from", "broken"}  # which by themselves are about nothing


@pytest.mark.parametrize("tokens", [1, 7, 50, 1000])
def test_a_placebo_has_the_tokens_that_were_asked_for(tokens: int) -> None:
    notes = placebo("anybody", tokens)
    assert abs(sum(COUNTER.count(f"- {note}\n", MODEL) for note in notes) - tokens) <= 6


def test_words_of_the_client_that_were_changed_are_no_result() -> None:
    assert added(["Be brief.", "Hello"], ["Be brief.", "Hello\n\n- a note"]) == ("", "\n\n- a note")
    with pytest.raises(Failed, match="was shown"):
        added(["Hello"], ["Hullo"])
    with pytest.raises(Failed, match="was shown"):
        added(["Hello"], ["Hello", "more"])
