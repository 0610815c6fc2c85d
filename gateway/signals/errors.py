"""What an error in a tool's result is: its telling line, its signature, and whose fault it is.

It goes by structure and by the first 200 characters, and would rather miss an error than take data for one: the word
by itself says nothing. A run of tests that fail is none: the tool did what it was asked for. What becomes of an error
is not known here.
"""

from __future__ import annotations

import re

import msgspec

from gateway.signals.base import MAX_EVIDENCE_CHARS, standing
from gateway.signals.calls import is_reading
from gateway.signals.outputs import HEAD_CHARS, Output, output_of
from gateway.signals.reports import is_success, reported, statuses
from gateway.signals.runners import report
from gateway.types import ToolCall

MAX_SIGNATURE_CHARS = 120
MAX_SEARCHED_CHARS = 4000
"""Of what was printed, at each end, are searched for the telling line."""

MAX_LINES = 20
"""Of an error are searched for the telling one; further on is what it drags along."""

MIN_VALUE_CHARS, MAX_VALUE_CHARS = 3, 100
"""Of an argument's value to be known again in an error."""

_BEGINS = re.compile(
    r"[^\w<'\"]*(?:"
    r"(?:(?:api|build|command|database|execution|fatal|http|internal|json|mcp|network|parse|runtime|server|sql|syntax"
    r"|tool|unexpected|unknown|validation) )?error\b(?:\s*\[\w+\]|\s*\(?[\w-]*\d{3,5}\)?)?(?: \(\w+\))?"
    r"\s*(?::(?!\s*(?:0|none|null)\b|\s*[\d.]+\s*(?:%|$))|-\s|!|$)"
    r"|error (?!checking|handling|logging|monitoring|reporting|tracking)(?:\w+ing|while|in tool|occurred|code:? \d)\b"
    r"|an? (?:unexpected |internal |unknown )?(?:error|exception) (?:has )?(?:occurred|happened)\b"
    r"|(?-i:(?:[\w.$]+\.)?[A-Z]\w*(?:Error|Exception|Failure|NotFound|Denied|Timeout|Unavailable)(?:\s*\[\w+\])?"
    r"(?:: |:?\n|:?$|\())"
    r"|(?-i:NotFound|InvalidArgument|BadRequest|Unauthorized|Forbidden): "
    r"|uncaught (?:\w+error|exception)\b|unhandled (?:exception|rejection)\b|exception in thread\b"
    r"|thread '[^'\n]*'[^\n]{0,20} panicked at|segmentation fault\b"
    r"|(?:fatal|panic|exception|failure|failed): (?!\d)|npm err!|failed to \w+|cannot find module\b"
    r"|(?:unable to|could not) (?:connect|locate|open|parse|read|resolve)\b"
    r"|(?:tool|function|command|request|query|operation|api)(?: call| execution| request)? failed\b"
    r"|(?:tool|function|command|request)(?: call| execution)? (?:timed out|was rejected|is not allowed)\b"
    r"|(?:unknown|unrecogni[sz]ed|unsupported|no such) (?:tool|function|action|command|method|option|argument|column"
    r"|table|file|module|agent)\b"
    r"|invalid (?:arguments?|input|parameters?|request|json|tool|function|syntax|option|value|token|credentials)\b"
    r"|(?:agent type|tool|function|file|directory|path|command|module|package|column|table)\b[^\n]{0,80}?"
    r" (?:not found|does not exist|is not (?:valid|recogni[sz]ed|available|defined|allowed))\b"
    r"|(?:permission|access) denied\b|too many requests\b|rate limit exceeded\b|service unavailable\b"
    r"|(?:http(?:/[\d.]+)? ?|status(?: code)?:? |code:? )?[45]\d\d[ :-]+(?:bad request|unauthorized|forbidden|not found"
    r"|method not|conflict|gone|unprocessable|too many|internal server|bad gateway|service unav|gateway time|error)"
    r"|http (?:status |error )?(?:code )?:?\s?[45]\d\d\b|(?:connection|request|operation) (?:refused|reset|timed out)\b"
    r"|<(?:tool_use_)?error\b)",
    re.IGNORECASE,
)
"""How a result begins that is an error."""

