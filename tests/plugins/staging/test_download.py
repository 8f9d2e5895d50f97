"""Files that are streamed from the host, whole or in part."""

from __future__ import annotations

import asyncio
import os
import random
import threading

import pytest

from radical_edge_core.errors import EdgeLost

DATA = random.Random(7).randbytes(700_001)


@pytest.fixture
def file(root):
    """A file of several chunks."""
    path = root / "x"
    path.write_bytes(DATA)
    return path


async def test_a_file_arrives_as_it_is(host, file) -> None:
    """With its length, a validator, and word that parts may be asked for."""
    async with host() as h:
        answer = await h.download("~/x")
    assert (answer.status, answer.body) == (200, DATA)
    assert answer.headers["content-length"] == str(len(DATA))
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["content-type"] == "application/octet-stream"
    state = file.stat()
    assert answer.headers["etag"] == f'"{state.st_mtime_ns:x}-{state.st_size:x}"'
    assert "content-range" not in answer.headers


async def test_an_empty_file_arrives(host, root) -> None:
    """Length 0, and no part of it can be asked for."""
    (root / "x").touch()
    async with host() as h:
        whole, part = await h.download("~/x"), await h.download("~/x", range="bytes=0-")
    assert (whole.status, whole.body, whole.headers["content-length"]) == (200, b"", "0")
    assert (part.status, part.headers["content-range"]) == (416, "bytes */0")


async def test_head_tells_what_get_would(host, file) -> None:
    """Without the bytes."""
    async with host() as h:
        head = await h.request("HEAD", f"file/{h.sid}", query={"path": "~/x"})
        part = await h.request("HEAD", f"file/{h.sid}", query={"path": "~/x"}, headers={"range": "bytes=1-5"})
        got = await h.download("~/x")
    assert (head.status, head.body) == (200, b"")
    assert dict(head.headers) == dict(got.headers)
    assert (part.status, part.body, part.headers["content-length"]) == (206, b"", "5")


async def test_any_part_is_the_slice(host, file) -> None:
    """206 with the part's place; together the parts are the file."""
    rng = random.Random(1)
    async with host(chunk_bytes=65_536) as h:
        for _ in range(40):
            first, last = sorted(rng.randrange(len(DATA)) for _ in range(2))
            answer = await h.download("~/x", range=f"bytes={first}-{last}")
            assert answer.status == 206
            assert answer.body == DATA[first : last + 1]
            assert answer.headers["content-range"] == f"bytes {first}-{last}/{len(DATA)}"
            assert answer.headers["content-length"] == str(last - first + 1)
        assert (await h.download("~/x", range="bytes=-7")).body == DATA[-7:]
        assert (await h.download("~/x", range=f"bytes={len(DATA) - 1}-")).body == DATA[-1:]


async def test_a_part_beyond_the_end_is_416(host, file) -> None:
    """With the length, as a problem document."""
    async with host() as h:
        answer = await h.download("~/x", range=f"bytes={len(DATA)}-")
    assert (answer.status, answer.headers["content-range"]) == (416, f"bytes */{len(DATA)}")
    assert (answer.json["code"], answer.json["size"]) == ("range_not_satisfiable", len(DATA))
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_part_is_of_the_file_that_was_meant(host, file) -> None:
    """If the file changed, all of the new one comes."""
    async with host() as h:
        etag = (await h.download("~/x", range="bytes=0-9")).headers["etag"]
        same = await h.download("~/x", range="bytes=10-19", if_range=etag)
        assert (same.status, same.body) == (206, DATA[10:20])
        file.write_bytes(b"other")
        changed = await h.download("~/x", range="bytes=10-19", if_range=etag)
        assert (changed.status, changed.body) == (200, b"other")
        assert changed.headers["etag"] != etag


