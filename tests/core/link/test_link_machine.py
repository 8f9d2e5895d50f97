"""Two ends of a link under any order of events: both see the same bytes, or the stream ends on both."""

from __future__ import annotations

from collections import Counter
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

SETTINGS = settings(
    max_examples=150,
    stateful_step_count=50,
    deadline=None,
    print_blob=True,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
COUNTS = st.sampled_from([0, 1, 7, 99, 100, 101, 150, 299, 300, 301, 600])
PICKS = st.integers(0, 1 << 16)


def machine(simulation: Any, tally: Counter[str], *, faults: bool) -> type[RuleBasedStateMachine]:
    """Return the machine, with or without sockets that break."""

    class Link(RuleBasedStateMachine):
        @initialize(
            window=st.sampled_from([1, 2, 100, 300, 4096]),
            chunk=st.sampled_from([1, 100, 4096]),
            cap=st.sampled_from([1, 200, 2000]),
            ack_bytes=st.sampled_from([1, 500, 10_000]),
            limit=st.sampled_from([1, 400, 65_536]),
        )
        def start(self, window: int, chunk: int, cap: int, ack_bytes: int, limit: int) -> None:
            chunk = max(chunk, window // 50)
            self.sim = simulation(window=window, chunk=chunk, cap=cap, ack_bytes=ack_bytes, limit=limit)
            self.sim.dial()

        def side(self, edge: bool) -> Any:
            return self.sim.edge if edge else self.sim.bridge

        def stream(self, edge: bool, pick: int) -> tuple[Any, int | None]:
            side = self.side(edge)
            live = sorted(side.live)
            return side, live[pick % len(live)] if live else None

        @rule(count=COUNTS, fin=st.booleans())
        def open(self, count: int, fin: bool) -> None:
            self.sim.bridge.open(count, fin=fin)

        @rule(pick=PICKS, count=COUNTS, fin=st.booleans())
        def answer(self, pick: int, count: int, fin: bool) -> None:
            waiting = sorted(self.sim.edge.unanswered)
            if waiting:
                self.sim.edge.answer(waiting[pick % len(waiting)], count, fin=fin)

        @rule(edge=st.booleans(), pick=PICKS, count=COUNTS, fin=st.sampled_from([False, False, True]))
        def send(self, edge: bool, pick: int, count: int, fin: bool) -> None:
            side, stream = self.stream(edge, pick)
            if stream is not None:
                side.send(stream, count, fin=fin)

        @rule(edge=st.booleans(), pick=PICKS, count=COUNTS)
        def consume(self, edge: bool, pick: int, count: int) -> None:
            side, stream = self.stream(edge, pick)
            if stream is not None:
                side.consume(stream, count)

        @rule(edge=st.booleans(), pick=PICKS)
        def reset(self, edge: bool, pick: int) -> None:
            side, stream = self.stream(edge, pick)
            if stream is not None:
                side.reset(stream)

        @rule(edge=st.booleans())
        def note(self, edge: bool) -> None:
            side = self.side(edge)
            if side.channel is not None:
                side.mux.notify(b"note")

        @rule(edge=st.booleans(), chance=st.integers(0, 9))
        def goodbye(self, edge: bool, chance: int) -> None:
            side = self.side(edge)
            if side.channel is not None and not chance:
                side.mux.goodbye()

        @rule(edge=st.booleans())
        def pump(self, edge: bool) -> None:
            self.side(edge).pump()

        @rule(count=st.integers(1, 5))
        def up(self, count: int) -> None:
            for _ in range(count):
                self.sim.deliver_up()

        @rule(count=st.integers(1, 5))
        def down(self, count: int) -> None:
            for _ in range(count):
                self.sim.deliver_down()

        @rule()
        def flush(self) -> None:
            for _ in range(20):
                self.sim.edge.pump()
                self.sim.bridge.pump()
                self.sim.deliver_up()
                self.sim.deliver_down()

        @rule(seconds=st.sampled_from([0.1, 0.5, 3.0]))
        def wait(self, seconds: float) -> None:
            if not faults:
                self.flush()  # a socket that nobody moves for long would count as dead
            self.sim.advance(seconds)

        @precondition(lambda _: faults)
        @rule(edge_sees=st.booleans(), bridge_sees=st.booleans(), reads_on=st.booleans())
        def cut(self, edge_sees: bool, bridge_sees: bool, reads_on: bool) -> None:
            self.sim.cut(edge_sees=edge_sees, bridge_sees=bridge_sees, bridge_reads_on=reads_on)

        @precondition(lambda _: faults)
        @rule()
        def dial(self) -> None:
            self.sim.dial()

        @precondition(lambda _: faults)
        @rule()
        def read_stale(self) -> None:
            self.sim.read_stale()

        @precondition(lambda _: faults)
        @rule(seconds=st.sampled_from([11.0, 31.0, 45.0]), chance=st.integers(0, 5))
        def wait_long(self, seconds: float, chance: int) -> None:
            if not chance:
                self.sim.advance(seconds)

        @precondition(lambda _: faults)
        @rule(count=COUNTS, edge_sees=st.booleans(), bridge_sees=st.booleans(), reads_on=st.booleans())
        def cut_under_load(self, count: int, edge_sees: bool, bridge_sees: bool, reads_on: bool) -> None:
            """Both ends have much on its way when the socket breaks, and the next one is dialled at once."""
            self.flush()
            self.sim.bridge.open(count, fin=False)
            for side in (self.sim.edge, self.sim.bridge):
                if side.channel is not None:
                    side.mux.notify(b"note")
                    for stream in list(side.live):
                        side.send(stream, count, fin=False)
                side.pump()
            self.sim.cut(edge_sees=edge_sees, bridge_sees=bridge_sees, bridge_reads_on=reads_on)
            self.sim.dial()

        @precondition(lambda _: faults)
        @rule(chance=st.integers(0, 5), count=st.integers(1, 3))
        def replace_half_open(self, chance: int, count: int) -> None:
            """The bridge hears of a new socket while the old one still holds messages, and reads those after."""
            if not chance:
                self.cut_under_load(10, True, False, True)
                self.up(count)
                self.sim.read_stale()

        @precondition(lambda _: faults)
        @rule(chance=st.integers(0, 5))
        def bridge_forgets_first(self, chance: int) -> None:
            """The edge learns of the cut so late that it asks for a channel the bridge no longer has."""
            if not chance:
                self.flush()
                self.sim.cut(edge_sees=False, bridge_sees=True)
                self.sim.advance(31.0)
                self.sim.dial()

        @invariant()
        def bounds(self) -> None:
            if hasattr(self, "sim"):
                for side in (self.sim.edge, self.sim.bridge):
                    if side.channel is not None:
                        assert side.mux.streams == len(side.live) <= 16

        def teardown(self) -> None:
            if hasattr(self, "sim"):
                self.sim.finish()
                tally.update(self.sim.tally)
                tally["streams"] += len(self.sim.bridge.ended)
                tally["done"] += sum(why == "done" for why in self.sim.bridge.ended.values())

    return Link


def test_whole_sockets_lose_nothing(simulation: Any) -> None:
    """Without faults every interleaving of streams delivers every byte in order, within the bounds."""
    tally: Counter[str] = Counter()
    run_state_machine_as_test(machine(simulation, tally, faults=False), settings=SETTINGS)
    assert tally["done"] > 0
    assert tally["cuts"] == tally["dead"] == tally["lost"] == tally["gone"] == 0


def test_broken_sockets_lose_nothing(simulation: Any) -> None:
    """Whatever breaks in whatever order, a stream delivers every byte in order or ends on both sides."""
    tally: Counter[str] = Counter()
    run_state_machine_as_test(machine(simulation, tally, faults=True), settings=SETTINGS)
    print(dict(tally))  # noqa: T201 - shown where the test fails
    for fault in (
        "cuts",
        "cuts in a handshake",
        "messages lost",
        "stale messages",
        "resumed",
        "dead",
        "lost",
        "gone",
    ):
        assert tally[fault] > 0, f"no example had {fault}"
    assert tally["done"] > 0
