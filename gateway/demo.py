"""The point of it all in under a minute: two sessions of one user, and the second knows what the first one said.

Everything is real but the model: a gateway in a process of its own over an empty data directory, restarted between
the sessions, and a scripted upstream that answers with what it was shown.
"""

from __future__ import annotations

import http.client
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from gateway import explain
from gateway.config import Config
from gateway.testing import GatewayProcess, ScriptedUpstream

SYSTEM = {"role": "system", "content": "You are a helpful assistant."}
FIRST = "Always answer in British English. My dog Biscuit is allergic to chicken, so I buy salmon kibble."
SECOND = "Which food should I order for my dog?"
ANSWER = "{count} notes came with the question.{notes}"


def run(echo: Callable[[str], None]) -> None:
    """Play both sessions, printing what is said, what the gateway added and why."""
    with tempfile.TemporaryDirectory(prefix="accrue-demo-") as folder, ScriptedUpstream() as upstream:
        data_dir = Path(folder)
        with GatewayProcess(upstream.url, data_dir) as gateway:
            echo(f"A gateway listens on {gateway.url}, before a scripted upstream on {upstream.url}.\n")
            echo("Session 1, nothing is known of the user yet.")
            upstream.respond("Noted!")
            _ask(gateway.url, FIRST, echo)
        echo("The gateway is stopped, and started again over the same data directory.\n")
        with GatewayProcess(upstream.url, data_dir) as gateway:
            echo("Session 2, a new conversation: the client sends the question alone.")
            upstream.respond(ANSWER)
            exchange = _ask(gateway.url, SECOND, echo)
        echo("What the upstream received as the messages of session 2:\n")
        echo(_messages(upstream.requests()[-1].body))
        echo(f"\nWhy, as `accrue explain {exchange}` tells it:\n")
        echo(explain.text(Config(data_dir=folder), exchange))


def _ask(url: str, question: str, echo: Callable[[str], None]) -> str:
    """Send a question as any client would; returns the id of the exchange."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=30)
    messages = [SYSTEM, {"role": "user", "content": question}]
    body = msgspec.json.encode({"model": "gpt-4o", "messages": messages})
    headers = {"content-type": "application/json", "authorization": "Bearer demo"}
    try:
        connection.request("POST", f"{address.path}/chat/completions", body, headers)
        answer = connection.getresponse()
        reply = msgspec.json.decode(answer.read())["choices"][0]["message"]["content"]
    finally:
        connection.close()
    echo(f"  user       {question}")
    echo("  assistant  " + reply.replace("\n", "\n             "))
    echo(f"  x-accrue-memory: {answer.headers['x-accrue-memory']}\n")
    return answer.headers["x-accrue-exchange"]


def _messages(body: bytes) -> str:
    messages = msgspec.json.decode(body)["messages"]
    return "\n".join(f"[{message['role']}] {message['content']}" for message in messages)
