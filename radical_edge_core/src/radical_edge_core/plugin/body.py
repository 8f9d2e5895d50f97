"""Reading a request's body, bounded."""

from __future__ import annotations

from typing import Final

from starlette.requests import ClientDisconnect, Request

from radical_edge_core.errors import BadRequest, TooLarge

BODY_LIMIT: Final = 8 * 1024 * 1024


async def read_body(request: Request, limit: int = BODY_LIMIT) -> bytes:
    """
    Return the body as it came.

    Raises:
        TooLarge: It is longer than ``limit`` bytes; the rest is not read.
        BadRequest: The caller left before it was whole.
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
    return bytes(body)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"the body is longer than {limit} bytes; send less at once", limit_bytes=limit)
