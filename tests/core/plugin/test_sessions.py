"""Who owns a session, how it is found again, and when it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from radical_edge_core.errors import Expired, NotFound, TooManyRequests
from radical_edge_core.plugin import Plugin, PluginSession, operation
from radical_edge_core.plugin.session import SessionRequest
from radical_edge_core.plugin.sessions import SessionTable


class Recorded(PluginSession):
    """A session that remembers, and can be told to be slow, busy or broken."""

    opened: int
    gate: asyncio.Event | None = None
    fail: BaseException | None = None
    slow_close: bool = False
    is_busy: bool = False
    closed = False

    async def open(self) -> None:
        options: Any = self.options or {}
        if gate := options.get("gate"):
            await gate.wait()
        if error := options.get("fail"):
            raise error

    async def close(self) -> None:
        self.closed = True
        if self.slow_close:
            await asyncio.get_running_loop().create_future()
        if self.fail is not None:
            raise self.fail

    def busy(self) -> bool:
        if isinstance(self.fail, LookupError):
            raise self.fail
        return self.is_busy

    def snapshot(self) -> object | None:
        if isinstance(self.fail, LookupError):
            raise self.fail
        return {"kept": self.sid} if self.is_busy else None

    def restore(self, data: object) -> None:
        self.restored = data


class Owner(Plugin):
    name = "owner"
    session_class = Recorded


@pytest.fixture
def table(context: Any, clock: Any) -> SessionTable:
    plugin = Owner(context)
    return SessionTable(
        create=plugin.create_session,
        monotonic=clock,
        idle_timeout_s=60,
        max_per_subject=3,
        remember=2,
        close_deadline_s=0.05,
    )


async def test_another_subjects_session_looks_unknown(table: SessionTable) -> None:
    """The id alone opens nothing."""
    session = await table.register("alice")
    with pytest.raises(NotFound) as mine:
        table.get("0" * 24, "bob")
    with pytest.raises(NotFound) as hers:
        table.get(session.sid, "bob")
    assert str(hers.value).replace(session.sid, "0" * 24) == str(mine.value)
    assert table.of("bob") == []
    assert table.get(session.sid, "alice") is session


async def test_a_named_session_is_found_again(table: SessionTable) -> None:
    """One name of one subject is one session, until it ends."""
    first = await table.register("alice", "cli")
    assert await table.register("alice", "cli") is first
    assert await table.register("bob", "cli") is not first
    await table.unregister(first.sid, "alice")
    assert await table.register("alice", "cli") is not first


async def test_a_name_that_is_being_opened_is_opened_once(table: SessionTable) -> None:
    """Callers that ask at once share one opening."""
    gate = asyncio.Event()
    asked = [asyncio.create_task(table.register("alice", "cli", {"gate": gate})) for _ in range(3)]
    await asyncio.sleep(0)
    assert len(table) == 0
    gate.set()
    first, *others = await asyncio.gather(*asked)
    assert all(session is first for session in others)
    assert len(table) == 1


async def test_a_caller_that_leaves_does_not_take_the_others_session(table: SessionTable) -> None:
    """An opening ends with its last caller, not with its first."""
    gate = asyncio.Event()
    leaver = asyncio.create_task(table.register("alice", "cli", {"gate": gate}))
    stayer = asyncio.create_task(table.register("alice", "cli", {"gate": gate}))
    await asyncio.sleep(0)
    leaver.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaver
    gate.set()
    assert (await stayer).sid in table.of("alice")


async def test_an_opening_that_nobody_waits_for_is_given_up(table: SessionTable, until: Any) -> None:
    """A session whose id nobody ever learns is not kept."""
    alone = asyncio.create_task(table.register("alice", None, {"gate": asyncio.Event()}))
    await asyncio.sleep(0)
    alone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await alone
    await until(lambda: not [t for t in asyncio.all_tasks() if t.get_name().startswith("open session")])
    assert len(table) == 0


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(1)])
async def test_a_session_that_fails_to_open_is_not_kept(table: SessionTable, error: BaseException) -> None:
    """The caller is told, and the place is free again."""
    for _ in range(5):
        with pytest.raises((ValueError, RuntimeError)):
            await table.register("alice", "cli", {"fail": error})
    assert len(table) == 0
    assert await table.register("alice", "cli")


async def test_one_subject_has_a_bounded_number(table: SessionTable) -> None:
    """The bound counts those being opened, holds per subject, and says what to do."""
    gate = asyncio.Event()
    opening = asyncio.create_task(table.register("alice", None, {"gate": gate}))
    await asyncio.sleep(0)
    first = await table.register("alice")
    await table.register("alice")
    with pytest.raises(TooManyRequests, match="close some"):
        await table.register("alice")
    await table.register("bob")
    await table.unregister(first.sid, "alice")
    await table.register("alice")
    gate.set()
    await opening


async def test_an_idle_session_expires(table: SessionTable, clock: Any) -> None:
    """Its owner is told 410 afterwards, others 404; using it keeps it."""
    session = await table.register("alice", "cli")
    used = await table.register("alice")
    clock.now += 59
    with table.use(used.sid, "alice"):
        pass
    clock.now += 2
    assert await table.sweep() == [session.sid]
    assert session.closed  # type: ignore[attr-defined]
    with pytest.raises(Expired):
        table.get(session.sid, "alice")
    with pytest.raises(NotFound):
        table.get(session.sid, "bob")
    assert (await table.register("alice", "cli")).sid != session.sid


async def test_work_in_progress_never_expires(table: SessionTable, clock: Any) -> None:
    """Neither a busy session, nor one with a call, nor one whose ``busy`` fails is ended."""
    busy, called, broken = [await table.register("alice") for _ in range(3)]
    busy.is_busy = True  # type: ignore[attr-defined]
    broken.fail = LookupError()  # type: ignore[attr-defined]
    with table.use(called.sid, "alice"):
        clock.now += 10_000
        assert await table.sweep() == []
    assert await table.sweep() == []
    clock.now += 60
    assert await table.sweep(clock.now) == [called.sid]


async def test_expired_ids_are_remembered_boundedly(table: SessionTable, clock: Any) -> None:
    """The oldest are forgotten first, and are unknown then."""
    sids = []
    for _ in range(3):
        sids.append((await table.register("alice")).sid)
        clock.now += 61
        await table.sweep()
    with pytest.raises(NotFound):
        table.get(sids[0], "alice")
    for sid in sids[1:]:
        with pytest.raises(Expired):
            table.get(sid, "alice")


async def test_a_close_that_hangs_or_fails_is_contained(
    table: SessionTable, caplog: pytest.LogCaptureFixture
) -> None:
    """The session is gone whatever its ``close`` does."""
    hanging, failing, exiting = [await table.register("alice") for _ in range(3)]
    hanging.slow_close = True  # type: ignore[attr-defined]
    failing.fail = ValueError("x")  # type: ignore[attr-defined]
    exiting.fail = SystemExit(2)  # type: ignore[attr-defined]
    for session in (hanging, failing, exiting):
        await table.unregister(session.sid, "alice")
        assert session.sid in caplog.text
    assert len(table) == 0
    with pytest.raises(NotFound):
        await table.unregister(hanging.sid, "alice")


async def test_close_all_ends_open_and_opening_sessions(table: SessionTable) -> None:
    """A plugin that stops leaves no session behind."""
    opening = asyncio.create_task(table.register("bob", None, {"gate": asyncio.Event()}))
    session = await table.register("alice", "cli")
    await table.close_all()
    assert session.closed  # type: ignore[attr-defined]
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert len(table) == 0


async def test_sessions_outlive_the_process(table: SessionTable, context: Any, clock: Any) -> None:
    """What has a snapshot comes back under its id and name; a snapshot that fails costs its session only."""
    kept, _plain, broken = [await table.register("alice", name) for name in ("a", "b", "c")]
    kept.is_busy = True  # type: ignore[attr-defined]
    broken.fail = LookupError()  # type: ignore[attr-defined]
    ((request, data),) = table.snapshots()
    assert request == SessionRequest(sid=kept.sid, owner="alice", name="a")
    again = SessionTable(create=Owner(context).create_session, monotonic=clock, idle_timeout_s=60)
    session = await again.restore(request, data)
    assert session.restored == {"kept": kept.sid}  # type: ignore[attr-defined]
    assert await again.register("alice", "a") is session


class Held(PluginSession):
    @operation.post("use/{sid}")
    async def use(self) -> dict[str, str]:
        """Use it."""
        self.notify("used", {"sid": self.sid})
        return {"sid": self.sid}


class Holder(Plugin):
    name = "holder"
    session_class = Held
    idle_timeout_s = 10


async def test_sessions_over_the_wire(serve: Callable[..., Any], clock: Any, published: list[Any]) -> None:
    """Statuses, the owner's list, and an event that belongs to the session's owner."""
    served = serve(Holder)
    sid = await served.sid(name="cli")
    assert (await served.post("/register_session", {"name": "cli"})).json == {"sid": sid}
    assert (await served.post("/register_session", {"name": ""})).status == 422
    assert (await served.get("/list_sessions")).json == {"sessions": [sid]}
    assert (await served.post(f"/use/{sid}")).json == {"sid": sid}
    assert (published[0].topic, published[0].owner, published[0].durable) == ("used", "alice", True)
    bob = served.as_("bob")
    assert (await bob.get("/list_sessions")).json == {"sessions": []}
    assert (await bob.post(f"/use/{sid}")).status == 404
    assert (await bob.post(f"/unregister_session/{sid}")).status == 404
    clock.now += 11
    await served.app.plugin.sessions.sweep()
    assert (await served.post(f"/use/{sid}")).status == 410
    assert (await served.get("/health")).json["active_sessions"] == 0


async def test_a_plugin_without_sessions_still_registers_one(serve: Callable[..., Any]) -> None:
    """Older clients register everywhere; the description says that there is no need."""

    class Bare(Plugin):
        name = "bare"
        version = "3"

    served = serve(Bare)
    assert await served.sid()
    assert (await served.get("/describe")).json["sessions"] is False
    assert (await served.get("/version")).json == {"version": "3"}
    config = (await served.get("/ui_config")).json
    assert (config["plugin_name"], config["instance_name"], config["version"]) == ("bare", "bare", "3")
