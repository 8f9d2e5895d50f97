"""
The proxy path: ``/{edge}/{plugin}/…`` to the edge and back.

A raw ASGI callable; nothing between it and the link. Before the answer's head whatever goes wrong is a problem
document; after it the connection is aborted without its final chunk, so that no cut-off body looks complete. A caller
that leaves cancels the handler at the edge.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Final

import msgspec
from attrs import define

from radical_edge_core.bridge.auth.door import Identity
from radical_edge_core.bridge.headers import NOSNIFF, RequestHeaders, sort_request, sort_response
from radical_edge_core.bridge.intake import CallerLeft, Intake
from radical_edge_core.bridge.registry import Registry
from radical_edge_core.errors import (
    DeadlineExceeded,
    EdgeAway,
    EdgeError,
    EdgeLost,
    Forbidden,
    MethodNotAllowed,
    NotFound,
    Overloaded,
    PluginFailure,
)
from radical_edge_core.link.errors import LinkError
from radical_edge_core.link.heads import RequestHead, decode_response, encode_head
from radical_edge_core.plugin.paths import canonical_path, raw_path
from radical_edge_core.scopes import reaches
from radical_edge_core.wire.asgi import PROBLEM_TYPE, Receive, Scope, Send
from radical_edge_core.wire.connection import Connection
from radical_edge_core.wire.exchange import PIECE, Exchange, ExchangeLost

METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
WAIT_S: Final = 30.0
# A caller is watched for leaving once its answer takes longer than this: a task per request costs more than it brings.
_WATCH_AFTER_S: Final = 0.05


@define(slots=True)
class Passage:
    """What is known of one request when it ends, for the log and the metrics."""

    edge: str = "-"
    plugin: str = "-"
    method: str = ""
    subject: str = "-"
    request_id: str = ""
    status: int = 0
    sent: int = 0
    aborted: bool = False


class Proxy:
    """
    Forwards requests.

    Args:
        registry: Finds the link of an edge.
        identify: Returns who a request comes from; raises ``Unauthorized``.
    """

    def __init__(
        self, registry: Registry, identify: Callable[[Scope, RequestHeaders], Awaitable[Identity]]
    ) -> None:
        self._registry = registry
        self._identify = identify

    async def __call__(self, scope: Scope, receive: Receive, send: Send, passage: Passage) -> None:
        """Forward one request; never raises but for cancellation."""
        passage.method = scope["method"]
        try:
            headers = sort_request(scope["headers"])
            passage.request_id = headers.request_id
            identity = await self._identify(scope, headers)
            passage.subject = identity.subject
            passage.edge, passage.plugin, path = _address(scope["raw_path"])
            if scope["method"] not in METHODS:
                raise MethodNotAllowed(
                    f"method {scope['method'][:20]!r} is not forwarded", allow=sorted(METHODS)
                )
            if not reaches(identity.scopes, passage.edge, passage.plugin):
                raise Forbidden(f"this token reaches nothing at {passage.edge}/{passage.plugin}")
            intake = Intake(receive, empty=headers.content_length == 0)
            await self._forward(scope, intake, send, headers, identity, path, passage)
        except EdgeError as exc:
            await send_problem(send, exc, passage)
        except CallerLeft:
            passage.aborted = True
        except ExchangeLost as exc:
            if passage.status or passage.aborted:
                passage.aborted = True
            else:
                await send_problem(send, _explain(exc, passage.edge), passage)

    async def _forward(
        self,
        scope: Scope,
        intake: Intake,
        send: Send,
        headers: RequestHeaders,
        identity: Identity,
        path: bytes,
        passage: Passage,
    ) -> None:
        began, edge, body, more = time.monotonic(), passage.edge, b"", headers.content_length != 0
        link = self._registry.live(edge) or await self._wait(intake, headers, edge, began)
        if more and headers.content_length is not None and headers.content_length <= PIECE:
            body, more = await intake.collect(), False
            # The link may have gone meanwhile.
            link = self._registry.live(edge) or await self._wait(intake, headers, edge, began)
        wait_s = None if headers.wait_s is None else max(0.0, headers.wait_s - time.monotonic() + began)
        head = RequestHead(
            method=scope["method"],
            path=path,
            query=scope["query_string"],
            headers=headers.forward,
            subject=identity.subject,
            scopes=list(identity.scopes),
            request_id=headers.request_id,
            key=headers.key,
        )
        exchange = link.open(encode_head(head), body, fin=not more)
        visit = _Visit(exchange, intake, send, passage)
        try:
            await visit.carry(upload=more, wait_s=wait_s)
        finally:
            visit.end()

    def _wait(
        self, intake: Intake, headers: RequestHeaders, edge: str, began: float
    ) -> Awaitable[Connection]:
        """Wait for an edge that is away, unless the caller leaves first; its body stays with it meanwhile."""
        wait_s = WAIT_S if headers.wait_s is None else headers.wait_s
        return self._registry.link(
            edge,
            max(0.0, began + wait_s - time.monotonic()),
            meanwhile=intake.no_longer_wanted,
            body=headers.content_length,
        )


class _Visit:
    """One exchange between a caller and an edge, with the tasks that serve it."""

    __slots__ = ("_exchange", "_helper", "_intake", "_passage", "_send", "_timer")

    def __init__(self, exchange: Exchange, intake: Intake, send: Send, passage: Passage) -> None:
        self._exchange = exchange
        self._intake = intake
        self._send = send
        self._passage = passage
        self._helper: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def carry(self, *, upload: bool, wait_s: float | None) -> None:
        """Pass the caller's body up, and the edge's answer down."""
        exchange, send, passage = self._exchange, self._send, self._passage
        loop = asyncio.get_running_loop()
        if upload:
            self._helper = loop.create_task(self._upload())
        else:
            self._timer = loop.call_later(_WATCH_AFTER_S, self._watch)
        if wait_s is None:
            encoded = await exchange.head()
        else:
            try:
                async with asyncio.timeout(wait_s):
                    encoded = await exchange.head()
            except TimeoutError:
                raise DeadlineExceeded(
                    f"the edge {passage.edge!r} is there, but did not answer in time",
                    edge=passage.edge,
                ) from None
        try:
            head = decode_response(encoded)
        except LinkError as exc:
            raise PluginFailure(
                f"the edge's answer can't be read: {exc}", request_id=passage.request_id
            ) from exc
        complete = exchange.complete
        body = exchange.read_ready()
        await send(
            {"type": "http.response.start", "status": head.status, "headers": sort_response(head.headers)}
        )
        passage.status = head.status
        while True:
            if body or complete:
                await send({"type": "http.response.body", "body": body, "more_body": not complete})
                passage.sent += len(body)
                if complete:
                    return
                exchange.taken(len(body))
            body = await exchange.read()
            complete = exchange.exhausted

    def end(self) -> None:
        """Stop what still runs; where the answer is not complete, the edge's handler is cancelled."""
        if self._timer is not None:
            self._timer.cancel()
        if self._helper is not None:
            self._helper.cancel()
        if self._exchange.exhausted:
            self._exchange.done()
        else:
            self._exchange.abort("canceled", "the caller went away")

    def _watch(self) -> None:
        self._helper = asyncio.get_running_loop().create_task(self._notice_leaving())

    async def _notice_leaving(self) -> None:
        await self._intake.left()
        self._left()

    def _left(self) -> None:
        self._passage.aborted = True
        self._exchange.abort("canceled", "the caller went away")

    async def _upload(self) -> None:
        intake = self._intake
        try:
            while not intake.ended:
                await self._pass_on(await intake.next())
        except CallerLeft:
            self._left()
        except ExchangeLost:
            return
        else:
            await self._notice_leaving()

    async def _pass_on(self, piece: bytes) -> None:
        """Send one piece up; where the edge does not take it soon, the caller is watched for leaving meanwhile."""
        loop, watching = asyncio.get_running_loop(), set[asyncio.Task[None]]()
        timer = loop.call_later(
            _WATCH_AFTER_S, lambda: watching.add(loop.create_task(self._notice_leaving()))
        )
        try:
            await self._exchange.write(piece, fin=self._intake.ended)
        finally:
            timer.cancel()
            if watching:
                watching.pop().cancel()
                # Only one may wait for the caller's next piece, and from here on that is the loop above.
                await asyncio.sleep(0)


