"""A YAML document, read strictly into a frozen Struct; every mistake is told at once, with its file, line and path.

A plain scalar is read by the type of the member it stands for, never by YAML's own guesses: `memory: off` is the word
off where a word is wanted, `port: 8080` is a number because a port is one. A quoted scalar is always text. Anchors,
aliases and tags are refused: a value stands where it is read.

This file knows nothing of what a document is about, and nothing of the environment.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
import yaml

from gateway.errors import ConfigError

MAX_BYTES = 1 << 20
"""A document is written by hand; anything longer is the wrong file."""

NULLS = frozenset({"", "~", "null", "Null", "NULL"})
"""Plain scalars that stand for nothing (YAML 1.2, core schema)."""

PLAIN_NAMES = {
    "array": "a list",
    "bool": "true or false",
    "float": "a number",
    "int": "a whole number",
    "object": "a mapping",
    "str": "a text",
}
"""For people who write YAML, what msgspec calls by Python's and JSON's names."""

VARIABLE = re.compile(r"\$\{(\w+)\}")

S = TypeVar("S", bound=msgspec.Struct)
Hint = Any
"""A type as annotations spell it; Python has no narrower name for one."""
Members = dict[str, Any]
"""What a document says, as plain values that already fit their types; what it leaves out is absent."""
Words = Mapping[str, Collection[str]]
"""The words that a member marked by `one_of` may be, by the name in the mark."""


class _Loader(yaml.BaseLoader):
    """Composes nodes and resolves no types."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]  # PyYAML's stubs leave its parser untyped
        for refused in ("anchor", "tag"):
            if getattr(event, refused, None) is not None:
                problem = f"found a YAML {refused}; a text that begins with &, * or ! stands in quotes"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)
        return super().compose_node(parent, index)


class Reader:
    """Reads documents and single settings, and gathers what is wrong in them until `finish`."""

    def __init__(self, *, words: Words, variables: Mapping[str, str] | None = None, is_shipped: bool = False) -> None:
        """Begin with no mistakes.

        Args:
            variables: what a value `${NAME}` may stand for; without them it stands for itself.
            is_shipped: for files of our own, which are read ten times as fast, and less is said of what is no YAML.
        """
        self._words = words
        self._variables = variables
        self._loader = yaml.CBaseLoader if is_shipped else _Loader
        self._complaints: list[str] = []
        self._file = ""
        self._places: dict[str, str] = {}

    def document(self, path: Path, kind: type[msgspec.Struct]) -> Members:
        """What the file says of a `kind`; incomplete when something is wrong with it."""
        self._file = str(path)
        try:
            root = _compose(path, self._loader)
        except ConfigError as error:
            self._complaints.append(str(error))
            return {}
        members: Members = {} if root is None else self._read(root, kind, "$")
        return members

    def setting(self, source: str, text: str, hint: Hint) -> Any:
        """One value that has no file; `source` is what a complaint calls it."""
        return self._scalar(source, text, hint, is_plain=True)

    def complain(self, source: str, complaint: str) -> None:
        """Note one mistake."""
        self._complaints.append(f"{source}: {complaint}")

    def place(self, path: str) -> str:
        """Where the document says this, as complaints begin; the path alone when it does not."""
        return self._places.get(path, path)

    def finish(self) -> None:
        """Raise `ConfigError` with every mistake, one a line, if there was any."""
        if self._complaints:
            raise ConfigError("\n".join(self._complaints))

    def _read(self, node: yaml.Node, hint: Hint, path: str) -> Any:
        """The plain value of a node, as far as it fits its type; what does not fit is noted."""
        hint = _spelt(hint, self._words)
        bare = _bare(hint)
        source = self._places[path] = f"{self._source(node)}: {path}"
        if isinstance(node, yaml.ScalarNode):
            is_plain = node.style is None
            if is_plain and node.value in NULLS and _is_struct(bare):
                return {}  # a section whose keys are all commented out
            return self._scalar(source, node.value, hint, is_plain=is_plain)
        if isinstance(node, yaml.MappingNode):
            if _is_struct(bare) or _origin(bare) is dict:
                return self._mapping(node, bare, path)
            return self._convert(source, {}, hint, found="a mapping")
        if node.value and _origin(bare) is tuple:
            item = get_args(bare)[0]
            return [self._read(child, item, f"{path}[{index}]") for index, child in enumerate(node.value)]
        return self._convert(source, [], hint, found="a list" if node.value else "an empty list")

    def _mapping(self, node: yaml.MappingNode, bare: Hint, path: str) -> Members:
        hints = _members(bare, self._words)
        members: Members = {}
        for key, value in node.value:
            name, source = key.value, self._source(key)
            if not isinstance(key, yaml.ScalarNode):
                self.complain(f"{source}: {path}", "a key is a single word")
            elif name in members:
                self.complain(f"{source}: {path}.{name}", "given twice")
            elif hints is not None and name not in hints:
                members[name] = None
                complaint = f"unknown key{meant(name, hints)}, known here: {', '.join(hints)}"
                self.complain(f"{source}: {path}.{name}", complaint)
            else:
                hint = get_args(bare)[1] if hints is None else hints[name]
                members[name] = self._read(value, hint, f"{path}.{name}")
        return members

    def _scalar(self, source: str, text: str, hint: Hint, *, is_plain: bool) -> Any:
        found = repr(text) if text else "nothing"
        if self._variables is not None and (reference := VARIABLE.fullmatch(text)):
            value = self._variables.get(reference[1])
            if not value:
                self.complain(source, f"the environment variable {reference[1]} is not set")
                return None
            return self._convert(source, value, hint, found=found, is_strict=False)
        if is_plain and text in NULLS:
            return self._convert(source, None, hint, found=found)
        return self._convert(source, text, hint, found=found, is_strict=not is_plain)

    def _convert(self, source: str, value: Any, hint: Hint, *, found: str, is_strict: bool = True) -> Any:
        try:
            return msgspec.convert(value, hint, strict=is_strict)
        except msgspec.ValidationError as error:
            self.complain(source, f"found {found}, expected {_expected(value, hint, str(error))}")
            return None

    def _source(self, node: yaml.Node) -> str:
        return f"{self._file}:{node.start_mark.line + 1}"


