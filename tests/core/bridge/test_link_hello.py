"""Who may open a link, and what becomes of a socket that does not say hello as it should."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from radical_edge_core.link.frames import FrameType, encode
from radical_edge_core.link.heads import Refused, Welcome, encode_head
from radical_edge_core.names import RESERVED
from radical_edge_core.testing.bridges import RunningBridge, running_bridge
from radical_edge_core.testing.byte_peer import Rejected, byte_peer, hello_of
from radical_edge_core.testing.edges import RunningEdge, running_application
from radical_edge_core.testing.waiting import wait_until
from radical_edge_core.wire import closing
from radical_edge_core.wire.patience import Patience


@pytest.fixture(autouse=True)
async def undisturbed(bridge: RunningBridge, edge: RunningEdge) -> AsyncIterator[None]:
    """Whatever a peer does here, the edge beside it keeps its link and answers."""
    link = bridge.bridge.registry.live("here")
    yield
    assert bridge.bridge.registry.live("here") is link
    assert (await bridge.api.get("/here/p/short")).status == 200


def connected(bridge: RunningBridge) -> set[str]:
    return {record.name for record in bridge.bridge.registry.connected()} - {"bridge", "here"}


# --- credentials ------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", [None, "two words", "wrong", "\xe4"])
async def test_no_door_opens_without_a_credential(bridge: RunningBridge, token: str | None) -> None:
    """A socket without join token or credential is answered 401 with a problem document, and never opened."""
    with pytest.raises(Rejected) as rejected:
        async with byte_peer(bridge.url, token):
            pass
    assert rejected.value.status == 401
    assert b'"code":"unauthorized"' in rejected.value.body


async def test_a_callers_token_opens_no_link(bridge: RunningBridge) -> None:
    """What a caller may do at edges does not make an edge, be it everything."""
    with pytest.raises(Rejected) as rejected:
        async with byte_peer(bridge.url, bridge.admin_token):
            pass
    assert rejected.value.status == 401


async def test_the_credential_opens_nothing_else(bridge: RunningBridge) -> None:
    """Neither an edge's credential nor the join token is a caller's token."""
    credential = (bridge.home / "edges" / "here" / "credential").read_text().strip()
    for secret in (credential, bridge.join_token):
        assert (await (await bridge.caller(secret)).get("/edges")).status == 401


async def test_a_credential_is_bound_to_its_name(bridge: RunningBridge) -> None:
    """The credential of one edge does not open the link of another name, new or known."""
    async with byte_peer(bridge.url, bridge.join_token) as peer:
        welcome = await peer.hello(hello_of("other"))
    assert isinstance(welcome, Welcome)
    assert welcome.credential is not None
    for name in ("here", "new"):
        async with byte_peer(bridge.url, welcome.credential) as peer:
            refused = await peer.hello(hello_of(name))
            assert isinstance(refused, Refused)
            assert refused.code == "forbidden"
            assert (await peer.ended()).code == closing.REFUSED


async def test_a_name_is_enrolled_once(bridge: RunningBridge) -> None:
    """The join token does not open an enrolled name a second time."""
    async with byte_peer(bridge.url, bridge.join_token) as peer:
        refused = await peer.hello(hello_of("here"))
    assert isinstance(refused, Refused)
    assert refused.code == "conflict"
    assert "forget here" in refused.reason


async def test_a_freed_name_can_be_enrolled_again(bridge: RunningBridge, far: Any) -> None:
    """Once its name is freed, an edge's credential is void, and another edge may join under the name."""
    async with byte_peer(bridge.url, bridge.join_token) as peer:
        first = await peer.hello(hello_of("other"))
        assert isinstance(first, Welcome)
        assert (await bridge.api.call("DELETE", "/edges/other")).json["status"] == "forgotten"
        assert (await peer.ended()).code == closing.DISCONNECTED
    with pytest.raises(Rejected):
        async with byte_peer(bridge.url, first.credential):
            pass
    async with byte_peer(bridge.url, bridge.join_token) as peer:
        assert isinstance(await peer.hello(hello_of("other")), Welcome)


