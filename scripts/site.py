"""What the documentation's site has besides the files in docs/: a hook of mkdocs, named in mkdocs.yml.

Pages are written for a reader of the repository. Here those that stand elsewhere in it become pages of the site, links
are turned to where their targets are there, and what the code says of itself (commands, API) is put in where a page
asks for it. That is made at each build and kept nowhere, so it cannot be of another version than the code.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from gateway.__main__ import main
from gateway.admin import OPERATIONS
from gateway.admin.openapi import document

ROOT = Path(__file__).parent.parent

BESIDE = {
    "architecture.md": "ARCHITECTURE.md",
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
    "security.md": "SECURITY.md",
}
"""Pages that are not in docs/, and the file each is."""

ELSEWHERE = {file: page for page, file in BESIDE.items()} | {
    "README.md": "index.md",
    "docs/decisions": "decisions/index.md",
}
"""Where links to these lead in the site."""

LINK = re.compile(r"\[(?P<text>[^\[\]]*)\]\((?P<target>[^()\s#:]+)(?P<anchor>#[^()\s]*)?\)")
ITEM = re.compile(r"^\d\. .*\n(?:(?: {3}.*|)\n)+", re.MULTILINE)
"""An item of a numbered list, with what is indented below it."""
ASKED = re.compile(r"^<!-- made from code: (\w+)[^>]*-->$", re.MULTILINE)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not in docs/."""
    for page, file in BESIDE.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / file)))
    files.append(File.generated(config, "decisions/index.md", content=decisions(ROOT / "docs/decisions")))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Make a page of the repository one of the site."""
    markdown = ASKED.sub(lambda asked: MADE[asked[1]](), markdown)
    # Python's markdown wants four spaces below a number where others are content with three.
    markdown = ITEM.sub(lambda item: re.sub("^ {3}", "    ", item[0], flags=re.MULTILINE), markdown)
    return LINK.sub(lambda link: turned(link, page.file.src_uri), markdown)


def turned(link: re.Match[str], page: str) -> str:
    """A link between files of the repository, as one between pages; to a file that is no page, its text alone."""
    here = BESIDE.get(page, f"docs/{page}")
    target = posixpath.normpath(posixpath.join(posixpath.dirname(here), link["target"]))
    if not (ROOT / target).exists():
        return link[0]  # is complained of by mkdocs
    there = ELSEWHERE.get(target) or target.removeprefix("docs/")
    if there == target:
        return link["text"]
    return f"[{link['text']}]({posixpath.relpath(there, posixpath.dirname(page) or '.')}{link['anchor'] or ''})"


def decisions(folder: Path) -> str:
    """The list of decision records."""
    titles = [(file.name, file.read_text(encoding="utf-8").partition("\n")[0]) for file in sorted(folder.glob("0*.md"))]
    return "\n".join(
        [
            "# Decisions",
            "",
            "Why things are as they are; each with its price, and what would change our mind.",
            "",
            *(f"- [{title.removeprefix('# ')}]({name})" for name, title in titles),
        ]
    )


def commands() -> str:
    """Every command, with what `--help` says of it."""
    return "\n".join(_command("accrue", main))


def _command(name: str, command: click.Command) -> Iterator[str]:
    context = click.Context(command, info_name=name, max_content_width=100, terminal_width=100)
    if isinstance(command, click.Group):
        for member in command.list_commands(context):
            found = command.get_command(context, member)
            assert found is not None
            yield from _command(f"{name} {member}", found)
    else:
        yield from (f"### {name}", "", "```text", command.get_help(context), "```", "")


def api() -> str:
    """Every operation with what it is asked by and what it answers, then the shapes these have."""
    told = document(OPERATIONS)
    shapes = told["components"]["schemas"]
    lines: list[str] = []
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            lines += [f"### {method.upper()} {path}", "", operation["summary"], ""]
            lines += _members({one["name"]: one["schema"] for one in operation.get("parameters", ())})
            for content in operation.get("requestBody", {}).get("content", {}).values():
                lines += _members(content["schema"].get("properties", {})) or [f"Body: {typed(content['schema'])}.", ""]
            for status, answer in operation["responses"].items():
                contents = answer.get("content", {}).items()
                lines += (f"{status}: {typed(content['schema'])}, `{kind}`." for kind, content in contents)
            lines.append("")
    lines += ["## Shapes", ""]
    used = json.dumps(told)
    for name, shape in shapes.items():
        if f'schemas/{name}"' not in used:
            continue  # what is asked of an operation stands beside it
        lines += [f"### {name}", "", *([shape["description"], ""] if "description" in shape else ())]
        lines += _members(shape.get("properties", {})) or [typed(shape), ""]
    return "\n".join(lines)


def _members(shapes: Mapping[str, Any]) -> list[str]:
    if not shapes:
        return []
    rows = (f"| `{name}` | {typed(shape)}{_default(shape)} |" for name, shape in shapes.items())
    return ["| member | is |", "|---|---|", *rows, ""]


def _default(shape: Mapping[str, Any]) -> str:
    value = shape.get("default")
    return "" if value in (None, "", [], {}) else f"; by default `{json.dumps(value)}`"


def typed(shape: Mapping[str, Any]) -> str:
    """A JSON schema in a few words."""
    if "$ref" in shape:
        name = str(shape["$ref"]).rpartition("/")[2]
        return f"[{name}](#{name.lower().replace('.', '')})"
    if "anyOf" in shape:
        return ", or ".join(typed(one) for one in shape["anyOf"])
    if "enum" in shape:
        return ", ".join(f"`{json.dumps(one)}`" for one in shape["enum"])
    kind = str(shape.get("type", "anything"))
    if kind == "array" and "items" in shape:
        return f"list of {typed(shape['items'])}"
    bounds = [said.format(shape[name]) for name, said in BOUNDS.items() if name in shape]
    return ", ".join([kind, *bounds])


BOUNDS = {
    "minLength": "{} characters or more",
    "maxLength": "at most {} characters",
    "minimum": "from {}",
    "maximum": "to {}",
}
"""What is said of the members of a JSON schema that confine a value."""


MADE: Mapping[str, Callable[[], str]] = {"commands": commands, "api": api}
"""What a page can ask for, by the name in its comment."""
