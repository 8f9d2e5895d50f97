"""Events: committed, numbered, replayed, filtered, to those who may hear them; and a gap never silent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest

from radical_edge_core.link.frames import FrameType, encode
from radical_edge_core.link.heads import Welcome
from radical_edge_core.link.notes import (
    Announce,
    Event,
    EventAck,
    Interest,
    Note,
    decode_note,
    encode_note,
)
from radical_edge_core.plugin import Plugin, operation
from radical_edge_core.testing.bridges import RunningBridge, running_bridge
from radical_edge_core.testing.byte_peer import BytePeer, byte_peer, hello_of
from radical_edge_core.testing.edges import RunningEdge, running_edge
from radical_edge_core.testing.listening import Listening, listening
from radical_edge_core.testing.waiting import wait_until


class Bell(Plugin):
    name = "bell"
    topics: ClassVar = {"rung": "durable", "level": "ephemeral"}

    async def start(self) -> None:
        self.interest: list[bool] = []
        self.context.on_listening(
            self.name, lambda: self.interest.append(self.context.listening(self.name, "level"))
        )

    @operation.post("ring")
    async def ring(self, n: int, owner: str = "", topic: str = "rung") -> dict[str, int]:
        self.notify(topic, {"n": n}, owner)
        return {"n": n}


@pytest.fixture
async def bell(bridge: RunningBridge) -> AsyncIterator[RunningEdge]:
    """The edge ``here`` with a plugin that notifies."""
    async with running_edge(bridge, "here", [Bell]) as edge:
        yield edge


async def ring(bridge: RunningBridge, *numbers: int, edge: str = "here", **more: str) -> None:
    for n in numbers:
        answer = await bridge.api.post(f"/{edge}/bell/ring", {"n": n, **more})
        assert answer.status == 200, answer


async def heard(stream: Listening, count: int) -> list[int]:
    """The numbers of the next notifications."""
    return [(await stream.notified("rung")).inner["n"] for _ in range(count)]


async def last_id(bridge: RunningBridge, n: int) -> str:
    """The id of an event that is published now."""
    async with listening(bridge.api) as stream:
        await ring(bridge, n)
        return (await stream.until(lambda e: e.topic == "notification" and e.data["data"] == {"n": n})).id


# --- live -------------------------------------------------------------------------------------------


async def test_the_first_event_is_the_topology(bridge: RunningBridge, bell: RunningEdge) -> None:
    """A new listener is told the topology before anything else, the same that /edge/list tells."""
    async with listening(bridge.api) as stream:
        first = stream.events[0]
        assert first.topic == "topology"
        assert first.data == (await bridge.api.get("/edge/list")).json["data"]


async def test_a_notification_has_edge_plugin_topic_data_and_id(
    bridge: RunningBridge, bell: RunningEdge
) -> None:
    """An event tells where it comes from, and its id is the log's epoch and a number."""
    async with listening(bridge.api) as stream:
        await ring(bridge, 1)
        event = await stream.notified("rung")
    assert event.data == {"edge": "here", "plugin": "bell", "topic": "rung", "data": {"n": 1}}
    epoch, _, number = event.id.partition(".")
    assert epoch == bridge.bridge.events.epoch
    assert int(number) == bridge.bridge.events.newest


async def test_events_come_in_order_and_once(bridge: RunningBridge, bell: RunningEdge) -> None:
    """Two listeners hear the same events in the same order, with ids that grow by one."""
    async with listening(bridge.api) as one, listening(bridge.api) as two:
        await ring(bridge, *range(30))
        assert await heard(one, 30) == await heard(two, 30) == list(range(30))
        numbers = [int(e.id.partition(".")[2]) for e in one.events if e.topic == "notification"]
        assert numbers == list(range(numbers[0], numbers[0] + 30))


async def test_the_answer_is_a_stream_that_no_proxy_holds_back(bridge: RunningBridge) -> None:
    """The headers say what it is, and that it is to be passed on at once."""
    async with listening(bridge.api) as stream:
        headers = stream.response.headers
    assert headers["content-type"].startswith("text/event-stream")
    assert headers["x-accel-buffering"] == "no"
    assert headers["cache-control"] == "no-store"


