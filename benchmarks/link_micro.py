"""
What a small exchange costs in the link itself: ``python benchmarks/link_micro.py [rounds]``.

A request of a few headers without a body and an answer of 115 bytes, through mux and channel of both ends, with and
without the heads; and one direction of bulk in chunks of 64 KiB. No socket, no event loop. Each line is the best of
five runs, since anything else on the machine only ever adds.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable

from radical_edge_core.link import (
    Answered,
    Channel,
    Data,
    Mux,
    Opened,
    RequestHead,
    ResponseHead,
    decode_request,
    decode_response,
    encode_head,
)

REQUEST = RequestHead(
    method="GET",
    path=b"/sysinfo/get_metrics/7f3c",
    query=b"",
    headers=[(b"host", b"bridge.example:8000"), (b"accept", b"*/*"), (b"user-agent", b"radical-edge/0.1")],
    subject="admin",
    scopes=["read:*", "write:*"],
    request_id="5f0c2c1e9a3b4d17",
    key=None,
)
RESPONSE = ResponseHead(
    status=200, headers=[(b"content-type", b"application/json"), (b"content-length", b"115")]
)
BODY = bytes(115)
BULK = bytes(64 * 1024)


class Ends:
    """Both ends over sockets that are only lists."""

    def __init__(self, *, channels: bool) -> None:
        self.bridge, self.edge = Mux(opens=True), Mux(opens=False)
        self.up, self.down = Channel("c"), Channel("c")
        self.channels = channels
        for channel in (self.up, self.down):
            channel.attach(0, 0.0)

    def carry(self, source: Mux, target: Mux, sender: Channel, receiver: Channel) -> list[object]:
        """Move what is queued to the other end and return its events."""
        events: list[object] = []
        while (message := source.next_message()) is not None:
            if not self.channels:
                events += target.receive(message)
                continue
            sender.send(message)
            for data in sender.outgoing():
                if (got := receiver.receive(data, 0.0)) is not None:
                    events += target.receive(got)
            for data in receiver.outgoing():
                sender.receive(data, 0.0)
        return events

    def to_edge(self) -> list[object]:
        """Bring the edge what the bridge has to say."""
        return self.carry(self.bridge, self.edge, self.down, self.up)

    def to_bridge(self) -> list[object]:
        """The other way."""
        return self.carry(self.edge, self.bridge, self.up, self.down)


def exchange(ends: Ends, request: bytes, response: bytes) -> None:
    """One request and its answer, heads as they are."""
    ends.bridge.open(request, fin=True)
    opened = ends.to_edge()[0]
    if isinstance(opened, Opened):
        ends.edge.answer(opened.stream, response, BODY, fin=True)
    ends.to_bridge()


def exchange_with_heads(ends: Ends) -> None:
    """The same, encoding and decoding both heads."""
    ends.bridge.open(encode_head(REQUEST), fin=True)
    opened = ends.to_edge()[0]
    if isinstance(opened, Opened):
        decode_request(opened.head)
        ends.edge.answer(opened.stream, encode_head(RESPONSE), BODY, fin=True)
    answered = ends.to_bridge()[0]
    if isinstance(answered, Answered):
        decode_response(answered.head)


def bulk(ends: Ends, stream: int) -> None:
    """One chunk down, consumed at once."""
    ends.edge.send(stream, BULK)
    for event in ends.to_bridge():
        if isinstance(event, Data):
            ends.bridge.consumed(stream, len(event.data))
    ends.to_edge()


def best(run: Callable[[], None], rounds: int) -> float:
    """Return nanoseconds a call."""
    times = []
    for _ in range(5):
        gc.collect()
        begin = time.process_time_ns()
        for _ in range(rounds):
            run()
        times.append((time.process_time_ns() - begin) / rounds)
    return min(times)


def main() -> None:
    """Print one line a measurement."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    request, response = encode_head(REQUEST), encode_head(RESPONSE)
    for name, channels in (("mux", False), ("mux and channel", True)):
        ends = Ends(channels=channels)
        plain = best(lambda ends=ends: exchange(ends, request, response), rounds)  # type: ignore[misc]
        heads = best(lambda ends=ends: exchange_with_heads(ends), rounds)  # type: ignore[misc]
        stream = ends.bridge.open(request, fin=True)
        ends.to_edge()
        ends.edge.answer(stream, response, fin=False)
        ends.to_bridge()
        chunk = best(lambda ends=ends, stream=stream: bulk(ends, stream), rounds // 10)  # type: ignore[misc]
        print(f"{name}, both ends: {plain:.0f} ns an exchange, {heads:.0f} ns with heads; ", end="")
        print(f"{chunk:.0f} ns a chunk of 64 KiB ({len(BULK) / chunk:.1f} GB/s)")


if __name__ == "__main__":
    main()
