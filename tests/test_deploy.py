"""What runs the gateway elsewhere, held against the gateway: no container engine is needed for it.

A gate is a function from the text of what is deployed to the faults in it. Each comes with changes to that text that it
must refuse, so that none can rot into one that lets everything pass.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import click
import httpx
import msgspec
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version
from starlette.applications import Starlette
from starlette.routing import Route

from gateway import duties, kinds, pump
from gateway.__main__ import main
from gateway.admin.health import Readiness, routes
from gateway.config import NOT_SETTINGS, PREFIX, Config, check_bind, known_settings, load_config
from gateway.errors import ConfigError
from gateway.policybook import load_policies
from gateway.registry import family
from gateway.routes import BUILT_IN
from gateway.telemetry import Telemetry
from tests.deployed import (
    ROOT,
    all_of,
    compose,
    dockerfile,
    everything,
    filled,
    image_environment,
    instructions,
    kubernetes,
    one,
    project,
)

LEAST_PARTITIONS = 4
"""For each gateway (docs/scaling.md)."""

Faults = Iterator[str]


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """A rule, the text it holds for, and changes to that text that it refuses."""

    faults: Callable[[str], Faults]
    over: Callable[[], str]
    refuses: str
    """A line each: what is there, and what it is changed to."""


def unknown_settings(text: str) -> Faults:
    """Variables of ours that the gateway would refuse to start with."""
    known = {PREFIX + "__".join(path).upper() for path, _ in known_settings(BUILT_IN)} | NOT_SETTINGS
    yield from sorted(set(re.findall(rf"\b{PREFIX}[A-Z_]+", text)) - known)


def unknown_metrics(text: str) -> Faults:
    """Metrics that nobody counts; a rate bears the name of its counter."""
    counted = set(re.findall(r"^# HELP (\w+)", Telemetry().render().decode(), re.MULTILINE))
    for name in sorted(set(re.findall(r"\baccrue_[a-z_]+", text))):
        if re.sub("_per_second$", "_total", name) not in counted:
            yield name


def unknown_commands(text: str) -> Faults:
    """Commands, and flags of theirs, that there are not."""
    for line in re.findall(r"(?:^|`|-- )accrue ([a-z][^`\n]*)", text, re.MULTILINE):
        command: click.Command = main
        words = line.split()
        while words and isinstance(command, click.Group) and words[0] in command.commands:
            command = command.commands[words.pop(0)]
        flags = {flag for parameter in command.params for flag in parameter.opts}
        unknown = [word for word in words if word.startswith("--") and word not in flags]
        is_one = command is not main and not (words and isinstance(command, click.Group))
        if unknown or not is_one:
            yield f"accrue {line}"


def image_faults(text: str) -> Faults:
    """What an image must not be: root, by a shell, unlocked, or of files that are not there."""
    stages = instructions(text)
    last = stages[max(number for number, (name, _) in enumerate(stages) if name == "FROM") :]
    named = dict(last)
    if not re.fullmatch(r"[1-9]\d*:[1-9]\d*", named["USER"]):
        yield f"runs as {named['USER']}"
    probe = named["HEALTHCHECK"].partition("CMD ")[2]
    called = [named["ENTRYPOINT"], named["CMD"], probe]
    if not all(part.startswith("[") for part in called):
        yield "is called by a shell"
        return
    (entry,), (verb, *_) = json.loads(named["ENTRYPOINT"]), json.loads(named["CMD"])
    if entry not in project()["scripts"] or verb not in main.commands:
        yield f"calls {entry} {verb}"
    if f", {named['EXPOSE']}," not in probe or int(named["EXPOSE"]) != Config().server.port:
        yield f"exposes {named['EXPOSE']} and is asked {probe}"
    if not set(re.findall(r"'(/[a-z]+)'", probe)) <= own_paths():
        yield f"is asked {probe}"
    places = {image_environment(text)[name] for name in ("ACCRUE_DATA_DIR", "HOME", "TMPDIR")}
    if places != {named["VOLUME"]} or named["RUN"].split()[-1] != named["VOLUME"]:
        yield f"writes elsewhere than to {named['VOLUME']}"
    yield from unlocked(stages)
    yield from missing_sources(stages)


def unlocked(stages: list[tuple[str, str]]) -> Faults:
    """Installs whose files nobody has pinned, and pins that are not there."""
    for name, rest in stages:
        is_ours = "--no-deps" in rest and ("--no-index" in rest or "--no-build-isolation" in rest)
        if name == "RUN" and re.search(r"\bpip\b.* (install|wheel) ", rest):
            if not is_ours and not {"--require-hashes", "--only-binary"} <= set(rest.split()):
                yield f"unlocked: {rest}"
            for pins in re.findall(r"-r (\S+)", rest):
                if not (ROOT / pins).is_file():
                    yield f"{pins} is missing: scripts/lock makes it"


def missing_sources(stages: list[tuple[str, str]]) -> Faults:
    """Files that are to be copied, and are not there or are kept out."""
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for name, rest in stages:
        if name == "COPY" and not rest.startswith("--from"):
            for source in rest.split()[:-1]:
                if not (ROOT / source).exists() or source not in kept:
                    yield f"{source} is not there, or kept out by .dockerignore"


def compose_faults(text: str) -> Faults:
    """What would open the fleet of compose.yaml to others, or let it forget."""
    whole = yaml.safe_load(text)
    for name, service in whole["services"].items():
        others = [port for port in service.get("ports", ()) if not port.startswith("127.0.0.1:")]
        yield from (f"{name}: others reach port {port}" for port in others)
        if not {volume.partition(":")[0] for volume in service["volumes"]} <= whole["volumes"].keys():
            yield f"{name}: {service['volumes']}"
        if "build" not in service and ("healthcheck" not in service or service["networks"] != ["memory"]):
            yield f"{name}: without a health check, or reached by others"
    if not whole["networks"]["memory"].get("internal"):
        yield "memory can be reached from elsewhere"
    flags = " ".join(whole["services"]["redis"]["command"])
    if "--appendonly yes" not in flags or "--maxmemory-policy noeviction" not in flags:
        yield "Redis forgets"
    yield from distant_qdrant(whole["services"]["qdrant"]["image"])


def replica_faults(text: str) -> Faults:
    """What would keep the gateways of compose.yaml from being a fleet."""
    services = yaml.safe_load(text)["services"]
    gateways = {name: service for name, service in services.items() if "build" in service}
    if len({service["volumes"][0] for service in gateways.values()}) < max(2, len(gateways)):
        yield "two gateways on one spool"
    for name, service in gateways.items():
        if not service["read_only"] or service["cap_drop"] != ["ALL"]:
            yield f"{name}: may do more than it needs"
        if float(service["stop_grace_period"].rstrip("s")) <= stopping_s(Config()):
            yield f"{name}: is killed while it stops"
        yield from gateway_faults(filled(service["environment"]), set(services))


def gateway_faults(environ: Mapping[str, str], hosts: set[str]) -> Faults:
    """What a gateway of the image would say of what it is given, and whether it finds Redis and Qdrant by that."""
    try:
        config = load_config(ROOT / "config.yaml", {**image_environment(dockerfile()), **environ})
        check_bind(config)
    except ConfigError as error:
        yield str(error)
        return
    if (config.store.kind, config.journal.kind) != ("qdrant", "redis"):
        yield "shares nothing"
    for url in (config.store.url, config.journal.url):
        if urlsplit(url).hostname not in hosts:
            yield f"nobody is called {url}"


def distant_qdrant(image: str) -> Faults:
    """A server that its locked client would warn of."""
    server = Version(image.rpartition(":v")[2].partition("-")[0])
    pinned = re.search(r"^qdrant-client==(\S+)", (ROOT / "requirements/image.txt").read_text(), re.MULTILINE)
    if pinned is None:
        yield "requirements/image.txt has no qdrant-client: scripts/lock has to take the extra fleet"
    elif server.major != Version(pinned[1]).major or abs(server.minor - Version(pinned[1]).minor) > 1:
        yield f"{image} for qdrant-client {pinned[1]}"


def unexplained_variables(text: str) -> Faults:
    """Variables that compose.yaml wants and .env.example does not name, or the other way round."""
    example = (ROOT / ".env.example").read_text()
    yield from sorted(set(re.findall(r"\$\{(\w+)", text)) ^ set(re.findall(r"^(\w+)=$", example, re.MULTILINE)))


def pod_faults(text: str) -> Faults:
    """What a pod of ours must not be, or must be."""
    pods = one(text, "StatefulSet")["spec"]["template"]["spec"]
    (container,) = pods["containers"]
    user = ":".join(str(pods["securityContext"][name]) for name in ("runAsUser", "fsGroup"))
    if user != dict(instructions(dockerfile()))["USER"] or not pods["securityContext"]["runAsNonRoot"]:
        yield f"runs as {user}"
    own = container["securityContext"]
    if not own["readOnlyRootFilesystem"] or own["allowPrivilegeEscalation"] or own["capabilities"]["drop"] != ["ALL"]:
        yield "may do more than it needs"
    if pods.get("enableServiceLinks") is not False:
        yield "gets variables that begin with ACCRUE_ for each service"
    named = {port["name"]: port["containerPort"] for port in container["ports"]}
    for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
        asked = container[kind]["httpGet"]
        if asked["path"] not in own_paths() or named.get(asked["port"]) != Config().server.port:
            yield f"{kind} asks {asked}"
    if [*container["args"]] != ["serve"]:
        yield f"runs {container['args']}"
    before = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    if pods["terminationGracePeriodSeconds"] <= before + stopping_s(fleet_config(text)):
        yield "is killed while it stops"
    if "limits" in container["resources"] and "cpu" in container["resources"]["limits"]:
        yield "is throttled"


def mount_faults(text: str) -> Faults:
    """Files and folders that are not where the gateway looks for them, and names that nothing bears."""
    stateful = one(text, "StatefulSet")["spec"]
    pods = stateful["template"]["spec"]
    (container,) = pods["containers"]
    maps = {found["metadata"]["name"]: found["data"] for found in all_of(text, "ConfigMap")}
    volumes = {volume["name"]: volume["configMap"]["name"] for volume in pods["volumes"]}
    claims = {claim["metadata"]["name"] for claim in stateful["volumeClaimTemplates"]}
    folder = dict(instructions(dockerfile()))["WORKDIR"]
    places = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    for mount in places.values():
        if mount["name"] not in claims and volumes.get(mount["name"]) not in maps:
            yield f"nothing is called {mount['name']}"
    if {image_environment(dockerfile())["ACCRUE_DATA_DIR"], f"{folder}/config.yaml", f"{folder}/policies"} != {*places}:
        yield f"mounts {sorted(places)}"
    elif places[image_environment(dockerfile())["ACCRUE_DATA_DIR"]]["name"] not in claims:
        yield "the spool goes with its pod"
    if [source["secretRef"]["name"] for source in container["envFrom"]] != [one(text, "Secret")["metadata"]["name"]]:
        yield "takes its secrets from elsewhere"
    if any(one(text, "Secret")["stringData"].values()):
        yield "a secret is in the repository"


def fleet_faults(text: str) -> Faults:
    """Labels, names and numbers that do not belong together."""
    stateful, scaled = one(text, "StatefulSet"), one(text, "HorizontalPodAutoscaler")["spec"]
    disruption, services = one(text, "PodDisruptionBudget")["spec"], all_of(text, "Service")
    labels = stateful["spec"]["template"]["metadata"]["labels"]
    selectors = [
        stateful["spec"]["selector"]["matchLabels"],
        disruption["selector"]["matchLabels"],
        one(text, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        *(service["spec"]["selector"] for service in services),
    ]
    for selector in selectors:
        if not selector.items() <= labels.items():
            yield f"no pod is {selector}"
    if stateful["spec"]["serviceName"] not in [service["metadata"]["name"] for service in services]:
        yield "no service has the names of the pods"
    if scaled["scaleTargetRef"] != {name: stateful[name] for name in ("apiVersion", "kind")} | {"name": "accrue"}:
        yield f"scales {scaled['scaleTargetRef']}"
    if scaled["maxReplicas"] * LEAST_PARTITIONS > fleet_config(text).journal.partitions:
        yield "more gateways than partitions for them"
    if disruption["maxUnavailable"] >= scaled["minReplicas"]:
        yield "all gateways may be away at once"


def settings_faults(text: str) -> Faults:
    """What the gateways would say of their settings and policies, and whether these make them a fleet."""
    try:
        config = fleet_config(text)
        check_bind(config)
    except ConfigError as error:
        yield str(error)
        return
    if (config.store.kind, config.journal.kind) != ("qdrant", "redis"):
        yield "shares nothing"


def fleet_config(text: str) -> Config:
    """What the gateways of Kubernetes are told, their policies included. Raises `ConfigError`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "policies").mkdir()
        for each in all_of(text, "ConfigMap"):
            for file, content in each["data"].items():
                (folder / file if file == "config.yaml" else folder / "policies" / file).write_text(content)
        load_policies(folder / "policies", family(kinds))
        given = {**image_environment(dockerfile()), **filled(one(text, "Secret")["stringData"])}
        return load_config(folder / "config.yaml", given)


