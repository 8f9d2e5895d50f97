"""Plain HTTP as any program speaks it: the standard library's client, and no code of ours."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

Body = bytes | Iterable[bytes] | None


@dataclass(frozen=True)
class Answer:
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the decoded body."""
        return json.loads(self.body)

    @property
    def ok(self) -> Any:
        """Return the decoded body of an answer that must be a success."""
        assert 200 <= self.status < 300, f"{self.status}: {self.body[:2000]!r}"
        return self.json()


def connect(
    url: str, context: ssl.SSLContext | None = None, timeout_s: float = 60.0
) -> http.client.HTTPConnection:
    """Return a connection to the host of ``url``, not yet open."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    if parts.scheme == "https":
        return http.client.HTTPSConnection(parts.hostname, parts.port, timeout=timeout_s, context=context)
    return http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout_s)


@contextmanager
def exchange(
    url: str,
    method: str,
    path: str,
    *,
    headers: Mapping[str, str],
    body: Body = None,
    context: ssl.SSLContext | None = None,
    timeout_s: float = 60.0,
) -> Iterator[http.client.HTTPResponse]:
    """Make one request on a connection of its own; the answer's body is the caller's to read."""
    connection = connect(url, context, timeout_s)
    try:
        connection.request(method, path, body=body, headers=dict(headers))
        yield connection.getresponse()
    finally:
        connection.close()


def whole(response: http.client.HTTPResponse) -> Answer:
    """Read an answer to its end."""
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, headers, response.read())
