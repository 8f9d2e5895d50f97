"""A listener at ``GET /events``."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Any

from kit.hosts import Bridge


@dataclass(frozen=True)
class Event:
    """One server-sent event."""

    id: str
    topic: str
    data: Any


class Listener:
    """
    An open event stream.

    Attributes:
        heard: Every event so far.
    """

    def __init__(self, response: HTTPResponse) -> None:
        self._response = response
        self.heard: list[Event] = []

    def next(self, wanted: Callable[[Event], bool], within_s: float = 30.0) -> Event:
        """Return the next event that is ``wanted``; those before it are only kept."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            event = self._read()
            if event is not None and wanted(event):
                return event
        raise AssertionError(f"no such event within {within_s:g} s; heard {self.heard[-20:]}")

    def notification(self, topic: str, within_s: float = 30.0) -> Event:
        """Return the next notification of a plugin's topic."""
        return self.next(
            lambda event: event.topic == "notification" and event.data["topic"] == topic, within_s
        )

    def _read(self) -> Event | None:
        fields: dict[str, str] = {}
        while line := self._response.readline().decode().rstrip("\n"):
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        assert not self._response.isclosed(), f"the stream ended; heard {self.heard[-20:]}"
        if "data" not in fields:
            return None
        document = json.loads(fields["data"])
        event = Event(fields.get("id", ""), document["topic"], document["data"])
        self.heard.append(event)
        return event


@contextmanager
def listen(bridge: Bridge, query: str = "", *, after: str = "") -> Iterator[Listener]:
    """Listen; the topology has come when this begins. ``after`` is the ``Last-Event-ID``."""
    with bridge.open("GET", f"/events{query}", Last_Event_ID=after) as response:
        assert response.status == 200, response.read()
        listener = Listener(response)
        first = listener.next(lambda _: True)
        assert first.topic == "topology"
        yield listener
