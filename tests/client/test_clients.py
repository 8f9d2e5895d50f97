"""The clients against a real bridge and a real edge."""

from __future__ import annotations

import asyncio
import gc
import inspect
import queue
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from radical_edge_client import AsyncBridgeClient, BridgeClient, TransferInterrupted
from radical_edge_core.errors import (
    EdgeError,
    Forbidden,
    InvalidRequest,
    NotFound,
    PluginFailure,
    Unauthorized,
)


@pytest.fixture(autouse=True)
def example_distribution(at_hub: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example plugins' client is installed here too."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent / "distribution"))


def test_the_state_folder_is_configuration_enough() -> None:
    """On the bridge's own machine a client needs no argument."""
    with BridgeClient() as bridge:
        assert "local" in bridge.list_edges()
        assert bridge.get_edge_client("local").list_plugins()["example"]["status"] == "loaded"
        assert bridge.get_edge_client("local").list_plugins()["broken"]["status"] == "failed"
        assert [edge["name"] for edge in bridge.known_edges() if edge["name"] != "bridge"] == ["local"]


def test_a_plugin_has_its_operations_as_methods() -> None:
    """Generated methods have signature and documentation, take positional arguments, and return documents."""
    with BridgeClient() as bridge:
        plugin = bridge.get_edge_client("local").get_plugin("example")
        assert plugin.sid
        assert {"echo", "item", "whoami", "twice", "register_notification_callback"} <= set(dir(plugin))
        assert list(inspect.signature(plugin.echo).parameters)[:2] == ["text", "count"]
        assert "every field" in plugin.echo.__doc__
        assert plugin.echo("hi", 2)["count"] == 2
        assert plugin.whoami() == {"subject": "admin"}
        for name in ("a/b", "ü ?#%", "x" * 200):
            assert plugin.item(name=name) == {"name": name}
        with pytest.raises(AttributeError, match="no_such"):
            plugin.no_such()
        with pytest.raises(TypeError, match="bogus"):
            plugin.echo("hi", bogus=1)


def test_a_plugins_own_client_is_found() -> None:
    """A subclass that a distribution offers is used, async iterators become ordinary ones."""
    with BridgeClient() as bridge, bridge.get_edge_client("local").get_plugin("example") as plugin:
        assert plugin.twice("ab") == "abab"
        assert list(plugin.count_to(3)) == [1, 2, 3]
        numbers = plugin.count_to(3)
        assert next(numbers) == 1
        numbers.close()


def test_sessions_by_name() -> None:
    """A named session is got or created; ``No active session`` is told after it was ended."""
    with BridgeClient() as bridge:
        edge = bridge.get_edge_client("local")
        first, again = edge.get_plugin("example", name="mine"), edge.get_plugin("example", name="mine")
        assert first.sid == again.sid
        assert first.sid in first.list_sessions()["sessions"]
        first.unregister_session()
        with pytest.raises(RuntimeError, match=r"^No active session$"):
            first.echo("x")
        with pytest.raises(NotFound, match=r"^HTTP 404"):
            again.echo("x")


def test_errors_are_the_trees() -> None:
    """Each failure is a RuntimeError that begins with its status and carries it."""
    with BridgeClient() as bridge:
        edge = bridge.get_edge_client("local")
        plugin = edge.get_plugin("example")
        cases: list[tuple[type[EdgeError], int, Any]] = [
            (NotFound, 404, lambda: plugin.item("nothing")),
            (InvalidRequest, 422, lambda: plugin.echo(text=1)),
            (PluginFailure, 500, plugin.fail),
            (NotFound, 404, lambda: edge.get_plugin("nothing")),
            (NotFound, 404, lambda: bridge.get_edge_client("nowhere").list_plugins()),
            (NotFound, 404, lambda: bridge.get_edge_client("nowhere").get_plugin("example")),
        ]
        for kind, status, call in cases:
            with pytest.raises(RuntimeError, match=rf"^HTTP {status}: ") as caught:
                call()
            assert isinstance(caught.value, kind)
            assert caught.value.status_code == status
    with BridgeClient(token="wrong") as bridge, pytest.raises(Unauthorized):
        bridge.list_edges()


def test_a_stream_is_read_in_pieces() -> None:
    """A streaming operation is a context manager; a body that breaks off says how much came."""
    with BridgeClient() as bridge, bridge.get_edge_client("local").get_plugin("example") as plugin:
        with plugin.data() as answer:
            assert answer.status == 200
            whole = b"".join(answer.iter_chunks())
        assert len(whole) == 102400
        with plugin.data(interruptions=1) as answer, pytest.raises(TransferInterrupted) as caught:
            answer.read()
        assert caught.value.received == 10000
        with plugin.data(offset=10000, interruptions=1) as answer:
            assert answer.read() == whole[10000:]


def test_notifications_reach_callbacks() -> None:
    """By plugin and by bridge, durable and ephemeral, and none after unregistering."""
    heard: queue.Queue[tuple[Any, ...]] = queue.Queue()
    beats: queue.Queue[tuple[Any, ...]] = queue.Queue()

    def hear(*notification: Any) -> None:
        heard.put(notification)

    def beat(*notification: Any) -> None:
        beats.put(notification)

    with BridgeClient() as bridge:
        plugin = bridge.get_edge_client("local").get_plugin("example")
        plugin.register_notification_callback(hear, topic="ticked")
        bridge.register_callback(topic="beat", callback=beat)
        assert bridge.wait_for_listener(timeout=10)
        plugin.tick(count=3)
        assert [heard.get(timeout=10) for _ in range(3)] == [
            ("local", "example", "ticked", {"number": number}) for number in range(3)
        ]
        plugin.tick(topic="beat")
        assert beats.get(timeout=10) == ("local", "example", "beat", {"number": 0})
        plugin.unregister_notification_callback(hear, topic="ticked")
        assert bridge.wait_for_listener(timeout=10)
        plugin.tick()
        plugin.tick(topic="beat")
        beats.get(timeout=10)
        assert heard.empty()


async def test_a_stream_can_be_continued_from_its_begin() -> None:
    """The bridge's first event, the topology, has an id, so no notification is lost before the first one."""
    async with AsyncBridgeClient() as bridge, bridge.transport.stream("GET", "/events") as answer:
        first = await anext(answer.iter_chunks())
    assert first.startswith(b"id: ")
    assert b'"topology"' in first


def test_a_callback_may_call_and_close_its_client() -> None:
    """Callbacks run beside the loop, so a call inside one is no deadlock, nor is closing."""
    done: queue.Queue[Any] = queue.Queue()
    bridge = BridgeClient()
    plugin = bridge.get_edge_client("local").get_plugin("example")

    def react(*_: Any) -> None:
        done.put(plugin.echo("from the callback")["text"])
        bridge.close()
        done.put("closed")

    plugin.register_notification_callback(react, topic="ticked")
    assert bridge.wait_for_listener(timeout=10)
    plugin.tick()
    assert done.get(timeout=10) == "from the callback"
    assert done.get(timeout=10) == "closed"
    with pytest.raises(RuntimeError):
        bridge.list_edges()


def test_topology_callbacks_get_the_edges() -> None:
    """The first call tells the present state."""
    told: queue.Queue[dict[str, Any]] = queue.Queue()
    with BridgeClient() as bridge:
        bridge.register_topology_callback(told.put)
        assert "example" in told.get(timeout=10)["local"]["plugins"]
        bridge.unregister_topology_callback(told.put)


def test_many_threads_share_a_client() -> None:
    """Calls from many threads at once each get their own answer."""
    with BridgeClient() as bridge, ThreadPoolExecutor(16) as pool:
        plugin = bridge.get_edge_client("local").get_plugin("example")
        answers = pool.map(lambda number: plugin.echo("x", count=number)["count"], range(200))
        assert list(answers) == list(range(200))


async def test_it_works_where_a_loop_runs_already() -> None:
    """As in a notebook: the blocking client has a loop of its own."""
    with BridgeClient() as bridge:
        assert "local" in bridge.list_edges()


def test_closing_is_idempotent_and_complete() -> None:
    """Closed twice or forgotten, no thread is left."""
    before = threading.active_count()
    bridge = BridgeClient()
    bridge.register_callback(callback=lambda *_: None)
    assert bridge.wait_for_listener(timeout=10)
    bridge.close()
    bridge.close()
    assert threading.active_count() == before
    forgotten = BridgeClient()
    forgotten.list_edges()
    del forgotten
    gc.collect()
    assert threading.active_count() == before


def test_a_program_that_forgets_to_close_ends() -> None:
    """At the interpreter's end everything is let go, silently."""
    code = """
from radical_edge_client import BridgeClient
bridge = BridgeClient()
bridge.register_topology_callback(lambda edges: print(sorted(edges)))
assert bridge.wait_for_listener(10)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_calls_without_a_method() -> None:
    """The transport is there for what has no method, in its blocking form."""
    with BridgeClient() as bridge:
        assert bridge.transport.request("GET", "/healthz")["status"] == "ok"
        with bridge.transport.stream("GET", "/healthz") as answer:
            assert b"ok" in answer.read()


def test_tokens() -> None:
    """A narrower token is made, used, listed without its secret, and revoked."""
    with BridgeClient() as bridge:
        made = bridge.create_token(["read:*/example"], expires_s=600, label="for a test")
        assert made["token"] not in str(bridge.list_tokens())
        assert made["id"] in [token["id"] for token in bridge.list_tokens()]
        with BridgeClient(token=made["token"]) as reader:
            plugin = reader.get_edge_client("local").get_plugin("example")
            assert plugin.echo("x")["text"] == "x"
            with pytest.raises(Forbidden, match="write:local/example"):
                plugin.tick()
        assert bridge.revoke_token(made["id"])["status"] == "revoked"
        with BridgeClient(token=made["token"]) as reader, pytest.raises(Unauthorized):
            reader.list_edges()


async def test_the_asynchronous_client() -> None:
    """The same without threads: many calls at once, and a notification."""
    async with AsyncBridgeClient() as bridge:
        plugin: Any = await bridge.get_edge_client("local").get_plugin("example")
        answers = await asyncio.gather(*(plugin.echo(str(number)) for number in range(50)))
        assert [answer["text"] for answer in answers] == [str(number) for number in range(50)]
        heard = asyncio.Event()
        plugin.register_notification_callback(lambda *_: heard.set())
        assert await bridge.wait_for_listener(10)
        await plugin.tick()
        async with asyncio.timeout(10):
            await heard.wait()
        await plugin.close()


def test_both_clients_have_the_same_methods() -> None:
    """What the asynchronous client can do, the blocking one can, in the same words."""
    left_out = {"transport", "hooks"}
    for name, method in inspect.getmembers(AsyncBridgeClient):
        if name.startswith("_") or name in left_out:
            continue
        own = getattr(BridgeClient, name)
        if name not in {"url", "close", "get_edge_client"}:
            assert inspect.signature(own) == inspect.signature(method), name
            assert own.__doc__ == method.__doc__, name
