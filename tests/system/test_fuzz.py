"""Requests that chance has damaged: whatever they have become, nobody is disturbed."""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections import Counter
from contextlib import suppress
from typing import Any

import pytest
from kit import raw
from kit.distributions import make_distribution
from kit.hosts import Bridge, Edge
from kit.stand import Stand

from radical_edge_core.testing.tally import Tally

AT_ONCE = 32
# How long a request that may have lost its end is waited for; then the caller leaves.
PATIENCE_S = 0.5
TOKENS = (
    b"\r\n", b"\n", b"\0", b" ", b":", b"/", b"//", b"..", b"%2e%2e", b"%00", b"%", b"?", b"#", b"{", b"}", b'"', b"[",
    b"-1", b"null", b"NaN", b"1e999", b"\xff\xfe", b"\xf0\x9f\x92\xa5", b"9" * 40, b"x" * 5000,
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Expect: 100-continue\r\n", b"Connection: close\r\n", b"Upgrade: websocket\r\n",
    b"Upgrade: h2c\r\n", b"Range: bytes=5-1\r\n", b"Prefer: wait=-1\r\n", b"Idempotency-Key: k\r\n",
    b"Content-Type: application/msgpack\r\n", b"HTTP/2.0", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
)  # fmt: skip


class Place:
    """The system that the requests go to, and what they are made from."""

    def __init__(self, stand: Stand) -> None:
        make_distribution(stand.site, "echo", target="EchoPlugin")
        self.bridge: Bridge = stand.bridge()
        self.edge: Edge = stand.edge("hpc", "--url", self.bridge.url, "--plugins", "echo,staging")
        self.bridge.has("hpc", "echo", "staging")
        # Not the admin's: what is damaged may come back in a log.
        scopes = ["read:*", "write:*"]
        token = self.bridge.post("/tokens", {"scopes": scopes, "subject": "fuzz", "expires_s": 3600})["token"]
        sid = self.bridge.post("/hpc/staging/register_session", {}, token=token)["sid"]
        echo = self.bridge.post("/hpc/echo/register_session", {}, token=token)["sid"]
        folder = stand.folder / "files"
        folder.mkdir()
        (folder / "there").write_bytes(b"0123456789" * 100)

        def ask(method: str, target: str, *headers: str, body: bytes = b"", chunked: bool = False) -> bytes:
            given = (f"Authorization: Bearer {token}", "Connection: close", *headers)
            return raw.request(method, target, *given, body=body, chunked=chunked)

        self.whole = (
            ask("GET", "/hpc/echo/say?text=a%20text", "Prefer: wait=5"),
            ask("GET", f"/hpc/echo/recall/{echo}?text=a"),
            ask("GET", "/hpc/echo/pour?text=a&lines=20"),
            ask(
                "POST", "/hpc/echo/tell", "Content-Type: application/json", body=b'{"text": "a", "times": 3}'
            ),
            ask(
                "POST", "/hpc/echo/tell", body=b'1B\r\n{"text": "abc", "times": 3}\r\n0\r\n\r\n', chunked=True
            ),
            ask("POST", "/hpc/echo/tell", "Content-Type: application/msgpack", body=b"\x81\xa4text\xa1a"),
            ask("GET", f"/hpc/staging/file/{sid}?path={folder}/there", "Range: bytes=10-19"),
            ask("PUT", f"/hpc/staging/file/{sid}?path={folder}/new&overwrite=true", body=b"x" * 300),
            ask("POST", f"/hpc/staging/list/{sid}", body=json.dumps({"path": str(folder)}).encode()),
            ask("POST", "/tokens", body=b'{"scopes": ["read:*"], "expires_s": 60, "label": "a"}'),
            ask("GET", "/edge/list"),
            ask("GET", "/hpc/echo/describe", 'If-None-Match: "abc"'),
        )


@pytest.fixture(scope="module")
def place(shared_stand: Stand) -> Place:
    """A bridge, an edge, and requests that are in order."""
    return Place(shared_stand)


