"""``GET file/{sid}``: a file that is streamed from this host, whole or in part."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from radical_edge_core.errors import RangeNotSatisfiable
from radical_edge_core.plugin import Plugin
from radical_edge_core.plugin.problems import problem_response
from radical_edge_staging.config import StagingConfig
from radical_edge_staging.download import Download
from radical_edge_staging.handover import made
from radical_edge_staging.paths import locate
from radical_edge_staging.queries import download_query
from radical_edge_staging.ranges import Part, parse_range, range_holds

MEDIA_TYPE = "application/octet-stream"


async def send(plugin: Plugin, config: StagingConfig, request: Request) -> Response:
    """
    Answer with the file that the query names.

    The length is announced and kept: where the file is cut shorter meanwhile, the exchange is broken off
    and never ends as if it were whole.
    """
    path = download_query(request.query_params)
    located = await plugin.workers.run(partial(locate, path, config.roots))
    download = await made(plugin, partial(Download, located), Download.close)
    try:
        part = (
            parse_range(request.headers.get("range"), download.size)
            if range_holds(request.headers.get("if-range"), download.etag)
            else None
        )
    except RangeNotSatisfiable as exc:
        download.close()
        answer = problem_response(exc)
        answer.headers["content-range"] = f"bytes */{download.size}"
        return answer
    headers = _headers(download, part)
    status = 200 if part is None else 206
    if request.method == "HEAD":
        download.close()
        return Response(status_code=status, headers=headers, media_type=MEDIA_TYPE)
    whole = part or Part(0, download.size - 1)
    chunks = _chunks(plugin, download, whole, config.chunk_bytes)
    return _Answer(download, chunks, status_code=status, headers=headers, media_type=MEDIA_TYPE)


class _Answer(StreamingResponse):
    """A streamed answer that lets go of its file however it ends, also where it never begins."""

    def __init__(self, download: Download, chunks: AsyncIterator[bytes], **settings: object) -> None:
        super().__init__(chunks, **settings)  # type: ignore[arg-type]
        self._download = download

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._download.close()


async def _chunks(plugin: Plugin, download: Download, part: Part, chunk_bytes: int) -> AsyncIterator[bytes]:
    for offset in range(part.first, part.last + 1, chunk_bytes):
        yield await plugin.workers.run(
            partial(download.read, offset, min(chunk_bytes, part.last + 1 - offset))
        )


def _headers(download: Download, part: Part | None) -> dict[str, str]:
    headers = {
        "accept-ranges": "bytes",
        "cache-control": "no-store",
        "content-length": str(download.size if part is None else part.length),
        "etag": download.etag,
        "last-modified": download.last_modified,
        "x-accel-buffering": "no",
    }
    if part is not None:
        headers["content-range"] = f"bytes {part.first}-{part.last}/{download.size}"
    return headers
