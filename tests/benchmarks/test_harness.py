from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import pytest

from benchmarks import harness
from benchmarks.harness import Failed, Server, spread, table, with_section

DOCUMENT = "# Benchmarks\n\nNewest on top.\n\n## B, day 2\n\nsecond\n\n## A, day 1\n\nfirst\n"


def test_a_new_section_comes_before_the_others() -> None:
    assert with_section(DOCUMENT, "C, day 3", "third\n") == DOCUMENT.replace("## B", "## C, day 3\n\nthird\n\n## B")


def test_the_first_section_comes_after_the_preamble() -> None:
    assert with_section("# Benchmarks\n", "A", "first") == "# Benchmarks\n\n## A\n\nfirst\n"


@pytest.mark.parametrize(("heading", "before"), [("B, day 2", "second"), ("A, day 1", "first")])
def test_a_section_of_the_same_day_is_replaced_in_its_place(heading: str, before: str) -> None:
    assert with_section(DOCUMENT, heading, r"again \1") == DOCUMENT.replace(before, r"again \1")


def test_a_report_is_printed_and_written_where_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    document = tmp_path / "benchmarks.md"
    monkeypatch.setattr(harness, "DOCUMENT", document)
    harness.report("Speed", "fast", is_written=False)
    assert not document.exists()
    harness.report("Speed", "faster", is_written=True)
    assert capsys.readouterr().out == "fast\nfaster\n"
    assert document.read_text() == f"{harness.PREAMBLE}\n\n## Speed, {date.today().isoformat()}\n\nfaster\n"


def test_a_table_is_aligned_and_spreads_name_their_ends() -> None:
    text = table(["arm", "ms"], [["bare", spread([3.0, 1.0, 2.0], 1)], ["off", spread([2.0, 2.0])]])
    assert text.splitlines() == [
        "| arm  | ms            |",
        "| ---- | ------------- |",
        "| bare | 2.0 (1.0–3.0) |",
        "| off  | 2.00          |",
    ]


def test_a_server_that_dies_while_it_is_waited_for_is_reported_with_what_it_printed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('the port is taken')"]
    with Server("broken", command, tmp_path) as server, pytest.raises(Failed, match="the port is taken"):
        server.wait_for_status_200("/readyz")


def test_a_server_is_idle_once_its_cpu_time_stands_still_and_gone_after_the_block(tmp_path: Path) -> None:
    burn = "for _ in range(3_000_000): pass\nprint(4321, flush=True)\nimport signal; signal.pause()"
    with Server("busy", [sys.executable, "-c", burn], tmp_path) as server:
        server.settle()
        server.wait_for_printed_port()
        assert server.port == 4321
        assert server.cpu_ticks() > 0
        resident, own = server.resident_mb()
        assert resident > own > 0
    assert server.process.returncode is not None
