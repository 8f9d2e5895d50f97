"""The client: files to the host and back, over the application itself."""

from __future__ import annotations

import os
import random
from collections.abc import AsyncGenerator
from importlib.metadata import entry_points

import pytest

from radical_edge_core.errors import EdgeError, InvalidRequest
from radical_edge_staging.client import client_plugin
from radical_edge_staging.localfile import Source

DATA = random.Random(3).randbytes(600_000)


@pytest.mark.parametrize("data", [b"", b"x", DATA], ids=["empty", "one byte", "large"])
async def test_a_file_goes_there_and_back(client, root, here, data) -> None:
    """Bytes are the same on both sides; missing folders are made on both."""
    (here / "src").write_bytes(data)
    async with client() as (_, c):
        put = await c.put(here / "src", "~/deep/tgt")
        assert (put["path"], put["size"]) == (f"{root}/deep/tgt", len(data))
        assert (root / "deep/tgt").read_bytes() == data
        got = await c.get("~/deep/tgt", str(here / "sub/back"))
        assert got == {"path": "~/deep/tgt", "size": len(data)}
    assert (here / "sub/back").read_bytes() == data
    assert os.listdir(here / "sub") == ["back"]  # noqa: PTH208 - names are enough


async def test_an_existing_target_there(client, root, here) -> None:
    """``FileExistsError``, unless told to replace it."""
    (here / "src").write_bytes(DATA)
    (root / "x").write_text("old")
    async with client() as (_, c):
        with pytest.raises(FileExistsError, match="exists already"):
            await c.put(here / "src", "~/x")
        assert (root / "x").read_text() == "old"
        await c.put(here / "src", "~/x", overwrite=True)
    assert (root / "x").read_bytes() == DATA


async def test_an_existing_target_here(client, root, here) -> None:
    """``FileExistsError`` before anything is asked; a dangling link is a target too."""
    (root / "x").write_bytes(DATA)
    (here / "file").write_text("mine")
    (here / "link").symlink_to("nothing")
    async with client() as (h, c):
        asked = len(h.requests)
        for target in ("file", "link", "."):
            with pytest.raises(FileExistsError):
                await c.get("~/x", here / target)
        assert len(h.requests) == asked
    assert (here / "file").read_text() == "mine"


async def test_a_target_here_that_appears_meanwhile_is_not_replaced(client, root, here, monkeypatch) -> None:
    """The other's file stays."""
    (root / "x").write_bytes(DATA)
    async with client() as (h, c):
        h.before = lambda _number: (here / "tgt").write_text("other")
        monkeypatch.setattr("radical_edge_staging.localfile.Target._check", lambda _self: None)
        with pytest.raises(FileExistsError):
            await c.get("~/x", here / "tgt")
    assert (here / "tgt").read_text() == "other"
    assert os.listdir(here) == ["tgt"]  # noqa: PTH208 - names are enough


async def test_a_missing_source_here(client, here) -> None:
    """``FileNotFoundError``, and nothing is asked."""
    async with client() as (h, c):
        asked = len(h.requests)
        with pytest.raises(FileNotFoundError):
            await c.put(here / "nothing", "~/x")
        with pytest.raises(IsADirectoryError):
            await c.put(here, "~/x")
        os.mkfifo(here / "pipe")
        with pytest.raises(ValueError, match="not a regular file"):
            await c.put(here / "pipe", "~/x")
        assert len(h.requests) == asked


@pytest.mark.parametrize(
    ("call", "path", "error"),
    [
        ("get", "~/nothing", FileNotFoundError),
        ("get", "/etc/passwd", ValueError),
        ("get", "relative", ValueError),
        ("get", "~", ValueError),
        ("get", "~/file/x", NotADirectoryError),
        ("put", "/etc/new", ValueError),
        ("put", "~/file/x", NotADirectoryError),
        ("list", "~/nothing", FileNotFoundError),
        ("list", "~/file", NotADirectoryError),
        ("list", "/etc", ValueError),
    ],
)
async def test_errors_are_python_s_own(client, root, here, call, path, error) -> None:
    """With the edge's words; nothing is left here."""
    (root / "file").touch()
    (here / "src").touch()
    async with client() as (_, c):
        calls = {"get": lambda: c.get(path, here / "tgt"), "put": lambda: c.put(here / "src", path)}
        with pytest.raises(error) as raised:
            await calls.get(call, lambda: c.list(path))()
    assert isinstance(raised.value.__cause__, EdgeError)
    assert raised.value.__cause__.detail in str(raised.value)
    assert os.listdir(here) == ["src"]  # noqa: PTH208 - names are enough


