"""Sentences come out as they stood; code, quotations and pasted walls do not come out at all."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.kinds import constraint, episode, fact, preference
from gateway.kinds.sentences import (
    MAX_EMPTY_TALK_CHARS,
    MAX_SENTENCE_CHARS,
    MAX_SPOKEN_CHARS,
    is_empty_talk,
    is_off_the_record,
    is_question,
    plain,
    sentences,
)
from gateway.languages.spoken import ENGLISH
from gateway.types import Turn

KINDS = (constraint.KIND, episode.KIND, fact.KIND, preference.KIND)
FRAGMENTS = ["Always use tabs", "`a. b`", "```\ncode\n```", "\n> quoted\n", ". ", "?! ", "。", "\n", "- ", "é", "e.g. "]
messages = st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=12), max_size=12).map("".join)


@pytest.mark.promise("P8")
@settings(deadline=None, max_examples=200)
@given(messages)
@example("> a\r\nb")
def test_every_sentence_is_a_trimmed_piece_of_the_message_and_they_come_in_order(text: str) -> None:
    found = list(sentences(text))
    assert all(sentence and sentence == sentence.strip() and len(sentence) <= MAX_SENTENCE_CHARS for sentence in found)
    position = 0
    for sentence in found:
        position = text.index(sentence, position) + len(sentence)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("One\nTwo\n\n\nThree", ["One", "Two", "Three"]),
        ("总是用中文。谢谢！", ["总是用中文。", "谢谢！"]),
        ("See Dr. Who vs. Mr. Bean, e.g. on TV. Fine.", ["See Dr. Who vs. Mr. Bean, e.g. on TV.", "Fine."]),
        ("Version 1.2.3 is out.", ["Version 1.2.3 is out."]),
        (
            "- One\n* Two\n• Three\n– Four\n1. Five\n2) Six\n  **Seven**",
            ["One", "Two", "Three", "Four", "1.", "Five", "Six", "Seven"],
        ),
        ("Run `a. b` now. Then `c`", ["Run `a. b` now.", "Then `c`"]),
        ("Before\n```py\nAlways use tabs.\n```\nAfter", ["Before", "After"]),
        ("Before\n```py\nAlways use tabs. And no end", ["Before"]),
        ("> Quoted. Words\nMine\n  > deeper\n| a | b |", ["Mine"]),
        ("a < b > c | d", ["a < b > c | d"]),
        ("", []),
        (" \n\t ", []),
    ],
)
def test_a_message_is_cut_where_a_person_stops(text: str, found: list[str]) -> None:
    assert list(sentences(text)) == found


def test_only_the_first_and_the_last_paragraph_of_a_long_message_are_a_person_speaking() -> None:
    text = "Mine.\n\n" + "Theirs.\n\n" * MAX_SPOKEN_CHARS + "Mine too."
    assert list(sentences(text)) == ["Mine.", "Mine too."]


def test_of_a_long_paragraph_only_the_two_ends_are_a_person_speaking() -> None:
    found = list(sentences("A line.\n" * MAX_SPOKEN_CHARS))
    assert len(found) == 2 * MAX_SPOKEN_CHARS // len("A line.\n")


def test_a_wall_of_text_is_left_out_and_what_is_around_it_is_not() -> None:
    assert list(sentences("First.\n" + "x" * (MAX_SENTENCE_CHARS + 1) + "\n" + "y" * MAX_SENTENCE_CHARS)) == [
        "First.",
        "y" * MAX_SENTENCE_CHARS,
    ]


def test_rules_read_straight_apostrophes_and_no_words_of_others() -> None:
    assert plain('**Don’t** run `rm -rf` or say “always” or "never" or «jamais»', ENGLISH) == (
        'Don\'t run "" or say "" or "" or ""'
    )
    assert plain("IMPORTANT: always ask.", ENGLISH) == "always ask."
    assert plain("Note 2 - never push", ENGLISH) == "never push"
    assert plain("Sag nicht „immer“", ENGLISH) == 'Sag nicht ""'


@pytest.mark.parametrize(
    ("sentence", "asks"),
    [("Why?", True), ("为什么？", True), ("Answer in French, okay?", False), ("Is it ok?", False), ("Is it?", True)],
)
def test_a_question_asks_and_a_tag_at_the_end_does_not(sentence: str, asks: bool) -> None:
    assert is_question(sentence) is asks


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "👍",
        "Hi!",
        "hello there",
        "Thanks a lot!!",
        "ok",
        "Good morning",
        "Yes, please.",
        "No.",
        "You’re welcome!",
        "Hello! How can I help you today?",
        "Sure, go ahead.",
        "Got it. Thank you so much.",
        "Danke schön!",
        "Guten Morgen",
        "Ja, bitte.",
        "¡Muchas gracias!",
        "Hola, buenos días",
        "Merci beaucoup",
        "Bonjour !",
        "你好",
        "好的，谢谢！",
    ],
)
def test_greetings_and_thanks_are_empty_talk(text: str) -> None:
    assert is_empty_talk(text)


@pytest.mark.parametrize("text", ["nook", "know", "42", "Hi, I'm Ana.", "Thanks for the fish", "你好世界", "hi " * 67])
def test_whatever_has_one_word_of_substance_is_not_empty_talk(text: str) -> None:
    assert not is_empty_talk(text)


def test_empty_talk_is_judged_by_length_first() -> None:
    assert is_empty_talk("!" * MAX_EMPTY_TALK_CHARS)
    assert not is_empty_talk("!" * (MAX_EMPTY_TALK_CHARS + 1))


OFF_THE_RECORD = [
    "Don't remember this, but my salary is 90k",
    "Please don’t save this: my PIN is in the drawer.",
    "Do not store this. I'm pregnant.",
    "Off the record, I hate my boss.",
    "This is off the record.",
    "Between us, I voted for the other one.",
    "Just between you and me, I am quitting.",
    "Keep this between us: I'm moving out.",
    "Forget what I just said.",
    "please forget that I told you my age",
    "Forget I said anything about the job.",
    "My salary is 90k. Don't remember that.",
    "my salary is 90k, but don't remember it please",
    "You don't need to remember this.",
    "Never store this anywhere.",
    "Keep it to yourself, but I'm leaving.",
    "dont write this down",
    "Don't keep this in your memory.",
    "Don't memorise any of this.",
    "Let's keep that off the record.",
    "I live in Oslo. Forget that.",
    "Hey, don't record this message.",
    "Don't learn anything from this message.",
    "This stays between us.",
    "Please do not remember anything I say here.",
    "Erase what I told you.",
    "Delete my last message from your memory.",
    "I'd rather you didn't remember this.",
]

ON_THE_RECORD = [
    "I don't remember this song.",
    "I really do not remember that.",
    "You don't remember this?",
    "Why don't you remember that I'm vegan?",
    "Don't forget what I just said.",
    "Don't forget that I told you my age.",
    "Forget it.",
    "I forget what I just said.",
    "Remember this: I'm vegan.",
    "Don't store passwords in plain text.",
    "Do not save the file yet.",
    "Don't keep it too long in the oven.",
    "Don't save this to disk, return it.",
    "Don't log this error twice.",
    "What is the difference between us and them?",
    "There is a wall between us.",
    "The border between us is open.",
    "Don't record calls without consent.",
    "Keep this in mind.",
    "Never forget what I said about nuts.",
    "She said she doesn't remember it.",
    "Between us we have three cars.",
    "I couldn't save this document.",
    "Do you keep a record of this?",
    "Keep it up!",
    "Don't keep this waiting.",
    "The record is on the table.",
    "Save this for later.",
    "They asked me to forget that I said yes.",
    "Don't note the price, note the date.",
    'What does "off the record" mean?',
    pytest.param(
        "What does off the record mean?",
        marks=pytest.mark.xfail(strict=True, reason="without quotation marks; a question too many is not kept"),
    ),
]


@pytest.mark.parametrize("text", OFF_THE_RECORD)
def test_a_message_may_say_that_it_is_off_the_record(text: str) -> None:
    assert is_off_the_record(text)
    assert [list(kind.find(Turn(role="user", text=text))) for kind in KINDS] == [[]] * len(KINDS)


@pytest.mark.parametrize("text", ON_THE_RECORD)
def test_what_only_sounds_like_off_the_record_is_on_it(text: str) -> None:
    assert not is_off_the_record(text)


HOSTILE_PIECES = [
    "hi\n",
    "hi, ",
    "dear x\n",
    "summarise this ",
    "fix this\n",
    "write a ",
    "write a story ",
    "an email ",
    "a: ",
    "[a] ",
    "don't ",
    "forget that ",
    "and so but ",
    "\n \n",
    "translate ",
    "translate this.\f",
    "'",
    "I'm A ",
    "keep replies ",
    "Bob Bob ",
    "Dear ",
    "between us ",
    "(",
    "\n",
    "don't add ab-cd ",
    "I have a bad ",
    "no a ",
    "please but so ",
    "you can use it, ",
    "use x instead of ",
    "I don't want you to ",
    "forget the rule about ",
    "from a to ",
    "bitte und also ",
    "du musst nicht ",
    "ich bin nach ",
    "verwende keine ab-cd ",
    "immer ",
    "schreib ein ",
    "por favor y ",
    "no uses ab ",
    "ya no tienes que ",
    "escribe un ",
    "siempre usa ",
    "s'il te plaît et ",
    "tu peux ",
    "n'utilise pas de ab ",
    "écris un ",
    "toujours ",
    "请好的",
    "我真的很",
    "以后都请",
    "你可以再",
    "不要再",
    "我我从",
    "翻译",
]

HOSTILE = [
    ("please, " * 60)[:299],
    ("always " * 60)[:299] + "\n" + ("never " * 60)[:299],
    ("for all your the new " * 20)[:290] + " answers",
    ("if " * 110)[:290] + ", always",
    ("use every time why " * 20)[:299],
    ("don't stop ever again " * 20)[:299],
    ("I really much still always do " * 15)[:299],
    ("my favourite name " * 20)[:299],
    ("ok k okay yes yep no nope noted " * 10)[:199],
    ("thank you so much thanks " * 10)[:198] + "x",
    "`" * 299,
    '"' * 299 + "“" * 299,
    ">" * 299,
    "." * 299 + " " * 299,
    "```" * 2000,
    "- " * 5000 + "\n" * 5000 + " \t" * 5000,
    "* " * 5000,
    *(text * (2000 // len(text)) for text in HOSTILE_PIECES),
]

READ_ALL = """
import json, sys
from gateway.kinds import constraint, episode, fact, preference
from gateway.languages.tables import TABLES
from gateway.revisions import revise
from gateway.types import Turn
for text in json.load(sys.stdin):
    for kind in (constraint.KIND, preference.KIND, fact.KIND, episode.KIND):
        kind.find(Turn(role="user", text=text), is_first=True)
    revise(Turn(role="user", text=text), [], [], session="")
    for table in TABLES.values():  # whatever language it is taken for
        for pattern in (*table.rules.values(), *table.slots.values()):
            pattern.search(text[:300])
"""


def test_no_message_however_hostile_makes_a_rule_blow_up() -> None:
    """A rule that tries all ways of splitting 300 characters would not be done in this life."""
    subprocess.run([sys.executable, "-c", READ_ALL], input=json.dumps(HOSTILE).encode(), check=True, timeout=60)


def test_the_hour_before_noon_ends_no_sentence_that_goes_on() -> None:
    said = ["Never call before 10 a.m. on weekdays.", "It is 9 a.m.", "Please begin."]
    assert list(sentences(" ".join(said))) == said


@pytest.mark.parametrize("piece", ["“", "«", "x. ", "\n", "“a” ", '"a'])
def test_of_a_message_nobody_can_have_spoken_the_two_ends_are_read(piece: str) -> None:
    """All of it, or every quotation mark to the end for itself, would take minutes."""
    text = f"Never use emojis.\n\n{piece * (4_000_000 // len(piece))}\n\nAlways use metric units."
    assert {"Never use emojis.", "Always use metric units."} <= set(sentences(text))
    assert not is_off_the_record(text)
