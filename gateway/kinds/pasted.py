"""What is another's by its form alone, in any language: code, markup, data, logs, quoted lines, chats and mails copied
from elsewhere. How words introduce what they hand over is in gateway/languages, and read by gateway/kinds/own.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

HANDED = "\f"
"""Stands in place of every character of a block, so that a task is seen to have its object and positions stay."""

_NEXT = r"(?:\n|\Z)"
_TIME = r"\d{1,2}:\d\d(?::\d\d)?(?: ?[AaPp][Mm])?"
_CODE = (
    r"^[ \t]*(?:.*[;{}]|(?:\$|>>>|In \[\d+\]:) .+|#include.*|import [\w.]+(?: as \w+)?|from [\w.]+ import .*"
    r"|(?:def|class|fn|func|function) \w+ ?[(:{].*|[\w.]+\(.*\))[ \t\r]*$"
)

_PIECES = tuple(
    re.compile(pattern, re.MULTILINE)
    for pattern in (
        r'^[ \t]*(?P<fence>~{3,})(?s:.*?)(?:^[ \t]*(?P=fence)|\Z)|```(?s:.*?)(?:```|\Z)|"""(?s:.*?)(?:"""|\Z)',
        # between lines of one sort: "=== BEGIN ===", if need be to the end, or "-----", to the last of them
        r"^[ \t]*(?P<rule>={3,}|-{3,}|~{3,}|\+{3,})[ \t]*[^\W_](?s:.*?)(?:^[ \t]*(?P=rule).*$|\Z)",
        r"^[ \t]*(?P<line>={3,}|-{3,}|_{3,}|\*{3,})[ \t\r]*\n(?s:.*)^[ \t]*(?P=line)[ \t\r]*$",
        r"^[ \t]*[>|＞»].*$",
        # JSON, to where a line ends it before an empty one
        r'^[ \t]*[\[{]\s*["\[{](?s:.*?)(?:[\]}][ \t,;]*$(?=\s*\n[ \t\r]*\n|\s*\Z)|\Z)',
        # comments, and code from the first line that can be nothing else to an empty one
        r"<!--(?s:.*?)(?:-->|\Z)|/\*(?s:.*?)(?:\*/|\Z)|^[ \t]*//.*$",
        rf"(?:^[ \t]*(?:#|--).*\n){{0,9}}{_CODE}(?s:.*?)(?=\n[ \t\r]*\n|\Z)",
        # YAML, and settings
        rf"^[ \t]*[\w.-]+:[ \t]*[|>][-+]?[ \t\r]*\n(?:[ \t]+.*{_NEXT}|[ \t\r]*\n)+",
        r"^[ \t]*(?:export )?[A-Z][A-Z0-9_]{2,}=.*$|^[ \t]*[\w.-]+[ \t]*=[ \t]*[\"'].*$",
        # a table: columns apart by tabs, or a number and commas with nothing after them
        r"^[^\t\n]*\S\t+\S.*$|^[ \t]*\d+,\S.*$|^[^,\n]*(?:,(?![\s\d])[^,\n]*){2,}$",
        # a log
        r"^[ \t]*[\[(]?\d{4}-\d\d-\d\d[T ]\d\d:\d\d.*$|^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d .*$"
        r"|^[ \t]*(?:TRACE|DEBUG|INFO|WARN|ERROR|FATAL)\b.*$",
        # code by its indent, after an empty line; a list may be as deep
        rf"(?<=\n\n)(?:(?: {{4,}}|\t)(?![-–*•+]|\d{{1,2}}[.)]).*{_NEXT})+",
    )
)

_OPENING = re.compile(
    r"<(?!(?:b|i|u|em|strong|code|kbd|mark|su[bp])>)([A-Za-z][\w:.-]{0,40})(?:\s[^<>\n]{0,200})?>", re.IGNORECASE
)
"""Of a tag that does more than to stress a word."""

_REST = tuple(
    re.compile(pattern, re.MULTILINE)
    for pattern in (
        # what stands in tags was not typed, and mostly goes on to the end
        r"^[ \t]*(?:<[A-Za-z!?][^>\n]{0,80}>|<\|\w|<<[A-Z]+>>|\[/?INST\]|&lt;)",
        r"^(?:diff --git |@@ -\d|#{2,6} (?:Instruction|Input|Response|System|Human|User|Assistant):)",
        # who wrote it when, and nothing else on that line: a chat; a mail's "On Monday Jo <jo@example.com> wrote:"
        r"^(?:From|Subject|B?[Cc]c|Reply-To|Message-I[Dd]):",
        rf"^[ \t]*[^\W\d_a-z][\w.'-]*(?: [\w.'-]+){{0,3}}[,|·—–\[( \t]{{1,4}}{_TIME}[\])]?[ \t\r]*$",
        r"^.{0,200}<[^<>\s@]+@[^<>\s]+>.{0,40}[:：][ \t\r]*$",
    )
)


def unpasted(text: str) -> str:
    """The text with such pieces blanked, as long as it was."""
    for pattern in _PIECES:
        text = pattern.sub(handed, text)
    return _without_elements(text)


def rests(text: str) -> Iterator[re.Match[str]]:
    """The first place of each sort from which on all is another's."""
    return (place for pattern in _REST if (place := pattern.search(text)) is not None)


def _without_elements(text: str) -> str:
    """The text with what stands between two tags blanked. A tag that is never closed is looked for once."""
    unclosed: set[str] = set()
    at = 0
    while opening := _OPENING.search(text, at):
        closing = f"</{opening[1]}>"
        end = -1 if closing in unclosed else text.find(closing, opening.end())
        at = opening.end() if end < 0 else end + len(closing)
        if end < 0:
            unclosed.add(closing)
        else:
            text = text[: opening.start()] + HANDED * (at - opening.start()) + text[at:]
    return text


def handed(match: re.Match[str]) -> str:
    """Blanks for what was found."""
    return HANDED * len(match[0])
