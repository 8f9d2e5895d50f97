"""
Calls that wait for an edge, bounded in number and in bytes.

A call that waits is one timer and a place in a row: there may be thousands of them, so none has a task of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import islice
from typing import Final

from attrs import define, field

from radical_edge_core.errors import Overloaded

MAX_PARKED: Final = 10_000
MAX_PARKED_BYTES: Final = 256 * 1024 * 1024
# As much of a body may lie in the server's own buffers while nobody reads it: its queue's ten messages of 64 KiB, what
# the socket's reader takes before it pauses, and what is looked at to see whether the caller is still there.
_HELD: Final = 16 * 64 * 1024


@define
class Lot:
    """
    The room for all calls that wait, whatever they wait for.

    Attributes:
        calls: How many wait.
        held: How many bytes of their bodies may have been received.
    """

    calls: int = 0
    held: int = 0

    def enter(self, body: int | None) -> int:
        """
        Take a place; return what ``leave`` is to be given.

        Args:
            body: How long the call's body is; ``None`` where only its end will tell.

        Raises:
            Overloaded: There is no room.
        """
        size = _HELD if body is None else min(body, _HELD)
        if self.calls >= MAX_PARKED or self.held + size > MAX_PARKED_BYTES:
            raise Overloaded(f"{self.calls} calls wait for edges already", retry_after_s=5)
        self.calls += 1
        self.held += size
        return size

    def leave(self, size: int) -> None:
        """Give the place back."""
        self.calls -= 1
        self.held -= size


@define(eq=False)
class Row:
    """
    The calls that wait for one edge, in the order in which they came.

    Attributes:
        lot: The room that all rows share.
    """

    lot: Lot
    _places: dict[asyncio.Timeout, None] = field(factory=dict, init=False)

    def __bool__(self) -> bool:
        """Say whether any call waits."""
        return bool(self._places)

    async def wait(self, until: float, meanwhile: Callable[[], Awaitable[None]], body: int | None) -> None:
        """
        Return when woken, at the latest when the loop's clock shows ``until``.

        Args:
            until: Seconds on the loop's clock.
            meanwhile: Awaited in the meantime. It never returns; what it raises ends the waiting.
            body: How long the call's body is.

        Raises:
            Overloaded: There is no room.
        """
        size = self.lot.enter(body)
        try:
            async with asyncio.timeout_at(until) as place:
                self._places[place] = None
                await meanwhile()
        except TimeoutError:
            pass
        finally:
            self.lot.leave(size)
            self._places.pop(place, None)

    def wake(self, count: int | None = None) -> None:
        """Wake the first ``count`` calls, or all of them; each then looks for itself how things are."""
        now = asyncio.get_running_loop().time()
        for place in list(islice(self._places, count)):
            del self._places[place]
            if not place.expired():
                place.reschedule(now)
