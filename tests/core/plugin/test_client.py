"""The generated client: names, signatures, sessions, and what it sends."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Literal
from urllib.parse import urlencode

import pytest
from attrs import define, field

from radical_edge_core.errors import NotFound, from_problem
from radical_edge_core.plugin import Plugin, PluginClient, PluginSession, Transport, operation


class Kind(Enum):
    SHORT = "short"
    LONG = "long"


class QueueSession(PluginSession):
    @operation.get("jobs/{sid}/{queue}")
    async def list_jobs(self, queue: str, user: str | None = None, force: bool = False) -> dict[str, object]:
        """List the jobs of one queue."""
        return {"queue": queue, "user": user, "force": force}

    @operation.post("cancel/{sid}/{job_id}", effect="destructive")
    async def cancel_job(self, job_id: int, why: list[str] | None = None) -> dict[str, object]:
        """Cancel one job."""
        return {"job_id": job_id, "why": why}

    @operation.get("output/{sid}", stream="text")
    async def output(self, offset: int = 0) -> AsyncIterator[bytes]:
        """Follow the output."""
        yield f"from {offset}".encode()


class Queue(Plugin):
    name = "queue"
    session_class = QueueSession

    @operation.get("find")
    async def find(
        self,
        since: datetime,
        kinds: list[Kind] | None = None,
        limit: int | None = 10,
        size: Literal["s", "m"] = "m",
        ratio: float | None = None,
    ) -> dict[str, object]:
        """Find something."""
        return {
            "since": since.isoformat(),
            "kinds": [kind.value for kind in kinds or []],
            "limit": limit,
            "size": size,
            "ratio": ratio,
        }


@define
class InMemory:
    """A transport that calls an application, errors raised as the tree."""

    served: Any
    asked: list[tuple[str, str, bool]] = field(factory=list)
    subscribed: list[Any] = field(factory=list)

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        params: Mapping[str, object] | None = None,
        content: Any = None,
        headers: Mapping[str, str] | None = None,
        repeat: bool = False,
        deadline_s: float | None = None,
    ) -> object:
        del content, headers, deadline_s
        self.asked.append((method, path, repeat))
        below = path.removeprefix("/hpc1/queue")
        query = urlencode(params or {}, doseq=True)
        reply = await self.served.call(method, below, query=query, body=b"" if json is None else json)
        if reply.status != 200:
            raise from_problem(reply.json, reply.status)
        return reply.json

    @asynccontextmanager
    async def stream(self, method: str, path: str, **more: Any) -> AsyncIterator[Any]:
        more.pop("repeat")
        query = urlencode(more.get("params") or {}, doseq=True)
        yield await self.served.call(method, path.removeprefix("/hpc1/queue"), query=query)

    def subscribe(self, *what: Any) -> None:
        self.subscribed.append(what)

    def unsubscribe(self, *what: Any) -> None:
        self.subscribed.remove(what)


@pytest.fixture
async def client(serve: Callable[..., Any]) -> PluginClient:
    served = serve(Queue)
    transport: Transport = InMemory(served)
    return PluginClient(transport, (await served.get("/describe")).json, "hpc1")


def signature(method: Any) -> str:
    return str(inspect.signature(method))


async def test_methods_have_signatures_and_documentation(client: PluginClient) -> None:
    """Help and completion work as for written code."""
    assert (
        signature(client.list_jobs) == "(queue: str, user: Optional[str] = None, force: bool = False) -> dict"
    )
    assert signature(client.cancel_job) == "(job_id: int, why: Optional[list] = None) -> dict"
    assert client.list_jobs.__doc__ == "List the jobs of one queue."
    assert client.list_jobs.__name__ == "list_jobs"
    assert client.list_jobs.__qualname__ == "PluginClient.list_jobs"
    assert {"list_jobs", "cancel_job", "find", "health", "register_session", "sid"} <= set(dir(client))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = client.nothing
    assert not hasattr(client, "_secret")


async def test_an_operation_of_a_session_needs_one(client: PluginClient) -> None:
    """The text is the contract's; an operation without session needs none."""
    with pytest.raises(RuntimeError, match=r"^No active session$"):
        await client.list_jobs("debug")
    with pytest.raises(RuntimeError, match=r"^No active session$"):
        client.output()
    assert (await client.version())["version"] == "0"


