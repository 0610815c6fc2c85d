"""What providers charge for a session's prompts by their documented caching rules. Pure; knows no request and no price.

A prompt is a sequence of blocks: its tools, then each of its messages. All requests of a session come within the five
minutes for which both providers keep a prefix, and no other session shares one: what is left out are hits by chance.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

Prompt = Sequence[str]
Count = Callable[[str], int]
"""Tokens of a text."""

MARKED_BLOCKS = 2
"""A client marks the end of its tools and of its system text, which stay the same, and of its newest message."""

LOOK_BACK = 20
"""Blocks before a mark in which Anthropic looks for a prefix that it has kept."""


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """How a provider counts: shares of the price of an input token."""

    name: str
    finds: Literal["itself", "marks"]
    """`itself`: any prefix seen before. `marks`: the prefixes that requests mark, as `LOOK_BACK` allows."""
    minimum: int
    """Tokens below which nothing is kept."""
    step: int
    """A prefix counts in multiples of so many tokens."""
    read: float
    write: float


GPT_4O = Rules(name="OpenAI, cached at 0.5", finds="itself", minimum=1024, step=128, read=0.5, write=1.0)
"""From 1,024 tokens on in steps of 128, half the price, nothing for keeping: "Prompt Caching in the API", openai.com,
2024-10-01, for gpt-4o."""

GPT_5 = Rules(name="OpenAI, cached at 0.1", finds="itself", minimum=1024, step=128, read=0.1, write=1.0)
"""The same rules with gpt-5's price of cached input, a tenth: "Prompt caching" and "Pricing", OpenAI's documentation as
of June 2026. Its models from GPT-5.6 on have a guide of their own, which is not this one."""

ANTHROPIC = Rules(name="Anthropic, kept for 5 minutes", finds="marks", minimum=1024, step=1, read=0.1, write=1.25)
"""Writing 1.25 times the price, reading a tenth, from 1,024 tokens on with most models, up to four marks: "Prompt
caching", Anthropic's documentation as of July 2026."""

ALL = (GPT_4O, GPT_5, ANTHROPIC)


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """Of one or many sessions, in tokens."""

    tokens: int = 0
    """Sent."""
    cached: int = 0
    """Of these, read from what the provider kept."""
    cost: float = 0.0
    """As many input tokens at full price cost the same."""

    def __add__(self, other: Bill) -> Bill:
        return Bill(tokens=self.tokens + other.tokens, cached=self.cached + other.cached, cost=self.cost + other.cost)


def bill(rules: Rules, prompts: Sequence[Prompt], count: Count) -> Bill:
    """Of a session's requests, in their order."""
    charge = _found_by_itself if rules.finds == "itself" else _found_by_marks
    return sum((charge(rules, prompts[:place], prompt, count) for place, prompt in enumerate(prompts)), Bill())


def _found_by_itself(rules: Rules, earlier: Sequence[Prompt], prompt: Prompt, count: Count) -> Bill:
    tokens = sum(map(count, prompt))
    cached = _kept(rules, max((_shared(before, prompt, count) for before in earlier), default=0))
    return Bill(tokens=tokens, cached=cached, cost=cached * rules.read + (tokens - cached) * rules.write)


def _found_by_marks(rules: Rules, earlier: Sequence[Prompt], prompt: Prompt, count: Count) -> Bill:
    tokens = sum(map(count, prompt))
    kept = {tuple(before[:end]) for before in earlier for end in _marks(before)}
    ends = {end - back for end in _marks(prompt) for back in range(LOOK_BACK) if end > back}
    found = max((end for end in ends if tuple(prompt[:end]) in kept), default=0)
    cached = _kept(rules, sum(map(count, prompt[:found])))
    new = tokens - cached
    return Bill(
        tokens=tokens,
        cached=cached,
        cost=cached * rules.read + new * (rules.write if tokens >= rules.minimum else 1.0),
    )


def _marks(prompt: Prompt) -> set[int]:
    """How many blocks stand before each mark."""
    return {*range(1, MARKED_BLOCKS + 1), len(prompt)}


def _kept(rules: Rules, tokens: int) -> int:
    return tokens - tokens % rules.step if tokens >= rules.minimum else 0


def _shared(before: Prompt, prompt: Prompt, count: Count) -> int:
    """Tokens from the start that two prompts have in common."""
    shared = 0
    for one, other in zip(before, prompt, strict=False):
        if one != other:
            same = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
            return shared + count("".join(char for char, _ in same))
        shared += count(one)
    return shared
