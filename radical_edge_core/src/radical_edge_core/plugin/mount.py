"""
One plugin as a raw ASGI application.

The host hands over requests whose ``raw_path`` is relative to the plugin and canonical, and whose verified caller is
``scope["radical_edge.caller"]``. Nothing that a plugin raises leaves this module, a broken stream excepted: that one
must reach the host, which then aborts the exchange.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from urllib.parse import parse_qsl

import attrs
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from radical_edge_core.caller import Caller
from radical_edge_core.converter import dumps
from radical_edge_core.errors import (
    BadRequest,
    EdgeError,
    Forbidden,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
)
from radical_edge_core.plugin.arguments import bind
from radical_edge_core.plugin.base import Plugin, operations_of
from radical_edge_core.plugin.body import BODY_LIMIT, read_body
from radical_edge_core.plugin.call import Announce, OperationCall, run_call
from radical_edge_core.plugin.context import CALLER
from radical_edge_core.plugin.describe import describe, etag_of
from radical_edge_core.plugin.openapi import plugin_openapi
from radical_edge_core.plugin.operation import Operation
from radical_edge_core.plugin.paths import canonical_path
from radical_edge_core.plugin.problems import contained, is_cancellation, problem_response
from radical_edge_core.plugin.routing import Match, RouteTable
from radical_edge_core.plugin.session import PluginSession
from radical_edge_core.plugin.standard import StandardOperations, standard_operations
from radical_edge_core.plugin.stream import StreamAnswer
from radical_edge_core.plugin.streams import StreamRoutes
from radical_edge_core.records import fields_of

Running = Callable[[str], AbstractContextManager[object]]


class PluginApp:
    """
    Serves one plugin's operations, description and byte-stream routes.

    Args:
        plugin: What is served.
        announce: Fires the hook ``edge_call``; must not raise.
        running: Marks an operation as running in the event loop, for the watchdog.
        body_limit: Bytes that an operation's body may have.
    """

    def __init__(
        self,
        plugin: Plugin,
        *,
        announce: Announce = lambda _call: None,
        running: Running = lambda _name: nullcontext(),
        body_limit: int = BODY_LIMIT,
    ) -> None:
        self.plugin = plugin
        self._announce = announce
        self._running = running
        self._body_limit = body_limit
        self._standard = StandardOperations(plugin)
        self._options_class = plugin.session_class.options_class if plugin.session_class else None
        self.operations: Mapping[str, Operation] = {
            **standard_operations(self._options_class),
            **operations_of(type(plugin)),
        }
        self._table = RouteTable(self.operations.values())
        self._routes = StreamRoutes(plugin.name, plugin.routes())
        self.description = describe(plugin, self.operations)
        self.description_etag = etag_of(self.description)
        self._documents: dict[str, bytes] = {"describe": dumps(self.description)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request."""
        started = False

        async def watched(message: Any) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        caller: Caller = scope["radical_edge.caller"]
        token = CALLER.set(caller)
        try:
            response = await self._answer(scope, receive, watched, caller)
        except BaseException as error:
            if is_cancellation(error):
                raise
            what = scope.get("radical_edge.operation", self.plugin.name)
            problem = contained(error, what, caller.request_id, self.plugin.log)
            if started:
                raise problem from error
            response = problem_response(problem)
        finally:
            CALLER.reset(token)
        if response is not None:
            await _send(response, scope, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, caller: Caller) -> Response | None:
        segments = canonical_path(scope.get("raw_path") or scope["path"].encode())
        request = Request(scope, receive)
        if segments in (["describe"], ["openapi.json"]):
            return self._document(segments[0], request, caller)
        match = self._table.match(segments)
        operation = match.find(request.method) if match is not None else None
        if match is not None and operation is not None:
            return await self._operate(operation, match, request, send, caller)
        route = self._routes.find(scope, segments)
        if route is not None and route.endpoint is not None:
            self._allow(caller, "read" if request.method in {"GET", "HEAD"} else "write")
            scope["radical_edge.operation"] = f"{self.plugin.name}/{'/'.join(segments[:1])}"
            await route.endpoint({**scope, **route.scope}, receive, send)
            return None
        methods = {*(match.allow() if match else ()), *(route.allow if route else ())}
        if methods:
            allow = sorted(methods)
            raise MethodNotAllowed(
                f"{request.method} is not for this path; use {', '.join(allow)}", allow=allow
            )
        known = sorted(
            {o.path for o in self.operations.values()} | {*self._routes.paths, "describe", "openapi.json"}
        )
        raise NotFound(
            f"{self.plugin.name} has no route {'/'.join(segments)[:128]!r}; it has {', '.join(known)}"
        )

    def _document(self, name: str, request: Request, caller: Caller) -> Response:
        if request.method not in {"GET", "HEAD"}:
            raise MethodNotAllowed(f"{request.method} is not for this path; use GET", allow=["GET", "HEAD"])
        self._allow(caller, "read")
        if name not in self._documents:
            self._documents[name] = dumps(plugin_openapi(self.description, edge=self.plugin.context.edge))
        headers = {"etag": f'"{self.description_etag}"', "cache-control": "no-cache"}
        wanted = [
            tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")
        ]
        if headers["etag"] in wanted or wanted == ["*"]:
            return Response(status_code=304, headers=headers)
        return Response(self._documents[name], headers=headers, media_type="application/json")

    async def _operate(
        self, operation: Operation, match: Match, request: Request, send: Send, caller: Caller
    ) -> Response | None:
        label = request.scope["radical_edge.operation"] = f"{self.plugin.name}.{operation.name}"
        self._allow(caller, operation.verb)
        in_path = match.parameters(operation)
        body = await read_body(request, self._body_limit) if operation.method == "POST" else None
        arguments = self._arguments(operation, in_path, _query(request), body)
        call = OperationCall(
            caller=caller,
            edge=self.plugin.context.edge,
            plugin=self.plugin.name,
            operation=operation,
            sid=in_path.get("sid"),
            arguments=arguments,
            key=caller.idempotency_key,
        )
        with self._target(operation, call) as target:
            method = getattr(target, operation.name)
            given = (
                {**arguments, "sid": call.sid} if operation.owner == "standard" and call.sid else arguments
            )
            bound = functools.partial(method, **given)

            async def invoke() -> object:
                if not operation.is_async:
                    return await self.plugin.workers.run(bound)
                with self._running(label):
                    made = bound()
                    return await made if hasattr(made, "__await__") else made

            result = await run_call(call, invoke, self._announce)
            if operation.hints.stream is not None:
                answer = StreamAnswer(send, operation.hints.stream)
                await answer.run(result, head_only=request.method == "HEAD")  # type: ignore[arg-type]
                return None
            return Response(dumps({} if result is None else result), media_type="application/json")

    def _target(self, operation: Operation, call: OperationCall) -> AbstractContextManager[Any]:
        if operation.owner == "session":
            use: AbstractContextManager[PluginSession] = self.plugin.sessions.use(
                str(call.sid), call.caller.subject
            )
            return use
        return nullcontext(self._standard if operation.owner == "standard" else self.plugin)

    def _arguments(
        self, operation: Operation, in_path: Mapping[str, str], query: Sequence[tuple[str, str]], body: object
    ) -> dict[str, object]:
        model = bind(operation, in_path, query, body, self.plugin.converter)
        found = {field.name: getattr(model, field.name) for field in attrs.fields(operation.model)}
        if operation.owner != "standard" or operation.name != "register_session":
            return found
        return {"name": found.pop("name"), "options": self._options(found)}

    def _options(self, given: Mapping[str, object]) -> object | None:
        if self._options_class is None:
            return None
        fields = fields_of(self._options_class)
        try:
            made: object = self._options_class(
                **{fields[name].argument: value for name, value in given.items()}
            )
        except (ValueError, TypeError) as error:
            raise InvalidRequest(str(error.args[0]) if error.args else "the options do not fit") from None
        return made

    def _allow(self, caller: Caller, verb: str) -> None:
        edge, name = self.plugin.context.edge, self.plugin.name
        if not caller.may(verb, edge, name):
            scope = f"{verb}:{edge}/{name}"
            raise Forbidden(f"this call needs the scope {scope}", scope=scope)


async def _send(response: Response, scope: Scope, send: Send) -> None:
    """Send a whole response; a HEAD gets the headers of what GET would say."""
    body = b"" if scope["method"] == "HEAD" else response.body
    await send(
        {"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers}
    )
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _query(request: Request) -> list[tuple[str, str]]:
    try:
        text = request.scope.get("query_string", b"").decode("ascii")
        return parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text), errors="strict")
    except ValueError:
        raise BadRequest(
            "malformed query: write it as name=value&name=value, percent-encoded UTF-8"
        ) from None
