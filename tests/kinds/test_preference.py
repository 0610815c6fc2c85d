"""What people like, and want to be called, and all that sounds like it and is not."""

from __future__ import annotations

import pytest

from gateway.kinds.preference import KIND
from gateway.memories import Memory
from gateway.types import Turn


def said(text: str, role: str = "user") -> list[str]:
    return [span.text for span in KIND.find(Turn(role=role, text=text))]


def missed(text: str, reason: str) -> object:
    """A sentence the rules are known to get wrong; when they learn it, its test says so."""
    return pytest.param(text, marks=pytest.mark.xfail(strict=True, reason=reason))


STATED = [
    "I'm quite fond of rye bread.",
    "I can't abide loud music.",
    "Golf is not my thing.",
    "I learn best by doing exercises.",
    "I love spicy food but keep it mild this time.",
    "Kindly call me Professor Lund.",
    "I prefer window seats.",
    "I prefer tea to coffee",
    "I really like short answers.",
    "I like my coffee black.",
    "I love hiking in the Alps.",
    "I just love Ethiopian food!",
    "I hate cilantro.",
    "I still hate early flights",
    "I dislike small talk.",
    "I enjoy historical novels.",
    "I usually prefer trains over planes.",
    "I generally like dark themes.",
    "I strongly prefer Postgres.",
    "I absolutely adore cats.",
    "I detest passive voice.",
    "I can't stand horror films.",
    "I can’t stand spam",
    "I cannot stand noisy hotels.",
    "I don't like olives.",
    "I don’t like early meetings",
    "I do not like heights.",
    "I don't really enjoy musicals.",
    "I'd rather read than watch videos.",
    "I would much rather walk than drive.",
    "I'm a big fan of Miyazaki.",
    "I am not a fan of crowded beaches.",
    "My favorite colour is green.",
    "My favourite author is Le Guin",
    "my preferred language is Dutch",
    "My all-time favourite film is Alien.",
    "My pronouns are they/them.",
    "my nickname is Fitz",
    "Call me Max.",
    "Please call me Dr. Smith.",
    "Just call me Astrid",
    "You can call me Al.",
    'Call me "Mac".',
    "I go by Sam.",
    "Everyone calls me Bee.",
    "Recommend a thriller, because I love suspense.",
    "I prefer answers without tables, ok?",
    "- I like bullet points",
    "I love rainy days.",
    "I enjoy long novels.",
    "Personally I prefer dark roast.",
    "For city trips I prefer trams.",
    "When it comes to food I'm all about noodles.",
    "I'm a huge fan of Agatha Christie.",
    "I love baking bread.",
    "I hate the smell of petrol.",
    "I can't stand the word synergy.",
    "I like to read in the evening.",
    "I love cats and dogs.",
    "Small fonts for code, that's how I like it.",
    missed("I'd prefer not to be called after six.", "a wish; most sentences that begin so are requests of the moment"),
    "I find emojis annoying.",
    "I'm into jazz.",
    missed("Big fan of short answers over here.", "no subject"),
    missed("What I love most is hiking.", "a clause that says what one loves looks like one that asks"),
]

