"""The bridge's own routes: what edges there are, tokens, and the end of an edge or of the bridge."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from attrs import field, frozen
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from radical_edge_core.bridge.auth.door import ADMIN_ID, Identity
from radical_edge_core.codec import dumps, loads
from radical_edge_core.converter import build_converter, parse
from radical_edge_core.errors import BadRequest, Conflict, Forbidden, NotFound
from radical_edge_core.names import HOSTED
from radical_edge_core.plugin.body import read_body
from radical_edge_core.scopes import allows, not_covered, parse_scope

if TYPE_CHECKING:
    from radical_edge_core.bridge.app import Bridge

IDENTITY: Final = "radical_edge.identity"
_BODY_LIMIT: Final = 64 * 1024
_converter = build_converter()


@frozen(kw_only=True)
class NewToken:
    """
    The body of ``POST /tokens``.

    Attributes:
        scopes: Absent: those of the caller.
        expires_s: Absent: as long as the caller's own.
        subject: Whom the token speaks for; another than the caller needs ``admin:bridge``.
        join: Make a join token instead, good for one edge's first visit.
    """

    scopes: tuple[str, ...] | None = None
    expires_s: float | None = None
    label: str = ""
    subject: str | None = None
    join: bool = field(default=False)


def json_response(document: object, status: int = 200) -> Response:
    """Return a JSON answer."""
    return Response(dumps(document), status_code=status, media_type="application/json")


def identity_of(request: Request) -> Identity:
    """Return who asks; the door has let them in already."""
    found = request.scope[IDENTITY]
    if not isinstance(found, Identity):
        raise TypeError("the request came past the door without an identity")
    return found


def require(identity: Identity, verb: str, edge: str, plugin: str = "*") -> None:
    """
    Raise unless the identity may do this.

    Raises:
        Forbidden: It may not; the text names the scope that is missing.
    """
    if not allows(identity.scopes, verb, edge, plugin):
        target = edge if plugin == "*" else f"{edge}/{plugin}"
        raise Forbidden(f"this call needs the scope {verb}:{target}")


def admin_routes(bridge: Bridge) -> list[BaseRoute]:
    """Return the routes of one bridge."""

    def route(path: str, method: str, endpoint: Callable[[Request], Awaitable[Response]]) -> Route:
        return Route(path, endpoint, methods=[method], name=endpoint.__name__)

    async def list_topology(request: Request) -> Response:
        """Return the connected edges and their plugins."""
        return json_response({"data": bridge.registry.topology(bridge.url, identity_of(request).scopes)})

    async def list_edges(request: Request) -> Response:
        """Return every edge that ever joined, connected or away."""
        rows = bridge.registry.overview(bridge.door.store.edges(), identity_of(request).scopes)
        return json_response({"edges": rows, "total": len(rows)})

    async def disconnect(request: Request) -> Response:
        """End an edge's process."""
        name = request.path_params["edge"]
        if name == HOSTED:
            raise BadRequest(
                "the bridge's own edge can't be disconnected; POST /bridge/terminate ends the bridge"
            )
        require(identity_of(request), "admin", name)
        if bridge.registry.live(name) is None:
            raise NotFound(f"the edge {name[:80]!r} is not connected")
        await bridge.links.disconnect(name, f"disconnected by {identity_of(request).subject}")
        return json_response({"status": "shutdown", "edge": name})

    async def forget(request: Request) -> Response:
        """Free the name of an edge: its credential is void."""
        name = request.path_params["edge"]
        require(identity_of(request), "admin", name)
        await bridge.door.store.forget(name)
        await bridge.links.disconnect(name, "its name was freed")
        bridge.registry.forget(name)
        return json_response({"status": "forgotten", "edge": name})

    async def terminate(request: Request) -> Response:
        """End the bridge; edges keep running and wait for it."""
        require(identity_of(request), "admin", HOSTED)
        bridge.terminate(f"terminated by {identity_of(request).subject}")
        return json_response(
            {"status": "terminating", "message": "the bridge is stopping; edges keep running"}
        )

    async def list_tokens(request: Request) -> Response:
        """Return the caller's tokens, or everybody's for ``admin:bridge``; never a secret."""
        identity = identity_of(request)
        everybody = allows(identity.scopes, "admin", HOSTED, "*")
        found = bridge.door.store.tokens(None if everybody else identity.subject)
        return json_response({"tokens": [token.public() for token in found]})

    async def create_token(request: Request) -> Response:
        """Make a token; its secret is in this answer and nowhere else."""
        raw = await read_body(request, _BODY_LIMIT)
        document = loads(raw, request.headers.get("content-type", "")) if raw else {}
        wanted = parse(document, NewToken, _converter)
        record, secret = await _mint(bridge, identity_of(request), wanted)
        return json_response({"token": secret, **record})

    async def revoke_token(request: Request) -> Response:
        """Revoke a token: one of the caller's own that can do no more than the caller, any for ``admin:bridge``."""
        identity, store = identity_of(request), bridge.door.store
        everybody = allows(identity.scopes, "admin", HOSTED, "*")
        record = store.token(request.path_params["token_id"], None if everybody else identity.subject)
        if record.id == ADMIN_ID:
            raise Conflict(
                "the admin token is a file of the bridge's state folder: remove bridge/admin.token, restart the bridge"
            )
        if not everybody and (record.kind != "token" or not_covered(record.scopes, identity.scopes)):
            raise Forbidden("a token can't revoke another that may do more than itself")
        await store.revoke(record)
        bridge.door.forget()
        bridge.streams.recheck()
        return json_response({"id": record.id, "status": "revoked"})

    async def metrics(request: Request) -> Response:
        """Return the metrics in Prometheus' text form."""
        require(identity_of(request), "read", HOSTED, "metrics")
        return Response(bridge.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return [
        route("/edge/list", "GET", list_topology),
        route("/edge/list", "POST", list_topology),
        route("/edges", "GET", list_edges),
        route("/edges/{edge}", "DELETE", forget),
        route("/edge/disconnect/{edge}", "POST", disconnect),
        route("/bridge/terminate", "POST", terminate),
        route("/tokens", "GET", list_tokens),
        route("/tokens", "POST", create_token),
        route("/tokens/{token_id}", "DELETE", revoke_token),
        route("/metrics", "GET", metrics),
    ]


async def _mint(bridge: Bridge, identity: Identity, wanted: NewToken) -> tuple[dict[str, object], str]:
    store = bridge.door.store
    subject = wanted.subject or identity.subject
    if wanted.join or subject != identity.subject:
        require(identity, "admin", HOSTED)
    scopes = identity.scopes if wanted.scopes is None else wanted.scopes
    for scope in scopes:
        parse_scope(scope)
    if missing := not_covered(scopes, identity.scopes):
        raise Forbidden(f"a token can't give more than its maker has; not covered: {', '.join(missing)}")
    if wanted.expires_s is not None and wanted.expires_s <= 0:
        raise BadRequest("expires_s must be more than 0 seconds")
    expires_s = bridge.door.lifetime(identity, wanted.expires_s)
    record, secret = await store.create(
        subject=subject,
        scopes=() if wanted.join else scopes,
        label=wanted.label,
        expires_s=expires_s,
        kind="join" if wanted.join else "token",
    )
    return record.public(), secret
