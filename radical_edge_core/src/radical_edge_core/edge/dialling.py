"""The edge's own end of the WebSocket: dialling the bridge and shaking hands."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Final

import aiohttp
from yarl import URL

from radical_edge_core.config import ConfigError
from radical_edge_core.errors import BY_CODE, NoRoom
from radical_edge_core.link.errors import LinkError
from radical_edge_core.link.frames import FrameType, decode, encode
from radical_edge_core.link.handshake import GONE
from radical_edge_core.link.heads import Hello, Refused, Welcome, decode_refused, decode_welcome, encode_head
from radical_edge_core.wire.tunnel import SocketClosed

DIAL_S: Final = 20.0
MAX_MESSAGE: Final = 1024 * 1024
_SCHEMES: Final = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}


class Refusal(Exception):
    """
    The bridge does not take this edge.

    Attributes:
        code: Why, as a stable word.
        lasting: Whether trying again can't help.
    """

    def __init__(self, code: str, reason: str, *, lasting: bool) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.lasting = lasting


class ClientSocket:
    """An aiohttp WebSocket as a tunnel uses it."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    async def send(self, data: bytes) -> None:
        """Send one binary message."""
        try:
            await self._socket.send_bytes(data)
        except (ConnectionError, aiohttp.ClientError) as exc:
            raise SocketClosed(1006, str(exc)) from exc

    async def receive(self) -> bytes:
        """Return the next binary message."""
        message = await self._socket.receive()
        if message.type is aiohttp.WSMsgType.BINARY:
            data = message.data
            return data if isinstance(data, bytes) else bytes(data)
        if message.type is aiohttp.WSMsgType.TEXT:
            raise LinkError("a text message came; the link speaks binary messages only")
        if message.type is aiohttp.WSMsgType.CLOSE:
            raise SocketClosed(message.data or 1005, message.extra or "")
        raise SocketClosed(self._socket.close_code or 1006, "the connection broke")


def link_url(url: str) -> URL:
    """
    Return the WebSocket address behind ``--url``.

    Raises:
        ConfigError: It is no URL of a bridge.
    """
    parsed = URL(url)
    if parsed.scheme not in _SCHEMES or not parsed.host:
        raise ConfigError(f"--url {url!r} is not an address such as wss://bridge.example.org:8000")
    return (
        parsed.with_scheme(_SCHEMES[parsed.scheme])
        .with_path("/register")
        .with_query(None)
        .with_fragment(None)
    )


def tls_context(url: URL, cert: Path | None) -> ssl.SSLContext | None:
    """
    Return the TLS settings for a bridge; its certificate is always verified.

    Raises:
        ConfigError: The file holds no certificate.
    """
    if url.scheme != "wss":
        return None
    try:
        context = ssl.create_default_context(cafile=None if cert is None else str(cert))
    except (OSError, ssl.SSLError) as exc:
        raise ConfigError(f"--cert {cert}: no certificate can be read there ({exc})") from exc
    context.set_alpn_protocols(["http/1.1"])
    return context


async def dial(
    session: aiohttp.ClientSession, url: URL, context: ssl.SSLContext | None, secret: str
) -> aiohttp.ClientWebSocketResponse:
    """
    Open the WebSocket.

    Raises:
        Refusal: The bridge knows neither join token nor credential.
        SocketClosed: It can't be reached now; the reason says why.
    """
    try:
        async with asyncio.timeout(DIAL_S):
            return await session.ws_connect(
                url,
                headers={"Authorization": f"Bearer {secret}"},
                ssl=context if context is not None else True,
                compress=0,
                max_msg_size=MAX_MESSAGE,
                heartbeat=None,
                autoclose=False,
            )
    except aiohttp.WSServerHandshakeError as exc:
        if exc.status == 401:
            raise Refusal(
                "unauthorized",
                "the bridge knows neither this edge's credential nor its join token: give the bridge's "
                "bridge/join.token by --join-token-file, or a new one from `radical-edge token create --join`",
                lasting=True,
            ) from exc
        raise SocketClosed(1006, f"the bridge answered {exc.status} instead of a WebSocket") from exc
    except aiohttp.ClientConnectorCertificateError as exc:
        raise Refusal(
            "certificate",
            f"the bridge's certificate is not trusted ({exc.certificate_error}): give its CA, or the self-signed "
            "certificate itself, by --cert or RADICAL_BRIDGE_CERT",
            lasting=True,
        ) from exc
    except aiohttp.ClientConnectorSSLError as exc:
        raise SocketClosed(1006, f"TLS failed: {exc}; is the bridge served by https?") from exc
    except TimeoutError as exc:
        raise SocketClosed(1006, f"no connection to {url.host}:{url.port} within {DIAL_S:g} s") from exc
    except (aiohttp.ClientError, OSError) as exc:
        raise SocketClosed(1006, f"can't connect to {url.host}:{url.port}: {exc}") from exc


async def shake(socket: ClientSocket, hello: Hello) -> Welcome:
    """
    Say hello and wait for the welcome.

    Raises:
        Refusal: The bridge refuses; the reason is its own.
        LinkError: It answered something else.
        SocketClosed: It closed the socket.
    """
    await socket.send(encode(FrameType.HELLO, payload=encode_head(hello)))
    async with asyncio.timeout(DIAL_S):
        frames = decode(await socket.receive())
    frame = frames[0]
    if frame.type is FrameType.REFUSED:
        refused: Refused = decode_refused(frame.payload)
        known = BY_CODE.get(refused.code)
        passing = refused.code == GONE or known is NoRoom or (known is not None and known.transient)
        raise Refusal(refused.code, refused.reason, lasting=not passing)
    if frame.type is not FrameType.WELCOME or len(frames) != 1:
        raise LinkError("the bridge answered the hello with neither welcome nor refusal")
    return decode_welcome(frame.payload)