def one_of(words: str) -> msgspec.Meta:
    """Marks a text as one of the words that the reader is given under this name."""
    return msgspec.Meta(extra={"words": words})


def overlay(defaults: S, *layers: Members) -> S:
    """`defaults` with the members of each layer in their place. Mappings merge key by key, lists are replaced."""
    members = msgspec.to_builtins(defaults)
    for layer in layers:
        members = _merged(members, layer)
    return msgspec.convert(members, type(defaults))


def settings(kind: Hint, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Hint]]:
    """Every single value that a document of this kind can hold: its path of names, and its type."""
    members = _members(_bare(kind), {})
    if members is None:
        yield path, kind
        return
    for name, hint in members.items():
        yield from settings(hint, (*path, name))


def meant(word: str, words: Collection[str]) -> str:
    """The known word that was probably meant, as an aside; empty when none is near."""
    near = difflib.get_close_matches(word, words, n=1)
    return f" (did you mean {near[0]}?)" if near else ""


def _compose(path: Path, loader: type[yaml.BaseLoader | yaml.CBaseLoader]) -> yaml.Node | None:
    """The document's nodes, or None for an empty file. Raises `ConfigError`."""
    text = _text(path)
    try:
        return yaml.compose(text, Loader=loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{path}:{line}: {': '.join(filter(None, (error.context, error.problem)))}") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ConfigError(f"{path}:{line}: {error.reason}") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: nested too deeply") from error


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{path}: longer than {MAX_BYTES} bytes")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: not UTF-8") from error


def _merged(under: Members, over: Members) -> Members:
    merged = dict(under)
    for name, value in over.items():
        below = under.get(name)
        merged[name] = _merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def _members(bare: Hint, words: Words) -> dict[str, Hint] | None:
    """The names that may stand in a mapping of this type, with their types; None when any name may."""
    if _is_struct(bare):
        return get_type_hints(bare, include_extras=True)
    if _origin(bare) is dict:
        key, value = get_args(bare)
        names = _literals(_spelt(key, words))
        return dict.fromkeys(names, value) if names else None
    return None


def _spelt(hint: Hint, words: Words) -> Hint:
    """A type marked by `one_of` as the words it stands for, where they are known."""
    for mark in getattr(hint, "__metadata__", ()):
        name = (mark.extra or {}).get("words", "")
        if name in words:
            return Literal.__getitem__(tuple(words[name]))
    return hint


def _literals(hint: Hint) -> tuple[str, ...]:
    """The words of a `Literal`, also where it may be left out (`Literal[…] | None`)."""
    if _origin(hint) is Literal:
        return get_args(hint)
    if _origin(hint) in (Union, UnionType):
        return tuple(word for part in get_args(hint) for word in _literals(part))
    return ()


def _expected(value: Any, hint: Hint, error: str) -> str:
    """What would have been right, in the reader's words instead of msgspec's."""
    if words := _literals(hint):
        return f"one of {', '.join(words)}{meant(str(value), words)}"
    for mark in getattr(hint, "__metadata__", ()):
        if mark.description:
            return str(mark.description)
    wanted = error.partition(", got")[0].removeprefix("Expected ")
    return re.sub(r"`(.+?)`", lambda named: " or ".join(PLAIN_NAMES.get(n, n) for n in named[1].split(" | ")), wanted)


def _bare(hint: Hint) -> Hint:
    return get_args(hint)[0] if _origin(hint) is Annotated else hint


def _origin(hint: Hint) -> Any:
    """`typing.get_origin` without its return type, which covers only what annotations rarely are."""
    return get_origin(hint)


def _is_struct(bare: Hint) -> bool:
    return isinstance(bare, type) and issubclass(bare, msgspec.Struct)