async def test_a_one_time_join_token_is_good_once(bridge: RunningBridge) -> None:
    """A join token that was made for one edge lets one in, and is gone."""
    answer = await bridge.api.post("/tokens", {"join": True, "label": "for one"})
    secret, token_id = answer.json["token"], answer.json["id"]
    async with byte_peer(bridge.url, secret) as peer:
        assert isinstance(await peer.hello(hello_of("one")), Welcome)
    async with byte_peer(bridge.url, secret) as peer:
        refused = await peer.hello(hello_of("two"))
        assert isinstance(refused, Refused)
        assert refused.code == "unauthorized"
    assert token_id not in {token["id"] for token in (await bridge.api.get("/tokens")).json["tokens"]}


async def test_two_edges_with_one_one_time_token_are_one(bridge: RunningBridge) -> None:
    """Of two edges that use the same one-time token at the same instant, one gets in."""
    secret = (await bridge.api.post("/tokens", {"join": True})).json["token"]
    async with byte_peer(bridge.url, secret) as one, byte_peer(bridge.url, secret) as two:
        answers = await asyncio.gather(one.hello(hello_of("one")), two.hello(hello_of("two")))
    assert sorted(type(answer).__name__ for answer in answers) == ["Refused", "Welcome"]


async def test_an_expired_join_token_is_none(bridge: RunningBridge) -> None:
    """A join token past its time opens nothing."""
    secret = (await bridge.api.post("/tokens", {"join": True, "expires_s": 0.05})).json["token"]

    async def rejected() -> bool:
        try:
            async with byte_peer(bridge.url, secret):
                return False
        except Rejected:
            return True

    await wait_until(rejected)


async def test_a_join_token_is_made_by_admins_only(bridge: RunningBridge) -> None:
    """To let edges in takes ``admin:bridge``."""
    caller = await bridge.caller_with("read:*", "write:*")
    assert (await caller.post("/tokens", {"join": True})).code == "forbidden"


async def test_the_credential_is_a_private_file(bridge: RunningBridge) -> None:
    """The edge keeps its credential for its owner alone."""
    file = bridge.home / "edges" / "here" / "credential"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(file.read_text().strip()) >= 43


# --- hellos -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "-a", ".a", "a b", "a/b", "ä", "x" * 64, "a\n", "a\0"])
async def test_a_bad_name_is_refused(bridge: RunningBridge, name: str) -> None:
    """A name that could not be part of an address is refused with the rule."""
    async with byte_peer(bridge.url, bridge.join_token) as peer:
        refused = await peer.hello(hello_of(name))
        assert isinstance(refused, Refused)
        assert refused.code == "invalid"
        assert "1 to 63" in refused.reason
        assert (await peer.ended()).code == closing.REFUSED


@pytest.mark.parametrize("name", sorted(RESERVED))
async def test_a_reserved_name_is_refused(bridge: RunningBridge, name: str) -> None:
    """No edge may be called what the bridge's own routes are called."""
    async with byte_peer(bridge.url, bridge.join_token) as peer:
        refused = await peer.hello(hello_of(name))
    assert isinstance(refused, Refused)
    assert refused.code == "invalid"
    assert not connected(bridge)


@pytest.mark.parametrize(("low", "high"), [(2, 9), (0, 0)])
async def test_another_version_is_told_in_one_sentence(bridge: RunningBridge, low: int, high: int) -> None:
    """An edge whose versions do not overlap with the bridge's is told both ranges."""
    async with byte_peer(bridge.url, bridge.join_token) as peer:
        refused = await peer.hello(hello_of("other", protocol_min=low, protocol_max=high))
    assert isinstance(refused, Refused)
    assert f"speaks link protocol {low} to {high}, this bridge 1 to 1" in refused.reason


