"""The policies in force: policies/*.yaml read strictly, which of them a call gets, and their reload while serving.

What a policy can say stands in gateway/policy.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import fnmatch
import re
import stat
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

import watchfiles

from gateway.documents import Reader, overlay
from gateway.errors import ConfigError
from gateway.pause import pause
from gateway.policy import DEFAULT, Match, Policy
from gateway.ports import Headers

WATCH_STANDS_MS = 500
"""The watch is silent when it begins to stand; its first timeout, after this long, is the first that is heard of it."""

LOOK_AGAIN_S = 1.0
"""Between two looks for a folder that is missing."""

Faults = Callable[["Policies"], Iterable[str]]


class Policies:
    """All policies in force. The last is for the calls that no other matches, so there is always one."""

    def __init__(self, policies: Sequence[Policy]) -> None:
        *narrow, self._rest = policies
        self.policies = tuple(policies)
        self._rules = [(_Rule(policy.match), policy) for policy in narrow]

    def match(self, model: str, path: str, agent: str, headers: Headers) -> Policy:
        """The first policy that fits. `path` is what the client asked for, without identity prefix and query."""
        for rule, policy in self._rules:
            if rule.fits(model, path, agent, headers):
                return policy
        return self._rest


class PolicyBook:
    """The policies in force, held in one reference: a call under way keeps the ones it began with.

    Raises `ConfigError` when they cannot be read at the start; later the old ones stay.
    """

    def __init__(self, folder: Path, known_kinds: Collection[str], faults: Faults = lambda policies: ()) -> None:
        """`faults` are complaints about policies that by themselves are right, such as an upstream they lack."""
        self._folder = folder
        self._known_kinds = tuple(known_kinds)
        self._faults = faults
        self.current = self._read()

    def reload(self) -> str | None:
        """Read the folder again. Returns the complaint, and keeps the old policies, when something is wrong in it."""
        if not self._folder.is_dir() and self.current.policies != (Policy(),):
            return f"{self._folder} has gone; the policies in force stay"
        try:
            self.current = self._read()
        except ConfigError as error:
            return str(error)
        return None

    def _read(self) -> Policies:
        policies = load_policies(self._folder, self._known_kinds)
        if complaints := list(self._faults(policies)):
            raise ConfigError("\n".join(complaints))
        return policies

    async def watch(self, stop: asyncio.Event, on_change: Callable[[str | None], None]) -> None:
        """Reload at every change until `stop`, telling each outcome: None, or the complaint.

        The first outcome comes unasked, for what changed before the watch stood. A folder that is missing is looked
        for again and again.
        """
        while not stop.is_set():
            with contextlib.suppress(FileNotFoundError):  # it may go at any moment
                await self._watch_folder(stop, on_change)
            await pause(stop, LOOK_AGAIN_S)

    async def _watch_folder(self, stop: asyncio.Event, on_change: Callable[[str | None], None]) -> None:
        """Watch until `stop`, or until what is there is no longer the same folder: a watch holds on to the old one."""
        folder, watched = self._folder.absolute(), _identity(self._folder)
        if watched is None:
            return
        stands = False
        async for changes in watchfiles.awatch(
            self._folder,
            watch_filter=None,
            stop_event=stop,
            rust_timeout=WATCH_STANDS_MS,
            yield_on_timeout=True,
            recursive=False,
        ):
            # A link set to another folder makes no event; a folder made anew may have the same number.
            is_gone = _identity(folder) != watched or folder in {Path(path).absolute() for _, path in changes}
            if changes or not stands or is_gone:
                stands = True
                on_change(await asyncio.to_thread(self.reload))
            if is_gone:
                return


def _identity(folder: Path) -> tuple[int, int] | None:
    """Which folder that is; None where there is none."""
    try:
        found = folder.stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISDIR(found.st_mode) else None


def load_policies(folder: Path, known_kinds: Collection[str]) -> Policies:
    """The folder's policies, default.yaml last; without one, the built-in default. Raises `ConfigError`."""
    policies, complaints = [], []
    for path in _files(folder):
        try:
            policies.append(_load(path, known_kinds))
        except ConfigError as error:
            complaints.append(str(error))
    if complaints:
        raise ConfigError("\n".join(complaints))
    if not policies or policies[-1].name != DEFAULT:
        policies.append(Policy())
    return Policies(policies)


def _files(folder: Path) -> list[Path]:
    """In the order they are asked. Editors and container mounts leave dotted names beside the real ones."""
    files = [path for path in folder.glob("*.y*ml") if not path.name.startswith(".")]
    return sorted(files, key=lambda path: (path.stem == DEFAULT, path.name))


def _load(path: Path, known_kinds: Collection[str]) -> Policy:
    if path.suffix != ".yaml":
        raise ConfigError(f"{path}: the name of a policy file ends in .yaml")
    reader = Reader(words={"kinds": known_kinds, "name": [path.stem]})
    members = reader.document(path, Policy)
    if path.stem == DEFAULT and "match" in members:
        reader.complain(f"{path}: $.match", "default.yaml is for the calls that no other policy matches, and has none")
    reader.finish()
    return overlay(Policy(name=path.stem), members)


class _Rule:
    """A `Match` made ready to be asked on every request; None stands for a member that everything fits."""

    def __init__(self, match: Match) -> None:
        self._model, self._path, self._agent = map(_compiled, (match.model, match.path, match.agent))
        self._headers = [(name.lower().encode(), _pattern([glob])) for name, glob in match.headers.items()]

    def fits(self, model: str, path: str, agent: str, headers: Headers) -> bool:
        return (
            (self._agent is None or self._agent.match(agent) is not None)
            and (self._model is None or self._model.match(model) is not None)
            and (self._path is None or self._path.match(path) is not None)
            and all(_has(headers, name, pattern) for name, pattern in self._headers)
        )


def _has(headers: Headers, name: bytes, pattern: re.Pattern[str]) -> bool:
    return any(line.lower() == name and pattern.match(value.decode("latin-1")) for line, value in headers)


def _compiled(globs: Sequence[str]) -> re.Pattern[str] | None:
    return None if "*" in globs else _pattern(globs)


def _pattern(globs: Sequence[str]) -> re.Pattern[str]:
    return re.compile("|".join(fnmatch.translate(glob) for glob in globs))
