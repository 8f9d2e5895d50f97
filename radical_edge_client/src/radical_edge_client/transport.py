"""
HTTP to one bridge: one pool of connections, JSON in and out, the error tree raised, calls repeated.

Calls with ``repeat=True`` are repeated after a failed connection and after transient answers, with jittered
pauses or as ``Retry-After`` asks, until the call's deadline: reads, and the mutating calls that the edge's
description says ``"repeat": true`` of. These carry one ``Idempotency-Key`` in all attempts, and the edge acts once.
Other mutating calls are sent once.

The token goes to the bridge's origin only: redirects are not followed, and over plain HTTP the listener is
checked at every new connection.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Final, TypeVar

import aiohttp
from yarl import URL

from radical_edge_client import __version__
from radical_edge_client.address import check_plain, is_loopback, proxy_for
from radical_edge_client.answers import StreamedResponse, decoded, pause_of, raise_for_status
from radical_edge_client.backoff import jittered
from radical_edge_client.calls import Body, Call
from radical_edge_client.connections import connector, failure
from radical_edge_client.errors import BridgeUnreachable
from radical_edge_client.events import EventStream
from radical_edge_client.settings import Resolved
from radical_edge_client.subscriptions import Audience, Callback, Runner, Subscription, run_here
from radical_edge_client.tls import client_context
from radical_edge_core.errors import DeadlineExceeded, EdgeError

CONNECT_S: Final = 10.0
LONGEST_PAUSE_S: Final = 5.0
# A call that is sent once gets this many times the deadline of one that is repeated: nothing else becomes of it.
ONCE: Final = 10
T = TypeVar("T")


class HttpTransport:
    """
    The way of all clients to one bridge; made and used in one event loop.

    Args:
        resolved: Where the bridge is and what it is told.
        patience_s: For how long a bridge that can't be reached is tried again; a call's deadline at most.
        run: Runs the callbacks of the event stream.

    Raises:
        SettingsError: The settings do not allow a call, for example plain HTTP to another machine.
    """

    def __init__(self, resolved: Resolved, *, patience_s: float = math.inf, run: Runner = run_here) -> None:
        settings = resolved.settings
        self.url = resolved.url
        check_plain(self.url, frozenset(settings.allow_http))
        self._cert = settings.cert
        self._proxy = proxy_for(self.url)
        self._context = client_context(settings.cert) if self.url.scheme == "https" else True
        self._headers = {"User-Agent": f"radical-edge-client/{__version__}"}
        if settings.token is not None:
            self._headers["Authorization"] = f"Bearer {settings.token}"
        host = self.url.host or ""
        guarded = self.url.scheme == "http" and is_loopback(host) and host not in settings.allow_http
        self._check_owner = guarded and settings.token is not None
        self._deadline_s = settings.deadline_s
        self._patience_s = patience_s
        self._session: aiohttp.ClientSession | None = None
        self._closed = False
        self.audience = Audience(run)
        self.events = EventStream(self, self.audience)

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        params: Mapping[str, object] | None = None,
        content: Body | None = None,
        headers: Mapping[str, str] | None = None,
        repeat: bool = False,
        deadline_s: float | None = None,
    ) -> object:
        """
        Make one call and return the JSON document of its answer.

        Args:
            method: ``GET``, ``POST``, …
            path: Below the bridge's URL, each segment percent-encoded.
            json: The body as JSON values.
            params: The query; ``None`` values are left out.
            content: Raw bytes instead of ``json``; such a call has no ``Idempotency-Key``.
            headers: Further headers.
            repeat: The call may be sent again: it only reads, or the edge remembers its key.
            deadline_s: Seconds for the whole call, repeats included; the bridge is told as well. By default that of
                the settings, or ten times as long for a call that is sent once.

        Raises:
            EdgeError: What the bridge or the plugin says, ``BridgeUnreachable``, or ``DeadlineExceeded``.
        """
        call = Call(
            method=method, path=path, json=json, params=params, content=content, headers=headers,
            deadline_s=deadline_s,
        )  # fmt: skip

        async def attempt() -> object:
            async with await self._open(call) as response:
                return await decoded(response)

        return await self._within(deadline_s, attempt, repeat=repeat)

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        params: Mapping[str, object] | None = None,
        content: Body | None = None,
        headers: Mapping[str, str] | None = None,
        repeat: bool = False,
        deadline_s: float | None = None,
        silence_s: float | None = None,
    ) -> AsyncIterator[StreamedResponse]:
        """
        Make one call whose answer is read as it comes; what is not said here is as for ``request``.

        Args:
            method: As for ``request``.
            path: As for ``request``.
            json: As for ``request``.
            params: As for ``request``.
            content: As for ``request``.
            headers: As for ``request``.
            repeat: The call may be sent again until the head of an answer is there.
            deadline_s: Seconds until the head of the answer; the body may take any time.
            silence_s: Seconds of silence after which the body counts as broken off.

        Raises:
            EdgeError: As for ``request``; reading a body that breaks off raises ``TransferInterrupted``.
        """
        call = Call(
            method=method, path=path, json=json, params=params, content=content,
            headers={"Accept-Encoding": "identity", **(headers or {})}, deadline_s=deadline_s,
        )  # fmt: skip

        async def attempt() -> aiohttp.ClientResponse:
            return await self._open(call, silence_s)

        response = await self._within(deadline_s, attempt, repeat=repeat)
        try:
            yield StreamedResponse(response)
        finally:
            response.close()  # what was not read is not waited for

    def subscribe(self, edge: str | None, plugin: str | None, topic: str | None, callback: Callback) -> None:
        """Call ``callback(edge, plugin, topic, data)`` for each notification that the filters match."""
        self.audience.subscriptions.append(Subscription(edge, plugin, topic, callback))
        self.events.refresh()

    def unsubscribe(
        self, edge: str | None, plugin: str | None, topic: str | None, callback: Callback
    ) -> None:
        """Undo one ``subscribe`` of the same arguments; without one, do nothing."""
        with suppress(ValueError):
            self.audience.subscriptions.remove(Subscription(edge, plugin, topic, callback))
        self.events.refresh()

    async def close(self) -> None:
        """End the event stream and close every connection; may be called again."""
        self._closed = True
        await self.events.close()
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _within(
        self, deadline_s: float | None, attempt: Callable[[], Awaitable[T]], *, repeat: bool
    ) -> T:
        """Make attempts until one succeeds, fails for good, or the time is over."""
        clock = asyncio.get_running_loop().time
        begun = clock()
        usual = self._deadline_s * (1 if repeat else ONCE)
        seconds = usual if deadline_s is None else deadline_s
        last: EdgeError | None = None
        try:
            async with asyncio.timeout(seconds):
                for pause in jittered(longest_s=LONGEST_PAUSE_S):
                    try:
                        return await attempt()
                    except EdgeError as error:
                        last = error
                        wait = max(pause, pause_of(error) or 0.0)
                        patience = self._patience_s if isinstance(error, BridgeUnreachable) else math.inf
                        if not (repeat and error.transient) or clock() - begun + wait >= min(
                            seconds, patience
                        ):
                            raise
                    await asyncio.sleep(wait)
        except TimeoutError as error:
            if last is not None:
                raise last from error  # it says more than that time is over
            unknown = "" if repeat else "; whether it was carried out is not known"
            raise DeadlineExceeded(f"the bridge did not answer within {seconds:g} s{unknown}") from error
        raise AssertionError("pauses never end")

    async def _open(self, call: Call, silence_s: float | None = None) -> aiohttp.ClientResponse:
        """Send a call and return its answer once the head is there and tells of success."""
        session = self._connected()
        try:
            response = await session.request(
                call.method,
                URL(call.url(self.url), encoded=True),
                data=call.body(),
                headers=self._headers | call.all_headers(),
                proxy=self._proxy,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=silence_s),
            )
        except (aiohttp.ClientError, OSError) as error:
            raise failure(error, self.url, self._cert) from error
        try:
            await raise_for_status(response)
        except BaseException:
            response.close()
            raise
        return response

    def _connected(self) -> aiohttp.ClientSession:
        if self._closed:
            raise RuntimeError("the client is closed")
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=connector(self._context, check_owner=self._check_owner),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session
