"""
Which channel a HELLO continues.

The edge sends HELLO; the bridge answers WELCOME or REFUSED. ``Hello.channel`` names the channel and is minted
by the edge, anew for every channel. A channel that was in use (``resume`` is the bridge's instance id) is
either continued or refused with code ``gone``, after which the edge begins a new one *under a new id*: a
bridge that began again under the old id could not tell a lost WELCOME from a resume, and would skip messages.
``judge`` decides it.
"""

from __future__ import annotations

from typing import Final, Literal

from .channel import Channel
from .heads import Hello
from .lifetime import ChannelState

GONE: Final = "gone"


def judge(hello: Hello, instance: str, known: Channel | None) -> Literal["new", "resume", "gone"]:
    """
    Decide, as the bridge, what a HELLO means for the channel it names.

    Args:
        hello: From an edge whose credential was found good for its instance.
        instance: The bridge's own instance id.
        known: The channel kept under ``hello.channel`` for the same edge instance, if any.

    Returns:
        ``new``: make a channel. ``resume``: attach ``known`` (also where the edge never got its WELCOME).
        ``gone``: answer ``Refused(code=GONE)``.
    """
    if known is not None and known.state is not ChannelState.LOST and hello.resume in {None, instance}:
        return "resume"
    return "new" if hello.resume is None else "gone"
