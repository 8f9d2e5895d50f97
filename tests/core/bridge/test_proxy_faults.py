"""What a caller is told when an edge fails, is away, or does not answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from radical_edge_core.testing.bridges import RunningBridge, running_bridge
from radical_edge_core.testing.byte_peer import raw_http
from radical_edge_core.testing.edges import RunningEdge, running_application
from radical_edge_core.testing.faults import fault_proxy
from radical_edge_core.testing.tally import Tally
from radical_edge_core.testing.waiting import wait_until
from radical_edge_core.wire.patience import Patience

BRIEF = Patience(grace_s=0.2)


def request(bridge: RunningBridge, path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {bridge.admin_token}\r\n\r\n".encode()


@pytest.fixture
async def brief(home: Path) -> AsyncIterator[RunningBridge]:
    """A bridge that gives a lost link up soon."""
    async with running_bridge(home, patience=BRIEF) as running:
        yield running


async def answered_by(bridge: RunningBridge, app: Any) -> Any:
    async with running_application(bridge, app):
        return await bridge.api.get("/here/p/x", x_request_id="the-id")


async def raw_answer_by(bridge: RunningBridge, app: Any) -> bytes:
    async with running_application(bridge, app):
        return await raw_http(bridge.url, request(bridge, "/here/p/x"))


# --- handlers that fail -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error", [KeyError("secret"), OSError(5, "secret"), SystemExit(3), BaseException("x")]
)
async def test_raising_before_the_head_is_500(bridge: RunningBridge, error: BaseException) -> None:
    """Whatever a handler raises is a problem document with the request id, and no word of what was raised."""

    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        raise error

    answer = await answered_by(bridge, app)
    assert (answer.status, answer.code) == (500, "plugin_failure")
    assert answer.json["request_id"] == "the-id"
    assert b"secret" not in answer.body


async def test_ending_without_an_answer_is_500(bridge: RunningBridge) -> None:
    """A handler that simply returns has failed."""

    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        pass

    assert (await answered_by(bridge, app)).code == "plugin_failure"


@pytest.mark.parametrize("how", ["raise", "return"])
async def test_failing_after_the_head_breaks_the_connection(bridge: RunningBridge, how: str) -> None:
    """An answer that can't be completed ends without its final chunk, with everything that came before."""

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"the beginning", "more_body": True})
        if how == "raise":
            raise KeyError

    answer = await raw_answer_by(bridge, app)
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"the beginning" in answer
    assert b"\r\n0\r\n" not in answer


@pytest.mark.parametrize("status", [99, 100, 101, 600, 1000])
async def test_an_impossible_status_is_500(bridge: RunningBridge, status: int) -> None:
    """A status that no answer can have is the edge's failure."""

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    assert (await answered_by(bridge, app)).status == 500


# --- links that are lost ----------------------------------------------------------------------------


async def test_a_link_lost_before_the_head_is_502(brief: RunningBridge, far: Any) -> None:
    """A call under way when the link is lost for good is answered 502 with the cause, and may be repeated."""
    async with running_application(brief, far) as edge:
        call = asyncio.create_task(brief.api.get("/here/p/wait"))
        await wait_until(lambda: far.begun["wait"])
        await edge.kill()
        answer = await call
    assert (answer.status, answer.code) == (502, "edge_lost")
    assert answer.json["transient"] is True
    assert answer.json["edge"] == "here"


async def test_a_link_lost_after_the_head_breaks_the_connection(brief: RunningBridge, far: Any) -> None:
    """A download under way when the link is lost for good ends without its final chunk."""
    async with running_application(brief, far) as edge:
        raw = asyncio.create_task(raw_http(brief.url, request(brief, "/here/p/bytes?n=200000&gate=1")))
        await wait_until(lambda: far.given["bytes"])
        await edge.kill()
        answer = await raw
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"\r\n0\r\n" not in answer[-7:]


async def test_handlers_of_a_lost_link_are_cancelled(bridge: RunningBridge, far: Any, tally: Tally) -> None:
    """An edge whose link is gone for longer than the grace period cancels what it ran for it."""
    async with (
        fault_proxy(bridge.port, tally) as proxy,
        running_application(bridge, far, port=proxy.port, patience=BRIEF),
    ):
        call = asyncio.create_task(bridge.api.get("/here/p/wait"))
        await wait_until(lambda: far.begun["wait"])
        proxy.refuse()
        proxy.cut()
        await wait_until(lambda: far.cancelled["wait"])
        proxy.accept()
        assert (await call).status == 502