GATES = [
    Gate(
        faults=unknown_settings,
        over=everything,
        refuses="""
            ACCRUE_JOURNAL__URL -> ACCRUE_REDIS_URL
            ACCRUE_DATA_DIR= -> ACCRUE_DATADIR=
        """,
    ),
    Gate(
        faults=unknown_metrics,
        over=everything,
        refuses="""
            accrue_received_per -> accrue_asked_per
        """,
    ),
    Gate(
        faults=unknown_commands,
        over=everything,
        refuses="""
            accrue keys create -> accrue keys make
            accrue check -> accrue check --all
        """,
    ),
    Gate(
        faults=image_faults,
        over=dockerfile,
        refuses="""
            USER 10001:10001 -> USER accrue
            USER 10001:10001 -> USER 0:0
            ENTRYPOINT ["accrue"] -> ENTRYPOINT accrue
            CMD ["serve"] -> CMD ["start"]
            '/livez' -> '/healthz'
            EXPOSE 8080 -> EXPOSE 80
            VOLUME /data -> VOLUME /var
            TMPDIR=/data -> TMPDIR=/var
            --require-hashes --only-binary :all: -r requirements/image.txt -> -r requirements/image.txt
            requirements/build.txt requirements/image.txt -> requirements/others.txt
            COPY gateway -> COPY tests
        """,
    ),
    Gate(
        faults=compose_faults,
        over=compose,
        refuses="""
            "127.0.0.1:8081:8080" -> "8081:8080"
            volumes: ["redis:/data"] -> volumes: ["rdis:/data"]
            internal: true -> internal: false
            networks: [memory] -> networks: [calls]
            --appendonly, "yes" -> --appendonly, "no"
            v1.20.0 -> v1.15.0
        """,
    ),
    Gate(
        faults=replica_faults,
        over=compose,
        refuses="""
            spool-2:/data -> spool-1:/data
            read_only: true -> read_only: false
            stop_grace_period: 40s -> stop_grace_period: 10s
            ALLOW_PUBLIC: "true" -> ALLOW_PUBLIC: "false"
            KIND: redis -> KIND: sqlite
            http://qdrant:6333 -> http://qdrnt:6333
        """,
    ),
    Gate(
        faults=unexplained_variables,
        over=compose,
        refuses="""
            REDIS_PASSWORD -> REDIS_KEY
        """,
    ),
    Gate(
        faults=pod_faults,
        over=kubernetes,
        refuses="""
            runAsUser: 10001 -> runAsUser: 1
            readOnlyRootFilesystem: true -> readOnlyRootFilesystem: false
            enableServiceLinks: false -> enableServiceLinks: true
            path: /readyz -> path: /healthz
            containerPort: 8080 -> containerPort: 80
            args: [serve] -> args: [start]
            terminationGracePeriodSeconds: 60 -> terminationGracePeriodSeconds: 30
            limits: {memory -> limits: {cpu: 1, memory
        """,
    ),
    Gate(
        faults=mount_faults,
        over=kubernetes,
        refuses="""
            mountPath: /data -> mountPath: /var
            name: spool, mountPath -> name: policies, mountPath
            name: accrue-policies} -> name: policies}
            secretRef: {name: accrue} -> secretRef: {name: secrets}
            ACCRUE_STORE__API_KEY: "" -> ACCRUE_STORE__API_KEY: "s3cret"
        """,
    ),
    Gate(
        faults=fleet_faults,
        over=kubernetes,
        refuses="""
            selector: {app: accrue} -> selector: {app: acrue}
            serviceName: accrue-pods -> serviceName: pods
            kind: StatefulSet, name: accrue -> kind: Deployment, name: accrue
            maxReplicas: 16 -> maxReplicas: 32
            maxUnavailable: 1 -> maxUnavailable: 2
        """,
    ),
    Gate(
        faults=settings_faults,
        over=kubernetes,
        refuses="""
            allow_public: true -> allow_public: false
            kind: redis -> kind: sqlite
            ACCRUE_AUTH__SHARED_SECRET: -> ACCRUE_AUTH__SECRET:
            anonymous: session -> anonymous: nobody
        """,
    ),
]


