"""What LiteLLM hands to its log targets: its `StandardLoggingPayload`, one call each.

The user is whom the call named (`end_user`), else whose key it was; the session is LiteLLM's own. Calls that failed,
whose words LiteLLM had left out, or that went to another endpoint than chat completions hold nothing to learn from.
"""

from __future__ import annotations

import msgspec

from gateway.logs.base import Fields, Transcript, decoded, messages, moment, name, part
from gateway.logs.chat import one_call

CALLS = ("completion", "acompletion")

REDACTED = b"redacted-by-litellm"
"""In place of messages and answers, where `turn_off_message_logging` is set."""

_ERROR = msgspec.json.Decoder(str | None)
MAX_ERROR_CHARS = 200

USER_MEMBERS = ("user_api_key_end_user_id", "user_api_key_user_id")
"""Of its metadata."""


class LiteLlm:
    """See the module."""

    order = 2

    def is_form_of(self, fields: Fields) -> bool:
        """By members that no other log has side by side."""
        return {"call_type", "startTime", "messages", "response"} <= fields.keys()

    def read(self, where: str, document: bytes, fields: Fields) -> Transcript:
        """See `Format.read`."""
        if (kind := name(fields, ("call_type",))) not in CALLS:
            raise ValueError(f"a call of type {kind or 'unknown'}; only chat completions are read")
        if (status := name(fields, ("status",))) not in ("", "success"):
            error = decoded(_ERROR, fields, "error_str") or "no reason given"
            raise ValueError(f"the call ended with {status}: {error[:MAX_ERROR_CHARS]}")
        if REDACTED in bytes(fields["messages"]) or REDACTED in bytes(fields["response"]):
            raise ValueError("LiteLLM left out what was said (turn_off_message_logging)")
        call = one_call(where, _head(fields), messages(fields), bytes(fields["response"]))
        at, session = moment(fields, ("startTime",)), name(fields, ("session_id",))
        return msgspec.structs.replace(call, at=at, session=session)


def _head(fields: Fields) -> Fields:
    """Members of the request: what the provider was asked for besides, the model, and who asked."""
    told, asked = part(fields, "metadata"), part(fields, "model_parameters")
    user = name(fields, ("end_user",)) or name(asked, ("user",)) or name(told, USER_MEMBERS)
    named = {"model": name(fields, ("model_group", "model")), "user": user}
    given = {member: msgspec.Raw(msgspec.json.encode(value)) for member, value in named.items() if value}
    return {**asked, **given}


FORMAT = LiteLlm()
