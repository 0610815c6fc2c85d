"""What every Python driver shares: how it is told what to say, and how it tells what the user of its client sees.

A driver uses one real client in one way, `python drive_<client>.py WAY`. Each line it reads is a conversation to hold,
a JSON list of what the user says; the line it prints for it is a JSON list of what the user was shown. It knows nothing
of Accrue and not where it talks to: the client reads that from its own environment variable.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

MODEL = "gpt-4o"
SYSTEM = "You are a weather assistant."

_seen: list[dict[str, object]] = []


def drive(converse: Callable[[list[str]], None]) -> None:
    """Hold the conversations that are read."""
    for line in sys.stdin:
        converse(json.loads(line))
        print(json.dumps(_seen), flush=True)
        _seen.clear()


def see(**shown: object) -> None:
    """Remember what the user was shown: no ids, no times, nothing the provider counted of the prompt."""
    _seen.append(shown)


def see_error(error: Exception, text: str = "") -> None:
    """Remember what went wrong as the user learns it, and what had come by then."""
    see(error=type(error).__name__, status=getattr(error, "status_code", None), message=str(error), text=text)


def get_weather(city: str) -> str:
    """The weather in a city, now."""
    see(tool="get_weather", city=city)
    return f"It is 11 degrees in {city}."
