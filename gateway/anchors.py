"""Echo anchors: by what a client must send back, its next request is known to belong to the same session.

Clients echo ids of tool calls, responses and items, and the assistant's text. Hashing the first message instead merges
unrelated chats that begin alike (83 of 214 requests in the captures); anchors merged none. The same digests name the
places of notes.

    s:<digest>  of an id the upstream minted: one session has it, and the newest if it was copied
    w:<digest>  of text, which two sessions may share: it counts only while it leaves one session in question

This file digests; which session owns an anchor is the journal's knowledge.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from gateway.ids import digest_of
from gateway.types import Turn

STRONG = "s:"
WEAK = "w:"

HEAD = "head-"
"""Begins the names of heads: texts that a client sends with every request."""

MAX_TELLING_TURNS = 8
"""Assistant turns with anchors that are looked at, from the newest back; the first usually settles it."""

MAX_SPOKEN_TURNS = 256
"""That are looked at, telling or not: an agent may go on for long without a word."""

MAX_ANCHORS = 64
"""Of a request or a reply; nobody calls more tools at once, and each one is looked up."""

MAX_ECHOES = 32
"""Of the ids that a request or a reply has beside its turns are kept or looked up."""

MIN_TEXT_CHARS = 40
MIN_TEXT_WORDS = 8
"""Below both, a reply ("Done.") is as likely as not somebody else's too, and counts only with all that led to it."""

MIN_OPENING_CHARS = 80
"""A shorter text may stand in another by chance. With 80, quotations linked 20 of 214 requests more than echoes alone,
and none wrongly (CLIENTS, section 8)."""

MAX_OPENING_CHARS = 400
"""Of a reply; more of it would only be cut more often by those who quote it."""

QUOTED_S = 6 * 3600.0
"""For so long a reply that is quoted in a request tells its session; later it is rather a text that somebody kept."""

MAX_QUOTING_CHARS = 64 * 1024
"""Of a request are searched for quotations."""

MAX_KEPT_CHARS = 1_000
"""Of a message whose name is kept, so that all that are kept take some megabytes."""

MIN_ID_CHARS = 8
MIN_ID_DISTINCT = 4
MIN_NUMBER_CHARS = 12
"""Some servers number their calls (`call_0`, `functions.look_up:0`); such an id says nothing, whatever its length. One
of digits alone may be such a number up to here."""

_ID_PREFIX = re.compile(r"^(?:[a-z]+[_.:-])*")
_SEPARATORS = re.compile(r"[^0-9A-Za-z]+")


def of_reply(
    said: Sequence[Turn], reply: Sequence[Turn], echoes: Sequence[str] = (), *, is_named: bool
) -> tuple[str, ...]:
    """Anchors a reply leaves behind.

    Args:
        said: every message of the request that was answered.
        reply: the assistant turns of the answer, one per choice.
        echoes: ids by which a later request may name it.
        is_named: whether the user is; see `of_request`.
    """
    is_first = all(turn.role != "assistant" for turn in said)
    found = [anchor for turn in reply for anchor in _of_turn(said, turn, is_first=is_first, is_named=is_named)]
    return tuple(_of_ids(echoes[:MAX_ECHOES]) + found)[:MAX_ANCHORS]


def of_request(turns: Sequence[Turn], echoes: Sequence[str] = (), *, is_named: bool) -> list[str]:
    """Anchors a request brings back, newest first; empty when no assistant has spoken in it.

    Args:
        turns: every message of the request.
        echoes: ids of earlier answers and their items that it names, newest first.
        is_named: whether the user is. Among callers whom nobody names, what an assistant said is no proof: two of them
            may have been told the same, one of them before anything was recorded. There, all that led to it has to be
            the same as well.
    """
    spoken = [index for index, turn in enumerate(turns) if turn.role == "assistant"]
    found = _of_ids(echoes[:MAX_ECHOES])
    telling = 0
    for index in spoken[: -MAX_SPOKEN_TURNS - 1 : -1]:
        before = turns[:index] if turns[index].text and (index == spoken[0] or not is_named) else ()
        anchors = _of_turn(before, turns[index], is_first=index == spoken[0], is_named=is_named)
        found.extend(anchors)
        telling += bool(anchors)
        if telling == (MAX_TELLING_TURNS if is_named else 1) or len(found) >= MAX_ANCHORS:
            break
    return found[:MAX_ANCHORS]


