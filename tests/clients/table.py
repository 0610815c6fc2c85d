"""The clients that are driven, and the ways in which each is used."""

from __future__ import annotations

from pathlib import Path

import msgspec

HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parent.parent / ".clients"


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """A real client and the ways it is used, each a conversation of its own."""

    environment: str
    """Folder in .clients/, made by scripts/clients."""
    driver: str
    """File beside this one."""
    ways: str
    """Names that the driver knows, apart by blanks."""
    faults: str = ""
    """Ways that meet refusals, retries and a broken stream."""
    points: str = "OPENAI_BASE_URL"
    """The environment variable that holds its base URL."""
    is_below_v1: bool = True
    """False for a client that writes the `/v1` of the path itself."""


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """A client used in one way."""

    client: Client
    way: str

    def __str__(self) -> str:
        return f"{self.client.environment}-{self.client.driver.removeprefix('drive_').split('.')[0]}-{self.way}"


def absence(environment: str) -> str:
    """Why an environment cannot be used; empty when it is there as it is pinned."""
    pins = HERE / ("package-lock.json" if environment == "node" else f"requirements/{environment}.txt")
    installed = ENVIRONMENTS / environment / "installed"
    if installed.is_file() and installed.read_bytes() == pins.read_bytes():
        return ""
    needs = " where there are npm and Node 18 or newer" if environment == "node" else ""
    return f".clients/{environment} is not installed as pinned; `make clients` does it{needs}"


CLIENTS = (
    Client(
        environment="openai2",
        driver="drive_openai.py",
        ways="chat chat_stream chat_parse responses responses_parse"
        " responses_chained responses_stream responses_socket",
        faults="chat_faults responses_faults",
    ),
    Client(
        environment="openai3",
        driver="drive_openai.py",
        ways="chat chat_stream chat_parse responses responses_parse"
        " responses_chained responses_stream responses_socket",
        faults="chat_faults responses_faults",
    ),
    Client(
        environment="node",
        driver="drive_openai_node.mjs",
        ways="chat chat_runner chat_parse responses responses_stream responses_parse",
        faults="chat_faults responses_faults",
    ),
    Client(
        environment="node",
        driver="drive_ai_sdk.mjs",
        ways="chat stream responses structured",
        faults="chat_faults responses_faults",
    ),
    Client(environment="openai2", driver="drive_agents.py", ways="replay chained socket chat structured"),
    Client(environment="openai2", driver="drive_langchain.py", ways="chat responses stream structured"),
    Client(
        environment="openai2",
        driver="drive_llamaindex.py",
        ways="agent structured",
        points="OPENAI_API_BASE",
    ),
    Client(environment="openai2", driver="drive_pydantic_ai.py", ways="responses chat stream structured"),
    Client(environment="openai2", driver="drive_instructor.py", ways="tools"),
    Client(
        environment="openai2",
        driver="drive_anthropic.py",
        ways="messages stream",
        faults="faults",
        points="ANTHROPIC_BASE_URL",
        is_below_v1=False,
    ),
)

CONVERSATIONS = [Use(client=client, way=way) for client in CLIENTS for way in client.ways.split()]
FAULTS = [Use(client=client, way=way) for client in CLIENTS for way in client.faults.split()]
