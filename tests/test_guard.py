"""gateway/guard.py: which instructions are understood, how answers are judged, what is said once more."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.guard import MAX_ECHOES, MAX_JUDGED_CHARS, answer_of, checks, echoes, verdicts
from gateway.memories import Memory
from gateway.policy import Guard
from gateway.types import Call, Note, Slot, ToolCall, Turn
from tests.exchanges import NOW, assistant, user

SEVERAL = [
    ("No emojis and no bullet points.", ["emoji", "bullets"]),
    ("No emojis, bullet points or exclamation marks.", ["emoji", "bullets", "punctuation"]),
    ("Answer in German and keep it under 50 words.", ["language", "length"]),
    ("Answer in French, no emojis.", ["language", "emoji"]),
    ("Don't use headers or bold.", ["format", "format"]),
    ("Be friendly and never use emojis.", ["emoji"]),
]

NOT_UNDERSTOOD = [
    "alwyas answer in English",
    "Keep summaries below five lines.",
    "You must not use the word 'synergy' in our texts.",
    "nver use emojis",
    "start with the answer",
    "Use British spelling in all answers.",
    "use British spelling",
    "Keep it short.",
    "Be concise.",
    "Keep your replies brief.",
    "When I ask for code, use no bullet points.",
    "If I write in German, answer in German.",
    "Never use emojis in commit messages.",
    "Do not use emojis in subject lines.",
    "No semicolons in my code.",
    "Never use semicolons in my JavaScript.",
    "No bullet points unless I ask for them.",
    "Keep it under 50 words unless I ask for more.",
    "Write in French to my landlord about the leak.",
    "Use bullet points for lists of steps.",
    "Use bullet points when there are more than three items.",
    "Answer in German, but write code comments in English.",
    "Answer in the language of the question.",
    "Reply in the same language I use.",
    "About 50 words, please.",
    "Keep commit messages under 50 characters.",
    "Keep functions under 20 lines.",
    "Titles in title case.",
    "Use uppercase keywords.",
    "Headings are written in lowercase.",
    "When writing SQL, use upper case keywords.",
    "Never mention my age.",
    "Never say that again.",
    "Don't say anything about prices.",
    "Always call me Captain.",
    "Use metric units.",
    "Always cite your sources.",
    "End every message with a summary.",
    "Start with a one-sentence summary.",
    "Don't start replies with compliments.",
    "Begin with a greeting.",
    "Always start with the most important fact.",
    "Use short sentences.",
    "Every endpoint gets an integration test.",
    "Use tables for comparisons.",
    "Never use more emojis than I do.",
    "Use emojis sparingly.",
    "Emojis are fine.",
    "Feel free to use emojis.",
    "You can use bullet points again.",
    "The first paragraph must be under 50 words.",
    "Put the summary in bullet points.",
    "Return JSON from every endpoint.",
    "Use JSON for config files.",
    "Don't end the story with a question.",
    "Don't ask me for permission.",
    'Never use the word "just" in headlines.',
    "Don't use German words.",
    "Don't use English idioms.",
    "Translate everything I write into French.",
    "Explain German grammar in English when I ask.",
    "Don't always use bullet points.",
    "Not always in German.",
    "Use fewer emojis.",
    "Keep paragraphs short.",
    "Wenn ich nach Code frage, antworte auf Englisch.",
    "Si te pregunto por código, responde en inglés.",
    "如果我用英文问，就用英文回答。",
    "Never use Python 2.",
    "I never use emojis.",
    "I don't mind emojis.",
    "Write two paragraphs about dogs.",
    "Emojis, please stay away from politics.",
    "Use tables and bullet points where it helps.",
    "Never use emojis " + "really " * 50,
    "",
]


@pytest.mark.parametrize(("instruction", "checkers"), SEVERAL)
def test_an_instruction_may_have_several_clauses(instruction: str, checkers: list[str]) -> None:
    assert [name for name, _ in checks(instruction)] == checkers


@pytest.mark.parametrize("instruction", NOT_UNDERSTOOD)
def test_what_holds_for_a_part_or_under_a_condition_or_is_vague_is_not_checked(instruction: str) -> None:
    assert checks(instruction) == ()


def rule(text: str, id: str = "") -> Memory:
    return Memory(
        id=id or text,
        kind="constraint",
        text=text,
        key=text,
        origin="user",
        exchange="ex_0",
        session="s0",
        at=NOW,
        recorded_at=NOW,
    )


EMOJI, SHORT, KIND = rule("Never use emojis."), rule("Keep answers under 5 words."), rule("Be kind.")


def test_there_is_a_verdict_for_each_rule_that_a_machine_can_verify() -> None:
    both = rule("No emojis and no exclamation marks.")
    kept, broken, first = verdicts([EMOJI, KIND, SHORT, both], "It is already nine o'clock now!")
    assert (kept.memory, kept.checker, kept.violation) == (EMOJI.id, "emoji", None)
    assert (broken.memory, broken.checker, broken.violation) == (SHORT.id, "length", "It is already nine o'clock now!")
    assert (first.checker, first.violation) == ("punctuation", "It is already nine o'clock now!")


def test_a_message_may_ask_for_what_a_rule_rules_out() -> None:
    assert verdicts([EMOJI], "🚆", "Which emoji is a train?") == []
    assert (
        verdicts(
            [rule("Answer only in German.")],
            "Il fait beau et je suis là avec toi dans le jardin de la ville.",
            "Say it in French.",
        )
        == []
    )


def test_a_message_that_gives_the_rule_is_no_exception_from_it() -> None:
    (verdict,) = verdicts([EMOJI], "Sure 🙂", "Never use emojis. When does the train leave?")
    assert verdict.violation == "Sure 🙂"


@pytest.mark.parametrize("answer", ["", " \n", "🚆" * (MAX_JUDGED_CHARS + 1)])
def test_nothing_and_too_much_are_not_judged(answer: str) -> None:
    assert verdicts([EMOJI], answer) == []


def test_what_is_said_before_a_tool_is_no_answer() -> None:
    calling = Turn(role="assistant", text="🔍", calls=(ToolCall(id="c1", name="find", arguments="{}"),))
    assert [answer_of(turn) for turn in (calling, user("🔍"), assistant("🔍"))] == ["", "", "🔍"]


def call(*turns: Turn, is_continued: bool = False) -> Call:
    """A call with a place behind each user message, named by its number, and one behind the head."""
    messages = [number for number, turn in enumerate(turns) if turn.role == "user"]
    head = [Slot(where="head", is_head=True, at=0, form="string")] if turns[0].role == "system" else []
    slots = [*head, *(Slot(where=f"at{n}", is_head=False, at=n, form="string") for n in range(len(messages)))]
    return Call(body=b"", fields={}, model="m", turns=turns, slots=tuple(slots), is_continued=is_continued)


def talk(*messages: str, answer: str = "Fine.", last: str | None = None) -> Call:
    """A conversation of a user's messages, all but the newest answered."""
    turns = [Turn(role="system", text="You help.")]
    for number, message in enumerate(messages):
        is_last = number == len(messages) - 2
        turns += [user(message), assistant(last if is_last and last is not None else answer)]
    return call(*turns[:-1])


