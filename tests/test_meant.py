"""What a message ends as a whole, whichever of its sentences says so, and what it leaves alone."""

from __future__ import annotations

import msgspec
import pytest

from gateway.kinds.sentences import sentences
from gateway.memories import Memory
from gateway.revisions import revise
from gateway.types import Turn
from tests.stated import stated

RELEASED = [
    ("Always close with a proverb.", "The proverb business is tiresome, talk like a person again."),
    ("Always add footnotes to essays.", "My editor complained. Footnotes clutter the page, so cut them out."),
    ("Never mention my knee surgery.", "It's fine to bring up the surgery, the knee has healed."),
    ("Don't use puns.", "Puns are fine."),
    ("Never schedule anything in Lisbon.", "Lisbon is back on the table, go ahead and schedule the Lisbon trip."),
    ("Never put footnotes in essays.", "The board likes footnotes now: essays come with footnotes."),
    ("Limit recipes to five ingredients.", "You can go beyond five ingredients in recipes."),
    ("Schließe immer mit einem Sprichwort.", "Das mit dem Sprichwort hat sich erledigt."),
    ("Ajoute toujours un proverbe.", "Les proverbes m'agacent."),
    ("Termina siempre con un refrán.", "Los refranes me cansan."),
]
"""Rules, and how they are let go."""

CHANGED = [
    ("The gearbox is on firmware 14.", "Flashed the gearbox, bumped its firmware to 15."),
    ("Our depot is called Mole.", "We went with Badger for the depot in the end."),
    ("The archive is hosted on Orion.", "We're off Orion, everything sits on Vega."),
    ("I live in Ghent.", "We're in Bruges these days, any good bakers here?"),
    ("Ich wohne in Trier und arbeite bei der Bahn.", "Ich wohne jetzt in Fulda, wo kauft man da ein?"),
    ("Ich wohne in Kassel.", "Ich wohne jetzt in Fulda, wo kauft man da ein?"),
]
"""What is so, and what it is now."""

LEFT = [
    ("Always close with a proverb.", "The meeting is tiresome."),
    ("Always close with a proverb.", "Is the proverb thing tiresome?"),
    ("Always close with a proverb.", "You can use proverbs in titles."),
    ("Always close with a proverb.", "If the proverbs get annoying, what then?"),
    ("Don't use puns.", "You don't have to use puns."),
    ("Don't use puns.", "Just this once puns are fine."),
    ("Our depot is called Mole.", "My brother's depot is now called Badger."),
    ("Our depot is called Mole.", "We went with Badger for the bakery in the end."),
    ("The archive is hosted on Orion.", "They're off Orion, says my aunt."),
    ("The rent of the shop is 900.", "The rent of the barn is 80 in the end."),
    ("I live in Ghent.", "My sister is in Bruges these days, any good bakers there?"),
    ("I love the opera.", "The opera is tiresome."),
]


def told(text: str) -> list[Memory]:
    """What a user's message states, or else its sentences as those of ordinary talk are handed over."""
    (pattern,) = stated("I live in Oslo.")
    return stated(text) or [
        msgspec.structs.replace(pattern, id=f"ex_1/{number}", text=sentence, key=sentence, slot="")
        for number, sentence in enumerate(sentences(text))
    ]


def gone(held: list[Memory], message: str) -> set[str]:
    texts = {memory.id: memory.text for memory in held}
    fresh = stated(message, session="se_2")
    return {texts[id] for id in revise(Turn(role="user", text=message), fresh, held, session="se_2")}


@pytest.mark.parametrize(("before", "message"), RELEASED)
def test_a_rule_ends_by_words_of_letting_go_anywhere_in_a_message(before: str, message: str) -> None:
    assert gone(told(before), message) == {before}


@pytest.mark.parametrize(("before", "message"), CHANGED)
def test_a_matter_ends_by_words_of_change_and_another_value(before: str, message: str) -> None:
    assert gone(told(before), message) == {before}


@pytest.mark.parametrize(("before", "message"), LEFT)
def test_what_is_not_meant_is_left(before: str, message: str) -> None:
    assert gone(told(before), message) == set()


def test_of_two_that_are_as_near_none_ends() -> None:
    held = stated("Always close with a proverb. Always open with a proverb.")
    assert len(held) == 2
    assert gone(held, "The proverb business is tiresome.") == set()
    assert gone(held[:1], "The proverb business is tiresome.") == {held[0].text}


def test_what_is_asked_for_in_a_session_alone_ends_nothing_that_lasts() -> None:
    held = stated("Always close with a proverb.")
    assert gone(held, "Proverbs are tiresome. Answer in rhymes in this chat.") == set()
