"""
The life of a channel: sockets come and go within it, and once lost it stays lost.

::

    NEW --ATTACH--> ATTACHED --DETACH--> DETACHED --EXPIRE--> LOST
                        ^------ATTACH-------'

Whatever shows that the two sides cannot agree (BREAK) loses it from any state. A pair that is not in the
table (only LOST with ATTACH) is an error of the caller, and checked before.
"""

from __future__ import annotations

from enum import Enum
from typing import Final


class ChannelState(Enum):
    """Where a channel is in its life."""

    NEW = "new"
    ATTACHED = "attached"
    DETACHED = "detached"
    LOST = "lost"


class Turn(Enum):
    """What can change it: a socket comes or goes, the grace period ends, the two sides cannot agree."""

    ATTACH = "attach"
    DETACH = "detach"
    EXPIRE = "expire"
    BREAK = "break"


TRANSITIONS: Final[dict[tuple[ChannelState, Turn], ChannelState]] = {
    (ChannelState.NEW, Turn.ATTACH): ChannelState.ATTACHED,
    (ChannelState.NEW, Turn.DETACH): ChannelState.NEW,
    (ChannelState.NEW, Turn.EXPIRE): ChannelState.NEW,
    (ChannelState.NEW, Turn.BREAK): ChannelState.LOST,
    (ChannelState.ATTACHED, Turn.ATTACH): ChannelState.ATTACHED,
    (ChannelState.ATTACHED, Turn.DETACH): ChannelState.DETACHED,
    (ChannelState.ATTACHED, Turn.EXPIRE): ChannelState.ATTACHED,
    (ChannelState.ATTACHED, Turn.BREAK): ChannelState.LOST,
    (ChannelState.DETACHED, Turn.ATTACH): ChannelState.ATTACHED,
    (ChannelState.DETACHED, Turn.DETACH): ChannelState.DETACHED,
    (ChannelState.DETACHED, Turn.EXPIRE): ChannelState.LOST,
    (ChannelState.DETACHED, Turn.BREAK): ChannelState.LOST,
    (ChannelState.LOST, Turn.DETACH): ChannelState.LOST,
    (ChannelState.LOST, Turn.EXPIRE): ChannelState.LOST,
    (ChannelState.LOST, Turn.BREAK): ChannelState.LOST,
}
