"""
One line a request: edge, plugin, subject, request id, status, duration.

Lines are gathered and written a few times a second: a write per request would cost more than the forwarding itself.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from typing import Final, TextIO

import msgspec

from radical_edge_core.bridge.proxy import Passage

_FLUSH_S: Final = 0.2
_MAX_LINES: Final = 512
# Longer than any edge's or plugin's name can be: the rest is a caller's invention.
_MAX_NAME: Final = 80


class AccessLog:
    """
    The request log of one bridge.

    Args:
        stream: Where lines go; ``None`` switches the log off.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream
        self._human = stream is not None and stream.isatty()
        self._lines: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None

    def write(self, passage: Passage, duration_s: float, wall: float) -> None:
        """Take one finished request."""
        if self._stream is None:
            return
        self._lines.append(
            _text(passage, duration_s, wall) if self._human else _json(passage, duration_s, wall)
        )
        if len(self._lines) >= _MAX_LINES:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_FLUSH_S, self.flush)

    def flush(self) -> None:
        """Write what was gathered."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._stream is not None and self._lines:
            joined = b"".join(self._lines)
            self._lines.clear()
            try:
                self._stream.flush()
                self._stream.buffer.write(joined)
                self._stream.flush()
            except (OSError, ValueError, AttributeError):
                self._stream = None  # nobody reads the log any more; requests go on


def standard(level: str) -> AccessLog:
    """Return the log that console scripts use: standard error, from level INFO on."""
    return AccessLog(sys.stderr if level in {"DEBUG", "INFO"} else None)


def _json(passage: Passage, duration_s: float, wall: float) -> bytes:
    line = {
        "time": datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds"),
        "level": "INFO",
        "logger": "request",
        "method": passage.method,
        "edge": passage.edge[:_MAX_NAME],
        "plugin": passage.plugin[:_MAX_NAME],
        "subject": passage.subject,
        "request_id": passage.request_id,
        "status": passage.status,
        "bytes": passage.sent,
        "duration_ms": round(duration_s * 1000, 3),
    }
    if passage.aborted:
        line["aborted"] = True
    return msgspec.json.encode(line) + b"\n"


def _text(passage: Passage, duration_s: float, wall: float) -> bytes:
    when = datetime.fromtimestamp(wall).astimezone().strftime("%H:%M:%S")
    tail = " aborted" if passage.aborted else ""
    # What the caller made up must neither begin a line of its own nor speak to the terminal.
    place = f"{passage.edge[:_MAX_NAME]}/{passage.plugin[:_MAX_NAME]}"
    shown = "".join(char if char.isprintable() else "?" for char in place)
    return (
        f"{when} INFO    {passage.method} {shown} {passage.status}{tail} "
        f"{duration_s * 1000:.1f} ms {passage.subject} {passage.request_id}\n"
    ).encode()
