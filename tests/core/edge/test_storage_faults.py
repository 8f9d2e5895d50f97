"""The journal on file systems that refuse, fill up, or have no room for this user."""

from __future__ import annotations

import asyncio
import os
import resource
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from radical_edge_core import storage
from radical_edge_core.edge.journal import Journal
from radical_edge_core.errors import NoRoom
from radical_edge_core.plugin import Plugin, PluginSession, operation
from radical_edge_core.storage import Database

Desks = Callable[..., Awaitable[Any]]
SCHEMA = ("CREATE TABLE note (text TEXT)",)


class StoreSession(PluginSession):
    @operation.get("count/{sid}")
    async def count(self) -> dict[str, int]:
        return {"count": len(self.plugin.done)}  # type: ignore[attr-defined]


class Store(Plugin):
    """Counts what it did."""

    name = "store"
    session_class = StoreSession
    topics: ClassVar = {"done": "durable"}

    async def start(self) -> None:
        self.done: list[str] = []

    @operation.post("work")
    async def work(self, what: str) -> dict[str, int]:
        self.done.append(what)
        return {"count": len(self.done)}


def mount(at: Path, size: str) -> bool:
    """Mount a small file system; needs root."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", str(at)]
    return os.geteuid() == 0 and subprocess.run(command, check=False, capture_output=True).returncode == 0


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    at = tmp_path / "small"
    at.mkdir(mode=0o700)
    if not mount(at, "1m"):
        pytest.skip(
            "a small file system can be mounted by root only; the limit on file sizes stands for it below"
        )
    try:
        yield at
    finally:
        subprocess.run(["umount", "-l", str(at)], check=True)


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[Path]:
    """A folder where no file of this process can grow beyond 256 KiB."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (256 * 1024, before[1]))
    try:
        yield tmp_path
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def fill(folder: Path) -> Path:
    """Leave not one byte."""
    file = folder / "filling"
    with file.open("wb", buffering=0) as stream:
        for piece in (1 << 16, 1 << 12, 1):
            try:
                while stream.write(b"x" * piece):
                    pass
            except OSError:
                continue
    return file


@pytest.fixture
async def store(small: Path, desk: Desks) -> AsyncIterator[Any]:
    """An edge on the small file system."""
    made = await desk(Store, small)
    yield made
    await made.end()


async def test_a_full_disk_refuses_new_work_and_nothing_else(store: Any, small: Path) -> None:
    """507 before anything is done; reads go on; with room again all is as before, and nothing kept is lost."""
    sid = await store.sid()
    first = await store.post("work", {"what": "first"}, key="first")
    filling = fill(small)
    refused = 0
    for number in range(20):
        # Some room is left in pages that the file has already, or in its log.
        answer = await store.post("work", {"what": str(number)}, key=f"k{number}")
        assert answer.status in {200, 507}
        refused += answer.status == 507
        assert (answer.status == 507) == (str(number) not in store.mounted.done), (
            "it is refused before it acts"
        )
    assert refused
    assert answer.json["code"] == "no_room"
    done = len(store.mounted.done)
    assert (await store.ask("GET", f"count/{sid}")).json == {"count": done}
    assert await store.post("work", {"what": "first"}, key="first") == first, "what is known is told"
    assert (await store.post("register_session")).status == 507
    filling.unlink()
    for number in range(20):
        assert (await store.post("work", {"what": str(number)}, key=f"k{number}")).status == 200
    assert sorted(store.mounted.done) == sorted(["first", *map(str, range(20))])
    await store.crash()
    assert await store.post("work", {"what": "first"}, key="first") == first
    assert (await store.ask("GET", f"count/{sid}")).json == {"count": 0}


async def test_events_on_a_full_disk_are_told_and_go_on_afterwards(store: Any, small: Path) -> None:
    """Who publishes learns that the event is not kept; with room again the next are, under numbers without a gap."""
    notify = store.mounted.notify
    notify("done", {"n": 0}).result(10)
    filling = fill(small)
    kept, failed = 1, 0
    for _ in range(20):
        try:
            notify("done", {"n": "x" * 5000}).result(10)
            kept += 1
        except NoRoom:
            failed += 1
    assert failed
    filling.unlink()
    notify("done", {"n": 1}).result(10)
    rows = await store.runtime.journal.run(lambda db: db.execute("SELECT seq FROM outbox").fetchall())
    assert [seq for (seq,) in rows] == list(range(1, kept + 2))
    assert store.runtime.outbox.unacknowledged <= kept + 1


