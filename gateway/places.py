"""Places of a program that a text names: paths of files, symbols, ids of tests.

It knows how they are written, and neither what stands there nor what the text says of them.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Iterator

MAX_TEXT_CHARS = 2_000
"""From either end of a text are read: a whole file may stand between."""

MAX_FOLDERS = 32
"""Of a path are told apart: none is deeper, but a line of slashes may look so."""

TEXTS = 512
"""Kept read: the turns of a conversation come again with each call."""

_NAME = re.compile(r"(?<![/\\])[\w.@~+-]*+(?:[/\\]++[\w.@~+\[\]-]++)*+(?:::[\w\[\].<>-]++)*+")
"""A word, a path, the id of a test in one. It takes all it can and gives nothing back, so that a line of dashes or
slashes is read once rather than from each of them."""

_OPEN = "./\\:<[@~+-"
"""With these no name ends."""

_FILE = re.compile(r"(?:[A-Za-z]:)?(?:[\w.@~+-]*[/\\])*[\w@~+-][\w.@~+-]*\.[A-Za-z]\w{0,9}\Z")
_COMMON_FILES = frozenset(("__init__.py", "__main__.py", "conftest.py", "index.js", "index.ts", "main.go", "mod.rs"))
"""Every other folder has one: by itself such a name is no place."""

_DEFINED = re.compile(r"\b(?:def|class|function|func|fn|struct|interface|trait)\s+(?:\([^)]*\)\s*)?([A-Za-z_]\w{3,80})")


def named(text: str) -> frozenset[str]:
    """Every name that a text has which may be a place; of a path also each of its endings, of a test its file."""
    is_whole = len(text) <= 2 * MAX_TEXT_CHARS
    return _named(text if is_whole else f"{text[:MAX_TEXT_CHARS]}\n{text[-MAX_TEXT_CHARS:]}")


@functools.lru_cache(maxsize=TEXTS)
def _named(text: str) -> frozenset[str]:
    names = frozenset(_upright(name) for found in _NAME.findall(text) if (name := found.rstrip(_OPEN)))
    return names | {part for name in names if not name.isalnum() for part in _parts(name)}


def is_touched(place: str, names: Collection[str]) -> bool:
    """Whether names from `named` have a place: the whole of it, or its file's name alone."""
    upright = _upright(place)
    base = upright.rpartition("/")[2].partition("::")[0]
    is_telling = "/" in upright and base not in _COMMON_FILES and _FILE.match(base) is not None
    return upright in names or (is_telling and _is_alone(base, names))


def is_file(text: str) -> bool:
    """Whether a text is the path of a file, and nothing else."""
    return _FILE.match(text) is not None


def defined(code: str) -> list[str]:
    """Names of functions and classes that a piece of code defines, in order."""
    return list(dict.fromkeys(_DEFINED.findall(code[:MAX_TEXT_CHARS])))


def _is_alone(base: str, names: Collection[str]) -> bool:
    """Whether a file is named without its folder; in another folder it is another file."""
    return base in names and not any(name.endswith(f"/{base}") for name in names)


def _parts(name: str) -> Iterator[str]:
    """What a name names besides itself."""
    path, _, test = name.partition("::")
    steps = path.split("/")[-MAX_FOLDERS:]
    for start in range(len(steps)):
        ending = "/".join(steps[start:])
        yield ending
        if test:
            yield f"{ending}::{test}"
    if not is_file(path):
        yield path.rpartition(".")[2]


def _upright(name: str) -> str:
    """A path with slashes that stand upright, without what says that it begins here."""
    return name.replace("\\", "/").removeprefix("./").removeprefix("/")
