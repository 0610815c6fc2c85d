"""The item in a prompt: what a user wants classified or answered, without the instructions around it.

Prompts of programs have it behind a mark ("Text: …"), in quotation marks, or as their last line; what a person types is
an item as it stands.
"""

from __future__ import annotations

import re

MAX_ITEM_CHARS = 1_000
"""Of an item are given: longer ones are told by their beginning."""

MAX_READ_CHARS = 16_000
"""From either end of a message are searched for its item: a whole document may stand between."""

MAX_CUE_CHARS = 80
MAX_PLAIN_CHARS = 300
"""A message of one paragraph up to here is an item as a whole."""

MIN_QUOTED_CHARS = 8
"""Shorter words in quotation marks are mentioned rather than handed over."""

_MARK = re.compile(
    r"^[^\n:]{0,80}?\b(?:text|query|input|message|utterance|sentence|review|email|e-mail|ticket|item|customer|document)"
    r"[ \t]*:[ \t]*\n?",
    re.IGNORECASE | re.MULTILINE,
)
_CUE = re.compile(
    r"\n\s*(?:the )?(?:label|category|class|intent|topic|sentiment|output|answer|response|result|tag)s?\s*:?\s*\Z",
    re.IGNORECASE,
)
"""Where the model is to go on."""

_QUOTED = re.compile(
    r'"""(.+?)"""|```(?:\w*\n)?(.+?)```|"([^"\n]+)"|“([^“”\n]+)”|«([^«»\n]+)»|「([^「」\n]+)」', re.DOTALL
)
"""An opening mark ends the search for a closing one: else each of many that stay open would search to the end."""

_ENDS = " \t\r\n\"'“”«»`"


def item_of(text: str) -> str:
    """The item of a user's message, verbatim, at most `MAX_ITEM_CHARS` of it.

    What stands after the last mark at a line's beginning; of a message that is longer than people type, or of several
    lines, else the last words in quotation marks, else its last line.
    """
    is_whole = len(text) <= 2 * MAX_READ_CHARS
    body = (text if is_whole else f"{text[:MAX_READ_CHARS]}\n{text[-MAX_READ_CHARS:]}").strip()
    cue = _CUE.search(body, max(0, len(body) - MAX_CUE_CHARS))
    body = body[: cue.start()].strip() if cue is not None else body
    end = len(body.rstrip(_ENDS))
    marks = [mark.end() for mark in _MARK.finditer(body) if mark.end() < end]
    if marks:
        item = body[marks[-1] :]
    elif len(body) <= MAX_PLAIN_CHARS and "\n" not in body:
        item = body
    else:
        quoted = [found for match in _QUOTED.finditer(body) for found in match.groups() if found]
        long = [words for words in quoted if len(words) >= MIN_QUOTED_CHARS]
        item = long[-1] if long else body.rpartition("\n")[2]
    return item.strip(_ENDS)[:MAX_ITEM_CHARS]
