"""Instructor: typed answers, by a tool that must be called."""

from __future__ import annotations

import sys
from typing import Any

import instructor
from observed import MODEL, SYSTEM, drive, see
from pydantic import BaseModel


class Place(BaseModel):
    """What is asked for."""

    city: str


def tools(said: list[str]) -> None:
    """Its default."""
    client = instructor.from_provider(f"openai/{MODEL}")
    messages: list[Any] = [{"role": "system", "content": SYSTEM}]
    for text in said:
        messages.append({"role": "user", "content": text})
        place, answer = client.create_with_completion(messages=messages, response_model=Place, max_retries=2)
        see(parsed=place.model_dump(), tokens=answer.usage.completion_tokens)
        messages.append({"role": "assistant", "content": f"That is in {place.city}, as far as I can see."})


if __name__ == "__main__":
    drive(globals()[sys.argv[1]])
