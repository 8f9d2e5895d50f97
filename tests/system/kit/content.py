"""Content of any size that is made as it is sent, and never lies in memory or on disk."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from typing import Final

PIECE: Final = 256 * 1024


class Content:
    """
    Pseudo-random bytes, the same for the same seed.

    Args:
        size: How many.
        seed: Which.

    Attributes:
        sent: How many were handed out by ``pieces``.
    """

    def __init__(self, size: int, seed: int) -> None:
        self.size = size
        self.sent = 0
        self._block = random.Random(seed).randbytes(PIECE)
        self._hash = hashlib.sha256()

    def pieces(self) -> Iterator[bytes]:
        """Make the bytes, once."""
        while self.sent < self.size:
            # Each piece has its own number, so that none can stand for another.
            piece = (self.sent.to_bytes(8, "big") + self._block[8:])[: self.size - self.sent]
            self._hash.update(piece)
            self.sent += len(piece)
            yield piece

    @property
    def sha256(self) -> str:
        """The SHA-256 of what was handed out, in hexadecimal."""
        return self._hash.hexdigest()
