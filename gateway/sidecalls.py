"""Calls a client makes on the side: titles, tags, summaries, probes. They get no notes and teach nothing.

What tells them are the words by which clients ask for them, without tools to work with. A person who asks for a title
does so in a conversation, under another system text.
"""

from __future__ import annotations

import itertools
import re

from gateway.types import Call

SEARCHED_CHARS = 1_500
"""Of a system text and of a message; what a call is for is said first."""

PROBE_TOKENS = 5
"""An answer this short is asked for to see whether somebody answers."""

LEADING_TURNS = 4
"""Of system text are looked at; who has more of them says first what it is about."""

ASKED_CHARS = 300
"""Of a system text, in which a client says that a title is all it wants; further on it is one rule among others."""

_SUMMARIZER = re.compile(
    r"conversation summari[sz]er|tasked with summari[sz]ing (?:the |this |a )?(?:conversation|chat|dialogue)"
    r"|an agent tried to answer a user query but it got stuck",
    re.IGNORECASE,
)
"""What it is about is the conversation that follows."""

_SYSTEM = re.compile(
    r"you are a title generator|output only a (?:thread |chat |conversation )?title"
    r"|(?:generate|create|write|suggest|provide|produce)s?\b[^.\n]{0,60}"
    r"\b(?:titles?|tags|follow-?up questions|emoji|search quer(?:y|ies))\b[^.\n]{0,60}"
    r"\b(?:conversations?|chat|thread|dialogue|message history|first message)\b"
    r"|summari[sz]e (?:the|this)(?: user's)? (?:conversation|chat|dialogue|thread)"
    r"|summari[sz]e this coding conversation|analy[sz]e if this message indicates a new conversation topic",
    re.IGNORECASE,
)
_COMPACTION = re.compile(
    r"\s*(?:your task is to create a detailed summary of the conversation so far"
    r"|you are performing a context checkpoint compaction"
    r"|<role>\s*context extraction assistant)",
    re.IGNORECASE,
)
"""Asked in the middle of a conversation, with its tools: Claude Code, Codex, LangChain."""

_TASK = re.compile(
    r"\s*(?:(?:please )?(?:generate|create|write|provide|suggest) an? (?:[\w-]+,? ){0,4}title "
    r"(?:for|of|summari[sz]ing) (?:this|the|our|a) (?:conversation|chat|thread)|title for:|<chat_history>"
    r"|analy[sz]e this conversation and provide"
    # Open WebUI begins all its prompts alike, and those by which it answers from documents are no side calls
    r"|### Task:\s+(?:(?:generate|suggest)\b[^\n]{0,200}\b(?:chat history|conversation|image generation)"
    r"|analy[sz]e the chat history|you are an autocompletion))",
    re.IGNORECASE,
)


def is_side_call(call: Call, request_kind: str = "") -> bool:
    """Whether a call is not part of a conversation but about one.

    Args:
        request_kind: what the client itself says that it is for, as Codex does.
    """
    if request_kind not in ("", "turn") or bytes(call.fields.get("generate", b"")) == b"false":
        return True
    system = (turn for turn in call.turns if turn.role in ("system", "developer"))
    leading = [turn.text[:SEARCHED_CHARS] for turn in itertools.islice(system, LEADING_TURNS)]
    newest = itertools.takewhile(lambda turn: turn.role != "assistant", reversed(call.turns))
    asked = [turn.text[:SEARCHED_CHARS] for turn in newest if turn.role == "user"]
    if any(map(_COMPACTION.match, asked[:1])):
        return True
    if "tools" in call.fields:
        return False
    is_probe = call.max_output_tokens is not None and call.max_output_tokens <= PROBE_TOKENS
    if is_probe or any(map(_SUMMARIZER.search, leading)) or any(map(_TASK.match, asked)):
        return True
    has_answered = any(turn.role == "assistant" for turn in call.turns)
    return not has_answered and any(_SYSTEM.search(text[:ASKED_CHARS]) for text in leading)
