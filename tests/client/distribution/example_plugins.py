"""A plugin with an operation of every kind that a client has to cope with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, ClassVar, Literal

from attrs import frozen

from radical_edge_core.errors import NotFound
from radical_edge_core.plugin import Plugin, PluginSession, current_caller, operation

TEXT = bytes(range(256)) * 400


@frozen(kw_only=True)
class Point:
    """A record inside a field."""

    x: int
    y: int = 0


class ExampleSession(PluginSession):
    """Operations with a session."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.interrupted = 0

    @operation.post("echo/{sid}", title="Echo", effect="read")
    async def echo(
        self,
        text: str,
        count: int = 1,
        ratio: float | None = None,
        flag: bool = False,
        words: tuple[str, ...] = (),
        numbers: tuple[int, ...] = (),
        point: Point | None = None,
        table: Mapping[str, str] | None = None,
        kind: Literal["a", "b"] = "a",
        url: str = "",
    ) -> dict[str, Any]:
        """
        Return every field as it arrived.

        Nothing else happens.
        """
        return {
            "text": text,
            "count": count,
            "ratio": ratio,
            "flag": flag,
            "words": list(words),
            "numbers": list(numbers),
            "point": None if point is None else {"x": point.x, "y": point.y},
            "table": table,
            "kind": kind,
            "url": url,
        }

    @operation.get("item/{sid}/{name}")
    async def item(self, name: str) -> dict[str, str]:
        """Return the name of an item, whatever characters it has."""
        if name == "nothing":
            raise NotFound("there is no item 'nothing'")
        return {"name": name}

    @operation.post("tick/{sid}")
    async def tick(self, count: int = 1, topic: str = "ticked") -> dict[str, int]:
        """Publish some notifications."""
        for number in range(count):
            self.notify(topic, {"number": number})
        return {"count": count}

    @operation.get("bytes/{sid}", stream="bytes")
    async def data(self, offset: int = 0, interruptions: int = 0) -> AsyncIterator[bytes]:
        """Send all bytes from an offset on, but break off some times."""

        async def pieces() -> AsyncIterator[bytes]:
            for begin in range(offset, len(TEXT), 10000):
                yield TEXT[begin : min(begin + 10000, len(TEXT))]
                if self.interrupted < interruptions:
                    self.interrupted += 1
                    await asyncio.sleep(0.05)
                    raise RuntimeError("broken off on purpose")

        return pieces()


class ExamplePlugin(Plugin):
    """The plugin."""

    name: ClassVar[str] = "example"
    version: ClassVar[str] = "1.0"
    title: ClassVar[str] = "Example"
    summary: ClassVar[str] = "An example for tests."
    topics: ClassVar[Mapping[str, str]] = {"ticked": "durable", "beat": "ephemeral"}
    session_class: ClassVar[type[PluginSession] | None] = ExampleSession

    @operation.get("whoami")
    async def whoami(self) -> dict[str, Any]:
        """Tell who calls."""
        return {"subject": current_caller().subject}

    @operation.get("rows", result="table")
    async def rows(self) -> dict[str, Any]:
        """Return some records."""
        return {"rows": [{"name": "one", "size": 1}, {"name": "two", "size": None}]}

    @operation.post("fail")
    async def fail(self) -> dict[str, Any]:
        """Raise what no plugin should."""
        raise KeyError("oops")


class StubbornPlugin(Plugin):
    """A plugin that takes for ever to stop."""

    name: ClassVar[str] = "stubborn"
    version: ClassVar[str] = "1.0"

    async def stop(self) -> None:
        """Hang."""
        await asyncio.Event().wait()
