"""What a listener at ``/events`` gets, event by event."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec
from attrs import frozen

from radical_edge_core.testing.api import Api


@frozen
class Heard:
    """One event; of a ``notification``, ``data`` is the object with edge, plugin, topic and data."""

    id: str
    topic: str
    data: Any

    @property
    def inner(self) -> Any:
        """Return what the plugin published, of a notification."""
        return self.data["data"]


class Listening:
    """
    An open stream of events.

    Attributes:
        events: Everything heard so far.
        comments: How many comment lines came.
        chunks: How many pieces the stream came in; the bridge joins what it has into one.
        ended: Whether the bridge has ended the stream.
    """

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self.events: list[Heard] = []
        self.comments = 0
        self.chunks = 0
        self.ended = False
        self._changed = asyncio.Event()
        self._read = 0

    async def run(self) -> None:
        """Read the stream to its end."""
        pending = b""
        try:
            async for chunk in self.response.content.iter_any():
                self.chunks += 1
                *blocks, pending = (pending + chunk).split(b"\n\n")
                for block in blocks:
                    self._take(block)
                self._changed.set()
        finally:
            self.ended = True
            self._changed.set()

    async def until(self, found: Callable[[Heard], bool], deadline_s: float = 10.0) -> Heard:
        """
        Return the next event, after those returned before, that ``found`` is true of.

        Raises:
            AssertionError: The stream ended, or none came in time.
        """
        try:
            async with asyncio.timeout(deadline_s):
                while True:
                    for event in self.events[self._read :]:
                        self._read += 1
                        if found(event):
                            return event
                    if self.ended:
                        raise AssertionError(f"the stream ended; heard {self.events!r:.2000}")
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"not within {deadline_s:g} s; heard {self.events!r:.2000}") from None

    async def next(self, topic: str, deadline_s: float = 10.0) -> Heard:
        """Return the next event of a topic, as in ``until``."""
        return await self.until(lambda event: event.topic == topic, deadline_s)

    async def notified(self, topic: str, deadline_s: float = 10.0) -> Heard:
        """Return the next notification of a plugin's topic, as in ``until``."""
        return await self.until(
            lambda event: event.topic == "notification" and event.data["topic"] == topic, deadline_s
        )

    def notifications(self) -> list[Any]:
        """Return what plugins published, of every notification so far."""
        return [event.inner for event in self.events if event.topic == "notification"]

    def _take(self, block: bytes) -> None:
        fields = {name: value for name, _, value in (line.partition(": ") for line in _lines(block))}
        if "data" not in fields:
            self.comments += 1
            return
        document = msgspec.json.decode(fields["data"])
        self.events.append(Heard(fields.get("id", ""), document["topic"], document["data"]))


def _lines(block: bytes) -> list[str]:
    return block.decode().split("\n")


@asynccontextmanager
async def listening(api: Api, query: str = "", *, after: str | None = None) -> AsyncIterator[Listening]:
    """
    Listen at ``/events``; the topology has come when this begins.

    Args:
        api: Who listens.
        query: The filters, with their question mark.
        after: The ``Last-Event-ID``.
    """
    headers = {} if after is None else {"last-event-id": after}
    async with api.open("GET", f"/events{query}", headers=headers) as response:
        if response.status != 200:
            raise AssertionError(f"/events answered {response.status}: {await response.text()}")
        heard = Listening(response)
        reading = asyncio.create_task(heard.run())
        try:
            await heard.next("topology")
            yield heard
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            response.close()