async def test_a_newer_edge_speaks_the_version_of_both(bridge: RunningBridge) -> None:
    """Of two overlapping ranges the newest common version is spoken."""
    async with byte_peer(bridge.url, bridge.join_token) as peer:
        welcome = await peer.hello(hello_of("other", protocol_min=1, protocol_max=7))
    assert isinstance(welcome, Welcome)
    assert welcome.protocol == 1


def malformed() -> dict[str, bytes]:
    good = encode(FrameType.HELLO, payload=encode_head(hello_of("other")))
    return {
        "nothing": b"",
        "garbage": b"\xff" * 100,
        "zeros": bytes(100),
        "cut short": good[:-1],
        "too long": good + b"x",
        "two hellos": good + good,
        "no head": encode(FrameType.HELLO),
        "another head": encode(FrameType.HELLO, payload=encode_head(Refused(code="a", reason="b"))),
        "a welcome": encode(FrameType.WELCOME, payload=good),
        "a ping": encode(FrameType.PING),
        "a request": encode(FrameType.GOODBYE),
        "json": b'{"name": "other"}',
        "large": bytes(900_000),
    }


@pytest.mark.parametrize("kind", sorted(malformed()))
async def test_a_malformed_hello_is_refused_with_the_reason(bridge: RunningBridge, kind: str) -> None:
    """Whatever is not one HELLO frame ends the socket, and the peer is told why."""
    async with byte_peer(bridge.url, bridge.join_token) as peer:
        peer.send(malformed()[kind])
        refused = await peer.next(FrameType.REFUSED)
        assert refused.payload
        closed = await peer.ended()
        assert (closed.code, bool(closed.reason)) == (closing.REFUSED, True)
    assert not connected(bridge)


async def test_a_text_message_is_refused(bridge: RunningBridge) -> None:
    """A link speaks binary messages only."""
    async with byte_peer(bridge.url, bridge.join_token) as peer:
        peer.send_text("hello")
        closed = await peer.ended()
        assert closed.code == closing.REFUSED
        assert "binary" in closed.reason


async def test_an_oversize_message_ends_the_socket(bridge: RunningBridge) -> None:
    """A message above 1 MiB is not taken in."""
    async with byte_peer(bridge.url, bridge.join_token) as peer:
        peer.send(bytes(1024 * 1024 + 1))
        assert (await peer.ended()).code == 1009


@pytest.mark.parametrize(
    "data",
    [b"\x00" * 64, b"\xff" * 64, b"\x83\x80abcd", b"GET / HTTP/1.1\r\n\r\n", b"\xc2\x80abcd"],
    ids=["zeros", "ones", "reserved opcode", "http", "compressed"],
)
async def test_what_is_no_websocket_frame_ends_the_socket(bridge: RunningBridge, data: bytes) -> None:
    """Bytes that break the WebSocket's own rules end that connection and nothing else."""
    async with byte_peer(bridge.url, bridge.join_token) as peer:
        peer.send_raw(data)
        assert (await peer.ended()).code in {1002, 1003, 1006, 1007}


async def test_a_silent_socket_is_let_go(home: Path) -> None:
    """A socket that does not say hello in time is closed, with the reason."""
    async with (
        running_bridge(home / "2", patience=Patience(hello_s=0.1)) as bridge,
        byte_peer(bridge.url, bridge.join_token) as peer,
    ):
        closed = await peer.ended()
        assert (closed.code, closed.reason) == (closing.REFUSED, "no hello within 0.1 s")


async def test_a_hello_that_dribbles_in_is_let_go(home: Path) -> None:
    """A message that is begun and never finished counts as silence."""
    async with (
        running_bridge(home / "2", patience=Patience(hello_s=0.2)) as bridge,
        byte_peer(bridge.url, bridge.join_token) as peer,
    ):
        peer.send_raw(b"\x02\x85abcdx")
        assert (await peer.ended()).code == closing.REFUSED


async def test_a_socket_that_ends_before_its_hello_is_nothing(bridge: RunningBridge) -> None:
    """A peer may go at any time."""
    async with byte_peer(bridge.url, bridge.join_token) as peer:
        peer.close(1000)
        assert (await peer.ended()).code == 1000


