"""Sessions and documents that outlive the process of their edge."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from radical_edge_core.errors import NoRoom
from radical_edge_core.plugin import Plugin, PluginSession, operation

WEEK_S = 7 * 24 * 3600.0
Desks = Callable[..., Awaitable[Any]]


@frozen(kw_only=True)
class Choice:
    """What a session is made with."""

    colour: str = "red"
    depth: int = 0


class ShelfSession(PluginSession):
    options_class = Choice

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.things: list[str] = []
        self.steps: list[str] = []

    async def open(self) -> None:
        self.steps.append("open")
        if "refuse" in self.things:
            raise ValueError("it can't be opened again")

    def snapshot(self) -> object | None:
        return None if "passing" in self.things else {"things": self.things}

    def restore(self, data: Any) -> None:
        self.steps.append("restore")
        self.things = list(data["things"])

    @operation.post("put/{sid}", retry="safe")
    async def put(self, thing: str) -> dict[str, int]:
        self.things.append(thing)
        return {"count": len(self.things)}

    @operation.get("show/{sid}")
    async def show(self) -> dict[str, Any]:
        assert isinstance(self.options, Choice)
        return {
            "things": self.things,
            "colour": self.options.colour,
            "depth": self.options.depth,
            "owner": self.owner,
            "steps": self.steps,
        }

    @operation.get("peek/{sid}")
    async def peek(self) -> dict[str, int]:
        self.things.append("peeked")
        return {"count": len(self.things)}


class Shelf(Plugin):
    name = "shelf"
    session_class = ShelfSession


@pytest.fixture
async def shelf(desk: Desks) -> Any:
    return await desk(Shelf)


async def kept(shelf: Any) -> int:
    """How many sessions the journal has."""
    (rows,) = await shelf.runtime.journal.run(
        lambda db: db.execute("SELECT count(*) FROM session").fetchone()
    )
    return int(rows)


async def test_a_session_is_back_under_its_id(shelf: Any) -> None:
    """In the next process the same id works: same owner, same options, the state of the last operation."""
    sid = await shelf.sid(colour="blue", depth=3)
    await shelf.post(f"put/{sid}", {"thing": "cup"})
    await shelf.crash()
    assert (await shelf.ask("GET", f"show/{sid}")).json == {
        "things": ["cup"], "colour": "blue", "depth": 3, "owner": "alice", "steps": ["restore", "open"],
    }  # fmt: skip
    assert (await shelf.ask("GET", "list_sessions")).json == {"sessions": [sid]}
    assert (await shelf.ask("GET", f"show/{sid}", subject="bob")).status == 404


async def test_what_an_operation_changed_is_kept_before_its_answer(shelf: Any) -> None:
    """A state that was answered survives each crash after it; what a read does to a session need not."""
    sid = await shelf.sid()
    for number in range(3):
        assert (await shelf.post(f"put/{sid}", {"thing": str(number)})).json == {"count": number + 1}
        await shelf.ask("GET", f"peek/{sid}")
        await shelf.crash()
        assert (await shelf.ask("GET", f"show/{sid}")).json["things"] == [str(n) for n in range(number + 1)]


async def test_a_named_session_is_found_again(shelf: Any) -> None:
    """Who asks for the same name after a crash gets the same session; another subject gets one of its own."""
    sid = await shelf.sid(name="cli", colour="green")
    await shelf.crash()
    assert await shelf.sid(name="cli") == sid
    assert await shelf.sid("bob", name="cli") != sid
    assert (await shelf.ask("GET", f"show/{sid}")).json["colour"] == "green"


async def test_a_session_that_was_ended_stays_away(shelf: Any) -> None:
    """What its owner ended is not brought back."""
    sid = await shelf.sid()
    assert (await shelf.post(f"unregister_session/{sid}")).status == 200
    assert await kept(shelf) == 0
    await shelf.crash()
    assert (await shelf.ask("GET", f"show/{sid}")).status == 404


async def test_a_session_that_expired_stays_away(shelf: Any) -> None:
    """An expired session is forgotten for good, and idle times count from the start of the process."""
    old, young = await shelf.sid(), await shelf.sid()
    shelf.idle += WEEK_S - 60
    await shelf.ask("GET", f"show/{young}")
    shelf.idle += 120
    await shelf.runtime.plugins.sweep()
    assert (await shelf.ask("GET", f"show/{old}")).status == 410
    assert await kept(shelf) == 1
    await shelf.crash()
    assert (await shelf.ask("GET", f"show/{old}")).status == 404
    assert (await shelf.ask("GET", f"show/{young}")).status == 200
    shelf.idle += WEEK_S - 60
    assert not await shelf.runtime.plugins.sweep()
    assert (await shelf.ask("GET", f"show/{young}")).status == 200


async def test_a_stop_in_good_order_keeps_sessions(shelf: Any) -> None:
    """Sessions are closed when the edge stops, and come back when it starts."""
    sid = await shelf.sid()
    await shelf.end()
    await shelf.begin()
    assert (await shelf.ask("GET", f"show/{sid}")).status == 200


async def test_one_session_that_can_not_be_restored_is_left_out(shelf: Any, caplog: Any) -> None:
    """The others are back; the one that failed is named in the log, and answers 404."""
    broken, whole = await shelf.sid(), await shelf.sid()
    await shelf.post(f"put/{broken}", {"thing": "refuse"})
    await shelf.crash()
    assert (await shelf.ask("GET", f"show/{broken}")).status == 404
    assert (await shelf.ask("GET", f"show/{whole}")).status == 200
    assert f"session {broken} can't be brought back" in caplog.text


async def test_options_that_do_not_fit_any_more_are_left_out(shelf: Any) -> None:
    """A session kept by another version of the plugin, whose options mean nothing now, does no harm."""
    sid, whole = await shelf.sid(), await shelf.sid()
    await shelf.runtime.journal.run(
        lambda db: db.execute("UPDATE session SET options=? WHERE sid=?", (b'{"smell": 1}', sid))
    )
    await shelf.crash()
    assert (await shelf.ask("GET", f"show/{sid}")).status == 404
    assert (await shelf.ask("GET", f"show/{whole}")).status == 200


async def test_a_session_may_end_with_the_process(shelf: Any) -> None:
    """A session without a snapshot is not kept from the moment it has none."""
    sid = await shelf.sid()
    await shelf.post(f"put/{sid}", {"thing": "passing"})
    await shelf.crash()
    assert (await shelf.ask("GET", f"show/{sid}")).status == 404


async def test_a_session_that_can_not_be_kept_is_not_opened(
    shelf: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is no room for it, ``register_session`` answers 507 and leaves nothing behind."""

    async def full(*_: object) -> None:
        raise NoRoom("no room")

    monkeypatch.setattr(shelf.mounted.sessions.keeper, "save", full)
    answer = await shelf.post("register_session", {"name": "cli"})
    assert (answer.status, answer.json["code"]) == (507, "no_room")
    assert (await shelf.ask("GET", "list_sessions")).json == {"sessions": []}
    monkeypatch.undo()
    assert await shelf.sid(name="cli")


