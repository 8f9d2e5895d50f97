"""One reader for a growing file, and any number of viewers."""

from __future__ import annotations

import asyncio
import random
import threading
import time

import anyio
import pytest

from radical_edge_core.jobs.reader import BLOCK, End, FileReader, FileReaders, read_range


class Writer:
    """A file that grows, and the word that it is done."""

    def __init__(self, path) -> None:
        self.path = path
        self.end: End | None = None

    def write(self, data: bytes) -> None:
        with self.path.open("ab") as handle:
            handle.write(data)

    def finish(self, size: int | None = None) -> None:
        self.end = End(size=size)


@pytest.fixture
def writer(tmp_path):
    return Writer(tmp_path / "out put")


@pytest.fixture
def reader(writer):
    return FileReader(writer.path, lambda: writer.end, anyio.CapacityLimiter(4), poll_s=0.02)


async def collect(stream) -> bytes:
    return b"".join([chunk async for chunk in stream])


async def test_bytes_come_as_they_are_written(writer, reader) -> None:
    """A viewer has each piece before the next is written, and ends when the writer is done."""
    stream = reader.follow()
    for piece in (b"one", b"two", b"three" * 50_000):
        writer.write(piece)
        seen = b""
        while len(seen) < len(piece):
            seen += await asyncio.wait_for(anext(stream), 5)
        assert seen == piece
    writer.finish(writer.path.stat().st_size)
    with pytest.raises(StopAsyncIteration):
        await asyncio.wait_for(anext(stream), 5)
    assert reader.viewers == 0


@pytest.mark.parametrize("offset", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 10 * BLOCK])
async def test_a_viewer_begins_anywhere(offset, writer, reader) -> None:
    """From any offset the rest comes, and from beyond the end nothing."""
    data = random.Random(offset).randbytes(3 * BLOCK)
    writer.write(data)
    writer.finish(len(data))
    assert await collect(reader.follow(offset)) == data[offset:]


async def test_a_hundred_viewers_are_one_reader(writer, reader, eventually, chance, tell) -> None:
    """Viewers of the same bytes share reads and looks; each gets every byte, from its own offset on."""
    offsets = [chance.randrange(1000) for _ in range(100)]
    writer.write(b"x" * 1000)
    viewers = [asyncio.create_task(collect(reader.follow(offset))) for offset in offsets]
    data = b"x" * 1000
    for _ in range(20):
        data += (piece := chance.randbytes(chance.randrange(1, 20_000)))
        writer.write(piece)
        seen = reader.looks
        await eventually(lambda seen=seen: reader.looks > seen)
    writer.finish(len(data))
    assert await asyncio.gather(*viewers) == [data[offset:] for offset in offsets]
    tell(f"{reader.reads} reads, {reader.looks} looks for 100 viewers")
    assert reader.reads < 300
    assert reader.looks < 300


async def test_waiting_costs_looks_and_no_reads(writer, reader, eventually) -> None:
    """While nothing is written nothing is read."""
    writer.write(b"x")
    viewer = asyncio.create_task(collect(reader.follow()))
    await eventually(lambda: reader.looks >= 5)
    assert reader.reads == 2  # what was there, and where it ended
    writer.finish(1)
    await viewer


async def test_a_file_may_come_later(writer, reader, eventually) -> None:
    """A viewer may be there before the file is."""
    viewer = asyncio.create_task(collect(reader.follow()))
    await eventually(lambda: reader.looks)
    writer.write(b"late")
    writer.finish(4)
    assert await viewer == b"late"


async def test_the_end_waits_for_bytes_that_are_counted(writer, reader, eventually) -> None:
    """A record may be seen before the last bytes are, on a network file system: the count decides."""
    writer.write(b"first")
    writer.finish(11)
    stream = reader.follow()
    assert await anext(stream) == b"first"
    waiting = asyncio.create_task(anext(stream))
    seen = reader.looks
    await eventually(lambda: reader.looks >= seen + 3)
    assert not waiting.done()
    writer.write(b"second")
    assert await waiting == b"second"
    assert await collect(stream) == b""


async def test_a_count_that_never_comes_does_not_hold_a_viewer(writer, reader) -> None:
    """A job that cuts its own output leaves less than was counted."""
    writer.write(b"rest")
    writer.finish(1000)
    assert await asyncio.wait_for(collect(reader.follow()), 20) == b"rest"


async def test_without_a_count_all_that_is_there_is_sent(writer, reader) -> None:
    """Where nobody counted, the viewer has what is in the file when the end is known."""
    writer.write(b"all")
    writer.finish()
    assert await collect(reader.follow()) == b"all"


async def test_a_viewer_that_leaves_leaves_nothing(writer, reader, eventually) -> None:
    """Neither task nor count stays of a viewer that was cancelled."""
    writer.write(b"x")
    viewers = [asyncio.create_task(collect(reader.follow())) for _ in range(2)]
    await eventually(lambda: reader.looks >= 2)
    for viewer in viewers:
        viewer.cancel()
        with pytest.raises(asyncio.CancelledError):
            await viewer
    assert reader.viewers == 0
    await eventually(lambda: len(asyncio.all_tasks()) == 1)


async def test_viewers_share_a_reader_while_they_are_there(writer) -> None:
    """The same file has one reader, and a folder is in use while one of its files is viewed."""
    readers = FileReaders(anyio.CapacityLimiter(4), poll_s=0.02)
    writer.write(b"x")
    one = readers.of(writer.path, lambda: writer.end)
    stream = one.follow()
    assert not readers.viewed(writer.path.parent)
    await anext(stream)
    assert readers.of(writer.path, lambda: writer.end) is one
    assert readers.viewed(writer.path.parent)
    await stream.aclose()
    assert not readers.viewed(writer.path.parent)


@pytest.mark.parametrize("known", [True, False], ids=["counted", "not counted"])
async def test_random_writing_and_reading(known, tmp_path, chance) -> None:
    """Whatever the pieces, the pauses and the offsets: no byte is lost, repeated or changed."""
    writer = Writer(tmp_path / "file")
    reader = FileReader(writer.path, lambda: writer.end, anyio.CapacityLimiter(4), poll_s=0.005)
    data = chance.randbytes(chance.randrange(400_000, 600_000))

    def write() -> None:
        at = 0
        while at < len(data):
            step = chance.choice((1, 10, 1000, 70_000))
            writer.write(data[at : at + step])
            at += step
            if chance.random() < 0.3:
                time.sleep(chance.uniform(0, 0.01))
        writer.finish(len(data) if known else None)

    thread = threading.Thread(target=write)
    thread.start()
    offsets = [chance.randrange(len(data)) for _ in range(10)]
    results = await asyncio.gather(*(collect(reader.follow(offset)) for offset in offsets))
    thread.join()
    assert [len(result) for result in results] == [len(data) - offset for offset in offsets]
    assert all(result == data[offset:] for result, offset in zip(results, offsets, strict=True))


def test_a_range_is_read_at_once(writer) -> None:
    """A part of a file, nothing beyond its end, and nothing of a file that is not there."""
    assert read_range(writer.path, 0, 10) == b""
    writer.write(b"0123456789")
    assert read_range(writer.path, 3, 4) == b"3456"
    assert read_range(writer.path, 30, 4) == b""
