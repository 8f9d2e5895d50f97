"""Uploads that break off and go on: what is kept, by whom it is found, and who can't misuse it."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import hashlib
import os
import random
import time
from pathlib import Path

import pytest

from radical_edge_core.errors import EdgeError, InvalidRequest, NoRoom, NotSupported
from radical_edge_staging.client import StagingClient
from radical_edge_staging.partials import part_name

DATA = random.Random(5).randbytes(700_001)
SHA256 = hashlib.sha256(DATA).hexdigest()
PART = part_name(SHA256, "x")
NOBODY = 65534


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr("radical_edge_staging.delivering.PAUSE_S", 0.0)


@pytest.fixture
def src(here) -> Path:
    """The caller's file."""
    path = here / "src"
    path.write_bytes(DATA)
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def offsets(h) -> list[int]:
    return [int(query["offset"]) for query in h.queries]


async def broken_at(h, count: int, path: str = "~/x", data: bytes = DATA) -> None:
    """Let an upload break off after so many bytes."""
    query = {"path": path, "sha256": hashlib.sha256(data).hexdigest(), "offset": "0"}
    answer = await h.request(
        "PUT", f"file/{h.sid}", query=query, body=pieces_to(data, count), cut_after=count
    )
    assert answer.status == 400, answer


async def pieces_to(data: bytes, count: int):
    yield data[:count]
    yield data[count:]


