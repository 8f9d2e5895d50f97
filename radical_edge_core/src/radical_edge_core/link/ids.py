"""
Stream ids: minted by one side, ascending, 32 bits wide; 0 is no stream.

A busy bridge uses them up within a week, so after 2^32 - 1 they begin again at 1, past those still alive.
From then on "before" and "after" are meant within half the range, as with TCP's sequence numbers.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Final

_COUNT: Final = 1 << 32
_HALF: Final = _COUNT // 2


class Ids:
    """Remembers the last id that was opened, and so knows of each whether it ever was."""

    __slots__ = ("_wrapped", "last")

    def __init__(self) -> None:
        self.last = 0
        self._wrapped = False

    def mint(self, live: Container[int]) -> int:
        """Return the next id that is not among the live ones."""
        stream = self.last + 1
        if stream < _COUNT and not self._wrapped:
            self.last = stream
            return stream
        while True:
            if stream == _COUNT:
                stream = 1
                self._wrapped = True
            if stream not in live:
                self.last = stream
                return stream
            stream += 1

    def accept(self, stream: int) -> bool:
        """Note that the peer opened this stream; false if it comes not after the last one."""
        if stream == self.last + 1 < _COUNT:
            self.last = stream
            return True
        if not stream or not 0 < (stream - self.last) % _COUNT < _HALF:
            return False
        self._wrapped = self._wrapped or stream < self.last
        self.last = stream
        return True

    def was_opened(self, stream: int) -> bool:
        """Whether the stream was ever opened, and so has ended if it is not alive."""
        if self._wrapped:
            return stream != 0 and (self.last - stream) % _COUNT < _HALF
        return 0 < stream <= self.last
