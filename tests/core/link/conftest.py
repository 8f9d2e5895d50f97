"""Two ends of a link over simulated sockets that lose what is on its way, in any order of events."""

from __future__ import annotations

from collections import Counter, deque

import pytest

from radical_edge_core.link.channel import Channel
from radical_edge_core.link.events import Answered, Credit, Data, Goodbye, MuxEvent, Note, Opened, Reset
from radical_edge_core.link.frames import MAX_MESSAGE, FrameType, decode, encode
from radical_edge_core.link.handshake import GONE, judge
from radical_edge_core.link.heads import (
    Hello,
    Refused,
    Welcome,
    decode_hello,
    decode_refused,
    decode_welcome,
    encode_head,
    negotiate,
)
from radical_edge_core.link.lifetime import ChannelState
from radical_edge_core.link.mux import Mux

BRIDGE = "bridge-1"
_PATTERN = bytes(range(251)) * 40


def body(stream: int, direction: str, start: int, count: int) -> bytes:
    """Bytes that tell stream, direction and place, so that any mix-up shows."""
    offset = (stream * 17 + start + (100 if direction == "up" else 0)) % 251
    return _PATTERN[offset : offset + count]


class Wire:
    """One socket; what is on its way in each direction."""

    def __init__(self) -> None:
        self.up: deque[bytes] = deque()
        self.down: deque[bytes] = deque()
        self.broken = False
        self.edge_generation: int | None = None
        self.bridge_generation: int | None = None
        self.answered = False
        self.channel: Channel | None = None


class Flow:
    """One direction of one stream, as its two applications see it."""

    def __init__(self) -> None:
        self.sent = 0
        self.got = 0
        self.taken = 0
        self.sent_fin = False
        self.got_fin = False