def damaged(whole: bytes, others: tuple[bytes, ...], chance: random.Random) -> bytes:
    """Return a request with a few kinds of damage."""
    data = bytearray(whole)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
        low, high = region(data, chance)
        at = chance.randrange(low, high + 1)
        until = min(high, at + chance.choice((1, 2, 5, 20, 100)))
        match chance.randrange(7):
            case 0:
                data[at:until] = chance.randbytes(until - at)
            case 1:
                del data[at:until]
            case 2:
                data[at:at] = data[at:until] * chance.randrange(1, 4)
            case 3:
                data[at:at] = chance.choice(TOKENS)
            case 4:
                data[at:until] = chance.choice(TOKENS)
            case 5:
                del data[at:]
                data += chance.choice(others)[chance.randrange(50) :]
            case _:
                # After the first line, where a whole header fits.
                line = data.find(b"\r\n") + 2
                data[line:line] = chance.choice(TOKENS)
    return bytes(data)


def region(data: bytearray, chance: random.Random) -> tuple[int, int]:
    """Return what is to be damaged: anything, or what gets past the HTTP parser: the target or the body."""
    target = data.find(b" "), data.find(b" HTTP/")
    body = data.find(b"\r\n\r\n") + 4, len(data)
    low, high = chance.choice(((0, len(data)), target, body))
    return (low, high) if 0 <= low <= high else (0, len(data))


async def send(port: int, data: bytes) -> bytes:
    """Send bytes on a connection of their own, and return the beginning of what comes back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = b""
    try:
        with suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(PATIENCE_S):
                writer.write(data)
                while piece := await reader.read(65536):
                    answer += piece
    finally:
        writer.transport.abort()
    return answer


def check(data: bytes, answer: bytes) -> int:
    """Return the status of an answer, 0 where there was none; it must blame the caller, if anybody."""
    if not answer:
        return 0
    assert answer.startswith((b"HTTP/1.1 ", b"\0\0")), answer[:300]
    if answer.startswith(b"\0\0"):
        return 2  # an HTTP/2 settings frame, to one who spoke HTTP/2
    head, _, body = answer.partition(b"\r\n\r\n")
    status = int(head.split(b" ")[1])
    # 501 is for a transfer coding that nobody knows, 504 for a caller that will not wait.
    assert status < 500 or status == 501 or (status == 504 and b"wait=" in data.lower()), answer[:1000]
    assert b"Traceback" not in answer
    length = re.search(rb"content-length: (\d+)", head)
    if b"application/problem+json" in head and length and len(body) >= int(length[1]):
        document: dict[str, Any] = json.loads(body[: int(length[1])])
        assert document["error"] is True
        assert document["status_code"] == status
    return status


@pytest.mark.timeout(600)
@pytest.mark.parametrize("count", [2_000, pytest.param(50_000, marks=pytest.mark.slow)])
async def test_damaged_requests_disturb_nobody(place: Place, tally: Tally, count: int) -> None:
    """Each gets an answer below 500 or none; link, edge and bridge go on as if nothing had been."""
    print(f"seed {tally.seed}")
    links = place.bridge.output.count("edge hpc: connected")
    requests = [damaged(tally.rng.choice(place.whole), place.whole, tally.rng) for _ in range(count)]
    statuses: Counter[int] = Counter()
    queue = iter(requests)

    async def worker() -> None:
        for data in queue:
            answer = await send(place.bridge.port, data)
            try:
                statuses[check(data, answer)] += 1
            except BaseException:
                print(f"sent {data!r}")
                raise
            tally.count("damage")

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(worker())
    print(dict(sorted(statuses.items())))
    assert statuses[200]
    assert statuses[400]
    assert statuses[422]
    for data in place.whole:
        status = raw.exchange(place.bridge.port, data).status
        assert status in {200, 201, 206, 429}, data
    assert place.bridge.running
    assert place.edge.running
    assert place.bridge.output.count("edge hpc: connected") == links, "the link was never lost"