_HOLDS = re.compile(
    r"^\W{0,4}traceback \(most recent call last\)"
    r"|^(?:[\w./+-]{1,80}: ){1,3}[^\n]{0,120}?(?:command not found|: not found$|no such file or directory"
    r"|(?<!find: )is a directory|unrecognized option|invalid option|unknown option|cannot access)"
    r"|^(?!(?:du|find|grep|ls|rg): )(?:[\w./+-]{1,80}: ){1,3}[^\n]{0,120}?permission denied"
    r"|^[\w./\\+-]{1,120}(?:[:(][\d:,]*\d\)?)?: (?:fatal )?error(?: [A-Z]*\d+)?: "
    r"|^[^\n]{1,80} is not recognized as (?:an internal|the name of)"
    r"|^request failed with status code [45]\d\d",
    re.IGNORECASE | re.MULTILINE,
)
"""Lines within the head that no result holds but an error's."""

_ABOUT_ERRORS = re.compile(
    r"errors?\b|exception|traceback|fail(?:ed|ure|s)?\b|\blogs?\b|\w\.log\b|journalctl|dmesg", re.I
)
"""What is read or searched for where errors are the data."""

_ENVIRONMENT = re.compile(
    r"\btoo many requests|\brate.?limit(?:ed|ing| exceeded| reached| hit)|\boverloaded\b|\bthrottl"
    r"|\bservice (?:is )?(?:temporarily )?unavailable|\btemporar(?:y|ily) (?:unavailable|failure)"
    r"|\binternal (?:server )?error|\bbad gateway|\bserver error|\bquota (?:has been )?(?:exceeded|exhausted|reached)"
    r"|\b(?:exceeded|out of|over|insufficient)\b.{0,30}\bquota"
    r"|\be(?:timedout|connrefused|connreset|ai_again|notfound|pipe|nospc|hostunreach)\b"
    r"|\bconnection (?:was )?(?:refused|reset|aborted|closed|error|failed|timed out)|\bconnection\w*error\b"
    r"|\bname resolution|\bnetwork (?:is unreachable|error)|\bhost unreachable|\bno space left|\bbroken pipe"
    r"|\b(?:http(?:/[\d.]+)?|status(?: code)?|code|error)\W{1,3}(?:408|429|5\d\d)\b",
    re.IGNORECASE,
)
_TIME_OUT = re.compile(
    r"\btimed?[- ]?out\b|\btimeout\b|\w+timeout(?:error|exception|expired)?\b|\bdeadline exceeded|\brate.?limit\b", re.I
)
_SELF_MADE = re.compile(
    r"\b(?:invalid|unexpected (?:keyword )?argument|unknown|unrecogni[sz]ed|validation|must be|required|missing)\b",
    re.I,
)
"""Where a time limit is an argument that the caller got wrong."""

_REJECTED = re.compile(
    r"\buser (?:doesn['’]t want to|rejected|denied|declined|cancel+ed)\b"
    r"|\b(?:interrupted|rejected|denied|cancel+ed) by (?:the )?user\b",
    re.IGNORECASE,
)
"""Marked as errors by clients whose user did not let a call happen: no fault of the call."""

_ENVIRONMENT_STATUSES = frozenset((408, 425, 429, *range(500, 600)))
_TIMED_OUT = 124
"""The exit code of `timeout`."""

_EXCEPTION = re.compile(r"(?:[\w.]+\.)?[A-Z]\w*(?:: |$)|[\w.]+(?:Error|Exception|Exit|Interrupt)\b")
_TELLING = re.compile(
    r"error\b|errno|exception|\bfail|\bfatal\b|not found|no such|denied|cannot|can't|could not|unable|invalid|unknown"
    r"|unrecogni[sz]ed|undefined|missing|refused|timed out|usage:",
    re.IGNORECASE,
)
_AROUND = re.compile(
    r"\W*(?:(?:(?:process|command|script|the)\b.{0,40})?exit(?:ed)?\b.{0,20}(?:code|status)\W{0,3}-?\d+"
    r"|(?:wall time|chunk id|original token count|total output lines|output|std(?:out|err)|cwd|command)\b:.{0,60}"
    r"|`{3}\w*|</?\w+>|error:?)?\W*",
    re.IGNORECASE,
)
"""Lines of a wrapper, which say nothing of the error."""

