"""
Answers that are byte streams.

The head is sent with the first chunk, so that a failure before it is still a problem document; where no chunk
comes soon, it is sent alone, so that a follower of a silent source is not kept waiting for its headers. What
fails after the head is raised: the host aborts the exchange, and no reader takes a part for the whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from starlette.types import Message, Send

CONTENT_TYPES: Final = {"text": "text/plain; charset=utf-8", "bytes": "application/octet-stream"}
HEAD_AFTER_S: Final = 1.0


class StreamAnswer:
    """One streamed answer; ``started`` says whether its head is out."""

    def __init__(self, send: Send, kind: str, *, head_after_s: float = HEAD_AFTER_S) -> None:
        self.started = False
        self._send = send
        self._content_type = CONTENT_TYPES[kind]
        self._head_after_s = head_after_s
        self._lock = asyncio.Lock()

    async def run(self, chunks: AsyncIterator[bytes], *, head_only: bool = False) -> None:
        """Send every chunk, then the end."""
        opener = asyncio.get_running_loop().create_task(self._open_later())
        try:
            async for chunk in chunks:
                if head_only:
                    break
                if chunk or not self.started:
                    await self._write(chunk)
        finally:
            opener.cancel()
            try:
                await asyncio.wait({opener})
                if not opener.cancelled():
                    opener.exception()  # the next send tells of it
            finally:
                if (close := getattr(chunks, "aclose", None)) is not None:
                    await close()
        await self._write(b"", more=False)

    async def _open_later(self) -> None:
        await asyncio.sleep(self._head_after_s)
        if not self.started:
            await self._write(b"")  # an empty piece, as servers hold a head back until a body begins

    async def _write(self, chunk: bytes, *, more: bool = True) -> None:
        async with self._lock:
            await self._open()
            await self._send({"type": "http.response.body", "body": bytes(chunk), "more_body": more})

    async def _open(self) -> None:
        if not self.started:
            self.started = True
            head: Message = {
                "type": "http.response.start",
                "status": 200,
                "headers": [
                    (b"content-type", self._content_type.encode()),
                    (b"cache-control", b"no-store"),
                    (b"x-accel-buffering", b"no"),
                ],
            }
            await self._send(head)