async def test_a_folder_is_listed(client, root) -> None:
    """The document as it is."""
    (root / "x").write_text("123")
    async with client() as (_, c):
        listing = await c.list("~")
    assert listing["entries"] == [{"name": "x", "type": "file", "size": 3}]


async def test_without_a_session_nothing_goes(client, here) -> None:
    """``RuntimeError`` with the contract's words."""
    (here / "src").touch()
    async with client() as (_, c):
        await c.unregister_session()
        for call in (c.put(here / "src", "~/x"), c.get("~/x", here / "x"), c.list("~")):
            with pytest.raises(RuntimeError, match="No active session"):
                await call


async def test_a_download_goes_on_where_it_broke_off(client, root, here, monkeypatch) -> None:
    """From the offset, of the same file; every cut was hit."""
    monkeypatch.setattr("radical_edge_staging.fetching.PAUSE_S", 0.0)
    (root / "x").write_bytes(DATA)
    cuts = [1, 100_000, 65_536, 333]
    async with client() as (h, c):
        h.cuts = list(cuts)
        assert (await c.get("~/x", here / "x"))["size"] == len(DATA)
        assert h.cuts == []
        ranges = [
            headers["range"] for method, headers in h.requests if method == "GET" and "range" in headers
        ]
    assert (here / "x").read_bytes() == DATA
    assert ranges == [f"bytes={offset}-" for offset in (1, 100_001, 165_537, 165_870)]


async def test_a_file_that_changed_meanwhile_is_fetched_anew(client, root, here, monkeypatch) -> None:
    """Two halves of two files are no file; the new one is shorter, and nothing of the old one is left."""
    monkeypatch.setattr("radical_edge_staging.fetching.PAUSE_S", 0.0)
    (root / "x").write_bytes(DATA)
    async with client() as (h, c):
        h.cuts = [300_000]
        second = len(h.requests) + 2

        def change(number: int) -> None:
            if number == second:
                (root / "x").write_bytes(b"new")

        h.before = change
        assert (await c.get("~/x", here / "x"))["size"] == 3
        assert len(h.requests) == second
    assert (here / "x").read_bytes() == b"new"


async def test_a_download_that_does_not_get_on_is_given_up(client, root, here, monkeypatch) -> None:
    """After three attempts that brought nothing; nothing is left here."""
    monkeypatch.setattr("radical_edge_staging.fetching.PAUSE_S", 0.0)
    (root / "x").write_bytes(DATA)
    async with client() as (h, c):
        h.cuts = [10, 0, 0, 0, 0]
        with pytest.raises(EdgeError, match="the link was cut"):
            await c.get("~/x", here / "x")
        assert h.cuts == [0]
    assert list(here.iterdir()) == []


async def test_a_source_that_changes_while_it_is_sent_is_refused(client, root, here, monkeypatch) -> None:
    """The target's hash is the one of the source that was measured, or there is no target."""
    (here / "src").write_bytes(DATA)
    chunks = Source.chunks
    hits = 0

    async def change(self: Source, offset: int) -> AsyncGenerator[bytes, None]:
        nonlocal hits
        hits += 1
        self.path.write_bytes(DATA[::-1])
        async for chunk in chunks(self, offset):
            yield chunk

    monkeypatch.setattr(Source, "chunks", change)
    async with client() as (_, c):
        with pytest.raises(InvalidRequest, match="SHA-256"):
            await c.put(here / "src", "~/x")
    assert hits == 1
    assert list(root.iterdir()) == []


def test_the_client_leaves_other_plugins_alone() -> None:
    """Its hook answers for its own plugin only."""
    assert client_plugin({"plugin": {"name": "psij"}, "operations": {}}, None, "here") is None


def test_the_entry_points_load() -> None:
    """Both names lead to hook implementations."""
    for group, hook in [("radical_edge.plugins", "edge_plugin"), ("radical_edge.clients", "client_plugin")]:
        (entry,) = entry_points(group=group, name="staging")
        assert callable(getattr(entry.load(), hook))
