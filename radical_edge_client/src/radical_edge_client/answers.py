"""What the bridge answers: JSON documents, problem documents, and bodies that stream."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Final

import aiohttp
import msgspec

from radical_edge_client.backoff import retry_after
from radical_edge_client.errors import NotABridge, TransferInterrupted
from radical_edge_core.errors import EdgeError, from_problem

BROKEN_OFF: Final = (aiohttp.ClientError, ConnectionError)


async def decoded(response: aiohttp.ClientResponse) -> object:
    """
    Return the JSON document of a successful answer; ``{}`` for an empty body.

    Raises:
        NotABridge: The body is no JSON.
        TransferInterrupted: It broke off.
    """
    body = await _whole(response)
    if not body:
        return {}
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        raise _stranger(response) from error


async def raise_for_status(response: aiohttp.ClientResponse) -> None:
    """
    Raise what an answer says went wrong; return where it is a success.

    Raises:
        EdgeError: The class that the problem document names; ``retry_after_s`` is in its ``data`` where the
            answer says when to come back.
        NotABridge: A redirect, or an error page that is no problem document of a bridge.
    """
    if response.status < 300:  # the successes
        return
    if response.status < 400:  # the redirects
        target = response.headers.get("Location", "nowhere")
        raise NotABridge(
            f"{response.url.origin()} redirects to {target}: the token goes there only if you set that URL"
        )
    document: object = None
    if "json" in response.content_type:
        try:
            document = msgspec.json.decode(await _whole(response))
        except msgspec.DecodeError as error:
            raise _stranger(response) from error
    problem = from_problem(document, response.status)
    pause = retry_after(response.headers)
    if pause is not None:
        problem.data.setdefault("retry_after_s", pause)
    raise problem


class StreamedResponse:
    """An answer whose body is read as it comes."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.received = 0

    @property
    def status(self) -> int:
        """The HTTP status, below 300."""
        return self._response.status

    @property
    def headers(self) -> Mapping[str, str]:
        """The answer's headers; names in any case."""
        return self._response.headers

    async def iter_chunks(self) -> AsyncIterator[bytes]:
        """
        Yield the body in pieces of any size, as they arrive.

        Raises:
            TransferInterrupted: The body broke off; ``received`` bytes were yielded.
        """
        try:
            async for chunk in self._response.content.iter_any():
                self.received += len(chunk)
                yield chunk
        except BROKEN_OFF as error:
            raise TransferInterrupted(received=self.received) from error

    async def read(self) -> bytes:
        """Return the whole body; raises ``TransferInterrupted`` as ``iter_chunks`` does."""
        return b"".join([chunk async for chunk in self.iter_chunks()])

    def close(self) -> None:
        """Let go of the answer, and of what is still to come of it."""
        self._response.close()


def pause_of(error: EdgeError) -> float | None:
    """Return the seconds after which an error says to come back."""
    seconds = error.data.get("retry_after_s")
    return float(seconds) if isinstance(seconds, int | float) else None


async def _whole(response: aiohttp.ClientResponse) -> bytes:
    try:
        return await response.read()
    except BROKEN_OFF as error:
        raise TransferInterrupted(received=0) from error


def _stranger(response: aiohttp.ClientResponse) -> NotABridge:
    kind = response.content_type or "nothing"
    return NotABridge(
        f"{response.url.origin()} answers {response.status} with {kind}, not as a bridge does: is the URL"
        " right, or is a proxy in between?"
    )
