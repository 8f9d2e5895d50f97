"""
One plugin as a raw ASGI application.

The host hands over requests whose ``raw_path`` is relative to the plugin and canonical, and whose verified
caller is ``scope["radical_edge.caller"]``. Nothing that a plugin raises leaves this module, a broken stream
excepted: that one must reach the host, which then aborts the exchange.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NoReturn

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from radical_edge_core.caller import Caller
from radical_edge_core.converter import dumps
from radical_edge_core.errors import Forbidden, MethodNotAllowed, NotFound
from radical_edge_core.plugin.arguments import read_arguments
from radical_edge_core.plugin.base import Plugin
from radical_edge_core.plugin.body import BODY_LIMIT
from radical_edge_core.plugin.call import Announce, Answer, KeepsCalls, OperationCall, run_call
from radical_edge_core.plugin.context import CALLER
from radical_edge_core.plugin.describe import describe
from radical_edge_core.plugin.documents import NAMES, Documents
from radical_edge_core.plugin.operation import Operation
from radical_edge_core.plugin.paths import canonical_path
from radical_edge_core.plugin.problems import (
    PROBLEM_TYPE,
    contained,
    is_cancellation,
    problem_response,
    send_response,
)
from radical_edge_core.plugin.routing import Match, RouteTable
from radical_edge_core.plugin.standard import StandardOperations
from radical_edge_core.plugin.stream import StreamAnswer
from radical_edge_core.plugin.streams import Found, StreamRoutes

Running = Callable[[str], AbstractContextManager[object]]


class PluginApp:
    """
    Serves one plugin's operations, description and byte-stream routes.

    Args:
        plugin: What is served.
        announce: Fires the hook ``edge_call``; must not raise.
        running: Marks an operation as running in the event loop, for the watchdog.
        body_limit: Bytes that an operation's body may have.
        calls: Remembers calls that carry a key; without it a key means nothing.

    Attributes:
        plugin: What is served.
        description: What ``describe`` answers.
        description_etag: The SHA-256 of that document.
    """

    def __init__(
        self,
        plugin: Plugin,
        *,
        announce: Announce = lambda _call: None,
        running: Running = lambda _name: nullcontext(),
        body_limit: int = BODY_LIMIT,
        calls: KeepsCalls | None = None,
    ) -> None:
        self.plugin = plugin
        self.description = describe(plugin, plugin.operations, repeatable=calls is not None)
        self._calls = calls
        self._announce = announce
        self._running = running
        self._body_limit = body_limit
        self._standard = StandardOperations(plugin)
        self._table = RouteTable(plugin.operations.values())
        self._routes = StreamRoutes(plugin.name, plugin.routes())
        self._documents = Documents(self.description, plugin.context.edge)
        self.description_etag = self._documents.etag

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request."""
        started = False
        lost: list[BaseException] = []

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            try:
                await send(message)
            except BaseException as error:
                lost.append(error)
                raise

        caller: Caller = scope["radical_edge.caller"]
        token = CALLER.set(caller)
        try:
            response = await self._answer(scope, receive, watched, caller)
        except BaseException as error:
            if is_cancellation(error):
                raise
            if lost:
                raise lost[0] from None  # the host's own word, whatever plugin code made of it
            what = scope.get("radical_edge.operation", self.plugin.name)
            problem = contained(error, what, caller.request_id, self.plugin.log)
            if started:
                self.plugin.log.warning("%s broke off: %s", what, problem.detail)
                raise problem from error
            response = problem_response(problem)
        finally:
            CALLER.reset(token)
        if response is not None:
            await send_response(response, scope, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, caller: Caller) -> Response | None:
        segments = canonical_path(scope.get("raw_path") or scope["path"].encode())
        request = Request(scope, receive)
        if len(segments) == 1 and segments[0] in NAMES:
            self._allow(caller, "read")
            return self._documents.answer(segments[0], request)
        match = self._table.match(segments)
        operation = match.find(request.method) if match is not None else None
        if match is not None and operation is not None:
            return await self._operate(operation, match, request, send, caller)
        route = self._routes.find(scope, segments)
        if route is not None and route.endpoint is not None:
            self._allow(caller, "read" if request.method in {"GET", "HEAD"} else "write")
            label = scope["radical_edge.operation"] = f"{self.plugin.name}/{segments[0]}"
            with self._running(label):
                await route.endpoint({**scope, **route.scope}, receive, send)
            return None
        return self._miss(request.method, "/".join(segments), match, route)

    async def _operate(
        self, operation: Operation, match: Match, request: Request, send: Send, caller: Caller
    ) -> Response | None:
        label = request.scope["radical_edge.operation"] = f"{self.plugin.name}.{operation.name}"
        self._allow(caller, operation.verb)
        in_path = match.parameters(operation)
        call = OperationCall(
            caller=caller,
            edge=self.plugin.context.edge,
            plugin=self.plugin.name,
            operation=operation,
            sid=in_path.get("sid"),
            arguments=await read_arguments(
                operation, in_path, request, self.plugin.converter, self._body_limit
            ),
            key=caller.idempotency_key,
        )
        if operation.hints.stream is not None:
            with self._target(call) as target, self._running(label):
                result: Any = await run_call(
                    call, functools.partial(self._invoke, target, call), self._announce
                )
                streamed = StreamAnswer(send, operation.hints.stream)
                await streamed.run(result, head_only=request.method == "HEAD")
            return None
        act = functools.partial(self._act, call)
        if self._calls is None or call.key is None or operation.effect == "read":
            answer = await act()
        else:
            answer = await self._calls.answer(call, act, functools.partial(self._adopt, call))
        kind = "application/json" if answer.status < 400 else PROBLEM_TYPE
        return Response(answer.body, status_code=answer.status, media_type=kind)

    async def _act(self, call: OperationCall) -> Answer:
        """Run an operation and return its answer; what the session has become is kept before anybody hears of it."""
        label = f"{call.plugin}.{call.operation.name}"
        with self._target(call) as target:
            with self._running(label) if call.operation.is_async else nullcontext():
                result = await run_call(call, functools.partial(self._invoke, target, call), self._announce)
            if call.operation.owner == "session" and call.operation.effect != "read":
                await self.plugin.sessions.persist(str(call.sid))
        return Answer(200, dumps({} if result is None else result))

    async def _adopt(self, call: OperationCall) -> Answer | None:
        if call.operation.owner == "standard":
            result: object = self._standard.adopt(call.sid)
        else:
            result = await self.plugin.adopt(str(call.key), call.operation.name)
        return None if result is None else Answer(200, dumps(result))

    async def _invoke(self, target: object, call: OperationCall) -> Any:
        arguments: Mapping[str, object] = call.arguments
        if call.operation.owner == "standard" and call.sid is not None:
            arguments = {**arguments, "sid": call.sid}
        bound = functools.partial(getattr(target, call.operation.name), **arguments)
        if not call.operation.is_async:
            return await self.plugin.workers.run(bound, begins=True)
        made = bound()
        return await made if hasattr(made, "__await__") else made

    def _target(self, call: OperationCall) -> AbstractContextManager[object]:
        """Return whose method is called; a session counts as in use until the answer is out."""
        owner = call.operation.owner
        if owner == "session":
            return self.plugin.sessions.use(str(call.sid), call.caller.subject)
        return nullcontext(self._standard if owner == "standard" else self.plugin)

    def _allow(self, caller: Caller, verb: str) -> None:
        edge, name = self.plugin.context.edge, self.plugin.name
        if not caller.may(verb, edge, name):
            scope = f"{verb}:{edge}/{name}"
            raise Forbidden(f"this call needs the scope {scope}", scope=scope)

    def _miss(self, method: str, path: str, match: Match | None, route: Found | None) -> NoReturn:
        methods = {*(match.allow() if match else ()), *(route.allow if route else ())}
        if methods:
            allow = sorted(methods)
            raise MethodNotAllowed(f"{method} is not for this path; use {', '.join(allow)}", allow=allow)
        known = sorted({o.path for o in self.plugin.operations.values()} | {*self._routes.paths, *NAMES})
        raise NotFound(f"{self.plugin.name} has no route {path[:128]!r}; it has {', '.join(known)}")
