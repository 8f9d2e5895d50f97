"""A network that fails on demand, for tests that are not asynchronous themselves."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable

from radical_edge_core.testing.faults import FaultProxy
from radical_edge_core.testing.tally import Tally


class _Proxy(FaultProxy):
    """Cuts not once but as often as there are gaps left."""

    gaps: list[int]

    def cut(self) -> None:
        super().cut()
        if self.gaps:
            self.cut_after(self.gaps.pop())


class Network:
    """
    The fault proxy before a port of this machine, in a thread of its own.

    Args:
        port: Where connections go.
        tally: Counts the faults.
    """

    def __init__(self, port: int, tally: Tally) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="network")
        self._thread.start()
        self._proxy = _Proxy(port, tally)
        self._proxy.gaps = []
        asyncio.run_coroutine_threadsafe(self._proxy.start(), self._loop).result(10)

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._proxy.port

    @property
    def carried(self) -> int:
        """How many bytes it has passed on, in both directions."""
        return self._proxy.forwarded

    @property
    def tally(self) -> Tally:
        """What counts the faults."""
        return self._proxy.tally

    @tally.setter
    def tally(self, tally: Tally) -> None:
        self._proxy.tally = tally

    def cut_each(self, gaps: Iterable[int]) -> None:
        """Cut whatever is connected after so many bytes, and again after so many more."""

        def arm() -> None:
            self._proxy.gaps = list(gaps)
            self._proxy.cut_after(self._proxy.gaps.pop())

        self._in_loop(arm)

    def cut(self) -> None:
        """Cut whatever is connected, now."""
        self._in_loop(self._proxy.cut)

    def stall(self) -> None:
        """Pass nothing on, but keep the connections."""
        self._in_loop(self._proxy.freeze)

    def throttle(self, bytes_per_s: float) -> None:
        """Let no more through, in each direction of each connection."""
        self._proxy.bytes_per_s = bytes_per_s

    def refuse(self) -> None:
        """Take no new connection until ``mend``."""
        self._in_loop(self._proxy.refuse)

    def mend(self) -> None:
        """Be a good network again."""
        self._in_loop(self._proxy.accept)
        self._in_loop(self._proxy.thaw)

    def close(self) -> None:
        """Break everything, and end."""
        asyncio.run_coroutine_threadsafe(self._proxy.stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _in_loop(self, function: Callable[[], None]) -> None:
        async def call() -> None:
            function()

        asyncio.run_coroutine_threadsafe(call(), self._loop).result(10)

    def _run(self) -> None:
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()
