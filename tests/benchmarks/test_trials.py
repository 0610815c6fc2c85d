from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.client import Chat, Question, Told
from benchmarks.trials import Result, Trial, Trials, figures, judge
from gateway.tokens import Tokens

QUESTION = Question(user="ada", session="2", ask="Where?")
NOTES = "\n\n<notes>\n- I moved to Lyon,\n  with the dog.\n- The cat stayed.\n</notes>"


def trial(present: tuple[str, ...] = (), absent: tuple[str, ...] = ()) -> Trial:
    return Trial(question=QUESTION, present=present, absent=absent, group="fact")


def result(missing: int = 0, of: int = 0, stale: int = 0, of_absent: int = 0, tokens: int = 0) -> Result:
    return Result(
        trial=trial(("p",) * of, ("a",) * of_absent),
        missing=("p",) * missing,
        stale=("a",) * stale,
        notes=tokens // 10,
        tokens=tokens,
    )


def test_what_is_missing_and_what_is_stale_is_told_by_the_words_of_the_notes() -> None:
    told = Told(header="hit; notes=2; tokens=20; lanes=episode:2", notes=NOTES)
    given = trial(("I moved to Lyon,\nwith the dog. ", "A parrot"), ("The cat stayed", "the cat"))
    judged = judge(given, told, Tokens.from_litellm())
    assert (judged.missing, judged.stale) == (("A parrot",), ("The cat stayed",))
    deeper = Told(header=told.header, notes=NOTES.replace("\n  ", "\n      "))
    assert judge(given, deeper, Tokens.from_litellm()).missing == judged.missing
    assert (judged.notes, judged.tokens) == (2, Tokens.from_litellm().count(NOTES, "gpt-4o"))


def test_shares_are_of_the_questions_to_which_they_apply() -> None:
    of = figures([result(1, 2, 0, 1, 10), result(0, 1, 0, 0, 30), result(0, 0, 1, 2, 20)])
    assert (of.questions, of.found, of.complete, of.clean) == (3, 0.75, 0.5, 0.5)
    assert (of.notes, of.tokens, of.tokens_p99) == (2, 20, 30)


def test_without_a_question_to_which_a_share_applies_there_is_none() -> None:
    of = figures([result()])
    assert (of.found, of.complete, of.clean) == (None, None, None)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 5_000), min_size=1, max_size=300))
def test_one_call_in_a_hundred_costs_more_than_the_p99_at_most(tokens: list[int]) -> None:
    bound = figures([result(tokens=number) for number in tokens]).tokens_p99
    assert sum(number > bound for number in tokens) * 100 <= len(tokens)
    assert bound in tokens


@pytest.mark.parametrize("session", ["1", ""])
def test_a_client_that_names_no_sessions_says_the_same(session: str) -> None:
    chat = Chat(user="ada", session=session, messages=("Hello.", "Hi."))
    nameless = Trials(chats=(chat,), trials=(trial(("x",)),)).without_session_names()
    assert nameless.chats == (Chat(user="ada", session="", messages=("Hello.", "Hi.")),)
    assert nameless.trials[0].question == Question(user="ada", session="", ask="Where?")
    assert nameless.trials[0].present == ("x",)
