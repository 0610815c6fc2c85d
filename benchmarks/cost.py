"""What memory costs with the provider: input tokens and their price by the caching rules, over sessions of an agent.

A few persons each have an agent that works with tools, session after session, through a running gateway; what a session
leaves is learnt before the next begins. The requests that the scripted upstream got are billed (benchmarks/caching.py)
beside the client's own, and beside what a memory would send that puts a block of notes before the system text and
writes it anew each turn: its notes are those that Accrue has for the turn's words alone, so that only the place and
the time differ.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import random
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import msgspec

from benchmarks import goals, harness, past
from benchmarks.caching import ALL, Bill, Count, Prompt, bill
from benchmarks.corpus import memory_text, question
from benchmarks.goals import Goal
from benchmarks.harness import Failed
from gateway.datadir import DataDir
from gateway.testing import ScriptedUpstream
from gateway.tokens import Tokens

MODEL = "gpt-4o"
ANSWER = "{said} That is all."
MAX_RATIO = 1.03
TURNS = (5, 15)
"""Of a user in a session; each is two requests, one that is answered by a tool call and one that brings its result."""

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": f"{what} Use it before you answer; never guess what it would say.",
            "parameters": {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
        },
    }
    for name, what in (
        ("read_file", "Reads a file of the project."),
        ("search", "Finds lines in the project."),
        ("run_tests", "Runs the tests and shows what failed."),
        ("read_note", "Looks a note of the office up."),
    )
]
PACKAGES = ("accrue", "litellm")

NOTHING_MORE: Mapping[str, str] = {}

Message = Mapping[str, Any]


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """Of a session, in statements of about 35 tokens."""

    name: str
    system: int
    results: tuple[int, int]
    """Fewest and most in what a tool returns."""


SIZES = (
    Size(name="office", system=150, results=(5, 40)),
    Size(name="coding", system=500, results=(30, 150)),
)
"""An agent with a long system text, and one like those that write code, whose requests grow past the large one of
`overhead`: from 4,000 to 20,000 tokens, and from 13,000 to 70,000."""


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """A session's requests, three times."""

    alone: Sequence[Prompt]
    """As the client sent them."""
    accrue: Sequence[Prompt]
    """As they went upstream."""
    block: Sequence[Prompt]
    """With notes for the turn before the system text."""


def session(connection: HTTPConnection, user: str, seed: int, size: Size) -> Iterator[list[Message]]:
    """Work through a session; each request's messages as the client has them. Raises `Failed` for a refused call.

    Before each turn its words are asked by themselves, of which nothing is learnt: the one call without a system text.
    """
    chance = random.Random(seed)
    office = " ".join(memory_text(number) for number in range(size.system))
    messages: list[Message] = [{"role": "system", "content": f"You are an agent of an office. {office}"}]
    for turn in range(chance.randint(*TURNS)):
        number = 1_000 * seed + turn
        said = f"{memory_text(number)} {question(number)}"
        messages.append({"role": "user", "content": f'{said} call read_note {{"query": "{number}"}}'})
        _call(connection, user, messages[-1:], {"x-accrue-memory": "read", "x-accrue-session": f"aside-{number}"})
        yield list(messages)
        asked = _call(connection, user, messages)
        found = " ".join(memory_text(50_000 + number + each) for each in range(chance.randint(*size.results)))
        result = {"role": "tool", "tool_call_id": asked["tool_calls"][0]["id"], "content": found}
        messages += [asked, result]
        yield list(messages)
        messages.append(_call(connection, user, messages))


def _call(
    connection: HTTPConnection, user: str, messages: Sequence[Message], more: Mapping[str, str] = NOTHING_MORE
) -> dict[str, Any]:
    body = msgspec.json.encode({"model": MODEL, "tools": TOOLS, "messages": messages})
    headers = {"authorization": "Bearer benchmark", "content-type": "application/json", "x-accrue-user": user}
    connection.request("POST", "/v1/chat/completions", body, {**headers, **more})
    answer = connection.getresponse()
    content = answer.read()
    if answer.status != 200:
        raise Failed(f"a call was answered with {answer.status}: {content[:500]!r}")
    said: dict[str, Any] = msgspec.json.decode(content)["choices"][0]["message"]
    return {name: value for name, value in said.items() if value is not None}


