"""Lines within a budget; what comes of them in a request is tested with gateway/compose.py."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.fence import NOTES, RULES, SEPARATOR, Fence
from gateway.filling import (
    BLOCK_TOKENS,
    GROUP_TOKENS,
    LINE_TOKENS,
    Filling,
    Line,
    bullets,
    counted,
    in_order,
    lane_tokens,
)
from gateway.kinds.base import Grouping
from gateway.memories import Memory
from gateway.policy import Budget
from gateway.tokens import Tokens
from gateway.types import Note
from gateway.wiring import KINDS

TOKENS = Tokens.from_litellm()
FENCE = Fence(b"k" * 32)
EPISODE = KINDS["episode"]
BUDGET = Budget(lanes={"episode": 1_000, "constraint": 1_000})


def line(
    number: int = 0, text: str = "words", *, kind: str = "episode", group: str = "", tokens: int = 10, at: float = 1.0
) -> Line:
    memory = Memory(
        id=f"m_{99 - number:015}", kind=kind, text=text, key="", origin="user", exchange="ex_1", session="s1", at=at,
        recorded_at=1.0, place=number,
    )  # fmt: skip
    return Line(memory=memory, kind=KINDS[kind], text=text, group=group, where="here", tokens=tokens)


def there(one: Line) -> Line:
    return msgspec.structs.replace(one, where="there")


@pytest.mark.parametrize(("then", "cost"), [
    (line(1), 10),
    (line(1, group="(a)"), 10 + GROUP_TOKENS),
    (line(1, kind="constraint"), 10 + BLOCK_TOKENS),
    (there(line(1)), 10 + BLOCK_TOKENS),
    (there(line(1, group="(b)")), 10 + BLOCK_TOKENS + GROUP_TOKENS),
    (line(1, group="(b)"), 10),
])  # fmt: skip
def test_the_first_line_of_a_block_and_of_a_group_pays_for_it(then: Line, cost: int) -> None:
    first = line(group="(b)")
    spent = 10 + BLOCK_TOKENS + GROUP_TOKENS
    for allowance, is_taken in ((spent + cost, True), (spent + cost - 1, False)):
        filling = Filling(allowance, BUDGET, [])
        assert filling.take(first)
        assert filling.take(then) is is_taken
        assert filling.lines == [first, then][: 1 + is_taken]


def test_a_line_that_found_no_room_leaves_all_as_it_was() -> None:
    filling = Filling(BLOCK_TOKENS + GROUP_TOKENS + 10, BUDGET, [])
    assert not filling.take(line(tokens=11, group="(a)"))
    assert filling.take(line(tokens=10, group="(a)"))


def test_a_lane_has_paid_for_what_was_noted_before() -> None:
    noted = [Note(where="then", text="", lane_tokens={"episode": 600, "gone": 5}), Note(where="now", text="")]
    for tokens, is_taken in ((400, True), (401, False)):
        assert Filling(2_000, BUDGET, noted).take(line(tokens=tokens)) is is_taken
    assert not Filling(2_000, BUDGET, []).take(line(kind="fact"))


def test_the_tokens_of_a_line_are_counted_once() -> None:
    new = line(text="Biscuit barks.").memory
    once = counted(new, KINDS, TOKENS)
    assert once.tokens == TOKENS.count(EPISODE.line(new), "gpt-4o")
    assert counted(once, {}, TOKENS) is once


def test_what_lines_cost_is_counted_by_lane() -> None:
    assert lane_tokens([line(tokens=3), line(tokens=4), line(kind="constraint", tokens=5)]) == {
        "episode": 7,
        "constraint": 5,
    }


def test_a_rule_that_was_taken_back_is_none() -> None:
    rule = line(kind="constraint")
    over = msgspec.structs.replace(rule, memory=msgspec.structs.replace(rule.memory, ended_at=0.0))
    assert [one.is_rule for one in (rule, over, line())] == [True, False, False]


def test_statements_come_first_then_what_was_learnt_then_talk() -> None:
    kinds = ["episode", "lesson", "fact", "correction", "preference", "episode", "constraint"]
    lines = [line(number, kind=kind, at=10.0 - number) for number, kind in enumerate(kinds)]
    order = ["constraint", "preference", "fact", "correction", "lesson", "episode", "episode"]
    assert [one.kind.name for one in in_order(lines)] == order
    assert [one.memory.at for one in in_order(lines)] == [4.0, 6.0, 8.0, 7.0, 9.0, 5.0, 10.0]


def test_lines_stand_as_they_were_said() -> None:
    lines = [line(0, at=2.0), line(2, at=1.0), line(1, at=1.0)]
    assert [one.memory.place for one in in_order(lines)] == [1, 2, 0]


def test_lines_of_a_group_share_the_bullet_of_its_first() -> None:
    lines = [line(text="one", group="(a)"), line(text="alone"), line(text="b1", group="(b)"), line(text="alone"),
             line(text="two\nmore", group="(a)"), line(text="last\nmore")]  # fmt: skip
    assert bullets(lines) == ["(a) one\ntwo\n  more", "alone", "(b) b1", "alone", "last\nmore"]
    assert bullets([]) == []


def test_a_group_that_is_called_like_a_number_takes_no_other_line() -> None:
    assert bullets([line(text="one"), line(text="two", group="0")]) == ["one", "0 two"]


def test_a_block_costs_no_more_than_is_reckoned() -> None:
    nonces = [FENCE.nonce(f"{number}") for number in range(200)]
    most = max(
        TOKENS.count(SEPARATOR + FENCE.block(tag, nonce, ["words"]), model) - TOKENS.count("words", model)
        for tag in (NOTES, RULES)
        for nonce in nonces
        for model in ("gpt-4o", "gpt-4")
    )
    assert BLOCK_TOKENS - LINE_TOKENS <= most <= BLOCK_TOKENS + LINE_TOKENS


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4"])
def test_a_group_and_a_line_cost_no_more_than_is_reckoned(model: str) -> None:
    assert isinstance(EPISODE, Grouping)
    one = line(text="The first.\nThe second.")
    names = [
        EPISODE.group(msgspec.structs.replace(one.memory, session=f"{day}", at=day * 86_400 * 9.0))
        for day in range(2_500)
    ]
    said = TOKENS.count("user: words", model)
    assert max(TOKENS.count(f"{name} user: words", model) for name in names) - said in (GROUP_TOKENS, GROUP_TOKENS - 1)
    (bullet,) = bullets([msgspec.structs.replace(one, group=names[0])] * 9)
    (first,) = bullets([msgspec.structs.replace(one, group=names[0])])
    lines, of_one = (TOKENS.count(FENCE.block(NOTES, "0" * 20, [text]), model) for text in (bullet, first))
    assert (lines - of_one) == 8 * (TOKENS.count(one.text, model) + LINE_TOKENS)


SAID = st.sampled_from(["yes", "Bär", "漢字かな混じり文。", "🙂", "a {b} [c]", "I live in Bern. And you?", "1 2 3"])


@settings(deadline=None, max_examples=200)
@given(
    said=st.lists(st.tuples(SAID, st.integers(0, 3), st.booleans()), min_size=1, max_size=12),
    session=st.text(max_size=8),
    tag=st.sampled_from([NOTES, RULES]),
    model=st.sampled_from(["gpt-4o", "gpt-4"]),
)
def test_the_cost_of_lines_groups_and_blocks_is_never_less_than_what_is_counted(
    said: list[tuple[str, int, bool]], session: str, tag: str, model: str
) -> None:
    assert isinstance(EPISODE, Grouping)
    lines = []
    for number, (text, group, is_alone) in enumerate(said):
        one = line(number, text).memory
        of = msgspec.structs.replace(one, session=f"{session}{group}", at=group * 1e8)
        name = "" if is_alone else EPISODE.group(of)
        cost = TOKENS.count(EPISODE.line(of), model) + LINE_TOKENS
        lines.append(line(number, EPISODE.line(of), group=name, tokens=cost))
    bound = BLOCK_TOKENS + sum(one.tokens for one in lines) + GROUP_TOKENS * len({one.group for one in lines} - {""})
    block = FENCE.block(tag, FENCE.nonce(session), bullets(in_order(lines)))
    assert TOKENS.count(SEPARATOR + block, model) <= bound
