"""What runners of tests print."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.signals.runners import MAX_READ_CHARS, Ran, report

JEST = """FAIL src/sum.test.js
  math
    ✓ subtracts (1 ms)
    nested
      ✕ adds 1 + 2 (3 ms)

  ● math › nested › adds 1 + 2

    expect(received).toBe(expected) // Object.is equality

    Expected: 3
    Received: 4

PASS src/other.test.js

Test Suites: 1 failed, 1 passed, 2 total
Tests:       1 failed, 4 passed, 5 total
Time:        0.7 s
"""

JEST_CLEAN = """PASS src/sum.test.js
PASS src/other.test.js

Test Suites: 2 passed, 2 total
Tests:       5 passed, 5 total
"""

VITEST = """ ❯ src/sum.test.ts (2 tests | 1 failed) 10ms
   × math > adds 1 + 2 5ms
     → expected 4 to be 3 // Object.is equality
   ✓ math > subtracts 1ms
 ✓ src/other.test.ts (3 tests) 4ms

⎯⎯⎯⎯⎯⎯⎯ Failed Tests 1 ⎯⎯⎯⎯⎯⎯⎯

 FAIL  src/sum.test.ts > math > adds 1 + 2
AssertionError: expected 4 to be 3 // Object.is equality

 Test Files  1 failed | 1 passed (2)
      Tests  1 failed | 4 passed (5)
"""

VITEST_VERBOSE = """ ✓ src/sum.test.ts > math > adds 1 + 2 3ms
 ✓ src/sum.test.ts > math > subtracts 1ms

 Test Files  1 passed (1)
      Tests  2 passed (2)
"""

VITEST_TREE = """ ❯ src/sum.test.ts (3 tests | 1 failed) 7ms
     × adds 1 + 2 5ms
     ✓ subtracts 0ms
   ✓ top 0ms

 FAIL  src/sum.test.ts > math > adds 1 + 2
AssertionError: expected 4 to be 3 // Object.is equality

 Test Files  1 failed (1)
      Tests  1 failed | 2 passed (3)
"""

GO = """=== RUN   TestAdd
    sum_test.go:10: got 4, want 3
--- FAIL: TestAdd (0.00s)
--- FAIL: TestSub (0.00s)
    --- FAIL: TestSub/negative (0.00s)
        sum_test.go:31: got 1, want -1
    --- PASS: TestSub/positive (0.00s)
FAIL
FAIL\texample.com/sum\t0.012s
--- PASS: TestOther (0.00s)
ok  \texample.com/other\t0.003s
"""

GO_CLEAN = "ok  \texample.com/sum\t0.010s\nok  \texample.com/other\t(cached)\n"

CARGO = """running 2 tests
test tests::adds ... FAILED
test tests::subtracts ... ok

failures:

---- tests::adds stdout ----
thread 'tests::adds' panicked at src/lib.rs:10:9:
assertion `left == right` failed
  left: 4
 right: 3

failures:
    tests::adds

