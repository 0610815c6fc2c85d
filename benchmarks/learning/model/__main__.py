"""`python -m benchmarks.learning.model [--examples CSV]`: the simulated model; the first line it prints is its port.

An answer has one member more than the API's: `shown`, the messages as they came in, so that who asked sees what was
added on the way.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import itertools
import re
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from benchmarks.learning.model import coding, filing, talking
from benchmarks.learning.model.prompt import Prompt, Step
from benchmarks.learning.model.sorting import Classifier

_MODEL = re.compile(r"Label .* of model (\d+)")
"""Which classifier is meant: each seed has one of its own, made from other examples."""

MAX_BODY_BYTES = 4 * 1024 * 1024


class Model:
    """Answers chat completions."""

    def __init__(self, examples: Path | None) -> None:
        self._examples = examples
        self._numbers = itertools.count(1)

    async def complete(self, request: web.Request) -> web.Response:
        """Answer one."""
        body = await request.read()
        prompt = msgspec.json.decode(body, type=Prompt)
        number = next(self._numbers)
        said = self._said(prompt)
        message: dict[str, Any] = {"role": "assistant", "content": said}
        if isinstance(said, Step):
            function = {"name": said.tool, "arguments": msgspec.json.encode(said.arguments).decode()}
            message = {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": f"call_{number:012d}", "type": "function", "function": function}],
            }
        answer = {
            "id": f"chatcmpl-{number:024d}",
            "object": "chat.completion",
            "created": 0,
            "model": "gpt-4o",
            "choices": [
                {"index": 0, "message": message, "finish_reason": "tool_calls" if isinstance(said, Step) else "stop"}
            ],
            "usage": {"prompt_tokens": len(body) // 4, "completion_tokens": 20, "total_tokens": len(body) // 4 + 20},
            "shown": [entry.text for entry in prompt.messages],
        }
        return web.Response(body=msgspec.json.encode(answer), content_type="application/json")

    def _said(self, prompt: Prompt) -> str | Step:
        classifier = self._classifier(prompt)
        return (
            (classifier.answer(prompt) if classifier else None)
            or coding.next_step(prompt)
            or filing.next_step(prompt)
            or filing.list_done(prompt)
            or talking.add(prompt)
            or talking.recommend(prompt)
            or talking.chat(prompt)
        )

    def _classifier(self, prompt: Prompt) -> Classifier | None:
        named = _MODEL.match(prompt.system)
        return None if self._examples is None or named is None else _classifier(self._examples, int(named[1]))


@functools.lru_cache(maxsize=64)
def _classifier(examples: Path, seed: int) -> Classifier:
    return Classifier.from_file(examples, seed)


async def _serve(examples: Path | None) -> None:
    application = web.Application(client_max_size=MAX_BODY_BYTES)
    application.router.add_post("/v1/chat/completions", Model(examples).complete)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.learning.model", description="A simulated model.")
    parser.add_argument("--examples", type=Path, help="labelled texts to make the classifier from: `text,category`")
    asyncio.run(_serve(parser.parse_args().examples))
