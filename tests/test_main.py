"""The command line, as it is typed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from gateway import __version__
from gateway.__main__ import main
from gateway.testing import GatewayProcess, ScriptedUpstream
from tests.test_demo import ask
from tests.test_telemetry import logging_kept


def accrue(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


@pytest.fixture(autouse=True)
def logs() -> Iterator[None]:
    with logging_kept():
        yield


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_help_names_every_command() -> None:
    shown = accrue("--help").output
    assert all(command in shown for command in ("serve", "check", "demo", "explain", "report", "replay", "rebuild"))
    assert "..." not in shown.partition("Commands:")[2]
    assert __version__ in accrue("--version").output


@pytest.mark.parametrize("command", ["serve", "check", "demo", "explain", "report", "replay", "rebuild"])
def test_the_help_of_a_command_shows_how_it_is_typed(command: str) -> None:
    assert f"\n      accrue {command}" in accrue(command, "--help").output


def test_check_is_content_with_nothing_at_all() -> None:
    result = accrue("check")
    assert (result.exit_code, result.output.split(":")[0]) == (0, "ok")


def test_check_tells_of_an_upstream_that_no_call_reaches() -> None:
    Path("config.yaml").write_text("upstreams: {vllm: {url: http://127.0.0.1:8000/v1}}")
    result = accrue("check")
    assert result.exit_code == 0
    assert "no route leads to upstream vllm: call it default, or give it a route" in result.stderr
    assert "ok: upstream https://api.openai.com/v1, https://api.anthropic.com/v1, data in" in result.stdout


def test_check_says_the_same_as_json() -> None:
    Path("config.yaml").write_text("upstreams: {vllm: {url: http://127.0.0.1:8000/v1}}")
    assert json.loads(accrue("check", "--json").stdout) == {
        "upstreams": ["https://api.openai.com/v1", "https://api.anthropic.com/v1"],
        "data_dir": ".accrue",
        "policies": ["default"],
        "unused": ["vllm"],
    }


def test_learning_from_logs_and_anew_is_told_as_json_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    said = [{"role": "user", "content": "I live in Bern."}, {"role": "assistant", "content": "Ah."}]
    Path("past.jsonl").write_text(f"{json.dumps(said)}\n7\n")
    dry = json.loads(accrue("replay", "past.jsonl", "--dry-run", "--json").stdout)
    assert (dry["calls"], dry["conversations"], dry["faults"][0]["where"]) == (1, 1, "line 2")
    done = json.loads(accrue("replay", "past.jsonl", "--json").stdout)
    assert (done["recorded"], done["known"], len(done["faults"])) == (1, 0, 1)
    assert json.loads(accrue("rebuild", "--json").stdout) == {"steps": 1}


def test_check_names_file_line_path_and_the_known_names(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("server:\n  prot: 1\n")
    result = accrue("check")
    assert result.exit_code == 1
    assert "config.yaml:2: $.server.prot" in result.output
    assert "port" in result.output


def test_check_reads_the_policies_too(tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "default.yaml").write_text("\nlearn: {kinds: [constrain]}\n")
    result = accrue("check")
    assert result.exit_code == 1
    assert "default.yaml:2: $.learn.kinds" in result.output
    assert "constraint, correction, episode, fact, lesson, preference" in result.output


def test_a_missing_configuration_file_is_one_clear_line() -> None:
    result = accrue("serve", "--config", "nowhere.yaml")
    assert result.exit_code == 1
    assert result.output.startswith("accrue: nowhere.yaml")
    assert len(result.output.splitlines()) == 1


@pytest.fixture(scope="module")
def served(upstream_process: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The data directory of a gateway that runs and that nobody calls."""
    data = tmp_path_factory.mktemp("served") / "data"
    with GatewayProcess(upstream_process.url, data):
        yield str(data)


def test_serving_twice_over_one_directory_is_refused(served: str) -> None:
    result = accrue("serve", "--port", "0", "--data-dir", served)
    assert result.exit_code == 1
    assert "in use by another gateway" in result.output


@pytest.mark.promise("P8")
def test_explain_says_what_was_added_why_and_what_was_not(upstream: ScriptedUpstream, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with GatewayProcess(upstream.url, data) as gateway:
        ask(gateway.url, "Always answer in French. My dog Biscuit is allergic to chicken.")
    with GatewayProcess(upstream.url, data) as gateway:
        exchange = ask(gateway.url, "What is my dog allergic to?")["x-accrue-exchange"]
        shown = accrue("explain", exchange, "--data-dir", str(data)).output
    assert f"exchange  {exchange}" in shown
    assert "user (credential)" in shown
    assert "Always answer in French." in shown
    assert "injected      constraint" in shown
    assert "words=" in shown


def test_explaining_what_is_not_there_is_an_error(served: str, tmp_path: Path) -> None:
    result = accrue("explain", "ex_1", "--data-dir", str(tmp_path / "none"))
    assert result.exit_code == 1
    assert result.output == f"accrue: nothing is recorded in {tmp_path / 'none'}; is this the right --data-dir?\n"
    assert "no exchange ex_1" in accrue("explain", "ex_1", "--data-dir", served).output


def test_report_says_what_memory_did_beside_a_running_gateway(upstream: ScriptedUpstream, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with GatewayProcess(upstream.url, data) as gateway:
        ask(gateway.url, "Always answer in French.")
        shown = accrue("report", "--data-dir", str(data)).output
        recent = accrue("report", "--since", "7d", "--json", "--data-dir", str(data)).output
    assert "calls    1 in 1 sessions" in shown
    assert "not enough data: no session was held out" in shown
    assert msgspec.json.decode(recent)["calls"] == 1


def test_reporting_on_what_is_not_there_or_since_no_time_at_all_is_an_error(tmp_path: Path) -> None:
    nothing = accrue("report", "--data-dir", str(tmp_path / "none"))
    assert nothing.exit_code == 1
    assert nothing.output == f"accrue: nothing is recorded in {tmp_path / 'none'}; is this the right --data-dir?\n"
    never = accrue("report", "--since", "lately")
    assert never.exit_code == 2
    assert "12h, 7d or 2w would be" in never.output
