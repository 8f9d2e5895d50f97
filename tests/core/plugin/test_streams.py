"""Answers that are byte streams."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from radical_edge_core.errors import NotFound
from radical_edge_core.plugin import Plugin, PluginSession, current_caller, operation
from radical_edge_core.plugin.stream import StreamAnswer


class Tap(PluginSession):
    closed = 0

    @operation.get("flow/{sid}", stream="bytes")
    async def flow(self, fail_at: int = -1, pieces: int = 3) -> AsyncIterator[bytes]:
        """Flow."""
        try:
            for index in range(pieces):
                if index == fail_at:
                    raise ZeroDivisionError
                yield f"{current_caller().subject}{index} ".encode()
        finally:
            Tap.closed += 1

    @operation.get("text/{sid}", stream="text")
    async def text(self, found: bool = True) -> AsyncIterator[bytes]:
        """Find first, flow then."""
        if not found:
            raise NotFound("no such text")
        return self.flow(pieces=1)

    @operation.get("plain/{sid}", stream="text")
    def plain(self) -> AsyncIterator[bytes]:
        """Prepare in a thread, flow in the loop."""
        return self.flow(pieces=2)


class Tapped(Plugin):
    name = "tapped"
    session_class = Tap
    idle_timeout_s = 5


@pytest.fixture(autouse=True)
def _counted() -> None:
    Tap.closed = 0


async def test_chunks_arrive_in_order(serve: Callable[..., Any]) -> None:
    """The body is what was yielded, under the declared content type, from a generator of any kind."""
    served = serve(Tapped)
    sid = await served.sid()
    reply = await served.get(f"/flow/{sid}")
    assert (reply.status, reply.body) == (200, b"alice0 alice1 alice2 ")
    assert reply.headers["content-type"] == "application/octet-stream"
    assert (await served.get(f"/text/{sid}")).headers["content-type"] == "text/plain; charset=utf-8"
    assert (await served.get(f"/plain/{sid}")).body == b"alice0 alice1 "
    assert (await served.get(f"/flow/{sid}", "pieces=0")).body == b""
    assert Tap.closed == 4


async def test_a_failure_before_the_first_byte_is_a_problem(serve: Callable[..., Any]) -> None:
    """Nothing was sent yet, so the status can still tell."""
    served = serve(Tapped)
    sid = await served.sid()
    assert (await served.get(f"/flow/{sid}", "fail_at=0")).json["code"] == "plugin_failure"
    assert (await served.get(f"/text/{sid}", "found=false")).json["code"] == "not_found"


async def test_a_failure_after_the_first_byte_reaches_the_host(serve: Callable[..., Any]) -> None:
    """No answer that breaks off ends as if it were whole."""
    served = serve(Tapped)
    reply = await served.get(f"/flow/{await served.sid()}", "fail_at=2")
    assert reply.body == b"alice0 alice1 "
    assert reply.broken is not None
    assert served.sent[-1]["more_body"] is True
    assert Tap.closed == 1


async def test_head_has_no_body_and_closes_the_source(serve: Callable[..., Any]) -> None:
    """HEAD of a stream ends at once."""
    served = serve(Tapped)
    reply = await served.call("HEAD", f"/flow/{await served.sid()}")
    assert (reply.status, reply.body) == (200, b"")
    assert Tap.closed == 1


async def test_the_head_of_a_silent_stream_is_sent_alone(until: Any) -> None:
    """A follower gets its headers, and an empty piece that flushes them, though nothing was written yet."""
    sent: list[Any] = []
    written = asyncio.Event()

    async def send(message: Any) -> None:
        sent.append(message)

    async def silent() -> AsyncIterator[bytes]:
        await written.wait()
        yield b"at last"

    task = asyncio.create_task(StreamAnswer(send, "text", head_after_s=0.01).run(silent()))
    await until(lambda: len(sent) == 2)
    assert [m["type"] for m in sent] == ["http.response.start", "http.response.body"]
    assert sent[1]["body"] == b""
    written.set()
    await task
    assert b"".join(m.get("body", b"") for m in sent) == b"at last"
    assert [m.get("more_body") for m in sent] == [None, True, True, False]


async def test_an_empty_chunk_opens_the_answer(until: Any) -> None:
    """A source may say that all is well before it has data."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def source() -> AsyncIterator[bytes]:
        yield b""
        await asyncio.get_running_loop().create_future()

    task = asyncio.create_task(StreamAnswer(send, "bytes", head_after_s=60).run(source()))
    await until(lambda: sent)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_stream_keeps_its_session(serve: Callable[..., Any], clock: Any, until: Any) -> None:
    """A session whose output is being read does not expire."""
    gate = asyncio.Event()

    class Slow(PluginSession):
        @operation.get("follow/{sid}", stream="text")
        async def follow(self) -> AsyncIterator[bytes]:
            """Follow."""
            yield b"begin"
            await gate.wait()

    class Follower(Plugin):
        name = "follower"
        session_class = Slow
        idle_timeout_s = 5

    served = serve(Follower)
    task = asyncio.create_task(served.get(f"/follow/{await served.sid()}"))
    await until(lambda: any(m.get("body") == b"begin" for m in served.sent))
    clock.now += 100
    assert await served.app.plugin.sessions.sweep() == []
    gate.set()
    assert (await task).body == b"begin"
    clock.now += 100
    assert len(await served.app.plugin.sessions.sweep()) == 1


async def test_the_hosts_own_error_passes_untouched(serve: Callable[..., Any]) -> None:
    """Where sending fails, the caller is gone: no plugin's bug, and no log of one."""
    served = serve(Tapped)
    sid = await served.sid()

    class Gone(ConnectionError):
        pass

    async def app(scope: Any, receive: Any, send: Any) -> None:
        async def broken(message: Any) -> None:
            await send(message)
            if message["type"] == "http.response.body":
                raise Gone

        await served.app(scope, receive, broken)

    reply = await type(served)(app).get(f"/flow/{sid}")
    assert isinstance(reply.broken, Gone)
