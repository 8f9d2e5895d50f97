"""Events: exactly what was emitted, in order, to each listener that comes back; or the range that was lost."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from kit.stand import Stand

from radical_edge_core.testing.tally import Tally

from .lab import HERE, LONG, SEEDS, Lab, seeds

LISTENERS = 5
EVENTS = (10_000 if SEEDS >= 100 else 5_000) if LONG else 1_000
ROUNDS = SEEDS or 5
BATCH = 100 if LONG else 20
CATCH_UP_S = 60.0
STOPPED_S = 300.0 if LONG else 0.0


class Listeners:
    """The process with the listeners."""

    def __init__(self, lab: Lab, count: int = LISTENERS) -> None:
        self.lab = lab
        self.files = [lab.folder / f"heard-{number}" for number in range(count)]
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        url = f"http://127.0.0.1:{self.lab.port}/events?topics=tick"
        command = [sys.executable, str(HERE / "listener.py"), url, str(self.lab.folder), str(len(self.files))]
        environ = self.lab.stand.environ | {"LISTENER_TOKEN": self.lab.bridge.token, "PYTHONPATH": ""}
        self._process = subprocess.Popen(command, env=environ)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def heard(self, file: Path) -> list[str]:
        """What one listener has: numbers, and ``truncated {...}``."""
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        return [line.partition(" ")[2] for line in lines]

    async def all_heard(self, last: int) -> None:
        """Wait until each has the last number."""
        deadline = time.monotonic() + CATCH_UP_S
        while not all(_ends_with(file, last) for file in self.files):
            assert time.monotonic() < deadline, [self.heard(file)[-1:] for file in self.files]
            await asyncio.sleep(0.1)


def _ends_with(file: Path, last: int) -> bool:
    if not file.exists():
        return False
    with file.open("rb") as stream:
        stream.seek(max(0, file.stat().st_size - 4096))
        return stream.read().endswith(b" %d\n" % last)


@asynccontextmanager
async def listeners(lab: Lab, count: int = LISTENERS) -> AsyncIterator[Listeners]:
    made = Listeners(lab, count)
    try:
        yield made
    finally:
        made.kill()


async def emit(acts: Any, first: int, count: int) -> None:
    for start in range(first, first + count, BATCH):
        await acts.emit(start, min(BATCH, first + count - start))


async def disturb(
    lab: Lab, heard: Listeners, rng: random.Random, tally: Tally, emitting: asyncio.Task[None]
) -> None:
    """Kill each of the three, in any order, while events are being emitted."""
    for who in rng.sample(["edge", "bridge", "client"], 3):
        await asyncio.sleep(rng.uniform(0.05, 0.5))
        if emitting.done():
            return
        tally.count(f"kill -9 of the {who}")
        if who == "client":
            heard.kill()
            heard.start()
        else:
            lab.kill(who)
            lab.start(who)


@pytest.mark.timeout(ROUNDS * (EVENTS // 50 + 30) + 60)
async def test_every_listener_has_what_was_emitted(stand: Stand, tally: Tally) -> None:
    """``kill -9`` of edge, bridge and client at random moments: each listener has the sequence, once and in order."""
    lab = Lab(stand)
    began, total = time.monotonic(), 0
    async with lab.client() as client, listeners(lab) as heard:
        acts = await client.get_edge_client("hpc").get_plugin("acts")
        for seed in seeds(5):
            rng = random.Random(seed)
            emitting = asyncio.create_task(emit(acts, total, EVENTS))
            await disturb(lab, heard, rng, tally, emitting)
            await emitting
            total += EVENTS
            print(f"seed {seed}: {total} events after {time.monotonic() - began:.0f} s")
        await heard.all_heard(total - 1)
        for file in heard.files:
            assert heard.heard(file) == [str(n) for n in range(total)]
    print(f"{len(heard.files)} listeners, {total} events each, {tally}")


async def test_a_bridge_that_lost_its_log(stand: Stand, tally: Tally) -> None:
    """The log deleted while the bridge is down: what edges hold arrives, older ids are told, and nothing hangs."""
    lab = Lab(stand)
    async with lab.client() as client, listeners(lab, 2) as heard:
        acts = await client.get_edge_client("hpc").get_plugin("acts")
        await emit(acts, 0, 100)
        await heard.all_heard(99)
        await asyncio.sleep(1.5)  # so that the edge has written down that they are confirmed
        await acts.emit_later(100, 50, 0.5)
        lab.bridge.kill()
        for path in (stand.home / "bridge").glob("events.db*"):
            path.unlink()
        tally.count("event log deleted")
        await asyncio.sleep(1.5)
        lab.start_bridge()
        await heard.all_heard(149)
        await emit(acts, 150, 10)
        await heard.all_heard(159)
        for file in heard.files:
            told = heard.heard(file)
            assert told[:100] == [str(n) for n in range(100)]
            gap, rest = told[100], told[101:]
            assert gap.startswith("truncated"), "an id of the lost log is told to be unknown"
            assert rest == [str(n) for n in range(160)], "what the edge held arrives, confirmed before or not"


@pytest.mark.timeout(STOPPED_S + 180)
async def test_a_listener_that_stops_reading(stand: Stand, tally: Tally) -> None:
    """The bridge's memory stays bounded, others are not disturbed, and the listener is told what it missed."""
    lab = Lab(stand)
    lab.bridge.kill()
    # More than what the two ends of the connection hold by themselves.
    keep, total, padding = 1_000, 10_000, 2_000
    also = stand.environ | {"ACTS_FOLDER": str(lab.folder)}
    arguments = ("--port", str(lab.port), "--keep-events", str(keep))
    bridge = type(lab.bridge)(arguments, also, stand.folder / "9-bridge.log", stand.home)
    bridge.errors_expected = True
    stand.processes.append(bridge)
    lab.bridge = bridge.ready()
    bridge.has("hpc", "acts")
    async with lab.client() as client, listeners(lab, 1) as heard:
        acts = await client.get_edge_client("hpc").get_plugin("acts")
        with socket.socket() as idle:
            idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            idle.connect(("127.0.0.1", lab.port))
            head = f"GET /events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {bridge.token}\r\n\r\n"
            idle.sendall(head.encode())
            idle.recv(1)  # it has begun, and is not read from here on
            await emit(acts, 0, 1000)
            await heard.all_heard(999)
            before = bridge.memory_mib()
            tally.count("stopped reading")
            began = time.monotonic()
            emitted = 1000
            while emitted < total or time.monotonic() - began < STOPPED_S:
                await acts.emit(emitted, 500, padding)
                emitted += 500
                await asyncio.sleep(1 if emitted >= total else 0)
            total = emitted
            await heard.all_heard(total - 1)
            grown = bridge.memory_mib() - before
            assert grown < 32, f"{grown:.0f} MiB"
            assert heard.heard(heard.files[0]) == [str(n) for n in range(total)], "the others"
            told = await asyncio.to_thread(_read_all, idle, f'"n":{total - 1}}}')
    numbers = [line["data"]["data"]["n"] if line["topic"] == "notification" else "gap" for line in told]
    assert "gap" in numbers
    for one, other in pairwise(numbers):
        assert "gap" in {one, other} or other == one + 1
    assert numbers[-1] == total - 1
    print(
        f"the bridge grew by {grown:.1f} MiB; {numbers.count('gap')} gaps told, {len(numbers)} of {total} events"
    )


def _read_all(stream: socket.socket, until: str) -> list[Any]:
    """Read an event stream up to a certain event; return what came but for the topology."""
    stream.settimeout(20)
    parts = bytearray()
    while until.encode() not in parts[-4096:]:
        piece = stream.recv(1 << 20)
        assert piece, "the stream ended"
        parts.extend(piece)
    # The chunks of the transfer encoding lie between; each begins a line of its own.
    body = _dechunk(bytes(parts.partition(b"\r\n\r\n")[2]))
    found = [json.loads(line[6:]) for line in body.split(b"\n") if line.startswith(b"data: ")]
    return [document for document in found if document["topic"] != "topology"]


def _dechunk(raw: bytes) -> bytes:
    parts, at = [], 0
    while (end := raw.find(b"\r\n", at)) > at:
        size = int(raw[at:end], 16)
        parts.append(raw[end + 2 : end + 2 + size])
        at = end + 2 + size + 2
    return b"".join(parts)
