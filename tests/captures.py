"""Requests of real clients as they were captured, and how one is sent: no client library comes between.

A capture holds its body as JSON, long texts shortened; what is sent has the spelling that most clients give it, and of
all headers only the length is made anew.
"""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest

from gateway.sections import Server
from tests.evaluation import data_dir

Lines = list[tuple[str, str]]

TIMEOUT_S = 20.0

PATIENT = Server(port=0, commit_wait_ms=10_000)
"""A gateway whose answers end when they are on record, however busy the machine; see `in_force` as well."""


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """A request as a client sends it."""

    name: str = ""
    """Of the capture."""
    method: str = "POST"
    target: str
    headers: Lines
    body: bytes = b""
    reply: tuple[str, ...] = ()
    """Ids and last the text of the answer it got, where that was captured."""

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def said(self) -> dict[str, Any]:
        """The body, read."""
        read: dict[str, Any] = json.loads(self.body)
        return read


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """What came back."""

    status: int
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def exchange(self) -> str:
        return self.headers["x-accrue-exchange"]

    @property
    def session(self) -> str:
        """Empty where memory had no part in the call."""
        return self.headers.get("x-accrue-session", "")

    @property
    def memory(self) -> str:
        return self.headers["x-accrue-memory"]


def captured(folder: str) -> list[Sent]:
    """The requests over HTTP in a folder of captures, by name. Skips the test where there are none."""
    data = data_dir()
    files = sorted((data.parent / "captures" / folder).glob("*.json")) if data is not None else []
    if not files:
        pytest.skip("captured requests are not here: set ACCRUE_DATA to the folder beside them")
    requests = [(file.name.removesuffix(".json"), json.loads(file.read_bytes())) for file in files]
    return [_request(name, taken) for name, taken in requests if "headers" in taken and taken["method"] != "WEBSOCKET"]


def _request(name: str, taken: dict[str, Any]) -> Sent:
    query = f"?{taken['query']}" if taken["query"] else ""
    body = json.dumps(taken["body"], separators=(",", ":"), ensure_ascii=False).encode() if taken["body"] else b""
    headers = [(line, value) for line, value in taken["headers"] if line.lower() != "content-length"]
    return Sent(
        name=name,
        method=taken["method"],
        target=taken["path"] + query,
        headers=headers,
        body=body,
        reply=tuple(taken.get("reply", ())),
    )


def chat(messages: Sequence[object], *headers: tuple[str, str], **members: object) -> Sent:
    """A chat completion."""
    return posted("/v1/chat/completions", {"model": "gpt-4o", "messages": messages, **members}, *headers)


def posted(target: str, body: object, *headers: tuple[str, str]) -> Sent:
    """A JSON body."""
    lines = [("content-type", "application/json"), *headers]
    return Sent(target=target, headers=lines, body=json.dumps(body, separators=(",", ":")).encode())


def bearer(key: str) -> tuple[str, str]:
    """A credential; each of its own is a tenant of its own."""
    return ("authorization", f"Bearer {key}")


def in_force(folder: Path, policy: str = "") -> None:
    """Write the default policy of a gateway that is yet to start; memory gets its time on a busy machine, too."""
    (folder / "policies").mkdir(exist_ok=True)
    (folder / "policies" / "default.yaml").write_text(f"recall: {{deadline_ms: 10000}}\n{policy}\n")


async def send(base: str, request: Sent) -> Answered:
    """Send to the server of a base URL, headers in their order. A broken answer has the status 0."""
    return await asyncio.to_thread(_send, base, request)


def _send(base: str, request: Sent) -> Answered:
    connection = http.client.HTTPConnection(urlsplit(base).netloc, timeout=TIMEOUT_S)
    try:
        connection.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
        names = [name.lower() for name, _ in request.headers]
        host = [] if "host" in names else [("host", "localhost")]
        length = [("content-length", str(len(request.body)))] if request.body else []
        for name, value in [*host, *request.headers, *length]:
            connection.putheader(name, value)
        connection.endheaders(request.body or None)
        answer = connection.getresponse()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        try:
            return Answered(status=answer.status, headers=headers, body=answer.read())
        except http.client.IncompleteRead as broken:
            return Answered(status=0, headers=headers, body=broken.partial)
    finally:
        connection.close()
