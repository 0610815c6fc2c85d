"""The sections of config.yaml as frozen structs, with the default of every key, and what does not go together in one.

docs/configuration.md lists every key; a test compares it with these structs. Where they come from: gateway/config.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gateway.routes import Url

MIN_SECRET_CHARS = 32
"""A shorter key is too weak for HMAC with SHA-256 (RFC 7518, 3.2)."""


RedisUrl = Annotated[
    str,
    Meta(
        pattern=r"^((redis|rediss|redis\+cluster|rediss\+cluster|redis\+sentinel|rediss\+sentinel)://[^\s#]+)?$",
        description="redis://, rediss:// (TLS), redis+cluster:// or redis+sentinel://HOST,HOST/NAME",
    ),
]


class PostDisconnect(msgspec.Struct, frozen=True, kw_only=True):
    """How far an answer is read on, for the record, when its client has left; what would come later is cut off."""

    seconds: Annotated[float, Meta(ge=0, le=3_600)] = 60.0
    """0: the upstream is left at once."""
    bytes: Annotated[int, Meta(ge=0, le=1 << 30)] = 8 << 20


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """The listening side."""

    host: Annotated[str, Meta(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535)] = 8080
    """0 lets the system choose."""
    max_augmented_bytes: Annotated[int, Meta(ge=0, le=1 << 30)] = 16 << 20
    """A larger request body passes through unread."""
    commit_wait_ms: Annotated[int, Meta(ge=0, le=60_000)] = 250
    """How long the final event of an answer waits for the record of it."""
    grace_s: Annotated[float, Meta(ge=0, le=3_600)] = 10.0
    """How long a shutdown waits for answers under way."""
    header_timeout_s: Annotated[float, Meta(gt=0, le=3_600)] = 10.0
    """From the first byte of a request to the end of its headers."""
    body_timeout_s: Annotated[float, Meta(gt=0, le=86_400)] = 30.0
    """From there to the end of its body; a second longer for every 64 KiB that have come."""
    send_timeout_s: Annotated[float, Meta(gt=0, le=86_400)] = 30.0
    """A client that takes nothing of its answer for so long is let go."""
    max_header_bytes: Annotated[int, Meta(ge=1_024, le=16 << 20)] = 128 << 10
    """Of all headers of a request and its first line; Codex names its workspaces in one."""
    max_body_bytes: Annotated[int, Meta(ge=0, le=1 << 40)] = 1 << 30
    """Of a request; files are passed through in the same way as calls."""
    max_requests: Annotated[int, Meta(ge=1, le=1_000_000)] = 1_000
    """Under way at once; more are asked to come again."""
    max_connections: Annotated[int, Meta(ge=1, le=1_000_000)] = 8_192
    """Open at once, idle ones included."""
    post_disconnect: PostDisconnect = PostDisconnect()


class Auth(msgspec.Struct, frozen=True, kw_only=True):
    """Who may use the gateway."""

    mode: Literal["passthrough", "keys"] = "passthrough"
    """`passthrough`: the client's credential goes upstream, and a keyed hash of it is the tenant. `keys`: clients bring
    a key that was issued here, which says whose they are and how much they may ask; upstreams have their own."""
    allow_public: bool = False
    """Accept a bind that others can reach although anybody may use memory."""
    admin_key: Annotated[str, Meta(min_length=MIN_SECRET_CHARS, pattern=r"^[!-~]+\Z")] | None = None
    """With which our own API is asked; None: the one in `<data_dir>/admin.key`, made at the first start."""
    shared_secret: Annotated[str, Meta(min_length=MIN_SECRET_CHARS)] | None = None
    """Of which the names of tenants are made, and whatever else must be the same on every gateway of a fleet; None: the
    one in `<data_dir>/secret.key`. For the environment, not for the file."""
    openwebui_jwt_secret: Annotated[str, Meta(min_length=MIN_SECRET_CHARS)] | None = None
    """With which an Open WebUI signs who its users are; what it merely claims is then no longer believed."""


class Store(msgspec.Struct, frozen=True, kw_only=True):
    """Where memories live."""

    kind: Literal["local", "qdrant"] = "local"
    """In `data_dir`, or on a server of Qdrant, which many gateways share."""
    url: Url = ""
    """The server's."""
    api_key: Annotated[str, Meta(pattern=r"^[!-~]+\Z")] | None = None
    collection: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,100}\Z")] = "accrue"
    """What the names of our collections begin with; each embedder has its own."""
    shards: Annotated[int, Meta(ge=1, le=1_000)] | None = None
    """Of a new collection, over the nodes of a cluster; None: as the server sees fit."""
    replicas: Annotated[int, Meta(ge=1, le=100)] = 1
    """On so many nodes each shard lies."""
    timeout_ms: Annotated[int, Meta(ge=1, le=600_000)] = 10_000
    """The server's longest silence while memories are written; recall has its own deadline."""
    encryption_key: Annotated[str, Meta(min_length=MIN_SECRET_CHARS)] | None = None
    """With which texts are encrypted on disk, those of the journal too; for the environment, not for the file."""


class JournalConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where the raw record lives."""

    kind: Literal["sqlite", "redis"] = "sqlite"
    """In `data_dir`; or there only until it lies in Redis, which many gateways share."""
    url: RedisUrl = ""
    """The server's; with its password for the environment, not for the file."""
    partitions: Annotated[int, Meta(ge=1, le=4_096)] = 64
    """Among which persons are divided; each is learnt by one gateway at a time. The same for ever."""
    keep_days: Annotated[float, Meta(gt=0, le=36_500)] = 30.0
    """So long Redis holds a session after it was last heard of, and what was said in it."""
    timeout_ms: Annotated[int, Meta(ge=1, le=600_000)] = 5_000
    """Redis's longest silence while the record is written or learnt; what a call waits for has its own deadline."""
    durability: Literal["strict", "relaxed"] = "strict"
    """`strict`: a call goes upstream, and the end of its answer to the client, when that is on disk. `relaxed`: nothing
    waits, and a power cut takes the last moments."""
    on_spool_full: Literal["forward_unrecorded", "reject_503"] = "forward_unrecorded"
    """What becomes of calls that cannot be put on record."""
    checkpoint_s: Annotated[float, Meta(ge=0, le=3_600)] = 5.0
    """Into a stream at which what came so far is put on record, and again each time as much has passed; 0: never."""


class EmbedderConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What turns texts into vectors."""

    kind: Literal["wordllama", "fastembed", "http"] = "wordllama"
    """In this process, with the default's own words or with a model of fastembed; or a server with `/embeddings`."""
    model: str | None = None
    """By its name for fastembed or for the server."""
    url: Url = ""
    """The server's base, down to and including `/v1`."""
    api_key: Annotated[str, Meta(pattern=r"^[!-~]+\Z")] | None = None
    dimensions: Annotated[int, Meta(ge=1, le=16_384)] | None = None
    """Asked of the server; None takes what the model gives."""
    query_prefix: str = ""
    """What the model wants before a text to search by."""
    passage_prefix: str = ""
    """What it wants before a text to be found."""
    patience_ms: Annotated[int, Meta(ge=1, le=60_000)] = 25
    """How long a search waits for its vector; half of the default `recall.deadline_ms`."""
    timeout_ms: Annotated[int, Meta(ge=1, le=600_000)] = 10_000
    """The server's longest silence."""
    batch: Annotated[int, Meta(ge=1, le=2_048)] = 32
    """Texts at once: the least that a server of Hugging Face's text-embeddings-inference takes by default."""


EMBEDDER_KEYS = {
    "wordllama": {"kind"},
    "fastembed": {"kind", "model", "query_prefix", "passage_prefix", "patience_ms", "batch"},
    "http": set(EmbedderConfig.__struct_fields__),
}
"""What an embedder of each kind can be told."""


class Telemetry(msgspec.Struct, frozen=True, kw_only=True):
    """What the gateway tells about itself."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["console", "json"] = "console"
    traces: Literal["off", "otlp"] = "off"
    """`otlp`: each call is told of as an OpenTelemetry trace, over HTTP. It needs the extra `otel`."""
    endpoint: Url = "http://127.0.0.1:4318/v1/traces"
    """Where traces go, path included; empty: where OpenTelemetry's own variables say."""
    sample_percent: Annotated[float, Meta(ge=0, le=100)] = 100.0
    """So many of a hundred calls are told of; where a client has a trace of its own, that decides."""
    content: bool = False
    """Tell what was said and remembered, too."""


class Mcp(msgspec.Struct, frozen=True, kw_only=True):
    """Memory for agents that ask on purpose, by the Model Context Protocol."""

    enabled: bool = False
    """At `/accrue/mcp`; it needs the extra `mcp`."""
    can_forget: bool = False
    """Offer a tool by which a memory is told no more; a model can be talked into using it."""


def fleet_faults(auth: Auth, store: Store, journal: JournalConfig) -> Iterator[tuple[str, str]]:
    """What is missing, or means nothing, where memories or the record lie on a server."""
    for name, section, kind in (("store", store, "qdrant"), ("journal", journal, "redis")):
        if section.kind == kind and not section.url:
            yield f"$.{name}", f"a {name} of kind {kind} needs a url"
        if section.kind != kind and section.url:
            yield f"$.{name}.url", f"a {name} of kind {section.kind} has none"
        if section.kind == kind and auth.shared_secret is None:
            yield "$.auth", f"with {name}.kind: {kind} it needs a shared_secret, the same on every gateway"


def embedder_faults(embedder: EmbedderConfig) -> Iterator[tuple[str, str]]:
    """What does not go together: the path of each place in config.yaml, and what is wrong there."""
    changed = {
        name for name, value in msgspec.structs.asdict(EmbedderConfig()).items() if value != getattr(embedder, name)
    }
    for name in sorted(changed - EMBEDDER_KEYS[embedder.kind]):
        yield f"$.embedder.{name}", f"an embedder of kind {embedder.kind} has none"
    if embedder.kind == "http" and not embedder.url:
        yield "$.embedder", "an embedder of kind http needs a url"
    if embedder.kind != "wordllama" and not embedder.model:
        yield "$.embedder", f"an embedder of kind {embedder.kind} needs a model"