async def test_calls_reach_the_operation(client: PluginClient) -> None:
    """Positions, keywords, encoded path parameters, and values of every kind arrive."""
    assert set(await client.register_session()) == {"sid"}
    assert await client.list_jobs("a/b %2e", force=True) == {"queue": "a/b %2e", "user": None, "force": True}
    assert await client.cancel_job(7, why=["x"]) == {"job_id": 7, "why": ["x"]}
    moment = datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert await client.find(moment, kinds=[Kind.LONG, "short"], limit=None, ratio=0.5) == {
        "since": moment.isoformat(),
        "kinds": ["long", "short"],
        "limit": None,
        "size": "m",
        "ratio": 0.5,
    }
    assert (await client.find(moment, kinds=None))["limit"] == 10
    async with client.output(offset=3) as answer:
        assert answer.body == b"from 3"
    await client.unregister_session()
    assert client.sid is None
    await client.close()


async def test_unknown_fields_are_type_errors(client: PluginClient) -> None:
    """What the edge does not name is never sent."""
    await client.register_session()
    for call in (
        lambda: client.list_jobs("debug", colour="red"),
        lambda: client.call("list_jobs", queue="debug", colour="red"),
        client.list_jobs,
        lambda: client.call("list_jobs"),
        lambda: client.list_jobs("a", "b", True, 4),
        lambda: client.register_session(colour="red"),
    ):
        with pytest.raises(TypeError, match=r"list_jobs\(\)|register_session\(\)"):
            await call()
    with pytest.raises(NotFound, match="has no operation 'nothing'; it has"):
        await client.call("nothing")
    assert client.supports("list_jobs", "force")
    assert not client.supports("list_jobs", "colour")
    assert not client.supports("nothing")


async def test_only_reads_may_be_repeated(client: PluginClient) -> None:
    """The transport hears which calls have no effect, and which the edge says may be repeated."""
    await client.register_session()
    await client.list_jobs("debug")
    await client.cancel_job(1)
    assert [repeat for *_, repeat in client.transport.asked] == [False, True, False]  # type: ignore[attr-defined]
    client.description["operations"]["cancel_job"]["repeat"] = True
    await client.cancel_job(1)
    assert client.transport.asked[-1][2] is True  # type: ignore[attr-defined]


async def test_errors_of_the_edge_are_raised(client: PluginClient) -> None:
    """The class, the status and the text come through."""
    client.sid = "unknown"
    with pytest.raises(NotFound) as caught:
        await client.list_jobs("debug")
    assert str(caught.value).startswith("HTTP 404")


async def test_closing_leaves_a_named_session(client: PluginClient) -> None:
    """Others may find it by its name; an unnamed one ends."""
    await client.register_session(name="cli")
    sid = client.sid
    await client.close()
    assert (await client.list_sessions())["sessions"] == [sid]
    await client.unregister_session()
    await client.register_session()
    await client.close()
    assert (await client.list_sessions())["sessions"] == []


async def test_notifications_are_subscribed_for_this_plugin(client: PluginClient) -> None:
    """Edge and plugin are the client's own."""

    def callback(*_: object) -> None: ...

    client.register_notification_callback(callback, "job_status")
    assert client.transport.subscribed == [("hpc1", "queue", "job_status", callback)]  # type: ignore[attr-defined]
    client.unregister_notification_callback(callback, "job_status")
    assert client.transport.subscribed == []  # type: ignore[attr-defined]


async def test_a_subclass_adds_and_overrides(client: PluginClient) -> None:
    """Written methods win over generated ones and call them."""

    class Typed(PluginClient):
        async def list_jobs(self, queue: str) -> list[str]:
            answer: Any = await self.call("list_jobs", queue=queue, force=True)
            return [answer["queue"]]

    typed = Typed(client.transport, client.description, "hpc1")
    await typed.register_session()
    assert await typed.list_jobs("x") == ["x"]
    assert (await typed.find(datetime.now(UTC)))["size"] == "m"
