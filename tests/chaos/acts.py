"""A plugin whose deeds can be counted from outside: one line in a file for each; it becomes ``throwaway_acts``."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, cast

from attrs import frozen

from radical_edge_core.plugin import Plugin, PluginSession, current_caller, operation

# Above what the journal keeps in its own file.
LARGE = 257 * 1024


@frozen(kw_only=True)
class Done:
    """What was done; some answers are large."""

    what: str
    filling: str = ""


class ActsSession(PluginSession):
    """Counts what was done in it, and keeps that."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.done = 0

    def snapshot(self) -> object:
        """Return the count."""
        return {"done": self.done}

    def restore(self, data: object) -> None:
        """Take the count back."""
        self.done = cast("Any", data)["done"]

    @operation.post("act/{sid}", retry="adopt")
    async def act(self, what: str, large: bool = False) -> Done:
        """Write a line, and tell of it."""
        return cast("Acts", self.plugin).do(self, what, large=large)

    @operation.post("never/{sid}")
    async def never(self, what: str) -> Done:
        """Do the same, and promise less."""
        return cast("Acts", self.plugin).do(self, what, large=False)

    @operation.post("safe/{sid}", retry="safe")
    async def safe(self, what: str) -> Done:
        """Do what may be done twice: make sure that a file of that name is there, and tell whether it was."""
        (cast("Acts", self.plugin).folder / f"safe-{what}").touch()
        return Done(what=what)

    @operation.get("count/{sid}")
    async def count(self) -> dict[str, int]:
        """Tell how much was done in this session."""
        return {"done": self.done}


class Acts(Plugin):
    """Appends lines."""

    name: ClassVar[str] = "acts"
    version: ClassVar[str] = "1.0"
    session_class: ClassVar[type[PluginSession] | None] = ActsSession
    topics: ClassVar[Mapping[str, str]] = {"done": "durable", "tick": "durable"}

    @property
    def folder(self) -> Path:
        """Where the lines are."""
        return Path(os.environ["ACTS_FOLDER"])

    def do(self, session: ActsSession, what: str, *, large: bool) -> Done:
        """Act: from here on it can't be undone."""
        line = f"{current_caller().idempotency_key} {what} {int(large)}\n"
        with (self.folder / "acts").open("a", encoding="utf-8") as stream:
            stream.write(line)
        session.done += 1
        session.notify("done", {"what": what}, once=what)
        return _done(what, large=large)

    async def adopt(self, key: str, operation_name: str) -> Done | None:
        """Look for the line."""
        del operation_name
        for line in (self.folder / "acts").read_text(encoding="utf-8").splitlines():
            found, what, large = line.split()
            if found == key:
                self.notify("done", {"what": what}, current_caller().subject, once=what)
                return _done(what, large=large == "1")
        return None

    @operation.post("emit", effect="read")
    async def emit(self, first: int, count: int, padding: int = 0) -> dict[str, int]:
        """Publish numbers that were not published yet, each under its own mark, and answer when they are kept."""
        more = {"padding": "x" * padding} if padding else {}
        kept = [self.notify("tick", {**more, "n": n}, once=f"tick {n}") for n in range(first, first + count)]
        await asyncio.gather(*map(asyncio.wrap_future, kept))
        return {"next": first + count}

    @operation.post("emit_later", effect="read")
    async def emit_later(self, first: int, count: int, pause: float) -> dict[str, int]:
        """Answer, and publish after a while, one every hundredth of a second."""

        async def later() -> None:
            await asyncio.sleep(pause)
            for n in range(first, first + count):
                await self.emit(n, 1)
                await asyncio.sleep(0.01)

        self.run_in_background(f"emit {first}", later)
        return {"next": first + count}

    @operation.post("nap", effect="read")
    async def nap(self, seconds: float) -> dict[str, float]:
        """Take a while."""
        await asyncio.sleep(seconds)
        return {"slept": seconds}


def _done(what: str, *, large: bool) -> Done:
    return Done(what=what, filling="x" * LARGE if large else "")