# --- edges that are away ----------------------------------------------------------------------------


async def test_a_parked_call_is_woken_by_the_link(bridge: RunningBridge, far: Any) -> None:
    """A call for an edge that is away is carried out as soon as the edge is back."""
    async with running_application(bridge, far):
        pass
    call = asyncio.create_task(bridge.api.call("POST", "/here/p/mirror", body=b"body"))
    await wait_until(lambda: bridge.bridge.registry.parked == 1)
    async with running_application(bridge, far):
        async with asyncio.timeout(2):
            answer = await call
    assert (answer.status, answer.body) == (200, b"body")
    assert bridge.bridge.registry.parked == 0


async def test_every_parked_call_is_woken(bridge: RunningBridge, far: Any) -> None:
    """Many calls wait for one edge, and each gets its own answer."""
    async with running_application(bridge, far):
        pass
    calls = [
        asyncio.create_task(bridge.api.call("POST", "/here/p/mirror", body=str(n).encode()))
        for n in range(50)
    ]
    await wait_until(lambda: bridge.bridge.registry.parked == 50)
    async with running_application(bridge, far):
        answers = await asyncio.gather(*calls)
    assert [answer.body for answer in answers] == [str(n).encode() for n in range(50)]


@pytest.mark.parametrize("wait", ["0", "0.05"])
async def test_an_edge_that_stays_away_is_503(bridge: RunningBridge, far: Any, wait: str) -> None:
    """``Prefer: wait`` bounds how long a call waits for an edge that is away; then the caller is told when to retry."""
    async with running_application(bridge, far):
        pass
    answer = await bridge.api.get("/here/p/short", prefer=f"wait={wait}")
    assert (answer.status, answer.code) == (503, "edge_away")
    assert int(answer.headers["retry-after"]) > 0
    assert answer.json["transient"] is True


async def test_an_edge_that_is_there_and_does_not_answer_is_504(
    bridge: RunningBridge, edge: RunningEdge, far: Any
) -> None:
    """``Prefer: wait`` that runs out before the answer began is 504, and the handler is cancelled."""
    answer = await bridge.api.get("/here/p/wait", prefer="wait=0.1")
    assert (answer.status, answer.code) == (504, "deadline")
    await wait_until(lambda: far.cancelled["wait"])


async def test_prefer_wait_bounds_the_whole_of_a_call(bridge: RunningBridge, far: Any) -> None:
    """What was waited for the link does not count twice."""
    async with running_application(bridge, far):
        pass
    call = asyncio.create_task(bridge.api.get("/here/p/wait", prefer="wait=1"))
    begun = time.monotonic()
    await wait_until(lambda: bridge.bridge.registry.parked == 1)
    await wait_until(lambda: time.monotonic() - begun > 0.6)
    async with running_application(bridge, far):
        assert (await call).code == "deadline"
    assert time.monotonic() - begun < 1.4


async def test_prefer_wait_does_not_cut_off_an_answer(
    bridge: RunningBridge, edge: RunningEdge, far: Any
) -> None:
    """Once the answer has begun it may take as long as it takes."""
    call = asyncio.create_task(bridge.api.get("/here/p/bytes?n=200000&gate=1", prefer="wait=0.2"))
    await wait_until(lambda: far.given["bytes"])
    begun = time.monotonic()
    await wait_until(lambda: time.monotonic() - begun > 0.4)
    far.gate.set()
    answer = await call
    assert (answer.status, len(answer.body)) == (200, 200_000)


@pytest.mark.parametrize("value", ["wait=x", "wait=-1", "wait=", "wait=1e9", "wait=nan", "wait=inf"])
async def test_an_unfit_wait_is_400(bridge: RunningBridge, edge: RunningEdge, value: str) -> None:
    """``Prefer: wait`` takes a number of seconds, up to an hour."""
    answer = await bridge.api.get("/here/p/short", prefer=value)
    assert (answer.status, answer.code) == (400, "bad_request")


@pytest.mark.parametrize("value", ["respond-async", "return=minimal, wait=5", 'wait="5"', "WAIT = 5"])
async def test_other_preferences_are_none_of_the_bridges_business(
    bridge: RunningBridge, edge: RunningEdge, value: str
) -> None:
    """Preferences that the bridge does not know are passed on, wherever ``wait`` stands among them."""
    assert (await bridge.api.get("/here/p/short", prefer=value)).status == 200


