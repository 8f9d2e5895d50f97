"""Which scope an operation needs, and who sees what."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Route

from radical_edge_core.plugin import Plugin, PluginSession, current_caller, operation


class Session(PluginSession):
    @operation.get("mine/{sid}")
    def mine(self) -> dict[str, str]:
        """Tell whose session this is."""
        return {"owner": self.owner, "caller": current_caller().subject}


class Guarded(Plugin):
    name = "guarded"
    session_class = Session

    @operation.get("read")
    def read(self) -> None:
        """Read."""

    @operation.post("query", effect="read")
    def query(self) -> None:
        """Read, with a body."""

    @operation.post("write")
    def write(self) -> None:
        """Write."""

    @operation.post("destroy", effect="destructive")
    def destroy(self) -> None:
        """Destroy."""

    @operation.post("run", effect="function")
    def run(self) -> None:
        """Run code."""

    @operation.get("stream", stream="bytes")
    async def flow(self) -> AsyncIterator[bytes]:
        """Flow."""
        yield b"x"

    def routes(self) -> list[BaseRoute]:
        async def touch(_: object) -> PlainTextResponse:
            return PlainTextResponse("ok")

        return [Route("/file", touch, methods=["GET", "PUT"])]


READS = [("GET", "/read"), ("POST", "/query"), ("GET", "/stream"), ("GET", "/describe"), ("GET", "/health")]
READS += [("GET", "/openapi.json"), ("GET", "/version"), ("GET", "/file"), ("HEAD", "/read")]
WRITES = [("POST", "/write"), ("POST", "/destroy"), ("PUT", "/file")]
FUNCTIONS = [("POST", "/run")]


@pytest.mark.parametrize(
    ("scopes", "allowed"),
    [
        ((), []),
        (("read:*",), READS),
        (("read:hpc1/guarded",), READS),
        (("read:hpc1/other", "write:hpc2/guarded"), []),
        (("write:hpc*",), READS + WRITES),
        (("function:*",), FUNCTIONS),
        (("admin:*",), []),
        (("write:*", "function:hpc1/guarded"), READS + WRITES + FUNCTIONS),
    ],
)
async def test_the_effect_decides_the_scope(
    serve: Callable[..., Any], scopes: tuple[str, ...], allowed: list[tuple[str, str]]
) -> None:
    """Every call is answered or forbidden as the scopes say, and nothing else."""
    served = serve(Guarded).as_("bob", scopes)
    for method, path in READS + WRITES + FUNCTIONS:
        reply = await served.call(method, path)
        assert (reply.status == 200) == ((method, path) in allowed), (method, path, reply.body)
        assert reply.status in {200, 403}


async def test_the_missing_scope_is_named(serve: Callable[..., Any]) -> None:
    """403 says which scope would do."""
    reply = await serve(Guarded).as_("bob", ("read:*",)).post("/write")
    assert reply.json["code"] == "forbidden"
    assert reply.json["detail"] == "this call needs the scope write:hpc1/guarded"
    assert reply.json["scope"] == "write:hpc1/guarded"


async def test_a_reader_may_open_and_close_its_own_sessions(serve: Callable[..., Any]) -> None:
    """Sessions are no writes, as a read-only token needs them to read."""
    served = serve(Guarded).as_("bob", ("read:*",))
    sid = await served.sid()
    assert (await served.get(f"/mine/{sid}")).json == {"owner": "bob", "caller": "bob"}
    assert (await served.post(f"/unregister_session/{sid}")).json == {"ok": True}


async def test_forbidden_comes_before_the_body_is_read(serve: Callable[..., Any]) -> None:
    """A caller without the scope learns nothing from a malformed body."""
    reply = await serve(Guarded).as_("bob", ("read:*",)).post("/write", b"{")
    assert reply.status == 403
