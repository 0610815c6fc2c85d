"""Sessions in which tools are called, for the tests of what is seen in them."""

from __future__ import annotations

from gateway.signals.base import Seen
from gateway.types import Exchange, ToolCall, Turn
from tests.exchanges import exchange


def result(arguments: str, text: str, *, tool: str = "bash", id: str = "ex_1", call: str = "") -> Exchange:
    """An exchange in which a tool answered; its call is named after the exchange where nothing else is said."""
    name = call or f"call_{id}"
    return exchange(
        Turn(role="tool", text=text, answers=name),
        id=id,
        asked=(ToolCall(id=name, name=tool, arguments=arguments),),
    )


def worked(*results: tuple[str, str], tool: str = "bash") -> Seen:
    """A session of one tool: its arguments and what it answered, the last of it now."""
    exchanges = [
        result(arguments, text, tool=tool, id=f"ex_{place}") for place, (arguments, text) in enumerate(results)
    ]
    return Seen(exchange=exchanges[-1], earlier=tuple(exchanges[:-1]))
