"""``PUT file/{sid}``: a file that is streamed to this host."""

from __future__ import annotations

import threading
from functools import partial

import anyio
from attrs import define, field
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
    upload early, also the caller's going away, leaves neither target nor temporary file; of a resumable upload
    it leaves every byte that came, for the next one.
    """
    keyed = current_caller().idempotency_key is not None
    query = upload_query(request.query_params, request.headers, keyed=keyed)
    run = plugin.workers.run
    located = await run(partial(locate, query.path, config.roots))
    make = partial(Upload, located, overwrite=query.overwrite, resumption=query.resumption)
    upload = await made(plugin, make, Upload.abort)
    body = _Body()
    try:
        await _fill(plugin, upload, request, config.chunk_bytes, body)
        _check_length(request, body.at)
        return await run(partial(upload.commit, query.sha256))
    finally:
        await _tidy(plugin, upload, body)


@define
class _Body:
    """The chunk that grows, and the one before it, which a thread may be writing; each with the bytes before it."""

    growing: bytearray = field(factory=bytearray)
    at: int = 0
    handed_over: tuple[int, bytearray] = field(factory=lambda: (0, bytearray()))

    @property
    def received(self) -> int:
        return self.at + len(self.growing)

    def hand_over(self) -> bytearray:
        """Return the chunk and begin a new one: a thread reads the old."""
        data, self.growing = self.growing, bytearray()
        self.handed_over = (self.at, data)
        self.at += len(data)
        return data

    def pending(self) -> tuple[tuple[int, bytearray], ...]:
        """Return what may not be written yet."""
        return (self.handed_over, (self.at, self.growing))


async def _fill(plugin: Plugin, upload: Upload, request: Request, chunk_bytes: int, body: _Body) -> None:
    async with OneAhead(plugin) as writing:
        try:
            async for chunk in request.stream():
                body.growing += chunk
                if len(body.growing) >= chunk_bytes:
                    await writing.finish()  # of two chunks that are not written yet, one would be forgotten
                    await writing.start(partial(upload.write, body.hand_over()))
        except ClientDisconnect:
            raise BadRequest(f"the body ended after {body.received} bytes, before it was whole") from None
        if body.growing:
            await writing.finish()
            await writing.start(partial(upload.write, body.hand_over()))
        await writing.finish()


def _check_length(request: Request, received: int) -> None:
    declared = request.headers.get("content-length")
    if declared is not None and declared.isdecimal() and int(declared[:20]) != received:
        raise BadRequest(f"the body ended after {received} bytes, {declared} were announced")


async def _tidy(plugin: Plugin, upload: Upload, body: _Body) -> None:
    if upload.ended:
        return
    abort = partial(upload.abort, body.pending())
    with anyio.move_on_after(_TIDY_S, shield=True):
        await plugin.workers.run(abort)
        return
    # A write hangs, or all threads are taken: its cleaning up follows it in a thread of its own.
    threading.Thread(target=abort, name="staging abort", daemon=True).start()
