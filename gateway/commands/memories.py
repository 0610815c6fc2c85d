"""`accrue memories`: what is remembered of whom, and what a person does to it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args
from urllib.parse import quote

import click

from gateway.catalogue import State
from gateway.commands.options import json_option, print_json, print_lines
from gateway.commands.reaching import Api, Where, answered, where_options, whose_options
from gateway.commands.tables import moment, table

PATH = "/accrue/memories"

Whose = Mapping[str, str | None]

id_argument = click.argument("id")


@click.group(name="memories", short_help="See what is remembered, and change it.")
def group() -> None:
    """See what is remembered of whom, and change it: by hand, on record, and kept by `accrue rebuild`.

    A running gateway is asked, the one on the data directory or at --url; where none runs, the directory is opened.

    \b
        accrue memories list --user ana
        accrue memories search "what may the dog eat" --user ana
        accrue memories add "Answer in British English." --kind constraint --user ana
    """


@group.command(name="list", short_help="Name them, newest first.")
@click.option("--kind", default="", help="Of one kind only: constraint, preference, fact, lesson, correction, episode.")
@click.option("--state", type=click.Choice(get_args(State)), default=None, help="In one state only.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="At most so many.")
@whose_options
@json_option
@where_options
def list_command(where: Where, whose: Whose, kind: str, state: str | None, limit: int, is_json: bool) -> None:
    """Name memories, those that were said last first; without a user or a session those of everybody.

    \b
        accrue memories list --kind lesson --state retired
        accrue memories list --user ana --json
    """

    async def work(api: Api) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        place = ""
        while len(found) < limit:
            asked = {**whose, "kind": kind, "state": state, "place": place, "limit": min(limit - len(found), 200)}
            page = await api.ask("GET", PATH, query=asked)
            found += page["memories"]
            place = page["place"]
            if not place:
                break
        return found

    _print(answered(where, work), is_json=is_json)


@group.command(short_help="Find them as recall would.")
@click.argument("question")
@click.option("--limit", type=click.IntRange(min=1, max=200), default=20, show_default=True, help="At most so many.")
@whose_options
@json_option
@where_options
def search(where: Where, whose: Whose, question: str, limit: int, is_json: bool) -> None:
    """Find what recall would for QUESTION: what is told whatever is asked, then the rest, best first.

    \b
        accrue memories search "what may the dog eat" --user ana
    """

    async def work(api: Api) -> list[Mapping[str, Any]]:
        page = await api.ask("GET", PATH, query={**whose, "q": question, "limit": limit})
        return list(page["memories"])

    _print(answered(where, work), is_json=is_json)


@group.command(short_help="Tell all of one.")
@id_argument
@whose_options
@json_option
@where_options
def show(where: Where, whose: Whose, id: str, is_json: bool) -> None:
    """Tell all of the memory ID: what it says, the evidence for it, and what became of it.

    \b
        accrue memories show m_123456789012345
    """
    read = answered(where, lambda api: api.ask("GET", _path(id), query=whose))
    if is_json:
        print_json(read)
        return
    for line in _told(read):
        click.echo(line)


@group.command(short_help="Remember a text.")
@click.argument("text")
@click.option("--kind", default="fact", show_default=True, help="constraint, preference, fact, …")
@click.option("--pinned", "is_pinned", is_flag=True, help="Tell it on every call, whatever is asked.")
@whose_options
@json_option
@where_options
def add(where: Where, whose: Whose, text: str, kind: str, is_pinned: bool, is_json: bool) -> None:
    """Remember TEXT in your own words; with --tenant alone for all its users.

    \b
        accrue memories add "Invoices are in euros." --user ana
        accrue memories add "Answer in British English." --kind constraint --user ana
    """
    asked = {**whose, "kind": kind, "text": text, "is_pinned": is_pinned}
    _done(answered(where, lambda api: api.ask("POST", PATH, body=asked)), "remembered", is_json=is_json)


@group.command(short_help="Put another text in the place of one.")
@id_argument
@click.argument("text")
@whose_options
@json_option
@where_options
def edit(where: Where, whose: Whose, id: str, text: str, is_json: bool) -> None:
    """Put TEXT in the place of what the memory ID says; the old one ends, and its history stays.

    \b
        accrue memories edit m_123456789012345 "My dog eats fish." --user ana
    """
    _change(where, whose, id, {"text": text}, "edited; it is now", is_json=is_json)


@group.command(short_help="Remove one for good.")
@id_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
@whose_options
@json_option
@where_options
def forget(where: Where, whose: Whose, id: str, yes: bool, is_json: bool) -> None:
    """Remove the memory ID for good; what was said stays on record (`accrue erase` removes that).

    \b
        accrue memories forget m_123456789012345 --yes
    """
    yes or click.confirm(f"Remove memory {id} for good?", abort=True)
    forgotten = answered(where, lambda api: api.ask("DELETE", _path(id), query=whose))
    if is_json:
        print_json(forgotten)
    else:
        click.echo(f"forgotten {id}")


@group.command(short_help="Print them as lines.")
@click.option("--tenant", default="", help="Of one tenant only.")
@click.option("--kind", default="", help="Of one kind only.")
@where_options
def export(where: Where, tenant: str, kind: str) -> None:
    """Print memories as JSON Lines, from which `import` makes the same state again.

    \b
        accrue memories export > memories.jsonl
    """
    answered(where, lambda api: print_lines(api.lines(f"{PATH}/export", {"tenant": tenant, "kind": kind})))


@group.command(name="import", short_help="Put in what was exported.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
@where_options
def import_command(where: Where, file: Path, is_json: bool) -> None:
    """Put in the memories of FILE, as `export` printed them: all of them, or none where a line is wrong.

    \b
        accrue memories import memories.jsonl
    """
    with click.progressbar(length=file.stat().st_size, label="sending", file=sys.stderr) as bar:
        came = answered(where, lambda api: api.ask("POST", f"{PATH}/import", file=file, on_sent=bar.update))
    if is_json:
        print_json(came)
    else:
        click.echo(f"{came['lines']} memories, {came['added']} of them new")


def _change(where: Where, whose: Whose, id: str, change: Mapping[str, Any], done: str, *, is_json: bool) -> None:
    asked = {**whose, **change}
    _done(answered(where, lambda api: api.ask("PATCH", _path(id), body=asked)), done, is_json=is_json)


def _changing(name: str, change: Mapping[str, Any], done: str, short: str, long: str) -> click.Command:
    @whose_options
    @json_option
    @where_options
    def changed(where: Where, whose: Whose, id: str, is_json: bool) -> None:
        _change(where, whose, id, change, done, is_json=is_json)

    help = f"{long}\n\n\b\n    accrue memories {name} m_123456789012345"
    return click.command(name, short_help=short, help=help)(id_argument(changed))


for one in (
    _changing(
        "pin", {"is_pinned": True}, "pinned", "Tell one on every call.",
        "Tell the memory ID on every call of its user, whatever is asked, as far as the budget allows.",
    ),
    _changing(
        "unpin", {"is_pinned": False}, "unpinned", "Tell one as others of its kind.",
        "Tell the memory ID as others of its kind are told.",
    ),
    _changing(
        "retire", {"state": "retired"}, "retired", "Tell one no more.",
        "Tell the memory ID no more; it can be restored.",
    ),
    _changing(
        "restore", {"state": "holding"}, "restored", "Tell one again.",
        "Tell the memory ID again, which had ended or was retired.",
    ),
):  # fmt: skip
    group.add_command(one)


def _path(id: str) -> str:
    return f"{PATH}/{quote(id, safe='')}"


def _done(shown: Mapping[str, Any], done: str, *, is_json: bool) -> None:
    if is_json:
        print_json(shown)
    else:
        click.echo(f"{done} {shown['memory']['id']}")


def _print(found: Sequence[Mapping[str, Any]], *, is_json: bool) -> None:
    if is_json:
        print_json(found)
        return
    if not found:
        click.echo("none", err=True)
        return
    rows = [
        (
            one["memory"]["id"],
            _whose(one),
            one["memory"]["kind"],
            _state(one),
            moment(one["memory"]["at"]),
            one["memory"]["text"],
        )
        for one in found
    ]
    for line in table(("id", "whose", "kind", "state", "said", "text"), rows):
        click.echo(line)


def _told(read: Mapping[str, Any]) -> Sequence[str]:
    shown = read["shown"]
    memory = shown["memory"]
    rows: list[tuple[str, str]] = [
        ("id", memory["id"]),
        ("whose", f"{_whose(shown)}, of tenant {shown['tenant']}"),
        ("kind", f"{memory['kind']}, {_state(shown)}"),
        ("text", memory["text"]),
        ("said", f"{moment(memory['at'])}, {memory['count']} times, by {memory['origin']}"),
        ("ended", moment(memory["ended_at"])),
        ("tokens", str(memory["tokens"])),
        ("exchanges", ", ".join(read["exchanges"])),
    ]
    rows += [("evidence", memory["evidence"])] if memory["evidence"] else []
    rows += [("triggered", text) for text in (memory["lesson"] or {}).get("triggers", ())]
    rows += [("changed", f"{moment(one['at'])} {one['action']}: {one['reason']}") for one in read["changes"]]
    rows += [("followed by", f"{one['memory']['id']} {one['memory']['text']}") for one in read["followed"]]
    return list(table(("what", ""), rows))[1:]


def _whose(shown: Mapping[str, Any]) -> str:
    return "all users" if shown["is_shared"] else shown["user"] or f"session {shown['session']}"


def _state(shown: Mapping[str, Any]) -> str:
    return f"{shown['state']}, pinned" if shown["memory"]["is_pinned"] else str(shown["state"])