_TAGS = re.compile(r"</?(?:tool_use_)?error\b[^>]*>")
_VALUES = re.compile(
    r"\w+://\S+"  # addresses
    r"|(?<!\w)(?:'[^'\n]*'|\"[^\"\n]*\"|`[^`\n]*`|‘[^’\n]*’|“[^”\n]*”)(?!\w)"  # quoted
    r"|[\w.+-]+@[\w.-]+"
    r"|(?:[a-z]:)?[\w.~@-]*(?:[/\\][\w.~@+-]+)+[/\\]?"  # paths
    r"|\b[\w-]+\.[a-z]{1,5}\b(?![.\w])"  # files
    r"|(?:\w[\w.-]*)?\d(?:[\w.:-]*\w)?",  # numbers, ids, dates
    re.IGNORECASE,
)


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """An error that a tool answered with."""

    line: str
    """That says what it is; verbatim, as it stands in the result."""
    signature: str
    """The line in lower case without its values: the same for the same error about something else."""
    is_environment: bool
    """True for what the caller did not cause: a rate limit, a fault of the server, a connection that is not there."""


def failure(call: ToolCall, text: str, *, is_marked: bool = False) -> Failure | None:
    """The error that a tool's result reports; None when it reports none. `is_marked` where the client calls it one."""
    output = output_of(text)
    words = _error_words(call, output)
    if words is None and is_marked and output.exit_code is None and not _REJECTED.search(text[:HEAD_CHARS]):
        words = (output.printed or text).strip() or None
    if words is None or report(output.printed) is not None:
        return None
    line = _telling_line(words) or _telling_line(text) or text.strip()[:HEAD_CHARS] or "error"
    is_environment = (
        not _ENVIRONMENT_STATUSES.isdisjoint(statuses(output.members or {}))
        or output.exit_code == _TIMED_OUT
        or _is_environment(line, words)
    )
    return Failure(line=standing(line, text), signature=_signature(line, call), is_environment=is_environment)


def _error_words(call: ToolCall, output: Output) -> str | None:
    """What the error says, which may be nothing; None where there is none."""
    if output.members is not None:
        if is_success(output.members):
            return None
        words = reported(output.members)
        if words is not None:
            return words
    if output.exit_code == 0:
        return None
    if output.exit_code is not None and not (output.exit_code == 1 and _is_answer(call, output.printed)):
        return output.printed or f"exit code {output.exit_code}"
    head = output.printed.lstrip()[:HEAD_CHARS]
    if (_BEGINS.match(head) or _HOLDS.search(head)) and not _asks_for_errors(call):
        return output.printed
    return None


def _is_answer(call: ToolCall, printed: str) -> bool:
    """Whether the exit code 1 says no and not that something went wrong: nothing found, files that differ."""
    return is_reading(call) or not _telling_line(printed)


def _asks_for_errors(call: ToolCall) -> bool:
    """Whether errors are what a call reads or searches for."""
    return is_reading(call) and _ABOUT_ERRORS.search(f"{call.name.replace('_', ' ')} {call.arguments}") is not None


def _telling_line(words: str) -> str:
    """The line that says what the error is; empty where none does."""
    clipped = (
        words
        if len(words) <= 2 * MAX_SEARCHED_CHARS
        else (f"{words[:MAX_SEARCHED_CHARS]}\n{words[-MAX_SEARCHED_CHARS:]}")
    )
    lines = [line for line in _TAGS.sub("\n", clipped).splitlines() if not _AROUND.fullmatch(line[:MAX_EVIDENCE_CHARS])]
    if "traceback (most recent" in clipped.lower():  # what was raised stands in its last line
        raised = next((line for line in reversed(lines) if _EXCEPTION.match(line)), None)
        if raised is not None:
            return raised.strip()
    return next((line for line in lines[:MAX_LINES] if _TELLING.search(line)), lines[0] if lines else "").strip()


def _is_environment(line: str, words: str) -> bool:
    said = f"{line}\n{words[:HEAD_CHARS]}"
    return _ENVIRONMENT.search(said) is not None or (
        _TIME_OUT.search(said) is not None and _SELF_MADE.search(said) is None
    )


def _signature(line: str, call: ToolCall) -> str:
    line = line[:MAX_EVIDENCE_CHARS]
    for value in sorted(_values(call), key=len, reverse=True):
        line = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", "#", line)
    line = _VALUES.sub("#", line.lower())
    line = re.sub(r"#(?:[\s,;:|/-]*#)+", "#", line)  # of values in a row nobody counts how many
    return " ".join(line.split())[:MAX_SIGNATURE_CHARS]


def _values(call: ToolCall) -> set[str]:
    """Texts that a call gives for its arguments; an error that names one is the same without it."""
    try:
        arguments = msgspec.json.decode(call.arguments)
    except (msgspec.DecodeError, RecursionError):
        return set()
    values = arguments.values() if isinstance(arguments, dict) else ()
    return {value for value in values if isinstance(value, str) and MIN_VALUE_CHARS <= len(value) <= MAX_VALUE_CHARS}
