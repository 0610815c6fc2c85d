"""What the load of benchmarks asks: a question by itself, or at the end of an agent's session with a long history.

Knows nothing of HTTP. A session grows: each request holds all of the one before, the answer to that, and a new
question, as agents send them. So a memory that watches a session has something to recognise.
"""

from __future__ import annotations

import functools

import msgspec

from benchmarks.corpus import memory_text, question

SYSTEM = "You are a careful assistant of a small company. Answer in one paragraph and name your sources. " * 20
"""About 2 KB, as the system text of a small agent."""

BRIEF = "You are a careful assistant of a small company, and look things up before you speak of them. " * 3

REQUESTS_PER_SESSION = 20
"""Before another session begins, with a history of its own that nobody has seen yet."""

ROUND = 4
"""Messages of a history that belong together: a user's, a tool call, its result, an answer; about 174 bytes each."""


class Session:
    """The requests of one caller, one after the other."""

    def __init__(self, messages: int, *, is_stream: bool) -> None:
        """`messages` of its first request: a system text, whole rounds, a question; 0 for a question by itself."""
        self._messages = messages
        self._is_stream = is_stream
        self._later: list[bytes] = []
        self._asked = 0

    def request(self, number: int) -> bytes:
        """A body that ends in a question of that number."""
        asked = _message("user", question(number))
        if not self._messages:
            return self._body([_message("system", SYSTEM), asked])
        if self._asked % REQUESTS_PER_SESSION == 0:
            self._opening = _message("user", f"Task {number}: see to what is below, one after the other.")
            self._later = []
        self._asked += 1
        self._later.append(asked)
        history = _history((self._messages - 2) // ROUND)
        return self._body([_message("system", BRIEF), self._opening, history, *self._later])

    def heard(self, answer: bytes) -> None:
        """What the last request was answered by; it stands in the next."""
        if self._messages:
            said = msgspec.json.decode(answer)["choices"][0]["message"]["content"]
            self._later.append(_message("assistant", said))

    def _body(self, messages: list[bytes]) -> bytes:
        end = b',"stream":true}' if self._is_stream else b"}"
        return b'{"model":"gpt-4o","temperature":0.5,"messages":[' + b",".join(messages) + b"]" + end


@functools.cache
def _history(rounds: int) -> bytes:
    """The rounds after a session's first words, that these are part of."""
    messages: list[bytes] = []
    for number in range(rounds):
        call = {"id": f"call_{number:06d}", "type": "function"}
        function = {"name": "read_note", "arguments": f'{{"note": {number}}}'}
        messages += [
            _message("user", memory_text(4 * number)),
            msgspec.json.encode({"role": "assistant", "tool_calls": [{**call, "function": function}]}),
            msgspec.json.encode({"role": "tool", "tool_call_id": call["id"], "content": memory_text(4 * number + 1)}),
            _message("assistant", memory_text(4 * number + 2)),
        ]
    return b",".join(messages[1:])


def _message(role: str, content: str) -> bytes:
    return msgspec.json.encode({"role": role, "content": content})
