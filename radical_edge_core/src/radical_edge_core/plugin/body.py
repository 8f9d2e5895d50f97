"""Reading a request's body, bounded."""

from __future__ import annotations

from typing import Final

import anyio.to_thread
from starlette.requests import ClientDisconnect, Request

from radical_edge_core.codec import loads
from radical_edge_core.errors import BadRequest, TooLarge

BODY_LIMIT: Final = 8 * 1024 * 1024
_IN_A_THREAD: Final = 256 * 1024  # decoding this much would hold the event loop for milliseconds


async def read_body(request: Request, limit: int = BODY_LIMIT) -> object:
    """
    Return the decoded body; an empty one counts as ``{}``.

    Raises:
        TooLarge: It is longer than ``limit`` bytes; the rest is not read.
        BadRequest: It is malformed.
    """
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared[:20]) > limit:
        raise _too_large(limit)
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit:
                raise _too_large(limit)
    except ClientDisconnect:
        raise BadRequest("the body ended before it was whole") from None
    if not body:
        return {}
    kind = request.headers.get("content-type", "")
    if len(body) > _IN_A_THREAD:
        return await anyio.to_thread.run_sync(loads, bytes(body), kind)
    return loads(bytes(body), kind)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"the body is longer than {limit} bytes; send less at once", limit_bytes=limit)