def noted(*memories: str, echoed: tuple[str, ...] = ()) -> Note:
    return Note(where="", text="…", memories=memories, echoes=echoed)


SEVEN = ("hello", "and", "so", "it", "goes", "on", "now")
DEFAULT = Guard(echo_turns=6)


def test_what_was_said_long_ago_is_said_once_more() -> None:
    ledger = {"head": noted(EMOJI.id, KIND.id)}
    assert echoes([EMOJI, KIND], talk(*SEVEN), ledger, DEFAULT) == (EMOJI, KIND)
    assert echoes([EMOJI, KIND], talk(*SEVEN[1:]), ledger, DEFAULT) == ()


def test_the_users_own_words_count_as_said() -> None:
    messages = ("Never use emojis.", *SEVEN[1:])
    assert echoes([EMOJI], talk(*messages), {}, DEFAULT) == (EMOJI,)
    assert echoes([EMOJI], talk(*SEVEN[:3], "Never use emojis.", *SEVEN[4:]), {}, DEFAULT) == ()


def test_what_was_said_once_more_waits_as_long_again() -> None:
    ledger = {"head": noted(EMOJI.id), "at6": noted(echoed=(EMOJI.id,))}
    waiting = SEVEN + ("…",) * 5
    assert echoes([EMOJI], talk(*waiting), ledger, DEFAULT) == ()
    assert echoes([EMOJI], talk(*waiting, "…"), ledger, DEFAULT) == (EMOJI,)


