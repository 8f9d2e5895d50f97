"""Bytes from the bridge to standard output, whole even where the connection is not."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from radical_edge_client.backoff import jittered
from radical_edge_client.errors import TransferInterrupted
from radical_edge_core.plugin import StreamedResponse

Opener = Callable[[int], AbstractAsyncContextManager[StreamedResponse]]


async def copy_stream(open_at: Opener, *, offset: int = 0, resumable: bool) -> None:
    """
    Write a stream to standard output, as it comes.

    Args:
        open_at: Opens the stream at an offset in bytes.
        offset: Where to begin.
        resumable: Whether ``open_at`` heeds its argument. If so, a connection that breaks off is continued
            from the last byte written, for as long as the bridge comes back within the deadline of a call;
            else it is an error.
    """
    pauses = jittered(longest_s=5.0)
    while True:
        try:
            async with open_at(offset) as answer:
                async for chunk in answer.iter_chunks():
                    sys.stdout.buffer.write(chunk)
                    sys.stdout.buffer.flush()
                    offset += len(chunk)
                    pauses = jittered(longest_s=5.0)
                return
        except TransferInterrupted:
            if not resumable:
                raise
        await asyncio.sleep(next(pauses))
