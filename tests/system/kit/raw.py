"""Requests as bytes, and whatever comes back."""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from typing import Any


@dataclass(frozen=True)
class Reply:
    """What a server did with some bytes; ``status`` is 0 where it closed without a word."""

    status: int
    headers: dict[str, str]
    body: bytes
    closed: bool

    @property
    def problem(self) -> dict[str, Any]:
        """The problem document; it must be one."""
        assert self.headers.get("content-type") == "application/problem+json", (self.headers, self.body[:500])
        document: dict[str, Any] = json.loads(self.body)
        assert document["error"] is True
        assert document["status_code"] == self.status
        assert isinstance(document["transient"], bool)
        assert document["code"]
        assert document["detail"]
        return document


def request(
    method: str, target: str, *headers: str, body: bytes = b"", chunked: bool = False, length: str = ""
) -> bytes:
    """Write a request; ``length`` replaces the true Content-Length."""
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", *headers]
    if chunked:
        lines.append("Transfer-Encoding: chunked")
    elif body or length:
        lines.append(f"Content-Length: {length or len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def exchange(port: int, data: bytes, *, within_s: float = 20.0) -> Reply:
    """Send bytes on a connection of their own, and return the answer."""
    with socket.create_connection(("127.0.0.1", port), within_s) as connection:
        connection.settimeout(within_s)
        with suppress(BrokenPipeError, ConnectionResetError):  # it may have answered, and closed, meanwhile
            connection.sendall(data)
        method = data.split(b" ", 1)[0].decode("latin-1")
        with HTTPResponse(connection, method=method) as response:
            try:
                response.begin()
            except (HTTPException, ConnectionResetError):
                return Reply(0, {}, b"", closed=True)
            body = response.read()
            headers = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, headers, body, response.will_close and _ended(connection))


def _ended(connection: socket.socket) -> bool:
    """Say whether the server ends a connection that it has said it will end."""
    try:
        return not connection.recv(1)
    except ConnectionResetError:
        return True
