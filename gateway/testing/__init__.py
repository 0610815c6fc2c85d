"""Doubles that ship with the gateway, for its own tests, its demo, its benchmarks and yours.

`ManualClock` stands still until it is told. `ScriptedUpstream` is an OpenAI-compatible server in a process of its
own: left alone it answers like one, and says what it was shown; scripted it answers with exactly the bytes, pauses
and deaths a test wants. Wire formats and refusals are those of OpenAI's and Anthropic's published APIs; the
gateway has no part in them. A user who says `call NAME {json}` gets that tool called (gateway/testing/model.py).

    with ScriptedUpstream() as upstream:
        upstream.script([Step(status=429, headers=[("retry-after", "3")], chunks=[b"{}"])])
        ...                       # send something to upstream.url
        assert upstream.requests()[0].target == "/v1/chat/completions"

By hand: `python -m gateway.testing --port 9000`.
"""

from gateway.testing.clock import ManualClock
from gateway.testing.process import GatewayProcess
from gateway.testing.scripted import Received, ScriptedUpstream, Step

__all__ = ["GatewayProcess", "ManualClock", "Received", "ScriptedUpstream", "Step"]