def openings_of(reply: Sequence[Turn]) -> tuple[str, ...]:
    """How the texts of a reply begin, with every run of blanks as one; short ones are left out."""
    texts = (" ".join(turn.text[: 4 * MAX_OPENING_CHARS].split()) for turn in reply)
    return tuple(text[:MAX_OPENING_CHARS] for text in texts if len(text) >= MIN_OPENING_CHARS)


def texts_of(turns: Sequence[Turn]) -> list[str]:
    """Texts in which a reply may be quoted, newest first, blanks as in an opening; the oldest of very much is left out.

    Agents hand a task's result to the next in a message, summaries replace the messages they sum up, and some clients
    rewrite their history: no turn of it need be the assistant's. A system text is what many conversations share.
    """
    texts: list[str] = []
    left = MAX_QUOTING_CHARS
    for turn in reversed([turn for turn in turns if turn.role not in ("system", "developer")]):
        text = turn.text[-left:]
        left -= len(text)
        if len(text) >= MIN_OPENING_CHARS:
            texts.append(" ".join(text.split()))
        if left <= 0:
            break
    return texts


def message_key(previous: Turn | None, turn: Turn, occurrence: int) -> str:
    """Names a message so that the same message has the same name in the session's next request.

    Content and predecessor name it, not its position, so that it keeps its name when older history is cut away.

    Args:
        previous: the message before it.
        turn: the message.
        occurrence: how many messages before it have the same predecessor and content.
    """
    if _is_small(previous) and _is_small(turn):
        return _small_key(previous, turn, occurrence)
    return _key(previous, turn, occurrence)


def _key(previous: Turn | None, turn: Turn, occurrence: int) -> str:
    return _digest(*_canonical(previous), *_canonical(turn), str(occurrence))


_small_key = lru_cache(maxsize=8_192)(_key)
"""Agents send all of a conversation with each call: to know a message again takes a fifth of naming it."""


def _is_small(turn: Turn | None) -> bool:
    """Whether it may be kept for as long as others are named."""
    if turn is None:
        return True
    words = (turn.role, turn.text, turn.answers or "", turn.name or "")  # a client may put anything into each
    return sum(map(len, words)) <= MAX_KEPT_CHARS and not turn.calls


def head_key(turns: Sequence[Turn]) -> str:
    """Names the leading system text: another text is another head."""
    return HEAD + _digest(*(part for turn in turns for part in _canonical(turn)))


def _of_ids(ids: Sequence[str]) -> list[str]:
    telling = [identifier for identifier in ids if is_telling_id(identifier)]
    return [STRONG + _digest("id", identifier) for identifier in telling]


def _of_turn(before: Sequence[Turn], turn: Turn, *, is_first: bool, is_named: bool) -> list[str]:
    """Anchors of an assistant turn. A short reply later in a session has none of its own: earlier ones tell."""
    anchors = [
        STRONG + _digest("id", call.id)
        for call in turn.calls
        if is_telling_id(call.id.replace(call.name, "") if call.name else call.id)
    ]
    text = " ".join(turn.text.split())
    if is_named and _is_telling_text(text):
        anchors.append(WEAK + _digest("text", text))
    if text and (is_first or not is_named):
        history = [part for earlier in before for part in (earlier.role, earlier.text)]
        anchors.append(WEAK + _digest("history", *history, text))
    return anchors


def is_telling_id(identifier: str) -> bool:
    """Whether an id is one that nobody else has by chance: no word, no count, no few characters."""
    minted = _SEPARATORS.sub("", _ID_PREFIX.sub("", identifier))
    if len(minted) < MIN_ID_CHARS or len(set(minted)) < MIN_ID_DISTINCT or not any(map(str.isdigit, minted)):
        return False
    return not minted.isdigit() or len(minted) >= MIN_NUMBER_CHARS


def _is_telling_text(text: str) -> bool:
    return len(text) >= MIN_TEXT_CHARS or text.count(" ") + 1 >= MIN_TEXT_WORDS


def _canonical(turn: Turn | None) -> tuple[str, ...]:
    """What of a message survives a client's reformatting: role, words, and the ids of calls."""
    if turn is None:
        return ("",)
    return (turn.role, " ".join(turn.text.split()), *(call.id for call in turn.calls), turn.answers or "")


def _digest(*parts: str) -> str:
    return digest_of((part.encode("utf-8", "surrogatepass") for part in parts), size=12).hex()
