"""The live streams of a mux, and what else both the owner's calls and the peer's frames must know."""

from __future__ import annotations

from .ids import Ids
from .outbox import Outbox
from .streams import CLOSED, Stream


class Table:
    """
    State shared within one mux.

    Attributes:
        opens: Whether this side opens streams.
        window: Bytes that the peer may send on a stream ahead of credit.
        peer_window: Bytes that we may.
        max_streams: As many may live at once.
        live: Streams by id; whatever ends is forgotten at once.
        ids: Tells the ended from the never opened.
        outbox: Frames to send.
        accepting: Whether new streams may begin: nobody said goodbye, and the link has not ended.
    """

    __slots__ = (
        "accepting",
        "ended",
        "goodbye_received",
        "goodbye_sent",
        "ids",
        "live",
        "max_streams",
        "opens",
        "outbox",
        "peer_window",
        "window",
    )

    def __init__(self, *, opens: bool, window: int, peer_window: int, max_streams: int, chunk: int) -> None:
        self.opens = opens
        self.window = window
        self.peer_window = peer_window
        self.max_streams = max_streams
        self.live: dict[int, Stream] = {}
        self.ids = Ids()
        self.outbox = Outbox(chunk)
        self.goodbye_sent = False
        self.goodbye_received = False
        self.ended = False
        self.accepting = True

    @property
    def draining(self) -> bool:
        """Whether either side said goodbye."""
        return self.goodbye_sent or self.goodbye_received

    def say_goodbye(self) -> None:
        """Note that we said goodbye."""
        self.goodbye_sent = True
        self.accepting = False

    def hear_goodbye(self) -> None:
        """Note that the peer did."""
        self.goodbye_received = True
        self.accepting = False

    def end(self) -> None:
        """Note that the link is lost: forget all streams, and what was to be sent."""
        self.live.clear()
        self.outbox.clear()
        self.ended = True
        self.accepting = False

    def refusal(self) -> tuple[str, str] | None:
        """Return code and reason why no stream can begin now, if so."""
        if self.accepting and len(self.live) < self.max_streams:
            return None
        if self.ended:
            return "lost", "the link has ended"
        if not self.accepting:
            return "draining", "the link takes no more requests"
        return "overload", f"{self.max_streams} requests are under way on this link"

    def move(self, stream: int, entry: Stream, state: int) -> None:
        """Bring a stream to its next state, and forget it in the last one."""
        entry.state = state
        if state == CLOSED:
            del self.live[stream]
