"""A SQLite file with a thread of its own: commits shared, failures kept apart, damage and a full disk survived."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from radical_edge_core.errors import Conflict, NoRoom, Unavailable
from radical_edge_core.storage import Database

FIRST = "CREATE TABLE note (n INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE)"


@pytest.fixture(autouse=True)
def _guarded(no_leaks: None) -> None:
    """Nothing is left behind."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file will be."""
    return tmp_path / "notes.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    """An open file with one table."""
    opened = Database(path, (FIRST,))
    opened.start()
    yield opened
    opened.close()


def put(text: str, db: sqlite3.Connection) -> int:
    return db.execute("INSERT INTO note (text) VALUES (?)", (text,)).lastrowid or 0


def texts(db: sqlite3.Connection) -> list[str]:
    return [row[0] for row in db.execute("SELECT text FROM note ORDER BY n")]


def content(path: Path) -> list[str]:
    """What another process would find."""
    db = sqlite3.connect(path)
    try:
        return texts(db)
    finally:
        db.close()


def hold(database: Database) -> tuple[Future[None], threading.Event]:
    """Keep the file's thread busy until the event is set, so that more work gathers behind it."""
    entered, held = threading.Event(), threading.Event()

    def work(_: sqlite3.Connection) -> None:
        entered.set()
        held.wait(10)

    blocked = database.submit(work)
    entered.wait(10)
    return blocked, held


async def results(*futures: Future[Any]) -> list[Any]:
    """What became of each."""
    return await asyncio.gather(*(asyncio.wrap_future(future) for future in futures), return_exceptions=True)


def damage(path: Path, kind: str) -> None:
    whole = path.read_bytes()
    path.write_bytes({
        "text": b"this is a text, and it is no database at all. " * 100,
        "header only": whole[:100],
        "middle": whole[:4096] + b"\xff" * 8192 + whole[12288:],
        "empty": b"",
    }[kind])  # fmt: skip


async def test_work_is_answered_when_it_is_committed(database: Database, path: Path) -> None:
    """What was awaited is there after the process is gone."""
    assert await database.run(partial(put, "one")) == 1
    database.close()
    assert content(path) == ["one"]


async def test_work_runs_in_one_thread_in_the_order_it_came(database: Database) -> None:
    """Whoever submits, and from wherever, the file has one writer and one order."""
    seen: set[str] = set()

    def work(text: str, db: sqlite3.Connection) -> int:
        seen.add(threading.current_thread().name)
        return put(text, db)

    numbers = await asyncio.gather(*(database.run(partial(work, f"t{n:03}")) for n in range(200)))
    assert numbers == list(range(1, 201))
    assert seen == {"db-notes.db"}


async def test_many_callers_share_one_commit(database: Database) -> None:
    """What waits together is committed together: far fewer commits than callers."""
    commits: list[str] = []
    await database.run(
        lambda db: db.set_trace_callback(lambda text: commits.append(text) if text == "COMMIT" else None)
    )
    blocked, held = hold(database)
    commits.clear()
    waiting = [database.submit(partial(put, str(n))) for n in range(300)]
    held.set()
    assert len(await results(blocked, *waiting)) == 301
    assert len(commits) <= 3


async def test_a_failure_is_its_callers_alone(database: Database) -> None:
    """Work that fails leaves nothing of itself, and everything of the work beside it."""

    def bad(db: sqlite3.Connection) -> None:
        put("half", db)
        raise KeyError("mine")

    blocked, held = hold(database)
    before, failing = database.submit(partial(put, "before")), database.submit(bad)
    twice, after = database.submit(partial(put, "before")), database.submit(partial(put, "after"))
    held.set()
    found = await results(blocked, before, failing, twice, after)
    assert isinstance(found[2], KeyError)
    assert isinstance(found[3], sqlite3.IntegrityError)
    assert await database.run(texts) == ["before", "after"]


async def test_a_caller_that_gives_up_does_no_harm(database: Database) -> None:
    """Work whose caller no longer waits is skipped, or done; the next is done in any case."""
    task = asyncio.create_task(database.run(partial(put, "cancelled")))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await database.run(partial(put, "next"))
    assert "next" in await database.run(texts)


async def test_closing_finishes_what_was_queued(database: Database, path: Path) -> None:
    """What was submitted before the end is committed; what comes after it is told."""
    futures = [database.submit(partial(put, str(n))) for n in range(100)]
    database.close()
    database.close()
    assert all(future.done() and future.exception() is None for future in futures)
    assert len(content(path)) == 100
    with pytest.raises(Unavailable, match=r"notes\.db is closed"):
        await database.run(texts)


