"""
The edge's link: dials the bridge, again and again, and carries the channel over what it gets.

A cut within the grace period is repaired without anybody noticing; a longer one, or another bridge process, begins a
new channel. What can't be helped by dialling again (a refusal, a replaced instance) ends ``run``.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import secrets
import time
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path
from typing import Final

import aiohttp
from attrs import frozen

from radical_edge_core import __version__
from radical_edge_core.edge.dialling import ClientSocket, Refusal, dial, link_url, shake, tls_context
from radical_edge_core.edge.identity import HostIdentity
from radical_edge_core.errors import NoRoom
from radical_edge_core.link.channel import Channel
from radical_edge_core.link.errors import LinkError
from radical_edge_core.link.handshake import GONE
from radical_edge_core.link.heads import PROTOCOL_MAX, PROTOCOL_MIN, Hello, Welcome
from radical_edge_core.link.mux import Mux
from radical_edge_core.link.timing import Backoff
from radical_edge_core.state import read_secret, write_private
from radical_edge_core.wire import closing
from radical_edge_core.wire.connection import Connection
from radical_edge_core.wire.patience import Patience
from radical_edge_core.wire.tunnel import SocketClosed, Tunnel

_FAREWELL_S: Final = 1.0
log = logging.getLogger(__name__)


class Exit(IntEnum):
    """Why a link ended for good: the exit codes of ``radical-edge-service``."""

    STOPPED = 0
    REFUSED = 3
    REPLACED = 4


@frozen(kw_only=True)
class Address:
    """
    Where the bridge is and what opens its door.

    Attributes:
        credential: The file of this edge's own credential; written once the edge has joined.
        join_tokens: Says which join token to use while there is no credential.
    """

    url: str
    cert: Path | None
    credential: Path
    join_token: Callable[[], str | None]


class LinkClient:
    """
    One edge's link.

    Args:
        name: The edge's name.
        address: Where to dial.
        host: Told in the hello.
        window: Credit of one stream, bytes.
        begin: Called with each new connection before it carries anything; returns nothing.
        up: Called when a new channel is established, with epoch and number of the last event that the bridge
            holds; notes may be sent from then on.
        note: Called with each note's payload.
        takeover: Told in the hello.
        patience: How long the bridge is waited for.
    """

    def __init__(
        self,
        name: str,
        address: Address,
        host: HostIdentity,
        *,
        window: int,
        begin: Callable[[Connection], None],
        up: Callable[[Connection, str, int], None],
        down: Callable[[], None],
        note: Callable[[bytes], None],
        takeover: bool = False,
        patience: Patience | None = None,
    ) -> None:
        self._name = name
        self._address = address
        self._host = host
        self._window = window
        self._begin = begin
        self._up = up
        self._down = down
        self._note = note
        self._takeover = takeover
        self._patience = patience or Patience()
        self._instance = secrets.token_hex(8)
        self._url = link_url(address.url)
        self._tls = tls_context(self._url, address.cert)
        self._backoff = Backoff(random.Random())  # noqa: S311 - it spreads retries, nothing depends on it
        self._tunnel: Tunnel | None = None
        # The same until it is welcomed: the bridge may have welcomed it already, and be using it, unheard.
        self._next = self._patience.channel(secrets.token_hex(8))
        self._bridge: str | None = None
        self._credential: str | None = None
        self.connected = asyncio.Event()
        self.last_error = ""

    async def run(self) -> Exit:
        """Keep the link up until it ends for good, and return why; calls that are under way then are cancelled."""
        try:
            async with aiohttp.ClientSession(trust_env=True, cookie_jar=aiohttp.DummyCookieJar()) as session:
                return await self._dial(session)
        finally:
            self._drop("the edge has stopped")

    async def leave(self, drain_s: float) -> None:
        """Open nothing more, let running calls finish, and see that the bridge has their answers."""
        tunnel = self._tunnel
        if tunnel is not None:
            tunnel.connection.goodbye()
            try:
                async with asyncio.timeout(drain_s):
                    await tunnel.connection.drained()
                    await tunnel.settled()
            except TimeoutError:
                log.warning("%d calls were cut off by the stop", tunnel.connection.busy)
                tunnel.connection.cut_off("the edge is stopping")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_FAREWELL_S):
                        await tunnel.settled()

    async def _dial(self, session: aiohttp.ClientSession) -> Exit:
        while True:
            try:
                closed = await self._once(session)
            except Refusal as exc:
                if exc.code == GONE:
                    self._drop("the bridge has a new process")
                    continue
                if self._rejoin(exc):
                    continue
                if exc.lasting:
                    log.error("the bridge refuses this edge: %s", exc.reason)
                    return Exit.REFUSED
                closed = SocketClosed(closing.REFUSED, exc.reason)
            except LinkError as exc:
                self._drop(str(exc))
                closed = SocketClosed(closing.BROKEN, str(exc))
            except (SocketClosed, TimeoutError) as exc:
                closed = (
                    exc if isinstance(exc, SocketClosed) else SocketClosed(1006, "no answer to the hello")
                )
            finally:
                self.connected.clear()
            if (end := self._ending(closed)) is not None:
                return end
            if closed.code in {closing.STOPPING, closing.BROKEN}:
                # The bridge said so itself: it does not keep the channel.
                self._drop(closed.reason)
            await self._wait(closed)

    async def _once(self, session: aiohttp.ClientSession) -> SocketClosed:
        secret = self._credential or read_secret(self._address.credential) or self._address.join_token()
        if secret is None:
            raise Refusal(
                "unauthorized",
                "there is neither a credential nor a join token: give one by --join-token-file or "
                "RADICAL_EDGE_JOIN_TOKEN, or use the bridge's state folder (RADICAL_EDGE_HOME)",
                lasting=True,
            )
        tunnel = self._tunnel
        if tunnel is not None and tunnel.channel.lost(time.monotonic()):
            self._drop("the link was away for longer than its grace period")
            tunnel = None
        websocket = await dial(session, self._url, self._tls, secret)
        try:
            socket = ClientSocket(websocket)
            channel = tunnel.channel if tunnel is not None else self._next
            welcome = await shake(socket, self._hello(channel))
            if welcome.credential is not None:
                self._keep(welcome.credential)
            if tunnel is None:
                tunnel = self._establish(channel, welcome)
            self._bridge = welcome.instance
            self._backoff.reset()
            self.connected.set()
            self.last_error = ""
            log.info("connected to %s%s", self._url.origin(), " again" if welcome.resumed else "")
            return await tunnel.run(socket, welcome.received)
        finally:
            # Nobody waits for the peer's closing handshake, or for TLS to say goodbye.
            transport = websocket.get_extra_info("transport")
            if transport is not None:
                transport.abort()

    def _establish(self, channel: Channel, welcome: Welcome) -> Tunnel:
        mux = Mux(opens=False, window=self._window, peer_window=welcome.window)
        connection = Connection(mux, note=self._note)
        self._begin(connection)
        self._tunnel = Tunnel(connection, channel)
        self._next = self._patience.channel(secrets.token_hex(8))
        self._up(connection, welcome.event_epoch, welcome.event_seq)
        return self._tunnel

    def _hello(self, channel: Channel) -> Hello:
        return Hello(
            protocol_min=PROTOCOL_MIN,
            protocol_max=PROTOCOL_MAX,
            instance=self._instance,
            name=self._name,
            host=self._host.host,
            boot_id=self._host.boot_id,
            started_at=self._host.started_at,
            clock=time.time(),
            received=channel.received,
            resume=self._bridge if self._tunnel is not None else None,
            channel=channel.id,
            version=__version__,
            takeover=self._takeover,
            window=self._window,
        )

    def _drop(self, reason: str) -> None:
        """Give the present channel up."""
        if self._tunnel is not None:
            self._tunnel.give_up(reason)
            self._tunnel = None
            self._down()

    def _rejoin(self, refusal: Refusal) -> bool:
        """A bridge that lost its store does not know our credential: join anew where there is a token to do it with."""
        known = self._credential or read_secret(self._address.credential)
        if refusal.code != "unauthorized" or known is None or self._address.join_token() in {None, known}:
            return False
        log.warning("the bridge does not know this edge's credential any more; joining anew")
        self._credential = None
        self._address.credential.unlink(missing_ok=True)
        return True

    def _keep(self, credential: str) -> None:
        """Keep a new credential; where there is no room for it the edge goes on with it for as long as it runs."""
        self._credential = credential
        try:
            write_private(self._address.credential, credential + "\n")
        except (NoRoom, OSError) as exc:
            log.error(
                "the credential can't be kept (%s): make room and restart this edge after "
                "`radical-edge edges forget %s`", exc, self._name,
            )  # fmt: skip

    def _ending(self, closed: SocketClosed) -> Exit | None:
        if closed.code == closing.REPLACED:
            log.error("this edge was %s; it ends", closed.reason or "replaced by another instance")
            return Exit.REPLACED
        if closed.code == closing.DISCONNECTED:
            log.info("the bridge asks this edge to end: %s", closed.reason)
            return Exit.STOPPED
        return None

    async def _wait(self, closed: SocketClosed) -> None:
        delay = self._backoff.next(time.monotonic())
        if closed.reason != self.last_error:
            self.last_error = closed.reason
            log.warning(
                "no link: %s; dialling again in %.1f s and from then on", closed.reason or closed.code, delay
            )
        await asyncio.sleep(delay)
