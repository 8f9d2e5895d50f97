"""Downloads that fail and go on in a later call: what is kept here, and when it counts."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import random
import threading
import time
from pathlib import Path

import pytest

from radical_edge_core.errors import EdgeAway, EdgeError, EdgeLost
from radical_edge_staging.download import Download

DATA = random.Random(7).randbytes(700_001)
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr("radical_edge_staging.fetching.PAUSE_S", 0.0)


@pytest.fixture
def src(root) -> Path:
    """The file on the edge's host."""
    path = root / "src"
    path.write_bytes(DATA)
    return path


def parts(folder: Path) -> list[Path]:
    return sorted(folder.glob(".radical-edge-get-*.part"))


async def broken_at(h, c, here: Path, count: int) -> Path:
    """Let a download fail after so many bytes, and return its part."""
    h.cuts = [count, 0, 0, 0]
    with pytest.raises(EdgeError, match="the link was cut") as raised:
        await c.get("~/src", here / "tgt", resume=True)
    assert h.cuts == []
    assert raised.value.data["received"] == count
    (part,) = parts(here)
    assert part.read_bytes() == DATA[:count]
    h.carried = 0
    return part


async def test_a_later_call_fetches_only_the_rest(client, src, here, tally) -> None:
    """Broken off at random places, again and again; but for one byte a call, each comes once."""
    have = 0
    async with client() as (h, c):
        while len(DATA) - have > 100_000:
            cut = tally.rng.randrange(2, 100_000)
            h.cuts, h.carried = [cut, 0, 0, 0], 0
            with pytest.raises(EdgeError, match="the link was cut") as raised:
                await c.get("~/src", here / "tgt", resume=True)
            tally.count("cut")
            have += cut - (1 if have else 0)
            assert (raised.value.data["received"], h.carried, h.cuts) == (have, cut, [])
            (part,) = parts(here)
            assert part.read_bytes() == DATA[:have]
            assert not (here / "tgt").exists()
            await c.unregister_session()
            await c.register_session()
        h.carried = 0
        got = await c.get("~/src", here / "tgt", resume=True)
        assert (got, h.carried) == ({"path": "~/src", "size": len(DATA)}, len(DATA) - have + 1)
    assert hashlib.sha256((here / "tgt").read_bytes()).hexdigest() == SHA256
    assert [path.name for path in here.iterdir()] == ["tgt"]


async def test_what_broke_it_off_is_told(client, src, here) -> None:
    """And why it could not go on is its cause."""
    async with client() as (h, c):
        asked = len(h.requests)

        def away(number: int) -> None:
            if number > asked + 1:
                raise EdgeAway("the edge is away")

        h.before = away
        h.cuts = [300_000]
        with pytest.raises(EdgeLost, match="the link was cut") as raised:
            await c.get("~/src", here / "tgt", resume=True)
        assert isinstance(raised.value.__cause__, EdgeAway)
        assert raised.value.data["received"] == 300_000
        assert len(h.requests) == asked + 4
        h.before = lambda _number: None
        await c.get("~/src", here / "tgt", resume=True)
    assert (here / "tgt").read_bytes() == DATA


async def test_a_source_that_changed_is_fetched_whole(client, src, here) -> None:
    """Also one of the same size; nothing is left of the old one, nor where the new one fails in its turn."""
    new = DATA[::-1]
    async with client() as (h, c):
        old = await broken_at(h, c, here, 300_000)
        src.write_bytes(new)
        h.cuts = [1000, 0, 0, 0]
        with pytest.raises(EdgeError):
            await c.get("~/src", here / "tgt", resume=True)
        (part,) = parts(here)
        assert (part != old, part.read_bytes()) == (True, new[:1000])
        h.carried = 0
        await c.get("~/src", here / "tgt", resume=True)
        assert h.carried == len(new) - 999
    assert (here / "tgt").read_bytes() == new
    assert parts(here) == []


async def test_a_source_that_is_shorter_now(client, src, here) -> None:
    """Its end lies before what is kept."""
    async with client() as (h, c):
        await broken_at(h, c, here, 300_000)
        src.write_bytes(b"new")
        assert (await c.get("~/src", here / "tgt", resume=True))["size"] == 3
    assert (here / "tgt").read_bytes() == b"new"
    assert parts(here) == []


@pytest.mark.parametrize("count", [0, 1, len(DATA)], ids=["nothing", "a byte", "all but the name"])
async def test_the_ends(client, src, here, count) -> None:
    """Of nothing nothing is kept; what is all there gets its name."""
    async with client() as (h, c):
        part = await broken_at(h, c, here, 10)
        part.write_bytes(DATA[:count])
        if not count:
            h.cuts = [0, 0, 0]
            with pytest.raises(EdgeError):
                await c.get("~/src", here / "tgt", resume=True)
            assert parts(here) == []
        h.carried = 0
        await c.get("~/src", here / "tgt", resume=True)
        assert h.carried == len(DATA) - max(0, count - 1)
    assert (here / "tgt").read_bytes() == DATA
    assert parts(here) == []