def sent(own: Sequence[Sequence[Message]], upstream: Sequence[Sequence[Message]]) -> Sent:
    """The prompts of a session, from the client's messages and all that the provider got, asides among it.

    Raises `Failed` where a message did not begin with the client's own words.
    """
    asides = {got[0]["content"] for got in upstream if got[0]["role"] == "user"}
    alone, accrue, block = [], [], []
    for mine, got in zip(own, (got for got in upstream if got[0]["role"] == "system"), strict=True):
        if len(mine) != len(got) or not all(map(_begins_with, got, mine)):
            raise Failed(f"the client said {mine!r}, and the provider got {got!r}")
        asked = [message["content"] for message in mine if message["role"] == "user"][-1]
        notes = next(aside.removeprefix(asked) for aside in asides if aside.startswith(asked))
        alone.append(_prompt(mine))
        accrue.append(_prompt(got))
        block.append(_prompt([{"role": "system", "content": notes}, *mine] if notes else mine))
    return Sent(alone=alone, accrue=accrue, block=block)


def _begins_with(shown: Message, said: Message) -> bool:
    return str(shown.get("content") or "").startswith(said.get("content") or "")


def _prompt(messages: Sequence[Message]) -> Prompt:
    return [_text(TOOLS), *map(_text, messages)]


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def measured(persons: int, sessions: int, size: Size) -> list[Sent]:
    """Have all sessions of a size, and collect what was sent."""
    found = []
    with tempfile.TemporaryDirectory() as name, ScriptedUpstream() as upstream:
        folder = Path(name)
        with past.serving(folder, upstream) as gateway:
            connection = HTTPConnection(gateway.url.removeprefix("http://").removesuffix("/v1"), timeout=30)
            calls = 0
            for number, person in itertools.product(range(sessions), range(persons)):
                upstream.clear()
                upstream.respond(ANSWER)
                own = list(session(connection, f"person-{person}", persons * number + person, size))
                received = [msgspec.json.decode(request.body)["messages"] for request in upstream.requests()]
                found.append(sent(own, received))
                calls += len(received)
                past.wait_until_learnt(gateway.process, DataDir(folder / "data").journal, calls)
            connection.close()
    return found


def section(found: Mapping[str, Sequence[Sent]], count: Count) -> str:
    """The report in Markdown, by the names of sizes."""
    rows, judged = [], []
    for size, rules in itertools.product(found, ALL):
        bills = {
            "without memory": sum((bill(rules, one.alone, count) for one in found[size]), Bill()),
            "Accrue": sum((bill(rules, one.accrue, count) for one in found[size]), Bill()),
            "notes of each turn before the system text": sum(
                (bill(rules, one.block, count) for one in found[size]), Bill()
            ),
        }
        alone = bills["without memory"]
        rows += [_row(f"{size}: {rules.name}", name, each, alone) for name, each in bills.items()]
        ratio = bills["Accrue"].cost / alone.cost
        judged.append(Goal(what=f"cost, Accrue ÷ no memory, {size}: {rules.name}", measured=(ratio,), bound=MAX_RATIO))
    header = ["rules", "sent", "input tokens", "cached %", "cost in input tokens", "÷ without", "of a token ÷ without"]
    sizes = "; ".join(f"{size}: {_described(sessions, count)}" for size, sessions in found.items())
    text = (
        f"{harness.machine(PACKAGES)}. Sessions of an agent with tools, through a gateway that has learnt those before "
        f"of the same person. {sizes}. Input tokens alone: what the model writes is the same. Rules and where they "
        "stand: benchmarks/caching.py. The last column leaves out that there are more tokens: below 1, more of them "
        "are read from the cache than without memory."
    )
    return "\n\n".join([text, goals.table(judged), harness.table(header, rows)])


def _described(found: Sequence[Sent], count: Count) -> str:
    sizes = [sum(map(count, prompt)) for one in found for prompt in one.alone]
    return f"{len(found)} sessions, {len(sizes)} requests of {min(sizes):,} to {max(sizes):,} tokens"


def _row(rules: str, name: str, of: Bill, alone: Bill) -> list[str]:
    return [
        rules,
        name,
        f"{of.tokens:,}",
        f"{100 * of.cached / of.tokens:.1f}",
        f"{of.cost:,.0f}",
        f"{of.cost / alone.cost:.3f}",
        f"{of.cost / of.tokens / (alone.cost / alone.tokens):.3f}",
    ]


def main() -> None:
    """Run the benchmark and print its section; `--write` puts it into docs/benchmarks.md as well."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--persons", type=int, default=3, help="who have an agent")
    parser.add_argument("--sessions", type=int, default=6, help="of each, one after the other")
    parser.add_argument("--quick", action="store_true", help="two sessions of one person: to see that it works")
    parser.add_argument("--write", action="store_true", help="write the section into docs/benchmarks.md")
    arguments = parser.parse_args()
    persons, sessions = (1, 2) if arguments.quick else (arguments.persons, arguments.sessions)
    found = {size.name: measured(persons, sessions, size) for size in SIZES}
    count = functools.partial(Tokens.from_litellm().count, model=MODEL)
    harness.report("Cost", section(found, functools.cache(count)), is_written=arguments.write)


if __name__ == "__main__":
    main()
