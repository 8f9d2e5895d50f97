"""Events on their way: numbered by being kept, sent in order, again where need be, and never in silence lost."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import wait
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from radical_edge_core.edge import outbox
from radical_edge_core.errors import Overloaded, TooLarge
from radical_edge_core.link.notes import EventAck
from radical_edge_core.plugin import Plugin
from radical_edge_core.testing.waiting import wait_until

from .conftest import Wire

HOUR_S = 3600.0
Desks = Callable[..., Awaitable[Any]]


class Bell(Plugin):
    name = "bell"
    topics: ClassVar = {"rung": "durable", "level": "ephemeral"}


@pytest.fixture
async def bell(desk: Desks) -> AsyncIterator[Any]:
    return await desk(Bell)


async def ring(bell: Any, *numbers: int, once: bool = False) -> None:
    """Publish, and wait until it is kept."""
    kept = [
        bell.mounted.notify("rung", {"n": number}, "alice", once=f"mark {number}" if once else None)
        for number in numbers
    ]
    await asyncio.gather(*map(asyncio.wrap_future, kept))


def linked(bell: Any, *, held: int = -1, epoch: str | None = None) -> Wire:
    """Give the edge a link to a bridge that holds events up to a number."""
    wire = Wire()
    bell.runtime.connected(wire, bell.runtime.journal.epoch if epoch is None else epoch, held)
    return wire


async def heard(wire: Wire, count: int) -> list[int]:
    """Wait for so many events, and return what they tell."""
    await wait_until(lambda: len(wire.sent) >= count)
    return [msgspec.json.decode(event.data)["n"] for event in wire.sent]


async def confirmed(bell: Any, seq: int) -> None:
    """Let the bridge confirm, and the edge write it down."""
    bell.runtime.take(EventAck(epoch=bell.runtime.journal.epoch, seq=seq))
    bell.runtime.outbox._acking.cancel()
    bell.runtime.outbox._write_ack()
    await bell.runtime.journal.run(lambda _db: None)
    await asyncio.sleep(0)


async def test_events_are_numbered_and_sent_in_order(bell: Any) -> None:
    """Numbers begin at 1 and have no gap, in the order of publishing, with owner, plugin and topic."""
    wire = linked(bell)
    await ring(bell, *range(100))
    assert await heard(wire, 100) == list(range(100))
    assert wire.numbers == list(range(1, 101))
    assert {(e.plugin, e.topic, e.owner, e.epoch) for e in wire.sent} == {
        ("bell", "rung", "alice", bell.runtime.journal.epoch)
    }


@pytest.fixture
def hasty() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


async def test_threads_publish_in_one_order(bell: Any, hasty: None) -> None:
    """Events of many threads get one number each, and each thread's stay in its order; none is passed over."""
    wire = linked(bell)

    def publish(first: int) -> None:
        for number in range(first, first + 200):
            bell.mounted.notify("rung", {"n": number})

    threads = [threading.Thread(target=publish, args=(first,)) for first in (0, 1000, 2000)]
    for thread in threads:
        thread.start()
    got = await heard(wire, 600)
    for thread in threads:
        thread.join()
    assert wire.numbers == list(range(1, 601))
    for first in (0, 1000, 2000):
        assert [n for n in got if first <= n < first + 1000] == list(range(first, first + 200))


