"""From the sections `upstreams` and `routes` of config.yaml to where calls may go.

The only place here that knows of configuration; what litellm needs is imported only where it is asked for.
"""

from __future__ import annotations

import importlib

from gateway.config import Config, without_network_for_litellm
from gateway.ports import Upstream
from gateway.routes import DEFAULT, UpstreamConfig, in_force
from gateway.upstreams.http import HttpUpstream
from gateway.upstreams.routed import Provider, RoutedUpstream


def configured_upstream(config: Config, mark: bytes | None = None) -> Upstream:
    """What calls may reach, each upstream built once; no layer lies over a single one.

    Args:
        mark: by which a call is known that comes back (gateway/loops.py); litellm has no place for it.
    """
    routes = in_force(config.routes, config.upstreams)
    names = {DEFAULT, *(name for route in routes for name in route.upstreams)}
    providers = {name: _provider(name, config.upstreams[name], mark) for name in names}
    default = providers[DEFAULT]
    if not routes and not default.retries:
        return default.upstream
    chains = [(route.match, [providers[name] for name in route.upstreams]) for route in routes]
    return RoutedUpstream(chains, default, max_held_bytes=config.server.max_augmented_bytes)


def _provider(name: str, settings: UpstreamConfig, mark: bytes | None) -> Provider:
    upstream = _translating(settings) if settings.kind == "litellm" else _plain(settings, mark)
    return Provider(name=name, upstream=upstream, retries=settings.retries)


def _plain(settings: UpstreamConfig, mark: bytes | None) -> Upstream:
    return HttpUpstream(
        settings.url,
        api_key=settings.api_key,
        mark=mark,
        connect_timeout_s=settings.connect_timeout_s,
        read_timeout_s=settings.read_timeout_s,
    )


def _translating(settings: UpstreamConfig) -> Upstream:
    """Litellm takes seconds and 165 MB to import, so that its adapter is named here and imported by whom it serves."""
    without_network_for_litellm()
    adapter = importlib.import_module("gateway.upstreams.litellm")
    upstream: Upstream = adapter.LiteLlmUpstream(
        settings.provider,
        api_key=settings.api_key,
        url=settings.url or None,
        options=settings.options,
        models=settings.models,
        connect_timeout_s=settings.connect_timeout_s,
        read_timeout_s=settings.read_timeout_s,
    )
    return upstream
