from __future__ import annotations

import os
import re
from itertools import pairwise
from pathlib import Path
from typing import get_origin

import msgspec
import pytest

from gateway.config import (
    LISTS,
    Config,
    check_bind,
    environment,
    is_loopback,
    known_settings,
    load_config,
    without_network_for_litellm,
)
from gateway.documents import Reader, overlay
from gateway.errors import ConfigError
from gateway.routes import BUILT_IN, Route, RouteMatch, UpstreamConfig
from gateway.sections import Server

ROOT = Path(__file__).parent.parent

A_SERVER = ("http", "http://here/v1", "m")
"""Kind, address and model of an embedder, without which its other keys are mistakes."""


@pytest.fixture(autouse=True)
def empty_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def refusal(path: Path | None, environ: dict[str, str], **flags: str) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        load_config(path, environ, **flags)  # type: ignore[arg-type]  # a test hands each flag what it likes
    return str(raised.value).split("\n")


def test_nothing_needs_to_be_configured() -> None:
    config = load_config(None, {"PATH": "anything", "HOME": "else"})
    assert config == Config()
    assert config.upstreams["default"].url == "https://api.openai.com/v1"
    check_bind(config)


def test_the_file_in_the_working_directory_is_found(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("server: {port: 1}")
    assert load_config(None, {}) == Config(server=Server(port=1))


def test_a_file_that_was_asked_for_must_be_there() -> None:
    assert refusal(Path("other.yaml"), {}) == ["other.yaml: No such file or directory"]


def test_flags_stand_over_the_environment_over_the_file_over_defaults(tmp_path: Path) -> None:
    file = tmp_path / "some.yaml"
    file.write_text("server: {host: '::1', port: 1, grace_s: 1}\nupstreams: {default: {url: http://file/v1}}")
    environ = {"ACCRUE_SERVER__PORT": "2", "ACCRUE_SERVER__GRACE_S": "2", "ACCRUE_AUTH__ALLOW_PUBLIC": "true"}
    config = load_config(file, environ, port=3, upstream="http://flag/v1")
    assert config.server == Server(host="::1", port=3, grace_s=2.0)
    assert config.auth.allow_public
    assert config.upstreams == {**BUILT_IN, "default": UpstreamConfig(url="http://flag/v1")}


@pytest.mark.parametrize(("name", "path"), [
    (f"ACCRUE_{'__'.join(path).upper()}", path)
    for path, hint in known_settings(BUILT_IN)
    if get_origin(hint) not in LISTS
])  # fmt: skip
def test_every_key_with_one_value_can_be_set_by_the_environment(name: str, path: tuple[str, ...]) -> None:
    value = msgspec.to_builtins(Config())
    for step in path:
        value = value[step]
    changed = value if isinstance(value, str) else str(not value).lower() if isinstance(value, bool) else "7"
    if path[-1] == "max_header_bytes":
        changed = "7000"
    if path[-1] in ("host", "api_key", "provider", "data_dir", "policies"):
        changed = "something"
    if path[-1] in ("openwebui_jwt_secret", "admin_key", "encryption_key", "shared_secret"):
        changed = "something-of-thirty-two-characters"
    needed = {name.replace("PROVIDER", "KIND"): "litellm"} if path[-1] == "provider" else {}
    if path[0] == "embedder" and path[-1] != "kind":
        needed = {f"ACCRUE_EMBEDDER__{key}": some for key, some in zip(("KIND", "URL", "MODEL"), A_SERVER, strict=True)}
        changed = {"url": "http://else/v1", "query_prefix": "q: ", "passage_prefix": "p: "}.get(path[-1], changed)
    if path in (("store", "url"), ("journal", "url")):
        kind, changed = {"store": ("qdrant", "http://else"), "journal": ("redis", "redis://else")}[path[0]]
        needed = {f"ACCRUE_{path[0].upper()}__KIND": kind, "ACCRUE_AUTH__SHARED_SECRET": "x" * 32}
    found = msgspec.to_builtins(load_config(None, {**needed, name: changed}))
    for step in path:
        found = found[step]
    assert str(found).lower().removesuffix(".0") == changed


def test_an_unknown_name_in_the_environment_is_a_mistake_that_lists_the_known_ones() -> None:
    (complaint,) = refusal(None, {"ACCRUE_SERVER__PROT": "1"})
    assert complaint.startswith("ACCRUE_SERVER__PROT: unknown setting (did you mean ACCRUE_SERVER__PORT?), known are ")
    assert complaint.endswith(", ACCRUE_DATA_DIR, ACCRUE_POLICIES")
    assert "ACCRUE_UPSTREAMS__DEFAULT__API_KEY, " in complaint


def test_the_name_of_evaluation_data_is_no_setting() -> None:
    assert load_config(None, {"ACCRUE_DATA": "somewhere"}) == Config()


def test_mistakes_of_file_environment_and_flags_are_told_together(tmp_path: Path) -> None:
    file = Path("config.yaml")
    file.write_text("server:\n  port: 99999\nstore: {kind: redis}\n")
    environ = {"ACCRUE_AUTH__ALLOW_PUBLIC": "maybe", "ACCRUE_TELEMETRY__LOG_LEVEL": "warn"}
    assert refusal(file, environ, port="many", upstream="ftp://x", host="", data_dir="") == [
        "config.yaml:2: $.server.port: found '99999', expected a whole number <= 65535",
        "config.yaml:3: $.store.kind: found 'redis', expected one of local, qdrant",
        "ACCRUE_AUTH__ALLOW_PUBLIC: found 'maybe', expected true or false",
        "ACCRUE_TELEMETRY__LOG_LEVEL: found 'warn', expected one of debug, info, warning, error"
        " (did you mean warning?)",
        "--host: found nothing, expected a text",
        "--port: found 'many', expected a whole number",
        "--upstream: found 'ftp://x', expected an http(s) URL without credentials or query",
        "--data-dir: found nothing, expected a text",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "server: {port: -1}",
        "server: {host: ''}",
        "server: {commit_wait_ms: -1}",
        "server: {max_augmented_bytes: -1}",
        "server: {grace_s: nan}",
        "auth: {mode: none}",
        "upstreams: {default: {connect_timeout_s: 0}}",
        "upstreams: {default: {read_timeout_s: inf}}",
        "upstreams: {default: {url: 'https://key@host/v1'}}",
        "upstreams: {default: {url: 'https://host/v1?a=b'}}",
        "upstreams: {default: {url: 'https:///v1'}}",
        "upstreams: {backup: {}}",
        "telemetry: {log_format: xml}",
        "upstreams: 5",
        "routes: [{match: {}}]",
        "routes: [{upstreams: []}]",
        "routes: [{upstreams: [default], match: {model: []}}]",
        "routes: [{upstreams: [default], match: {path: [/v1/messages]}}]",
        "routes: [{upstreams: [default], match: {path: [messages]}}]",
    ],
)
def test_a_value_without_sense_is_a_mistake(text: str) -> None:
    Path("config.yaml").write_text(text)
    (complaint,) = refusal(None, {})
    assert complaint.startswith("config.yaml:1: $.")


