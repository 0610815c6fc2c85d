"""Where things run: config.yaml as a tree of frozen structs, and what stands over it (environment, then flags).

The only reader of the environment. What happens to a call is not said here but in gateway/policy.py, and nothing is
opened or connected here. docs/configuration.md lists every key; a test compares it with these structs.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, get_origin

import msgspec
from msgspec import Meta

from gateway.documents import Hint, Members, Reader, meant, overlay, settings
from gateway.errors import ConfigError
from gateway.routes import BUILT_IN, DEFAULT, Route, UpstreamConfig, faults, in_force
from gateway.sections import (
    Auth,
    EmbedderConfig,
    JournalConfig,
    Mcp,
    Server,
    Store,
    Telemetry,
    embedder_faults,
    fleet_faults,
)

DEFAULT_FILE = "config.yaml"
PREFIX = "ACCRUE_"
NOT_SETTINGS = frozenset({"ACCRUE_DATA", "ACCRUE_TEST_QDRANT_URL"})
"""Names with our prefix that configure nothing: where tests and benchmarks find evaluation data, and Qdrant."""

PATHS = ("data_dir", "policies")

LISTS: tuple[Any, ...] = (dict, tuple)
"""What one text cannot say, and so the environment cannot set."""

KeyPath = tuple[str, ...]
Setting = tuple[str, KeyPath, str | int | None]
"""What gave it, the path of the member it sets, and the value; None: not given after all."""


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """All of config.yaml. Every key has a default, so that no file is needed."""

    server: Server = Server()
    auth: Auth = Auth()
    upstreams: dict[str, UpstreamConfig] = msgspec.field(default_factory=lambda: dict(BUILT_IN))
    routes: tuple[Route, ...] = ()
    """The first that matches takes the call, `default` what none does."""
    store: Store = Store()
    journal: JournalConfig = JournalConfig()
    embedder: EmbedderConfig = EmbedderConfig()
    telemetry: Telemetry = Telemetry()
    mcp: Mcp = Mcp()
    data_dir: Annotated[str, Meta(min_length=1)] = ".accrue"
    policies: Annotated[str, Meta(min_length=1)] = "policies"
    """Both are folders. Once loaded they are relative to the working directory, or absolute."""


def environment() -> Mapping[str, str]:
    """The process's environment; everything else is handed it, or a part of it."""
    return os.environ  # noqa: TID251 - this is the one reader that the rule allows


def load_config(
    path: Path | None,
    environ: Mapping[str, str],
    *,
    host: str | None = None,
    port: int | None = None,
    upstream: str | None = None,
    data_dir: str | None = None,
) -> Config:
    """The file under the environment under the flags (the keyword arguments; None: not given).

    Without a path, ./config.yaml where there is one. `data_dir` and `policies` are relative to the file they stand in
    (by default: to the file in use), and to the working directory in the environment and in flags. Raises
    `ConfigError` with every mistake of all three.
    """
    if path is None and Path(DEFAULT_FILE).exists():
        path = Path(DEFAULT_FILE)
    reader = Reader(words={}, variables=environ)
    in_file = reader.document(path, Config) if path else {}
    known = dict(known_settings([*BUILT_IN, *(in_file.get("upstreams") or ())]))
    in_environment = _read(reader, known, _named(reader, known, environ))
    in_flags = _read(
        reader,
        known,
        [
            ("--host", ("server", "host"), host),
            ("--port", ("server", "port"), port),
            ("--upstream", ("upstreams", DEFAULT, "url"), upstream),
            ("--data-dir", ("data_dir",), data_dir),
        ],
    )
    reader.finish()
    folder = path.parent if path else Path()
    config = overlay(_built_in(in_file, in_environment), in_file)
    anchored = {name: str(folder / getattr(config, name)) for name in PATHS}
    config = overlay(config, anchored, in_environment, in_flags)
    for place, fault in (
        *faults(config.routes, config.upstreams),
        *embedder_faults(config.embedder),
        *fleet_faults(config.auth, config.store, config.journal),
        *_key_faults(config),
    ):
        reader.complain(reader.place(place), fault)
    reader.finish()
    return config


def known_settings(upstreams: Iterable[str]) -> Iterator[tuple[KeyPath, Hint]]:
    """Every value that config.yaml can hold when its upstreams have these names: its path, and its type."""
    for path, hint in settings(Config):
        if path != ("upstreams",):
            yield path, hint
            continue
        for name in dict.fromkeys(upstreams):
            yield from settings(UpstreamConfig, (*path, name))


def without_network_for_litellm() -> None:
    """Keep litellm, before it is imported, from fetching the tables it brings along, and from reading a `.env` file."""
    given = {
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
        "LITELLM_MODE": "PRODUCTION",
    }
    os.environ.update(given)  # noqa: TID251 - litellm takes them from nowhere else


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a socket bound to the host."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False  # a name that resolves to anything, or every interface


def check_bind(config: Config) -> None:
    """Raise `ConfigError` when others could reach a gateway that lets anyone in, unless that was accepted."""
    if is_loopback(config.server.host) or config.auth.allow_public or config.auth.mode == "keys":
        return
    raise ConfigError(
        f"$.server.host: {config.server.host} is not a loopback address, and with auth.mode: {config.auth.mode} anyone "
        "who reaches the port can use memory with any credential; bind to 127.0.0.1, issue keys (auth.mode: keys), or "
        "accept it with auth.allow_public: true"
    )


def _key_faults(config: Config) -> Iterator[tuple[str, str]]:
    """Upstreams that would be sent the keys that are issued here; through litellm none goes."""
    if config.auth.mode != "keys":
        return
    routes = in_force(config.routes, config.upstreams)
    fault = "with auth.mode: keys it needs an api_key, because the keys of clients are for us alone"
    for name in dict.fromkeys((DEFAULT, *(name for route in routes for name in route.upstreams))):
        upstream = config.upstreams.get(name)
        if upstream is not None and upstream.kind == "http" and not upstream.api_key:
            yield f"$.upstreams.{name}", fault


def _built_in(*layers: Members) -> Config:
    """The defaults. An upstream that is made another kind keeps nothing of a built-in one of its name."""
    given = [(name, layer.get("upstreams", {}).get(name, {})) for layer in layers for name in BUILT_IN]
    others = {name: UpstreamConfig() for name, members in given if members.get("kind", "http") != "http"}
    return Config(upstreams=BUILT_IN | others)


def _named(reader: Reader, known: Mapping[KeyPath, Hint], environ: Mapping[str, str]) -> Iterator[Setting]:
    """What the environment sets; a name of ours that sets nothing is a mistake."""
    single = [path for path, hint in known.items() if get_origin(hint) not in LISTS]
    names = {PREFIX + "__".join(path).upper().replace("-", "_"): path for path in single}
    for name in sorted(environ):
        if name in names:
            yield name, names[name], environ[name]
        elif name.startswith(PREFIX) and name not in NOT_SETTINGS:
            reader.complain(name, f"unknown setting{meant(name, names)}, known are {', '.join(names)}")


def _read(reader: Reader, known: Mapping[KeyPath, Hint], given: Iterable[Setting]) -> Members:
    members: Members = {}
    for source, path, value in given:
        if value is None:
            continue
        *sections, name = path
        section = members
        for step in sections:
            section = section.setdefault(step, {})
        section[name] = reader.setting(source, str(value), known[path])
    return members
