"""`accrue explain` and `accrue report`, as they are typed."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.commands.looking import explain_command, report_command
from gateway.testing import GatewayProcess, ScriptedUpstream
from tests.captures import bearer, chat, send


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def typed(command: object, *arguments: str) -> Result:
    return CliRunner().invoke(command, arguments)  # type: ignore[arg-type] # a click command


def test_beside_a_gateway_and_from_elsewhere_the_same_is_said(upstream: ScriptedUpstream, folder: Path) -> None:
    with GatewayProcess(upstream.url, Path(".accrue"), cwd=folder) as gateway:
        answer = asyncio.run(send(gateway.url, chat([{"role": "user", "content": "hi"}], bearer("k"))))
        exchange = answer.exchange
        url = ("--url", gateway.url.removesuffix("/v1"))
        beside, there = typed(explain_command, exchange), typed(explain_command, exchange, *url)
        assert beside.output == there.output
        assert f"exchange  {exchange}" in beside.output
        as_json = [json.loads(typed(explain_command, exchange, "--json", *where).output) for where in ((), url)]
        assert as_json[0] == as_json[1]
        assert as_json[0]["call"]["id"] == exchange
        for where in ((), url):
            assert "calls    1 in 1 sessions" in typed(report_command, "--since", "7d", *where).output
            assert json.loads(typed(report_command, "--json", *where).output)["calls"] == 1


def test_what_is_not_there_is_said_in_one_line(upstream: ScriptedUpstream, folder: Path) -> None:
    assert "nothing is recorded in .accrue" in typed(explain_command, "ex_1").output
    assert "12h, 7d or 2w" in typed(report_command, "--since", "lately").output
    with GatewayProcess(upstream.url, Path(".accrue"), cwd=folder) as gateway:
        url = ("--url", gateway.url.removesuffix("/v1"))
        for where in ((), url):
            unknown = typed(explain_command, "ex_1", *where)
            assert (unknown.exit_code, "exchange" in unknown.output) == (1, True)