def test_the_default_upstream_is_there_whatever_the_file_says() -> None:
    Path("config.yaml").write_text("upstreams: {}")
    assert load_config(None, {}) == Config()


def test_upstreams_stand_under_names_of_their_own_and_routes_name_them() -> None:
    Path("config.yaml").write_text(
        """
        upstreams:
          claude: {url: https://api.anthropic.com/v1, api_key: k, retries: 1}
          my-bedrock: {kind: litellm, provider: bedrock, options: {aws_region_name: eu-central-1}, models: [a, b]}
        routes:
          - match: {model: ["claude-*"], path: ["/messages*"]}
            upstreams: [claude, my-bedrock]
          - upstreams: [anthropic]
        """
    )
    config = load_config(None, {})
    assert config.upstreams == {
        **BUILT_IN,
        "claude": UpstreamConfig(url="https://api.anthropic.com/v1", api_key="k", retries=1),
        "my-bedrock": UpstreamConfig(
            kind="litellm", provider="bedrock", options={"aws_region_name": "eu-central-1"}, models=("a", "b")
        ),
    }
    assert config.routes == (
        Route(match=RouteMatch(model=("claude-*",), path=("/messages*",)), upstreams=("claude", "my-bedrock")),
        Route(upstreams=("anthropic",)),
    )