async def test_a_part_belongs_to_one_source_and_one_target(client, root, src, here) -> None:
    """Others begin anew, whatever lies beside them."""
    (root / "other").write_bytes(DATA[::-1])
    os.utime(root / "other", ns=(src.stat().st_mtime_ns, src.stat().st_mtime_ns))
    async with client() as (h, c):
        part = await broken_at(h, c, here, 300_000)
        await c.get("~/other", here / "tgt", resume=True)
        await c.get("~/src", here / "tgt 2", resume=True)
        assert h.carried == 2 * len(DATA)
        with pytest.raises(FileExistsError):
            await c.get("~/src", here / "tgt", resume=True)
    assert (here / "tgt").read_bytes() == DATA[::-1]
    assert (here / "tgt 2").read_bytes() == DATA
    part.unlink()


async def test_a_part_that_is_in_use_is_left_alone(client, src, here) -> None:
    """The second of two fetches the whole file for itself."""
    async with client() as (h, c):
        part = await broken_at(h, c, here, 300_000)
        with part.open("rb+") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            await c.get("~/src", here / "tgt", resume=True)
        assert h.carried == len(DATA)
        assert part.read_bytes() == DATA[:300_000]
    assert (here / "tgt").read_bytes() == DATA
    part.unlink()


async def test_a_link_at_the_part_s_name_leads_nowhere(client, src, here, root) -> None:
    """Nor is a file written to that has another name."""
    async with client() as (h, c):
        part = await broken_at(h, c, here, 300_000)
        for way in (part.symlink_to, part.hardlink_to):
            part.unlink()
            (root / "victim").write_bytes(b"precious")
            way(root / "victim")
            await c.get("~/src", here / "tgt", resume=True)
            assert (here / "tgt").read_bytes() == DATA
            assert (root / "victim").read_bytes() == b"precious"
            (here / "tgt").unlink()
            part.touch()
            (root / "victim").unlink()
    part.unlink()


async def test_a_caller_who_leaves_keeps_what_came(client, src, here, until, monkeypatch) -> None:
    """A cancelled call is a failed one."""
    read = Download.read
    let_go = threading.Event()

    def hang(self: Download, offset: int, length: int) -> bytes:
        if offset >= 524_288:
            let_go.wait(20)
        return read(self, offset, length)

    async with client() as (h, c):
        with monkeypatch.context() as patch:
            patch.setattr(Download, "read", hang)
            getting = asyncio.create_task(c.get("~/src", here / "tgt", resume=True))
            await until(lambda: parts(here) and parts(here)[0].stat().st_size == 524_288)
            getting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await getting
            let_go.set()
        (part,) = parts(here)
        have = part.stat().st_size
        assert part.read_bytes() == DATA[:have]
        h.carried = 0
        await c.get("~/src", here / "tgt", resume=True)
        assert h.carried == len(DATA) - have + 1
    assert (here / "tgt").read_bytes() == DATA
    assert parts(here) == []


async def test_a_target_that_appears_meanwhile_is_not_replaced(client, src, here) -> None:
    """And nothing is kept: there is nothing left to go on with."""
    async with client() as (h, c):
        await broken_at(h, c, here, 300_000)
        h.before = lambda _number: (here / "tgt").write_text("other")
        with pytest.raises(FileExistsError):
            await c.get("~/src", here / "tgt", resume=True)
    assert (here / "tgt").read_text() == "other"
    assert parts(here) == []


async def test_without_resume_nothing_is_kept_or_taken_up(client, src, here) -> None:
    """As ever."""
    async with client() as (h, c):
        part = await broken_at(h, c, here, 300_000)
        h.cuts = [10, 0, 0, 0]
        with pytest.raises(EdgeError) as raised:
            await c.get("~/src", here / "tgt")
        assert "received" not in raised.value.data
        assert parts(here) == [part]
        h.carried = 0
        await c.get("~/src", here / "tgt")
        assert h.carried == len(DATA)
    part.unlink()


async def test_a_source_that_is_gone(client, src, here) -> None:
    """Is told as ever."""
    async with client() as (h, c):
        part = await broken_at(h, c, here, 300_000)
        src.unlink()
        with pytest.raises(FileNotFoundError):
            await c.get("~/src", here / "tgt", resume=True)
    part.unlink()


async def test_parts_that_nobody_comes_for_are_removed(client, src, here) -> None:
    """After a week, when a download begins in the same folder."""
    old = time.time() - 8 * 24 * 3600
    for name in ("old", "young"):
        (here / f".radical-edge-get-{name}.part").touch()
    os.utime(here / ".radical-edge-get-old.part", (old, old))
    async with client() as (_, c):
        await c.get("~/src", here / "tgt", resume=True)
    assert [path.name for path in parts(here)] == [".radical-edge-get-young.part"]
    parts(here)[0].unlink()


@pytest.mark.parametrize("etag", [None, f'"{"x" * 100}"'], ids=["none", "long"])
async def test_a_source_without_a_usable_validator_is_not_kept(client, src, here, monkeypatch, etag) -> None:
    """Nothing could tell whether it is the same later."""
    from radical_edge_staging import sending

    headers = sending._headers

    def changed(*args: object) -> dict[str, str]:
        told = headers(*args)
        del told["etag"]
        return told if etag is None else {**told, "etag": etag}

    monkeypatch.setattr(sending, "_headers", changed)
    async with client() as (h, c):
        h.cuts = [300_000, 0, 0, 0] if etag else [300_000, 300_000, 300_000, 300_000]
        with pytest.raises(EdgeError):
            await c.get("~/src", here / "tgt", resume=True)
    assert parts(here) == []