@pytest.mark.parametrize(
    ("make", "status", "reason"),
    [
        (None, 404, "missing"),
        ("mkdir", 400, "is_a_directory"),
        ("pipe", 400, "special_file"),
        ("outside", 400, "outside_roots"),
    ],
)
async def test_what_is_no_file_is_named(host, root, make, status, reason) -> None:
    """At once, also for a pipe that nobody writes to."""
    path = root / "x"
    if make == "mkdir":
        path.mkdir()
    elif make == "pipe":
        os.mkfifo(path)
    elif make == "outside":
        path.symlink_to("/etc/passwd")
    async with host() as h, asyncio.timeout(5):
        answer = await h.download("~/x")
    assert (answer.status, answer.json["reason"]) == (status, reason)


@pytest.mark.parametrize("query", [{}, {"path": "~/x", "overwrite": "true"}])
async def test_parameters_that_do_not_fit_are_named(host, file, query) -> None:
    """422."""
    async with host() as h:
        assert (await h.request("GET", f"file/{h.sid}", query=query)).status == 422


async def test_a_file_that_is_cut_shorter_breaks_the_answer_off(host, file) -> None:
    """The announced length is kept or the exchange is aborted; it never ends as if it were whole."""
    async with host(chunk_bytes=65_536) as h:
        exchange = h.exchange("GET", f"file/{h.sid}", query={"path": "~/x"})
        task = asyncio.create_task(exchange.run())
        head = await exchange.sent.get()
        assert head["status"] == 200
        with file.open("rb+") as writer:
            writer.truncate(100_000)
        received, ended = 0, False
        while not task.done() or not exchange.sent.empty():
            getting = asyncio.create_task(exchange.sent.get())
            await asyncio.wait({getting, task}, return_when=asyncio.FIRST_COMPLETED)
            if getting.done():
                message = getting.result()
                received += len(message["body"])
                ended = ended or not message.get("more_body", False)
            else:
                getting.cancel()
        with pytest.raises(EdgeLost, match="cut shorter"):
            task.result()
    assert received < len(DATA)
    assert not ended


async def test_a_file_that_grows_is_sent_as_long_as_it_was(host, file) -> None:
    """A log that is written to while it is fetched."""
    async with host(chunk_bytes=65_536) as h:
        exchange = h.exchange("GET", f"file/{h.sid}", query={"path": "~/x"})
        task = asyncio.create_task(exchange.run())
        await exchange.sent.get()
        with file.open("ab") as writer:
            writer.write(b"more")
        body, more = b"", True
        while more:
            message = await exchange.sent.get()
            body, more = body + message["body"], message["more_body"]
        await task
    assert body == DATA


async def test_a_caller_who_leaves_at_any_instant_leaves_no_descriptor(host, file) -> None:
    """Whatever was under way."""
    cancelled = 0
    async with host(chunk_bytes=16_384) as h:
        for turns in range(40):
            exchange = h.exchange("GET", f"file/{h.sid}", query={"path": "~/x"})
            task = asyncio.create_task(exchange.run())
            for _ in range(turns * 2):
                await asyncio.sleep(0)
                while not exchange.sent.empty():
                    exchange.sent.get_nowait()
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                cancelled += 1
    assert cancelled >= 20


async def test_a_read_that_hangs_closes_the_file_when_it_ends(host, file, until, monkeypatch) -> None:
    """The caller is let go at once."""
    let_go, entered = threading.Event(), threading.Event()
    pread = os.pread

    def hang(*args: int) -> bytes:
        entered.set()
        let_go.wait(20)
        return pread(*args)

    async with host() as h:
        monkeypatch.setattr("radical_edge_staging.download.os.pread", hang)
        task = asyncio.create_task(h.exchange("GET", f"file/{h.sid}", query={"path": "~/x"}).run())
        await until(entered.is_set)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        let_go.set()


async def test_many_readers_and_writers_at_once(host, file) -> None:
    """More than there are threads; each gets all of its own."""
    async with host() as h:
        answers = await asyncio.gather(
            *(h.download("~/x") for _ in range(30)),
            *(h.upload(f"~/copy{number}", DATA) for number in range(10)),
        )
    assert all(answer.body == DATA for answer in answers[:30])
    assert {answer.status for answer in answers[30:]} == {201}