NOT_STATED = [
    "That drives me crazy.",
    "I find the second draft annoying.",
    # requests
    "I would like a table.",
    "I'd like to book a flight.",
    "I would love some help.",
    "I'd prefer the first option.",
    "I'd rather not say.",
    "I would rather do it myself.",
    "I want a refund.",
    "I need a hotel in Rome.",
    # reactions
    "I like it.",
    "I like that!",
    "I really like this one.",
    "I love these",
    "I don't like it.",
    "I don’t like that.",
    "I do not like this answer.",
    "I hate this bug.",
    "I can't stand this error any longer.",
    "I love how you explained it.",
    "I like what you did there.",
    "I love the idea.",
    "I like the second one better.",
    "I prefer the first version.",
    "I prefer option B.",
    "I prefer that one.",
    "I like your answer.",
    "I love you.",
    "I'm not a fan of this approach.",
    "I hate to bother you again.",
    "I like where this is going.",
    "I love the new look.",
    "Yeah, I love to.",
    "I hate bugs like the one in line 12.",
    # of the moment
    "I prefer the aisle this time.",
    "I don't like the plan for today.",
    "I can't eat right now.",
    "I prefer Python for this task.",
    # questions
    "Do you know what I like?",
    "Would I like Lisbon?",
    "What is my favourite colour?",
    "Do you think I prefer tea?",
    "Is my name in the list?",
    # clauses about something else
    "Let me know if I like enough of them to win.",
    "She asked whether I like jazz.",
    "He said I hate dogs.",
    "Here's another recipe I like.",
    "It reminded me of something I love.",
    "I liked the old version.",
    "They like tea.",
    "My sister prefers window seats.",
    "You like long answers.",
    "It looks like rain.",
    "I feel like a walk.",
    # names of other things, calls of another sort
    "My file name is wrong.",
    "My function name is too long.",
    "My domain name is example.com.",
    "Call me back later.",
    "Call me when it is done.",
    "Call me if you need anything.",
    "Call me a taxi.",
    "Call me crazy, but it works.",
    "Please call me at noon.",
    # quoted or code
    "> I prefer tea",
    "`I like tabs` is the commit message.",
    'The song "I Love Rock and Roll" is old.',
    "“I hate mornings” is what Garfield says.",
    "```\nprint('I prefer spaces')\n```",
    "People call me when they need help",
    "Everyone calls me at night.",
    "My friends call me a lot.",
    "My favourite shirt that I wore is not here.",
    "Reply to this email from my boss: Send it as a file. I prefer PDF",
    "Translate I love cats to German.",
    "From: Ana\nTo: Ben\n\nMy birthday is May 3rd.",
    "Between us, I hate cilantro.",
    "Write a song about rain. Always bring an umbrella. I'm Joe.",
    "Carol: I prefer tea.",
    "Reply to this email from my boss: Hi. Never be late. Thanks. I prefer PDF",
    "People call me when they need help",
    "I love their work.",
    # reactions to what is at hand, and what says only how it felt
    "I love the thought!",
    "I love when you surprise me.",
    "I love all the colours in it.",
    "I'm a huge fan.",
    "I'm a fan too!",
    "I love the texture.",
    "I love seeing you happy.",
    "I like their shop.",
    "I love being here.",
    "I love this place.",
    "That's the band I like most.",
    "It's why I love the theatre.",
    "She has a smile I adore.",
    "I love reading too.",
    "I love getting lost in it.",
    "I enjoy your company.",
    "I like to help.",
    "I love him.",
    "I hate it when it rains.",
    "My favourite part is this one.",
    "I'm a fan of yours.",
    missed("I like 3 of the hotels you found.", "a reaction that counts"),
    "Translate: I love cats.",
]


@pytest.mark.parametrize("text", STATED)
def test_a_stated_preference_is_kept(text: str) -> None:
    assert len(said(text)) == 1


@pytest.mark.parametrize("text", NOT_STATED)
def test_what_only_sounds_like_one_is_not_kept(text: str) -> None:
    assert said(text) == []


def test_a_name_for_the_session_is_kept_for_it() -> None:
    (span,) = KIND.find(Turn(role="user", text="Call me Batman in this chat."))
    assert (span.text, span.reach, span.slot) == ("Call me Batman in this chat.", "session", "address")


@pytest.mark.promise("P8")
def test_preferences_are_found_among_other_sentences_word_for_word() -> None:
    text = "Hello! I’m planning a dinner. I can’t stand olives.  I prefer red wine, e.g. Rioja.\nWhat would you cook?"
    assert said(text) == ["I can’t stand olives.", "I prefer red wine, e.g. Rioja."]
    assert all(sentence in text for sentence in said(text))


def test_only_a_user_states_preferences() -> None:
    assert [said("I prefer tea.", role) for role in ("assistant", "tool", "system", "developer")] == [[]] * 4


def test_its_line_says_whose_words_they_are() -> None:
    memory = Memory(
        id="me_1",
        kind="preference",
        text="I prefer tea.",
        key="I prefer tea.",
        origin="user",
        exchange="ex_1",
        session="se_1",
        at=1_800_000_000.0,
        recorded_at=1_800_000_000.0,
    )
    assert KIND.line(memory) == "(2027-01-15) The user said: I prefer tea. [me_1]"