def test_what_the_last_answer_broke_comes_first_and_at_once() -> None:
    ledger = {"head": noted(KIND.id, SHORT.id, EMOJI.id)}
    assert echoes([KIND, EMOJI], talk("hello", "so", last="Well 🙂"), ledger, DEFAULT) == (EMOJI,)
    assert echoes([KIND, EMOJI], talk(*SEVEN, last="Well 🙂"), ledger, DEFAULT) == (EMOJI, KIND)
    assert echoes([EMOJI], talk("hello", "so", last="Well."), ledger, DEFAULT) == ()


def test_what_the_newest_message_says_again_needs_no_echo() -> None:
    messages = (*SEVEN[:-1], "Once more: Never use emojis.")
    assert echoes([EMOJI], talk(*messages), {"head": noted(EMOJI.id)}, DEFAULT) == ()


def test_an_answer_given_before_the_rule_did_not_break_it() -> None:
    assert echoes([EMOJI], talk("hello", "Never use emojis.", last="Well 🙂"), {}, DEFAULT) == ()


def test_the_message_before_the_answer_may_have_asked_for_it() -> None:
    ledger = {"head": noted(EMOJI.id)}
    assert echoes([EMOJI], talk("Which emoji is a train?", "thanks", last="🚆"), ledger, DEFAULT) == ()


def test_an_answer_before_a_tool_call_is_still_the_last_answer() -> None:
    calling = Turn(role="assistant", text="", calls=(ToolCall(id="c1", name="find", arguments="{}"),))
    turns = (user("Never use emojis."), assistant("Well 🙂"), user("find it"), calling, Turn(role="tool", text="found"))
    assert echoes([EMOJI], call(*turns), {}, DEFAULT) == (EMOJI,)


def test_what_was_never_said_here_is_not_said_once_more() -> None:
    assert echoes([EMOJI], talk(*SEVEN, last="Well 🙂"), {}, DEFAULT) == ()


def test_the_longest_unsaid_comes_first_and_only_so_many() -> None:
    rules = [rule(f"Rule {number} holds.") for number in range(8)]
    ledger = {"head": noted(*(one.id for one in rules)), "at1": noted(rules[0].id)}
    told = echoes(rules, talk(*SEVEN, "…"), ledger, DEFAULT)
    assert told == tuple(rules[1 : 1 + MAX_ECHOES])
    assert echoes(rules[:2], talk(*SEVEN, "…"), ledger, DEFAULT) == (rules[1], rules[0])


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (Guard(echo=False), ()),
        (Guard(echo_turns=0), (EMOJI,)),
        (Guard(echo_turns=1), (EMOJI, KIND)),
        (Guard(echo_turns=100), (EMOJI,)),
    ],
)
def test_the_policy_says_what_is_said_once_more(settings: Guard, told: tuple[Memory, ...]) -> None:
    ledger = {"head": noted(EMOJI.id, KIND.id)}
    assert echoes([KIND, EMOJI], talk(*SEVEN, last="Well 🙂"), ledger, settings) == told


def test_what_the_upstream_keeps_cannot_be_looked_through() -> None:
    turns = (user("Never use emojis."), assistant("🙂"), user("so"))
    assert echoes([EMOJI], call(*turns), {}, DEFAULT) == (EMOJI,)
    assert echoes([EMOJI], call(*turns, is_continued=True), {}, DEFAULT) == ()


def test_a_conversation_without_answers_breaks_nothing() -> None:
    assert echoes([EMOJI], call(user("Never use emojis."), user("so")), {}, DEFAULT) == ()


@given(
    messages=st.lists(st.sampled_from(["Never use emojis.", "hello", "Be kind."]), min_size=1, max_size=12),
    answer=st.sampled_from(["Fine.", "Fine 🙂"]),
    turns=st.integers(0, 7),
)
@settings(deadline=None, max_examples=100)
def test_nothing_is_said_once_more_that_the_newest_message_says(messages: list[str], answer: str, turns: int) -> None:
    rules = [EMOJI, KIND]
    told = echoes(rules, talk(*messages, answer=answer), {}, Guard(echo_turns=turns))
    said_before = messages[:-1]
    assert set(told) <= {one for one in rules if one.text in said_before and one.text != messages[-1]}