class Side:
    """One end: channel, mux, and the application above them."""

    def __init__(self, sim: Simulation, *, opens: bool) -> None:
        self.sim = sim
        self.opens = opens
        self.wire: Wire | None = None
        self.live: set[int] = set()
        self.unanswered: set[int] = set()
        self.ended: dict[tuple[str, int], str] = {}
        self.notes: list[bytes] = []
        self.said_goodbye = False
        self.channel: Channel | None = None

    def begin(self, channel_id: str) -> None:
        self.channel = Channel(
            channel_id, cap=self.sim.cap, ack_bytes=self.sim.ack_bytes, ack_after_s=0.5, grace_s=30.0
        )
        self.mux = Mux(self.opens, self.sim.window, max_streams=16, chunk=self.sim.chunk)

    def end(self, reason: str) -> None:
        if self.channel is not None:
            self.events(self.mux.end(reason))
            assert not self.live
            self.channel = None

    def flow(self, stream: int, direction: str) -> Flow:
        assert self.channel is not None
        return self.sim.flows.setdefault((self.channel.id, stream, direction), Flow())

    @property
    def out(self) -> str:
        return "up" if self.opens else "down"

    @property
    def into(self) -> str:
        return "down" if self.opens else "up"

    def close(self, stream: int, why: str) -> None:
        assert self.channel is not None
        self.live.discard(stream)
        self.unanswered.discard(stream)
        self.ended[self.channel.id, stream] = why

    def events(self, events: list[MuxEvent]) -> None:
        for event in events:
            match event:
                case Opened(stream, head, data, fin):
                    assert head == b"head %d" % stream
                    self.live.add(stream)
                    self.unanswered.add(stream)
                    self._got(stream, data, fin)
                case Answered(stream, head, data, fin):
                    assert head == b"answer %d" % stream
                    self.unanswered.remove(stream)
                    self._got(stream, data, fin)
                case Data(stream, data, fin):
                    self._got(stream, data, fin)
                case Reset(stream, code, _):
                    assert stream in self.live
                    self.close(stream, code)
                case Credit(stream):
                    assert stream in self.live
                case Note(payload):
                    self.notes.append(payload)
                case Goodbye():
                    pass

    def _got(self, stream: int, data: bytes, fin: bool) -> None:
        assert stream in self.live, "bytes of a stream that has ended"
        flow = self.flow(stream, self.into)
        assert not flow.got_fin
        assert data == body(stream, self.into, flow.got, len(data))
        flow.got += len(data)
        flow.got_fin = fin
        assert flow.got <= flow.sent
        assert flow.got - flow.taken <= self.sim.window, "more is buffered than the window"
        if fin and self.opens:
            assert flow.sent_fin
            assert flow.got == flow.sent, "a truncated answer looks complete"
            self.close(stream, "done")

    # what the application does

    def open(self, count: int, *, fin: bool) -> None:
        if self.channel is None or self.said_goodbye or self.mux.draining or self.mux.streams >= 16:
            return
        count = min(count, self.sim.window)
        # the id is minted inside, and the bytes depend on it: ids ascend by one
        stream = self.sim.next_stream(self.channel.id)
        assert self.mux.open(b"head %d" % stream, body(stream, "up", 0, count), fin=fin) == stream
        flow = self.flow(stream, "up")
        flow.sent, flow.sent_fin = count, fin
        self.live.add(stream)
        self.unanswered.add(stream)

    def answer(self, stream: int, count: int, *, fin: bool) -> None:
        count = min(count, self.mux.credit(stream))
        self.mux.answer(stream, b"answer %d" % stream, body(stream, "down", 0, count), fin=fin)
        self.unanswered.discard(stream)
        self._sent(stream, count, fin)

    def send(self, stream: int, count: int, *, fin: bool) -> None:
        flow = self.flow(stream, self.out)
        if flow.sent_fin or (not self.opens and stream in self.unanswered):
            return
        count = min(count, self.mux.credit(stream))
        self.mux.send(stream, body(stream, self.out, flow.sent, count), fin=fin)
        self._sent(stream, count, fin)

    def _sent(self, stream: int, count: int, fin: bool) -> None:
        flow = self.flow(stream, self.out)
        flow.sent += count
        flow.sent_fin = flow.sent_fin or fin
        assert flow.sent - flow.taken <= self.sim.window
        if fin and not self.opens:
            self.close(stream, "done")

    def consume(self, stream: int, count: int) -> None:
        flow = self.flow(stream, self.into)
        count = min(count, flow.got - flow.taken)
        flow.taken += count
        self.mux.consumed(stream, count)

    def reset(self, stream: int) -> None:
        self.mux.reset(stream, "cancel", "the caller left")
        self.close(stream, "cancel")

    # what the transport does

    def pump(self) -> None:
        """Move what is queued to the socket, as far as the channel takes it."""
        channel = self.channel
        if channel is None:
            return
        while channel.writable and (message := self.mux.next_message(self.sim.limit)) is not None:
            channel.send(message)
        assert channel.unacked <= self.sim.cap + MAX_MESSAGE
        for data in channel.outgoing():
            assert self.wire is not None
            if not self.wire.broken:
                (self.wire.down if self.opens else self.wire.up).append(data)

    def take(self, data: bytes, generation: int | None) -> None:
        assert self.channel is not None
        message = self.channel.receive(data, self.sim.now, generation)
        if message is not None:
            self.events(self.mux.receive(message))

    def drop(self) -> None:
        """Notice that the socket is gone, or close it."""
        if self.wire is not None:
            self.wire.broken = True
            self.wire = None
            if self.channel is not None:
                self.channel.detach(self.sim.now)

    def tick(self) -> None:
        if self.channel is None:
            return
        self.channel.tick(self.sim.now)
        if self.channel.dead:
            self.sim.tally["dead"] += 1
            self.drop()
        if self.channel.lost(self.sim.now):
            self.sim.tally["lost"] += 1
            self.drop()
            self.end("no socket for too long")


