"""gateway/signals/items.py: the item in a prompt."""

from __future__ import annotations

import pytest

from gateway.signals.items import MAX_ITEM_CHARS, item_of

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
