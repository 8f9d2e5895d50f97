"""Files that are streamed to the host: there as a whole or not at all."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import resource
import threading
import tracemalloc
from pathlib import Path

import pytest

from radical_edge_core.caller import Caller
from radical_edge_staging.naming import umask
from radical_edge_staging.upload import Upload

DATA = os.urandom(700_001)
SHA256 = hashlib.sha256(DATA).hexdigest()


async def test_a_file_arrives_as_it_was_sent(host, root) -> None:
    """201 with path, size and hash; missing folders are made, the mode is the umask's."""
    async with host() as h:
        answer = await h.upload("~/new/folder/x", DATA)
    assert (answer.status, answer.json) == (
        201,
        {"path": f"{root}/new/folder/x", "size": len(DATA), "sha256": SHA256},
    )
    assert (root / "new/folder/x").read_bytes() == DATA
    assert (root / "new/folder/x").stat().st_mode & 0o777 == 0o666 & ~umask()


async def test_an_empty_file_arrives(host, root) -> None:
    """No byte is a size too."""
    async with host() as h:
        answer = await h.upload("~/x")
    assert (answer.status, answer.json["size"]) == (201, 0)
    assert (root / "x").read_bytes() == b""


async def test_an_existing_file_stays_unless_told_otherwise(host, root) -> None:
    """409 before a byte of the body is read; with ``overwrite`` it is replaced and keeps its permission bits."""
    (root / "x").write_text("old")
    (root / "x").chmod(0o604)
    asked = 0

    async def body():
        nonlocal asked
        asked += 1
        yield DATA

    async with host() as h:
        refused = await h.upload("~/x", body())
        assert (refused.status, refused.json["reason"], asked) == (409, "exists", 0)
        assert (root / "x").read_text() == "old"
        assert (await h.upload("~/x", body(), overwrite="true")).status == 201
    assert (root / "x").read_bytes() == DATA
    assert (root / "x").stat().st_mode & 0o777 == 0o604


async def test_readers_see_the_old_file_until_the_new_one_is_whole(host, root, until) -> None:
    """And a reader that has it open keeps the old one."""
    (root / "x").write_text("old")
    go_on = asyncio.Event()

    async def body():
        yield DATA
        await go_on.wait()
        yield b"end"

    async with host() as h:
        upload = asyncio.create_task(h.upload("~/x", body(), overwrite="true"))
        part = await until(lambda: [p for p in root.glob(".radical-edge-*") if p.stat().st_size])
        assert part[0].stat().st_mode & 0o777 == 0o600
        assert (root / "x").read_text() == "old"
        with (root / "x").open() as reader:
            go_on.set()
            assert (await upload).status == 201
            assert reader.read() == "old"
    assert (root / "x").read_bytes() == DATA + b"end"


async def test_a_name_that_is_taken_meanwhile_is_not_taken_away(host, root, until) -> None:
    """The race is lost with 409, and the other's file is untouched."""
    go_on = asyncio.Event()

    async def body():
        yield DATA
        await go_on.wait()

    async with host() as h:
        upload = asyncio.create_task(h.upload("~/x", body()))
        await until(lambda: list(root.glob(".radical-edge-*")))
        (root / "x").write_text("other")
        go_on.set()
        answer = await upload
    assert (answer.status, answer.json["reason"]) == (409, "exists")
    assert (root / "x").read_text() == "other"
    assert os.listdir(root) == ["x"]  # noqa: PTH208 - names are enough


async def test_of_many_uploads_of_one_name_one_wins(host, root) -> None:
    """Without ``overwrite`` exactly one; the file is that one's."""
    bodies = [bytes([number]) * 100_000 for number in range(20)]
    async with host() as h:
        answers = await asyncio.gather(*(h.upload("~/x", body) for body in bodies))
    won = [number for number, answer in enumerate(answers) if answer.status == 201]
    assert len(won) == 1
    assert sorted({answer.status for answer in answers}) == [201, 409]
    assert (root / "x").read_bytes() == bodies[won[0]]


async def test_a_folder_that_appears_meanwhile_is_not_replaced(host, root, until) -> None:
    """``overwrite`` is for files."""
    go_on = asyncio.Event()

    async def body():
        yield DATA
        await go_on.wait()

    async with host() as h:
        upload = asyncio.create_task(h.upload("~/x", body(), overwrite="true"))
        await until(lambda: list(root.glob(".radical-edge-*")))
        (root / "x").mkdir()
        go_on.set()
        answer = await upload
    assert (answer.status, answer.json["reason"]) == (400, "is_a_directory")
    assert (root / "x").is_dir()


@pytest.mark.parametrize("way", ["parameter", "header", "both", "capitals"])
async def test_a_hash_that_fits_is_accepted(host, root, way) -> None:
    """As a parameter, as a header, as both."""
    query = {"sha256": SHA256.upper() if way == "capitals" else SHA256} if way != "header" else {}
    headers = {"X-Content-SHA256": SHA256} if way in {"header", "both"} else {}
    async with host() as h:
        assert (await h.upload("~/x", DATA, headers=headers, **query)).status == 201