async def test_topology_changes_are_told(bridge: RunningBridge) -> None:
    """A listener hears of an edge that comes, of its plugins, and of one that goes."""
    async with listening(bridge.api) as stream:
        async with running_edge(bridge, "here", [Bell]):
            await stream.until(
                lambda e: (
                    e.topic == "topology" and "bell" in e.data["edges"].get("here", {}).get("plugins", {})
                )
            )
        await stream.until(lambda e: e.topic == "topology" and "here" not in e.data["edges"])


async def test_other_methods_and_parameters_are_told(bridge: RunningBridge) -> None:
    """The stream is read with GET, and knows its filters."""
    assert (await bridge.api.post("/events")).code == "method_not_allowed"
    answer = await bridge.api.get("/events?topic=x&plugins=y")
    assert answer.code == "invalid"
    assert {problem["path"] for problem in answer.json["problems"]} == {"$.topic", "$.plugins"}


async def test_nobody_listens_without_a_token(bridge: RunningBridge) -> None:
    """Events are behind the door like everything else."""
    assert (await (await bridge.caller(None)).get("/events")).status == 401


# --- filters and rights -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("?topics=rung", [1, 4]),
        ("?topics=other", [2]),
        ("?topics=rung,other", [1, 2, 4]),
        ("?topics=rung&topics=other", [1, 2, 4]),
        ("?topics=none", []),
        ("?edge=there", [4]),
        ("?edge=here&plugin=bell", [1, 2]),
        ("?plugin=drum", []),
        ("", [1, 2, 4]),
    ],
)
async def test_filters_hold_back_what_was_not_asked_for(
    bridge: RunningBridge, bell: RunningEdge, query: str, numbers: list[int]
) -> None:
    """Topics, edge and plugin select, live and on replay alike."""
    before = await last_id(bridge, 0)
    async with running_edge(bridge, "there", [Bell]), listening(bridge.api, query) as live:
        await ring(bridge, 1)
        await ring(bridge, 2, topic="other")
        await ring(bridge, 4, edge="there")
        async with listening(bridge.api, after=before) as everything:
            await wait_until(lambda: len(everything.notifications()) == 3)
        async with listening(bridge.api, query, after=before) as replayed:
            await wait_until(lambda: len(replayed.notifications()) == len(numbers))
            await wait_until(lambda: len(live.notifications()) == len(numbers))
        for stream in (live, replayed):
            # Two edges have no order between them.
            assert sorted(data["n"] for data in stream.notifications()) == numbers


@pytest.mark.parametrize("way", ["live", "replayed"])
async def test_events_of_one_subject_are_for_nobody_else(
    bridge: RunningBridge, bell: RunningEdge, way: str
) -> None:
    """An event with an owner is heard by that subject alone, however and whenever it listens."""
    alice = await bridge.caller_with("read:*", subject="alice")
    bob = await bridge.caller_with("read:*", subject="bob")
    before = await last_id(bridge, 0)
    if way == "replayed":
        await ring(bridge, 1, owner="alice")
        await ring(bridge, 2)
    async with listening(alice, after=before) as hers, listening(bob, after=before) as his:
        if way == "live":
            await ring(bridge, 1, owner="alice")
            await ring(bridge, 2)
        assert await heard(hers, 2) == [1, 2]
        assert await heard(his, 1) == [2]
        assert [data["n"] for data in his.notifications()] == [2]


@pytest.mark.parametrize("way", ["live", "replayed"])
async def test_events_are_for_those_who_may_read_the_plugin(
    bridge: RunningBridge, bell: RunningEdge, way: str
) -> None:
    """Without the scope to read a plugin nobody hears of it; ``write`` includes it, ``function`` does not."""
    before = await last_id(bridge, 0)
    if way == "replayed":
        await ring(bridge, 1)
    for scope, may in (
        ("read:here/bell", True),
        ("write:here", True),
        ("read:here/drum", False),
        ("function:*", False),
    ):
        caller = await bridge.caller_with(scope)
        async with listening(caller, after=before) as stream, listening(bridge.api, after=before) as all_:
            if way == "live":
                await ring(bridge, 1)
            await heard(all_, 1)
            if may:
                assert await heard(stream, 1) == [1]
            assert bool(stream.notifications()) is may


