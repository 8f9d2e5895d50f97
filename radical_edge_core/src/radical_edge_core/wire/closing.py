"""Why a link's socket was closed: the WebSocket close codes of both hosts."""

from __future__ import annotations

from typing import Final

REPLACED: Final = 4001
"""Another instance of the same name took over; the reason names its host. The edge exits 4."""
REFUSED: Final = 4002
"""The hello was refused; a REFUSED frame before it says why. The edge exits 3 where repeating can't help."""
DISCONNECTED: Final = 4003
"""Somebody asked the bridge to end this edge. The edge exits 0."""
STOPPING: Final = 4004
"""The bridge stops or restarts; the edge comes back."""
BROKEN: Final = 4005
"""The peer broke the protocol; the reason says how. The edge comes back with a new channel."""
