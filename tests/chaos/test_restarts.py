"""Restarts, standstills and clocks that jump: what callers of the SDK notice is a pause."""

from __future__ import annotations

import asyncio
import itertools
import math
import re
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kit.stand import Stand
from kit.waiting import until

from radical_edge_client import BridgeClient
from radical_edge_core.errors import EdgeAway, EdgeError
from radical_edge_core.testing.tally import Tally

from .lab import LONG, Lab

# How long, how many calls a second from how many threads, and how often the bridge is restarted.
SECONDS, RATE, THREADS, EVERY_S = (300, 100, 8, 10) if LONG else (30, 20, 4, 5)
DEADLINE_S = 60.0
P99_S = 8.0
STANDSTILL_S = 20.0 if LONG else 13.0


class Load:
    """
    Callers in threads of their own, each call at its own time whatever became of the one before.

    Attributes:
        took: Seconds of each call, counted from when it was due.
        failed: What was raised.
        written: The names of the writes that were answered.
    """

    def __init__(self, url: str, token: str) -> None:
        self.client = BridgeClient(url, token=token, deadline_s=DEADLINE_S)
        self.acts = self.client.get_edge_client("hpc").get_plugin("acts", name="load")
        self.took: list[float] = []
        self.failed: list[Exception] = []
        self.written: list[str] = []
        self._numbers = itertools.count()
        self._began = 0.0

    def run(self) -> None:
        """Make all calls, and return when each has ended."""
        self._began = time.monotonic()
        threads = [threading.Thread(target=self._caller, name=f"caller {n}") for n in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.client.close()

    def _caller(self) -> None:
        while (number := next(self._numbers)) < SECONDS * RATE:
            due = self._began + number / RATE
            time.sleep(max(0.0, due - time.monotonic()))
            began = time.monotonic()
            try:
                self._call(number)
            except Exception as error:  # noqa: BLE001 - told at the end, with all others
                self.failed.append(error)
            # A caller that was held up by its call before was not kept waiting by this one.
            self.took.append(time.monotonic() - began)

    def _call(self, number: int) -> None:
        match number % 3:
            case 0:
                self.acts.count()
            case 1:
                assert self.acts.act(f"w{number}")["what"] == f"w{number}"
                self.written.append(f"w{number}")
            case _:
                assert self.acts.safe(f"{number}")["what"] == f"{number}"

    def p99(self) -> float:
        """Return what 99 of 100 calls were faster than."""
        return sorted(self.took)[math.ceil(len(self.took) * 0.99) - 1]


@pytest.mark.timeout(SECONDS + 120)
def test_a_bridge_that_is_restarted_under_load(stand: Stand, tally: Tally) -> None:
    """Half by SIGTERM, half by ``kill -9``: no call fails, no write is applied twice, and none takes long."""
    lab = Lab(stand)
    load = Load(lab.bridge.url, lab.bridge.token)
    calling = threading.Thread(target=load.run)
    calling.start()
    try:
        while calling.is_alive() and tally.faults.total() * EVERY_S < SECONDS - EVERY_S:
            calling.join(EVERY_S)
            if tally.faults.total() % 2:
                lab.bridge.stop()
                tally.count("SIGTERM")
            else:
                lab.bridge.kill()
                tally.count("kill -9")
            lab.start_bridge()
    finally:
        calling.join(DEADLINE_S + 10)
    assert not load.failed, f"{len(load.failed)} of {len(load.took)}: {load.failed[:3]!r}"
    assert len(load.took) == SECONDS * RATE
    done = lab.acts()
    assert set(done.values()) == {1}
    assert set(done) == set(load.written)
    p99 = load.p99()
    print(f"{len(load.took)} calls, none failed, p99 {p99:.2f} s, longest {max(load.took):.2f} s, {tally}")
    assert p99 < P99_S
    assert {"SIGTERM", "kill -9"} <= set(tally.faults)


class Later(threading.Thread):
    """A call in a thread of its own."""

    def __init__(self, call: Callable[[], Any]) -> None:
        super().__init__()
        self._call = call
        self.result: Any = None
        self.start()

    def run(self) -> None:
        try:
            self.result = self._call()
        except Exception as error:  # noqa: BLE001 - handed to the test
            self.result = error

    def told(self, within_s: float) -> Any:
        self.join(within_s)
        assert not self.is_alive(), f"no answer within {within_s} s"
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


@pytest.mark.timeout(90)
def test_an_edge_that_stands_still(stand: Stand, tally: Tally) -> None:
    """``kill -STOP``: away within 10 s; then CONT: calls from before and from meanwhile are answered, once."""
    lab = Lab(stand)
    with BridgeClient(lab.bridge.url, token=lab.bridge.token, deadline_s=DEADLINE_S) as client:
        acts = client.get_edge_client("hpc").get_plugin("acts", name="still")
        acts.act("before")
        lab.edge.send(signal.SIGSTOP)
        tally.count("SIGSTOP")
        began = time.monotonic()
        early = Later(lambda: acts.act("early"))
        until(lambda: "hpc" not in lab.bridge.edges(), 15, "the edge is shown away")
        away = time.monotonic() - began
        assert away < 10.5, f"shown away after {away:.1f} s"
        late = Later(lambda: acts.act("late"))
        read = Later(acts.count)
        late.join(began + STANDSTILL_S - time.monotonic())
        assert late.is_alive()
        lab.edge.send(signal.SIGCONT)
        assert early.told(15)["what"] == "early"
        assert late.told(15)["what"] == "late"
        assert read.told(15)["done"] in {1, 2, 3}
    assert lab.acts() == {"before": 1, "early": 1, "late": 1}
    print(f"shown away after {away:.1f} s; stood still for {STANDSTILL_S:.0f} s")


@pytest.mark.skipif(not LONG, reason="a minute of standing still is for nox -s chaos")
@pytest.mark.timeout(150)
def test_an_edge_that_stands_still_for_long(stand: Stand, tally: Tally) -> None:
    """For 60 s: 503 with its cause within the deadline, and the edge is back by itself."""
    lab = Lab(stand)
    with BridgeClient(lab.bridge.url, token=lab.bridge.token, deadline_s=40) as client:
        acts = client.get_edge_client("hpc").get_plugin("acts", name="still")
        lab.edge.send(signal.SIGSTOP)
        tally.count("SIGSTOP")
        began = time.monotonic()
        until(lambda: "hpc" not in lab.bridge.edges(), 15, "the edge is shown away")
        with pytest.raises(EdgeError) as raised:
            acts.act("lost")
        assert isinstance(raised.value, EdgeAway), raised.value
        assert time.monotonic() - began < 60
        time.sleep(max(0.0, began + 60 - time.monotonic()))
        lab.edge.send(signal.SIGCONT)
        lab.bridge.has("hpc", "acts", within_s=20)
        assert acts.act("back")["what"] == "back"
    assert lab.acts()["back"] == 1


FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)