@pytest.mark.parametrize("way", ["parameter", "header"])
async def test_a_hash_that_differs_leaves_nothing(host, root, way) -> None:
    """422 tells the one that was found; an old file stays."""
    wrong = "0" * 64
    (root / "old").write_text("old")
    query, headers = ({"sha256": wrong}, {}) if way == "parameter" else ({}, {"X-Content-SHA256": wrong})
    async with host() as h:
        answer = await h.upload("~/x", DATA, headers=headers, **query)
        assert (answer.status, answer.json["sha256"]) == (422, SHA256)
        assert (await h.upload("~/old", DATA, headers=headers, overwrite="true", **query)).status == 422
    assert (root / "old").read_text() == "old"
    assert os.listdir(root) == ["old"]  # noqa: PTH208 - names are enough


@pytest.mark.parametrize(
    ("query", "headers", "problems"),
    [
        ({}, {}, {"$.path"}),
        ({"path": "~/x", "overwrite": "perhaps"}, {}, {"$.overwrite"}),
        ({"path": "~/x", "sha256": "abc"}, {}, {"$.sha256"}),
        ({"path": "~/x", "sha256": "0" * 64}, {"x-content-sha256": "1" * 64}, {"$.sha256"}),
        ({"colour": "red", "overwrite": "x"}, {}, {"$.path", "$.colour", "$.overwrite"}),
    ],
)
async def test_parameters_that_do_not_fit_are_named_all_at_once(host, query, headers, problems) -> None:
    """422 with every problem."""
    async with host() as h:
        answer = await h.request("PUT", f"file/{h.sid}", query=query, headers=headers, body=DATA)
    assert answer.status == 422
    assert {problem["path"] for problem in answer.json["problems"]} == problems


async def test_a_parameter_that_is_given_twice_is_refused(host, root) -> None:
    """Nobody guesses which one was meant."""
    async with host() as h:
        answer = await h.request("GET", f"file/{h.sid}", query="path=/a&path=/b")
    assert (answer.status, answer.json["problems"][0]["path"]) == (422, "$.path")


@pytest.mark.parametrize("way", ["header", "caller"])
async def test_an_idempotency_key_is_refused(host, root, way) -> None:
    """A streamed body can't be held to one; the upload is atomic instead."""
    caller = Caller(
        subject="me", scopes=("write:*", "read:*"), idempotency_key="k" if way == "caller" else None
    )
    async with host() as h:
        answer = await h.request(
            "PUT",
            f"file/{h.sid}",
            query={"path": "~/x"},
            headers={"Idempotency-Key": "k"} if way == "header" else {},
            caller=caller,
            body=DATA,
        )
    assert answer.status == 400
    assert "Idempotency-Key" in answer.json["detail"]
    assert list(root.iterdir()) == []


@pytest.mark.parametrize("after", [0, 1, 65_536, 300_000, 699_999])
@pytest.mark.parametrize("overwrite", ["false", "true"])
async def test_a_body_that_breaks_off_leaves_nothing(host, root, after, overwrite) -> None:
    """Neither target nor temporary file; an old target stays."""
    if overwrite == "true":
        (root / "x").write_text("old")
    async with host() as h:
        answer = await h.request(
            "PUT",
            f"file/{h.sid}",
            query={"path": "~/x", "overwrite": overwrite},
            body=DATA,
            cut_after=after,
        )
    assert answer.status == 400
    assert "before it was whole" in answer.json["detail"]
    assert [path.read_text() for path in root.iterdir()] == (["old"] if overwrite == "true" else [])


@pytest.mark.parametrize("declared", ["700000", "700002"])
async def test_a_body_of_another_length_than_announced_leaves_nothing(host, root, declared) -> None:
    """However it came about."""
    async with host() as h:
        answer = await h.upload("~/x", DATA, headers={"content-length": declared})
    assert answer.status == 400
    assert list(root.iterdir()) == []


async def test_a_caller_who_leaves_at_any_instant_leaves_nothing(host, root, chunked) -> None:
    """The host cancels the handler; temporary file, descriptor and thread go, whatever was under way."""
    cancelled = 0
    async with host() as h:
        for turns in range(40):
            upload = asyncio.create_task(h.exchange(
                "PUT", f"file/{h.sid}", query={"path": f"~/{turns}"}, body=chunked(DATA, 10_000), cut_after=10**9
            ).run())  # fmt: skip
            for _ in range(turns * 3):
                await asyncio.sleep(0)
            upload.cancel()
            try:
                await upload
            except asyncio.CancelledError:
                cancelled += 1
    assert cancelled >= 20
    assert [path for path in root.iterdir() if path.stat().st_size not in {0, len(DATA)}] == []


