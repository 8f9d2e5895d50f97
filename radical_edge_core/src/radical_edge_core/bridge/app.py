"""
One bridge, put together.

The ASGI callable sends ``/{edge}/…`` straight to the proxy, ``/register`` to the link server and ``/events`` to the
streams, all three raw; what is left, the bridge's own routes, is Starlette's.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Collection
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Final

from radical_edge_core import __version__
from radical_edge_core.bridge.access_log import AccessLog
from radical_edge_core.bridge.auth.browser import credential_of
from radical_edge_core.bridge.auth.door import Door, Identity
from radical_edge_core.bridge.auth.store import CredentialStore
from radical_edge_core.bridge.config import BridgeConfig
from radical_edge_core.bridge.event_log import EventLog, is_one_line
from radical_edge_core.bridge.extensions import Extensions
from radical_edge_core.bridge.headers import RequestHeaders, sort_request
from radical_edge_core.bridge.hosted import HostedEdge
from radical_edge_core.bridge.lingering import Leftovers, Upload, has_body
from radical_edge_core.bridge.link_server import LinkServer, deny, not_a_websocket
from radical_edge_core.bridge.metrics import Metrics
from radical_edge_core.bridge.own import OwnRoutes
from radical_edge_core.bridge.proxy import Passage, Proxy, send_problem
from radical_edge_core.bridge.registry import Registry
from radical_edge_core.bridge.sse import HEARTBEAT_S, EventStreams
from radical_edge_core.errors import BadRequest, EdgeError, MethodNotAllowed, PluginFailure, Unauthorized
from radical_edge_core.hooks.bridge import BridgeContext
from radical_edge_core.link.errors import LinkError
from radical_edge_core.link.notes import Announce, Event, EventAck, Interest, decode_note, encode_note
from radical_edge_core.names import HOSTED, RESERVED
from radical_edge_core.wire.asgi import Receive, Scope, Send
from radical_edge_core.wire.connection import Connection
from radical_edge_core.wire.patience import Patience

log = logging.getLogger(__name__)
# Changes of the topology within this time travel as one event.
_SETTLE_S: Final = 0.2
_RAW: Final = RESERVED - {HOSTED}
# The one route of the bridge's own that lies below the name of its edge.
_TERMINATE: Final = b"/bridge/terminate"


class Bridge:
    """
    The public hub.

    Args:
        config: Its settings.
        folder: Its state folder (``bridge/``), which exists.
        url: What it is reached by; shown in the topology.
        terminate: Called with a reason when somebody asks the process to end.
        access_log: Where finished requests are written.
        patience: How long edges are waited for.
        heartbeat_s: How often an event stream shows that it is alive.
        found: The entry points of what may be hosted; by default what is installed.
    """

    def __init__(
        self,
        config: BridgeConfig,
        folder: Path,
        *,
        url: str,
        terminate: Callable[[str], None],
        access_log: AccessLog,
        patience: Patience | None = None,
        heartbeat_s: float = HEARTBEAT_S,
        found: Collection[EntryPoint] | None = None,
    ) -> None:
        self.config = config
        self.url = url
        self.terminate = terminate
        self.instance = secrets.token_hex(8)
        self.door = Door(CredentialStore(folder / "tokens.db"), folder)
        self.registry = Registry(self.door.store.enrolled, self._changed)
        self.events = EventLog(
            folder / "events.db",
            keep_events=config.keep_events,
            keep_s=config.keep_events_h * 3600,
            committed=self._committed,
            acknowledge=self._acknowledge,
        )
        self.streams = EventStreams(
            self.events,
            topology=lambda scopes: self.registry.topology(self.url, scopes),
            still_valid=self._still_valid,
            interest=self._interest,
            heartbeat_s=heartbeat_s,
        )
        self._leftovers = Leftovers()
        self.links = LinkServer(
            self.registry,
            self.door,
            instance=self.instance,
            note=self._note,
            last_event=self.events.last_of,
            window=config.window_kib * 1024,
            max_streams=config.max_streams,
            leftovers=self._leftovers,
            patience=patience,
        )
        self.metrics = self._gauges()
        self.hosted = HostedEdge(config, folder, self.registry, self._note, self.events.last_of, found)
        self.extensions = Extensions(BridgeContext(url=url, state_dir=folder))
        self._access = access_log
        self._proxy = Proxy(self.registry, self.identify)
        self._own = OwnRoutes(self)
        self._settling: asyncio.TimerHandle | None = None
        self._told: dict[str, tuple[Connection, list[str]]] = {}

    def _gauges(self) -> Metrics:
        def links(read: Callable[[Connection], float]) -> Callable[[], dict[str, float]]:
            return lambda: {
                record.name: read(record.link)
                for record in self.registry.connected()
                if record.link is not None
            }

        return Metrics(
            {
                "edges_connected": ("Edges with a live link", lambda: len(self.registry.connected())),
                "calls_parked": ("Calls that wait for an edge", lambda: self.registry.parked),
                "event_listeners": ("Open event streams", lambda: len(self.streams)),
                "events_uncommitted": ("Events not yet on disk", lambda: self.events.waiting),
                "events_newest": ("Number of the newest event", lambda: self.events.newest),
            },
            {
                "calls_under_way": ("Calls that an edge has not answered yet", links(lambda link: link.busy)),
                "link_queued_bytes": ("Bytes that wait for an edge's link", links(lambda link: link.queued)),
            },
        )

    async def start(self) -> None:
        """Open the stores and the hosted edge; requests may come after this."""
        await self.door.store.start()
        self.door.open()
        await self.events.start()
        self.extensions.load()
        self._own.extend(self.extensions.routes)
        await self.hosted.start()
        self.registry.accepting = True

    async def stop(self) -> None:
        """Let calls finish, close links and streams, and the stores."""
        self.registry.close()
        self.streams.stop()
        await self.links.stop(self.config.drain_s)
        await self.hosted.stop()
        await self.events.stop()
        self.door.store.close()
        self._leftovers.stop()
        self._access.flush()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, WebSocket or lifespan."""
        kind = scope["type"]
        if kind == "http":
            started, wall = time.perf_counter(), time.time()
            passage = Passage(method=scope["method"])
            upload = None
            if has_body(scope["headers"]):
                upload = Upload(receive, send, self._leftovers)
                receive, send = upload.receive, upload.send
            try:
                await self._http(scope, receive, send, passage)
            finally:
                if upload is not None:
                    upload.leave()
                duration = time.perf_counter() - started
                self.metrics.count(passage, duration)
                self._access.write(passage, duration, wall)
        elif kind == "websocket":
            if scope["path"] == "/register" and self.registry.accepting:
                await self.links(scope, receive, send)
            elif scope["path"] == "/events/ws" and self.registry.accepting:
                await self._listen_by_websocket(scope, receive, send)
            else:
                await receive()
                await send({"type": "websocket.close", "code": 1013})
        else:
            await _lifespan(receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send, passage: Passage) -> None:
        root, _, rest = scope["raw_path"].partition(b"/")
        first = rest.partition(b"/")[0].decode("latin-1")
        try:
            if scope["http_version"].startswith("2"):
                raise BadRequest("this server speaks HTTP/1.1 only")
            if root or scope["raw_path"] == b"":
                raise BadRequest("a request's target is a path here; it begins with a slash")
            if first and first not in _RAW and scope["raw_path"] != _TERMINATE:
                await self._proxy(scope, receive, send, passage)
            elif first == "events":
                await self._listen(scope, receive, send, passage)
            elif first == "register":
                raise not_a_websocket()
            else:
                await self._own(scope, receive, send, passage)
        except EdgeError as exc:
            await send_problem(send, exc, passage)
        except Exception as exc:
            log.exception("request %s failed", passage.request_id)
            if passage.status:
                raise
            detail = (
                f"the bridge failed to answer ({type(exc).__name__}); its log has more under this request id"
            )
            await send_problem(send, PluginFailure(detail, request_id=passage.request_id), passage)

    async def _listen(self, scope: Scope, receive: Receive, send: Send, passage: Passage) -> None:
        headers = sort_request(scope["headers"])
        passage.request_id = headers.request_id
        identity = await self.identify(scope, headers)
        passage.subject = identity.subject
        if scope["method"] != "GET":
            raise MethodNotAllowed("/events is read with GET", allow=["GET"])
        passage.edge, passage.plugin = "events", "-"
        passage.sent = await self.streams(scope, receive, send, identity, self._credential(scope, headers))
        passage.status = 200

    async def _listen_by_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        started, wall = time.perf_counter(), time.time()
        passage = Passage(method="GET", edge="events", plugin="ws")
        await receive()
        try:
            headers = sort_request(scope["headers"])
            passage.request_id = headers.request_id
            # No cookie counts here: any page of the web may open a WebSocket with it.
            identity = self.door.identify(headers.authorization)
            passage.subject, passage.status = identity.subject, 101
            passage.sent = await self.streams.websocket(scope, receive, send, identity, headers.authorization)
        except EdgeError as exc:
            passage.status = exc.status_code
            await deny(send, exc)
        finally:
            duration = time.perf_counter() - started
            self.metrics.count(passage, duration)
            self._access.write(passage, duration, wall)

    async def identify(self, scope: Scope, headers: RequestHeaders) -> Identity:
        """
        Return who sent a request: by the bridge's own tokens, a browser's cookie, or an installed authenticator.

        Raises:
            Unauthorized: Nobody knows; the text says what to do.
            Forbidden: It came with a cookie, but maybe not from the portal.
        """
        try:
            return self.door.identify(self._credential(scope, headers))
        except Unauthorized as exc:
            return await self.extensions.identify(scope["headers"], exc)

    def _credential(self, scope: Scope, headers: RequestHeaders) -> bytes | None:
        """Return what a request shows at the door; a cookie counts only where there is no ``Authorization``."""
        if headers.authorization is not None or headers.cookie is None:
            return headers.authorization
        return credential_of(headers.cookie, self.door.cookie, scope["method"], scope["headers"])

    def _still_valid(self, identity: Identity, authorization: bytes | None) -> None:
        """Raise once a listener's token is revoked or expired; what others vouch for lasts as long as its stream."""
        if identity.token_id:
            self.door.identify(authorization)

    # What edges and listeners bring about.

    def _note(self, edge: str, payload: bytes) -> None:
        try:
            note = decode_note(payload)
        except LinkError as exc:
            log.warning("edge %s sent a note that can't be read: %s", edge, exc)
            return
        match note:
            case Event(data=data) if not is_one_line(data):
                log.warning("edge %s sent an event whose data is no JSON on one line", edge)
            case Event(durable=True):
                self.events.append(edge, note)
            case Event():
                self.streams.ephemeral(edge, note)
            case Announce(plugins=plugins, endpoint=endpoint):
                self.registry.announce(edge, plugins, endpoint)
            case _:
                log.warning("edge %s sent a %s, which is not for a bridge", edge, type(note).__name__)

    def _committed(self) -> None:
        self.streams.committed()

    def _acknowledge(self, edge: str, epoch: str, seq: int) -> None:
        record = self.registry.get(edge)
        if record is not None and record.link is not None:
            record.link.notify(encode_note(EventAck(epoch=epoch, seq=seq)))

    def _interest(self) -> None:
        """Tell each edge which ephemeral topics somebody listens to."""
        for record in self.registry.connected():
            wanted = self.streams.wanted(record.name, list(record.plugins))
            link, told = self._told.get(record.name, (None, []))
            if record.link is not None and wanted != (told if link is record.link else []):
                self._told[record.name] = record.link, wanted
                record.link.notify(encode_note(Interest(topics=wanted)))

    def _changed(self) -> None:
        if self._settling is None:
            self._settling = asyncio.get_running_loop().call_later(_SETTLE_S, self._settled)

    def _settled(self) -> None:
        self._settling = None
        live = {record.name for record in self.registry.connected()}
        self._told = {name: told for name, told in self._told.items() if name in live}
        self.streams.topology_changed()
        self.extensions.tell(self.registry)
        self._interest()


def version() -> str:
    """Return this distribution's version."""
    return __version__


async def _lifespan(receive: Receive, send: Send) -> None:
    """The process starts and stops the bridge itself; the server's lifespan has nothing to add."""
    while (await receive())["type"] != "lifespan.shutdown":
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})
