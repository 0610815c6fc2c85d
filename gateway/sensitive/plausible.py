"""Whether what stands where a secret would stand is one, or a word, a name, a place where one is to be put.

It judges values by themselves; which names tell that a secret follows is said in secrets.yaml.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping

MIN_TOKEN_BITS = 2.8
"""Of entropy per character: words in a row have 2.5 to 3, sixteen hexadecimal digits by chance 3.2 ± 0.2."""

_STANDS_FOR_ONE = re.compile(
    r"[$%<{*]|\.{3}|x{3}|.*(?:example|change.?me|placeholder|redacted|dummy|x{5}|\*{3}|\$\{|\{\{)"
    r"|(?:.*[-_ .])?(?:your|my|the|some|todo|insert)[-_ .]"
    r"|(?:none|null|nil|true|false|undefined|str|string|int|bool|bytes|any|required|optional|empty|password|secret)\b\W*$",
    re.IGNORECASE,
)
_EXPRESSION = re.compile(
    r"(?:await|new)\s|!(?:Ref|Sub|GetAtt)\b|https?://|\.{0,2}/\w|~/|[A-Za-z]:\\|[A-Za-z_][\w.]*\(.*\)[;,]?$"
    r"|(?:os|process|import|self|this|args|config|settings|env|secrets|vault|data|var|local|module|request|req|params"
    r"|options|opts|props|ctx|context|app|state|user|form|event|body|json|response|res)[.\[][A-Za-z_'\"]"
)
_WORDS = re.compile(r"[A-Za-z]+(?:[-_.:/=][A-Za-z]+|[-_.:/=]?\d{1,4}(?![0-9A-Za-z]))*\W*")
_ATTRIBUTES = re.compile(r"[A-Za-z_]\w*(?:(?:\.|->|::|\?\.)[A-Za-z_]\w*)+[;,)]*")
_MASKED = re.compile(r"(.)\1*")
_DATE = re.compile(r"\d{4}-\d\d-\d\d|[\d.,:/ -]+$")
_TURN = re.compile(r"[a-z](?=[A-Z])|[A-Z](?=[a-z][A-Z])")


def entropy(text: str) -> float:
    """Bits per character, by how often each comes."""
    counts, size = Counter(text).values(), len(text)
    return -sum(count / size * math.log2(count / size) for count in counts) if size else 0.0


def is_password(value: str) -> bool:
    """Whether somebody would log in with it."""
    bare = value.strip()
    if _is_no_value(bare) or (" " in bare and not any(map(str.isdigit, bare))):
        return False
    has_digit = any(map(str.isdigit, bare))
    has_mark = any(not char.isalnum() and char not in " _-.,:;/" for char in bare[:-1])
    is_mixed = _TURN.search(bare) is not None and entropy(bare) > MIN_TOKEN_BITS
    return (has_digit or has_mark or is_mixed) and any(map(str.isalpha, bare)) and not _ATTRIBUTES.fullmatch(bare)


def is_token(value: str) -> bool:
    """Whether chance made it: no words with dashes, no name, no path, no number, no date."""
    bare = value.strip("\"'`.,;:=")
    if len(bare) < 12 or _is_no_value(bare) or _DATE.match(bare) or _ATTRIBUTES.fullmatch(bare):
        return False
    if _WORDS.fullmatch(bare) and not _is_jumbled(bare):
        return False
    has_digit = any(map(str.isdigit, bare))
    return (has_digit or _is_jumbled(bare)) and any(map(str.isalpha, bare)) and entropy(bare) >= MIN_TOKEN_BITS


def is_basic(value: str) -> bool:
    """Whether it is base64 of a name and a password."""
    try:
        plain = base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_" if set("-_") & set(value) else None)
    except (binascii.Error, ValueError):
        return False
    return b":" in plain and all(byte >= 0x20 for byte in plain)


def is_cookie(value: str) -> bool:
    """Whether one of the cookies is a token."""
    return any(is_token(part.partition("=")[2].strip()) for part in value.split(";"))


def is_any(value: str) -> bool:
    """What has a form of its own need not be judged."""
    return True


CHECKS: Mapping[str, Callable[[str], bool]] = {
    "": is_any,
    "password": is_password,
    "token": is_token,
    "basic": is_basic,
    "cookie": is_cookie,
}


def _is_no_value(text: str) -> bool:
    return bool(_STANDS_FOR_ONE.match(text) or _EXPRESSION.match(text) or _MASKED.fullmatch(text))


def _is_jumbled(text: str) -> bool:
    """Whether upper and lower case alternate as no name does."""
    return len(text) >= 16 and len(_TURN.findall(text)) >= len(text) / 5
