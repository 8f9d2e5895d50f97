"""Errors as answers: the problem document, and the wall around what a plugin raises."""

from __future__ import annotations

import asyncio
import errno
import logging
import math
import uuid

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Scope, Send

from radical_edge_core.codec import dumps
from radical_edge_core.errors import BadRequest, EdgeError, NoRoom, PluginFailure, from_problem

PROBLEM_TYPE = "application/problem+json"
_FULL = {errno.ENOSPC, errno.EDQUOT}


def problem_response(error: EdgeError) -> Response:
    """Return an error as an answer: its document, ``Retry-After`` and ``Allow`` where it knows them."""
    headers = {}
    retry_after = error.data.get("retry_after_s")
    if isinstance(retry_after, (int, float)) and math.isfinite(retry_after):
        headers["retry-after"] = str(max(1, math.ceil(retry_after)))
    allow = error.data.get("allow")
    if isinstance(allow, (list, tuple)):
        headers["allow"] = ", ".join(map(str, allow))
    try:
        body = dumps(error.problem())
    except (TypeError, ValueError, RecursionError):  # data that has no JSON form must not hide the error
        body = dumps(type(error)(error.detail).problem())
    return Response(body, status_code=error.status_code, headers=headers, media_type=PROBLEM_TYPE)


async def send_response(response: Response, scope: Scope, send: Send) -> None:
    """Send a whole answer; HEAD gets the headers of what GET would say."""
    body = b"" if scope["method"] == "HEAD" else response.body
    await send(
        {"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers}
    )
    await send({"type": "http.response.body", "body": body, "more_body": False})


def is_cancellation(error: BaseException) -> bool:
    """
    Say whether this exception ends the task itself.

    A ``CancelledError`` that nobody sent to this task comes from plugin code that awaited something
    cancelled: that is a failure like any other.
    """
    if isinstance(error, KeyboardInterrupt):
        return True
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0


def contained(error: BaseException, what: str, request_id: str, log: logging.Logger) -> EdgeError:
    """
    Return what the caller is told of an exception: an ``EdgeError`` as it is, a bug as ``plugin_failure``.

    Args:
        error: What was raised, whatever it is.
        what: Who raised it, for people: ``"<plugin>.<operation>"``.
        request_id: The caller's; one is made where it is empty, so that the log can be searched.
        log: Where the traceback goes, and nowhere else.
    """
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    if isinstance(error, EdgeError):
        return error
    if isinstance(error, ClientDisconnect):
        return BadRequest("the caller left before the body was whole")
    if isinstance(error, HTTPException):
        return from_problem({"detail": error.detail}, error.status_code)
    if isinstance(error, OSError) and error.errno in _FULL:
        log.error("%s: no room left: %s", what, error)
        return NoRoom(f"{what}: no room or quota left where this would be kept")
    request_id = request_id or uuid.uuid4().hex
    log.error(
        "%s failed: %s (request %s)",
        what,
        type(error).__name__,
        request_id,
        exc_info=(type(error), error, error.__traceback__),
    )
    return PluginFailure(
        f"{what} failed ({type(error).__name__}); the log has more under this request id",
        request_id=request_id,
    )
