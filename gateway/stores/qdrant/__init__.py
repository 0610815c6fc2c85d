"""The store on a server of Qdrant, which many gateways share: its points are the memories themselves."""

from gateway.stores.qdrant.beside import read_memories_beside
from gateway.stores.qdrant.catalogue import QdrantCatalogue
from gateway.stores.qdrant.server import connect
from gateway.stores.qdrant.store import QdrantStore

__all__ = ["QdrantCatalogue", "QdrantStore", "connect", "read_memories_beside"]
