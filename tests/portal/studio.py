"""A plugin as a stranger would write it: a table, forms, a plot, gauges, output, and text that means no good."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

import attrs
from attrs import frozen
from msgspec import Meta

from radical_edge_core.errors import InvalidRequest, NotFound
from radical_edge_core.plugin import Plugin, PluginSession, operation

EVIL = '<img src=x onerror="alert(1)"><script>alert(2)</script>'


@frozen(kw_only=True)
class Take:
    id: str
    name: str
    state: str
    began_at: float
    ended_at: float | None
    note: str
    why: str = ""


@frozen(kw_only=True)
class Takes:
    takes: tuple[Take, ...]


@frozen(kw_only=True)
class Heard:
    t: float
    level: float


@frozen(kw_only=True)
class Levels:
    heard: tuple[Heard, ...]


@frozen(kw_only=True)
class Begun:
    id: str


@frozen(kw_only=True)
class Point:
    x: Annotated[int, Meta(ge=0, le=10)]
    y: int = 0


@frozen(kw_only=True)
class Circle:
    radius: float


@frozen(kw_only=True)
class Square:
    side: float


@frozen(kw_only=True)
class Echo:
    given: Mapping[str, Any]


class Desk(PluginSession):
    plugin: Studio

    @operation.post(
        "begin/{sid}",
        title="Begin a take",
        then={"open": "take", "key": "/id"},
        examples=[{"title": "A short one", "input": {"name": "short", "seconds": 1}}],
        ui={"order": ["name", "seconds"], "fields": {"/name": {"placeholder": "take one"}}},
    )
    async def begin(
        self,
        name: Annotated[str, Meta(min_length=1, title="Name")],
        seconds: Annotated[float, Meta(ge=0, le=600, title="Seconds")] = 5,
    ) -> Begun:
        """Begin a take; it ends by itself."""
        if name == "refused":
            raise InvalidRequest(problems=[{"path": "$.name", "message": "is not wanted here"}])
        return Begun(id=self.plugin.begin(name, seconds, self))

    @operation.get("takes/{sid}", title="Takes", result="table")
    async def takes(self, many: int = 0) -> Takes:
        """List the takes."""
        made = tuple(
            Take(
                id=f"row-{n}",
                name=f"take {n}",
                state="DONE" if n % 3 else "FAILED",
                began_at=1.7e9 + n,
                ended_at=1.7e9 + n + 5,
                note="",
            )
            for n in range(many)
        )
        return Takes(takes=(*self.plugin.kept.values(), *made))

    @operation.get("many/{sid}", title="Many rows")
    async def many(self) -> Takes:
        """List ten thousand rows."""
        return await self.takes(10_000)

    @operation.get("take/{sid}/{id}", title="One take")
    async def take(self, id: str) -> Take:  # noqa: A002
        """Tell of one take."""
        if id not in self.plugin.kept:
            raise NotFound(f"there is no take {id!r}")
        return self.plugin.kept[id]

    @operation.post("drop/{sid}/{id}", title="Drop it", effect="destructive", confirm={"retype": "/id"})
    async def drop(self, id: str) -> Begun:  # noqa: A002
        """End a take before its time."""
        self.plugin.end(id, "DROPPED", self)
        return Begun(id=id)

    @operation.get("sound/{sid}/{id}", title="Sound", stream="bytes")
    async def sound(self, id: str, offset: int = 0) -> AsyncIterator[bytes]:  # noqa: A002
        """Send what a take sounds like, a line each tenth of a second."""
        return self._sound(id, offset)

    async def _sound(self, take: str, offset: int) -> AsyncIterator[bytes]:
        at = 0
        for n in range(100_000):
            line = f"line {n} of {take} {EVIL}\n".encode() if n % 50 == 7 else f"line {n}\n".encode()
            at += len(line)
            if at <= offset:
                continue
            yield line[max(0, offset - (at - len(line))) :]
            if self.plugin.kept[take].state != "RUNNING":
                return
            await asyncio.sleep(0.05)

    @operation.get("flood/{sid}", title="Flood", stream="text")
    async def flood(self, lines: int = 100_000) -> AsyncIterator[bytes]:
        """Send many lines at once."""
        return self._flood(lines)

    async def _flood(self, lines: int) -> AsyncIterator[bytes]:
        for begin in range(0, lines, 1000):
            yield "".join(f"flood {n}\n" for n in range(begin, min(lines, begin + 1000))).encode()

    @operation.get("noise/{sid}", title="Noise", stream="bytes")
    async def noise(self) -> AsyncIterator[bytes]:
        """Send what is no text, colours, progress, and a line without end."""
        return self._noise()

    async def _noise(self) -> AsyncIterator[bytes]:
        yield b"bad \xff\xfe bytes\n\x1b[31mred\x1b[0m and \x1b[2Jplain\n 10%\r 50%\r100%\n"
        yield "split \u00e4".encode()[:-1]
        yield "\u00e4 here\n".encode()[1:]
        yield b"long " + b"x" * 1_000_000 + b"\nlast\n"

    @operation.post("features/{sid}", title="Every feature")
    async def features(
        self,
        text: Annotated[str, Meta(min_length=2, max_length=8, title="Text")],
        whole: Annotated[int, Meta(ge=1, le=9)] = 3,
        number: float | None = None,
        yes: bool = False,
        kind: Literal["one", "two"] = "one",
        words: Annotated[tuple[str, ...], Meta(max_length=3)] = (),
        point: Point | None = None,
        points: tuple[Point, ...] = (),
        names: Mapping[str, int] | None = None,
        either: int | str | None = None,
    ) -> Echo:
        """Take one of everything and give it back."""
        given = {
            "text": text,
            "whole": whole,
            "number": number,
            "yes": yes,
            "kind": kind,
            "words": list(words),
            "point": point and attrs.asdict(point),
            "points": [attrs.asdict(each) for each in points],
            "names": dict(names or {}),
            "either": either,
        }
        return Echo(given=given)


class Studio(Plugin):
    """Takes."""

    name: ClassVar[str] = "studio"
    version: ClassVar[str] = "2.3"
    title: ClassVar[str] = "Studio"
    summary: ClassVar[str] = f"A stranger's plugin. {EVIL}"
    icon: ClassVar[str] = "flask"
    session_class: ClassVar[type[PluginSession] | None] = Desk
    topics: ClassVar[Mapping[str, str]] = {"take": "durable", "level": "ephemeral"}

    def __init__(self, context: Any) -> None:
        super().__init__(context)
        self.kept: dict[str, Take] = {}

    async def start(self) -> None:
        self.run_in_background("level", self._level)

    async def _level(self) -> None:
        while True:
            now = time.time()
            channels = [{"name": f"channel {n}", "level": 50 + 40 * math.sin(now / 3 + n)} for n in range(3)]
            self.notify("level", {"t": now, "level": 50 + 45 * math.sin(now / 5), "channels": channels})
            await asyncio.sleep(0.25)

    def begin(self, name: str, seconds: float, desk: Desk) -> str:
        made = f"take-{len(self.kept) + 1}"
        self.kept[made] = Take(
            id=made, name=name, state="RUNNING", began_at=time.time(), ended_at=None, note=EVIL
        )
        desk.notify("take", {"id": made, "state": "RUNNING"})
        state = "FAILED" if name == "doomed" else "DONE"
        asyncio.get_running_loop().call_later(seconds, lambda: self.end(made, state, desk))
        return made

    def end(self, take: str, state: str, desk: Desk) -> None:
        if take in self.kept and self.kept[take].state == "RUNNING":
            why = "the tape tore" if state == "FAILED" else ""
            self.kept[take] = attrs.evolve(self.kept[take], state=state, ended_at=time.time(), why=why)
            desk.notify("take", {"id": take, "state": state})

    @operation.get("levels", title="Levels so far")
    async def levels(self) -> Levels:
        """Tell the level of the last half hour but for ten minutes, when nobody measured."""
        now = time.time()
        past = [*range(1800, 1200, -10), *range(600, 0, -10)]
        return Levels(heard=tuple(Heard(t=now - ago, level=10.0) for ago in past))

    @operation.get("capacity", title="Capacity")
    async def capacity(self) -> dict[str, Any]:
        """Tell how full everything is."""
        return {
            "rooms": [{"name": "hall", "used": 3, "of": 4}, {"name": EVIL, "used": 1, "of": 2}],
            "about": {"owner": EVIL, "rooms": 2},
        }

    def views(self) -> Mapping[str, object]:
        tones = {"RUNNING": "run", "DONE": "ok", "DROPPED": "warn", "FAILED": "bad"}
        take = {
            "title": "Take",
            "key": "/id",
            "label": "/name",
            "list": "takes",
            "items": "/takes",
            "get": "take",
            "live": {"topic": "take", "merge": "key"},
            "state": {"field": "/state", "tone": tones, "final": ["DONE", "DROPPED", "FAILED"]},
            "reason": "/why",
            "timeline": [{"label": "Began", "field": "/began_at"}, {"label": "Ended", "field": "/ended_at"}],
            "actions": [
                {
                    "operation": "drop",
                    "args": {"id": "/id"},
                    "when": {"field": "/state", "in": ["RUNNING"]},
                    "bulk": True,
                }
            ],
            "logs": [{"title": "sound", "operation": "sound", "args": {"id": "/id"}, "offset": "offset"}],
        }
        columns = [
            {"field": "/id", "label": "Take", "format": "code", "priority": 1},
            {"field": "/state", "priority": 1},
            {"field": "/name", "priority": 2},
            {"field": "/note", "priority": 5},
            {"field": "/began_at", "label": "Began", "format": "time", "priority": 3},
        ]
        return {
            "resources": {
                "take": take,
                "row": {**take, "title": "Row", "list": "many", "actions": [], "logs": []},
            },
            "streams": {"level": {"topic": "level", "time": "/t", "history": "levels", "samples": "/heard"}},
            "views": [
                {"id": "takes", "kind": "table", "title": "Takes", "resource": "take", "columns": columns},
                {"id": "begin", "kind": "form", "title": "Begin", "operation": "begin"},
                {"id": "features", "kind": "form", "title": "Features", "operation": "features"},
                {"id": "many", "kind": "table", "title": "Many", "resource": "row", "columns": columns},
                {
                    "id": "level",
                    "kind": "plot",
                    "title": "Level",
                    "stream": "level",
                    "unit": "percent",
                    "summary": True,
                    "series": [{"field": "/level", "label": "Level"}],
                },
                {
                    "id": "channels",
                    "kind": "plot",
                    "title": "Channels",
                    "stream": "level",
                    "unit": "percent",
                    "each": "/channels",
                    "series": [{"field": "/level", "label": "/name"}],
                },
                {
                    "id": "rooms",
                    "kind": "gauge",
                    "title": "Rooms",
                    "operation": "capacity",
                    "each": "/rooms",
                    "label": "/name",
                    "used": "/used",
                    "of": "/of",
                    "unit": "count",
                },
                {"id": "about", "kind": "facts", "title": "About", "operation": "capacity", "at": "/about"},
                {"id": "odd", "kind": "hologram", "title": "Odd"},
            ],
        }