async def test_whoever_is_slow_does_not_change_the_order(bell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An event is told of by the journal's thread, in the order of the numbers, however slow the publisher is."""
    threads: list[str] = []
    database, kept = bell.runtime.journal._database, bell.runtime.outbox._kept
    submit = database.submit

    def slow(*arguments: Any) -> Any:
        future = submit(*arguments)
        wait([future], 5)
        return future

    def noted(*arguments: Any) -> None:
        threads.append(threading.current_thread().name)
        kept(*arguments)

    monkeypatch.setattr(database, "submit", slow)
    monkeypatch.setattr(bell.runtime.outbox, "_kept", noted)
    wire = linked(bell)
    await ring(bell, *range(10))
    await heard(wire, 10)
    assert set(threads) == {"db-journal.db"}


async def test_an_event_is_kept_before_it_is_sent(bell: Any) -> None:
    """What the bridge hears is in the journal already."""
    rows: list[int] = []

    class Looking(Wire):
        def notify(self, payload: bytes) -> None:
            super().notify(payload)
            rows.append(
                bell.runtime.journal.submit(
                    lambda db: db.execute("SELECT max(seq) FROM outbox").fetchone()[0]
                ).result()
            )

    wire = Looking()
    bell.runtime.connected(wire, "", -1)
    await ring(bell, 1, 2, 3)
    await heard(wire, 3)
    assert all(row >= event.seq for row, event in zip(rows[-3:], wire.sent, strict=True))


async def test_a_mark_keeps_an_event_single(bell: Any) -> None:
    """What is told again with the same mark is kept once, by this process and the next; its number is not used up."""
    await ring(bell, 1, 2, 1, once=True)
    await bell.crash()
    await ring(bell, 2, 3, once=True)
    wire = linked(bell)
    assert await heard(wire, 3) == [1, 2, 3]
    await ring(bell, 4)
    assert await heard(wire, 4) == [1, 2, 3, 4]
    assert wire.numbers == [1, 2, 3, 4]


async def test_a_new_link_begins_where_the_bridge_left_off(bell: Any) -> None:
    """What the welcome says is held is not sent again; what is not, is, in the next process too."""
    first = linked(bell)
    await ring(bell, *range(1, 11))
    await heard(first, 10)
    bell.runtime.disconnected()
    assert await heard(linked(bell, held=7), 3) == [8, 9, 10]
    await bell.crash()
    assert await heard(linked(bell, held=7), 3) == [8, 9, 10]
    await bell.crash()
    last = linked(bell, held=10)
    await ring(bell, 11)
    assert await heard(last, 1) == [11]


async def test_events_without_a_link_wait(bell: Any) -> None:
    """What is published while the bridge is away, by several processes, arrives in order when it is back."""
    await ring(bell, 1, 2)
    await bell.crash()
    await ring(bell, 3)
    assert bell.runtime.outbox.unacknowledged == 3
    assert await heard(linked(bell), 3) == [1, 2, 3]


async def test_a_bridge_that_lost_its_log_gets_what_is_held(bell: Any) -> None:
    """A bridge that knows nothing, or another epoch, gets everything from an hour ago on, acknowledged or not."""
    await heard_all(bell, range(1, 6))
    await confirmed(bell, 5)
    for epoch, held in (("", -1), ("another", 99)):
        bell.runtime.disconnected()
        assert await heard(linked(bell, held=held, epoch=epoch), 5) == [1, 2, 3, 4, 5]


async def heard_all(bell: Any, numbers: range) -> None:
    wire = linked(bell)
    await ring(bell, *numbers)
    await heard(wire, len(numbers))


async def test_events_are_kept_for_an_hour_after_the_ack(bell: Any) -> None:
    """Confirmed events stay an hour and go then; those that are not confirmed stay however old they are."""
    await heard_all(bell, range(1, 4))
    await confirmed(bell, 2)
    bell.now += HOUR_S - 1
    await bell.runtime.journal.prune()
    assert await heard(linked(bell, epoch="lost"), 3) == [1, 2, 3]
    bell.now += 2
    await bell.runtime.journal.prune()
    assert await heard(linked(bell, epoch="lost"), 1) == [3]
    bell.now += 1000 * HOUR_S
    await bell.runtime.journal.prune()
    assert await heard(linked(bell, epoch="lost"), 1) == [3]


async def test_numbers_go_on_where_everything_was_confirmed_and_dropped(bell: Any) -> None:
    """A number is never used twice in an epoch, not even when the journal holds no event any more."""
    await heard_all(bell, range(1, 4))
    await confirmed(bell, 3)
    bell.now += HOUR_S + 1
    await bell.runtime.journal.prune()
    await bell.crash()
    wire = linked(bell, held=3)
    await ring(bell, 4)
    assert await heard(wire, 1) == [4]
    assert wire.numbers == [4]


async def test_a_new_journal_is_a_new_epoch(bell: Any) -> None:
    """Where the journal is lost, numbers begin anew, and the epoch says so."""
    await ring(bell, 1)
    before = bell.runtime.journal.epoch
    await bell.die()
    for file in bell.folder.glob("journal.db*"):
        file.unlink()
    await bell.begin()
    assert bell.runtime.journal.epoch != before
    wire = linked(bell, held=1, epoch=before)
    await ring(bell, 2)
    assert await heard(wire, 1) == [2]
    assert wire.numbers == [1]


async def test_more_than_what_is_held_in_memory(bell: Any) -> None:
    """Memory holds a thousand events at most; the rest comes from the journal as the bridge confirms."""
    total = 3 * outbox.IN_FLIGHT + 17
    await ring(bell, *range(total))
    wire = linked(bell)
    await wait_until(lambda: len(wire.sent) == outbox.IN_FLIGHT)
    seen = 0
    while len(wire.sent) < total:
        bell.runtime.take(EventAck(epoch=bell.runtime.journal.epoch, seq=len(wire.sent)))
        await wait_until(lambda before=seen: len(wire.sent) > before)
        seen = len(wire.sent)
        assert len(bell.runtime.outbox._ready) <= outbox.IN_FLIGHT
    assert await heard(wire, total) == list(range(total))
    assert wire.numbers == list(range(1, total + 1))
    await ring(bell, total)
    bell.runtime.take(EventAck(epoch=bell.runtime.journal.epoch, seq=total))
    assert (await heard(wire, total + 1))[-1] == total


async def test_publishing_and_confirming_at_once(bell: Any) -> None:
    """However publishing, paging and confirming overlap, every event is sent once and in order."""
    wire = linked(bell)
    total = 4 * outbox.IN_FLIGHT

    async def confirm() -> None:
        told = 0
        while told < total:
            await wait_until(lambda before=told: len(wire.sent) > before)  # type: ignore[misc]
            told = len(wire.sent)
            bell.runtime.take(EventAck(epoch=bell.runtime.journal.epoch, seq=told))

    confirming = asyncio.create_task(confirm())
    for first in range(0, total, 256):
        await ring(bell, *range(first, first + 256))
    await confirming
    assert wire.numbers == list(range(1, total + 1))


async def test_too_many_waiting_events_are_refused(bell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the bound publishing raises and drops nothing; once the bridge has confirmed there is room again."""
    monkeypatch.setattr(outbox, "MAX_WAITING", 5)
    await ring(bell, 1, 2, 3, 4, 5)
    with pytest.raises(Overloaded):
        bell.mounted.notify("rung", {"n": 6})
    await bell.crash()
    with pytest.raises(Overloaded):
        bell.mounted.notify("rung", {"n": 6})
    wire = linked(bell)
    assert await heard(wire, 5) == [1, 2, 3, 4, 5]
    await confirmed(bell, 2)
    await wait_until(lambda: bell.runtime.outbox.unacknowledged == 3)
    await ring(bell, 6)
    assert await heard(wire, 6) == [1, 2, 3, 4, 5, 6]


async def test_an_event_that_is_too_large_is_refused(bell: Any) -> None:
    """An event above 256 KiB raises where it is published, and uses up no number."""
    with pytest.raises(TooLarge):
        bell.mounted.notify("rung", {"n": "x" * outbox.MAX_EVENT})
    wire = linked(bell)
    await ring(bell, 1)
    await heard(wire, 1)
    assert wire.numbers == [1]


async def test_ephemeral_events_are_not_kept(bell: Any) -> None:
    """They are sent while there is a link, and nothing of them stays."""
    bell.mounted.notify("level", {"n": 1})
    await asyncio.sleep(0)
    wire = linked(bell)
    bell.mounted.notify("level", {"n": 2})
    assert await heard(wire, 1) == [2]
    assert not wire.sent[0].durable
    await bell.crash()
    assert (
        await bell.runtime.journal.run(lambda db: db.execute("SELECT count(*) FROM outbox").fetchone())
    ) == (0,)


async def test_a_foreign_ack_means_nothing(bell: Any) -> None:
    """A confirmation of another epoch, or of an older number, changes nothing."""
    await heard_all(bell, range(1, 4))
    bell.runtime.take(EventAck(epoch="another", seq=3))
    assert bell.runtime.outbox._acked == -1
    await confirmed(bell, 2)
    bell.runtime.take(EventAck(epoch=bell.runtime.journal.epoch, seq=1))
    assert bell.runtime.outbox._acked == 2


PROCESS = """
import asyncio, sys
from pathlib import Path
from radical_edge_core.edge.journal import Journal
from radical_edge_core.edge.outbox import Outbox

async def main():
    journal = Journal(Path(sys.argv[1]))
    await journal.start()
    outbox = Outbox(journal)
    await outbox.start()
    for number in range(10):
        await asyncio.wrap_future(outbox.publish("bell", "rung", {"n": number}, "", True))

asyncio.run(main())
"""


async def test_an_event_published_just_before_the_kill_is_sent_by_the_next_process(
    folder: Path, desk: Desks
) -> None:
    """A process that dies the moment an event is kept, before anybody hears of it, has not lost it."""
    environ = dict(os.environ) | {"RADICAL_EDGE_CRASH_POINT": "event.kept:4"}
    command = [sys.executable, "-c", PROCESS, str(folder)]
    done = await asyncio.to_thread(subprocess.run, command, check=False, env=environ)
    assert done.returncode == -signal.SIGKILL
    bell = await desk(Bell)
    wire = linked(bell)
    await ring(bell, 99)
    assert await heard(wire, 5) == [0, 1, 2, 3, 99]
