"""
``/register``: where edges come in.

A raw ASGI callable. The credential is checked before the WebSocket is accepted, the hello within 15 s after it; what
is refused is told why and disturbs nobody else. A socket that ends leaves its channel behind for the grace period; the
same instance of the edge picks it up again, and running exchanges never know.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final

import msgspec
from attrs import define

from radical_edge_core.bridge.auth.door import Door
from radical_edge_core.bridge.lingering import Leftovers
from radical_edge_core.bridge.registry import Registry
from radical_edge_core.errors import BadRequest, Conflict, EdgeError, Unauthorized
from radical_edge_core.link.errors import LinkError
from radical_edge_core.link.frames import FrameType, decode, encode
from radical_edge_core.link.handshake import GONE, judge
from radical_edge_core.link.heads import Hello, Refused, Welcome, decode_hello, encode_head, negotiate
from radical_edge_core.link.mux import Mux
from radical_edge_core.link.notes import Shutdown, encode_note
from radical_edge_core.names import check_edge_name
from radical_edge_core.wire import closing
from radical_edge_core.wire.asgi import PROBLEM_TYPE, Receive, Scope, Send
from radical_edge_core.wire.connection import Connection
from radical_edge_core.wire.patience import Patience
from radical_edge_core.wire.tunnel import SocketClosed, Tunnel

log = logging.getLogger(__name__)


# A close frame holds so many bytes of text.
_REASON: Final = 120
_CLOSE_S: Final = 2.0


class ChannelGone(Conflict):
    """The hello resumes a channel that this bridge does not have; the edge begins a new one."""

    code = GONE


class AsgiSocket:
    """
    An accepted WebSocket of the server, as a tunnel uses it.

    Attributes:
        gone: Whether its end was received.
    """

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self.gone = False

    async def send(self, data: bytes) -> None:
        """Send one binary message."""
        await self._send({"type": "websocket.send", "bytes": data})

    async def receive(self) -> bytes:
        """Return the next binary message."""
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            self.gone = True
            raise SocketClosed(message.get("code") or 1006, message.get("reason") or "")
        data = message.get("bytes")
        if not isinstance(data, bytes):
            raise LinkError("a text message came; the link speaks binary messages only")
        return data

    async def close(self, code: int, reason: str) -> None:
        """Say goodbye on the WebSocket level; does not wait for a peer that takes nothing any more."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                await self._send({"type": "websocket.close", "code": code, "reason": _cut(reason)})


@define(eq=False)
class EdgeLink:
    """One edge's channel and the socket that carries it now."""

    name: str
    hello: Hello
    tunnel: Tunnel
    carrier: asyncio.Future[tuple[int, str]] | None = None
    ended: asyncio.Event | None = None
    expiry: asyncio.TimerHandle | None = None

    async def drop_socket(self, code: int, reason: str) -> None:
        """End the socket that carries the link now, and wait until its tasks have ended."""
        if self.carrier is not None and self.ended is not None:
            if not self.carrier.done():
                self.carrier.set_result((code, reason))
            await self.ended.wait()


