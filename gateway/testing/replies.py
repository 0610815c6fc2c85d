"""What a provider answers when nobody scripted it: a request in, an answer out. Each endpoint is a file of its own."""

from __future__ import annotations

import msgspec

from gateway.testing import chat, completions, embeddings, messages
from gateway.testing.model import Model
from gateway.testing.responses import Responses
from gateway.testing.scripted import Received, Step
from gateway.testing.wire import Refused, as_json


class Provider:
    """Every generation endpoint, embeddings and models; any other request gets its own body back."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._responses = Responses(model)

    def reply(self, request: Received) -> Step:
        """The answer, a refusal in the provider's own words included."""
        path = request.target.partition("?")[0]
        try:
            return self._answer(path, request)
        except KeyError as error:
            refused = Refused(f"Missing required parameter: {error}.", code="missing_required_parameter")
        except msgspec.MsgspecError as error:
            refused = Refused(str(error))
        except Refused as error:
            refused = error
        return refused.as_anthropic() if path.startswith("/v1/messages") else refused.as_openai()

    def _answer(self, path: str, request: Received) -> Step:
        match path:
            case "/v1/chat/completions":
                return chat.reply(request.body, self.model)
            case "/v1/completions":
                return completions.reply(request.body, self.model)
            case "/v1/messages":
                return messages.reply(request.body, self.model)
            case "/v1/messages/count_tokens":
                return messages.count(request.body)
            case "/v1/embeddings":
                return embeddings.reply(request.body)
            case "/v1/models":
                listed = {"id": "scripted", "object": "model", "created": 0, "owned_by": "accrue"}
                return as_json({"object": "list", "data": [listed]})
        if f"{path}/".startswith("/v1/responses/") and (step := self._responses.reply(request)):
            return step
        return _echo(request)


def _echo(request: Received) -> Step:
    kinds = [value.decode("latin-1") for name, value in request.headers if name.lower() == b"content-type"]
    headers = [("x-scripted-upstream", "echo"), *(("content-type", kind) for kind in kinds)]
    return Step(headers=headers, chunks=[request.body])