@pytest.mark.parametrize("gate", GATES, ids=lambda gate: gate.faults.__name__)
def test_what_is_deployed_passes_the_gate(gate: Gate) -> None:
    assert list(gate.faults(gate.over())) == [], gate.faults.__doc__


@pytest.mark.parametrize("gate", GATES, ids=lambda gate: gate.faults.__name__)
def test_the_gate_refuses_what_it_is_there_for(gate: Gate) -> None:
    text = gate.over()
    for before, after in (line.strip().split(" -> ") for line in gate.refuses.strip().splitlines()):
        assert before in text
        assert list(gate.faults(text.replace(before, after))), f"{before} -> {after}"


@pytest.mark.promise("P4")
async def test_no_probe_takes_a_gateway_away_because_its_memory_is_gone() -> None:
    app = Starlette(routes=routes(Telemetry(), lambda: Readiness(memory="qdrant: away", journal="redis: away")))
    paths = set(re.findall(r"path: (/\w+), port", kubernetes())) | set(re.findall(r"'GET', '(/\w+)'", dockerfile()))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://accrue") as client:
        assert {path: (await client.get(path)).status_code for path in paths} == {"/livez": 200, "/readyz": 200}


def test_what_a_fleet_needs_is_locked_for_the_image() -> None:
    pinned = (ROOT / "requirements/image.txt").read_text()
    for wanted in project()["optional-dependencies"]["fleet"]:
        found = re.search(rf"^{Requirement(wanted).name}==(\S+)", pinned, re.MULTILINE)
        assert found, f"{wanted}: scripts/lock has to take the extra fleet"
        assert found[1] in Requirement(wanted).specifier


def test_no_secret_can_be_committed_or_built_in_by_accident() -> None:
    assert ".env" in (ROOT / ".gitignore").read_text().split()
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert [line for line in ignored if line and not line.startswith(("#", "!"))] == ["*", "**/__pycache__"]
    assert "!.env" not in ignored


def own_paths() -> set[str]:
    """That can be asked without a key."""
    found = routes(Telemetry(), lambda: Readiness(memory="on", journal="ok"))
    return {route.path for route in found if isinstance(route, Route)}


def stopping_s(config: Config) -> float:
    """The longest that a gateway takes to stop: answers under way, what becomes of them, and learning it."""
    return config.server.grace_s + 2 * pump.END_S + duties.END_S
