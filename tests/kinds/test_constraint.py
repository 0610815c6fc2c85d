"""Standing instructions, as people write them, and all that sounds like one and is none."""

from __future__ import annotations

import pytest

from gateway.kinds.constraint import KIND
from gateway.kinds.sentences import MAX_SENTENCE_CHARS
from gateway.types import Memory, Turn


def said(text: str, role: str = "user") -> list[str]:
    return list(KIND.find(Turn(role=role, text=text)))


def missed(text: str, reason: str) -> object:
    """A sentence the rules are known to get wrong; when they learn it, its test says so."""
    return pytest.param(text, marks=pytest.mark.xfail(strict=True, reason=reason))


STANDING = [
    "Always answer in French.",
    "Never use semicolons in my JavaScript.",
    "Please always use metric units.",
    "please never mention my age",
    "From now on, reply in German.",
    "From now on everything in British English, please.",
    "from here on keep answers under 100 words",
    "Going forward, use tabs instead of spaces.",
    "In future, cite your sources.",
    "In the future please use the Oxford comma.",
    "By default, write code in Python.",
    "As a rule, don't use abbreviations.",
    "Every time I ask for code, add a test.",
    "Whenever you write SQL, use uppercase keywords.",
    "When I ask for a recipe, always leave out nuts.",
    "For code reviews, never comment on formatting.",
    "You must always ask before deleting a file.",
    "You should never commit to main.",
    "I want you to always answer in one paragraph.",
    "I'd like you to never use emojis.",
    "I never want to see exclamation marks.",
    "I want all answers in metric units.",
    "Don't ever call me sir.",
    "Don’t call me buddy again.",
    "Do not apologise any more.",
    "dont use bullet points ever",
    "Stop using emojis.",
    "Stop apologizing, please.",
    "No emojis, ever.",
    "Under no circumstances share my address.",
    "use tabs not spaces in every file please",
    "Use British spelling in all answers.",
    "Use single quotes in all my code.",
    "Keep all your replies short.",
    "End every message with a summary.",
    "Include a source with every answer.",
    "Answer me in German always, please.",
    "Speak to me only in Spanish.",
    "Answer only in Dutch.",
    "Only reply in lowercase.",
    "Only ever use Postgres.",
    "Use type hints at all times.",
    "Remember to always run the linter.",
    "Make sure you never log passwords.",
    "Make sure to always escape user input.",
    "Be sure to always quote the original.",
    "All commit messages must be in the imperative.",
    "Your answers should always be in Spanish.",
    "Could you please always use 24-hour times?",
    "Can you always reply in French from now on?",
    "Always use the 24-hour clock, okay?",
    "Always run `make check` before you say it works.",
    "**Always** use dark mode in screenshots.",
    "IMPORTANT: never touch the migrations folder.",
    "- Always explain your reasoning",
    "2. Never suggest meat dishes.",
    "Hey, please never recommend horror films.",
    "Always use “smart” quotes in prose.",
    missed("No bullet points.", "a wish without a word of duration may be of the moment"),
    missed("Only use the standard library.", "may be of the moment: without 'ever' or a language it is not kept"),
    missed("I need short answers, no exceptions.", "its duration is in an idiom"),
    missed("For Python code always use type hints.", "a condition without a comma"),
    missed("Never again use var in TypeScript.", "'never again' is taken for a remark"),
    missed("Toujours répondre en français.", "the rules know English only"),
]

