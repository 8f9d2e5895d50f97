"""What one end of a channel has sent and the peer has not acknowledged."""

from __future__ import annotations

from collections import deque

from .errors import LinkError


class Backlog:
    """
    Messages numbered from 1, of which the acknowledged ones are forgotten.

    Attributes:
        size: Bytes kept.
    """

    __slots__ = ("_acked", "_channel", "_kept", "_sent", "size")

    def __init__(self, channel: str) -> None:
        self.size = 0
        self._channel = channel
        self._kept: deque[bytes] = deque()
        self._sent = 0
        self._acked = 0

    def append(self, message: bytes) -> None:
        """Give a message the next number."""
        self._sent += 1
        self.size += len(message)
        self._kept.append(message)

    def acknowledge(self, number: int) -> None:
        """
        Forget the messages up to this number.

        Raises:
            LinkError: So many were not sent, or more were acknowledged before.
        """
        if number > self._sent:
            raise LinkError(f"the peer has message {number} of channel {self._channel}, of {self._sent} sent")
        if number < self._acked:
            raise LinkError(
                f"the peer has {number} messages of channel {self._channel}, and had {self._acked}"
            )
        for _ in range(number - self._acked):
            self.size -= len(self._kept.popleft())
        self._acked = number

    def rest(self) -> list[bytes]:
        """Return what is to be sent again, in order."""
        return list(self._kept)

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()
        self.size = 0
