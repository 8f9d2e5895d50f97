"""Whatever a plugin raises, its caller gets a problem document and its host goes on."""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from radical_edge_core.errors import Conflict, NotFound
from radical_edge_core.plugin import Plugin, PluginDefinitionError, current_caller, operation


class CustomBase(BaseException):
    """What no plugin should raise."""


async def _cancelled_inside() -> None:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    future.cancel()
    await future


RAISED: dict[str, BaseException] = {
    "KeyError": KeyError("secret-token"),
    "SystemExit": SystemExit(3),
    "RecursionError": RecursionError("deep"),
    "CustomBase": CustomBase("x"),
    "GeneratorExit": GeneratorExit(),
    "ExceptionGroup": ExceptionGroup("several", [ValueError("a"), KeyError("b")]),
    "FileNotFoundError": FileNotFoundError("x"),
}


class Faulty(Plugin):
    name = "faulty"
    version = "1"

    @operation.post("loop/{what}")
    async def in_loop(self, what: str) -> None:
        """Raise in the loop."""
        if what == "CancelledError":
            await _cancelled_inside()
        raise RAISED[what]

    @operation.post("thread/{what}")
    def in_thread(self, what: str) -> None:
        """Raise in a thread."""
        raise RAISED[what]

    @operation.get("known")
    async def known(self) -> None:
        """Raise one of ours, in a group of one."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._conflict())

    @staticmethod
    async def _conflict() -> None:
        raise Conflict("the name is in use", name="x", odd=object())

    @operation.get("full")
    def full(self) -> None:
        """Run out of room."""
        raise OSError(errno.ENOSPC, "no space left on device")

    @operation.get("unwritable")
    def unwritable(self) -> dict[str, object]:
        """Return what has no JSON form."""
        return {"x": object()}

    @operation.get("endless")
    def endless(self) -> list[object]:
        """Return what contains itself."""
        loop: list[object] = []
        loop.append(loop)
        return loop


@pytest.mark.parametrize("what", [*RAISED, "CancelledError"])
async def test_a_bug_in_the_loop_is_500(
    serve: Callable[..., Any], what: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Any exception is a ``plugin_failure`` that names the operation and the request; its text stays in the log."""
    reply = await serve(Faulty).post(f"/loop/{what}")
    assert reply.status == 500
    assert reply.json["code"] == "plugin_failure"
    assert reply.json["request_id"] == "req-1"
    assert "faulty.in_loop" in reply.json["detail"]
    assert b"secret" not in reply.body
    assert b"Traceback" not in reply.body
    record = next(r for r in caplog.records if r.levelno == logging.ERROR)
    assert "req-1" in record.getMessage()
    assert record.exc_info


@pytest.mark.parametrize("what", list(RAISED))
async def test_a_bug_in_a_thread_is_500(serve: Callable[..., Any], what: str) -> None:
    """The same holds for operations in worker threads."""
    reply = await serve(Faulty).post(f"/thread/{what}")
    assert (reply.status, reply.json["code"]) == (500, "plugin_failure")


async def test_a_failure_without_request_id_gets_one(serve: Callable[..., Any]) -> None:
    """A log line can be found also where the caller sent no id."""
    served = serve(Faulty)
    served.request_id = ""
    assert len((await served.post("/loop/KeyError")).json["request_id"]) >= 16


async def test_our_errors_pass_as_they_are(serve: Callable[..., Any]) -> None:
    """An ``EdgeError`` travels, out of a group of one, also with data that can't be written."""
    reply = await serve(Faulty).get("/known")
    assert (reply.status, reply.json["code"], reply.json["detail"]) == (409, "conflict", "the name is in use")


async def test_a_full_disk_is_507(serve: Callable[..., Any]) -> None:
    """ENOSPC and EDQUOT are told as what they are."""
    assert (await serve(Faulty).get("/full")).json["code"] == "no_room"


@pytest.mark.parametrize("path", ["/unwritable", "/endless"])
async def test_an_answer_without_json_form_is_500(serve: Callable[..., Any], path: str) -> None:
    """A result that can't be written is the plugin's bug."""
    assert (await serve(Faulty).get(path)).json["code"] == "plugin_failure"


async def test_cancellation_passes(serve: Callable[..., Any], until: Any) -> None:
    """A handler that the host cancels ends, and nobody takes that for a failure."""
    entered = []

    class Slow(Plugin):
        name = "slow"

        @operation.get("wait")
        async def wait(self) -> None:
            """Wait for ever."""
            entered.append(True)
            await asyncio.get_running_loop().create_future()

    task = asyncio.create_task(serve(Slow).get("/wait"))
    await until(lambda: entered)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


class Routed(Plugin):
    name = "routed"

    def routes(self) -> list[BaseRoute]:
        async def put(request: Request) -> Response:
            size = len(await request.body())
            return PlainTextResponse(f"{request.path_params['name']} {size} {current_caller().subject}")

        async def refuse(_: Request) -> Response:
            raise HTTPException(418, "short and stout")

        async def missing(_: Request) -> Response:
            raise NotFound("no such file")

        async def bug(_: Request) -> Response:
            raise ZeroDivisionError

        async def breaks(_: Request) -> Response:
            async def body() -> AsyncIterator[bytes]:
                yield b"begun"
                raise ZeroDivisionError

            return StreamingResponse(body())

        return [
            Route("/file/{name}", put, methods=["PUT"]),
            Route("/refuse", refuse),
            Route("/missing", missing),
            Route("/bug", bug),
            Route("/breaks", breaks),
        ]


async def test_routes_are_served_with_decoded_segments(serve: Callable[..., Any]) -> None:
    """A route's parameter is one segment, decoded once; bodies have no limit there."""
    served = serve(Routed, body_limit=10)
    reply = await served.call("PUT", "/file/a%2Fb%2520c", body=b"x" * 100)
    assert reply.body == b"a/b%20c 100 alice"


async def test_failures_of_routes_are_problem_documents(serve: Callable[..., Any]) -> None:
    """Starlette's errors, ours and bugs are told in one form."""
    served = serve(Routed)
    refused = await served.get("/refuse")
    assert (refused.status, refused.json["detail"]) == (418, "short and stout")
    assert (await served.get("/missing")).json["code"] == "not_found"
    assert (await served.get("/bug")).json["code"] == "plugin_failure"
    assert (await served.get("/file/x")).headers["allow"] == "PUT"


async def test_a_route_that_breaks_after_its_head_is_aborted(serve: Callable[..., Any]) -> None:
    """What fails when the head is out reaches the host."""
    reply = await serve(Routed).get("/breaks")
    assert reply.broken is not None
    assert reply.body == b"begun"


def test_blocking_endpoints_are_refused(context: Any) -> None:
    """A ``def`` endpoint would use threads that all plugins share."""
    from radical_edge_core.plugin.mount import PluginApp

    class Blocking(Plugin):
        name = "blocking"

        def routes(self) -> list[BaseRoute]:
            return [Route("/x", lambda _request: PlainTextResponse("x"))]

    with pytest.raises(PluginDefinitionError, match="async def"):
        PluginApp(Blocking(context))
