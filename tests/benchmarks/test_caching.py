from __future__ import annotations

from benchmarks.caching import ANTHROPIC, GPT_4O, GPT_5, LOOK_BACK, Bill, Rules, bill


def tokens(text: str) -> int:
    """A token for each character."""
    return len(text)


TOOLS, SYSTEM, ASKED, SAID, AGAIN = "t" * 500, "s" * 1000, "u" * 100, "a" * 50, "v" * 70
FIRST = [TOOLS, SYSTEM, ASKED]
SECOND = [*FIRST, SAID, AGAIN]


def test_openai_reads_a_prefix_in_steps_of_128_tokens_and_asks_nothing_for_keeping_it() -> None:
    assert bill(GPT_4O, [FIRST], tokens) == Bill(tokens=1600, cached=0, cost=1600.0)
    assert bill(GPT_4O, [FIRST, SECOND], tokens) == Bill(tokens=3320, cached=1536, cost=3320 - 1536 / 2)


def test_a_prefix_of_fewer_than_1024_tokens_is_not_kept() -> None:
    short = [TOOLS, ASKED]
    assert bill(GPT_5, [short, [*short, SAID]], tokens).cached == 0
    assert bill(ANTHROPIC, [short, [*short, SAID]], tokens) == Bill(tokens=1250, cached=0, cost=1250.0)


def test_a_message_that_something_was_added_to_counts_up_to_where_it_differs() -> None:
    found = bill(GPT_5, [["x" * 1024 + "y" * 200], ["x" * 1024 + "z" * 200]], tokens)
    assert found.cached == 1024


def test_the_longest_of_all_earlier_prefixes_is_read() -> None:
    other = [TOOLS, "another system text" * 100]
    assert bill(GPT_5, [FIRST, other, SECOND], tokens).cached == 1536


def test_anthropic_writes_at_a_quarter_more_and_reads_at_a_tenth() -> None:
    assert bill(ANTHROPIC, [FIRST], tokens) == Bill(tokens=1600, cached=0, cost=2000.0)
    both = bill(ANTHROPIC, [FIRST, SECOND], tokens)
    assert both == Bill(tokens=3320, cached=1600, cost=2000.0 + 160.0 + 120 * 1.25)


def test_anthropic_looks_back_so_many_blocks_from_a_mark_and_no_further() -> None:
    def cached(more: int) -> int:
        return bill(ANTHROPIC, [FIRST, [*FIRST, *("m" * more)]], tokens).cached

    assert (cached(LOOK_BACK - 1), cached(LOOK_BACK)) == (1600, 1500)  # else the system text has a mark of its own


def test_a_block_before_the_system_text_that_changes_each_turn_leaves_the_tools_alone_in_the_cache() -> None:
    def block(notes: str) -> list[str]:
        return ["t" * 2000, notes * 200, SYSTEM, ASKED]

    for rules in (GPT_5, ANTHROPIC):
        assert bill(rules, [block("a"), block("b")], tokens).cached == 2000 - 2000 % rules.step


def test_bills_add_up() -> None:
    one = Bill(tokens=1, cached=2, cost=3.0)
    assert one + one == Bill(tokens=2, cached=4, cost=6.0)
    assert bill(Rules(name="", finds="itself", minimum=1, step=1, read=0.0, write=1.0), [], tokens) == Bill()