def test_the_file_is_its_owners_alone(database: Database, path: Path) -> None:
    """The file and what lies beside it are 0600."""
    for file in path.parent.glob("notes.db*"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_the_file_is_written_before_an_answer(database: Database) -> None:
    """A promise is on disk: every commit waits for it, and nobody else may write the file."""
    modes = await database.run(
        lambda db: [
            db.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("synchronous", "locking_mode", "journal_mode")
        ]
    )
    assert modes == [2, "exclusive", "wal"]


# --- a full disk ------------------------------------------------------------------------------------


async def test_a_full_disk_is_no_room_and_passes(database: Database) -> None:
    """Work that finds no room is told so, keeps nothing, and succeeds once there is room again."""
    await database.run(partial(put, "before"))
    pages = await database.run(lambda db: db.execute("PRAGMA page_count").fetchone()[0])
    await database.run(lambda db: db.execute(f"PRAGMA max_page_count={pages}").fetchone())
    with pytest.raises(NoRoom):
        await database.run(partial(put, "x" * 50_000))
    assert await database.run(texts) == ["before"]
    await database.run(lambda db: db.execute("PRAGMA max_page_count=100000").fetchone())
    await database.run(partial(put, "x" * 50_000))
    assert len(await database.run(texts)) == 2


async def test_a_failure_that_takes_the_transaction_along_is_everybodys(database: Database) -> None:
    """Where the file itself rolls all of it back, each caller learns that its work is not kept."""

    def broken(db: sqlite3.Connection) -> None:
        db.execute("ROLLBACK")
        raise sqlite3.OperationalError("database or disk is full")

    blocked, held = hold(database)
    waiting: list[Future[Any]] = [
        database.submit(partial(put, "a")),
        database.submit(broken),
        database.submit(partial(put, "b")),
    ]
    held.set()
    found = await results(blocked, *waiting)
    assert [type(result) for result in found[1:]] == [NoRoom] * 3
    assert await database.run(partial(put, "after")) == 1


# --- files as they are found ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["text", "header only", "middle", "empty"])
async def test_a_damaged_file_is_set_aside(path: Path, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """A file that is no database any more is kept under another name, and a new one is begun."""
    first = Database(path, (FIRST,))
    first.start()
    await asyncio.gather(*(first.run(partial(put, f"{n}" * 100)) for n in range(300)))
    first.close()
    damage(path, kind)
    second = Database(path, (FIRST,))
    second.start()
    try:
        assert await second.run(texts) == []
        await second.run(partial(put, "new"))
        if kind != "empty":
            assert second.set_aside is not None
            assert second.set_aside.exists()
            assert "damaged" in caplog.text
    finally:
        second.close()
    assert content(path) == ["new"]


async def test_a_file_of_an_older_version_is_migrated(path: Path) -> None:
    """Each version's script runs once, and what was there stays."""
    first = Database(path, (FIRST,))
    first.start()
    await first.run(partial(put, "old"))
    first.close()
    later = (
        FIRST,
        "ALTER TABLE note ADD COLUMN by TEXT NOT NULL DEFAULT 'me'",
        "CREATE INDEX note_by ON note (by)",
    )
    for _ in range(2):
        second = Database(path, later)
        second.start()
        try:
            assert await second.run(lambda db: db.execute("SELECT text, by FROM note").fetchall()) == [
                ("old", "me")
            ]
            assert await second.run(lambda db: db.execute("PRAGMA user_version").fetchone()) == (3,)
        finally:
            second.close()


def test_a_migration_that_fails_changes_nothing(path: Path) -> None:
    """A script that can't run to its end leaves the file at the version before, and is told."""
    first = Database(path, (FIRST,))
    first.start()
    first.close()
    broken = Database(path, (FIRST, "CREATE TABLE other (n); CREATE TABLE note (n)"))
    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        broken.start()
    broken.close()
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA user_version").fetchone() == (1,)
    assert db.execute("SELECT name FROM sqlite_master WHERE type='table'").fetchall() == [("note",)]
    db.close()


def test_a_file_that_another_process_has_is_told(database: Database, path: Path) -> None:
    """Two processes can't use one file; the second is told in one sentence."""
    script = (
        "import sys; from pathlib import Path; from radical_edge_core.storage import Database\n"
        "Database(Path(sys.argv[1]), ()).start()"
    )
    done = subprocess.run(
        (sys.executable, "-c", script, str(path)), check=False, capture_output=True, text=True, timeout=60
    )
    assert f"Conflict: HTTP 409: another process uses {path}" in done.stderr
    assert Conflict.status_code == 409


def test_a_folder_that_is_not_there_is_an_error_of_the_system(tmp_path: Path) -> None:
    """What the file system says no to is passed on as it is."""
    database = Database(tmp_path / "none" / "x.db", (FIRST,))
    with pytest.raises(FileNotFoundError):
        database.start()
    database.close()


def test_a_database_that_was_never_started_can_be_closed(path: Path) -> None:
    """Closing what was not opened is nothing."""
    Database(path, (FIRST,)).close()
