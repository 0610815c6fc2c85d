from __future__ import annotations

import pytest

from benchmarks.cost import Message, Sent, section, sent
from benchmarks.harness import Failed

SYSTEM: Message = {"role": "system", "content": "You are kind. " * 500}


def user(text: str) -> Message:
    return {"role": "user", "content": text}


def test_what_the_provider_got_is_set_beside_the_clients_own_and_notes_of_the_turn_before_its_system_text() -> None:
    own = [[SYSTEM, user("where?")], [SYSTEM, user("where?"), {"role": "assistant", "tool_calls": []}]]
    got = [
        [user("where?\n\nin the turn's notes")],
        [SYSTEM, user("where?\n\nnotes")],
        [SYSTEM, user("where?\n\nnotes"), own[1][2]],
    ]
    found = sent(own, got)
    assert [len(prompt) for prompt in found.alone] == [3, 4]  # the tools come first
    assert found.accrue[0][2] == '{"role":"user","content":"where?\\n\\nnotes"}'
    assert found.block[1][1] == '{"role":"system","content":"\\n\\nin the turn\'s notes"}'
    assert found.block[1][2:] == found.alone[1][1:]


def test_a_turn_for_which_nothing_is_known_has_no_block() -> None:
    own = [[SYSTEM, user("where?")]]
    found = sent(own, [[user("where?")], *own])
    assert found.block == found.accrue == found.alone


def test_words_of_the_client_that_were_changed_are_a_failure() -> None:
    own = [[SYSTEM, user("where?")]]
    with pytest.raises(Failed, match="the client said"):
        sent(own, [[user("where?")], [SYSTEM, user("there!")]])


def test_the_goal_is_judged_by_the_sums_of_all_sessions() -> None:
    alone = [["tools", "a" * 2000], ["tools", "a" * 2000, "b" * 10]]
    dear = [[prompt[0], "notes" * number, *prompt[1:]] for number, prompt in enumerate(alone, 1)]
    found = Sent(alone=alone, accrue=alone, block=dear)
    text = section({"small": [found, found]}, len)
    assert text.count("| 1.00     | at most 1.03 | yes     |") == 3
    assert "small: 2 sessions, 4 requests of 2,005 to 2,015 tokens." in text
    (dear_row,) = [row for row in text.splitlines() if "0.1" in row and "before the system text" in row]
    assert [cell.strip() for cell in dear_row.split("|")[3:5]] == ["8,070", "0.0"]
