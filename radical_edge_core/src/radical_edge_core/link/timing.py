"""Liveness of a socket and pacing of reconnects; both are told the time, and hold no clock."""

from __future__ import annotations

from math import inf
from random import Random


class Liveness:
    """
    Decides from silence alone whether a peer is there.

    After ``ping_after_s`` without a byte a PING is due; after ``suspect_after_s`` the peer is suspect; after
    ``dead_after_s`` its socket is to be dropped. Each is measured since the peer was last heard.

    Whoever was suspended itself (a laptop closed, a node paused) wakes up to a long silence that says nothing
    about the peer. It shows as a check that comes more than ``late_s`` after the time it was asked for; the
    peer then gets a fresh chance, a PING and ``dead_after_s - ping_after_s`` to answer it.
    """

    __slots__ = (
        "_dead_after_s",
        "_expected",
        "_heard",
        "_late_s",
        "_ping_after_s",
        "_pinged",
        "_suspect_after_s",
        "dead",
        "suspect",
    )

    def __init__(
        self,
        ping_after_s: float = 5.0,
        suspect_after_s: float = 7.5,
        dead_after_s: float = 10.0,
        late_s: float = 2.0,
    ) -> None:
        if not 0 < ping_after_s < suspect_after_s <= dead_after_s:
            raise ValueError("a peer is pinged before it is suspect, and suspect before it is dead")
        self._ping_after_s = ping_after_s
        self._suspect_after_s = suspect_after_s
        self._dead_after_s = dead_after_s
        self._late_s = late_s
        self.start(0.0)

    def start(self, now: float) -> None:
        """Begin anew with a socket that has just been attached."""
        self._expected = inf
        self.heard(now)

    def heard(self, now: float) -> None:
        """Note that something came from the peer."""
        self._heard = now
        self._pinged = False
        self.suspect = False
        self.dead = False

    def sent_ping(self, now: float) -> None:
        """Note that the PING that was due is on its way, so that silence sends one only."""
        del now
        self._pinged = True

    def due(self, now: float) -> bool:
        """Whether a PING is to be sent."""
        return not self._pinged and now - self._heard >= self._ping_after_s

    def expect(self, at: float) -> None:
        """Note when the next check was asked for."""
        self._expected = at

    def check(self, now: float) -> None:
        """Update ``suspect`` and ``dead``."""
        if now - self._expected > self._late_s and now - self._heard > self._ping_after_s:
            self.heard(now - self._ping_after_s)
        self._expected = inf
        silence = now - self._heard
        self.suspect = silence >= self._suspect_after_s
        self.dead = silence >= self._dead_after_s

    def deadline(self, now: float) -> float:
        """Return the seconds until ``check`` or ``due`` says something new; ``inf`` once the peer is dead."""
        if self.dead:
            return inf
        if not self._pinged:
            after = self._ping_after_s
        else:
            after = self._dead_after_s if self.suspect else self._suspect_after_s
        return max(0.0, self._heard + after - now)


class Backoff:
    """
    How long to wait before dialling again.

    From ``first`` seconds it doubles, up to ``soon`` in the ``patience`` seconds after the first
    failure and up to ``cap`` later. Each delay is drawn from its upper half, so that many edges do not come
    back in one instant.
    """

    def __init__(
        self,
        rng: Random,
        first: float = 0.2,
        soon: float = 2.0,
        cap: float = 15.0,
        patience: float = 60.0,
    ) -> None:
        self._rng = rng
        self._first = first
        self._soon = soon
        self._cap = cap
        self._patience = patience
        self.reset()

    def reset(self) -> None:
        """Begin again from the first delay; call it when a link is up."""
        self._step = self._first
        self._since: float | None = None

    def next(self, now: float) -> float:
        """Return the seconds to wait after an attempt that failed at ``now``."""
        if self._since is None:
            self._since = now
        limit = self._soon if now - self._since < self._patience else self._cap
        delay = min(self._step, limit)
        self._step = min(delay * 2, self._cap)
        return delay * self._rng.uniform(0.5, 1.0)