async def test_a_write_that_hangs_is_tidied_up_after(host, root, until, monkeypatch) -> None:
    """The caller is let go at once; when the write returns, the temporary file is removed."""
    let_go, entered = threading.Event(), threading.Event()
    write = os.write

    def hang(descriptor: int, data: bytes) -> int:
        entered.set()
        let_go.wait(20)
        return write(descriptor, data)

    monkeypatch.setattr("radical_edge_staging.receiving._TIDY_S", 0.1)
    async with host() as h:
        with monkeypatch.context() as patch:
            patch.setattr("radical_edge_staging.upload.os.write", hang)
            exchange = h.exchange("PUT", f"file/{h.sid}", query={"path": "~/x"}, body=DATA)
            upload = asyncio.create_task(exchange.run())
            await until(entered.is_set)
            upload.cancel()
            with pytest.raises(asyncio.CancelledError):
                await upload
        let_go.set()
        await until(lambda: not list(root.iterdir()))


async def test_a_full_file_system_is_507_and_leaves_nothing(host, small) -> None:
    """And reading goes on, and writing, once there is room."""
    (small / "old").write_text("old")
    async with host() as h:
        for _ in range(3):
            answer = await h.upload(small / "x", DATA * 3)
            assert (answer.status, answer.json["reason"], answer.json["code"]) == (507, "no_space", "no_room")
            assert os.listdir(small) == ["old"]  # noqa: PTH208 - names are enough
        assert (await h.download(small / "old")).body == b"old"
        assert (await h.upload(small / "x", DATA)).status == 201


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        (errno.EDQUOT, 507, "quota"),
        (errno.ENOSPC, 507, "no_space"),
        (errno.EIO, 503, "file_system"),
        (errno.ESTALE, 503, "file_system"),
        (errno.EROFS, 403, "read_only"),
    ],
)
@pytest.mark.parametrize("call", ["write", "fsync", "link", "open"])
async def test_what_the_file_system_says_is_told(host, root, monkeypatch, code, status, reason, call) -> None:
    """At whatever step it says so; nothing is left behind."""
    hits = 0
    original = getattr(os, call)

    def fail(*args: object, **kwargs: object) -> object:
        nonlocal hits
        if call == "open" and not (isinstance(args[1], int) and args[1] & os.O_CREAT):
            return original(*args, **kwargs)
        hits += 1
        raise OSError(code, os.strerror(code))

    async with host() as h:
        with monkeypatch.context() as patch:
            patch.setattr(f"radical_edge_staging.upload.os.{call}", fail)
            answer = await h.upload("~/x", DATA)
    assert (answer.status, answer.json["reason"]) == (status, reason)
    assert hits == 1
    assert list(root.iterdir()) == []


async def test_a_file_that_grows_too_large_is_413(host, root) -> None:
    """The process's own limit; nothing is left behind."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    async with host() as h:
        resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, hard))
        try:
            answer = await h.upload("~/x", DATA)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (answer.status, answer.json["reason"]) == (413, "file_size")
    assert list(root.iterdir()) == []


@pytest.mark.parametrize("taken", [False, True])
def test_without_hard_links_the_name_is_claimed_first(root, monkeypatch, taken) -> None:
    """Some file systems have none; what another put there is not replaced there either."""
    hits = 0

    def refuse(*_: object, **__: object) -> None:
        nonlocal hits
        hits += 1
        raise OSError(errno.EPERM, "Operation not permitted")

    from radical_edge_core.errors import Conflict
    from radical_edge_staging.paths import locate

    monkeypatch.setattr("radical_edge_staging.upload.os.link", refuse)
    upload = Upload(locate("~/x", ["~"]), overwrite=False)
    upload.write(b"new")
    if taken:
        (root / "x").write_text("other")
        with pytest.raises(Conflict):
            upload.commit()
        upload.abort()
    else:
        upload.commit()
    upload.abort()
    assert hits == 1
    assert (root / "x").read_text() == ("other" if taken else "new")
    assert len(list(root.iterdir())) == 1


async def test_memory_stays_bounded(host, root, chunked) -> None:
    """However large the file is."""
    piece = os.urandom(64 * 1024)

    async def body():
        for _ in range(512):
            yield piece

    async with host() as h:
        tracemalloc.start()
        try:
            answer = await h.upload("~/x", body())
            assert (await h.request("HEAD", f"file/{h.sid}", query={"path": "~/x"})).status == 200
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert answer.json["size"] == 32 * 1024 * 1024
    assert peak < 4 * 1024 * 1024


def test_the_umask_is_read_without_being_set() -> None:
    """Setting it, even for an instant, would touch other threads' files."""
    old = os.umask(0o035)
    try:
        assert umask() == 0o035
    finally:
        os.umask(old)


async def test_other_methods_are_named(host, root) -> None:
    """405 with what there is."""
    async with host() as h:
        answer = await h.request("DELETE", f"file/{h.sid}", query={"path": "~/x"})
    assert answer.status == 405
    assert answer.headers["allow"] == "GET, HEAD, PUT"


def test_parts_are_hidden_files(root) -> None:
    """A listing by a shell does not show them."""
    assert not [path for path in Path(root).iterdir() if path.name.startswith(".")]