class LinkServer:
    """
    Accepts the links of edges.

    Args:
        registry: Told of each link that comes and goes.
        door: Checks join tokens and credentials.
        instance: This process; a channel resumes only within it.
        note: Called with the edge's name and each note's payload.
        last_event: Returns epoch and number of the last event held of an edge.
        window: Credit of a stream, bytes.
        leftovers: Takes what an edge still sends after its link was ended.
        patience: How long edges are waited for.
    """

    def __init__(
        self,
        registry: Registry,
        door: Door,
        *,
        instance: str,
        note: Callable[[str, bytes], None],
        last_event: Callable[[str], tuple[str, int]],
        window: int,
        max_streams: int,
        leftovers: Leftovers,
        patience: Patience | None = None,
    ) -> None:
        self._registry = registry
        self._door = door
        self._instance = instance
        self._note = note
        self._last_event = last_event
        self._window = window
        self._max_streams = max_streams
        self._leftovers = leftovers
        self._patience = patience or Patience()
        self._links: dict[str, EdgeLink] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Carry one WebSocket from its request to its end."""
        await receive()
        secret = _bearer(scope)
        if not self._door.knocks(secret):
            await deny(
                send, Unauthorized("neither a join token nor an edge's credential came with this request")
            )
            return
        await send({"type": "websocket.accept"})
        socket = AsgiSocket(receive, send)
        try:
            await self._serve(socket, secret)
        finally:
            if not socket.gone:
                self._leftovers.drop(receive)

    async def _serve(self, socket: AsgiSocket, secret: str) -> None:
        try:
            async with asyncio.timeout(self._patience.hello_s):
                hello = _read_hello(await socket.receive())
            check_edge_name(hello.name)
            protocol = negotiate(hello)
            async with self._handover(hello.name):
                credential = await self._door.admit(hello.name, secret, hello.instance)
                link, verdict = await self._take_over(hello)
        except TimeoutError:
            await socket.close(closing.REFUSED, f"no hello within {self._patience.hello_s:g} s")
            return
        except SocketClosed:
            return
        except (LinkError, EdgeError) as exc:
            await _refuse(
                socket, Refused(code=getattr(exc, "code", "hello"), reason=getattr(exc, "detail", str(exc)))
            )
            return
        await self._carry(socket, hello, link, verdict, protocol, credential)

    async def disconnect(self, name: str, reason: str) -> None:
        """End the edge's process: it is told so, and its link is dropped."""
        link = self._links.get(name)
        if link is not None:
            link.tunnel.connection.notify(encode_note(Shutdown(reason=reason)))
            await asyncio.sleep(0)
            await self._end(link, closing.DISCONNECTED, reason)

    async def stop(self, drain_s: float) -> None:
        """Let running exchanges finish for ``drain_s``, then close every link so that the edges come back later."""
        links = list(self._links.values())
        for link in links:
            link.tunnel.connection.goodbye()
        try:
            async with asyncio.timeout(drain_s):
                for link in links:
                    await link.tunnel.connection.drained()
        except TimeoutError:
            log.warning(
                "%d exchanges were cut off by the stop", sum(one.tunnel.connection.busy for one in links)
            )
        for link in links:
            await self._end(link, closing.STOPPING, "the bridge is stopping")

    def _handover(self, name: str) -> asyncio.Lock:
        """Return what keeps two sockets of one name from taking over at the same time."""
        return self._locks.setdefault(name, asyncio.Lock())

    async def _take_over(self, hello: Hello) -> tuple[EdgeLink, str]:
        """Find or make the link that a hello means, with no socket left on it; the caller's is next."""
        link = self._links.get(hello.name)
        same = link is not None and link.hello.instance == hello.instance
        known = (
            link.tunnel.channel
            if link is not None and same and link.tunnel.channel.id == hello.channel
            else None
        )
        verdict = judge(hello, self._instance, known)
        if verdict == "gone":
            raise ChannelGone("this bridge does not have the channel; begin a new one")
        if link is not None and verdict == "resume":
            await link.drop_socket(1000, "the same edge came back")
        else:
            if link is not None:
                await self._displace(link, hello)
            link = self._new_link(hello)
        if link.expiry is not None:
            link.expiry.cancel()
        link.hello = hello
        link.carrier = asyncio.get_running_loop().create_future()
        link.ended = asyncio.Event()
        return link, verdict

    async def _carry(
        self,
        socket: AsgiSocket,
        hello: Hello,
        link: EdgeLink,
        verdict: str,
        protocol: int,
        credential: str | None,
    ) -> None:
        carrier, ended = link.carrier, link.ended
        if carrier is None or ended is None:
            raise RuntimeError("a link is carried without having been taken over")
        try:
            event_epoch, event_seq = self._last_event(hello.name)
            welcome = Welcome(
                protocol=protocol,
                instance=self._instance,
                resumed=verdict == "resume",
                received=link.tunnel.channel.received,
                credential=credential,
                clock=time.time(),
                event_epoch=event_epoch,
                event_seq=event_seq,
                window=self._window,
            )
            await socket.send(encode(FrameType.WELCOME, payload=encode_head(welcome)))
            code, reason = await self._run(socket, link, hello, carrier)
        finally:
            link.carrier = None
            ended.set()
        if code >= 4000 or code == 1000:
            await socket.close(code, reason)

    async def _run(
        self, socket: AsgiSocket, link: EdgeLink, hello: Hello, carrier: asyncio.Future[tuple[int, str]]
    ) -> tuple[int, str]:
        connection = link.tunnel.connection
        running = asyncio.ensure_future(link.tunnel.run(socket, hello.received))
        self._registry.attach(link.name, connection, hello)
        log.info("edge %s: connected from %s (%s)", link.name, hello.host, hello.version)
        code, reason = 1006, "the connection broke"
        try:
            ends: set[asyncio.Future[Any]] = {running, carrier}
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if carrier.done():
                code, reason = carrier.result()
            else:
                closed = running.result()
                code, reason = closed.code, closed.reason or "the connection broke"
                if code >= 4000:
                    self._give_up(link, reason)
                code = 1006
        except LinkError as exc:
            log.warning("edge %s: %s; its link is dropped", link.name, exc)
            code, reason = closing.BROKEN, str(exc)
            self._give_up(link, reason)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            self._registry.detach(link.name, connection, reason)
            log.info("edge %s: away (%s)", link.name, reason)
            if self._links.get(link.name) is link:
                link.expiry = connection.loop.call_later(self._patience.grace_s, self._expire, link)
        return code, reason

    def _new_link(self, hello: Hello) -> EdgeLink:
        name = hello.name

        mux = Mux(opens=True, window=self._window, peer_window=hello.window, max_streams=self._max_streams)
        connection = Connection(mux, note=lambda payload: self._note(name, payload))
        tunnel = Tunnel(
            connection, self._patience.channel(hello.channel), health=partial(self._registry.doubt, name)
        )
        link = EdgeLink(name, hello, tunnel)
        self._links[name] = link
        return link

    async def _displace(self, link: EdgeLink, hello: Hello) -> None:
        if link.hello.instance == hello.instance:
            await self._end(link, 1000, "the edge began a new channel")
        else:
            log.warning(
                "edge %s: the instance on %s is replaced by one on %s", link.name, link.hello.host, hello.host
            )
            await self._end(link, closing.REPLACED, f"replaced by the instance on {hello.host}")

    async def _end(self, link: EdgeLink, code: int, reason: str) -> None:
        self._give_up(link, reason)
        await link.drop_socket(code, reason)

    def _expire(self, link: EdgeLink) -> None:
        if link.carrier is None:
            self._give_up(link, "the link was away for longer than its grace period")

    def _give_up(self, link: EdgeLink, reason: str) -> None:
        if self._links.get(link.name) is link:
            del self._links[link.name]
        if link.expiry is not None:
            link.expiry.cancel()
        link.tunnel.give_up(reason)