async def test_a_plain_request_to_register_is_400(bridge: RunningBridge) -> None:
    """``/register`` takes WebSockets only, and says so."""
    answer = await bridge.api.get("/register")
    assert (answer.status, answer.code) == (400, "bad_request")


async def test_websockets_elsewhere_are_refused(bridge: RunningBridge) -> None:
    """No other path opens a WebSocket."""
    for target in ("/", "/events", "/here/p/x", "/register/x"):
        with pytest.raises(Rejected) as rejected:
            async with byte_peer(bridge.url, bridge.join_token, target=target):
                pass
        assert rejected.value.status == 403


# --- after the hello --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        b"\xff" * 50,
        b"",
        encode(FrameType.HELLO, payload=encode_head(hello_of("other"))),
        encode(FrameType.WELCOME, payload=b"x"),
        encode(FrameType.ACK, payload=(10**9).to_bytes(8, "big")),
        encode(FrameType.ACK, payload=b"short"),
        encode(FrameType.RESP, stream=77, payload=bytes(4)),
        encode(FrameType.OPEN, stream=1, payload=bytes(4)),
        encode(FrameType.DATA, stream=3, payload=b"x"),
        encode(FrameType.WINDOW, stream=3, payload=b"xx"),
        encode(FrameType.RST, stream=3),
        encode(FrameType.PING) + encode(FrameType.GOODBYE),
    ],
    ids=[
        "garbage", "empty", "hello", "welcome", "future ack", "short ack", "answer to nothing", "open from below",
        "data of nothing", "short window", "empty reset", "mixed",
    ],
)  # fmt: skip
async def test_a_broken_protocol_ends_the_link_with_the_reason(bridge: RunningBridge, message: bytes) -> None:
    """An edge that breaks the protocol loses its link, is told how, and may come back."""
    async with byte_peer(bridge.url, bridge.join_token) as peer:
        welcome = await peer.hello(hello_of("other"))
        assert isinstance(welcome, Welcome)
        await wait_until(lambda: "other" in connected(bridge))
        peer.send(message)
        closed = await peer.ended()
        assert (closed.code, bool(closed.reason)) == (closing.BROKEN, True)
    assert "other" not in connected(bridge)
    async with byte_peer(bridge.url, welcome.credential) as peer:
        assert isinstance(await peer.hello(hello_of("other")), Welcome)


@pytest.mark.parametrize("note", [b"", b"?x", b"E\xff", b"Ax", b"S\xc1", b"A{}", b"Inotmsgpack"])
async def test_a_note_that_cannot_be_read_is_dropped(bridge: RunningBridge, note: bytes) -> None:
    """A note of a kind or form that the bridge does not know costs nothing but a line in the log."""
    async with byte_peer(bridge.url, bridge.join_token) as peer:
        assert isinstance(await peer.hello(hello_of("other")), Welcome)
        peer.send(encode(FrameType.NOTIFY, payload=note))
        peer.send(encode(FrameType.PING))
        await peer.next(FrameType.PONG)
        assert "other" in connected(bridge)


async def test_a_flood_behind_a_refusal_leaves_no_connection(bridge: RunningBridge) -> None:
    """A peer that goes on sending after it was refused is cut off."""
    async with byte_peer(bridge.url, bridge.join_token) as peer:
        peer.send(b"\xff" * 50)

        async def flood() -> None:
            while True:
                for _ in range(20):
                    peer.send_raw(b"\x82\xfe\xff\xff" + bytes(4) + bytes(0xFFFF))
                await peer.writer.drain()
                await asyncio.sleep(0)

        with pytest.raises(ConnectionError):
            await asyncio.wait_for(flood(), 10)


async def test_an_application_ends_with_its_code(bridge: RunningBridge, far: Any) -> None:
    """A refused edge ends, and does not dial for ever."""
    async with running_application(bridge, far, "edges", wait=False) as refused:
        assert await refused.exit() == 3
