"""One conversation, cut at every message it consists of, in every way a socket can break."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

WAYS = [
    {"edge_sees": True, "bridge_sees": True, "bridge_reads_on": False},
    {"edge_sees": True, "bridge_sees": False, "bridge_reads_on": False},
    {"edge_sees": True, "bridge_sees": False, "bridge_reads_on": True},
    {"edge_sees": False, "bridge_sees": True, "bridge_reads_on": False},
    {"edge_sees": False, "bridge_sees": False, "bridge_reads_on": False},
]


class Stop(Exception):
    """The conversation has reached the message at which it is cut."""


class Script:
    """
    The conversation, message by message.

    Uploads, downloads, an early answer, a reset, notes and a goodbye, over a socket that is cut when the messages
    numbered in ``cuts`` are about to be delivered; the counting goes on over handshakes and sockets.
    """

    def __init__(self, sim: Any, cuts: set[int], way: dict[str, bool]) -> None:
        self.sim, self.cuts, self.way = sim, cuts, way
        self.delivered = 0

    def step(self) -> bool:
        """Deliver one message in some direction, or cut instead; false if there is none."""
        sim = self.sim
        sim.edge.pump()
        sim.bridge.pump()
        wire = sim.edge.wire
        if wire is None or not (wire.up or wire.down):
            return False
        self.delivered += 1
        if self.delivered in self.cuts:
            sim.cut(**self.way)
            if not self.way["edge_sees"]:
                sim.advance(11.0)  # until the edge has heard nothing for so long that it gives the socket up
            sim.dial()
            return True
        return sim.deliver_up() or sim.deliver_down()

    def flush(self) -> None:
        while self.step():
            pass

    def run(self) -> None:
        sim = self.sim
        sim.dial()
        self.flush()
        sim.bridge.open(250, fin=True)
        sim.bridge.open(300, fin=False)
        sim.bridge.open(10, fin=False)
        sim.bridge.open(0, fin=True)
        sim.edge.mux.notify(b"event 1")
        self.flush()
        sim.edge.answer(1, 300, fin=False)
        sim.edge.answer(3, 20, fin=True)
        sim.edge.answer(4, 100, fin=False)
        self.step()
        sim.bridge.reset(4)
        sim.edge.consume(2, 300)
        self.step()
        sim.bridge.consume(1, 300)
        self.step()
        for stream in list(sim.bridge.live):
            sim.bridge.send(stream, 100, fin=False)
        for stream in list(sim.edge.live):
            sim.edge.send(stream, 100, fin=False)
        sim.bridge.mux.notify(b"acknowledged")
        sim.edge.mux.notify(b"event 2")
        self.step()
        sim.bridge.mux.goodbye()
        sim.bridge.said_goodbye = True
        self.flush()

    def check(self) -> None:
        """Nothing was lost but what was reset: the same outcome as without a cut."""
        sim = self.sim
        sim.read_stale()
        sim.finish()
        ended = {stream: why for (_, stream), why in sim.bridge.ended.items()}
        assert ended == {1: "done", 2: "done", 3: "done", 4: "cancel"}
        assert sim.bridge.notes == [b"event 1", b"event 2"]
        assert sim.edge.notes == [b"acknowledged"]
        assert sim.tally["lost"] == sim.tally["gone"] == 0


@pytest.fixture(scope="module")
def length(simulation: Any) -> int:
    """How many messages the conversation has."""
    script = Script(simulation(limit=120), set(), WAYS[0])
    script.run()
    script.check()
    assert script.delivered > 15
    return script.delivered


@pytest.mark.parametrize(
    "way", WAYS, ids=lambda way: "-".join(name for name, on in way.items() if on) or "unseen"
)
@pytest.mark.parametrize("gap", [None, 1, 2, 3, 5])
def test_a_cut_at_any_message_changes_nothing(
    simulation: Any, length: int, way: dict[str, bool], gap: int | None
) -> None:
    """Cut once, and a second time some messages later: in the next handshake, the resume, or after it."""
    tally: Counter[str] = Counter()
    for first in range(1, length + 1):
        script = Script(simulation(limit=120), {first} if gap is None else {first, first + gap}, way)
        script.run()
        script.check()
        tally.update(script.sim.tally)
    assert tally["cuts"] >= length
    assert tally["messages lost"] > 0
    assert tally["resumed"] > 0
    if gap is not None and way["edge_sees"]:
        assert tally["cuts in a handshake"] > 0
    if way["bridge_reads_on"]:
        assert tally["stale messages"] > 0


def test_a_bridge_that_forgot_the_channel_ends_its_streams_on_both_sides(simulation: Any) -> None:
    """Past the grace period at the bridge, the edge is told, ends what it had, and begins anew."""
    script = Script(simulation(limit=120), set(), WAYS[0])
    sim = script.sim
    sim.dial()
    script.flush()
    sim.bridge.open(10, fin=True)
    script.flush()
    sim.cut(edge_sees=False, bridge_sees=True)
    sim.bridge.channel.detach(sim.now)
    for _ in range(62):
        sim.now += 0.5
        sim.bridge.tick()
    assert sim.bridge.ended == {("channel-1", 1): "lost"}
    assert sim.edge.live == {1}
    sim.dial()
    script.flush()
    assert sim.tally["gone"] == 1
    assert sim.edge.ended == {("channel-1", 1): "lost"}
    sim.settle()
    sim.bridge.open(10, fin=True)
    sim.finish()
    assert sim.bridge.ended["channel-2", 1] == "done"


def test_an_edge_that_gave_up_begins_anew_and_the_bridge_ends_the_old(simulation: Any) -> None:
    """The other order: the bridge hears of a new channel while it still waits for the old one."""
    script = Script(simulation(limit=120), set(), WAYS[0])
    sim = script.sim
    sim.dial()
    script.flush()
    sim.bridge.open(10, fin=True)
    script.flush()
    sim.cut(edge_sees=True, bridge_sees=False)
    for _ in range(62):
        sim.now += 0.5
        sim.edge.tick()
    assert sim.edge.ended == {("channel-1", 1): "lost"}
    assert sim.bridge.live == {1}
    sim.dial()
    script.flush()
    assert sim.bridge.ended == {("channel-1", 1): "lost"}
    sim.settle()
    sim.finish()