PASSING = [
    # of the moment
    "Answer in French.",
    "Use tabs here.",
    "Don't use a library.",
    "Write a poem about always being late.",
    "Always answer in French in this chat.",
    "For now, always use the test database.",
    "Never use recursion in this function.",
    "From now on, reply in German for this conversation only.",
    "Never use loops for this exercise.",
    "Always use metric units for today.",
    "Just this once, never mind the tests and use every shortcut.",
    "Show me all the files.",
    "Check every file for the word foo.",
    "Run all tests again.",
    "Add logging to all functions.",
    "Format every file with black.",
    "Only show me the first 10 rows.",
    "Only give me the code.",
    "Remember to buy milk.",
    "Stop the server.",
    "Stop generating.",
    "Make sure that it works.",
    "Make sure it always returns a list.",
    "Use the same style as before.",
    # questions
    "Why does it always crash?",
    "Should I always use a virtual environment?",
    "Do you never sleep?",
    "Is it true that you should never wake a sleepwalker?",
    "Can you always trust a compiler?",
    "What does 'always' mean in Verilog?",
    "Could you use tabs in this file?",
    # verbs that look on
    "Tell me why it always crashes.",
    "Explain why this never terminates.",
    "Show me how to always get the newest row.",
    "Tell me what happens every time I click.",
    "Find out whether it is always sorted.",
    # about oneself and others
    "I always use vim.",
    "I never eat meat.",
    "I have always lived in Berlin.",
    "My boss always says no.",
    "My boss says you should always write tests.",
    "We never deploy on Fridays.",
    "They always come late.",
    "It never worked.",
    "It always rains here.",
    "From now on I'll do the dishes myself.",
    "From now on we use Kubernetes.",
    "Every time I run it, it crashes.",
    "In the future, cars will fly.",
    "By default, Python uses UTF-8.",
    "You always give me long answers.",
    "You never answer my questions!",
    # remarks
    "Never mind.",
    "Never mind the last question.",
    "nevermind",
    "Never heard of it.",
    "Never tried that.",
    "Never again!",
    "Always a pleasure!",
    "Always happy to help.",
    "Always wanted to go there.",
    "Always the same error.",
    "In my experience, never works.",
    "As always, thanks.",
    "Always here to help!",
    "Never saw this coming.",
    "Always staying curious.",
    "Almost never.",
    # quoted or code
    "> Always answer in French.",
    "```\n# Always close the file\nnever(x)\n```",
    "`never use eval` is what the linter says",
    '"Always look on the bright side" is a song.',
    "“Never say never” is a proverb.",
    "| Always | Never |",
    "The sign said: always knock.",
    missed("Never say never.", "a proverb has the form of an instruction"),
    missed("Always late, that bus.", "adjectives after 'always' are too many to list"),
    missed("Always remember who you are, said the lion.", "reported speech without quotation marks"),
    missed("From now on the bus stops here.", "an announcement that is not about a person"),
]


@pytest.mark.parametrize("text", STANDING)
def test_a_standing_instruction_is_kept(text: str) -> None:
    assert len(said(text)) == 1


@pytest.mark.parametrize("text", PASSING)
def test_what_only_sounds_like_one_is_not_kept(text: str) -> None:
    assert said(text) == []


@pytest.mark.promise("P8")
def test_instructions_are_found_among_other_sentences_word_for_word() -> None:
    text = (
        "Hi! I’m planning a trip.\n\nSome rules:\n- Always use metric units\n* Don’t ever suggest hostels!\n"
        "1. Never book via Dr. Smith's agency, e.g. by phone. What do you think? Please plan day one."
    )
    found = said(text)
    assert found == [
        "Always use metric units",
        "Don’t ever suggest hostels!",
        "Never book via Dr. Smith's agency, e.g. by phone.",
    ]
    assert all(sentence in text for sentence in found)


@pytest.mark.promise("P8")
def test_a_word_of_code_stays_in_the_instruction() -> None:
    assert said("Always run `ruff check .` first. Then push.") == ["Always run `ruff check .` first."]


def test_only_a_user_gives_instructions() -> None:
    assert [said("Always answer in French.", role) for role in ("assistant", "tool", "system", "developer")] == [[]] * 4


def test_what_is_longer_than_a_person_speaks_is_not_an_instruction() -> None:
    sentence = "Always " + "very " * 60 + "carefully."
    assert len(sentence) > MAX_SENTENCE_CHARS
    assert said(sentence) == []


def test_its_line_has_the_date_the_words_and_the_id() -> None:
    memory = Memory(
        id="me_1",
        kind="constraint",
        text="Always answer in French.",
        key="Always answer in French.",
        origin="user",
        exchange="ex_1",
        session="se_1",
        at=1_800_000_000.0,
        recorded_at=1_800_000_000.0,
    )
    assert KIND.line(memory) == "(2027-01-15) Always answer in French. [me_1]"