class Simulation:
    """Both ends, the socket between them, and older sockets that the bridge may still read."""

    def __init__(
        self, *, window: int = 300, chunk: int = 100, cap: int = 2000, ack_bytes: int = 500, limit: int = 400
    ) -> None:
        self.window, self.chunk, self.cap, self.ack_bytes, self.limit = window, chunk, cap, ack_bytes, limit
        self.now = 1000.0
        self.tally: Counter[str] = Counter()
        self.flows: dict[tuple[str, int, str], Flow] = {}
        self._minted: Counter[str] = Counter()
        self._channels = 0
        self.stale: list[Wire] = []
        self.edge = Side(self, opens=False)
        self.bridge = Side(self, opens=True)
        self._welcomed: str | None = None
        self._renew()

    def next_stream(self, channel_id: str) -> int:
        self._minted[channel_id] += 1
        return self._minted[channel_id]

    def _renew(self) -> None:
        self.edge.end("a new channel begins")
        self._channels += 1
        self._welcomed = None
        self.edge.begin(f"channel-{self._channels}")

    @property
    def linked(self) -> bool:
        wire = self.edge.wire
        return (
            wire is not None
            and wire is self.bridge.wire
            and not wire.broken
            and wire.edge_generation is not None
        )

    # faults

    def cut(self, *, edge_sees: bool, bridge_sees: bool, bridge_reads_on: bool = False) -> None:
        """
        Break the current socket: what is on its way is lost, and either end may learn of it now or later.

        With ``bridge_reads_on`` what the edge sent stays readable, as in a kernel's buffer.
        """
        wire = self.edge.wire or self.bridge.wire
        if wire is None or wire.broken:
            return
        self.tally["cuts"] += 1
        if wire.edge_generation is None:
            self.tally["cuts in a handshake"] += 1
        self.tally["messages lost"] += len(wire.down) + (0 if bridge_reads_on else len(wire.up))
        wire.broken = True
        wire.down.clear()
        if not bridge_reads_on:
            wire.up.clear()
        if edge_sees and self.edge.wire is wire:
            self.edge.drop()
        if bridge_sees and self.bridge.wire is wire:
            self._forget_bridge_wire()

    def _forget_bridge_wire(self) -> None:
        if self.bridge.wire is not None:
            self.stale.append(self.bridge.wire)
            self.bridge.drop()

    def read_stale(self) -> None:
        """Let a careless reader of an old socket go on; the channel must ignore it."""
        for wire in self.stale:
            while wire.up:
                data = wire.up.popleft()
                if wire.channel is not None:
                    self.tally["stale messages"] += 1
                    assert wire.channel.receive(data, self.now, wire.bridge_generation) is None
        self.stale.clear()

    # progress

    def dial(self) -> None:
        """The edge opens a socket and says hello; one it still holds is closed."""
        self.edge.drop()
        if self.edge.channel is None:
            self._renew()
        channel = self.edge.channel
        assert channel is not None
        self.edge.wire = Wire()
        hello = Hello(
            protocol_min=1,
            protocol_max=1,
            instance="edge-1",
            name="hpc",
            host="node",
            boot_id="boot",
            started_at=0.0,
            clock=0.0,
            received=channel.received,
            resume=self._welcomed,
            channel=channel.id,
            version="1",
        )
        self.edge.wire.up.append(encode(FrameType.HELLO, payload=encode_head(hello)))

    def deliver_up(self) -> bool:
        """Let the bridge read one message, of the edge's socket if that is new, else of the one it holds."""
        wire = self.edge.wire
        if wire is None or wire is self.bridge.wire or not wire.up or wire.answered:
            wire = self.bridge.wire
        if wire is None or not wire.up:
            return False
        data = wire.up.popleft()
        if wire.bridge_generation is None:
            self._accept(wire, decode_hello(decode(data)[0].payload))
        else:
            self.bridge.take(data, wire.bridge_generation)
        return True

    def deliver_down(self) -> bool:
        wire = self.edge.wire
        if wire is None or not wire.down:
            return False
        data = wire.down.popleft()
        if wire.edge_generation is not None:
            self.edge.take(data, wire.edge_generation)
            return True
        frame = decode(data)[0]
        if frame.type is FrameType.REFUSED:
            assert decode_refused(frame.payload).code == GONE
            self.tally["gone"] += 1
            self.edge.drop()
            self._renew()
            return True
        welcome = decode_welcome(frame.payload)
        assert self.edge.channel is not None
        self._welcomed = welcome.instance
        wire.edge_generation = self.edge.channel.attach(welcome.received, self.now)
        return True

    def _accept(self, wire: Wire, hello: Hello) -> None:
        negotiate(hello)
        wire.answered = True
        known = (
            self.bridge.channel if self.bridge.channel and self.bridge.channel.id == hello.channel else None
        )
        verdict = judge(hello, BRIDGE, known)
        self._forget_bridge_wire()
        if verdict == "gone":
            refused = Refused(code=GONE, reason="begin again")
            wire.down.append(encode(FrameType.REFUSED, payload=encode_head(refused)))
            return
        if verdict == "new":
            self.bridge.end("the edge began a new channel")
            self._forget_flows(hello.channel)
            self.bridge.begin(hello.channel)
        else:
            self.tally["resumed"] += 1
        channel = self.bridge.channel
        assert channel is not None
        welcome = Welcome(
            protocol=1,
            instance=BRIDGE,
            resumed=verdict == "resume",
            received=channel.received,
            credential=None,
            clock=0.0,
        )
        wire.down.append(encode(FrameType.WELCOME, payload=encode_head(welcome)))
        self.bridge.wire = wire
        wire.channel = channel
        wire.bridge_generation = channel.attach(hello.received, self.now)

    def _forget_flows(self, channel_id: str) -> None:
        """A channel that the edge was never welcomed on may begin again under its id; the edge has seen nothing."""
        assert not any(known == channel_id for known, _ in self.edge.ended)
        self._minted.pop(channel_id, None)
        self.flows = {key: flow for key, flow in self.flows.items() if key[0] != channel_id}

    def advance(self, seconds: float) -> None:
        """Let time pass in steps, as timers would."""
        end = self.now + seconds
        while self.now < end:
            self.now = min(end, self.now + 0.5)
            for side in (self.edge, self.bridge):
                side.tick()

    def settle(self) -> None:
        """Move messages, time and, where needed, sockets on until nothing is left to do."""
        for _ in range(2000):
            if not self.linked and not (
                self.edge.wire and not self.edge.wire.broken and not self.edge.wire.answered
            ):
                self._redial()
            self.edge.pump()
            self.bridge.pump()
            moved = self.deliver_up() | self.deliver_down()
            if self.linked and not moved:
                before = [(s.channel and s.channel.unacked, s.mux.queued) for s in (self.edge, self.bridge)]
                if before == [(0, 0), (0, 0)]:
                    return
                self.advance(0.5)
        raise AssertionError("the link does not come to rest")

    def _redial(self) -> None:
        wire = self.edge.wire
        if wire is None or wire.broken:
            self.dial()

    def finish(self) -> None:
        """Bring every stream to its end and check that both ends agree on each."""
        self.settle()
        for _ in range(400):
            for side in (self.edge, self.bridge):
                for stream in list(side.live):
                    side.consume(stream, MAX_MESSAGE)
            for stream in list(self.bridge.live):
                self.bridge.send(stream, 50, fin=True)
            for stream in list(self.edge.unanswered):
                self.edge.answer(stream, 50, fin=False)
            for stream in list(self.edge.live):
                if self.flow_done(stream):
                    self.edge.send(stream, 50, fin=True)
            self.settle()
            if not self.edge.live and not self.bridge.live:
                break
        self.check_ends()

    def flow_done(self, stream: int) -> bool:
        return self.edge.flow(stream, "up").got_fin

    def check_ends(self) -> None:
        assert not self.edge.live
        assert not self.bridge.live
        assert self.edge.channel is not None
        assert self.bridge.channel is not None
        assert self.edge.channel.state is self.bridge.channel.state is ChannelState.ATTACHED
        assert self.edge.mux.streams == self.bridge.mux.streams == 0
        for (channel_id, stream, direction), flow in self.flows.items():
            assert (channel_id, stream) in self.bridge.ended
            if direction == "down" and self.bridge.ended[channel_id, stream] == "done":
                assert self.edge.ended[channel_id, stream] == "done"
                assert flow.got_fin
                assert flow.got == flow.sent
            if flow.got_fin:
                assert flow.got == flow.sent


@pytest.fixture(scope="session")
def simulation() -> type[Simulation]:
    """The class, for tests that make one per example."""
    return Simulation
