"""The serving end of a link: each exchange that the peer opens becomes one call of an ASGI application."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from radical_edge_core.caller import Caller
from radical_edge_core.errors import BadRequest, EdgeError, PluginFailure
from radical_edge_core.link.errors import LinkError
from radical_edge_core.link.heads import RequestHead, ResponseHead, decode_request, encode_head
from radical_edge_core.wire.connection import Connection
from radical_edge_core.wire.exchange import PIECE, Exchange, ExchangeLost

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

CALLER: Final = "radical_edge.caller"
PROBLEM_TYPE: Final = b"application/problem+json"
log = logging.getLogger(__name__)


class AsgiServer:
    """
    Runs ``app`` for each exchange of a connection; one task each, cancelled when its caller goes away.

    Args:
        app: The application; its scope carries the verified caller under ``radical_edge.caller``.
    """

    def __init__(self, app: Application) -> None:
        self._app = app
        self._tasks: dict[Exchange, asyncio.Task[None]] = {}

    @property
    def busy(self) -> int:
        """How many calls are being answered."""
        return len(self._tasks)

    def serve(self, exchange: Exchange) -> None:
        """Begin to answer one exchange."""
        task = asyncio.get_running_loop().create_task(self._run(exchange))
        self._tasks[exchange] = task
        task.add_done_callback(lambda _: self._tasks.pop(exchange, None))

    def cancelled(self, exchange: Exchange) -> None:
        """End the handler of an exchange whose caller has gone."""
        if (task := self._tasks.get(exchange)) is not None:
            task.cancel()

    async def _run(self, exchange: Exchange) -> None:
        call = _Call(exchange)
        request_id = ""
        try:
            head = decode_request(await exchange.head())
            request_id = head.request_id
            await self._app(_scope(head), call.receive, call.send)
            if not call.finished:
                raise RuntimeError("the application ended without a complete answer")
        except ExchangeLost:
            pass
        except asyncio.CancelledError:
            exchange.abort("canceled", "the handler was cancelled")
            raise
        except LinkError as exc:
            call.fail(BadRequest(f"the request's head can't be read: {exc}"))
        except EdgeError as exc:
            call.fail(exc)
        except BaseException as exc:
            log.error("request %s failed", request_id, exc_info=exc)
            call.fail(
                PluginFailure("the edge failed to answer; its log names the cause", request_id=request_id)
            )


class _Call:
    """The two ASGI callables of one exchange."""

    __slots__ = ("_begun", "_exchange", "_read", "_start", "finished")

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._start: Message | None = None
        self._begun = False
        self._read = -1
        self.finished = False

    async def receive(self) -> Message:
        exchange = self._exchange
        if self._read > 0:
            exchange.taken(self._read)
        if self.finished or (self._read >= 0 and exchange.exhausted):
            # All was received; what may still come is the caller's leaving, which cancels this task.
            await asyncio.get_running_loop().create_future()
        try:
            data = await exchange.read()
        except ExchangeLost:
            return {"type": "http.disconnect"}
        self._read = len(data)
        return {"type": "http.request", "body": data, "more_body": not exchange.exhausted}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        body, fin = message.get("body", b""), not message.get("more_body", False)
        exchange = self._exchange
        if self._start is not None:
            start, self._start = self._start, None
            head = encode_head(ResponseHead(status=start["status"], headers=list(start["headers"])))
            self._begun = True
            if len(body) <= PIECE:
                exchange.answer(head, bytes(body), fin=fin)
            else:
                exchange.answer(head, fin=False)
                await exchange.write(body, fin=fin)
        elif body or fin:
            await exchange.write(body, fin=fin)
        if fin:
            self.finished = True
            exchange.done()

    def fail(self, error: EdgeError) -> None:
        """Answer with a problem document; where the answer has begun, break it off."""
        if self._begun:
            if not self.finished:
                self._exchange.abort("failed", error.detail)
            return
        body = msgspec.json.encode(error.problem())
        headers = [(b"content-type", PROBLEM_TYPE), (b"content-length", str(len(body)).encode())]
        self._exchange.answer(
            encode_head(ResponseHead(status=error.status_code, headers=headers)), body, fin=True
        )
        self._exchange.done()


def _scope(head: RequestHead) -> Scope:
    caller = Caller(
        subject=head.subject, scopes=tuple(head.scopes), request_id=head.request_id, idempotency_key=head.key
    )
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": head.method,
        "scheme": "http",
        "path": unquote(head.path.decode("latin-1")),
        "raw_path": head.path,
        "root_path": "",
        "query_string": head.query,
        "headers": head.headers,
        "client": None,
        "server": None,
        "state": {},
        CALLER: caller,
    }


def connect(app: Application, connection: Connection) -> AsgiServer:
    """Serve ``app`` to the peer of ``connection``."""
    server = AsgiServer(app)
    connection.serve_with(server.serve, server.cancelled)
    return server
