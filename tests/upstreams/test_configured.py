"""From configuration to where calls may go."""

from __future__ import annotations

from gateway.config import Config
from gateway.routes import Route, UpstreamConfig
from gateway.upstreams.configured import configured_upstream
from gateway.upstreams.http import HttpUpstream
from gateway.upstreams.routed import RoutedUpstream


async def test_nothing_lies_over_a_single_upstream() -> None:
    alone = Config(upstreams={"default": UpstreamConfig(url="http://127.0.0.1:1/v1")})
    assert isinstance(configured_upstream(alone), HttpUpstream)


async def test_routes_and_retries_lie_over_several() -> None:
    url = "http://127.0.0.1:1/v1"
    routed = Config(
        upstreams={"default": UpstreamConfig(url=url), "other": UpstreamConfig(url=url, api_key="k")},
        routes=(Route(upstreams=("other",)),),
    )
    retried = Config(upstreams={"default": UpstreamConfig(url=url, retries=1)})
    assert isinstance(configured_upstream(routed), RoutedUpstream)
    assert isinstance(configured_upstream(retried), RoutedUpstream)
