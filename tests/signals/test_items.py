"""gateway/signals/items.py: the item in a prompt."""

from __future__ import annotations

import pytest

from gateway.signals.items import MAX_ITEM_CHARS, MAX_READ_CHARS, item_of

ITEM = "I am still waiting on my card"
LONG = "You label what customers of a bank write. Answer with one label and nothing else. " * 5


@pytest.mark.parametrize(
    ("text", "item"),
    [
        (ITEM, ITEM),
        (f"  {ITEM}\n", ITEM),
        (f'"{ITEM}"', ITEM),
        (f"Text: {ITEM}", ITEM),
        (f"Text: {ITEM}\nLabel:", ITEM),
        (f"Query:\n{ITEM}\n\nThe intent:", ITEM),
        (f"Classify the customer message: {ITEM}", ITEM),
        (f"Text: one\nLabel: a\n\nText: {ITEM}\nLabel:", ITEM),
        (f"{LONG}\n\nInput: {ITEM}", ITEM),
        (f"{LONG}\n\n{ITEM}", ITEM),
        (f'{LONG}\nWhat is "{ITEM}" about?\nAnswer in one word.', ITEM),
        (f'Label it.\n"""{ITEM}"""', ITEM),
        (f"Label it.\n```text\n{ITEM}\n```", ITEM),
        (f'Of "x" and "y", which?\n{ITEM}', ITEM),
        ("Message:", "Message:"),
        ("", ""),
    ],
)
def test_the_item_is_told_from_the_instructions_around_it(text: str, item: str) -> None:
    assert item_of(text) == item


def test_of_a_long_item_the_beginning_is_given() -> None:
    assert len(item_of("Text: " + "word " * 1_000)) <= MAX_ITEM_CHARS


def test_of_a_very_long_message_both_ends_are_read() -> None:
    document = "Some words of a long document.\n" * MAX_READ_CHARS
    assert item_of(f"Text: {ITEM}\n{document}").startswith(ITEM)
    assert item_of(f"{document}\nText: {ITEM}") == ITEM
    assert item_of(f"{LONG}\n{document}Text: {ITEM}\n{document}The end.") == "The end."


@pytest.mark.parametrize("mark", ["“", "«", "「"])
def test_marks_that_stay_open_do_not_keep_it_reading(mark: str) -> None:
    """Without the mend each of these takes many seconds."""
    for filling in ("", "a", " b"):
        for _ in range(20):
            assert item_of(f"{mark}{filling}" * 64_000 + f"\n{ITEM}") == ITEM


def test_of_marks_within_marks_the_inner_words_are_given() -> None:
    assert item_of(f"{LONG}\nWhat is “about “{ITEM}” then?\nAnswer in one word.") == ITEM