async def test_one_call_goes_on_as_often_as_it_takes(client, root, src, tally) -> None:
    """With cuts at random places, also in the middle of chunks, each byte travels once."""
    async with client() as (h, c):
        h.upload_cuts = cuts = [tally.rng.randrange(1, len(DATA) // 12) for _ in range(12)]
        expected = [sum(cuts[:number]) for number in range(len(cuts) + 1)]
        put = await c.put(src, "~/x", resume=True)
        for _ in range(12 - len(h.upload_cuts)):
            tally.count("cut")
        assert (put, h.upload_cuts) == ({"path": f"{root}/x", "size": len(DATA), "sha256": SHA256}, [])
        assert offsets(h) == expected
        assert h.carried == len(DATA)
    assert hashlib.sha256((root / "x").read_bytes()).hexdigest() == SHA256
    assert names(root) == ["x"]


async def test_a_later_call_sends_only_the_rest(client, root, src, tally) -> None:
    """What came stays in a file of mode 0600, and another client goes on from there, again and again."""
    sent = 0
    async with client() as (h, c):
        while len(DATA) - sent > 100_000:
            cut = tally.rng.randrange(1, 100_000)
            h.upload_cuts, h.carried = [cut, 0, 0, 0, 0, 0], 0
            with pytest.raises(EdgeError, match="the link was cut") as raised:
                await c.put(src, "~/x", resume=True)
            tally.count("cut")
            sent += cut
            assert (raised.value.data["received"], h.carried, h.upload_cuts) == (sent, cut, [])
            assert names(root) == [PART]
            assert ((root / PART).stat().st_mode & 0o777, (root / PART).read_bytes()) == (0o600, DATA[:sent])
            await c.unregister_session()
            await c.register_session()
        h.carried = 0
        await c.put(src, "~/x", resume=True)
        assert h.carried == len(DATA) - sent
    assert hashlib.sha256((root / "x").read_bytes()).hexdigest() == SHA256
    assert names(root) == ["x"]


@pytest.mark.parametrize("count", [0, len(DATA)], ids=["empty", "all"])
async def test_the_ends(client, root, here, count) -> None:
    """An empty file, and one of which every byte is there but its name."""
    (here / "src").write_bytes(DATA[:count])
    async with client() as (h, c):
        if count:
            (root / PART).write_bytes(DATA)
        await c.put(here / "src", "~/x", resume=True)
        assert (offsets(h), h.carried) == ([count], 0)
    assert (root / "x").read_bytes() == DATA[:count]
    assert names(root) == ["x"]


async def test_of_a_caller_who_leaves_every_byte_is_kept(host, root, chunked, tally) -> None:
    """The host cancels the handler: what came until then is a beginning of the file, and the next one ends it."""
    there = 0
    async with host(chunk_bytes=4096) as h:
        while len(DATA) - there > 50_000:
            count = tally.rng.randrange(1, 50_000)
            stuck = asyncio.Event()
            query = {"path": "~/x", "sha256": SHA256, "offset": str(there)}
            body = then_stuck(chunked(DATA[there : there + count], 1000), stuck)
            upload = asyncio.create_task(h.exchange("PUT", f"file/{h.sid}", query=query, body=body).run())
            await stuck.wait()
            upload.cancel()
            with pytest.raises(asyncio.CancelledError):
                await upload
            tally.count("left")
            there += count
            assert (root / PART).read_bytes() == DATA[:there]
        answer = await h.upload("~/x", DATA[there:], offset=str(there), sha256=SHA256)
        assert answer.status == 201
    assert (root / "x").read_bytes() == DATA
    assert names(root) == ["x"]


async def then_stuck(body, stuck: asyncio.Event):
    async for piece in body:
        yield piece
    stuck.set()
    await asyncio.Event().wait()


async def test_an_upload_whose_answer_was_lost_is_done(client, root, src) -> None:
    """Nothing is sent twice, and the target that is there already is the upload's own; a later call says so too."""
    async with client() as (h, c):
        h.lost_answers = 1
        first = await c.put(src, "~/x", resume=True)
        assert h.lost_answers == 0
        assert await c.put(src, "~/x", resume=True) == first
        assert await c.put(src, "~/x", overwrite=True, resume=True) == first
        assert (h.carried, first["sha256"]) == (len(DATA), SHA256)
        with pytest.raises(FileExistsError):
            await c.put(src, "~/x")


async def test_another_target_is_not_taken_for_one_s_own(client, root, src) -> None:
    """Not even one of the same size; with ``overwrite`` it is replaced."""
    (root / "x").write_bytes(DATA[::-1])
    async with client() as (h, c):
        with pytest.raises(FileExistsError):
            await c.put(src, "~/x", resume=True)
        assert (root / "x").read_bytes() == DATA[::-1]
        h.upload_cuts = [1000]
        await c.put(src, "~/x", overwrite=True, resume=True)
        assert offsets(h)[-1] == 1000
    assert (root / "x").read_bytes() == DATA
    assert names(root) == ["x"]


async def test_a_source_that_changed_is_sent_whole(client, root, src) -> None:
    """What is kept of the old one belongs to the old one."""
    new = DATA[:300_000] + DATA[:300_000]
    async with client() as (h, c):
        await broken_at(h, 250_000)
        src.write_bytes(new)
        h.carried = 0
        await c.put(src, "~/x", resume=True)
        assert h.carried == len(new)
    assert (root / "x").read_bytes() == new
    assert names(root) == [PART, "x"]
    (root / PART).unlink()


async def test_what_is_kept_and_is_wrong_is_sent_again(client, root, src) -> None:
    """A machine that lost its power may leave zeros; the hash tells, and all is sent anew, once."""
    (root / PART).write_bytes(bytes(100_000))
    async with client() as (h, c):
        await c.put(src, "~/x", resume=True)
        assert offsets(h) == [100_000, 0]
        (root / "x").unlink()
        (root / PART).write_bytes(DATA + b"more than there is")
        await c.put(src, "~/x", resume=True)
        assert offsets(h) == [100_000, 0, 0]
    assert (root / "x").read_bytes() == DATA
    assert names(root) == ["x"]


async def test_a_source_that_changes_while_it_is_sent_is_refused(client, root, src) -> None:
    """Neither target nor part is left."""
    async with client() as (h, c):
        h.before = lambda _number: src.write_bytes(DATA[::-1])
        with pytest.raises(InvalidRequest, match="SHA-256"):
            await c.put(src, "~/x", resume=True)
        assert offsets(h) == [0]
    assert names(root) == []


async def test_a_wrong_hash_leaves_nothing(host, root) -> None:
    """Whatever was there before it."""
    wrong = "0" * 64
    async with host() as h:
        answer = await h.upload("~/x", DATA, sha256=wrong, offset="0")
        assert (answer.status, answer.json["sha256"]) == (422, SHA256)
        (root / part_name(wrong, "x")).write_bytes(DATA[:10])
        assert (await h.upload("~/x", DATA[10:], sha256=wrong, offset="10")).status == 422
    assert names(root) == []


@pytest.mark.parametrize(
    ("query", "headers", "problems"),
    [
        ({"offset": "0"}, {}, {"$.sha256"}),
        ({"offset": "-1", "sha256": SHA256}, {}, {"$.offset"}),
        ({"offset": "x"}, {"x-content-sha256": SHA256}, {"$.offset"}),
        ({"offset": "9" * 19, "sha256": "abc"}, {}, {"$.offset", "$.sha256"}),
    ],
)
async def test_parameters_that_do_not_fit_are_named(host, root, query, headers, problems) -> None:
    """422, and nothing is begun."""
    async with host() as h:
        answer = await h.upload("~/x", DATA, headers=headers, **query)
    assert answer.status == 422
    assert {problem["path"] for problem in answer.json["problems"]} == problems
    assert names(root) == []


async def test_an_offset_beyond_what_is_there(host, root) -> None:
    """409 says how much there is, and changes nothing; no empty file is left."""
    async with host() as h:
        answer = await h.upload("~/x", DATA[1:], sha256=SHA256, offset="1")
        assert (answer.status, answer.json["reason"], answer.json["received"]) == (409, "offset", 0)
        assert names(root) == []
        await broken_at(h, 1000)
        answer = await h.upload("~/x", DATA[1001:], sha256=SHA256, offset="1001")
        assert (answer.status, answer.json["reason"], answer.json["received"]) == (409, "offset", 1000)
        assert (root / PART).read_bytes() == DATA[:1000]
        assert (await h.upload("~/x", DATA[600:], sha256=SHA256, offset="600")).status == 201
    assert (root / "x").read_bytes() == DATA
    assert names(root) == ["x"]


async def test_a_second_upload_of_the_same_is_busy(client, host, root, src, until) -> None:
    """409 at once for the second; of another file nobody is held up, and what the first does is not disturbed."""
    go_on = asyncio.Event()

    async def body():
        yield DATA[:400_000]
        await go_on.wait()
        yield DATA[400_000:]

    async with client() as (h, c):
        first = asyncio.create_task(h.upload("~/x", body(), sha256=SHA256, offset="0"))
        await until(lambda: (root / PART).exists() and (root / PART).stat().st_size)
        answer = await h.upload("~/x", DATA, sha256=SHA256, offset="0")
        assert (answer.status, answer.json["reason"]) == (409, "busy")
        with pytest.raises(EdgeError) as raised:
            await c.put(src, "~/x", resume=True)
        assert (raised.value.status_code, raised.value.data["reason"]) == (409, "busy")
        await c.put(src, "~/y", resume=True)
        go_on.set()
        assert (await first).status == 201
    assert [(root / name).read_bytes() for name in names(root)] == [DATA, DATA]
    assert names(root) == ["x", "y"]


async def test_a_name_that_is_taken_meanwhile(client, root, src, until) -> None:
    """409; what came is kept, for an upload that may replace the other's file, and sends nothing but its wish."""
    go_on = asyncio.Event()

    async def body():
        yield DATA
        await go_on.wait()

    async with client() as (h, c):
        upload = asyncio.create_task(h.upload("~/x", body(), sha256=SHA256, offset="0"))
        await until((root / PART).exists)
        (root / "x").write_text("other")
        go_on.set()
        answer = await upload
        assert (answer.status, answer.json["reason"]) == (409, "exists")
        assert (root / "x").read_text() == "other"
        assert (root / PART).stat().st_mode & 0o777 == 0o600
        await c.put(src, "~/x", overwrite=True, resume=True)
        assert (offsets(h), h.carried) == ([len(DATA)], 0)
    assert (root / "x").read_bytes() == DATA
    assert names(root) == ["x"]


async def test_of_many_uploads_of_the_same_each_ends_well(client, root, src) -> None:
    """Or finds it busy; the file is right whoever wrote it, and no part is left."""
    async with client() as (h, _):
        answers = await asyncio.gather(
            *(h.upload("~/x", DATA, sha256=SHA256, offset="0", overwrite="true") for _ in range(20))
        )
    statuses = [answer.status for answer in answers]
    assert 201 in statuses
    assert set(statuses) <= {201, 409}
    assert (root / "x").read_bytes() == DATA
    assert names(root) == ["x"]


async def test_a_link_at_the_part_s_name_leads_nowhere(host, root, here) -> None:
    """In a folder that others may write to somebody may put one there."""
    (here / "victim").write_bytes(b"precious")
    (root / PART).symlink_to(here / "victim")
    async with host() as h:
        answer = await h.upload("~/x", DATA, sha256=SHA256, offset="0")
        assert (answer.status, answer.json["reason"]) == (400, "link")
        asked = await h.request("GET", f"partial/{h.sid}", query={"path": "~/x", "sha256": SHA256})
        assert asked.json["received"] == 0
    assert (here / "victim").read_bytes() == b"precious"
    (root / PART).unlink()


async def test_another_name_of_a_file_is_not_written_to(host, root, here) -> None:
    """A hard link, by somebody or by a crash, is taken away; the other name keeps its content."""
    (here / "victim").write_bytes(DATA[:8])
    (root / PART).hardlink_to(here / "victim")
    async with host() as h:
        asked = await h.request("GET", f"partial/{h.sid}", query={"path": "~/x", "sha256": SHA256})
        assert asked.json["received"] == 0
        assert (await h.upload("~/x", DATA, sha256=SHA256, offset="0")).status == 201
    assert (here / "victim").read_bytes() == DATA[:8]
    assert (root / "x").read_bytes() == DATA
    assert names(root) == ["x"]


@pytest.mark.parametrize("kind", ["pipe", "other's"])
async def test_what_is_not_ours_is_not_written_to(host, root, kind) -> None:
    """403, at once."""
    if kind == "pipe":
        os.mkfifo(root / PART)
    else:
        if os.geteuid() != 0:
            pytest.skip("needs root")
        (root / PART).write_bytes(DATA[:8])
        os.chown(root / PART, NOBODY, NOBODY)
    async with host() as h:
        answer = await h.upload("~/x", DATA, sha256=SHA256, offset="0")
        assert (answer.status, answer.json["reason"]) == (403, "permission")
        asked = await h.request("GET", f"partial/{h.sid}", query={"path": "~/x", "sha256": SHA256})
        assert asked.json["received"] == 0
    assert kind == "pipe" or (root / PART).read_bytes() == DATA[:8]
    (root / PART).unlink()


@pytest.mark.parametrize("call", ["open", "ftruncate", "write"])
async def test_what_the_file_system_refuses_is_told(client, root, src, monkeypatch, call) -> None:
    """403, and it is not tried again; what was kept before stays."""
    original = getattr(os, call)
    hits = 0

    def refuse(*args: object, **kwargs: object) -> object:
        nonlocal hits
        if call == "open" and args[0] != PART:
            return original(*args, **kwargs)
        hits += 1
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    async with client() as (h, c):
        await broken_at(h, 1000)
        with monkeypatch.context() as patch:
            patch.setattr(os, call, refuse)
            with pytest.raises(EdgeError) as raised:
                await c.put(src, "~/x", resume=True)
        assert (raised.value.status_code, raised.value.data["reason"], hits) == (403, "permission", 1)
        assert (root / PART).read_bytes() == DATA[:1000]
        await c.put(src, "~/x", resume=True)
    assert (root / "x").read_bytes() == DATA
    assert names(root) == ["x"]


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
async def test_a_file_system_without_locks_does(client, root, src, monkeypatch, code) -> None:
    """It goes on there too."""
    hits = 0

    def refuse(*_: object) -> None:
        nonlocal hits
        hits += 1
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refuse)
    async with client() as (h, c):
        h.upload_cuts = [1000]
        await c.put(src, "~/x", resume=True)
        assert (offsets(h), hits) == ([0, 1000], 2)
    assert (root / "x").read_bytes() == DATA


async def test_a_full_file_system_keeps_what_came(client, small, here) -> None:
    """507 at once; with room again, only the rest is sent."""
    data = DATA * 2
    (here / "src").write_bytes(data)
    (small / "ballast").write_bytes(bytes(500_000))
    async with client() as (h, c):
        with pytest.raises(NoRoom):
            await c.put(here / "src", f"{small}/x", resume=True)
        (small / "ballast").unlink()
        (part,) = small.iterdir()
        there = part.stat().st_size
        assert there > 0
        with pytest.raises(NoRoom):  # a megabyte holds no more of it
            await c.put(here / "src", f"{small}/x", resume=True)
        assert offsets(h) == [0, there]
        assert data.startswith(part.read_bytes())
        part.unlink()


async def test_parts_that_nobody_comes_for_are_removed(client, root, src, until) -> None:
    """After a week, when an upload begins in the same folder; not younger ones, nor what is in use, nor other files."""
    old = time.time() - 8 * 24 * 3600
    stale = {name: root / part_name(SHA256, name) for name in ("gone", "held", "young", "link")}
    for path in (*stale.values(), root / ".radical-edge-put-no", root / ".radical-edge-0.part"):
        path.write_bytes(DATA[:10])
        os.utime(path, (old, old))
    os.utime(stale["young"])
    stale["link"].unlink()
    stale["link"].symlink_to("young")
    os.utime(stale["link"], (old, old), follow_symlinks=False)
    with stale["held"].open("rb+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        async with client() as (_, c):
            await c.put(src, "~/x", resume=True)
    del stale["gone"]
    left = [path.name for path in stale.values()]
    assert names(root) == sorted([*left, ".radical-edge-put-no", ".radical-edge-0.part", "x"])
    for name in names(root):
        (root / name).unlink()


async def test_what_is_told_of_a_part(host, root) -> None:
    """How many bytes are kept, and whether the target is whole already; wrong hashes are 422."""
    async with host() as h:

        async def ask(**query: str) -> object:
            answer = await h.request(
                "GET", f"partial/{h.sid}", query={"path": "~/x", "sha256": SHA256, **query}
            )
            return answer.json if answer.status == 200 else (answer.status, answer.json.get("reason"))

        told = {"path": f"{root}/x", "received": 0, "whole": False}
        assert await ask() == told
        assert await ask(path="~/no/folder/x") == {**told, "path": f"{root}/no/folder/x"}
        await broken_at(h, 1000)
        assert await ask() == {**told, "received": 1000}
        assert await ask(sha256=SHA256.upper()) == {**told, "received": 1000}
        assert await ask(sha256="0" * 64) == told
        (root / "x").write_bytes(DATA)
        assert await ask() == {**told, "received": 1000}
        assert await ask(size=str(len(DATA))) == {**told, "received": 1000, "whole": True}
        assert await ask(size=str(len(DATA) + 1)) == {**told, "received": 1000}
        assert await ask(sha256="abc") == (422, None)
        assert await ask(path="~/x/y") == (400, "not_a_directory")
        assert await ask(path="~") == (400, "is_a_directory")
        assert await ask(path="/etc/passwd") == (400, "outside_roots")
    (root / PART).unlink()


async def test_an_edge_that_can_not_is_told_from_one_that_can(client, src, monkeypatch) -> None:
    """A newer client says so, and sends nothing."""
    async with client() as (h, c):
        monkeypatch.setattr(StagingClient, "supports", lambda *_: False)
        with pytest.raises(NotSupported, match="put without resume"):
            await c.put(src, "~/x", resume=True)
        assert h.queries == []
