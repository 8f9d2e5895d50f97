"""The bridge's own routes as one application: some open to anybody, the rest behind the door."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Match, Route, Router

from radical_edge_core import __version__
from radical_edge_core.bridge.admin import IDENTITY, admin_routes, json_response
from radical_edge_core.bridge.api_document import ApiDocument
from radical_edge_core.bridge.auth.browser import browser_routes
from radical_edge_core.bridge.headers import sort_request
from radical_edge_core.bridge.pages import PLAIN_CSP, docs_page, front_page
from radical_edge_core.bridge.proxy import Passage
from radical_edge_core.errors import MethodNotAllowed, NotFound, Unauthorized, Unavailable
from radical_edge_core.wire.asgi import Message, Receive, Scope, Send

if TYPE_CHECKING:
    from radical_edge_core.bridge.app import Bridge

OPEN: Final = frozenset({"/", "/healthz", "/readyz", "/docs", "/openapi.json"})
OPEN_BELOW: Final = ("/ui/", "/assets/", "/auth/")


class OwnRoutes:
    """Answers what is not forwarded."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._document = ApiDocument(bridge)
        self._plain = Route("/", self._front, methods=["GET"])
        pages = [
            Route("/healthz", self._healthz, methods=["GET"]),
            Route("/readyz", self._readyz, methods=["GET"]),
            Route("/docs", self._docs, methods=["GET"]),
            Route("/openapi.json", self._openapi, methods=["GET"]),
        ]
        routes = [*pages, *browser_routes(bridge), *admin_routes(bridge)]
        self._router = Router([*routes, self._plain], redirect_slashes=False)

    def extend(self, routes: Sequence[BaseRoute]) -> None:
        """Add routes of other distributions; the bridge's own come first, but for its plain front page."""
        self._router.routes[:] = [*self._router.routes[:-1], *routes, self._plain]

    async def __call__(self, scope: Scope, receive: Receive, send: Send, passage: Passage) -> None:
        """
        Answer one request.

        Raises:
            EdgeError: What a caller is to be told; sent by whoever called.
        """
        headers = sort_request(scope["headers"])
        passage.request_id = headers.request_id
        passage.edge, passage.plugin = "bridge", scope["path"].split("/")[1] or "/"
        try:
            scope[IDENTITY] = await self._bridge.identify(scope, headers)
            passage.subject = scope[IDENTITY].subject
        except Unauthorized:
            if scope["path"] not in OPEN and not scope["path"].startswith(OPEN_BELOW):
                raise
            scope[IDENTITY] = None

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                passage.status = message["status"]
            else:
                passage.sent += len(message.get("body", b""))
            await send(message)

        # An exception handler of Starlette's own would answer in another form than the rest of the API does.
        scope["app"] = self._router
        try:
            await self._router(scope, receive, noted)
        except HTTPException as exc:
            if exc.status_code == 405:
                raise MethodNotAllowed(
                    f"{scope['path'][:200]} does not take {scope['method']}", allow=self._allowed(scope)
                ) from exc
            raise NotFound(f"the bridge has no route {scope['path'][:200]!r}") from exc

    def _allowed(self, scope: Scope) -> list[str]:
        """Return every method that some route has at the path of a request."""
        found: set[str] = set()
        for route in self._router.routes:
            if isinstance(route, Route) and route.matches(scope)[0] is not Match.NONE:
                found |= route.methods or set()
        return sorted(found)

    async def _front(self, _request: Request) -> Response:
        return HTMLResponse(front_page(__version__), headers={"content-security-policy": PLAIN_CSP})

    async def _healthz(self, _request: Request) -> Response:
        return json_response({"status": "ok", "version": __version__})

    async def _readyz(self, _request: Request) -> Response:
        if not self._bridge.registry.accepting:
            raise Unavailable("the bridge is stopping", retry_after_s=2)
        return json_response({"status": "ready"})

    async def _docs(self, _request: Request) -> Response:
        page = docs_page(self._document.own())
        return HTMLResponse(page, headers={"content-security-policy": PLAIN_CSP})

    async def _openapi(self, request: Request) -> Response:
        identity = request.scope[IDENTITY]
        if identity is None:
            return json_response(self._document.own())
        return json_response(await self._document.merged(identity))