async def test_the_topology_that_is_told_is_the_part_in_reach(
    bridge: RunningBridge, bell: RunningEdge
) -> None:
    """A listener learns of no edge or plugin that its token does not reach."""
    caller = await bridge.caller_with("read:elsewhere")
    async with listening(caller) as stream:
        assert stream.events[0].data["edges"] == {}


# --- replay -----------------------------------------------------------------------------------------


async def test_a_listener_that_comes_back_misses_nothing(bridge: RunningBridge, bell: RunningEdge) -> None:
    """``Last-Event-ID`` gives everything after it, and then what comes."""
    await ring(bridge, 1, 2)
    before = await last_id(bridge, 3)
    await ring(bridge, 4, 5)
    async with listening(bridge.api, after=before) as stream:
        assert await heard(stream, 2) == [4, 5]
        await ring(bridge, 6)
        assert await heard(stream, 1) == [6]


async def test_replay_goes_on_after_a_restart(home: Path) -> None:
    """The log outlives the bridge's process: ids stay good."""
    async with running_bridge(home) as first, running_edge(first, "here", [Bell]):
        before = await last_id(first, 1)
        await ring(first, 2)
        await wait_until(lambda: first.bridge.events.waiting == 0)
    async with (
        running_bridge(home) as second,
        running_edge(second, "here", [Bell]),
        listening(second.api, after=before) as stream,
    ):
        assert await heard(stream, 1) == [2]
        await ring(second, 3)
        assert await heard(stream, 1) == [3]
        assert not [event for event in stream.events if event.topic == "truncated"]


async def test_a_new_listener_hears_nothing_old(bridge: RunningBridge, bell: RunningEdge) -> None:
    """Without an id a stream begins with what comes next."""
    await last_id(bridge, 1)
    async with listening(bridge.api) as stream:
        await ring(bridge, 2)
        assert await heard(stream, 1) == [2]


