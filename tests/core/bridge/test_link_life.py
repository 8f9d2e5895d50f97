"""What a link lives through: cuts, half-open sockets, other instances, restarts, silence, and its end in good order."""

from __future__ import annotations

import asyncio
import io
import time
from pathlib import Path
from typing import Any

import pytest

from radical_edge_core.link.frames import FrameType, encode
from radical_edge_core.link.heads import Refused, Welcome
from radical_edge_core.testing.bridges import RunningBridge, running_bridge
from radical_edge_core.testing.byte_peer import PeerClosed, byte_peer, hello_of
from radical_edge_core.testing.edges import linked, running_application
from radical_edge_core.testing.faults import fault_proxy
from radical_edge_core.testing.tally import Tally
from radical_edge_core.testing.waiting import wait_until
from radical_edge_core.wire import closing
from radical_edge_core.wire.patience import Patience

QUICK = Patience(ping_after_s=0.1, suspect_after_s=0.2, dead_after_s=0.4, late_s=0.1)


def body(count: int) -> bytes:
    """Bytes that tell their place."""
    return b"".join(number.to_bytes(8, "big") for number in range((count + 7) // 8))[:count]


def sockets_of(bridge: RunningBridge, name: str = "here") -> Any:
    """The generation of the edge's channel: one more with each socket."""
    return bridge.bridge.links._links[name].tunnel.channel.generation


# --- cuts -------------------------------------------------------------------------------------------


async def test_a_download_survives_cuts_at_random_bytes(
    bridge: RunningBridge, far: Any, tally: Tally
) -> None:
    """However often the edge's socket breaks while an answer comes, the caller gets every byte once and in order."""
    async with fault_proxy(bridge.port, tally) as proxy, running_application(bridge, far, port=proxy.port):
        for _ in range(8):
            size = tally.rng.randrange(1_000_000, 3_000_000)
            proxy.cut_after(tally.rng.randrange(1, size))
            answer = await bridge.api.get(
                f"/here/p/bytes?n={size}&piece={tally.rng.randrange(1000, 200_000)}"
            )
            assert answer.body == body(size)
    assert tally.faults["cut"] >= 6
    assert far.begun["bytes"] == far.ended["bytes"] == 8


async def test_an_upload_survives_cuts_at_random_bytes(bridge: RunningBridge, far: Any, tally: Tally) -> None:
    """However often the edge's socket breaks while a body goes up, the handler gets every byte once and in order."""
    async with fault_proxy(bridge.port, tally) as proxy, running_application(bridge, far, port=proxy.port):
        for _ in range(8):
            size = tally.rng.randrange(600_000, 1_500_000)
            proxy.cut_after(tally.rng.randrange(1, size))
            answer = await bridge.api.call("POST", "/here/p/mirror", body=io.BytesIO(body(size)))
            assert answer.body == body(size)
    assert tally.faults["cut"] >= 6
    assert far.begun["mirror"] == far.ended["mirror"] == 8


async def test_many_calls_survive_a_cut(bridge: RunningBridge, far: Any, tally: Tally) -> None:
    """Each of many small calls under way in a cut is carried out once and answered."""
    async with fault_proxy(bridge.port, tally) as proxy, running_application(bridge, far, port=proxy.port):
        for round_ in range(6):
            proxy.cut_after(tally.rng.randrange(1, 12_000))
            calls = [
                asyncio.create_task(bridge.api.call("POST", "/here/p/mirror", body=b"%d.%d" % (round_, n)))
                for n in range(40)
            ]
            answers = await asyncio.gather(*calls)
            assert [answer.body for answer in answers] == [b"%d.%d" % (round_, n) for n in range(40)]
    assert far.begun["mirror"] == 240


async def test_an_edge_joins_however_its_first_sockets_break(
    bridge: RunningBridge, far: Any, tally: Tally
) -> None:
    """A handshake that breaks off at any byte, also after the bridge took the name, locks nobody out."""
    async with fault_proxy(bridge.port, tally) as proxy:
        for number, at in enumerate(sorted(tally.rng.sample(range(1, 1200), 14))):
            proxy.cut_after(at)
            async with running_application(bridge, far, f"edge-{number}", port=proxy.port) as edge:
                assert not edge.task.done()
                assert (await bridge.api.get(f"/edge-{number}/p/short")).status == 200
    assert tally.faults["cut"] >= 10


async def test_a_lost_welcome_does_not_use_up_a_one_time_token(bridge: RunningBridge) -> None:
    """The same instance may say hello again with its one-time token, as long as it never used the credential."""
    secret = (await bridge.api.post("/tokens", {"join": True})).json["token"]
    hello = hello_of("once")
    async with byte_peer(bridge.url, secret) as peer:
        first = await peer.hello(hello)
    async with byte_peer(bridge.url, secret) as peer:
        again = await peer.hello(hello)
    assert isinstance(first, Welcome)
    assert isinstance(again, Welcome)
    assert again.credential not in {None, first.credential}
    async with byte_peer(bridge.url, again.credential) as peer:
        assert isinstance(await peer.hello(hello), Welcome)
    async with byte_peer(bridge.url, bridge.join_token) as peer:
        refused = await peer.hello(hello)
    assert isinstance(refused, Refused)
    assert refused.code == "conflict"


async def test_another_instance_cannot_use_a_lost_welcome(bridge: RunningBridge) -> None:
    """A name that was just taken is not given to another instance that has the same join token."""
    async with byte_peer(bridge.url, bridge.join_token) as peer:
        assert isinstance(await peer.hello(hello_of("mine")), Welcome)
    async with byte_peer(bridge.url, bridge.join_token) as peer:
        refused = await peer.hello(hello_of("mine"))
    assert isinstance(refused, Refused)
    assert refused.code == "conflict"


async def test_a_delayed_link_carries_everything(bridge: RunningBridge, far: Any, tally: Tally) -> None:
    """On a link with a delay nothing is lost or swapped."""
    async with fault_proxy(bridge.port, tally) as proxy, running_application(bridge, far, port=proxy.port):
        proxy.delay_s = 0.005
        calls = [bridge.api.call("POST", "/here/p/mirror", body=body(50_000 + n)) for n in range(8)]
        for n, answer in enumerate(await asyncio.gather(*calls)):
            assert answer.body == body(50_000 + n)


async def test_a_throttled_link_carries_everything(bridge: RunningBridge, far: Any, tally: Tally) -> None:
    """A narrow link is slow and nothing else."""
    async with fault_proxy(bridge.port, tally) as proxy, running_application(bridge, far, port=proxy.port):
        proxy.bytes_per_s = 2_000_000
        assert (await bridge.api.get("/here/p/bytes?n=600000")).body == body(600_000)


# --- half-open, other instances ---------------------------------------------------------------------


async def test_a_half_open_socket_is_replaced_at_once(bridge: RunningBridge, far: Any, tally: Tally) -> None:
    """An edge whose socket broke on its side only is back long before the bridge could have missed it."""
    async with fault_proxy(bridge.port, tally) as proxy, running_application(bridge, far, port=proxy.port):
        call = asyncio.create_task(bridge.api.get("/here/p/wait"))
        await wait_until(lambda: far.begun["wait"])
        proxy.strand()
        await wait_until(lambda: sockets_of(bridge) == 2, 6)
        far.gate.set()
        assert (await call).status == 200
        assert far.begun["wait"] == 1


async def test_a_half_open_socket_full_of_bytes_is_replaced_at_once(
    bridge: RunningBridge, far: Any, tally: Tally
) -> None:
    """Nothing waits for a dead socket that took no more of a large upload."""
    async with fault_proxy(bridge.port, tally) as proxy, running_application(bridge, far, port=proxy.port):
        proxy.freeze()
        calls = [
            asyncio.create_task(bridge.api.call("POST", "/here/p/mirror", body=io.BytesIO(body(1_500_000))))
            for _ in range(8)
        ]
        connection = bridge.bridge.registry.live("here")
        assert connection is not None
        await wait_until(lambda: connection.busy == 8)
        proxy.strand()
        await wait_until(lambda: sockets_of(bridge) == 2, 6)
        for call in calls:
            assert (await call).body == body(1_500_000)


async def test_a_displaced_instance_ends_and_is_told_who_took_over(
    bridge: RunningBridge, far: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Another process with the same credential takes the name; the first one exits 4, naming the other's host."""
    async with running_application(bridge, far) as first:
        kept = bridge.home / "edges" / "here" / "credential"
        await wait_until(kept.exists)  # the bridge knows of the link before the edge has written it down
        async with byte_peer(bridge.url, kept.read_text().strip()) as peer:
            assert isinstance(await peer.hello(hello_of("here", host="other-host")), Welcome)
            assert await first.exit() == 4
            assert "replaced by the instance on other-host" in caplog.text
            peer.send(encode(FrameType.PING))
            await peer.next(FrameType.PONG)


async def test_two_sockets_of_one_instance_at_the_same_time(bridge: RunningBridge) -> None:
    """However many sockets of one instance say hello at once, one carries the link, and each other one is closed."""
    async with byte_peer(bridge.url, bridge.join_token) as peer:
        first = hello_of("here")
        welcome = await peer.hello(first)
        assert isinstance(welcome, Welcome)
    again = hello_of("here", instance=first.instance, channel=first.channel, resume=welcome.instance)
    await last_one_wins(bridge, welcome.credential or "", [again] * 8, 1000)


async def test_two_instances_at_the_same_time(bridge: RunningBridge) -> None:
    """However many instances say hello at once, one has the name, and each other one is told so."""
    async with byte_peer(bridge.url, bridge.join_token) as peer:
        welcome = await peer.hello(hello_of("here"))
        assert isinstance(welcome, Welcome)
    await last_one_wins(
        bridge, welcome.credential or "", [hello_of("here") for _ in range(8)], closing.REPLACED
    )


async def last_one_wins(bridge: RunningBridge, credential: str, hellos: list[Any], code: int) -> None:
    async def one(hello: Any, done: asyncio.Event) -> str:
        async with byte_peer(bridge.url, credential) as peer:
            assert isinstance(await peer.hello(hello), Welcome)
            try:
                while not done.is_set():
                    peer.send(encode(FrameType.PING))
                    await peer.next(FrameType.PONG)
                    alive.add(peer)
                    await asyncio.sleep(0.01)
            except PeerClosed as closed:
                alive.discard(peer)
                return f"closed {closed.code}"
            return "alive"

    alive: set[Any] = set()
    done = asyncio.Event()
    tasks = [asyncio.create_task(one(hello, done)) for hello in hellos]
    await wait_until(lambda: sum(task.done() for task in tasks) == len(tasks) - 1)
    await wait_until(lambda: len(alive) == 1)
    assert bridge.bridge.registry.live("here") is not None
    done.set()
    assert sorted(await asyncio.gather(*tasks)) == ["alive"] + [f"closed {code}"] * (len(tasks) - 1)


async def test_a_resume_that_cannot_be_is_refused(bridge: RunningBridge) -> None:
    """An edge that names a channel of another bridge process, or none that is kept, is asked to begin a new one."""
    async with byte_peer(bridge.url, bridge.join_token) as peer:
        welcome = await peer.hello(hello_of("here"))
        assert isinstance(welcome, Welcome)
    for resume in ("another-process", welcome.instance):
        async with byte_peer(bridge.url, welcome.credential) as peer:
            refused = await peer.hello(hello_of("here", resume=resume))
            assert isinstance(refused, Refused)
            assert refused.code == "gone"


async def test_a_resume_with_an_impossible_number_loses_the_channel(bridge: RunningBridge) -> None:
    """An edge that claims messages which were never sent can't go on, and is told so."""
    async with byte_peer(bridge.url, bridge.join_token) as peer:
        hello = hello_of("here")
        welcome = await peer.hello(hello)
        assert isinstance(welcome, Welcome)
    again = hello_of(
        "here", instance=hello.instance, channel=hello.channel, resume=welcome.instance, received=999
    )
    async with byte_peer(bridge.url, welcome.credential) as peer:
        await peer.hello(again)
        closed = await peer.ended()
        assert closed.code == closing.BROKEN
        assert "999" in closed.reason


# --- restarts ---------------------------------------------------------------------------------------


async def test_a_channel_that_the_bridge_gave_up_is_begun_anew(home: Path, far: Any, tally: Tally) -> None:
    """An edge that comes back after the bridge's grace period has a link again, and cancels what ran for the old."""
    async with (
        running_bridge(home, patience=Patience(grace_s=0.1)) as bridge,
        fault_proxy(bridge.port, tally) as proxy,
        running_application(bridge, far, port=proxy.port),
    ):
        call = asyncio.create_task(bridge.api.get("/here/p/wait"))
        await wait_until(lambda: far.begun["wait"])
        proxy.refuse()
        proxy.cut()
        assert (await call).status == 502
        proxy.accept()
        assert (await bridge.api.get("/here/p/short")).status == 200
        await wait_until(lambda: far.cancelled["wait"])


async def test_an_edge_comes_back_to_a_bridge_that_was_restarted(home: Path, far: Any) -> None:
    """After a restart of the bridge the edge is there again by itself, and a call in between just waits."""
    async with running_bridge(home) as first, running_application(first, far) as edge:
        assert (await first.api.get("/here/p/short")).status == 200
        await first.stop()
        async with running_bridge(home, port=first.port) as second:
            assert (await second.api.get("/here/p/short")).status == 200
            assert not edge.task.done()


async def test_an_edge_joins_a_bridge_that_lost_its_store(home: Path, far: Any) -> None:
    """A bridge without its ``tokens.db`` lets its edges join anew with the join token."""
    async with running_bridge(home) as first, running_application(first, far) as edge:
        old = (home / "edges" / "here" / "credential").read_text()
        await first.stop()
        for file in (home / "bridge").glob("tokens.db*"):
            file.unlink()
        async with running_bridge(home, port=first.port) as second:
            await linked(second, "here", edge)
            assert (await second.api.get("/here/p/short")).status == 200
        assert (home / "edges" / "here" / "credential").read_text() != old


async def test_an_edge_that_no_secret_opens_the_door_for_ends(home: Path, far: Any) -> None:
    """Where neither credential nor join token is known any more, the edge exits 3 instead of dialling for ever."""
    async with running_bridge(home) as first, running_application(first, far) as edge:
        await first.stop()
        for file in (*(home / "bridge").glob("tokens.db*"), home / "bridge" / "join.token"):
            file.unlink()
        async with running_bridge(home / "other", port=first.port):
            assert await edge.exit() == 3


# --- silence ----------------------------------------------------------------------------------------


async def test_a_silent_link_is_dropped_shown_and_taken_up_again(home: Path, far: Any, tally: Tally) -> None:
    """A link that carries nothing is suspect, then away; the edge dials again, and the running call never knows."""
    async with (
        running_bridge(home, patience=QUICK) as bridge,
        fault_proxy(bridge.port, tally) as proxy,
        running_application(bridge, far, port=proxy.port, patience=QUICK),
    ):
        record = bridge.bridge.registry.record("here")
        call = asyncio.create_task(bridge.api.get("/here/p/wait"))
        await wait_until(lambda: far.begun["wait"])
        proxy.freeze()
        await wait_until(lambda: record.suspect, 2)
        await wait_until(lambda: not record.connected or sockets_of(bridge) == 2, 2)
        await wait_until(lambda: sockets_of(bridge) == 2 and record.connected and not record.suspect, 3)
        far.gate.set()
        assert (await call).status == 200


async def test_an_idle_link_stays(home: Path, far: Any) -> None:
    """PING and PONG alone keep a link that has nothing else to say."""
    async with (
        running_bridge(home, patience=QUICK) as bridge,
        running_application(bridge, far, patience=QUICK),
    ):
        begun = time.monotonic()
        await wait_until(lambda: time.monotonic() - begun > 1.2)
        assert sockets_of(bridge) == 1


async def test_a_peer_that_answers_no_ping_is_dropped(home: Path) -> None:
    """A socket whose peer falls silent after the hello is pinged once and closed."""
    async with (
        running_bridge(home, patience=QUICK) as bridge,
        byte_peer(bridge.url, bridge.join_token) as peer,
    ):
        await peer.hello(hello_of("here"))
        await peer.next(FrameType.PING)
        await peer.ended()
        assert bridge.bridge.registry.live("here") is None


async def test_a_process_that_was_suspended_gives_its_peer_a_chance(home: Path, far: Any) -> None:
    """Both sides slept for longer than a peer may be silent: that says nothing about the peer, and the link stays."""
    async with (
        running_bridge(home, patience=QUICK) as bridge,
        running_application(bridge, far, patience=QUICK),
    ):
        await wait_until(lambda: sockets_of(bridge) == 1)
        time.sleep(1.0)  # noqa: ASYNC251 - this is what a suspended process looks like
        assert (await bridge.api.get("/here/p/short")).status == 200
        begun = time.monotonic()
        await wait_until(lambda: time.monotonic() - begun > 0.6)
        assert sockets_of(bridge) == 1


# --- the end in good order --------------------------------------------------------------------------


@pytest.mark.parametrize("size", [4, 100_000, 2_000_000])
async def test_an_edge_that_stops_finishes_its_calls(bridge: RunningBridge, far: Any, size: int) -> None:
    """A call that runs when the edge is told to stop is answered whole, and the edge ends right after it."""
    async with running_application(bridge, far) as edge:
        call = asyncio.create_task(bridge.api.get(f"/here/p/bytes?n={size}&gate=1"))
        await wait_until(lambda: far.begun["bytes"])
        stopping = asyncio.create_task(edge.stop())
        connection = bridge.bridge.registry.record("here").link
        assert connection is not None
        await wait_until(lambda: connection.peer_leaves)
        far.gate.set()
        assert (await call).body == body(size)
        assert await stopping == 0


async def test_a_call_for_an_edge_that_says_goodbye_waits_for_the_next(
    bridge: RunningBridge, far: Any
) -> None:
    """While an edge drains, new calls wait for its next process instead of failing."""
    async with running_application(bridge, far) as edge:
        running = asyncio.create_task(bridge.api.get("/here/p/wait"))
        await wait_until(lambda: far.begun["wait"])
        stopping = asyncio.create_task(edge.stop())
        await wait_until(lambda: bridge.bridge.registry.live("here") is None)
        waiting = asyncio.create_task(bridge.api.get("/here/p/short"))
        await wait_until(lambda: bridge.bridge.registry.parked == 1)
        far.gate.set()
        assert (await running).status == 200
        await stopping
        async with running_application(bridge, far):
            assert (await waiting).status == 200


async def test_a_bridge_that_stops_finishes_its_calls(home: Path, far: Any) -> None:
    """A call that runs when the bridge is told to stop is answered whole, and the edge waits for the next bridge."""
    async with running_bridge(home) as bridge, running_application(bridge, far) as edge:
        call = asyncio.create_task(bridge.api.get("/here/p/bytes?n=500000&gate=1"))
        await wait_until(lambda: far.begun["bytes"])
        stopping = asyncio.create_task(bridge.stop())
        await wait_until(
            lambda: bridge.bridge.registry.live("here") is None or not bridge.bridge.registry.accepting
        )
        far.gate.set()
        assert (await call).body == body(500_000)
        await stopping
        assert not edge.task.done()


async def test_a_drain_has_an_end(home: Path, far: Any) -> None:
    """A call that outlasts the drain is cut off, as a lost link would."""
    async with running_bridge(home, drain_s=0.1) as bridge, running_application(bridge, far):
        call = asyncio.create_task(bridge.api.get("/here/p/wait"))
        await wait_until(lambda: far.begun["wait"])
        await bridge.stop()
        assert (await call).status == 502
