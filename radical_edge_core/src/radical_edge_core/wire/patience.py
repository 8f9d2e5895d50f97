"""How long the two ends of a link wait for each other."""

from __future__ import annotations

from attrs import frozen

from radical_edge_core.link.channel import Channel
from radical_edge_core.link.timing import Liveness


@frozen(kw_only=True)
class Patience:
    """
    The times of one end, seconds; the defaults are the protocol's.

    Attributes:
        hello_s: What a new socket gets to say its hello.
        grace_s: How long a channel outlives its socket.
        ping_after_s, suspect_after_s, dead_after_s, late_s: As in ``Liveness``.
    """

    hello_s: float = 15.0
    grace_s: float = 30.0
    ping_after_s: float = 5.0
    suspect_after_s: float = 7.5
    dead_after_s: float = 10.0
    late_s: float = 2.0

    def channel(self, name: str) -> Channel:
        """Return a new channel with these times."""
        liveness = Liveness(self.ping_after_s, self.suspect_after_s, self.dead_after_s, self.late_s)
        return Channel(name, grace_s=self.grace_s, liveness=liveness)
