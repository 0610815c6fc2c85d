"""From the section `store` of config.yaml to the store on a server that it names.

The only place here that knows of configuration; what Qdrant needs is imported only where it is asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from gateway.errors import ConfigError
from gateway.ports import Embedder
from gateway.sealing import Seal
from gateway.sections import Store

if TYPE_CHECKING:
    from gateway.stores.qdrant import QdrantStore


def open_store(settings: Store, embedder: Embedder, seal: Seal) -> QdrantStore:
    """The store on a server, whether that is there or away. Blocks for some 100 ms; raises `ConfigError`."""
    try:
        adapter = importlib.import_module("gateway.stores.qdrant")
    except ImportError as error:
        raise ConfigError(f"$.store.kind: qdrant needs pip install 'accrue[fleet]' ({error})") from error
    store: QdrantStore = adapter.QdrantStore(
        adapter.connect(settings.url, settings.api_key, settings.timeout_ms / 1000),
        embedder,
        seal=seal,
        collection=settings.collection,
        shards=settings.shards,
        replicas=settings.replicas,
    )
    return store