@pytest.mark.skipif(FAKETIME is None, reason="libfaketime is not installed (Debian package faketime)")
@pytest.mark.timeout(120)
async def test_clocks_that_jump(stand: Stand, tally: Tally) -> None:
    """Both hosts' clocks step by an hour and back: no session expires, no key is forgotten, no link is cut."""
    clock = stand.folder / "clock"
    clock.write_text("+0\n", encoding="utf-8")
    lab = Lab(
        stand,
        LD_PRELOAD=str(FAKETIME),
        FAKETIME_TIMESTAMP_FILE=str(clock),
        FAKETIME_NO_CACHE="1",
        DONT_FAKE_MONOTONIC="1",
    )
    async with lab.client() as client:
        acts = await lab.plugin(client, name="clock")
        sid = acts.sid
        path = f"/hpc/acts/act/{sid}"

        async def keyed() -> object:
            headers = {"Idempotency-Key": "kept"}
            return await client.transport.request("POST", path, json={"what": "kept"}, headers=headers)

        first = await keyed()
        links = lab.bridge.output.count("connected from")
        for number, offset in enumerate(("+3600", "-3600", "+3600", "+0")):
            clock.write_text(f"{offset}\n", encoding="utf-8")
            tally.count(f"clock {offset} s")
            shown = lab.bridge.get("/hpc/acts/health")["uptime_seconds"]
            assert 0 <= shown < 300, "it is not measured with that clock"
            await acts.act(f"a{number}")
            assert await keyed() == first
            await acts.emit(number, 1)
        assert (await acts.count())["done"] == 5
        await asyncio.sleep(8)  # past the first ping of a silent link
        assert lab.bridge.output.count("connected from") == links, "the link never broke"
        assert await acts.register_session(name="clock") == {"sid": sid}
        hours = {line[:13] for line in re.findall(r'"time": ?"([^"]+)"', lab.bridge.output)}
        assert len(hours) >= 3, f"the clock really was another: {hours}"
    assert lab.acts()["kept"] == 1
