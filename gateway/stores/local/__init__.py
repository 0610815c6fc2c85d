"""The store on this machine: SQLite holds the memories, a Qdrant Edge shard beside it finds them."""

from gateway.stores.local.store import LocalStore

__all__ = ["LocalStore"]