def _cut(reason: str) -> str:
    return reason.encode("utf-8", "replace")[:_REASON].decode("utf-8", "ignore")


def _bearer(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"authorization":
            kind, _, secret = value.decode("latin-1").partition(" ")
            return secret.strip() if kind.lower() == "bearer" else ""
    return ""


def _read_hello(message: bytes) -> Hello:
    frames = decode(message)
    if len(frames) != 1 or frames[0].type is not FrameType.HELLO:
        raise LinkError("the first message of a link is one HELLO frame")
    return decode_hello(frames[0].payload)


async def _refuse(socket: AsgiSocket, refused: Refused) -> None:
    log.warning("an edge was refused: %s: %s", refused.code, refused.reason)
    await socket.send(encode(FrameType.REFUSED, payload=encode_head(refused)))
    await socket.close(closing.REFUSED, refused.reason)


async def deny(send: Send, error: EdgeError) -> None:
    """Answer the request for a WebSocket with a problem document."""
    body = msgspec.json.encode(error.problem())
    headers: list[tuple[bytes, Any]] = [
        (b"content-type", PROBLEM_TYPE),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "websocket.http.response.start", "status": error.status_code, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body})


def not_a_websocket() -> EdgeError:
    """Return what a plain HTTP request to ``/register`` is told."""
    return BadRequest("/register takes WebSockets of edges; start one with radical-edge-service")
