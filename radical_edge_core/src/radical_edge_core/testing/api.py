"""A small HTTP client: nothing is followed, decoded or repeated, and paths go out as they are written."""

from __future__ import annotations

from collections.abc import AsyncIterable, Mapping
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import IO, Any, Self

import aiohttp
import msgspec
from attrs import frozen
from multidict import CIMultiDictProxy
from yarl import URL

Body = bytes | IO[bytes] | AsyncIterable[bytes]


@frozen
class Answer:
    """A whole answer."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes

    @property
    def json(self) -> Any:
        """Return the decoded body."""
        return msgspec.json.decode(self.body)

    @property
    def code(self) -> str:
        """Return the code of a problem document, empty where the answer is none."""
        if self.headers.get("content-type") != "application/problem+json":
            return ""
        return str(self.json["code"])


class Api:
    """
    One caller of a bridge; an asynchronous context manager.

    Args:
        url: The bridge.
        token: Sent with every request; ``None``: none is.
    """

    def __init__(self, url: str, token: str | None) -> None:
        self.url = url
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        self.session = aiohttp.ClientSession(
            headers=headers,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=60),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.session.close()

    def open(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        body: Body | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """
        Begin a request; the answer is read by the caller.

        Args:
            method: Any.
            path: With its query, and percent-encoded already.
            json: A body that is encoded as JSON.
            body: A body as it is; an asynchronous iterator goes out chunked.
            headers: Beside the token.
        """
        sent = dict(headers or {})
        if json is not None:
            body = msgspec.json.encode(json)
            sent.setdefault("content-type", "application/json")
        url = URL(self.url + path, encoded=True)
        return self.session.request(method, url, data=body, headers=sent, allow_redirects=False)

    async def call(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        body: Body | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Make a request and return its whole answer; the arguments are those of ``open``."""
        async with self.open(method, path, json=json, body=body, headers=headers) as response:
            return Answer(response.status, response.headers, await response.read())

    async def get(self, path: str, **headers: str) -> Answer:
        """GET; keywords are headers, with underscores for dashes."""
        return await self.call("GET", path, headers=_dashed(headers))

    async def post(self, path: str, json: object = None, **headers: str) -> Answer:
        """POST an object as JSON; keywords are headers, with underscores for dashes."""
        return await self.call("POST", path, json={} if json is None else json, headers=_dashed(headers))


def _dashed(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