def test_a_limit_on_files_is_no_room_too(limited: Path) -> None:
    """A quota or a limit of this user is 507 like a full disk, and passes like one."""
    database = Database(limited / "notes.db", SCHEMA)
    database.start()

    def put(size: int) -> None:
        database.submit(lambda db: db.execute("INSERT INTO note VALUES (?)", ("x" * size,))).result(10)

    try:
        put(10)
        with pytest.raises(NoRoom):
            put(1024 * 1024)
        put(10)
        counted = database.submit(lambda db: db.execute("SELECT count(*) FROM note").fetchone()).result(10)
        assert counted == (2,)
    finally:
        database.close()


REAL = sqlite3.connect


class Refusing(sqlite3.Connection):
    """A file system without what the write-ahead log needs."""

    def execute(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
        if sql == "PRAGMA journal_mode=WAL":
            raise sqlite3.OperationalError("unable to open database file")
        return super().execute(sql, *arguments)


@pytest.mark.parametrize("refuse", [True, False])
def test_where_the_write_ahead_log_is_refused_the_rollback_journal_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refuse: bool
) -> None:
    """Some network file systems have no write-ahead log: the promise is the same without it."""
    if refuse:
        monkeypatch.setattr(storage.sqlite3, "connect", lambda *a, **k: REAL(*a, **k, factory=Refusing))
    database = Database(tmp_path / "notes.db", SCHEMA)
    database.start()

    def pragma(name: str) -> Any:
        return database.submit(lambda db: db.execute(f"PRAGMA {name}").fetchone()[0]).result(10)

    try:
        assert pragma("journal_mode") == ("delete" if refuse else "wal")
        assert pragma("synchronous") == 2
        assert pragma("locking_mode") == "exclusive"
        database.submit(lambda db: db.execute("INSERT INTO note VALUES ('kept')")).result(10)
    finally:
        database.close()
    found = REAL(tmp_path / "notes.db")
    assert found.execute("SELECT text FROM note").fetchall() == [("kept",)]
    found.close()


KILLED = """
import os, signal, sys
from pathlib import Path
from radical_edge_core.storage import Database
database = Database(Path(sys.argv[1]), ("CREATE TABLE note (text TEXT)",))
database.start()
for number in range(200):
    done = database.submit(lambda db: db.execute("INSERT INTO note VALUES (?)", (str(number),)))
    done.result()
    print(number, flush=True)
    if number == 120:
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_was_answered_survives_a_kill(tmp_path: Path) -> None:
    """Everything that was committed before ``kill -9`` is there, in order."""
    path = tmp_path / "notes.db"
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False, capture_output=True)
    assert done.stdout.split()[-1] == b"120"
    database = Database(path, SCHEMA)
    database.start()
    rows = database.submit(lambda db: db.execute("SELECT text FROM note").fetchall()).result(10)
    database.close()
    assert [text for (text,) in rows] == [str(number) for number in range(121)]


async def test_a_damaged_journal_is_set_aside(folder: Path, desk: Desks, caplog: Any) -> None:
    """The edge starts with a new journal and a clear word, and the old one stays beside it."""
    store = await desk(Store)
    sid = await store.sid()
    await store.end()
    file = folder / "journal.db"
    whole = file.read_bytes()
    file.write_bytes(whole[:100] + b"\xff" * (len(whole) - 100))
    await store.begin()
    assert (await store.ask("GET", f"count/{sid}")).status == 404
    assert (await store.post("work", {"what": "new"}, key="k")).status == 200
    assert sum("damaged" in name for name in await asyncio.to_thread(os.listdir, folder)) == 1
    assert "the journal was damaged" in caplog.text


async def test_a_journal_of_a_newer_version_is_not_touched(folder: Path) -> None:
    """A file that a later version has written is opened as it is, and nothing of it is migrated back."""
    journal = Journal(folder)
    await journal.start()
    await journal.run(lambda db: db.execute("CREATE TABLE later (x)"))
    journal.close()
    again = Journal(folder)
    await again.start()
    assert again.epoch == journal.epoch
    assert await again.run(lambda db: db.execute("SELECT count(*) FROM later").fetchone()) == (0,)
    again.close()