async def test_a_long_replay_comes_from_the_file(
    bridge: RunningBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is no longer in memory is read from disk, in pages, without a gap and in order."""
    async with speaking(bridge) as (peer, log):
        log._tail = type(log._tail)(maxlen=50)
        for seq in range(1500):
            say(peer, event(seq))
        await wait_until(lambda: log.newest == 1500)
        async with listening(bridge.api, after=f"{log.epoch}.3") as stream:
            await wait_until(lambda: len(stream.notifications()) == 1497)
        assert stream.notifications() == list(range(3, 1500))


@pytest.mark.parametrize(
    "after", ["nonsense", "x.1", "{epoch}.", "{epoch}.x", "{epoch}.-1", "{epoch}.999", "{epoch}.٣"]
)
async def test_an_unknown_id_is_a_gap(bridge: RunningBridge, bell: RunningEdge, after: str) -> None:
    """An id that the log does not know is answered with ``truncated``, and then everything there is."""
    await ring(bridge, 1, 2)
    await wait_until(lambda: bridge.bridge.events.newest == 2)
    after = after.format(epoch=bridge.bridge.events.epoch).encode().decode("latin-1")
    async with listening(bridge.api, after=after) as stream:
        gap = await stream.next("truncated")
        assert gap.data["before"] == f"{bridge.bridge.events.epoch}.1"
        assert gap.id == f"{bridge.bridge.events.epoch}.0"
        assert await heard(stream, 2) == [1, 2]


async def test_what_fell_off_the_log_is_told(home: Path) -> None:
    """A listener whose place is no longer kept is told which part it lost, and goes on after it."""
    async with running_bridge(home, keep_events=3) as bridge, running_edge(bridge, "here", [Bell]):
        before = await last_id(bridge, 0)
        await ring(bridge, *range(1, 10))
        await wait_until(lambda: bridge.bridge.events.newest == 10)
        async with listening(bridge.api, after=before) as stream:
            gap = await stream.next("truncated")
            assert gap.data == {"after": before, "before": f"{bridge.bridge.events.epoch}.8"}
            assert await heard(stream, 3) == [7, 8, 9]


async def test_a_listener_that_has_all_of_a_short_log_loses_nothing(home: Path) -> None:
    """Events that fell off after they were heard are no gap."""
    async with (
        running_bridge(home, keep_events=1) as bridge,
        running_edge(bridge, "here", [Bell]),
        listening(bridge.api) as stream,
    ):
        for n in range(5):
            await ring(bridge, n)
            assert await heard(stream, 1) == [n]
        assert not [event for event in stream.events if event.topic == "truncated"]


async def test_old_events_are_dropped_by_age(home: Path) -> None:
    """Events older than they are kept go with the next one; a reader from before them is told."""
    async with running_bridge(home, keep_events_h=0.2 / 3600) as bridge, running_edge(bridge, "here", [Bell]):
        before = await last_id(bridge, 0)
        await ring(bridge, 1)
        await wait_until(lambda: bridge.bridge.events.newest == 2)
        begun = time.monotonic()
        await wait_until(lambda: time.monotonic() - begun > 0.3)
        await ring(bridge, 2)
        await wait_until(lambda: bridge.bridge.events.newest == 3)
        async with listening(bridge.api, after=before) as stream:
            await stream.next("truncated")
            assert await heard(stream, 1) == [2]


@pytest.mark.parametrize("how", ["deleted", "damaged"])
async def test_a_lost_log_is_a_gap(home: Path, how: str) -> None:
    """A bridge that lost its event log begins another, and tells so; what edges still hold comes again."""
    async with running_bridge(home) as first, running_edge(first, "here", [Bell]):
        before = await last_id(first, 1)
    file = home / "bridge" / "events.db"
    if how == "deleted":
        file.unlink()
    else:
        file.write_bytes(b"this is no database, and it is long enough to be taken for one" * 100)
    async with running_bridge(home) as second, running_edge(second, "here", [Bell]):
        await ring(second, 2)
        async with listening(second.api, after=before) as stream:
            assert (await stream.next("truncated")).data["after"] == before
            assert await heard(stream, 2) == [1, 2]
        assert second.bridge.events.epoch != before.partition(".")[0]
    if how == "damaged":
        assert list((home / "bridge").glob("events.db.damaged-*"))


# --- what edges send --------------------------------------------------------------------------------


def event(seq: int, **fields: Any) -> Event:
    plain: dict[str, Any] = {
        "epoch": "e1", "seq": seq, "plugin": "bell", "topic": "rung", "owner": "", "durable": True,
        "data": b"%d" % seq,
    }  # fmt: skip
    return Event(**(plain | fields))


def say(peer: BytePeer, note: Note) -> None:
    peer.send(encode(FrameType.NOTIFY, payload=encode_note(note)))


class speaking:  # noqa: N801 - a context manager
    """An edge ``raw`` that says whatever it is told, and the bridge's log."""

    def __init__(self, bridge: RunningBridge, **hello: Any) -> None:
        self.bridge = bridge
        self.hello = hello
        self.credential = ""

    async def __aenter__(self) -> tuple[BytePeer, Any]:
        self.open = byte_peer(self.bridge.url, self.hello.pop("token", self.bridge.join_token))
        peer = await self.open.__aenter__()
        welcome = await peer.hello(hello_of("raw", **self.hello))
        assert isinstance(welcome, Welcome)
        self.welcome = welcome
        self.credential = welcome.credential or ""
        return peer, self.bridge.bridge.events

    async def __aexit__(self, *exc: object) -> None:
        await self.open.__aexit__(None, None, None)


async def acknowledged(peer: BytePeer, seq: int) -> None:
    """Wait until the bridge has said that it holds everything up to a number."""
    while True:
        note = decode_note((await peer.next(FrameType.NOTIFY)).payload)
        if isinstance(note, EventAck) and note.seq >= seq:
            assert note.seq == seq
            return


async def test_an_event_is_kept_before_it_is_acknowledged(bridge: RunningBridge) -> None:
    """What the bridge has acknowledged is in its file."""
    async with speaking(bridge) as (peer, log):
        say(peer, event(0))
        await acknowledged(peer, 0)
        entries = await log._database.run(
            lambda db: db.execute("SELECT edge, epoch, seq FROM event").fetchall()
        )
        assert entries == [("raw", "e1", 0)]


async def test_an_event_sent_twice_is_kept_once(bridge: RunningBridge) -> None:
    """An event with the same edge, epoch and number is the same event; it is acknowledged again."""
    speaker = speaking(bridge)
    async with speaker as (peer, log), listening(bridge.api) as stream:
        for seq in (0, 1, 0, 1, 1, 2):
            say(peer, event(seq))
        await acknowledged(peer, 2)
        await wait_until(lambda: len(stream.notifications()) == 3)
        say(peer, event(1))
        await acknowledged(peer, 1)
        assert stream.notifications() == [0, 1, 2]
    again = speaking(bridge, token=speaker.credential)
    async with again as (peer, log):
        assert again.welcome.event_seq == 2
        say(peer, event(2))
        say(peer, event(3))
        await acknowledged(peer, 3)
        assert log.newest == 4


async def test_numbers_of_another_epoch_are_other_events(bridge: RunningBridge) -> None:
    """An edge that began its journal anew counts from 0 again, and nothing is taken for a repetition."""
    async with speaking(bridge) as (peer, log):
        say(peer, event(0))
        await acknowledged(peer, 0)
        say(peer, event(0, epoch="e2"))
        await wait_until(lambda: log.newest == 2)


async def test_events_of_two_edges_do_not_mix(bridge: RunningBridge, bell: RunningEdge) -> None:
    """The same epoch and number at another edge is another event."""
    async with speaking(bridge) as (peer, log):
        assert bell.runtime is not None
        say(peer, event(1, epoch=bell.runtime.journal.epoch))
        await ring(bridge, 5)
        await wait_until(lambda: log.newest == 2)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{", b"1 2", b'1},"topic":"topology","data":{"edges":{}', b'{"a":\n1}', b'"\xff"', b"NaN",
        b'1\n\ndata: {"topic":"topology","data":{}}', b"1\r\rid: x", b"[" * 100_000,
    ],
)  # fmt: skip
async def test_an_edge_speaks_to_listeners_in_its_own_name_only(bridge: RunningBridge, data: bytes) -> None:
    """Data that would break out of its event is dropped, and the next event is heard."""
    async with speaking(bridge) as (peer, _), listening(bridge.api, "?topics=rung,level") as stream:
        say(peer, event(0, data=data))
        say(peer, event(0, data=data, durable=False, topic="level"))
        say(peer, event(1))
        await wait_until(stream.notifications)
        assert stream.notifications() == [1]
        assert {found.topic for found in stream.events} == {"topology", "notification"}


