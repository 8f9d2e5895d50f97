"""A bridge whose disk is full: what needs room is told so, nothing is lost, and it recovers by itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import pytest

from radical_edge_core.errors import NoRoom
from radical_edge_core.plugin import Plugin, operation
from radical_edge_core.testing.bridges import RunningBridge
from radical_edge_core.testing.edges import running_application, running_edge
from radical_edge_core.testing.listening import listening
from radical_edge_core.testing.waiting import wait_until


class Bell(Plugin):
    name = "bell"
    topics: ClassVar = {"rung": "durable"}

    @operation.post("ring")
    async def ring(self, n: int) -> dict[str, int]:
        self.notify("rung", {"n": n, "filling": "x" * 5000})
        return {"n": n}


@asynccontextmanager
async def full(database: Any) -> AsyncIterator[None]:
    """Let a file grow no further, as on a disk without room."""

    def limit(pages: str) -> Any:
        return database.run(lambda db: db.execute(f"PRAGMA max_page_count={pages}").fetchone()[0])

    await limit(str(await database.run(lambda db: db.execute("PRAGMA page_count").fetchone()[0])))
    try:
        yield
    finally:
        await limit("1000000")


async def enrol_many(store: Any) -> None:
    for n in range(1000):
        await store.enrol(f"another-{n}")


async def test_tokens_cannot_be_made_and_those_there_are_go_on(bridge: RunningBridge) -> None:
    """Making a token is 507 while there is no room; every token that was made works, and soon another can be."""
    kept = await bridge.caller_with("read:*")
    async with full(bridge.bridge.door.store._database):

        async def refused() -> Any:
            answer = await bridge.api.post("/tokens", {"scopes": ["read:*"] * 50, "label": "x" * 3000})
            return answer if answer.status != 200 else None

        answer = await wait_until(refused)
        assert (answer.status, answer.code) == (507, "no_room")
        assert (await kept.get("/edges")).status == 200
    assert (await bridge.api.post("/tokens", {"scopes": ["read:*"] * 50})).status == 200


async def test_a_token_that_was_not_kept_opens_nothing(bridge: RunningBridge) -> None:
    """The list has no token that could not be written."""
    async with full(bridge.bridge.door.store._database):
        statuses = [
            (await bridge.api.post("/tokens", {"scopes": ["read:*"] * 50, "label": "x" * 3000})).status
            for _ in range(20)
        ]
    assert 507 in statuses
    listed = (await bridge.api.get("/tokens")).json["tokens"]
    assert len(listed) == 1 + statuses.count(200)


async def test_an_edge_that_cannot_join_now_joins_later(bridge: RunningBridge, far: Any) -> None:
    """An edge that is refused for lack of room dials again, and is in once there is some."""
    store = bridge.bridge.door.store
    async with full(store._database):
        with pytest.raises(NoRoom):
            await enrol_many(store)
        async with running_application(bridge, far, "x" * 60, wait=False) as edge:
            await wait_until(lambda: "room" in edge.link.last_error)
            assert not edge.task.done()
            await store._database.run(lambda db: db.execute("PRAGMA max_page_count=1000000").fetchone())
            await wait_until(lambda: bridge.bridge.registry.live("x" * 60))


@pytest.mark.parametrize("listening_meanwhile", [True, False])
async def test_events_wait_and_follow_in_order(bridge: RunningBridge, listening_meanwhile: bool) -> None:
    """Events that can't be kept are acknowledged to nobody; with room they come, each once and in order."""
    events = bridge.bridge.events
    async with running_edge(bridge, "here", [Bell]) as edge, listening(bridge.api) as stream:
        async with full(events._database):
            for n in range(40):
                assert (await bridge.api.post("/here/bell/ring", {"n": n})).status == 200
            await wait_until(lambda: events.waiting)
            assert edge.runtime is not None
            assert edge.runtime.outbox.unacknowledged > 0
            assert (await bridge.api.get("/here/bell/health")).status == 200
        after = f"{events.epoch}.0"
        if listening_meanwhile:
            await wait_until(lambda: len(stream.notifications()) == 40)
            assert [data["n"] for data in stream.notifications()] == list(range(40))
        async with listening(bridge.api, after=after) as later:
            await wait_until(lambda: len(later.notifications()) == 40)
            assert [data["n"] for data in later.notifications()] == list(range(40))
        runtime = edge.runtime
        await wait_until(lambda: runtime.outbox.unacknowledged == 0)
