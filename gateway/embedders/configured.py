"""From the section `embedder` of config.yaml to the embedder it asks for, where that is not the embedded one.

The only place here that knows of configuration; what fastembed needs is imported only where it is asked for.
"""

from __future__ import annotations

import importlib
from pathlib import Path

from gateway.breaker import LONGEST_S, Breaker, OnChange, unheard
from gateway.clock import SystemClock
from gateway.embedders.http import HttpModel
from gateway.embedders.slow import Model, SlowEmbedder
from gateway.errors import ConfigError
from gateway.sections import EmbedderConfig

LOADING_S = 10.0
"""Between two attempts at most to fetch and load a model's files: that is work, for this machine and for others."""

PROBES = 16
"""Of a server at once: one that has swallowed a probe and answers the next is found before the first has timed out."""

START_S = 3.0
"""May go into waiting for the model, so that the first requests find it; a later one is found while serving."""


def configured_embedder(settings: EmbedderConfig, folder: Path, on_breaker: OnChange = unheard) -> SlowEmbedder:
    """The embedder, whether its model is there or away; to be closed. Blocks; raises `ConfigError`.

    Args:
        folder: where the files of models are, or are to be.
    """
    is_served = settings.kind == "http"
    longest_s = LONGEST_S if is_served else LOADING_S
    embedder = SlowEmbedder(
        _served(settings) if is_served else _fastembed(settings, folder),
        Breaker("embedder", SystemClock(), longest_s=longest_s, on_change=on_breaker),
        query_prefix=settings.query_prefix,
        passage_prefix=settings.passage_prefix,
        batch=settings.batch,
        patience_s=settings.patience_ms / 1000,
        probes=PROBES if is_served else 1,
    )
    embedder.wait_until_tried(START_S)
    return embedder


def _served(settings: EmbedderConfig) -> Model:
    return HttpModel(
        settings.url,
        model=settings.model or "",
        api_key=settings.api_key,
        dimensions=settings.dimensions,
        timeout_s=settings.timeout_ms / 1000,
    )


def _fastembed(settings: EmbedderConfig, folder: Path) -> Model:
    try:
        adapter = importlib.import_module("gateway.embedders.fastembed")
    except ImportError as error:
        raise ConfigError(f"$.embedder.kind: fastembed needs pip install 'accrue[fastembed]' ({error})") from error
    model: Model = adapter.FastEmbedModel(settings.model, folder)
    return model