async def test_documents_outlive_the_process(shelf: Any) -> None:
    """JSON values by key, of one plugin each: put, replaced, deleted, and there after a crash."""
    documents = shelf.mounted.context.documents
    await documents.put("a", {"n": 1, "list": [1, "ä", None]})
    await documents.put("b", "first")
    await documents.put("b", "second")
    await documents.put("c", 1)
    await documents.delete("c")
    await documents.delete("never there")
    await shelf.crash()
    assert await shelf.mounted.context.documents.all() == {
        "a": {"n": 1, "list": [1, "ä", None]},
        "b": "second",
    }
    assert await shelf.runtime._context("other").documents.all() == {}


PROCESS = """
import asyncio, os, signal, sys
from pathlib import Path
from radical_edge_core.edge.documents import Documents, SessionKeeper
from radical_edge_core.edge.journal import Journal
from radical_edge_core.plugin.keeping import KeptSession

async def main():
    journal = Journal(Path(sys.argv[1]))
    await journal.start()
    await SessionKeeper(journal, "shelf").save(
        KeptSession("0123", "alice", "cli", b'{"colour":"blue","depth":1}', b'{"things":["cup"]}'))
    await Documents(journal, "shelf").put("k", "v")
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


async def test_what_was_kept_survives_a_real_kill(folder: Path, desk: Desks) -> None:
    """A process that is killed right after it kept something has kept it."""
    command = [sys.executable, "-c", PROCESS, str(folder)]
    done = await asyncio.to_thread(subprocess.run, command, check=False, env=dict(os.environ))
    assert done.returncode == -signal.SIGKILL
    shelf = await desk(Shelf)
    assert (await shelf.ask("GET", "show/0123")).json["things"] == ["cup"]
    assert await shelf.sid(name="cli") == "0123"
    assert await shelf.mounted.context.documents.all() == {"k": "v"}