test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
"""


def run_pytest(folder: Path, *options: str) -> str:
    (folder / "test_sum.py").write_text(
        "import pytest\n\n\nclass TestSum:\n    def test_adds(self):\n        assert 1 + 2 == 4\n\n\n"
        "@pytest.mark.parametrize('n', ['a b', 'c'])\ndef test_named(n):\n    assert n\n"
    )
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", ".", *options, "test_sum.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize("options", [[], ["-q"], ["-v"], ["-rA"], ["--tb=line"]])
def test_what_pytest_prints_is_read_in_each_of_its_styles(tmp_path: Path, options: list[str]) -> None:
    run = report(run_pytest(tmp_path, *options))
    assert run is not None
    failed = run.tests["test_sum.py::TestSum::test_adds"]
    assert (failed.is_passed, failed.file) == (False, "test_sum.py")
    assert "assert (1 + 2) == 4" in failed.error
    assert not run.passed
    if "-v" in options or "-rA" in options:
        assert run.tests["test_sum.py::test_named[a b]"].is_passed


def test_a_run_in_which_all_passed_says_so_without_naming_them(tmp_path: Path) -> None:
    run = report(run_pytest(tmp_path, "-q", "-k", "named"))
    assert run is not None
    assert run.tests == {}
    assert run.passed.startswith("2 passed, 1 deselected")


def test_an_error_at_setup_is_a_failure() -> None:
    text = "tests/test_a.py::test_x ERROR\n" * 2
    text += "ERROR tests/test_a.py::test_x - fixture 'db' not found\n=== 3 passed, 1 error in 0.12s ===\n"
    run = report(text)
    assert run is not None
    assert run.tests["tests/test_a.py::test_x"].error == "fixture 'db' not found"
    assert not run.passed


def test_what_jest_prints() -> None:
    run = report(JEST)
    assert run is not None
    assert run.tests == {
        "src/sum.test.js > math > subtracts": Ran(is_passed=True, line="✓ subtracts (1 ms)", file="src/sum.test.js"),
        "src/sum.test.js > math > nested > adds 1 + 2": Ran(
            is_passed=False,
            line="● math › nested › adds 1 + 2",
            file="src/sum.test.js",
            error="expect(received).toBe(expected) // Object.is equality",
        ),
    }
    clean = report(JEST_CLEAN)
    assert clean is not None
    assert clean.passed == "Tests:       5 passed, 5 total"


def test_what_vitest_prints() -> None:
    run = report(VITEST)
    assert run is not None
    failed = run.tests["src/sum.test.ts > math > adds 1 + 2"]
    assert (failed.is_passed, failed.error) == (False, "expected 4 to be 3 // Object.is equality")
    assert run.tests["src/sum.test.ts > math > subtracts"].is_passed
    verbose = report(VITEST_VERBOSE)
    assert verbose is not None
    assert verbose.tests["src/sum.test.ts > math > adds 1 + 2"].is_passed
    assert set(verbose.tests) == set(run.tests)


def test_what_vitest_names_without_its_groups_is_left_out() -> None:
    run = report(VITEST_TREE)
    assert run is not None
    assert {id: test.is_passed for id, test in run.tests.items()} == {
        "src/sum.test.ts > top": True,
        "src/sum.test.ts > math > adds 1 + 2": False,
    }


def test_what_go_prints() -> None:
    run = report(GO)
    assert run is not None
    assert {id: test.is_passed for id, test in run.tests.items()} == {
        "example.com/sum.TestAdd": False,
        "example.com/sum.TestSub/negative": False,
        "example.com/sum.TestSub/positive": True,
        "example.com/other.TestOther": True,
    }
    assert run.tests["example.com/sum.TestSub/negative"].error == "sum_test.go:31: got 1, want -1"
    assert run.tests["example.com/sum.TestAdd"].error == "sum_test.go:10: got 4, want 3"
    assert run.tests["example.com/sum.TestAdd"].file == "sum_test.go"
    clean = report(GO_CLEAN)
    assert clean is not None
    assert clean.passed == "ok  \texample.com/other\t(cached)"
    alone = report("--- FAIL: TestAdd (0.00s)\n    sum_test.go:10: got 4, want 3\n")
    assert alone is not None
    assert alone.tests["TestAdd"].error == "sum_test.go:10: got 4, want 3"


def test_what_cargo_prints() -> None:
    run = report(CARGO)
    assert run is not None
    assert run.tests["tests::adds"] == Ran(
        is_passed=False,
        line="test tests::adds ... FAILED",
        file="src/lib.rs",
        error="assertion `left == right` failed",
    )
    assert run.tests["tests::subtracts"].is_passed
    assert not run.passed
    older = report(CARGO.replace("at src/lib.rs:10:9:\n", "at 'assertion failed', src/lib.rs:10:9\n"))
    assert older is not None
    assert older.tests["tests::adds"].error.endswith("panicked at 'assertion failed', src/lib.rs:10:9")
    assert older.tests["tests::adds"].file == "src/lib.rs"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sunny",
        "Tests are run by `pytest -q`.",
        "The FAILED tests/test_a.py::test_x line is printed last.",
        "ok",
        "FAIL\n",
        "2 files changed in 0.1s",
        "--- a/src/sum.py\n+++ b/src/sum.py\n",
    ],
)
def test_other_texts_are_no_runs(text: str) -> None:
    assert report(text) is None


def test_colours_are_no_part_of_it() -> None:
    run = report("\x1b[31mFAILED\x1b[0m tests/test_a.py::\x1b[1mtest_x\x1b[0m - assert 1 == 2\n1 failed in 0.1s\n")
    assert run is not None
    assert not run.tests["tests/test_a.py::test_x"].is_passed


def test_lines_may_end_as_on_windows() -> None:
    run = report("FAILED tests/test_a.py::test_x - assert 1 == 2\r\n1 failed in 0.1s\r\n")
    assert run is not None
    assert run.tests["tests/test_a.py::test_x"].error == "assert 1 == 2"


def test_of_a_long_output_both_ends_are_read() -> None:
    middle = "FAILED tests/test_m.py::test_m - lost\n"
    noise = "x" * MAX_READ_CHARS
    text = f"tests/test_a.py::test_a PASSED\n{noise}\n{middle}{noise}\nFAILED tests/test_z.py::test_z\n"
    run = report(text + "1 failed, 1 passed in 0.1s\n")
    assert run is not None
    assert set(run.tests) == {"tests/test_a.py::test_a", "tests/test_z.py::test_z"}


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from([*JEST.splitlines(), *VITEST.splitlines(), *GO.splitlines(), *CARGO.splitlines()])))
def test_lines_in_any_order_are_read_and_quoted(lines: list[str]) -> None:
    text = "\n".join(lines)
    run = report(text)
    for ran in run.tests.values() if run else ():
        assert ran.line in text
        assert ran.error in text