def test_the_environment_can_set_every_upstream_that_the_file_names() -> None:
    Path("config.yaml").write_text("upstreams: {my-own: {api_key: from-file}}")
    environ = {"ACCRUE_UPSTREAMS__MY_OWN__API_KEY": "secret", "ACCRUE_UPSTREAMS__MY_OWN__URL": "http://here/v1"}
    assert load_config(None, environ).upstreams["my-own"] == UpstreamConfig(url="http://here/v1", api_key="secret")
    (complaint,) = refusal(None, {**environ, "ACCRUE_UPSTREAMS__MINE__URL": "http://here/v1"})
    assert complaint.startswith("ACCRUE_UPSTREAMS__MINE__URL: unknown setting (did you mean ACCRUE_UPSTREAMS__")
    assert ", ACCRUE_UPSTREAMS__MY_OWN__RETRIES, " in complaint
    assert "ROUTES" not in complaint


@pytest.mark.parametrize(("text", "environ"), [
    ("upstreams: {default: {kind: litellm, provider: bedrock}}", {}),
    ("upstreams: {default: {provider: bedrock}}", {"ACCRUE_UPSTREAMS__DEFAULT__KIND": "litellm"}),
])  # fmt: skip
def test_a_built_in_address_is_none_of_an_upstream_of_another_kind(text: str, environ: dict[str, str]) -> None:
    Path("config.yaml").write_text(text)
    assert load_config(None, environ).upstreams["default"] == UpstreamConfig(kind="litellm", provider="bedrock")


def test_what_does_not_go_together_is_told_with_its_place() -> None:
    Path("config.yaml").write_text(
        "upstreams:\n"
        "  one: {api_key: k}\n"
        "  two: {kind: litellm}\n"
        "  Three: {url: http://three/v1}\n"
        "routes:\n"
        "  - match: {model: ['a*']}\n"
        "    upstreams: [one,\n"
        "      tow]\n"
        "  - upstreams: [default, anthropic]\n"
    )
    assert refusal(None, {}) == [
        "config.yaml:2: $.upstreams.one: an upstream of kind http needs a url",
        "config.yaml:3: $.upstreams.two: an upstream of kind litellm needs a provider",
        "config.yaml:4: $.upstreams.Three: a name is made of small letters, digits, - and _",
        "config.yaml:8: $.routes[0].upstreams[1]: found 'tow', expected one of default, anthropic, one, two, Three"
        " (did you mean two?)",
        "config.yaml:9: $.routes[1].upstreams[1]: anthropic would be sent the credential that clients have for default;"
        " it needs an api_key",
    ]


@pytest.mark.parametrize(("section", "complaints"), [
    ("{kind: http}", ["$.embedder: an embedder of kind http needs a url",
                      "$.embedder: an embedder of kind http needs a model"]),
    ("{kind: fastembed}", ["$.embedder: an embedder of kind fastembed needs a model"]),
    ("{kind: fastembed, model: m, url: 'http://here/v1'}", ["$.embedder.url: an embedder of kind fastembed has none"]),
    ("{model: m, batch: 3}", ["$.embedder.batch: an embedder of kind wordllama has none",
                              "$.embedder.model: an embedder of kind wordllama has none"]),
])  # fmt: skip
def test_an_embedder_is_told_what_its_kind_needs_and_nothing_else(section: str, complaints: list[str]) -> None:
    Path("config.yaml").write_text(f"embedder: {section}")
    assert refusal(None, {}) == [f"config.yaml:1: {complaint}" for complaint in complaints]


def test_an_embedder_can_be_a_server_with_a_key_from_the_environment() -> None:
    Path("config.yaml").write_text(
        "embedder: {kind: http, url: 'http://here/v1', model: e5, api_key: '${KEY}', query_prefix: 'query: '}"
    )
    embedder = load_config(None, {"KEY": "sk-1", "ACCRUE_EMBEDDER__PATIENCE_MS": "200"}).embedder
    assert (embedder.api_key, embedder.query_prefix, embedder.patience_ms) == ("sk-1", "query: ", 200)
    assert "regex" in refusal(None, {"KEY": "sk-1\n"})[0]


def test_a_mistake_that_the_flags_make_has_no_line() -> None:
    assert refusal(None, {"ACCRUE_UPSTREAMS__DEFAULT__KIND": "litellm"}) == [
        "$.upstreams.default: an upstream of kind litellm needs a provider"
    ]


