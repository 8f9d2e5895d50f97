"""A plugin that misbehaves when it is told to."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Mapping
from typing import ClassVar

from attrs import frozen

from radical_edge_core.plugin import Plugin, operation


@frozen(kw_only=True)
class Done:
    """That something was done, and how often."""

    count: int = 1


class Trouble(Plugin):
    """Blocks, floods and raises."""

    name: ClassVar[str] = "trouble"
    version: ClassVar[str] = "1.0"
    topics: ClassVar[Mapping[str, str]] = {"flood": "durable", "foam": "ephemeral"}

    async def start(self) -> None:
        """Prepare what blocked threads wait for."""
        self._let_go = threading.Event()
        # Also from outside: an edge that is stopping takes no calls.
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, self._let_go.set)
        self._held = 0
        self._counting = threading.Lock()

    async def stop(self) -> None:
        """End at once, or never where the configuration says so."""
        if self.config.get("stop_hangs"):
            await asyncio.Event().wait()

    def health(self) -> Mapping[str, object]:
        """Tell how many threads are blocked."""
        return {"held": self._held}

    @operation.post("hold", effect="read")
    def hold(self) -> Done:
        """Block a worker thread until ``let_go``."""
        with self._counting:
            self._held += 1
        self._let_go.wait()
        return Done()

    @operation.post("let_go", effect="read")
    async def let_go(self) -> Done:
        """Let the blocked threads go on."""
        self._let_go.set()
        return Done(count=self._held)

    @operation.post("stall", effect="read")
    async def stall(self, seconds: float) -> Done:
        """Block the event loop, as an author may who does not know better."""
        time.sleep(seconds)  # noqa: ASYNC251 - that is the point
        return Done()

    @operation.post("flood", effect="read")
    def flood(self, events: int, topic: str) -> Done:
        """Publish as fast as a thread can."""
        for number in range(events):
            self.notify(topic, {"number": number, "padding": "x" * 200})
        return Done(count=events)

    @operation.post("fail", effect="read")
    async def fail(self, how: str) -> Done:
        """Raise."""
        return Done(count=self._fail(how))

    @operation.post("fail_in_thread", effect="read")
    def fail_in_thread(self, how: str) -> Done:
        """Raise in a worker thread."""
        return Done(count=self._fail(how))

    @operation.get("break_off", stream="text")
    async def break_off(self) -> AsyncIterator[bytes]:
        """Begin an answer and raise."""
        yield b"it began well\n"
        raise KeyError("secret-inside")

    def _fail(self, how: str) -> int:
        match how:
            case "key":
                return {"a": 1}["secret-inside"]
            case "exit":
                sys.exit("secret-inside")
            case "cancel":
                raise asyncio.CancelledError("secret-inside")
            case "generator":
                raise GeneratorExit("secret-inside")
            case "deep":
                return self._fail(how)
            case "group":
                raise ExceptionGroup(
                    "secret-inside", [ValueError("secret-inside"), KeyError("secret-inside")]
                )
            case "stop":
                raise StopIteration("secret-inside")
            case "answer":
                return object()  # type: ignore[return-value]  # what no encoder takes
            case _:
                raise ValueError(how)
