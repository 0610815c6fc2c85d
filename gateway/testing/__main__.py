"""`python -m gateway.testing --port 0`: the scripted upstream; the first line it prints is its port."""

from __future__ import annotations

import argparse
import asyncio

from gateway.testing.server import serve

if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m gateway.testing", description="A scripted OpenAI-compatible server."
    )
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    asyncio.run(serve(parser.parse_args().port))
