"""
The bridge's event stream: one connection for all callbacks of a client, which comes back by itself.

It reconnects with ``Last-Event-ID``, so a broken connection, a restarted bridge and a change of what is asked
for lose no durable event. What the bridge can't replay it announces as ``truncated``; that is logged and told
to the callbacks for gaps. Ephemeral topics are sent only to listeners that name them: the topics that
callbacks name are asked for as ``ephemeral``, and the stream is opened anew where that set changes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any, Final, Protocol

import msgspec
from attrs import frozen

from radical_edge_client.answers import StreamedResponse
from radical_edge_client.backoff import jittered
from radical_edge_client.sse import ServerEvent, SseParser
from radical_edge_client.subscriptions import Audience, TopologyCallback
from radical_edge_core.errors import EdgeError

log = logging.getLogger(__name__)

PATH: Final = "/events"
SILENCE_S: Final = 40.0  # the bridge writes a comment every 15 s
HEAD_S: Final = 20.0


class Opener(Protocol):
    """What the stream needs of a transport."""

    def stream(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        deadline_s: float | None = None,
        silence_s: float | None = None,
    ) -> AbstractAsyncContextManager[StreamedResponse]:
        """Open ``GET /events``."""


@frozen
class Envelope:
    """What the ``data`` of one event holds."""

    topic: str
    data: Any


class EventStream:
    """
    Listens from ``start`` to ``close``; belongs to one transport and one event loop.

    Args:
        opener: Opens the connection.
        audience: The callbacks. Whoever changes them calls ``refresh``.
    """

    def __init__(self, opener: Opener, audience: Audience) -> None:
        self.audience = audience
        self._opener = opener
        self._task: asyncio.Task[None] | None = None
        self._response: StreamedResponse | None = None
        self._asked: frozenset[str] = frozenset()
        self._last_id: str | None = None
        self._live = False
        self._settled = asyncio.Event()  # live, or failed for a reason that waiting does not mend
        self._closed = False
        self._edges: Mapping[str, Any] | None = None
        self._late: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin to listen; does nothing where it listens already."""
        if self._task is None and not self._closed:
            self._task = asyncio.create_task(self._run(), name="radical-edge-events")

    def refresh(self) -> None:
        """Begin to listen, or open the stream anew where callbacks name other topics than it asked for."""
        self.start()
        if self._stale():
            self._lost()
            if self._response is not None:
                self._response.close()

    def tell_edges(self, callback: TopologyCallback) -> None:
        """Let a callback that came after the stream's begin know the present edges."""
        if self._live and self._edges is not None:
            task = asyncio.create_task(self.audience.tell(callback, self._edges))
            self._late.add(task)
            task.add_done_callback(self._late.discard)

    async def wait_live(self, timeout: float) -> bool:
        """
        Wait until the stream stands, so that whatever happens from now on is heard.

        Returns:
            ``False`` where it does not stand in time, or can't: the log says why.
        """
        self.start()
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._settled.wait()
        return self._live

    async def close(self) -> None:
        """Stop listening; may be called again, and from a callback."""
        self._closed = True
        task, self._task = self._task, None
        for running in (*self._late, *([task] if task else ())):
            if running is not asyncio.current_task():
                running.cancel()
                await asyncio.wait([running])

    async def _run(self) -> None:
        pauses = jittered()
        while not self._closed:
            refused = await self._attempt()
            if self._stale():
                continue
            if self._live:
                pauses = jittered()
            if refused is None:
                self._lost()
            else:
                self._give_up(refused)
            await asyncio.sleep(next(pauses))

    async def _attempt(self) -> EdgeError | None:
        """Listen to one connection; return the error where the next one would fail as well."""
        try:
            await self._listen()
        except EdgeError as error:
            if self._live and not self._stale():
                log.info("the event stream broke off and is opened anew: %s", error.detail)
            return None if error.transient else error
        except Exception:  # whatever it is, the stream comes back
            log.exception("the event stream failed")
        return None

    async def _listen(self) -> None:
        """Read one connection until it ends, or until other topics are to be asked for."""
        self._asked = self.audience.named_topics()
        params = {"ephemeral": ",".join(sorted(self._asked)) or None}
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
        if self._last_id is not None:
            headers["Last-Event-ID"] = self._last_id
        parser = SseParser()
        opened = self._opener.stream(
            "GET", PATH, params=params, headers=headers, deadline_s=HEAD_S, silence_s=SILENCE_S
        )
        async with opened as response:
            self._response = response
            try:
                async for chunk in response.iter_chunks():
                    for event in parser.feed(chunk):
                        if self._stale() or self._closed:
                            return
                        await self._dispatch(event)
                    self._last_id = parser.last_id or self._last_id
            finally:
                self._response = None

    async def _dispatch(self, event: ServerEvent) -> None:
        try:
            envelope = msgspec.json.decode(event.data, type=Envelope)
            repeated = event.id is not None and _not_after(event.id, self._last_id)
            if envelope.topic == "notification" and repeated:
                return
            await self._tell(envelope)
        except (msgspec.DecodeError, KeyError, TypeError):
            log.warning("an event of the bridge can't be read: %.200s", event.data)
        if event.id is not None:
            self._last_id = event.id

    async def _tell(self, envelope: Envelope) -> None:
        data = envelope.data
        match envelope.topic:
            case "topology":
                self._edges = dict(data["edges"])
                self._live = True
                self._settled.set()
                await self.audience.tell_topology(self._edges)
            case "notification":
                await self.audience.notify(data["edge"], data["plugin"], data["topic"], data.get("data"))
            case "truncated":
                log.warning("events were lost, the bridge can't replay them: %s", data)
                await self.audience.tell_gap(data)
            case _:
                pass  # a later version's

    def _stale(self) -> bool:
        return self._asked != self.audience.named_topics()

    def _lost(self) -> None:
        self._live = False
        self._settled.clear()

    def _give_up(self, error: EdgeError) -> None:
        """Tell who waits that it is in vain; the stream is tried again, as the bridge may be set right."""
        if self._live or not self._settled.is_set():
            log.error("the event stream can't be opened: %s", error.detail)
        self._live = False
        self._settled.set()


def _not_after(event_id: str, last_id: str | None) -> bool:
    """Say whether an id (``<epoch>.<n>``) repeats what was handed out already."""
    if last_id is None:
        return False
    (epoch, _, number), (last_epoch, _, last_number) = event_id.rpartition("."), last_id.rpartition(".")
    if epoch != last_epoch or not number.isdecimal() or not last_number.isdecimal():
        return event_id == last_id
    return int(number) <= int(last_number)
