"""What an error in a tool's result is."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.signals.errors import MAX_SIGNATURE_CHARS, failure
from gateway.types import ToolCall

PLAIN = ToolCall(id="c1", name="book_flight", arguments='{"flight": "HAT030"}')
BASH = ToolCall(id="c1", name="bash", arguments='{"command": "make build"}')
SEARCH = ToolCall(id="c1", name="web_search", arguments='{"query": "TypeError undefined is not a function"}')
READ_LOG = ToolCall(id="c1", name="read_file", arguments='{"path": "var/app.log"}')
GREP = ToolCall(id="c1", name="bash", arguments='{"command": "grep -rn TODO src"}')

TRACEBACK = """Traceback (most recent call last):
  File "/srv/app/main.py", line 12, in <module>
    total(order)
KeyError: 'price'
"""

AGENT_CAUSED = [
    (PLAIN, "Error: flight HAT030 not available on date 2024-05-13"),
    (PLAIN, "error: payment amount does not add up, total price is 305, but paid 255"),
    (PLAIN, '{"error": "user not found"}'),
    (PLAIN, '{"error": {"code": 404, "message": "No such reservation"}}'),
    (PLAIN, '{"errors": [{"message": "Field \'nam\' doesn\'t exist on type User"}], "data": null}'),
    (PLAIN, '{"errors": {"email": ["is required"]}}'),
    (PLAIN, '{"isError": true, "content": [{"type": "text", "text": "unknown column nam"}]}'),
    (PLAIN, '{"success": false, "message": "date must be in the future"}'),
    (PLAIN, '{"ok": false, "error": "channel_not_found"}'),
    (PLAIN, '{"status": 404, "message": "no such order"}'),
    (PLAIN, '{"statusCode": 422, "message": ["age must be a number"]}'),
    (PLAIN, '{"code": 400, "msg": "bad sort field"}'),
    (PLAIN, '{"status": "error", "message": "unknown currency"}'),
    (PLAIN, '[{"type": "text", "text": "Error: no such user"}]'),
    (PLAIN, '"Error: no such user"'),
    (PLAIN, '{"result": "Error: no such user"}'),
    (BASH, '{"output": "make: *** No rule to make target \'build\'", "metadata": {"exit_code": 2}}'),
    (BASH, '{"exit_code": 127, "stdout": "", "stderr": "sh: 1: maek: not found"}'),
    (BASH, "Exit code 2\nmake: *** No rule to make target 'build'.  Stop."),
    (BASH, "Exit code: 101\nWall time: 2 seconds\nOutput:\nerror[E0308]: mismatched types"),
    (BASH, "Chunk ID: 1f\nWall time: 0.1 seconds\nProcess exited with code 2\nOutput:\nls: cannot access 'x'"),
    (BASH, "Command failed with exit code 1: npm run biuld\nmissing script: biuld"),
    (BASH, "npm ERR! missing script: biuld\n[The command completed with exit code 1.]"),
    (BASH, "bash: maek: command not found"),
    (BASH, "/bin/sh: 1: maek: not found"),
    (BASH, "cat: setup.cfg: No such file or directory"),
    (BASH, "'maek' is not recognized as an internal or external command,\noperable program or batch file."),
    (BASH, "fatal: not a git repository (or any of the parent directories): .git"),
    (BASH, TRACEBACK),
    (BASH, f"loading\n{TRACEBACK}"),
    (PLAIN, "<tool_use_error>File has not been read yet. Read it first.</tool_use_error>"),
    (PLAIN, "<error>unknown table orders_2</error>"),
    (PLAIN, "ValueError: invalid literal for int() with base 10: 'ten'"),
    (PLAIN, "NotFound: FileSystem.access (/srv/project)"),
    (PLAIN, "failed to parse function arguments: invalid type: floating point `1.0`, expected usize"),
    (PLAIN, "Agent type 'x' not found. Available agents: claude, Explore, general-purpose, Plan"),
    (PLAIN, "Error executing tool get_order: 'NoneType' object has no attribute 'id'"),
    (PLAIN, "Unknown action cancel_order"),
    (PLAIN, "Invalid arguments: 'date' must be a string"),
    (PLAIN, "HTTP 404 Not Found"),
    (PLAIN, "Error: invalid value for timeout: must be below 600"),
    (PLAIN, "MCP error -32602: Invalid arguments for tool get_order"),
    (PLAIN, "Error editing file: the old text stands there twice"),
    (PLAIN, "An error occurred while running the tool. Please try again. Error: 'ordr'"),
    (PLAIN, "ERROR 1064 (42000): You have an error in your SQL syntax"),
    (PLAIN, "Error 404: no such page"),
    (PLAIN, "Failed: the order is closed"),
    (BASH, "main.c:3:5: error: expected ';' before '}' token"),
    (BASH, "src/a.ts(3,5): error TS2322: Type 'string' is not assignable to type 'number'."),
    (BASH, "psql: error: no password supplied"),
    (BASH, "bash: ./build.sh: Permission denied"),
    (BASH, 'Exception in thread "main" java.lang.NullPointerException: x'),
    (BASH, "thread 'main' (12) panicked at src/main.rs:2:5:\nboom"),
    (BASH, "Cannot find module './sum' from 'a.test.js'"),
    (READ_LOG, '{"error": "ENOENT: no such file or directory"}'),
]

ENVIRONMENT = [
    (PLAIN, '{"error": {"code": 429, "message": "Slow down"}}'),
    (PLAIN, '{"status": 503, "message": "try again later"}'),
    (PLAIN, '{"error": "Rate limit exceeded, retry in 20 s"}'),
    (PLAIN, "Error: 500 Internal Server Error"),
    (PLAIN, "HTTP 502 Bad Gateway"),
    (PLAIN, "Error: Request timed out after 30 s"),
    (PLAIN, "TimeoutError: page.goto: Timeout 30000ms exceeded"),
    (PLAIN, "Error: connect ECONNREFUSED 127.0.0.1:5432"),
    (PLAIN, "requests.exceptions.ConnectionError: Connection reset by peer"),
    (PLAIN, "Error: quota exceeded for this project"),
    (PLAIN, "Error: The model is overloaded"),
    (PLAIN, "Service Unavailable"),
    (PLAIN, "Too many requests"),
    (BASH, "Exit code 124\n"),
    (BASH, "Exit code 6\ncurl: (6) Could not resolve host: api.example.com (temporary failure in name resolution)"),
]

NO_ERRORS = [
    (PLAIN, ""),
    (PLAIN, "sunny"),
    (PLAIN, "0 errors, 3 warnings"),
    (PLAIN, "No errors found."),
    (PLAIN, "Errors: 0"),
    (PLAIN, "Error: 0"),
    (PLAIN, "error: none"),
    (PLAIN, "Error: 12.5 %"),
    (PLAIN, "Error: 0.031"),
    (PLAIN, "Failed: 0, passed: 12"),
    (PLAIN, "Error tracking is set up for the project."),
    (PLAIN, "Invalid requests: 12 of 4000"),
    (PLAIN, "Server error rate: 0.1 %"),
    (PLAIN, "File system is not full."),
    (PLAIN, '{"error_rate": 0, "requests": 1200}'),
    (PLAIN, '{"error": null, "result": 12}'),
    (PLAIN, '{"error": "", "errors": [], "success": true}'),
    (PLAIN, '{"error": 0.031, "epoch": 7}'),
    (PLAIN, '{"error": {"mae": 0.2, "rmse": 0.4}}'),
    (PLAIN, '{"success": true, "output": "Error: shown to the user as asked"}'),
    (PLAIN, '{"errors": [{"line": 3, "message": "unused"}], "warnings": []}'),
    (PLAIN, '{"id": 7, "name": "nightly", "state": "failed", "error": "out of memory", "started": "09:00"}'),
    (PLAIN, '{"id": 7, "ip": "10.0.0.1", "user": "ann", "agent": "curl", "status": 404}'),
    (PLAIN, '{"code": 450, "title": "Advanced Cooking"}'),
    (PLAIN, '{"status": "failed", "order": "W1"}'),
    (PLAIN, '{"status": 200, "body": "Error handling in Rust"}'),
    (PLAIN, '[{"title": "Error: what it means", "url": "https://example.com"}]'),
    (PLAIN, '[{"level": "error", "message": "disk full"}]'),
    (PLAIN, "[]"),
    (PLAIN, "{not json, and no error"),
    (PLAIN, "Error handling is described in chapter 4."),
    (PLAIN, "The error was fixed in version 2.1: see the notes."),
    (PLAIN, "Exit code 1 is returned when nothing matches, as grep does."),
    (PLAIN, "Chapter one\n" * 40 + "Error: none of this is one"),
    (SEARCH, "TypeError: undefined is not a function - Stack Overflow\nI get this when …"),
    (READ_LOG, "ERROR: db pool exhausted\nERROR: db pool exhausted"),
    (GREP, "src/errors.py:3:raise ValueError('Error: bad')"),
    (GREP, "Exit code 1"),
    (GREP, '{"exit_code": 1, "stdout": "", "stderr": ""}'),
    (BASH, "Exit code: 0\nWall time: 1 second\nOutput:\nError: a test prints this on purpose"),
    (BASH, '{"output": "error: shown", "metadata": {"exit_code": 0}}'),
    (BASH, "class ParseError(Exception):\n    pass"),
    (BASH, "find: '/root': Permission denied\n./a.py\n./b.py"),
]


@pytest.mark.parametrize(("call", "text"), AGENT_CAUSED)
def test_what_the_agent_got_wrong_is_an_error(call: ToolCall, text: str) -> None:
    found = failure(call, text)
    assert found is not None
    assert not found.is_environment
    assert found.line in text


@pytest.mark.parametrize(("call", "text"), ENVIRONMENT)
def test_what_the_agent_cannot_help_is_kept_apart(call: ToolCall, text: str) -> None:
    found = failure(call, text)
    assert found is not None
    assert found.is_environment


@pytest.mark.parametrize(("call", "text"), NO_ERRORS)
def test_the_word_by_itself_is_no_error(call: ToolCall, text: str) -> None:
    assert failure(call, text) is None


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (TRACEBACK, "KeyError: 'price'"),
        ("Exit code 2\n\nbuilding\nmake: *** missing separator.  Stop.", "make: *** missing separator.  Stop."),
        ("<error>unknown table orders_2</error>", "unknown table orders_2"),
        ("Error:\n  no such user", "no such user"),
        ("Traceback (most recent call last):\n  …", "Traceback (most recent call last):"),
        ('{"error": {"message": "no \\"x\\" here"}}', 'no \\"x\\" here'),
        ('{"exit_code": 137, "stdout": ""}', '{"exit_code": 137, "stdout": ""}'),
    ],
)
def test_the_telling_line_is_a_verbatim_span(text: str, line: str) -> None:
    found = failure(BASH, text)
    assert found is not None
    assert found.line == line


@pytest.mark.parametrize(
    ("one", "other", "signature"),
    [
        (
            "Error: flight HAT030 not available on date 2024-05-13",
            "Error: flight HAT223 not available on date 2024-06-01",
            "error: flight # not available on date #",
        ),
        (
            "Error: payment method certificate_7504069 not found",
            "Error: payment method gift_card_81 not found",
            "error: payment method # not found",
        ),
        ("KeyError: 'price'", 'KeyError: "qty"', "keyerror: #"),
        ("cat: setup.cfg: No such file or directory", "cat: ./etc/x: No such file or directory", None),
        (
            "Error: user ann@example.com is not in https://a.example/x",
            "Error: user b@c.de is not in http://d.example",
            None,
        ),
        ("Error: expected one of 'a', 'b', 'c'", "Error: expected one of 'a'", "error: expected one of #"),
        ("Error: can't open 'x'", "Error: can't open 'long name'", "error: can't open #"),
    ],
)
def test_the_signature_is_the_same_whatever_the_values(one: str, other: str, signature: str | None) -> None:
    first, second = failure(PLAIN, one), failure(PLAIN, other)
    assert first is not None
    assert second is not None
    assert first.signature == second.signature == (signature or first.signature)


def test_a_value_that_the_call_gave_is_no_part_of_the_signature() -> None:
    def signature(city: str) -> str:
        found = failure(
            ToolCall(id="c", name="weather", arguments=json.dumps({"city": city})),
            f"Error: no weather for {city} today",
        )
        assert found is not None
        return found.signature

    assert signature("Paris") == signature("New York") == "error: no weather for # today"


def test_other_errors_have_other_signatures() -> None:
    texts = ["Error: not enough seats on flight HAT030", "Error: flight HAT030 not available on date 2024-05-13"]
    assert len({found.signature for text in texts if (found := failure(PLAIN, text))}) == 2


@settings(deadline=None, max_examples=80)
@given(st.text(max_size=200), st.text(max_size=400), st.sampled_from(["", "Error: ", "Exit code 2\n", '{"error": "']))
def test_whatever_a_tool_says_is_read(arguments: str, text: str, start: str) -> None:
    found = failure(ToolCall(id="c", name="t", arguments=arguments), start + text)
    if found is not None:
        assert found.line in start + text
        assert len(found.signature) <= MAX_SIGNATURE_CHARS


@pytest.mark.parametrize("text", ["The unit x does not exist; use metric", '{"hint": "use metric"}', "You may not."])
def test_what_the_client_marks_as_an_error_is_one_whatever_it_says(text: str) -> None:
    assert failure(PLAIN, text) is None
    found = failure(PLAIN, text, is_marked=True)
    assert found is not None
    assert (found.line, found.is_environment) == (text, False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n",
        "The user doesn't want to proceed with this tool use.",
        "[Request interrupted by user for tool use]",
        "Exit code 1\n",
        "FAILED tests/test_a.py::test_x - assert 1 == 2\n1 failed, 2 passed in 0.1s\n",
    ],
)
def test_a_mark_makes_no_error_of_what_says_what_it_is(text: str) -> None:
    assert failure(GREP, text, is_marked=True) is None


def test_a_marked_error_of_the_environment_is_one() -> None:
    found = failure(PLAIN, "We are overloaded, come back later", is_marked=True)
    assert found is not None
    assert found.is_environment
