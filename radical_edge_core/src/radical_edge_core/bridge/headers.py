"""Which headers cross the bridge, in either direction."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Final

from attrs import frozen

from radical_edge_core.errors import BadRequest, InvalidRequest

Header = tuple[bytes, bytes]
HOP_BY_HOP: Final = frozenset({
    b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te", b"trailer",
    b"transfer-encoding", b"upgrade",
})  # fmt: skip
# What an edge must not set on the bridge's own origin.
_NOT_FROM_EDGES: Final = HOP_BY_HOP | {
    b"set-cookie",
    b"set-cookie2",
    b"server",
    b"date",
    b"alt-svc",
    b"clear-site-data",
    b"content-security-policy",
}
_ACTIVE: Final = (b"html", b"xml", b"svg", b"javascript")
_SANDBOX: Final = [(b"content-security-policy", b"sandbox; default-src 'none'")]
NOSNIFF: Final = (b"x-content-type-options", b"nosniff")
MAX_WAIT_S: Final = 3600.0


@frozen
class RequestHeaders:
    """
    A request's headers, sorted by what the bridge does with them.

    Attributes:
        forward: Go to the edge as they are.
        content_length: ``None`` where the body's length is unknown; 0 where there is no body.
        wait_s: What ``Prefer: wait=N`` asks for.
    """

    forward: list[Header]
    authorization: bytes | None
    cookie: bytes | None
    content_length: int | None
    request_id: str
    key: str | None
    wait_s: float | None


def sort_request(headers: Iterable[Header]) -> RequestHeaders:
    """
    Sort a request's headers (names in lower case).

    Raises:
        BadRequest: ``Prefer: wait`` is no number, or ``Idempotency-Key`` is not printable ASCII of at most 200.
    """
    forward: list[Header] = []
    authorization = cookie = None
    request_id, key, wait_s = "", None, None
    length: int | None = 0
    chunked = False
    named: set[bytes] = set()
    for header in headers:
        name, value = header
        if name == b"authorization":
            authorization = value
        elif name == b"cookie":
            cookie = value
        elif name in {b"host", b"expect"}:
            continue
        elif name in HOP_BY_HOP:
            if name == b"transfer-encoding":
                chunked = True
            elif name == b"connection":
                named.update(part.strip().lower() for part in value.split(b","))
        else:
            if name == b"content-length":
                length = int(value)
            elif name == b"x-request-id":
                request_id = _printable(value)[:64]
            elif name == b"idempotency-key":
                key = _key(value)
            elif name == b"prefer":
                wait_s = _wait(value)
            forward.append(header)
    if chunked:
        # It wins over a length that came beside it, and that must not travel on (RFC 9112, 6.3).
        length = None
        named.add(b"content-length")
    if named - HOP_BY_HOP:
        forward = [header for header in forward if header[0] not in named]
    return RequestHeaders(
        forward, authorization, cookie, length, request_id or secrets.token_hex(8), key, wait_s
    )


def sort_response(headers: Iterable[Header]) -> list[Header]:
    """
    Return those headers of an edge's answer that the caller gets; what could run in a browser is sandboxed.

    Nothing is taken for granted: names may come in capitals, a header may come twice.
    """
    kept: list[Header] = []
    kind = b""
    named: list[bytes] = []
    for written, value in headers:
        name = written.lower()
        if name in _NOT_FROM_EDGES:
            if name == b"connection":
                named += [part.strip() for part in value.lower().split(b",")]
            continue
        if name == b"content-type":
            kind += value.lower()
        kept.append((name, value))
    if named:
        kept = [header for header in kept if header[0] not in named]
    if kind == b"application/json":
        return kept  # no browser takes that for something to run
    kept.append(NOSNIFF)
    return kept + _SANDBOX if any(word in kind for word in _ACTIVE) else kept


def _printable(value: bytes) -> str:
    return "".join(char for char in value.decode("latin-1") if char.isprintable() and char.isascii())


def _key(value: bytes) -> str:
    text = value.decode("latin-1")
    if not 0 < len(text) <= 200 or not text.isascii() or not text.isprintable():
        raise InvalidRequest("Idempotency-Key must be 1 to 200 printable ASCII characters")
    return text


def _wait(value: bytes) -> float | None:
    for part in value.decode("latin-1").split(","):
        name, _, amount = part.strip().partition("=")
        if name.strip().lower() == "wait":
            try:
                seconds = float(amount.strip().strip('"'))
            except ValueError:
                raise BadRequest(f"Prefer: wait={amount[:40]} is not a number of seconds") from None
            if not 0 <= seconds <= MAX_WAIT_S:
                raise BadRequest(f"Prefer: wait takes 0 to {MAX_WAIT_S:g} seconds")
            return seconds
    return None