# --- ephemeral --------------------------------------------------------------------------------------


async def test_ephemeral_events_go_to_those_who_name_them(bridge: RunningBridge, bell: RunningEdge) -> None:
    """An ephemeral topic is heard where it is asked for by name, and has no id."""
    async with (
        listening(bridge.api) as deaf,
        listening(bridge.api, "?topics=level") as named,
        listening(bridge.api, "?ephemeral=level") as more,
    ):
        await ring(bridge, 1, topic="level")
        for stream in (named, more):
            found = await stream.notified("level")
            assert (found.inner, found.id) == ({"n": 1}, "")
        await ring(bridge, 2)
        assert await heard(more, 1) == [2]
        assert await heard(deaf, 1) == [2]
        assert deaf.notifications() == [{"n": 2}]
        assert named.notifications() == [{"n": 1}]


async def test_of_ephemeral_events_the_newest_counts(bridge: RunningBridge) -> None:
    """A burst of one ephemeral topic is one event, the last."""
    async with speaking(bridge) as (peer, _), listening(bridge.api, "?topics=level") as stream:
        say(peer, event(0, durable=False, topic="level", data=b"0"))
        await stream.notified("level")
        burst = b"".join(
            encode(
                FrameType.NOTIFY, payload=encode_note(event(0, durable=False, topic="level", data=b"%d" % n))
            )
            for n in range(100)
        )
        peer.send(burst)
        await wait_until(lambda: stream.notifications()[-1] == 99)
        assert len(stream.notifications()) < 20


