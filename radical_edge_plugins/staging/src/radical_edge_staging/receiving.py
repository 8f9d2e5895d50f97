"""``PUT file/{sid}``: a file that is streamed to this host."""

from __future__ import annotations

import threading
from functools import partial

import anyio
from starlette.requests import ClientDisconnect, Request

from radical_edge_core.errors import BadRequest
from radical_edge_core.plugin import Plugin, current_caller
from radical_edge_staging.ahead import OneAhead
from radical_edge_staging.config import StagingConfig
from radical_edge_staging.handover import made
from radical_edge_staging.models import Received
from radical_edge_staging.paths import locate
from radical_edge_staging.queries import upload_query
from radical_edge_staging.upload import Upload

# How long a call that failed waits for its traces to be gone; after that they go without it.
_TIDY_S = 2.0


async def receive(plugin: Plugin, config: StagingConfig, request: Request) -> Received:
    """
    Write the request's body to the file that its query names.

    At most two chunks are in memory: one that is written, and one that grows meanwhile. Whatever ends the
    upload early, also the caller's going away, leaves neither target nor temporary file.
    """
    keyed = current_caller().idempotency_key is not None
    query = upload_query(request.query_params, request.headers, keyed=keyed)
    run = plugin.workers.run
    located = await run(partial(locate, query.path, config.roots))
    upload = await made(plugin, partial(Upload, located, overwrite=query.overwrite), Upload.abort)
    try:
        received = await _fill(plugin, upload, request, config.chunk_bytes)
        _check_length(request, received)
        return await run(partial(upload.commit, query.sha256))
    finally:
        await _tidy(plugin, upload)


async def _fill(plugin: Plugin, upload: Upload, request: Request, chunk_bytes: int) -> int:
    received = 0
    buffer = bytearray()
    async with OneAhead(plugin) as writing:
        try:
            async for chunk in request.stream():
                received += len(chunk)
                buffer += chunk
                if len(buffer) >= chunk_bytes:
                    await writing.start(partial(upload.write, buffer))
                    buffer = bytearray()  # a new one: the thread reads the old
        except ClientDisconnect:
            raise BadRequest(f"the body ended after {received} bytes, before it was whole") from None
        if buffer:
            await writing.start(partial(upload.write, buffer))
        await writing.finish()
    return received


def _check_length(request: Request, received: int) -> None:
    declared = request.headers.get("content-length")
    if declared is not None and declared.isdecimal() and int(declared[:20]) != received:
        raise BadRequest(f"the body ended after {received} bytes, {declared} were announced")


async def _tidy(plugin: Plugin, upload: Upload) -> None:
    if upload.ended:
        return
    with anyio.move_on_after(_TIDY_S, shield=True):
        await plugin.workers.run(upload.abort)
        return
    # A write hangs, or all threads are taken: its cleaning up follows it in a thread of its own.
    threading.Thread(target=upload.abort, name="staging abort", daemon=True).start()
