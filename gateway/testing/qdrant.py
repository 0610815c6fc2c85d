"""Qdrant's own in-process engine behind its REST paths, in a process of its own: one store that several gateways share.

It stands in for a server where none can be installed: the paths and bodies are the server's, the engine is the
one in qdrant-client, and what it holds outlives it in its folder. It is exact, and slow beyond some thousand points.

By hand: `python -m gateway.testing.qdrant --port 6333 --folder points`.
"""

from __future__ import annotations

import argparse
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import uvicorn
from pydantic import TypeAdapter
from qdrant_client.http import models
from qdrant_client.local.qdrant_local import QdrantLocal
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.testing.process import ServerProcess

Handler = Callable[[QdrantLocal, str, Any], Any]


def _created(engine: QdrantLocal, name: str, body: models.CreateCollection) -> Any:
    return engine.create_collection(name, vectors_config=body.vectors or {}, sparse_vectors_config=body.sparse_vectors)


def _upserted(engine: QdrantLocal, name: str, body: models.PointInsertOperations) -> Any:
    points = body.points if isinstance(body, models.PointsList) else body.batch
    return engine.upsert(name, points)


def _scrolled(engine: QdrantLocal, name: str, body: models.ScrollRequest) -> Any:
    points, offset = engine.scroll(
        name,
        body.filter,
        body.limit or 10,
        body.order_by,
        body.offset,
        body.with_payload if body.with_payload is not None else True,
        body.with_vector or False,
    )
    return models.ScrollResult(points=points, next_page_offset=offset)


def _queried(engine: QdrantLocal, name: str, body: models.QueryRequestBatch) -> Any:
    return engine.query_batch_points(name, body.searches)


def _faceted(engine: QdrantLocal, name: str, body: models.FacetRequest) -> Any:
    return engine.facet(name, body.key, body.filter, body.limit or 10)


def _retrieved(engine: QdrantLocal, name: str, body: models.PointRequest) -> Any:
    has_payload = body.with_payload if body.with_payload is not None else True
    return engine.retrieve(name, body.ids, has_payload, body.with_vector or False)


OPERATIONS: dict[tuple[str, str], tuple[Any, Handler]] = {
    ("GET", ""): (None, lambda engine, name, _: engine.get_collection(name)),
    ("GET", "/exists"): (
        None,
        lambda engine, name, _: models.CollectionExistence(exists=engine.collection_exists(name)),
    ),
    ("PUT", ""): (models.CreateCollection, _created),
    ("DELETE", ""): (None, lambda engine, name, _: engine.delete_collection(name)),
    ("PUT", "/index"): (
        models.CreateFieldIndex,
        lambda engine, name, _: models.UpdateResult(status=models.UpdateStatus.COMPLETED),
    ),
    ("PUT", "/points"): (models.PointInsertOperations, _upserted),
    ("POST", "/points"): (models.PointRequest, _retrieved),
    ("POST", "/points/delete"): (models.PointsSelector, lambda engine, name, body: engine.delete(name, body)),
    ("POST", "/points/count"): (models.CountRequest, lambda engine, name, body: engine.count(name, body.filter)),
    ("POST", "/facet"): (models.FacetRequest, _faceted),
    ("POST", "/points/scroll"): (models.ScrollRequest, _scrolled),
    ("POST", "/points/query/batch"): (models.QueryRequestBatch, _queried),
}


def app(engine: QdrantLocal) -> Starlette:
    """The engine behind the server's paths."""

    async def collections(_: Request) -> Response:
        return _answer(engine.get_collections())

    async def version(_: Request) -> Response:
        return _answer(None)

    def route(method: str, path: str, form: Any, handle: Handler) -> Route:
        adapter = TypeAdapter(form) if form is not None else None

        async def serve(request: Request) -> Response:
            body = adapter.validate_json(await request.body()) if adapter is not None else None
            try:
                return _answer(handle(engine, request.path_params["name"], body))
            except ValueError as error:
                is_missing = str(error).startswith("Collection")
                return _answer(None, status=404 if is_missing else 400, complaint=str(error))

        return Route(f"/collections/{{name}}{path}", serve, methods=[method])

    routes = [route(method, path, form, handle) for (method, path), (form, handle) in OPERATIONS.items()]
    return Starlette(routes=[Route("/", version), Route("/collections", collections), *routes])


def _answer(result: Any, *, status: int = 200, complaint: str = "") -> Response:
    said: dict[str, Any] = {"time": 0.0, "status": "ok" if not complaint else {"error": complaint}, "result": result}
    return Response(
        TypeAdapter(dict[str, Any]).dump_json(said, exclude_none=True), status, media_type="application/json"
    )


class QdrantProcess(ServerProcess):
    """The stand-in on a free loopback port, started on entering and stopped on leaving."""

    ready = b"ready"

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    @property
    def url(self) -> str:
        """For `store.url`."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def command(self) -> Sequence[str]:
        """What to run."""
        return [sys.executable, "-m", __name__, "--port", str(self.port), "--folder", str(self._folder)]


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        print("ready", flush=True)


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", required=True)
    arguments = parser.parse_args()
    engine = QdrantLocal(arguments.folder)
    _Server(uvicorn.Config(app(engine), host="127.0.0.1", port=arguments.port, log_level="error")).run()


if __name__ == "__main__":
    main()