async def test_ephemeral_events_are_not_kept(bridge: RunningBridge, bell: RunningEdge) -> None:
    """A replay holds no ephemeral event."""
    before = await last_id(bridge, 0)
    async with listening(bridge.api, "?topics=level"):
        await ring(bridge, 1, topic="level")
    await ring(bridge, 2)
    async with listening(bridge.api, "?ephemeral=level", after=before) as stream:
        assert await heard(stream, 1) == [2]
        assert stream.notifications() == [{"n": 2}]


async def test_ephemeral_events_have_owners_too(bridge: RunningBridge, bell: RunningEdge) -> None:
    """An ephemeral event of one subject is for nobody else."""
    alice = await bridge.caller_with("read:*", subject="alice")
    bob = await bridge.caller_with("read:*", subject="bob")
    async with listening(alice, "?topics=level") as hers, listening(bob, "?topics=level") as his:
        await ring(bridge, 1, topic="level", owner="alice")
        await ring(bridge, 2, topic="level", owner="bob")
        assert (await hers.notified("level")).inner == {"n": 1}
        assert (await his.notified("level")).inner == {"n": 2}


async def test_a_plugin_learns_whether_anybody_listens(bridge: RunningBridge, bell: RunningEdge) -> None:
    """Interest in an ephemeral topic reaches the plugin when it begins and when it ends."""
    assert bell.runtime is not None
    plugin: Any = bell.runtime.plugins.mounted["bell"].plugin
    async with listening(bridge.api, "?topics=level&plugin=bell"):
        await wait_until(lambda: plugin.interest and plugin.interest[-1])
        assert plugin.context.listening("bell", "level")
        assert not plugin.context.listening("bell", "other")
    await wait_until(lambda: not plugin.interest[-1])


async def test_interest_is_told_to_an_edge_that_comes_later(bridge: RunningBridge) -> None:
    """An edge that comes, or comes back at once with a new process, learns which topics are listened to."""
    async with listening(bridge.api, "?topics=level"):
        for _ in range(2):
            async with running_edge(bridge, "here", [Bell]) as edge:
                assert edge.runtime is not None
                await wait_until(partial(listened, edge.runtime.plugins.mounted["bell"].plugin))


def listened(plugin: Any) -> bool:
    found: bool = plugin.context.listening("bell", "level")
    return found


async def test_interest_is_what_the_listener_may_hear(bridge: RunningBridge) -> None:
    """Listeners without the right, or with other filters, raise no interest."""
    speaker = speaking(bridge)
    async with speaker as (peer, _):
        say(peer, Announce(plugins={"bell": {}}))
        await wait_until(lambda: bridge.bridge.registry.record("raw").plugins)
        outsider = await bridge.caller_with("read:elsewhere")
        async with (
            listening(outsider, "?topics=level"),
            listening(bridge.api, "?topics=level&edge=other"),
            listening(bridge.api),
            listening(bridge.api, "?topics=level&plugin=bell"),
        ):
            found: Any = None
            while not isinstance(found, Interest):
                found = decode_note((await peer.next(FrameType.NOTIFY)).payload)
            assert found.topics == ["bell/level"]


# --- the stream's own life --------------------------------------------------------------------------


