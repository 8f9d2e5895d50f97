"""Thousands of callers wait for an edge: little memory each, and every one is answered when it is back."""

from __future__ import annotations

import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from kit.stand import Stand
from kit.waiting import settled, until

from radical_edge_core.testing.tally import Tally

from .lab import LONG, Lab

CALLERS = 10_000 if LONG else 2_000
EACH_BYTES = 20_000
# More are not taken at once than the bridge's queue for new connections holds.
GROUP = 500
PARKED = "radical_edge_calls_parked"


@pytest.fixture(autouse=True)
def _descriptors() -> Iterator[None]:
    """Each caller is a socket here and another one in the bridge."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CALLERS + 1_000
    assert hard == resource.RLIM_INFINITY or hard >= wanted, (
        f"a process may have {hard} files open, not {wanted}"
    )
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.timeout(300)
def test_thousands_wait(stand: Stand, tally: Tally) -> None:
    """An edge is killed, thousands call it, and it comes back."""
    lab = Lab(stand)
    lab.kill("edge")
    tally.count("kill -9")
    request = (
        "GET /hpc/acts/health HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\nPrefer: wait=200\r\n"
        f"Authorization: Bearer {lab.bridge.token}\r\n\r\n"
    ).encode()
    settled(lambda: int(lab.bridge.memory_mib()))
    before = lab.bridge.memory_mib()
    with ExitStack() as stack:
        callers: list[socket.socket] = []
        while len(callers) < CALLERS:
            for _ in range(GROUP):
                made = stack.enter_context(socket.create_connection(("127.0.0.1", lab.port)))
                made.sendall(request)
                callers.append(made)
            until(lambda: lab.bridge.metric(PARKED) == len(callers), 30, "the calls wait")
        each = (lab.bridge.memory_mib() - before) * 1024 * 1024 / CALLERS
        began = time.monotonic()
        lab.start_edge()
        for caller in callers:
            caller.settimeout(60)
            assert caller.recv(4096).startswith(b"HTTP/1.1 200"), "every call is answered"
        took = time.monotonic() - began
    print(
        f"{CALLERS} callers, {each / 1000:.1f} kB each, all answered {took:.1f} s after the start of the edge"
    )
    assert each < EACH_BYTES
