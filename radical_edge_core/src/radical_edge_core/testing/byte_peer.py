"""
Peers that send bytes as they are told: a WebSocket peer on wsproto over a raw socket, and raw HTTP.

A polite client library would not let any of it out.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Final
from urllib.parse import urlsplit

import attrs
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Message,
    Ping,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)

from radical_edge_core.link.frames import Frame, FrameType, decode, encode
from radical_edge_core.link.heads import (
    Hello,
    Refused,
    Welcome,
    decode_refused,
    decode_welcome,
    encode_head,
)

DEADLINE_S: Final = 10.0


class PeerClosed(Exception):
    """
    The other side ended the WebSocket.

    Attributes:
        code: As it said; 1006 where it said nothing.
        reason: As it said.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}".strip())
        self.code = code
        self.reason = reason


class Rejected(Exception):
    """
    The request for a WebSocket was answered with plain HTTP.

    Attributes:
        status: The answer's status.
        body: Its body.
    """

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"{status}")
        self.status = status
        self.body = body


class BytePeer:
    """
    A WebSocket that carries whatever it is told to.

    Attributes:
        reader, writer: The raw connection; what is written there goes out as it is.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self._socket = WSConnection(ConnectionType.CLIENT)
        self._kept: list[bytes | str] = []
        self._partial: list[Any] = []
        self._closed: PeerClosed | None = None

    async def ask(self, host: str, target: str, headers: Mapping[str, str]) -> None:
        """
        Ask for the WebSocket.

        Raises:
            Rejected: The answer was another.
        """
        extra = [(name.encode(), value.encode()) for name, value in headers.items()]
        self._write(Request(host=host, target=target, extra_headers=extra))
        status, body = 0, b""
        while True:
            for event in await self._events():
                match event:
                    case AcceptConnection():
                        return
                    case RejectConnection(status_code=status, has_body=False):
                        raise Rejected(status, b"")
                    case RejectConnection(status_code=status):
                        pass
                    case RejectData(data=data, body_finished=finished):
                        body += data
                        if finished:
                            raise Rejected(status, body)

    def send(self, message: bytes) -> None:
        """Send one binary message."""
        self._write(BytesMessage(data=message))

    def send_text(self, message: str) -> None:
        """Send one text message."""
        self._write(TextMessage(data=message))

    def send_raw(self, data: bytes) -> None:
        """Send bytes that need be no WebSocket frame at all."""
        self.writer.write(data)

    def close(self, code: int, reason: str = "") -> None:
        """Begin the closing handshake."""
        self._write(CloseConnection(code=code, reason=reason))

    async def receive(self, deadline_s: float = DEADLINE_S) -> bytes | str:
        """
        Return the next message.

        Raises:
            PeerClosed: There are no more.
            TimeoutError: None came in time.
        """
        async with asyncio.timeout(deadline_s):
            while not self._kept:
                if self._closed is not None:
                    raise self._closed
                for event in await self._events():
                    self._take(event)
        return self._kept.pop(0)

    async def ended(self, deadline_s: float = DEADLINE_S) -> PeerClosed:
        """Read whatever still comes, and return how the other side ended."""
        try:
            while True:
                await self.receive(deadline_s)
        except PeerClosed as closed:
            return closed

    # What of the link goes over it.

    async def hello(self, hello: Hello) -> Welcome | Refused:
        """Say hello and return what the bridge answers."""
        self.send(encode(FrameType.HELLO, payload=encode_head(hello)))
        frame = (await self.frames())[0]
        if frame.type is FrameType.REFUSED:
            return decode_refused(frame.payload)
        return decode_welcome(frame.payload)

    async def frames(self, deadline_s: float = DEADLINE_S) -> list[Frame]:
        """Return the frames of the next message."""
        message = await self.receive(deadline_s)
        if isinstance(message, str):
            raise TypeError(f"a text message came: {message!r:.200}")
        return decode(message)

    async def next(self, kind: FrameType, deadline_s: float = DEADLINE_S) -> Frame:
        """Return the next frame of a kind; those before it are dropped."""
        async with asyncio.timeout(deadline_s):
            while True:
                for frame in await self.frames(deadline_s):
                    if frame.type is kind:
                        return frame

    def _write(self, event: Any) -> None:
        self.writer.write(self._socket.send(event))

    async def _events(self) -> list[Any]:
        try:
            data = await self.reader.read(64 * 1024)
        except ConnectionError as exc:
            raise PeerClosed(1006, str(exc)) from exc
        if not data:
            raise PeerClosed(1006, "the connection ended")
        self._socket.receive_data(data)
        return list(self._socket.events())

    def _take(self, event: Any) -> None:
        match event:
            case Message(data=data, message_finished=finished):
                self._partial.append(data)
                if finished:
                    self._kept.append(type(data)().join(self._partial))
                    self._partial.clear()
            case Ping():
                self._write(event.response())
            case CloseConnection(code=code, reason=reason):
                self._closed = PeerClosed(code, reason or "")


@asynccontextmanager
async def byte_peer(
    url: str, token: str | None = None, *, target: str = "/register", headers: Mapping[str, str] | None = None
) -> AsyncIterator[BytePeer]:
    """
    Open a WebSocket to a bridge.

    Args:
        url: The bridge, ``http://host:port``.
        token: Sent as a bearer token.
        target: The request's path.
        headers: More of them.

    Raises:
        Rejected: The bridge answered with plain HTTP.
    """
    where = urlsplit(url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    peer = BytePeer(reader, writer)
    sent = {**({} if token is None else {"authorization": f"Bearer {token}"}), **(headers or {})}
    try:
        async with asyncio.timeout(DEADLINE_S):
            await peer.ask(where.netloc, target, sent)
        yield peer
    finally:
        await _abort(writer)


def hello_of(name: str, **fields: Any) -> Hello:
    """Return a hello as an edge of this version would say it, but for ``fields``."""
    plain = Hello(
        protocol_min=1, protocol_max=1, instance=secrets.token_hex(8), name=name, host="test-host", boot_id="boot",
        started_at=time.time(), clock=time.time(), received=0, resume=None, channel=secrets.token_hex(8), version="0",
    )  # fmt: skip
    return attrs.evolve(plain, **fields)


async def raw_http(url: str, data: bytes, *, deadline_s: float = DEADLINE_S) -> bytes:
    """Send bytes to a server and return all that it answers until it closes; a reset counts as closing."""
    where = urlsplit(url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    answer = b""
    try:
        writer.write(data)
        async with asyncio.timeout(deadline_s):
            with suppress(ConnectionError):
                while piece := await reader.read(64 * 1024):
                    answer += piece
    finally:
        await _abort(writer)
    return answer


async def _abort(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
    with suppress(ConnectionError):
        await writer.wait_closed()
