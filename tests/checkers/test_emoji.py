"""gateway/checkers/emoji.py: pictures in answers, and what only looks like one."""

from __future__ import annotations

import pytest

from tests.checkers.judged import understood, violation

INSTRUCTIONS = [
    "never use emojis",
    "Never use emojis.",
    "No emojis please.",
    "Stop using emojis.",
    "No emojis, ever.",
    "No emojis ever, thanks.",
    "I don't want any emojis.",
    "I'd like you to never use emojis.",
    "Never use emojis in this conversation.",
    "Don’t use emojis.",
    "No more emojis or smileys.",
    "Emojis are not allowed.",
    "Keep your answers free of emojis.",
    "Your replies should not contain emojis.",
    "Always use emojis.",
    "Add an emoji to every answer.",
    "Keine Emojis!",
    "Bitte benutze nie wieder Emojis.",
    "Nunca uses emojis.",
    "Sin emojis por favor.",
    "Pas d'émojis.",
    "N'utilise jamais d'émojis s'il te plaît.",
    "不要使用表情符号。",
    "请不要用表情",
    "You must never use emojis when you answer me.",
    "Be friendly and never use emojis.",
]

KEPT = [
    ("Never use emojis.", "Sure, the train leaves at nine."),
    ("Never use emojis.", "Prices: 5 € and 3 $, 20 °C, ± 2 %."),
    ("Never use emojis.", "Acme™, Acme® and © 2027."),
    ("Never use emojis.", "The arrow → points right, ✓ is a check mark."),
    ("Never use emojis.", "The word `🎉` is in the code."),
    ("Never use emojis.", '```\nprint("🎉")\n```\nThat prints it.'),
    ("Never use emojis.", 'The user wrote "great 🎉" in the review.'),
    ("Never use emojis.", "> thanks 😀\n\nYou are welcome."),
    ("Never use emojis.", "Use :) as you like."),
    ("Never use emojis.", "你好，火车九点出发。"),
    ("Never use emojis.", "♠ ♥ ♦ ♣ are the suits."),
    ("No emoticons.", "Note: (see above) is at 12:30:45, ratio 3:1."),
    ("Always use emojis.", "Yes."),
    (
        "Always use emojis.",
        "The train leaves at nine from platform four, and it takes about two hours to get to Bern 🚆.",
    ),
    ("No more emojis or smileys.", "See http://example.com:8080/D for more."),
]

BROKEN = [
    ("Never use emojis.", "Sure! 😀", "Sure! 😀"),
    ("Never use emojis.", "🎉 Congratulations on the launch.", "🎉 Congratulations on the launch"),
    ("Never use emojis.", "Done ✅", "Done ✅"),
    ("Never use emojis.", "I ❤️ trains.", "I ❤️ trains."),
    ("Never use emojis.", "From Bern 🇨🇭 to Paris.", "From Bern 🇨🇭 to Paris."),
    ("Never use emojis.", "⚠️ Careful.", "⚠️ Careful."),
    ("Never use emojis.", "All is well.\nThe train is late 🚂.", "The train is late 🚂."),
    ("Keine Emojis!", "Gern geschehen 👍", "Gern geschehen 👍"),
    ("不要使用表情符号。", "好的👌", "好的👌"),
    ("Sin emojis por favor.", "¡Hola! 👋", "¡Hola! 👋"),
    ("No more emojis or smileys.", "You are welcome :)", "You are welcome :)"),
    ("No more emojis or smileys.", "Fine ;-)", "Fine ;-)"),
    (
        "Always use emojis.",
        "The train leaves at nine from platform four, and it takes about two hours to get to Bern.",
        "The train leaves at nine from platform four, and it takes",
    ),
]


@pytest.mark.parametrize("instruction", INSTRUCTIONS)
def test_an_instruction_is_understood_however_it_is_said(instruction: str) -> None:
    assert set(understood(instruction)) == {"emoji"}


@pytest.mark.parametrize(("instruction", "answer"), KEPT)
def test_an_answer_that_keeps_it_passes(instruction: str, answer: str) -> None:
    assert violation(instruction, answer) is None


@pytest.mark.parametrize(("instruction", "answer", "words"), BROKEN)
def test_an_answer_that_breaks_it_is_told_by_its_words(instruction: str, answer: str, words: str) -> None:
    assert violation(instruction, answer) == words