async def test_a_bridge_that_stops_tells_those_that_wait(bridge: RunningBridge, far: Any) -> None:
    """Parked calls are answered 503 at once when the bridge stops."""
    async with running_application(bridge, far):
        pass
    call = asyncio.create_task(bridge.api.get("/here/p/short"))
    await wait_until(lambda: bridge.bridge.registry.parked == 1)
    stopping = asyncio.create_task(bridge.stop())
    answer = await call
    assert (answer.status, answer.json["transient"]) == (503, True)
    await stopping


# --- bounds -----------------------------------------------------------------------------------------


async def test_more_calls_than_an_edge_takes_wait_for_each_other(home: Path, far: Any) -> None:
    """Calls under way at one edge have a bound; the next waits, is told to come back, or has its turn."""
    async with running_bridge(home, max_streams=3) as bridge, running_application(bridge, far):
        calls = [asyncio.create_task(bridge.api.get("/here/p/wait")) for _ in range(3)]
        await wait_until(lambda: far.begun["wait"] == 3)
        answer = await bridge.api.get("/here/p/short", prefer="wait=0.1")
        assert (answer.status, answer.code) == (503, "overloaded")
        assert answer.headers["retry-after"]
        later = [asyncio.create_task(bridge.api.get("/here/p/short")) for _ in range(20)]
        await wait_until(lambda: bridge.bridge.registry.parked == 20)
        later.pop(0).cancel()  # its turn goes to the next
        far.gate.set()
        assert [(await call).status for call in [*calls, *later]] == [200] * 22
        assert (await bridge.api.get("/here/p/short")).status == 200


async def test_more_calls_at_an_edges_return_than_it_takes_are_all_answered(home: Path, far: Any) -> None:
    """The link carries so many calls at once; the others that waited for it go on waiting, in the order they came."""
    async with running_bridge(home, max_streams=3) as bridge:
        async with running_application(bridge, far):
            pass
        calls = [asyncio.create_task(bridge.api.get("/here/p/short")) for _ in range(50)]
        await wait_until(lambda: bridge.bridge.registry.parked == 50)
        async with running_application(bridge, far):
            async with asyncio.timeout(5):
                assert {(await call).status for call in calls} == {200}
        assert far.begun["short"] == 50


async def test_parked_calls_have_a_bound_of_bytes(
    bridge: RunningBridge, far: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bodies that wait count with what may have come of them."""
    monkeypatch.setattr("radical_edge_core.bridge.parking.MAX_PARKED_BYTES", 100_000)
    async with running_application(bridge, far):
        pass
    first = asyncio.create_task(bridge.api.call("POST", "/here/p/mirror", body=bytes(60_000)))
    await wait_until(lambda: bridge.bridge.registry.parked == 1)
    answer = await bridge.api.call("POST", "/here/p/mirror", body=bytes(60_000))
    assert (answer.status, answer.code) == (503, "overloaded")
    second = asyncio.create_task(bridge.api.call("POST", "/here/p/mirror", body=bytes(30_000)))
    await wait_until(lambda: bridge.bridge.registry.parked == 2)
    async with running_application(bridge, far):
        assert [len((await call).body) for call in (first, second)] == [60_000, 30_000]


async def test_more_parked_calls_than_the_bridge_keeps_are_503(
    bridge: RunningBridge, far: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parked calls have a bound, too."""
    monkeypatch.setattr("radical_edge_core.bridge.parking.MAX_PARKED", 2)
    async with running_application(bridge, far):
        pass
    calls = [asyncio.create_task(bridge.api.get("/here/p/short")) for _ in range(2)]
    await wait_until(lambda: bridge.bridge.registry.parked == 2)
    assert (await bridge.api.get("/here/p/short")).code == "overloaded"
    async with running_application(bridge, far):
        assert [(await call).status for call in calls] == [200] * 2


async def test_a_header_beyond_the_bound_is_refused_by_the_server(bridge: RunningBridge) -> None:
    """A head of more than 64 KiB is answered 431 (or 400) and the connection closed."""
    answer = await raw_http(bridge.url, b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 300_000 + b"\r\n\r\n")
    assert answer.split(b" ")[1] in {b"400", b"431"}


async def test_a_head_that_fills_the_bound_is_forwarded(
    bridge: RunningBridge, edge: RunningEdge, far: Any
) -> None:
    """What the server takes, the link carries."""
    path = "/here/p/echo?" + "q" * 20_000
    answer = await bridge.api.call("GET", path, headers={"x-large": "y" * 30_000})
    assert answer.status == 200
    assert ["x-large", "y" * 30_000] in answer.json["headers"]