async def test_a_quiet_stream_shows_that_it_is_alive(home: Path) -> None:
    """Comments come at the heartbeat, in quiet times and also where every event is held back by a filter."""
    async with (
        running_bridge(home, heartbeat_s=0.1) as bridge,
        speaking(bridge) as (peer, _),
        listening(bridge.api, "?topics=never") as filtered,
        listening(bridge.api) as all_,
    ):
        seq = 0
        begun = time.monotonic()
        while time.monotonic() - begun < 0.6:
            say(peer, event(seq))
            await acknowledged(peer, seq)
            seq += 1
        await wait_until(lambda: filtered.comments >= 3)
        assert all_.comments >= 3
        assert not filtered.notifications()


@pytest.mark.parametrize("traffic", [False, True])
async def test_revoking_a_token_ends_its_stream(bridge: RunningBridge, traffic: bool) -> None:
    """A revoked token ends its stream at once, whether or not events flow, and no other stream."""
    made = (await bridge.api.post("/tokens", {"scopes": ["read:*"]})).json
    caller = await bridge.caller(made["token"])
    async with speaking(bridge) as (peer, _), listening(caller) as revoked, listening(bridge.api) as other:
        if traffic:
            say(peer, event(0))
            await wait_until(revoked.notifications)
        await bridge.api.call("DELETE", f"/tokens/{made['id']}")
        await wait_until(lambda: revoked.ended, 2)
        say(peer, event(1))
        await wait_until(lambda: 1 in other.notifications())
        assert 1 not in revoked.notifications()
        assert not other.ended


async def test_an_expired_token_ends_its_stream(home: Path) -> None:
    """A stream does not outlive its token by more than a heartbeat, though events flow."""
    async with running_bridge(home, heartbeat_s=0.1) as bridge, speaking(bridge) as (peer, _):
        caller = await bridge.caller_with("read:*", expires_s=0.4)
        async with listening(caller) as stream:
            seq = 0
            begun = time.monotonic()
            while not stream.ended and time.monotonic() - begun < 5:
                say(peer, event(seq))
                await acknowledged(peer, seq)
                seq += 1
            assert stream.ended


async def test_a_listener_that_leaves_is_forgotten(bridge: RunningBridge) -> None:
    """Nothing is kept for a listener that has gone."""
    for _ in range(5):
        async with listening(bridge.api):
            assert len(bridge.bridge.streams) == 1
        await wait_until(lambda: len(bridge.bridge.streams) == 0)


async def test_streams_end_with_the_bridge(home: Path) -> None:
    """A bridge that stops ends its streams completely, so that listeners come back to the next."""
    async with running_bridge(home) as bridge, listening(bridge.api) as stream:
        begun = time.monotonic()
        await bridge.stop()
        await wait_until(lambda: stream.ended)
        assert time.monotonic() - begun < 3


async def test_a_slow_listener_costs_nothing(bridge: RunningBridge) -> None:
    """A listener that does not read holds up neither events nor other listeners, and gets all of it later."""
    async with (
        speaking(bridge) as (peer, log),
        bridge.api.open("GET", "/events") as stuck,
        listening(bridge.api) as quick,
    ):
        data = b'"' + b"x" * 20_000 + b'"'
        for seq in range(600):
            say(peer, event(seq, data=data))
            if seq % 100 == 99:
                await peer.writer.drain()
                await acknowledged(peer, seq)
        await wait_until(lambda: len(quick.notifications()) == 600, 20)
        stream = Listening(stuck)
        reading = asyncio.create_task(stream.run())
        await wait_until(lambda: len(stream.notifications()) == 600, 20)
        reading.cancel()
        assert log.newest == 600


async def test_a_burst_travels_in_few_pieces(bridge: RunningBridge) -> None:
    """What the cursor finds is joined into one write."""
    async with speaking(bridge) as (peer, _), listening(bridge.api) as stream:
        peer.send(b"".join(encode(FrameType.NOTIFY, payload=encode_note(event(n))) for n in range(400)))
        await wait_until(lambda: len(stream.notifications()) == 400)
        assert stream.chunks < 40