def test_a_key_can_come_from_the_environment() -> None:
    Path("config.yaml").write_text('upstreams: {default: {api_key: "${OPENAI_API_KEY}"}}')
    assert load_config(None, {"OPENAI_API_KEY": "sk-1"}).upstreams["default"].api_key == "sk-1"
    assert refusal(None, {}) == [
        "config.yaml:1: $.upstreams.default.api_key: the environment variable OPENAI_API_KEY is not set"
    ]


def test_folders_are_relative_to_the_file_and_else_to_the_working_directory() -> None:
    file = Path("conf/some.yaml")
    file.parent.mkdir()
    file.write_text("data_dir: memory\n")
    config = load_config(file, {})
    assert (config.data_dir, config.policies) == ("conf/memory", "conf/policies")
    config = load_config(file, {"ACCRUE_POLICIES": "mine"}, data_dir="here")
    assert (config.data_dir, config.policies) == ("here", "mine")
    file.write_text(f"data_dir: {file.parent.absolute()}\n")
    assert load_config(file, {}).data_dir == str(file.parent.absolute())


@pytest.mark.parametrize(("host", "is_local"), [
    ("127.0.0.1", True), ("127.8.9.10", True), ("::1", True), ("localhost", True),
    ("0.0.0.0", False), ("::", False), ("", False), ("192.168.1.1", False), ("localhost.example.com", False),
])  # fmt: skip
def test_loopback_is_what_only_this_machine_can_reach(host: str, is_local: bool) -> None:
    assert is_loopback(host) is is_local


def test_a_bind_that_others_can_reach_is_refused_until_it_is_accepted() -> None:
    config = load_config(None, {}, host="0.0.0.0")
    with pytest.raises(ConfigError, match="anyone who reaches the port") as raised:
        check_bind(config)
    assert "auth.allow_public: true" in str(raised.value)
    check_bind(load_config(None, {"ACCRUE_AUTH__ALLOW_PUBLIC": "true"}, host="0.0.0.0"))


def test_the_environment_is_the_process_s_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCRUE_SERVER__PORT", "4")
    assert load_config(None, environment()).server.port == 4
    assert environment() is os.environ  # noqa: TID251 - the only way to say whose it is


def test_litellm_is_told_to_stay_off_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "False")
    without_network_for_litellm()
    assert environment()["LITELLM_LOCAL_MODEL_COST_MAP"] == "True"


def test_the_shipped_file_names_every_key_with_its_default() -> None:
    reader = Reader(words={})
    members = reader.document(ROOT / "config.yaml", Config)
    reader.finish()
    assert overlay(Config(), members) == Config()
    for path, _ in known_settings(["default"]):
        section = members
        for step in path:
            assert step in section, path
            section = section[step]


def test_every_key_of_the_shipped_file_has_a_comment() -> None:
    lines = (ROOT / "config.yaml").read_text().splitlines()
    keys = {path[-1] for path, _ in known_settings(["default"])} | {"default", "anthropic"}
    for above, line in pairwise(lines):
        if line.partition(":")[0].strip() in keys:
            assert above.strip().startswith("#"), line


def test_the_documentation_has_a_row_for_every_key_and_no_other() -> None:
    text = (ROOT / "docs/configuration.md").read_text().partition("## config.yaml")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([\w.]+)` \| `(.+?)` \| \S.* \|$", text, re.MULTILINE)
    assert [key for key, _ in rows] == [".".join(path) for path, _ in known_settings(["NAME"])]
    for key, default in rows:
        steps = key.replace("NAME", "default").split(".")
        Path("config.yaml").write_text(f"{': {'.join(steps)}: {default}" + "}" * (len(steps) - 1))
        assert load_config(None, {}) == Config(), key


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("store: {kind: qdrant}", "$.store: a store of kind qdrant needs a url"),
        ("store: {url: 'http://q:6333'}", "$.store.url: a store of kind local has none"),
        ("journal: {kind: redis, url: 'redis://r'}", "$.auth: with journal.kind: redis it needs a shared_secret"),
        ("journal: {kind: redis, url: 'http://r'}", "$.journal.url: found 'http://r', expected redis://"),
    ],
)
def test_what_a_fleet_needs_is_asked_for(text: str, fault: str, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(ConfigError) as refused:
        load_config(tmp_path / "config.yaml", {})
    assert fault in str(refused.value)
