"""The demo, run as it is typed."""

from __future__ import annotations

import http.client
import json
from urllib.parse import urlsplit

from click.testing import CliRunner

from gateway.__main__ import main


def ask(url: str, question: str) -> http.client.HTTPMessage:
    """One question in a conversation of its own; the headers of the answer."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=30)
    body = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": question}]})
    connection.request("POST", f"{address.path}/chat/completions", body, {"authorization": "Bearer k"})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.headers


def test_the_demo_shows_two_sessions_and_why() -> None:
    result = CliRunner().invoke(main, ["demo"])
    assert result.exit_code == 0, result.output
    first, second = result.output.split("Session 2")
    assert "x-accrue-memory: empty" in first
    assert "x-accrue-memory: hit; notes=" in second
    assert "[user] Which food should I order for my dog?" in second
    assert "allergic to chicken" in second.split("What the upstream received")[1]
    assert "injected      constraint" in second
