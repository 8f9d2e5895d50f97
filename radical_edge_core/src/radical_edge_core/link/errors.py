"""What can go wrong on a link; outside the HTTP tree, since none of it reaches an HTTP caller as it is."""

from __future__ import annotations


class LinkError(Exception):
    """The peer broke the protocol; the text says how, in one sentence. The channel cannot go on."""


class StreamRefused(RuntimeError):
    """
    No stream can be opened now.

    Attributes:
        code: ``draining`` (one side said goodbye), ``overload`` (too many streams) or ``lost`` (no link).
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