@lru_cache(maxsize=4096)
def _address(path: bytes) -> tuple[str, str, bytes]:
    """Return edge, plugin and the path within the edge, canonically encoded."""
    segments = canonical_path(path)
    if len(segments) < 2:
        raise NotFound("an address is /{edge}/{plugin}/{route}; /edge/list tells what there is")
    return segments[0], segments[1], raw_path(segments[1:]).encode()


def _explain(lost: ExchangeLost, edge: str) -> EdgeError:
    """Return what a caller is told of an exchange that ended before its answer began."""
    match lost.code:
        case "overload":
            return Overloaded(f"the edge {edge!r} has too many calls under way", edge=edge, retry_after_s=1)
        case "draining":
            return EdgeAway(f"the edge {edge!r} is stopping", edge=edge, retry_after_s=5)
        case "failed" | "canceled":
            return PluginFailure(f"the edge {edge!r} failed to answer: {lost.reason}", edge=edge)
        case _:
            return EdgeLost(
                f"the edge {edge!r} was lost before it answered: {lost.reason or lost.code}", edge=edge
            )


async def send_problem(send: Send, error: EdgeError, passage: Passage | None = None) -> None:
    """Answer with a problem document."""
    if passage is not None:
        passage.status = error.status_code
    body = msgspec.json.encode(error.problem())
    headers = [(b"content-type", PROBLEM_TYPE), (b"content-length", str(len(body)).encode()), NOSNIFF]
    if (after := error.data.get("retry_after_s")) is not None:
        headers.append((b"retry-after", str(after).encode()))
    if isinstance(allow := error.data.get("allow"), list):
        headers.append((b"allow", ", ".join(allow).encode()))
    if error.status_code == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": error.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": body})
